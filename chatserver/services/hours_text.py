"""Business hours between an administrator and `core.hours`: what options say, and hours in words. docs/hours.md shows how they
are written."""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from itertools import groupby
from typing import Final
from zoneinfo import ZoneInfo

import msgspec

from chatserver.core.hours import (
    DAY_NAMES,
    BadHours,
    DayException,
    Interval,
    Schedule,
    check,
    format_day,
    opening,
    parse_day,
)

_SENTENCES: Final = {
    "zone_unknown": "{text!r} is no time zone: write an IANA name like America/Bogota.",
    "week_not_seven_days": "The week has not seven days: write --hours again, like mon-fri=08:00-12:00,14:00-17:30.",
    "hours_unreadable": "{text!r} cannot be read as hours: write them like 08:00-12:00,14:00-17:30.",
    "interval_reversed": "{text!r} has an interval that ends when it begins: write a later end (00:00-24:00 is the whole day).",
    "interval_out_of_range": "{text!r} is out of range: begin from 00:00 to 23:59, and end at 24:00 at most or, "
    "past midnight, like 22:00-02:00.",
    "intervals_overlap": "{text!r} overlaps itself: write intervals that follow each other, like 08:00-12:00,14:00-17:30.",
    "exception_repeated": "{text} is given twice: write each date once, with all of its hours.",
    "country_unknown": "{text!r} is no country whose holidays are known: write an ISO code like CO, with a region like CL-RM, "
    "or none.",
    "subdivision_unknown": "{text!r} names no known region: write the country alone, like CL, or its region like CL-RM.",
}


class HoursGiven(msgspec.Struct, frozen=True):
    """What an administrator wrote, one text per option. None, empty and False leave things as they are."""

    zone: str | None = None
    hours: tuple[str, ...] = ()
    """The whole new week, such as "mon-fri=08:00-12:00,14:00-17:30"; days not named are closed."""
    always: bool = False
    holidays: str | None = None
    """Whose public holidays are closed, such as "CO"; "none" for nobody's."""
    closed: tuple[str, ...] = ()
    """Dates, such as "2026-12-24" or "2026-12-24=Nochebuena"."""
    opened: tuple[str, ...] = ()
    """Dates with special hours, such as "2026-12-31=09:00-12:00"."""
    forget_dates: bool = False
    """Without the own dates that there were."""


def code_sentence(code: str, text: str) -> str:
    """What is wrong with `text`, and what to write instead. `code`: one of `core.hours.check`, or a BadHours's."""
    return _SENTENCES[code].format(text=text)


# — what options say ———————————————————————————————————————————————————————————


def changed(schedule: Schedule, given: HoursGiven, now: datetime.datetime) -> tuple[Schedule, list[str]]:
    """`schedule` as it will be, and a sentence for each thing that cannot be used: with any, it is not to be kept."""
    problems: list[str] = []
    zone, holidays = schedule.zone, schedule.holidays
    if given.zone is not None:
        zone = _usable(Schedule(zone=given.zone), given.zone, problems, else_=zone)
    if given.holidays is not None:
        country = "" if given.holidays.lower() == "none" else given.holidays.upper() or "?"
        holidays = _usable(Schedule(holidays=country), country, problems, else_=holidays)
    dates = _dates(given, now.astimezone(ZoneInfo(zone)).date(), problems)
    kept = () if given.forget_dates else (e for e in schedule.exceptions if e.date not in dates)
    after = Schedule(
        zone=zone,
        week=_week(given.hours, problems) if given.hours else schedule.week,
        holidays=holidays,
        exceptions=tuple(sorted((*kept, *dates.values()), key=lambda e: e.date)),
        always=given.always or (schedule.always and not given.hours),
    )
    closes = given.closed or given.opened or (given.holidays is not None and holidays)
    if given.always and given.hours:
        problems.append("Open around the clock or with hours: write either --always or --hours.")
    elif after.always and closes:
        problems.append(
            "An app that is open around the clock closes on no day: "
            "write its week as well, like --hours mon-sun=00:00-24:00."
        )
    return after, problems


def _usable(probe: Schedule, text: str, problems: list[str], *, else_: str) -> str:
    wrong = check(probe)
    problems += [code_sentence(code, text) for code in wrong]
    return else_ if wrong else text


