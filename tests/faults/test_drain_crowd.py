"""A deploy under load, one process: everybody is told, nothing acknowledged is lost, and all are back at the next one."""

from __future__ import annotations

import asyncio
import signal
import time
from pathlib import Path

import pytest

from tests.faults.crowd import AT_EASE
from tests.harness.crowd import Crowd, gathering, quantile
from tests.harness.server import Server, running
from tests.harness.sizes import FULL
from tests.harness.waiting import soon

pytestmark = pytest.mark.fault

CLIENTS = 1_000 if FULL else 100
TALKERS = 50
PATIENCE = 90.0
GOING_AWAY = 4001


def test_a_restart_tells_everybody_loses_nothing_and_has_them_all_back(tmp_path: Path) -> None:
    async def story() -> None:
        with running(tmp_path, **AT_EASE | {"connections_per_second": 100}) as server:
            async with gathering(server.port, CLIENTS, within=PATIENCE) as crowd:
                await crowd.start_chats()
                talking = asyncio.create_task(crowd.talk(crowd.people[:TALKERS]))
                await soon(lambda: crowd.diary.acks >= 5 * TALKERS, "everybody talks", PATIENCE)
                stopped = await restart(server, crowd)
                away = await crowd.everybody_is_back(PATIENCE)
                goal = crowd.diary.acks + TALKERS
                await soon(lambda: crowd.diary.acks >= goal, "they talk on", PATIENCE)
                crowd.hushed = True
                await soon(talking.done, "everything that was said has its answer", PATIENCE)
                lost, doubled = compare(server, crowd)
                assert not lost
                assert not doubled
                print(
                    f"{CLIENTS} connections: the process ended after {stopped:.1f} s; back after "
                    f"p50 {quantile(away, 0.5):.1f} s, p99 {quantile(away, 0.99):.1f} s, last {away[-1]:.1f} s; "
                    f"{crowd.diary.acks} acknowledged, 0 lost"
                )

    asyncio.run(story())


async def restart(server: Server, crowd: Crowd) -> float:
    """SIGTERM, then a new process on the same port. Gives the seconds that the old one took to end."""
    now = time.monotonic()
    for one in crowd.people:
        one.goodbyes.clear()
        one.away_since(now)
    server.terminate()
    assert await asyncio.to_thread(server.wait) in (0, -signal.SIGTERM), server.log()
    stopped = time.monotonic() - now
    await soon(lambda: all(one.goodbyes for one in crowd.people), "everybody noticed", PATIENCE)
    assert {one.goodbyes[0] for one in crowd.people} == {(True, GOING_AWAY)}
    await asyncio.to_thread(server.start)
    return stopped


def compare(server: Server, crowd: Crowd) -> tuple[set[str], list[str]]:
    """What was acknowledged and is not stored, and what is stored more than once."""
    with server.reading() as database:
        stored = [cid for (cid,) in database.execute("SELECT cid FROM items WHERE kind = 'message'")]
    acked = {op.cid for op in crowd.diary.history if op.result == "ok"}
    return acked - set(stored), [cid for cid in set(stored) if stored.count(cid) > 1]
