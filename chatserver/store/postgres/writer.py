"""The one task of a node that writes: each group is one transaction on one connection, and so one commit for many."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, Final

import asyncpg

from chatserver.metrics import Metrics
from chatserver.store.base import Committed, StoreEnded, StoreFailed, Violated
from chatserver.store.postgres import at_once
from chatserver.store.postgres.applying import Overtaken, apply
from chatserver.store.postgres.loading import load
from chatserver.store.postgres.looking import held_since, look
from chatserver.store.postgres.patience import LOCK_MS, LOOK_EVERY_MS, LOOKS, Patience
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

TRIES: Final = 5
"""Of a group that met another node's: it gave way to a deadlock, or somebody went past the locks."""
ID_BLOCKS: Final = 2**ID_COUNTER_BITS // 512
"""Of ids within one millisecond, a block for each group. Two nodes with the same block in the same millisecond meet at the
primary key, and one of them tries again."""
FINISH_SECONDS: Final = 4.0
"""What waits at the end is committed if the server takes no longer than this."""
HIGHEST_ID: Final = "SELECT greatest((SELECT max(id) FROM tickets), (SELECT max(id) FROM customers), 0)"

Connect = Callable[[], Coroutine[Any, Any, Any]]


class Unreachable(Exception):
    """No connection could be made."""


class InDoubt(Exception):
    """A commit was sent and nobody knows what became of it."""


# Met another node's transaction: the same again may well go through.
_AGAIN: Final = (Overtaken, asyncpg.DeadlockDetectedError, asyncpg.SerializationError)
# A use case's own rows are at fault: its neighbours deserve another try without it.
_OWN_FAULT: Final = (
    asyncpg.IntegrityConstraintViolationError,
    asyncpg.DataError,
    ValueError,
    TypeError,
    OverflowError,
)
# The connection is gone. What it had not sent to be committed is not stored, and may be done again on another one.
_CUT: Final = (
    ConnectionError,
    asyncpg.PostgresConnectionError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,  # the server's last words were read, and its end was not noticed yet
    asyncpg.AdminShutdownError,
    asyncpg.CrashShutdownError,
    asyncpg.IdleInTransactionSessionTimeoutError,
    asyncpg.ReadOnlySQLTransactionError,
)
# Nobody knows what became of the transaction, or nothing will become of any other one on this connection.
_LOST: Final = (
    *_CUT,
    InDoubt,
    OSError,
    TimeoutError,
    asyncpg.OperatorInterventionError,
)


