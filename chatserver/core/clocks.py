"""Whether the clock that everybody goes by was set: it went further than the time that passed."""

from __future__ import annotations

from typing import Final

STEP_MS: Final = 1_000
"""Less than this is no matter: a close may be so late."""


class Steps:
    """`now`: ms by the clock that may be set, `steady`: ms by one that nobody sets, both of one moment."""

    def __init__(self, now: int, steady: float) -> None:
        self._apart = now - steady

    def forward(self, now: int, steady: float) -> int:
        """By how much (ms) the clock was set forward since it was last `taken_in`; 0 for what is no matter, and for one that was
        set back: that is taken in at once."""
        ahead = round(now - steady - self._apart)
        if ahead > STEP_MS:
            return ahead
        self.take_in(now, steady)
        return 0

    def take_in(self, now: int, steady: float) -> None:
        """What was done was done as of this moment."""
        self._apart = now - steady
