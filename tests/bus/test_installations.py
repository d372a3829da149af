"""Several installations at one Redis, each with a PostgreSQL database of its own: they hear nothing of each other."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from functools import partial
from pathlib import Path

import pytest

from chatserver.bus.redis import RedisBus
from chatserver.core.events import DeskChanged, Event, desk_topic
from chatserver.metrics import Metrics
from chatserver.processes.opening import opened
from chatserver.settings import load
from tests.harness.postgres import Postgres, fetched
from tests.harness.redis import RedisServer, redis_server, say
from tests.harness.waiting import soon

DESK = desk_topic(1)
"""The first app of any installation is number 1."""


class Node:
    """Hears what is said at its desk, by itself too."""

    def __init__(self, bus: RedisBus) -> None:
        self.bus = bus
        self.heard: set[Event] = set()
        bus.subscribe([DESK], self._hear, lambda: None)

    def says(self, number: int) -> None:
        self.bus.publish(DeskChanged(number), [DESK])

    def _hear(self, event: Event) -> bool:
        self.heard.add(event)
        return True


class Nodes:
    """`start` opens one as `serve` does."""

    def __init__(self, stack: AsyncExitStack) -> None:
        self._stack = stack

    async def start(self, database: str, redis: str) -> Node:
        settings = load({"DATABASE_URL": database, "REDIS_URL": redis})
        house, _ = await self._stack.enter_async_context(opened(settings, Metrics()))
        bus = house.bus
        assert isinstance(bus, RedisBus)
        await soon(lambda: bus.connected, "it is at its Redis")
        return Node(bus)


@pytest.fixture
async def nodes(anyio_backend: str) -> AsyncIterator[Nodes]:
    async with AsyncExitStack() as stack:
        yield Nodes(stack)


async def hear(said: range, *found: Node) -> None:
    """Each says one of these, and all of them hear all of it."""
    for node, number in zip(found, said, strict=True):
        await soon(partial(node.bus.hears, len(found)), "they know each other")
        node.says(number)
    everything = {DeskChanged(number) for number in said}
    await soon(lambda: all(everything <= node.heard for node in found), "all is heard")


@pytest.mark.parametrize("number", ["", "/0", "/1"])
async def test_nodes_of_another_database_are_strangers_whatever_the_number_in_redis(
    postgres_server: Postgres, shared_redis: RedisServer, nodes: Nodes, number: str
) -> None:
    ours, theirs = postgres_server.database(), postgres_server.database()
    a = await nodes.start(ours, f"{shared_redis.url}/0")
    b = await nodes.start(ours, f"{shared_redis.url}/0")
    stranger = await nodes.start(theirs, f"{shared_redis.url}{number}")
    twin = await nodes.start(theirs, f"{shared_redis.url}{number}")
    await hear(range(1, 3), a, b)
    await hear(range(3, 5), stranger, twin)
    assert not [node for node in (a, b, stranger, twin) if node.bus.hears(3)], "strangers are counted"
    assert a.heard == b.heard == {DeskChanged(1), DeskChanged(2)}, "something of strangers was heard"
    assert stranger.heard == twin.heard == {DeskChanged(3), DeskChanged(4)}


async def test_a_database_that_was_put_back_is_another_installation(
    postgres_server: Postgres, shared_redis: RedisServer, nodes: Nodes
) -> None:
    url = postgres_server.database()
    before = await nodes.start(url, shared_redis.url)
    await fetched(url, "UPDATE meta SET value = 'another' WHERE key = 'epoch'")
    a, b = [await nodes.start(url, shared_redis.url) for _ in range(2)]
    await hear(range(1, 3), a, b)
    before.says(3)
    assert not a.bus.hears(3)
    assert not before.bus.hears(2)
    assert before.heard == {DeskChanged(3)}


async def test_all_that_an_installation_says_is_under_its_own_name_and_the_one_that_is_documented(
    tmp_path: Path, postgres_server: Postgres
) -> None:
    url = postgres_server.database()
    with redis_server(tmp_path) as redis:
        async with AsyncExitStack() as stack:
            nodes = Nodes(stack)
            await hear(range(1, 3), *[await nodes.start(url, redis.url) for _ in range(2)])
            channels, keys = await say(redis.port, ("PUBSUB", "CHANNELS"), ("KEYS", "*"))
    names = [name.decode() for name in (*channels, *keys)]
    assert len(names) == 3 + 3
    assert all(name.startswith(("chatserver:", "{chatserver}:")) for name in names)
    assert len({name.split(":")[1] for name in names}) == 1
    told = await fetched(url, "SELECT value FROM meta WHERE key IN ('secret', 'epoch')")
    assert not [name for name in names for (value,) in told if value[:8] in name], (
        "it says what it is made of"
    )
