"""One connection on a line and a clock that the test holds."""

from __future__ import annotations

import asyncio

import pytest

from chatserver.realtime.connection import QUEUE_BYTES, QUEUE_FRAMES, ROOM_BYTES, ROOM_FRAMES, Connection
from chatserver.realtime.frames import Packet, packed
from chatserver.realtime.line import Heard, Told


class Wire:
    """A line that takes what is written while it is `free`."""

    address = "127.0.0.1"

    def __init__(self) -> None:
        self.sent: list[str] = []
        self.free = True
        self.paused = False
        self.aborted = False
        self.closed_with: int | None = None
        self.hear: Heard = lambda text: None
        self.writable: Told = lambda: None
        self.lost: Told = lambda: None
        self.alive: Told = lambda: None
        self.probes = 0

    def open(self, heard: Heard, writable: Told, lost: Told, alive: Told) -> None:
        self.hear, self.writable, self.lost, self.alive = heard, writable, lost, alive

    def write(self, packet: Packet) -> bool:
        self.sent.append(packet.body.decode())
        return self.free

    def probe(self) -> None:
        self.probes += 1

    def pause(self) -> None:
        self.paused = True

    def resume(self) -> None:
        self.paused = False

    def close(self, code: int) -> None:
        assert self.closed_with is None
        self.closed_with = code

    def abort(self) -> None:
        self.aborted = True


class Socket:
    """A connection on such a line. The first frame after `stick` is still taken, as by any socket."""

    def __init__(self) -> None:
        self.time = 0.0
        self.heard: list[str | None] = []
        self.overs = 0
        self.line = Wire()
        self.connection = Connection(self.line, silence=60, now=lambda: self.time)
        self.connection.start(self.heard.append, self.over)

    def over(self) -> None:
        self.overs += 1

    def stick(self) -> None:
        self.line.free = False

    def flow(self) -> None:
        self.line.free = True
        self.line.writable()

    @property
    def texts(self) -> list[str]:
        return [text.split()[0] for text in self.line.sent]

    @property
    def closed_with(self) -> int | None:
        return self.line.closed_with


async def settle() -> None:
    """Let every task go on until it waits."""
    for _ in range(20):
        await asyncio.sleep(0)


def packet(number: int, size: int = 10) -> Packet:
    return packed(str(number).ljust(size).encode())


def test_what_is_offered_is_sent_in_order() -> None:
    socket = Socket()
    for number in range(100):
        assert socket.connection.offer(packet(number))
    assert socket.texts == [str(number) for number in range(100)]


def test_what_the_line_does_not_take_waits_and_goes_out_in_order() -> None:
    socket = Socket()
    socket.stick()
    for number in range(100):
        assert socket.connection.offer(packet(number))
    assert socket.texts == ["0"]
    assert socket.connection.waits_for_its_peer
    socket.line.writable()  # for one more
    assert socket.texts == ["0", "1"]
    socket.flow()
    assert socket.texts == [str(number) for number in range(100)]
    assert not socket.connection.waits_for_its_peer


