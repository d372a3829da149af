"""What happens by itself: due tickets, agents who did not come back, and the start after an interruption.

Each row is decided anew inside the write, so a second worker that was slower finds nothing left to do.
"""

from __future__ import annotations

import asyncio
import logging
import math
from collections.abc import Callable, Collection, Mapping, Sequence
from functools import partial

from msgspec.structs import replace

from chatserver.core import outbox, routing, tickets
from chatserver.core.errors import Refused
from chatserver.core.people import Agent
from chatserver.core.policy import Policy
from chatserver.core.tickets import Step, Ticket
from chatserver.services.house import House
from chatserver.services.pairing import give_back, keep_for_later, moved
from chatserver.services.people import People
from chatserver.store.base import StoreFailed
from chatserver.store.work import Needs, World

log = logging.getLogger(__name__)

BATCH = 200
"""Due tickets looked at in one go."""
AGAIN_MS = 60_000
"""A row whose decision failed is left alone for so long."""
BREATH_MS = 20
"""Between two looks at what is due."""
AT_ONCE = 50
"""Chats whose rules changed, decided in one go: messages wait behind them."""
SOON_MS = 250
"""The same where nothing is wrong with the row itself: the store was busy, or its clock is a little behind."""


async def due(house: House) -> int | None:
    """Act on all tickets that are due and on agents whose grace is over; gives the next moment (ms) at which to look again.

    A single row's failure is logged once and put off, the others go on. Raises what the store's reads raise.
    """
    if wait := await _allow_for_a_set_clock(house):
        return house.now() + wait
    while batch := await _due_now(house):
        outcomes = await asyncio.gather(*(_follow_up(house, *row) for row in batch), return_exceptions=True)
        for (ticket_id, _), outcome in zip(batch, outcomes, strict=True):
            if isinstance(outcome, BaseException):
                _failed(house, "ticket", ticket_id, outcome)
            elif outcome is None:
                house.books.put_off.put("ticket", ticket_id, house.steady() + SOON_MS)
            else:
                house.metrics.lateness.add(outcome / 1000)
    next_due = await house.reads.next_due()
    if next_due is not None:
        # What fell due meanwhile.
        next_due = max(next_due, house.now() + BREATH_MS)
    times = [await _return_chats(house), next_due]
    if house.books.put_off.count(house.steady()):
        # What was put off hides what is due behind it: look again soon instead of telling them apart.
        times = [house.now() + SOON_MS]
    return min((t for t in times if t is not None), default=None)


async def _due_now(house: House) -> list[tuple[int, int]]:
    put_off = house.books.put_off
    rows = await house.reads.due(house.now(), BATCH + put_off.count(house.steady()))
    return [row for row in rows if not put_off.has("ticket", row[0])]


def _failed(house: House, kind: str, row: int, why: BaseException) -> None:
    if isinstance(why, StoreFailed) or (isinstance(why, Refused) and why.code == "rate_limited"):
        # The row is fine and the store has said its part: being late is worse than asking again.
        house.books.put_off.put(kind, row, house.steady() + SOON_MS)
    else:
        house.books.put_off.put(kind, row, house.steady() + AGAIN_MS)
        log.error("follow-up of %s %d failed", kind, row, exc_info=why)


# — tickets ————————————————————————————————————————————————————————————————————


async def _follow_up(house: House, ticket_id: int, app_id: int) -> int | None:
    """Whatever is due of a ticket: Pendiente for too long, closing time, the silence of its customer, the agent's first answer, a
    mail about what was not seen. Gives how late (ms) it was, None when nothing was."""
    people, books = house.people, house.books
    apps, closing = people.circle(app_id), house.closing((app_id,))
    customer_typed = books.typed.get((ticket_id, "customer"))
    agent_typed = books.typed.get((ticket_id, "agent"))

    def decide(world: World, now: int) -> int | None:
        before = world.ticket(ticket_id)
        if before is None:
            return None
        policy = people.policy(app_id)
        after = world.put(before, tickets.waited(before, policy, now), policy)
        after = _closing_time(world, after, policy, closing[app_id], now)
        after = _silence(world, after, policy, customer_typed, now)
        after = _first_answer(world, people, after, agent_typed, apps, closing, now)
        after = _unseen(world, after, policy, now)
        if before.chatting and not after.chatting:
            moved(world, people, apps, now, before.agent_id)
        return now - (before.due_at or now) if after != before else None

    return await house.store.write(Needs(tickets=(ticket_id,), desks=apps), decide)


