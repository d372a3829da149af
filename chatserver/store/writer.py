"""The one writing thread: use cases that wait become a group, a group becomes one transaction, one commit, one callback.

While a group commits, the next one gathers; so under load many messages share one fsync, and a message alone waits for nobody.
"""

from __future__ import annotations

import asyncio
import logging
import queue
import sqlite3
import threading
import time
import traceback
from collections import deque
from collections.abc import Callable
from typing import Any, Final

import msgspec

from chatserver.core.errors import Refused
from chatserver.core.events import Event
from chatserver.metrics import Metrics
from chatserver.store.applying import apply, changed
from chatserver.store.base import Committed, Done, StoreEnded, StoreFailed
from chatserver.store.known import Known
from chatserver.store.loading import load
from chatserver.store.work import Needs, World

log = logging.getLogger(__name__)

GROUP_MAX: Final = 512
WAITING_MAX: Final = 10_000
CHECKPOINT_CHANGES: Final = 4000
"""Rows written between two checkpoints: some 20-40 MB of write-ahead log. Chats that go on write the same pages again and
again: a checkpoint that comes four times as late hardly moves more of them."""
ID_EPOCH_MS: Final = 1_735_689_600_000
"""2025-01-01 UTC."""
ID_COUNTER_BITS: Final = 12

# A use case's own rows are at fault, not the disk: its neighbours deserve another try without it.
_OWN_FAULT: Final = {
    sqlite3.SQLITE_CONSTRAINT,
    sqlite3.SQLITE_MISMATCH,
    sqlite3.SQLITE_TOOBIG,
    sqlite3.SQLITE_RANGE,
}
# After these nobody knows what the disk holds. A second fsync may report success for pages that the kernel has dropped, so
# there is none: writing ends until somebody looks at the disk and starts the server again.
_FOR_GOOD: Final = {sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}

_abandoned: list[sqlite3.Connection] = []


class UseCase(msgspec.Struct, gc=False):
    """One `submit` that waits for its group."""

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


