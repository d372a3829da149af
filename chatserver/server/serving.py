"""The server process: uvicorn as we want it, and a stop that loses nothing and tells everybody.

uvicorn closes every WebSocket (1012) right after SIGTERM, before the app hears of it. So the draining stands before its shutdown.
"""

from __future__ import annotations

import asyncio
import gc
import socket
from collections.abc import Callable
from types import FrameType
from typing import Final

import uvicorn
from starlette.applications import Starlette

from chatserver import systemd
from chatserver.realtime.hub import DRAIN_SECONDS, Hub
from chatserver.realtime.wire import MAX_FRAME_BYTES
from chatserver.server.peers import RequestProtocol
from chatserver.server.sockets import SocketProtocol
from chatserver.settings import Settings

GC_THRESHOLD: Final = 20_000
"""Objects that were made and are still there, until the next look for cycles among them."""
GRACEFUL_SECONDS: Final = 4
"""For plain requests, after the sockets are gone: with the drain's ten seconds before it a stop takes less than fifteen."""


class Server(uvicorn.Server):
    """Drains the sockets of `hub()` (None: there are none yet) before it shuts down; a second signal exits at once. It ends by
    itself when the database is another one."""

    def __init__(
        self, config: uvicorn.Config, hub: Callable[[], Hub | None], *, drain_seconds: float = DRAIN_SECONDS
    ) -> None:
        super().__init__(config)
        self._hub = hub
        self._drain_seconds = drain_seconds
        self._hurry = asyncio.Event()
        self._loop: asyncio.AbstractEventLoop | None = None

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        self._loop = asyncio.get_running_loop()
        await super().startup(sockets)
        if self.started:
            systemd.tell(systemd.READY)
        # What was made until here stays, and what messages are made of forms no cycles (it is not even looked at): the garbage
        # collector seldom has anything to find, and need not walk through all of this each time, nor now.
        gc.freeze()
        gc.set_threshold(GC_THRESHOLD, 20, 20)
        gc.enable()

    async def on_tick(self, counter: int) -> bool:
        """Ten times a second: whether to end."""
        return await super().on_tick(counter) or self.outlived

    @property
    def outlived(self) -> bool:
        """See `Database.outlived`."""
        hub = self._hub()
        return hub is not None and hub.db.outlived.is_set()

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        if self.should_exit:
            self.force_exit = True
            if self._loop is not None:
                self._loop.call_soon_threadsafe(self._hurry.set)
        super().handle_exit(sig, frame)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        systemd.tell(systemd.STOPPING)
        # Whoever comes back at once finds nobody listening, rather than a server that turns everybody away while it drains.
        for listener in self.servers:
            listener.close()
        hub = self._hub()
        end = asyncio.get_running_loop().time() + self._drain_seconds
        if hub is not None and not self.force_exit:
            draining = asyncio.create_task(hub.drain(self._drain_seconds))
            hurried = asyncio.create_task(self._hurry.wait())
            await asyncio.wait({draining, hurried}, return_when=asyncio.FIRST_COMPLETED)
            for task in (draining, hurried):
                task.cancel()
            await asyncio.gather(draining, hurried, return_exceptions=True)
            await self._farewells(end)
        await super().shutdown(sockets)

    async def _farewells(self, end: float) -> None:
        """Wait until the peers have answered our close frames, to the loop's time `end` at most: a busy one first reads what was
        sent before. uvicorn would close their transports under them: with data unread
        in the kernel that is a reset, and the peer would lose the goodbye that it had not read yet."""
        loop = asyncio.get_running_loop()
        while loop.time() < end and not self.force_exit:
            if not any(isinstance(peer, SocketProtocol) for peer in self.server_state.connections):
                return
            await asyncio.sleep(0.01)


def config(app: Starlette, settings: Settings) -> uvicorn.Config:
    return uvicorn.Config(
        app,
        host=settings.host,
        port=settings.port,
        loop="uvloop",
        http=RequestProtocol,
        ws=SocketProtocol,
        ws_max_size=MAX_FRAME_BYTES,
        ws_per_message_deflate=False,
        # The wire has its own heartbeat, watched by one sweep instead of two timers per socket.
        ws_ping_interval=None,
        lifespan="on",
        access_log=False,
        log_config=None,
        server_header=False,
        proxy_headers=bool(settings.trusted_proxies),
        forwarded_allow_ips=settings.trusted_proxies or None,
        timeout_graceful_shutdown=GRACEFUL_SECONDS,
    )


def run(app: Starlette, settings: Settings) -> int:
    """Serve until SIGTERM or SIGINT, or until the database is another one. `app.state.hub` holds the sockets from the lifespan's
    start on. Gives the exit code of the process."""
    server = Server(
        config(app, settings),
        lambda: getattr(app.state, "hub", None),
        drain_seconds=settings.drain_seconds,
    )
    server.run()
    return systemd.BEGIN_ANEW if server.outlived else 0
