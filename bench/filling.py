"""Databases with a past: rows written in bulk while the server is stopped, in the shapes that the server writes itself."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import secrets
import sqlite3
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, TypeVar

from sqlalchemy import Connection, Table, create_engine, func, insert, select
from sqlalchemy.ext.asyncio import create_async_engine

from bench.pairs import WORDS
from chatserver.services.identity import Session, session_tokens
from chatserver.store.tables import agent_apps, agents, apps, customers, items, sessions, tickets

SECRET: Final = "a secret of the benchmark, which keeps nothing secret"  # noqa: S105 - its own words say it
"""Given to the server, so that customers who were written in bulk have tokens."""
T = TypeVar("T")
BATCH: Final = 20_000
YEAR: Final = 365 * 86_400
LOADS: Final = """
UPDATE agents SET load = (SELECT count(*) FROM tickets WHERE agent_id = agents.id AND state = 'open' AND mode = 'live')
"""
"""What the server keeps with every ticket."""
STILL: Final = {"agent_grace_seconds": str(YEAR), "inactivity_seconds": str(YEAR)}
"""Settings under which chats that were written in bulk stay as they are, though nobody attends them: their timers are in the
database all the same, and due in a year."""


@dataclass(frozen=True)
class Kept:
    """A customer with a ticket, as their browser remembers them."""

    token: str
    ticket: int
    last: int


@contextlib.contextmanager
def writing(database: Path) -> Iterator[Connection]:
    """One transaction. Not durable while it lasts: nobody is promised anything yet."""
    engine = create_engine(f"sqlite:///{database}")
    try:
        with engine.connect() as connection:
            connection.exec_driver_sql("PRAGMA synchronous=OFF")
            yield connection
            connection.exec_driver_sql(LOADS)
            connection.commit()
    finally:
        engine.dispose()
    with contextlib.closing(sqlite3.connect(database)) as after:
        after.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def write_postgres(url: str, fill: Callable[[Connection], T]) -> T:
    """The same on PostgreSQL, as one function, since its driver knows only event loops."""

    async def write() -> T:
        engine = create_async_engine(url.replace("postgresql:", "postgresql+asyncpg:", 1))
        try:
            async with engine.begin() as connection:
                filled = await connection.run_sync(fill)
                await connection.exec_driver_sql(LOADS)
                return filled
        finally:
            await engine.dispose()

    with ThreadPoolExecutor(1) as aside:  # whoever asks may run on a loop
        return aside.submit(asyncio.run, write()).result()


def app_id(connection: Connection, key: str) -> int:
    return int(connection.execute(select(apps.c.id).where(apps.c.key == key)).scalar_one())


def add_agents(
    connection: Connection, keys: Sequence[str], count: int, *, capacity: int = 1, status: str = "available"
) -> tuple[list[int], list[str]]:
    """Agents of these apps who are signed in: their ids, and the token of each one's session.

    They have no password: 200 hashes are 200 times 40 ms of a core that prove nothing here.
    """
    now = _now()
    first = _next(connection, agents)
    numbers = range(first, first + count)
    tokens = [secrets.token_urlsafe(32) for _ in numbers]
    _write(
        connection,
        agents,
        (
            {
                "id": n,
                "email": f"agent{n}@bench.test",
                "name": f"Agent {n}",
                "password_hash": "",
                "status": status,
                "capacity": capacity,
                "gone_at": None,
                "created_at": now,
            }
            for n in numbers
        ),
    )
    for app in [app_id(connection, key) for key in keys]:
        _write(connection, agent_apps, ({"agent_id": n, "app_id": app} for n in numbers))
    _write(
        connection,
        sessions,
        (
            {
                "token_hash": hashlib.sha256(token.encode()).hexdigest(),
                "agent_id": n,
                "created_at": now,
                "expires_at": now + YEAR * 1000,
            }
            for n, token in zip(numbers, tokens, strict=True)
        ),
    )
    return list(numbers), tokens


def add_attended(connection: Connection, keys: Sequence[str], agents_: int, chats: int) -> list[int]:
    """So many agents, who are away, and open chats of the first app, spread over them: the agents' ids."""
    each, more = divmod(chats, agents_)
    ids, _ = add_agents(connection, keys, agents_, capacity=each + 1, status="away")
    for i, agent in enumerate(ids):
        add_chats(connection, keys[0], each + (i < more), 2, agent=agent, closed=False)
    return ids


