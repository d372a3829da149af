"""The time that all nodes agree on: the database's, carried on by a clock of this machine that nobody sets."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import Any, Final

from chatserver.store.database import steady_clock, wall_clock

TRIES: Final = 3
"""The answer that came back fastest is the most exact one: it was given somewhere on its way, nobody knows where."""
ASK_SECONDS: Final = 1.5
"""Two clocks drift apart by a few ms in an hour; but the database's may be set, or another machine take its place, and then nodes
that have asked and nodes that have not mean different moments. As often as a node gives its sign of life: one more question."""
ROUNDED: Final = 0.5
"""By so much (ms) an answer is wrong by itself: it comes in whole ones."""
APART_MS: Final = 60_000
"""Of two clocks one is wrong then. Should it be the database's, hours, links and the tokens of hosts are wrong by as much."""
NOW: Final = "SELECT (extract(epoch FROM clock_timestamp()) * 1000)::bigint"

log = logging.getLogger(__name__)


class SharedClock:
    """ms since 1970 UTC. A machine whose own clock is an hour ahead must not close everybody's chats. `steady`: ms. `wall`: the
    machine's own clock, in ms; where the two are far apart the operator is told."""

    def __init__(
        self, steady: Callable[[], float] = steady_clock, wall: Callable[[], int] = wall_clock
    ) -> None:
        self._steady = steady
        self._wall = wall
        self._ahead: float | None = None
        """Of the steady clock, in ms."""

    def __call__(self) -> int:
        return round(self._steady() + (self._ahead or 0))

    async def ask(self, connection: Any) -> None:
        """Changes nothing as long as an answer allows what is said here already: an answer that took long is no reason. Raises
        what asyncpg raises."""
        found: list[tuple[float, float, float]] = []
        for _ in range(TRIES):
            sent = self._steady()
            there = await connection.fetchval(NOW)
            back = self._steady()
            least, most = there - back - ROUNDED, there - sent + ROUNDED
            if self._ahead is not None and least <= self._ahead <= most:
                return
            found.append((back - sent, least, most))
        _, least, most = min(found)
        self._ahead = (least + most) / 2 if self._ahead is None else min(max(self._ahead, least), most)
        apart = self() - self._wall()
        if abs(apart) > APART_MS:
            log.warning(
                "the database's clock is %.0f s %s this machine's, and everybody goes by it: see to the one that is wrong",
                abs(apart) / 1000,
                "ahead of" if apart > 0 else "behind",
            )

    async def keep(self, connection: Callable[[], AbstractAsyncContextManager[Any]]) -> None:
        """Ask again and again, until it is cancelled. `connection`: one of those that read."""
        while True:
            await asyncio.sleep(ASK_SECONDS)
            try:
                async with connection() as one:
                    await self.ask(one)
            except Exception as problem:  # whoever writes meets the same, and says so
                log.info("the database's clock could not be read: %s", type(problem).__name__)
