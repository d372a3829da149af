"""On PostgreSQL no statement walks through a table that grows: looked at with many tickets and the statistics of that day."""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator, Iterator
from typing import Any

import asyncpg
import pytest

from chatserver.core.policy import Policy
from chatserver.store import accounts, people, tickets
from chatserver.store.database import Database
from chatserver.store.interruptions import all_gone, interrupted_ids
from chatserver.store.items import items_after, items_before
from chatserver.store.notes import latest_notes, notes_after, unread_notes
from chatserver.store.postgres import applying, at_once, loading, looking, writer
from chatserver.store.postgres.database import PostgresDatabase, compiled, constant
from tests.harness.postgres import Postgres
from tests.store.house import POLICY

GROWING = ("tickets", "items", "notes", "customers", "sessions", "used_tokens")
OF_GROWING = re.compile(rf"(pk|ix|uq)_({'|'.join(GROWING)})(_|$)")
TICKETS, ITEMS_EACH, CUSTOMERS, AGENTS = 20_000, 10, 10_000, 20
CROWD = f"""
INSERT INTO apps (id, key, name, secret, created_at) SELECT n, 'app' || n, 'A', 's', 0 FROM generate_series(1, 3) n;
INSERT INTO agents (id, email, name, password_hash, created_at)
  SELECT n, n || '@example.com', 'A', 'x', 0 FROM generate_series(1, {AGENTS}) n;
INSERT INTO agent_apps (agent_id, app_id) SELECT a, p FROM generate_series(1, {AGENTS}) a, generate_series(1, 3) p;
INSERT INTO customers (id, app_id, key, created_at)
  SELECT n, 1 + n % 3, 'anon:' || n, 0 FROM generate_series(1, {CUSTOMERS}) n;
INSERT INTO tickets (id, app_id, number, customer_id, cid, subject, opened_at, state, mode, agent_id, assigned_at, answered_at,
    closed_at, queued_at, queue_rank, turn, active_at, last_seq, due_at, version)
  SELECT n, 1 + c % 3, 1000 + n, c, n, 'Asunto', n,
    CASE WHEN kind < 10 THEN 'open' ELSE 'closed' END,
    CASE WHEN kind = 9 THEN 'later' ELSE 'live' END,
    CASE WHEN kind BETWEEN 3 AND 8 OR kind >= 10 THEN 1 + n % {AGENTS} END,
    n, CASE WHEN kind >= 10 THEN n END, CASE WHEN kind >= 10 THEN n END,
    CASE WHEN kind < 3 THEN n END, CASE WHEN kind < 3 THEN n END,
    'agent', n, {ITEMS_EACH}, CASE WHEN kind < 9 THEN n END, 1
  FROM (SELECT n, 1 + n % {CUSTOMERS} AS c, n * 7919 % 100 AS kind FROM generate_series(1, {TICKETS}) n) made;
INSERT INTO items (ticket_id, seq, at, kind, "by", author_id, cid, text)
  SELECT t, s, s, 'message', 'customer', 1, t || '.' || s, 'hola'
  FROM generate_series(1, {TICKETS}) t, generate_series(1, {ITEMS_EACH}) s;
INSERT INTO notes (ticket_id, seq, at, author_id, name, cid, text)
  SELECT t, s, t * 10 + s, 1, 'A', t || '.' || s, 'hola' FROM generate_series(1, {TICKETS}) t, generate_series(1, 2) s;
INSERT INTO sessions (id, token_hash, agent_id, created_at, expires_at)
  SELECT n, 'hash' || n, 1 + n % {AGENTS}, 0, n FROM generate_series(1, {TICKETS}) n;
INSERT INTO used_tokens (app_id, jti, expires_at) SELECT 1 + n % 3, 'jti' || n, n FROM generate_series(1, {TICKETS}) n;
ANALYZE;
"""


@pytest.fixture(scope="module")
def crowded(postgres_server: Postgres) -> str:
    url = postgres_server.database()
    postgres_server.run(CROWD, database=url.rpartition("/")[2])
    return url


@pytest.fixture
async def db(crowded: str) -> AsyncIterator[PostgresDatabase]:
    db = await PostgresDatabase.opened(crowded, clock=lambda: 1, committed=lambda events: None)
    yield db
    await db.close()


def nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    if not is_end(plan):
        for below in plan.get("Plans", ()):
            yield from nodes(below)


