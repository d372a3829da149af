"""Business hours by example; hours_cases.json holds the table."""

from __future__ import annotations

import datetime
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from chatserver.core.hours import (
    ALWAYS,
    DEFAULT,
    BadHours,
    DayException,
    Interval,
    Opening,
    Schedule,
    check,
    check_day,
    format_day,
    opening,
    parse_day,
    parse_week,
)

_TABLE: dict[str, Any] = json.loads((Path(__file__).parent / "hours_cases.json").read_text(encoding="utf-8"))
_CASES: list[dict[str, Any]] = _TABLE["cases"]
_MONDAY_MORNING = datetime.datetime(2026, 11, 23, 14, 0, tzinfo=datetime.UTC)  # 09:00 in Bogotá


def _schedule(name: str) -> Schedule:
    raw = _TABLE["schedules"][name]
    return Schedule(
        zone=raw.get("zone", "America/Bogota"),
        week=parse_week(raw["week"]),
        holidays=raw.get("holidays", ""),
        exceptions=tuple(
            DayException(datetime.date.fromisoformat(one["date"]), parse_day(one["text"]), one["name"])
            for one in raw.get("exceptions", ())
        ),
    )


def _utc(text: str | None) -> datetime.datetime | None:
    return None if text is None else datetime.datetime.fromisoformat(text).astimezone(datetime.UTC)


def _expected(case: dict[str, Any]) -> Opening:
    return Opening(
        open=case.get("open", "until" in case),
        until=_utc(case.get("until")),
        next=_utc(case.get("next")),
        reason=case.get("reason", ""),
    )


@pytest.mark.parametrize("case", _CASES, ids=[case["case"] for case in _CASES])
def test_the_table_of_cases_holds(case: dict[str, Any]) -> None:
    at = datetime.datetime.fromisoformat(case["at"])
    assert opening(_schedule(case["schedule"]), at) == _expected(case)


@pytest.mark.parametrize("name", _TABLE["schedules"])
def test_no_schedule_of_the_table_has_problems(name: str) -> None:
    assert check(_schedule(name)) == []


def test_every_schedule_of_the_table_is_used() -> None:
    assert {case["schedule"] for case in _CASES} == set(_TABLE["schedules"])


def test_the_default_is_the_office_week_in_bogota() -> None:
    assert _schedule("office") == DEFAULT
    assert DEFAULT.zone == "America/Bogota"


def test_always_is_open_whatever_the_rest_says() -> None:
    closed_today = DayException(datetime.date(2026, 11, 23), name="Cerrado")
    for schedule in (ALWAYS, Schedule(week=((),) * 7, exceptions=(closed_today,), always=True)):
        assert opening(schedule, _MONDAY_MORNING) == Opening(open=True, until=None, next=None, reason="")


def test_overlapping_intervals_count_as_one() -> None:
    week = ((Interval(600, 1500), Interval(480, 720)), (Interval(30, 90),), (), (), (), (), ())
    assert opening(Schedule(week=week), _MONDAY_MORNING).until == _utc("2026-11-24T01:30:00-05:00")


def test_an_interval_inside_another_does_not_shorten_it() -> None:
    week = ((Interval(480, 1020), Interval(540, 600)), (), (), (), (), (), ())
    assert opening(Schedule(week=week), _MONDAY_MORNING).until == _utc("2026-11-23T17:00:00-05:00")


def test_a_naive_now_is_refused() -> None:
    with pytest.raises(ValueError, match="aware"):
        opening(DEFAULT, _MONDAY_MORNING.replace(tzinfo=None))


def test_answers_are_in_utc() -> None:
    now = datetime.datetime.fromisoformat("2026-11-23T09:00:00-05:00")
    assert opening(DEFAULT, now).until == datetime.datetime(2026, 11, 23, 17, 0, tzinfo=datetime.UTC)
    until = opening(DEFAULT, now).until
    assert until is not None
    assert until.tzinfo is datetime.UTC


