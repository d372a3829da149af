"""Use cases that wait become a group, a group becomes one transaction, one commit, one callback: what every engine shares.

While a group commits, the next one gathers; so under load many messages share one commit, and a message alone waits for nobody.
"""

from __future__ import annotations

import asyncio
import logging
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable
from typing import Any, Final

import msgspec

from chatserver.core.errors import Refused
from chatserver.core.events import Event
from chatserver.metrics import Metrics
from chatserver.store.base import Committed, Done, StoreEnded
from chatserver.store.work import Needs, World
from chatserver.telemetry import without_text

log = logging.getLogger(__name__)

GROUP_MAX: Final = 512
WAITING_MAX: Final = 10_000
STUCK_SECONDS: Final = 3.0
"""Longer than a group waits for rows that somebody else holds, in all of its tries (`postgres/patience.py`)."""
ID_EPOCH_MS: Final = 1_735_689_600_000
"""2025-01-01 UTC."""
ID_COUNTER_BITS: Final = 12
"""An id is (ms since 2025 << 12) | counter: it grows with time, so "newest first" is the primary key, and it cannot be counted
from the outside. 41 bits of ms and 12 of counter fit the 53 bits that a browser's number holds (until 2094)."""


class UseCase(msgspec.Struct):
    """One `submit` that waits for its group. Its caller may hold what became of it: the garbage collector has to see it."""

    needs: Needs
    decide: Callable[[World, int], Any]
    done: Done


class Statements(msgspec.Struct):
    """One `execute`: a transaction of its own. `aside`: it touches nothing that a ticket is made of."""

    statements: list[tuple[str, tuple[Any, ...]]]
    done: Done
    aside: bool


Job = UseCase | Statements
Outcome = tuple[Done, Any, BaseException | None]


class Writer(ABC):
    """The event loop's side: what this turn of it has submitted, and how much was not answered yet."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        clock: Callable[[], int],
        committed: Committed,
        metrics: Metrics,
    ) -> None:
        """`clock`: ms UTC, called where groups are decided."""
        self._loop = loop
        self._clock = clock
        self._committed = committed
        self._metrics = metrics
        self._turn: list[Job] = []
        self._unanswered = 0
        self._moved_at = 0.0
        """When somebody was answered last, or began to wait where nobody waited."""
        # The groups' side: what is still to be done.
        self._jobs: deque[Job] = deque()
        self._closed = False
        self._now = 0
        self.outlived = asyncio.Event()
        """See `Database.outlived`."""

    @property
    @abstractmethod
    def failing(self) -> bool:
        """What was tried last could not be written, and not for its own fault."""

    @property
    def unanswered(self) -> int:
        return self._unanswered

    @property
    def stuck(self) -> bool:
        """Somebody waits, and nobody was answered for longer than a group ever takes."""
        return self._unanswered > 0 and self._loop.time() - self._moved_at > STUCK_SECONDS

    @abstractmethod
    def _take(self, jobs: list[Job]) -> None:
        """What one turn of the event loop submitted, for whoever forms the groups."""

    def submit(self, job: Job) -> None:
        """Queue a job (on the event loop). Raises Refused(rate_limited) when too many wait, StoreEnded after the end."""
        if self._closed:
            raise StoreEnded("the database is closed")
        if self._unanswered >= WAITING_MAX:
            raise Refused("rate_limited", retry_after=1)
        if not self._unanswered:
            self._moved_at = self._loop.time()
        self._unanswered += 1
        if not self._turn:
            self._loop.call_soon(self._hand_over)
        self._turn.append(job)

    def _hand_over(self) -> None:
        """Once per turn of the event loop: waking somebody costs more than a message."""
        if self._turn:
            self._take(self._turn)
            self._turn = []

    def _next_group(self, most: int = GROUP_MAX) -> list[UseCase]:
        group: list[UseCase] = []
        while self._jobs and len(group) < most and isinstance(self._jobs[0], UseCase):
            group.append(self._jobs.popleft())  # type: ignore[arg-type]  # looked at in the line before
        return group

    def _tick(self) -> int:
        """A clock that is set back stands still here until it has caught up."""
        self._now = max(self._now, self._clock())
        return self._now

    def _decide(self, world: World, now: int, case: UseCase) -> Outcome:
        world.begin()
        try:
            return case.done, case.decide(world, now), None
        except Refused as refusal:
            world.roll_back()
            return case.done, None, refusal
        except Exception as surprise:
            world.roll_back()
            log.error("a use case failed, nothing of it was stored: %s", without_text(surprise))
            return case.done, None, surprise

    def _deliver(self, events: list[Event], outcomes: list[Outcome]) -> None:
        """On the event loop: first everybody hears what happened, then each caller that it is durable."""
        if events:
            try:
                self._committed(events)
            except Exception as surprise:
                log.error("publishing failed, the commit stands: %s", without_text(surprise))
        self._unanswered -= len(outcomes)
        self._moved_at = self._loop.time()
        for done, result, problem in outcomes:
            if problem is not None:
                _forget_way(problem)
            try:
                done(result, problem)
            except Exception as surprise:  # the answers after it are due all the same
                log.error("an answer failed, the commit stands: %s", without_text(surprise))


def _forget_way(problem: BaseException) -> None:
    """The frames that a problem came through hold the whole group, and a caller holds the problem: a circle for each refusal."""
    at: BaseException | None = problem
    while at is not None:
        at.__traceback__ = None
        at = at.__cause__ or at.__context__
