"""Peers that read nothing and peers that send without end, beside people who just chat: those do not notice."""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from pathlib import Path
from typing import Any

import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed
from websockets.typing import Origin

from tests.faults.crowd import AT_EASE
from tests.harness.crowd import Crowd, gathering, quantile
from tests.harness.peers import new_cid
from tests.harness.server import Server, running
from tests.harness.sizes import FULL
from tests.harness.waiting import soon
from tests.security.raw import TEXT, frame

pytestmark = [pytest.mark.fault, pytest.mark.alone]

EARS = 40
"""Of one customer, who may have fifty connections."""
TALKING_TO_THEM = 5 if FULL else 1
STUCK = EARS * TALKING_TO_THEM
CUSTOMERS = 100 if FULL else 20
TALKERS = 20
QUIET_ACKS = 40 * TALKERS if FULL else 5 * TALKERS
"""Messages of the others by which their times are measured, without and with the trouble."""
ENOUGH = 4_000
"""Messages of 4 KB to each customer's: several times what the server, the kernel and a deaf ear together can keep. It is far
below the burst that one person may say (`AT_EASE`): whoever talks until the last ear is gone, which takes more than three
seconds, passes it on a machine that is fast enough, and is refused."""
GROWTH_KIB = 64 * 1024
PATIENCE = 60.0
HANDSHAKE = (
    "GET /ws/customer HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\nOrigin: http://127.0.0.1:{port}\r\n\r\n"
)
Trouble = Callable[[Server], Coroutine[Any, Any, str]]


def rss_kib(server: Server) -> int:
    assert server.process is not None
    return int(Path(f"/proc/{server.process.pid}/status").read_text().split("VmRSS:")[1].split()[0])


def sockets_of(server: Server) -> int:
    """How many sockets the process has open."""
    assert server.process is not None
    found = 0
    for fd in Path(f"/proc/{server.process.pid}/fd").iterdir():
        with contextlib.suppress(OSError):
            found += str(fd.readlink()).startswith("socket:")
    return found


async def beside_a_crowd(server: Server, trouble: Trouble) -> str:
    """Runs the trouble while a crowd chats; gives what both had to say. Everybody of the crowd gets an answer to everything,
    and nobody of them is sent away."""
    async with gathering(server.port, CUSTOMERS, within=PATIENCE) as crowd:
        await crowd.start_chats()
        talking = asyncio.create_task(crowd.talk(crowd.people[:TALKERS]))
        quiet = await measured(crowd, QUIET_ACKS)
        before = len(crowd.diary.history)
        said = await trouble(server)
        await measured(crowd, QUIET_ACKS)
        noisy = p99_ms(crowd, before)
        crowd.hushed = True
        await soon(talking.done, "everything that was said has its answer", PATIENCE)
        assert [one.goodbyes for one in crowd.people if one.goodbyes] == [], "somebody else was sent away"
        assert {op.result for op in crowd.diary.history} == {"ok"}
    return f"{said}; p99 of the others {quiet:.1f} ms before, {noisy:.1f} ms with it"


async def measured(crowd: Crowd, acks: int) -> float:
    start = len(crowd.diary.history)
    goal = crowd.diary.acks + acks
    await soon(lambda: crowd.diary.acks >= goal, f"{acks} more messages have their answer", PATIENCE)
    return p99_ms(crowd, start)


def p99_ms(crowd: Crowd, since: int) -> float:
    return quantile(sorted(op.t_done - op.t_invoke for op in crowd.diary.history[since:]), 0.99) * 1000


# — who reads nothing ——————————————————————————————————————————————————————————


@contextlib.contextmanager
def deaf_ears(server: Server, tokens: list[str]) -> Iterator[None]:
    """Tabs of these customers that never read a byte, every other one with next to no buffer."""
    ears = []
    hellos = [
        json.dumps({"type": "hello", "v": 1, "app": "demo", "token": token}).encode() for token in tokens
    ]
    try:
        for number, hello in enumerate(hellos * EARS):
            ear = socket.socket()
            ears.append(ear)
            if number % 2:
                ear.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
            ear.connect(("127.0.0.1", server.port))
            ear.sendall(HANDSHAKE.format(port=server.port).encode())
            assert b" 101 " in ear.recv(4_096)  # the whole head: nothing else is sent before hello
            ear.sendall(frame(TEXT, hello, mask=b"abcd"))
        yield
    finally:
        for ear in ears:
            ear.close()


