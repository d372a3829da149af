"""Times as people say them, in three languages and any zone."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from chatserver.web.times import Times, date_of, duration, zone

BOGOTA = ZoneInfo("America/Bogota")


def at(text: str) -> int:
    """Bogotá's wall clock."""
    return round(datetime.fromisoformat(text).replace(tzinfo=BOGOTA).timestamp() * 1000)


NOW = at("2026-03-04 15:00")


def plain(text: str) -> str:
    return text.replace("\u00a0", " ")


@pytest.mark.parametrize(
    ("lang", "when", "brief", "day", "full"),
    [
        ("es", "2026-03-04 14:59:30", "ahora", "Hoy", "4 de marzo de 2026, 2:59 p. m."),
        ("es", "2026-03-04 14:05", "hace 55 min", "Hoy", "4 de marzo de 2026, 2:05 p. m."),
        ("es", "2026-03-04 00:05", "12:05 a. m.", "Hoy", "4 de marzo de 2026, 12:05 a. m."),
        ("es", "2026-03-03 23:59", "ayer", "Ayer", "3 de marzo de 2026, 11:59 p. m."),
        ("es", "2026-03-01 12:00", "1 de marzo", "1 de marzo", "1 de marzo de 2026, 12:00 p. m."),
        ("es", "2025-12-31 12:30", *["31 de diciembre de 2025"] * 2, "31 de diciembre de 2025, 12:30 p. m."),
        ("en", "2026-03-01 09:05", "March 1", "March 1", "March 1, 2026, 9:05 AM"),
        ("pt", "2026-03-01 21:05", "1 de março", "1 de março", "1 de março de 2026, 21:05"),
    ],
)
def test_a_moment_is_said_by_how_long_ago_it_was(
    lang: str, when: str, brief: str, day: str, full: str
) -> None:
    times = Times(lang, BOGOTA, NOW)
    assert [plain(t) for t in (times.brief(at(when)), times.day(at(when)), times.full(at(when)))] == [
        brief,
        day,
        full,
    ]


def test_the_same_moment_is_another_day_elsewhere() -> None:
    late = at("2026-03-03 20:00")
    assert Times("es", BOGOTA, NOW).day(late) == "Ayer"
    assert Times("es", ZoneInfo("Europe/Madrid"), NOW).day(late) == "Hoy"
    assert Times("es", BOGOTA, NOW).machine(late) == "2026-03-04T01:00:00Z"


@pytest.mark.parametrize(
    "name", ["", "Nowhere", "../../etc/passwd", "/etc/passwd", "America", "a" * 10_000, "\u202e", "<b>", "."]
)
def test_what_is_no_zone_is_passed_over(name: str) -> None:
    assert zone(name, "America/Bogota") == BOGOTA
    assert zone(name) is UTC


def test_how_long_to_wait_is_rounded_up() -> None:
    assert [duration("es", s) for s in (0, 0.2, 59, 60, 61, 3600)] == [
        "1 s",
        "1 s",
        "59 s",
        "1 min",
        "2 min",
        "60 min",
    ]


@pytest.mark.parametrize(
    ("lang", "said"),
    [("es", "24 de diciembre de 2027"), ("en", "December 24, 2027"), ("pt", "24 de dezembro de 2027")],
)
def test_a_day_of_a_form_is_said_as_people_say_it(lang: str, said: str) -> None:
    assert date_of(lang, "2027-12-24") == said
    assert date_of(lang, "pronto") == "pronto"
