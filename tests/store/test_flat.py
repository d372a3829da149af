"""What a message, a timer, a pairing and a look at who is due cost, as SQLite counts it, whatever else is stored.

Counted are the steps of SQLite's virtual machine, which do not depend on the machine or its load: the same statements, the same
rows stepped over. Only the depth of a tree may show, never its size.
"""

from __future__ import annotations

import itertools
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from chatserver.core import tickets as core
from chatserver.core.tickets import Ticket
from chatserver.services import followups, pairing
from chatserver.services import house as services
from chatserver.services.reads import DatabaseReads
from chatserver.store import people, tickets
from chatserver.store.rows import agent_select
from chatserver.store.sqlite import loading
from chatserver.store.sqlite.database import constant
from chatserver.store.tables import tickets as tickets_table
from chatserver.store.work import WAITING_HEAD, Needs, World
from tests.memory_store import MemoryBus
from tests.store.house import NOON, POLICY, SqliteHouse, cid

OPEN = 10_000
STORED = 100_000
WITHIN = 1.1
FEW = 5
"""So much more may be stepped in the large database: an index that was empty now has a first entry to look at."""


_t = tickets_table.c
_numbers = itertools.count(10_000_000)


@pytest.fixture
async def house(sqlite_house: SqliteHouse) -> SqliteHouse:
    return sqlite_house


class Counted:
    def __init__(self) -> None:
        self.steps = 0

    def __call__(self) -> int:
        self.steps += 1
        return 0


COLUMNS = (
    *("id", "app_id", "number", "customer_id", "cid", "subject", "opened_at", "state", "mode", "agent_id"),
    *("queued_at", "queue_rank", "turn", "active_at", "last_seq", "due_at", "version"),
)
KINDS = (
    # state, mode, attended, waiting
    ("closed", "live", True, False),
    ("open", "later", True, False),
    ("open", "live", True, False),
    ("open", "live", False, True),
)


@contextmanager
def counted(db: sqlite3.Connection) -> Iterator[Counted]:
    counter = Counted()
    db.set_progress_handler(counter, 1)
    try:
        yield counter
    finally:
        db.set_progress_handler(None, 0)


def crowd(path: Path, app: int, agent_id: int, first: int, count: int, stored: int) -> None:
    """Many chats that wait or are attended, requests for later at the same agent, and a long history. By another connection:
    the writer uses its own one also after it answered (`SqliteWriter._checkpoint`)."""
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        _crowd(db, app, agent_id, first, count, stored)