def _closing_time(world: World, ticket: Ticket, policy: Policy, closes_at: int | None, now: int) -> Ticket:
    if not ticket.waiting or ticket.queue_until is None or now < ticket.queue_until:
        return ticket
    if closes_at is None or closes_at > now:  # the hours were extended meanwhile
        return world.put(ticket, Step(replace(ticket, queue_until=closes_at), ()), policy)
    return world.put(ticket, tickets.closing_time(ticket, now), policy)


def _silence(world: World, ticket: Ticket, policy: Policy, typed: int | None, now: int) -> Ticket:
    """Typing is looked up before a close is decided, since the disk hears of it now and then only."""
    if typed is not None and ticket.chatting and typed > ticket.active_at:
        ticket = world.put(ticket, tickets.customer_active(ticket, min(typed, now)), policy)
    return world.put(ticket, tickets.went_silent(ticket, policy, now), policy)


def _first_answer(
    world: World,
    people: People,
    ticket: Ticket,
    typed: int | None,
    apps: tuple[int, ...],
    closing: Mapping[int, int | None],
    now: int,
) -> Ticket:
    if ticket.answer_due_at is None or now < ticket.answer_due_at:
        return ticket
    policy = people.policy(ticket.app_id)
    agents = world.agents_of(ticket.app_id)
    holder = next((a for a in agents if a.id == ticket.agent_id), None)
    if holder is not None and typed is not None and typed >= (ticket.assigned_at or 0):
        ticket = world.put(ticket, tickets.agent_typing(ticket, holder, policy, typed), policy)
        if ticket.answer_due_at is not None and now < ticket.answer_due_at:
            return ticket
    if policy.assignment == "manual" or not any(_could_take(a, ticket) for a in agents):
        return world.put(ticket, tickets.reminded(ticket, policy, now), policy)
    give_back(world, people, [ticket], "passed", closing, now)
    moved(world, people, apps, now, ticket.agent_id)
    return world.ticket(ticket.id) or ticket


def _unseen(world: World, ticket: Ticket, policy: Policy, now: int) -> Ticket:
    """What agents said, and its customer was not there to see, leaves by mail: all of it in one."""
    step = tickets.mailed(ticket, policy, now)
    if step.ticket is not ticket:
        for letter in outbox.answers(ticket, now):
            world.post(letter)
    return world.put(ticket, step, policy)


def _could_take(agent: Agent, ticket: Ticket) -> bool:
    able = routing.takes_new(agent) and routing.eligible(agent, ticket)
    return able and agent.id != ticket.agent_id and agent.load < agent.capacity


# — agents —————————————————————————————————————————————————————————————————————


async def _return_chats(house: House) -> int | None:
    """Chats of agents who did not come back in time return to the head of the queue; gives when the next one's time is over."""
    put_off, now, people = house.books.put_off, house.now(), house.people
    shortest = min((_grace(people, app_id) for app_id in people.apps), default=0)
    ahead: list[int] = []
    for agent in await house.reads.missed_agents(now - shortest):
        if put_off.has("agent", agent.id) or agent.gone_at is None:
            continue
        ends = {agent.gone_at + _grace(people, app_id) for app_id in agent.app_ids}
        ahead += [end for end in ends if end > now]
        if any(end <= now for end in ends):
            try:
                await _take_back(house, agent)
            except Exception as why:
                _failed(house, "agent", agent.id, why)
    following = await house.reads.next_missed(now - shortest)
    if following is not None:
        ahead.append(following + shortest)
    return min(ahead, default=None)


def _grace(people: People, app_id: int) -> int:
    return people.policy(app_id).agent_grace_seconds * 1000


async def _take_back(house: House, agent: Agent) -> None:
    people, closing = house.people, house.closing(agent.app_ids)

    def decide(world: World, now: int) -> None:
        gone_at = world.agent(agent.id).gone_at
        if gone_at is None:
            return  # back in time
        over = [t for t in world.chats_at(agent.id) if gone_at + _grace(people, t.app_id) <= now]
        if over:
            returned = give_back(world, people, over, "agent_gone", closing, now)
            moved(world, people, agent.app_ids, now)
            keep_for_later(world, people, returned, now)

    await house.store.write(Needs(agents=(agent.id,), attended=(agent.id,), desks=agent.app_ids), decide)


