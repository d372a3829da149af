"""What agents and customers do with a ticket beside talking: classify, wait for the customer, send back, complete, reject."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from chatserver.core import classification, messages, tickets
from chatserver.core.answers import Given, completable, complete, with_copies
from chatserver.core.errors import Refused, Wrong
from chatserver.core.events import DeskChanged
from chatserver.core.forms import Form
from chatserver.core.people import Agent
from chatserver.core.tickets import Classification, Step, Ticket
from chatserver.services.house import House
from chatserver.services.pairing import moved
from chatserver.services.tickets import first_day, tax_ids_ready
from chatserver.store.work import Needs, Who, World

# — the agent's ————————————————————————————————————————————————————————————————


def form_for(house: House, agent_id: int, key: str) -> Form:
    """What the ticket form of the app `key` asks, for an agent who attends it. Refused: unauthorized, not_found."""
    app = house.people.app_by_key(key)
    if app.id not in house.people.agent(agent_id).app_ids:
        raise Refused("not_found")
    return app.form


async def pend(house: House, agent_id: int, ticket_id: int, *, cid: str = "", text: str = "") -> Ticket:
    """Pendiente: the next move is the customer's. With `text`, a message under `cid`, once.

    Refused: too_long, bad_frame (text without cid), unauthorized, not_found, not_yours, ticket_closed, ticket_live.
    """
    return await _waits(house, agent_id, ticket_id, tickets.pended, cid, text)


async def resume(house: House, agent_id: int, ticket_id: int) -> Ticket:
    """Its agent takes it back to Abierto; open already: nothing changes. Refused as `pend`."""
    people, agent = house.people, house.people.agent(agent_id)

    def decide(world: World, now: int) -> Ticket:
        ticket = world.ticket_for(agent, ticket_id)
        return world.put(ticket, tickets.resumed(ticket, agent, now), people.policy(ticket.app_id))

    return await house.store.write(Needs(tickets=(ticket_id,)), decide)


async def send_back(
    house: House, agent_id: int, ticket_id: int, missing: Sequence[str], *, cid: str = "", text: str = ""
) -> Ticket:
    """Pendiente until the customer has completed `missing`: names of fields that can be completed, or keys of the app's own.

    Refused: bad_form (`fields`: those that are none; `""` where none was named), and as `pend`.
    """
    people = house.people
    names = tuple(dict.fromkeys(missing))

    def sent_back(ticket: Ticket, agent: Agent, now: int) -> Step:
        wrong = _not_asked(people.form(ticket.app_id), names)
        if wrong:
            raise Refused("bad_form", fields=wrong)
        return tickets.sent_back(ticket, agent, names, now)

    return await _waits(house, agent_id, ticket_id, sent_back, cid, text)


async def reject(house: House, agent_id: int, ticket_id: int, reason: str) -> Ticket:
    """The ticket's agent turns it down, with a reason that its customer sees (1 to 1,000 characters).

    Refused: too_short, too_long, unauthorized, not_found, not_yours, ticket_closed.
    """
    reason = messages.reason(reason)
    people, agent = house.people, house.people.agent(agent_id)

    def decide(world: World, now: int) -> Ticket:
        ticket = world.ticket_for(agent, ticket_id)
        step = tickets.rejected(ticket, agent, reason, now)
        after = world.put(ticket, step, people.policy(ticket.app_id))
        moved(world, people, agent.app_ids, now, agent_id)
        return after

    return await house.store.write(Needs(tickets=(ticket_id,), desks=agent.app_ids), decide)


async def classify(house: House, agent_id: int, ticket_id: int, said: Classification) -> Ticket:
    """What an agent says of a ticket of theirs, or of one that nobody attends, wins; a waiting one changes its place.

    Refused: bad_form (`fields`), unauthorized, not_found, not_yours, ticket_closed.
    """
    people, agent = house.people, house.people.agent(agent_id)

    def decide(world: World, now: int) -> Ticket:
        ticket = world.ticket_for(agent, ticket_id)
        wrong = _unclassifiable(people.form(ticket.app_id), said)
        if wrong:
            raise Refused("bad_form", fields=wrong)
        policy = people.policy(ticket.app_id)
        after = world.put(ticket, tickets.classified(ticket, agent, said, policy, now), policy)
        if after.queue_rank != ticket.queue_rank:
            world.emit(DeskChanged(ticket.app_id))
        return after

    return await house.store.write(Needs(tickets=(ticket_id,)), decide)


async def copy_as_agent(house: House, agent_id: int, ticket_id: int, addresses: Sequence[str]) -> Ticket:
    """Further people get the answers from now on; its agent has looked at who they are, such as those whom a mail names.

    Refused: bad_form (`fields`), unauthorized, not_found, not_yours, ticket_closed.
    """
    people, agent = house.people, house.people.agent(agent_id)

    def decide(world: World, now: int) -> Ticket:
        ticket = world.ticket_for(agent, ticket_id)
        details = with_copies(ticket.details, addresses, ticket.address, people.support_addresses)
        return world.put(ticket, tickets.copied_by(ticket, agent, details, now), people.policy(ticket.app_id))

    return await house.store.write(Needs(tickets=(ticket_id,)), decide)


# — the customer's —————————————————————————————————————————————————————————————


async def complete_form(house: House, who: Who, ticket_id: int, *, cid: str, form: Given) -> Ticket:
    """What the ticket was sent back for: all of it, under `cid`, once. What else stands in `form` is not looked at.

    Refused: bad_frame (cid), not_found, ticket_closed, nothing_missing, bad_form (`fields`).
    """
    cid = messages.cid(cid)
    await tax_ids_ready(house, who.app_id, form)
    people, earliest = house.people, first_day(house.now())

    def decide(world: World, now: int) -> Ticket:
        ticket = world.ticket_of(who, ticket_id)
        if world.said(ticket, "customer", 0, cid) is not None:
            return ticket
        found = complete(
            people.form(ticket.app_id),
            ticket.details,
            form,
            requester=ticket.email,
            ours=people.support_addresses,
            earliest=earliest,
        )
        step = tickets.completed(ticket, found.details, cid, now)
        if found.wrong:
            raise Refused("bad_form", fields=found.wrong)
        return world.put(ticket, step, people.policy(ticket.app_id))

    return await house.store.write(
        Needs(tickets=(ticket_id,), said=((ticket_id, "customer", 0, cid),)), decide
    )


async def copy_to(house: House, who: Who, ticket_id: int, addresses: Sequence[str]) -> Ticket:
    """Further people get the answers from now on, beside those who do. Refused: not_found, ticket_closed, bad_form (`fields`)."""
    people = house.people

    def decide(world: World, now: int) -> Ticket:
        ticket = world.ticket_of(who, ticket_id)
        details = with_copies(ticket.details, addresses, ticket.email, people.support_addresses)
        return world.put(ticket, tickets.copied(ticket, details, now), people.policy(ticket.app_id))

    return await house.store.write(Needs(tickets=(ticket_id,)), decide)


# — inner ——————————————————————————————————————————————————————————————————————


async def _waits(
    house: House,
    agent_id: int,
    ticket_id: int,
    verb: Callable[[Ticket, Agent, int], Step],
    cid: str,
    text: str,
) -> Ticket:
    """Pendiente, and what the agent says with it: the message comes last, so that the time begins with it."""
    body = messages.body(text) if text.strip() else ""
    cid = messages.cid(cid) if body else ""
    people, agent = house.people, house.people.agent(agent_id)

    def decide(world: World, now: int) -> Ticket:
        ticket = world.ticket_for(agent, ticket_id)
        if body and world.said(ticket, "agent", agent_id, cid) is not None:
            return ticket
        policy = people.policy(ticket.app_id)
        after = world.put(ticket, verb(ticket, agent, now), policy)
        if body:
            after = world.put(after, tickets.agent_said(after, agent, body, cid, now), policy)
        return after

    needs = Needs((ticket_id,), ((ticket_id, "agent", agent_id, cid),) if body else ())
    return await house.store.write(needs, decide)


def _not_asked(form: Form, names: Sequence[str]) -> dict[str, Wrong]:
    if not names:
        return {"": Wrong("required")}
    asked = completable(form)
    return {name[:40]: Wrong("unknown") for name in names if name not in asked}


def _unclassifiable(form: Form, said: Classification) -> dict[str, Wrong]:
    offered = {
        "type": ("", *classification.TYPES),
        "priority": (classification.UNSET, *classification.PRIORITIES),
        "category": ("", *(choice.key for choice in form.categories)),
        "impact": (0, *classification.LEVELS),
        "urgency": (0, *classification.LEVELS),
    }
    return {
        name: Wrong("bad_choice")
        for name, choices in offered.items()
        if getattr(said, name) is not None and getattr(said, name) not in choices
    }
