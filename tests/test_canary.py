"""The servers' own customer: what it measures, what it counts as lost, and that it leaves no trace where people look."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from pathlib import Path

import pytest
from sqlalchemy import select

from chatserver.bus.local import LocalBus
from chatserver.bus.redis import RedisBus
from chatserver.core.errors import Refused
from chatserver.core.events import Event
from chatserver.core.people import CANARY
from chatserver.core.policy import Policy
from chatserver.loops import canary
from chatserver.loops.canary import Canary
from chatserver.metrics import Metrics
from chatserver.services import tickets
from chatserver.services.books import Books
from chatserver.services.catching_up import CatchingUp
from chatserver.services.house import House
from chatserver.services.publishing import Publisher, learn
from chatserver.services.reads import DatabaseReads
from chatserver.store import tables
from chatserver.store.database import Database
from chatserver.store.postgres.database import PostgresDatabase
from chatserver.store.postgres.nodes import Nodes
from chatserver.store.rows import ticket_from, ticket_select
from chatserver.store.versions import Versions
from chatserver.store.work import Who
from tests.harness.postgres import Postgres
from tests.harness.redis import RedisServer, redis_server
from tests.harness.waiting import soon

OFTEN = 0.05


class Deaf(LocalBus):
    """A bus that drops everything."""

    def publish(self, event: Event, topics: Iterable[str]) -> None:
        pass


class Node:
    def __init__(
        self, db: Database, bus: LocalBus | RedisBus, books: Books, metrics: Metrics | None = None
    ) -> None:
        self.db = db
        self.metrics = metrics or Metrics()
        self.house = House(db, DatabaseReads(db, Policy()), bus, db.clock, books, metrics=self.metrics)

    def heard(self, whose: str) -> int:
        return sum(self.metrics.canary[whose].counts)

    async def tickets(self) -> list[str]:
        return [ticket_from(row).state for row in await self.db.rows(ticket_select)]


@asynccontextmanager
async def node(where: Path | str, bus: LocalBus | None = None) -> AsyncIterator[Node]:
    chosen, books = bus or LocalBus(), Books()
    db = await Database.open(where, committed=Publisher(chosen, books))
    try:
        yield Node(db, chosen, books)
    finally:
        await db.close()


@pytest.fixture(params=["sqlite", "postgres"])
def where(request: pytest.FixtureRequest, tmp_path: Path) -> Path | str:
    if request.param == "sqlite":
        return tmp_path / "chat.db"
    url: str = request.getfixturevalue("postgres_server").database()
    return url


async def test_what_it_says_comes_back_and_how_long_that_took_is_counted(where: Path | str) -> None:
    async with node(where) as alone, Canary(alone.house, alone.db, OFTEN):
        await soon(lambda: alone.heard("self") >= 3, "three came back")
        assert alone.metrics.canary_lost == {"self": 0, "others": 0}
        assert list(alone.metrics.canary_seen) == [alone.db.node]
        text = alone.metrics.text({})
        assert 'chatserver_canary_round_trip_seconds_bucket{from="self",le="+Inf"}' in text


async def test_what_a_bus_drops_is_lost(where: Path | str) -> None:
    async with node(where, Deaf()) as deaf, Canary(deaf.house, deaf.db, OFTEN, patience=0.3):
        await soon(lambda: deaf.metrics.canary_lost["self"] >= 2, "two were lost")
        assert deaf.heard("self") == 0


async def test_nobody_comes_in_by_its_app_and_nothing_of_it_waits(where: Path | str) -> None:
    async with node(where) as alone, Canary(alone.house, alone.db, OFTEN):
        await soon(lambda: alone.heard("self"), "one came back")
        with pytest.raises(Refused):
            alone.house.people.app_by_key(CANARY)
        for app_id in alone.house.people.apps:
            assert await alone.house.reads.waiting_ids(app_id) == []
        assert await alone.house.reads.next_due() is None


async def test_old_tickets_of_its_own_are_removed_and_no_others(
    where: Path | str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(canary, "MESSAGES", 3)
    async with node(where) as alone:
        async with Canary(alone.house, alone.db, OFTEN):
            await soon(lambda: alone.heard("self"), "one came back")
            # Of somebody else in the same app, should there ever be one; closed, too.
            (app_id,) = alone.house.people.apps
            who = Who(app_id, "anon:somebody")
            real = await tickets.request(
                alone.house,
                who,
                cid=canary._cid(),
                subject="Una consulta",
                text="¿Hola?",
                email="a@b.test",
                context="{}",
            )
            await tickets.end(alone.house, who, real.id)
            await soon(lambda: alone.heard("self") >= 13, "four tickets long")
        numbers = await alone.db.rows(select(tables.items.c.ticket_id))
        assert (real.id,) in [tuple(row) for row in numbers]
        assert len({row[0] for row in numbers}) <= 3  # the real one, the last and the one before it
        assert alone.metrics.canary_lost["self"] == 0


async def test_at_its_end_it_closes_its_ticket(where: Path | str) -> None:
    async with node(where) as alone:
        async with Canary(alone.house, alone.db, OFTEN):
            await soon(lambda: alone.heard("self"), "one came back")
        assert await alone.tickets() == ["closed"]


# — between nodes ——————————————————————————————————————————————————————————————


@asynccontextmanager
async def two(url: str, redis: RedisServer | None) -> AsyncIterator[tuple[Node, Node]]:
    """Nodes that look for what they were not told, as `app.py` has them do."""
    async with AsyncExitStack() as stack:
        made = []
        for number in range(2):
            missed, books, metrics = asyncio.Event(), Books(), Metrics()
            bus: LocalBus | RedisBus = LocalBus()
            if redis is not None:
                bus = await RedisBus.open(
                    redis.url,
                    node=f"node{number}",
                    installation="test",
                    key=b"k",
                    missed=missed.set,
                    arrived=partial(learn, books),
                    metrics=metrics,
                )
                stack.push_async_callback(bus.close)
            db = await PostgresDatabase.opened(url, committed=Publisher(bus, books))
            stack.push_async_callback(db.close)
            one = Node(db, bus, books, metrics)
            await Nodes(db).join(db.clock())
            looking = CatchingUp(one.house, Versions(db), bus.listened, bus.here, missed)
            task = asyncio.create_task(looking.run(partial(_every, one)))
            stack.callback(task.cancel)
            made.append(one)
        yield made[0], made[1]


def _every(of: Node) -> float:
    return 25.0 if of.metrics.redis_up else 0.2


@pytest.fixture(params=["polled", "Redis"])
def redis(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[RedisServer | None]:
    if request.param == "polled":
        yield None
        return
    with redis_server(tmp_path / "redis") as server:
        yield server


async def test_two_nodes_hear_each_other(postgres_server: Postgres, redis: RedisServer | None) -> None:
    async with (
        two(postgres_server.database(), redis) as (a, b),
        Canary(a.house, a.db, 0.5),
        Canary(b.house, b.db, 0.5),
    ):
        await soon(lambda: a.heard("others") >= 3 and b.heard("others") >= 3, "each hears the other")
        for one in (a, b):
            assert one.metrics.canary_lost == {"self": 0, "others": 0}
            assert sorted(one.metrics.canary_seen) == sorted([a.db.node, b.db.node])


async def test_who_ends_in_order_is_no_longer_spoken_of(
    postgres_server: Postgres, redis: RedisServer | None
) -> None:
    async with two(postgres_server.database(), redis) as (a, b), Canary(a.house, a.db, OFTEN):
        async with Canary(b.house, b.db, 0.5):
            await soon(lambda: len(a.metrics.canary_seen) == 2, "each is known")
        await soon(lambda: list(a.metrics.canary_seen) == [a.db.node], "the other one has left")


async def test_without_redis_it_is_slow_and_not_lost(postgres_server: Postgres, tmp_path: Path) -> None:
    with redis_server(tmp_path / "redis") as server:
        async with (
            two(postgres_server.database(), server) as (a, b),
            Canary(a.house, a.db, 0.5),
            Canary(b.house, b.db, 0.5),
        ):
            await soon(lambda: a.heard("others") >= 2 and b.heard("others") >= 2, "each hears the other")
            server.kill()
            await soon(lambda: a.metrics.redis_up is False, "Redis is away")
            behind = b.db.clock()
            await soon(lambda: a.metrics.canary_seen[b.db.node] * 1000 > behind, "heard all the same", 10)
            server.start()
            await soon(lambda: a.metrics.redis_up is True, "Redis is back")
            behind = b.db.clock()
            await soon(lambda: a.metrics.canary_seen[b.db.node] * 1000 > behind, "and heard at once", 10)
            for one in (a, b):
                assert one.metrics.canary_lost == {"self": 0, "others": 0}