def walks(plan: dict[str, Any]) -> list[str]:
    """The growing tables that are read from one end to the other, and the indexes of theirs that are."""
    found = []
    for node in nodes(plan):
        if node["Node Type"] == "Seq Scan" and node["Relation Name"] in GROWING:
            found.append(node["Relation Name"])
        if OF_GROWING.match(node.get("Index Name", "")) and "Index Cond" not in node:
            found.append(node["Index Name"])
    return found


def is_end(node: dict[str, Any]) -> bool:
    """The first entries of an index, and no further."""
    (below,) = node["Plans"] if node["Node Type"] == "Limit" else ({},)
    return str(below.get("Node Type")).startswith("Index") and "Filter" not in below


async def generic_plan(connection: Any, sql: str) -> dict[str, Any]:
    """As for whatever values."""
    count = max((int(number) for number in re.findall(r"\$(\d+)", sql)), default=0)
    await connection.execute(f"PREPARE looked AS {sql}")
    try:
        values = f"({', '.join(['NULL'] * count)})" if count else ""
        await connection.execute("SET plan_cache_mode = force_generic_plan")
        found = await connection.fetchval(f"EXPLAIN (FORMAT JSON) EXECUTE looked{values}")
        return json.loads(found)[0]["Plan"]  # type: ignore[no-any-return]
    finally:
        await connection.execute("RESET plan_cache_mode")
        await connection.execute("DEALLOCATE looked")


async def plan_for(connection: Any, sql: str, values: list[Any]) -> dict[str, Any]:
    found = await connection.fetchval(f"EXPLAIN (FORMAT JSON) {sql}", *values)
    return json.loads(found)[0]["Plan"]  # type: ignore[no-any-return]


# — the writer's ———————————————————————————————————————————————————————————————

HOT = {
    name: value
    for module in (loading, looking, applying, writer)
    for name, value in vars(module).items()
    if name.isupper() and isinstance(value, str) and not name.startswith("_")
} | {f"UPDATES {len(columns)}": sql for columns, sql in applying.UPDATES.items()}
HOT |= {f"SAY {len(columns)}": sql for columns, sql in applying.SAY.items()}
HOT |= {f"GO_ON {len(columns)}": sql for columns, sql in at_once.GO_ON.items()}


def test_all_statements_of_the_writer_are_looked_at() -> None:
    assert len(HOT) >= 20
    assert {
        "TICKETS",
        "LOCK_TICKETS",
        "SAID",
        "HEARD",
        "QUEUES",
        "NUMBERS",
        "INSERT_ITEMS",
        "MOVE_LOADS",
        "HELD_TICKETS",
        "NOTED",
        "LAST_NOTES",
        "INSERT_NOTES",
        "PUT_UNREAD_NOTES",
        "READ_NOTES",
    } <= HOT.keys()


@pytest.mark.parametrize("name", sorted(HOT))
async def test_no_statement_of_the_writer_walks(db: PostgresDatabase, name: str) -> None:
    assert walks(await generic_plan(db._writer._db, HOT[name])) == []


async def test_an_interruption_is_written_through_the_open_chats_alone(db: PostgresDatabase) -> None:
    for strict in (False, True):
        for statement in all_gone([1, 2], Policy(inactivity_strict=strict), 9):
            sql, values = compiled(statement)
            plan = await plan_for(db._writer._db, sql, list(values))
            assert set(walks(plan)) <= {"ix_tickets_chats_of", "ix_tickets_chats_at"}


# — the readers' ———————————————————————————————————————————————————————————————


