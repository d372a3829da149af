"""What of a group's needs somebody else holds: all rows are looked at without waiting, in a few statements however many they are.

A row holds up whoever names it, and whoever needs all rows of a kind among which it is: an agent's the desks of their apps. Which
transaction holds it is looked at too: where many come and go, other nodes' groups have a row all the time, each for a moment, and
who waits gets it in their turn.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from chatserver.store.work import WAITING_HEAD, Needs

Wanted = tuple[str, int, str]
"""What a use case waits for: `("app", 1, "")`, `("ticket", 9, "")`, `("customer", 1, "anon:x")` …"""
Held = Mapping[tuple[Wanted, int], int]
"""What is wanted and the id of a row that it needs → the transaction that holds this row, or `SEVERAL`."""
SEVERAL: Final = 0
"""More than one have a share in it, and nobody says which."""


def wanted(needs: Needs) -> Iterator[Wanted]:
    for app_id in (*needs.numbers, *needs.desks):
        yield "app", app_id, ""
    for app_id in needs.desks:
        yield "desk", app_id, ""
    for agent_id in needs.agents:
        yield "agent", agent_id, ""
    for agent_id in needs.attended:
        yield "attended", agent_id, ""
    for ticket_id in needs.tickets:
        yield "ticket", ticket_id, ""
    for app_id, key in needs.customers:
        yield "customer", app_id, key
    for app_id, key, _ in needs.opened:
        yield "customer", app_id, key


def _held(table: str, *rows: str) -> str:
    """`rows`: SELECTs of what is wanted (three columns) and the id of a row of `table` that it needs."""
    return f"""WITH wanted(what, id, key, needed) AS ({" UNION ALL ".join(rows)}), free AS (
    SELECT id FROM {table} WHERE id = ANY(ARRAY(SELECT needed FROM wanted)) FOR NO KEY UPDATE SKIP LOCKED
) SELECT what, wanted.id, wanted.key, needed, {table}.xmax FROM wanted JOIN {table} ON {table}.id = needed
WHERE needed NOT IN (SELECT id FROM free)"""  # noqa: S608 - constants only


_PEOPLE = """unnest($1::bigint[], $2::text[]) AS given(app_id, key)
JOIN customers ON customers.app_id = given.app_id AND customers.key = given.key"""

HELD_APPS: Final = _held("apps", "SELECT 'app', id, '', id FROM unnest($1::bigint[]) AS given(id)")
HELD_AGENTS: Final = _held(
    "agents",
    "SELECT 'agent', id, '', id FROM unnest($1::bigint[]) AS given(id)",
    """SELECT 'desk', app_id, '', agent_id FROM agent_apps JOIN agents ON agents.id = agent_id
    WHERE app_id = ANY($2::bigint[]) AND disabled_at IS NULL""",
)
HELD_CUSTOMERS: Final = _held(
    "customers",
    f"SELECT 'customer', given.app_id, given.key, customers.id FROM {_PEOPLE}",  # noqa: S608 - constants only
)
HELD_TICKETS: Final = _held(
    "tickets",
    f"""SELECT 'customer', given.app_id, given.key, tickets.id FROM {_PEOPLE}
    JOIN tickets ON customer_id = customers.id AND state = 'open' AND mode = 'live'""",  # noqa: S608 - constants only
    """SELECT 'customer', given.app_id, given.key, tickets.id
    FROM unnest($3::bigint[], $4::text[], $5::text[]) AS given(app_id, key, cid)
    JOIN customers ON customers.app_id = given.app_id AND customers.key = given.key
    JOIN tickets ON customer_id = customers.id AND tickets.cid = given.cid""",
    "SELECT 'ticket', id, '', id FROM unnest($6::bigint[]) AS given(id)",
    """SELECT 'attended', given.agent_id, '', chat.id FROM unnest($7::bigint[]) AS given(agent_id), LATERAL (
        SELECT id FROM tickets WHERE agent_id = given.agent_id AND state = 'open' AND mode = 'live' OFFSET 0
    ) AS chat""",
    f"""SELECT 'desk', desk.app_id, '', head.id FROM unnest($8::bigint[]) AS desk(app_id), LATERAL (
        SELECT id FROM tickets WHERE app_id = desk.app_id AND queue_rank IS NOT NULL
        ORDER BY queue_rank, id LIMIT {WAITING_HEAD}
    ) AS head""",  # noqa: S608 - constants only
)
# A number that is not among these is that of a list of transactions.
RUNNING: Final = "SELECT transactionid FROM pg_locks WHERE locktype = 'transactionid' AND granted"


async def look(db: Any, group: Sequence[Needs]) -> Held:
    """What of it somebody else holds at this moment. `db`: asyncpg's connection, in no transaction."""

    def given(name: str) -> list[Any]:
        return list({one for needs in group for one in getattr(needs, name)})

    def columns(rows: list[Any], count: int) -> list[list[Any]]:
        return [[row[column] for row in rows] for column in range(count)]

    people, opened, desks = columns(given("customers"), 2), columns(given("opened"), 3), given("desks")
    await db.execute("BEGIN")
    held = await db.fetch(HELD_APPS, given("numbers") + desks)
    held += await db.fetch(HELD_AGENTS, given("agents"), desks)
    held += await db.fetch(HELD_CUSTOMERS, *people)
    held += await db.fetch(HELD_TICKETS, *people, *opened, given("tickets"), given("attended"), desks)
    running = {row[0] for row in await db.fetch(RUNNING)} if held else set()
    await db.execute("ROLLBACK")
    return {
        ((what, one, key), row): holder if holder in running else SEVERAL
        for what, one, key, row, holder in held
    }


def held_since(before: Held, now: Held) -> Held:
    """What the same transaction holds as before."""
    return {
        place: holder or now[place]
        for place, holder in before.items()
        if place in now and (holder == now[place] or SEVERAL in (holder, now[place]))
    }
