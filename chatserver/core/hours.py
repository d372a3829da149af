"""Business hours: open now? until when? opens when?

The wall clock of the schedule's zone decides. An instant is open when what that clock shows then lies within
an interval of its day, or within what runs past midnight from the day before. So both passes of a repeated
hour count, and an interval that lies wholly in a skipped hour never opens. The zone of the machine plays no
part.
"""

from __future__ import annotations

import datetime
import re
from collections.abc import Iterator, Mapping
from functools import cache, lru_cache
from itertools import pairwise
from zoneinfo import ZoneInfo, available_timezones

import msgspec

from chatserver.core.holidays import code_problem, holiday_name

DAY_NAMES = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
LOOK_AHEAD = datetime.timedelta(days=366)
"""How far `opening` looks for the next change."""

_DAY_MINUTES = 24 * 60
_DAY = datetime.timedelta(days=1)
# A change of offset is found by comparing both ends of a step: no zone has ever changed twice within 3 days.
_STEP = datetime.timedelta(days=3)
_MIDNIGHT = datetime.time()


class Interval(msgspec.Struct, frozen=True):
    """From `start` (inclusive) to `end` (exclusive), in minutes after local midnight of its own day.

    0 <= start < 1440 and start < end <= 2880: an end beyond 1440 runs past midnight into the next day.
    """

    start: int
    end: int


_WHOLE_WEEK = ((Interval(0, _DAY_MINUTES),),) * 7
_OFFICE = (Interval(8 * 60, 12 * 60), Interval(14 * 60, 17 * 60 + 30))


class DayException(msgspec.Struct, frozen=True):
    """Other hours on one date: none (closed) or special ones. What runs in from the evening before stays."""

    date: datetime.date
    intervals: tuple[Interval, ...] = ()
    name: str = ""


class Schedule(msgspec.Struct, frozen=True):
    """The hours of an app or a team; `check` says what is wrong with one.

    `zone`: IANA name. `week`: the intervals of seven days, Monday first; those that touch or overlap, also
    across midnight, count as one. `holidays`: closed on the public holidays of an ISO country ("CO") or
    subdivision ("CL-RM"); "" for none. `exceptions`: own dates, which win over public holidays. `always`:
    never closed, whatever the rest says.
    """

    zone: str = "America/Bogota"
    week: tuple[tuple[Interval, ...], ...] = (_OFFICE,) * 5 + ((),) * 2
    holidays: str = ""
    exceptions: tuple[DayException, ...] = ()
    always: bool = False


DEFAULT = Schedule()
"""Monday to Friday 08:00-12:00 and 14:00-17:30 in Bogotá."""
ALWAYS = Schedule(always=True)


class Opening(msgspec.Struct, frozen=True):
    """What customers are told about the hours at one instant. All times are aware and in UTC.

    `until`: when open, the first instant that is closed; None when there is none within LOOK_AHEAD.
    `next`: when closed, the first instant that is open; None when there is none within LOOK_AHEAD.
    `reason`: when closed on a date (in the schedule's zone) that is an exception or a public holiday, its
    name, also when special hours come later or have been.
    """

    open: bool
    until: datetime.datetime | None = None
    next: datetime.datetime | None = None
    reason: str = ""


class BadHours(ValueError):
    """Hours as text that cannot be read. `code` is stable: one of those of `check`, or "hours_unreadable"."""

    def __init__(self, code: str, text: str) -> None:
        super().__init__(f"{code}: {text!r}")
        self.code = code
        self.text = text


@lru_cache(maxsize=256)
def zone_of(schedule: str) -> ZoneInfo:
    """Where an app is, by its business hours as they are stored (JSON of `Schedule`)."""
    return ZoneInfo(msgspec.json.decode(schedule, type=Schedule).zone)


