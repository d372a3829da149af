"""`chatserver backup` beside a server that is talked to, and `chatserver restore` of what it made."""

from __future__ import annotations

import asyncio
import random
import sqlite3
import stat
from contextlib import closing
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from chatserver.cli.main import main
from chatserver.store import making
from chatserver.store.sqlite import backup as copies
from chatserver.store.sqlite.lock import Lock
from tests.faults.crowd import AT_EASE, talking
from tests.harness.disks import fill, may_mount, small_disk
from tests.harness.peers import CustomerPeer, Diary
from tests.harness.server import Server, running
from tests.harness.sizes import size
from tests.harness.waiting import soon
from tests.store.house import SqliteHouse

COPIES = size(3, 20)


def command(server: Server, *arguments: object) -> Result:
    words = [str(argument) for argument in arguments]
    return CliRunner().invoke(main, words, env=server.environment(), catch_exceptions=False)


def rows(path: Path) -> set[tuple[int, int, str]]:
    with closing(sqlite3.connect(path)) as database:
        return set(database.execute("SELECT ticket_id, seq, text FROM items"))


@pytest.mark.fault
def test_what_was_acknowledged_before_is_in_the_copy_and_comes_back_from_it(tmp_path: Path) -> None:
    data, copy = tmp_path / "data", tmp_path / "copy.db"
    data.mkdir()

    async def story(server: Server) -> int:
        acknowledged: set[str] = set()
        async with talking(server) as crowd:
            for _ in range(COPIES):
                await crowd.acks(30)
                acknowledged = {op.cid for op in crowd.diary.history if op.result == "ok"}
                made = await asyncio.to_thread(command, server, "backup", copy, "--force")
                assert made.exit_code == 0, made.output
                with closing(sqlite3.connect(copy)) as database:
                    assert acknowledged <= {row[0] for row in database.execute("SELECT cid FROM items")}
            await crowd.acks(30)  # nobody found the database locked
        return len(acknowledged)

    with running(data, **AT_EASE) as server:
        acknowledged = asyncio.run(story(server))
        before = asyncio.run(epoch(server))
        assert acknowledged
        kept = rows(copy)
        refused = command(server, "restore", copy, "--force")
        assert (refused.exit_code, "in use by another process" in refused.output) == (1, True)
        server.stop()
        later = rows(server.database)
        put_back = command(server, "restore", copy, "--force")
        assert put_back.exit_code == 0, put_back.output
        (old,) = data.glob("chatserver.db.2*")
        assert rows(old) == later
        assert kept < later
        server.start()
        assert rows(server.database) >= kept
        assert asyncio.run(epoch(server)) != before, "clients would go on from numbers that are not there"
        server.stop()


async def epoch(server: Server) -> str:
    peer = CustomerPeer("alguien", server.port, Diary(), random.Random(1))
    task = asyncio.create_task(peer.run())
    await soon(lambda: peer.online, "somebody is welcome")
    task.cancel()
    await asyncio.wait([task])
    return peer.epoch


@pytest.fixture
def stopped(tmp_path: Path) -> Server:
    """A server's data, and nobody who serves it."""
    data = tmp_path / "data"
    data.mkdir()
    server = Server(data)
    assert command(server, "migrate").exit_code == 0
    return server


def test_a_copy_is_its_owners_is_one_file_and_says_what_is_in_it(stopped: Server, tmp_path: Path) -> None:
    copy = tmp_path / "copy.db"
    made = command(stopped, "backup", copy)
    assert made.exit_code == 0, made.output
    assert "no conversation yet" in made.output
    assert stat.S_IMODE(copy.stat().st_mode) == 0o600
    assert [path.name for path in tmp_path.glob("copy*")] == ["copy.db"]


