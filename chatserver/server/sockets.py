"""WebSockets as lines (`realtime/line.py`): uvicorn's protocol class for the handshake, callbacks from then on.

`websockets` speaks the protocol. What nearly every frame is (whole, text, masked, complete in what was read) is taken apart right
here, in a few lines instead of a generator, and everything else is handed to it a whole frame at a time: it decides about
fragments, pings, closings and violations. What we send was framed once for all sockets (`frames.Packet`).
"""

from __future__ import annotations

import logging
import socket
from asyncio import AbstractEventLoop, BaseTransport
from typing import Any, Final

from uvicorn.config import Config
from uvicorn.protocols.utils import ClientDisconnected
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from uvicorn.server import ServerState
from websockets.frames import CloseCode, Frame
from websockets.http11 import Request

try:
    from websockets.speedups import apply_mask
except ImportError:  # built without its C part
    from websockets.utils import apply_mask

from chatserver.realtime.frames import Packet
from chatserver.realtime.line import LINE, Heard, Told

IDLE_FRAMES_MAX: Final = 256
"""Pings, pongs and fragments since the last whole message. Browsers send none of their own accord."""
SEND_BUFFER: Final = 131_072
"""Bytes. Left alone the kernel keeps some MiB for each peer that does not read."""
TURN_BYTES: Final = 65_536
"""Written at once, without waiting for the turn's end."""
CLOSE_SECONDS: Final = 3.0
"""For the closing frame, and what stands before it, to leave us."""
GOODBYE_SECONDS: Final = 10.0
"""For the peer's answer to it."""
_TEXT: Final = 0x81
"""First byte of a whole text frame."""
_MASKED: Final = 0x80

# A line per socket tells nobody anything, and has addresses of customers in it.
_log = logging.getLogger("uvicorn.error.sockets")
_log.setLevel(logging.WARNING)


class Turn:
    """The sockets to which this turn of the event loop says something. What it says to each leaves in one write at its end: a
    write is a call of the system, the dearest part of a message that is delivered and acknowledged at once."""

    def __init__(self, loop: AbstractEventLoop) -> None:
        self._loop = loop
        self._spoken_to: list[SocketProtocol] = []

    def join(self, peer: SocketProtocol) -> None:
        if not self._spoken_to:
            self._loop.call_soon(self._end)
        self._spoken_to.append(peer)

    def _end(self) -> None:
        spoken_to, self._spoken_to = self._spoken_to, []
        for peer in spoken_to:
            try:
                peer.send_now()
            except Exception:  # the others are owed what was said to them all the same
                _log.exception("a socket could not be written to")
                peer.abort()


