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


class Presence(Generic[K]):
    """Counts connections per key. `connected` and `gone` are called one at a time per key, and always end with the truth:
    who comes back within `linger` seconds was never gone. `gone` is told since when (`leave`; None: just now). `left` is called
    as soon as somebody's last connection ends: who sees them elsewhere has until then to say so. `wait` sleeps so many seconds
    after a failure.

    A store that has ended is told nothing more: the next start takes everybody for gone."""

    def __init__(
        self,
        connected: Callable[[K], Awaitable[None]],
        gone: Callable[[K, int | None], Awaitable[None]],
        wait: Callable[[float], Awaitable[None]] = asyncio.sleep,
        *,
        left: Callable[[K], None] = lambda key: None,
        linger: float = 0.0,
    ) -> None:
        self._connected = connected
        self._gone = gone
        self._left = left
        self._linger = linger
        self._wait = wait
        self._counts: dict[K, int] = {}
        self._told: set[K] = set()
        self._doubtful: set[K] = set()
        self._tellers: dict[K, asyncio.Task[None]] = {}
        self._lingering: dict[K, asyncio.TimerHandle] = {}
        self._since: dict[K, int] = {}
        self._stopped = False

    def enter(self, key: K) -> None:
        self._counts[key] = self._counts.get(key, 0) + 1
        self._since.pop(key, None)
        if (timer := self._lingering.pop(key, None)) is not None:
            timer.cancel()
            self._doubtful.add(key)  # others may have spoken for them meanwhile
        self._tell(key)

    def leave(self, key: K, since: int | None = None, silent: float = 0.0) -> None:
        """Somebody of whom nothing had been heard for `silent` seconds, so much of the lingering is over."""
        left = self._counts[key] - 1
        if left:
            self._counts[key] = left
            return
        del self._counts[key]
        if self._stopped:
            return
        if since is not None:
            self._since[key] = since
        self._left(key)
        if self._linger > silent:
            self._linger_for(self._linger - silent, key)
        else:
            self._tell(key)

    def hurry(self, linger: float) -> None:
        """From now on who left is waited for so long only."""
        self._linger = linger
        for key, timer in list(self._lingering.items()):
            timer.cancel()
            self._linger_for(linger, key)

    def supposed(self, key: K) -> None:
        """Something was just written that supposes `key` to be here. Should they have gone meanwhile, that is told once more:
        the first telling may have come before what was written."""
        if not self._here(key):
            self._doubtful.add(key)
            self._tell(key)

    def denied(self, key: K) -> None:
        """Somebody said that `key` is gone: another node, to which they were connected too. Should they be here, that is told
        once more."""
        if key in self._counts:
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

    def _linger_for(self, seconds: float, key: K) -> None:
        self._lingering[key] = asyncio.get_running_loop().call_later(seconds, self._lingered, key)

    def _lingered(self, key: K) -> None:
        del self._lingering[key]
        self._tell(key)

    def _here(self, key: K) -> bool:
        return key in self._counts or key in self._lingering

    def _tell(self, key: K) -> None:
        if not self._stopped and key not in self._tellers and self._untold(key):
            self._tellers[key] = asyncio.create_task(self._tell_until_true(key))

    def _untold(self, key: K) -> bool:
        return key in self._doubtful or self._here(key) != (key in self._told)

    async def _tell_until_true(self, key: K) -> None:
        failures = 0
        try:
            while self._untold(key):
                here = self._here(key)
                doubtful = key in self._doubtful
                self._doubtful.discard(key)
                try:
                    await (self._connected(key) if here else self._gone(key, self._since.get(key)))
                except StoreEnded:
                    return  # a drain would wait for it in vain, and the store itself has said what happened
                except Exception:
                    if doubtful:
                        self._doubtful.add(key)
                    log.exception("presence could not be stored; trying again")
                    await self._wait(RETRY_SECONDS[min(failures, len(RETRY_SECONDS) - 1)])
                    failures += 1
                else:
                    failures = 0
                    self._told.add(key) if here else self._told.discard(key)
        finally:
            del self._tellers[key]
            if not self._here(key):
                self._since.pop(key, None)
