"""The line between requests and a conversation, without either."""

from __future__ import annotations

import asyncio
import itertools
import json
import tracemalloc

import pytest

from chatserver.realtime import http_line
from chatserver.realtime.frames import Packet, packed
from chatserver.realtime.http_line import AHEAD_MAX, AT_ONCE, WAITING_BYTES, HttpLine


class Talker:
    """Whoever talks over the line: keeps what it hears. `pauses`: after each frame."""

    def __init__(self, *, pauses: bool = False, absence: float | None = None) -> None:
        self.forgotten: list[str] = []
        self.cuts = 0
        self.heard: list[str | None] = []
        self.writable = 0
        self.lost = 0
        self.pauses = pauses
        self.line = HttpLine("192.0.2.1", self.forgotten.append, cut=self.cut, absence=absence)
        self.line.open(self.hear, self.may_write, self.lose, lambda: None)

    def cut(self) -> None:
        self.cuts += 1

    def hear(self, text: str | None) -> None:
        assert not self.lost
        self.heard.append(text)
        if self.pauses:
            self.line.pause()

    def may_write(self) -> None:
        self.writable += 1

    def lose(self) -> None:
        self.lost += 1


def packet(text: str) -> Packet:
    return packed(text.encode())


async def settle() -> None:
    for _ in range(10):
        await asyncio.sleep(0)


async def test_what_was_written_meanwhile_is_taken_at_once_a_line_each() -> None:
    talker = Talker()
    assert talker.line.write(packet('{"a":1}'))
    assert talker.line.write(packet('{"b":2}'))
    assert await talker.line.take() == b'{"a":1}\n{"b":2}\n'


async def test_who_asks_before_there_is_anything_gets_it_as_soon_as_there_is() -> None:
    talker = Talker()
    taking = asyncio.create_task(talker.line.take())
    await settle()
    assert not taking.done()
    talker.line.write(packet("1"))
    talker.line.write(packet("2"))
    assert await taking == b"1\n2\n"


async def test_who_asks_second_gets_it_and_the_first_gets_nothing() -> None:
    talker = Talker(absence=15)
    first = asyncio.create_task(talker.line.take(20))
    await settle()
    second = asyncio.create_task(talker.line.take(20))
    assert await first == b""
    talker.line.write(packet("2"))
    assert await second == b"2\n"


async def test_too_much_that_nobody_takes_asks_the_writer_to_wait_until_somebody_does() -> None:
    talker = Talker()
    assert talker.line.write(packet("x" * (WAITING_BYTES - 1)))
    assert not talker.line.write(packet("y"))
    assert talker.writable == 0
    assert len(await talker.line.take()) == WAITING_BYTES + 2
    assert talker.writable == 1
    assert talker.line.write(packet("z"))
    await talker.line.take()
    assert talker.writable == 1


async def test_what_is_said_is_heard_in_order_and_waits_while_the_listener_pauses() -> None:
    talker = Talker(pauses=True)
    first = asyncio.create_task(talker.line.say(b"1\n2\n3\n"))
    second = asyncio.create_task(talker.line.say(b"4\n"))
    for number in range(1, 4):
        await settle()
        assert talker.heard == [str(n) for n in range(1, number + 1)]
        assert not first.done() or number == 3
        assert not second.done()
        talker.line.resume()
    assert await first
    assert await second
    assert talker.heard == ["1", "2", "3", "4"]


async def test_who_sends_without_waiting_for_answers_loses_the_line() -> None:
    talker = Talker(pauses=True)
    saying = [asyncio.create_task(talker.line.say(b"1\n2\n")) for _ in range(AHEAD_MAX)]
    await settle()
    assert not talker.lost
    assert not await talker.line.say(b"3\n")
    assert not any(await asyncio.gather(*saying))
    assert (talker.heard, talker.lost) == (["1"], 1)


async def test_a_request_full_of_small_frames_lets_others_go_between() -> None:
    talker = Talker()
    frames = [str(number) for number in range(3 * AT_ONCE)]
    saying = asyncio.create_task(talker.line.say("\n".join(frames).encode()))
    steps = []
    while not saying.done():
        await asyncio.sleep(0)
        steps.append(len(talker.heard))
    assert max(after - before for before, after in itertools.pairwise([0, *steps])) == AT_ONCE
    assert talker.heard == frames


