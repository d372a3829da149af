"""Reading a ticket's internal sequence. Whether somebody may is asked of the ticket first (tickets.py), through an agent's apps:
no customer has a way to it."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import bindparam, select, tuple_

from chatserver.core.events import NoteWritten
from chatserver.core.notes import UNREAD_AT_MOST, Note, UnreadNote
from chatserver.store.database import Database
from chatserver.store.items import LAST
from chatserver.store.portable import one_of
from chatserver.store.rows import note_from, note_select
from chatserver.store.tables import notes, tickets
from chatserver.store.tables import unread_notes as unread

_AFTER = (
    note_select.where(notes.c.ticket_id == bindparam("ticket_id"), notes.c.seq > bindparam("after"))
    .order_by(notes.c.seq)
    .limit(bindparam("limit"))
)
_ONE = note_select.where(notes.c.ticket_id == bindparam("ticket_id"), notes.c.seq == bindparam("seq"))
_place = tuple_(notes.c.at, notes.c.ticket_id, notes.c.seq)
_LATEST = (
    note_select.add_columns(
        tickets.c.app_id, tickets.c.id, tickets.c.number, tickets.c.subject, tickets.c.agent_id
    )
    .join(tickets, tickets.c.id == notes.c.ticket_id)
    .where(
        _place > tuple_(bindparam("at"), bindparam("ticket_id"), bindparam("seq")),
        one_of(tickets.c.app_id, "app_ids"),
    )
    .order_by(notes.c.at, notes.c.ticket_id, notes.c.seq)
    .limit(bindparam("limit"))
)
_unread = (
    select(unread)
    .where(unread.c.app_id == bindparam("app_id"))
    .order_by(unread.c.at.desc())
    .limit(bindparam("limit"))
    .subquery()
)
_UNREAD = select(
    _unread.c.app_id,
    _unread.c.ticket_id,
    _unread.c.seq,
    tickets.c.number,
    tickets.c.subject,
    tickets.c.agent_id,
    tickets.c.state,
).join(tickets, tickets.c.id == _unread.c.ticket_id)
"""The state is looked at afterwards: what was closed unread is passed by, and however much there is of it costs nothing."""


async def notes_after(db: Database, ticket_id: int, after: int, limit: int) -> list[Note]:
    """The first `limit` notes with a number above `after`, in order."""
    rows = await db.rows(_AFTER, ticket_id=ticket_id, after=min(after, LAST), limit=limit)
    return [note_from(row) for row in rows]


async def note_numbered(db: Database, ticket_id: int, seq: int) -> Note | None:
    rows = await db.rows(_ONE, ticket_id=ticket_id, seq=min(seq, LAST))
    return note_from(rows[0]) if rows else None


async def latest_notes(
    db: Database, app_ids: Sequence[int], place: tuple[int, int, int], limit: int
) -> list[NoteWritten]:
    """As they were told: the first `limit` notes of tickets of these apps that come after this place: (ms, ticket, number)."""
    at, ticket_id, seq = place
    rows = await db.rows(_LATEST, app_ids=list(app_ids), at=at, ticket_id=ticket_id, seq=seq, limit=limit)
    return [
        NoteWritten(app_id, ticket_id, note_from(note), number, subject, agent_id)
        for *note, app_id, ticket_id, number, subject, agent_id in rows
    ]


async def unread_notes(db: Database, app_ids: Sequence[int], limit: int = UNREAD_AT_MOST) -> list[UnreadNote]:
    """Of tickets of these apps that are not closed: what mails said and nobody has read. Of each app's `limit` latest ones."""
    found: list[UnreadNote] = []
    for app_id in app_ids:  # one by one, so that each is read in the order of its index and no further
        rows = await db.rows(_UNREAD, app_id=app_id, limit=limit)
        found += [UnreadNote(*row[:-1]) for row in rows if row[-1] != "closed"]
    return found
