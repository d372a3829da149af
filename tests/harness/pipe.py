"""A TCP connection that can be held up or eaten in one direction, while both ends believe that all is well."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Literal

from tests.harness.listening import stop_listening

Direction = Literal["up", "down"]
"""From the client to the server, and back."""


class Pipe:
    """What `hold` keeps comes late after `release`; what arrives while it `swallow`s is gone for good."""

    def __init__(self, target: int) -> None:
        self.port = 0
        self._target = target
        self._eaten: set[Direction] = set()
        self._flowing = {"up": asyncio.Event(), "down": asyncio.Event()}
        self._tasks: set[asyncio.Task[None]] = set()
        self.release()

    def hold(self) -> None:
        for flowing in self._flowing.values():
            flowing.clear()

    def release(self) -> None:
        for flowing in self._flowing.values():
            flowing.set()

    def swallow(self, *directions: Direction) -> None:
        """From now on; none of them: everything passes again."""
        self._eaten = set(directions)

    async def accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        back = None
        try:
            there, back = await asyncio.open_connection("127.0.0.1", self._target)
            await asyncio.gather(self._pump("up", reader, back), self._pump("down", there, writer))
        except (OSError, asyncio.CancelledError):
            pass  # nobody is there, one end is gone, or the test is over
        finally:
            self._tasks.discard(task)
            writer.transport.abort()
            if back is not None:
                back.transport.abort()

    async def _pump(self, way: Direction, source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        while piece := await source.read(65_536):
            await self._flowing[way].wait()
            if way not in self._eaten:
                sink.write(piece)
                await sink.drain()
        await self._flowing[way].wait()
        if way not in self._eaten:  # the end is swallowed too: this is what half open means
            with suppress(OSError, RuntimeError):
                sink.write_eof()

    async def close(self) -> None:
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


@asynccontextmanager
async def pipe_to(port: int) -> AsyncIterator[Pipe]:
    pipe = Pipe(port)
    server = await asyncio.start_server(pipe.accept, "127.0.0.1", 0)
    pipe.port = server.sockets[0].getsockname()[1]
    try:
        yield pipe
    finally:
        await stop_listening(server)
        await pipe.close()
