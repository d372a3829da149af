"""The one PostgreSQL of three nodes is restarted, ends everybody, is held up: no answer without a commit, and all go on."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from chatserver.realtime.close_codes import GOING_AWAY, SILENT
from tests.faults.crowd import AT_EASE, Crowd, judge, somebody, talking
from tests.harness.committing import CommitWire, Cut
from tests.harness.postgres import Postgres, fetched, postgres
from tests.harness.redis import redis_server
from tests.harness.server import Server
from tests.harness.sizes import STANDSTILL, size
from tests.harness.three import Three, three_nodes
from tests.harness.waiting import soon, until, wait_until

pytestmark = [pytest.mark.fault, pytest.mark.alone]

TIMES = size(1, 10)
"""So often is it done."""
RECOVERED = 5.0 + STANDSTILL
"""Seconds until every node writes again, from when the database does (PROMISES R8)."""
CUTS = size(5, 50)
"""Commits whose connection is lost on the way: nearly all of them are of messages, and one in a while a node's sign of life."""
HELD = size(1.0, 30.0)
"""Seconds, from when a node has met a ticket that somebody holds."""
ABNORMAL_CLOSURE = 1006
"""No close frame: who lost patience hung up (RFC 6455)."""
AWAY = size(10.0, 60.0)
"""Longer than a node may be silent before it counts as dead, and than agents may be gone."""
SHORTER = {
    "agent_grace_seconds": size(5, 30),
    "inactivity_seconds": size(8, 40),
    "inactivity_warning_seconds": size(4, 20),
    "inactivity_strict": True,
}


@pytest.fixture
def own(tmp_path: Path) -> Iterator[Postgres]:
    """Broken on purpose; its commits wait for the disk."""
    with postgres(relaxed=False) as server:
        yield server


@asynccontextmanager
async def a_crowd(where: Path, own: Postgres, **settings: Any) -> AsyncIterator[tuple[Three, Crowd]]:
    """`settings`: of `three_nodes`."""
    with redis_server(where / "redis") as redis:
        async with (
            three_nodes(where, own, redis, **AT_EASE, **settings) as three,
            talking(*three.nodes, patient=True) as crowd,
        ):
            await crowd.acks(100)
            yield three, crowd


async def stored(url: str) -> int:
    return int((await fetched(url, "SELECT count(*) FROM items WHERE cid IS NOT NULL"))[0][0])


async def every_node_writes(three: Three, since: float) -> float:
    """Seconds since then until each says that it does: /readyz writes a row."""
    for node in three.nodes:
        await asyncio.to_thread(wait_until, partial(_ready, node), "the node is ready", RECOVERED)
    return time.monotonic() - since


def _ready(node: Server) -> bool:
    return node.status("/readyz") == 200


def _red(node: Server) -> bool:
    return node.status("/readyz") == 503


async def all_red(three: Three) -> None:
    for node in three.nodes:
        await asyncio.to_thread(wait_until, partial(_red, node), "it is red")


def somebody_waited(three: Three) -> bool:
    return any("somebody else holds rows" in node.whole_log() for node in three.nodes)


def joined_again(three: Three) -> bool:
    return all("it joins again" in node.whole_log() for node in three.nodes)


async def restarted(own: Postgres, three: Three) -> None:
    await asyncio.to_thread(own.stop)
    await all_red(three)
    await asyncio.to_thread(own.start)


async def all_ended(own: Postgres, three: Three) -> None:
    query = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'chatserver'"
    assert await fetched(three.url, query)


def more_is_acknowledged(crowd: Crowd, than: int) -> bool:
    return crowd.diary.acks > than


@pytest.mark.parametrize("act", [restarted, all_ended])
async def test_all_nodes_write_again_within_five_seconds_and_nothing_that_was_acknowledged_is_missing(
    tmp_path: Path, own: Postgres, act: Callable[[Postgres, Three], Awaitable[None]]
) -> None:
    async with a_crowd(tmp_path, own) as (three, crowd):
        for _ in range(TIMES):
            await act(own, three)
            back = time.monotonic()
            took = await every_node_writes(three, back)
            assert took < RECOVERED
            said = crowd.diary.acks
            assert await stored(three.url) >= said, "acknowledged, and not there"
            await soon(partial(more_is_acknowledged, crowd, said + 50), "people talk on", RECOVERED)
            print(
                f"{act.__name__}: all nodes write after {took:.2f} s, people after {time.monotonic() - back:.2f} s"
            )
        await crowd.healed()
        judge(crowd, tmp_path)


