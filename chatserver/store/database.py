"""The database of a server, whatever its engine: groups of use cases are written, everybody else reads."""

from __future__ import annotations

import asyncio
import secrets
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Collection
from functools import partial
from pathlib import Path
from typing import Any, Final, TypeVar

from sqlalchemy import Executable

from chatserver.core.policy import Policy
from chatserver.core.tickets import Ticket
from chatserver.metrics import Metrics
from chatserver.store import interruptions, tables
from chatserver.store.base import Committed, Done, StoreFailed, Violated
from chatserver.store.outage import Outage
from chatserver.store.work import Needs, World
from chatserver.store.writer import Statements, UseCase, Writer
from chatserver.telemetry import Traced, untraced

R = TypeVar("R")

_ASIDE: Final = {
    tables.meta,
    tables.sessions,
    tables.used_tokens,
    tables.spent_tokens,
    tables.accounts,
    tables.addresses,
    tables.companies,
    tables.company_people,
    tables.customer_sessions,
    tables.links,
    tables.files,
    tables.file_use,
    tables.outbox,
    tables.mail_stops,
    tables.mail_originals,
    tables.categories,
    tables.articles,
    tables.article_versions,
    tables.article_texts,
    tables.article_votes,
}
"""Tables of which nothing goes into a ticket as a writer keeps it."""


class DatabaseUnusable(Exception):
    """It cannot be opened as it is. The message is a sentence for the operator."""


class DatabaseInUse(DatabaseUnusable):
    """Another process has this SQLite file open."""


class DatabaseAway(DatabaseUnusable):
    """Nobody answers there, or it is only starting: a moment later it may be there."""


class DatabaseTooNew(DatabaseUnusable):
    """The database was written by a newer release."""


class DatabaseNotReady(DatabaseUnusable):
    """There is no database yet, or an older release wrote it."""


class Reader(ABC):
    """Reading connections; `Reader.look` for whoever only looks, also beside the server that writes."""

    @staticmethod
    async def look(where: Path | str) -> Reader:
        """`where` as for `Database.open`. Nothing is made or upgraded: raises DatabaseNotReady and DatabaseTooNew, ValueError for
        a URL of no engine that we know, what the engine raises as it comes."""
        if _is_postgres(where):
            from chatserver.store.postgres import database as postgres

            return await postgres.look(str(where))
        from chatserver.store.sqlite import database as sqlite

        return await sqlite.look(where)

    @abstractmethod
    async def close(self) -> None:
        """Harmless twice."""

    @abstractmethod
    async def rows(self, statement: Executable, **values: Any) -> list[Any]:
        """All rows of one SELECT, each a sequence, with `values` for its `bindparam`s (a list for `portable.one_of`). It sees
        everything that was committed before it began. Meant for constants of a module: those are compiled once. Raises what the
        engine raises."""


