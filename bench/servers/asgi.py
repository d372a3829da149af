"""Starlette on uvicorn as PERFORMANCE.md measured it, in one place for the relays that stand on it."""

from __future__ import annotations

import sys
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager, nullcontext

import uvicorn
from starlette.applications import Starlette
from starlette.routing import WebSocketRoute
from starlette.websockets import WebSocket

Talk = Callable[[WebSocket], Awaitable[None]]


class Server(uvicorn.Server):
    """Prints "ready PORT" when it listens."""

    async def startup(self, sockets: list[object] | None = None) -> None:  # type: ignore[override]  # only handed on
        await super().startup()
        port = self.servers[0].sockets[0].getsockname()[1]
        sys.stdout.write(f"ready {port}\n")
        sys.stdout.flush()


def serve(
    talk: Talk, lifespan: Callable[[Starlette], AbstractAsyncContextManager[None]] | None = None
) -> None:
    """`talk` has one accepted socket each."""

    async def accepted(socket: WebSocket) -> None:
        await socket.accept()
        await talk(socket)

    app = Starlette(routes=[WebSocketRoute("/", accepted)], lifespan=lifespan or (lambda app: nullcontext()))
    Server(
        uvicorn.Config(
            app,
            host="127.0.0.1",
            port=0,
            loop="uvloop",
            ws="websockets-sansio",
            ws_per_message_deflate=False,
            ws_ping_interval=None,
            access_log=False,
            log_level="warning",
        )
    ).run()
