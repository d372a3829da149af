"""How long a node waits for rows that somebody else holds. One ticket that is locked for long must not stall all the others."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, Final

from chatserver.store.work import Needs

LOCK_MS: Final = 2_000
"""Longer than any group holds its rows; whoever holds them so long is frozen, or a person in a database shell."""
IMPATIENT_MS: Final = 250
"""So long is waited once that has happened, until `CALM_SECONDS` after it happened last."""
CALM_SECONDS: Final = 10.0
PROBE_MS: Final = 100
"""So long for each, while it is found out which rows they are."""
HELD_SECONDS: Final = 3.0
"""What could not be locked is refused at once for so long, then tried again."""

FORGET_SECONDS: Final = 60.0
"""Rows that nobody asks for again are not remembered for ever."""


class Patience:
    """What a node learned from locks that did not come in time."""

    def __init__(self, steady: Callable[[], float] = time.monotonic) -> None:
        self._steady = steady
        self._impatient_until = 0.0
        self._held: dict[Any, float] = {}

    def short(self) -> bool:
        """Wait `IMPATIENT_MS` instead of `LOCK_MS`."""
        return self._steady() < self._impatient_until

    def ended(self, needs: Needs) -> bool:
        """Whether these rows were found held just now, so that nobody should wait for them."""
        until = self._held.get(rows_of(needs)) if self._held else None
        return until is not None and self._steady() < until

    def suspected(self, needs: Needs) -> bool:
        """Whether these rows were found held some time ago: somebody should look before a group waits for them, and holds up with
        its own locks whoever needs the others."""
        until = self._held.get(rows_of(needs)) if self._held else None
        return until is not None and self._steady() >= until

    def lost(self) -> bool:
        """A group waited in vain. Gives whether this is news."""
        news = not self.short()
        self._impatient_until = self._steady() + CALM_SECONDS
        return news

    def found_held(self, needs: Needs) -> None:
        """These are the rows that somebody holds."""
        now = self._steady()
        self._held = {rows: until for rows, until in self._held.items() if now < until + FORGET_SECONDS}
        self._held[rows_of(needs)] = now + HELD_SECONDS

    def found_free(self, needs: Needs) -> None:
        self._held.pop(rows_of(needs), None)


def rows_of(needs: Needs) -> object:
    """The same for all use cases that will wait for the same rows. Whoever opens a ticket waits for the app's, most likely."""
    of_customers = () if needs.desks or needs.numbers else needs.customers
    return needs.tickets or of_customers, needs.agents, needs.attended, needs.desks, needs.numbers
