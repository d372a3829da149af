"""A socket from its handshake to its end, as an ASGI application."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any

from chatserver.realtime.close_codes import TRY_LATER
from chatserver.realtime.connection import Connection, Receive, Send
from chatserver.realtime.hub import Hub
from chatserver.realtime.ports import OriginAllowed, Scope
from chatserver.realtime.talk import Talk

SILENCE = 2.4
"""In heartbeats: two missed, each a tenth late, and a little time on the way."""


class Endpoint(ABC):
    """To be mounted as a WebSocketRoute."""

    def __init__(self, hub: Hub, origin_allowed: OriginAllowed) -> None:
        self.hub = hub
        self._origin_allowed = origin_allowed

    @property
    @abstractmethod
    def heartbeat(self) -> float:
        """Seconds between two pings of the client."""

    @abstractmethod
    def talk(self, connection: Connection) -> Talk[Any]: ...

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await receive()  # websocket.connect
        if not self._origin_allowed(scope):
            # Before it is accepted this is HTTP 403. Cookies play no part here, but neither do other sites.
            await send({"type": "websocket.close"})
            return
        await send({"type": "websocket.accept"})
        connection = Connection(scope, receive, send, silence=self.heartbeat * SILENCE, now=self.hub.now)
        if self.hub.full or self.hub.crowded(connection.network):
            await send({"type": "websocket.close", "code": TRY_LATER})
            return
        talk = self.talk(connection)
        self.hub.add(talk)
        try:
            await connection.run(talk.hear)
        finally:
            self.hub.remove(talk)
            talk.ended()
