"""Each question has its answer, sees what was committed before it was asked, and never walks through a table."""

from __future__ import annotations

import asyncio
import re
import sqlite3
import threading
from typing import Any

import pytest
from sqlalchemy import insert, update

from chatserver.core import tickets as core
from chatserver.core.policy import Policy
from chatserver.store import accounts, people, tickets
from chatserver.store.interruptions import all_gone, interrupted_ids
from chatserver.store.items import items_after, items_before
from chatserver.store.sqlite import applying, loading
from chatserver.store.sqlite.database import SqliteDatabase, compiled, constant
from chatserver.store.sqlite.readers import READERS, Readers
from chatserver.store.tables import agents, apps, sessions
from tests.harness.waiting import soon
from tests.store.house import NOON, POLICY, House, SqliteHouse

EMAIL = "ana@example.com"


async def test_a_read_sees_every_write_that_returned_before_it(house: House) -> None:
    ana = house.who("ana")
    ticket = await house.start(ana, 0)
    for number in range(1, 200):
        seq = await house.say(ana, ticket.id, number)
        assert [i.seq for i in await items_after(house.db, ticket.id, seq - 1, 10)] == [seq]


async def test_a_reading_connection_cannot_write(house: House) -> None:
    with pytest.raises(Exception, match=r"readonly|read-only"):
        await house.db.rows(update(apps).values(name="x"))
    assert house.stored("SELECT name FROM apps") == [("demo",)]


async def test_a_reading_connection_never_checkpoints(sqlite_house: SqliteHouse) -> None:
    readers = Readers(sqlite_house.path)
    assert await readers.fetch("PRAGMA wal_autocheckpoint", ()) == [(0,)]
    assert await readers.fetch("PRAGMA query_only", ()) == [(1,)]
    await readers.close()


async def test_reads_share_a_few_connections_and_whoever_gives_up_leaves_theirs_behind(
    sqlite_house: SqliteHouse,
) -> None:
    readers = Readers(sqlite_house.path)
    asked = [asyncio.ensure_future(readers.fetch("SELECT ?", (n,))) for n in range(100)]
    given_up = [asyncio.ensure_future(readers.fetch("SELECT 1", ())) for _ in range(20)]
    await asyncio.sleep(0)
    for one in given_up:
        one.cancel()
    assert await asyncio.gather(*asked) == [[(n,)] for n in range(100)]
    await asyncio.gather(*given_up, return_exceptions=True)
    assert len(readers._idle) == READERS
    last = readers._idle[-1]
    slow = asyncio.ensure_future(readers.fetch("SELECT 1", ()))
    await asyncio.sleep(0)
    slow.cancel()
    await asyncio.gather(slow, return_exceptions=True)
    assert readers._idle[0] is last  # it may be busy yet: it is taken last
    await readers.close()
    with pytest.raises(sqlite3.ProgrammingError):
        await readers.fetch("SELECT 1", ())


async def test_a_connection_on_its_way_is_the_next_ones_and_ends_with_the_others(
    sqlite_house: SqliteHouse,
) -> None:
    def threads() -> list[threading.Thread]:
        return [one for one in threading.enumerate() if one not in before]

    async def given_up(readers: Readers) -> asyncio.Future[Any]:
        reading = asyncio.ensure_future(readers.fetch("SELECT 1", ()))
        await soon(lambda: readers._opening, "one is on its way", look_every=0)
        reading.cancel()
        return reading

    before = threading.enumerate()
    readers = Readers(sqlite_house.path)
    await asyncio.gather(await given_up(readers), return_exceptions=True)
    await soon(lambda: len(readers._idle) == 1, "it is open")
    assert await readers.fetch("SELECT 1", ()) == [(1,)]
    assert len(threads()) == 1
    await readers.close()

    readers = Readers(sqlite_house.path)
    reading = await given_up(readers)
    await readers.close()
    await asyncio.gather(reading, return_exceptions=True)
    await soon(lambda: not threads(), "no thread is left")


