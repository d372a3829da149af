"""Reading tickets. Who may see which is part of each question: a customer's through the customer, an agent's through the apps."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence

from sqlalchemy import Executable, func, select, union

from chatserver.core.tickets import Ticket
from chatserver.store.database import Database
from chatserver.store.rows import NOT_CLOSED, OPEN_LIVE, literal, ticket_from, ticket_select
from chatserver.store.tables import customers, tickets

LATER_SHOWN = 100
"""So many tickets to be answered later that nobody took are shown to an agent: the newest."""

_HANDLED = literal("tickets.state = 'closed' AND tickets.answered_at IS NOT NULL")
_LATER = literal("tickets.state <> 'closed' AND tickets.mode = 'later' AND tickets.agent_id IS NULL")


async def customer_tickets(db: Database, app_id: int, key: str, before: int, limit: int) -> list[Ticket]:
    """A customer's tickets, newest first: those opened before the ticket `before`, 0 for the newest."""
    query = ticket_select.where(customers.c.app_id == app_id, customers.c.key == key)
    if before:
        query = query.where(tickets.c.id < before)
    return await _tickets(db, query.order_by(tickets.c.id.desc()).limit(limit))


async def ticket_of(db: Database, app_id: int, key: str, ticket_id: int) -> Ticket | None:
    """The customer's own ticket; None for anybody else's."""
    query = ticket_select.where(
        tickets.c.id == ticket_id, customers.c.app_id == app_id, customers.c.key == key
    )
    return next(iter(await _tickets(db, query)), None)


async def ticket_for(db: Database, app_ids: Sequence[int], ticket_id: int) -> Ticket | None:
    """A ticket of one of these apps; None for any other."""
    query = ticket_select.where(tickets.c.id == ticket_id)
    found = next(iter(await _tickets(db, query)), None)
    return found if found is not None and found.app_id in app_ids else None


async def desk_tickets(db: Database, app_ids: Sequence[int], agent_id: int) -> list[Ticket]:
    """What an agent of these apps begins with: all that wait in the order of the queue, the agent's own open ones (live and
    later), and the newest open ones to be answered later that nobody took."""
    waiting = ticket_select.where(tickets.c.app_id.in_(app_ids), tickets.c.queue_rank.is_not(None))
    mine = ticket_select.where(tickets.c.agent_id == agent_id, NOT_CLOSED)
    found = await _tickets(db, waiting.order_by(tickets.c.queue_rank, tickets.c.id))
    found += [t for t in await _tickets(db, mine.order_by(tickets.c.id)) if t.app_id in app_ids]
    later: list[Ticket] = []
    for app_id in app_ids:  # one by one, so that each reads its newest from the index and no more
        query = ticket_select.where(tickets.c.app_id == app_id, _LATER)
        later += await _tickets(db, query.order_by(tickets.c.id.desc()).limit(LATER_SHOWN))
    later.sort(key=lambda t: t.id, reverse=True)
    return found + later[:LATER_SHOWN]


async def earlier_tickets(
    db: Database, app_ids: Sequence[int], customer_id: int, before: int, limit: int
) -> list[Ticket]:
    """A customer's closed tickets for an agent of these apps, newest first; `before` as in `customer_tickets`."""
    query = ticket_select.where(
        tickets.c.customer_id == customer_id,
        tickets.c.state == "closed",
        customers.c.app_id.in_(app_ids),  # a customer belongs to one app, and so do all the tickets
    )
    if before:
        query = query.where(tickets.c.id < before)
    return await _tickets(db, query.order_by(tickets.c.id.desc()).limit(limit))


async def waiting_ids(db: Database, app_id: int) -> list[tuple[int, int]]:
    """(ticket, rank) of everybody in an app's queue, first come first."""
    query = (
        select(tickets.c.id, tickets.c.queue_rank)
        .where(tickets.c.app_id == app_id, tickets.c.queue_rank.is_not(None))
        .order_by(tickets.c.queue_rank, tickets.c.id)
    )
    return [(row[0], row[1]) for row in await db.rows(query)]


async def handled_seconds(db: Database, app_id: int, limit: int = 20) -> list[int]:
    """How long the last chats that an agent answered took from pairing to close, in seconds, the latest first."""
    query = (
        select(tickets.c.closed_at - tickets.c.assigned_at)
        .where(
            tickets.c.app_id == app_id,
            _HANDLED,
            tickets.c.mode == "live",
            tickets.c.assigned_at.is_not(None),
        )
        .order_by(tickets.c.closed_at.desc())
        .limit(limit)
    )
    return [row[0] // 1000 for row in await db.rows(query)]


async def next_due(db: Database) -> int | None:
    """When (ms) the next ticket has to be looked at; None while none has to."""
    query = select(func.min(tickets.c.due_at)).where(tickets.c.due_at.is_not(None))
    rows = await db.rows(query)
    return None if rows[0][0] is None else int(rows[0][0])


async def due_ids(db: Database, now: int, limit: int) -> list[int]:
    """The tickets that are due at `now` (ms), the most overdue first."""
    query = select(tickets.c.id).where(tickets.c.due_at <= now).order_by(tickets.c.due_at).limit(limit)
    return [row[0] for row in await db.rows(query)]


async def open_live_ids(db: Database, page: int = 500) -> AsyncIterator[list[int]]:
    """All open live tickets as they stood at the first page, attended or waiting, for the recovery after an outage."""
    # The two partial indexes of open work hold them all; the comparisons with 0 let SQLite seek in them.
    attended = select(tickets.c.id).where(tickets.c.agent_id > 0, NOT_CLOSED, OPEN_LIVE)
    waiting = select(tickets.c.id).where(tickets.c.app_id > 0, tickets.c.queue_rank.is_not(None))
    ids = [row[0] for row in await db.rows(union(attended, waiting))]
    for start in range(0, len(ids), page):
        yield ids[start : start + page]


async def _tickets(db: Database, query: Executable) -> list[Ticket]:
    return [ticket_from(row) for row in await db.rows(query)]
