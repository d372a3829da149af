"""The database of one server on SQLite: one connection that writes in groups, a pool of others that only read."""

from __future__ import annotations

import asyncio
import logging
import os
import secrets
import sqlite3
import urllib.parse
from collections.abc import Callable, Collection
from functools import cache, lru_cache, partial
from pathlib import Path
from typing import Any, Final, TypeVar

from sqlalchemy import URL, Executable, event
from sqlalchemy.dialects import sqlite
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from chatserver.core.policy import Policy
from chatserver.metrics import Metrics
from chatserver.store import interruptions, tables
from chatserver.store.base import Committed, Done
from chatserver.store.lock import DatabaseInUse, Lock
from chatserver.store.migrations import DatabaseNotReady, DatabaseTooNew, migrate, require_current
from chatserver.store.work import Needs, World
from chatserver.store.writer import Statements, UseCase, Writer

__all__ = ["Database", "DatabaseInUse", "DatabaseNotReady", "DatabaseTooNew", "Reader"]

R = TypeVar("R")
log = logging.getLogger(__name__)

READERS: Final = 6
"""Reading connections, a thread each; who comes later waits for one."""
BUSY_SECONDS: Final = 5
LOG_BYTES: Final = 64 * 2**20
"""The write-ahead log is cut back to this size when it begins anew."""
CACHE_KIB: Final = 32 * 1024
"""Pages of open tickets that the writing connection keeps at most; taken as needed."""
_DIALECT: Final = sqlite.dialect()
_ASIDE: Final = {tables.meta, tables.sessions, tables.used_tokens}
"""Tables of which nothing goes into a ticket as the writer keeps it."""


class Reader:
    """Reading connections to a SQLite file; `Reader.look` for whoever only looks, also beside the server that writes it."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    @classmethod
    async def look(cls, where: Path | str) -> Reader:
        """`where` as for `Database.open`. Nothing is made or upgraded: raises DatabaseNotReady and DatabaseTooNew (sentences
        for the operator), sqlite3.Error and OSError as they come."""
        path = _path(where)
        await asyncio.to_thread(require_current, path)
        return Reader(_readers(path))

    async def close(self) -> None:
        """Harmless twice."""
        await self._engine.dispose()

    def read(self) -> AsyncConnection:
        """A reading connection, for `async with`. Each statement sees everything that was committed before it began."""
        return self._engine.connect()

    async def rows(self, statement: Executable, **values: Any) -> list[tuple[Any, ...]]:
        """All rows of one SELECT, with `values` for its `bindparam`s. Meant for constants of a module: those are compiled once,
        and then only SQLAlchemy's pool is in the way, not its execution (0.1 ms instead of 1). Raises sqlite3.Error."""
        sql, given = constant(statement)
        connection = await self._engine.raw_connection()
        try:
            driver: Any = connection.driver_connection
            rows = await driver.execute_fetchall(sql, [values.get(name, value) for name, value in given])
            return list(rows)
        finally:
            connection.close()


class Database(Reader):
    """Open with `Database.open`; implements `store.base.Store`. Reads are in tickets.py, items.py and people.py."""

    def __init__(self, writer: Writer, engine: AsyncEngine, lock: Lock, meta: dict[str, str]) -> None:
        super().__init__(engine)
        self._writer = writer
        self._lock = lock
        self._loop = asyncio.get_running_loop()
        self._meta = meta

    @classmethod
    async def open(
        cls,
        where: Path | str,
        *,
        clock: Callable[[], int],
        committed: Committed,
        metrics: Metrics | None = None,
    ) -> Database:
        """Open the SQLite file at `where` (a path, or a `sqlite:///` URL), created or upgraded as needed.

        `clock`: the time in ms UTC, called in the writing thread. `committed`: see `store.base`. `metrics`: counts commits.

        Raises DatabaseInUse and DatabaseTooNew (sentences for the operator), ValueError for any other URL, sqlite3.Error and
        OSError as they come.
        """
        path = _path(where)
        lock = await asyncio.to_thread(_claim, path)
        try:
            connection, meta = await asyncio.to_thread(_prepare, path, clock())
        except BaseException:
            lock.release()
            raise
        writer = Writer(connection, asyncio.get_running_loop(), clock, committed, metrics or Metrics())
        return cls(writer, _readers(path), lock, meta)

    async def close(self) -> None:
        """Commit what waits, then close. Harmless twice."""
        await self._writer.finish()
        await super().close()
        await asyncio.to_thread(self._writer.close)
        self._lock.release()

    @property
    def epoch(self) -> str:
        """See `store.base.Store`."""
        return self._meta["epoch"]

    @property
    def secret(self) -> str:
        """32 random bytes in hex, made with the database: signs tokens where no other secret is configured."""
        return self._meta["secret"]

    async def write(self, needs: Needs, decide: Callable[[World, int], R]) -> R:
        """See `store.base.Store`. Should a neighbour in the group break the store's rules (a bug), `decide` runs again in a
        group of its own: it must not keep anything outside the world."""
        future: asyncio.Future[R] = self._loop.create_future()
        self._writer.submit(UseCase(needs, decide, partial(_answer, future)))
        return await future

    def submit(self, needs: Needs, decide: Callable[[World, int], Any], done: Done) -> None:
        """See `store.base.Store`, and `write` of what `decide` must not do."""
        self._writer.submit(UseCase(needs, decide, done))

    async def all_gone(self, app_ids: Collection[int], policy: Policy, now: int) -> None:
        """See `store.base.Store`."""
        await self.execute(*interruptions.all_gone(app_ids, policy, now))

    async def execute(self, *statements: Executable) -> list[Any]:
        """Run Core statements for rare rows (apps, agents, sessions …) in one transaction of their own, all or nothing.

        Returns for each its rows (list of tuples, also of RETURNING) or else the number of rows it changed. Raises as `write`
        does; a violated constraint is a StoreFailed whose `__cause__` is sqlite3.IntegrityError.
        """
        future: asyncio.Future[list[Any]] = self._loop.create_future()
        aside = all(getattr(s, "table", None) in _ASIDE for s in statements)
        compiled = [_compiled(s) for s in statements]
        self._writer.submit(Statements(compiled, partial(_answer, future), aside=aside))
        return await future


