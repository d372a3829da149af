"""One of three nodes is killed, frozen, or cut off from the database or from Redis: its people are served elsewhere, and what it
says when it is back changes nothing of that."""

from __future__ import annotations

import asyncio
import signal
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from tests.faults.crowd import AT_EASE, MAILS, Crowd, judge, somebody, somebody_comes, talking
from tests.harness.crowd import in_time, quantile
from tests.harness.peers import CustomerPeer
from tests.harness.postgres import Postgres, fetched
from tests.harness.redis import RedisServer, redis_server
from tests.harness.sizes import size
from tests.harness.three import Three, three_nodes
from tests.harness.waiting import soon, until, wait_until

pytestmark = [pytest.mark.fault, pytest.mark.alone]

OFFLINE_WITHIN = 15.0
"""Seconds from the last sign of life until an agent gets no new chats (PROMISES P7)."""
GRACE = size(8, 30)
RETURNED_WITHIN = GRACE + 5.0
"""Their chats are back in the queue, or with somebody else (P7: 35 s with a grace of 30)."""
AWAY = size(0.0, 60.0)
"""The fault lasts so long at least."""
SETTLED = 4.0
"""Seconds for a node that is back to say all that it has to say: two beats, and a second for what failed and is tried again."""
LATEST = 2.0
"""For a message while a node is cut off from Redis (P10)."""
HEARTBEATS = {"customer_heartbeat_seconds": size(2, 10), "agent_heartbeat_seconds": size(2, 5)}
"""Who misses two of them counts as gone: a machine may stand still for one."""
SETTINGS: dict[str, Any] = AT_EASE | HEARTBEATS | {"agent_grace_seconds": GRACE}


@pytest.fixture
def redis(tmp_path: Path) -> Iterator[RedisServer]:
    with redis_server(tmp_path / "redis") as server:
        yield server


class Fault:
    """What happens to the victim, and its end."""

    def __init__(self, three: Three, name: str) -> None:
        self.three = three
        self.name = name

    async def begin(self) -> None:
        victim = self.three.victim
        match self.name:
            case "killed":
                await asyncio.to_thread(victim.kill)
            case "frozen":
                assert victim.process is not None
                victim.process.send_signal(signal.SIGSTOP)
            case "cut off from the database":
                self.three.database.hold()

    async def end(self) -> None:
        victim = self.three.victim
        match self.name:
            case "killed":
                await asyncio.to_thread(victim.start)
            case "frozen":
                assert victim.process is not None
                victim.process.send_signal(signal.SIGCONT)
            case "cut off from the database":
                self.three.database.release()  # what was under way arrives now
        await asyncio.to_thread(wait_until, victim.ready, "the node is ready again", 20)


class Desk:
    """What the database says of one agent, looked at again and again."""

    def __init__(self, three: Three, agent: int) -> None:
        self.url = three.url
        self.agent = agent

    async def gone(self) -> bool:
        ((gone_at,),) = await fetched(self.url, "SELECT gone_at FROM agents WHERE id = ?", self.agent)
        return gone_at is not None

    async def chats(self) -> int:
        query = "SELECT count(*) FROM tickets WHERE agent_id = ? AND state = 'open'"
        return int((await fetched(self.url, query, self.agent))[0][0])

    async def assigned_last(self) -> float:
        """How long ago (seconds) they were given a chat last."""
        query = "SELECT extract(epoch FROM clock_timestamp()) * 1000 - max(assigned_at) FROM tickets WHERE agent_id = ?"
        return float((await fetched(self.url, query, self.agent))[0][0] or 1e9) / 1000


@asynccontextmanager
async def a_crowd(three: Three) -> AsyncIterator[Crowd]:
    """The first agent and half of the customers are at the victim, the others elsewhere."""
    home = {MAILS[0]: three.victim, MAILS[1]: three.b}
    home |= {f"cliente-{n}": three.nodes[2 * (n % 2)] for n in range(6)}
    async with talking(*three.others, home=home, signs=True) as crowd:
        await crowd.acks(100)
        yield crowd


