"""The database of the model: the real statements and the real use cases on a SQLite in memory, without threads.

A commit takes the model's time. What was not committed when the process is killed never happened.
"""

from __future__ import annotations

import asyncio
import sqlite3
import tempfile
from collections.abc import Callable, Collection
from functools import cache
from pathlib import Path
from typing import Any, Final, TypeVar

from chatserver.core.events import Event
from chatserver.core.policy import Policy
from chatserver.core.tickets import Item
from chatserver.store import accounts, interruptions
from chatserver.store.base import Committed, Done, StoreFailed
from chatserver.store.database import Database
from chatserver.store.sqlite.applying import apply
from chatserver.store.sqlite.database import compiled, constant, plain
from chatserver.store.sqlite.known import Known
from chatserver.store.sqlite.loading import load
from chatserver.store.work import Needs, World
from tests.checker.checker import Stored
from tests.model.loop import VirtualLoop

R = TypeVar("R")
COMMIT_SECONDS: Final = 0.002
AGENTS: Final = ("lucia", "mateo")
_Case = tuple[Needs, Callable[[World, int], Any], Done]
Outcome = tuple[Done, Any, BaseException | None]


@cache
def furnished() -> bytes:
    """A database with one app `demo`, always open, and two agents."""

    async def furnish(path: Path) -> None:
        db = await Database.open(path, clock=lambda: 0, committed=lambda events: None)
        app_id = await accounts.add_app(
            db, key="demo", name="Demo", secret="s" * 32, schedule='{"always":true}', created_at=0
        )
        for name in AGENTS:
            await accounts.add_agent(
                db,
                email=f"{name}@example.test",
                name=name.title(),
                password_hash="-",
                app_ids=[app_id],
                now=0,
            )
        await db.close()

    with tempfile.TemporaryDirectory() as where:
        path = Path(where) / "chat.db"
        asyncio.run(furnish(path))
        connection = sqlite3.connect(path)
        connection.execute("PRAGMA journal_mode=DELETE").fetchall()
        data = connection.serialize()
        connection.close()
    return data


class Disk:
    """What outlives a kill. `held`: no commit comes back until it is let go; `failing`: the next commit fails."""

    def __init__(self) -> None:
        self.db = sqlite3.connect(":memory:", isolation_level=None)
        self.db.deserialize(furnished())
        self.epoch = str(self.db.execute("SELECT value FROM meta WHERE key = 'epoch'").fetchone()[0])
        self.held = False
        self.failing = False
        self.items: dict[tuple[int, int], Item] = {}
        """All that is durable, by ticket and number."""
        self.visitors = 0
        """Who came without a token."""
        self.waiting: list[Callable[[], None]] = []

    def let_go(self) -> None:
        self.held = False
        waiting, self.waiting = self.waiting, []
        for commit in waiting:
            commit()

    def stored(self, customers: dict[int, str]) -> list[Stored]:
        """Everything for the checker; what somebody wrote is known by its text. `customers`: whose each ticket is."""
        rows = self.db.execute('SELECT ticket_id, seq, "by", author_id, kind, text FROM items').fetchall()
        found = []
        for ticket, seq, by, author, kind, text in rows:
            name = {"customer": customers.get(ticket, "?"), "agent": f"agent {author}", "system": "system"}[
                by
            ]
            said = text if kind in ("message", "proposal") else ""
            found.append(Stored(ticket, seq, name, said))
        return found

    def close(self) -> None:
        self.db.close()


