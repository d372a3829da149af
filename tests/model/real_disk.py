"""The model on the real database: its file, its writing thread, its reading connections. Time stands still while they work.

In the model's time a commit takes no time at all, so a kill finds nothing half done: that is for tests/faults.
"""

from __future__ import annotations

import sqlite3
import tempfile
from collections.abc import Callable, Collection
from pathlib import Path
from typing import Any, TypeVar

from chatserver.core.events import Event, TicketChanged
from chatserver.core.policy import Policy
from chatserver.store.base import Committed, Done
from chatserver.store.sqlite.database import SqliteDatabase
from chatserver.store.work import Needs, World
from tests.model.disk import Disk, furnished
from tests.model.loop import VirtualLoop

R = TypeVar("R")


class RealDisk(Disk):
    """A file. The disk of the model's own time is not used: nothing is held, nothing fails."""

    def __init__(self) -> None:
        super().__init__()
        self._where = tempfile.TemporaryDirectory()
        self.path = Path(self._where.name) / "chat.db"
        self.path.write_bytes(furnished())
        self.db.close()
        self.db = sqlite3.connect(self.path, isolation_level=None)

    def close(self) -> None:
        super().close()
        self._where.cleanup()


class RealStore(SqliteDatabase):
    """Counts what its threads were asked for, so that the loop waits for them."""

    loop: VirtualLoop

    @classmethod
    async def on(
        cls, disk: RealDisk, loop: VirtualLoop, clock: Callable[[], int], committed: Committed
    ) -> RealStore:
        def remember(events: list[Event]) -> None:
            for event in events:
                if isinstance(event, TicketChanged):
                    disk.items.update({(event.after.id, item.seq): item for item in event.items})
            committed(events)

        store = await cls.opened(disk.path, clock=clock, committed=remember)
        store._writer._db.execute("PRAGMA synchronous=OFF")  # durability has tests of its own
        store.loop = loop
        return store

    async def rows(self, statement: Any, **values: Any) -> list[tuple[Any, ...]]:
        self.loop.busy += 1
        try:
            return await super().rows(statement, **values)
        finally:
            self.loop.busy -= 1

    async def write(self, needs: Needs, decide: Callable[[World, int], R]) -> R:
        self.loop.busy += 1
        try:
            return await super().write(needs, decide)
        finally:
            self.loop.busy -= 1

    def submit(self, needs: Needs, decide: Callable[[World, int], R], done: Done) -> None:
        def answered(result: Any, problem: BaseException | None) -> None:
            self.loop.busy -= 1
            done(result, problem)

        self.loop.busy += 1
        try:
            super().submit(needs, decide, answered)
        except BaseException:
            self.loop.busy -= 1
            raise

    async def all_gone(self, app_ids: Collection[int], policy: Policy, now: int) -> None:
        self.loop.busy += 1
        try:
            await super().all_gone(app_ids, policy, now)
        finally:
            self.loop.busy -= 1

    def kill(self) -> None:
        async def close() -> None:
            self.loop.busy += 1
            try:
                await self.close()
            finally:
                self.loop.busy -= 1

        self.loop.run(close())


class OnRealFile:
    """For `server.Parts`."""

    @staticmethod
    async def open(
        disk: RealDisk, loop: VirtualLoop, clock: Callable[[], int], committed: Committed
    ) -> RealStore:
        return await RealStore.on(disk, loop, clock, committed)
