"""SIGKILL and SIGTERM of the real server under load: nothing acknowledged is lost, nothing is doubled, no number is missing."""

from __future__ import annotations

import asyncio
import os
import signal
from pathlib import Path

import pytest

from tests.faults.crowd import AT_EASE, Crowd, integrity, judge, talking
from tests.harness.preparing import chats_at_once
from tests.harness.server import Server, running
from tests.harness.sizes import SEED, size
from tests.harness.waiting import soon

pytestmark = pytest.mark.fault

KILLS = int(os.environ.get("KILLS") or size(10, 200))
CUSTOMERS = size(6, 20)
ACKS_BETWEEN_KILLS = size((0, 1, 10, 40, 120), (0, 1, 10, 100, 250, 400))
"""Acknowledgements that are awaited before the next kill, drawn anew each time."""
ACKS_PER_KILL = size(10, 100)
KILLED_AT_START = 0.1
"""How often a server is killed a second time before it is ready."""


def test_after_many_kills_everything_acknowledged_is_there_once_and_in_order(tmp_path: Path) -> None:
    async def story() -> None:
        with running(tmp_path, **AT_EASE) as server:
            chats_at_once(server, CUSTOMERS)
            async with talking(server, customers=CUSTOMERS) as crowd:
                for _ in range(KILLS):
                    await crowd.acks(crowd.dice.choice(ACKS_BETWEEN_KILLS))
                    await killed(server, crowd)
                await crowd.acks(20)
                await crowd.healed()
                judge(crowd, tmp_path)
                assert crowd.diary.acks >= KILLS * ACKS_PER_KILL, "too little was going on to say anything"

    asyncio.run(story())


async def killed(server: Server, crowd: Crowd) -> None:
    """At work, and now and then once more while it starts; its file is whole each time."""
    await asyncio.to_thread(server.kill)
    look(server)
    if crowd.dice.random() < KILLED_AT_START:
        server.launch()
        await asyncio.sleep(crowd.dice.uniform(0, 1))  # a random moment, not a wait for anything
        await asyncio.to_thread(server.kill)
        look(server)
    await asyncio.to_thread(server.start)


def look(server: Server) -> None:
    with server.reading() as database:
        assert integrity(database) == "ok", f"seed {SEED}"


def test_a_drain_says_goodbye_to_everybody_and_loses_nothing(tmp_path: Path) -> None:
    async def story() -> None:
        with running(tmp_path, **AT_EASE) as server:
            async with talking(server) as crowd:
                await crowd.acks(50)
                for peer in crowd.everybody:
                    peer.goodbyes.clear()
                server.terminate()
                # uvicorn ends as if by the signal itself once everything is closed.
                assert await asyncio.to_thread(server.wait) in (0, -signal.SIGTERM), server.log()
                await soon(lambda: all(peer.goodbyes for peer in crowd.everybody), "everybody noticed")
                assert {peer.goodbyes[0] for peer in crowd.everybody} == {(True, 4001)}
                await asyncio.to_thread(server.start)
                await crowd.acks(20)
                await crowd.healed()
                judge(crowd, tmp_path)

    asyncio.run(story())
