"""The end of a server that the tests themselves run."""

from __future__ import annotations

import asyncio
import gc
import socket

from tests.harness.listening import stop_listening
from tests.harness.waiting import soon


async def test_who_is_accepted_as_the_server_ends_is_not_left_behind() -> None:
    served = 0

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal served
        served += 1
        writer.transport.abort()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    with socket.create_connection(server.sockets[0].getsockname()):
        # A turn to see that somebody is there, and one that takes them in.
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        await stop_listening(server)
        await soon(lambda: served == 1, "who came last is served")
    gc.collect()  # what was left behind would make itself heard here