def add_chats(
    connection: Connection,
    key: str,
    count: int,
    messages: int,
    *,
    agent: int | None,
    closed: bool,
    age_seconds: int = 0,
) -> list[Kept]:
    """Customers with a ticket of so many messages each, closed, or open and attended by `agent`, for whose answer the
    customer, gone since, does not wait. All of it happened `age_seconds` ago."""
    now, app = _now() - age_seconds * 1000, app_id(connection, key)
    customer, ticket = _next(connection, customers), _next(connection, tickets)
    number = int(
        connection.execute(select(func.coalesce(func.max(tickets.c.number), 0))).scalar_one()
    )  # of all apps: more than enough
    keys = [f"anon:{secrets.token_urlsafe(16)}" for _ in range(count)]
    _write(
        connection,
        customers,
        (
            {"id": customer + i, "app_id": app, "key": k, "locale": "es-CO", "created_at": now}
            for i, k in enumerate(keys)
        ),
    )
    _write(
        connection,
        tickets,
        (
            _ticket(ticket + i, app, number + 1 + i, customer + i, messages, agent, now, closed=closed)
            for i in range(count)
        ),
    )
    _write(
        connection, items, (item for i in range(count) for item in _items(ticket + i, messages, agent, now))
    )
    signer = session_tokens(SECRET)
    expires = _now() // 1000 + YEAR
    return [Kept(signer.sign(Session(key, k, expires)), ticket + i, messages + 2) for i, k in enumerate(keys)]


def repeat_chats(connection: Connection, times: int) -> None:
    """Everything that `add_chats` has written once more, until it is there so many times: by the database itself."""
    step = _next(connection, tickets), _next(connection, customers)
    for turn in range(1, times):
        ticket, customer = step[0] * turn, step[1] * turn
        others = {
            customers: {"id": customers.c.id + customer, "key": customers.c.key + f"-{turn}"},
            tickets: {
                "id": tickets.c.id + ticket,
                "number": tickets.c.number + ticket,
                "customer_id": tickets.c.customer_id + customer,
            },
            items: {"ticket_id": items.c.ticket_id + ticket},
        }
        for table, changed in others.items():
            first = next(
                iter(changed)
            )  # what numbers the rows: those that were there at first are below the step
            most = step[1] if table is customers else step[0]
            row = select(*(changed.get(column.name, column) for column in table.c)).where(
                table.c[first] < most
            )
            connection.execute(insert(table).from_select([column.name for column in table.c], row))


def _ticket(
    number: int,
    app: int,
    shown: int,
    customer: int,
    messages: int,
    agent: int | None,
    now: int,
    *,
    closed: bool,
) -> dict[str, Any]:
    return {
        "id": number,
        "app_id": app,
        "number": shown,
        "customer_id": customer,
        "cid": secrets.token_urlsafe(16),
        "subject": "No puedo descargar mi factura",
        "opened_at": now,
        "state": "closed" if closed else "open",
        "mode": "live",
        "close_reason": "solved" if closed else None,
        "closed_at": now if closed else None,
        "agent_id": agent,
        "assigned_at": now if agent else None,
        "answered_at": now if agent else None,
        "turn": "customer",
        "active_at": now,
        "agent_spoke_at": now,
        "last_seq": messages + 2,
        "last_text": WORDS,
        "last_by": "agent",
        "last_at": now,
        "gone_at": now,
        "due_at": None if closed else now + YEAR * 1000,
        "version": messages + 2,
    }


def _items(ticket: int, messages: int, agent: int | None, now: int) -> Iterator[dict[str, Any]]:
    yield _item(ticket, 1, now, kind="opened", by="customer", text="No puedo descargar mi factura")
    yield _item(ticket, 2, now, kind="assigned", by="system", author_id=agent or 0, name="Agent")
    for seq in range(3, messages + 3):
        if (messages + 2 - seq) % 2:
            yield _item(ticket, seq, now, cid=f"{seq:022}", text=WORDS)
        else:
            yield _item(
                ticket, seq, now, by="agent", author_id=agent or 0, name="Agent", cid=f"{seq:022}", text=WORDS
            )


_ITEM: Final[dict[str, Any]] = {
    "kind": "message",
    "by": "customer",
    "author_id": 0,
    "name": "",
    "cid": None,
    "text": "",
}


def _item(ticket: int, seq: int, now: int, **fields: Any) -> dict[str, Any]:
    return {"ticket_id": ticket, "seq": seq, "at": now} | _ITEM | fields


def _write(connection: Connection, table: Table, rows: Iterator[dict[str, Any]]) -> None:
    batch: list[dict[str, Any]] = []
    for row in rows:
        batch.append(row)
        if len(batch) == BATCH:
            connection.execute(insert(table), batch)
            batch.clear()
    if batch:
        connection.execute(insert(table), batch)


def _next(connection: Connection, table: Table) -> int:
    return int(connection.execute(select(func.coalesce(func.max(table.c.id), 0))).scalar_one()) + 1


def _now() -> int:
    return time.time_ns() // 1_000_000
