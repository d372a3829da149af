"""What is said and what is signed while a chat goes on: messages, reading, typing, "Sigo aquí"."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from functools import partial
from typing import Protocol

from chatserver.core import messages, signs, tickets
from chatserver.core.errors import Refused
from chatserver.core.events import Typing, agent_topic, customer_topic
from chatserver.core.files import File
from chatserver.core.inactivity import Turn, verdict
from chatserver.core.policy import Policy
from chatserver.core.signs import Sign
from chatserver.core.tickets import Ticket
from chatserver.services.books import Typist
from chatserver.services.house import House
from chatserver.store.base import StoreFailed, Use
from chatserver.store.work import Needs, Who, World

TYPING_STEP = 15_000
"""Typing moves a stored deadline at most this often (ms), and the last keystroke in that time is stored at its end: should this
node die, the others know of it. The latest one is looked up before the deadline is acted on."""


def saying(
    house: House, who: Who, ticket_id: int, cid: str, text: str, files: Sequence[str] = ()
) -> Use[int]:
    """The customer's message as a use case: gives its sequence number, a repeat of `cid` the first one's. `files`: ids of what
    they sent up; with some the text may be empty.

    Refused: too_short, too_long, bad_frame (cid) at once; not_found, ticket_closed, too_many_files, file_unknown when it is
    decided.
    """
    cid, text = messages.cid(cid), messages.body(text, 0 if files else 1)
    people = house.people
    sent = tuple(dict.fromkeys(files))
    known = house.books.tickets.get(ticket_id)
    if known is not None and _is_of(known, who):
        _no_longer_typing(house, ticket_id, "customer")

    def decide(world: World, now: int) -> int:
        ticket = world.ticket_of(who, ticket_id)
        first = world.said(ticket, "customer", 0, cid)
        if first is not None:
            return first
        policy = people.policy(ticket.app_id)
        taken = sent_up(world, sent, policy, who.app_id, "customer", who.key) if sent else ()
        step = tickets.customer_said(ticket, text, cid, now, taken)
        return world.put(ticket, step, policy).last_seq

    return Use(Needs((ticket_id,), ((ticket_id, "customer", 0, cid),), files=sent), decide)


def saying_as(
    house: House,
    agent_id: int,
    ticket_id: int,
    cid: str,
    text: str,
    files: Sequence[str] = (),
    *,
    proposal: bool,
) -> Use[int]:
    """The ticket's agent speaks, or proposes that it is solved; as `saying`.

    Refused: too_short, too_long, bad_frame (cid), unauthorized at once; not_found, not_yours, ticket_closed, too_many_files,
    file_unknown when it is decided.
    """
    cid, text = messages.cid(cid), messages.body(text, 0 if files else 1)
    people, agent = house.people, house.people.agent(agent_id)
    sent = tuple(dict.fromkeys(files))
    known = house.books.tickets.get(ticket_id)
    if known is not None and known.agent_id == agent_id:
        _no_longer_typing(house, ticket_id, "agent")

    def decide(world: World, now: int) -> int:
        ticket = world.ticket_for(agent, ticket_id)
        first = world.said(ticket, "agent", agent_id, cid)
        if first is not None:
            return first
        policy = people.policy(ticket.app_id)
        taken = sent_up(world, sent, policy, ticket.app_id, "agent", str(agent_id)) if sent else ()
        step = tickets.agent_said(ticket, agent, text, cid, now, taken, proposal=proposal)
        return world.put(ticket, step, policy).last_seq

    return Use(Needs((ticket_id,), ((ticket_id, "agent", agent_id, cid),), files=sent), decide)


def sent_up(
    world: World, ids: tuple[str, ...], policy: Policy, app_id: int, by: Turn, owner: str
) -> tuple[File, ...]:
    """Of a message that is being decided. Refused: too_many_files, file_unknown."""
    if len(ids) > policy.files_per_message:
        raise Refused("too_many_files", limit=policy.files_per_message)
    return world.uploads(ids, app_id, by, owner)


async def say(house: House, who: Who, ticket_id: int, cid: str, text: str, files: Sequence[str] = ()) -> int:
    """`saying`, done and durable."""
    use = saying(house, who, ticket_id, cid, text, files)
    return await house.store.write(use.needs, use.decide)


async def say_as_agent(
    house: House, agent_id: int, ticket_id: int, cid: str, text: str, files: Sequence[str] = ()
) -> int:
    """`saying_as`, done and durable."""
    use = saying_as(house, agent_id, ticket_id, cid, text, files, proposal=False)
    return await house.store.write(use.needs, use.decide)


async def seen(house: House, who: Who, ticket_id: int, seq: int) -> None:
    """The customer has read up to `seq`. Refused: not_found."""
    people = house.people
    known = house.books.tickets.get(ticket_id)
    if known is not None and _is_of(known, who) and seq <= known.customer_seen:
        return  # several tabs say the same: nothing to write

    def decide(world: World, now: int) -> None:
        ticket = world.ticket_of(who, ticket_id)
        world.put(ticket, tickets.customer_saw(ticket, seq), people.policy(ticket.app_id))

    await house.store.write(Needs(tickets=(ticket_id,)), decide)


async def seen_by_agent(house: House, agent_id: int, ticket_id: int, seq: int) -> None:
    """The ticket's agent has read up to `seq`; reading by others changes nothing. Refused: unauthorized, not_found."""
    people, agent = house.people, house.people.agent(agent_id)
    known = house.books.tickets.get(ticket_id)
    if known is not None and known.agent_id == agent_id and seq <= known.agent_seen:
        return

    def decide(world: World, now: int) -> None:
        ticket = world.ticket_for(agent, ticket_id)
        world.put(ticket, tickets.agent_saw(ticket, agent, seq), people.policy(ticket.app_id))

    await house.store.write(Needs(tickets=(ticket_id,)), decide)