@pytest.mark.parametrize(("count", "size"), [(QUEUE_FRAMES + 2, 1), (3, QUEUE_BYTES // 2)])
def test_a_full_queue_ends_the_connection_as_slow(count: int, size: int) -> None:
    socket = Socket()
    socket.stick()
    socket.connection.offer(packet(0))
    room = [socket.connection.offer(packet(number, size)) for number in range(count)]
    assert room[0]
    assert room.count(False) == 1
    assert socket.closed_with == 4002
    assert socket.overs == 1


async def test_a_reply_waits_for_room_and_a_live_event_does_not() -> None:
    socket = Socket()
    socket.stick()
    for number in range(40):
        socket.connection.offer(packet(number))
    reply = asyncio.create_task(socket.connection.reply(packet(99)))
    await settle()
    assert not reply.done()
    socket.flow()
    await reply
    assert socket.texts[-1] == "99"


def test_nothing_more_is_heard_of_a_peer_that_does_not_take_its_answers() -> None:
    socket = Socket()
    socket.stick()
    for number in range(ROOM_FRAMES + 1):
        socket.connection.answer(packet(number))
    pauses = [socket.line.paused]
    socket.connection.answer(packet(99))
    pauses.append(socket.line.paused)
    socket.line.writable()
    pauses.append(socket.line.paused)
    assert pauses == [False, True, False]
    socket.flow()
    assert socket.texts[-1] == "99"


async def test_a_reply_never_waits_for_the_events_that_are_held_behind_it() -> None:
    socket = Socket()
    with socket.connection.holding():
        for number in range(3):
            assert socket.connection.offer(packet(number, ROOM_BYTES // 2))
        await socket.connection.reply(packet(99))
        assert socket.texts == ["99"]
    assert socket.texts == ["99", "0", "1", "2"]


def test_what_is_held_counts_for_the_full_queue() -> None:
    socket = Socket()
    with socket.connection.holding():
        assert socket.connection.offer(packet(0, QUEUE_BYTES // 2))
        assert not socket.connection.offer(packet(1, QUEUE_BYTES // 2 + 1))
    assert socket.closed_with == 4002


async def test_held_events_come_after_what_was_read_meanwhile() -> None:
    socket = Socket()
    with socket.connection.holding():
        socket.connection.offer(packet(2))
        with socket.connection.holding():
            socket.connection.offer(packet(3))
        await socket.connection.reply(packet(1))
        assert socket.texts == ["1"]
    assert socket.texts == ["1", "2", "3"]


def test_held_events_count_for_the_queue_of_who_does_not_read() -> None:
    socket = Socket()
    socket.stick()
    socket.connection.offer(packet(0))
    with socket.connection.holding():
        room = [socket.connection.offer(packet(number)) for number in range(QUEUE_FRAMES + 1)]
    assert room == [True] * QUEUE_FRAMES + [False]
    assert socket.connection.code == 4002


def test_who_takes_all_that_is_sent_is_not_slow_however_much_happens_while_we_read_for_them() -> None:
    socket = Socket()
    happened = [str(number) for number in range(3 * QUEUE_FRAMES)]
    with socket.connection.holding():
        assert all(socket.connection.offer(packet(int(number))) for number in happened)
    assert socket.connection.code is None
    assert socket.texts == happened


def test_a_line_that_takes_nothing_for_ten_seconds_ends_the_connection() -> None:
    socket = Socket()
    socket.stick()
    socket.connection.offer(packet(1))
    codes = []
    for time in (10, 10.1):
        socket.time = time
        socket.connection.check()
        codes.append(socket.closed_with)
    assert codes == [None, 4002]


def test_silence_ends_the_connection_and_any_frame_breaks_it() -> None:
    socket = Socket()
    socket.time = 59
    socket.line.hear("x")
    socket.time = 119
    socket.connection.check()
    assert socket.connection.code is None
    socket.time = 119.1
    socket.connection.check()
    assert socket.closed_with == 4003


def test_a_quiet_peer_is_asked_for_a_sign_of_life_before_it_is_given_up() -> None:
    socket = Socket()
    probes = []
    for time in (29, 31, 59):
        socket.time = time
        socket.connection.check()
        probes.append(socket.line.probes)
    assert probes == [0, 1, 2]
    # Its browser answers, and goes on to, but the page itself says nothing any more.
    codes = []
    for time in (59, 89, 91):
        socket.time = time
        socket.line.alive()
        socket.connection.check()
        codes.append(socket.closed_with)
    assert codes == [None, None, 4003]


def test_silence_does_not_count_while_we_are_the_ones_who_do_not_listen() -> None:
    socket = Socket()
    socket.connection.pause()
    socket.time = 1_000
    socket.connection.check()
    assert socket.connection.code is None
    socket.connection.resume()
    socket.time = 1_060
    socket.connection.check()
    assert socket.connection.code is None


def test_the_end_sends_what_was_queued_before_and_nothing_after() -> None:
    socket = Socket()
    socket.stick()
    socket.connection.offer(packet(0))
    socket.connection.offer(packet(1))
    socket.connection.last(packet(2), 4501)
    codes = [socket.closed_with]
    assert socket.connection.offer(packet(3))
    socket.connection.end(4002)
    socket.flow()
    codes.append(socket.closed_with)
    assert socket.texts == ["0", "1", "2"]
    assert codes == [None, 4501]
    assert socket.overs == 1


def test_an_end_that_is_owed_to_a_peer_who_reads_nothing_comes_after_ten_seconds() -> None:
    socket = Socket()
    socket.stick()
    socket.connection.offer(packet(0))
    socket.connection.last(packet(2), 4501)
    socket.time = 10.1
    socket.connection.check()
    assert socket.closed_with == 4501
    assert socket.texts == ["0"]


async def test_a_peer_that_left_is_not_closed_and_keeps_nobody_waiting() -> None:
    socket = Socket()
    socket.stick()
    for number in range(40):
        socket.connection.offer(packet(number))
    reply = asyncio.create_task(socket.connection.reply(packet(99)))
    await settle()
    socket.line.hear(None)
    socket.line.lost()
    await reply
    assert socket.heard == [None]
    assert socket.closed_with is None
    assert socket.overs == 1
    await socket.connection.reply(packet(1))
    assert socket.texts == ["0"]


def test_a_fault_of_ours_is_logged_and_told(caplog: pytest.LogCaptureFixture) -> None:
    def fail(text: str | None) -> None:
        raise RuntimeError("fault")

    line = Wire()
    Connection(line, silence=60, now=lambda: 0).start(fail, lambda: None)
    line.hear("x")
    assert line.closed_with == 4005
    assert "fault" in caplog.text


def test_after_the_end_was_decided_nothing_is_heard() -> None:
    socket = Socket()
    socket.connection.end(4001)
    socket.line.hear("x")
    assert socket.heard == []
