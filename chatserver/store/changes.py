"""What a group made of the world, as the rows that have to be written: as few columns as differ, of the sets there are."""

from __future__ import annotations

from collections import Counter
from operator import itemgetter
from typing import Any, Final, NamedTuple

import msgspec

from chatserver.core.addresses import alike
from chatserver.core.files import File
from chatserver.core.tickets import Ticket
from chatserver.store.rows import CHANGING, TALKING, changing_values, settled, talking_values
from chatserver.store.work import World

FIRST: Final = ("id", "app_id", "number", "customer_id", "cid", "context", "opened_at", "source", *CHANGING)
"""The columns of a new ticket."""
TALKING_DUE: Final = (*TALKING, "due_at")
ITEM: Final = ("ticket_id", "seq", "at", "kind", "by", "author_id", "name", "cid", "text", "reason", "stars")
ITEM_WITH_FILES: Final = (*ITEM, "files")
ATTACHED: Final = ("ticket_id", "seq")
LETTER: Final = (
    *("key", "kind", "app_id", "ticket_id", "address", "mailbox", "confirmed", "facts"),
    *("created_at", "due_at", "until_at"),
)
MAIL: Final = (
    *("app_id", "key", "at", "message_id", "sender", "recipient", "subject", "original", "kind", "reason"),
    *("verified", "ticket_id", "seq", "answer"),
)
CUSTOMER: Final = ("id", "app_id", "key", "name", "email", "locale", "zone", "created_at", "claimed")
NOTE: Final = ("ticket_id", "seq", "at", "author_id", "name", "cid", "text", "mail", "verified")
UNREAD_NOTE: Final = ("ticket_id", "app_id", "seq", "at")

_encode: Final = msgspec.json.Encoder().encode


class Changes(NamedTuple):
    """`new`: rows of `FIRST`. `updates`: per set of columns rows of these and the ticket's id. `loads`: (by how much, agent)."""

    new: list[tuple[Any, ...]]
    updates: dict[tuple[str, ...], list[tuple[Any, ...]]]
    loads: list[tuple[int, int]]


def of_tickets(world: World) -> Changes:
    new: list[tuple[Any, ...]] = []
    updates: dict[tuple[str, ...], list[tuple[Any, ...]]] = {}
    loads: Counter[int] = Counter()
    for ticket in world.tickets_to_apply():
        before = world.changed_tickets[ticket.id]
        if before is None:
            cid, context = world.new_tickets[ticket.id]
            identity = (ticket.id, ticket.app_id, ticket.number, ticket.customer.id)
            new.append((*identity, cid, context, ticket.opened_at, ticket.source, *changing_values(ticket)))
            _count(loads, ticket, 1)
        else:
            columns = _columns(before, ticket)
            if columns is CHANGING:  # no other one moves a chat from or to an agent
                _count(loads, before, -1)
                _count(loads, ticket, 1)
            updates.setdefault(columns, []).append(_row(columns, ticket))
    return Changes(new, updates, [(by, agent_id) for agent_id, by in loads.items() if by])


def together(world: World) -> tuple[tuple[str, ...], list[tuple[Any, ...]]]:
    """Of a group without new tickets: one set of columns, all that any ticket needs, and as in `updates` the rows of these; by
    the tickets' ids, an order that whoever locks them keeps too."""
    found = [(world.changed_tickets[after.id], after) for after in world.tickets_to_apply()]
    columns = max((_columns(before, after) for before, after in found if before is not None), key=len)
    return columns, sorted((_row(columns, after) for _, after in found), key=itemgetter(-1))


def moves_loads(world: World) -> bool:
    """Whether a chat begins, ends or changes hands, so that agents' loads have to be written."""
    found = ((world.changed_tickets[after.id], after) for after in world.tickets_to_apply())
    return any(before is None or _attended(before) != _attended(after) for before, after in found)