async def here(house: House, who: Who, ticket_id: int) -> None:
    """ "Sigo aquí": the whole time again. Refused: not_found, ticket_closed."""
    await _active(house, who, ticket_id)


async def typing(house: House, who: Who, ticket_id: int, on: bool = True) -> None:
    """The customer types: the agent sees it, and it counts as activity. Refused: not_found, ticket_closed.

    Goes straight to the bus; the disk hears of it at most every 15 s per ticket, at their end too, and only while the clock runs.
    """
    ticket = await house.ticket(ticket_id)
    if not _is_of(ticket, who):
        raise Refused("not_found")
    if ticket.state == "closed":
        raise Refused("ticket_closed")
    if ticket.agent_id is not None:
        _sign(house, ticket, "customer", on)
    if on and ticket.chatting:
        house.books.typed.put((ticket_id, "customer"), house.now())
        await _keystroke(house, ticket, _ByCustomer(house, who))


async def typing_as_agent(house: House, agent_id: int, ticket_id: int, on: bool = True) -> None:
    """The ticket's agent types: the customer sees it, and the time for the first answer begins again.

    Refused: unauthorized, not_found, not_yours, ticket_closed. Disk: as for `typing`.
    """
    agent = house.people.agent(agent_id)
    ticket = await house.ticket(ticket_id)
    if ticket.app_id not in agent.app_ids:
        raise Refused("not_found")
    if ticket.state == "closed":
        raise Refused("ticket_closed")
    if ticket.agent_id != agent_id:
        raise Refused("not_yours")
    _sign(house, ticket, "agent", on, agent.name)
    if on and ticket.answer_due_at is not None:
        house.books.typed.put((ticket_id, "agent"), house.now())
        await _keystroke(house, ticket, _ByAgent(house, agent_id))


class _Side(Protocol):
    """Whose keystrokes: what is stored of them, and how one is."""

    by: Turn

    def stored(self, ticket: Ticket) -> int | None:
        """Up to when (ms) the ticket knows of their activity; None: it moves no deadline now, so nothing is to be stored."""

    def store(self, world: World, ticket_id: int, typed: int) -> None:
        """Within a use case. Refused: not_found, ticket_closed."""


class _ByCustomer:
    by: Turn = "customer"

    def __init__(self, house: House, who: Who) -> None:
        self._house = house
        self._who = who

    def stored(self, ticket: Ticket) -> int | None:
        runs = ticket.chatting and _runs(ticket, self._house.people.policy(ticket.app_id))
        return ticket.active_at if runs else None

    def store(self, world: World, ticket_id: int, typed: int) -> None:
        ticket = world.ticket_of(self._who, ticket_id)
        policy = self._house.people.policy(ticket.app_id)
        world.put(ticket, tickets.customer_active(ticket, typed), policy)


class _ByAgent:
    by: Turn = "agent"

    def __init__(self, house: House, agent_id: int) -> None:
        self._house = house
        self._agent_id = agent_id

    def stored(self, ticket: Ticket) -> int | None:
        if ticket.answer_due_at is None:
            return None
        return ticket.answer_due_at - self._house.people.policy(ticket.app_id).first_answer_seconds * 1000

    def store(self, world: World, ticket_id: int, typed: int) -> None:
        people = self._house.people
        agent = people.agent(self._agent_id)
        ticket = world.ticket_for(agent, ticket_id)
        if ticket.answer_due_at is None or ticket.agent_id != agent.id:
            return
        policy = people.policy(ticket.app_id)
        world.put(ticket, tickets.agent_typing(ticket, agent, policy, typed), policy)


