"""A database of either engine with the small verbs that these tests speak; time and client ids are theirs."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any, Self

import asyncpg
from sqlalchemy import insert, select

from chatserver.core import tickets as core
from chatserver.core.events import Event, TicketChanged
from chatserver.core.policy import Policy
from chatserver.core.tickets import Step, Ticket
from chatserver.metrics import Metrics
from chatserver.store.database import Database
from chatserver.store.postgres.database import PostgresDatabase
from chatserver.store.rows import ticket_from, ticket_select
from chatserver.store.sqlite.database import SqliteDatabase
from chatserver.store.sqlite.known import message_key
from chatserver.store.sqlite.loading import sql
from chatserver.store.tables import agent_apps, agents, apps
from chatserver.store.work import Needs, Who, World
from tests.harness.postgres import fetched
from tests.harness.waiting import soon

POLICY = Policy()
NOON = 1_780_000_000_000


def cid(number: int) -> str:
    return f"{number:022}"


COUNTED = """
SELECT id, load, (SELECT count(*) FROM tickets WHERE agent_id = agents.id AND state = 'open' AND mode = 'live')
FROM agents
"""

WAITING = (
    "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
)


def knows_what_is_stored(db: SqliteDatabase, path: Path) -> None:
    """What the writer of a closed database knew by heart is what the file holds, all messages of a ticket or none, and the loads
    in it are its tickets, counted."""
    other = sqlite3.connect(path)
    try:
        stored = {row[0]: ticket_from(row) for row in other.execute(sql(ticket_select))}
        loads = other.execute(COUNTED).fetchall()
        said: dict[int, dict[str, int]] = defaultdict(dict)
        for ticket_id, *message, seq in other.execute(
            'SELECT ticket_id, "by", author_id, cid, seq FROM items WHERE cid IS NOT NULL'
        ):
            said[ticket_id][message_key(*message)] = seq
    finally:
        other.close()
    assert [load for _, load, _ in loads] == [counted for _, _, counted in loads]
    known = db._writer._known
    for ticket_id, ticket in known._tickets.items():
        assert ticket == stored[ticket_id]
    assert known._said.keys() <= known._tickets.keys()
    for ticket_id, messages in known._said.items():
        assert messages == said[ticket_id]
    assert known._messages == sum(map(len, known._said.values()))


def known_to_sqlalchemy(row: object, name: str | None, kind: str, reflected: bool, other: object) -> bool:
    """For alembic, which compares: some indexes are an engine's own (`tables.SEARCH_INDEX`, `tables.CID_INDEX`)."""
    return not (name or "").startswith(("article_index", "uq_items_cid"))


class Clock:
    def __init__(self) -> None:
        self.now = NOON

    def __call__(self) -> int:
        return self.now


class Ticking(Clock):
    """For nodes that share it: no two of their groups are in one millisecond. Of those in the same one every eighth gives the
    same ids, and is done again."""

    def __call__(self) -> int:
        self.now += 1
        return self.now


