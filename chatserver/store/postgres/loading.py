"""What a group's use cases need, read and locked in a few statements before any of them decides.

Locks are taken in one order everywhere, so that no two nodes wait for each other: apps, agents, tickets, files, each by id. An
app's lock is its queue's: whoever pairs, opens a ticket or gives it a number holds it. What is read after a lock is as the last
one who held it left it, since every statement sees all that was committed before it began.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from chatserver.core.mails import ANSWERS_AT_MOST
from chatserver.store.changes import MAIL
from chatserver.store.postgres.statements import text
from chatserver.store.rows import (
    agent_from,
    agent_select,
    customer_from,
    mail_from,
    ticket_from,
    ticket_select,
    upload_from,
    upload_select,
)
from chatserver.store.tables import customers
from chatserver.store.work import FIRST_NUMBER, WAITING_HEAD, Needs, World

_CUSTOMER = ", ".join(f"customers.{c.name}" for c in customers.c)
_MAIL = ", ".join(f"mails.{name}" for name in MAIL)
_PEOPLE = "unnest($1::bigint[], $2::text[]) WITH ORDINALITY AS wanted(app_id, key, place)"

LOCK_APPS: Final = "SELECT id FROM apps WHERE id = ANY($1::bigint[]) ORDER BY id FOR NO KEY UPDATE"
_LOCKED_AGENTS: Final = """(agents.id = ANY($1::bigint[])
OR agents.id IN (SELECT agent_id FROM agent_apps WHERE app_id = ANY($2::bigint[])))
ORDER BY agents.id FOR NO KEY UPDATE OF agents"""
# First for agents who are named: should somebody else hold the row, an administrator may be changing what they attend, and the
# statement that waits for it shows the apps of before. Who comes by an app holds that one's lock, as whoever changes that does.
LOCK_AGENTS: Final = f"SELECT id FROM agents WHERE {_LOCKED_AGENTS}"  # noqa: S608 - constants only
AGENTS: Final = f"{text(agent_select)} AND {_LOCKED_AGENTS}"
CUSTOMERS: Final = f"""SELECT wanted.place, {_CUSTOMER} FROM {_PEOPLE}
JOIN customers ON customers.app_id = wanted.app_id AND customers.key = wanted.key"""  # noqa: S608 - constants only
ANSWERED: Final = """SELECT wanted.id, (
    SELECT agent_id FROM tickets WHERE customer_id = wanted.id AND state = 'closed' AND answered_at IS NOT NULL
    ORDER BY id DESC LIMIT 1
) FROM unnest($1::bigint[]) AS wanted(id)"""
CHATS_OF: Final = (
    "SELECT id FROM tickets WHERE customer_id = ANY($1::bigint[]) AND state = 'open' AND mode = 'live'"
)
# Agent by agent (OFFSET keeps it so): for a list of them PostgreSQL would walk through all open chats, by another index.
CHATS_AT: Final = """SELECT chat.id FROM unnest($1::bigint[]) AS given(agent_id), LATERAL (
    SELECT id FROM tickets WHERE agent_id = given.agent_id AND state = 'open' AND mode = 'live' OFFSET 0
) AS chat"""
OPENED: Final = """SELECT wanted.place, tickets.id
FROM unnest($1::bigint[], $2::text[], $3::text[]) WITH ORDINALITY AS wanted(app_id, key, cid, place)
JOIN customers ON customers.app_id = wanted.app_id AND customers.key = wanted.key
JOIN tickets ON tickets.customer_id = customers.id AND tickets.cid = wanted.cid"""
QUEUES: Final = """SELECT head.id FROM unnest($1::bigint[]) AS desk(app_id), LATERAL (
    SELECT id FROM tickets WHERE app_id = desk.app_id AND queue_rank IS NOT NULL ORDER BY queue_rank, id LIMIT $2
) AS head"""
NUMBERS: Final = """SELECT desk.app_id, (SELECT max(number) FROM tickets WHERE app_id = desk.app_id)
FROM unnest($1::bigint[]) AS desk(app_id)"""
LOCK_TICKETS: Final = "SELECT id FROM tickets WHERE id = ANY($1::bigint[]) ORDER BY id FOR NO KEY UPDATE"
# Not together with the lock: of a row that somebody else held, joins would show people as they were before.
_TICKETS: Final = f"{text(ticket_select)} WHERE tickets.id = ANY"
TICKETS: Final = f"{_TICKETS}($1::bigint[])"
_SAID: Final = """FROM unnest($1::bigint[], $2::text[], $3::text[], $4::bigint[])
WITH ORDINALITY AS wanted(ticket_id, "by", cid, author_id, place)
JOIN items ON items.ticket_id = wanted.ticket_id AND items.cid = wanted.cid AND items."by" = wanted."by"
AND wanted.author_id IN (0, items.author_id)"""
SAID: Final = f"SELECT wanted.place, items.seq {_SAID}"
HEARD: Final = f"""WITH known AS MATERIALIZED (
    SELECT ticket_id, array_agg(place) AS places, array_agg(seq) AS numbers FROM (
        SELECT wanted.ticket_id, wanted.place, items.seq {_SAID}
    ) AS found GROUP BY ticket_id
)
SELECT ticket.*, known.places, known.numbers FROM ({_TICKETS}($5::bigint[])) AS ticket
LEFT JOIN known ON known.ticket_id = ticket.id"""  # noqa: S608 - constants only
"""TICKETS with SAID, for who wants nothing else: each ticket with what is known of it already."""
NOTED: Final = """SELECT wanted.place, notes.seq
FROM unnest($1::bigint[], $2::bigint[], $3::text[]) WITH ORDINALITY AS wanted(ticket_id, author_id, cid, place)
JOIN notes ON notes.ticket_id = wanted.ticket_id AND notes.author_id = wanted.author_id AND notes.cid = wanted.cid"""
LAST_NOTES: Final = """SELECT wanted.id, coalesce((SELECT max(seq) FROM notes WHERE ticket_id = wanted.id), 0),
(SELECT count(*) FROM notes WHERE ticket_id = wanted.id AND author_id = 0)
FROM unnest($1::bigint[]) AS wanted(id)"""
FILES: Final = f"{text(upload_select)} AND files.id = ANY($1::text[]) ORDER BY files.id FOR NO KEY UPDATE"

MAILS: Final = f"""SELECT wanted.place, {_MAIL} FROM {_PEOPLE}
JOIN mails ON mails.app_id = wanted.app_id AND mails.key = wanted.key"""  # noqa: S608 - constants only
ANSWERED_MAILS: Final = f"""SELECT wanted.place, earlier.at
FROM {_PEOPLE}, LATERAL (
    SELECT at FROM mails WHERE app_id = wanted.app_id AND sender = wanted.key AND answer <> '' ORDER BY at DESC LIMIT $3
) AS earlier"""  # noqa: S608 - constants only

CLAIMS: Final = """SELECT 'agent', id, node FROM agents WHERE id = ANY($1::bigint[])
UNION ALL SELECT 'customer', id, node FROM tickets WHERE id = ANY($2::bigint[])"""


async def load(db: Any, world: World, group: Sequence[Needs], node: int) -> None:
    """Fill `world` with what all of `group` needs, within the transaction of `db` (asyncpg's connection) of this `node`."""
    tickets = {one for needs in group for one in needs.tickets}
    said = list({one for needs in group for one in needs.said})
    noted = list({one for needs in group for one in needs.noted})
    people = list({one for needs in group for one in needs.customers})
    opened = list({one for needs in group for one in needs.opened})
    numbers = {one for needs in group for one in needs.numbers}
    agents = {one for needs in group for one in needs.agents}
    files = {one for needs in group for one in needs.files}
    world.desks.update(one for needs in group for one in needs.desks)
    world.attended.update(one for needs in group for one in needs.attended)
    if numbers or world.desks:
        await db.fetch(LOCK_APPS, list(numbers | world.desks))
    if agents:
        await db.fetch(LOCK_AGENTS, list(agents), list(world.desks))
    if agents or world.desks:
        for row in await db.fetch(AGENTS, list(agents), list(world.desks)):
            world.loaded_agent(agent_from(row))
    if people:
        tickets |= await _load_customers(db, world, people)
    if opened:
        tickets |= await _load_opened(db, world, opened)
    if world.attended:
        tickets.update(row[0] for row in await db.fetch(CHATS_AT, list(world.attended)))
    if world.desks:
        tickets.update(row[0] for row in await db.fetch(QUEUES, list(world.desks), WAITING_HEAD))
    if numbers:
        for app_id, last in await db.fetch(NUMBERS, list(numbers)):
            world.loaded_number(app_id, last or FIRST_NUMBER - 1)
    await _load_mails(db, world, group)
    if tickets:
        wanted = list(tickets)
        await db.fetch(LOCK_TICKETS, wanted)
        if said and not files and tickets.issuperset(key[0] for key in said):
            await _load_heard(db, world, wanted, said)
            said = []
        else:
            for row in await db.fetch(TICKETS, wanted):
                world.loaded_ticket(ticket_from(row))
    if files:
        for row in await db.fetch(FILES, list(files)):
            world.loaded_upload(upload_from(row))
    if said:
        await _load_said(db, world, said)
    if noted:
        await _load_noted(db, world, noted)
    if any(needs.claims for needs in group):
        world.loaded_claims(node, await db.fetch(CLAIMS, list(agents), list(tickets)))


async def _load_mails(db: Any, world: World, group: Sequence[Needs]) -> None:
    """After the app is locked, which whoever takes a mail asks a number of: nobody takes the same one meanwhile."""
    if mails := list({one for needs in group for one in needs.mails}):
        app_ids, keys = zip(*mails, strict=True)
        found = {row[0]: mail_from(row[1:]) for row in await db.fetch(MAILS, list(app_ids), list(keys))}
        for place, key in enumerate(mails, 1):
            world.loaded_mail(key, found.get(place))
    if people := list({one for needs in group for one in needs.answered}):
        app_ids, addresses = zip(*people, strict=True)
        rows = await db.fetch(ANSWERED_MAILS, list(app_ids), list(addresses), ANSWERS_AT_MOST)
        for place, key in enumerate(people, 1):
            world.loaded_answers(key, tuple(row[1] for row in rows if row[0] == place))


async def _load_heard(db: Any, world: World, tickets: list[int], said: list[Any]) -> None:
    """The tickets, which are locked, and what of this is stored already."""
    found: dict[int, int] = {}
    for row in await db.fetch(HEARD, *_said_columns(said), tickets):
        *ticket, places, numbers = row
        world.loaded_ticket(ticket_from(ticket))
        found.update(zip(places or (), numbers or (), strict=True))
    for place, key in enumerate(said, 1):
        world.loaded_said(key, found.get(place))


async def _load_said(db: Any, world: World, said: list[Any]) -> None:
    """After the tickets are locked: nobody stores a message of theirs meanwhile."""
    found = {row[0]: row[1] for row in await db.fetch(SAID, *_said_columns(said))}
    for place, key in enumerate(said, 1):
        world.loaded_said(key, found.get(place))


async def _load_noted(db: Any, world: World, noted: list[tuple[int, int, str]]) -> None:
    """After the tickets are locked: nobody writes a note of theirs meanwhile."""
    ticket_ids, authors, cids = zip(*noted, strict=True)
    found = {row[0]: row[1] for row in await db.fetch(NOTED, list(ticket_ids), list(authors), list(cids))}
    for place, key in enumerate(noted, 1):
        world.loaded_noted(key, found.get(place))
    for ticket_id, last, mailed in await db.fetch(LAST_NOTES, list(set(ticket_ids))):
        world.loaded_last_note(ticket_id, last, mailed)


def _said_columns(said: list[Any]) -> tuple[list[Any], ...]:
    """As SAID takes them."""
    ticket_ids, sides, authors, cids = zip(*said, strict=True)
    return list(ticket_ids), list(sides), list(cids), list(authors)


async def _load_customers(db: Any, world: World, people: list[tuple[int, str]]) -> set[int]:
    app_ids, keys = zip(*people, strict=True)
    rows = await db.fetch(CUSTOMERS, list(app_ids), list(keys))
    found = {row[0]: customer_from(row[1:]) for row in rows}
    for place, key in enumerate(people, 1):
        world.loaded_customer(key, found.get(place))
    if not found:
        return set()
    ids = [c.id for c in found.values()]
    answered = {row[0]: row[1] for row in await db.fetch(ANSWERED, ids)}
    for customer in found.values():
        world.loaded_answered((customer.app_id, customer.key), answered[customer.id])
    return {row[0] for row in await db.fetch(CHATS_OF, ids)}


async def _load_opened(db: Any, world: World, opened: list[tuple[int, str, str]]) -> set[int]:
    app_ids, keys, cids = zip(*opened, strict=True)
    rows = await db.fetch(OPENED, list(app_ids), list(keys), list(cids))
    found: dict[int, int] = {row[0]: row[1] for row in rows}
    for place, key in enumerate(opened, 1):
        world.loaded_opened(key, found.get(place))
    return set(found.values())