def _week(texts: Sequence[str], problems: list[str]) -> tuple[tuple[Interval, ...], ...]:
    week: dict[str, tuple[Interval, ...]] = {}
    for text in texts:
        days, equals, hours = text.partition("=")
        names = _days(days)
        if not equals or not names:
            problems.append(
                f"{text!r} cannot be read: write days and hours like mon-fri=08:00-12:00,14:00-17:30 "
                f"(days: {' '.join(DAY_NAMES)})."
            )
            continue
        day = _day("" if hours.strip() == "closed" else hours, problems)
        repeated = [n for n in names if n in week or names.count(n) > 1]
        if repeated:
            problems.append(f"{repeated[0]} is given twice: write each day once, with all of its hours.")
        week.update(dict.fromkeys(names, day))
    return tuple(week.get(name, ()) for name in DAY_NAMES)


def _days(text: str) -> list[str]:
    """The days of "mon", "mon-fri", "sat-mon" or "mon,wed"; none when there is one that is no day."""
    names: list[str] = []
    for part in text.lower().split(","):
        first, _, last = part.strip().partition("-")
        last = last or first
        if first not in DAY_NAMES or last not in DAY_NAMES:
            return []
        begin, end = DAY_NAMES.index(first), DAY_NAMES.index(last)
        names += [DAY_NAMES[i % 7] for i in range(begin, (end if begin <= end else end + 7) + 1)]
    return names


def _day(text: str, problems: list[str]) -> tuple[Interval, ...]:
    try:
        return parse_day(text)
    except BadHours as bad:
        problems.append(code_sentence(bad.code, bad.text))
        return ()


def _dates(given: HoursGiven, today: datetime.date, problems: list[str]) -> dict[datetime.date, DayException]:
    dates: dict[datetime.date, DayException] = {}

    def add(text: str, intervals: tuple[Interval, ...], name: str) -> None:
        date = _date(text)
        if date is None:
            problems.append(f"{text!r} is no date: write it like 2026-12-24.")
        elif date < today:
            problems.append(f"{text} is over: write a date from {today} on.")
        elif date in dates:
            problems.append(code_sentence("exception_repeated", text))
        else:
            dates[date] = DayException(date, intervals, name)

    for text in given.closed:
        date, _, name = text.partition("=")
        add(date.strip(), (), name.strip())
    for text in given.opened:
        date, _, hours = text.partition("=")
        if hours.strip():
            add(date.strip(), _day(hours, problems), "")
        else:
            problems.append(
                f"{text!r} has no hours: write them like 2026-12-31=09:00-12:00, or use --closed."
            )
    return dates


def _date(text: str) -> datetime.date | None:
    try:
        date = datetime.date.fromisoformat(text)
    except ValueError:
        return None
    return date if date.isoformat() == text else None  # there are other ISO forms, which nobody expects here


# — in words ———————————————————————————————————————————————————————————————————


def in_words(schedule: Schedule, now: datetime.datetime) -> dict[str, list[str]]:
    """Lines under "hours", "holidays" and "dates" (those that are not over); the last two are absent when never closed."""
    if schedule.always:
        return {"hours": ["around the clock"]}
    today = now.astimezone(ZoneInfo(schedule.zone)).date()
    dates = [_date_in_words(exception) for exception in schedule.exceptions if exception.date >= today]
    return {
        "hours": [f"in {schedule.zone}", *_week_in_words(schedule)],
        "holidays": [f"closed on those of {schedule.holidays}" if schedule.holidays else "none"],
        "dates": dates or ["none"],
    }


def _week_in_words(schedule: Schedule) -> list[str]:
    lines = []
    for hours, group in groupby(zip(DAY_NAMES, schedule.week, strict=True), key=lambda day: day[1]):
        names = [name for name, _ in group]
        days = names[0] if len(names) == 1 else f"{names[0]}-{names[-1]}"
        lines.append(f"{days:<7}  {_hours_in_words(hours)}")
    return lines


def _date_in_words(exception: DayException) -> str:
    named = f" ({exception.name})" if exception.name else ""
    return f"{exception.date}  {_hours_in_words(exception.intervals)}{named}"


def _hours_in_words(intervals: tuple[Interval, ...]) -> str:
    return format_day(intervals).replace(",", ", ") or "closed"


def now_in_words(schedule: Schedule, now: datetime.datetime) -> str:
    """Whether it is open at `now` (aware), and when that changes by the wall clock of its zone."""
    found = opening(schedule, now)
    if found.open:
        return f"open until {_clock(found.until, schedule)}" if found.until else "open, without an end"
    closed = f"closed ({found.reason})" if found.reason else "closed"
    if found.next is None:
        return f"{closed}, opens on no day within a year"
    return f"{closed}, opens {_clock(found.next, schedule)}"


def _clock(at: datetime.datetime, schedule: Schedule) -> str:
    wall = at.astimezone(ZoneInfo(schedule.zone))
    return f"{DAY_NAMES[wall.weekday()]} {wall:%Y-%m-%d %H:%M}"
