"""Redis dies, hangs, is cut off or says nonsense: publishing goes on as if nothing had happened, and whoever may have missed
something is told."""

from __future__ import annotations

import asyncio
import logging
import random
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import hiredis
import msgspec
import pytest

from chatserver.bus import envelope, redis_finding, redis_line, redis_link
from chatserver.bus import redis as redis_bus
from chatserver.bus.envelope import VERSION, Delta, Said, State
from chatserver.bus.redis import RedisBus
from chatserver.core.events import TicketChanged
from chatserver.core.people import Customer
from chatserver.core.tickets import Item, Ticket
from tests.bus.nodes import SEAL, Node, acquainted, event, lost_in_silence, new_installation, nodes
from tests.harness.cutting import CuttableWire
from tests.harness.redis import RedisServer, redis_server, say
from tests.harness.sizes import SEED, STANDSTILL, size
from tests.harness.waiting import PATIENCE, soon

BACK_WITHIN = 10.0
AT_ONCE_SECONDS = 0.5
"""For one `publish`: ten thousand times what it takes, and far less than any deadline."""
STANDSTILLS = 2
"""So many may take longer: the machine stood still. If publishing waited for Redis, each would, for as long as it is away."""


@pytest.fixture
def redis(tmp_path: Path) -> Iterator[RedisServer]:
    """One to be maltreated."""
    with redis_server(tmp_path / "redis") as server:
        yield server


@asynccontextmanager
async def talking(speakers: list[Node]) -> AsyncIterator[None]:
    """Everybody says something again and again, each time on a topic that all the others listen to."""
    numbers = iter(range(10_000_000))
    waited: list[float] = []

    async def talk() -> None:
        while True:
            for speaker in speakers:
                began = time.perf_counter()
                speaker.say(next(numbers), "t")
                if (took := time.perf_counter() - began) > AT_ONCE_SECONDS:
                    waited.append(took)
                    assert len(waited) <= STANDSTILLS, f"publishing waited: {waited}"
            await asyncio.sleep(0.001)

    task = asyncio.create_task(talk())
    try:
        yield
        assert not task.done(), "publishing failed"
    finally:
        task.cancel()
        await asyncio.wait([task])
    task.cancelled() or task.result()


async def heard_of_by_all(found: list[Node]) -> None:
    """What each says now is heard by all the others."""
    await acquainted(*found)
    for number, speaker in enumerate(found, start=20_000_000):
        speaker.say(number, "t")
        others = [node for node in found if node is not speaker]
        await soon(lambda others=others, number=number: all(number in node.heard for node in others), "heard")  # type: ignore[misc]


async def told_of_all(node: Node) -> None:
    """It heard everything, or was told afterwards that it missed something."""
    await soon(lambda: not lost_in_silence(node.diary, node.name), f"{node.name} is told")


@pytest.mark.fault
async def test_redis_dies_and_comes_back_empty_under_load(redis: RedisServer) -> None:
    async with nodes(*[redis.url] * 3) as found:
        for node in found:
            node.listen("t")
        await acquainted(*found)
        async with talking(found):
            await soon(lambda: all(len(node.heard) > 50 for node in found), "they hear each other")
            redis.kill()
            await soon(lambda: not any(node.bus.connected for node in found), "all notice")
            said = len(found[0].diary)
            await soon(lambda: len(found[0].diary) > said + 100, "they go on talking")
            redis.start()
            await soon(lambda: all(node.bus.connected for node in found), "all are back", BACK_WITHIN)
        await heard_of_by_all(found)
        for node in found:
            await soon(lambda node=node: node.missed, "it is told")  # type: ignore[misc]
            assert node.metrics.hints_dropped > 0
            assert node.metrics.redis_reconnects == 1
            await told_of_all(node)


