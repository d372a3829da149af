"""PostgreSQL is killed, ended, cut off, frozen, held up: no answer without a commit, nothing twice, all goes on."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import logging
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from types import NoneType
from typing import Any

import asyncpg
import pytest

from chatserver.core.errors import Refused
from chatserver.core.policy import Policy
from chatserver.store.accounts import use_token
from chatserver.store.base import StoreEnded, StoreFailed
from chatserver.store.items import items_after
from chatserver.store.postgres import database, patience, writer
from chatserver.store.postgres.looking import Held, look
from chatserver.store.postgres.patience import HELD_SECONDS, LOOKS
from chatserver.store.work import Needs, Who, World
from chatserver.store.writer import GROUP_MAX
from tests.harness.committing import CommitWire, Cut
from tests.harness.postgres import Postgres, fetched, postgres
from tests.harness.sizes import STANDSTILL, size
from tests.harness.waiting import LOOK_EVERY, soon
from tests.store.house import PostgresHouse, cid

pytestmark = [pytest.mark.fault, pytest.mark.alone]

TICKETS, WRITERS = 6, 24
FAULTS = size(2, 25)
"""So often is it done in one test."""
RECOVERED = 5.0 + STANDSTILL
"""Seconds from when the server answers again until a node writes again."""
ENDED = 7.0 + STANDSTILL
"""Seconds that closing may take, whatever the server does."""


@pytest.fixture(scope="module")
def server() -> Iterator[Postgres]:
    """One that is broken on purpose, whose commits wait for the disk."""
    with postgres(relaxed=False) as server:
        yield server


@pytest.fixture
async def house(server: Postgres, anyio_backend: str) -> AsyncIterator[PostgresHouse]:
    house = await PostgresHouse.open(server.database())
    yield house
    await ends(house)
    house.loads_are_counted()
    await soon(lambda: connections(house) == 0, "no connection is left open")


async def ends(house: PostgresHouse) -> None:
    """Closing takes a few seconds at most, answers everybody and leaves no task."""
    mine = {asyncio.current_task()}
    began = time.monotonic()
    await house.db.close()
    assert time.monotonic() - began < ENDED
    assert house.db._writer._unanswered == 0
    await soon(lambda: not {t for t in asyncio.all_tasks() - mine if "asyncpg" in repr(t)}, "no task is left")


def connections(house: PostgresHouse) -> int:
    query = (
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
    )
    return int(house.stored(query)[0][0])


class Load:
    """People who write into a few tickets, each one message after another, and send it again until it is acknowledged."""

    def __init__(self, house: PostgresHouse, tickets: list[int]) -> None:
        self.house = house
        self.tickets = tickets
        self.acknowledged: dict[tuple[int, int], int] = {}
        """(ticket, number of the client's id) → its number in the ticket."""
        self.failed: Counter[int] = Counter()
        """Per ticket, how often somebody was told to try again."""
        self.longest: Counter[int] = Counter()
        """Per ticket, the longest time in ms between two acknowledgements."""
        self.doubted = 0
        self._last: dict[int, float] = {}
        self._numbers = itertools.count(1)
        self._going = True

    @property
    def count(self) -> int:
        return len(self.acknowledged)

    def doubt(self) -> None:
        self.doubted += 1

    async def write(self, ticket: int) -> None:
        while self._going:
            number = next(self._numbers)
            while (seq := await self._said(ticket, number)) is None:
                self.failed[ticket] += 1
            self.acknowledged[ticket, number] = seq
            now = time.monotonic()
            gap = round(1000 * (now - self._last.get(ticket, now)))
            self._last[ticket] = now
            self.longest[ticket] = max(self.longest[ticket], gap)

    async def _said(self, ticket: int, number: int) -> int | None:
        try:
            return await self.house.say(self.house.who("ana"), ticket, number)
        except (StoreFailed, Refused):
            await asyncio.sleep(LOOK_EVERY)  # as a client does, before it tries again
            return None

    async def more(self, count: int = 50, within: float = 20.0) -> float:
        """Until so many more are acknowledged; gives after how many seconds the first one was."""
        before, began, first = self.count, time.monotonic(), 0.0
        await soon(lambda: self.count > before, "writing again", within)
        first = time.monotonic() - began
        await soon(lambda: self.count >= before + count, f"{count} more", within)
        return first

    def stop(self) -> None:
        self._going = False


@contextlib.asynccontextmanager
async def load(house: PostgresHouse) -> AsyncIterator[Load]:
    """All the time somebody writes; in the end what was acknowledged is stored, and everything once."""
    ana = house.who("ana")
    made = Load(house, [(await house.start(ana, n)).id for n in range(TICKETS)])
    house.db._writer.doubtful = made.doubt
    tasks = [asyncio.ensure_future(made.write(made.tickets[n % TICKETS])) for n in range(WRITERS)]
    try:
        await made.more()
        yield made
    finally:
        made.stop()
        await asyncio.gather(*tasks)
    stored = house.stored("SELECT ticket_id, cid, seq FROM items WHERE kind = 'message'")
    assert sorted(stored) == sorted((t, cid(n), seq) for (t, n), seq in made.acknowledged.items())
    for ticket in made.tickets:
        sequence = house.sequence(ticket)
        assert sequence == list(range(1, len(sequence) + 1))
    published = Counter(
        item.seq for e in house.changes() if e.after.id == made.tickets[0] for item in e.items
    )
    assert not published or max(published.values()) == 1


def pids(house: PostgresHouse, *, reading: bool) -> list[int]:
    """Of the connections to the database that only read, or of the one that writes."""
    writer = house.db._writer._db.get_server_pid()
    if not reading:
        return [writer]
    query = "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND pid NOT IN (pg_backend_pid(), ?)"
    return [row[0] for row in house.stored(query, writer)]


# — connections and servers that end ———————————————————————————————————————————


async def test_a_writing_connection_that_the_server_ends_is_replaced_at_once(house: PostgresHouse) -> None:
    async with load(house) as people:
        for _ in range(FAULTS * 3):
            await soon(lambda: house.db._writer._db is not None, "it has a connection")
            house.stored("SELECT pg_terminate_backend(?)", *pids(house, reading=False))
            assert await people.more(20) < RECOVERED
    # What had not come to its commit was done again: only a commit that was on its way may have failed.
    assert sum(people.failed.values()) <= people.doubted * WRITERS
    print(f"{FAULTS * 3} ended, {people.doubted} in doubt, {sum(people.failed.values())} told to try again")


async def test_an_idle_connection_that_the_server_ended_costs_nobody_a_message(house: PostgresHouse) -> None:
    ana = house.who("ana")
    ticket = await house.start(ana, 0)
    for number in range(1, 4):
        house.stored("SELECT pg_terminate_backend(?)", *pids(house, reading=False))
        assert await house.say(ana, ticket.id, number) == number + 1


async def test_idle_connections_that_the_server_ended_cost_nobody_an_answer(house: PostgresHouse) -> None:
    ana = house.who("ana")
    ticket = await house.start(ana, 0)
    for _ in range(FAULTS):
        await asyncio.gather(*(items_after(house.db, ticket.id, 0, 10) for _ in range(20)))
        ended = pids(house, reading=True)
        assert len(ended) > 1
        for pid in ended:
            house.stored("SELECT pg_terminate_backend(?)", pid)
        # The event loop has had no time to notice.
        assert len(await items_after(house.db, ticket.id, 0, 10)) == 1


async def test_readers_whose_connections_the_server_ends_recover(house: PostgresHouse) -> None:
    ana = house.who("ana")
    ticket = await house.start(ana, 0)
    failed = 0
    for _ in range(FAULTS * 3):
        reads = [asyncio.ensure_future(items_after(house.db, ticket.id, 0, 10)) for _ in range(30)]
        await asyncio.sleep(0)
        for pid in pids(house, reading=True):
            house.stored("SELECT pg_terminate_backend(?)", pid)
        answers = await asyncio.gather(*reads, return_exceptions=True)
        failed += sum(isinstance(answer, BaseException) for answer in answers)
        found = await asyncio.gather(*(items_after(house.db, ticket.id, 0, 10) for _ in range(10)))
        assert {len(items) for items in found} == {1}
    assert failed <= FAULTS


async def test_a_server_that_is_restarted_is_used_again_within_seconds(
    house: PostgresHouse, server: Postgres
) -> None:
    async with load(house) as people:
        for _ in range(FAULTS):
            await asyncio.to_thread(server.stop)
            failed = sum(people.failed.values())
            await soon(lambda before=failed: sum(people.failed.values()) > before, "people are told")  # type: ignore[misc]
            await asyncio.to_thread(server.start)
            assert await people.more() < RECOVERED
            assert len(await items_after(house.db, people.tickets[0], 0, 1)) == 1
    print(f"{people.count} acknowledged, {people.doubted} in doubt")


async def test_nothing_that_was_acknowledged_is_lost_when_every_process_of_the_server_is_killed(
    house: PostgresHouse, server: Postgres
) -> None:
    async with load(house) as people:
        for _ in range(FAULTS):
            await asyncio.to_thread(server.kill)
            await asyncio.to_thread(server.start)
            assert await people.more() < RECOVERED
    print(f"{FAULTS} kills, {people.count} acknowledged, {people.doubted} in doubt")


async def test_while_there_is_no_server_everybody_is_told_at_once_and_the_log_says_it_once(
    house: PostgresHouse, server: Postgres, caplog: pytest.LogCaptureFixture
) -> None:
    ana = house.who("ana")
    ticket = await house.start(ana, 0)
    await asyncio.to_thread(server.stop)
    try:
        began = time.monotonic()
        for _ in range(3):
            answers = await asyncio.gather(
                *(house.say(ana, ticket.id, n) for n in range(1, 1200)), return_exceptions=True
            )
            assert {type(answer) for answer in answers} == {StoreFailed}
        with pytest.raises(Exception, match=r".*"):
            await items_after(house.db, ticket.id, 0, 10)
        assert time.monotonic() - began < RECOVERED
    finally:
        await asyncio.to_thread(server.start)
    assert await house.say(ana, ticket.id, 1) == 2
    assert len(await items_after(house.db, ticket.id, 0, 10)) == 2
    assert caplog.text.count("cannot write") == 1
    assert caplog.text.count("writing again") == 1


# — a commit on its way ————————————————————————————————————————————————————————


async def through(wire: CommitWire, server: Postgres) -> PostgresHouse:
    url = server.database()
    house = await PostgresHouse.open(url.replace(str(server.port), str(wire.port)))
    house.where = url  # whoever looks in from outside does not come that way
    return house


@pytest.mark.parametrize("where", ["before", "after"])
async def test_a_commit_whose_answer_is_lost_is_in_doubt_and_sent_again_is_stored_once(
    server: Postgres, where: Cut
) -> None:
    """By the long way, which has a COMMIT; `tests/store/test_at_once.py` has the short one."""
    async with CommitWire.to(server.port) as wire:
        house = await through(wire, server)
        house.db.go_by(lambda ticket_id: None)
        doubts: list[str] = []
        house.db._writer.doubtful = lambda: doubts.append("doubt")
        ana = house.who("ana")
        ticket = await house.start(ana, 0)
        for number in range(1, 1 + FAULTS):
            house.heard.clear()
            wire.planned = where
            results = await house.together(
                house.say(ana, ticket.id, 2 * number), house.say(ana, ticket.id, 2 * number + 1)
            )
            assert [type(result) for result in results] == [StoreFailed] * 2
            assert house.heard == []  # nobody hears of what may not be
            assert len(doubts) == wire.cuts == number
            stored = house.sequence(ticket.id)[1:]
            assert len(stored) == 2 * (number if where == "after" else number - 1)
            again = [await house.say(ana, ticket.id, 2 * number + n) for n in (1, 0)]
            assert sorted(again) == [2 * number, 2 * number + 1]
            assert len(house.sequence(ticket.id)) == 1 + 2 * number
        await ends(house)


async def test_statements_whose_commit_is_in_doubt_are_doubted_too(server: Postgres) -> None:
    async with CommitWire.to(server.port) as wire:
        house = await through(wire, server)
        doubts: list[str] = []
        house.db._writer.doubtful = lambda: doubts.append("doubt")
        wire.planned = "after"
        with pytest.raises(StoreFailed):
            await house.new_app("other")
        assert doubts == ["doubt"]
        assert house.stored("SELECT count(*) FROM apps") == [(2,)]
        await ends(house)


REFUSED_AT_COMMIT = (
    "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'not this one'; END $$",
    "CREATE CONSTRAINT TRIGGER refusing AFTER INSERT ON items DEFERRABLE INITIALLY DEFERRED "
    "FOR EACH ROW EXECUTE FUNCTION refuse()",
)


class Spoiled:
    """A writing connection whose transaction was aborted, and nobody noticed: PostgreSQL answers its COMMIT with a ROLLBACK."""

    def __init__(self, real: Any) -> None:
        self.real = real

    def __getattr__(self, name: str) -> Any:
        return getattr(self.real, name)

    async def execute(self, sql: str, *values: Any) -> Any:
        if sql == "COMMIT":
            with contextlib.suppress(asyncpg.DivisionByZeroError):
                await self.real.execute("SELECT 1 / 0")
        return await self.real.execute(sql, *values)


@pytest.mark.parametrize("how", ["with an error", "with a rollback"])
async def test_a_message_whose_commit_the_server_refuses_is_acknowledged_to_nobody(
    house: PostgresHouse, how: str
) -> None:
    ana = house.who("ana")
    ticket = await house.start(ana, 0)
    whole = house.db._writer._db
    if how == "with a rollback":
        house.db.go_by(lambda ticket_id: None)
        house.db._writer._db = Spoiled(whole)
    else:
        for statement in REFUSED_AT_COMMIT:
            house.stored(statement)
    house.heard.clear()
    results = await house.together(house.say(ana, ticket.id, 1), house.say(ana, ticket.id, 2))
    assert [type(result) for result in results] == [StoreFailed] * 2
    assert house.heard == []
    assert house.sequence(ticket.id) == [1]
    house.stored("DROP TRIGGER IF EXISTS refusing ON items")
    house.db._writer._db = whole
    assert await house.say(ana, ticket.id, 1) == 2


# — waiting ————————————————————————————————————————————————————————————————————


REFUSED = size(0.5, HELD_SECONDS)
"""Seconds, until it is looked again at what was held."""
HELD_FOR = REFUSED + size(0.5, 30.0)
"""Seconds, from when it is known."""
ANSWERED = 5.0
"""Seconds, for whoever needs nothing that is held, the time included until it is known what is (PROMISES R8)."""


@pytest.fixture
def looked_at_sooner(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patience, "HELD_SECONDS", REFUSED)


async def test_a_ticket_that_somebody_holds_does_not_hold_up_the_others(
    house: PostgresHouse, looked_at_sooner: None, caplog: pytest.LogCaptureFixture
) -> None:
    async with load(house) as people:
        held, *others = people.tickets
        async with house.held("SELECT id FROM tickets WHERE id = $1 FOR UPDATE", held):
            await soon(lambda: people.failed[held] > 0, "the first one is told to try again", 15)
            known = time.monotonic()
            while time.monotonic() - known < HELD_FOR:
                failed = people.failed[held]
                await people.more(100)
                await soon(lambda before=failed: people.failed[held] > before, "told again", 15)  # type: ignore[misc]
            waited = house.metrics.repeated["lock"]
            people.longest.clear()
        await soon(lambda: people.longest[held] > 0, "it is free again", 15)
    assert not any(people.failed[ticket] for ticket in others)
    assert waited == 1, "a group waited for what was known to be held"
    assert caplog.text.count("somebody else holds rows") == 1


CAME_AND_WENT = 80
"""Agents of one app, each of whom needs its row and their own; and questions of a customer of it."""


@pytest.mark.parametrize(
    ("table", "lock"),
    [
        ("apps", "FOR UPDATE"),
        ("agents", "FOR UPDATE"),
        ("customers", "FOR UPDATE"),
        ("tickets", "FOR NO KEY UPDATE"),
    ],
)
async def test_a_row_that_many_need_holds_up_nobody_else_however_many_ask_for_it(
    house: PostgresHouse, looked_at_sooner: None, table: str, lock: str
) -> None:
    desk, bob = await house.new_app("other"), Who(1, "anon:bob")
    agents = [await house.agent(f"agent {n}", desk) for n in range(CAME_AND_WENT)]
    waiting = await house.start(Who(desk, "anon:ana"), 1)
    other = await house.start(bob, 0)
    row = {"apps": desk, "agents": agents[40], "customers": waiting.customer.id, "tickets": waiting.id}[table]

    async def comes(agent_id: int) -> None:
        await house.db.write(Needs(agents=(agent_id,), desks=(desk,)), lambda world, now: world.desk(desk))

    async def asks(number: int) -> None:
        await house.start(Who(desk, "anon:ana"), 2 + number)

    async with house.held(f"SELECT id FROM {table} WHERE id = $1 {lock}", row):
        began = time.monotonic()
        asking = [asyncio.ensure_future(comes(one)) for one in agents]
        asking += [asyncio.ensure_future(asks(n)) for n in range(CAME_AND_WENT)]
        longest, said = 0.0, 0
        while time.monotonic() - began < patience.LOCK_MS / 1000 + HELD_FOR:
            before = time.monotonic()
            said += 1
            await house.say(bob, other.id, said)
            longest = max(longest, time.monotonic() - before)
            asking += [asyncio.ensure_future(comes(one)) for one in agents[said % 8 :: 8]]
        answers = await asyncio.gather(*asking, return_exceptions=True)
    refused = sum(isinstance(answer, StoreFailed) for answer in answers)
    print(f"{table} held: {said} said, waited {longest:.2f} s at most; {refused} of {len(asking)} refused")
    assert refused
    assert {type(answer) for answer in answers} <= {StoreFailed, NoneType, Refused}
    assert longest < ANSWERED


async def test_a_ticket_that_is_let_go_while_it_is_looked_at_is_refused_to_nobody(
    house: PostgresHouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[Held] = []

    async def looked(*what: Any) -> Held:
        seen.append(await look(*what))
        return seen[-1]

    monkeypatch.setattr(writer, "look", looked)
    monkeypatch.setattr(writer, "LOOK_EVERY_MS", 500)  # letting go takes the test longer than 20 ms
    ana = house.who("ana")
    ticket = await house.start(ana, 0)
    async with house.held("SELECT id FROM tickets WHERE id = $1 FOR UPDATE", ticket.id):
        said = asyncio.ensure_future(house.say(ana, ticket.id, 1))
        await soon(lambda: seen, "it is looked at")
    assert await said == 2
    assert [list(held) for held in seen] == [[(("ticket", ticket.id, ""), ticket.id)], []]


async def test_a_ticket_that_goes_from_one_group_to_the_next_all_the_time_is_refused_to_nobody(
    house: PostgresHouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    ana = house.who("ana")
    ticket = await house.start(ana, 0)
    both = holder, following = [await asyncpg.connect(house.where) for _ in range(2)]
    looks = 0

    async def holds(connection: Any) -> None:
        await connection.execute(f"BEGIN; SELECT id FROM tickets WHERE id = {ticket.id} FOR NO KEY UPDATE")

    async def looked(*what: Any) -> Held:
        nonlocal holder, following, looks
        seen = await look(*what)
        assert seen or looks >= LOOKS
        await holder.execute("ROLLBACK")
        looks += 1
        if looks < LOOKS:
            await holds(following)
            holder, following = following, holder
        return seen

    monkeypatch.setattr(writer, "look", looked)
    await holds(holder)
    try:
        assert await house.say(ana, ticket.id, 1) == 2
    finally:
        for connection in both:
            await connection.close()
    assert looks >= LOOKS


async def test_what_its_group_refused_is_not_waited_for_when_the_time_of_that_ends_meanwhile(
    house: PostgresHouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    ana, inside, now = house.who("ana"), house.db._writer, 0.0
    ticket = await house.start(ana, 0)
    begin = inside._begin

    async def begun_late(job: Any) -> None:
        nonlocal now
        now += HELD_SECONDS
        await begin(job)

    monkeypatch.setattr(inside, "_patience", patience.Patience(lambda: now))
    async with house.held("SELECT id FROM tickets WHERE id = $1 FOR UPDATE", ticket.id):
        with pytest.raises(StoreFailed):
            await house.say(ana, ticket.id, 1)
        monkeypatch.setattr(inside, "_begin", begun_late)
        with pytest.raises(StoreFailed):
            await house.say(ana, ticket.id, 1)
    assert house.metrics.repeated == {"lock": 1}


SIGNING_IN = 40


async def test_people_who_sign_in_at_an_app_that_somebody_holds_do_not_hold_up_who_comes_after_them(
    house: PostgresHouse,
) -> None:
    desk, bob = await house.new_app("other"), house.who("bob")
    ticket = await house.start(bob, 0)

    async def signs_in(app_id: int, number: int) -> bool:
        return await use_token(house.db, app_id, f"token {number}", expires_at=house.clock() + 1, now=0)

    async with house.held("SELECT id FROM apps WHERE id = $1 FOR UPDATE", desk):
        began = time.monotonic()
        *refused, elsewhere, said = await house.together(
            *(signs_in(desk, n) for n in range(SIGNING_IN)),
            signs_in(house.app, 0),
            house.say(bob, ticket.id, 1),
        )
        took = time.monotonic() - began
    assert {type(answer) for answer in refused} == {StoreFailed}
    assert (elsewhere, said) == (True, 2)
    assert await signs_in(desk, 0)
    print(f"{SIGNING_IN} refused within {took:.2f} s")
    assert took < ANSWERED


async def test_a_node_that_freezes_inside_its_transaction_loses_its_locks_and_writes_again_when_it_wakes(
    server: Postgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not size(0, 1):
        monkeypatch.setitem(database._WRITING, "idle_in_transaction_session_timeout", "3000")
        # Who waits is told so, several times by then.
        monkeypatch.setitem(database._WRITING, "lock_timeout", "500")
    frozen = await PostgresHouse.open(server.database())
    other = await PostgresHouse.open(frozen.where)
    ana = frozen.who("ana")
    ticket = await frozen.start(ana, 0)
    # As it stands in the middle of a group when the machine stops: its locks are taken, and no statement follows.
    await frozen.db._writer._db.execute(
        f"BEGIN; SELECT id FROM tickets WHERE id = {ticket.id} FOR NO KEY UPDATE"
    )
    began = time.monotonic()
    told = 0
    while True:
        try:
            assert await other.say(ana, ticket.id, 1) == 2
            break
        except StoreFailed:
            told += 1
            await asyncio.sleep(LOOK_EVERY)
        assert time.monotonic() - began < 10
    assert told > 0
    assert await frozen.say(ana, ticket.id, 2) == 3
    await ends(frozen)
    await ends(other)


async def test_reads_that_find_all_connections_in_use_give_up_in_time_and_writing_goes_on(
    house: PostgresHouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database, "WAIT_SECONDS", 0.3)
    ana = house.who("ana")
    ticket = await house.start(ana, 0)
    used = [await house.db._pool.acquire() for _ in range(database.READERS)]
    began = time.monotonic()
    with pytest.raises(TimeoutError):
        await items_after(house.db, ticket.id, 0, 10)
    assert time.monotonic() - began < 10
    assert await house.say(ana, ticket.id, 1) == 2
    for connection in used:
        await house.db._pool.release(connection)
    assert len(await items_after(house.db, ticket.id, 0, 10)) == 2


# — a server that is there and does not answer —————————————————————————————————


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Seconds are fewer, but for the full form; a server that only stands still for a moment is not given up."""
    if not size(0, 1):
        monkeypatch.setattr(database, "COMMAND_SECONDS", 2.0)
        monkeypatch.setattr(database, "CONNECT_SECONDS", 1.0)


async def test_a_server_that_stands_still_for_a_moment_loses_nobody_a_message(
    house: PostgresHouse, server: Postgres
) -> None:
    async with load(house) as people:
        for _ in range(FAULTS):
            with server.frozen():
                before = people.count
                still = asyncio.ensure_future(items_after(house.db, people.tickets[0], 0, 1))
                done, _ = await asyncio.wait({still}, timeout=0.5)
                assert not done
                assert people.count - before <= WRITERS
            await people.more()
            assert len(await still) == 1
    assert not people.failed
    assert people.doubted == 0


async def test_a_server_that_stands_still_for_long_is_given_up_and_used_again_when_it_goes_on(
    impatient: None, server: Postgres
) -> None:
    house = await PostgresHouse.open(server.database())
    async with load(house) as people:
        with server.frozen():
            await soon(lambda: sum(people.failed.values()) >= 2 * WRITERS, "everybody is told, again", 40)
        assert await people.more() < RECOVERED
        assert len(await items_after(house.db, people.tickets[0], 0, 1)) == 1
    await ends(house)
    await soon(lambda: connections(house) == 0, "no connection is left open")


async def test_who_waits_behind_others_for_a_server_that_stands_still_is_told_with_them(
    impatient: None, server: Postgres
) -> None:
    house = await PostgresHouse.open(server.database())
    ana = house.who("ana")
    ticket = await house.start(ana, 0)
    with server.frozen():
        began = time.monotonic()
        answers = await asyncio.gather(
            *(house.say(ana, ticket.id, n) for n in range(12 * GROUP_MAX)), return_exceptions=True
        )
        took = time.monotonic() - began
    assert {type(answer) for answer in answers} == {StoreFailed}
    assert took < database.COMMAND_SECONDS + 6 * database.CONNECT_SECONDS + STANDSTILL
    await ends(house)


@pytest.mark.parametrize("state", ["frozen", "stopped", "held"])
async def test_closing_ends_in_time_and_answers_everybody_whatever_the_server_does(
    server: Postgres, state: str
) -> None:
    house = await PostgresHouse.open(server.database())
    ana = house.who("ana")
    ticket = await house.start(ana, 0)
    async with contextlib.AsyncExitStack() as stack:
        if state == "frozen":
            stack.enter_context(server.frozen())
        elif state == "stopped":
            await asyncio.to_thread(server.stop)
            stack.callback(server.start)
        else:
            await stack.enter_async_context(
                house.held("SELECT id FROM tickets WHERE id = $1 FOR UPDATE", ticket.id)
            )
        writes = [asyncio.ensure_future(house.say(ana, ticket.id, n)) for n in range(1, 1500)]
        await asyncio.sleep(0)
        reads = [asyncio.ensure_future(items_after(house.db, ticket.id, 0, 9)) for _ in range(20)]
        await asyncio.sleep(0)
        await ends(house)
        answers = await asyncio.gather(*writes, return_exceptions=True)
        assert all(isinstance(answer, StoreFailed) for answer in answers)
        if state != "held":
            assert all(isinstance(a, Exception) for a in await asyncio.gather(*reads, return_exceptions=True))
        await asyncio.gather(*reads, return_exceptions=True)
    assert house.sequence(ticket.id) == [1]
    await soon(lambda: connections(house) == 0, "no connection is left open")


# — another database in its place ——————————————————————————————————————————————


async def has_another_epoch(house: PostgresHouse) -> None:
    await fetched(str(house.where), "UPDATE meta SET value = 'another' WHERE key = 'epoch'")


async def is_replaced(house: PostgresHouse) -> None:
    """As when a standby takes over. Returns when no connection is left that was made before."""
    await has_another_epoch(house)
    ended = "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity"
    others = "WHERE datname = current_database() AND pid <> pg_backend_pid()"
    assert await fetched(str(house.where), f"{ended} {others}")


async def test_a_database_of_another_epoch_is_not_written_to_and_everybody_is_told_so(
    house: PostgresHouse, caplog: pytest.LogCaptureFixture
) -> None:
    ana = house.who("ana")
    ticket = await house.start(ana, 0)
    await is_replaced(house)
    assert not house.db.outlived.is_set()
    with caplog.at_level(logging.CRITICAL):
        for first in (1, 10):
            said = [house.say(ana, ticket.id, first + n) for n in range(3)]
            answers = await asyncio.gather(*said, return_exceptions=True)
            assert {type(answer) for answer in answers} == {StoreEnded}
        with pytest.raises(StoreEnded):
            await house.new_app("another")
        with pytest.raises(StoreEnded):
            await house.db.all_gone([house.app], Policy(), house.clock.now)
    assert house.db.outlived.is_set()
    assert house.db.failing
    assert house.sequence(ticket.id) == [1]
    assert len(caplog.records) == 1, "it is said once"


async def test_who_finds_another_epoch_ends_the_writing_by_connections_that_are_still_there_too(
    house: PostgresHouse,
) -> None:
    ana = house.who("ana")
    ticket = await house.start(ana, 0)
    await has_another_epoch(house)
    with pytest.raises(StoreEnded):
        await house.db.all_gone([house.app], Policy(), house.clock.now)
    assert house.stored("SELECT gone_at FROM tickets") == [(None,)]
    with pytest.raises(StoreEnded):
        await house.say(ana, ticket.id, 1)
    assert house.sequence(ticket.id) == [1]


# — rows that nobody can store —————————————————————————————————————————————————


async def test_what_cannot_be_sent_at_all_fails_alone_and_costs_no_connection(
    house: PostgresHouse, caplog: pytest.LogCaptureFixture
) -> None:
    ana = house.who("ana")
    ticket = await house.start(ana, 0)
    before = pids(house, reading=False)

    def too_much(world: World, now: int) -> None:
        world.put_agent(world.agent(eva).__class__(eva, "e", "E", (1,), "away", 4, 2**70, 0, 0))

    eva = await house.agent("eva")
    caplog.set_level(logging.ERROR)
    results: list[Any] = await house.together(
        house.say(ana, ticket.id, 1),
        house.db.write(Needs(agents=(eva,)), too_much),
        house.say_as(ana, ticket.id, cid(2), "a\0b"),
        house.say(ana, ticket.id, 3),
    )
    assert [type(result) for result in results] == [int, StoreFailed, StoreFailed, int]
    assert pids(house, reading=False) == before
    assert [record.getMessage().partition(":")[0] for record in caplog.records] == [
        "a use case could not be stored"
    ] * 2
