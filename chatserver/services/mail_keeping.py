"""Mails as they came are kept for a while: an app's policy says how long. What became of them stays."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from chatserver.core.errors import Refused
from chatserver.services.house import House
from chatserver.store import mails
from chatserver.store.base import StoreFailed
from chatserver.store.database import Database

log = logging.getLogger(__name__)

SWEEP_SECONDS: Final = 3_600.0
BATCH: Final = 10
"""Originals deleted in one commit, each some MiB at most: chats go on between two."""
DAY_MS: Final = 86_400_000


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
    """Away with originals whose time is over, and with those of mails that were not taken in the end."""
    now = house.now()
    await mails.sweep_originals(db, now)
    for app_id, app in house.people.apps.items():
        days = app.policy.mail_original_days
        while days and await mails.forget_originals(db, app_id, now - days * DAY_MS, BATCH):
            pass


async def _again_and_again(house: House, db: Database) -> None:
    while True:
        try:
            await forget(house, db)
        except (StoreFailed, Refused) as problem:
            log.info("old mails stay for now: %s", type(problem).__name__)
        except Exception:
            log.exception("old mails stay for now")
        await asyncio.sleep(SWEEP_SECONDS)