class Writer:
    """Owns the only connection that writes and checkpoints (two of them are what the WAL-reset bug needs)."""

    def __init__(
        self,
        connection: sqlite3.Connection,
        loop: asyncio.AbstractEventLoop,
        clock: Callable[[], int],
        committed: Committed,
        metrics: Metrics,
    ) -> None:
        """`connection`: in autocommit mode, handed over for good. `clock`: ms UTC, called in the writing thread."""
        self._metrics = metrics
        self._db = connection
        self._loop = loop
        self._clock = clock
        self._committed = committed
        self._known = Known()
        self._seen = self._data_version()
        # The event loop's side: what this turn of it has submitted, and how much was not answered yet.
        self._turn: list[Job] = []
        self._unanswered = 0
        # The thread's side: what it was handed, a turn at a time (None: the end), and what of it is still to be done.
        self._handed: queue.SimpleQueue[list[Job] | None] = queue.SimpleQueue()
        self._jobs: deque[Job] = deque()
        self._closed = False
        self._broken = False
        self._failing = False
        self._now = 0
        self._last_ticket = connection.execute("SELECT max(id) FROM tickets").fetchone()[0] or 0
        self._last_customer = connection.execute("SELECT max(id) FROM customers").fetchone()[0] or 0
        self._checkpointed = connection.total_changes
        self._thread = threading.Thread(target=self._run, name="chatserver-writer", daemon=True)
        self._thread.start()

    def submit(self, job: UseCase | Statements) -> None:
        """Queue a job (on the event loop). Raises Refused(rate_limited) when too many wait, StoreEnded after `finish`."""
        if self._closed:
            raise StoreEnded("the database is closed")
        if self._unanswered >= WAITING_MAX:
            raise Refused("rate_limited", retry_after=1)
        self._unanswered += 1
        if not self._turn:
            self._loop.call_soon(self._hand_over)
        self._turn.append(job)

    def _hand_over(self) -> None:
        """Once per turn of the event loop: waking the thread costs more than a message."""
        if self._turn:
            self._handed.put(self._turn)
            self._turn = []

    async def finish(self) -> None:
        """Take nothing more, commit what waits, end the thread. Harmless twice."""
        if not self._closed:
            self._closed = True
            self._hand_over()
            self._handed.put(None)
        await asyncio.to_thread(self._thread.join)

    def close(self) -> None:
        """After `finish`, and after the readers have closed: the last one to close moves the log into the database."""
        if self._broken:
            _abandoned.append(self._db)  # closing would checkpoint, and so try that fsync once more
        else:
            self._db.close()

    # — the thread —————————————————————————————————————————————————————————————

    def _run(self) -> None:
        while self._jobs or self._wait():
            if isinstance(self._jobs[0], Statements):
                self._guarded([self._jobs.popleft()], self._execute)
                continue
            self._take_all()
            self._guarded(self._next_group(), self._group)

    def _wait(self) -> bool:
        """For the next turn's jobs; False: there will be none."""
        jobs = self._handed.get()
        self._jobs.extend(jobs or ())
        return jobs is not None

    def _take_all(self) -> None:
        while not self._handed.empty():
            jobs = self._handed.get()
            if jobs is None:
                self._handed.put(None)  # the end, to be met again once everything before it is done
                return
            self._jobs.extend(jobs)

    def _next_group(self) -> list[UseCase]:
        group: list[UseCase] = []
        while self._jobs and len(group) < GROUP_MAX and isinstance(self._jobs[0], UseCase):
            group.append(self._jobs.popleft())  # type: ignore[arg-type]  # looked at in the line before
        return group

    def _guarded(self, jobs: list[Any], run: Callable[[list[Any]], None]) -> None:
        """Whatever happens, every caller gets an answer and the thread goes on."""
        if self._broken:
            self._fail(jobs, "writing has stopped after an I/O error", None)
            return
        try:
            run(jobs)
        except Exception as problem:
            self._failed(jobs, problem, run)
        else:
            self._checkpoint()

    def _group(self, group: list[UseCase]) -> None:
        began = time.perf_counter()
        self._db.execute("BEGIN IMMEDIATE")
        self._notice_others()
        world = World()
        load(self._db, world, [case.needs for case in group], self._known)
        now = self._tick()
        self._give_ids(world, now)
        outcomes = [self._decide(world, now, case) for case in group]
        if changed(world):
            apply(self._db, world)
            self._db.execute("COMMIT")
            self._committed_group(world, len(group), time.perf_counter() - began)
            self._succeeded()
        else:
            # Nothing to make durable: no fsync. Nor does it show that there is space again.
            self._db.execute("ROLLBACK")
        self._tell(world.events, outcomes)

    def _committed_group(self, world: World, size: int, seconds: float) -> None:
        self._keep_ids(world)
        try:
            self._known.committed(world)
            self._metrics.commits.add(seconds)
            self._metrics.stored += size
        except Exception as surprise:  # what is durable must not be told as failed, nor be decided again
            self._known.forget()
            log.error("keeping count failed, the commit stands: %s", _without_text(surprise))

    def _decide(self, world: World, now: int, case: UseCase) -> Outcome:
        world.begin()
        try:
            return case.done, case.decide(world, now), None
        except Refused as refusal:
            world.roll_back()
            return case.done, None, refusal
        except Exception as surprise:
            world.roll_back()
            log.error("a use case failed, nothing of it was stored: %s", _without_text(surprise))
            return case.done, None, surprise

    def _execute(self, jobs: list[Statements]) -> None:
        (job,) = jobs
        self._db.execute("BEGIN IMMEDIATE")
        results: list[Any] = []
        for sql, values in job.statements:
            cursor = self._db.execute(sql, values)
            results.append(cursor.rowcount if cursor.description is None else cursor.fetchall())
        self._db.execute("COMMIT")
        if not job.aside:
            self._known.forget()
        self._succeeded()
        self._tell([], [(job.done, results, None)])

    def _notice_others(self) -> None:
        """Inside the transaction. Nobody else should write, yet an operator may have: then nothing is known any more."""
        seen = self._data_version()
        if seen != self._seen:
            self._seen = seen
            self._known.forget()

    def _data_version(self) -> int:
        """Changes with every commit of another connection, never with one of our own."""
        (version,) = self._db.execute("PRAGMA data_version").fetchone()
        return int(version)

    # — time and ids ———————————————————————————————————————————————————————————

    def _tick(self) -> int:
        """A clock that is set back stands still here until it has caught up."""
        self._now = max(self._now, self._clock())
        return self._now

    def _give_ids(self, world: World, now: int) -> None:
        """An id is (ms since 2025 << 12) | counter: it grows with time, so "newest first" is the primary key, and it cannot be
        counted from the outside. 41 bits of ms and 12 of counter fit the 53 bits that a browser's number holds (until 2094).
        Should a millisecond's 4096 be used up, or the clock be set back, counting simply goes on from the last id given."""
        floor = ((now - ID_EPOCH_MS) << ID_COUNTER_BITS) - 1
        world.loaded_ids(ticket=max(self._last_ticket, floor), customer=max(self._last_customer, floor))

    def _keep_ids(self, world: World) -> None:
        self._last_ticket = max(self._last_ticket, max(world.new_tickets, default=0))
        self._last_customer = max(self._last_customer, max(world.new_customers, default=0))

    # — the end of a group —————————————————————————————————————————————————————

    def _tell(self, events: list[Event], outcomes: list[Outcome]) -> None:
        try:
            self._loop.call_soon_threadsafe(self._deliver, events, outcomes)
        except RuntimeError:  # the loop has ended: nobody is left to be told
            log.warning("committed after the event loop ended: %d use cases", len(outcomes))

    def _deliver(self, events: list[Event], outcomes: list[Outcome]) -> None:
        """On the event loop: first everybody hears what happened, then each caller that it is durable."""
        if events:
            try:
                self._committed(events)
            except Exception as surprise:
                log.error("publishing failed, the commit stands: %s", _without_text(surprise))
        self._unanswered -= len(outcomes)
        for done, result, problem in outcomes:
            try:
                done(result, problem)
            except Exception as surprise:  # the answers after it are due all the same
                log.error("an answer failed, the commit stands: %s", _without_text(surprise))

    def _fail(self, jobs: list[Any], reason: str, cause: Exception | None) -> None:
        outcomes: list[Outcome] = []
        for job in jobs:  # one exception each: every raise writes a traceback into its own
            failure = StoreEnded(reason) if self._broken else StoreFailed(reason)
            failure.__cause__ = cause
            outcomes.append((job.done, None, failure))
        self._tell([], outcomes)

    def _failed(self, jobs: list[Any], problem: Exception, run: Callable[[list[Any]], None]) -> None:
        self._known.forget()
        if self._db.in_transaction:
            try:
                self._db.execute("ROLLBACK")
            except sqlite3.Error as worse:
                problem = worse
        code = getattr(problem, "sqlite_errorcode", None)
        primary = None if code is None else code & 0xFF
        if primary in _FOR_GOOD and code != sqlite3.SQLITE_IOERR_SHMSIZE:  # that one is a full disk
            self._broken = True
            log.critical("WRITING HAS STOPPED, check the disk and start again: %s", problem)
        elif primary is None or primary in _OWN_FAULT:
            if len(jobs) > 1:
                for job in jobs:
                    self._guarded([job], run)
                return
            if not isinstance(jobs[0], Statements):  # whoever sends statements knows what may be violated
                log.error("a use case could not be stored: %s", _without_text(problem))
        elif not self._failing:
            self._failing = True
            log.error("cannot write, refusing messages until it is possible again: %s", problem)
        # SQLite's own words name a column at most; any other exception may quote what somebody wrote.
        self._fail(jobs, type(problem).__name__ if code is None else str(problem), problem)

    def _succeeded(self) -> None:
        if self._failing:
            self._failing = False
            log.warning("writing again")

    def _checkpoint(self) -> None:
        """Move the write-ahead log into the database: by hand, since SQLite's own checkpoints keep their fsync errors to
        themselves, and after the callers were answered. Never waits for readers."""
        if self._db.total_changes - self._checkpointed < CHECKPOINT_CHANGES:
            return
        self._checkpointed = self._db.total_changes
        try:
            self._db.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchall()
        except sqlite3.Error as problem:
            self._failed([], problem, self._execute)


def _without_text(problem: BaseException) -> str:
    """Where and of which type; never the exception's own words, which may quote a message."""
    return type(problem).__name__ + "\n" + "".join(traceback.format_tb(problem.__traceback__))
