"""What a group's use cases made of the world, written by a few constant statements on the writing connection."""

from __future__ import annotations

import sqlite3
from typing import Final

from chatserver.store.rows import CHANGING, changing_values
from chatserver.store.work import World

_FIRST: Final = ("id", "app_id", "number", "customer_id", "cid", "context", "opened_at")

INSERT_TICKET: Final = (
    f"INSERT INTO tickets ({', '.join(_FIRST + CHANGING)}) "  # noqa: S608 - constants only
    f"VALUES ({', '.join('?' * len(_FIRST + CHANGING))})"
)
UPDATE_TICKET: Final = f"UPDATE tickets SET {', '.join(f'{c} = ?' for c in CHANGING)} WHERE id = ?"  # noqa: S608 - constants only
INSERT_ITEM: Final = (
    'INSERT INTO items (ticket_id, seq, at, kind, "by", author_id, name, cid, text, reason, stars) '
    "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
)
PUT_CUSTOMER: Final = (
    "INSERT INTO customers (id, app_id, key, name, email, locale, zone, created_at) "
    "VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (id) DO UPDATE SET "
    "name = excluded.name, email = excluded.email, locale = excluded.locale, zone = excluded.zone"
)
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
    new, old = [], []
    for ticket in world.tickets_to_apply():
        values = changing_values(ticket)
        first = world.new_tickets.get(ticket.id)
        if first is None:
            old.append((*values, ticket.id))
        else:
            cid, context = first
            identity = (ticket.id, ticket.app_id, ticket.number, ticket.customer.id)
            new.append((*identity, cid, context, ticket.opened_at, *values))
    if new:
        db.executemany(INSERT_TICKET, new)
    if old:
        db.executemany(UPDATE_TICKET, old)
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
