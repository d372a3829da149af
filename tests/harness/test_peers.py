"""The clients of the fault tests themselves: what a server asks of them they do without being pushed."""

from __future__ import annotations

import asyncio
import json
import random
from typing import Any

import pytest
from websockets.asyncio.server import ServerConnection, serve

from tests.harness.peers import AGAIN, CustomerPeer, Diary
from tests.harness.waiting import soon


@pytest.mark.parametrize("code", AGAIN)
async def test_what_was_refused_is_said_again_though_nothing_else_happens(code: str) -> None:
    said: list[str] = []

    async def refuses_once(socket: ServerConnection) -> None:
        async for text in socket:
            frame = json.loads(text)
            if frame["type"] == "hello":
                await answer(socket, type="welcome", epoch="e", token="t", heartbeat=25, tickets=[])
                continue
            said.append(frame["cid"])
            if len(said) == 1:
                await answer(socket, type="error", verb="say", code=code, cid=frame["cid"])
            else:
                await answer(socket, type="ack", ticket=1, cid=frame["cid"], seq=2)

    async with serve(refuses_once, "127.0.0.1", 0) as server:
        port = next(iter(server.sockets)).getsockname()[1]
        peer = CustomerPeer("carla", port, Diary(), random.Random(1))
        running = asyncio.create_task(peer.run())
        await soon(lambda: peer.online, "it is in")
        peer.say(1)
        await peer.flush()
        await soon(peer.settled, "it has an answer to everything")
        assert said == [said[0]] * 2, "the same message, by its cid"
        assert [op.result for op in peer.diary.history] == ["ok"]
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


async def answer(socket: ServerConnection, **frame: Any) -> None:
    await socket.send(json.dumps(frame))
