"""Reading the versions of tickets, for whoever looks for what was committed and not heard of (`services.catching_up`)."""

from __future__ import annotations

from sqlalchemy import bindparam, select

from chatserver.core.events import NoteWritten
from chatserver.core.notes import UnreadNote
from chatserver.core.tickets import Item
from chatserver.store import items, notes
from chatserver.store.database import Database
from chatserver.store.portable import one_of
from chatserver.store.rows import NOT_CLOSED
from chatserver.store.tables import customers, tickets
from chatserver.store.tickets import LATER

HEADS = 200
"""Of each queue; who holds more of it asks when they turn the page."""

_t = tickets.c
_version = select(_t.id, _t.version)
_TICKETS = _version.where(one_of(_t.id, "ids"))
_CUSTOMERS = _version.join(customers, customers.c.id == _t.customer_id).where(
    customers.c.app_id == bindparam("app_id"), one_of(customers.c.key, "keys"), NOT_CLOSED
)
_AGENTS = _version.where(one_of(_t.agent_id, "ids"), NOT_CLOSED)
_WAITING = (
    _version.where(_t.app_id == bindparam("app_id"), _t.queue_rank.is_not(None))
    .order_by(_t.queue_rank, _t.id)
    .limit(HEADS)
)
_REQUESTS = _version.where(_t.app_id == bindparam("app_id"), LATER).order_by(_t.id).limit(HEADS)


class Versions:
    """`services.catching_up.Versions`."""

    def __init__(self, db: Database) -> None:
        self._db = db

    async def of_tickets(self, ticket_ids: list[int]) -> list[tuple[int, int]]:
        return _pairs(await self._db.rows(_TICKETS, ids=ticket_ids))

    async def of_customers(self, app_id: int, keys: list[str]) -> list[tuple[int, int]]:
        return _pairs(await self._db.rows(_CUSTOMERS, app_id=app_id, keys=keys))

    async def of_agents(self, agent_ids: list[int]) -> list[tuple[int, int]]:
        return _pairs(await self._db.rows(_AGENTS, ids=agent_ids))

    async def of_desks(self, app_ids: list[int]) -> list[tuple[int, int]]:
        found: list[tuple[int, int]] = []
        for app_id in app_ids:  # one by one, so that each is read in the order of its index and no further
            for heads in (_WAITING, _REQUESTS):
                found += _pairs(await self._db.rows(heads, app_id=app_id))
        return found

    async def items_after(self, ticket_id: int, seq: int, limit: int) -> list[Item]:
        return await items.items_after(self._db, ticket_id, seq, limit)

    async def notes_after(
        self, app_ids: list[int], place: tuple[int, int, int], limit: int
    ) -> list[NoteWritten]:
        return await notes.latest_notes(self._db, app_ids, place, limit)

    async def unread_notes(self, app_ids: list[int], limit: int) -> list[UnreadNote]:
        return await notes.unread_notes(self._db, app_ids, limit)


def _pairs(rows: list[tuple[int, int]]) -> list[tuple[int, int]]:
    return [(row[0], row[1]) for row in rows]
