"""Incoming mails: their originals, and what was made of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from sqlalchemy import bindparam, delete, exists, func, insert, select

from chatserver.core.addresses import alike
from chatserver.core.mails import Original, TakenMail
from chatserver.core.tickets import Ticket
from chatserver.store.changes import MAIL
from chatserver.store.database import Database
from chatserver.store.rows import mail_from, ticket_from, ticket_select
from chatserver.store.tables import mail_originals, mails, tickets

PIECE_BYTES: Final = 256 * 1024
"""Of an original: between two of them others' messages are written."""
FORGOTTEN_MS: Final = 86_400_000
"""An original that belongs to no mail is kept for so long: whoever wrote it may be at it still."""

_app = mails.c.app_id == bindparam("app_id")
_MAIL_COLUMNS = [mails.c[name] for name in MAIL]
_TAKEN = select(*_MAIL_COLUMNS).where(_app, mails.c.key == bindparam("key"))
_LAST_FROM = (
    select(mails.c.message_id)
    .where(mails.c.ticket_id == bindparam("ticket_id"), mails.c.seq.is_not(None))
    .where(mails.c.sender == bindparam("sender"))
    .order_by(mails.c.seq.desc())
    .limit(1)
)
_OF_TICKET = select(*_MAIL_COLUMNS).where(mails.c.ticket_id == bindparam("ticket_id")).order_by(mails.c.at)
_ORIGINAL = (
    select(mail_originals.c.bytes)
    .where(mail_originals.c.name == bindparam("name"))
    .order_by(mail_originals.c.part)
)
_OF_APP = exists().where(mails.c.original == mail_originals.c.name, _app)
_BYTES = select(func.sum(func.length(mail_originals.c.bytes))).where(_OF_APP)
_SAID = mails.c.seq.is_not(None)
"""It became a message, or a note, with whose original the only copy of what came with it would go."""
_KEPT = (
    select(
        mail_originals.c.name,
        func.min(mail_originals.c.at).label("at"),
        func.sum(func.length(mail_originals.c.bytes)).label("bytes"),
    )
    .where(_OF_APP)
    .group_by(mail_originals.c.name)
    .subquery()
)
"""By itself: there are many more mails than originals, which are not to be walked through."""
_FIRST_TO_GO = (
    select(_KEPT, mails.c.sender, _SAID)
    .join(mails, mails.c.original == _KEPT.c.name)
    .order_by(_SAID, _KEPT.c.at, _KEPT.c.name)
    .limit(bindparam("most"))
)
_NUMBERED = ticket_select.where(
    tickets.c.app_id == bindparam("app_id"), tickets.c.number == bindparam("number")
)


async def keep_original(db: Database, name: str, raw: bytes, now: int) -> None:
    """Durable when it returns. `name`: a new one for each try, so that two tries never mix. Raises as `Database.execute`."""
    for part, start in enumerate(range(0, len(raw) or 1, PIECE_BYTES)):
        piece = raw[start : start + PIECE_BYTES]
        await db.execute(insert(mail_originals).values(name=name, part=part, at=now, bytes=piece))


async def original(db: Database, name: str) -> bytes | None:
    """The mail as it came; None when it is not kept (any more)."""
    rows = await db.rows(_ORIGINAL, name=name)
    return b"".join(bytes(row[0]) for row in rows) if rows else None


async def sweep_originals(db: Database, now: int) -> int:
    """Away with those of mails that were not taken in the end: says how many pieces."""
    old = mail_originals.c.at < now - FORGOTTEN_MS
    taken = exists().where(mails.c.original == mail_originals.c.name)
    (gone,) = await db.execute(delete(mail_originals).where(old, ~taken))
    return int(gone)


async def forget_originals(db: Database, app_id: int, before: int, most: int) -> int:
    """Away with those of an app's mails that came before then (ms), `most` mails of them: says how many pieces."""
    old = select(mail_originals.c.name).where(mail_originals.c.at < before, _OF_APP).distinct().limit(most)
    rows = await db.rows(old, app_id=app_id)
    if not rows:
        return 0
    names = [row[0] for row in rows]
    (gone,) = await db.execute(delete(mail_originals).where(mail_originals.c.name.in_(names)))
    return int(gone)


async def bytes_of_originals(db: Database, app_id: int) -> int:
    """Of all of an app together."""
    rows = await db.rows(_BYTES, app_id=app_id)
    return int(rows[0][0] or 0)


async def originals_of(db: Database, app_id: int, most: int) -> list[Original]:
    """`most` of an app's originals: first those of mails that became no message and no note, then the others, of both the oldest
    first."""
    rows = await db.rows(_FIRST_TO_GO, app_id=app_id, most=most)
    return [Original(name, int(at), int(size), sender, bool(said)) for name, at, size, sender, said in rows]


async def remove_originals(db: Database, names: Sequence[str]) -> None:
    """What the mails became stays, and that they were taken."""
    await db.execute(delete(mail_originals).where(mail_originals.c.name.in_(names)))


async def taken(db: Database, app_id: int, key: str) -> TakenMail | None:
    rows = await db.rows(_TAKEN, app_id=app_id, key=key)
    return mail_from(rows[0]) if rows else None


async def mails_of(db: Database, ticket_id: int) -> list[TakenMail]:
    """The mails that belong to a ticket, in order. Whether somebody may see them is asked of the ticket first."""
    return [mail_from(row) for row in await db.rows(_OF_TICKET, ticket_id=ticket_id)]


async def last_from(db: Database, ticket_id: int, sender: str) -> str:
    """The Message-ID, in brackets, of the last mail from this address that became part of the ticket; "" for none."""
    rows = await db.rows(_LAST_FROM, ticket_id=ticket_id, sender=alike(sender))
    return f"<{rows[0][0]}>" if rows and rows[0][0] else ""


async def numbered(db: Database, app_id: int, number: int) -> Ticket | None:
    """The app's ticket of this number. Says nothing of who may see it."""
    rows = await db.rows(_NUMBERED, app_id=app_id, number=min(number, 2**31 - 1))
    return ticket_from(rows[0]) if rows else None
