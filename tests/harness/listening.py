"""Ending a server of asyncio's while others still come to it."""

from __future__ import annotations

import asyncio


async def stop_listening(server: asyncio.Server) -> None:
    """Nobody new from now on, and who was just taken in is served: `server.close` alone, in Python before 3.12, leaves a
    connection behind that was accepted in the same turn of the loop, neither served nor closed."""
    for listener in server.sockets:
        server.get_loop().remove_reader(listener.fileno())
    await asyncio.sleep(0)  # by now who was accepted is known to the server
    server.close()