class DiskStore:
    """`store.base.Store`, and the reads of `store.database.Database`, for one life of the server."""

    def __init__(self, disk: Disk, loop: VirtualLoop, clock: Callable[[], int], committed: Committed) -> None:
        self.disk = disk
        self.loop = loop
        self._clock = clock
        self.committed = committed
        self.known = Known()
        self._waiting: list[_Case] = []
        self.dead = False

    @classmethod
    async def open(
        cls, disk: Disk, loop: VirtualLoop, clock: Callable[[], int], committed: Committed
    ) -> DiskStore:
        return cls(disk, loop, clock, committed)

    node = 0
    failing = False
    unanswered = 0

    @property
    def storing(self) -> bool:
        return not self.disk.held

    @property
    def epoch(self) -> str:
        return self.disk.epoch

    @staticmethod
    def is_away(problem: BaseException) -> bool:
        """Reads of memory are always answered."""
        return False

    def explains(self, problem: BaseException) -> bool:
        return isinstance(problem, StoreFailed)

    async def rows(self, statement: Any, **values: Any) -> list[tuple[Any, ...]]:
        sql, given = constant(statement)
        found = self.disk.db.execute(
            sql, [plain(values.get(name, value)) for name, value in given]
        ).fetchall()
        # A reading thread answers in a later turn of the loop, and what is committed meanwhile comes first.
        await asyncio.sleep(0)
        return found

    async def write(self, needs: Needs, decide: Callable[[World, int], R]) -> R:
        future: asyncio.Future[R] = self.loop.create_future()

        def done(result: Any, problem: BaseException | None) -> None:
            if future.done():
                return
            if problem is None:
                future.set_result(result)
            else:
                future.set_exception(problem)

        self.submit(needs, decide, done)
        return await future

    def submit(self, needs: Needs, decide: Callable[[World, int], R], done: Done) -> None:
        self._waiting.append((needs, decide, done))
        if len(self._waiting) == 1:
            self.loop.call_later(COMMIT_SECONDS, self._due)

    async def all_gone(self, app_ids: Collection[int], policy: Policy, now: int) -> None:
        self.begin()
        for statement in interruptions.all_gone(app_ids, policy, now):
            self.disk.db.execute(*compiled(statement))
        self.disk.db.execute("COMMIT")
        self.known.forget()

    def kill(self) -> None:
        """What waits for its commit is lost."""
        self.dead = True
        self._waiting.clear()

    def _due(self) -> None:
        if self.disk.held:
            self.disk.waiting.append(self._commit)
        else:
            self._commit()

    def _commit(self) -> None:
        if self.dead:
            return
        group, self._waiting = self._waiting, []
        world = World()
        self.begin()
        self.load(world, [needs for needs, _, _ in group])
        outcomes = [self._decide(world, *case) for case in group]
        if not world.changed:
            self.disk.db.execute("ROLLBACK")
        else:
            apply(self.disk.db, world)
            if self.disk.failing:
                self._fail(group)
                return
            self.make_durable(world.items)
            self.known.committed(world)
        self.tell(world.events, outcomes)

    def _fail(self, group: list[_Case]) -> None:
        self.disk.failing = False
        self.disk.db.execute("ROLLBACK")
        self.known.forget()
        for *_, done in group:
            done(None, StoreFailed("the model's disk failed"))

    # — one group, in steps that a seeded bug may do wrong ——————————————————————

    def begin(self) -> None:
        self.disk.db.execute("BEGIN IMMEDIATE")

    def load(self, world: World, needs: list[Needs]) -> None:
        db = self.disk.db
        load(db, world, needs, self.known)
        world.loaded_ids(ticket=_highest(db, "tickets"), customer=_highest(db, "customers"))

    def make_durable(self, items: list[tuple[int, Item]]) -> None:
        self.disk.db.execute("COMMIT")
        self.disk.items.update(((ticket, item.seq), item) for ticket, item in items)

    def tell(self, events: list[Event], outcomes: list[Outcome]) -> None:
        """First everybody hears what happened, then each caller that it is durable."""
        if events:
            self.committed(events)
        for done, result, problem in outcomes:
            done(result, problem)

    def _decide(self, world: World, needs: Needs, decide: Callable[[World, int], Any], done: Done) -> Outcome:
        world.begin()
        try:
            return done, decide(world, self._clock()), None
        except Exception as problem:
            world.roll_back()
            return done, None, problem


def _highest(db: sqlite3.Connection, table: str) -> int:
    return int(db.execute(f"SELECT max(id) FROM {table}").fetchone()[0] or 0)
