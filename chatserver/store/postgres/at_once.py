"""A group in which everybody only goes on with a ticket that this node has in mind, written and committed by one statement.

By the way of `loading` and `applying` a group is five round trips: begin, lock, read, write, commit. What a message changes
follows from its ticket alone; so it is decided on the ticket as this node knows it, and written under the condition that it still
is so. Where somebody was faster nothing at all is written, and the group goes the long way. That decides, too, whatever cannot be
proven from here: a message that was stored before, a refusal, a verb that changes more than its ticket.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final

import asyncpg

from chatserver.core.tickets import Ticket
from chatserver.store import changes
from chatserver.store.changes import ITEM, TALKING_DUE
from chatserver.store.postgres.statements import across, arrays, insert, names, sets
from chatserver.store.rows import CHANGING, TALKING
from chatserver.store.tables import items, tickets
from chatserver.store.work import Needs, World

Known = Callable[[int], Ticket | None]
"""A ticket as this node knows it, in any version; None where it does not."""


def _go_on(columns: tuple[str, ...]) -> str:
    """Both or nothing: where a ticket is another one by now, or its customer is, the division by zero undoes it all."""
    written = (*columns, "id")
    count = len(written)
    given = f"{arrays(tickets, written)[:-1]}, ${count + 1}::integer[], ${count + 2}::text[], ${count + 3}::text[])"
    return f"""WITH moved AS (
    UPDATE tickets SET {sets(columns)}
    FROM {given} AS given({names(written)}, seen, customer_name, customer_email), customers
    WHERE tickets.id = given.id AND tickets.version = given.seen AND customers.id = tickets.customer_id
    AND customers.name = given.customer_name AND customers.email = given.customer_email
    RETURNING 1
), said AS ({insert(items, ITEM, count + 4)})
SELECT 1 / (count(*) = cardinality(${count}::bigint[]))::integer FROM moved"""  # noqa: S608 - constants only


GO_ON: Final[dict[tuple[str, ...], str]] = {
    columns: _go_on(columns) for columns in (TALKING, TALKING_DUE, CHANGING)
}
OVERTAKEN: Final = (asyncpg.DivisionByZeroError, asyncpg.UniqueViolationError)
"""A ticket is another one by now, or the message was stored before."""


def by_heart(group: Sequence[Needs], known: Known) -> World | None:
    """A world of what this node knows; None where somebody needs anything else. That a message was not stored before is
    supposed."""
    world = World()
    for needs in group:
        if len(needs.tickets) != 1 or needs != Needs(needs.tickets, needs.said):
            return None
        ticket = known(needs.tickets[0])
        if ticket is None:
            return None
        world.loaded_ticket(ticket)
        for key in needs.said:
            world.loaded_said(key, None)
    return world


def provable(world: World, group: Sequence[Needs]) -> bool:
    """Whether GO_ON proves all that was decided. Each ticket is written, so that it must be the one that was decided on, and so
    is each message that was supposed to be new."""
    return (
        world.only_goes_on
        and not changes.moves_loads(world)
        and all(needs.tickets[0] in world.changed_tickets for needs in group)
        and all(world.was_said(key) for needs in group for key in needs.said)
    )


async def go_on(db: Any, world: World) -> None:
    """Write it and commit. Raises `OVERTAKEN` when nothing was written, and what asyncpg raises."""
    columns, rows = changes.together(world)
    before = [world.changed_tickets[row[-1]] for row in rows]
    known = [(b.version, b.customer.name, b.customer.email) for b in before if b is not None]
    await db.fetchval(GO_ON[columns], *across(rows), *across(known), *_items(world))


def _items(world: World) -> Sequence[Sequence[Any]]:
    return across(changes.items(world)) or [[] for _ in ITEM]
