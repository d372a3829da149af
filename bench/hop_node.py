"""One of the two nodes of `scenarios/hop.py`: `python -m bench.hop_node WAY says|hears|ignores PORT GROUPS SIZE`.

Prints "ready", begins when a line comes in, and prints the CPU seconds that it took then. Both sides of every way carry the same
events, on the same topics, at the same pace.
"""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Awaitable, Callable
from typing import Final

import msgspec
import uvloop

from chatserver.bus.redis import RedisBus
from chatserver.bus.redis_address import Place
from chatserver.bus.redis_line import Line
from chatserver.core.events import WORKER_TOPIC, Event, TicketChanged, agent_topic, customer_topic
from chatserver.core.people import Customer
from chatserver.core.tickets import Item, Last, Ticket

CHATS: Final = 200
PACE_SECONDS: Final = 0.001
"""From one group to the next: a thousand turns a second, in each of which something was committed."""

Say = Callable[[list[tuple[Event, list[str]]]], None]


def chats() -> list[tuple[Event, list[str]]]:
    """A message in each of many chats: what the store says after a commit, and to whom."""
    return [chat(number) for number in range(CHATS)]


def chat(number: int) -> tuple[Event, list[str]]:
    key = f"user:{number}@example.com"
    customer = Customer(
        number, 1, key, f"Cliente {number}", f"{number}@example.com", "es", "America/Bogota", 1
    )
    text = "Buenas tardes, la factura del mes pasado no llegó todavía. ¿La pueden enviar otra vez?"
    before = Ticket(
        id=number,
        app_id=1,
        number=number,
        customer=customer,
        subject="Factura de octubre",
        context="{}",
        opened_at=1_764_300_000_000,
        agent_id=number % 50,
        agent_name="Beatriz",
        last_seq=9,
        last=Last(text, "agent", 1_764_300_000_000),
        version=12,
    )
    after = msgspec.structs.replace(before, last_seq=10, version=13)
    item = Item(10, 1_764_300_001_000, "message", "customer", number, cid="x" * 22, text=text)
    return TicketChanged(before, after, (item,)), [
        WORKER_TOPIC,
        customer_topic(1, key),
        agent_topic(number % 50),
    ]


# — ours —


async def ours_says(port: int) -> Say:
    bus = await ours(port, "says")

    def say(group: list[tuple[Event, list[str]]]) -> None:
        for event, topics in group:
            bus.publish(event, topics)

    return say


async def ours_hears(port: int, heard: Callable[[], None]) -> None:
    bus = await ours(port, "hears")

    def deliver(event: Event) -> bool:
        heard()
        return True

    bus.subscribe([topics[1] for _, topics in chats()], deliver, _must_not)


async def ours_ignores(port: int) -> RedisBus:
    """It is there and listens to something else."""
    return await ours(port, "ignores")


async def ours(port: int, node: str) -> RedisBus:
    return await RedisBus.open(
        _url(port),
        installation="bench",
        key=b"k",
        node=node,
        local=frozenset({WORKER_TOPIC}),
        missed=_must_not,
    )


# — a channel for each topic —


def commands(group: list[tuple[Event, list[str]]]) -> list[tuple[str, str, bytes]]:
    return [
        ("PUBLISH", topic, _encode(event))
        for event, topics in group
        for topic in topics
        if topic != WORKER_TOPIC
    ]


async def topics_says(port: int) -> Say:
    """Through the same line as ours."""
    line = await Line.to(Place("127.0.0.1", port))
    return lambda group: line.tell(*commands(group))


async def topics_hears(port: int, heard: Callable[[], None]) -> None:
    def told(channel: bytes, message: bytes) -> None:
        _decode(message)
        heard()

    line = await Line.to(Place("127.0.0.1", port), told=told)
    for _, topics in chats():
        await line.ask(("SUBSCRIBE", topics[1]))


async def client_says(port: int) -> Say:
    """Through redis-py, as its documentation has it: a pipeline for the group, awaited."""
    from redis.asyncio import Redis

    client = Redis(host="127.0.0.1", port=port)
    await client.ping()
    tasks: set[asyncio.Task[None]] = set()

    async def send(group: list[tuple[Event, list[str]]]) -> None:
        pipeline = client.pipeline(transaction=False)
        for command in commands(group):
            pipeline.execute_command(*command)
        await pipeline.execute()

    def say(group: list[tuple[Event, list[str]]]) -> None:
        task = asyncio.create_task(send(group))
        tasks.add(task)
        task.add_done_callback(tasks.discard)

    return say


async def client_hears(port: int, heard: Callable[[], None]) -> None:
    from redis.asyncio import Redis

    ears = Redis(host="127.0.0.1", port=port).pubsub(ignore_subscribe_messages=True)
    await ears.subscribe(*[topics[1] for _, topics in chats()])

    async def listen() -> None:
        async for message in ears.listen():
            _decode(message["data"])
            heard()

    globals()["_listening"] = asyncio.create_task(listen())


async def nothing_says(port: int) -> Say:
    """What keeping the pace costs by itself."""
    return lambda group: None


async def says(say: Say, groups: int, size: int) -> None:
    said = chats()
    due = time.monotonic()
    for number in range(groups):
        say([said[(number * size + place) % CHATS] for place in range(size)])
        due += PACE_SECONDS
        await asyncio.sleep(max(0.0, due - time.monotonic()))
    await asyncio.sleep(0.2)


SAYS: Final[dict[str, Callable[[int], Awaitable[Say]]]] = {
    "ours": ours_says,
    "topics": topics_says,
    "redis-py": client_says,
    "nothing": nothing_says,
}
HEARS: Final[dict[str, Callable[[int, Callable[[], None]], Awaitable[None]]]] = {
    "ours": ours_hears,
    "topics": topics_hears,
    "redis-py": client_hears,
}
_encode: Final = msgspec.msgpack.Encoder().encode
_decode: Final = msgspec.msgpack.Decoder(Event).decode


def _url(port: int) -> str:
    return f"redis://127.0.0.1:{port}"


def _must_not() -> None:
    raise AssertionError("something was lost")


async def main(way: str, role: str, port: int, groups: int, size: int) -> None:
    loop = asyncio.get_running_loop()
    all_heard = asyncio.Event()
    count = 0

    def heard() -> None:
        nonlocal count
        count += 1
        if count == groups * size:
            all_heard.set()

    say: Say | None = None
    other: RedisBus | None = None
    if role == "says":
        say = await SAYS[way](port)
    elif role == "ignores":
        other = await ours_ignores(port)
    else:
        await HEARS[way](port, heard)
    await asyncio.sleep(0.3)  # until the two know each other
    print("ready", flush=True)
    await loop.run_in_executor(None, sys.stdin.readline)
    began = time.process_time()
    if say is not None:
        await says(say, groups, size)
    elif other is not None:
        await asyncio.sleep(groups * PACE_SECONDS)
        await other.close()
    else:
        async with asyncio.timeout(60):
            await all_heard.wait()
    print(f"cpu {time.process_time() - began:.6f}", flush=True)


if __name__ == "__main__":
    uvloop.run(main(sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4]), int(sys.argv[5])))
