"""Reading tickets. Who may see which is part of each question: a customer's through the customer, an agent's through the apps."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from sqlalchemy import BindParameter, bindparam, case, exists, func, or_, select, tuple_

from chatserver.core.tickets import State, Ticket
from chatserver.store.database import Database
from chatserver.store.portable import one_of
from chatserver.store.rows import ENDLESS, NOT_CLOSED, literal, ticket_from, ticket_select
from chatserver.store.tables import agent_apps, agents, customers, items, tickets

NUMBER_MOST = 2**31 - 1
"""Above every ticket's number: the column has 32 bits, and an address may ask for more."""
OTHERS_MS = 400
"""The node to which a customer is connected knows when they typed last: the others act only where it does not."""


class Named(NamedTuple):
    id: int
    number: int
    texts: tuple[str, ...]
    """Subject, addresses and names of its customer."""


_t = tickets.c
_id = _t.id == bindparam("id")
_app = _t.app_id == bindparam("app_id")
_owner = (customers.c.app_id == bindparam("app_id")) & (customers.c.key == bindparam("key"))
_before = _t.id < bindparam("before")
_queued = _t.queue_rank.is_not(None)
_limit: BindParameter[int] = bindparam("limit")
_HANDLED = literal("tickets.state = 'closed' AND tickets.answered_at IS NOT NULL")
LATER = literal("tickets.state <> 'closed' AND tickets.mode = 'later' AND tickets.agent_id IS NULL")

_CUSTOMERS = ticket_select.where(_owner, _before).order_by(_t.id.desc()).limit(_limit)
_IN_STATE = (
    ticket_select.where(_owner, _before, _t.state == bindparam("state")).order_by(_t.id.desc()).limit(_limit)
)
_STATES = (
    select(_t.state, func.count())
    .join(customers, customers.c.id == _t.customer_id)
    .where(_owner)
    .group_by(_t.state)
)
_of_members = _app & one_of(_t.customer_id, "customers")
_OF_MEMBERS = ticket_select.where(_of_members, _before).order_by(_t.id.desc()).limit(_limit)
_OF_MEMBERS_IN_STATE = (
    ticket_select.where(_of_members, _before, _t.state == bindparam("state"))
    .order_by(_t.id.desc())
    .limit(_limit)
)
_STATES_OF_MEMBERS = select(_t.state, func.count()).where(_of_members).group_by(_t.state)
_SUBJECTS = (
    select(_t.id, _t.number, _t.subject, _t.state)
    .join(customers, customers.c.id == _t.customer_id)
    .where(_owner, _before)
    .order_by(_t.id.desc())
    .limit(_limit)
)
_NAMED = (
    select(_t.id, _t.number, _t.subject, _t.email, customers.c.name, customers.c.claimed, customers.c.email)
    .join(customers, customers.c.id == _t.customer_id)
    .where(_app, _t.number < bindparam("before"))
    .order_by(_t.number.desc())
    .limit(_limit)
)
_THESE = ticket_select.where(one_of(_t.id, "ids"))
_SAID = (
    select(items.c.ticket_id, func.substr(items.c.text, 1, bindparam("letters")))
    .where(one_of(items.c.ticket_id, "ids"), literal("items.kind IN ('message', 'proposal')"))
    .order_by(items.c.ticket_id.desc(), items.c.seq.desc())
    .limit(_limit)
)
_SOME = ticket_select.where(_owner, one_of(_t.id, "ids")).order_by(_t.id.desc())
_NUMBERED = ticket_select.where(_owner, _t.app_id == bindparam("app_id"), _t.number == bindparam("number"))
_OF = ticket_select.where(_id, _owner)
_FOR = ticket_select.where(_id)
_WAITING = (
    ticket_select.where(
        _app, _queued, tuple_(_t.queue_rank, _t.id) > tuple_(bindparam("rank"), bindparam("after"))
    )
    .order_by(_t.queue_rank, _t.id)
    .limit(_limit)
)
_MINE = ticket_select.where(_t.agent_id == bindparam("agent_id"), NOT_CLOSED).order_by(_t.id)
_REQUESTS = ticket_select.where(_app, LATER, _t.id > bindparam("after")).order_by(_t.id).limit(_limit)
_WAITING_COUNT = select(func.count()).select_from(tickets).where(_app, _queued)
_REQUESTS_COUNT = select(func.count()).select_from(tickets).where(_app, LATER)
_of_customer = ticket_select.where(_t.customer_id == bindparam("customer_id"), _before)
_EARLIER = _of_customer.where(_t.state == "closed").order_by(_t.id.desc()).limit(_limit)
_NOT_CLOSED = _of_customer.where(NOT_CLOSED).order_by(_t.id.desc()).limit(_limit)
_WAITING_IDS = select(_t.id, _t.queue_rank).where(_app, _queued).order_by(_t.queue_rank, _t.id)
_HANDLED_MS = (
    select(_t.closed_at - _t.assigned_at)
    .where(_app, _HANDLED, _t.mode == "live", _t.assigned_at.is_not(None))
    .order_by(_t.closed_at.desc())
    .limit(_limit)
)
_first = tickets.alias()
_FIRST_DUE = select(func.min(_first.c.due_at)).where(_first.c.due_at.is_not(None)).scalar_subquery()
_NEXT_DUE = select(
    func.min(case((_t.node == bindparam("node"), _t.due_at), else_=_t.due_at + OTHERS_MS))
).where(_t.due_at <= _FIRST_DUE + OTHERS_MS)  # whatever is due after that is not the next one
_DUE = (
    select(_t.id, _t.app_id)
    .where(
        _t.due_at <= bindparam("now"),
        or_(_t.node == bindparam("node"), _t.due_at <= bindparam("now") - OTHERS_MS),
    )
    .order_by(_t.due_at)
    .limit(_limit)
)
_attends = exists().where(agent_apps.c.agent_id == _t.agent_id, agent_apps.c.app_id == _t.app_id)
_STRAYS = (
    select(_t.id, _t.app_id)
    .join(agents, agents.c.id == _t.agent_id)
    .where(NOT_CLOSED, _t.agent_id.is_not(None), or_(agents.c.disabled_at.is_not(None), ~_attends))
)


