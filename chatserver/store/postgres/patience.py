"""How long a node waits for rows that somebody else holds. One ticket that is locked for long must not stall all the others."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from typing import Final

from chatserver.store.postgres.looking import Wanted, wanted
from chatserver.store.work import Needs

LOCK_MS: Final = 1_500
"""Longer than any group holds its rows; whoever holds them so long is frozen, or a person in a database shell. Longer, too, than
it takes PostgreSQL to end a deadlock (`deadlock_timeout`, 1 s)."""
IMPATIENT_MS: Final = 250
"""So long is waited once that has happened, until `CALM_SECONDS` after it happened last."""
CALM_SECONDS: Final = 10.0
LOOKS: Final = 5
"""So often it is looked at which rows they are: another node's group holds its own for a moment only."""
LOOK_EVERY_MS: Final = 20
HELD_SECONDS: Final = 3.0
"""What could not be locked is refused at once for so long, then tried again."""
HASTY_MS: Final = 20
"""So long wait statements such as waited in vain within `CALM_SECONDS`: whose rows they need is not known before they run, and a
hundred people who sign in must not wait one after the other."""
FORGET_SECONDS: Final = 60.0
"""Rows that nobody asks for again are not remembered for ever."""


class Patience:
    """What a node learned from locks that did not come in time."""

    def __init__(self, steady: Callable[[], float] = time.monotonic) -> None:
        self._steady = steady
        self._impatient_until = 0.0
        self._hasty_until: dict[tuple[str, ...], float] = {}
        self._held: dict[Wanted, float] = {}

    def ms(self, statements: tuple[str, ...] = ()) -> int:
        """So long should a group wait for each lock, or these statements if any."""
        now = self._steady()
        if now < self._hasty_until.get(statements, now):
            return HASTY_MS
        return IMPATIENT_MS if now < self._impatient_until else LOCK_MS

    @property
    def calm(self) -> bool:
        """Nothing was found held lately: nobody need be careful about locks."""
        return not self._held and self._steady() >= self._impatient_until

    def ended(self, needs: Needs) -> bool:
        """Whether something of it was found held just now, so that nobody should wait for it."""
        now = self._steady()
        return bool(self._held) and any(now < self._held.get(one, now) for one in wanted(needs))

    def suspected(self, needs: Needs) -> bool:
        """Whether something of it was found held some time ago: it should be looked at before a group waits for it, and holds up
        with its own locks whoever needs the others."""
        return bool(self._held) and not self.ended(needs) and any(one in self._held for one in wanted(needs))

    def lost(self, statements: tuple[str, ...] = ()) -> bool:
        """A group waited in vain, or these statements. Gives whether this is news."""
        now = self._steady()
        news = now >= self._impatient_until
        self._impatient_until = now + CALM_SECONDS
        if statements:
            self._hasty_until[statements] = self._impatient_until
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