async def who_reads_nothing(server: Server) -> str:
    async with contextlib.AsyncExitStack() as stack:
        speaking = [await stack.enter_async_context(talker(server)) for _ in range(TALKING_TO_THEM)]
        normal = await asyncio.to_thread(sockets_of, server)
        talks = [(socket_, await start(socket_)) for socket_, _ in speaking]
        rss = highest = rss_kib(server)
        with contextlib.ExitStack() as ears:
            # In a thread: two hundred handshakes one after the other, and the talkers beside them must not stand still.
            tokens = [welcome["token"] for _, welcome in speaking]
            await asyncio.to_thread(ears.enter_context, deaf_ears(server, tokens))
            assert sockets_of(server) >= normal + STUCK
            begun, said = time.monotonic(), 0
            while said < ENOUGH and sockets_of(server) > normal:
                await asyncio.gather(*(ten_messages(socket_, ticket) for socket_, ticket in talks))
                said += 10
                highest = max(highest, rss_kib(server))
            await soon(lambda: sockets_of(server) <= normal, "who reads nothing is sent away", PATIENCE)
            took = time.monotonic() - begun
        assert highest - rss <= GROWTH_KIB
    return (
        f"{STUCK} that read nothing were gone after {took:.1f} s and {said} messages of 4 KB to each, "
        f"memory grew by {(highest - rss) / 1024:.1f} MiB"
    )


async def ten_messages(socket_: ClientConnection, ticket: int) -> None:
    for _ in range(10):
        await send(socket_, type="say", ticket=ticket, cid=new_cid(), text="x" * 3_900)
    await until_acked(socket_, 10)


def test_who_reads_nothing_is_sent_away_and_costs_little(tmp_path: Path) -> None:
    with running(tmp_path, **AT_EASE) as server:
        print(asyncio.run(beside_a_crowd(server, who_reads_nothing)))


# — who sends without end ——————————————————————————————————————————————————————

MINUTE, BURST = 100, 20
"""The default limits."""
FLOOD_SECONDS = 20 if FULL else 3
BUFFERED = 200
"""Frames of 64 KiB that Linux keeps at most for one connection over loopback: 4 MiB to be sent, 6 MiB received."""


async def a_thousand_messages_a_second(server: Server) -> str:
    """One customer, who comes back each time that the door is shut."""
    sent, begun, codes, answers = 0, time.monotonic(), Counter[int](), Counter[str]()
    token, ticket = "", 0

    def goes_on() -> bool:
        return time.monotonic() - begun < FLOOD_SECONDS or not codes[4008]

    while goes_on():
        try:
            async with talker(server, token) as (socket_, welcome):
                token = welcome["token"]
                ticket = ticket or await start(socket_)
                while goes_on():
                    for _ in range(50):
                        await send(socket_, type="say", ticket=ticket, cid=new_cid(), text="¡más!")
                        sent += 1
                    await asyncio.sleep(0.05)
                    while True:
                        try:
                            async with asyncio.timeout(0):
                                answer = json.loads(await socket_.recv())
                        except TimeoutError:
                            break
                        answers[answer.get("code", answer["type"])] += 1
        except ConnectionClosed as closed:
            codes[closed.rcvd.code if closed.rcvd else 1006] += 1
    with server.reading() as database:
        query = "SELECT count(*) FROM items WHERE kind = 'message' AND ticket_id = ?"
        (stored,) = database.execute(query, (ticket,)).fetchone()
    seconds = time.monotonic() - begun
    # The start is one of them.
    assert stored <= BURST + seconds * MINUTE / 60 + 1, "more than the limit was stored"
    assert set(codes) <= {4008, 1006}, f"a flood ends the connection: {codes}"
    return f"{sent} messages in {seconds:.0f} s: {stored} stored, closed {codes.total()} times"


async def frames_that_are_too_large(server: Server) -> str:
    codes = Counter[int]()
    for _ in range(100 if FULL else 10):
        try:
            async with talker(server) as (socket_, _):
                await socket_.send("x" * 65_537)
                await until_acked(socket_, 1)
        except ConnectionClosed as closed:
            codes[closed.rcvd.code if closed.rcvd else 1006] += 1
    assert set(codes) == {1009}
    return f"{codes.total()} frames over 64 KiB"


async def frames_of_64_kib(server: Server) -> str:
    """The largest that is taken, as fast as it is: hardly faster than somebody could write them."""
    sent, begun, closed_with = 0, time.monotonic(), Counter[int]()
    large = json.dumps({"type": "say", "ticket": 1, "cid": new_cid(), "text": "x"})
    large += " " * (65_536 - len(large))
    while time.monotonic() - begun < FLOOD_SECONDS:
        try:
            async with talker(server) as (socket_, _):
                reading = asyncio.create_task(drained(socket_))
                try:
                    while time.monotonic() - begun < FLOOD_SECONDS:
                        await socket_.send(large)
                        sent += 1
                finally:
                    reading.cancel()
        except ConnectionClosed as closed:
            closed_with[closed.rcvd.code if closed.rcvd else 1006] += 1
    assert set(closed_with) <= {4008, 1006}
    # Eight at once and one a second are read; what else was sent stands in the buffers of both ends.
    assert sent <= FLOOD_SECONDS + 8 + BUFFERED, "read as fast as it came"
    return f"{sent} frames of 64 KiB, closed {closed_with.total()} times"


