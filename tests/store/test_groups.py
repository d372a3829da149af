"""Use cases that wait become one group: one commit, each of them all or nothing."""

from __future__ import annotations

import asyncio
import logging
import sqlite3
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, insert, select, update

from chatserver.core import tickets as core
from chatserver.core.errors import Refused
from chatserver.core.events import DeskChanged, Event
from chatserver.store.base import StoreEnded, StoreFailed, Violated
from chatserver.store.database import Database
from chatserver.store.sqlite import writer
from chatserver.store.sqlite.writer import CHECKPOINT_CHANGES
from chatserver.store.tables import apps
from chatserver.store.work import Needs, World
from chatserver.store.writer import GROUP_MAX, WAITING_MAX
from tests.store.conftest import Place
from tests.store.house import NOON, POLICY, House, SqliteHouse, cid


async def test_many_that_wait_share_one_commit(house: House) -> None:
    ana = house.who("ana")
    ticket = await house.start(ana, 0)
    before = house.commits
    numbers = await house.together(*(house.say(ana, ticket.id, n) for n in range(1, 101)))
    assert numbers == list(range(2, 102))
    assert house.commits == before + 1


async def test_a_ticket_is_written_once_for_a_group_as_it_stands_at_the_end(
    sqlite_house: SqliteHouse,
) -> None:
    house, ana = sqlite_house, sqlite_house.who("ana")
    ticket = await house.start(ana, 0)
    with house.statements() as seen:
        await house.together(*(house.say(ana, ticket.id, n) for n in range(1, 101)))
    assert seen.count("COMMIT") == 1
    assert seen.count("ROLLBACK") == 1  # the busy one: it changed nothing
    assert sum("UPDATE tickets" in s for s in seen) == 1


async def test_a_group_has_a_largest_size(house: House) -> None:
    ana = house.who("ana")
    ticket = await house.start(ana, 0)
    before = house.commits
    await house.together(*(house.say(ana, ticket.id, n) for n in range(1, GROUP_MAX + 2)))
    assert house.commits == before + 2
    assert house.sequence(ticket.id) == list(range(1, GROUP_MAX + 3))


async def test_a_group_is_published_in_one_call_and_in_order(house: House) -> None:
    ana, ben = house.who("ana"), house.who("ben")
    first, second = await house.start(ana, 1), await house.start(ben, 1)
    house.heard.clear()
    await house.together(
        house.say(ana, first.id, 2), house.say(ben, second.id, 2), house.say(ana, first.id, 3)
    )
    assert len(house.heard) == 1
    told = [(e.after.id, [i.seq for i in e.items], e.after.version) for e in house.changes()]
    assert told == [(first.id, [2], 2), (second.id, [2], 2), (first.id, [3], 3)]


async def test_events_leave_after_the_commit_and_before_the_caller_returns(house: House) -> None:
    order: list[object] = []

    def committed(events: list[Event]) -> None:
        order.append(("published", house.stored("SELECT count(*) FROM tickets")[0][0]))

    house.db._writer._committed = committed
    await house.start(house.who("ana"), 1)
    order.append("returned")
    assert order == [("published", 1), "returned"]


async def test_a_repeat_in_the_same_group_finds_the_first(house: House) -> None:
    ana = house.who("ana")
    ticket = await house.start(ana, 0)
    assert await house.together(*(house.say(ana, ticket.id, 1) for _ in range(3))) == [2, 2, 2]
    assert await house.say(ana, ticket.id, 1) == 2
    assert house.sequence(ticket.id) == [1, 2]


async def test_a_start_repeated_in_the_same_group_and_later_gives_the_same_ticket(house: House) -> None:
    ana = house.who("ana")
    first, second = await house.together(house.start(ana, 1), house.start(ana, 1))
    third = await house.start(ana, 1)
    assert first == second == third
    assert (await house.start(ana, 2)).number == 1002
    assert house.stored("SELECT count(*) FROM customers") == [(1,)]


