"""Mails of a mailbox that are let lie for a while, each longer from time to time: to try one is to fetch it whole, and most often
only to find that it cannot be taken still."""

from __future__ import annotations

from math import inf
from typing import Final, NamedTuple

AT_MOST: Final = 10_000
"""Mails of which it is known; with more the one that was tried longest ago is tried at the next look."""
SECONDS_MOST: Final = 600.0
"""Between two tries of one mail."""


class Rest(NamedTuple):
    seconds: float
    until: float


class Resting:
    """Mails go by (validity, number), as `Box` has them; `now` is in seconds, of any clock that never goes back."""

    def __init__(self) -> None:
        self._rests: dict[tuple[int, int], Rest] = {}

    def begin(self, validity: int, number: int, seconds: float, now: float) -> bool:
        """Let it lie for so long, or for twice as long as the last time; says whether this is the first time."""
        before = self._rests.pop((validity, number), None)
        if before is not None:
            seconds = max(seconds, 2 * before.seconds)
        seconds = min(seconds, SECONDS_MOST)
        while len(self._rests) >= AT_MOST:
            self._rests.pop(next(iter(self._rests)))
        self._rests[validity, number] = Rest(seconds, now + seconds)
        return before is None

    def due(self, validity: int, numbers: list[int], now: float) -> list[int]:
        """Those that lie no longer of all `numbers` of a folder. Of what is not among these nothing is known from then on."""
        all_of_them = {(validity, number) for number in numbers}
        self._rests = {mail: rest for mail, rest in self._rests.items() if mail in all_of_them}
        none = Rest(0, -inf)
        return [number for number in numbers if self._rests.get((validity, number), none).until <= now]

    def seconds(self, now: float) -> float:
        """Until the first of them is due; infinitely many where none lies."""
        return min((rest.until for rest in self._rests.values()), default=inf) - now
