"""A wire that is cut at one exact byte: the next connection gets so many bytes through in one direction, then it is dead."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Literal, NoReturn

from tests.harness.listening import stop_listening

Way = Literal["up", "down"]
"""From the client to the server, and back."""
CHUNK = 65_536


@dataclass
class Cut:
    """Planned for one connection. `passed`: bytes that went `way` over it so far."""

    way: Way
    after: int
    passed: int = 0
    done: asyncio.Event = field(default_factory=asyncio.Event)


class CuttableWire:
    """A TCP proxy on the same event loop. Everything flows until a cut is planned."""

    def __init__(self, server_port: int) -> None:
        self._server_port = server_port
        self._next: Cut | None = None
        self._ends: set[asyncio.StreamWriter] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self.port = 0

    @classmethod
    @asynccontextmanager
    async def to(cls, server_port: int) -> AsyncIterator[CuttableWire]:
        wire = cls(server_port)
        listener = await asyncio.start_server(wire._accept, "127.0.0.1", 0)
        wire.port = listener.sockets[0].getsockname()[1]
        try:
            yield wire
        finally:
            await stop_listening(listener)
            wire.drop()
            for task in wire._tasks:
                task.cancel()
            await asyncio.gather(*wire._tasks, return_exceptions=True)

    def plan(self, way: Way, after: int) -> Cut:
        """The next connection ends once `after` bytes went that way (0: before the first)."""
        assert self._next is None, "there is a plan already"
        self._next = Cut(way, after)
        return self._next

    def drop(self) -> None:
        """End all connections now."""
        for end in self._ends:
            end.transport.abort()

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        cut, self._next = self._next, None
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        ends = {writer}
        self._ends |= ends
        try:
            there, back = await asyncio.open_connection("127.0.0.1", self._server_port)
            ends.add(back)
            self._ends |= ends
            await asyncio.gather(self._pump("up", reader, back, cut), self._pump("down", there, writer, cut))
        except OSError:
            pass  # one of the two has gone, or it was cut
        finally:
            self._tasks.discard(task)
            self._ends -= ends
            for end in ends:
                end.transport.abort()

    async def _pump(
        self, way: Way, source: asyncio.StreamReader, sink: asyncio.StreamWriter, cut: Cut | None
    ) -> None:
        mine = cut if cut is not None and cut.way == way else None
        while chunk := await source.read(CHUNK):
            if mine is not None:
                chunk = chunk[: mine.after - mine.passed]
                mine.passed += len(chunk)
            sink.write(chunk)
            with suppress(ConnectionError):
                await sink.drain()
            if mine is not None and mine.passed == mine.after:
                await self._cut(mine, sink)
        sink.write_eof()

    async def _cut(self, cut: Cut, sink: asyncio.StreamWriter) -> NoReturn:
        """An end for who waits for the rest, after exactly what was let through; a reset for who sends it."""
        sink.close()
        with suppress(ConnectionError):
            await sink.wait_closed()
        cut.done.set()
        raise ConnectionResetError