class SocketProtocol(WebSocketsSansIOProtocol):
    """A WebSocket. The ASGI app accepts it and opens the line (its scope's extension LINE); then it may return."""

    def __init__(self, config: Config, server_state: ServerState, app_state: dict[str, Any]) -> None:
        super().__init__(config, server_state, app_state)
        self.logger = self.conn.logger = _log
        self._heard: Heard | None = None
        self._writable: Told = _nothing
        self._lost: Told = _nothing
        self._alive: Told = _nothing
        self._probing = False
        self._unread = bytearray()
        """What has arrived and was not taken: part of a frame, or all there is while we are paused."""
        self._taking = False
        self._largest = self.config.ws_max_size
        self._turn = _turn_of(server_state, self.loop)
        self._out: list[bytes] = []
        self._out_bytes = 0
        self._full = False
        self._broken = False
        self._idle_frames = 0

    # — the handshake ——————————————————————————————————————————————————————————

    def connection_made(self, transport: BaseTransport) -> None:
        super().connection_made(transport)
        peer = transport.get_extra_info("socket")
        if peer is not None:
            peer.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER)

    def handle_connect(self, event: Request) -> None:
        super().handle_connect(event)
        scope: Any = getattr(self, "scope", None)  # a refused handshake has none
        if scope is not None:
            scope["extensions"][LINE] = self

    async def run_asgi(self) -> None:
        """The app may return: an open line goes on without it, anything else ends."""
        try:
            await self.app(self.scope, self.receive, self.send)
        except ClientDisconnected:
            pass
        except BaseException:
            self.logger.exception("a WebSocket's handshake failed")
            self.send_500_response()
        if self._heard is None and self.close_timer is None:
            self.transport.close()
        # Thousands of these are open: nothing of the handshake is kept.
        del self.scope, self.request, self.response
        self.queue = _NOBODY

    # — a line —————————————————————————————————————————————————————————————————

    @property
    def address(self) -> str:
        """Asked during the handshake only. Its scope has what a trusted proxy tells, instead of the proxy's own."""
        client = self.scope["client"]
        return client[0] if client else ""

    def open(self, heard: Heard, writable: Told, lost: Told, alive: Told) -> None:
        self._heard, self._writable, self._lost, self._alive = heard, writable, lost, alive
        if self.disconnected:
            self.loop.call_soon(lost)
        else:
            self._take_unread()

    def write(self, packet: Packet) -> bool:
        wire = packet.wire
        if not self._out:
            self._turn.join(self)
        self._out.append(wire)
        self._out_bytes += len(wire)
        if self._out_bytes > TURN_BYTES:
            self.send_now()
        return not self._full

    def send_now(self) -> None:
        """What was said in this turn so far."""
        if self._out:
            data = self._out[0] if len(self._out) == 1 else b"".join(self._out)
            self._out.clear()
            self._out_bytes = 0
            if not self.close_sent and not self.transport.is_closing():
                self.transport.write(data)

    def probe(self) -> None:
        if not self.close_sent and not self.transport.is_closing():
            self._probing = True
            self.conn.send_ping(b"")
            self.transport.write(b"".join(self.conn.data_to_send()))

    def pause(self) -> None:
        if not self.read_paused:
            self.read_paused = True
            self.transport.pause_reading()

    def resume(self) -> None:
        if self.read_paused and not self.disconnected:
            self.read_paused = False
            self.transport.resume_reading()
            self._take_unread()

    def close(self, code: int) -> None:
        if self.close_sent or self.disconnected or self.transport.is_closing():
            return
        self.send_now()
        self.conn.send_close(code)
        self.transport.write(b"".join(self.conn.data_to_send()))
        self.close_sent = True
        self.close_timer = self.loop.call_later(CLOSE_SECONDS, self._see_off)
        self.resume()  # the peer's answer to our closing may be among what waits

    def _see_off(self) -> None:
        if self.transport.get_write_buffer_size():
            self.transport.abort()  # it takes nothing, not even the closing
        else:
            self.close_timer = self.loop.call_later(GOODBYE_SECONDS - CLOSE_SECONDS, self.transport.abort)

    def abort(self) -> None:
        self.transport.abort()

    def shutdown(self) -> None:
        """The server stops, after the drain: whoever has not taken the goodbye by now is not waited for again."""
        self.transport.abort()

    def handle_parser_exception(self) -> None:
        """The peer broke the protocol. It is told why, and what it still sends is thrown away for a moment: to close with
        that unread would be a reset, which takes our reason away from it."""
        self.send_now()  # what was answered to the frames before
        self.transport.write(b"".join(self.conn.data_to_send()))
        self.close_sent = self._broken = True
        if not self.transport.is_closing():
            self.transport.write_eof()
        self.close_timer = self.loop.call_later(CLOSE_SECONDS, self.transport.abort)
        self._end()

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        if self.close_timer is not None:
            self.close_timer.cancel()
        self._end()

    def _end(self) -> None:
        lost, self._lost = self._lost, _nothing
        self._heard, self._writable, self._alive = None, _nothing, _nothing
        self._unread = bytearray()  # a new one: frames may just be taken out of the old one
        self._out.clear()
        lost()

    # — what goes out ——————————————————————————————————————————————————————————

    def pause_writing(self) -> None:
        self._full = True
        super().pause_writing()

    def resume_writing(self) -> None:
        self._full = False
        super().resume_writing()
        self._writable()

    # — what comes in —————————————————————————————————————————————————————————

    def data_received(self, data: bytes) -> None:
        if self._broken:
            return
        if not self.handshake_initiated:
            super().data_received(data)
        elif self._unread or self.read_paused:
            self._unread += data
            self._take_unread()
        else:
            # Nearly always a whole frame or several, which need not be kept anywhere.
            taken = self._take(data)
            if taken < len(data) and not self._broken:
                self._unread += data[taken:]

    def _take_unread(self) -> None:
        if self._unread:
            taken = self._take(self._unread)
            del self._unread[:taken]

    def _take(self, data: bytes | bytearray) -> int:
        """Whole frames out of what has arrived, until we are paused. Gives how many bytes they were; the rest waits."""
        if self._taking or (self._heard is None and not self.close_sent):
            return 0
        self._taking = True
        at = 0
        try:
            while not (self.read_paused or self._broken or self.transport.is_closing()):
                start, end, plain = self._next(data, at)
                if not end:
                    break
                if plain and self.conn.current_size is None:
                    try:
                        text = apply_mask(data[start:end], data[start - 4 : start]).decode()
                    except UnicodeDecodeError:
                        super().data_received(bytes(data[at:end]))  # to be refused as the protocol wants it
                    else:
                        self._hear(text)
                else:
                    super().data_received(bytes(data[at:end]))
                at = end
        finally:
            self._taking = False
        return at

    def _next(self, data: bytes | bytearray, at: int) -> tuple[int, int, bool]:
        """Where the payload of the frame at `at` begins, where it ends, and whether it is whole, masked text. End 0: not all of
        it is here yet."""
        here = len(data)
        if here - at < 2:
            return 0, 0, False
        first, second = data[at], data[at + 1]
        size = second & 0x7F
        start = at + (6 if second & _MASKED else 2)
        if size == 126:
            start += 2
            size = int.from_bytes(data[at + 2 : at + 4], "big")
        elif size == 127:
            start += 8
            size = int.from_bytes(data[at + 2 : at + 10], "big")
        if start > here:
            return 0, 0, False
        if size > self._largest:
            return 0, here, False  # its header alone is refused: nothing of it is waited for
        if start + size > here:
            return 0, 0, False
        return start, start + size, first == _TEXT and second & _MASKED != 0

    def send_receive_event_to_app(self) -> None:
        """A message that came in pieces, or as binary: handed on by uvicorn's part."""
        data, self.frames = b"".join(self.frames), []
        if self.curr_msg_data_type == "bytes":
            self._hear(None)
            return
        try:
            text = data.decode()
        except UnicodeDecodeError:
            self.conn.fail(CloseCode.INVALID_DATA)
            self.handle_parser_exception()
        else:
            self._hear(text)

    def _hear(self, text: str | None) -> None:
        if self.close_sent or self._heard is None:
            self._carries_nothing()
        else:
            self._idle_frames = 0
            self._heard(text)

    def handle_cont(self, event: Frame) -> None:
        self._carries_nothing()
        super().handle_cont(event)

    def handle_ping(self) -> None:
        self._carries_nothing()
        super().handle_ping()

    def handle_pong(self, event: Frame) -> None:
        if self._probing:
            self._probing = False
            self._alive()
        else:
            self._carries_nothing()

    def handle_close(self, event: Frame) -> None:
        self.send_now()  # what was answered to the frames before
        super().handle_close(event)
        if self.close_timer is None and not self.disconnected:
            # What was written before is still sent, for a moment: who says goodbye may never read it.
            self.close_timer = self.loop.call_later(CLOSE_SECONDS, self.transport.abort)

    def _carries_nothing(self) -> None:
        self._idle_frames += 1
        if self._idle_frames > IDLE_FRAMES_MAX:
            self.transport.abort()


def _turn_of(state: ServerState, loop: AbstractEventLoop) -> Turn:
    """One for all sockets of a server: its state is what they have in common."""
    turn: Turn | None = vars(state).get("turn")
    if turn is None:
        turn = vars(state)["turn"] = Turn(loop)
    return turn


class _Nobody:
    """Stands where uvicorn keeps messages for an app that has returned."""

    def put_nowait(self, message: object) -> None: ...


_NOBODY: Any = _Nobody()


def _nothing() -> None: ...