class Database(Reader):
    """Open with `Database.open`; implements `store.base.Store`. Reads are in tickets.py, items.py and people.py."""

    def __init__(self, writer: Writer, clock: Callable[[], int], meta: dict[str, str]) -> None:
        self.clock = clock
        """ms since 1970 UTC, by which groups are decided: everybody in the house goes by it."""
        self._writer = writer
        self._loop = asyncio.get_running_loop()
        self._meta = meta
        self._outage = Outage(self.is_away)

    @staticmethod
    async def open(
        where: Path | str,
        *,
        clock: Callable[[], int] | None = None,
        committed: Committed,
        metrics: Metrics | None = None,
        traced: Traced = untraced,
    ) -> Database:
        """Open the database at `where` (a path, a `sqlite:///` or a `postgresql://` URL), created or upgraded as needed.

        `clock`: the time in ms UTC, called where groups are decided, in any thread; None: the machine's on SQLite, on PostgreSQL
        the database's, which is every node's. `committed`: see `store.base`. `metrics`: counts commits.
        `traced`: of the engine's writer.

        Raises DatabaseUnusable, ValueError for a URL of no engine that we know, what the engine raises and OSError as they come.
        """
        if _is_postgres(where):
            from chatserver.store.postgres.database import PostgresDatabase

            return await PostgresDatabase.opened(
                str(where), clock=clock, committed=committed, metrics=metrics, traced=traced
            )
        from chatserver.store.sqlite.database import SqliteDatabase

        return await SqliteDatabase.opened(
            where, clock=clock or wall_clock, committed=committed, metrics=metrics, traced=traced
        )

    def tell_doubts(self, doubtful: Callable[[], None]) -> None:
        """Who hears, from here on, of each commit that was sent and not answered: nobody knows what became of it. On SQLite there
        are none."""

    def go_by(self, known: Callable[[int], Ticket | None]) -> None:
        """Who knows tickets as they were committed last, or some time before, without asking: what follows from one alone may be
        decided on it, and is stored if it is still so. On SQLite the writer knows by itself."""

    @property
    def node(self) -> int:
        """Which of many this one is; 0 where there is one only."""
        return 0

    @property
    def outlived(self) -> asyncio.Event:
        """Set when the database has another epoch than the one that was opened: it is an earlier state, or a standby that took
        over; also when this node, which the others took for dead, may not join them again: they sign with another secret.
        Nothing is written from then on (StoreEnded), and the process has to end: what it knows and has told is of the time
        before."""
        return self._writer.outlived

    @property
    def unanswered(self) -> int:
        """Writes that were asked for and are not answered yet."""
        return self._writer.unanswered

    @property
    def failing(self) -> bool:
        """The last writes failed, whatever they were."""
        return self._writer.failing

    @property
    def storing(self) -> bool:
        """What is written now will be kept, as far as is known: nothing failed last, and nobody waits for longer than writing
        ever takes."""
        return not (self._writer.failing or self._writer.stuck)

    @property
    def readers(self) -> tuple[int, int]:
        """Of the connections that read: how many are busy and how many idle; (0, 0) where nobody counts."""
        return 0, 0

    @staticmethod
    @abstractmethod
    def is_away(problem: BaseException) -> bool:
        """Whether a read raised this since the database does not answer just now: it may answer the same in a moment."""

    def explains(self, problem: BaseException) -> bool:
        """See `store.base.Store`."""
        if isinstance(problem, StoreFailed):
            return not isinstance(problem, Violated)
        return self._outage.goes_on and self.is_away(problem)

    @property
    def epoch(self) -> str:
        """See `store.base.Store`."""
        return self._meta["epoch"]

    @property
    def secret(self) -> str:
        """32 random bytes in hex, made with the database: signs tokens where no other secret is configured."""
        return self._meta["secret"]

    async def write(self, needs: Needs, decide: Callable[[World, int], R]) -> R:
        """See `store.base.Store`. `decide` may run again, when a neighbour in its group breaks the store's rules (a bug) or
        somebody else wrote at the same time: it must not keep anything outside the world."""
        future: asyncio.Future[R] = self._loop.create_future()
        self._writer.submit(UseCase(needs, decide, partial(_answer, future)))
        return await future

    def submit(self, needs: Needs, decide: Callable[[World, int], Any], done: Done) -> None:
        """See `store.base.Store`, and `write` of what `decide` must not do."""
        self._writer.submit(UseCase(needs, decide, done))

    async def all_gone(self, app_ids: Collection[int], policy: Policy, now: int) -> None:
        """See `store.base.Store`."""
        await self.execute(*interruptions.all_gone(app_ids, policy, now))

    async def execute(self, *statements: Executable) -> list[Any]:
        """Run Core statements for rare rows (apps, agents, sessions …) in one transaction of their own, all or nothing.

        Returns for each its rows (sequences, also of RETURNING) or else the number of rows it changed. Raises as `write` does;
        Violated when a constraint forbids it.
        """
        future: asyncio.Future[list[Any]] = self._loop.create_future()
        aside = all(getattr(s, "table", None) in _ASIDE for s in statements)
        compiled = [self._compiled(s) for s in statements]
        self._writer.submit(Statements(compiled, partial(_answer, future), aside=aside))
        return await future

    @abstractmethod
    def _compiled(self, statement: Any) -> tuple[str, tuple[Any, ...]]:
        """The engine's text of a statement, and the values in its order."""


def first_meta(now: int) -> dict[str, str]:
    """The rows of `meta` that every database has from its first opening on."""
    made = {"epoch": secrets.token_urlsafe(12), "secret": secrets.token_hex(32)}
    return made | {"created_at": str(now), "people": "", "outbox": "0"}


def wall_clock() -> int:
    """The machine's: ms since 1970 UTC."""
    return time.time_ns() // 1_000_000


def steady_clock() -> float:
    """ms by a clock that nobody sets and that goes on while the machine sleeps (where there is one: Linux)."""
    return time.clock_gettime_ns(getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)) / 1_000_000


def _is_postgres(where: Path | str) -> bool:
    return isinstance(where, str) and where.startswith(("postgres://", "postgresql://", "postgresql+"))


def _answer(future: asyncio.Future[Any], result: Any, problem: BaseException | None) -> None:
    if future.done():  # its caller was cancelled meanwhile
        return
    if problem is None:
        future.set_result(result)
    else:
        future.set_exception(problem)
