"""Our application for Starlette's TestClient: its plain ASGI WebSockets offer themselves as lines, as those of our server do."""

from __future__ import annotations

import asyncio
from typing import Any

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from chatserver.realtime.frames import Packet
from chatserver.realtime.line import LINE, Heard, Told


def with_lines(app: ASGIApp) -> ASGIApp:
    async def served(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "websocket":
            await app(scope, receive, send)
            return
        line = AsgiLine()
        scope.setdefault("extensions", {})[LINE] = line
        await app(scope, receive, send)
        if line.is_open:
            await line.carry(receive, send)

    return served


class AsgiLine:
    """Takes everything at once: a test client reads what it is sent."""

    address = ""

    def __init__(self) -> None:
        self.is_open = False
        self._out: asyncio.Queue[Message] = asyncio.Queue()
        self._reading = asyncio.Event()
        self._reading.set()
        self._heard: Heard = lambda text: None
        self._lost: Told = lambda: None

    def open(self, heard: Heard, writable: Told, lost: Told, alive: Told) -> None:
        self._heard, self._lost, self.is_open = heard, lost, True

    def write(self, packet: Packet) -> bool:
        self._out.put_nowait({"type": "websocket.send", "text": packet.body.decode()})
        return True

    def probe(self) -> None:
        """Nothing answers below the frames."""

    def pause(self) -> None:
        self._reading.clear()

    def resume(self) -> None:
        self._reading.set()

    def close(self, code: int) -> None:
        self.is_open = True
        self._out.put_nowait({"type": "websocket.close", "code": code})

    def abort(self) -> None:
        self.close(1006)

    async def carry(self, receive: Receive, send: Send) -> None:
        writing = asyncio.create_task(self._write(send))
        reading = asyncio.create_task(self._read(receive))
        await asyncio.wait({writing, reading}, return_when=asyncio.FIRST_COMPLETED)
        for task in (writing, reading):
            task.cancel()
        await asyncio.gather(writing, reading, return_exceptions=True)
        self._lost()

    async def _read(self, receive: Receive) -> None:
        while True:
            message: Any = await receive()
            if message["type"] == "websocket.disconnect":
                return
            await self._reading.wait()
            self._heard(message.get("text"))

    async def _write(self, send: Send) -> None:
        while True:
            message = await self._out.get()
            await send(message)
            if message["type"] == "websocket.close":
                return
