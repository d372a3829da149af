"""Whether a process can do what it is there for, as /readyz says it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Final

from chatserver.core.errors import Refused
from chatserver.metrics import Metrics
from chatserver.services.files import Files
from chatserver.store.base import StoreFailed
from chatserver.store.database import Database
from chatserver.store.health import probe

log = logging.getLogger(__name__)

PATIENCE_SECONDS: Final = 2.0
"""For one write; a balancer asks again soon."""


class Readiness:
    """Whether traffic should come here. `draining`: whether the process is about to end. `living`: whether it counts as alive
    among the nodes. Whoever asks often gets the answer of the last second, either answer: it costs a write, or two seconds in
    which everybody else waits for theirs."""

    FRESH_MS: Final = 1_000

    def __init__(self, db: Database, draining: Callable[[], bool], living: Callable[[], bool]) -> None:
        self._db = db
        self._draining = draining
        self._living = living
        self._writes = False
        self._told = True
        """What is said in the log: that it takes writes, until it does not, however often that is asked."""
        self._asked_at = 0
        self._turn = asyncio.Lock()

    async def problems(self) -> list[str]:
        problems = ["draining"] if self._draining() else []
        async with self._turn:
            if abs(self._db.clock() - self._asked_at) > self.FRESH_MS:
                self._writes = await writes(self._db)
                self._tell()
                self._asked_at = self._db.clock()
        if not self._writes:
            problems.append("database")
        elif not self._living():
            problems.append("joining")
        return problems

    def _tell(self) -> None:
        if self._writes != self._told:
            self._told = self._writes
            log.warning("the database takes %s", "writes again" if self._writes else "no writes: not ready")


async def writes(db: Database) -> bool:
    """The database takes a write, now."""
    try:
        async with asyncio.timeout(PATIENCE_SECONDS):
            await probe(db, db.clock())
    except (StoreFailed, Refused, TimeoutError):
        return False
    return True


def lacking(files: Files, metrics: Metrics) -> list[str]:
    """What this process does without just now. What else it is there for goes on."""
    without = {
        "files": bool(files.problem),
        "scanner": files.unscanned,
        "mailbox": metrics.mailbox_up is False,
    }
    return [name for name, missing in without.items() if missing]