async def customer_tickets(db: Database, app_id: int, key: str, before: int, limit: int) -> list[Ticket]:
    """A customer's tickets, newest first: those opened before the ticket `before`, 0 for the newest."""
    rows = await db.rows(_CUSTOMERS, app_id=app_id, key=key, before=before or ENDLESS, limit=limit)
    return [ticket_from(row) for row in rows]


async def ticket_of(db: Database, app_id: int, key: str, ticket_id: int) -> Ticket | None:
    """The customer's own ticket; None for anybody else's."""
    rows = await db.rows(_OF, id=ticket_id, app_id=app_id, key=key)
    return ticket_from(rows[0]) if rows else None


async def ticket_numbered(db: Database, app_id: int, key: str, number: int) -> Ticket | None:
    """The customer's own ticket by the number that people read out; None for anybody else's."""
    rows = await db.rows(_NUMBERED, app_id=app_id, key=key, number=min(max(number, 0), NUMBER_MOST))
    return ticket_from(rows[0]) if rows else None


async def tickets_in_state(
    db: Database, app_id: int, key: str, state: State, before: int, limit: int
) -> list[Ticket]:
    """Those of `customer_tickets` that are in this state."""
    rows = await db.rows(
        _IN_STATE, app_id=app_id, key=key, state=state, before=before or ENDLESS, limit=limit
    )
    return [ticket_from(row) for row in rows]


async def some_tickets(db: Database, app_id: int, key: str, ticket_ids: Sequence[int]) -> list[Ticket]:
    """Those of these that are the customer's, newest first."""
    rows = await db.rows(_SOME, app_id=app_id, key=key, ids=list(ticket_ids))
    return [ticket_from(row) for row in rows]


async def count_by_state(db: Database, app_id: int, key: str) -> dict[State, int]:
    """How many tickets a customer has in each state that any is in."""
    return {row[0]: row[1] for row in await db.rows(_STATES, app_id=app_id, key=key)}


async def tickets_of(
    db: Database, app_id: int, customer_ids: Sequence[int], state: State | None, before: int, limit: int
) -> list[Ticket]:
    """Those of several customers, newest first, of one state or of any; `before` as in `customer_tickets`. That somebody may see
    them is asked before."""
    given = {
        "app_id": app_id,
        "customers": list(customer_ids),
        "before": before or ENDLESS,
        "limit": limit,
    }
    if state is None:
        rows = await db.rows(_OF_MEMBERS, **given)
    else:
        rows = await db.rows(_OF_MEMBERS_IN_STATE, **given, state=state)
    return [ticket_from(row) for row in rows]


async def count_of(db: Database, app_id: int, customer_ids: Sequence[int]) -> dict[State, int]:
    """As `count_by_state`, of several customers together."""
    rows = await db.rows(_STATES_OF_MEMBERS, app_id=app_id, customers=list(customer_ids))
    return {row[0]: row[1] for row in rows}


async def subjects(
    db: Database, app_id: int, key: str, before: int, limit: int
) -> list[tuple[int, int, str, State]]:
    """(id, number, subject, state) of a customer's tickets, newest first; `before` as in `customer_tickets`."""
    rows = await db.rows(_SUBJECTS, app_id=app_id, key=key, before=before or ENDLESS, limit=limit)
    return [(row[0], row[1], row[2], row[3]) for row in rows]


