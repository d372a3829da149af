"""Who serves: a row for each node, alive as long as it is written again and again. Who cannot write is no node."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import bindparam, delete, insert, select, update

from chatserver.store.postgres.database import LONG_SECONDS
from chatserver.store.rows import OPEN_LIVE
from chatserver.store.tables import agents, nodes, tickets

if TYPE_CHECKING:
    from chatserver.store.postgres.database import PostgresDatabase

STARTING: Final = 0x73746172
"""Of PostgreSQL's advisory locks, the one of who starts: the first one after an outage puts things right for all."""

_ROWS = select(nodes.c.id, nodes.c.seen_at, nodes.c.url).order_by(nodes.c.id)
_CUSTOMERS = select(tickets.c.id).where(
    OPEN_LIVE, tickets.c.node == bindparam("node"), tickets.c.gone_at.is_(None)
)
_AGENTS = select(agents.c.id).where(
    agents.c.node == bindparam("node"), agents.c.gone_at.is_(None), agents.c.disabled_at.is_(None)
)


class Nodes:
    """`services.nodes.Registry` on PostgreSQL. Instants are ms UTC of the database's clock. `url`: where this node is reached."""

    def __init__(self, db: PostgresDatabase, url: str = "") -> None:
        self._db = db
        self._url = url

    @asynccontextmanager
    async def starting(self) -> AsyncIterator[None]:
        """One node at a time; the others wait for as long as it may take to put right what an outage left."""
        async with self._db.session() as connection:
            try:
                await connection.execute(f"SELECT pg_advisory_lock({STARTING})", timeout=LONG_SECONDS)
                yield
            finally:
                await connection.execute(f"SELECT pg_advisory_unlock({STARTING})")

    async def join(self, now: int) -> int:
        """A new node; from here on claims are its."""
        row = insert(nodes).values(started_at=now, seen_at=now, url=self._url).returning(nodes.c.id)
        ((node,),) = (await self._db.execute(row))[0]
        self._db.serve_as(int(node))
        return int(node)

    async def beat(self, node: int, now: int) -> bool:
        """False: the others have taken this node for dead."""
        alive = update(nodes).where(nodes.c.id == node).values(seen_at=now)
        return bool((await self._db.execute(alive))[0])

    async def rows(self) -> list[tuple[int, int, str]]:
        """(node, when it says that it lives, where it is reached) of all that were not forgotten, in the order of their ids."""
        return [(row[0], row[1], row[2]) for row in await self._db.rows(_ROWS)]

    async def people_of(self, node: int) -> tuple[list[int], list[int]]:
        """(tickets, agents): of whom this node was the last to say that they are connected, and nobody that they are not."""
        found: list[list[Any]] = [await self._db.rows(one, node=node) for one in (_CUSTOMERS, _AGENTS)]
        return [row[0] for row in found[0]], [row[0] for row in found[1]]

    async def forget(self, node: int) -> None:
        await self._db.execute(delete(nodes).where(nodes.c.id == node))
