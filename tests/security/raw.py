"""A peer that speaks bytes, for what no decent client library would send."""

from __future__ import annotations

import asyncio
import contextlib
import struct
from collections.abc import AsyncIterator

from tests.realtime.chat import ORIGIN, PATIENCE

TEXT, CONTINUATION, PING = 1, 0, 9


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


def frame(opcode: int, data: bytes = b"", *, fin: bool = True) -> bytes:
    """Masked with zeros."""
    size = bytes([0x80 | len(data)]) if len(data) < 126 else b"\xfe" + struct.pack(">H", len(data))
    return bytes([(0x80 if fin else 0) | opcode]) + size + b"\0\0\0\0" + data


@contextlib.asynccontextmanager
async def raw(port: int) -> AsyncIterator[Raw]:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        yield Raw(reader, writer)
    finally:
        writer.close()
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()
