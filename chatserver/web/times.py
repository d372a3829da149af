"""Times as people say them, for pages that the server writes, in the reader's zone and language. Arguments: ms since 1970 UTC."""

from __future__ import annotations

import math
from datetime import UTC, date, datetime, tzinfo
from zoneinfo import ZoneInfo

from chatserver import i18n
from chatserver.i18n import say, words


def zone(*names: str) -> tzinfo:
    """The first of these IANA names that is one; browsers and hosts may say anything."""
    for name in names:
        try:
            return ZoneInfo(name)
        except (ValueError, OSError, KeyError):
            continue
    return UTC


class Times:
    """What a clock on the reader's wall shows."""

    def __init__(self, lang: str, where: tzinfo, now: int) -> None:
        self._lang = lang
        self._where = where
        self._today = self._local(now)
        self._now = now

    def _local(self, at: int) -> datetime:
        return datetime.fromtimestamp(at / 1000, self._where)

    def clock(self, at: int) -> str:
        """ "2:05 p. m.", "2:05 PM", "14:05"."""
        return i18n.clock(self._lang, self._local(at))

    def day_key(self, at: int) -> str:
        """The same for all moments of a day."""
        return f"{self._local(at):%Y-%m-%d}"

    def day(self, at: int) -> str:
        """ "Hoy", "Ayer", "3 de marzo", "3 de marzo de 2025"."""
        days = (self._today.date() - self._local(at).date()).days
        if days == 0:
            return words(self._lang)["common.today"]
        return words(self._lang)["common.yesterday"] if days == 1 else self._date(at)

    def brief(self, at: int) -> str:
        """For lists: "ahora", "hace 5 min", "2:05 p. m.", "ayer", "3 de marzo"."""
        minutes = (self._now - at) // 60_000
        if minutes < 1:
            return words(self._lang)["common.now"]
        if minutes < 60:
            return say(self._lang, "common.minutes_ago", minutes=minutes)
        days = (self._today.date() - self._local(at).date()).days
        if days == 0:
            return self.clock(at)
        return words(self._lang)["common.yesterday"].lower() if days == 1 else self._date(at)

    def full(self, at: int) -> str:
        """Date and time, for who wants to know exactly."""
        return f"{self._date(at, with_year=True)}, {self.clock(at)}"

    def machine(self, at: int) -> str:
        """For a `datetime` attribute."""
        return f"{datetime.fromtimestamp(at / 1000, UTC):%Y-%m-%dT%H:%M:%SZ}"

    def _date(self, at: int, *, with_year: bool = False) -> str:
        local = self._local(at)
        key = "portal.date_year" if with_year or local.year != self._today.year else "portal.date"
        month = words(self._lang)[f"portal.month.{local.month}"]
        return words(self._lang)[key].format(day=local.day, month=month, year=local.year)


def date_of(lang: str, day: str) -> str:
    """ "24 de diciembre de 2027", of a day as forms give it (2027-12-24); what is none stays as it is."""
    try:
        found = date.fromisoformat(day)
    except ValueError:
        return day
    month = words(lang)[f"portal.month.{found.month}"]
    return words(lang)["portal.date_year"].format(day=found.day, month=month, year=found.year)


def duration(lang: str, seconds: float) -> str:
    """How long to wait, rounded up: "40 s", "12 min"."""
    if seconds < 60:
        return say(lang, "portal.seconds", seconds=max(1, math.ceil(seconds)))
    return say(lang, "portal.minutes", minutes=math.ceil(seconds / 60))