@pytest.mark.parametrize("name", ["killed", "frozen", "cut off from the database"])
async def test_the_people_of_a_node_that_is_lost_are_served_elsewhere_and_stay_there_when_it_is_back(
    tmp_path: Path, postgres_server: Postgres, redis: RedisServer, name: str
) -> None:
    async with (
        three_nodes(tmp_path, postgres_server, redis, **SETTINGS) as three,
        a_crowd(three) as crowd,
        somebody("tardío", three.a, crowd) as late,
        somebody("callado", three.victim, crowd) as quiet,
    ):
        agent = crowd.agents[0]
        desk, fault = Desk(three, agent.id), Fault(three, name)
        assert await desk.chats() == 3
        began = time.monotonic()
        await fault.begin()

        # Nobody takes the agent for here any more; a balancer stops sending people.
        await until(desk.gone, "the agent is gone", OFFLINE_WITHIN)
        offline = time.monotonic() - began
        await asyncio.to_thread(wait_until, lambda: three.victim.status("/readyz") != 200, "it is unready")
        for customer in (*crowd.customers, quiet):
            crowd.home.pop(customer.name)
        await somebody_comes(crowd, late)
        assert await desk.assigned_last() > offline, "a new chat for an agent who is gone"

        async def left() -> bool:
            return not await desk.chats()

        await until(left, "the agent's chats are with somebody else", RETURNED_WITHIN)
        returned = time.monotonic() - began
        await soon(
            partial(all_elsewhere, [*crowd.customers, quiet], three), "its customers are elsewhere", 60
        )

        # The agent comes back to another node, is given chats, and the victim wakes up.
        crowd.home[agent.name] = three.a
        await soon(lambda: agent.online and agent.port == three.a.port, "the agent is elsewhere", 60)
        await until(desk.chats, "the agent has chats again")
        while time.monotonic() - began < AWAY:
            await crowd.acks(1)
        assert not await three.absences()
        before = await three.returns()
        await three.note_absences()
        await fault.end()
        await asyncio.sleep(SETTLED)  # the passing of time is what this is about
        assert not await three.noted(), (
            "said to be gone by the node that is back, though they are at another one"
        )
        assert await three.returns() == before, "chats were taken away from an agent who is connected"
        await crowd.healed()
        judge(crowd, tmp_path)
        print(f"{name}: offline after {offline:.1f} s, chats elsewhere after {returned:.1f} s")


def all_elsewhere(people: list[CustomerPeer], three: Three) -> bool:
    return all(one.online and one.port != three.victim.port for one in people)


async def test_a_node_cut_off_from_redis_hears_and_is_heard_within_two_seconds_and_nobody_is_gone(
    tmp_path: Path, postgres_server: Postgres, redis: RedisServer
) -> None:
    async with three_nodes(tmp_path, postgres_server, redis, **SETTINGS) as three, a_crowd(three) as crowd:
        crowd.calm = True
        await crowd.acks(20)
        before = await three.returns()
        began = time.monotonic()
        three.hints.hold()
        await soon(lambda: "Redis is away" in three.victim.whole_log(), "it has noticed")
        await crowd.acks(size(60, 1_000))
        assert not await three.absences()
        back = time.monotonic()
        three.hints.release()
        await soon(lambda: "Redis is back" in three.victim.whole_log(), "it is back", 10)
        whole = time.monotonic()
        await crowd.acks(60)
        end = time.monotonic()
        await crowd.healed()
        judge(crowd, tmp_path)
        assert await three.returns() == before
        away, after = crowd.diary.delays(began, back), crowd.diary.delays(whole, end)
        print(
            f"{len(away)} seen, p50 {quantile(away, 0.5):.2f} s, at most {away[-1]:.2f} s; then p99 {quantile(after, 0.99):.3f} s"
        )
        assert in_time(away, LATEST, 1)
        assert in_time(after, 0.3)
