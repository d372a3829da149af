"""First in, last out: told in order, and in the end the truth."""

from __future__ import annotations

import asyncio

import pytest

from chatserver.realtime.presence import SOONEST, Presence
from chatserver.store.base import StoreEnded


class Register:
    """Writes down what it is told; each telling takes until `go_on`."""

    def __init__(self, linger: float = 0.0) -> None:
        self.now = 1_000_000
        self.left: list[tuple[str, float]] = []
        self.since: list[float] = []
        self.told: list[str] = []
        self.waits: list[float] = []
        self.fail = 0
        self.explained = False
        self.ended = False
        self._gate = asyncio.Event()
        self._gate.set()
        self.presence: Presence[str] = Presence(
            self._connected,
            self._gone,
            self._wait,
            now=lambda: self.now,
            left=lambda key, heard: self.left.append((key, heard)),
            explained=lambda problem: self.explained,
            linger=linger,
        )

    def hold(self) -> None:
        self._gate.clear()

    def go_on(self) -> None:
        self._gate.set()

    async def _connected(self, key: str) -> None:
        await self._tell(f"{key} in")

    async def _gone(self, key: str, since: float) -> None:
        self.since.append(since)
        await self._tell(f"{key} out")

    async def _tell(self, what: str) -> None:
        if self.ended:
            raise StoreEnded("I/O error")
        if self.fail:
            self.fail -= 1
            raise OSError("disk full")
        self.told.append(what)
        await self._gate.wait()

    async def _wait(self, seconds: float) -> None:
        self.waits.append(seconds)


@pytest.fixture
async def register() -> Register:
    return Register()


async def test_only_the_first_in_and_the_last_out_are_told(register: Register) -> None:
    for step in (register.presence.enter, register.presence.enter, register.presence.leave):
        step("ana")
        await register.presence.settled()
    assert register.told == ["ana in"]
    register.presence.leave("ana")
    await register.presence.settled()
    assert register.told == ["ana in", "ana out"]


async def test_who_comes_back_while_the_going_is_told_is_told_after_it(register: Register) -> None:
    register.presence.enter("ana")
    await register.presence.settled()
    register.hold()
    register.presence.leave("ana")
    await asyncio.sleep(0)
    register.presence.enter("ana")
    register.go_on()
    await register.presence.settled()
    assert register.told == ["ana in", "ana out", "ana in"]


async def test_who_drops_and_returns_before_it_was_told_is_told_nothing(register: Register) -> None:
    register.presence.enter("ana")
    await register.presence.settled()
    register.presence.leave("ana")
    register.presence.enter("ana")
    await register.presence.settled()
    assert register.told == ["ana in"]


async def test_what_was_written_for_somebody_who_had_gone_is_put_right(register: Register) -> None:
    register.presence.enter("ana")
    await register.presence.settled()
    register.presence.leave("ana")
    await register.presence.settled()
    register.fail = 1
    register.presence.supposed("ana")
    await register.presence.settled()
    assert register.told == ["ana in", "ana out", "ana out"]


async def test_what_was_written_for_somebody_who_is_here_needs_no_telling(register: Register) -> None:
    register.presence.enter("ana")
    await register.presence.settled()
    register.presence.supposed("ana")
    await register.presence.settled()
    assert register.told == ["ana in"]


async def test_who_is_back_while_their_going_is_told_again_is_told_to_be_here(register: Register) -> None:
    register.hold()
    register.presence.supposed("ana")
    await asyncio.sleep(0)
    register.presence.enter("ana")
    register.go_on()
    await register.presence.settled()
    assert register.told == ["ana out", "ana in"]


async def test_one_persons_telling_does_not_hold_up_another(register: Register) -> None:
    register.hold()
    register.presence.enter("ana")
    register.presence.enter("eva")
    await asyncio.sleep(0)
    assert register.told == ["ana in", "eva in"]
    register.go_on()
    await register.presence.settled()


async def test_a_telling_that_failed_is_tried_again_until_it_is_the_truth(
    register: Register, caplog: pytest.LogCaptureFixture
) -> None:
    register.fail = 3
    register.presence.enter("ana")
    await register.presence.settled()
    assert register.told == ["ana in"]
    assert register.waits == [1.0, 2.0, 5.0]
    assert len(caplog.records) == 3


async def test_a_house_that_closes_is_told_nothing_more(register: Register) -> None:
    register.presence.enter("ana")
    await register.presence.settled()
    register.presence.stop()
    register.presence.leave("ana")
    await register.presence.settled()
    assert register.told == ["ana in"]


async def test_a_store_that_has_ended_is_not_waited_for(register: Register) -> None:
    register.presence.enter("ana")
    await register.presence.settled()
    register.ended = True
    register.presence.leave("ana")
    register.presence.enter("eva")
    await register.presence.settled()
    assert register.told == ["ana in"]
    assert register.waits == []