class House:
    """Open with `House.open`; `SqliteHouse.open` and `PostgresHouse.open` for what only one of them has."""

    db: Database

    def __init__(self, where: Path | str, clock: Clock | None = None) -> None:
        self.where = where
        self.clock = clock or Clock()
        self.heard: list[list[Event]] = []
        self.known: dict[int, Ticket] = {}
        """Tickets as this house heard of them last; what another one did it does not hear."""
        self.metrics = Metrics()
        self.app = 0
        self.decided = 0
        """How often a start or a customer's message was decided: more often than asked for when a group had to be done again."""

    @classmethod
    async def open(cls, where: Path | str, clock: Clock | None = None) -> Self:
        """`where`: a path or a URL. The database has one app."""
        house = cls(where, clock)
        await house._open()
        house.app = 1 if await house.db.rows(select(apps.c.id)) else await house.new_app("demo")
        return house

    async def _open(self) -> None:
        self.db = await Database.open(
            self.where, clock=self.clock, committed=self._committed, metrics=self.metrics
        )
        self.db.go_by(self.known.get)

    def _committed(self, events: list[Event]) -> None:
        self.heard.append(events)
        self.known.update((e.after.id, e.after) for e in events if isinstance(e, TicketChanged))

    async def reopen(self) -> Self:
        await self.db.close()
        await self._open()
        return self

    @property
    def commits(self) -> int:
        """How many groups were committed so far."""
        return sum(self.metrics.commits.counts)

    async def new_app(self, key: str) -> int:
        row = insert(apps).values(key=key, name=key, secret="s", created_at=NOON).returning(apps.c.id)
        (rows,) = await self.db.execute(row)
        return int(rows[0][0])

    async def agent(self, name: str, *app_ids: int, **fields: Any) -> int:
        values = {"status": "available", "gone_at": None, "password_hash": "x", "created_at": NOON} | fields
        row = insert(agents).values(name=name, email=f"{name}@example.com", **values).returning(agents.c.id)
        (rows,) = await self.db.execute(row)
        agent_id = int(rows[0][0])
        members = [insert(agent_apps).values(agent_id=agent_id, app_id=a) for a in app_ids or (self.app,)]
        await self.db.execute(*members)
        return agent_id

    def who(self, name: str) -> Who:
        return Who(self.app, f"anon:{name}")

    async def start(
        self, who: Who, number: int, email: str = "", subject: str = "No puedo facturar"
    ) -> Ticket:
        key = (who.app_id, who.key, cid(number))

        def decide(world: World, now: int) -> Ticket:
            self.decided += 1
            first = world.opened(who, cid(number))
            if first is not None:
                return first
            customer = world.customer(who) or world.new_customer(who, now)
            draft = world.draft(customer, subject, '{"url":"/"}', now, email=email, follows=0)
            return world.create(
                core.opened(draft, POLICY, closes_at=None, connected=True), POLICY, cid(number)
            )

        needs = Needs(customers=((who.app_id, who.key),), opened=(key,), numbers=(who.app_id,))
        return await self.db.write(needs, decide)

    async def say(self, who: Who, ticket_id: int, number: int, text: str = "hola") -> int:
        return await self.say_as(who, ticket_id, cid(number), text)

    async def say_as(self, who: Who, ticket_id: int, message: str, text: str) -> int:
        """`message`: the client's id of it. Returns its number in the ticket."""

        def decide(world: World, now: int) -> int:
            self.decided += 1
            ticket = world.ticket_of(who, ticket_id)
            first = world.said(ticket, "customer", 0, message)
            if first is not None:
                return first
            return world.put(ticket, core.customer_said(ticket, text, message, now), POLICY).last_seq

        needs = Needs(tickets=(ticket_id,), said=((ticket_id, "customer", 0, message),))
        return await self.db.write(needs, decide)

    async def agent_says(self, agent_id: int, ticket_id: int, number: int) -> int:
        def decide(world: World, now: int) -> int:
            agent = world.agent(agent_id)
            ticket = world.ticket_for(agent, ticket_id)
            first = world.said(ticket, "agent", agent_id, cid(number))
            if first is not None:
                return first
            return world.put(ticket, core.agent_said(ticket, agent, "voy", cid(number), now), POLICY).last_seq

        needs = Needs(
            tickets=(ticket_id,), said=((ticket_id, "agent", agent_id, cid(number)),), agents=(agent_id,)
        )
        return await self.db.write(needs, decide)

    async def assign(self, ticket_id: int, agent_id: int) -> Ticket:
        def decide(world: World, now: int) -> Ticket:
            ticket = world.ticket(ticket_id)
            assert ticket is not None
            return world.put(ticket, core.assigned(ticket, world.agent(agent_id), POLICY, now), POLICY)

        return await self.db.write(Needs(tickets=(ticket_id,), agents=(agent_id,)), decide)

    async def change(self, ticket_id: int, verb: Callable[[Ticket, int], Step]) -> Ticket:
        """Any verb of core that needs the ticket alone."""

        def decide(world: World, now: int) -> Ticket:
            ticket = world.ticket(ticket_id)
            assert ticket is not None
            return world.put(ticket, verb(ticket, now), POLICY)

        return await self.db.write(Needs(tickets=(ticket_id,)), decide)

    async def end(self, ticket_id: int) -> Ticket:
        return await self.change(ticket_id, core.customer_ended)

    def changes(self) -> list[TicketChanged]:
        return [event for group in self.heard for event in group if isinstance(event, TicketChanged)]

    # — groups —————————————————————————————————————————————————————————————————

    @asynccontextmanager
    async def writer_busy(self) -> AsyncIterator[None]:
        """The writer is in the middle of a group; what is written meanwhile becomes the next one."""
        if isinstance(self.where, Path):
            began, go_on = threading.Event(), threading.Event()

            def decide(world: World, now: int) -> None:
                began.set()
                assert go_on.wait(20)

            busy = asyncio.ensure_future(self.db.write(Needs(), decide))
            assert await asyncio.to_thread(began.wait, 20)
            try:
                yield
            finally:
                go_on.set()
                await busy
            return
        await self.becomes_patient()
        async with self.held("SELECT id FROM apps WHERE id = $1 FOR UPDATE", self.app):
            busy = asyncio.ensure_future(self.db.write(Needs(numbers=(self.app,)), lambda world, now: None))
            await soon(lambda: self.stored(WAITING) == [(1,)], "the writer waits for a lock")
            yield
        await busy

    async def becomes_patient(self) -> None:
        """On PostgreSQL: from here on its writer, which writes nothing just now, waits for a lock however long the test looks at
        that."""
        writer: Any = self.db._writer
        await writer._db.execute("SET lock_timeout = 0")

    @asynccontextmanager
    async def held(self, query: str, *values: object) -> AsyncIterator[None]:
        """On PostgreSQL: somebody else's transaction holds what this locked."""
        other = await asyncpg.connect(self.where)
        try:
            await other.execute("BEGIN")
            await other.fetch(query, *values)
            yield
        finally:
            await other.close()

    async def together(self, *writes: Coroutine[Any, Any, Any]) -> list[Any]:
        """Run these as one group; returns results or exceptions, in order."""
        if isinstance(self.where, Path):
            async with self.writer_busy():
                tasks = await self._handed_over(*writes)
                assert self.db._writer._unanswered == len(tasks) + 1
        else:  # what one turn of the event loop hands over is a group by itself
            tasks = await self._handed_over(*writes)
            assert self.db._writer._unanswered == len(tasks)
        return await asyncio.gather(*tasks, return_exceptions=True)

    async def _handed_over(self, *writes: Coroutine[Any, Any, Any]) -> list[asyncio.Task[Any]]:
        tasks = [asyncio.ensure_future(write) for write in writes]
        await asyncio.sleep(0)  # each runs up to its place in the queue,
        await asyncio.sleep(0)  # and at the end of the turn all are handed over
        return tasks

    # — looking in from outside ————————————————————————————————————————————————

    def stored(self, query: str, *values: object) -> list[Any]:
        """What another process would see. `?` stands for a value, on either engine."""
        if isinstance(self.where, Path):
            other = sqlite3.connect(self.where)
            try:
                return other.execute(query, values).fetchall()
            finally:
                other.close()
        with ThreadPoolExecutor(1) as aside:  # an event loop of its own, since the test runs on one
            return aside.submit(asyncio.run, fetched(self.where, query, *values)).result()

    def sequence(self, ticket_id: int) -> list[int]:
        return [
            row[0] for row in self.stored("SELECT seq FROM items WHERE ticket_id = ? ORDER BY seq", ticket_id)
        ]

    def loads_are_counted(self) -> None:
        """An agent's load is what can be counted."""
        assert [row for row in self.stored(COUNTED) if row[1] != row[2]] == []


class PostgresHouse(House):
    """What only PostgreSQL has."""

    db: PostgresDatabase


class SqliteHouse(House):
    """What only SQLite has."""

    db: SqliteDatabase

    @property
    def path(self) -> Path:
        assert isinstance(self.where, Path)
        return self.where

    @property
    def connection(self) -> sqlite3.Connection:
        """The writing one; to be touched while nothing is being written."""
        return self.db._writer._db

    def fill_up(self) -> None:
        """The disk has no page more, and the file none that is free."""
        self.connection.execute("VACUUM")
        (pages,) = self.connection.execute("PRAGMA page_count").fetchone()
        self.connection.execute(f"PRAGMA max_page_count={pages}").fetchall()

    @contextmanager
    def statements(self) -> Any:
        """The statements that the writing connection runs meanwhile."""
        seen: list[str] = []
        self.connection.set_trace_callback(seen.append)
        try:
            yield seen
        finally:
            self.connection.set_trace_callback(None)
