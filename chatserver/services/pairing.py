"""Who attends whom: pairing at the moment a ticket or a place appears, claiming, and agents and customers who come and go."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from msgspec.structs import replace

from chatserver.core import routing, tickets
from chatserver.core.errors import Refused
from chatserver.core.events import AgentChanged, AgentGone, DeskChanged
from chatserver.core.people import Agent, Status
from chatserver.core.tickets import Ticket
from chatserver.services.house import House
from chatserver.services.people import People
from chatserver.store.work import Needs, Who, World

# — inside a use case ——————————————————————————————————————————————————————————


def moved(world: World, people: People, apps: Iterable[int], now: int, freed: int | None = None) -> int:
    """Called by every use case that adds a waiting ticket or frees a place, in the same transaction: pairs who can be paired, and
    gives how many.

    `apps`: the desks that may move, all of them asked for in `Needs`; `freed`: the agent whose chat just ended.
    """
    apps = tuple(apps)
    if freed is not None:
        _touch(world, apps, freed, now)
    paired = pair(world, people, apps, now)
    for app_id in apps:
        world.emit(DeskChanged(app_id))
    return paired


def pair(world: World, people: People, apps: Iterable[int], now: int) -> int:
    """Give waiting tickets of these desks to free agents, by `routing.pairs`, and say how many. Apps with manual assignment pair
    nobody. What is beyond the head of a desk (`work.WAITING_HEAD`) is not looked at."""
    auto = [app_id for app_id in apps if people.policy(app_id).assignment == "auto"]
    agents = {a.id: a for app_id in auto for a in world.agents_of(app_id)}
    if not any(map(routing.has_place, agents.values())):
        return 0  # mostly: whoever waits does so because nobody is free
    waiting = [ticket for app_id in auto for ticket in world.desk(app_id).waiting]
    found = routing.pairs(waiting, agents.values())
    for ticket, agent in found:
        hand_over(world, people, ticket, agent, now)
    return len(found)


def hand_over(
    world: World, people: People, ticket: Ticket, agent: Agent, now: int, *, claimed: bool = False
) -> Ticket:
    """The ticket is this agent's; a chat makes them the one who was idle least."""
    policy = people.policy(ticket.app_id)
    by: tickets.By = "agent" if claimed else "system"
    after = world.put(ticket, tickets.assigned(ticket, agent, policy, now, by=by), policy)
    if after.chatting:
        world.put_agent(replace(world.agent(agent.id), last_chat_at=now))
    return after


def give_back(
    world: World,
    people: People,
    chats: Iterable[Ticket],
    reason: str,
    closing: Mapping[int, int | None],
    now: int,
) -> list[int]:
    """Chats return to the head of the queue; gives their ids. Call `moved` next, and `keep_for_later` after it."""
    returned = []
    for ticket in chats:
        policy = people.policy(ticket.app_id)
        step = tickets.requeued(ticket, reason, policy, now, closes_at=closing.get(ticket.app_id))
        world.put(ticket, step, policy)
        returned.append(ticket.id)
    return returned


def keep_for_later(world: World, people: People, returned: Iterable[int], now: int) -> None:
    """Out of hours nobody waits in the queue: returned chats that found no other agent are answered later."""
    for ticket_id in returned:
        ticket = world.ticket(ticket_id)
        if ticket is not None:
            world.put(ticket, tickets.closing_time(ticket, now), people.policy(ticket.app_id))


def _touch(world: World, apps: Iterable[int], agent_id: int, now: int) -> None:
    """The agent's chat ended just now. An agent who left these apps is no candidate, so there is nothing to note."""
    for app_id in apps:
        for agent in world.agents_of(app_id):
            if agent.id == agent_id:
                world.put_agent(replace(agent, last_chat_at=now))
                return


# — agents —————————————————————————————————————————————————————————————————————


async def claim(house: House, agent_id: int, ticket_id: int) -> Ticket:
    """Take a waiting chat, in any status, or an open ticket for later that nobody took. One's own already: nothing changes.

    Refused: unauthorized, not_found, ticket_closed, ticket_not_waiting (somebody was first), at_capacity (`limit`; chats only).
    """
    people = house.people

    def decide(world: World, now: int) -> Ticket:
        agent = world.agent(agent_id)
        ticket = world.ticket_for(agent, ticket_id)
        if ticket.agent_id == agent_id and ticket.state != "closed":
            return ticket
        if ticket.waiting and agent.load >= agent.capacity:
            raise Refused("at_capacity", limit=agent.capacity)
        after = hand_over(world, people, ticket, agent, now, claimed=True)
        world.emit(DeskChanged(ticket.app_id))
        return after

    return await house.store.write(Needs(tickets=(ticket_id,), agents=(agent_id,)), decide)


