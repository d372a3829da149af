"""Tries, and how long to wait when there are none left: the same at one server and at several on one database."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack

import pytest
from sqlalchemy import select

from chatserver.core.errors import Refused
from chatserver.core.tries import Bucket, Taken, limit
from chatserver.services import throttle
from chatserver.services.throttle import Throttle, Tries, TriesEverywhere, TriesHere
from chatserver.store.postgres import tries as stored
from chatserver.store.postgres.database import PostgresDatabase
from chatserver.store.postgres.tries import Buckets
from chatserver.store.tables import tries as table
from tests.harness.postgres import Postgres
from tests.harness.sizes import SEED
from tests.web.conftest import START

WIDE = 1_000_000
Make = Callable[[int, int], Tries]
"""So many tries a minute for one name, and from one address."""


async def opened(stack: AsyncExitStack, url: str) -> PostgresDatabase:
    db = await PostgresDatabase.opened(url, clock=lambda: START, committed=lambda events: None)
    stack.push_async_callback(db.close)
    return db


@pytest.fixture(params=["here", "everywhere"])
async def made(request: pytest.FixtureRequest) -> AsyncIterator[Make]:
    if request.param == "here":
        yield lambda names, addresses: TriesHere(limit(names, 60), limit(addresses, 60))
        return
    async with AsyncExitStack() as stack:
        buckets = Buckets(await opened(stack, request.getfixturevalue("postgres_server").database()))
        yield lambda names, addresses: TriesEverywhere(limit(names, 60), limit(addresses, 60), buckets)


async def wait_of(tries: Tries, name: str, now: int, address: str = "1.2.3.4") -> float:
    """0 when the try was granted."""
    try:
        await tries.take(name, address, now)
    except Refused as refused:
        return refused.retry_after or float("nan")
    return 0


async def test_so_many_tries_at_once_then_one_for_each_part_of_the_time(made: Make) -> None:
    tries = made(3, WIDE)
    assert [await wait_of(tries, "a", START) for _ in range(3)] == [0, 0, 0]
    assert await wait_of(tries, "a", START) == 20
    assert await wait_of(tries, "a", START + 20_000) == 0
    assert await wait_of(tries, "a", START + 20_000) == 20


async def test_who_waits_as_long_as_they_are_told_may_try(made: Make) -> None:
    tries = made(7, WIDE)
    now = START
    for _ in range(20):
        wait = await wait_of(tries, "a", now)
        now += round(wait * 1000)
        assert not wait or await wait_of(tries, "a", now) == 0


async def test_to_be_refused_costs_nothing_more(made: Make) -> None:
    tries = made(1, WIDE)
    await tries.take("a", "1.2.3.4", START)
    assert {await wait_of(tries, "a", START) for _ in range(20)} == {60}
    assert {await wait_of(tries, "a", START + 3_000) for _ in range(20)} == {57}


async def test_who_tried_before_the_clock_was_set_back_does_not_wait_until_it_has_come_there_again(
    made: Make,
) -> None:
    tries, hour = made(2, 3), 3_600_000
    for _ in range(2):
        await tries.take("a", "1.2.3.4", START + hour)
    assert await wait_of(tries, "a", START + hour) == 30
    assert [await wait_of(tries, "a", START) for _ in range(3)] == [0, 0, 30]
    assert [await wait_of(tries, "b", START) for _ in range(2)] == [0, 20]


async def test_names_and_addresses_are_counted_apart(made: Make) -> None:
    tries = made(1, 3)
    assert await wait_of(tries, "a", START) == 0
    assert await wait_of(tries, "b", START) == 0
    assert await wait_of(tries, "a", START, "5.6.7.8") == 60
    assert await wait_of(tries, "a", START) == 60
    assert await wait_of(tries, "1.2.3.4", START) == 0, "a refusal is no try of the address either"
    assert await wait_of(tries, "c", START) == 20


async def test_who_may_not_try_from_their_address_uses_up_nothing_of_a_name(made: Make) -> None:
    tries = made(1, 1)
    await tries.take("a", "1.2.3.4", START)
    assert await wait_of(tries, "b", START) == 60
    assert await wait_of(tries, "b", START, "5.6.7.8") == 0


async def test_a_try_may_be_given_back_and_a_name_forgiven(made: Make) -> None:
    tries = made(1, 2)
    await tries.take("a", "1.2.3.4", START)
    await tries.give_back("a", "1.2.3.4", START)
    await tries.take("a", "1.2.3.4", START)
    await tries.forgive("a", "1.2.3.4", START)
    assert [await wait_of(tries, name, START) for name in ("a", "b", "c")] == [0, 0, 30]
    await tries.give_back("never heard of", "9.9.9.9", START)
    await tries.forgive("never heard of", "9.9.9.9", START)


def test_memory_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(throttle, "KEYS_MAX", 10)
    one = Throttle(limit(1, 60))
    for number in range(1000):
        one.take(str(number), START)
    assert len(one._full_at) == 10


# — several servers ————————————————————————————————————————————————————————————


@pytest.fixture
async def three(postgres_server: Postgres) -> AsyncIterator[list[TriesEverywhere]]:
    """Of 30 s each: five for a name, forty from an address."""
    url = postgres_server.database()
    async with AsyncExitStack() as stack:
        nodes = [Buckets(await opened(stack, url)) for _ in range(3)]
        yield [TriesEverywhere(limit(5, 30), limit(40, 30), buckets) for buckets in nodes]


async def test_whoever_goes_to_all_of_them_has_no_more_tries(three: list[TriesEverywhere]) -> None:
    waits = [await wait_of(three[n % 3], "a", START) for n in range(9)]
    assert waits == [0] * 5 + [6] * 4


async def test_many_at_once_are_as_many_tries(three: list[TriesEverywhere]) -> None:
    for name in ("a", "b"):
        waits = await asyncio.gather(*(wait_of(three[n % 3], name, START) for n in range(30)))
        assert waits.count(0) == 5
    names = await asyncio.gather(*(wait_of(three[n % 3], str(n), START, "5.6.7.8") for n in range(60)))
    assert names.count(0) == 40


async def test_what_is_forgiven_at_one_is_forgiven_at_the_others_soon(three: list[TriesEverywhere]) -> None:
    a, b, _ = three
    for _ in range(5):
        await a.take("a", "1.2.3.4", START)
    assert await wait_of(b, "a", START) == 6
    await a.forgive("a", "1.2.3.4", START)
    later = START + throttle.REFUSED_MS
    assert [await wait_of(b, "a", later) for _ in range(6)] == [0] * 5 + [6]


class Counted:
    """`Buckets` in memory of a bucket that is empty, and how often it was looked at."""

    def __init__(self) -> None:
        self.looks = 0

    async def take(self, buckets: object, now: int) -> list[Taken]:
        self.looks += 1
        return [Taken(False, START + 60_000)]

    async def give_back(self, buckets: object, now: int, *, full: object = ()) -> None:
        raise AssertionError("nothing was granted")


async def test_somebody_who_goes_on_trying_costs_the_database_next_to_nothing() -> None:
    counted = Counted()
    tries = TriesEverywhere(limit(10, 60), limit(1, 60), counted)
    for ms in range(0, 4 * throttle.REFUSED_MS, 10):
        assert await wait_of(tries, str(ms), START + ms) > 50
    assert counted.looks == 4


async def test_what_is_full_again_is_swept_and_who_tried_is_not_to_be_read(
    postgres_server: Postgres,
) -> None:
    async with AsyncExitStack() as stack:
        db = await opened(stack, postgres_server.database())
        tries = TriesEverywhere(limit(5, 30), limit(40, 30), Buckets(db))
        for n in range(10):
            await tries.take(f"agente-{n}@demo.test", f"10.0.0.{n}", START)
        keys = [row[0] for row in await db.rows(select(table.c.key))]
        assert len(keys) == 20
        assert {len(key) for key in keys} == {64}
        await tries.take("ana@demo.test", "10.0.0.1", START + stored.SWEEP_MS)
        await tries.take("ana@demo.test", "10.0.0.1", START + 2 * stored.SWEEP_MS)
        assert len(await db.rows(select(table.c.key))) == 2


async def test_a_robots_crowd_is_counted_alike_in_memory_and_in_sql(postgres_server: Postgres) -> None:
    dice, now = random.Random(SEED), START
    async with AsyncExitStack() as stack:
        buckets = Buckets(await opened(stack, postgres_server.database()))
        rules = limit(3, 20), limit(9, 20)
        here, everywhere = TriesHere(*rules), TriesEverywhere(*rules, buckets)
        found = []
        for _ in range(300):
            now += dice.choice((0, 0, 1, 700, 2_500, 9_000))
            one = dice.choice("abcdef"), now, dice.choice(("1.2.3.4", "5.6.7.8"))
            found.append((await wait_of(here, *one), await wait_of(everywhere, *one)))
        assert {(bool(a), bool(b)) for a, b in found} == {(False, False), (True, True)}
        assert [a for a, _ in found] == [b for _, b in found]


async def test_a_node_that_stands_still_with_a_bucket_in_hand_holds_up_this_one_alone(
    postgres_server: Postgres,
) -> None:
    import asyncpg

    url = postgres_server.database()
    async with AsyncExitStack() as stack:
        db = await opened(stack, url)
        buckets, rule = Buckets(db), limit(5, 30)
        for key in ("held", "full"):
            assert await buckets.take([Bucket(key, rule)], START) == [Taken(True, START + 6_000)]
        other = await asyncpg.connect(url)
        stack.push_async_callback(other.close)
        async with other.transaction():
            await other.execute("UPDATE tries SET full_at = 0 WHERE key = 'held'")
            assert (await buckets.take([Bucket("free", rule)], START + stored.SWEEP_MS))[0].granted
            assert {row[0] for row in await db.rows(select(table.c.key))} == {"held", "free"}
            with pytest.raises(Exception, match="LockNotAvailable"):
                await buckets.take([Bucket("held", rule)], START)
        assert (await buckets.take([Bucket("held", rule)], START))[0].granted
