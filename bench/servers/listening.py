"""uvicorn in the same way for all relays that stand on ASGI."""

from __future__ import annotations

import socket
import sys
from typing import Any

import uvicorn


class Server(uvicorn.Server):
    """Prints "ready PORT" when it listens."""

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        port = self.servers[0].sockets[0].getsockname()[1]
        sys.stdout.write(f"ready {port}\n")
        sys.stdout.flush()


def run(app: Any) -> None:
    """Serve an ASGI application until the process ends."""
    config = uvicorn.Config(
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
    Server(config).run()
