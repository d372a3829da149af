"""Who is silent. What counts is that somebody's sign of life is another one than at the last look, never what it says: whoever
wrote it, and whatever they go by, may have had their clock set. Instants are ms of a clock of the judge's own that nobody sets.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple


class Noticed(NamedTuple):
    """A sign of life, as the judge came across it."""

    sign: int
    at: float
    """When it was looked at first."""
    after: float
    """It came after this: the look before had not found it."""


class Heartbeats:
    """One judge's. `unknown`: so many ms before the first look count as unwatched, for what is found there."""

    def __init__(self, unknown: float) -> None:
        self._unknown = unknown
        self._noticed: dict[int, Noticed] = {}
        self._looked: float | None = None
        self.stirred: float | None = None
        """The last look that found something new; None before there was any. What the first one found may be old."""

    def look(self, signs: Mapping[int, int], now: float) -> None:
        """`signs`: by who gives them, read after `now`. Who is not among them is forgotten. A look that was overtaken is none."""
        if self._looked is not None and now < self._looked:
            return
        after = now - self._unknown if self._looked is None else self._looked
        before, self._noticed = self._noticed, {}
        for who, sign in signs.items():
            known = before.get(who)
            if known is None or known.sign != sign:
                known = Noticed(sign, now, after)
                if self._looked is not None:
                    self.stirred = now
            self._noticed[who] = known
        self._looked = now

    def silent(self, ms: float, now: float) -> dict[int, Noticed]:
        """Who has given no sign of life while they were watched for so long, and their last one."""
        return {who: noticed for who, noticed in self._noticed.items() if now - noticed.at >= ms}