@pytest.fixture
def machine_in_tokyo(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    before = os.environ.get("TZ")
    os.environ["TZ"] = "Asia/Tokyo"
    time.tzset()
    assert time.timezone == -9 * 3600
    yield
    if before is None:
        del os.environ["TZ"]
    else:
        os.environ["TZ"] = before
    time.tzset()


@pytest.mark.usefixtures("machine_in_tokyo")
def test_the_zone_of_the_machine_makes_no_difference() -> None:
    for case in _CASES:
        at = datetime.datetime.fromisoformat(case["at"])
        assert opening(_schedule(case["schedule"]), at) == _expected(case), case["case"]


def test_a_schedule_survives_json() -> None:
    for name in _TABLE["schedules"]:
        schedule = _schedule(name)
        assert msgspec.json.decode(msgspec.json.encode(schedule), type=Schedule) == schedule
    assert msgspec.json.decode(b"{}", type=Schedule) == DEFAULT


def test_hours_without_holidays_do_not_load_the_holidays_library() -> None:
    program = (
        "import datetime, sys; from chatserver.core.hours import DEFAULT, check, opening;"
        "opening(DEFAULT, datetime.datetime(2026, 11, 21, tzinfo=datetime.UTC)); check(DEFAULT);"
        "sys.exit('holidays' in sys.modules)"
    )
    root = Path(__file__).parents[2]
    assert subprocess.run([sys.executable, "-c", program], cwd=root, timeout=30, check=False).returncode == 0


_WEEK = DEFAULT.week
_DATE = datetime.date(2026, 12, 24)


@pytest.mark.parametrize(
    ("schedule", "problems"),
    [
        (DEFAULT, []),
        (ALWAYS, []),
        (Schedule(zone="America/Bogotá"), ["zone_unknown"]),
        (Schedule(zone=""), ["zone_unknown"]),
        (Schedule(zone="America"), ["zone_unknown"]),
        (Schedule(zone="../etc/passwd"), ["zone_unknown"]),
        (Schedule(zone="localtime"), ["zone_unknown"]),
        (Schedule(holidays="CO"), []),
        (Schedule(holidays="CL-RM"), []),
        (Schedule(holidays="XX"), ["country_unknown"]),
        (Schedule(holidays="co"), ["country_unknown"]),
        (Schedule(holidays="CL-XX"), ["subdivision_unknown"]),
        (Schedule(week=_WEEK[:6]), ["week_not_seven_days"]),
        (Schedule(week=((Interval(720, 480),), *_WEEK[1:])), ["interval_reversed"]),
        (Schedule(week=((Interval(480, 480),), *_WEEK[1:])), ["interval_reversed"]),
        (Schedule(week=((Interval(480, 720), Interval(719, 800)), *_WEEK[1:])), ["intervals_overlap"]),
        (Schedule(week=((Interval(-1, 720),), *_WEEK[1:])), ["interval_out_of_range"]),
        (Schedule(week=((Interval(1440, 1500),), *_WEEK[1:])), ["interval_out_of_range"]),
        (Schedule(week=((Interval(0, 2881),), *_WEEK[1:])), ["interval_out_of_range"]),
        (Schedule(week=((Interval(1439, 2880),), *_WEEK[1:])), []),
        (Schedule(exceptions=(DayException(_DATE, (Interval(720, 480),)),)), ["interval_reversed"]),
        (Schedule(exceptions=(DayException(_DATE), DayException(_DATE))), ["exception_repeated"]),
        (
            Schedule(zone="Mars/Olympus", week=((Interval(9, 8), Interval(7, 6)),), holidays="XX"),
            ["zone_unknown", "week_not_seven_days", "interval_reversed", "country_unknown"],
        ),
    ],
)
def test_check_names_what_is_wrong(schedule: Schedule, problems: list[str]) -> None:
    assert check(schedule) == problems


def test_intervals_that_touch_do_not_overlap() -> None:
    assert check_day((Interval(720, 800), Interval(480, 720))) == []


@pytest.mark.parametrize(
    ("text", "intervals"),
    [
        ("", ()),
        ("  ", ()),
        ("08:00-12:00,14:00-17:30", (Interval(480, 720), Interval(840, 1050))),
        (" 14:00 \u2013 17:30 , 8:00-12:00 ", (Interval(480, 720), Interval(840, 1050))),
        ("00:00-24:00", (Interval(0, 1440),)),
        ("18:00-00:00", (Interval(1080, 1440),)),
        ("22:00-02:00", (Interval(1320, 1560),)),
        ("22:00-26:00", (Interval(1320, 1560),)),
        ("20:00-48:00", (Interval(1200, 2880),)),
    ],
)
def test_a_day_is_read_from_text(text: str, intervals: tuple[Interval, ...]) -> None:
    assert parse_day(text) == intervals


@pytest.mark.parametrize(
    ("text", "code", "offending"),
    [
        ("nueve a cinco", "hours_unreadable", "nueve a cinco"),
        ("08:00-12:00,", "hours_unreadable", ""),
        ("08:00-12:60", "hours_unreadable", "08:00-12:60"),
        ("8-12", "hours_unreadable", "8-12"),
        ("\u0660\u0668:00-12:00", "hours_unreadable", "\u0660\u0668:00-12:00"),
        ("08:00-08:00", "interval_reversed", "08:00-08:00"),
        ("25:00-26:00", "interval_out_of_range", "25:00-26:00"),
        ("08:00-48:01", "interval_out_of_range", "08:00-48:01"),
        ("08:00-12:00,11:00-13:00", "intervals_overlap", "08:00-12:00,11:00-13:00"),
    ],
)
def test_text_that_is_no_day_is_refused_with_a_code_and_the_text(
    text: str, code: str, offending: str
) -> None:
    with pytest.raises(BadHours) as refused:
        parse_day(text)
    assert (refused.value.code, refused.value.text) == (code, offending)


def test_a_week_with_an_unknown_day_is_refused() -> None:
    with pytest.raises(BadHours) as refused:
        parse_week({"lunes": "08:00-12:00"})
    assert (refused.value.code, refused.value.text) == ("hours_unreadable", "lunes")


def test_a_day_is_written_as_people_write_it() -> None:
    assert format_day(DEFAULT.week[0]) == "08:00-12:00,14:00-17:30"
    assert format_day((Interval(1320, 1560),)) == "22:00-02:00"
    assert format_day((Interval(0, 1440),)) == "00:00-24:00"
    assert format_day((Interval(1320, 2760),)) == "22:00-46:00"
    assert format_day(()) == ""
