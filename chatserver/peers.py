"""Connections as uvicorn serves them, with bounds where it has none: on the time and size of a request, on requests that are
sent ahead of their answers, on frames that carry nothing. Whoever crosses one loses that connection and no more."""

from __future__ import annotations

import logging
import socket
from asyncio import BaseTransport, TimerHandle, Transport
from typing import Any, Final

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.protocols.utils import ClientDisconnected
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.frames import Frame
from websockets.http11 import Request

from chatserver.realtime.connection import ABORT

HEAD_SECONDS: Final = 10.0
"""For a request's first line and headers, from the connection on or from the first byte after an answer."""
REQUEST_SECONDS: Final = 60.0
"""From there to the end of the answer: a peer that does not read it is not waited for."""
HEAD_BYTES: Final = 32_768
REQUEST_BYTES: Final = 262_144
"""Head, body and trailers. What a route takes is its own business, and far less."""
AHEAD_MAX: Final = 8
"""Requests that wait for the answer to the one before. Browsers send none."""
IDLE_FRAMES_MAX: Final = 256
"""Pings, pongs and fragments since the last whole message. Browsers send none of their own accord."""
SLICE: Final = 4_096
"""Bytes handled in one go. A read may hold 40,000 frames, and nobody else is served while they are taken apart."""
SEND_BUFFER: Final = 131_072
"""Bytes. Left alone the kernel keeps some MiB for each peer that does not read."""

# A line per socket tells nobody anything, and has addresses of customers in it.
_log = logging.getLogger("uvicorn.error.sockets")
_log.setLevel(logging.WARNING)


class RequestProtocol(HttpToolsProtocol):
    """A connection that speaks HTTP."""

    _timer: TimerHandle | None = None
    _in_head = True
    _answering = False
    _bytes = 0

    def connection_made(self, transport: Transport) -> None:  # type: ignore[override]  # uvicorn narrows it too
        super().connection_made(transport)
        self._within(HEAD_SECONDS)

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if self._timer is None:
            self._within(HEAD_SECONDS)
        for start in range(0, len(data), SLICE):
            piece = data[start : start + SLICE]
            super().data_received(piece)
            self._bytes += len(piece)
            if self.transport.is_closing() or self.transport.get_protocol() is not self:
                return
            if self._bytes > (HEAD_BYTES if self._in_head else REQUEST_BYTES):
                self._too_large()
                return

    def handle_websocket_upgrade(self) -> None:
        self._stop()
        super().handle_websocket_upgrade()
        heir = self.transport.get_protocol()
        if isinstance(heir, SocketProtocol) and not heir.handshake_initiated:
            self.transport.close()  # too many or too long headers for it: it would wait for more for ever

    def on_message_begin(self) -> None:
        self._in_head, self._bytes = True, 0
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        self._in_head = False
        if not self._answering:
            self._within(REQUEST_SECONDS)
        self._answering = True
        super().on_headers_complete()
        if len(self.pipeline) > AHEAD_MAX:
            self.transport.abort()

    def on_response_complete(self) -> None:
        self._answering = bool(self.pipeline)
        if self._answering:
            self._within(REQUEST_SECONDS)
        else:
            self._stop()  # from here on uvicorn's own timer for idle connections counts, until more comes
        super().on_response_complete()

    def _within(self, seconds: float) -> None:
        self._stop()
        self._timer = self.loop.call_later(seconds, self.transport.abort)

    def _stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _too_large(self) -> None:
        if not self._answering:
            self.transport.write(
                b"HTTP/1.1 431 Request Header Fields Too Large\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
            )
        self.transport.close()


class SocketProtocol(WebSocketsSansIOProtocol):
    """A WebSocket: with a bounded kernel buffer, and a way to cut a peer that takes nothing any more."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.logger = self.conn.logger = _log
        self._unread = bytearray()
        self._idle_frames = 0

    def connection_made(self, transport: BaseTransport) -> None:
        super().connection_made(transport)
        peer = transport.get_extra_info("socket")
        if peer is not None:
            peer.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER)

    def handle_connect(self, event: Request) -> None:
        super().handle_connect(event)
        scope: Any = getattr(self, "scope", None)  # a refused handshake has none
        if scope is not None:
            scope["extensions"][ABORT] = self.transport.abort

    # — what comes in, a slice at a time ———————————————————————————————————————

    def data_received(self, data: bytes) -> None:
        self._unread += data
        self._take()

    async def receive(self) -> Any:
        message = await super().receive()
        self._take()
        return message

    async def send(self, message: Any) -> None:
        if self.close_sent and message["type"] == "websocket.send":
            # Closed for what the peer sent (too large, no UTF-8) while an answer was on its way: nobody's fault here.
            raise ClientDisconnected
        await super().send(message)
        if self.close_sent:
            self._take()  # the peer's answer to our closing may be among it

    def _take(self) -> None:
        """Up to the next whole message; the rest waits until the app has taken that one."""
        while self._unread and not self.read_paused and not self.transport.is_closing():
            piece = bytes(self._unread[:SLICE])
            del self._unread[:SLICE]
            super().data_received(piece)

    def send_receive_event_to_app(self) -> None:
        if self.close_sent:
            self._carries_nothing()
        else:
            self._idle_frames = 0
        super().send_receive_event_to_app()

    def handle_cont(self, event: Frame) -> None:
        self._carries_nothing()
        super().handle_cont(event)

    def handle_ping(self) -> None:
        self._carries_nothing()
        super().handle_ping()

    def handle_pong(self, event: Frame) -> None:
        self._carries_nothing()
        super().handle_pong(event)

    def _carries_nothing(self) -> None:
        self._idle_frames += 1
        if self._idle_frames > IDLE_FRAMES_MAX:
            self.transport.abort()
