"""The database of one node on PostgreSQL: one connection that writes in groups, a pool of others that only read."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager, suppress
from functools import lru_cache
from typing import Any, Final, Self

import asyncpg
from sqlalchemy import Executable

from chatserver.core.policy import Policy
from chatserver.core.tickets import Ticket
from chatserver.metrics import Metrics
from chatserver.store import interruptions
from chatserver.store.base import Committed, StoreEnded
from chatserver.store.database import Database, Reader, first_meta
from chatserver.store.migrations.postgres import migrate, require_current
from chatserver.store.postgres.clock import SharedClock
from chatserver.store.postgres.patience import LOCK_MS
from chatserver.store.postgres.statements import DIALECT
from chatserver.store.postgres.upgrading import put_right
from chatserver.store.postgres.writer import PostgresWriter
from chatserver.telemetry import Traced, untraced

log = logging.getLogger(__name__)

put_right()

READERS: Final = 6
"""Reading connections of a node; who comes later waits for one."""
CONNECT_SECONDS: Final = 3.0
COMMAND_SECONDS: Final = 8.0
"""A statement that takes longer than this has met a server that hangs: the connection is given up."""
LONG_SECONDS: Final = 300.0
"""The same at a start after an outage, of what touches all open chats."""
ABANDONED_MS: Final = 5_000
"""A node that is frozen in the middle of a transaction loses it, and the locks with it."""
WAIT_SECONDS: Final = 5.0
"""For a reading connection, while others have them all."""

# The database notices within half a minute that a node vanished, and lets go of its locks.
_ALIVE: Final = {"tcp_keepalives_idle": "5", "tcp_keepalives_interval": "2"}
# A connection ended under a question.
_CUT: Final = (
    ConnectionError,
    asyncpg.PostgresConnectionError,
    asyncpg.AdminShutdownError,
    asyncpg.InternalClientError,  # its end was not noticed yet
)

# And whatever else is said by a server that is not there, or not yet, or has no room.
_AWAY: Final = (
    *_CUT,
    OSError,  # TimeoutError among them
    asyncpg.OperatorInterventionError,
    asyncpg.InsufficientResourcesError,
)

# Each statement is meant for one index, with ten rows and with ten million: bitmaps would combine it with the index of all open
# chats. What has none is small, but counts as dear then: not a reason to compile it.
_BY_INDEX: Final = {
    "enable_seqscan": "off",
    "enable_bitmapscan": "off",
    "enable_hashjoin": "off",
    "enable_mergejoin": "off",
    "jit": "off",
}

_WRITING: Final = {
    **_ALIVE,
    **_BY_INDEX,
    "synchronous_commit": "on",
    "lock_timeout": str(LOCK_MS),
    "idle_in_transaction_session_timeout": str(ABANDONED_MS),
    "plan_cache_mode": "force_generic_plan",
}
_READING: Final = {**_ALIVE, **_BY_INDEX, "default_transaction_read_only": "on"}


class PostgresDatabase(Database):
    """Open with `Database.open`."""

    _writer: PostgresWriter

    def __init__(
        self, writer: PostgresWriter, clock: Callable[[], int], meta: dict[str, str], pool: Any, dsn: str
    ) -> None:
        super().__init__(writer, clock, meta)
        self._pool = pool
        self._dsn = dsn
        self._keeping = (
            asyncio.create_task(clock.keep(pool.acquire)) if isinstance(clock, SharedClock) else None
        )

    @classmethod
    async def opened(
        cls,
        url: str,
        *,
        clock: Callable[[], int] | None = None,
        committed: Committed,
        metrics: Metrics | None = None,
        traced: Traced = untraced,
        doubtful: Callable[[], None] = lambda: None,
    ) -> Self:
        """See `Database.open`. `doubtful`: see `PostgresWriter`."""
        dsn = plain_url(url)
        await migrate(dsn)
        shared = SharedClock()
        now = clock or shared

        connection = await _connect(dsn, _WRITING)
        with _given_up_with(connection):
            await shared.ask(connection)
            meta = await _meta(connection, now())
            pool = await _readers(dsn)

        async def connect_again() -> Any:
            connection = await _connect(dsn, _WRITING)
            with _given_up_with(connection):
                await db.require_epoch(connection)
                await shared.ask(connection)
            return connection

        made = traced(PostgresWriter)
        writer = made(connection, connect_again, now, committed, metrics or Metrics(), doubtful)
        db = cls(writer, now, meta, pool, dsn)
        return db

    async def require_epoch(self, connection: Any) -> None:
        """Asked of each connection that is going to write and was not there when the database was opened. Raises StoreEnded."""
        if await connection.fetchval("SELECT value FROM meta WHERE key = 'epoch'") != self.epoch:
            self.outlive("the database is of another epoch than when this process began")
            raise StoreEnded("the database is of another epoch")

    def outlive(self, why: str) -> None:
        """This process can serve it no more, for this reason: see `Database.outlived`. Harmless twice."""
        self._writer.outlive(why)

    async def close(self) -> None:
        """Commit what waits, then close. Harmless twice."""
        if self._keeping is not None:
            self._keeping.cancel()
        reading = asyncio.ensure_future(_close(self._pool))
        await self._writer.finish()
        await reading

    async def rows(self, statement: Executable, **values: Any) -> list[Any]:
        """See `Reader`. Raises what asyncpg raises, TimeoutError and OSError."""
        with self._outage:
            return await _rows(self._pool, statement, values)

    @staticmethod
    def is_away(problem: BaseException) -> bool:
        """See `Database.is_away`."""
        return isinstance(problem, _AWAY)

    async def all_gone(self, app_ids: Collection[int], policy: Policy, now: int) -> None:
        """See `store.base.Store`. By a connection of its own: with 100,000 open chats it takes longer than others may."""
        connection = await _connect(self._dsn, _WRITING, LONG_SECONDS)
        try:
            await self.require_epoch(connection)
            async with connection.transaction():
                for statement in interruptions.all_gone(app_ids, policy, now):
                    sql, values = compiled(statement)
                    await connection.execute(sql, *values)
        finally:
            connection.terminate()

    def tell_doubts(self, doubtful: Callable[[], None]) -> None:
        """See `Database.tell_doubts`."""
        self._writer.doubtful = doubtful

    def go_by(self, known: Callable[[int], Ticket | None]) -> None:
        """See `Database.go_by`."""
        self._writer.known = known

    @property
    def node(self) -> int:
        return self._writer.node

    @property
    def readers(self) -> tuple[int, int]:
        size, idle = self._pool.get_size(), self._pool.get_idle_size()
        return size - idle, idle

    def session(self) -> Any:
        """A connection of the readers' for a while, as `async with`."""
        return self._pool.acquire()

    async def local_address(self) -> str:
        """Of this machine, as it is on the way to the database; loopback where that is a Unix socket."""
        async with self._pool.acquire(timeout=WAIT_SECONDS) as connection:
            name = connection._transport.get_extra_info("sockname")
        return str(name[0]) if isinstance(name, tuple) else "127.0.0.1"

    def serve_as(self, node: int) -> None:
        """From here on what this node claims is this node's (`nodes.py`)."""
        self._writer.node = node

    def _compiled(self, statement: Any) -> tuple[str, tuple[Any, ...]]:
        return compiled(statement)