def items(world: World) -> list[tuple[Any, ...]]:
    """Rows of `ITEM`: of nearly all items, which have no files."""
    return [
        (t, i.seq, i.at, i.kind, i.by, i.author_id, i.name, i.cid or None, i.text, i.reason, i.stars)
        for t, i in world.items
        if not i.files
    ]


def items_with_files(world: World) -> list[tuple[Any, ...]]:
    """Rows of `ITEM_WITH_FILES`."""
    return [
        (
            t,
            i.seq,
            i.at,
            i.kind,
            i.by,
            i.author_id,
            i.name,
            i.cid or None,
            i.text,
            i.reason,
            i.stars,
            told(i.files),
        )
        for t, i in world.items
        if i.files
    ]


def notes(world: World) -> list[tuple[Any, ...]]:
    """Rows of `NOTE`."""
    return [
        (t, n.seq, n.at, n.author_id, n.name, n.cid, n.text, n.mail, int(n.verified))
        for (t, _), n in world.new_notes.items()
    ]


def unread_notes(world: World) -> list[tuple[Any, ...]]:
    """Rows of `UNREAD_NOTE`: per ticket the last of what mails said."""
    last = {t: note for (t, _), note in world.new_notes.items() if note.mail}
    return [(t, world.app_of(t), note.seq, note.at) for t, note in last.items()]


def told(files: tuple[File, ...]) -> str:
    """As `rows.item_from` reads them."""
    return _encode(files).decode()


def attached(world: World) -> list[tuple[Any, ...]]:
    """Rows of `ATTACHED` and the file's id."""
    return [(*message, file_id) for file_id, message in world.attached.items()]


def letters(world: World) -> list[tuple[Any, ...]]:
    """Rows of `LETTER`."""
    return [
        (
            *(one.key, one.kind, one.app_id, one.ticket_id, one.address, alike(one.address)),
            *(int(one.confirmed), msgspec.json.encode(one.facts).decode(), one.at, one.due_at, one.until_at),
        )
        for one in world.letters
    ]


def customers(world: World) -> list[tuple[Any, ...]]:
    """Rows of `CUSTOMER`."""
    return [
        (c.id, c.app_id, c.key, c.name, c.email, c.locale, c.zone, c.created_at, c.claimed)
        for c in world.new_customers.values()
    ]


def mails(world: World) -> list[tuple[Any, ...]]:
    """Rows of `MAIL`."""
    return [
        (
            *(m.app_id, m.key, m.at, m.message_id, m.sender, m.recipient, m.subject, m.original, m.kind),
            *(m.reason, int(m.verified), m.ticket_id, m.seq, m.answer),
        )
        for m in world.new_mails.values()
    ]


def agents(world: World) -> list[tuple[Any, ...]]:
    """Status, gone_at, last_chat_at, id."""
    return [(a.status, a.gone_at, a.last_chat_at, a.id) for a in world.agents_to_apply()]


def _count(loads: Counter[int], ticket: Ticket, by: int) -> None:
    """What a ticket adds to, or takes from, the load of its agent, loaded by anybody in the group or not."""
    if (agent_id := _attended(ticket)) is not None:
        loads[agent_id] += by


def _attended(ticket: Ticket) -> int | None:
    """By whom, as a chat that takes one of their places."""
    return ticket.agent_id if ticket.chatting else None


def _columns(before: Ticket, after: Ticket) -> tuple[str, ...]:
    """The smallest set that has all in which they differ."""
    if after.last is None or settled(before) != settled(after):
        return CHANGING
    return TALKING if before.due_at == after.due_at else TALKING_DUE


def _row(columns: tuple[str, ...], after: Ticket) -> tuple[Any, ...]:
    """The values of one of the three sets, and the ticket's id."""
    if columns is CHANGING:
        return (*changing_values(after), after.id)
    if columns is TALKING_DUE:
        return (*talking_values(after), after.due_at, after.id)
    return (*talking_values(after), after.id)
