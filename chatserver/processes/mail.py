"""`chatserver mail`: incoming mail in a process that serves nobody else, beside nodes on one PostgreSQL."""

from __future__ import annotations

import asyncio
import logging
import signal
from functools import partial

from chatserver import systemd
from chatserver.files.places import place_of
from chatserver.files.threads import Threads
from chatserver.incoming.taking import incoming
from chatserver.metrics import Metrics
from chatserver.processes.opening import HINTLESS_SECONDS, opened
from chatserver.services import administration
from chatserver.services.files import files_of
from chatserver.settings import Settings
from chatserver.store.accounts import people_mark
from chatserver.telemetry import Traced, untraced

log = logging.getLogger(__name__)


async def take_mail(settings: Settings, traced: Traced = untraced) -> int:
    """Until SIGTERM or SIGINT, or until the database is another one. Gives the exit code of the process. Raises what `opened`
    and `incoming` raise."""
    ending = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, ending.set)
    async with (
        opened(settings, Metrics(), serves=False, traced=traced) as (house, db),
        files_of(settings, house, db, place_of(settings), Threads()) as files,
        incoming(settings, house, db, files),
    ):
        mark = partial(people_mark, db)
        noticing = asyncio.create_task(administration.notice(mark, house.refresh, HINTLESS_SECONDS))
        ends = [asyncio.create_task(event.wait()) for event in (ending, db.outlived)]
        systemd.tell(systemd.READY)
        await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
        systemd.tell(systemd.STOPPING)
        for task in (noticing, *ends):
            task.cancel()
        await asyncio.gather(noticing, *ends, return_exceptions=True)
    log.info("stopped")
    return systemd.BEGIN_ANEW if db.outlived.is_set() else 0
