"""The one writing thread: each group is one transaction, one commit, one fsync."""

from __future__ import annotations

import asyncio
import logging
import queue
import sqlite3
import threading
import time
from collections.abc import Callable
from typing import Any, Final

from chatserver.core.events import Event
from chatserver.metrics import Metrics
from chatserver.store.base import Committed, StoreEnded, StoreFailed, Violated
from chatserver.store.sqlite.applying import apply
from chatserver.store.sqlite.known import Known
from chatserver.store.sqlite.loading import load
from chatserver.store.work import World
from chatserver.store.writer import (
    ID_COUNTER_BITS,
    ID_EPOCH_MS,
    Job,
    Outcome,
    Statements,
    UseCase,
    Writer,
)
from chatserver.telemetry import without_text

log = logging.getLogger(__name__)

CHECKPOINT_CHANGES: Final = 4000
"""Rows written between two checkpoints: some 20-40 MB of write-ahead log. Chats that go on write the same pages again and
again: a checkpoint that comes four times as late hardly moves more of them."""
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


class SqliteWriter(Writer):
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
        super().__init__(loop, clock, committed, metrics)
        self._db = connection
        self._known = Known()
        self._seen = self._data_version()
        # What the thread was handed, a turn at a time (None: the end); `_jobs` is what of it is still to be done.
        self._handed: queue.SimpleQueue[list[Job] | None] = queue.SimpleQueue()
        self._broken = False
        self._failing = False
        self._last_ticket = connection.execute("SELECT max(id) FROM tickets").fetchone()[0] or 0
        self._last_customer = connection.execute("SELECT max(id) FROM customers").fetchone()[0] or 0
        self._checkpointed = connection.total_changes
        self._thread = threading.Thread(target=self._run, name="chatserver-writer", daemon=True)
        self._thread.start()

    def _take(self, jobs: list[Job]) -> None:
        self._handed.put(jobs)

    async def finish(self) -> None:
        """Take nothing more, commit what waits, end the thread. Harmless twice."""
        if not self._closed:
            self._closed = True
            self._hand_over()
            self._handed.put(None)
        await asyncio.to_thread(self._thread.join)

    @property
    def failing(self) -> bool:
        return self._failing or self._broken

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
        if world.changed:
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
            self._metrics.groups.add(size)
            self._metrics.stored += size
        except Exception as surprise:  # what is durable must not be told as failed, nor be decided again
            self._known.forget()
            log.error("keeping count failed, the commit stands: %s", without_text(surprise))

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

    def _give_ids(self, world: World, now: int) -> None:
        """Should a millisecond's 4096 be used up, or the clock be set back, counting simply goes on from the last id given."""
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

    def _fail(self, jobs: list[Any], reason: str, cause: Exception | None) -> None:
        kind = (
            StoreEnded
            if self._broken
            else Violated
            if isinstance(cause, sqlite3.IntegrityError)
            else StoreFailed
        )
        outcomes: list[Outcome] = []
        for job in jobs:  # one exception each: every raise writes a traceback into its own
            failure = kind(reason)
            failure.__cause__ = cause
            outcomes.append((job.done, None, failure))
        self._tell([], outcomes)

    def _failed(self, jobs: list[Any], problem: Exception, run: Callable[[list[Any]], None]) -> None:
        self._known.forget()
        if self._db.in_transaction:
            try:
                self._db.execute("ROLLBACK")
            except Exception as worse:
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
            # Whoever sends statements knows what may be violated, and answers that.
            if not (isinstance(jobs[0], Statements) and isinstance(problem, sqlite3.IntegrityError)):
                log.error("a use case could not be stored: %s", without_text(problem))
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
        except Exception as surprise:  # no memory: the next one moves more
            log.error("the log was not moved into the database: %s", without_text(surprise))
