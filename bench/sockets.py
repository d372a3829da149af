"""A WebSocket client as cheap as Python allows: it must never be what limits a measurement.

Framing by hand over asyncio's protocols; the mask is zero, which is a legal key, so that payloads are sent as they were
prepared. No extensions are offered, so whatever has RSV bits set is an error.
"""

from __future__ import annotations

import asyncio
import struct
from collections.abc import Callable
from typing import Final, cast

KEY: Final = "AAAAAAAAAAAAAAAAAAAAAA=="
"""Any key will do: nothing here stands between us and the server that could answer from a cache."""
_MASK: Final = b"\0\0\0\0"
_TEXT, _CLOSE, _PING = 0x81, 0x88, 0x89
Hear = Callable[[bytes], None]
Lost = Callable[[int], None]


def long_frame(payload: bytes) -> bytes:
    """As `frame`, of any size, with the length in eight bytes."""
    return struct.pack("!BBQ", _TEXT, 0xFF, len(payload)) + _MASK + payload


class Refused(Exception):
    """The handshake was not answered with 101."""


def frame(payload: bytes, opcode: int = _TEXT) -> bytes:
    """A whole masked frame; at most 65,535 bytes of payload."""
    size = len(payload)
    if size < 126:
        return bytes((opcode, 0x80 | size)) + _MASK + payload
    return struct.pack("!BBH", opcode, 0xFE, size) + _MASK + payload


class Socket(asyncio.Protocol):
    """One connection. `heard` gets each whole text frame's payload, `lost` once the close code (1006: cut)."""

    def __init__(self, request: bytes, heard: Hear, lost: Lost | None = None) -> None:
        self.heard = heard
        self.lost = lost
        self.opened: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._request = request
        self._transport: asyncio.Transport | None = None
        self._rest = b""
        self._ready = False
        self._code = 1006
        self._writable = asyncio.Event()
        self._writable.set()

    # — the protocol ———————————————————————————————————————————————————————————

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        transport = cast(asyncio.Transport, transport)  # uvloop has its own kind
        self._transport = transport
        transport.write(self._request)

    def data_received(self, data: bytes) -> None:
        if self._rest:
            data = self._rest + data
            self._rest = b""
        if not self._ready:
            head, end, data = data.partition(b"\r\n\r\n")
            if not end:
                self._rest = head
                return
            self._answered(head)
        if data:
            self._take(data)

    def pause_writing(self) -> None:
        self._writable.clear()

    def resume_writing(self) -> None:
        self._writable.set()

    def connection_lost(self, error: Exception | None) -> None:
        self._writable.set()
        if not self.opened.done():
            self.opened.set_exception(Refused("the connection ended during the handshake"))
        if self.lost is not None:
            self.lost(self._code)

    def _answered(self, head: bytes) -> None:
        self._ready = True
        if self.opened.done():
            return
        if head.startswith(b"HTTP/1.1 101"):
            self.opened.set_result(None)
        else:
            self.opened.set_exception(Refused(head.partition(b"\r\n")[0].decode("latin-1")))
            self.cut()

    def _take(self, data: bytes) -> None:
        """Hand on every whole frame; keep the rest."""
        at, end = 0, len(data)
        while end - at >= 2:
            first, size, start = data[at], data[at + 1], at + 2
            if size == 126:
                start += 2
                size = int.from_bytes(data[at + 2 : start], "big")
            elif size == 127:
                start += 8
                size = int.from_bytes(data[at + 2 : start], "big")
            if start + size > end or start > end:
                break
            at = start + size
            if first == _TEXT:
                self.heard(data[start:at])
            else:
                self._control(first, data[start:at])
        if at < end:
            self._rest = data[at:]

    def _control(self, first: int, payload: bytes) -> None:
        if first == _CLOSE:
            self._code = int.from_bytes(payload[:2], "big") if len(payload) >= 2 else 1005
            self.write(frame(payload, _CLOSE))
        elif first == _PING:
            self.write(frame(payload, 0x8A))
        elif first != 0x8A:
            raise ValueError(f"a frame begins with {first:#x}: fragments and extensions were not expected")

    # — the application ————————————————————————————————————————————————————————

    def write(self, data: bytes) -> None:
        """Bytes that are frames already; dropped when the connection has ended."""
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write(data)

    async def drained(self, data: bytes) -> None:
        """`write`, and wait until the kernel has taken most of it."""
        self.write(data)
        await asyncio.sleep(0)  # else whoever writes without end would never hear that the connection has
        await self._writable.wait()

    def send(self, payload: bytes) -> None:
        """One text frame; dropped when the connection has ended."""
        self.write(frame(payload))

    def cut(self) -> None:
        """End at once, without a closing handshake, as a lost network does."""
        if self._transport is not None:
            self._transport.abort()


async def connect(
    port: int, path: str, heard: Hear, *, lost: Lost | None = None, source: str = "127.0.0.1"
) -> Socket:
    """Open a socket to this machine. `source`: the loopback address to come from. Raises Refused and OSError."""
    loop = asyncio.get_running_loop()
    socket = Socket(handshake(port, path), heard, lost)
    await loop.create_connection(lambda: socket, "127.0.0.1", port, local_addr=(source, 0))
    await socket.opened
    return socket


def handshake(port: int, path: str) -> bytes:
    host = f"127.0.0.1:{port}"
    return (
        f"GET {path} HTTP/1.1\r\nHost: {host}\r\nOrigin: http://{host}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        f"Sec-WebSocket-Key: {KEY}\r\nSec-WebSocket-Version: 13\r\n\r\n"
    ).encode()