async def test_the_same_client_id_of_both_sides_is_two_messages(house: House) -> None:
    ana, agent = house.who("ana"), await house.agent("eva")
    ticket = await house.start(ana, 0)
    await house.assign(ticket.id, agent)
    assert await house.say(ana, ticket.id, 7) == 3
    assert await house.agent_says(agent, ticket.id, 7) == 4
    assert await house.agent_says(agent, ticket.id, 7) == 4
    assert await house.say(ana, ticket.id, 7) == 3


async def test_the_same_client_id_of_two_agents_is_two_messages(house: House) -> None:
    eva, luz = await house.agent("eva"), await house.agent("luz")
    ticket = await house.start(house.who("ana"), 0)
    await house.assign(ticket.id, eva)
    assert await house.agent_says(eva, ticket.id, 7) == 3
    await house.change(ticket.id, lambda t, now: core.requeued(t, "passed", POLICY, now, closes_at=None))
    await house.assign(ticket.id, luz)
    assert await house.agent_says(luz, ticket.id, 7) == 6
    assert await house.agent_says(eva, ticket.id, 7) == 3


async def test_a_refused_use_case_leaves_nothing_and_its_neighbours_go_on(house: House) -> None:
    ana = house.who("ana")
    ticket = await house.start(ana, 0)
    house.heard.clear()

    def half_done(world: World, now: int) -> None:
        customer = world.new_customer(house.who("ghost"), now)
        world.draft(customer, "nada", "{}", now, email="", follows=0)
        world.emit(DeskChanged(house.app))
        raise Refused("too_many_open", limit=3)

    needs = Needs(customers=((house.app, "anon:ghost"),), numbers=(house.app,))
    before = house.commits
    results = await house.together(
        house.say(ana, ticket.id, 1), house.db.write(needs, half_done), house.say(ana, ticket.id, 2)
    )
    assert (results[0], results[2]) == (2, 3)
    assert isinstance(results[1], Refused)
    assert results[1].code == "too_many_open"
    assert house.commits == before + 1
    assert [type(e).__name__ for e in house.heard[0]] == ["TicketChanged", "TicketChanged"]
    assert house.stored("SELECT count(*) FROM customers WHERE key = 'anon:ghost'") == [(0,)]
    assert (await house.start(ana, 9)).number == 1002  # the number was not used up


async def test_a_crash_leaves_nothing_is_logged_once_without_text_and_reaches_its_caller(
    house: House, caplog: pytest.LogCaptureFixture
) -> None:
    ana = house.who("ana")
    ticket = await house.start(ana, 0)
    text = "mi contraseña es 1234"

    def crash(world: World, now: int) -> None:
        world.new_customer(house.who("ghost"), now)
        raise RuntimeError(text)

    needs = Needs(customers=((house.app, "anon:ghost"),), numbers=(house.app,))
    with caplog.at_level(logging.DEBUG):
        results = await house.together(
            house.say(ana, ticket.id, 1), house.db.write(needs, crash), house.say(ana, ticket.id, 2)
        )
    assert isinstance(results[1], RuntimeError)
    assert (results[0], results[2]) == (2, 3)
    assert house.stored("SELECT count(*) FROM customers") == [(1,)]
    assert len(caplog.records) == 1
    assert "RuntimeError" in caplog.text
    assert "contraseña" not in caplog.text


async def test_asking_for_what_was_not_loaded_is_the_callers_error_alone(house: House) -> None:
    with pytest.raises(LookupError):
        await house.db.write(Needs(), lambda world, now: world.desk(house.app))


async def test_a_use_case_that_breaks_a_rule_of_the_store_fails_alone(house: House) -> None:
    ana = house.who("ana")
    ticket = await house.start(ana, 0)
    nowhere = house.who("ana").__class__(app_id=999, key="anon:x")

    def of_no_app(world: World, now: int) -> None:
        world.new_customer(nowhere, now)

    results = await house.together(
        house.say(ana, ticket.id, 1),
        house.db.write(Needs(customers=((999, "anon:x"),), numbers=(999,)), of_no_app),
        house.say(ana, ticket.id, 2),
    )
    assert (results[0], results[2]) == (2, 3)
    assert isinstance(results[1], StoreFailed)
    assert house.sequence(ticket.id) == [1, 2, 3]


