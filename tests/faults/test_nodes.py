"""Real servers on one PostgreSQL, with and without Redis: wherever people are and whichever dies, the checker finds nothing."""

from __future__ import annotations

import asyncio
import random
import signal
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from tests.faults.crowd import judge, talking
from tests.faults.nodes import several
from tests.harness.crowd import in_time, quantile
from tests.harness.postgres import Postgres
from tests.harness.redis import RedisServer, redis_server
from tests.harness.server import Server
from tests.harness.sizes import SEED, size
from tests.harness.waiting import soon

pytestmark = [pytest.mark.fault, pytest.mark.alone]

KILLS = size(3, 100)
"""Of each of the two ways in which nodes hear of each other: 200 in all, and twice 10,000 acknowledgements."""
ACKS_BETWEEN_KILLS = size((0, 20, 100), (0, 20, 100, 250))
ACKS_PER_KILL = size(20, 100)
AWAY = size(100, 2_000)
"""Messages said after all have noticed that Redis is away."""
AWAY_LATEST = 2.0
"""Seconds, also for what is said while a Redis hangs and nobody has noticed yet (PROMISES P10)."""
BACK_P99, BACK_WITHIN = 0.3, 10.0


@pytest.fixture(params=["hints polled", "Redis"])
def hints(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[RedisServer | None]:
    if request.param != "Redis":
        yield None
        return
    directory = tmp_path / "redis"
    directory.mkdir()
    with redis_server(directory) as server:
        yield server


def test_a_crowd_on_three_nodes_sees_one_order_whoever_is_where(
    tmp_path: Path, postgres_server: Postgres, hints: RedisServer | None
) -> None:
    async def story() -> None:
        url = postgres_server.demo()
        with several(tmp_path, url, hints) as servers:
            async with talking(*servers) as crowd:
                await crowd.acks(300)
                await crowd.healed()
                judge(crowd, tmp_path)

    asyncio.run(story())


def test_nodes_are_killed_one_after_the_other_and_nothing_is_lost(
    tmp_path: Path, postgres_server: Postgres, hints: RedisServer | None
) -> None:
    async def story() -> None:
        url = postgres_server.demo()
        dice = random.Random(SEED)
        with several(tmp_path, url, hints) as servers:
            async with talking(*servers) as crowd:
                for _ in range(KILLS):
                    await crowd.acks(dice.choice(ACKS_BETWEEN_KILLS))
                    victim = dice.choice(servers)
                    await asyncio.to_thread(victim.kill)
                    await crowd.acks(20)
                    await asyncio.to_thread(victim.start)
                await crowd.acks(20)
                await crowd.healed()
                judge(crowd, tmp_path)
                print(f"{KILLS} kills")
                assert crowd.diary.acks >= KILLS * ACKS_PER_KILL, "too little was going on to say anything"

    asyncio.run(story())


def test_a_deploy_over_three_nodes_says_goodbye_and_loses_nothing(
    tmp_path: Path, postgres_server: Postgres, hints: RedisServer | None
) -> None:
    async def story() -> None:
        url = postgres_server.demo()
        with several(tmp_path, url, hints) as servers:
            async with talking(*servers) as crowd:
                for server in servers:
                    await crowd.acks(50)
                    for peer in crowd.everybody:
                        peer.goodbyes.clear()
                    server.terminate()
                    assert await asyncio.to_thread(server.wait) in (0, -signal.SIGTERM), server.log()
                    assert {goodbye for peer in crowd.everybody for goodbye in peer.goodbyes[:1]} <= {
                        (True, 4001)
                    }
                    await asyncio.to_thread(server.start)
                await crowd.acks(20)
                await crowd.healed()
                judge(crowd, tmp_path)

    asyncio.run(story())


def test_while_redis_is_away_messages_come_within_two_seconds_and_at_once_when_it_is_back(
    tmp_path: Path, postgres_server: Postgres
) -> None:
    async def story() -> None:
        url = postgres_server.demo()
        (tmp_path / "redis").mkdir()
        # Agents only read here: a chat that passed on to another one would show them what was said before, which is not late.
        settings = {"first_answer_seconds": 3_600}
        with (
            redis_server(tmp_path / "redis") as hints,
            several(tmp_path, url, hints, **settings) as servers,
        ):
            async with talking(*servers) as crowd:
                times = []
                crowd.calm = True
                for number, (fault, repair) in enumerate(
                    ((hints.kill, hints.start), (hints.hang, hints.go_on)), 1
                ):
                    await crowd.acks(20)
                    began = time.monotonic()
                    await asyncio.to_thread(fault)
                    await soon(partial(noticed, servers, "Redis is away", number), "all have noticed")
                    await crowd.acks(AWAY)
                    back = time.monotonic()
                    await asyncio.to_thread(repair)
                    await soon(
                        partial(noticed, servers, "Redis is back", number), "all are back", BACK_WITHIN
                    )
                    whole = time.monotonic()
                    await crowd.acks(100)
                    times.append((fault.__name__, began, back, whole, time.monotonic()))
                await crowd.healed()
                judge(crowd, tmp_path)
                for name, began, back, whole, end in times:
                    away, after = crowd.diary.delays(began, back), crowd.diary.delays(whole, end)
                    print(
                        f"{name}: {len(away)} seen, p50 {quantile(away, 0.5):.2f} s, at most {away[-1]:.2f} s; "
                        f"{whole - back:.1f} s after its return p99 {quantile(after, 0.99) * 1000:.0f} ms"
                    )
                    assert len(away) > AWAY / 2, "too little was seen to say anything"
                    assert in_time(away, AWAY_LATEST, 1), "late while Redis is away"
                    assert in_time(after, BACK_P99), "late though Redis is back"

    asyncio.run(story())


def noticed(servers: list[Server], what: str, times: int) -> bool:
    return all(server.whole_log().count(what) >= times for server in servers)