async def test_a_customer_sees_own_tickets_newest_first_in_pages(house: House) -> None:
    ana = house.who("ana")
    mine = [await house.start(ana, n) for n in range(5)]
    await house.start(house.who("ben"), 0)
    first = await tickets.customer_tickets(house.db, house.app, ana.key, 0, 3)
    assert [t.id for t in first] == [t.id for t in reversed(mine[2:])]
    rest = await tickets.customer_tickets(house.db, house.app, ana.key, first[-1].id, 3)
    assert [t.id for t in rest] == [mine[1].id, mine[0].id]
    assert await tickets.customer_tickets(house.db, house.app, "anon:nobody", 0, 3) == []


async def test_a_ticket_is_read_as_it_was_written(house: House) -> None:
    ana, eva = house.who("ana"), await house.agent("eva")
    ticket = await house.start(ana, 0)
    ticket = await house.assign(ticket.id, eva)
    assert await tickets.ticket_of(house.db, house.app, ana.key, ticket.id) == ticket
    assert await tickets.ticket_for(house.db, [house.app], ticket.id) == ticket


async def test_a_ticket_is_found_through_its_customer_or_its_app_alone(house: House) -> None:
    other = await house.new_app("other")
    ana = house.who("ana")
    ticket = await house.start(ana, 0)
    assert await tickets.ticket_of(house.db, house.app, "anon:ben", ticket.id) is None
    assert await tickets.ticket_of(house.db, other, ana.key, ticket.id) is None
    assert await tickets.ticket_for(house.db, [other], ticket.id) is None
    assert await tickets.ticket_for(house.db, [], ticket.id) is None


async def test_items_come_in_pages_both_ways(house: House) -> None:
    ana = house.who("ana")
    ticket = await house.start(ana, 0)
    await house.together(*(house.say(ana, ticket.id, n) for n in range(1, 10)))
    assert [i.seq for i in await items_after(house.db, ticket.id, 0, 4)] == [1, 2, 3, 4]
    assert [i.seq for i in await items_after(house.db, ticket.id, 8, 4)] == [9, 10]
    assert [i.seq for i in await items_before(house.db, ticket.id, 11, 4)] == [7, 8, 9, 10]
    assert [i.seq for i in await items_before(house.db, ticket.id, 3, 4)] == [1, 2]
    assert await items_after(house.db, ticket.id, 10, 4) == []


async def test_a_desk_is_my_own_and_who_waits_and_what_is_for_later(house: House) -> None:
    other = await house.new_app("other")
    eva, luz = await house.agent("eva"), await house.agent("luz")
    made = []
    for n in range(8):
        house.clock.now += 1000
        made.append(await house.start(house.who(str(n)), 0, EMAIL))
    waits, mine, hers, closed, later, my_later, newer, back = (t.id for t in made)
    for ticket, agent in ((mine, eva), (hers, luz), (closed, eva), (back, eva)):
        await house.assign(ticket, agent)
    await house.end(closed)
    for ticket in (later, my_later, newer):
        await house.change(ticket, lambda t, now: core.left_for_later(t, "customer", now))
    await house.assign(my_later, eva)
    await house.change(back, lambda t, now: core.requeued(t, "agent_gone", POLICY, now, closes_at=None))
    apps, ranks = [house.app, other], -(2**53)
    assert [t.id for t in await tickets.own_tickets(house.db, apps, eva)] == [mine, my_later]
    assert [t.id for t in await tickets.waiting_tickets(house.db, apps, ranks, 0, 9)] == [back, waits]
    assert [t.id for t in await tickets.requested_tickets(house.db, apps, 0, 9)] == [later, newer]
    assert await tickets.desk_counts(house.db, house.app) == (2, 2)
    assert await tickets.own_tickets(house.db, [other], eva) == []
    assert await tickets.waiting_tickets(house.db, [other], ranks, 0, 9) == []
    assert await tickets.requested_tickets(house.db, [other], 0, 9) == []
    assert await tickets.desk_counts(house.db, other) == (0, 0)
    assert [i for i, _ in await tickets.waiting_ids(house.db, house.app)] == [back, waits]


