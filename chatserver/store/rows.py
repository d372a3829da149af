"""Rows ↔ structs, by position: the one place that knows in which order columns are read and written."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from operator import attrgetter
from typing import Any, Final

import msgspec
from msgspec.structs import replace
from sqlalchemy import TextClause, select, text

from chatserver.core.details import NOTHING, Details
from chatserver.core.files import File
from chatserver.core.mails import TakenMail
from chatserver.core.notes import Note
from chatserver.core.people import Agent, Customer
from chatserver.core.tickets import Item, Last, Pending, Rating, Ticket
from chatserver.store.portable import as_list
from chatserver.store.tables import agent_apps, agents, customers, files, items, notes, tickets
from chatserver.store.work import Upload

ENDLESS: Final = 2**63 - 1
"""Above every id: "before" nothing in particular."""
NOT_COLUMNS: Final = ("cid", "customer_id", "node")
"""Of a ticket, known by its customer or never read."""
TICKET_COLUMNS: Final = tuple(c for c in tickets.c if c.name not in NOT_COLUMNS)
CUSTOMER_COLUMNS: Final = tuple(customers.c)
ITEM_COLUMNS: Final = tuple(c for c in items.c if c.name != "ticket_id")
NOTE_COLUMNS: Final = tuple(c for c in notes.c if c.name != "ticket_id")


def literal(condition: str) -> TextClause:
    """A condition of a partial index. It is taken only where the query repeats it, on SQLite never with bound values."""
    return text(condition)


NOT_CLOSED: Final = literal("tickets.state <> 'closed'")
PENDING: Final = literal("tickets.state = 'pending'")
OPEN_LIVE: Final = literal("tickets.state = 'open' AND tickets.mode = 'live'")
MISSED: Final = literal("agents.gone_at IS NOT NULL AND agents.load > 0")
"""Of agents: who are gone, and have chats."""

ticket_select = (
    select(*TICKET_COLUMNS, *CUSTOMER_COLUMNS, agents.c.name)
    .select_from(tickets)
    .join(customers, customers.c.id == tickets.c.customer_id)
    .outerjoin(agents, agents.c.id == tickets.c.agent_id)
)
"""What `ticket_from` reads."""

_app_ids = select(as_list(agent_apps.c.app_id)).where(agent_apps.c.agent_id == agents.c.id).scalar_subquery()

agent_columns = select(
    agents.c.id,
    agents.c.email,
    agents.c.name,
    _app_ids,
    agents.c.status,
    agents.c.capacity,
    agents.c.gone_at,
    agents.c.last_chat_at,
    agents.c.load,
)
"""What `agent_from` reads."""
agent_select = agent_columns.where(agents.c.disabled_at.is_(None))
"""The same of those who may come in: of nobody else does the house know."""

item_select = select(*ITEM_COLUMNS)
"""What `item_from` reads."""

note_select = select(*NOTE_COLUMNS)
"""What `note_from` reads."""

upload_select = select(
    files.c.id, files.c.name, files.c.kind, files.c.bytes, files.c.app_id, files.c.by, files.c.owner
).where(literal("files.ticket_id IS NULL"))
"""What `upload_from` reads."""

_ids = msgspec.json.Decoder(tuple[int, ...])
_details = msgspec.json.Decoder(Details)
_encode = msgspec.json.Encoder().encode
_files = msgspec.json.Decoder(tuple[File, ...])


def ticket_from(row: Sequence[Any]) -> Ticket:
    (
        id,  # noqa: A001 - the column's name
        app_id,
        number,
        subject,
        context,
        opened_at,
        state,
        mode,
        close_reason,
        closed_at,
        follows,
        email,
        priority,
        agent_id,
        assigned_at,
        answer_due_at,
        passed,
        reminded,
        answered_at,
        queued_at,
        queue_rank,
        queue_until,
        turn,
        active_at,
        agent_spoke_at,
        gone_at,
        floor_at,
        proposal,
        last_seq,
        last_text,
        last_by,
        last_at,
        customer_seen,
        agent_seen,
        customer_unread,
        agent_unread,
        stars,
        comment,
        rated_at,
        due_at,
        version,
        source,
        type_,
        category,
        development,
        details,
        pending_at,
        pending_reminded_at,
        unseen_at,
        mailed_seq,
        mail_problem,
        *people,
        agent_name,
    ) = row
    return Ticket(
        id,
        app_id,
        number,
        customer_from(people),
        subject,
        context,
        opened_at,
        state,
        mode,
        close_reason,
        closed_at,
        follows,
        email,
        priority,
        agent_id,
        agent_name or "",
        assigned_at,
        answer_due_at,
        () if passed == "[]" else _ids.decode(passed),
        reminded != 0,
        answered_at,
        queued_at,
        queue_rank,
        queue_until,
        turn,
        active_at,
        agent_spoke_at,
        gone_at,
        floor_at,
        proposal,
        last_seq,
        None if last_by is None else Last(last_text, last_by, last_at),
        customer_seen,
        agent_seen,
        customer_unread,
        agent_unread,
        None if stars is None else Rating(stars, comment, rated_at),
        due_at,
        version,
        source,
        _details_from(type_, category, development, details),
        None if pending_at is None else Pending(pending_at, pending_reminded_at),
        unseen_at,
        mailed_seq,
        mail_problem,
    )


def _details_from(type_: Any, category: str, development: int, details: str) -> Details:
    """Of most tickets nothing was said: they share one value."""
    rest = NOTHING if details == "{}" else _details.decode(details)
    if not (type_ or category or development):
        return rest
    return replace(rest, type=type_, category=category, development=development != 0)


def _details_text(details: Details) -> str:
    """All but what has a column of its own."""
    if details is NOTHING:
        return "{}"
    return _encode(replace(details, type="", category="", development=False)).decode()


CHANGING: Final = (
    "subject",
    "state",
    "mode",
    "close_reason",
    "closed_at",
    "follows",
    "email",
    "priority",
    "agent_id",
    "assigned_at",
    "answer_due_at",
    "passed",
    "reminded",
    "answered_at",
    "queued_at",
    "queue_rank",
    "queue_until",
    "turn",
    "active_at",
    "agent_spoke_at",
    "gone_at",
    "floor_at",
    "proposal",
    "last_seq",
    "last_text",
    "last_by",
    "last_at",
    "customer_seen",
    "agent_seen",
    "customer_unread",
    "agent_unread",
    "stars",
    "comment",
    "rated_at",
    "type",
    "category",
    "development",
    "details",
    "pending_at",
    "pending_reminded_at",
    "due_at",
    "version",
    "unseen_at",
    "mailed_seq",
    "mail_problem",
)
"""What a verb may change in a ticket, in the order of `changing_values`. The rest is written once, at the start."""


def changing_values(t: Ticket) -> tuple[Any, ...]:
    last, rating, details, pending = t.last, t.rating, t.details, t.pending
    return (
        t.subject,
        t.state,
        t.mode,
        t.close_reason,
        t.closed_at,
        t.follows,
        t.email,
        t.priority,
        t.agent_id,
        t.assigned_at,
        t.answer_due_at,
        str(list(t.passed)) if t.passed else "[]",
        1 if t.reminded else 0,
        t.answered_at,
        t.queued_at,
        t.queue_rank,
        t.queue_until,
        t.turn,
        t.active_at,
        t.agent_spoke_at,
        t.gone_at,
        t.floor_at,
        t.proposal,
        t.last_seq,
        *((None, None, None) if last is None else (last.text, last.by, last.at)),
        t.customer_seen,
        t.agent_seen,
        t.customer_unread,
        t.agent_unread,
        *((None, None, None) if rating is None else (rating.stars, rating.comment, rating.at)),
        details.type,
        details.category,
        1 if details.development else 0,
        _details_text(details),
        *((None, None) if pending is None else (pending.since, pending.reminded_at)),
        t.due_at,
        t.version,
        t.unseen_at,
        t.mailed_seq,
        t.mail_problem,
    )


TALKING: Final = (
    *("answer_due_at", "turn", "active_at", "agent_spoke_at", "gone_at", "proposal"),
    *("last_seq", "last_text", "last_by", "last_at"),
    *("customer_seen", "agent_seen", "customer_unread", "agent_unread", "version"),
)
"""What changes while a chat goes on. No index knows any of it, so that writing these alone touches the row and nothing else:
SQLite writes an index anew for each of its columns that an UPDATE names, changed or not."""
talking_values: Callable[[Ticket], tuple[Any, ...]] = attrgetter(
    *(
        name.replace("last_", "last.") if name in ("last_text", "last_by", "last_at") else name
        for name in TALKING
    )
)
"""The values of `TALKING`, for a ticket that has a last message."""


settled = attrgetter(
    "subject",
    "state",
    "mode",
    "close_reason",
    "closed_at",
    "follows",
    "email",
    "priority",
    "agent_id",
    "assigned_at",
    "passed",
    "reminded",
    "answered_at",
    "queued_at",
    "queue_rank",
    "queue_until",
    "floor_at",
    "rating",
    "details",
    "pending",
    "unseen_at",
    "mailed_seq",
    "mail_problem",
)
"""Of a ticket, all that may change but `TALKING` and `due_at`: what stays as it is from one message to the next."""


def customer_from(row: Sequence[Any]) -> Customer:
    return Customer(*row)


def agent_from(row: Sequence[Any]) -> Agent:
    return Agent(row[0], row[1], row[2], tuple(sorted(_ids.decode(row[3]))), *row[4:])


def item_from(row: Sequence[Any]) -> Item:
    seq, at, kind, by, author_id, name, cid, text_, reason, stars, told = row
    if by == "customer" and name:
        by = "system"  # as who is in copy was stored at first; a ticket's own customer is not named
    files_ = () if told is None else _files.decode(told)
    return Item(seq, at, kind, by, author_id, name, cid or "", text_, reason, stars, files_)


def note_from(row: Sequence[Any]) -> Note:
    seq, at, author_id, name, cid, text_, mail, verified = row
    return Note(seq, at, author_id, name, cid, text_, mail, verified != 0)


def upload_from(row: Sequence[Any]) -> Upload:
    return Upload(File(*row[:4]), *row[4:])


# — mails ——————————————————————————————————————————————————————————————————————


def mail_from(row: Sequence[Any]) -> TakenMail:
    """Of the columns of `changes.MAIL`."""
    values = dict(zip(TakenMail.__struct_fields__, row, strict=True))
    return TakenMail(**values | {"verified": bool(values["verified"])})
