"""A customer's own tickets, found by number or by words of the subject."""

from __future__ import annotations

from itertools import islice
from typing import Final, NamedTuple

from chatserver.core import words
from chatserver.core.tickets import State, Ticket
from chatserver.store import tickets
from chatserver.store.database import Database

LOOKED_AT: Final = 5_000
"""Subjects that one search reads, the latest first: years of anybody's tickets in some milliseconds."""
AT_ONCE: Final = 1_000
LEAST: Final = 3
"""Characters of a subject before it says anything."""
SIMILAR_MOST: Final = 3
"""Tickets that are suggested for a subject."""
SIMILAR_AMONG: Final = 300
"""Subjects that are read for that, the latest first: while somebody types everybody else waits for it."""


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
    `asked` ("1042", "#1042") or whose subject has all of its words, whatever their accents."""
    text = asked.strip()
    number = text.removeprefix("#")
    is_number = number.isascii() and number.isdigit()
    looked_for = words.wanted(text)
    found: list[int] = []
    at = before
    for _ in range(LOOKED_AT // AT_ONCE):
        page = await tickets.subjects(db, app_id, key, at, AT_ONCE)
        for ticket_id, its_number, subject, its_state in page:
            fits = words.has_all(subject, looked_for) or (is_number and str(its_number) == number.lstrip("0"))
            if fits and (state is None or state == its_state):
                found.append(ticket_id)
        if len(found) >= limit or len(page) < AT_ONCE:
            break
        at = page[-1][0]
    return await tickets.some_tickets(db, app_id, key, found[:limit])