# — after an interruption ——————————————————————————————————————————————————————


async def recover(house: House) -> None:
    """At the start: nobody is closed for the server's own silence, nobody is connected yet, and hours, policies and agents may be
    others now. The chats that none of this touches are left alone, however many they are. For a start after which nobody serves
    yet: a node that joins others must not move their chats' clocks."""
    now = house.now()
    for policy, app_ids in _alike(house.people).items():
        await house.store.all_gone(app_ids, policy, now)
        closing = house.closing(app_ids)
        async for ids in house.reads.interrupted_ids(app_ids, policy, closing, now):
            await _interrupt(house, ids, closing)
    present = tuple(a.id for a in await house.reads.agents() if a.gone_at is None)

    def drop(world: World, now: int) -> None:
        for agent_id in present:
            agent = world.agent(agent_id)
            if agent.gone_at is None:
                world.put_agent(replace(agent, gone_at=now))

    if present:
        await house.store.write(Needs(agents=present), drop)
    await return_strays(house)


def _alike(people: People) -> dict[Policy, list[int]]:
    """Apps by what an interruption asks of their policy, which is the same for most."""
    found: dict[Policy, list[int]] = {}
    for app_id in people.apps:
        policy = people.policy(app_id)
        asked = Policy(
            inactivity_seconds=policy.inactivity_seconds,
            inactivity_warning_seconds=policy.inactivity_warning_seconds,
            inactivity_strict=policy.inactivity_strict,
            agent_grace_seconds=policy.agent_grace_seconds,
            pending_reminder_seconds=policy.pending_reminder_seconds,
            pending_close_seconds=policy.pending_close_seconds,
        )
        found.setdefault(asked, []).append(app_id)
    return found


async def _interrupt(house: House, ids: list[int], closing: Mapping[int, int | None]) -> None:
    def after(ticket: Ticket, policy: Policy, now: int) -> Step:
        step = tickets.interrupted(ticket, policy, now)
        if ticket.waiting:
            # Its app's hours may have been changed while the server was stopped.
            step = Step(replace(step.ticket, queue_until=closing[ticket.app_id]), step.items)
        return step

    await each(house, ids, after)


async def each(house: House, ids: Sequence[int], after: Callable[[Ticket, Policy, int], Step]) -> None:
    """What `after` makes of each of these tickets (with its app's policy, and the time), in one go."""
    people = house.people

    def decide(world: World, now: int) -> None:
        for ticket_id in ids:
            ticket = world.ticket(ticket_id)
            if ticket is not None:
                policy = people.policy(ticket.app_id)
                world.put(ticket, after(ticket, policy, now), policy)

    await house.store.write(Needs(tickets=tuple(ids)), decide)


# — after the clock was set —————————————————————————————————————————————————————


async def _allow_for_a_set_clock(house: House) -> int:
    """Before anything is due: by a clock that was set forward everything would be, and nobody has had the time. Gives for how
    long (ms) nothing is to be acted on: what a node stores that still goes by the time before, a chat that begins there, would be
    due at once. At the end of that they have all their time again too."""
    now, steady = house.now(), house.steady()
    ahead = house.steps.forward(now, steady)
    if not ahead:
        return 0
    known, wait = house.steps.settling, math.ceil(house.steps.settles_in(steady))
    if wait and known:
        return wait
    if not known:
        log.warning("the clock was set forward by %.1f s: whose time runs has all of it again", ahead / 1000)
    await clock_was_set(house, ahead)
    if not wait:
        house.steps.take_in(now, steady)
    return wait


async def clock_was_set(house: House, ahead: int) -> None:
    """The clock was set forward by so many ms: customers whose time runs have all of it again, and so have agents for their first
    answer, and for coming back. Harmless twice, since each node does so as it notices."""
    await _give_grace_again(house, ahead)
    async for ids in house.reads.open_ids(house.people.apps):
        for start in range(0, len(ids), AT_ONCE):
            await each(house, ids[start : start + AT_ONCE], tickets.clock_was_set)


