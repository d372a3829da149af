"""`chatserver work`: what happens by itself, in a process that serves nobody, beside nodes on one PostgreSQL.

It does what is due as any node does, a second after the one to whom the customer is connected, and speaks for nodes that died.
While no node serves it waits: nobody is closed for the server's own silence.
"""

from __future__ import annotations

import asyncio
import logging
from contextlib import AsyncExitStack
from typing import Final

from chatserver.loops.postman import mailing
from chatserver.loops.worker import Alarm, forever
from chatserver.metrics import Metrics
from chatserver.processes.ending import exit_code, last, told_to_end
from chatserver.processes.health import Pages, health
from chatserver.processes.opening import HINTLESS_SECONDS, opened
from chatserver.processes.signing import alike
from chatserver.services import administration, followups
from chatserver.services.nodes import Watching
from chatserver.settings import Settings
from chatserver.store.postgres.database import PostgresDatabase
from chatserver.store.postgres.nodes import Nodes
from chatserver.telemetry import Traced, untraced
from chatserver.watching.figures import Watch
from chatserver.watching.readiness import Readiness

log = logging.getLogger(__name__)

LOOK_MS: Final = 1_000
"""Nobody tells this process that something was made due."""


async def work(settings: Settings, traced: Traced = untraced) -> int:
    """Until SIGTERM or SIGINT, or until the database is another one. Gives the exit code of the process. Raises what `opened`,
    `health` and `alike` raise."""
    ending, metrics = told_to_end(), Metrics()
    async with opened(settings, metrics, serves=False, traced=traced) as (house, db):
        assert isinstance(db, PostgresDatabase)  # noqa: S101 - mypy alone needs to be told
        async with (
            Watching(house, Nodes(db)) as watching,
            Watch(house, db, metrics, connections=dict, draining=ending.is_set, file=None) as watch,
            health(
                settings,
                Pages(
                    settings.metrics_token,
                    unready=Readiness(db, ending.is_set, lambda: watching.living).problems,
                    figures=watch.text,
                ),
            ),
            AsyncExitStack() as stack,
        ):
            if settings.smtp is not None:
                await stack.enter_async_context(mailing(settings, settings.smtp, house, db, LOOK_MS))

            async def turn() -> int | None:
                return await followups.due(house) if watching.living else None

            due = asyncio.create_task(forever(Alarm(house.now, LOOK_MS), turn, "due tickets", db.explains))
            noticing = asyncio.create_task(administration.notice(db, house.refresh, HINTLESS_SECONDS))
            signing = asyncio.create_task(alike(db, settings.secret, ending))
            log.info("working", extra={"database": settings.database_shown})
            await last(ending, db, due, noticing, signing)
    log.info("stopped")
    return exit_code(db)