async def test_the_lists_of_a_desk_go_on_page_by_page_over_all_its_apps(house: House) -> None:
    other = await house.new_app("other")
    apps = [house.app, other]
    waiting: list[int] = []
    later: list[int] = []
    for n in range(12):
        house.clock.now += 1000 * (n % 3 > 0)  # some come at the same moment
        who = house.who(str(n)).__class__(app_id=apps[n % 2], key=f"anon:{n}")
        ticket = await house.start(who, 0, EMAIL)
        if n % 4 < 2:
            await house.change(ticket.id, lambda t, now: core.left_for_later(t, "customer", now))
        (later if n % 4 < 2 else waiting).append(ticket.id)
    found: list[int] = []
    rank, after = -(2**53), 0
    while page := await tickets.waiting_tickets(house.db, apps, rank, after, 4):
        found += [t.id for t in page]
        rank, after = page[-1].queue_rank or 0, page[-1].id
    assert found == waiting
    first = await tickets.requested_tickets(house.db, apps, 0, 4)
    rest = await tickets.requested_tickets(house.db, apps, first[-1].id, 4)
    assert [t.id for t in first + rest] == later


async def test_earlier_tickets_are_a_customers_closed_ones(house: House) -> None:
    ana = house.who("ana")
    made = [await house.start(ana, n) for n in range(4)]
    for ticket in made[:3]:
        await house.end(ticket.id)
    customer = made[0].customer.id
    found = await tickets.earlier_tickets(house.db, [house.app], customer, 0, 2)
    assert [t.id for t in found] == [made[2].id, made[1].id]
    found = await tickets.earlier_tickets(house.db, [house.app], customer, found[-1].id, 2)
    assert [t.id for t in found] == [made[0].id]
    assert await tickets.earlier_tickets(house.db, [house.app + 1], customer, 0, 2) == []


async def test_the_others_of_a_customer_are_those_that_are_not_closed(house: House) -> None:
    made = [await house.start(house.who("ana"), n) for n in range(4)]
    await house.start(house.who("luz"), 9)
    await house.end(made[1].id)
    customer = made[0].customer.id
    found = await tickets.earlier_tickets(house.db, [house.app], customer, 0, 2, closed=False)
    assert [t.id for t in found] == [made[3].id, made[2].id]
    found = await tickets.earlier_tickets(house.db, [house.app], customer, found[-1].id, 2, closed=False)
    assert [t.id for t in found] == [made[0].id]
    assert await tickets.earlier_tickets(house.db, [house.app + 1], customer, 0, 2, closed=False) == []


async def test_the_estimate_learns_from_answered_live_chats_the_latest_first(house: House) -> None:
    eva = await house.agent("eva")
    for n, seconds in enumerate((60, 120, 180)):
        ticket = await house.start(house.who(str(n)), 0)
        await house.assign(ticket.id, eva)
        await house.agent_says(eva, ticket.id, 1)
        house.clock.now += seconds * 1000
        await house.end(ticket.id)
    unanswered = await house.start(house.who("x"), 0)
    await house.assign(unanswered.id, eva)
    await house.end(unanswered.id)
    assert await tickets.handled_seconds(house.db, house.app) == [180, 120, 60]
    assert await tickets.handled_seconds(house.db, house.app, 2) == [180, 120]
    assert await tickets.handled_seconds(house.db, house.app + 1) == []


async def test_what_is_due_comes_most_overdue_first(house: House) -> None:
    assert await tickets.next_due(house.db) is None
    eva = await house.agent("eva")
    ids = []
    for n in range(3):
        ids.append((await house.start(house.who(str(n)), 0)).id)
        house.clock.now += 1000
        await house.assign(ids[-1], eva)
    first = NOON + 1000 + POLICY.first_answer_seconds * 1000
    assert await tickets.next_due(house.db) == first
    assert await tickets.due(house.db, first - 1, 10) == []
    assert await tickets.due(house.db, first + 1000, 10) == [(i, house.app) for i in ids[:2]]
    assert await tickets.due(house.db, first + 9000, 1) == [(ids[0], house.app)]