async def _give_grace_again(house: House, ahead: int) -> None:
    missed = await house.reads.missed_agents(house.now())
    graces = {agent.id: max(_grace(house.people, app_id) for app_id in agent.app_ids) for agent in missed}

    def decide(world: World, now: int) -> None:
        for agent_id, grace in graces.items():
            agent = world.agent(agent_id)
            if agent.gone_at is not None and now - ahead < agent.gone_at + grace:
                world.put_agent(replace(agent, gone_at=now))

    if graces:
        await house.store.write(Needs(agents=tuple(graces)), decide)


# — after an administrator changed something ———————————————————————————————————


async def people_changed(house: House, app_ids: Collection[int]) -> None:
    """Agents of these apps are others now, or have other places: whoever waits is paired. What is on the desk of somebody who was
    disabled, or does not attend its app any more, goes to others; where a name changed, whoever sees it is told. Harmless
    twice."""
    await return_strays(house)
    await _tell_names(house)
    for apps in {house.people.circle(app_id) for app_id in app_ids}:
        # Here alone more places than one agent's may be free at once, and more than are looked at in one go may wait for them.
        while await house.store.write(Needs(desks=apps), partial(_look_at_desks, house.people, apps)):
            pass


def _look_at_desks(people: People, apps: tuple[int, ...], world: World, now: int) -> int:
    return moved(world, people, apps, now)


async def _tell_names(house: House) -> None:
    """Tickets that are shown at this server under a name that their agent does not have any more."""
    people = house.people
    shown = {
        ticket.id: ticket
        for ticket in house.books.tickets.values()
        if ticket.state != "closed" and ticket.agent_id in people.agents
        if ticket.agent_name != people.name(ticket.agent_id or 0)
    }

    def decide(ids: Sequence[int], world: World, now: int) -> None:
        for ticket_id in ids:
            ticket, old = world.ticket(ticket_id), shown[ticket_id]
            if ticket is not None and ticket.agent_id == old.agent_id:
                before = replace(ticket, agent_name=old.agent_name)
                world.put(before, Step(ticket, ()), people.policy(ticket.app_id))

    ids = list(shown)
    for start in range(0, len(ids), AT_ONCE):
        batch = tuple(ids[start : start + AT_ONCE])
        await house.store.write(Needs(tickets=batch), partial(decide, batch))


async def return_strays(house: House) -> None:
    """Chats whose agent is none of their app's any more return to the head of the queue, requests to those that nobody took.
    Whoever asks for them holds the locks behind which agents come and go, so that each is looked at anew."""
    strays: dict[int, list[int]] = {}
    for ticket_id, app_id in await house.reads.strays():
        strays.setdefault(app_id, []).append(ticket_id)
    for app_id, ids in strays.items():
        for start in range(0, len(ids), AT_ONCE):
            await _return(house, app_id, ids[start : start + AT_ONCE])


async def _return(house: House, app_id: int, ids: Sequence[int]) -> None:
    people, apps = house.people, house.people.circle(app_id)
    closing = house.closing(apps)

    def decide(world: World, now: int) -> None:
        attend = {agent.id for agent in world.agents_of(app_id)}
        found = [ticket for ticket in map(world.ticket, ids) if ticket is not None]
        left = [t for t in found if t.agent_id is not None and t.agent_id not in attend]
        if not left:
            return
        for ticket in left:
            world.put(ticket, tickets.released(ticket, now), people.policy(app_id))
        chats = give_back(world, people, [t for t in left if t.chatting], "signed_out", closing, now)
        moved(world, people, apps, now)
        keep_for_later(world, people, chats, now)

    await house.store.write(Needs(tickets=tuple(ids), desks=apps), decide)


async def rules_changed(house: House, app_ids: Collection[int]) -> None:
    """Policies or hours of these apps are others now: what is due of their open chats follows. Harmless twice."""
    closing = house.closing(app_ids)

    def after(ticket: Ticket, policy: Policy, now: int) -> Step:
        return tickets.rules_changed(ticket, policy, closing[ticket.app_id], now)

    async for ids in house.reads.open_ids(app_ids):
        for start in range(0, len(ids), AT_ONCE):
            await each(house, ids[start : start + AT_ONCE], after)
