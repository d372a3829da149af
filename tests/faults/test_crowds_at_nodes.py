"""Crowds at three nodes, no sticky sessions: all nodes are deployed anew one by one, and everybody is cut off at once."""

from __future__ import annotations

import asyncio
import random
import signal
import time
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import ExitStack, asynccontextmanager, contextmanager
from functools import partial
from pathlib import Path

import pytest

from tests.faults.crowd import AT_EASE
from tests.harness.admitted import METRICS_TOKEN, Doorbell, doorbells
from tests.harness.crowd import Crowd, Patient, gathering, in_time, quantile, together
from tests.harness.postgres import Postgres, fetched, postgres
from tests.harness.redis import redis_server
from tests.harness.server import Server, ended, start_all
from tests.harness.sizes import SEED, size
from tests.harness.waiting import soon

pytestmark = [pytest.mark.fault, pytest.mark.alone]

NODES = 3
DEPLOYED, CUT_OFF = size(90, 1_000), size(120, 2_000)
TALKERS = size(20, 60)
RATE = size(20, 100)
"""New connections that a node takes in one second (PROMISES R11, R12)."""
PATIENCE = 120.0
BACK_P99 = 10.0
EXIT_WITHIN = 15.0
ALL_BACK_WITHIN = 30.0
READS_EACH = 2
STOP, GOING_AWAY, TRY_LATER = 4500, 4001, 4004
READ = ("FROM tickets", "FROM items", "FROM customers", "FROM agents", "FROM apps")


@pytest.fixture(scope="module")
def counting() -> Iterator[Postgres]:
    with postgres(counting=True) as server:
        yield server


@contextmanager
def nodes(where: Path, url: str) -> Iterator[list[Server]]:
    settings = AT_EASE | {"connections_per_second": RATE, "metrics_token": METRICS_TOKEN}
    with ExitStack() as stack:
        (where / "redis").mkdir()
        redis = stack.enter_context(redis_server(where / "redis"))
        found = []
        for number in range(NODES):
            directory = where / f"node-{number}"
            directory.mkdir()
            node = Server(directory, database_url=url, redis_url=redis.url, **settings)
            found.append(stack.enter_context(ended(node)))
        start_all(found)
        yield found


@asynccontextmanager
async def crowd_at(servers: list[Server], people: int) -> AsyncIterator[Crowd]:
    """Everybody comes to any of the nodes, and after each cut to any again; a chat each."""
    dice = random.Random(SEED)
    ports = [server.port for server in servers]

    def comes_anywhere(one: Patient) -> None:
        one.comes_to(dice.choice(ports))

    def anywhere(crowd: Crowd) -> None:
        for one in crowd.people:
            one.before_connecting = partial(comes_anywhere, one)

    async with gathering(ports[0], people, within=PATIENCE, prepare=anywhere) as crowd:
        await crowd.start_chats()
        for one in crowd.people:
            one.goodbyes.clear()
            one.turned_away.clear()
        yield crowd


def test_three_nodes_are_deployed_anew_under_a_crowd_that_talks(tmp_path: Path, counting: Postgres) -> None:
    async def story() -> None:
        url = counting.demo()
        with nodes(tmp_path, url) as servers:
            async with crowd_at(servers, DEPLOYED) as crowd:
                talking = asyncio.create_task(crowd.talk(crowd.people[:TALKERS]))
                await soon(lambda: crowd.diary.acks >= 2 * TALKERS, "everybody talks", PATIENCE)
                away: list[float] = []
                exits: list[float] = []
                busiest: list[int] = []
                for server in servers:
                    with doorbells(*(other for other in servers if other is not server)) as bells:
                        exits.append(await deploy(server, crowd))
                        away += await everybody_who_left_is_back(crowd)
                    busiest += [bell.busiest_second for bell in bells]
                goal = crowd.diary.acks + TALKERS
                await soon(lambda: crowd.diary.acks >= goal, "they talk on", PATIENCE)
                crowd.hushed = True
                await soon(talking.done, "everything that was said has its answer", PATIENCE)
                lost, doubled = await compare(url, crowd)
                away.sort()
                print(
                    f"{DEPLOYED} connections, seed {SEED}: nodes ended after {max(exits):.1f} s at most; {len(away)} had to "
                    f"leave, back after p50 {quantile(away, 0.5):.1f} s, p99 {quantile(away, 0.99):.1f} s, last {away[-1]:.1f}; "
                    f"a node's busiest second: {max(busiest)} of {RATE}; {crowd.diary.acks} acknowledged, {len(lost)} lost"
                )
                assert not lost
                assert not doubled
                assert max(exits) <= EXIT_WITHIN
                assert in_time(away, BACK_P99)
                assert max(busiest) <= RATE

    asyncio.run(story())