async def test_however_often_it_is_tried_a_log_says_each_reason_once(
    redis: RedisServer, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    caplog.set_level(logging.INFO)
    monkeypatch.setattr(redis_link, "BACKOFF_MAX_SECONDS", 0.01)
    tries = 0
    find = redis_finding.find

    async def counted(*arguments: Any) -> Any:
        nonlocal tries
        tries += 1
        return await find(*arguments)

    monkeypatch.setattr(redis_link, "find", counted)
    async with nodes(redis.url) as (node,):
        redis.kill()
        before = tries
        await soon(lambda: tries > before + 20, "it was tried twenty times")
        redis.start()
        await soon(lambda: node.bus.connected, "it is back")
    said = [record.getMessage() for record in caplog.records if "Redis is" in record.getMessage()]
    assert [line.partition(":")[0] for line in said] == [
        "Redis is away",
        "Redis is still away",
        "Redis is back.",
    ], said


async def test_of_an_outage_that_has_ever_new_reasons_a_log_says_a_few(
    redis: RedisServer, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    caplog.set_level(logging.INFO)
    monkeypatch.setattr(redis_link, "BACKOFF_MAX_SECONDS", 0.01)
    monkeypatch.setattr(redis_link, "REASONS_MAX", 4)
    tries = 0

    async def finds_none(*_: Any) -> Any:
        nonlocal tries
        tries += 1
        raise redis_line.Unreachable("nowhere", f"this was try {tries}")

    async with nodes(redis.url) as (node,):
        with monkeypatch.context() as patched:
            patched.setattr(redis_link, "find", finds_none)
            redis.kill()
            await soon(lambda: tries > 20, "it was tried twenty times")
        redis.start()
        await soon(lambda: node.bus.connected, "it is back")
    said = [record for record in caplog.records if "Redis is still away" in record.getMessage()]
    assert len(said) == 3, "beside the first one, by which it was away"


@pytest.mark.fault
async def test_redis_hangs_and_goes_on_under_load(redis: RedisServer) -> None:
    async with nodes(redis.url, redis.url) as found:
        for node in found:
            node.listen("t")
        await acquainted(*found)
        async with talking(found):
            redis.hang()
            began = time.monotonic()
            await soon(lambda: not any(node.bus.connected for node in found), "all notice")
            print(f"noticed after {time.monotonic() - began:.2f} s")
            redis.go_on()
            await soon(lambda: all(node.bus.connected for node in found), "all are back", BACK_WITHIN)
        await heard_of_by_all(found)
        for node in found:
            await soon(lambda node=node: node.missed, "it is told")  # type: ignore[misc]
            await told_of_all(node)


@pytest.mark.parametrize("after", [1_000, 1_111, 1_777, 2_500, 4_000])
async def test_a_stream_that_is_cut_in_the_middle_is_heard_up_to_there_and_the_rest_is_missed(
    redis: RedisServer, after: int
) -> None:
    async with CuttableWire.to(redis.port) as wire, nodes(redis.url) as (a,):
        cut = wire.plan("down", after)  # the first connection is the one that listens
        async with nodes(
            f"redis://127.0.0.1:{wire.port}", installation=installation_of(a), names="b", beside=(a,)
        ) as (b,):
            a.listen("t")
            b.listen("t")
            await acquainted(a, b)
            numbers = iter(range(100_000))
            async with talking_alone(a, numbers):
                await asyncio.wait_for(cut.done.wait(), PATIENCE)
                await soon(lambda: b.missed, "it is told")
            await heard_of_by_all([a, b])
            numbers_heard = [number for number in b.heard if number < 20_000_000]
            assert numbers_heard == sorted(set(numbers_heard))
            await told_of_all(b)


@asynccontextmanager
async def talking_alone(node: Node, numbers: Iterator[int]) -> AsyncIterator[None]:
    async def talk() -> None:
        for number in numbers:
            node.say(number, "t")
            await asyncio.sleep(0.001)

    task = asyncio.create_task(talk())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.wait([task])


@pytest.mark.fault
async def test_nothing_is_lost_in_silence_whoever_is_cut_off_and_when(redis: RedisServer) -> None:
    print(f"seed {SEED}")
    chance = random.Random(SEED)
    async with (
        CuttableWire.to(redis.port) as wire_of_a,
        CuttableWire.to(redis.port) as wire_of_b,
        nodes(f"redis://127.0.0.1:{wire_of_a.port}", f"redis://127.0.0.1:{wire_of_b.port}") as found,
    ):
        for node in found:
            node.listen("t")
        await acquainted(*found)
        async with talking(found):
            for _ in range(size(10, 200)):
                some = chance.choice([[wire_of_a], [wire_of_b], [wire_of_a, wire_of_b]])
                for wire in some:
                    wire.drop()
                said = len(found[0].diary) + chance.randrange(5, 300)
                await soon(lambda said=said: len(found[0].diary) > said, "they go on", look_every=0.001)  # type: ignore[misc]
            await soon(lambda: all(node.bus.connected for node in found), "all are back", BACK_WITHIN)
        await heard_of_by_all(found)
        for node in found:
            await told_of_all(node)
            assert len(node.heard) == len(set(node.heard)), "nothing is heard twice"


async def test_a_batch_that_vanishes_is_missed_with_the_next_sign_of_life(redis: RedisServer) -> None:
    async with nodes(redis.url, redis.url) as (a, b):
        b.listen("t")
        await acquainted(a, b)
        vanished: list[Said] = []
        hear, b.bus._hear = b.bus._hear, vanished.append  # type: ignore[method-assign, assignment]
        a.say(1, "t")
        await soon(lambda: vanished, "it is on its way")
        b.bus._hear = hear  # type: ignore[method-assign]
        # Before the next renewal, after five seconds, would tell it too.
        await soon(lambda: b.missed == 1, "the next sign of life tells it", within=2 + STANDSTILL)
        a.say(2, "t")
        await b.hears(2)
        assert (b.missed, a.missed) == (1, 0)


async def test_what_a_slow_redis_does_not_take_is_bounded_and_the_rest_is_dropped(
    redis: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(redis_bus, "BYTES_MAX", 400_000)
    customer = Customer(1, 1, "anon:x", "", "", "es", "", 1)
    ticket = Ticket(id=1, app_id=1, number=1, customer=customer, subject="", context="{}", opened_at=1)
    large = TicketChanged(None, ticket, (Item(1, 1, "message", "customer", text="x" * 8_000),))
    async with nodes(redis.url, redis.url) as (a, b):
        b.listen("t")
        await acquainted(a, b)
        redis.hang()
        line = a.bus._link.speaking
        assert line is not None
        for _ in range(200):
            a.bus.publish(large, ["t"])
            await asyncio.sleep(0)
            assert line.unanswered_bytes < 400_000 + 20_000
        assert a.metrics.hints_sent + a.metrics.hints_dropped == 200
        assert a.metrics.hints_dropped > 100
        redis.go_on()
        await soon(lambda: len(b.events) == a.metrics.hints_sent, "what was taken is heard")
        await soon(lambda: b.missed, "and that there was more")
        a.say(1, "t")
        await soon(lambda: b.heard == [1], "and what comes after")


async def test_the_number_of_hints_on_their_way_is_bounded_too(
    redis: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(redis_bus, "HINTS_MAX", 100)
    async with nodes(redis.url, redis.url) as (a, b):
        b.listen("t")
        await acquainted(a, b)
        a.say_all(range(150), "t")
        await soon(lambda: b.missed, "it is told")
        assert b.heard == list(range(100))
        assert a.metrics.hints_dropped == 50


async def test_nonsense_on_the_channels_is_counted_said_once_and_ignored(
    redis: RedisServer, caplog: pytest.LogCaptureFixture
) -> None:
    installation = new_installation()
    async with nodes(redis.url, redis.url, installation=installation) as (a, b):
        b.listen("t")
        await acquainted(a, b)
        channels = [b.bus._own_channel.decode(), f"chatserver:{installation}:all"]
        deep = b"\x91" * 100_000
        nonsense = [
            b"",
            b"hello",
            b"\xc1",
            deep,
            msgspec.msgpack.encode([1, "x"]),
            msgspec.msgpack.encode({"type": "No"}),
            envelope.announcement(Delta(VERSION, "x~1", 1, [2**18], [-1])),
        ]
        with caplog.at_level(logging.WARNING):
            said = [(place, SEAL.put(place, each)) for place in channels for each in nonsense]
            await say(redis.port, *[("PUBLISH", *each) for each in said])
            a.say(1, "t")
            await b.hears(1)
        ours = SEAL.put(channels[0], envelope.batch(b.bus._name, 1, []))
        await say(redis.port, ("PUBLISH", channels[0], ours))
        await soon(lambda: b.metrics.hints_strange == 2 * len(nonsense) + 1, "all are counted")
        assert b.bus.others() == {"a"}
        assert (
            len([record for record in caplog.records if "not understood" in record.message]) == 2
        )  # one a node
        assert b.bus.connected


async def test_nonsense_in_the_keys_is_ignored(redis: RedisServer) -> None:
    installation = new_installation()
    x, y = [f"{{chatserver}}:{installation}:node:{name}" for name in ("x~1", "y~1")]
    await say(
        redis.port,
        ("SADD", f"{{chatserver}}:{installation}:nodes", "x~1", "y~1", b"\xff\xfe", "gone~2"),
        ("RPUSH", x, SEAL.put(x, b"nonsense")),
        ("RPUSH", y, SEAL.put(y, envelope.announcement(State(VERSION, "y~1", 1, b"no bits")))),
    )
    async with nodes(redis.url, installation=installation) as (a,):
        assert a.bus.others() == set()
        (names,) = await say(redis.port, ("SMEMBERS", f"{{chatserver}}:{installation}:nodes"))
        assert b"gone~2" not in names


async def test_a_later_version_may_add_fields_and_events(redis: RedisServer) -> None:
    async with nodes(redis.url) as (a,):
        a.listen("t")
        encode = msgspec.msgpack.encode
        known: dict[str, Any] = {"type": "DeskChanged", "app_id": 7, "colour": "red"}
        unknown = {"type": "MoonRose", "at": 1}
        hints = [[["t"], known, "more"], [["t"], unknown], [["t"], {"type": "DeskChanged"}], [["t"], known]]
        channel = a.bus._own_channel.decode()
        await say(
            redis.port,
            ("PUBLISH", channel, SEAL.put(channel, encode([1, "later~1", 1, hints, {"trace": "x"}]))),
            ("PUBLISH", channel, SEAL.put(channel, encode([2, "much later~1", 1, hints]))),
        )
        await soon(lambda: len(a.heard) == 2, "the two that are known")
        await soon(lambda: a.metrics.hints_strange == 3, "two events and one batch of another version")
        assert a.events == [event(7), event(7)]


async def test_a_node_whose_key_was_lost_learns_that_others_may_have_forgotten_it(redis: RedisServer) -> None:
    async with nodes(redis.url, redis.url) as (a, b):
        b.listen("t")
        await acquainted(a, b)
        await say(redis.port, ("FLUSHALL",))
        await soon(lambda: a.missed and b.missed, "both are told with the next renewal")
        a.say(1, "t")
        await b.hears(1)


async def test_a_stall_of_our_own_is_no_failure_of_redis(redis: RedisServer) -> None:
    async with nodes(redis.url, redis.url) as (a, b):
        b.listen("t")
        await acquainted(a, b)
        time.sleep(2.5)  # noqa: ASYNC251 — this is the stall
        a.say(1, "t")
        await b.hears(1)
        assert (a.missed, b.missed, a.metrics.redis_reconnects) == (0, 0, 0)


async def test_a_closed_bus_still_serves_its_own_node_and_leaves_nothing_in_redis(redis: RedisServer) -> None:
    async with nodes(redis.url) as (a,):
        a.listen("t")
        await a.bus.close()
        a.say(1, "t")
        assert a.heard == [1]
        assert not a.bus.connected
        (keys,) = await say(redis.port, ("KEYS", "*"))
        assert keys == []


async def test_closing_waits_for_a_redis_that_hangs_for_a_moment_only(
    redis: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with nodes(redis.url) as (a,):
        for place in (redis_line, redis_link):  # far longer than the half second that it may take
            monkeypatch.setattr(place, "DEADLINE", PATIENCE)
        redis.hang()
        began = time.monotonic()
        await a.bus.close()
        assert time.monotonic() - began < PATIENCE / 2
        redis.go_on()


async def test_what_was_said_last_before_the_end_still_goes_out(redis: RedisServer) -> None:
    installation = new_installation()
    async with nodes(redis.url, installation=installation) as (b,):
        async with nodes(redis.url, installation=installation, names="z", beside=(b,)) as (z,):
            b.listen("t")
            await acquainted(b, z)
            z.say_all(range(10), "t")
        await b.hears(*range(10))
        assert b.missed == 0


async def test_a_redis_that_is_not_there_at_the_start_is_said_without_the_password_and_waited_for(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    redis = RedisServer(tmp_path, "--requirepass", "geheim")
    missed = asyncio.Event()
    bus = await RedisBus.open(
        f"redis://:geheim@127.0.0.1:{redis.port}/0", node="n", installation="i", key=b"k", missed=missed.set
    )
    try:
        assert not bus.connected
        await soon(missed.is_set, "whoever shows something looks at the database")
        assert f"127.0.0.1:{redis.port}" in caplog.text
        assert "geheim" not in caplog.text
        missed.clear()
        await asyncio.to_thread(redis.start)
        await soon(lambda: bus.connected, "it is there")
        await soon(missed.is_set, "and looks once more")
    finally:
        await bus.close()
        if redis.process is not None:
            redis.kill()


async def test_a_redis_that_hangs_holds_no_start_up(redis: RedisServer) -> None:
    redis.hang()
    began = time.monotonic()
    bus = await open_bus(redis.url)
    assert time.monotonic() - began < 3 + STANDSTILL
    redis.go_on()
    await soon(lambda: bus.connected, "it answers")
    await bus.close()


@pytest.mark.parametrize("answer", [b"HTTP/1.1 400 Bad Request\r\n\r\n", b"+OK\r\n" * 50, b""])
async def test_something_else_behind_the_port_holds_no_start_up(answer: bytes) -> None:
    class Strange(asyncio.Protocol):
        def connection_made(self, transport: asyncio.BaseTransport) -> None:
            assert isinstance(transport, asyncio.Transport)
            transport.write(answer)
            transport.close()

    server = await asyncio.get_running_loop().create_server(Strange, "127.0.0.1", 0)
    async with server:
        bus = await open_bus(f"redis://127.0.0.1:{server.sockets[0].getsockname()[1]}")
        assert not bus.connected
        await bus.close()


@pytest.mark.parametrize("answer", [b":1\r\n", b"*1\r\n:1\r\n"])
async def test_a_redis_that_answers_nonsense_is_away(answer: bytes) -> None:
    class Strange(asyncio.Protocol):
        def connection_made(self, transport: asyncio.BaseTransport) -> None:
            assert isinstance(transport, asyncio.Transport)
            self.transport, self.reader = transport, hiredis.Reader()

        def data_received(self, data: bytes) -> None:
            self.reader.feed(data)
            while self.reader.gets():
                self.transport.write(answer)

    server = await asyncio.get_running_loop().create_server(Strange, "127.0.0.1", 0)
    async with server:
        bus = await open_bus(f"redis://127.0.0.1:{server.sockets[0].getsockname()[1]}")
        assert not bus.connected
        await bus.close()


async def open_bus(url: str) -> RedisBus:
    return await RedisBus.open(url, node="n", installation="i", key=b"k", missed=lambda: None)


def installation_of(node: Node) -> str:
    return node.bus._keys.rpartition(":")[2]
