"""What a group's use cases made of the world, written by a few constant statements on the writing connection."""

from __future__ import annotations

import sqlite3
from typing import Final

from chatserver.store import changes
from chatserver.store.changes import (
    ATTACHED,
    CUSTOMER,
    FIRST,
    ITEM,
    ITEM_WITH_FILES,
    LETTER,
    MAIL,
    NOTE,
    TALKING_DUE,
    UNREAD_NOTE,
)
from chatserver.store.rows import CHANGING, TALKING
from chatserver.store.work import World


def _insert(table: str, columns: tuple[str, ...]) -> str:
    names = ", ".join(f'"{c}"' for c in columns)
    return f"INSERT INTO {table} ({names}) VALUES ({', '.join('?' * len(columns))})"  # noqa: S608 - constants only


def _update(columns: tuple[str, ...], table: str = "tickets") -> str:
    return f"UPDATE {table} SET {', '.join(f'{c} = ?' for c in columns)} WHERE id = ?"  # noqa: S608 - constants only


INSERT_TICKET: Final = _insert("tickets", FIRST)
UPDATE_TALKING: Final = _update(TALKING)
UPDATE_TALKING_DUE: Final = _update(TALKING_DUE)
UPDATE_TICKET: Final = _update(CHANGING)
_UPDATES: Final = {TALKING: UPDATE_TALKING, TALKING_DUE: UPDATE_TALKING_DUE, CHANGING: UPDATE_TICKET}
INSERT_ITEM: Final = _insert("items", ITEM)
INSERT_ITEM_WITH_FILES: Final = _insert("items", ITEM_WITH_FILES)
INSERT_NOTE: Final = _insert("notes", NOTE)
PUT_UNREAD_NOTE: Final = (
    f"{_insert('unread_notes', UNREAD_NOTE)} "
    "ON CONFLICT (ticket_id) DO UPDATE SET seq = excluded.seq, at = excluded.at"
)
READ_NOTES: Final = "DELETE FROM unread_notes WHERE ticket_id = ? AND seq <= ?"
ATTACH: Final = _update(ATTACHED, "files")
PUT_CUSTOMER: Final = (
    f"{_insert('customers', CUSTOMER)} ON CONFLICT (id) DO UPDATE SET "
    "name = excluded.name, email = excluded.email, locale = excluded.locale, zone = excluded.zone, "
    "claimed = excluded.claimed"
)
POST: Final = f"{_insert('outbox', LETTER)} ON CONFLICT (key) DO NOTHING"
INSERT_MAIL: Final = _insert("mails", MAIL)
MOVE_LOAD: Final = "UPDATE agents SET load = load + ? WHERE id = ?"
UPDATE_AGENT: Final = "UPDATE agents SET status = ?, gone_at = ?, last_chat_at = ? WHERE id = ?"


def apply(db: sqlite3.Connection, world: World) -> None:
    """Write everything that changed, in an order that foreign keys accept. Raises sqlite3.Error; the caller rolls back."""
    if world.new_customers:
        db.executemany(PUT_CUSTOMER, changes.customers(world))
    new, updates, loads = changes.of_tickets(world)
    if new:
        db.executemany(INSERT_TICKET, new)
    for columns, rows in updates.items():
        db.executemany(_UPDATES[columns], rows)
    if loads:
        db.executemany(MOVE_LOAD, loads)
    if world.items:
        db.executemany(INSERT_ITEM, changes.items(world))
    if world.attached:
        db.executemany(INSERT_ITEM_WITH_FILES, changes.items_with_files(world))
        db.executemany(ATTACH, changes.attached(world))
    if world.new_notes:
        db.executemany(INSERT_NOTE, changes.notes(world))
        db.executemany(PUT_UNREAD_NOTE, changes.unread_notes(world))
    if world.read_notes:
        db.executemany(READ_NOTES, list(world.read_notes.items()))
    if world.letters:
        db.executemany(POST, changes.letters(world))
    if world.new_mails:
        db.executemany(INSERT_MAIL, changes.mails(world))
    if world.changed_agents:
        db.executemany(UPDATE_AGENT, changes.agents(world))