async def asked(db: PostgresDatabase, monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, list[Any]]]:
    """Each read that there is, with values as they come."""
    found: list[tuple[str, list[Any]]] = []
    really = PostgresDatabase.rows

    async def rows(self: PostgresDatabase, statement: Any, **values: Any) -> list[Any]:
        sql, given = constant(statement)
        found.append((sql, [values.get(name, value) for name, value in given]))
        return await really(self, statement, **values)

    monkeypatch.setattr(PostgresDatabase, "rows", rows)
    everything: Database = db
    await tickets.customer_tickets(everything, 2, "anon:7", 0, 20)
    await tickets.customer_tickets(everything, 2, "anon:7", 9_000, 20)
    await tickets.ticket_of(everything, 2, "anon:7", 9)
    await tickets.ticket_for(everything, [1], 9)
    await tickets.own_tickets(everything, [1, 2, 3], 1)
    await tickets.waiting_tickets(everything, [1], -(2**53), 0, 20)
    await tickets.waiting_tickets(everything, [1], 10_000, 9, 20)
    await tickets.requested_tickets(everything, [1], 9, 20)
    await tickets.desk_counts(everything, 1)
    await tickets.earlier_tickets(everything, [1, 2], 7, 0, 20)
    await tickets.earlier_tickets(everything, [1, 2], 7, 9_000, 20)
    await tickets.earlier_tickets(everything, [1, 2], 7, 9_000, 20, closed=False)
    await tickets.waiting_ids(everything, 1)
    await tickets.subjects(everything, 2, "anon:7", 9_000, 1_000)
    await tickets.named(everything, 1, 9_000, 1_000)
    await tickets.tickets_for(everything, [1], [9_000, 9_001])
    await tickets.said(everything, [9_000, 9_001], 1_000, 1_000)
    await tickets.handled_seconds(everything, 1)
    await tickets.next_due(everything)
    await tickets.due(everything, 50, 20)
    await tickets.due(everything, 2**41, 200)
    async for _ in interrupted_ids(everything, [1], POLICY, {1: None}, 9):
        pass
    await items_after(everything, 9_000, 3, 20)
    await items_before(everything, 9_000, 9, 20)
    await notes_after(everything, 9_000, 1, 20)
    await unread_notes(everything, [1, 2])
    await latest_notes(everything, [1, 2], (TICKETS * 10 - 60, 0, 0), 20)
    await people.apps(everything, POLICY)
    await people.app_by_key(everything, "app1", POLICY)
    await people.agents(everything)
    await people.listed_agents(everything)
    await people.listed_agent(everything, "1@example.com")
    await people.missed_agents(everything, 9)
    await people.next_missed(everything, 9)
    await people.agent_by_id(everything, 1)
    await people.agent_by_email(everything, "1@example.com")
    await accounts.session_by_hash(everything, "hash9", 5)
    await accounts.session_by_id(everything, 9, 5)
    await accounts.live_sessions(everything, list(range(9, 300)), 5)
    await accounts.other_sessions(everything, 1, 5)
    await people.customer(everything, 2, "anon:7")
    await people.token_used(everything, 1, "jti9")
    return found


async def test_no_read_walks(db: PostgresDatabase, monkeypatch: pytest.MonkeyPatch) -> None:
    statements = await asked(db, monkeypatch)
    assert len(statements) >= 30
    found: dict[str, list[str]] = {}
    async with db._pool.acquire() as connection:
        for sql, values in statements:
            found[sql] = walks(await plan_for(connection, sql, values))
            found[f"generic: {sql}"] = walks(await generic_plan(connection, sql))
            # Pages of a desk are read in the order of an index: what is cut off is never read. Nobody has that many of their own.
            if "LIMIT" in sql and "customers.key = " not in sql and "tickets.customer_id = $" not in sql:
                kinds = [node["Node Type"] for node in nodes(await plan_for(connection, sql, values))]
                assert "Sort" not in kinds, (sql[-400:], kinds)
    assert {sql: steps for sql, steps in found.items() if steps} == {}


async def test_what_lost_its_agent_is_looked_for_among_what_has_one(db: PostgresDatabase) -> None:
    """After an administrator's change and at a start, however many tickets are closed."""
    async with db._pool.acquire() as connection:
        assert set(walks(await generic_plan(connection, constant(tickets._STRAYS)[0]))) <= {
            "ix_tickets_attended"
        }


async def test_who_did_not_come_back_is_found_by_the_index_of_those_alone(
    db: PostgresDatabase,
) -> None:
    async with db._pool.acquire() as connection:
        for statement in (people._MISSED, people._NEXT_MISSED):
            plan = await generic_plan(connection, constant(statement)[0])
            used = {node.get("Index Name") for node in every(plan) if node.get("Relation Name") == "agents"}
            assert used == {"ix_agents_missed"}


def every(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for below in plan.get("Plans", ()):
        yield from every(below)


async def test_the_plans_test_sees_a_walk(db: PostgresDatabase) -> None:
    async with db._pool.acquire() as connection:
        assert walks(await generic_plan(connection, "SELECT 1 FROM tickets WHERE subject = $1"))
    connection = db._writer._db  # which is not allowed to, and would take an index from end to end
    assert walks(await generic_plan(connection, "SELECT id FROM tickets WHERE subject = $1 ORDER BY id"))


async def test_the_crowd_is_as_large_as_it_should_be(crowded: str) -> None:
    connection = await asyncpg.connect(crowded)
    assert await connection.fetchval("SELECT count(*) FROM tickets") == TICKETS
    assert await connection.fetchval("SELECT count(*) FROM items") == TICKETS * ITEMS_EACH
    await connection.close()
