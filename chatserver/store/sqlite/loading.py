"""What a group's use cases need, read in a few statements on the writing connection, before any of them decides.

Lists of keys travel as one JSON text (`json_each`), so that every statement is a constant which SQLite prepares once.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence
from typing import Any, Final

import msgspec
from sqlalchemy.dialects import sqlite

from chatserver.core.mails import ANSWERS_AT_MOST
from chatserver.core.tickets import By
from chatserver.store.changes import MAIL
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
from chatserver.store.sqlite.known import Known, Said, message_key
from chatserver.store.tables import customers
from chatserver.store.work import FIRST_NUMBER, WAITING_HEAD, Needs, World


def sql(statement: Any) -> str:
    """The text of a constant SELECT. Column names alone, no values."""
    return str(statement.compile(dialect=sqlite.dialect()))


_CUSTOMER = ", ".join(f"customers.{c.name}" for c in customers.c)
_MAIL = ", ".join(f"mails.{name}" for name in MAIL)

TICKETS: Final = sql(ticket_select) + " WHERE tickets.id IN (SELECT value FROM json_each(?))"  # noqa: S608 - constants only
SAID: Final = """
SELECT items.ticket_id, items."by", items.author_id, items.cid, items.seq FROM json_each(?) AS wanted CROSS JOIN items
WHERE items.ticket_id = wanted.value AND items.cid IS NOT NULL
"""
NOTED: Final = """
SELECT wanted.key, notes.seq FROM json_each(?) AS wanted CROSS JOIN notes
WHERE notes.ticket_id = json_extract(wanted.value, '$[0]') AND notes.author_id = json_extract(wanted.value, '$[1]')
AND notes.cid = json_extract(wanted.value, '$[2]')
"""
LAST_NOTES: Final = """
SELECT wanted.value, coalesce((SELECT max(seq) FROM notes WHERE ticket_id = wanted.value), 0),
(SELECT count(*) FROM notes WHERE ticket_id = wanted.value AND author_id = 0) FROM json_each(?) AS wanted
"""
CUSTOMERS: Final = f"""
SELECT wanted.key, {_CUSTOMER} FROM json_each(?) AS wanted CROSS JOIN customers
WHERE customers.app_id = json_extract(wanted.value, '$[0]')
AND customers.key = json_extract(wanted.value, '$[1]')
"""  # noqa: S608 - constants only
OPENED: Final = """
SELECT wanted.key, tickets.id FROM json_each(?) AS wanted CROSS JOIN customers CROSS JOIN tickets
WHERE customers.app_id = json_extract(wanted.value, '$[0]')
AND customers.key = json_extract(wanted.value, '$[1]')
AND tickets.customer_id = customers.id AND tickets.cid = json_extract(wanted.value, '$[2]')
"""
CHATS_OF: Final = """
SELECT id FROM tickets WHERE customer_id IN (SELECT value FROM json_each(?)) AND state = 'open' AND mode = 'live'
"""
ANSWERED: Final = """
SELECT wanted.value, (
    SELECT agent_id FROM tickets WHERE customer_id = wanted.value AND state = 'closed' AND answered_at IS NOT NULL
    ORDER BY id DESC LIMIT 1
) FROM json_each(?) AS wanted
"""
CHATS_AT: Final = """
SELECT id FROM tickets WHERE agent_id IN (SELECT value FROM json_each(?)) AND state = 'open' AND mode = 'live'
"""
NUMBER: Final = "SELECT max(number) FROM tickets WHERE app_id = ?"
_AGENTS = """ AND agents.id IN (SELECT value FROM json_each(?)
UNION SELECT agent_id FROM agent_apps WHERE app_id IN (SELECT value FROM json_each(?)))
"""
AGENTS: Final = sql(agent_select) + _AGENTS
QUEUE: Final = """
SELECT id FROM tickets WHERE app_id = ? AND queue_rank IS NOT NULL ORDER BY queue_rank, id LIMIT ?
"""

FILES: Final = sql(upload_select) + " AND files.id IN (SELECT value FROM json_each(?))"  # noqa: S608 - constants only
MAILS: Final = f"""
SELECT wanted.key, {_MAIL} FROM json_each(?) AS wanted CROSS JOIN mails
WHERE mails.app_id = json_extract(wanted.value, '$[0]') AND mails.key = json_extract(wanted.value, '$[1]')
"""  # noqa: S608 - constants only
ANSWERED_MAILS: Final = """
SELECT at FROM mails WHERE app_id = ? AND sender = ? AND answer <> '' ORDER BY at DESC LIMIT ?
"""

_encode = msgspec.json.Encoder().encode


def load(db: sqlite3.Connection, world: World, group: Sequence[Needs], known: Known) -> None:
    """Fill `world` with what all of `group` needs: each ticket once, as it stands before the group. Tickets that are `known`
    are not read again."""
    tickets = {one for needs in group for one in needs.tickets}
    said = {one for needs in group for one in needs.said}
    noted = {one for needs in group for one in needs.noted}
    people = {one for needs in group for one in needs.customers}
    opened = {one for needs in group for one in needs.opened}
    numbers = {one for needs in group for one in needs.numbers}
    agents = {one for needs in group for one in needs.agents}
    files = {one for needs in group for one in needs.files}
    world.desks.update(one for needs in group for one in needs.desks)
    world.attended.update(one for needs in group for one in needs.attended)
    if noted:
        _load_noted(db, world, noted)
    if people:
        tickets |= _load_customers(db, world, people)
    if opened:
        tickets |= _load_opened(db, world, opened)
    if agents or world.desks:
        _load_agents(db, world, agents)
    if world.attended:
        tickets.update(row[0] for row in db.execute(CHATS_AT, (_json(world.attended),)))
    for app_id in world.desks:
        tickets.update(row[0] for row in db.execute(QUEUE, (app_id, WAITING_HEAD)))
    for app_id in numbers:
        world.loaded_number(app_id, db.execute(NUMBER, (app_id,)).fetchone()[0] or FIRST_NUMBER - 1)
    _load_mails(db, world, group)
    if tickets:
        _load_tickets(db, world, tickets, known)
    if said:
        _load_said(db, world, said, known)
    if files:
        for row in db.execute(FILES, (_json(files),)).fetchall():
            world.loaded_upload(upload_from(row))


def _load_tickets(db: sqlite3.Connection, world: World, tickets: set[int], known: Known) -> None:
    missing: list[int] = []
    for ticket_id in tickets:
        ticket = known.ticket(ticket_id)
        if ticket is None:
            missing.append(ticket_id)
        else:
            world.loaded_ticket(ticket)
    if missing:
        for row in db.execute(TICKETS, (_json(missing),)).fetchall():
            ticket = ticket_from(row)
            known.read(ticket)
            world.loaded_ticket(ticket)


def _load_said(
    db: sqlite3.Connection, world: World, said: set[tuple[int, By, int, str]], known: Known
) -> None:
    """After the tickets: of those that are not known nothing is kept."""
    found: dict[int, Said] = {}
    missing: list[int] = []
    for ticket_id in {one[0] for one in said}:
        of_it = known.said(ticket_id)
        if of_it is None:
            missing.append(ticket_id)
        else:
            found[ticket_id] = of_it
    if missing:
        found |= _read_said(db, missing, known)
    for one in said:
        ticket_id, by, author_id, cid = one
        world.loaded_said(one, found[ticket_id].get(message_key(by, author_id, cid)))


def _read_said(db: sqlite3.Connection, tickets: list[int], known: Known) -> dict[int, Said]:
    found: dict[int, Said] = {ticket_id: {} for ticket_id in tickets}
    for ticket_id, by, author_id, cid, seq in db.execute(SAID, (_json(tickets),)):
        found[ticket_id][message_key(by, author_id, cid)] = seq
    for ticket_id, said in found.items():
        known.read_said(ticket_id, said)
    return found


def _load_noted(db: sqlite3.Connection, world: World, noted: set[tuple[int, int, str]]) -> None:
    keys = list(noted)
    found = dict(db.execute(NOTED, (_json(keys),)).fetchall())
    for place, key in enumerate(keys):
        world.loaded_noted(key, found.get(place))
    for ticket_id, last, mailed in db.execute(LAST_NOTES, (_json({key[0] for key in keys}),)).fetchall():
        world.loaded_last_note(ticket_id, last, mailed)


def _load_customers(db: sqlite3.Connection, world: World, people: set[tuple[int, str]]) -> set[int]:
    keys = list(people)
    found = {row[0]: customer_from(row[1:]) for row in db.execute(CUSTOMERS, (_json(keys),)).fetchall()}
    for place, key in enumerate(keys):
        world.loaded_customer(key, found.get(place))
    if not found:
        return set()
    ids = _json([c.id for c in found.values()])
    answered = dict(db.execute(ANSWERED, (ids,)).fetchall())
    for customer in found.values():
        world.loaded_answered((customer.app_id, customer.key), answered[customer.id])
    return {row[0] for row in db.execute(CHATS_OF, (ids,)).fetchall()}


def _load_opened(db: sqlite3.Connection, world: World, opened: set[tuple[int, str, str]]) -> set[int]:
    keys = list(opened)
    found: dict[int, int] = dict(db.execute(OPENED, (_json(keys),)).fetchall())
    for place, key in enumerate(keys):
        world.loaded_opened(key, found.get(place))
    return set(found.values())


def _load_mails(db: sqlite3.Connection, world: World, group: Sequence[Needs]) -> None:
    keys = list({one for needs in group for one in needs.mails})
    if keys:
        found = {row[0]: mail_from(row[1:]) for row in db.execute(MAILS, (_json(keys),)).fetchall()}
        for place, key in enumerate(keys):
            world.loaded_mail(key, found.get(place))
    for app_id, address in {one for needs in group for one in needs.answered}:
        rows = db.execute(ANSWERED_MAILS, (app_id, address, ANSWERS_AT_MOST)).fetchall()
        world.loaded_answers((app_id, address), tuple(at for (at,) in rows))


def _load_agents(db: sqlite3.Connection, world: World, agents: set[int]) -> None:
    for row in db.execute(AGENTS, (_json(agents), _json(world.desks))).fetchall():
        world.loaded_agent(agent_from(row))


def _json(keys: Iterable[Any]) -> str:
    return _encode(list(keys)).decode()
