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

VIEW = {"id": 1, "version": 1}
ITEM = {"kind": "message", "text": "Hola"}


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


async def test_a_screen_of_an_earlier_database_shows_nothing_until_its_ticket_is_there_anew() -> None:
    """Whatever number it had come to; and what cannot be read at this moment is asked for again."""
    opened: list[int] = []
    looked = asyncio.Event()

    async def began_anew(socket: ServerConnection) -> None:
        life = "restored" if opened else "before"
        async for text in socket:
            frame = json.loads(text)
            if frame["type"] == "hello":
                await answer(socket, type="welcome", epoch=life, token="t", heartbeat=25, tickets=[VIEW])
            elif life == "before":
                opened.append(frame["after"])
                await answer(socket, type="snapshot", view=VIEW, items=[ITEM | {"seq": 7}], more=False)
                await socket.close()
            else:
                opened.append(frame["after"])
                if len(opened) == 2:
                    await answer(socket, type="error", verb="open", code="unavailable", ticket=1)
                elif len(opened) == 3:
                    await looked.wait()
                    await answer(socket, type="snapshot", view=VIEW, items=[ITEM | {"seq": 3}], more=False)

    async with serve(began_anew, "127.0.0.1", 0) as server:
        port = next(iter(server.sockets)).getsockname()[1]
        peer = CustomerPeer("carla", port, Diary(), random.Random(1))
        peer.goes_back = True
        running = asyncio.create_task(peer.run())
        await soon(lambda: peer.online and peer.epoch == "restored", "it is in again")
        assert peer.shows(1) == -1, "nothing of this database"
        looked.set()
        await soon(lambda: peer.shows(1) == 3, "it is shown what there is now")
        assert opened == [-1, 7, 7]
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
