"""A deploy under load, one process: everybody is told, nothing acknowledged is lost, and all are back at the next one."""

from __future__ import annotations

import asyncio
import signal
import socket
import time
from pathlib import Path

import pytest

from tests.faults.crowd import AT_EASE
from tests.faults.test_floods import deaf_ears, send, start, talker, until_acked
from tests.harness.crowd import Crowd, gathering, quantile
from tests.harness.peers import new_cid
from tests.harness.server import Server, running
from tests.harness.sizes import FULL
from tests.harness.waiting import soon

pytestmark = [pytest.mark.fault, pytest.mark.alone]

CLIENTS = 1_000 if FULL else 100
TALKERS = 50
PATIENCE = 90.0
DRAIN = 10 if FULL else 3
"""The setting. A stop takes five seconds more at most: fifteen, as it is by default."""
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


def test_a_stop_is_over_in_time_whoever_holds_on(tmp_path: Path) -> None:
    async def story() -> float:
        with running(tmp_path, **AT_EASE | {"drain_seconds": DRAIN}) as server:
            async with talker(server) as (one, welcome):
                ticket = await start(one)
                with deaf_ears(server, welcome["token"]), half_a_request(server):
                    for _ in range(60):  # more than a deaf one's kernel takes, less than makes it slow
                        await send(one, type="say", ticket=ticket, cid=new_cid(), text="x" * 8_000)
                        await until_acked(one, 1)
                    begun = time.monotonic()
                    server.terminate()
                    assert await asyncio.to_thread(server.wait) in (0, -signal.SIGTERM), server.log()
                    return time.monotonic() - begun

    took = asyncio.run(story())
    assert took < DRAIN + 5
    print(f"with a drain of {DRAIN} s the process ended after {took:.1f} s")


def half_a_request(server: Server) -> socket.socket:
    """Its rest never comes."""
    sender = socket.create_connection(("127.0.0.1", server.port))
    sender.sendall(
        f"POST /line/customer HTTP/1.1\r\nHost: 127.0.0.1:{server.port}\r\nOrigin: {server.origin}\r\n"
        "Chat-Mode: stream\r\nContent-Length: 1000\r\n\r\n{".encode()
    )
    return sender


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
