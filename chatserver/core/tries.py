"""How many tries somebody has, and how long to wait when there are none left: a bucket that refills evenly. Instants are ms UTC.

A bucket is known by when it will be full again; one that is full need not be kept.
"""

from __future__ import annotations

import math
from typing import NamedTuple

from chatserver.core.errors import Refused


class Limit(NamedTuple):
    """`tries` at once, and one more each `step` ms."""

    tries: int
    step: int

    @property
    def most(self) -> int:
        """So far (ms) ahead of now an empty bucket is full again."""
        return self.tries * self.step

    def full_at(self, before: int, now: int) -> int:
        """When the bucket is full again after a try at `now`; `before`: when it was to be without it. Where that is further ahead
        than it ever is, the clock was set back: it is full, since nobody is to wait until the clock has come there again."""
        if before > now + self.most:
            before = now
        return max(before, now) + self.step

    def fits(self, full_at: int, now: int) -> bool:
        """Whether there was a try left for the one that made it `full_at`."""
        return full_at - now <= self.most

    def refusal(self, before: int, now: int) -> Refused:
        """Of a try that does not fit: how long to wait for one that does."""
        excess = self.full_at(before, now) - now - self.most
        return Refused("rate_limited", retry_after=math.ceil(excess / 100) / 10)


class Bucket(NamedTuple):
    key: str
    rule: Limit


class Taken(NamedTuple):
    """What became of a try: when the bucket is full again, with it or, where it was not granted, without."""

    granted: bool
    full_at: int


def limit(tries: int, seconds: float) -> Limit:
    """So many at once, and as many again per `seconds`."""
    return Limit(tries, max(1, round(seconds * 1000 / tries)))
