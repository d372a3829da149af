"""How a line becomes a conversation: for a WebSocket, as an ASGI application."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from chatserver.realtime.close_codes import TRY_LATER
from chatserver.realtime.connection import Connection
from chatserver.realtime.frames import pack
from chatserver.realtime.hub import Hub
from chatserver.realtime.line import LINE, Line
from chatserver.realtime.ports import OriginAllowed, Scope
from chatserver.realtime.talk import Talk
from chatserver.realtime.wire import Error

Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

SILENCE = 2.4
"""In heartbeats: two missed, each a tenth late, and a little time on the way."""


class Endpoint(ABC):
    """To be mounted as a WebSocketRoute."""

    def __init__(self, hub: Hub, origin_allowed: OriginAllowed) -> None:
        self.hub = hub
        self._origin_allowed = origin_allowed
        self._door = hub.door()

    @property
    @abstractmethod
    def heartbeat(self) -> float:
        """Seconds between two pings of the client."""

    @abstractmethod
    def talk(self, connection: Connection) -> Talk[Any]: ...

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """The handshake of a WebSocket. Once accepted it goes on as a line, and this returns."""
        await receive()  # websocket.connect
        if not self._origin_allowed(scope):
            # Before it is accepted this is HTTP 403. Cookies play no part here, but neither do other sites.
            await send({"type": "websocket.close"})
            return
        await send({"type": "websocket.accept"})
        self.serve(scope["extensions"][LINE])

    def serve(self, line: Line) -> Connection:
        """Talk over a line whose origin was looked at, until it ends."""
        connection = Connection(line, silence=self.heartbeat * SILENCE, now=self.hub.now)
        if self.hub.full or self.hub.crowded(connection.network):
            self.hub.metrics.close(TRY_LATER)
            line.close(TRY_LATER)
            return connection
        if wait := self._door.enter(connection.network, self.hub.now()):
            # Nothing was asked of the database: a crowd that comes back at once costs little more than its handshakes.
            self.hub.metrics.refuse("rate_limited")
            self.hub.metrics.close(TRY_LATER)
            connection.start(_deaf, _unmoved)
            later = Error("rate_limited", verb="hello", retry_after=round(wait, 3))
            connection.last(pack(later), TRY_LATER)
            return connection
        talk = self.talk(connection)
        self.hub.add(talk)
        connection.start(talk.hear, talk.over)
        return connection


def _deaf(text: str | None) -> None: ...


def _unmoved() -> None: ...