async def test_an_app_takes_what_it_did_not_choose_from_the_servers_defaults(house: House) -> None:
    await house.db.execute(
        update(apps).values(
            policy='{"inactivity_seconds": 5}', origins='["https://a.example"]', schedule="{}"
        )
    )
    (app,) = await people.apps(house.db, Policy(inactivity_seconds=300, open_chats_per_customer=9))
    assert app.policy == Policy(inactivity_seconds=5, open_chats_per_customer=9)
    assert app.origins == ("https://a.example",)
    assert await people.app_by_key(house.db, "demo", Policy(open_chats_per_customer=9)) == app.__class__(
        app.id, "demo", "demo", app.origins, "s", "", app.policy, "{}"
    )
    assert await people.app_by_key(house.db, "none", Policy()) is None


async def test_people_are_found_by_what_they_are_known_by(house: House) -> None:
    eva = await house.agent("eva", password_hash="$argon2")
    login = await people.agent_by_email(house.db, "eva@example.com")
    assert login is not None
    assert (login.agent.id, login.password_hash) == (eva, "$argon2")
    assert await people.agent_by_id(house.db, eva) == login.agent
    assert await people.agent_by_email(house.db, "no@example.com") is None


async def test_only_sessions_that_hold_are_found(house: House) -> None:
    eva = await house.agent("eva")
    await house.db.execute(
        insert(sessions).values(id=4, token_hash="h", agent_id=eva, created_at=1, expires_at=50),
        insert(sessions).values(id=5, token_hash="i", agent_id=eva, created_at=1, expires_at=50, ended_at=2),
    )
    held = accounts.AgentSession(4, eva, "eva@example.com", "eva", 50)
    assert await accounts.session_by_hash(house.db, "h", 10) == held
    assert await accounts.session_by_id(house.db, 4, 10) == held
    for token_hash, now in (("h", 50), ("i", 10), ("x", 10)):
        assert await accounts.session_by_hash(house.db, token_hash, now) is None
    assert await accounts.session_by_id(house.db, 5, 10) is None
    assert await accounts.live_sessions(house.db, [4, 5, 6], 10) == {4}
    assert await accounts.other_sessions(house.db, eva, 10)
    assert not await accounts.other_sessions(house.db, eva, 50)


async def test_a_users_token_is_used_once_and_forgotten_when_it_has_expired(house: House) -> None:
    async def use(jti: str, now: int) -> bool:
        return await accounts.use_token(house.db, house.app, jti, expires_at=100, now=now)

    assert sorted(await asyncio.gather(*(use("a", 1) for _ in range(5)))) == [False] * 4 + [True]
    assert not await people.token_used(house.db, house.app, "b")
    assert await use("b", 99)
    assert await people.token_used(house.db, house.app, "b")
    assert not await use("b", 99)
    assert house.stored("SELECT jti FROM used_tokens ORDER BY jti") == [("a",), ("b",)]
    assert await accounts.use_token(house.db, house.app, "c", expires_at=200, now=101)
    assert house.stored("SELECT jti FROM used_tokens") == [("c",)]


async def test_after_an_interruption_every_agents_load_is_what_can_be_counted(house: House) -> None:
    lucia, eva = await house.agent("lucia"), await house.agent("eva")
    ticket = await house.start(house.who("ana"), 0)
    await house.assign(ticket.id, lucia)
    await house.db.execute(update(agents).values(load=7))
    await house.db.all_gone([house.app], POLICY, NOON)
    assert {a.id: a.load for a in await people.agents(house.db)} == {lucia: 1, eva: 0}


# — query plans ————————————————————————————————————————————————————————————————

GROWING = ("tickets", "items", "customers", "sessions", "used_tokens")
WALKS = re.compile(rf"\bSCAN ({'|'.join(GROWING)})\b")


def plan(connection: sqlite3.Connection, sql: str) -> list[str]:
    unbound = (None,) * sql.count("?")
    return [str(row[3]) for row in connection.execute(f"EXPLAIN QUERY PLAN {sql}", unbound)]