async def test_what_changes_nothing_is_not_committed(house: House) -> None:
    ana = house.who("ana")
    ticket = await house.start(ana, 0)
    await house.say(ana, ticket.id, 1)
    before = house.commits
    await house.say(ana, ticket.id, 1)
    with pytest.raises(Refused):
        await house.say(house.who("ben"), ticket.id, 1)
    assert house.commits == before


async def test_what_changes_nothing_leaves_the_log_alone(sqlite_house: SqliteHouse) -> None:
    house, ana = sqlite_house, sqlite_house.who("ana")
    ticket = await house.start(ana, 0)
    await house.say(ana, ticket.id, 1)
    log = house.path.with_name(house.path.name + "-wal")
    before = log.read_bytes()
    with house.statements() as seen:
        await house.say(ana, ticket.id, 1)
        with pytest.raises(Refused):
            await house.say(house.who("ben"), ticket.id, 1)
    assert "COMMIT" not in seen
    assert log.read_bytes() == before


async def test_an_event_without_a_change_is_published_all_the_same(house: House) -> None:
    house.heard.clear()
    await house.db.write(Needs(), lambda world, now: world.emit(DeskChanged(house.app)))
    assert house.heard == [[DeskChanged(house.app)]]


async def test_too_many_waiting_are_refused_until_there_is_room(house: House) -> None:
    ana = house.who("ana")
    ticket = await house.start(ana, 0)

    def nothing(world: World, now: int) -> None:
        return None

    async with house.writer_busy():
        waiting = [asyncio.ensure_future(house.db.write(Needs(), nothing)) for _ in range(WAITING_MAX - 1)]
        await asyncio.sleep(0)
        with pytest.raises(Refused) as refused:
            await house.say(ana, ticket.id, 1)
    assert (refused.value.code, refused.value.retry_after) == ("rate_limited", 1)
    await asyncio.gather(*waiting)
    assert await house.say(ana, ticket.id, 1) == 2


async def test_a_caller_who_gave_up_does_not_disturb_the_others(house: House) -> None:
    ana = house.who("ana")
    ticket = await house.start(ana, 0)
    async with house.writer_busy():
        gone = asyncio.ensure_future(house.say(ana, ticket.id, 1))
        stays = asyncio.ensure_future(house.say(ana, ticket.id, 2))
        await asyncio.sleep(0)
        gone.cancel()
    assert await stays == 3
    assert house.sequence(ticket.id) == [1, 2, 3]  # what was handed over is stored


