"""Reading a ticket's public sequence. Whether somebody may is asked of the ticket first (tickets.py)."""

from __future__ import annotations

from chatserver.core.tickets import Item
from chatserver.store.database import Database
from chatserver.store.rows import item_from, item_select
from chatserver.store.tables import items


async def items_after(db: Database, ticket_id: int, after: int, limit: int) -> list[Item]:
    """The first `limit` items with a number above `after`, in order."""
    query = item_select.where(items.c.ticket_id == ticket_id, items.c.seq > after)
    return [item_from(row) for row in await db.rows(query.order_by(items.c.seq).limit(limit))]


async def items_before(db: Database, ticket_id: int, before: int, limit: int) -> list[Item]:
    """The last `limit` items with a number below `before`, in order (lowest first)."""
    query = item_select.where(items.c.ticket_id == ticket_id, items.c.seq < before)
    found = [item_from(row) for row in await db.rows(query.order_by(items.c.seq.desc()).limit(limit))]
    found.reverse()
    return found
