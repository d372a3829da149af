"""Opening the house of a process: its bus and its database, together. What `serve` and `work` have in common."""

from __future__ import annotations

import hmac
import secrets
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial
from typing import TYPE_CHECKING, Final

from chatserver.bus.local import LocalBus
from chatserver.core.clocks import SETTLING_MS
from chatserver.core.events import MAIL_TOPIC, WORKER_TOPIC
from chatserver.metrics import Metrics
from chatserver.services.books import Books
from chatserver.services.doubts import Doubts
from chatserver.services.house import House
from chatserver.services.publishing import Publisher, learn
from chatserver.services.reads import DatabaseReads
from chatserver.settings import Settings
from chatserver.store.database import Database, steady_clock
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
    serves: bool = True,
    missed: Callable[[], None] = lambda: None,
    clock: Callable[[], int] | None = None,
    traced: Traced = untraced,
) -> AsyncIterator[tuple[House, Database]]:
    """A house that knows its people. `serves`, `missed`: see `RedisBus.open`; the latter is called after a commit in doubt too.
    `clock`, `traced`: see `Database.open`; nobody sets one that is given. Raises what these two raise."""
    db = await Database.open(
        settings.database,
        clock=clock,
        committed=lambda happened: publish(happened),  # not before there is a house
        metrics=metrics,
        traced=traced,
    )
    try:
        books = Books()
        db.go_by(books.tickets.peek)
        bus = await _bus(settings, db, serves, books, metrics, missed)
        publish = Publisher(bus, books)

        def look() -> None:
            bus.unsure()
            missed()

        doubts = Doubts(look, HINTLESS_SECONDS)
        db.tell_doubts(doubts)
        try:
            reads, timer = DatabaseReads(db, settings.policy), None if clock else steady_clock
            settling = SETTLING_MS if settings.on_postgres else 0
            house = House(db, reads, bus, db.clock, books, metrics=metrics, timer=timer, settling=settling)
            await house.refresh()
            yield house, db
        finally:
            doubts.end()
            await bus.close()
    finally:
        await db.close()


def installation(db: Database) -> tuple[str, bytes]:
    """A name by which the nodes of one database find each other, and nobody else who is at the same Redis finds them; and the key
    by which they know that it was one of them who said something. Neither tells anything of the secret that it is made of. With
    another epoch they are others: an earlier state is a database of its own."""
    name, key = [
        hmac.digest(db.secret.encode(), f"{what} of {db.epoch}".encode(), "sha256")
        for what in ("nodes", "hints")
    ]
    return name.hex()[:16], key


async def _bus(
    settings: Settings,
    db: Database,
    serves: bool,
    books: Books,
    metrics: Metrics,
    missed: Callable[[], None],
) -> LocalBus | RedisBus:
    if not settings.redis_url:
        return LocalBus()
    from chatserver.bus.redis import RedisBus

    name, key = installation(db)
    return await RedisBus.open(
        settings.redis_url,
        node=secrets.token_hex(6),
        installation=name,
        key=key,
        serves=serves,
        local=frozenset({WORKER_TOPIC, MAIL_TOPIC}),
        missed=missed,
        arrived=partial(learn, books),
        metrics=metrics,
    )