async def test_who_is_here_and_was_said_to_be_gone_is_told_once_more(register: Register) -> None:
    register.presence.enter("ana")
    await register.presence.settled()
    register.presence.denied("ana")
    register.presence.denied("ben")
    await register.presence.settled()
    assert register.told == ["ana in", "ana in"]


LINGER = 0.05


async def here(linger: float, *keys: str) -> Register:
    """They are connected, and that was told."""
    register = Register(linger)
    for key in keys:
        register.presence.enter(key)
    await register.presence.settled()
    register.told.clear()
    return register


async def test_who_comes_back_soon_was_never_gone_and_says_so_once_more() -> None:
    register = await here(60, "ana")
    register.presence.leave("ana")
    assert register.left == [("ana", 1_000_000)], "nobody is asked who sees her"
    register.presence.enter("ana")
    await register.presence.settled()
    assert register.told == ["ana in"]


async def test_who_does_not_come_back_is_gone_since_they_left() -> None:
    register = await here(LINGER, "ana")
    began = asyncio.get_running_loop().time()
    register.presence.leave("ana")
    register.now += 50
    await register.presence.settled()
    assert register.told == ["ana out"]
    assert register.since == [1_000_000]
    assert asyncio.get_running_loop().time() - began >= LINGER - SOONEST


async def test_each_leaving_is_waited_for_anew() -> None:
    register = await here(LINGER, "ana")
    register.presence.leave("ana")
    register.presence.enter("ana")
    register.now += 10
    register.presence.leave("ana")
    await register.presence.settled()
    assert register.told[-1] == "ana out"
    assert register.told.count("ana out") == 1
    assert register.since == [1_000_010]
    assert not register.presence._heard


async def test_whose_silence_was_long_enough_is_gone_at_once_and_since_they_were_heard() -> None:
    register = await here(5, "ana")
    register.presence.leave("ana", silent=61)
    assert not register.presence._lingering
    assert register.left == [("ana", 939_000)]
    await register.presence.settled()
    assert register.told == ["ana out"]
    assert register.since == [939_000]


async def test_the_last_sign_of_life_of_all_tabs_is_what_counts() -> None:
    register = await here(5, "ana")
    register.presence.enter("ana")
    register.presence.leave(
        "ana"
    )  # a second tab, that says goodbye; the first one has been half open for long
    register.now += 30_000
    register.presence.leave("ana", silent=60)
    await register.presence.settled()
    assert register.since == [1_000_000]


async def test_who_was_seen_elsewhere_after_their_last_sign_of_life_here_is_gone_since_then() -> None:
    register = await here(5, "ana")
    register.presence.denied("ana", 990_000)
    await register.presence.settled()
    register.presence.leave("ana", silent=60)
    await register.presence.settled()
    assert register.told == ["ana in", "ana out"]
    assert register.since == [990_000]


async def test_who_left_is_not_claimed_while_they_are_waited_for() -> None:
    """They may be at another node by then, which claimed them, and whoever claimed last is believed to see them go."""
    register = await here(LINGER, "ana")
    register.presence.denied("ana")
    register.presence.leave("ana")
    await register.presence.settled()
    assert register.told == ["ana out"]


async def test_a_clock_that_is_set_back_keeps_nobody_here() -> None:
    register = await here(LINGER, "ana")
    register.presence.enter("ana")
    register.presence.leave("ana")
    register.now -= 3_600_000
    register.presence.leave("ana")
    async with asyncio.timeout(10):
        await register.presence.settled()
    assert register.told == ["ana out"]
    assert register.since == [register.now]


async def test_a_server_that_ends_does_not_wait_so_long() -> None:
    register = await here(60, "ana", "eva")
    register.presence.leave("ana")
    register.presence.hurry(LINGER)
    register.presence.leave("eva")
    await register.presence.settled()
    assert sorted(register.told) == ["ana out", "eva out"]


async def test_who_left_when_nobody_is_waited_for_any_more_is_gone_at_once() -> None:
    register = await here(60, "ana", "eva")
    register.presence.leave("ana")
    register.presence.hurry(0)
    register.presence.leave("eva")
    assert not register.presence._lingering
    await register.presence.settled()
    assert sorted(register.told) == ["ana out", "eva out"]


@pytest.mark.parametrize("explained", [False, True])
async def test_a_failure_that_the_database_explains_is_not_in_the_log_once_more_for_each_person(
    register: Register, caplog: pytest.LogCaptureFixture, explained: bool
) -> None:
    register.fail, register.explained = 3, explained
    register.presence.enter("ana")
    await register.presence.settled()
    assert register.told == ["ana in"]
    assert len(register.waits) == 3
    assert len(caplog.records) == (0 if explained else 3)
