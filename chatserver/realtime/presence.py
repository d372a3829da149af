"""Who is connected: the first connection in and the last one out are told to the house, in order."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Hashable
from typing import Final, Generic, TypeVar

from chatserver.store.base import StoreEnded

log = logging.getLogger(__name__)

K = TypeVar("K", bound=Hashable)

RETRY_SECONDS: Final = (1.0, 2.0, 5.0, 10.0, 30.0)
SOONEST: Final = 0.001
"""Seconds: the loop has no shorter timers."""


class Presence(Generic[K]):
    """Counts connections per key. `connected` and `gone` are called one at a time per key, and always end with the truth: who
    comes back within `linger` seconds of their last sign of life was never gone.

    `gone` is told when (ms, by `now`: a clock that nobody sets) the last sign of life was. `left` hears of that as soon as
    somebody's last connection ends: who sees them elsewhere has until then to say so. `wait` sleeps so many seconds after a
    failure, which is not logged where it is `explained` already.

    A store that has ended is told nothing more: the next start takes everybody for gone."""

    def __init__(
        self,
        connected: Callable[[K], Awaitable[None]],
        gone: Callable[[K, float], Awaitable[None]],
        wait: Callable[[float], Awaitable[None]] = asyncio.sleep,
        *,
        now: Callable[[], float],
        left: Callable[[K, float], None] = lambda key, heard: None,
        explained: Callable[[BaseException], bool] = lambda problem: False,
        linger: float = 0.0,
    ) -> None:
        self._connected = connected
        self._gone = gone
        self._wait = wait
        self._now = now
        self._left = left
        self._explained = explained
        self._linger = linger
        self._counts: dict[K, int] = {}
        self._told: set[K] = set()
        self._doubtful: set[K] = set()
        self._tellers: dict[K, asyncio.Task[None]] = {}
        self._lingering: dict[K, asyncio.TimerHandle] = {}
        self._heard: dict[K, float] = {}
        """When (ms) the connections that ended were last heard of, until it was told that the last one has."""
        self._stopped = False

    def enter(self, key: K) -> None:
        self._counts[key] = self._counts.get(key, 0) + 1
        if (timer := self._lingering.pop(key, None)) is not None:
            timer.cancel()
            self._doubtful.add(key)  # others may have spoken for them meanwhile
        self._tell(key)

    def leave(self, key: K, silent: float = 0.0) -> None:
        """One of their connections ended, of which nothing had been heard for so many seconds."""
        now = self._now()
        self._hear(key, now - round(silent * 1000))
        self._counts[key] -= 1
        if self._counts[key]:
            return
        del self._counts[key]
        if self._stopped:
            return
        heard = self._heard[key] = min(
            self._heard[key], now
        )  # of another node's word, whose clock may be ahead
        self._left(key, heard)
        self._linger_for(key, self._linger - (now - heard) / 1000)

    def hurry(self, linger: float) -> None:
        """From now on nobody is waited for any longer than that."""
        self._linger = min(self._linger, linger)
        now = asyncio.get_running_loop().time()
        for key, timer in list(self._lingering.items()):
            timer.cancel()
            del self._lingering[key]
            self._linger_for(key, min(linger, timer.when() - now))

    def supposed(self, key: K) -> None:
        """Something was just written that supposes `key` to be here. Should they have gone meanwhile, that is told once more:
        the first telling may have come before what was written."""
        if not self._here(key):
            self._doubtful.add(key)
            self._tell(key)

    def denied(self, key: K, heard: float = 0) -> None:
        """Another node said, or may say, that `key` is gone, who was connected to it too, and heard of last at that time (ms; 0:
        nobody knows). Should they be here, that is told once more."""
        if key in self._counts:
            self._hear(key, heard)
            self._doubtful.add(key)
            self._tell(key)

    def deny_all(self) -> None:
        """`denied`, for everybody who is here."""
        for key in list(self._counts):
            self.denied(key)

    async def settled(self) -> None:
        """Everything has been told that can be."""
        while self._tellers or self._lingering:
            if self._lingering:
                last = max(timer.when() for timer in self._lingering.values())
                await asyncio.sleep(last - asyncio.get_running_loop().time())
            if self._tellers:
                await asyncio.wait(set(self._tellers.values()))

    def stop(self) -> None:
        """Tell nothing more: the house closes."""
        self._stopped = True
        for teller in self._tellers.values():
            teller.cancel()
        for timer in self._lingering.values():
            timer.cancel()
        self._lingering.clear()

    def _hear(self, key: K, heard: float) -> None:
        self._heard[key] = max(self._heard.get(key, 0), heard)

    def _linger_for(self, key: K, seconds: float) -> None:
        if seconds >= SOONEST:
            later = asyncio.get_running_loop().call_later
            self._lingering[key] = later(seconds, self._lingered, key)
        else:
            self._tell(key)

    def _lingered(self, key: K) -> None:
        del self._lingering[key]
        self._tell(key)

    def _here(self, key: K) -> bool:
        return key in self._counts or key in self._lingering

    def _tell(self, key: K) -> None:
        if not self._stopped and key not in self._tellers and self._untold(key):
            self._tellers[key] = asyncio.create_task(self._tell_until_true(key))

    def _untold(self, key: K) -> bool:
        if key in self._lingering:
            return False  # whether they are here is not known; to claim them now may take them from where they are
        return key in self._doubtful or (key in self._counts) != (key in self._told)

    async def _tell_until_true(self, key: K) -> None:
        failures = 0
        try:
            while self._untold(key):
                here = key in self._counts
                doubtful = key in self._doubtful
                self._doubtful.discard(key)
                try:
                    await (
                        self._connected(key) if here else self._gone(key, self._heard.get(key) or self._now())
                    )
                except StoreEnded:
                    return  # a drain would wait for it in vain, and the store itself has said what happened
                except Exception as problem:
                    if doubtful:
                        self._doubtful.add(key)
                    if not self._explained(problem):
                        log.exception("presence could not be stored; trying again")
                    await self._wait(RETRY_SECONDS[min(failures, len(RETRY_SECONDS) - 1)])
                    failures += 1
                else:
                    failures = 0
                    self._told.add(key) if here else self._told.discard(key)
        finally:
            del self._tellers[key]
            if not self._here(key):
                self._heard.pop(key, None)