async def who_never_says_hello(server: Server) -> str:
    """A hundred of one address, silent from the beginning, until all were closed."""
    normal = await asyncio.to_thread(sockets_of, server)
    count, begun = 100, time.monotonic()
    async with contextlib.AsyncExitStack() as stack:
        silent = [await stack.enter_async_context(silence(server)) for _ in range(count)]
        ends = [await ended_with(one) for one in silent]
    assert ends == [4003] * count
    await soon(lambda: sockets_of(server) <= normal, "no socket stays", PATIENCE)
    return f"{count} that never say hello: gone after {time.monotonic() - begun:.1f} s"


@pytest.mark.parametrize(
    "trouble",
    [a_thousand_messages_a_second, frames_that_are_too_large, frames_of_64_kib, who_never_says_hello],
    ids=lambda trouble: trouble.__name__.replace("_", " "),
)
def test_who_sends_without_end_or_nothing_is_stopped_and_the_others_talk_on(
    tmp_path: Path, trouble: Trouble
) -> None:
    # Who talks in the crowd says more than the limits allow: theirs are many people's messages.
    settings: dict[str, Any] = {"connections_per_second": 1_000, "hello_seconds": 10 if FULL else 1}
    with running(tmp_path, **settings) as server:
        print(asyncio.run(beside_people(server, trouble)))


async def beside_people(server: Server, trouble: Trouble) -> str:
    """As `beside_a_crowd`, within the limits: each of them says one thing now and then."""
    async with gathering(server.port, CUSTOMERS, within=PATIENCE) as crowd:
        await crowd.start_chats()
        before = await round_of_messages(crowd)
        said = asyncio.create_task(trouble(server))
        during = await round_of_messages(crowd)
        while not said.done():
            await asyncio.wait([said], timeout=2)
            during += await round_of_messages(crowd)
        assert [one.goodbyes for one in crowd.people if one.goodbyes] == [], "somebody else was sent away"
        assert {op.result for op in crowd.diary.history} == {"ok"}
        times = [quantile(sorted(times), 0.99) * 1000 for times in (before, during)]
    return f"{said.result()}; p99 of the others {times[0]:.1f} ms before, {times[1]:.1f} ms with it"


async def round_of_messages(crowd: Crowd) -> list[float]:
    """Everybody says something; gives the seconds until each was answered."""
    start = len(crowd.diary.history)
    for one in crowd.people:
        one.say(crowd.ticket_of[one.name])
        await one.flush()
    await soon(lambda: all(one.settled() for one in crowd.people), "everybody has an answer", PATIENCE)
    return [op.t_done - op.t_invoke for op in crowd.diary.history[start:]]


# — one socket —————————————————————————————————————————————————————————————————


@contextlib.asynccontextmanager
async def silence(server: Server) -> AsyncIterator[ClientConnection]:
    origin = Origin(f"http://127.0.0.1:{server.port}")
    address = f"ws://127.0.0.1:{server.port}/ws/customer"
    async with connect(
        address, origin=origin, proxy=None, compression=None, ping_interval=None, max_queue=None
    ) as one:
        yield one


@contextlib.asynccontextmanager
async def talker(server: Server, token: str = "") -> AsyncIterator[tuple[ClientConnection, dict[str, Any]]]:
    async with silence(server) as one:
        await send(one, type="hello", v=1, app="demo", token=token)
        welcome = json.loads(await one.recv())
        assert welcome["type"] == "welcome", welcome
        yield one, welcome


async def send(one: ClientConnection, **fields: Any) -> None:
    await one.send(json.dumps(fields))


async def start(one: ClientConnection) -> int:
    await send(one, type="start", cid=new_cid(), subject="Una pregunta")
    while (answer := json.loads(await one.recv()))["type"] != "ack":
        assert answer["type"] != "error", answer
    ticket: int = answer["ticket"]
    return ticket


async def until_acked(one: ClientConnection, count: int) -> None:
    while count:
        answer = json.loads(await one.recv())
        assert answer["type"] != "error", answer
        count -= answer["type"] == "ack"


async def drained(one: ClientConnection) -> None:
    with contextlib.suppress(ConnectionClosed):
        async for _ in one:
            pass


async def ended_with(one: ClientConnection) -> int:
    await drained(one)
    return one.close_code or 1006
