"""What the writer knows by heart is what the database holds: whatever changes a ticket by another way makes it forget."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace
from sqlalchemy import insert, update

from chatserver.core import tickets as core
from chatserver.core.errors import Refused
from chatserver.core.tickets import Ticket
from chatserver.store import accounts, health
from chatserver.store.base import StoreFailed
from chatserver.store.rows import CHANGING, TALKING
from chatserver.store.sqlite.applying import UPDATE_TALKING, UPDATE_TALKING_DUE, UPDATE_TICKET
from chatserver.store.sqlite.known import Known
from chatserver.store.tables import agents, customers, tickets
from chatserver.store.work import Needs, Who, World
from tests.store.house import NOON, POLICY, SqliteHouse, cid


@pytest.fixture
async def house(sqlite_house: SqliteHouse) -> SqliteHouse:
    return sqlite_house


async def as_a_use_case_finds_it(house: SqliteHouse, ticket_id: int) -> Ticket:
    def decide(world: World, now: int) -> Ticket:
        ticket = world.ticket(ticket_id)
        assert ticket is not None
        return ticket

    return await house.db.write(Needs(tickets=(ticket_id,)), decide)


def looks(seen: list[str]) -> int:
    """How often it was looked up which messages tickets have."""
    return sum(s.startswith('SELECT items.ticket_id, items."by"') for s in map(str.strip, seen))


def reads(seen: list[str]) -> int:
    """How often the rows of tickets were read."""
    return sum(s.startswith("SELECT tickets.id,") for s in seen)


async def test_a_ticket_that_was_committed_or_read_is_not_read_again(tmp_path: Path) -> None:
    house = await SqliteHouse.open(tmp_path / "chat.db")
    ana = house.who("ana")
    ticket = await house.start(ana, 0)
    with house.statements() as seen:
        await house.say(ana, ticket.id, 1)
        await house.say(ana, ticket.id, 2)
    assert reads(seen) == 0
    house = await house.reopen()
    with house.statements() as seen:
        await house.say(ana, ticket.id, 3)
        await house.say(ana, ticket.id, 4)
    assert reads(seen) == 1
    await house.db.close()


async def test_only_so_many_are_kept_and_the_one_used_longest_ago_goes_first(house: SqliteHouse) -> None:
    house.db._writer._known = Known(limit=2)
    people = [house.who(name) for name in ("ana", "ben", "eva")]
    ids = [(await house.start(who, 0)).id for who in people[:2]]
    await house.say(people[0], ids[0], 1)
    ids.append((await house.start(people[2], 0)).id)
    assert len(house.db._writer._known) == 2
    read = []
    for ticket_id in ids:
        with house.statements() as seen, pytest.raises(Refused):
            await house.say(house.who("nobody"), ticket_id, 9)
        read.append(reads(seen))
    assert read == [0, 1, 0]  # ben's went when eva's came: ana's had been used since


async def test_which_messages_a_ticket_has_is_looked_up_once_and_of_a_new_one_never(tmp_path: Path) -> None:
    house = await SqliteHouse.open(tmp_path / "chat.db")
    ana, eva = house.who("ana"), await house.agent("eva")
    with house.statements() as seen:
        ticket = await house.start(ana, 0)
        await house.assign(ticket.id, eva)
        assert await house.say(ana, ticket.id, 1) == await house.say(ana, ticket.id, 1) == 3
    assert looks(seen) == 0
    house = await house.reopen()
    with house.statements() as seen:
        assert await house.say(ana, ticket.id, 1) == 3
        assert await house.agent_says(eva, ticket.id, 1) == 4  # their own, though under an id of hers
        assert await house.say(ana, ticket.id, 2) == await house.say(ana, ticket.id, 2) == 5
        assert await house.agent_says(eva, ticket.id, 1) == 4
    assert looks(seen) == 1
    assert house.sequence(ticket.id) == [1, 2, 3, 4, 5]
    await house.db.close()


async def test_of_so_many_messages_in_all_it_is_known_which_there_are_and_always_of_the_ticket_in_use(
    house: SqliteHouse,
) -> None:
    known = house.db._writer._known = Known(messages=4)
    ana, ben = house.who("ana"), house.who("ben")
    hers, his = [(await house.start(who, 0)).id for who in (ana, ben)]
    for number in range(1, 5):
        await house.say(ana, hers, number)
    assert len(known) == 2
    await house.say(ben, his, 5)
    assert (known.ticket(hers), known.said(hers)) == (None, None)
    for number in range(6, 12):
        await house.say(ben, his, number)  # more by itself than there is room for
    with house.statements() as seen:
        assert await house.say(ben, his, 5) == 2
    assert looks(seen) == 0
    with house.statements() as seen:
        assert await house.say(ana, hers, 4) == 5
    assert looks(seen) == 1
    assert await house.say(ana, hers, 12) == 6


async def test_which_messages_a_closed_ticket_has_is_not_kept_and_looked_up_for_who_repeats_one(
    house: SqliteHouse,
) -> None:
    ana = house.who("ana")
    ticket = await house.start(ana, 0)
    await house.say(ana, ticket.id, 1)
    await house.end(ticket.id)
    known = house.db._writer._known
    assert (known.said(ticket.id), known._messages) == (None, 0)
    assert known.ticket(ticket.id) is not None
    with house.statements() as seen:
        assert await house.say(ana, ticket.id, 1) == 2
    assert looks(seen) == 1


async def test_a_ticket_that_there_was_no_room_for_is_not_known_by_halves(house: SqliteHouse) -> None:
    known = house.db._writer._known = Known(limit=1)
    people = [house.who(name) for name in ("ana", "ben")]
    opened = [ticket.id for ticket in await house.together(*(house.start(who, 0) for who in people))]
    assert known._said.keys() <= known._tickets.keys()
    for who, ticket in zip(people, opened, strict=True):
        assert await house.say(who, ticket, 1) == 2
    assert await house.together(
        *(house.say(who, ticket, 2) for who, ticket in zip(people, opened, strict=True))
    ) == [3, 3]
    assert known._said.keys() <= known._tickets.keys()
    for who, ticket in zip(people, opened, strict=True):
        assert await house.say(who, ticket, 1) == 2
        assert await house.say(who, ticket, 2) == 3


async def test_who_only_repeats_makes_nobody_remember_more_than_there_is_room_for(house: SqliteHouse) -> None:
    people = [house.who(name) for name in ("ana", "ben", "eva")]
    opened = [(await house.start(who, 0)).id for who in people]
    for who, ticket in zip(people, opened, strict=True):
        for number in range(1, 5):
            await house.say(who, ticket, number)
    known = house.db._writer._known = Known(messages=8)
    for _ in range(2):
        for who, ticket in zip(people, opened, strict=True):
            assert await house.say(who, ticket, 3) == 4
            assert known._messages <= 8


async def test_messages_of_another_program_are_found(house: SqliteHouse) -> None:
    ana = house.who("ana")
    ticket = await house.start(ana, 0)
    await house.say(ana, ticket.id, 1)
    other = sqlite3.connect(house.path)
    with other:
        other.execute("UPDATE items SET cid = ? WHERE seq = 2", (cid(7),))
    other.close()
    assert await house.say(ana, ticket.id, 7) == 2
    assert await house.say(ana, ticket.id, 1) == 3


async def test_a_refused_use_case_is_not_remembered(house: SqliteHouse) -> None:
    ana = house.who("ana")
    ticket = await house.start(ana, 0)

    def half_done(world: World, now: int) -> None:
        current = world.ticket_of(ana, ticket.id)
        world.put(current, core.customer_ended(current, now), POLICY)
        raise Refused("too_many_open")

    results = await house.together(
        house.say(ana, ticket.id, 1),
        house.db.write(Needs(tickets=(ticket.id,)), half_done),
        house.say(ana, ticket.id, 2),
    )
    assert isinstance(results[1], Refused)
    assert await house.say(ana, ticket.id, 3) == 4
    assert (await as_a_use_case_finds_it(house, ticket.id)).version == 4


async def test_a_group_that_breaks_is_not_remembered_when_everyone_is_tried_alone(house: SqliteHouse) -> None:
    ana = house.who("ana")
    ticket = await house.start(ana, 0)
    await house.say(ana, ticket.id, 1)

    def breaks(world: World, now: int) -> None:
        current = world.ticket_of(ana, ticket.id)
        world.put(current, core.customer_ended(current, now), POLICY)
        world.new_customer(Who(999, "anon:x"), now)  # of no app: the whole group cannot be stored

    needs = Needs(tickets=(ticket.id,), customers=((999, "anon:x"),))
    results = await house.together(
        house.say(ana, ticket.id, 2), house.db.write(needs, breaks), house.say(ana, ticket.id, 3)
    )
    assert (results[0], results[2]) == (3, 4)
    assert isinstance(results[1], StoreFailed)
    found = await as_a_use_case_finds_it(house, ticket.id)
    assert (found.state, found.last_seq, found.version) == ("open", 4, 4)


async def test_a_full_disk_is_not_remembered(house: SqliteHouse) -> None:
    ana = house.who("ana")
    ticket = await house.start(ana, 0)
    house.fill_up()
    with pytest.raises(StoreFailed):
        await house.say(ana, ticket.id, 1, "x" * 8000)
    house.connection.execute("PRAGMA max_page_count=1000000").fetchall()
    assert (await as_a_use_case_finds_it(house, ticket.id)).last_seq == 1
    assert await house.say(ana, ticket.id, 1) == 2


async def test_a_commit_that_fails_is_not_remembered(house: SqliteHouse) -> None:
    class FullAtCommit:
        """A connection on a disk that is full when the log is written."""

        def __init__(self, real: sqlite3.Connection) -> None:
            self.real = real

        def __getattr__(self, name: str) -> Any:
            return getattr(self.real, name)

        def execute(self, sql: str, *values: Any) -> Any:
            if sql == "COMMIT":
                problem = sqlite3.OperationalError("database or disk is full")
                problem.sqlite_errorcode = sqlite3.SQLITE_FULL
                raise problem
            return self.real.execute(sql, *values)

    ana = house.who("ana")
    ticket = await house.start(ana, 0)
    real = house.connection
    house.db._writer._db = FullAtCommit(real)  # type: ignore[assignment]
    with pytest.raises(StoreFailed):
        await house.say(ana, ticket.id, 1)
    house.db._writer._db = real
    assert (await as_a_use_case_finds_it(house, ticket.id)).last_seq == 1
    assert await house.say(ana, ticket.id, 1) == 2


async def renamed(house: SqliteHouse, who: Who, name: str) -> None:
    def decide(world: World, now: int) -> None:
        customer = world.customer(who)
        assert customer is not None
        world.update_customer(replace(customer, name=name))

    await house.db.write(Needs(customers=((who.app_id, who.key),)), decide)


async def test_a_customers_new_name_stands_on_all_of_their_tickets(house: SqliteHouse) -> None:
    ana, ben = house.who("ana"), house.who("ben")
    hers = [await house.start(ana, n) for n in range(2)]
    his = await house.start(ben, 0)
    closed = await house.end(hers[1].id)
    with house.statements() as seen:
        await renamed(house, ana, "Ana")
    assert reads(seen) == 0  # she comes with her open chats
    for ticket in (hers[0], closed):
        assert (await as_a_use_case_finds_it(house, ticket.id)).customer.name == "Ana"
    with house.statements() as seen:
        await house.say(ben, his.id, 1)
    assert reads(seen) == 0  # nobody else's are forgotten


async def test_a_new_name_and_a_message_in_one_group_are_both_remembered(house: SqliteHouse) -> None:
    ana = house.who("ana")
    ticket = await house.start(ana, 0)
    await house.together(
        house.say(ana, ticket.id, 1), renamed(house, ana, "Ana"), house.say(ana, ticket.id, 2)
    )
    found = await as_a_use_case_finds_it(house, ticket.id)
    assert (found.customer.name, found.last_seq) == ("Ana", 3)


async def test_statements_about_what_a_ticket_is_made_of_make_it_forget(house: SqliteHouse) -> None:
    ana, eva = house.who("ana"), await house.agent("eva")
    ticket = await house.start(ana, 0)
    await house.assign(ticket.id, eva)
    await house.db.execute(update(agents).where(agents.c.id == eva).values(name="Eva María"))
    assert (await as_a_use_case_finds_it(house, ticket.id)).agent_name == "Eva María"
    await house.db.execute(update(customers).values(email="ana@example.com"))
    assert (await as_a_use_case_finds_it(house, ticket.id)).customer.email == "ana@example.com"
    await house.db.execute(update(tickets).values(priority=3))
    assert (await as_a_use_case_finds_it(house, ticket.id)).priority == 3


async def test_statements_about_sessions_tokens_and_health_leave_it_knowing(house: SqliteHouse) -> None:
    ana, eva = house.who("ana"), await house.agent("eva")
    ticket = await house.start(ana, 0)
    session = await accounts.begin_session(house.db, "hash", eva, "x", now=NOON, expires_at=NOON + 1000)
    assert session is not None
    await accounts.end_session(house.db, session, NOON)
    assert await accounts.spend(house.db, eva, "jti", expires_at=NOON + 1000, now=NOON)
    assert await accounts.use_token(house.db, house.app, "jti", expires_at=NOON + 1000, now=NOON)
    await health.probe(house.db, NOON)
    with house.statements() as seen:
        await house.say(ana, ticket.id, 1)
    assert reads(seen) == 0


async def test_statements_that_fail_half_way_make_it_forget_nothing_that_stands(house: SqliteHouse) -> None:
    ana = house.who("ana")
    ticket = await house.start(ana, 0)
    good = update(customers).values(name="Otra")
    bad = insert(customers).values(id=1, app_id=999, key="x", created_at=1)
    with pytest.raises(StoreFailed):
        await house.db.execute(good, bad)
    assert (await as_a_use_case_finds_it(house, ticket.id)).customer.name == ""


async def test_another_program_that_writes_is_noticed(house: SqliteHouse) -> None:
    ana = house.who("ana")
    ticket = await house.start(ana, 0)
    other = sqlite3.connect(house.path)
    with other:
        other.execute("UPDATE tickets SET priority = 4")
    other.close()
    assert (await as_a_use_case_finds_it(house, ticket.id)).priority == 4
    with house.statements() as seen:
        await house.say(ana, ticket.id, 1)
    assert reads(seen) == 0  # noticed once, not for ever


# — writing only what changed ——————————————————————————————————————————————————


def updates(seen: list[str]) -> list[str]:
    kinds = {"talking": UPDATE_TALKING, "talking, due": UPDATE_TALKING_DUE, "all": UPDATE_TICKET}
    starts = {kind: sql.split("?")[0] for kind, sql in kinds.items()}
    ends = {"talking": "version", "talking, due": "due_at", "all": CHANGING[-1]}
    found = []
    for statement in (s for s in seen if s.startswith("UPDATE tickets")):
        last = statement.rpartition(" WHERE")[0].rpartition(" = ")[0].rpartition(", ")[2]
        found += [k for k in kinds if statement.startswith(starts[k]) and last == ends[k]]
    return found


async def test_a_message_leaves_every_index_of_its_ticket_alone(house: SqliteHouse) -> None:
    ana, eva = house.who("ana"), await house.agent("eva")
    ticket = await house.start(ana, 0)
    with house.statements() as seen:
        await house.say(ana, ticket.id, 1)
        await house.assign(ticket.id, eva)
        await house.agent_says(eva, ticket.id, 2)  # the first answer
        await house.say(ana, ticket.id, 3)
        await house.agent_says(eva, ticket.id, 4)
        await house.say(ana, ticket.id, 5)
        await house.say(ana, ticket.id, 6)
        await house.end(ticket.id)
    kinds = ["talking", "all", "all", "talking, due", "talking, due", "talking, due", "talking", "all"]
    assert updates(seen) == kinds


def test_no_index_knows_what_changes_with_a_message() -> None:
    known = {
        name
        for index in tickets.indexes
        for name in CHANGING
        if name in index.columns or name in str(index.dialect_options["sqlite"]["where"])
    }
    assert known >= {"due_at", "queue_rank", "state", "answered_at"}
    assert known.isdisjoint(TALKING)
    assert set(TALKING) < set(CHANGING)
