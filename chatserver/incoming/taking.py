"""Incoming mail, wherever settings say it comes from: in `serve` with SQLite, in `chatserver mail` beside nodes on PostgreSQL."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext
from typing import get_args

from chatserver import i18n
from chatserver.mail.addresses import Signer
from chatserver.services.files import Files
from chatserver.services.house import House
from chatserver.services.mailroom import Became, Mailroom
from chatserver.settings import Settings
from chatserver.store.database import Database


@asynccontextmanager
async def incoming(settings: Settings, house: House, db: Database, files: Files) -> AsyncIterator[None]:
    """Takes mail wherever settings say so. `files`: open. Raises OSError when nobody can listen there."""
    if not settings.takes_mail:
        yield
        return
    house.metrics.incoming = dict.fromkeys(get_args(Became), 0)
    room = _mailroom(settings, house, db, files)
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


def _mailroom(settings: Settings, house: House, db: Database, files: Files) -> Mailroom:
    language = i18n.choose(settings.language)
    return Mailroom(
        house,
        db,
        Signer((settings.secret or db.secret).encode()),
        files,
        settings.mail_authserv_id,
        i18n.say(language, "page.mail.no_subject"),
        language,
    )