async def test_a_publisher_that_fails_does_not_undo_the_commit(
    house: House, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(events: list[Event]) -> None:
        raise RuntimeError("bus")

    house.db._writer._committed = broken
    ticket = await house.start(house.who("ana"), 0)
    assert house.sequence(ticket.id) == [1]
    assert "publishing failed" in caplog.text


async def test_closing_stores_what_waits_and_refuses_what_comes_after(house: House) -> None:
    ana = house.who("ana")
    ticket = await house.start(ana, 0)
    async with house.writer_busy():
        waiting = [asyncio.ensure_future(house.say(ana, ticket.id, n)) for n in range(1, 6)]
        await asyncio.sleep(0)
        closing = asyncio.ensure_future(house.db.close())
        await asyncio.sleep(0)
        with pytest.raises(StoreFailed, match="closed"):
            await house.say(ana, ticket.id, 9)
    await closing
    assert await asyncio.gather(*waiting) == [2, 3, 4, 5, 6]
    assert house.sequence(ticket.id) == [1, 2, 3, 4, 5, 6]
    await house.db.close()


async def test_time_never_goes_back(house: House) -> None:
    async def now() -> int:
        return await house.db.write(Needs(), lambda world, now: now)

    house.clock.now = NOON + 5000
    assert await now() == NOON + 5000
    house.clock.now = NOON
    assert await now() == NOON + 5000
    house.clock.now = NOON + 6000
    assert await now() == NOON + 6000


async def test_ids_grow_and_fit_a_browsers_number_even_when_the_clock_is_set_back(house: House) -> None:
    ids = [t.id for t in await house.together(*(house.start(house.who(str(n)), 0) for n in range(20)))]
    house = await house.reopen()
    house.clock.now = NOON - 86_400_000
    ids += [t.id for t in await house.together(*(house.start(house.who(str(n)), 1) for n in range(20)))]
    house.clock.now = NOON + 1
    ids += [(await house.start(house.who("x"), 1)).id]
    assert ids == sorted(set(ids))
    assert max(ids) < 2**53
    assert [row[0] for row in house.stored("SELECT number FROM tickets ORDER BY id")] == list(
        range(1001, 1042)
    )


async def test_numbers_run_per_app(house: House) -> None:
    other = await house.new_app("other")
    there = house.who("ana").__class__(app_id=other, key="anon:ana")
    numbers = [
        t.number for t in await house.together(house.start(house.who("ana"), 1), house.start(there, 1))
    ]
    assert numbers == [1001, 1001]


# — statements for rare rows ———————————————————————————————————————————————————


async def test_statements_are_all_or_nothing(house: House, caplog: pytest.LogCaptureFixture) -> None:
    good = update(apps).where(apps.c.key == "demo").values(name="Otro")
    bad = insert(apps).values(key="demo", name="again", secret="s", created_at=1)
    with pytest.raises(Violated):
        await house.db.execute(good, bad)
    assert not [r for r in caplog.records if r.levelno >= logging.ERROR]  # the caller's affair
    assert house.stored("SELECT name FROM apps") == [("demo",)]


async def test_statements_that_nothing_can_be_made_of_are_in_the_log_once(
    house: House, caplog: pytest.LogCaptureFixture
) -> None:
    """Whoever hears of them takes them for explained by then."""
    with pytest.raises(StoreFailed) as failed:
        await house.db.execute(update(apps).where(apps.c.key == "demo").values(color=object()))
    assert house.db.explains(failed.value)
    assert [r.getMessage().partition(":")[0] for r in caplog.records if r.levelno >= logging.ERROR] == [
        "a use case could not be stored"
    ]


async def test_statements_return_rows_or_how_many_changed(house: House) -> None:
    changed, rows = await house.db.execute(
        update(apps).where(apps.c.key.in_(["demo", "none"])).values(color="#fff"),
        select(apps.c.key, func.length(apps.c.color)).where(apps.c.id == house.app),
    )
    assert (changed, rows) == (1, [("demo", 4)])


async def test_statements_keep_their_place_among_the_use_cases(house: House) -> None:
    ana = house.who("ana")
    ticket = await house.start(ana, 0)
    rename = update(apps).values(name="Nuevo")
    one, rows, two = await house.together(
        house.say(ana, ticket.id, 1),
        house.db.execute(rename, select(apps.c.name)),
        house.say(ana, ticket.id, 2),
    )
    assert (one, rows, two) == (2, [1, [("Nuevo",)]], 3)


# — disks ——————————————————————————————————————————————————————————————————————


async def test_a_full_disk_fails_the_whole_group_and_writing_resumes_with_space(
    sqlite_house: SqliteHouse, caplog: pytest.LogCaptureFixture
) -> None:
    house = sqlite_house
    ana = house.who("ana")
    ticket = await house.start(ana, 0)
    house.heard.clear()
    house.fill_up()
    big = [house.say(ana, ticket.id, n, "x" * 8000) for n in range(1, 9)]
    results = await house.together(*big)
    assert all(isinstance(r, StoreFailed) for r in results)
    assert house.heard == []
    with pytest.raises(StoreFailed):
        await house.say(ana, ticket.id, 1, "x" * 8000)
    assert len([r for r in caplog.records if r.levelno >= logging.ERROR]) == 1  # not once per message
    assert house.sequence(ticket.id) == [1]
    house.connection.execute("PRAGMA max_page_count=1000000").fetchall()
    again = [house.say(ana, ticket.id, n, "x" * 8000) for n in range(1, 9)]
    assert await house.together(*again) == list(range(2, 10))
    assert "writing again" in caplog.text


async def test_a_full_disk_is_not_said_to_be_writable_again_by_what_writes_nothing(
    sqlite_house: SqliteHouse, caplog: pytest.LogCaptureFixture
) -> None:
    house = sqlite_house
    ana = house.who("ana")
    ticket = await house.start(ana, 0)
    assert await house.say(ana, ticket.id, 1) == 2
    house.fill_up()
    for number in range(2, 5):
        with pytest.raises(StoreFailed):
            await house.say(ana, ticket.id, number, "x" * 8000)
        assert await house.say(ana, ticket.id, 1) == 2  # sent again by who missed the answer
    assert "writing again" not in caplog.text
    assert caplog.text.count("cannot write, refusing messages") == 1


class NoMemory:
    """A connection that runs out of memory at some statements, each once."""

    def __init__(self, real: sqlite3.Connection, *statements: str) -> None:
        self.real = real
        self.left = list(statements)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.real, name)

    def execute(self, sql: str, *values: Any) -> Any:
        if sql in self.left:
            self.left.remove(sql)
            raise MemoryError
        return self.real.execute(sql, *values)


