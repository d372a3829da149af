"""One connection on a socket and a clock that the test holds."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest

from chatserver.realtime.connection import ABORT, QUEUE_BYTES, QUEUE_FRAMES, ROOM_BYTES, Connection
from chatserver.realtime.frames import Packet


class Socket:
    """Takes what is sent, unless it is `stuck`."""

    def __init__(self) -> None:
        self.incoming: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self.sent: list[dict[str, Any]] = []
        self.free = asyncio.Event()
        self.free.set()
        self.aborted = False
        self.time = 0.0
        self.heard: list[str | None] = []
        self.connection = Connection(
            {"extensions": {ABORT: self.abort}},
            self.incoming.get,
            self.send,
            silence=60,
            now=lambda: self.time,
        )

    def abort(self) -> None:
        self.aborted = True

    async def send(self, message: Any) -> None:
        await self.free.wait()
        self.sent.append(message)

    async def hear(self, text: str | None) -> None:
        self.heard.append(text)

    @property
    def texts(self) -> list[str]:
        return [message["text"] for message in self.sent if "text" in message]

    @property
    def closed_with(self) -> int | None:
        return next((message["code"] for message in self.sent if message["type"] == "websocket.close"), None)


@asynccontextmanager
async def running(
    socket: Socket, hear: Callable[[str | None], Any] | None = None
) -> AsyncIterator[asyncio.Task[None]]:
    task = asyncio.create_task(socket.connection.run(hear or socket.hear))
    await settle()
    try:
        yield task
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def settle() -> None:
    """Let every task go on until it waits."""
    for _ in range(20):
        await asyncio.sleep(0)


def packet(number: int, size: int = 10) -> Packet:
    return Packet(str(number), size)


async def test_what_is_offered_is_sent_in_order() -> None:
    socket = Socket()
    async with running(socket):
        for number in range(100):
            assert socket.connection.offer(packet(number))
        await settle()
        assert socket.texts == [str(number) for number in range(100)]


@pytest.mark.parametrize(("count", "size"), [(QUEUE_FRAMES + 2, 1), (3, QUEUE_BYTES // 2)])
async def test_a_full_queue_ends_the_connection_as_slow(count: int, size: int) -> None:
    socket = Socket()
    async with running(socket) as task:
        socket.free.clear()
        socket.connection.offer(packet(0))
        await settle()
        room = [socket.connection.offer(packet(number, size)) for number in range(count)]
        assert room[0]
        assert room.count(False) == 1
        socket.free.set()
        await task
        assert socket.closed_with == 4002


async def test_a_reply_waits_for_room_and_a_live_event_does_not() -> None:
    socket = Socket()
    async with running(socket):
        socket.free.clear()
        for number in range(40):
            socket.connection.offer(packet(number))
        await settle()
        reply = asyncio.create_task(socket.connection.reply(packet(99)))
        await settle()
        assert not reply.done()
        socket.free.set()
        await reply
        await settle()
        assert socket.texts[-1] == "99"


async def test_a_reply_never_waits_for_the_events_that_are_held_behind_it() -> None:
    socket = Socket()
    async with running(socket):
        with socket.connection.holding():
            for number in range(3):
                assert socket.connection.offer(packet(number, ROOM_BYTES // 2))
            reply = asyncio.create_task(socket.connection.reply(packet(99)))
            await settle()
            assert reply.done()
        await settle()
        assert socket.texts == ["99", "0", "1", "2"]


async def test_what_is_held_counts_for_the_full_queue() -> None:
    socket = Socket()
    async with running(socket) as task:
        with socket.connection.holding():
            assert socket.connection.offer(packet(0, QUEUE_BYTES // 2))
            assert not socket.connection.offer(packet(1, QUEUE_BYTES // 2 + 1))
        await task
        assert socket.closed_with == 4002


async def test_held_events_come_after_what_was_read_meanwhile() -> None:
    socket = Socket()
    async with running(socket):
        with socket.connection.holding():
            socket.connection.offer(packet(2))
            with socket.connection.holding():
                socket.connection.offer(packet(3))
            await socket.connection.reply(packet(1))
            await settle()
            assert socket.texts == ["1"]
        await settle()
        assert socket.texts == ["1", "2", "3"]


async def test_held_events_count_for_the_queue() -> None:
    socket = Socket()
    async with running(socket):
        with socket.connection.holding():
            room = [socket.connection.offer(packet(number)) for number in range(QUEUE_FRAMES + 1)]
        assert room == [True] * QUEUE_FRAMES + [False]
        assert socket.connection.code == 4002


async def test_a_frame_that_takes_more_than_ten_seconds_ends_the_connection() -> None:
    socket = Socket()
    async with running(socket) as task:
        socket.free.clear()
        socket.connection.offer(packet(1))
        await settle()
        socket.time = 10
        socket.connection.check()
        assert socket.connection.code is None
        socket.time = 10.1
        socket.connection.check()
        socket.free.set()
        await task
        assert socket.closed_with == 4002


async def test_silence_ends_the_connection_and_any_frame_breaks_it() -> None:
    socket = Socket()
    async with running(socket) as task:
        socket.time = 59
        socket.incoming.put_nowait({"type": "websocket.receive", "text": "x"})
        await settle()
        socket.time = 119
        socket.connection.check()
        assert socket.connection.code is None
        socket.time = 119.1
        socket.connection.check()
        await task
        assert socket.closed_with == 4003


async def test_silence_does_not_count_while_we_are_the_ones_who_do_not_listen() -> None:
    socket, busy = Socket(), asyncio.Event()

    async def hear(text: str | None) -> None:
        await busy.wait()

    async with running(socket, hear):
        socket.incoming.put_nowait({"type": "websocket.receive", "text": "x"})
        await settle()
        socket.time = 1_000
        socket.connection.check()
        assert socket.connection.code is None


async def test_the_end_sends_what_was_queued_before_and_nothing_after() -> None:
    socket = Socket()
    async with running(socket) as task:
        socket.connection.offer(packet(1))
        socket.connection.last(packet(2), 4501)
        assert socket.connection.offer(packet(3))
        socket.connection.end(4002)
        await task
        assert socket.texts == ["1", "2"]
        assert socket.closed_with == 4501


async def test_a_peer_that_left_is_not_closed_again() -> None:
    socket = Socket()
    async with running(socket) as task:
        socket.incoming.put_nowait({"type": "websocket.receive", "bytes": b"x"})
        socket.incoming.put_nowait({"type": "websocket.disconnect", "code": 1001})
        await task
        assert socket.heard == [None]
        assert socket.sent == []
        await socket.connection.reply(packet(1))


async def test_a_fault_of_ours_is_told_and_raised_and_a_lost_peer_is_not() -> None:
    socket = Socket()

    async def fail(text: str | None) -> None:
        raise RuntimeError("fault")

    socket.incoming.put_nowait({"type": "websocket.receive", "text": "x"})
    with pytest.raises(RuntimeError, match="fault"):
        await socket.connection.run(fail)
    assert socket.closed_with == 4005

    lost = Socket()

    async def reset(message: Any) -> None:
        raise ConnectionResetError

    lost.connection = Connection({}, lost.incoming.get, reset, silence=60, now=lambda: 0)
    lost.connection.offer(packet(1))
    await lost.connection.run(lost.hear)
