"""Connections to a SQLite file that only read, a thread each. The one used last is taken first: its pages are warm."""

from __future__ import annotations

import asyncio
import sqlite3
import urllib.parse
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import aiosqlite

READERS: Final = 6
"""Who comes later waits for one."""
WAIT_SECONDS: Final = 30.0
BUSY_MS: Final = 5_000


class Readers:
    """Opened as they are needed. SQLAlchemy's own pool does the same at twice the price of a read, and with 0.2 s of imports."""

    def __init__(self, path: Path) -> None:
        self._address = f"file:{urllib.parse.quote(str(path.absolute()))}?mode=ro"
        self._turn = asyncio.Semaphore(READERS)
        self._idle: list[aiosqlite.Connection] = []
        self._opening: set[asyncio.Task[aiosqlite.Connection]] = set()
        self._closed = False

    async def fetch(self, sql: str, values: Sequence[Any]) -> list[tuple[Any, ...]]:
        """All rows. Each statement sees everything that was committed before it began. Raises sqlite3.Error, and TimeoutError
        when none of the connections becomes free."""
        if self._turn.locked():
            async with asyncio.timeout(WAIT_SECONDS):
                await self._turn.acquire()
        else:
            await self._turn.acquire()
        try:
            connection = self._idle.pop() if self._idle else await self._open()
            given_up = True
            try:
                rows = await connection.execute_fetchall(sql, values)
                given_up = False
            except sqlite3.Error:
                given_up = False
                raise
            finally:
                await self._give_back(connection, busy=given_up)
            return rows  # type: ignore[return-value]  # plain ones, in a list
        finally:
            self._turn.release()

    async def close(self) -> None:
        """Harmless twice; who reads just now gets what was asked for."""
        self._closed = True
        await asyncio.gather(*self._opening, return_exceptions=True)
        while self._idle:
            await self._idle.pop().close()

    async def _give_back(self, connection: aiosqlite.Connection, *, busy: bool) -> None:
        if self._closed:
            await connection.close()
        elif busy:  # its caller has given up, the statement may go on: to be taken last
            self._idle.insert(0, connection)
        else:
            self._idle.append(connection)

    async def _open(self) -> aiosqlite.Connection:
        """Whose caller gives up meanwhile leaves it to the next: a connection on its way has a thread, and nobody else to close
        it."""
        if self._closed:
            raise sqlite3.ProgrammingError("the database is closed")
        opening = asyncio.create_task(self._opened())
        self._opening.add(opening)
        opening.add_done_callback(self._opening.discard)
        try:
            return await asyncio.shield(opening)
        except asyncio.CancelledError:
            opening.add_done_callback(self._keep)
            raise

    def _keep(self, opening: asyncio.Task[aiosqlite.Connection]) -> None:
        if not opening.cancelled() and opening.exception() is None:
            self._idle.append(opening.result())

    async def _opened(self) -> aiosqlite.Connection:
        opening = aiosqlite.connect(
            self._address, uri=True, isolation_level=None, cached_statements=256, timeout=BUSY_MS / 1000
        )
        opening._thread.daemon = True  # a process that is told to end at once does not wait for a read
        connection = await opening
        try:
            await connection.execute_fetchall("PRAGMA query_only=ON")
            await connection.execute_fetchall("PRAGMA wal_autocheckpoint=0")
        except BaseException:
            await connection.close()
            raise
        return connection