async def test_an_interruption_is_written_and_looked_at_through_the_open_chats_alone(
    sqlite_house: SqliteHouse,
) -> None:
    for strict in (False, True):
        for statement in all_gone([sqlite_house.app], Policy(inactivity_strict=strict), 9):
            steps = plan(sqlite_house.connection, compiled(statement)[0])
            assert not [step for step in steps if WALKS.search(step)]
            assert any(step.startswith("SEARCH tickets USING") for step in steps)


async def test_no_read_walks_through_a_growing_table(
    sqlite_house: SqliteHouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    really = SqliteDatabase.rows

    async def rows(db: SqliteDatabase, statement: Any, **values: Any) -> list[tuple[Any, ...]]:
        asked.append(constant(statement)[0])
        return await really(db, statement, **values)

    monkeypatch.setattr(SqliteDatabase, "rows", rows)
    db, app = sqlite_house.db, sqlite_house.app
    await tickets.customer_tickets(db, app, "k", 0, 20)
    await tickets.customer_tickets(db, app, "k", 9, 20)
    await tickets.ticket_of(db, app, "k", 9)
    await tickets.ticket_for(db, [app], 9)
    await tickets.own_tickets(db, [app, 2, 3], 1)
    await tickets.waiting_tickets(db, [app, 2, 3], 9, 9, 20)
    await tickets.requested_tickets(db, [app, 2, 3], 9, 20)
    await tickets.desk_counts(db, app)
    await tickets.earlier_tickets(db, [app, 2], 1, 0, 20)
    await tickets.earlier_tickets(db, [app, 2], 1, 9, 20)
    await tickets.earlier_tickets(db, [app, 2], 1, 9, 20, closed=False)
    await tickets.waiting_ids(db, app)
    await tickets.handled_seconds(db, app)
    await tickets.next_due(db)
    await tickets.due(db, 9, 20)
    assert [page async for page in interrupted_ids(db, [app], POLICY, {app: None}, 9)] == []
    await items_after(db, 1, 0, 20)
    await items_before(db, 1, 9, 20)
    await people.apps(db, POLICY)
    await people.app_by_key(db, "k", POLICY)
    await people.agents(db)
    await people.agent_by_id(db, 1)
    await people.agent_by_email(db, "e")
    await accounts.session_by_hash(db, "h", 9)
    await accounts.session_by_id(db, 1, 9)
    await accounts.live_sessions(db, [1, 2], 9)
    await accounts.other_sessions(db, 1, 9)
    await people.customer(db, app, "k")
    await people.token_used(db, app, "j")
    assert len(asked) >= 25
    plans = {sql: plan(sqlite_house.connection, sql) for sql in asked}
    assert not {sql: steps for sql, steps in plans.items() if WALKS.search(" | ".join(steps))}
    # Pages are read in the order of an index: what is cut off is never read.
    paged = [sql for sql in asked if "LIMIT" in sql]
    assert len(paged) >= 9
    assert not {sql: plans[sql] for sql in paged if "TEMP B-TREE" in " ".join(plans[sql])}


HOT = {
    name: value
    for module in (loading, applying)
    for name, value in vars(module).items()
    if name.isupper() and isinstance(value, str) and not name.startswith("_")
}


def test_all_hot_statements_are_looked_at() -> None:
    assert len(HOT) >= 14
    assert {"TICKETS", "SAID", "QUEUE", "UPDATE_TICKET", "INSERT_ITEM"} <= HOT.keys()


@pytest.mark.parametrize("name", sorted(HOT))
async def test_no_hot_statement_of_the_writer_walks_through_a_table(
    sqlite_house: SqliteHouse, name: str
) -> None:
    steps = plan(sqlite_house.connection, HOT[name])
    every = (*GROWING, "agents", "agent_apps", "apps")
    assert not [s for s in steps if re.search(rf"\bSCAN ({'|'.join(every)})\b", s)]


async def test_the_plans_test_sees_a_walk(sqlite_house: SqliteHouse) -> None:
    assert WALKS.search(" ".join(plan(sqlite_house.connection, "SELECT * FROM tickets WHERE subject = ?")))
