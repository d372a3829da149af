"""A customer's own tickets, found by number, or by words of the subject and of what was said in them; for agents those of their
apps, by number, or by words of the subject and of who the customer is.

Nothing is kept for that: one person's tickets are few, and an index of all words would cost every message something. They are
read and compared when somebody searches, in a thread, so that nobody's message waits for it; how many is bounded.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable, Sequence
from itertools import islice
from typing import Final, NamedTuple

from chatserver.core import words
from chatserver.core.tickets import State, Ticket
from chatserver.store import tickets
from chatserver.store.database import Database
from chatserver.store.mails import numbered

LOOKED_AT: Final = 5_000
"""Subjects that one search reads, the latest first: years of anybody's tickets in some milliseconds."""
AT_ONCE: Final = 1_000
SAID_LOOKED_AT: Final = 1_000
"""Messages that one search reads, of the latest tickets first; older tickets are found by their subject."""
SAID_LETTERS: Final = 1_000
"""Characters of a message that are read: most are shorter, and a search must not read megabytes."""
TICKETS_AT_ONCE: Final = 50
"""Tickets whose messages are read at once."""
LEAST: Final = 3
"""Characters of a subject before it says anything."""
SIMILAR_MOST: Final = 3
"""Tickets that are suggested for a subject."""
SIMILAR_AMONG: Final = 300
"""Subjects that are read for that, the latest first: while somebody types everybody else waits for it."""


class _Candidate(NamedTuple):
    """A ticket, and the words that are asked for and do not stand in its subject."""

    id: int
    missing: tuple[str, ...]


class Similar(NamedTuple):
    id: int
    number: int
    subject: str


async def similar(db: Database, app_id: int, key: str, subject: str) -> list[Similar]:
    """The customer's open tickets, the newest first, that sound like this subject; of their latest `SIMILAR_AMONG`. None for what
    says nothing yet."""
    if len(subject.strip()) < LEAST:
        return []
    looked_for = words.wanted(subject)
    page = await tickets.subjects(db, app_id, key, 0, SIMILAR_AMONG)
    alike = (
        Similar(ticket_id, number, its)
        for ticket_id, number, its, state in page
        if state != "closed" and words.alike(its, looked_for)
    )
    return list(islice(alike, SIMILAR_MOST))


async def find(
    db: Database, app_id: int, key: str, asked: str, state: State | None, before: int, limit: int
) -> list[Ticket]:
    """The first `limit` of the customer's tickets, newest first and opened before the ticket `before` (0: all), whose number is
    `asked` ("1042", "#1042"), or all of whose words stand in the subject or in messages of both sides, whatever their accents."""
    found: list[int] = []
    left = SAID_LOOKED_AT
    async for some in _candidates(db, app_id, key, asked, state, before):
        lacking = [one for one in some if one.missing] if left else []
        said = await tickets.said(db, [one.id for one in lacking], SAID_LETTERS, left) if lacking else []
        left -= len(said)
        met = await asyncio.to_thread(_by_messages, lacking, said) if said else set()
        found += [one.id for one in some if not one.missing or one.id in met]
        if len(found) >= limit:
            break
    return await tickets.some_tickets(db, app_id, key, found[:limit])


async def search(db: Database, app_ids: Sequence[int], asked: str, limit: int) -> list[Ticket]:
    """For an agent of these apps `limit` tickets in whatever state: first those of the number `asked`, however old, then those
    whose subject, addresses and names have all words, of the latest `LOOKED_AT` of all apps together, newest first."""
    looked_for, number = words.wanted(asked), _number(asked)
    called: list[int] = []
    found: set[int] = set()
    for app_id in app_ids:
        if number and (ticket := await numbered(db, app_id, number)):
            called.append(ticket.id)
        found.update(await _named(db, app_id, looked_for, LOOKED_AT // len(app_ids), limit))
    ids = [*called, *sorted(found.difference(called), reverse=True)][:limit]
    return sorted(await tickets.tickets_for(db, app_ids, ids), key=lambda ticket: ids.index(ticket.id))


async def _named(db: Database, app_id: int, looked_for: tuple[str, ...], among: int, limit: int) -> list[int]:
    """The first `limit` of an app's latest `among` tickets that have all these words."""
    found: list[int] = []
    at = 0
    while looked_for and among > 0 and len(found) < limit:
        page = await tickets.named(db, app_id, at, min(AT_ONCE, among))
        found += await asyncio.to_thread(_by_names, page, looked_for)
        if len(page) < AT_ONCE:
            break
        at, among = page[-1].number, among - len(page)
    return found[:limit]


def _by_names(page: Iterable[tickets.Named], looked_for: tuple[str, ...]) -> list[int]:
    return [one.id for one in page if words.has_all("\n".join(one.texts), looked_for)]


def _number(asked: str) -> int:
    """ "#1042" is what a ticket is called; 0 for what is no number."""
    text = asked.strip().removeprefix("#").lstrip("0")
    return int(text) if text.isascii() and text.isdigit() and len(text) < len(str(tickets.NUMBER_MOST)) else 0


async def _candidates(
    db: Database, app_id: int, key: str, asked: str, state: State | None, before: int
) -> AsyncIterator[list[_Candidate]]:
    """The customer's tickets in this state, newest first, some at a time."""
    looked_for, at = words.wanted(asked), before
    for _ in range(LOOKED_AT // AT_ONCE):
        page = await tickets.subjects(db, app_id, key, at, AT_ONCE)
        found = await asyncio.to_thread(_by_subject, page, asked, looked_for, state)
        for begin in range(0, len(found), TICKETS_AT_ONCE):
            yield found[begin : begin + TICKETS_AT_ONCE]
        if len(page) < AT_ONCE:
            break
        at = page[-1][0]


def _by_subject(
    page: Iterable[tuple[int, int, str, State]], asked: str, looked_for: tuple[str, ...], state: State | None
) -> list[_Candidate]:
    """Those of a page that are in this state. One whose number is asked for lacks nothing."""
    wanted = _number(asked)
    return [
        _Candidate(ticket_id, () if its_number == wanted else words.missing(subject, looked_for))
        for ticket_id, its_number, subject, its_state in page
        if state is None or state == its_state
    ]


def _by_messages(lacking: Sequence[_Candidate], said: Iterable[tuple[int, str]]) -> set[int]:
    """Of which nothing is missing any more."""
    missing = {one.id: one.missing for one in lacking}
    for ticket_id, text in said:
        if still := missing[ticket_id]:
            missing[ticket_id] = words.missing(text, still)
    return {ticket_id for ticket_id, still in missing.items() if not still}
