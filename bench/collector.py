"""A collector that takes the traces of a server under load and looks at none of them."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

SHARES: Final = {"traced": "1", "sampled": "0.01"}
"""Of messages that are traced."""
_LENGTH: Final = re.compile(rb"content-length: *(\d+)", re.IGNORECASE)


def variables(port: int, share: str) -> dict[str, str]:
    """A server's, whose traces come to this port."""
    return {
        "OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{port}",
        "OTEL_TRACES_SAMPLER": "parentbased_traceidratio",
        "OTEL_TRACES_SAMPLER_ARG": share,
        # Nothing is dropped at full speed, which would be cheaper.
        "OTEL_BSP_MAX_QUEUE_SIZE": "100000",
    }


@asynccontextmanager
async def listening() -> AsyncIterator[int]:
    """Its port."""
    server = await asyncio.start_server(_take, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()


async def _take(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while head := await reader.readuntil(b"\r\n\r\n"):
            found = _LENGTH.search(head)
            await reader.readexactly(int(found[1]) if found else 0)
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
    except (asyncio.IncompleteReadError, ConnectionError):
        writer.close()
