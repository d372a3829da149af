"""Business hours against a slow oracle that reads the wall clock minute by minute."""

from __future__ import annotations

import datetime
from collections.abc import Callable
from zoneinfo import ZoneInfo

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from chatserver.core.holidays import holiday_name
from chatserver.core.hours import DayException, Interval, Schedule, check, format_day, opening, parse_day

_MINUTE = datetime.timedelta(minutes=1)
_DAY = datetime.timedelta(days=1)
_FAR = 5 * 24 * 60  # minutes that the oracle looks ahead

# Minutes in which clocks were changed, in UTC. The odd ones are there on purpose: an hour skipped and one
# repeated at midnight, one repeated across midnight, half an hour, a whole date skipped.
_CHANGES = [
    ("America/Santiago", "2022-09-11T04:00"),
    ("America/Santiago", "2024-04-07T03:00"),
    ("America/Santiago", "2025-09-07T04:00"),
    ("America/Sao_Paulo", "2018-11-04T03:00"),
    ("America/Sao_Paulo", "2019-02-17T02:00"),
    ("America/New_York", "2026-03-08T07:00"),
    ("America/New_York", "2026-11-01T06:00"),
    ("America/Havana", "2024-11-03T05:00"),
    ("America/St_Johns", "2010-11-07T02:31"),
    ("America/Asuncion", "2024-10-06T04:00"),
    ("Australia/Lord_Howe", "2024-04-06T15:00"),
    ("Pacific/Apia", "2011-12-30T10:00"),
]


def _instant(text: str) -> datetime.datetime:
    return datetime.datetime.fromisoformat(text).replace(tzinfo=datetime.UTC)


@pytest.mark.parametrize(("zone", "change"), _CHANGES)
def test_the_clocks_were_changed_at_the_instants_named(zone: str, change: str) -> None:
    at = _instant(change)
    before, after = ((at - _MINUTE).astimezone(ZoneInfo(zone)), at.astimezone(ZoneInfo(zone)))
    assert before.utcoffset() != after.utcoffset()


def _oracle(schedule: Schedule) -> Callable[[datetime.datetime], bool]:
    """Is the schedule open at an instant? As defined: what the wall clock shows lies within an interval."""
    zone = ZoneInfo(schedule.zone)

    def hours(date: datetime.date) -> tuple[Interval, ...]:
        for exception in schedule.exceptions:
            if exception.date == date:
                return exception.intervals
        if holiday_name(schedule.holidays, date) is not None:
            return ()
        return schedule.week[date.weekday()]

    def is_open(at: datetime.datetime) -> bool:
        wall = at.astimezone(zone)
        today = wall.date()
        minute = wall.hour * 60 + wall.minute
        return any(one.start <= minute < one.end for one in hours(today)) or any(
            one.start <= minute + 1440 < one.end for one in hours(today - _DAY)
        )

    return is_open


def _reason(schedule: Schedule, at: datetime.datetime) -> str:
    today = at.astimezone(ZoneInfo(schedule.zone)).date()
    own = [exception.name for exception in schedule.exceptions if exception.date == today]
    return own[0] if own else holiday_name(schedule.holidays, today) or ""


def _first_change(
    is_open: Callable[[datetime.datetime], bool], at: datetime.datetime
) -> datetime.datetime | None:
    """The first whole minute after `at` at which the oracle's answer is another; None when none is near."""
    now = is_open(at)
    minute = at.replace(second=0, microsecond=0)
    for _ in range(_FAR):
        minute += _MINUTE
        if is_open(minute) != now:
            return minute
    return None


@st.composite
def _days(draw: st.DrawFn) -> tuple[Interval, ...]:
    """The hours of a day: on round and odd minutes, crowded about midnight, overlapping, running past it."""
    starts = st.one_of(
        st.sampled_from([0, 15, 30, 60, 480, 840, 1320, 1380, 1410, 1439]), st.integers(0, 1439)
    )
    lengths = st.one_of(st.sampled_from([1, 30, 60, 90, 240, 1440]), st.integers(1, 1440))
    pairs = draw(st.lists(st.tuples(starts, lengths), max_size=3))
    return tuple(Interval(start, start + length) for start, length in pairs)


@st.composite
def _questions(draw: st.DrawFn) -> tuple[Schedule, datetime.datetime]:
    """A schedule and an instant less than two days from a change of its clocks."""
    zone, change = draw(st.sampled_from(_CHANGES))
    middle = _instant(change)
    near = middle.astimezone(ZoneInfo(zone)).date()
    dates = st.integers(-2, 2).map(lambda days: near + days * _DAY)
    exceptions = draw(
        st.lists(
            st.builds(DayException, dates, _days(), st.just("Inventario")),
            max_size=2,
            unique_by=lambda one: one.date,
        )
    )
    holidays = draw(st.sampled_from(["", "", "CL", "US"]))
    week = draw(st.tuples(*[_days()] * 7))
    seconds = st.one_of(
        st.integers(-48 * 60, 48 * 60).map(lambda minutes: minutes * 60), st.integers(-172_800, 172_800)
    )
    offset = datetime.timedelta(seconds=draw(seconds), microseconds=draw(st.sampled_from([0, 0, 1, 999_999])))
    return Schedule(zone, week, holidays, tuple(exceptions)), middle + offset


@settings(max_examples=250, deadline=None)
@given(_questions())
def test_opening_agrees_with_the_wall_clock_minute_by_minute(
    question: tuple[Schedule, datetime.datetime],
) -> None:
    schedule, now = question
    is_open = _oracle(schedule)
    answer = opening(schedule, now)
    assert answer.open == is_open(now)
    assert (answer.next if answer.open else answer.until) is None
    assert answer.reason == ("" if answer.open else _reason(schedule, now))
    told = answer.until if answer.open else answer.next
    expected = _first_change(is_open, now)
    if expected is not None:
        assert told == expected
    else:
        assert told is None or told > now + (_FAR - 1) * _MINUTE


@settings(max_examples=150, deadline=None)
@given(_questions())
def test_the_told_change_is_one_and_the_instant_before_it_is_not(
    question: tuple[Schedule, datetime.datetime],
) -> None:
    schedule, now = question
    for _ in range(6):  # follow the chain: each told instant begins the opposite answer
        answer = opening(schedule, now)
        told = answer.until if answer.open else answer.next
        if told is None:
            return
        assert told > now
        assert opening(schedule, told).open is not answer.open
        last = told - datetime.timedelta(microseconds=1)
        assert opening(schedule, last).open is answer.open
        now = told


@given(_days())
def test_what_is_written_is_read_back(intervals: tuple[Interval, ...]) -> None:
    schedule = Schedule(week=(intervals, *[()] * 6))
    assume(not check(schedule))
    ordered = tuple(sorted(intervals, key=lambda one: one.start))
    assert parse_day(format_day(intervals)) == ordered
