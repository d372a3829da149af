"""What comes back is what was sent: the server's own protocol class under an endpoint without a word of its own.

`python -m tests.realtime.echo MAX_BYTES` serves until it is stopped, and prints its port.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import sys
from collections.abc import AsyncIterator
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.routing import WebSocketRoute

from chatserver.realtime.wire import MAX_FRAME_BYTES
from chatserver.server import config
from chatserver.settings import Settings
from tests.realtime.chat import until


class Echo:
    """An ASGI application."""

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        await receive()
        await send({"type": "websocket.accept"})
        while (message := await receive())["type"] == "websocket.receive":
            with contextlib.suppress(OSError):  # who closed meanwhile reads no echo
                await send({**message, "type": "websocket.send"})


@contextlib.asynccontextmanager
async def echoing(max_bytes: int = MAX_FRAME_BYTES) -> AsyncIterator[int]:
    """The port. Configured as the server is, but for the largest message."""
    settings = config(Starlette(routes=[WebSocketRoute("/", Echo())]), Settings())
    settings.ws_max_size = max_bytes
    listener = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(settings)
    running = asyncio.create_task(server.serve(sockets=[listener]))
    try:
        await until(lambda: server.started or running.done())
        yield listener.getsockname()[1]
    finally:
        server.should_exit = True
        await running


async def main(max_bytes: int) -> None:
    async with echoing(max_bytes) as port:
        print(port, flush=True)
        await asyncio.Event().wait()


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(main(int(sys.argv[1])))
