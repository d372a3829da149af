"""How long a node waits for rows that somebody else holds. One ticket that is locked for long must not stall all the others."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from typing import Final

from chatserver.store.postgres.looking import Wanted, wanted
from chatserver.store.work import Needs

LOCK_MS: Final = 1_000
"""Longer than any group holds its rows; whoever holds them so long is frozen, or a person in a database shell."""
IMPATIENT_MS: Final = 250
"""So long is waited once that has happened, until `CALM_SECONDS` after it happened last."""
CALM_SECONDS: Final = 10.0
LOOKS: Final = 5
"""So often it is looked at which rows they are: another node's group holds its own for a moment only."""
LOOK_EVERY_MS: Final = 20
HELD_SECONDS: Final = 3.0
"""What could not be locked is refused at once for so long, then tried again."""

FORGET_SECONDS: Final = 60.0
"""Rows that nobody asks for again are not remembered for ever."""


class Patience:
    """What a node learned from locks that did not come in time."""

    def __init__(self, steady: Callable[[], float] = time.monotonic) -> None:
        self._steady = steady
        self._impatient_until = 0.0
        self._held: dict[Wanted, float] = {}

    def short(self) -> bool:
        """Wait `IMPATIENT_MS` instead of `LOCK_MS`."""
        return self._steady() < self._impatient_until

    def ended(self, needs: Needs) -> bool:
        """Whether something of it was found held just now, so that nobody should wait for it."""
        now = self._steady()
        return bool(self._held) and any(now < self._held.get(one, now) for one in wanted(needs))

    def suspected(self, needs: Needs) -> bool:
        """Whether something of it was found held some time ago: it should be looked at before a group waits for it, and holds up
        with its own locks whoever needs the others."""
        return bool(self._held) and not self.ended(needs) and any(one in self._held for one in wanted(needs))

    def lost(self) -> bool:
        """A group waited in vain. Gives whether this is news."""
        news = not self.short()
        self._impatient_until = self._steady() + CALM_SECONDS
        return news

    def looked(self, at: Iterable[Needs], held: Iterable[Wanted]) -> None:
        """Of what these want, somebody holds this and nothing else."""
        now = self._steady()
        free = {one for needs in at for one in wanted(needs)}
        self._held = {
            one: until
            for one, until in self._held.items()
            if one not in free and now < until + FORGET_SECONDS
        }
        self._held.update(dict.fromkeys(held, now + HELD_SECONDS))
