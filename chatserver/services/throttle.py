"""How many tries somebody has left, and how long to wait when there are none. In memory, bounded."""

from __future__ import annotations

import math
from collections import OrderedDict
from typing import Final

from chatserver.core.errors import Refused

KEYS_MAX: Final = 20_000


class Throttle:
    """`tries` at once, and as many again per `seconds`: a bucket per key that refills evenly."""

    def __init__(self, tries: int, seconds: float) -> None:
        self._tries = tries
        self._ms_per_try = seconds * 1000 / tries
        # key → when (ms) its bucket will be full again. Keys whose bucket is full need no entry.
        self._full_at: OrderedDict[str, float] = OrderedDict()

    def take(self, key: str, now: int) -> None:
        """Use up a try at `now` (ms). Raises Refused(rate_limited) with the seconds to wait; that costs nothing more."""
        full_at = max(self._full_at.get(key, 0.0), float(now)) + self._ms_per_try
        excess = full_at - now - self._tries * self._ms_per_try
        if excess > 0:
            raise Refused("rate_limited", retry_after=math.ceil(excess / 100) / 10)
        self._full_at[key] = full_at
        self._full_at.move_to_end(key)
        while len(self._full_at) > KEYS_MAX:
            self._full_at.popitem(last=False)

    def give_back(self, key: str, now: int) -> None:
        """A try that was none."""
        if key in self._full_at:
            self._full_at[key] = max(self._full_at[key] - self._ms_per_try, float(now))

    def forgive(self, key: str) -> None:
        self._full_at.pop(key, None)
