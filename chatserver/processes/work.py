"""`chatserver work`: what happens by itself, in a process that serves nobody, beside nodes on one PostgreSQL.

It does what is due as any node does, a second after the one to whom the customer is connected, and speaks for nodes that died.
While no node serves it waits: nobody is closed for the server's own silence.
"""

from __future__ import annotations

import asyncio
import logging
import signal
from contextlib import AsyncExitStack
from functools import partial
from typing import Final

from chatserver import systemd
from chatserver.loops.postman import mailing
from chatserver.loops.worker import Alarm, forever
from chatserver.metrics import Metrics
from chatserver.processes.opening import HINTLESS_SECONDS, opened
from chatserver.services import administration, followups
from chatserver.services.nodes import Watching
from chatserver.settings import Settings
from chatserver.store.accounts import people_mark
from chatserver.store.postgres.database import PostgresDatabase
from chatserver.store.postgres.nodes import Nodes
from chatserver.telemetry import Traced, untraced

log = logging.getLogger(__name__)

LOOK_MS: Final = 1_000
"""Nobody tells this process that something was made due."""


async def work(settings: Settings, traced: Traced = untraced) -> int:
    """Until SIGTERM or SIGINT, or until the database is another one. Gives the exit code of the process. Raises what `opened`
    raises."""
    ending = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, ending.set)
    async with opened(settings, Metrics(), serves=False, traced=traced) as (house, db):
        assert isinstance(db, PostgresDatabase)  # noqa: S101 - mypy alone needs to be told
        async with AsyncExitStack() as stack:
            watching = await stack.enter_async_context(Watching(house, Nodes(db)))
            if settings.smtp is not None:
                await stack.enter_async_context(mailing(settings, settings.smtp, house, db, LOOK_MS))

            async def turn() -> int | None:
                return await followups.due(house) if watching.living else None

            mark = partial(people_mark, db)
            tasks = [
                asyncio.create_task(forever(Alarm(house.now, LOOK_MS), turn, "due tickets")),
                asyncio.create_task(administration.notice(mark, house.refresh, HINTLESS_SECONDS)),
            ]
            log.info("working", extra={"database": settings.database_shown})
            systemd.tell(systemd.READY)
            ends = [asyncio.create_task(event.wait()) for event in (ending, db.outlived)]
            await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
            systemd.tell(systemd.STOPPING)
            for task in (*tasks, *ends):
                task.cancel()
            await asyncio.gather(*tasks, *ends, return_exceptions=True)
    log.info("stopped")
    return systemd.BEGIN_ANEW if db.outlived.is_set() else 0