def opening(schedule: Schedule, now: datetime.datetime) -> Opening:
    """Whether `schedule` is open at `now` (aware), and when that changes.

    Raises ValueError for a naive `now`. `schedule` must be one that `check` finds nothing wrong with. The
    first question about a country and year imports and builds its holidays (some 0.3 s); others take
    microseconds.
    """
    if now.tzinfo is None:
        raise ValueError("now must be aware")
    if schedule.always or _never_closes(schedule):
        return Opening(open=True)
    start = now.astimezone(datetime.UTC).replace(tzinfo=None)
    horizon = start + LOOK_AHEAD
    days = _Days(schedule)
    pieces = _pieces(days, start, horizon)
    first = next(pieces, None)
    if first is None or first[0] > start:
        return Opening(open=False, next=_utc(first[0]) if first else None, reason=days.reason(start))
    end = first[1]
    for piece_start, piece_end in pieces:
        if piece_start > end:
            break
        end = max(end, piece_end)
    return Opening(open=True, until=_utc(end) if end < horizon else None)


def _never_closes(schedule: Schedule) -> bool:
    """A plain 24 x 7 week. Spares the walk through a whole year that would find no closing time."""
    return schedule.week == _WHOLE_WEEK and not schedule.holidays and not schedule.exceptions


class _Days:
    """The hours of each date of one schedule."""

    def __init__(self, schedule: Schedule) -> None:
        self.schedule = schedule
        self.zone = ZoneInfo(schedule.zone)
        self.week = [sorted(day, key=_start) for day in schedule.week]
        self.exceptions = {exception.date: exception for exception in schedule.exceptions}

    def hours(self, date: datetime.date) -> list[Interval]:
        exception = self.exceptions.get(date)
        if exception is not None:
            return sorted(exception.intervals, key=_start)
        usual = self.week[date.weekday()]
        return [] if usual and holiday_name(self.schedule.holidays, date) is not None else usual

    def offset(self, at: datetime.datetime) -> datetime.timedelta:
        """What the wall clock shows at `at` (UTC, naive) minus `at`."""
        return self.zone.fromutc(at.replace(tzinfo=self.zone)).replace(tzinfo=None) - at

    def reason(self, at: datetime.datetime) -> str:
        date = (at + self.offset(at)).date()
        exception = self.exceptions.get(date)
        return exception.name if exception is not None else holiday_name(self.schedule.holidays, date) or ""


# From here on to the texts, datetimes are naive: UTC, or what the wall clock shows where the name says wall.


def _pieces(
    days: _Days, start: datetime.datetime, stop: datetime.datetime
) -> Iterator[tuple[datetime.datetime, datetime.datetime]]:
    """The open time from `start` to `stop` in order of start; pieces may touch and overlap."""
    for since, until, offset in _even_spans(days, start, stop):
        wall_since, wall_until = since + offset, until + offset
        date = wall_since.date() - _DAY  # an interval reaches into the next day at most
        while (midnight := datetime.datetime.combine(date, _MIDNIGHT)) < wall_until:
            for interval in days.hours(date):
                wall_start = max(wall_since, midnight + datetime.timedelta(minutes=interval.start))
                wall_end = min(wall_until, midnight + datetime.timedelta(minutes=interval.end))
                if wall_start < wall_end:
                    yield wall_start - offset, wall_end - offset
            date += _DAY


def _even_spans(
    days: _Days, start: datetime.datetime, stop: datetime.datetime
) -> Iterator[tuple[datetime.datetime, datetime.datetime, datetime.timedelta]]:
    """Cut `start`..`stop` into spans in which the offset does not change, each with its offset."""
    offset = days.offset(start)
    while start < stop:
        end = min(start + _STEP, stop)
        after = days.offset(end)
        if after != offset:
            end = _change(days, start, end, offset)
            after = days.offset(end)
        yield start, end, offset
        start, offset = end, after


def _change(
    days: _Days, start: datetime.datetime, end: datetime.datetime, offset: datetime.timedelta
) -> datetime.datetime:
    """The instant after `start`, at most `end`, from which the offset is no longer `offset`."""
    base = start.replace(microsecond=0)  # clocks are changed at whole seconds
    before, changed = 0, (end - base) // datetime.timedelta(seconds=1)
    while changed - before > 1:
        middle = (before + changed) // 2
        if days.offset(base + datetime.timedelta(seconds=middle)) == offset:
            before = middle
        else:
            changed = middle
    return base + datetime.timedelta(seconds=changed)


def _utc(at: datetime.datetime) -> datetime.datetime:
    return at.replace(tzinfo=datetime.UTC)