async def test_frames_are_cut_at_line_feeds_alone_and_blank_lines_are_none() -> None:
    talker = Talker()
    body = "\n \t\r\n{1}\r\n\n  {2\u2028\x0b2}\n\r\n\u2028\n{3} \n \n".encode()
    assert await talker.line.say(body)
    assert talker.heard == ["{1}\r", "{2\u2028\x0b2}", "\u2028", "{3}"]
    assert await talker.line.say(b"")
    assert await talker.line.say(b" \n\n")
    assert len(talker.heard) == 4


async def test_requests_that_wait_take_little_more_than_their_bytes() -> None:
    talker = Talker(pauses=True)
    tracemalloc.start()
    try:
        bodies = [b"aa\n" * 20_000 for _ in range(AHEAD_MAX)]
        saying = [asyncio.create_task(talker.line.say(body)) for body in bodies]
        await settle()
        assert tracemalloc.get_traced_memory()[0] < 2 * sum(map(len, bodies))
        talker.line.end()
        assert not any(await asyncio.gather(*saying))
        del saying, bodies
        # Who talks over the line may be kept for a while after its end: nothing of them is kept with it.
        assert tracemalloc.get_traced_memory()[0] < 60_000
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("how", ["end", "abort", "close"])
async def test_an_end_is_told_once_and_nothing_is_heard_after_it(how: str) -> None:
    talker = Talker(pauses=True)
    saying = asyncio.create_task(talker.line.say(b"1\n2\n"))
    await settle()
    if how == "close":
        talker.line.close(4001)
    else:
        getattr(talker.line, how)()
    talker.line.resume()
    assert not await saying
    assert not await talker.line.say(b"3\n")
    while await talker.line.take():
        pass
    talker.line.absent()
    talker.line.abort()
    talker.line.end()
    await settle()
    assert (talker.heard, talker.lost, talker.forgotten) == (["1"], 1, [talker.line.id])


async def test_a_closing_line_gives_what_was_written_before_and_its_code_and_nothing_after() -> None:
    talker = Talker()
    talker.line.write(packet('{"type":"goaway"}'))
    talker.line.close(4001)
    talker.line.close(4002)
    assert talker.line.write(packet("late"))
    lines = (await talker.line.take()).splitlines()
    assert [json.loads(line) for line in lines] == [{"type": "goaway"}, {"type": "end", "code": 4001}]
    assert await talker.line.take() == b""
    assert talker.lost == 0
    talker.line.absent()
    await settle()
    assert talker.lost == 1


async def test_a_peer_that_does_not_take_the_end_is_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http_line, "CLOSE_SECONDS", 0)
    talker = Talker()
    talker.line.close(4002)
    await settle()
    assert (talker.lost, talker.cuts) == (1, 1)
    talker = Talker()
    talker.line.end()
    await settle()
    assert (talker.lost, talker.cuts) == (1, 1)


async def test_a_polled_line_is_lost_when_nobody_comes_back() -> None:
    talker = Talker(absence=0)
    talker.line.absent()
    await settle()
    assert talker.lost == 1


async def test_a_polled_line_is_not_lost_while_somebody_waits_for_news() -> None:
    talker = Talker(absence=0)
    talker.line.absent()
    talker.line.present()
    taking = asyncio.create_task(talker.line.take(20))
    await settle()
    talker.line.absent()  # of the poll before: its answer took longer than the next request
    await settle()
    assert not talker.lost
    talker.line.write(packet("1"))
    assert await taking == b"1\n"


async def test_an_answer_without_news_is_empty() -> None:
    talker = Talker(absence=15)
    assert await talker.line.take(0) == b""
    talker.line.write(packet("1"))
    assert await talker.line.take(0) == b"1\n"


async def test_ids_are_long_and_never_the_same() -> None:
    ids = {Talker().line.id for _ in range(1_000)}
    assert len(ids) == 1_000
    assert {len(line_id) for line_id in ids} == {22}


async def test_who_stayed_away_did_so_for_as_long_as_they_did_however_late_the_loop_comes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    loop = asyncio.get_running_loop()
    line = HttpLine("192.0.2.1", lambda line_id: None, absence=12.0)
    told: list[float] = []
    line.stayed_away = told.append
    now = loop.time()
    monkeypatch.setattr(loop, "time", lambda: now)
    line.absent()
    assert line._away is not None
    now += 14.5  # something else had the core
    line._away._run()
    assert told == [pytest.approx(14.5)]
    assert line.ending