def test_what_cannot_be_is_a_sentence_and_leaves_everything(stopped: Server, tmp_path: Path) -> None:
    copy, other = tmp_path / "copy.db", tmp_path / "diary.txt"
    assert command(stopped, "backup", copy).exit_code == 0
    other.write_text("Querido diario: " * 100)
    whole = copy.read_bytes()
    (tmp_path / "cut.db").write_bytes(whole[: len(whole) // 2])
    empty = Server(tmp_path / "nowhere")
    logged = tmp_path / "logged.db"
    logged.write_bytes(whole)
    (tmp_path / "logged.db-wal").write_bytes(b"x")
    database = stopped.database
    for server, arguments, sentence in (
        (stopped, ("backup", copy), "is there already"),
        (stopped, ("backup", database, "--force"), "is the database itself"),
        (stopped, ("backup", database.with_name("chatserver.db-wal"), "--force"), "is the database itself"),
        (
            stopped,
            ("backup", data_link(stopped, tmp_path) / database.name, "--force"),
            "is the database itself",
        ),
        (stopped, ("restore", database, "--force"), "is the database itself"),
        (stopped, ("restore", logged, "--force"), "part of it is in logged.db-wal beside it"),
        (stopped, ("backup", tmp_path / "no" / "copy.db"), "could not be made: No such file or directory"),
        (empty, ("backup", tmp_path / "b.db"), "nothing to back up"),
        (stopped, ("restore", copy), "--force replaces it"),
        (stopped, ("restore", tmp_path / "none.db", "--force"), "There is no file"),
        (stopped, ("restore", other, "--force"), "made of a SQLite database"),
        (stopped, ("restore", tmp_path / "cut.db", "--force"), "cut.db"),
    ):
        before = stopped.database.read_bytes()
        result = command(server, *arguments)
        assert (result.exit_code, result.output.count("\n")) == (1, 1), (arguments, result.output)
        assert sentence in result.output, (arguments, result.output)
        assert stopped.database.read_bytes() == before
        assert not list(tmp_path.rglob("*.part*"))


def data_link(server: Server, where: Path) -> Path:
    """Another way to its data."""
    link = where / "link"
    link.symlink_to(server.directory)
    return link


@pytest.mark.parametrize("harm", ["cut", "overwritten"])
def test_a_damaged_database_can_be_replaced_and_is_kept_as_it_lies_there(
    stopped: Server, tmp_path: Path, harm: str
) -> None:
    copy, database = tmp_path / "copy.db", stopped.database
    assert command(stopped, "backup", copy).exit_code == 0
    damaged = database.read_bytes()[:70_000] if harm == "cut" else b"Querido diario: " * 5_000
    database.write_bytes(damaged)
    log = b"whatever a log may hold" * 100
    database.with_name("chatserver.db-wal").write_bytes(log)
    assert command(stopped, "backup", tmp_path / "other.db").exit_code == 1
    put_back = command(stopped, "restore", copy, "--force")
    assert put_back.exit_code == 0, put_back.output
    assert [path.suffix for path in stopped.directory.glob("chatserver.db-*")] == []
    kept = {path.name.rpartition("-")[2] if "-" in path.name else "": path for path in kept_by(stopped)}
    assert kept[""].read_bytes() == damaged
    assert kept["wal"].read_bytes() == log
    assert command(stopped, "migrate").exit_code == 0


def kept_by(server: Server) -> list[Path]:
    return list(server.directory.glob("chatserver.db.2*"))


def test_two_commands_that_make_one_copy_do_not_meet(stopped: Server, tmp_path: Path) -> None:
    copy = tmp_path / "copy.db"
    with making.in_the_making(copy) as part:
        refused = command(stopped, "backup", copy)
        assert (refused.exit_code, "Another command is just making" in refused.output) == (1, True)
        assert part.exists()
    assert command(stopped, "backup", copy, "--force").exit_code == 0


def test_a_load_that_is_not_what_can_be_counted_is_found(stopped: Server, tmp_path: Path) -> None:
    with closing(sqlite3.connect(stopped.database)) as database, database:
        database.execute(
            "INSERT INTO agents (email, name, password_hash, created_at, load) VALUES ('a', 'A', 'x', 0, 1)"
        )
    refused = command(stopped, "backup", tmp_path / "copy.db")
    assert (refused.exit_code, "1 agents' loads are not their open chats" in refused.output) == (1, True)
    assert list(tmp_path.glob("copy*")) == []


def test_a_copy_in_which_an_item_is_missing_is_refused(stopped: Server, tmp_path: Path) -> None:
    copy = tmp_path / "copy.db"
    assert command(stopped, "backup", copy).exit_code == 0
    with closing(sqlite3.connect(copy)) as database, database:
        database.execute("INSERT INTO apps (id, key, name, secret, created_at) VALUES (1, 'a', 'A', 's', 0)")
        database.execute("INSERT INTO customers (id, app_id, key, created_at) VALUES (1, 1, 'anon:x', 0)")
        database.execute(
            "INSERT INTO tickets (id, app_id, number, customer_id, cid, subject, opened_at, state, mode, turn,"
            " active_at, last_seq, version) VALUES (1, 1, 1, 1, 'c', 'S', 0, 'open', 'live', 'agent', 0, 2, 1)"
        )
        database.execute(
            "INSERT INTO items (ticket_id, seq, at, kind, \"by\", author_id) VALUES (1, 2, 0, 'message', 'customer', 1)"
        )
    refused = command(stopped, "restore", copy, "--force")
    assert (refused.exit_code, "is damaged: 1 tickets lack an item" in refused.output) == (1, True)


def test_a_copy_in_which_a_note_is_missing_is_refused(stopped: Server, tmp_path: Path) -> None:
    copy = tmp_path / "copy.db"
    with closing(sqlite3.connect(stopped.database)) as database, database:
        database.execute("INSERT INTO apps (id, key, name, secret, created_at) VALUES (1, 'a', 'A', 's', 0)")
        database.execute("INSERT INTO customers (id, app_id, key, created_at) VALUES (1, 1, 'anon:x', 0)")
        database.execute(
            "INSERT INTO tickets (id, app_id, number, customer_id, cid, subject, opened_at, state, mode, turn,"
            " active_at, last_seq, version) VALUES (1, 1, 1, 1, 'c', 'S', 0, 'open', 'live', 'agent', 0, 1, 1)"
        )
        database.execute(
            "INSERT INTO items (ticket_id, seq, at, kind, \"by\", author_id) VALUES (1, 1, 0, 'opened', 'customer', 1)"
        )
        for seq in (1, 2, 3):
            database.execute(
                "INSERT INTO notes VALUES (1, ?, 0, 1, 'Eva', ?, 'Ojo', '', 0)", (seq, f"c{seq}")
            )
    assert command(stopped, "backup", copy).exit_code == 0
    assert command(stopped, "restore", copy, "--force").exit_code == 0
    with closing(sqlite3.connect(stopped.database)) as database:
        assert database.execute("SELECT seq, text FROM notes").fetchall() == [
            (1, "Ojo"),
            (2, "Ojo"),
            (3, "Ojo"),
        ]
    with closing(sqlite3.connect(copy)) as database, database:
        database.execute("DELETE FROM notes WHERE seq = 2")
    refused = command(stopped, "restore", copy, "--force")
    assert (refused.exit_code, "is damaged: 1 tickets lack a note" in refused.output) == (1, True)


def test_an_end_in_the_middle_leaves_the_database_that_was(
    stopped: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    copy = tmp_path / "copy.db"
    assert command(stopped, "backup", copy).exit_code == 0
    before = stopped.database.read_bytes()

    def ends(*paths: Path) -> None:
        raise KeyboardInterrupt

    for room, moment in ((copies, "look_at"), (copies, "_kept"), (making, "synced")):
        with monkeypatch.context() as then:
            then.setattr(room, moment, ends)
            with pytest.raises(KeyboardInterrupt):
                copies.restore(copy, stopped.database, force=True)
        assert stopped.database.read_bytes() == before
        assert not list(stopped.directory.glob("*.part*"))
    Lock(stopped.database).release()  # nobody holds it any more


if (
    may_mount()
):  # some containers keep a small disk even from root, and there is no other way to fill one for a command

    def test_a_disk_that_is_full_is_a_sentence_and_keeps_what_is_on_it(
        stopped: Server, tmp_path: Path
    ) -> None:
        with small_disk(tmp_path / "disk", 1) as disk:
            copy = disk / "copy.db"
            assert command(stopped, "backup", copy).exit_code == 0
            before = copy.read_bytes()
            fill(disk)
            refused = command(stopped, "backup", copy, "--force")
            assert (refused.exit_code, "could not be made: database or disk is full" in refused.output) == (
                1,
                True,
            )
            assert copy.read_bytes() == before
            small = Server(disk / "data")
            (disk / "filler").unlink()
            (disk / "data").mkdir()
            fill(disk)
            refused = command(small, "restore", copy)
            assert (refused.exit_code, "No space left on device" in refused.output) == (1, True), (
                refused.output
            )
            assert not list(disk.rglob("*.part*"))
            assert not small.database.exists()


async def test_a_copy_that_lost_less_than_a_page_of_its_end_is_refused(
    sqlite_house: SqliteHouse, tmp_path: Path
) -> None:
    """By a full disk or a cut line. `integrity_check` calls it whole where that page has the end of a long text."""
    who = sqlite_house.who("ana")
    ticket = await sqlite_house.start(who, 0)
    for number in range(1, 30):
        await sqlite_house.say(who, ticket.id, number, "hola " * 400)
    copy = tmp_path / "copy"
    await asyncio.to_thread(copies.back_up, sqlite_house.path, copy)
    whole = await asyncio.to_thread(copy.read_bytes)
    for missing in (1, 700, 4_095):
        await asyncio.to_thread(copy.write_bytes, whole[:-missing])
        with pytest.raises(making.BadCopy):
            await asyncio.to_thread(copies.restore, copy, tmp_path / "back.db")
    assert not await asyncio.to_thread((tmp_path / "back.db").exists)