async def said(db: Database, ticket_ids: Sequence[int], letters: int, limit: int) -> list[tuple[int, str]]:
    """(ticket, text) of the latest `limit` messages of these tickets, the newest ticket first; of each its first `letters`
    characters. Whose the tickets are is asked before."""
    rows = await db.rows(_SAID, ids=list(ticket_ids), letters=letters, limit=limit)
    return [(row[0], row[1]) for row in rows]


async def ticket_for(db: Database, app_ids: Sequence[int], ticket_id: int) -> Ticket | None:
    """A ticket of one of these apps; None for any other."""
    tickets = [ticket_from(row) for row in await db.rows(_FOR, id=ticket_id)]
    return next((t for t in tickets if t.app_id in app_ids), None)


async def tickets_for(db: Database, app_ids: Sequence[int], ticket_ids: Sequence[int]) -> list[Ticket]:
    """Those of these that are of these apps."""
    return [t for t in map(ticket_from, await db.rows(_THESE, ids=list(ticket_ids))) if t.app_id in app_ids]


async def named(db: Database, app_id: int, before: int, limit: int) -> list[Named]:
    """By what an agent calls an app's tickets, newest first: those whose number is less than `before`, 0 for the newest."""
    rows = await db.rows(_NAMED, app_id=app_id, before=before or NUMBER_MOST, limit=limit)
    return [Named(row[0], row[1], tuple(row[2:])) for row in rows]


async def own_tickets(db: Database, app_ids: Sequence[int], agent_id: int) -> list[Ticket]:
    """An agent's open tickets of these apps, live and to be answered later."""
    mine = [ticket_from(row) for row in await db.rows(_MINE, agent_id=agent_id)]
    return [t for t in mine if t.app_id in app_ids]


async def waiting_tickets(
    db: Database, app_ids: Sequence[int], rank: int, after: int, limit: int
) -> list[Ticket]:
    """The queue of these apps in its order: the first `limit` that come after the ticket `after` of this rank."""
    found: list[Ticket] = []
    for app_id in app_ids:  # one by one, so that each is read in the order of its index and no further
        found += map(ticket_from, await db.rows(_WAITING, app_id=app_id, rank=rank, after=after, limit=limit))
    return sorted(found, key=lambda t: (t.queue_rank or 0, t.id))[:limit]


async def requested_tickets(db: Database, app_ids: Sequence[int], after: int, limit: int) -> list[Ticket]:
    """The open tickets of these apps to be answered later that nobody took, oldest first: the first `limit` after `after`."""
    found: list[Ticket] = []
    for app_id in app_ids:
        found += map(ticket_from, await db.rows(_REQUESTS, app_id=app_id, after=after, limit=limit))
    return sorted(found, key=lambda t: t.id)[:limit]


async def desk_counts(db: Database, app_id: int) -> tuple[int, int]:
    """How many wait in an app's queue, and how many are to be answered later that nobody took."""
    ((waiting,),) = await db.rows(_WAITING_COUNT, app_id=app_id)
    ((requests,),) = await db.rows(_REQUESTS_COUNT, app_id=app_id)
    return waiting, requests


async def earlier_tickets(
    db: Database, app_ids: Sequence[int], customer_id: int, before: int, limit: int, *, closed: bool = True
) -> list[Ticket]:
    """A customer's closed tickets for an agent of these apps, or those that are not closed, newest first; `before` as in
    `customer_tickets`."""
    asked = _EARLIER if closed else _NOT_CLOSED
    rows = await db.rows(asked, customer_id=customer_id, before=before or ENDLESS, limit=limit)
    # A customer belongs to one app, and so do all the tickets: this drops all or none of a page.
    return [t for t in map(ticket_from, rows) if t.app_id in app_ids]


async def waiting_ids(db: Database, app_id: int) -> list[tuple[int, int]]:
    """(ticket, rank) of everybody in an app's queue, first come first."""
    return [(row[0], row[1]) for row in await db.rows(_WAITING_IDS, app_id=app_id)]


async def handled_seconds(db: Database, app_id: int, limit: int = 20) -> list[int]:
    """How long the last chats that an agent answered took from pairing to close, in seconds, the latest first."""
    return [row[0] // 1000 for row in await db.rows(_HANDLED_MS, app_id=app_id, limit=limit)]


async def next_due(db: Database) -> int | None:
    """When (ms) this node has to look at the next ticket (`due`); None while none has to be looked at."""
    ((due_at,),) = await db.rows(_NEXT_DUE, node=db.node)
    return None if due_at is None else int(due_at)


async def due(db: Database, now: int, limit: int) -> list[tuple[int, int]]:
    """(ticket, app) of what this node has to look at at `now` (ms), the most overdue first: what is due, of another node's
    customers a little later."""
    return [(row[0], row[1]) for row in await db.rows(_DUE, now=now, node=db.node, limit=limit)]


async def strays(db: Database) -> list[tuple[int, int]]:
    """(ticket, app) of those that are not closed, and whose agent was disabled or does not attend their app."""
    return [(row[0], row[1]) for row in await db.rows(_STRAYS)]
