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

from chatserver.realtime.frames import packed
from chatserver.realtime.line import LINE, Line
from chatserver.realtime.wire import MAX_FRAME_BYTES
from chatserver.server.serving import config
from chatserver.server.sockets import SocketProtocol
from chatserver.settings import Settings
from tests.realtime.chat import until


class Echo:
    """An ASGI application. A line says of a binary message only that there was one: so does this."""

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        await receive()
        await send({"type": "websocket.accept"})
        line: Line = scope["extensions"][LINE]

        def heard(text: str | None) -> None:
            if not line.write(packed((text if text is not None else "binary").encode())):
                line.pause()

        line.open(heard, line.resume, lambda: None, lambda: None)


class BinaryToo(SocketProtocol):
    """For the Autobahn suite, which wants binary messages back."""

    def send_receive_event_to_app(self) -> None:
        if self.curr_msg_data_type == "bytes" and not self.close_sent:
            data, self.frames = b"".join(self.frames), []
            self.conn.send_binary(data)
            self.transport.write(b"".join(self.conn.data_to_send()))
        else:
            super().send_receive_event_to_app()


@contextlib.asynccontextmanager
async def echoing(
    max_bytes: int = MAX_FRAME_BYTES, protocol: type[SocketProtocol] = SocketProtocol
) -> AsyncIterator[int]:
    """The port. Configured as the server is, but for what is given."""
    settings = config(Starlette(routes=[WebSocketRoute("/", Echo())]), Settings())
    settings.ws_max_size, settings.ws = max_bytes, protocol
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
    async with echoing(max_bytes, BinaryToo) as port:
        print(port, flush=True)
        await asyncio.Event().wait()


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(main(int(sys.argv[1])))
