"""The database of one server on SQLite: one connection that writes in groups, a pool of others that only read."""

from __future__ import annotations

import asyncio
import logging
import os
import sqlite3
from collections.abc import Callable
from functools import cache, lru_cache
from pathlib import Path
from typing import Any, Final, Self

import msgspec
from sqlalchemy import Executable
from sqlalchemy.dialects import sqlite

from chatserver.metrics import Metrics
from chatserver.store.base import Committed
from chatserver.store.database import Database, Reader, first_meta
from chatserver.store.migrations.sqlite import migrate, require_current
from chatserver.store.sqlite.lock import Lock
from chatserver.store.sqlite.readers import Readers
from chatserver.store.sqlite.writer import SqliteWriter
from chatserver.telemetry import Traced, untraced

log = logging.getLogger(__name__)

BUSY_SECONDS: Final = 5
LOG_BYTES: Final = 64 * 2**20
"""The write-ahead log is cut back to this size when it begins anew."""
CACHE_KIB: Final = 32 * 1024
"""Pages of open tickets that the writing connection keeps at most; taken as needed."""
_DIALECT: Final = sqlite.dialect()
_encode: Final = msgspec.json.Encoder().encode


async def look(where: Path | str) -> Reader:
    """See `Reader.look`; sqlite3.Error and OSError as they come."""
    path = _path(where)
    await asyncio.to_thread(require_current, path)
    return _Looker(Readers(path))


_PASSING: Final = frozenset(
    {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_FULL, sqlite3.SQLITE_CANTOPEN}
)
"""Of a question that is asked as it should be; further bits of an error's code say more of each."""


class SqliteDatabase(Database):
    """Open with `Database.open`."""

    _writer: SqliteWriter

    def __init__(
        self,
        writer: SqliteWriter,
        clock: Callable[[], int],
        meta: dict[str, str],
        readers: Readers,
        lock: Lock,
    ) -> None:
        super().__init__(writer, clock, meta)
        self._readers = readers
        self._lock = lock

    @classmethod
    async def opened(
        cls,
        where: Path | str,
        *,
        clock: Callable[[], int],
        committed: Committed,
        metrics: Metrics | None = None,
        traced: Traced = untraced,
    ) -> Self:
        """See `Database.open`; sqlite3.Error and OSError as they come. `clock` is called in the writing thread."""
        path = _path(where)
        lock = await asyncio.to_thread(_claim, path)
        try:
            connection, meta = await asyncio.to_thread(_prepare, path, clock())
        except BaseException:
            lock.release()
            raise
        loop = asyncio.get_running_loop()
        writer = traced(SqliteWriter)(connection, loop, clock, committed, metrics or Metrics())
        return cls(writer, clock, meta, Readers(path), lock)

    async def close(self) -> None:
        """Commit what waits, then close. Harmless twice."""
        await self._writer.finish()
        await self._readers.close()
        await asyncio.to_thread(self._writer.close)
        self._lock.release()

    async def rows(self, statement: Executable, **values: Any) -> list[Any]:
        """See `Reader`. Raises sqlite3.Error."""
        with self._outage:
            return await _rows(self._readers, statement, values)

    @staticmethod
    def is_away(problem: BaseException) -> bool:
        """See `Database.is_away`: the disk does not do what it should, or somebody else holds the file."""
        return isinstance(problem, TimeoutError) or (
            # What Python itself says of a connection has no code.
            isinstance(problem, sqlite3.OperationalError)
            and getattr(problem, "sqlite_errorcode", 0) & 0xFF in _PASSING
        )

    def _compiled(self, statement: Any) -> tuple[str, tuple[Any, ...]]:
        return compiled(statement)


class _Looker(Reader):
    def __init__(self, readers: Readers) -> None:
        self._readers = readers

    async def close(self) -> None:
        await self._readers.close()

    async def rows(self, statement: Executable, **values: Any) -> list[Any]:
        return await _rows(self._readers, statement, values)


async def _rows(readers: Readers, statement: Executable, values: dict[str, Any]) -> list[Any]:
    sql, given = constant(statement)
    return await readers.fetch(sql, [plain(values.get(name, value)) for name, value in given])


def plain(value: Any) -> Any:
    """Lists travel as one JSON text (`json_each`)."""
    return _encode(value).decode() if isinstance(value, list) else value


@lru_cache(maxsize=256)
def constant(statement: Any) -> tuple[str, list[tuple[str, Any]]]:
    """The SQL of a statement, and its parameters in order: name and the value that stands in the statement, if one does."""
    compiled = statement.compile(dialect=_DIALECT)
    return str(compiled), [(name, compiled.binds[name].value) for name in compiled.positiontup or ()]


def compiled(statement: Any) -> tuple[str, tuple[Any, ...]]:
    """The SQL of a statement that is run once, and its values in order."""
    made = statement.compile(dialect=_DIALECT, compile_kwargs={"render_postcompile": True})
    values = made.construct_params()
    return str(made), tuple(plain(values[name]) for name in made.positiontup or ())


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
    first = first_meta(now)
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
        "the commands of chatserver may be used while it serves; with this SQLite (%s, before 3.51.3) no other program may write "
        "to the database meanwhile",
        sqlite3.sqlite_version,
    )


def has_wal_reset_bug(version: tuple[int, ...]) -> bool:
    """Whether two connections that write or checkpoint can corrupt a WAL database in this version of SQLite."""
    fixed = version >= (3, 51, 3) or (3, 50, 7) <= version < (3, 51) or (3, 44, 6) <= version < (3, 45)
    return version >= (3, 7, 0) and not fixed