def _start(interval: Interval) -> int:
    return interval.start


def check(schedule: Schedule) -> list[str]:
    """What is wrong with `schedule`, as stable codes without repeats; empty when nothing is.

    "zone_unknown", "week_not_seven_days", the codes of `check_day`, "exception_repeated" (two for one date),
    "country_unknown", "subdivision_unknown".
    """
    problems = [] if _is_zone(schedule.zone) else ["zone_unknown"]
    if len(schedule.week) != len(DAY_NAMES):
        problems.append("week_not_seven_days")
    for day in (*schedule.week, *(exception.intervals for exception in schedule.exceptions)):
        problems += check_day(day)
    if len({exception.date for exception in schedule.exceptions}) < len(schedule.exceptions):
        problems.append("exception_repeated")
    holidays = code_problem(schedule.holidays)
    if holidays is not None:
        problems.append(holidays)
    return list(dict.fromkeys(problems))


def check_day(intervals: tuple[Interval, ...]) -> list[str]:
    """What is wrong with one day's intervals: "interval_reversed" (or empty), "interval_out_of_range",
    "intervals_overlap". In any order and touching is fine."""
    problems = []
    if any(interval.end <= interval.start for interval in intervals):
        problems.append("interval_reversed")
    if not all(
        0 <= interval.start < _DAY_MINUTES and interval.end <= 2 * _DAY_MINUTES for interval in intervals
    ):
        problems.append("interval_out_of_range")
    ordered = sorted(intervals, key=_start)
    if any(later.start < earlier.end for earlier, later in pairwise(ordered)):
        problems.append("intervals_overlap")
    return problems


def _is_zone(name: str) -> bool:
    # Debian keeps the machine's own zone under the name "localtime".
    return name in _zones() and name != "localtime"


@cache
def _zones() -> set[str]:
    return available_timezones()


_TEXT = re.compile(r"(\d{1,2}):([0-5]\d)\s*[-\u2013]\s*(\d{1,2}):([0-5]\d)", re.ASCII)


def parse_week(text_by_day: Mapping[str, str]) -> tuple[tuple[Interval, ...], ...]:
    """A schedule's `week` from texts such as {"mon": "08:00-12:00,14:00-17:30"}; a day left out is closed.

    Raises BadHours as `parse_day` does, and with "hours_unreadable" for a key that is not in DAY_NAMES.
    """
    for name in text_by_day:
        if name not in DAY_NAMES:
            raise BadHours("hours_unreadable", name)
    return tuple(parse_day(text_by_day.get(name, "")) for name in DAY_NAMES)


def parse_day(text: str) -> tuple[Interval, ...]:
    """One day's intervals, sorted, from "08:00-12:00, 14:00-17:30"; blank is closed.

    An end before its start is on the next day ("22:00-02:00", also written "22:00-26:00"); "00:00-24:00" is
    the whole day; an en dash does as well. Raises BadHours with the offending text and "hours_unreadable" or
    a code of `check_day`.
    """
    parts = [part.strip() for part in text.split(",")] if text.strip() else []
    intervals = tuple(sorted(map(_parse_interval, parts), key=_start))
    problems = check_day(intervals)
    if problems:
        raise BadHours(problems[0], text)
    return intervals


def _parse_interval(text: str) -> Interval:
    match = _TEXT.fullmatch(text)
    if match is None:
        raise BadHours("hours_unreadable", text)
    from_hour, from_minute, to_hour, to_minute = map(int, match.groups())
    start, end = from_hour * 60 + from_minute, to_hour * 60 + to_minute
    return Interval(start, end + _DAY_MINUTES if end < start else end)


def format_day(intervals: tuple[Interval, ...]) -> str:
    """The text that `parse_day` reads back as the same intervals."""
    return ",".join(f"{_clock(interval.start)}-{_clock(_shown_end(interval))}" for interval in intervals)


def _shown_end(interval: Interval) -> int:
    past_midnight = interval.end - _DAY_MINUTES
    return past_midnight if 0 < past_midnight < interval.start else interval.end


def _clock(minutes: int) -> str:
    return f"{minutes // 60:02}:{minutes % 60:02}"
