"""Who is connected: the first connection in and the last one out are told to the house, in order."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Hashable
from typing import Final, Generic, TypeVar

from chatserver.store.base import StoreEnded

log = logging.getLogger(__name__)

K = TypeVar("K", bound=Hashable)
Tell = Callable[[K], Awaitable[None]]

RETRY_SECONDS: Final = (1.0, 2.0, 5.0, 10.0, 30.0)


class Presence(Generic[K]):
    """Counts connections per key. `connected` and `gone` are called one at a time per key, and always end with the truth:
    who drops and comes back before it was told is told nothing. `wait` sleeps so many seconds after a failure.

    A store that has ended is told nothing more: the next start takes everybody for gone."""

    def __init__(
        self,
        connected: Tell[K],
        gone: Tell[K],
        wait: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._connected = connected
        self._gone = gone
        self._wait = wait
        self._counts: dict[K, int] = {}
        self._told: set[K] = set()
        self._doubtful: set[K] = set()
        self._tellers: dict[K, asyncio.Task[None]] = {}
        self._stopped = False

    def enter(self, key: K) -> None:
        self._counts[key] = self._counts.get(key, 0) + 1
        self._tell(key)

    def leave(self, key: K) -> None:
        left = self._counts[key] - 1
        if left:
            self._counts[key] = left
        else:
            del self._counts[key]
            self._tell(key)

    def supposed(self, key: K) -> None:
        """Something was just written that supposes `key` to be here. Should they have gone meanwhile, that is told once more:
        the first telling may have come before what was written."""
        if key not in self._counts:
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
        while self._tellers:
            await asyncio.wait(set(self._tellers.values()))

    def stop(self) -> None:
        """Tell nothing more: the house closes."""
        self._stopped = True
        for teller in self._tellers.values():
            teller.cancel()

    def _tell(self, key: K) -> None:
        if not self._stopped and key not in self._tellers and self._untold(key):
            self._tellers[key] = asyncio.create_task(self._tell_until_true(key))

    def _untold(self, key: K) -> bool:
        return key in self._doubtful or (key in self._counts) != (key in self._told)

    async def _tell_until_true(self, key: K) -> None:
        failures = 0
        try:
            while self._untold(key):
                here = key in self._counts
                doubtful = key in self._doubtful
                self._doubtful.discard(key)
                try:
                    await (self._connected(key) if here else self._gone(key))
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
