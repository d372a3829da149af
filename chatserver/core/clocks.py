"""Whether the clock that everybody goes by was set: it went further than the time that passed."""

from __future__ import annotations

from typing import Final

STEP_MS: Final = 1_000
"""Less than this is no matter: a close may be so late."""
SETTLING_MS: Final = 3_000
"""Of many nodes each asks for the clock that they share every 1.5 s, and an answer may be missed once."""


class Steps:
    """`now`: ms by the clock that may be set, `steady`: ms by one that nobody sets, both of one moment. `settling`: so long (ms)
    after it was noticed that the clock was set others may still go by the time before."""

    def __init__(self, now: int, steady: float, settling: float = 0) -> None:
        self._apart = now - steady
        self._settling = settling
        self._settled_at: float | None = None

    def forward(self, now: int, steady: float) -> int:
        """By how much (ms) the clock was set forward since it was last `taken_in`; 0 for what is no matter, and for one that was
        set back: that is taken in at once."""
        ahead = round(now - steady - self._apart)
        if ahead > STEP_MS:
            return ahead
        self.take_in(now, steady)
        return 0

    def settles_in(self, steady: float) -> float:
        """After a step forward: ms until everybody goes by the new time."""
        if self._settled_at is None:
            self._settled_at = steady + self._settling
        return max(0.0, self._settled_at - steady)

    @property
    def settling(self) -> bool:
        """A step forward was noticed, and others may not have noticed it."""
        return self._settled_at is not None

    def take_in(self, now: int, steady: float) -> None:
        """What was done was done as of this moment."""
        self._apart = now - steady
        self._settled_at = None
