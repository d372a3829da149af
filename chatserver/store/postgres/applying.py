"""What a group's use cases made of the world, written by a few constant statements, each for all its rows at once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from chatserver.core.tickets import Ticket
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
from chatserver.store.postgres.statements import across, insert, update, update_seen
from chatserver.store.rows import CHANGING, TALKING
from chatserver.store.tables import (
    agents,
    customers,
    files,
    items,
    mails,
    notes,
    outbox,
    tickets,
    unread_notes,
)
from chatserver.store.work import World

INSERT_TICKETS: Final = insert(tickets, FIRST)
UPDATES: Final[dict[tuple[str, ...], str]] = {
    columns: update_seen(tickets, columns) for columns in (TALKING, TALKING_DUE, CHANGING)
}
INSERT_ITEMS: Final = insert(items, ITEM)
SAY: Final[dict[tuple[str, ...], str]] = {
    columns: f"WITH moved AS ({sql} RETURNING 1), said AS ({insert(items, ITEM, len(columns) + 3)}) SELECT count(*) FROM moved"  # noqa: S608 - constants only
    for columns, sql in UPDATES.items()
}
"""The two that a group writes of which everybody only said something, in one: how many of the tickets were as they were read."""
INSERT_ITEMS_WITH_FILES: Final = insert(items, ITEM_WITH_FILES)
INSERT_NOTES: Final = insert(notes, NOTE)
PUT_UNREAD_NOTES: Final = (
    f"{insert(unread_notes, UNREAD_NOTE)} "
    "ON CONFLICT (ticket_id) DO UPDATE SET seq = excluded.seq, at = excluded.at"
)
READ_NOTES: Final = (
    "DELETE FROM unread_notes USING unnest($1::bigint[], $2::bigint[]) AS given(ticket_id, seq) "
    "WHERE unread_notes.ticket_id = given.ticket_id AND unread_notes.seq <= given.seq"
)
ATTACH: Final = update(files, ATTACHED)
INSERT_MAILS: Final = insert(mails, MAIL)
PUT_CUSTOMERS: Final = (
    f"{insert(customers, CUSTOMER)} ON CONFLICT (id) DO UPDATE SET "
    "name = excluded.name, email = excluded.email, locale = excluded.locale, zone = excluded.zone, "
    "claimed = excluded.claimed"
)
POST: Final = f"{insert(outbox, LETTER)} ON CONFLICT (key) DO NOTHING"
MOVE_LOADS: Final = (
    "UPDATE agents SET load = load + given.moved FROM unnest($1::integer[], $2::bigint[]) AS given(moved, id) "
    "WHERE agents.id = given.id"
)
CLAIM_TICKETS: Final = "UPDATE tickets SET node = $1 WHERE id = ANY($2::bigint[]) AND node <> $1"
CLAIM_AGENTS: Final = "UPDATE agents SET node = $1 WHERE id = ANY($2::bigint[]) AND node <> $1"
UPDATE_AGENTS: Final = update(agents, ("status", "gone_at", "last_chat_at"))


class Overtaken(Exception):
    """Somebody else wrote a ticket after it was loaded: nothing of the group may stay."""


async def apply(db: Any, world: World, node: int) -> None:
    """Write everything that changed, in an order that foreign keys accept. Raises
    Overtaken and what asyncpg raises; the caller rolls back."""
    if world.new_customers:
        await db.execute(PUT_CUSTOMERS, *across(changes.customers(world)))
    new, updates, loads = changes.of_tickets(world)
    if new:
        await db.execute(INSERT_TICKETS, *across(new))
    plain = changes.items(world)
    if len(updates) == 1 and plain and not loads:
        ((columns, rows),) = updates.items()
        if await db.fetchval(SAY[columns], *across(rows), _seen(world, rows), *across(plain)) != len(rows):
            raise Overtaken
    else:
        for columns, rows in updates.items():
            if await db.execute(UPDATES[columns], *across(rows), _seen(world, rows)) != f"UPDATE {len(rows)}":
                raise Overtaken
        if loads:
            await db.execute(MOVE_LOADS, *across(sorted(loads, key=lambda load: load[1])))
        if plain:
            await db.execute(INSERT_ITEMS, *across(plain))
    if world.attached:
        await db.execute(INSERT_ITEMS_WITH_FILES, *across(changes.items_with_files(world)))
        await db.execute(ATTACH, *across(changes.attached(world)))
    if world.new_notes:
        await db.execute(INSERT_NOTES, *across(changes.notes(world)))
        if unread := changes.unread_notes(world):
            await db.execute(PUT_UNREAD_NOTES, *across(unread))
    if world.read_notes:
        await db.execute(READ_NOTES, *across(list(world.read_notes.items())))
    if world.letters:
        await db.execute(POST, *across(changes.letters(world)))
    if world.new_mails:
        await db.execute(INSERT_MAILS, *across(changes.mails(world)))
    if world.changed_agents:
        await db.execute(UPDATE_AGENTS, *across(changes.agents(world)))
    for side, statement in (("agent", CLAIM_AGENTS), ("customer", CLAIM_TICKETS)):
        if claimed := sorted(row for of, row in world.claimed if of == side):
            await db.execute(statement, node, claimed)


def _seen(world: World, rows: Sequence[Sequence[Any]]) -> list[int]:
    """Which version of each of these tickets was read."""
    return [_version(world.changed_tickets[row[-1]]) for row in rows]


def _version(before: Ticket | None) -> int:
    return 0 if before is None else before.version
