"""Tries to sign in: for one name, whoever tries, and from one network address, whatever the name. Bounded.

One server counts them in memory: who could make it start anew need not guess passwords. Several count them in their database, so
that whoever goes to all of them has no more tries than at one.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Final, Protocol

from chatserver.core.errors import Refused
from chatserver.core.tries import Bucket, Limit, Taken
from chatserver.services.books import Bounded

KEYS_MAX: Final = 20_000
REFUSED_MS: Final = 2_000
"""A refusal is repeated for so long without asking the database again: somebody who goes on trying costs it next to nothing."""


class Tries(Protocol):
    """`name`: whose password is tried; `address`: from where. Instants are ms UTC."""

    async def take(self, name: str, address: str, now: int) -> None:
        """Use up a try of both. Raises Refused(rate_limited) with the seconds to wait when one of them has none left, which costs
        neither anything; and what the store raises."""

    async def give_back(self, name: str, address: str, now: int) -> None:
        """It was none: nobody looked at the password."""

    async def forgive(self, name: str, address: str, now: int) -> None:
        """It was the right one: the name has all its tries again, the address this one."""


class Throttle:
    """A bucket per key, in memory."""

    def __init__(self, rule: Limit) -> None:
        self._rule = rule
        self._full_at: Bounded[str, int] = Bounded(KEYS_MAX)

    def take(self, key: str, now: int) -> None:
        """Raises Refused(rate_limited); that costs nothing more."""
        before = self._full_at.get(key) or 0
        full_at = self._rule.full_at(before, now)
        if not self._rule.fits(full_at, now):
            raise self._rule.refusal(before, now)
        self._full_at.put(key, full_at)

    def give_back(self, key: str, now: int) -> None:
        if full_at := self._full_at.peek(key):
            self._full_at.put(key, max(full_at - self._rule.step, now))

    def forgive(self, key: str) -> None:
        self._full_at.drop(key)


class TriesHere:
    """`Tries` of the only server there is."""

    def __init__(self, by_name: Limit, by_address: Limit) -> None:
        self._of_name = Throttle(by_name)
        self._of_address = Throttle(by_address)

    async def take(self, name: str, address: str, now: int) -> None:
        self._of_address.take(address, now)
        try:
            self._of_name.take(name, now)
        except Refused:
            self._of_address.give_back(address, now)
            raise

    async def give_back(self, name: str, address: str, now: int) -> None:
        self._of_name.give_back(name, now)
        self._of_address.give_back(address, now)

    async def forgive(self, name: str, address: str, now: int) -> None:
        self._of_name.forgive(name)
        self._of_address.give_back(address, now)


class Buckets(Protocol):
    """Where all servers of a database look. Raises what the store raises."""

    async def take(self, buckets: Sequence[Bucket], now: int) -> list[Taken]:
        """A try from each, in this order; the first that is not granted is the last one looked at."""

    async def give_back(self, buckets: Sequence[Bucket], now: int, *, full: Sequence[str] = ()) -> None:
        """A try to each of them; the buckets of the keys in `full` are full again."""


class TriesEverywhere:
    """`Tries` of all servers of a database."""

    def __init__(self, by_name: Limit, by_address: Limit, buckets: Buckets) -> None:
        self._by_name = by_name
        self._by_address = by_address
        self._buckets = buckets
        self._refused: Bounded[str, tuple[int, int]] = Bounded(KEYS_MAX)
        """When (ms) a bucket that had nothing left was to be full again, and as of when."""

    async def take(self, name: str, address: str, now: int) -> None:
        wanted = (self._of_address(address), self._of_name(name))
        for key, rule in wanted:
            full_at, known_at = self._refused.get(key) or (0, 0)
            if abs(now - known_at) < REFUSED_MS and not rule.fits(rule.full_at(full_at, now), now):
                raise rule.refusal(full_at, now)
        taken = await self._buckets.take(wanted, now)
        granted, full_at = taken[-1]
        if not granted:
            key, rule = wanted[len(taken) - 1]
            self._refused.put(key, (full_at, now))
            if len(taken) > 1:
                await self._buckets.give_back(wanted[:1], now)
            raise rule.refusal(full_at, now)

    async def give_back(self, name: str, address: str, now: int) -> None:
        await self._buckets.give_back([self._of_address(address), self._of_name(name)], now)

    async def forgive(self, name: str, address: str, now: int) -> None:
        await self._buckets.give_back([self._of_address(address)], now, full=[self._of_name(name).key])

    def _of_name(self, name: str) -> Bucket:
        return Bucket(_hidden("name", name), self._by_name)

    def _of_address(self, address: str) -> Bucket:
        return Bucket(_hidden("address", address), self._by_address)


def tries(by_name: Limit, by_address: Limit, buckets: Buckets | None) -> Tries:
    """`buckets`: of the database, where several servers have one."""
    return TriesEverywhere(by_name, by_address, buckets) if buckets else TriesHere(by_name, by_address)


def _hidden(kind: str, text: str) -> str:
    """What is stored of it: who tried, and for whom, is nobody's business."""
    return hashlib.sha256(f"{kind} {text}".encode()).hexdigest()
