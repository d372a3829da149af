"""The holidays of a country, as customers are told them."""

from __future__ import annotations

import datetime

import pytest

from chatserver.core.holidays import code_problem, holiday_name


def test_no_country_has_no_holidays() -> None:
    assert holiday_name("", datetime.date(2026, 12, 25)) is None


def test_an_ordinary_day_is_none() -> None:
    assert holiday_name("CO", datetime.date(2026, 11, 23)) is None


@pytest.mark.parametrize(
    ("code", "date", "name"),
    [
        ("CO", "2026-06-29", "San Pedro y San Pablo"),
        ("CO", "2027-01-11", "Día de los Reyes Magos (observado)"),
        ("CO", "2027-01-06", None),
        ("CL", "2026-09-18", "Día de la Independencia"),
        ("CL", "2026-06-07", None),
        ("CL-AP", "2026-06-07", "Asalto y Toma del Morro de Arica"),
        ("CL-RM", "2026-09-18", "Día de la Independencia"),
        ("MX", "2026-11-16", "Día de la Revolución"),
        ("MX", "2026-11-20", None),
        ("PE", "2026-12-09", "Batalla de Ayacucho"),
        ("BR", "2026-12-25", "Natal"),
        ("US", "2026-12-25", "Christmas Day"),
    ],
)
def test_a_holiday_has_its_official_name(code: str, date: str, name: str | None) -> None:
    assert holiday_name(code, datetime.date.fromisoformat(date)) == name


def test_every_colombian_movable_holiday_is_a_monday() -> None:
    days = [datetime.date(2025, 1, 1) + datetime.timedelta(days=day) for day in range(3 * 365)]
    moved = [day for day in days if "(observado)" in (holiday_name("CO", day) or "")]
    assert len(moved) >= 20
    assert {day.weekday() for day in moved} == {0}


def test_the_language_of_the_machine_makes_no_difference(monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in ("LANGUAGE", "LC_ALL", "LC_MESSAGES", "LANG"):
        monkeypatch.setenv(variable, "en_US.UTF-8")
    assert (
        holiday_name("CL", datetime.date(2031, 9, 18)) == "Día de la Independencia"
    )  # a year not asked for yet


@pytest.mark.parametrize(
    ("code", "problem"),
    [
        ("", None),
        ("CO", None),
        ("CL-RM", None),
        ("XX", "country_unknown"),
        ("co", "country_unknown"),
        ("COL", "country_unknown"),
        ("CO-", "country_unknown"),
        ("CO\n", "country_unknown"),
        ("HolidayBase", "country_unknown"),
        ("CL-XX", "subdivision_unknown"),
        ("CO-ANT", "subdivision_unknown"),
    ],
)
def test_a_code_is_checked(code: str, problem: str | None) -> None:
    assert code_problem(code) == problem


def test_an_unknown_country_raises_instead_of_having_no_holidays() -> None:
    with pytest.raises(ValueError, match="country_unknown"):
        holiday_name("XX", datetime.date(2026, 12, 25))