@pytest.mark.parametrize("where", ["before", "after"])
async def test_what_a_node_committed_without_hearing_so_is_acknowledged_only_when_it_was_found_stored(
    tmp_path: Path, own: Postgres, where: Cut
) -> None:
    async with (
        CommitWire.to(own.port) as wire,
        a_crowd(tmp_path, own, by_way_of=wire.port) as (_, crowd),
    ):
        for number in range(1, 1 + CUTS):
            wire.planned = where
            await soon(lambda number=number: wire.cuts == number, "a commit is cut")  # type: ignore[misc]
            await crowd.acks(20)
        await crowd.healed()
        judge(crowd, tmp_path)
        assert not [op for op in crowd.diary.history if op.result == "fail"], "told for good what nobody knew"
        assert any(frame["code"] == "unavailable" for peer in crowd.everybody for frame in peer.refusals)


async def test_a_ticket_that_somebody_holds_holds_up_no_other_at_any_node(
    tmp_path: Path, own: Postgres
) -> None:
    async with a_crowd(tmp_path, own) as (three, crowd):
        held, *others = crowd.ticket_of.values()
        other = await asyncpg.connect(three.url)

        def acked_since(begun: int) -> Counter[int]:
            return Counter(op.ticket for op in crowd.diary.history[begun:])

        async with other.transaction():
            await other.fetch("SELECT id FROM tickets WHERE id = $1 FOR UPDATE", held)
            await soon(partial(somebody_waited, three), "a node waited in vain")
            met = time.monotonic()
            while time.monotonic() - met < HELD:
                begun = len(crowd.diary.history)
                await soon(
                    # mypy infers no type for a lambda with a default, which binds the loop's variable.
                    lambda begun=begun: acked_since(begun).keys() >= set(others),  # type: ignore[misc]
                    "all others go on",
                    RECOVERED,
                )
                assert not acked_since(begun)[held]
        await other.close()
        freed, done = time.monotonic(), len(crowd.diary.history)
        await soon(lambda: acked_since(done)[held], "it is free", RECOVERED)
        print(f"free {time.monotonic() - freed:.2f} s after it was let go")
        await crowd.healed()
        judge(crowd, tmp_path)


async def test_a_database_that_was_away_for_long_closes_nobodys_chat_and_takes_none_from_an_agent(
    tmp_path: Path, own: Postgres
) -> None:
    async with (
        a_crowd(tmp_path, own, **SHORTER) as (three, crowd),
        somebody("callado", three.a, crowd) as quiet,
    ):
        ticket = await quiet.starts_chat("Una pregunta")
        lines = {peer.name: peer.connections for peer in crowd.everybody}
        await asyncio.to_thread(own.stop)
        away = time.monotonic()
        await all_red(three)
        while time.monotonic() - away < AWAY:
            assert not any(_ready(node) for node in three.nodes)
            await asyncio.sleep(0.5)
        await asyncio.to_thread(own.start)
        back = time.monotonic()
        took = await every_node_writes(three, back)

        async def all_here() -> bool:
            return not await three.absences()

        assert joined_again(three), "ready, and no living node yet"
        await until(all_here, "everybody is here again")
        assert not any(code == GOING_AWAY for peer in crowd.everybody for _, code in peer.goodbyes), (
            "sent to another node, that was back a little sooner"
        )
        here = time.monotonic() - back
        closed = await fetched(three.url, "SELECT id FROM tickets WHERE state = 'closed'")
        assert not closed, "closed, because of a time in which nobody could be heard"
        crowd.ticket_of[quiet.name] = ticket
        crowd.customers.append(quiet)
        await crowd.acks(50)
        await crowd.healed()
        judge(crowd, tmp_path)
        assert await three.returns() == 0, "somebody lost a chat"
        for peer in crowd.everybody:
            if peer.connections > lines.get(peer.name, 1):
                # On a machine that stood still one side took the other for dead, and without a database nobody comes in.
                assert {code for _, code in peer.goodbyes} <= {ABNORMAL_CLOSURE, SILENT}, peer.goodbyes
                continue
            assert peer.told_storing[:1] == [False], f"{peer.name} was not told that nothing is stored"
            assert peer.told_storing[-1], f"{peer.name} was not told that it is again"
        print(
            f"away for {AWAY:g} s; after it all nodes write in {took:.2f} s, everybody is here in {here:.2f} s"
        )