def _crowd(db: sqlite3.Connection, app: int, agent_id: int, first: int, count: int, stored: int) -> None:
    db.execute("BEGIN IMMEDIATE")
    numbers = range(first, first + count)
    db.executemany(
        "INSERT INTO customers (id, app_id, key, created_at) VALUES (?, ?, ?, 0)",
        [(n, app, f"anon:{n}") for n in numbers],
    )
    rows = []
    for n in numbers:
        state, mode, attended, waiting = KINDS[n % len(KINDS)]
        since = n if waiting else None
        due = NOON + 36_000_000 + n if state == "open" and mode == "live" else None
        what = (state, mode, agent_id if attended else None, since, since)
        rows.append((n, app, n + 10_000, n, cid(n), "Asunto", n, *what, "agent", n, stored // count, due, 1))
    db.executemany(
        f"INSERT INTO tickets ({', '.join(COLUMNS)}) VALUES ({', '.join('?' * len(COLUMNS))})", rows
    )
    db.executemany(
        'INSERT INTO items (ticket_id, seq, at, kind, "by", author_id, cid, text) VALUES (?, ?, ?, ?, ?, ?, ?, ?)',
        [
            (first + n % count, 1 + n // count, n, "message", "customer", 1, cid(n), "hola")
            for n in range(stored)
        ],
    )
    db.execute("UPDATE agents SET load = load + ? WHERE id = ?", (count // len(KINDS), agent_id))
    db.execute("COMMIT")
    db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()


class Rooms:
    """The services on this database."""

    def __init__(self, house: SqliteHouse) -> None:
        self.house = house
        self.services = services.House(house.db, DatabaseReads(house.db, POLICY), MemoryBus(), house.clock)

    async def one_comes_due(self, agent_id: int) -> Ticket:
        """A chat whose customer has said nothing for so long that it ends now."""
        ticket = await self.house.start(self.house.who("leo"), next(_numbers))
        await self.house.assign(ticket.id, agent_id)
        await self.house.agent_says(agent_id, ticket.id, next(_numbers))
        after = await self.house.change(ticket.id, core.customer_gone)
        assert after.due_at is not None
        self.house.clock.now = after.due_at
        return after

    async def closed(self, ticket: Ticket) -> None:
        assert await self.house.db.rows(select(_t.state).where(_t.id == ticket.id)) == [("closed",)]

    async def takes_one(self, agent_id: int) -> None:
        """An agent with one place, of whom `has_taken` tells."""
        await pairing.set_status(self.services, agent_id, "available")

    async def has_taken(self, agent_id: int) -> None:
        taken = await self.house.db.rows(select(_t.id).where(_t.agent_id == agent_id, _t.state == "open"))
        assert len(taken) == 1
        await self.house.end(taken[0][0])
        await pairing.set_status(self.services, agent_id, "busy")


async def measured(house: SqliteHouse, agent_id: int, other_id: int, ticket_id: int) -> dict[str, int]:
    """Steps of what happens all the time, each done twice before so that nothing is done for the first time."""
    who = house.who("ana")
    db = house.connection
    # Which messages a ticket has is looked up when it is not remembered: some ten steps for each of its own.
    forgotten = (await house.start(house.who("eli"), next(_numbers))).id
    steps: dict[str, int] = {}

    async def customer_says() -> None:
        await house.say(who, ticket_id, next(_numbers))

    async def agent_says() -> None:
        await house.agent_says(agent_id, ticket_id, next(_numbers))

    async def said_again() -> None:
        await house.say(who, ticket_id, 5)

    async def cold() -> None:
        house.db._writer._known.forget()
        await house.say(house.who("eli"), forgotten, next(_numbers))

    async def back() -> None:
        await house.db.write(Needs(customers=((house.app, who.key),)), nothing)

    for name, act in (
        ("an agent's message", agent_says),
        ("a customer's message", customer_says),
        ("a message that was said before", said_again),
        ("a message of a ticket that nobody remembers", cold),
        ("a customer comes back", back),
    ):
        for _ in range(2):
            await act()
        with counted(db) as counter:
            await act()
        steps[name] = counter.steps
    rooms = Rooms(house)
    await rooms.services.refresh()
    for _ in range(3):
        due = await rooms.one_comes_due(agent_id)
        with counted(db) as counter:
            await followups.due(rooms.services)
        steps["a timer"] = counter.steps
        await rooms.closed(due)
        with counted(db) as counter:
            await rooms.takes_one(other_id)
        steps["an agent is free for the first in the queue"] = counter.steps
        await rooms.has_taken(other_id)
    for name, statement, values in (
        ("a look at who is due", tickets._DUE, {"now": NOON, "limit": 200}),
        ("when somebody will be due", tickets._NEXT_DUE, {}),
        ("the agents and their loads", agent_select, {}),
    ):
        steps[name] = stepped(db, statement, values)
    return steps


def nothing(world: World, now: int) -> None: ...


def stepped(db: sqlite3.Connection, statement: Any, values: dict[str, Any]) -> int:
    sql, given = constant(statement)
    with counted(db) as counter:
        db.execute(sql, [values.get(name, value) for name, value in given]).fetchall()
    return counter.steps


async def test_ten_thousand_open_tickets_and_a_hundred_thousand_messages_cost_no_step_more(
    house: SqliteHouse,
) -> None:
    agent_id = await house.agent("lucia", status="busy", capacity=OPEN)
    other_id = await house.agent("eva", status="busy", capacity=1)
    ticket = await house.start(house.who("ana"), 1)
    await house.assign(ticket.id, agent_id)
    await house.say(house.who("ana"), ticket.id, 5)
    # So many wait that a pairing looks at no more of them, however many there are.
    crowd(house.path, house.app, agent_id, 1_000, 5 * WAITING_HEAD, 5 * WAITING_HEAD)
    small = await measured(house, agent_id, other_id, ticket.id)
    crowd(house.path, house.app, agent_id, 100_000, OPEN, STORED)
    house.db._writer._known.forget()
    large = await measured(house, agent_id, other_id, ticket.id)
    print({name: (small[name], large[name]) for name in small})
    for name, steps in small.items():
        assert steps > 0
        assert large[name] <= steps * WITHIN + FEW, name


async def test_a_look_at_who_did_not_come_back_costs_no_step_more_with_ten_thousand_agents(
    house: SqliteHouse,
) -> None:
    agent_id = await house.agent("lucia", status="busy", capacity=OPEN)
    ticket = await house.start(house.who("ana"), 1)
    await house.assign(ticket.id, agent_id)
    rooms, db = Rooms(house), house.connection

    async def look() -> int:
        await rooms.services.refresh()
        await followups.due(rooms.services)
        with counted(db) as counter:
            await followups.due(rooms.services)
        return counter.steps + sum(
            stepped(db, statement, {"before": NOON, "after": NOON})
            for statement in (people._MISSED, people._NEXT_MISSED)
        )

    small = await look()
    db.execute("BEGIN IMMEDIATE")
    everybody = [(n, f"{n}@example.com", "A", "x", n % 3 or None) for n in range(100_000, 100_000 + OPEN)]
    db.executemany(
        "INSERT INTO agents (id, email, name, password_hash, created_at, gone_at) VALUES (?, ?, ?, ?, 0, ?)",
        everybody,
    )
    db.execute("COMMIT")
    large = await look()
    assert 0 < large <= small * WITHIN + FEW


@pytest.mark.parametrize(
    ("sql", "values"),
    [
        *(
            (getattr(loading, name), 1)
            for name in ("SAID", "TICKETS", "CUSTOMERS", "OPENED", "CHATS_OF", "CHATS_AT")
        ),
        (loading.ANSWERED, 1),
        (loading.AGENTS, 2),
        (loading.QUEUE, 2),
        (loading.NUMBER, 1),
    ],
)
async def test_no_statement_of_a_use_case_walks_through_a_table(
    house: SqliteHouse, sql: str, values: int
) -> None:
    plan = [row[3] for row in house.connection.execute(f"EXPLAIN QUERY PLAN {sql}", ["[]"] * values)]
    walks = [step for step in plan if step.startswith("SCAN") and "VIRTUAL TABLE" not in step]
    assert walks == []


def test_the_count_sees_a_walk(tmp_path: Path) -> None:
    counts: list[int] = []
    for rows in (10, 1_000):
        db = sqlite3.connect(tmp_path / f"{rows}.db")
        db.execute("CREATE TABLE t (a)")
        db.executemany("INSERT INTO t VALUES (?)", [(n,) for n in range(rows)])
        with counted(db) as counter:
            db.execute("SELECT count(*) FROM t WHERE a > 5").fetchall()
        counts.append(counter.steps)
        db.close()
    assert counts[1] > 50 * counts[0]