async def test_no_memory_while_a_group_is_undone_or_the_log_is_moved_ends_no_thread(
    sqlite_house: SqliteHouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    house = sqlite_house
    monkeypatch.setattr(writer, "CHECKPOINT_CHANGES", 1)
    ana = house.who("ana")
    ticket = await house.start(ana, 0)
    weak = NoMemory(house.connection, "COMMIT", "ROLLBACK", "PRAGMA wal_checkpoint(PASSIVE)")
    monkeypatch.setattr(house.db._writer, "_db", weak)
    with pytest.raises(StoreFailed):
        await house.say(ana, ticket.id, 1)
    for number in range(2, 6):
        with suppress(StoreFailed):
            await house.say(ana, ticket.id, number)
    assert weak.left == []
    assert await house.say(ana, ticket.id, 9) == house.sequence(ticket.id)[-1]
    monkeypatch.undo()


class BrokenDisk:
    """A connection on a disk whose fsync fails."""

    def __init__(self, real: sqlite3.Connection) -> None:
        self.real = real
        self.commits = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self.real, name)

    def execute(self, sql: str, *values: Any) -> Any:
        if sql == "COMMIT":
            self.commits += 1
            problem = sqlite3.OperationalError("disk I/O error")
            problem.sqlite_errorcode = sqlite3.SQLITE_IOERR_FSYNC
            raise problem
        return self.real.execute(sql, *values)


async def test_a_failed_fsync_is_not_tried_again(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    house = await SqliteHouse.open(tmp_path / "chat.db")
    ana = house.who("ana")
    ticket = await house.start(ana, 0)
    house.heard.clear()
    disk = BrokenDisk(house.connection)
    house.db._writer._db = disk  # type: ignore[assignment]
    for number in (1, 2, 3):
        with pytest.raises(StoreEnded):
            await house.say(ana, ticket.id, number)
    with pytest.raises(StoreEnded):
        await house.db.execute(update(apps).values(name="x"))
    assert disk.commits == 1
    assert house.heard == []
    assert [r.levelname for r in caplog.records if "STOPPED" in r.getMessage()] == ["CRITICAL"]
    assert house.sequence(ticket.id) == [1]
    await house.db.close()
    disk.real.close()


async def test_the_log_is_moved_into_the_database_as_it_grows(sqlite_house: SqliteHouse) -> None:
    house = sqlite_house
    ana = house.who("ana")
    ticket = await house.start(ana, 0)
    size = house.path.stat().st_size
    with house.statements() as seen:
        for start in range(0, CHECKPOINT_CHANGES, 500):
            await house.together(*(house.say(ana, ticket.id, start + n, "x" * 500) for n in range(500)))
        await house.say(ana, ticket.id, CHECKPOINT_CHANGES)  # behind the checkpoint in the queue
    assert sum("wal_checkpoint(PASSIVE)" in s for s in seen) >= 1
    assert house.path.stat().st_size > size


async def test_a_second_life_keeps_the_epoch_and_the_secret(house: House, place: Place) -> None:
    before = (house.db.epoch, house.db.secret)
    house = await house.reopen()
    assert (house.db.epoch, house.db.secret) == before
    assert len(bytes.fromhex(house.db.secret)) == 32
    other: Database = (await House.open(place())).db
    assert other.epoch != before[0]
    assert other.secret != before[1]
    await other.close()


def test_client_ids_of_these_tests_have_the_real_length() -> None:
    assert len(cid(1)) == 22
