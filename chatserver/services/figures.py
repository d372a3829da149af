"""How often articles were read, and what became of suggestions: counted in memory, written together from time to time.

What was counted since the last write is lost with a process that is killed, and nothing else is: a figure for authors is no
message. A stop writes it.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Final, Literal

from chatserver.core.errors import Refused
from chatserver.core.tries import limit
from chatserver.services.throttle import Throttle
from chatserver.store import articles as rows
from chatserver.store.articles import Counted
from chatserver.store.base import StoreFailed
from chatserver.store.database import Database

log = logging.getLogger(__name__)

FLUSH_SECONDS: Final = 15.0
ARTICLES_MAX: Final = 500
"""So many articles are written at once; one more, and it is written sooner."""

What = Literal["views", "opened", "followed"]


class Figures:
    """`per_address`: what one network address may count in a minute; more is dropped, and nobody is told. `later`: does something
    in so many seconds."""

    def __init__(
        self,
        db: Database,
        per_address: int,
        clock: Callable[[], int],
        later: Callable[[float, Callable[[], None]], object],
    ) -> None:
        self._db = db
        self._clock = clock
        self._later = later
        self._from = Throttle(limit(per_address, 60))
        self._counted: dict[int, Counted] = {}
        self._writing: set[asyncio.Task[None]] = set()
        self._due = False

    def count(self, article_id: int, what: What, address: str) -> None:
        """Once more. `article_id`: of an article that there is; `address`: where that was said."""
        try:
            self._from.take(address, self._clock())
        except Refused:
            return
        if article_id not in self._counted and len(self._counted) >= 2 * ARTICLES_MAX:
            return  # the database has been away for a while
        counted = self._counted.setdefault(article_id, Counted())
        setattr(counted, what, getattr(counted, what) + 1)
        if len(self._counted) >= ARTICLES_MAX:
            self._begin()
        elif not self._due:
            self._due = True
            self._later(FLUSH_SECONDS, self._begin)

    def _begin(self) -> None:
        self._due = False
        if self._writing:
            return
        task = asyncio.ensure_future(self.write())
        self._writing.add(task)
        task.add_done_callback(self._writing.discard)

    async def write(self) -> None:
        """What was counted so far; kept for the next time when the database does not take it."""
        counted, self._counted = self._counted, {}
        try:
            await rows.count(self._db, counted.items())
        except (StoreFailed, Refused) as problem:
            log.warning("could not write the figures of articles: %s", type(problem).__name__)
            self._take_back(counted)

    async def close(self) -> None:
        """Whatever is left."""
        while self._writing:
            await asyncio.gather(*self._writing)
        if self._counted:
            await self.write()

    def _take_back(self, counted: dict[int, Counted]) -> None:
        for article_id, more in counted.items():
            kept = self._counted.setdefault(article_id, Counted())
            kept.views += more.views
            kept.opened += more.opened
            kept.followed += more.followed
        if not self._due and self._counted:
            self._due = True
            self._later(FLUSH_SECONDS, self._begin)
