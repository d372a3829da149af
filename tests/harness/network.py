"""A piece of network between one browser and the server that can be cut, stalled and repaired.

It speaks as an HTTP proxy, so the pages keep their addresses and origins: a browser sends plain requests in absolute form and
opens tunnels (CONNECT) for WebSockets. Its event loop runs in a thread of its own, beside Playwright's.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Coroutine
from contextlib import suppress
from typing import Any, TypeVar
from urllib.parse import urlsplit

from tests.harness.listening import stop_listening

HEAD_LIMIT = 65_536
CHUNK = 65_536
QUIET_TURNS = 5
Result = TypeVar("Result")


class Network:
    """Up at first. `cut` ends every connection and refuses new ones; `stall` lets nothing through and tells nobody."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._flowing = asyncio.Event()
        self._up = True
        self._sockets = True
        self._patient = False
        self._writers: set[asyncio.StreamWriter] = set()
        self._thread = threading.Thread(target=self._loop.run_forever, name="network", daemon=True)
        self._thread.start()
        self._server = self._call(asyncio.start_server(self._accept, "127.0.0.1", 0, limit=HEAD_LIMIT))
        self._loop.call_soon_threadsafe(self._flowing.set)

    @property
    def proxy(self) -> str:
        """What a browser is told to use."""
        return f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"

    def cut(self) -> None:
        """The cable is out: both sides notice at once."""
        self._call(self._cut())

    def stall(self) -> None:
        """Half open: connections stay, nothing arrives any more, new ones get no answer."""
        self._loop.call_soon_threadsafe(self._flowing.clear)

    def block_websockets(self) -> None:
        """From now on no tunnel is opened, as by proxies that know plain requests only."""
        self._sockets = False

    def hold_answers_back(self) -> None:
        """From now on an answer is passed on once it is whole, as by proxies that look into it first: a stream never is."""
        self._patient = True

    def repair(self) -> None:
        """Everything flows again; what was under way in a stall arrives late."""
        self._call(self._repair())

    def close(self) -> None:
        self._call(self._close())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    async def _cut(self) -> None:
        self._up = False
        for writer in self._writers:
            writer.transport.abort()

    async def _repair(self) -> None:
        self._up = True
        self._flowing.set()

    async def _close(self) -> None:
        await stop_listening(self._server)
        self._flowing.set()
        # None is cancelled: one that has not begun yet would leave its connection open. One that was aborted is closed a turn
        # of the loop later: quiet is when it stays so.
        quiet = 0
        while quiet < QUIET_TURNS:
            await self._cut()
            others = asyncio.all_tasks() - {asyncio.current_task()}
            if others:
                await asyncio.wait(others, timeout=0.1)
            quiet = 0 if others else quiet + 1
            await asyncio.sleep(0.005)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.add(writer)
        try:
            if self._up:
                await self._flowing.wait()
                await self._serve(reader, writer)
        except (OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass  # the test cut it, or the browser left
        finally:
            self._writers.discard(writer)
            writer.transport.abort()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        line, _, rest = head.partition(b"\r\n")
        method, target, version = line.split(b" ", 2)
        if method == b"CONNECT" and not self._sockets:
            writer.write(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
            await writer.drain()
            return
        if method == b"CONNECT":
            host, _, port = target.decode().rpartition(":")
            greeting = b""
        else:
            parts = urlsplit(target.decode())
            host, port = parts.hostname or "", str(parts.port or 80)
            path = parts.path + (f"?{parts.query}" if parts.query else "")
            # One request per connection: the next one may be for another host.
            headers = [
                h for h in rest.split(b"\r\n") if h and not h.lower().startswith((b"connection:", b"proxy-"))
            ]
            greeting = b" ".join([method, path.encode(), version]) + b"\r\n"
            greeting += b"\r\n".join([*headers, b"Connection: close"]) + b"\r\n\r\n"
        try:
            # Both of the server's names are this machine; the demo listens on one address.
            there, back = await asyncio.open_connection(
                "127.0.0.1" if host == "localhost" else host, int(port)
            )
        except OSError:
            writer.write(b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
            await writer.drain()
            return
        self._writers.add(back)
        if method == b"CONNECT":
            writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
        back.write(greeting)
        try:
            await asyncio.gather(
                self._pump(reader, back),
                self._pump(there, writer, whole=self._patient and method != b"CONNECT"),
            )
        finally:
            self._writers.discard(back)
            back.transport.abort()

    async def _pump(
        self, source: asyncio.StreamReader, sink: asyncio.StreamWriter, *, whole: bool = False
    ) -> None:
        while chunk := await source.read(-1 if whole else CHUNK):
            await self._flowing.wait()
            sink.write(chunk)
            await sink.drain()
        with suppress(OSError, RuntimeError):
            sink.write_eof()

    def _call(self, work: Coroutine[Any, Any, Result]) -> Result:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(timeout=10)
