"""Requests as uvicorn serves them, with bounds where it has none: on their time and size, and on requests that are sent ahead of
their answers. Whoever crosses one loses that connection and no more."""

from __future__ import annotations

import logging
import socket
from asyncio import TimerHandle, Transport
from collections.abc import Callable
from typing import Any, Final

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from chatserver.extensions import STREAM, UPLOAD
from chatserver.server.sockets import SEND_BUFFER, SocketProtocol

HEAD_SECONDS: Final = 10.0
"""For a request's first line and headers, from the connection on or from the first byte after an answer."""
REQUEST_SECONDS: Final = 60.0
"""From there to the end of the answer: a peer that does not read it is not waited for. One that brings a file has so long for
each `REQUEST_BYTES` of it."""
HEAD_BYTES: Final = 32_768
REQUEST_BYTES: Final = 262_144
"""Head, body and trailers. What a route takes is its own business, and far less; one that takes files says so
(`extensions.UPLOAD`)."""
READ_BYTES: Final = 262_144
"""Of one read: what came with the bytes by which a route finds a body too large. It has not answered yet then, and reading waits
for it."""
REST_BYTES: Final = 4_194_304
"""Of a body whose request is answered already, most often because it is too large. The rest is read and thrown away, for as long
as a head may take: were the connection closed instead, the answer would be lost on its way to who still sends."""
LAST_SECONDS: Final = 1.0
"""For the rest of a request that is half here when the server stops. Nothing of it was taken: who sent it sends it again."""
AHEAD_MAX: Final = 8
"""Requests that wait for the answer to the one before. Browsers send none."""
SLICE: Final = 4_096
"""Bytes handled in one go. A read may hold 40,000 frames, and nobody else is served while they are taken apart."""

# A line per bad request tells nobody anything, and whoever sends them would write our log.
_log = logging.getLogger("uvicorn.error.requests")
_log.setLevel(logging.ERROR)


class RequestProtocol(HttpToolsProtocol):
    """A connection that speaks HTTP."""

    _timer: TimerHandle | None = None
    _in_head = True
    _answering = False
    _resting = False
    _bytes = 0
    _most = REQUEST_BYTES
    _instalment: int | None = None
    """Where the next part of an upload ends, which has a time of its own."""

    def connection_made(self, transport: Transport) -> None:  # type: ignore[override]  # uvicorn narrows it too
        super().connection_made(transport)
        self.logger = _log
        self._within(HEAD_SECONDS)

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop()
        super().connection_lost(exc)

    def shutdown(self) -> None:
        """The server stops: what is whole is answered, and nothing new is taken."""
        super().shutdown()
        if self.cycle is not None:
            self.loop.call_later(LAST_SECONDS, self._cut_half, self.cycle)

    def data_received(self, data: bytes) -> None:
        if self._resting:
            self._resting = False
            self._within(HEAD_SECONDS)
        for start in range(0, len(data), SLICE):
            piece = data[start : start + SLICE]
            super().data_received(piece)
            self._bytes += len(piece)
            if self.transport.is_closing() or self.transport.get_protocol() is not self:
                return
            if self._bytes > self._bound():
                self._too_large()
                return
            if self._instalment is not None and self._bytes >= self._instalment:
                self._next_instalment()

    def _bound(self) -> int:
        """How many bytes the request under way may have by now."""
        if self._in_head:
            return HEAD_BYTES
        return self._most + (READ_BYTES if self._answering else REST_BYTES)

    def handle_websocket_upgrade(self) -> None:
        self._stop()
        super().handle_websocket_upgrade()
        heir = self.transport.get_protocol()
        if isinstance(heir, SocketProtocol) and not heir.handshake_initiated:
            self.transport.close()  # too many or too long headers for it: it would wait for more for ever

    def on_message_begin(self) -> None:
        self._in_head, self._bytes = True, 0
        self._most, self._instalment = REQUEST_BYTES, None
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        self._in_head = False
        if not self._answering:
            self._within(REQUEST_SECONDS)
        self._answering = True
        scope: Any = self.scope
        scope["extensions"] = {STREAM: self._streams, UPLOAD: self._uploads}
        super().on_headers_complete()
        if len(self.pipeline) > AHEAD_MAX:
            self.transport.abort()

    def on_response_complete(self) -> None:
        self._answering = bool(self.pipeline)
        self._resting = not self._answering
        if self._answering or self.transport.get_write_buffer_size():
            self._within(REQUEST_SECONDS)  # for the next answer, or for what is left of this one to be read
        else:
            self._stop()  # from here on uvicorn's own timer for idle connections counts, until more comes
        super().on_response_complete()

    def _cut_half(self, cycle: RequestResponseCycle) -> None:
        if cycle.more_body and not cycle.response_complete:
            self.transport.abort()

    def _streams(self) -> Callable[[], None]:
        """The answer under way has no end that could be waited for: who sends it watches over it, and can cut it with what this
        returns."""
        self._stop()
        peer: socket.socket = self.transport.get_extra_info("socket")
        peer.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER)
        return self.transport.abort

    def _uploads(self, most: int) -> None:
        """The request under way brings up to so many bytes, and what they are wrapped in."""
        self._most = REQUEST_BYTES + most + most // 8
        self._next_instalment()

    def _next_instalment(self) -> None:
        self._instalment = self._bytes + REQUEST_BYTES
        if self._answering:
            self._within(REQUEST_SECONDS)

    def _within(self, seconds: float) -> None:
        self._stop()
        self._timer = self.loop.call_later(seconds, self.transport.abort)

    def _stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _too_large(self) -> None:
        if self._in_head and not self._answering:
            self.transport.write(
                b"HTTP/1.1 431 Request Header Fields Too Large\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
            )
        self.transport.close()
