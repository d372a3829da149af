"""Reading a ticket's public sequence. Whether somebody may is asked of the ticket first (tickets.py)."""

from __future__ import annotations

from sqlalchemy import bindparam

from chatserver.core.tickets import Item
from chatserver.store.database import Database
from chatserver.store.rows import item_from, item_select
from chatserver.store.tables import items

LAST = 2**31 - 1
"""Above every number of a ticket: the column has 32 bits, and a client may ask for more."""

_of = item_select.where(items.c.ticket_id == bindparam("ticket_id")).limit(bindparam("limit"))
_AFTER = _of.where(items.c.seq > bindparam("after")).order_by(items.c.seq)
_BEFORE = _of.where(items.c.seq < bindparam("before")).order_by(items.c.seq.desc())


async def items_after(db: Database, ticket_id: int, after: int, limit: int) -> list[Item]:
    """The first `limit` items with a number above `after`, in order."""
    rows = await db.rows(_AFTER, ticket_id=ticket_id, after=min(after, LAST), limit=limit)
    return [item_from(row) for row in rows]


async def items_before(db: Database, ticket_id: int, before: int, limit: int) -> list[Item]:
    """The last `limit` items with a number below `before`, in order (lowest first)."""
    rows = await db.rows(_BEFORE, ticket_id=ticket_id, before=min(before, LAST), limit=limit)
    return [item_from(row) for row in reversed(rows)]
