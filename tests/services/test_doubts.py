"""After a commit of which nobody knows what became the database is looked at again and again: it may be slow with it."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from functools import partial
from pathlib import Path

import pytest

from chatserver.core.events import Event, TicketChanged, customer_topic
from chatserver.metrics import Metrics
from chatserver.processes.opening import HINTLESS_SECONDS, opened
from chatserver.services import talk
from chatserver.services.catching_up import CatchingUp
from chatserver.services.doubts import DOUBTED_SECONDS, Doubts
from chatserver.settings import load
from chatserver.store.base import StoreFailed
from chatserver.store.postgres import database
from chatserver.store.versions import Versions
from tests.harness.postgres import Postgres, fetched, postgres
from tests.harness.redis import RedisServer, redis_server
from tests.harness.simulated_time import SimulatedLoop
from tests.harness.waiting import soon, until
from tests.memory_store import Clock, MemoryBus
from tests.services.scene import DatabaseRows, Scene, new_cid, who

ANA = who("ana")
BY_ITSELF = 3_600.0
"""Seconds until a node looks at the database without any reason: not in this test."""


# — how often —————————————————————————————————————————————————————————————————


def looks(story: Callable[[Doubts], Awaitable[None]]) -> list[float]:
    """When it was looked, in simulated seconds."""
    with asyncio.Runner(loop_factory=SimulatedLoop) as runner:
        found: list[float] = []

        async def told() -> None:
            loop = asyncio.get_running_loop()
            await story(Doubts(lambda: found.append(loop.time()), HINTLESS_SECONDS))

        runner.run(told())
        return found


def test_it_is_looked_at_once_and_then_often_until_a_minute_after_the_last_doubt() -> None:
    async def story(doubts: Doubts) -> None:
        doubts()
        await asyncio.sleep(30)
        doubts()
        await asyncio.sleep(10 * DOUBTED_SECONDS)

    found = looks(story)
    assert found[0] == 0
    assert 30 in found
    assert max(later - earlier for earlier, later in itertools.pairwise(found)) <= HINTLESS_SECONDS
    assert 30 + DOUBTED_SECONDS <= found[-1] <= 30 + DOUBTED_SECONDS + HINTLESS_SECONDS


def test_many_doubts_at_once_leave_one_timer_and_an_end_leaves_none() -> None:
    async def story(doubts: Doubts) -> None:
        for _ in range(10):
            doubts()
        await asyncio.sleep(HINTLESS_SECONDS)
        doubts.end()
        doubts.end()
        await asyncio.sleep(10 * DOUBTED_SECONDS)

    assert looks(story) == [0.0] * 10 + [HINTLESS_SECONDS]


# — a commit that waits for a standby ——————————————————————————————————————————


class Looking(CatchingUp):
    turns = 0

    async def turn(self) -> int:
        found = await super().turn()
        self.turns += 1
        return found


class Node(Scene):
    """As `serve` opens one, with Redis; who is connected to it hears `told`."""

    told: list[Event]
    looking: Looking

    @classmethod
    @asynccontextmanager
    async def opened(cls, url: str, redis: RedisServer) -> AsyncIterator[Node]:
        missed = asyncio.Event()
        settings = load({"DATABASE_URL": url, "REDIS_URL": redis.url})
        async with opened(settings, Metrics(), missed=missed.set) as (house, db):
            node = cls(house, Clock(), MemoryBus(), DatabaseRows(db))
            node.told = []
            node.looking = Looking(house, Versions(db), house.bus.listened, house.bus.here, missed)
            task = asyncio.create_task(node.looking.run(lambda: BY_ITSELF))
            try:
                yield node
            finally:
                task.cancel()
                await asyncio.gather(task, return_exceptions=True)

    def listens(self, topic: str) -> None:
        self.house.bus.subscribe([topic], self._hear, lambda: None)

    def _hear(self, event: Event) -> bool:
        self.told.append(event)
        return True

    def texts(self) -> list[str]:
        return [item.text for event in self.told if isinstance(event, TicketChanged) for item in event.items]


@pytest.fixture
def own() -> Iterator[Postgres]:
    with postgres() as server:
        yield server


async def test_a_message_whose_commit_goes_through_when_nobody_waits_for_it_any_more_is_seen_at_every_node(
    tmp_path: Path, own: Postgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = own.database()
    with redis_server(tmp_path) as redis:
        async with AsyncExitStack() as stack:
            a, b = [await stack.enter_async_context(Node.opened(url, redis)) for _ in range(2)]
            await a.app()
            await a.agent()
            await b.refresh()
            ticket = await a.chat(ANA)
            for node in (a, b):
                node.house.books.learn(await a.ticket(ticket.id))
                node.listens(customer_topic(1, ANA.key))
            await soon(lambda: a.house.bus.hears(2) and b.house.bus.hears(2), "they hear each other")
            monkeypatch.setattr(database, "COMMAND_SECONDS", 1.0)
            await connects_again(url)
            confirmed_by(own, "nobody")
            said: list[str] = []
            looked = [node.looking.turns for node in (a, b)]
            await until(partial(in_doubt, a, ticket.id, said), "a commit waits", look_every=0)
            for node, before in zip((a, b), looked, strict=True):
                # mypy infers no type for a lambda with a default, which binds the loop's variable.
                await soon(lambda node=node, before=before: node.looking.turns > before, "it has looked")  # type: ignore[misc]
            assert said[-1] not in a.texts() + b.texts()
            confirmed_by(own, "")
            for node in (a, b):
                # mypy infers no type for a lambda with a default, which binds the loop's variable.
                await soon(lambda node=node: said[-1] in node.texts(), "it is seen")  # type: ignore[misc]


async def connects_again(url: str) -> None:
    """Whoever is connected."""
    ended = (
        "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE application_name = 'chatserver'"
    )
    assert await fetched(url, ended)


async def in_doubt(node: Node, ticket_id: int, said: list[str]) -> bool:
    """Whether a commit is, once one more thing was said: PostgreSQL takes a moment to hear who has to confirm."""
    said.append(f"Hola {len(said)}")
    with suppress(StoreFailed):
        await talk.say(node.house, ANA, ticket_id, new_cid(), said[-1])
    return node.house.metrics.doubtful > 0


def confirmed_by(server: Postgres, standby: str) -> None:
    """From now on commits are, and one that nobody has confirmed is not seen by anybody."""
    server.run(f"ALTER SYSTEM SET synchronous_standby_names = '{standby}'")
    server.run("SELECT pg_reload_conf()")
