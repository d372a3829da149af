"""A piece of network before PostgreSQL that is cut exactly where a node's commit is on its way."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Literal

from tests.harness.listening import stop_listening

COMMIT = b"COMMIT\x00"
CHUNK = 65_536
Cut = Literal["before", "after"]


class CommitWire:
    """A TCP proxy on the same event loop. Everything flows until a cut is planned: the next commit then loses its connection
    before the server heard of it, or after the server has answered, whose answer is lost."""

    def __init__(self, server_port: int) -> None:
        self._server_port = server_port
        self._tasks: set[asyncio.Task[None]] = set()
        self._ends: set[asyncio.WriteTransport] = set()
        self.port = 0
        self.planned: Cut | None = None
        self.cuts = 0

    @classmethod
    @asynccontextmanager
    async def to(cls, server_port: int) -> AsyncIterator[CommitWire]:
        wire = cls(server_port)
        listener = await asyncio.start_server(wire._accept, "127.0.0.1", 0)
        wire.port = listener.sockets[0].getsockname()[1]
        try:
            yield wire
        finally:
            await stop_listening(listener)
            for end in wire._ends:
                end.abort()
            await asyncio.gather(*wire._tasks)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        there, back = await asyncio.open_connection("127.0.0.1", self._server_port)
        self._ends |= {writer.transport, back.transport}
        answers = asyncio.ensure_future(self._pass(there, writer))
        try:
            with suppress(OSError):
                while chunk := await reader.read(CHUNK):
                    if self.planned is not None and COMMIT in chunk:
                        await self._cut(chunk, answers, there, back)
                        return
                    back.write(chunk)
                    await back.drain()
        finally:
            answers.cancel()
            writer.transport.abort()
            back.transport.abort()
            self._ends -= {writer.transport, back.transport}
            await asyncio.gather(answers, return_exceptions=True)

    async def _cut(
        self,
        chunk: bytes,
        answers: asyncio.Task[None],
        there: asyncio.StreamReader,
        back: asyncio.StreamWriter,
    ) -> None:
        planned, self.planned = self.planned, None
        self.cuts += 1
        if planned == "after":
            answers.cancel()
            await asyncio.gather(answers, return_exceptions=True)
            back.write(chunk)
            assert await there.read(CHUNK)  # committed, and nobody will hear of it

    async def _pass(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            while chunk := await source.read(CHUNK):
                sink.write(chunk)
                await sink.drain()
        sink.transport.abort()
