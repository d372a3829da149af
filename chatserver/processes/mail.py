"""`chatserver mail`: incoming mail in a process that serves nobody else, beside nodes on one PostgreSQL."""

from __future__ import annotations

import asyncio
import logging

from chatserver.files.places import place_of
from chatserver.files.threads import Threads
from chatserver.incoming.taking import incoming
from chatserver.metrics import Metrics
from chatserver.processes.ending import exit_code, last, told_to_end
from chatserver.processes.health import Pages, health
from chatserver.processes.opening import HINTLESS_SECONDS, opened
from chatserver.processes.signing import alike
from chatserver.services import administration
from chatserver.services.files import files_of
from chatserver.settings import Settings
from chatserver.store.postgres.database import PostgresDatabase
from chatserver.telemetry import Traced, untraced
from chatserver.watching.figures import Watch
from chatserver.watching.readiness import Readiness, lacking

log = logging.getLogger(__name__)


async def take_mail(settings: Settings, traced: Traced = untraced) -> int:
    """Until SIGTERM or SIGINT, or until the database is another one. Gives the exit code of the process. Raises what `opened`,
    `incoming`, `health` and `alike` raise."""
    ending, metrics = told_to_end(), Metrics()
    async with (
        opened(settings, metrics, serves=False, traced=traced) as (house, db),
        files_of(settings, house, db, place_of(settings), Threads()) as files,
        Watch(house, db, metrics, connections=dict, draining=ending.is_set, file=None) as watch,
        health(
            settings,
            Pages(
                settings.metrics_token,
                unready=Readiness(db, ending.is_set, lambda: True).problems,
                without=lambda: lacking(files, metrics),
                figures=watch.text,
            ),
        ),
        incoming(settings, house, db, files),
    ):
        assert isinstance(db, PostgresDatabase)  # noqa: S101 - mypy alone needs to be told
        signing = asyncio.create_task(alike(db, settings.secret, ending))
        noticing = asyncio.create_task(administration.notice(db, house.refresh, HINTLESS_SECONDS))
        await last(ending, db, noticing, signing)
    log.info("stopped")
    return exit_code(db)