class PostgresWriter(Writer):
    """Owns a connection, and makes a new one when it is lost."""

    def __init__(
        self,
        connection: Any,
        connect: Connect,
        clock: Callable[[], int],
        committed: Committed,
        metrics: Metrics,
        doubtful: Callable[[], None],
    ) -> None:
        """`connection`: asyncpg's, handed over for good; `connect` makes another one, or raises StoreEnded. `doubtful`: a commit
        was sent and not answered, so something may be stored of which nobody was told."""
        super().__init__(asyncio.get_running_loop(), clock, committed, metrics)
        self._db = connection
        self._connect = connect
        self.doubtful = doubtful
        self.known: at_once.Known = lambda ticket_id: None
        """See `Database.go_by`."""
        self.node = 0
        """Whose claims these are (`nodes.py`)."""
        self._failing = False
        self._patience = Patience()
        self._last_id_ms: int | None = None
        """Of the last ids given; None: to be looked up."""
        self._connecting: asyncio.Task[Any] | None = None
        self._alone = 0
        """So many of the next ones form no groups."""
        self._giving_up = False
        self._woken = asyncio.Event()
        self._task = self._loop.create_task(self._run())

    @property
    def failing(self) -> bool:
        return self._failing

    def outlive(self, why: str) -> None:
        """See `Database.outlived`. Harmless twice."""
        if not self.outlived.is_set():
            log.critical(
                "%s: nothing more is written, and the process ends. It has to be started anew",
                why.rstrip("."),
            )
            self._failing = True
            self.outlived.set()

    def _take(self, jobs: list[Job]) -> None:
        self._jobs.extend(jobs)
        self._woken.set()

    async def finish(self) -> None:
        """Take nothing more, commit what waits, close the connection; whatever the server does, within a few seconds. Harmless
        twice."""
        if not self._closed:
            self._closed = True
            self._hand_over()
            self._woken.set()
        await asyncio.wait({self._task}, timeout=FINISH_SECONDS)
        if not self._task.done():
            self._giving_up = True  # everybody is still answered
            if self._connecting is not None:
                self._connecting.cancel()
            if self._db is not None:
                self._db.terminate()
        await asyncio.shield(
            self._task
        )  # whoever gives up waiting must not end it: callers are owed their answers

    # — the task ———————————————————————————————————————————————————————————————

    async def _run(self) -> None:
        while await self._more():
            if isinstance(self._jobs[0], Statements):
                await self._guarded([self._jobs.popleft()], self._execute)
            elif self._alone:
                self._alone -= 1
                await self._guarded(self._next_group(1), self._group)
            else:
                await self._guarded(self._next_group(), self._group)
        await self._let_go()

    async def _more(self) -> bool:
        while not self._jobs:
            if self._closed:
                return False
            self._woken.clear()
            await self._woken.wait()
        return True

    async def _guarded(self, jobs: list[Any], run: Callable[[list[Any]], Awaitable[None]]) -> None:
        """Whatever happens, every caller gets an answer and the task goes on."""
        held = False
        for left in range(TRIES - 1, -1, -1):
            try:
                await self._connected()
                if held:
                    await self._find_held(jobs)
                await run(jobs)
                return
            except Exception as problem:
                await self._roll_back(problem)
                held = isinstance(problem, asyncpg.LockNotAvailableError)
                if held and self._patience.lost(_texts(jobs[0])):
                    log.warning(
                        "somebody else holds rows of the database: what needs them is refused meanwhile"
                    )
                if not left or not self._worth_another_try(problem, jobs):
                    self._failed(jobs, problem)
                    return
                self._metrics.repeat(_met(problem))

    def _worth_another_try(self, problem: Exception, jobs: list[Any]) -> bool:
        if isinstance(problem, asyncpg.UniqueViolationError):
            # Of ids that another node gave, or of a customer whom it welcomed; statements violate what their caller knows of.
            self._last_id_ms = None
            return not isinstance(jobs[0], Statements)
        if isinstance(problem, asyncpg.LockNotAvailableError):
            return not isinstance(jobs[0], Statements)
        return isinstance(problem, (*_AGAIN, *_CUT))

    async def _find_held(self, group: list[UseCase]) -> None:
        """Somebody else holds what one of them needs: what it is, so that it is refused and the others go on."""
        needs = [case.needs for case in group if not self._patience.ended(case.needs)]
        held = await look(self._db, needs)
        for _ in range(LOOKS - 1):
            if held:
                await asyncio.sleep(LOOK_EVERY_MS / 1000)
                held = held_since(held, await look(self._db, needs))
        self._patience.looked(needs, {wanted for wanted, _ in held})

    async def _begin(self, job: Job) -> None:
        ms = self._patience.ms(_texts(job))
        await self._db.execute("BEGIN" if ms == LOCK_MS else f"BEGIN; SET LOCAL lock_timeout = {ms}")

    async def _connected(self) -> None:
        if self.outlived.is_set():
            raise StoreEnded
        if self._db is None:
            if self._giving_up:
                raise Unreachable
            self._connecting = asyncio.ensure_future(self._connect())
            await asyncio.wait({self._connecting})
            connected, self._connecting = self._connecting, None
            if connected.cancelled():
                raise Unreachable
            if (problem := connected.exception()) is not None:
                raise (StoreEnded if isinstance(problem, StoreEnded) else Unreachable) from problem
            self._db = connected.result()
            self._last_id_ms = None
            if self._failing:
                log.info("connected to the database again")

    async def _group(self, group: list[UseCase]) -> None:
        began = time.perf_counter()
        if not await self._at_once(group, began):
            await self._step_by_step(group, began)

    async def _at_once(self, group: list[UseCase], began: float) -> bool:
        """See `at_once`. False: nothing was stored, and nobody was told anything."""
        needs = [case.needs for case in group]
        if self._db.is_closed() or not self._patience.calm:
            return False
        if (world := at_once.by_heart(needs, self.known)) is None:
            return False
        now = self._tick()
        outcomes = [self._decide(world, now, case) for case in group]
        if not at_once.provable(world, needs):
            return False
        try:
            await at_once.go_on(self._db, world)
        except at_once.OVERTAKEN as problem:
            self._metrics.repeat(_met(problem))
            return False
        except _CUT:
            # Stored or not, it is done again: by then its tickets have other versions, and what was said is found.
            self.doubtful()
            raise
        except _LOST as problem:
            raise self._in_doubt() from problem
        self._count(len(group), time.perf_counter() - began)
        self._deliver(world.events, outcomes)
        return True

    async def _step_by_step(self, group: list[UseCase], began: float) -> None:
        db = self._db
        given_up = {id(case) for case in group if self._patience.ended(case.needs)}
        if suspects := [case for case in group if self._patience.suspected(case.needs)]:
            await self._find_held(suspects)
            given_up |= {id(case) for case in suspects if self._patience.ended(case.needs)}
        await self._begin(group[0])
        able = [case for case in group if id(case) not in given_up]
        self._metrics.held_up += len(given_up)
        world = World()
        await load(db, world, [case.needs for case in able], self.node)
        now = self._tick()
        if any(case.needs.numbers for case in able):
            await self._give_ids(world, now)
        outcomes = [
            (case.done, None, StoreFailed("held by somebody else"))
            if id(case) in given_up
            else self._decide(world, now, case)
            for case in group
        ]
        if world.changed or world.claimed:
            await apply(db, world, self.node)
            await self._commit()
            self._count(len(able), time.perf_counter() - began)
        else:
            await db.execute("ROLLBACK")
        self._deliver(world.events, outcomes)

    def _count(self, size: int, seconds: float) -> None:
        try:
            self._metrics.commits.add(seconds)
            self._metrics.groups.add(size)
            self._metrics.stored += size
            self._succeeded()
        except Exception as surprise:  # what is durable must not be told as failed, nor be decided again
            log.error("keeping count failed, the commit stands: %s", without_text(surprise))

    async def _commit(self) -> None:
        """Raises InDoubt when it was sent and nobody knows what became of it."""
        try:
            if await self._db.execute("COMMIT") != "COMMIT":
                raise StoreFailed("rolled back")  # of an aborted transaction, without an error
        except _LOST as problem:
            raise self._in_doubt() from problem

    def _in_doubt(self) -> InDoubt:
        self._metrics.doubtful += 1
        self.doubtful()
        return InDoubt()

    async def _give_ids(self, world: World, now: int) -> None:
        """Each group's ids begin in another millisecond, also while the clock stands still (or was set back before a restart):
        they would meet those of an earlier group."""
        if self._last_id_ms is None:
            self._last_id_ms = await self._db.fetchval(HIGHEST_ID) >> ID_COUNTER_BITS
        self._last_id_ms = max(self._last_id_ms + 1, now - ID_EPOCH_MS)
        block = await self._db.fetchval("SELECT nextval('ids')") % ID_BLOCKS
        floor = (self._last_id_ms << ID_COUNTER_BITS) + (block << ID_COUNTER_BITS) // ID_BLOCKS - 1
        world.loaded_ids(ticket=floor, customer=floor)

    async def _execute(self, jobs: list[Statements]) -> None:
        (job,) = jobs
        await self._begin(job)
        results: list[Any] = []
        for sql, values in job.statements:
            statement = await self._db.prepare(sql)
            rows = await statement.fetch(*values)
            results.append(list(rows) if statement.get_attributes() else _changed(statement.get_statusmsg()))
        await self._commit()
        self._succeeded()
        self._deliver([], [(job.done, results, None)])

    # — when it fails ——————————————————————————————————————————————————————————

    def _failed(self, jobs: list[Any], problem: Exception) -> None:
        """After the roll back."""
        if len(jobs) > 1 and isinstance(problem, _OWN_FAULT):
            self._jobs.extendleft(reversed(jobs))
            self._alone = len(jobs)
            return
        if isinstance(problem, _OWN_FAULT):
            # Whoever sends statements knows what may be violated, and answers that.
            if not (isinstance(jobs[0], Statements) and _told(problem) is Violated):
                log.error("a use case could not be stored: %s", without_text(problem))
        elif not isinstance(problem, asyncpg.LockNotAvailableError) and not self._failing:
            self._failing = True
            log.error("cannot write, refusing messages until it is possible again: %s", without_text(problem))
        if isinstance(problem, Unreachable | StoreEnded):  # whoever waits behind them would wait for nothing
            jobs = [*jobs, *self._jobs]
            self._jobs.clear()
            self._alone = 0
        outcomes: list[Outcome] = []
        for job in jobs:  # one exception each: every raise writes a traceback into its own
            failure = _told(problem)(type(problem).__name__)
            failure.__cause__ = problem
            outcomes.append((job.done, None, failure))
        self._deliver([], outcomes)

    async def _roll_back(self, problem: Exception) -> None:
        if self._db is None:
            return
        if not isinstance(problem, _LOST):
            try:
                await self._db.execute("ROLLBACK")
                return
            except Exception as worse:
                log.info("a connection to the database is given up: %s", type(worse).__name__)
        self._db.terminate()
        self._db = None

    def _succeeded(self) -> None:
        if self._failing:
            self._failing = False
            log.warning("writing again")

    async def _let_go(self) -> None:
        if self._db is not None:
            try:
                await self._db.close(timeout=1)
            except Exception:
                self._db.terminate()
            self._db = None


def _texts(job: Job) -> tuple[str, ...]:
    return tuple(sql for sql, _ in job.statements) if isinstance(job, Statements) else ()


def _told(problem: Exception) -> type[StoreFailed]:
    """What a caller gets of it."""
    if isinstance(problem, StoreEnded):
        return StoreEnded
    return Violated if isinstance(problem, asyncpg.IntegrityConstraintViolationError) else StoreFailed


def _met(problem: Exception) -> str:
    """In a word, for who counts."""
    if isinstance(problem, asyncpg.DeadlockDetectedError):
        return "deadlock"
    if isinstance(problem, asyncpg.LockNotAvailableError):
        return "lock"
    if isinstance(problem, (*_AGAIN, *at_once.OVERTAKEN)):
        return "other node"
    return "cut"


def _changed(status: str) -> int:
    """Of `UPDATE 3` or `INSERT 0 1`."""
    return int(status.rpartition(" ")[2])
