"""What the Starlette relays share."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from starlette.applications import Starlette
from starlette.routing import WebSocketRoute
from starlette.websockets import WebSocket

from bench.servers.listening import run


def serve(talk: Callable[[WebSocket], Awaitable[None]]) -> None:
    """`talk` has one accepted socket each."""

    async def accepted(socket: WebSocket) -> None:
        await socket.accept()
        await talk(socket)

    run(Starlette(routes=[WebSocketRoute("/", accepted)]))
