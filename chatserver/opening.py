"""Opening the house of a process: its bus and its database, together. What `serve` and `work` have in common."""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial
from typing import TYPE_CHECKING, Final

from chatserver.bus.local import LocalBus
from chatserver.core.events import WORKER_TOPIC
from chatserver.metrics import Metrics
from chatserver.services.books import Books
from chatserver.services.house import House
from chatserver.services.publishing import Publisher, learn
from chatserver.services.reads import DatabaseReads
from chatserver.settings import Settings
from chatserver.store.database import Database
from chatserver.telemetry import Traced, untraced

if TYPE_CHECKING:
    from chatserver.bus.redis import RedisBus

HINTLESS_SECONDS: Final = 1.5
"""How often a node looks for what others committed, where nothing else tells it: two seconds are promised."""
HINTED_SECONDS: Final = 25.0
"""The same while Redis tells it, and says when something was missed."""


@asynccontextmanager
async def opened(
    settings: Settings,
    metrics: Metrics,
    *,
    missed: Callable[[], None] = lambda: None,
    clock: Callable[[], int] | None = None,
    traced: Traced = untraced,
) -> AsyncIterator[tuple[House, Database]]:
    """A house that knows its people. `missed`: see `RedisBus.open`; `clock`, `traced`: see `Database.open`. Raises what these two
    raise."""
    books = Books()
    bus = await _bus(settings, books, metrics, missed)
    try:
        db = await Database.open(
            settings.database, clock=clock, committed=Publisher(bus, books), metrics=metrics, traced=traced
        )
    except BaseException:
        await bus.close()
        raise
    try:
        house = House(db, DatabaseReads(db, settings.policy), bus, db.clock, books, metrics=metrics)
        await house.refresh()
        yield house, db
    finally:
        await bus.close()
        await db.close()


async def _bus(
    settings: Settings, books: Books, metrics: Metrics, missed: Callable[[], None]
) -> LocalBus | RedisBus:
    if not settings.redis_url:
        return LocalBus()
    from chatserver.bus.redis import RedisBus

    return await RedisBus.open(
        settings.redis_url,
        node=secrets.token_hex(6),
        local=frozenset({WORKER_TOPIC}),
        missed=missed,
        arrived=partial(learn, books),
        metrics=metrics,
    )
