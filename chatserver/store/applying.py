"""What a group's use cases made of the world, written by a few constant statements on the writing connection."""

from __future__ import annotations

import sqlite3
from collections import Counter
from typing import Any, Final

from chatserver.core.tickets import Ticket
from chatserver.store.rows import CHANGING, TALKING, changing_values, settled, talking_values
from chatserver.store.work import World

_FIRST: Final = ("id", "app_id", "number", "customer_id", "cid", "context", "opened_at")

INSERT_TICKET: Final = (
    f"INSERT INTO tickets ({', '.join(_FIRST + CHANGING)}) "  # noqa: S608 - constants only
    f"VALUES ({', '.join('?' * len(_FIRST + CHANGING))})"
)


def _update(*columns: str) -> str:
    return f"UPDATE tickets SET {', '.join(f'{c} = ?' for c in columns)} WHERE id = ?"  # noqa: S608 - constants only


UPDATE_TALKING: Final = _update(*TALKING)
UPDATE_TALKING_DUE: Final = _update(*TALKING, "due_at")
UPDATE_TICKET: Final = _update(*CHANGING)
INSERT_ITEM: Final = (
    'INSERT INTO items (ticket_id, seq, at, kind, "by", author_id, name, cid, text, reason, stars) '
    "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
)
PUT_CUSTOMER: Final = (
    "INSERT INTO customers (id, app_id, key, name, email, locale, zone, created_at) "
    "VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (id) DO UPDATE SET "
    "name = excluded.name, email = excluded.email, locale = excluded.locale, zone = excluded.zone"
)
MOVE_LOAD: Final = "UPDATE agents SET load = load + ? WHERE id = ?"
UPDATE_AGENT: Final = "UPDATE agents SET status = ?, gone_at = ?, last_chat_at = ? WHERE id = ?"


def changed(world: World) -> bool:
    """Whether there is anything to write."""
    return bool(world.changed_tickets or world.new_customers or world.changed_agents)


def apply(db: sqlite3.Connection, world: World) -> None:
    """Write everything that changed, in an order that foreign keys accept. Raises sqlite3.Error; the caller rolls back."""
    if world.new_customers:
        db.executemany(
            PUT_CUSTOMER,
            [
                (c.id, c.app_id, c.key, c.name, c.email, c.locale, c.zone, c.created_at)
                for c in world.new_customers.values()
            ],
        )
    _apply_tickets(db, world)
    if world.items:
        db.executemany(
            INSERT_ITEM,
            [
                (t, i.seq, i.at, i.kind, i.by, i.author_id, i.name, i.cid or None, i.text, i.reason, i.stars)
                for t, i in world.items
            ],
        )
    if world.changed_agents:
        db.executemany(
            UPDATE_AGENT,
            [(a.status, a.gone_at, a.last_chat_at, a.id) for a in world.agents_to_apply()],
        )


def _apply_tickets(db: sqlite3.Connection, world: World) -> None:
    new: list[tuple[Any, ...]] = []
    updates: dict[str, list[tuple[Any, ...]]] = {}
    loads: Counter[int] = Counter()
    for ticket in world.tickets_to_apply():
        before = world.changed_tickets[ticket.id]
        if before is None:
            cid, context = world.new_tickets[ticket.id]
            identity = (ticket.id, ticket.app_id, ticket.number, ticket.customer.id)
            new.append((*identity, cid, context, ticket.opened_at, *changing_values(ticket)))
            _count(loads, ticket, 1)
        else:
            statement, values = _difference(before, ticket)
            if statement is UPDATE_TICKET:  # no other one moves a chat from or to an agent
                _count(loads, before, -1)
                _count(loads, ticket, 1)
            updates.setdefault(statement, []).append(values)
    if new:
        db.executemany(INSERT_TICKET, new)
    for statement, rows in updates.items():
        db.executemany(statement, rows)
    if moves := [(by, agent_id) for agent_id, by in loads.items() if by]:
        db.executemany(MOVE_LOAD, moves)


def _count(loads: Counter[int], ticket: Ticket, by: int) -> None:
    """What a ticket adds to, or takes from, the load of its agent, loaded by anybody in the group or not."""
    if ticket.agent_id is not None and ticket.chatting:
        loads[ticket.agent_id] += by


def _difference(before: Ticket, after: Ticket) -> tuple[str, tuple[Any, ...]]:
    """The statement that writes as few columns as these two differ in, of the three there are, and its values."""
    if after.last is None or settled(before) != settled(after):
        return UPDATE_TICKET, (*changing_values(after), after.id)
    if before.due_at != after.due_at:
        return UPDATE_TALKING_DUE, (*talking_values(after), after.due_at, after.id)
    return UPDATE_TALKING, (*talking_values(after), after.id)