async def _keystroke(house: House, ticket: Ticket, side: _Side) -> None:
    """Stored now, if none was for `TYPING_STEP`, else with those that come until then."""
    if side.stored(ticket) is None:
        return
    typist = _typist(house, ticket.id, side.by)
    wait = _until_typing_is_stored(house, ticket, side, typist)
    if wait:
        _store_later(house, ticket.id, side, typist, wait)
        return
    typist.stored_at = house.steady()

    def decide(world: World, now: int) -> None:
        side.store(world, ticket.id, now)

    await house.store.write(Needs(tickets=(ticket.id,)), decide)


def _until_typing_is_stored(house: House, ticket: Ticket, side: _Side, typist: Typist) -> float:
    """ms; 0: now. What any node stored last of their activity counts, as this one knows it."""
    waits: list[float] = [(side.stored(ticket) or 0) + TYPING_STEP - house.now()]
    if typist.stored_at is not None:
        waits.append(typist.stored_at + TYPING_STEP - house.steady())
    return min(max(0, *waits), TYPING_STEP)


def _store_later(house: House, ticket_id: int, side: _Side, typist: Typist, wait: float) -> None:
    if not typist.storing:
        typist.storing = True
        house.later(wait / 1000, partial(_store_typing, house, ticket_id, side, typist))


def _store_typing(house: House, ticket_id: int, side: _Side, typist: Typist) -> None:
    """The last keystroke of those that came too soon after what was stored, unless something stored says more by now."""
    typist.storing = False
    ticket, typed = house.books.tickets.peek(ticket_id), house.books.typed.peek((ticket_id, side.by))
    stored = None if ticket is None else side.stored(ticket)
    if ticket is None or typed is None or stored is None or typed <= stored:
        return
    if wait := _until_typing_is_stored(house, ticket, side, typist):
        _store_later(house, ticket_id, side, typist, wait)
        return

    def decide(world: World, now: int) -> None:
        side.store(world, ticket_id, min(typed, now))

    def done(result: object, problem: BaseException | None) -> None:
        """Closed meanwhile, or not stored: this node knows of it all the same."""

    typist.stored_at = house.steady()
    with suppress(Refused, StoreFailed):
        house.store.submit(Needs(tickets=(ticket_id,)), decide, done)


def _typist(house: House, ticket_id: int, by: Turn) -> Typist:
    typist = house.books.typists.get((ticket_id, by))
    if typist is None:
        typist = Typist()
        house.books.typists.put((ticket_id, by), typist)
    return typist


def _sign(house: House, ticket: Ticket, by: Turn, on: bool, name: str = "") -> None:
    """Somebody types, or stopped: the other side hears of it as `signs` decides, from all tabs together."""
    typist = _typist(house, ticket.id, by)
    typist.on, typist.agent_id, typist.name = on, ticket.agent_id, name
    _show(house, ticket, by, typist, again_in=signs.STEP_MS)


def _no_longer_typing(house: House, ticket_id: int, by: Turn) -> None:
    """A message ends the sign of its author where it is shown: a look that is still to come must not bring it back."""
    typist = house.books.typists.get((ticket_id, by))
    if typist is not None:
        typist.on = False


def _show(house: House, ticket: Ticket, by: Turn, typist: Typist, *, again_in: int | None = None) -> None:
    now = round(house.steady())
    wait = signs.wait(typist.shown, typist.on, ticket.last_seq, now)
    if wait == 0:
        typist.shown = Sign(typist.on, now, ticket.last_seq)
        event = Typing(ticket.id, by, name=typist.name, on=typist.on)
        house.bus.publish(event, [_other_side(ticket, by)])
        return
    # What was just said and is shown already is looked at once more: their message may be on its way, which ends the sign.
    wait = wait or again_in
    if wait is not None and not typist.again:
        typist.again = True
        house.later(wait / 1000, partial(_look_again, house, ticket.id, by, typist))


def _look_again(house: House, ticket_id: int, by: Turn, typist: Typist) -> None:
    typist.again = False
    ticket = house.books.tickets.get(ticket_id)
    if ticket is not None and ticket.state != "closed" and ticket.agent_id == typist.agent_id:
        _show(house, ticket, by, typist)


def _other_side(ticket: Ticket, by: Turn) -> str:
    if by == "customer":
        return agent_topic(ticket.agent_id or 0)
    return customer_topic(ticket.app_id, ticket.customer.key)


async def _active(house: House, who: Who, ticket_id: int) -> None:
    people = house.people

    def decide(world: World, now: int) -> None:
        ticket = world.ticket_of(who, ticket_id)
        world.put(ticket, tickets.customer_active(ticket, now), people.policy(ticket.app_id))

    await house.store.write(Needs(tickets=(ticket_id,)), decide)


def _is_of(ticket: Ticket, who: Who) -> bool:
    return ticket.app_id == who.app_id and ticket.customer.key == who.key


def _runs(ticket: Ticket, policy: Policy) -> bool:
    """The inactivity clock runs: while it stands still typing changes no deadline, so it need not be stored."""
    facts = tickets.clock(ticket, policy)
    return facts is not None and verdict(facts) is not None