async def deploy(server: Server, crowd: Crowd) -> float:
    """SIGTERM, and a new process on the same port. Who was there is told. Gives the seconds that the old one took to end."""
    now = time.monotonic()
    here = [one for one in crowd.people if one.port == server.port and one.online]
    for one in crowd.people:
        one.goodbyes.clear()
    for one in here:
        one.away_since(now)
    server.terminate()
    assert await asyncio.to_thread(server.wait) in (0, -signal.SIGTERM), server.log()
    took = time.monotonic() - now
    await soon(lambda: all(one.goodbyes for one in here), "everybody there noticed", PATIENCE)
    assert {one.goodbyes[0] for one in here} == {(True, GOING_AWAY)}, "somebody was not told first"
    await asyncio.to_thread(server.start)
    return took


async def everybody_who_left_is_back(crowd: Crowd) -> list[float]:
    left = [one for one in crowd.people if one.cut_at is not None]
    await soon(lambda: all(one.back_after is not None for one in left), "who left is back", PATIENCE)
    times = [one.back_after or 0.0 for one in left]
    for one in left:
        one.cut_at = None
    return times


def each_asks(reads: Mapping[str, int]) -> float:
    """How many reads one who comes back causes. What not even every other one caused is the nodes' own, who look for what is due
    and for each other, the oftener the longer it takes."""
    return sum(count for count in reads.values() if count >= CUT_OFF / 2) / CUT_OFF


def test_a_crowd_that_is_cut_off_comes_back_to_any_node_at_a_rate(tmp_path: Path, counting: Postgres) -> None:
    async def story() -> None:
        url = counting.demo()
        with nodes(tmp_path, url) as servers:
            async with crowd_at(servers, CUT_OFF) as crowd:
                counting.count_anew()
                with doorbells(*servers) as bells:
                    for one in crowd.people:
                        one.cut()
                    away = await crowd.everybody_is_back(PATIENCE)
                reads = each_asks(reads_in(counting, url))
                codes = [code for one in crowd.people for _, code in one.goodbyes]
                waits = [wait for one in crowd.people for wait in one.turned_away]
                print(
                    f"{CUT_OFF} back at {NODES} nodes, seed {SEED}: p50 {quantile(away, 0.5):.1f} s, last {away[-1]:.1f} s; "
                    f"turned away {len(waits)} times; busiest seconds {[bell.busiest_second for bell in bells]} of {RATE}; "
                    f"reads each {reads:.2f}"
                )
                assert not [code for code in codes if code >= STOP], "somebody was told to stop"
                assert codes.count(TRY_LATER) == len(waits)
                assert away[-1] <= ALL_BACK_WITHIN
                assert together(waits) < 1 / 3, "who waits is told the same moment as others"
                assert all(within_rate(bell) for bell in bells)
                assert reads <= READS_EACH

    asyncio.run(story())


def within_rate(bell: Doorbell) -> bool:
    """Where a machine stood still, no two looks lie within a second: then nothing is known of it."""
    return bell.looks[-1].admitted > 0 and bell.busiest_second <= RATE


def reads_in(server: Postgres, url: str) -> dict[str, int]:
    """What people's rows were read by, but for what a group of writes reads before it decides (arrays of ids): that somebody is
    connected is written once for many, and nobody waits for it."""
    return {
        text: calls
        for text, calls in server.statements(url).items()
        if text.startswith("SELECT") and any(table in text for table in READ) and "::bigint[]" not in text
    }


async def compare(url: str, crowd: Crowd) -> tuple[set[str], list[str]]:
    """What was acknowledged and is not stored, and what is stored more than once."""
    stored = [row[0] for row in await fetched(url, "SELECT cid FROM items WHERE kind = 'message'")]
    acked = {op.cid for op in crowd.diary.history if op.result == "ok"}
    return acked - set(stored), [cid for cid in set(stored) if stored.count(cid) > 1]
