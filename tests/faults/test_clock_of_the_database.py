"""The one clock that all nodes go by, PostgreSQL's, is an hour wrong, and is set while it runs: forward, back, and forward again.
Nobody is closed early or unwarned, nobody is passed on or taken for dead, and what is due comes."""

from __future__ import annotations

import asyncio
import random
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec
import pytest

from chatserver.core.inactivity import Clock as Facts
from chatserver.core.inactivity import verdict
from tests.faults.crowd import AT_EASE, MAILS
from tests.harness.crowd import Patient
from tests.harness.faketime import Clock
from tests.harness.peers import AgentPeer, Diary, Frame
from tests.harness.postgres import Postgres, fetched, postgres
from tests.harness.redis import redis_server
from tests.harness.sign_in import Desk
from tests.harness.sizes import SEED, STANDSTILL, size
from tests.harness.three import Three, three_nodes
from tests.harness.waiting import soon

pytestmark = [pytest.mark.fault, pytest.mark.alone]

HOUR = 3600
INACTIVITY = size(6, 20)
WARNING = size(3, 10)
APART = size(0.1, 0.2)
"""Seconds between two chats that begin."""
STEP_EVERY = size(1.6, 6.0)
"""Seconds between two changes of the clock."""
STEPS = (2 * HOUR, HOUR, 2 * HOUR)
"""How far (s) the database is ahead, one after the other; it begins with an hour."""
NOTICED = 6.0
"""Seconds after which every node goes by the new time, and acts by it: it is asked for every 1.5 s, looked at each second, and
nothing is acted on for three more."""
LATE = 1.0 + STANDSTILL
SETTINGS: dict[str, Any] = AT_EASE | {
    "inactivity_seconds": INACTIVITY,
    "inactivity_warning_seconds": WARNING,
    "inactivity_strict": True,
    "first_answer_seconds": 600,
    "customer_heartbeat_seconds": 2,
    "linger_seconds": 1,
}


@pytest.fixture
def clock() -> Iterator[Clock]:
    with tempfile.TemporaryDirectory(prefix="chat-clock-") as where:
        place = Path(where)
        place.chmod(0o755)  # PostgreSQL may be run by somebody else
        yield Clock(place / "clock", HOUR)


@pytest.fixture
def own(clock: Clock) -> Iterator[Postgres]:
    with postgres(environment=clock.environment) as server:
        yield server


class Waiting(Patient):
    """Somebody who begins a chat and says nothing more. Moments are the test's monotonic seconds."""

    asked_at = 0.0
    closed_at = 0.0
    warned_at: float | None = None
    """Since when they have been shown that the chat is about to end."""
    server_ahead = 0.0
    """The server's clock, by what it said last."""

    async def _take(self, frame: Frame) -> None:
        if frame["type"] in ("welcome", "pong"):
            self.server_ahead = frame["now"] / 1000 - time.monotonic()
        await super()._take(frame)
        self.look()

    def look(self) -> None:
        now = time.monotonic()
        for thread in self.threads.values():
            if self.closed_at or not thread.view:
                continue
            if thread.view["state"] == "closed":
                self.closed_at = now
                continue
            facts = thread.view.get("clock")
            ends = verdict(msgspec.convert(facts, Facts)) if facts else None
            if ends is None or (now + self.server_ahead) * 1000 < ends.warn_at:
                self.warned_at = None
            elif self.warned_at is None:
                self.warned_at = now


@asynccontextmanager
async def people(three: Three, count: int) -> AsyncIterator[list[Waiting]]:
    """All are in, at any of the nodes, and so is an agent who is available and has a place for each."""
    diary = Diary()
    everybody = [Waiting(f"cliente-{n}", three.a.port, diary, random.Random(SEED)) for n in range(count)]
    for number, one in enumerate(everybody):
        one.comes_to(three.nodes[number % 3].port)
        one.gives_signs = True  # what it is answered says what the time is
    agent = AgentPeer(MAILS[0], three.a.port, diary, random.Random(SEED), Desk(three.a, MAILS[0]).token)

    async def look() -> None:
        while True:
            for one in everybody:
                one.look()
            await asyncio.sleep(0.05)

    running = [asyncio.create_task(one.run(), name=one.name) for one in (*everybody, agent)]
    running.append(asyncio.create_task(look(), name="look"))
    try:
        await soon(lambda: agent.online and all(one.online for one in everybody), "all are in", 60)
        await fetched(three.url, f"UPDATE agents SET capacity = {count}")
        await agent.is_available()
        yield everybody
    finally:
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)


async def begin(everybody: list[Waiting]) -> None:
    """One after the other, also while the clock is being set."""
    starting = []
    for one in everybody:
        one.asked_at = time.monotonic()
        starting.append(asyncio.create_task(one.starts_chat(f"Pregunta de {one.name}")))
        await asyncio.sleep(APART)
    await asyncio.gather(*starting)


async def set_again_and_again(clock: Clock) -> float:
    """Gives the moment of the last time."""
    for ahead in STEPS:
        await asyncio.sleep(STEP_EVERY)
        clock.set(ahead)
    return time.monotonic()


async def test_a_clock_that_is_wrong_and_is_set_closes_nobody_early_or_unwarned_and_takes_nobody_for_dead(
    tmp_path: Path, own: Postgres, clock: Clock
) -> None:
    count = round((len(STEPS) + 1) * STEP_EVERY / APART)
    with redis_server(tmp_path / "redis") as redis:
        async with (
            three_nodes(tmp_path, own, redis, straight=True, **SETTINGS) as three,
            people(three, count) as everybody,
        ):
            await three.note_absences()
            beginning = asyncio.create_task(begin(everybody))
            last_set = await set_again_and_again(clock)
            await beginning
            whole = NOTICED + INACTIVITY + LATE
            await soon(lambda: all(one.closed_at for one in everybody), "all are closed", whole + 30)

            early = [
                one.closed_at - one.asked_at for one in everybody if one.closed_at - one.asked_at < INACTIVITY
            ]
            assert not early, (
                f"{len(early)} of {count} closed after {min(early):.2f} s instead of {INACTIVITY}"
            )
            warned = sorted(one.closed_at - (one.warned_at or one.closed_at) for one in everybody)
            print(f"{count} chats: warned for {warned[0]:.2f} to {warned[-1]:.2f} s")
            assert warned[0] > WARNING - 1.5, "closed, and hardly warned"
            end = max(one.closed_at for one in everybody)
            print(f"all were closed {end - last_set:.2f} s after the clock was set last")
            assert end < max(last_set, everybody[-1].asked_at) + whole
            assert await three.noted() == [], "said to be gone, and was there"
            kinds = dict(
                await fetched(
                    three.url, "SELECT kind || ' ' || coalesce(reason, ''), count(*) FROM items GROUP BY 1"
                )
            )
            assert kinds["closed inactivity"] == count
            assert not [kind for kind in kinds if kind.startswith("queued p")], (
                "passed on for time that did not pass"
            )
            opened = await fetched(three.url, "SELECT opened_at FROM tickets ORDER BY opened_at")
            assert abs(opened[0][0] / 1000 - HOUR - time.time()) < 120, "a node stored its own clock's time"
            for node in three.nodes:
                assert node.whole_log().count("the clock was set forward") == 2
                assert "was last seen" not in node.whole_log()
                assert "joins again" not in node.whole_log()