def _answer(future: asyncio.Future[Any], result: Any, problem: BaseException | None) -> None:
    if future.done():  # its caller was cancelled meanwhile
        return
    if problem is None:
        future.set_result(result)
    else:
        future.set_exception(problem)


@lru_cache(maxsize=256)
def constant(statement: Any) -> tuple[str, list[tuple[str, Any]]]:
    """The SQL of a statement, and its parameters in order: name and the value that stands in the statement, if one does."""
    compiled = statement.compile(dialect=_DIALECT)
    return str(compiled), [(name, compiled.binds[name].value) for name in compiled.positiontup or ()]


def _path(where: Path | str) -> Path:
    if isinstance(where, Path):
        return where
    for scheme in ("sqlite+aiosqlite:///", "sqlite:///"):
        if where.startswith(scheme):
            return Path(where.removeprefix(scheme))
    if "://" in where:
        raise ValueError(f"Not a database we know: {where.partition('://')[0]}://… (sqlite:///path is)")
    return Path(where)


def _claim(path: Path) -> Lock:
    """Nobody but the server's user may read what customers wrote: SQLite gives -wal and -shm the mode of the file."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    lock = Lock(path)
    os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
    return lock


def _prepare(path: Path, now: int) -> tuple[sqlite3.Connection, dict[str, str]]:
    if has_wal_reset_bug(sqlite3.sqlite_version_info):
        _advise()
    migrate(path)
    connection = sqlite3.connect(
        path,
        timeout=BUSY_SECONDS,
        isolation_level=None,
        check_same_thread=False,  # opened here, from then on used by the writing thread alone
        cached_statements=256,
    )
    connection.execute("PRAGMA journal_mode=WAL").fetchall()
    connection.execute("PRAGMA synchronous=FULL")
    connection.execute("PRAGMA foreign_keys=ON")
    connection.execute("PRAGMA wal_autocheckpoint=0").fetchall()
    connection.execute(f"PRAGMA journal_size_limit={LOG_BYTES}").fetchall()
    connection.execute(f"PRAGMA cache_size=-{CACHE_KIB}")
    first = {"epoch": secrets.token_urlsafe(12), "secret": secrets.token_hex(32), "created_at": str(now)}
    missing = set(first) - {row[0] for row in connection.execute("SELECT key FROM meta")}
    if missing:
        connection.execute("BEGIN IMMEDIATE")
        connection.executemany(
            "INSERT INTO meta (key, value) VALUES (?, ?)", [(k, first[k]) for k in missing]
        )
        connection.execute("COMMIT")
    return connection, dict(connection.execute("SELECT key, value FROM meta").fetchall())


@cache
def _advise() -> None:
    """Once per process: `demo` opens the database twice."""
    log.info(
        "SQLite %s is fine for one writing program: let no other one write to this database while the server runs "
        "(from 3.51.3 on two may)",
        sqlite3.sqlite_version,
    )


def has_wal_reset_bug(version: tuple[int, ...]) -> bool:
    """Whether two connections that write or checkpoint can corrupt a WAL database in this version of SQLite."""
    fixed = version >= (3, 51, 3) or (3, 50, 7) <= version < (3, 51) or (3, 44, 6) <= version < (3, 45)
    return version >= (3, 7, 0) and not fixed


def _readers(path: Path) -> AsyncEngine:
    address = f"file:{urllib.parse.quote(str(path.absolute()))}"
    engine = create_async_engine(
        URL.create("sqlite+aiosqlite", database=address, query={"mode": "ro", "uri": "true"}),
        pool_size=READERS,
        max_overflow=0,
        pool_reset_on_return=None,  # each SELECT is a transaction of its own: there is nothing to reset
        isolation_level="AUTOCOMMIT",
    )

    @event.listens_for(engine.sync_engine, "connect")
    def _only_read(connection: Any, _record: object) -> None:
        cursor = connection.cursor()
        cursor.execute("PRAGMA query_only=ON")
        cursor.execute("PRAGMA wal_autocheckpoint=0")
        cursor.execute(f"PRAGMA busy_timeout={BUSY_SECONDS * 1000}")
        cursor.close()

    return engine


def _compiled(statement: Any) -> tuple[str, tuple[Any, ...]]:
    compiled = statement.compile(dialect=_DIALECT, compile_kwargs={"render_postcompile": True})
    values = compiled.construct_params()
    return str(compiled), tuple(values[name] for name in compiled.positiontup or ())