async def set_status(house: House, agent_id: int, status: Status) -> None:
    """Available agents are given chats at once; busy and away ones keep theirs and get no new ones. Refused: unauthorized."""

    def change(agent: Agent, now: int) -> Agent:
        return replace(agent, status=status)

    await _present(house, agent_id, change, AgentChanged(agent_id, status))


async def agent_connected(house: House, agent_id: int) -> None:
    """The agent's first connection opened: chats that have not been returned yet stay, and new ones may come."""

    def change(agent: Agent, now: int) -> Agent:
        return replace(agent, gone_at=None)

    await _present(house, agent_id, change, here=True)


async def agent_gone(house: House, agent_id: int, since: int | None = None, node: int | None = None) -> None:
    """The agent's last connection ended: no new chats, and after the grace time theirs return (`followups`).

    `since`: their last sign of life (ms), from which the grace is counted; None: just now. `node`: the one that they left; None:
    this one. Whom another one claimed last is not gone.
    """

    def change(agent: Agent, now: int) -> Agent:
        return agent if agent.gone_at is not None else replace(agent, gone_at=min(since or now, now))

    def came_back(world: World) -> bool:
        return world.elsewhere("agent", agent_id, node)

    await _present(house, agent_id, change, AgentGone(agent_id), unless=came_back)


async def agent_signed_out(house: House, agent_id: int) -> None:
    """The agent leaves on purpose (or was disabled): their chats return to the head of the queue now. The status is kept."""
    agent = house.people.agent(agent_id)
    people, closing = house.people, house.closing(agent.app_ids)

    def decide(world: World, now: int) -> None:
        world.put_agent(replace(world.agent(agent_id), gone_at=0))
        returned = give_back(world, people, world.chats_at(agent_id), "signed_out", closing, now)
        moved(world, people, agent.app_ids, now)
        keep_for_later(world, people, returned, now)

    await house.store.write(Needs(agents=(agent_id,), attended=(agent_id,), desks=agent.app_ids), decide)


async def _present(
    house: House,
    agent_id: int,
    change: Callable[[Agent, int], Agent],
    *events: AgentChanged | AgentGone,
    here: bool = False,
    unless: Callable[[World], bool] = lambda world: False,
) -> None:
    """An agent's status or presence changes: nothing happens when it is so already, else their queues may move."""
    people, apps = house.people, house.people.agent(agent_id).app_ids

    def decide(world: World, now: int) -> None:
        before = world.agent(agent_id)
        after = change(before, now)
        if here:
            world.claim("agent", agent_id)
        if after == before or unless(world):
            return
        world.put_agent(after)
        for event in events:
            world.emit(event)
        moved(world, people, apps, now)

    await house.store.write(Needs(agents=(agent_id,), desks=apps, claims=True), decide)


# — customers ——————————————————————————————————————————————————————————————————


async def customer_connected(house: House, who: Who) -> None:
    """The customer's first connection opened: the clocks of their chats stand still again while it is the agent's turn."""
    people = house.people

    def decide(world: World, now: int) -> None:
        for ticket in world.chats_of(who):
            world.put(ticket, tickets.customer_back(ticket), people.policy(ticket.app_id))
            world.claim("customer", ticket.id)

    await house.store.write(Needs(customers=((who.app_id, who.key),)), decide)


async def customer_gone(house: House, who: Who, since: int | None = None) -> None:
    """The customer's last connection to this node ended. Since their last sign of life (ms; None: just now) the clocks of their
    chats run, unless another node claimed them last."""
    people = house.people

    def decide(world: World, now: int) -> None:
        gone_at = min(since or now, now)
        for ticket in world.chats_of(who):
            if not world.elsewhere("customer", ticket.id):
                world.put(ticket, tickets.customer_gone(ticket, gone_at), people.policy(ticket.app_id))

    await house.store.write(Needs(customers=((who.app_id, who.key),), claims=True), decide)


async def customer_lost(house: House, ticket_id: int, since: int, node: int) -> None:
    """The customer of this chat was connected to `node`, which is no more: gone `since` then (ms), unless they came to another
    one."""
    people = house.people

    def decide(world: World, now: int) -> None:
        ticket = world.ticket(ticket_id)
        if ticket is not None and not world.elsewhere("customer", ticket_id, node):
            world.put(ticket, tickets.customer_gone(ticket, since), people.policy(ticket.app_id))

    await house.store.write(Needs(tickets=(ticket_id,), claims=True), decide)
