"""A peer that speaks bytes, for what no decent client library would send."""

from __future__ import annotations

import asyncio
import contextlib
import struct
from collections.abc import AsyncIterator
from typing import NamedTuple

from tests.realtime.chat import ORIGIN, PATIENCE

CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0, 1, 2, 8, 9, 10


class Heard(NamedTuple):
    """A frame of the server's."""

    opcode: int
    data: bytes

    @property
    def code(self) -> int:
        """Of a close frame; 1005 when it says none."""
        assert self.opcode == CLOSE, self
        return int.from_bytes(self.data[:2], "big") if self.data else 1005


class Raw:
    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    async def read_until(self, end: bytes) -> bytes:
        async with asyncio.timeout(PATIENCE):
            return await self.reader.readuntil(end)

    async def upgrade(self, path: str = "/ws/customer", *headers: str) -> bytes:
        """The answer's head."""
        lines = [
            f"GET {path} HTTP/1.1",
            "Host: 127.0.0.1",
            "Upgrade: websocket",
            "Connection: Upgrade",
            "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
            "Sec-WebSocket-Version: 13",
            f"Origin: {ORIGIN}",
            *headers,
        ]
        self.writer.write("\r\n".join([*lines, "", ""]).encode())
        return await self.read_until(b"\r\n\r\n")

    async def read_frame(self) -> Heard | None:
        """The server's next frame: whole, unmasked, without reserved bits, or it is a failure. None at the end."""
        async with asyncio.timeout(PATIENCE):
            try:
                first, second = await self.reader.readexactly(2)
                size = second
                if second >= 126:
                    size = int.from_bytes(await self.reader.readexactly(2 if second == 126 else 8), "big")
                data = await self.reader.readexactly(size)
            except (asyncio.IncompleteReadError, ConnectionError):
                return None
        assert first & 0xF0 == 0x80, f"a fragment or a reserved bit: {first:#x}"
        return Heard(first & 0x0F, data)

    async def read_frames(self) -> list[Heard]:
        """All up to the end of the connection."""
        heard = []
        while (one := await self.read_frame()) is not None:
            heard.append(one)
        return heard

    async def cut_off(self, piece: bytes, times: int) -> int:
        """Send `piece` up to so many times without reading; gives how many bytes went before the peer ended the connection.
        Fails when it took everything, and goes on."""
        sent = 0
        with contextlib.suppress(ConnectionError):
            async with asyncio.timeout(PATIENCE):
                for _ in range(times):
                    self.writer.write(piece)
                    sent += len(piece)
                    await self.writer.drain()
                while await self.reader.read(65_536):
                    pass
        return sent


def frame(
    opcode: int, data: bytes = b"", *, fin: bool = True, rsv: int = 0, mask: bytes | None = b"\0\0\0\0"
) -> bytes:
    """As a client sends it. `rsv`: the three reserved bits, 0 to 7. `mask` None: without one, as no client may."""
    masked = 0 if mask is None else 0x80
    if len(data) < 126:
        size = bytes([masked | len(data)])
    elif len(data) < 65_536:
        size = bytes([masked | 126]) + struct.pack(">H", len(data))
    else:
        size = bytes([masked | 127]) + struct.pack(">Q", len(data))
    head = bytes([(0x80 if fin else 0) | rsv << 4 | opcode]) + size
    if mask is None:
        return head + data
    repeated = (mask * (len(data) // 4 + 1))[: len(data)]
    return (
        head
        + mask
        + (int.from_bytes(data, "big") ^ int.from_bytes(repeated, "big")).to_bytes(len(data), "big")
    )


def close_frame(code: int, reason: bytes = b"") -> bytes:
    return frame(CLOSE, struct.pack(">H", code) + reason)


@contextlib.asynccontextmanager
async def raw(port: int) -> AsyncIterator[Raw]:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        yield Raw(reader, writer)
    finally:
        writer.close()
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()
