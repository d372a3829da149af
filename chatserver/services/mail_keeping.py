"""Mails as they came are kept for a while, and as many as there is room for: an app's policy says how long and how much. What
became of them stays."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Iterable, Iterator
from contextlib import asynccontextmanager
from typing import Final

from chatserver.core.errors import Refused
from chatserver.core.mails import Original, making_room
from chatserver.core.people import App
from chatserver.services.house import House
from chatserver.store import mails
from chatserver.store.base import StoreFailed
from chatserver.store.database import Database

log = logging.getLogger(__name__)

SWEEP_SECONDS: Final = 3_600.0
BATCH: Final = 10
"""Originals deleted in one commit, each some MiB at most: chats go on between two."""
MIB: Final = 2**20
DAY_MS: Final = 86_400_000
SPARE: Final = 20
"""Where there is no room a twentieth of it is made; all are counted again when as much has come: counting walks through them."""
LOOKED_AT: Final = 50_000
"""Originals of which is asked at once what they are: to find the oldest the database looks at all."""
BATCH_BYTES: Final = 4 * MIB
"""And so much in one commit, where their sizes are known, of `BATCH_MOST` originals."""
BATCH_MOST: Final = 500


class Shelf:
    """Where a process puts originals: it knows about how much of each app's lies there. Others put some there too, each up to a
    twentieth of the room before it counts again."""

    def __init__(self) -> None:
        self._counted: dict[int, int] = {}
        self._since: dict[int, int] = {}

    async def take_in(self, house: House, db: Database, app: App, size: int) -> None:
        """Before an original of so many bytes is put there: should there be no room for it, others go (`making_room`). It may be
        larger than all the room: then it will lie there alone."""
        room = app.policy.mail_original_mib * MIB
        if not room:
            return
        since = self._since.get(app.id, 0) + size
        if app.id not in self._counted or since * SPARE > room or self._counted[app.id] + since > room:
            self._counted[app.id] = await make_room(house, db, app, size)
            since = size
        self._since[app.id] = since


async def make_room(house: House, db: Database, app: App, coming: int = 0) -> int:
    """Away with an app's originals, in the order of `making_room`, as long as they are, with `coming` more bytes, more than its
    policy has room for; never with the newest. Gives how many bytes lie there then. Twice at once is harmless."""
    total = await mails.bytes_of_originals(db, app.id)
    room = app.policy.mail_original_mib * MIB
    if not room or total + coming <= room:
        return total
    gone, rest = 0, room - room // SPARE
    while total + coming > rest:
        known = await mails.originals_of(db, app.id, LOOKED_AT)
        if not coming and known:
            known.remove(max(known, key=lambda one: (one.at, one.name)))
        # In a thread: there may be many of them.
        going = await asyncio.to_thread(making_room, known, total + coming - rest)
        if not going:
            break
        for names in _commits(going):
            await mails.remove_originals(db, names)
        gone += len(going)
        total -= sum(one.bytes for one in going)
    if gone:
        house.metrics.originals_gone += gone
        log.warning(
            "%d mails are not kept as they came any more: the app has no more room for them",
            gone,
            extra={"app": app.key},
        )
    return total


@asynccontextmanager
async def forgetting_originals(house: House, db: Database) -> AsyncIterator[None]:
    """Once an hour while the block lasts. Any number of nodes may."""
    task = asyncio.create_task(_again_and_again(house, db))
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def forget(house: House, db: Database) -> None:
    """Away with originals whose time is over, for which there is no room, and of mails that were not taken in the end."""
    now = house.now()
    await mails.sweep_originals(db, now)
    for app_id, app in house.people.apps.items():
        days = app.policy.mail_original_days
        while days and await mails.forget_originals(db, app_id, now - days * DAY_MS, BATCH):
            pass
        await make_room(house, db, app)


def _commits(going: Iterable[Original]) -> Iterator[list[str]]:
    """Names, so many at a time that chats go on between two."""
    names: list[str] = []
    together = 0
    for one in going:
        if names and (len(names) == BATCH_MOST or together + one.bytes > BATCH_BYTES):
            yield names
            names, together = [], 0
        names.append(one.name)
        together += one.bytes
    if names:
        yield names


async def _again_and_again(house: House, db: Database) -> None:
    while True:
        try:
            await forget(house, db)
        except (StoreFailed, Refused) as problem:
            log.info("old mails stay for now: %s", type(problem).__name__)
        except Exception:
            log.exception("old mails stay for now")
        await asyncio.sleep(SWEEP_SECONDS)
