"""Incoming mail: in `serve` with SQLite, and as `chatserver mail`, a process that serves nobody else, beside nodes on one
PostgreSQL. Mail hosts bring it (`incoming/listener.py`), or it is fetched from a mailbox (`incoming/fetcher.py`)."""

from __future__ import annotations

import asyncio
import logging
import signal
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext
from functools import partial

from chatserver import i18n, systemd
from chatserver.files.places import place_of
from chatserver.files.threads import Threads
from chatserver.mail.addresses import Signer
from chatserver.metrics import Metrics
from chatserver.processes.opening import HINTLESS_SECONDS, opened
from chatserver.services import administration
from chatserver.services.files import Files, files_of
from chatserver.services.house import House
from chatserver.services.mailroom import Mailroom
from chatserver.settings import Settings
from chatserver.store.accounts import people_mark
from chatserver.store.database import Database
from chatserver.telemetry import Traced, untraced

log = logging.getLogger(__name__)


@asynccontextmanager
async def incoming(settings: Settings, house: House, db: Database, files: Files) -> AsyncIterator[None]:
    """Takes mail wherever settings say so. `files`: open. Raises OSError when nobody can listen there."""
    if not settings.takes_mail:
        yield
        return
    room = mailroom(settings, house, db, files)
    async with _listening(room, settings), _fetching(room, settings):
        yield


def _listening(room: Mailroom, settings: Settings) -> AbstractAsyncContextManager[object]:
    where = settings.mail_address
    if where is None:
        return nullcontext()
    from chatserver.incoming.listener import listening

    return listening(room, where)


def _fetching(room: Mailroom, settings: Settings) -> AbstractAsyncContextManager[object]:
    server = settings.mailbox
    if server is None:
        return nullcontext()
    from chatserver.incoming.fetcher import fetching

    return fetching(
        room,
        server,
        done=settings.mailbox_done,
        poll_seconds=settings.mailbox_poll_seconds,
        metrics=room.house.metrics,
    )


def mailroom(settings: Settings, house: House, db: Database, files: Files) -> Mailroom:
    language = settings.language if settings.language in i18n.LANGUAGES else i18n.DEFAULT
    return Mailroom(
        house,
        db,
        Signer((settings.secret or db.secret).encode()),
        files,
        settings.mail_authserv_id,
        i18n.say(language, "page.mail.no_subject"),
    )


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
