"""Who serves: a row for each node, alive as long as it is written again and again. Who cannot write is no node."""

from __future__ import annotations

import hmac
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import bindparam, delete, func, insert, select, update

from chatserver.store.database import DatabaseUnusable
from chatserver.store.migrations.postgres import connected
from chatserver.store.portable import insert_or_not
from chatserver.store.postgres.clock import NOW
from chatserver.store.postgres.database import LONG_SECONDS, plain_url
from chatserver.store.postgres.unused import ALIVE_MS
from chatserver.store.rows import OPEN_LIVE
from chatserver.store.tables import agents, meta, nodes, tickets

if TYPE_CHECKING:
    from chatserver.store.postgres.database import PostgresDatabase

STARTING: Final = 0x73746172
"""Of PostgreSQL's advisory locks, the one of who starts: the first one after an outage puts things right for all."""

SIGNER: Final = "signer"
"""In `meta`: a mark of the secret by which the node signs that joined last."""

_ROWS = select(nodes.c.id, nodes.c.seen_at, nodes.c.url).order_by(nodes.c.id)
_OTHER_SECRET: Final = (
    "The nodes that serve this database sign with another CHATSERVER_SECRET. Set theirs here, or none where they have none. "
    f"For a new one stop them all first (one that was killed counts for {ALIVE_MS // 1000} s)."
)

_SIGNER = select(meta.c.value).where(meta.c.key == SIGNER)
_ALIVE = select(func.count()).where(nodes.c.seen_at > bindparam("since"))
_CUSTOMERS = select(tickets.c.id).where(
    OPEN_LIVE, tickets.c.node == bindparam("node"), tickets.c.gone_at.is_(None)
)
_AGENTS = select(agents.c.id).where(
    agents.c.node == bindparam("node"), agents.c.gone_at.is_(None), agents.c.disabled_at.is_(None)
)


class Nodes:
    """`services.nodes.Registry` on PostgreSQL. Instants are ms UTC of the database's clock. `url`: where this node is reached.
    `secret`: by which it signs, if not by the database's."""

    def __init__(self, db: PostgresDatabase, url: str = "", secret: str = "") -> None:
        self._db = db
        self._url = url
        self._mark = _mark(secret or db.secret)

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
        """A new node; from here on claims are its. Raises as `require_same_secret`, and leaves all as it is: within `starting`
        nobody else joins between that look and this commit. A node that served already ends then (`Database.outlived`)."""
        try:
            await self.require_same_secret(now)
        except DatabaseUnusable as refused:
            if self._db.node:
                self._db.outlive(str(refused))
            raise
        row = insert(nodes).values(started_at=now, seen_at=now, url=self._url).returning(nodes.c.id)
        signs = update(meta).where(meta.c.key == SIGNER).values(value=self._mark)
        ((node,),) = (await self._db.execute(row, insert_or_not(meta, key=SIGNER, value=self._mark), signs))[
            0
        ]
        self._db.serve_as(int(node))
        return int(node)

    async def require_same_secret(self, now: int) -> None:
        """Raises DatabaseUnusable while nodes live that sign by another secret than this process."""
        signer = await self._db.rows(_SIGNER)
        ((alive,),) = await self._db.rows(_ALIVE, since=now - ALIVE_MS)
        if alive and signer and signer[0][0] != self._mark:
            raise DatabaseUnusable(_OTHER_SECRET)

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


async def require_same_secret(url: str, secret: str) -> None:
    """`secret`: by which somebody is about to sign, if not by the database's. Raises DatabaseUnusable while nodes sign by another
    one: what these give to people, a session or the address of an answer, would be good for nothing at this one."""
    connection = await connected(plain_url(url))
    try:
        known = dict(
            await connection.fetch("SELECT key, value FROM meta WHERE key IN ('secret', $1)", SIGNER)
        )
        since = await connection.fetchval(NOW) - ALIVE_MS
        alive = await connection.fetchval("SELECT count(*) FROM nodes WHERE seen_at > $1", since)
    finally:
        await connection.close()
    if alive and SIGNER in known and known[SIGNER] != _mark(secret or known["secret"]):
        raise DatabaseUnusable(_OTHER_SECRET)


def _mark(secret: str) -> str:
    """It tells nothing of the secret, which is long."""
    return hmac.digest(secret.encode(), b"who signs", "sha256").hex()[:16]
