"""The time that all nodes agree on: the database's, carried on by a clock of this machine that nobody sets."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import Any, Final

TRIES: Final = 3
"""The answer that came back fastest is the most exact one: half of its way is all that it can be wrong by."""
ASK_SECONDS: Final = 60.0
"""Two clocks drift apart by a few ms in an hour; but the database's may be set, or another machine take its place."""
NOW: Final = "SELECT (extract(epoch FROM clock_timestamp()) * 1000)::bigint"

log = logging.getLogger(__name__)


def _steady() -> float:
    """Seconds by a clock that nobody sets and that goes on while the machine sleeps."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


class SharedClock:
    """ms since 1970 UTC. A machine whose own clock is an hour ahead must not close everybody's chats."""

    def __init__(self, steady: Callable[[], float] = _steady) -> None:
        self._steady = steady
        self._ahead = 0.0
        """Of the steady clock, in ms."""

    def __call__(self) -> int:
        return round(self._steady() * 1000 + self._ahead)

    async def ask(self, connection: Any) -> None:
        """Raises what asyncpg raises."""
        found: list[tuple[float, float]] = []
        for _ in range(TRIES):
            sent = self._steady() * 1000
            there = await connection.fetchval(NOW)
            back = self._steady() * 1000
            found.append((back - sent, there - (sent + back) / 2))
        self._ahead = min(found)[1]

    async def keep(self, connection: Callable[[], AbstractAsyncContextManager[Any]]) -> None:
        """Ask again and again, until it is cancelled. `connection`: one of those that read."""
        while True:
            await asyncio.sleep(ASK_SECONDS)
            try:
                async with connection() as one:
                    await self.ask(one)
            except Exception as problem:  # whoever writes meets the same, and says so
                log.info("the database's clock could not be read: %s", type(problem).__name__)