async def look(url: str) -> Reader:
    """See `Reader.look`."""
    dsn = plain_url(url)
    await require_current(dsn)
    return _Looker(await _readers(dsn))


class _Looker(Reader):
    def __init__(self, pool: Any) -> None:
        self._pool = pool

    async def close(self) -> None:
        await _close(self._pool)

    async def rows(self, statement: Executable, **values: Any) -> list[Any]:
        return await _rows(self._pool, statement, values)


async def _rows(pool: Any, statement: Executable, values: dict[str, Any]) -> list[Any]:
    sql, given = constant(statement)
    arguments = [values.get(name, value) for name, value in given]
    # A question may be asked again: all of the connections may have ended while they were idle.
    for left in range(READERS, -1, -1):
        async with pool.acquire(timeout=WAIT_SECONDS) as connection:
            try:
                return list(await connection.fetch(sql, *arguments))
            except _CUT:
                with suppress(asyncpg.InterfaceError):  # it noticed by now
                    connection.terminate()  # else the pool would hand it out again
                if not left:
                    raise
    raise AssertionError("unreachable")


@lru_cache(maxsize=256)
def constant(statement: Any) -> tuple[str, list[tuple[str, Any]]]:
    """The SQL of a statement, and its parameters in order: name and the value that stands in the statement, if one does."""
    made = statement.compile(dialect=DIALECT)
    return str(made), [(name, made.binds[name].value) for name in made.positiontup or ()]


def compiled(statement: Any) -> tuple[str, tuple[Any, ...]]:
    """The SQL of a statement that is run once, and its values in order."""
    made = statement.compile(dialect=DIALECT, compile_kwargs={"render_postcompile": True})
    values = made.construct_params()
    return str(made), tuple(values[name] for name in made.positiontup or ())


def plain_url(url: str) -> str:
    """As asyncpg takes it: `postgres://` and `postgresql+asyncpg://` mean the same."""
    scheme, _, rest = url.partition("://")
    if scheme.partition("+")[0] not in ("postgres", "postgresql"):
        raise ValueError(f"Not a database we know: {scheme}://…")
    return f"postgresql://{rest}"


async def _connect(dsn: str, settings: dict[str, str], patience: float | None = None) -> Any:
    """`patience`: seconds that a statement may take, if more than others."""
    return await asyncpg.connect(
        dsn,
        timeout=CONNECT_SECONDS,
        command_timeout=patience or COMMAND_SECONDS,
        server_settings={"application_name": "chatserver", **settings},
        target_session_attrs="read-write",
    )


async def _readers(dsn: str) -> Any:
    return await asyncpg.create_pool(
        dsn,
        min_size=0,  # with more asyncpg tries to restore them while there is no server, and logs each try
        max_size=READERS,
        timeout=CONNECT_SECONDS,
        command_timeout=COMMAND_SECONDS,
        server_settings={"application_name": "chatserver", **_READING},
        reset=_nothing,
    )


async def _nothing(connection: Any) -> None:
    """Each SELECT is a transaction of its own: there is nothing to reset."""


async def _close(pool: Any) -> None:
    try:
        async with asyncio.timeout(2):
            await pool.close()
    except Exception:
        pool.terminate()


@contextmanager
def _given_up_with(connection: Any) -> Iterator[None]:
    """It ends when what is done first with it fails."""
    try:
        yield
    except BaseException:
        connection.terminate()
        raise


async def _meta(connection: Any, now: int) -> dict[str, str]:
    await connection.executemany(
        "INSERT INTO meta (key, value) VALUES ($1, $2) ON CONFLICT DO NOTHING", list(first_meta(now).items())
    )
    return {row[0]: row[1] for row in await connection.fetch("SELECT key, value FROM meta")}
