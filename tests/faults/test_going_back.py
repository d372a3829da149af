"""A crowd talks on while its database is copied, put back, and moved to another engine: nobody shows what is not there."""

from __future__ import annotations

import asyncio
import random
import re
import shutil
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest

from chatserver.systemd import BEGIN_ANEW
from tests.faults.crowd import AT_EASE, Crowd, judge, talking
from tests.harness.commands import command, done
from tests.harness.peers import CustomerPeer, Diary
from tests.harness.postgres import Postgres, fetched
from tests.harness.preparing import chats_at_once
from tests.harness.server import ROOT, Server, running
from tests.harness.sizes import SEED, size
from tests.harness.waiting import soon

pytestmark = pytest.mark.fault

COPIES = size(5, 20)
LOG_BYTES = 128 * 2**20
"""It is cut back to half of that when it begins anew; while a copy is made it does not begin anew."""


@pytest.fixture(params=["sqlite", "postgres"])
def settings(request: pytest.FixtureRequest) -> dict[str, Any]:
    if request.param == "sqlite":
        return AT_EASE
    return AT_EASE | {"database_url": request.getfixturevalue("postgres_server").demo()}


def acknowledged(crowd: Crowd) -> set[str]:
    return {op.cid for op in crowd.diary.history if op.result == "ok"}


def test_whoever_was_connected_before_goes_on_from_what_was_restored(
    tmp_path: Path, settings: dict[str, Any]
) -> None:
    copy = tmp_path / "copy"

    async def story() -> None:
        with running(tmp_path, **settings) as server:
            async with talking(server) as crowd:
                await crowd.acks(100)
                before = acknowledged(crowd)
                told = await asyncio.to_thread(done, server, "backup", copy)
                assert re.search(r"\d+ tickets, \d+ messages and events, the last of 2", told), told
                await crowd.acks(100)
                await asyncio.to_thread(went_back, server, crowd, copy)
                assert before <= await stored(server), "it was acknowledged before the copy was begun"
                await crowd.acks(100)
                await crowd.healed()
                lost = await forgotten(server, crowd)
                assert not lost & before
                assert lost, "nothing was lost: nobody would have had to notice"
                judge(crowd, tmp_path)
                assert all(peer.threads and cleared(crowd, peer.name) for peer in crowd.everybody)
                print(f"acknowledged before the copy: {len(before)}, after it and so lost: {len(lost)}")

    asyncio.run(story())


def went_back(server: Server, crowd: Crowd, copy: Path) -> None:
    refused = command(server, "restore", copy, "--force")
    assert (refused.code, "in use by" in refused.output) == (1, True), refused.output
    for peer in crowd.everybody:
        peer.goes_back = True
    server.stop()
    refused = command(server, "restore", copy)
    assert (refused.code, "--force" in refused.output) == (1, True), refused.output
    done(server, "restore", copy, "--force")
    crowd.diary.owned.clear()  # by versions, which are given anew
    crowd.diary.shown_before = len(crowd.diary.shown)
    server.start()


def cleared(crowd: Crowd, reader: str) -> bool:
    return any(
        shown.forget for shown in crowd.diary.shown[crowd.diary.shown_before :] if shown.reader == reader
    )


async def stored(server: Server) -> set[str]:
    return {row[0] for row in await server.rows("SELECT cid FROM items WHERE cid IS NOT NULL")}


async def forgotten(server: Server, crowd: Crowd) -> set[str]:
    """What was acknowledged and is not there; from here on nobody expects it to be."""
    there = await stored(server)
    lost = acknowledged(crowd) - there
    crowd.diary.history[:] = [op for op in crowd.diary.history if op.cid not in lost]
    return lost


def test_a_database_that_is_copied_again_and_again_is_never_locked_and_its_log_stays_small(
    tmp_path: Path,
) -> None:
    async def story() -> None:
        data = tmp_path / "data"
        data.mkdir()
        with running(data, **AT_EASE) as server:
            async with talking(server) as crowd:
                largest = 0
                for _ in range(COPIES):
                    before = acknowledged(crowd)
                    await asyncio.to_thread(done, server, "backup", tmp_path / "copy.db", "--force")
                    with closing(sqlite3.connect(tmp_path / "copy.db")) as copy:
                        assert before <= {row[0] for row in copy.execute("SELECT cid FROM items")}
                    largest = max(largest, (data / "chatserver.db-wal").stat().st_size)
                await crowd.acks(50)
                await crowd.healed()
                judge(crowd, tmp_path)
                assert largest < LOG_BYTES, "a reader holds the log open"
                refusals = [frame["code"] for peer in crowd.everybody for frame in peer.refusals]
                assert not {"internal", "unavailable"} & set(refusals)
            assert "locked" not in server.whole_log()
            print(f"{COPIES} copies, the log {largest / 1e6:.1f} MB at most")

    asyncio.run(story())


# Killed before each thing that it does to files, one after the other; the imports are made once.
KILLED = """
import os, signal, sys
from pathlib import Path
from chatserver.store.sqlite.backup import back_up, restore

STEPS = {"open", "os.link", "os.remove", "os.rename", "os.truncate", "shutil.copyfile", "sqlite3.connect"}
verb, source, target = sys.argv[1:]

def before(event, args):
    global left
    if event not in STEPS:
        return
    left -= 1
    if left == 0:
        os.kill(os.getpid(), signal.SIGKILL)

for line in sys.stdin:
    left = int(line)
    pid = os.fork()
    if pid == 0:
        sys.addaudithook(before)
        {"backup": back_up, "restore": restore}[verb](Path(source), Path(target), force=True)
        os._exit(0)
    print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), flush=True)
"""


@contextmanager
def killed_at(verb: str, source: Path, target: Path) -> Iterator[Callable[[int], bool]]:
    """Does it, killed before its nth step; gives False when it had ended before that."""
    words = [sys.executable, "-c", KILLED, verb, str(source), str(target)]
    with subprocess.Popen(
        words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        told, answers = process.stdin, process.stdout

        def at(step: int) -> bool:
            print(step, file=told, flush=True)
            code = int(answers.readline())
            assert code in (0, -signal.SIGKILL)
            return code != 0

        try:
            yield at
        finally:
            told.close()


def whole(file: Path) -> set[tuple[int, int, str]]:
    with closing(sqlite3.connect(f"file:{file}?mode=ro", uri=True)) as database:
        assert database.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        return set(database.execute("SELECT ticket_id, seq, text FROM items"))


@pytest.fixture(scope="module")
def killed_server(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What a server left that was killed at work, part of it in the log; beside it a copy that was made before: "copy.db"."""
    where = tmp_path_factory.mktemp("killed")

    async def story(server: Server) -> None:
        async with talking(server) as crowd:
            await crowd.acks(50)
            await asyncio.to_thread(done, server, "backup", where / "copy.db")
            await crowd.acks(50)
            server.kill()

    with running(where, **AT_EASE) as server:
        asyncio.run(story(server))
    assert (where / "chatserver.db-wal").stat().st_size
    return where


def as_it_was(left: Path, where: Path) -> None:
    shutil.rmtree(where, ignore_errors=True)
    where.mkdir()
    for end in ("", "-wal"):
        shutil.copy(left / f"chatserver.db{end}", where)


def test_a_copy_that_is_killed_leaves_the_one_before_and_is_no_obstacle(
    tmp_path: Path, killed_server: Path
) -> None:
    as_it_was(killed_server, tmp_path / "data")
    now = whole(tmp_path / "data" / "chatserver.db")
    before = whole(killed_server / "copy.db")
    copy, step, goes_on = tmp_path / "copy.db", 0, True
    with killed_at("backup", tmp_path / "data" / "chatserver.db", copy) as killed:
        while goes_on:
            shutil.copy(killed_server / "copy.db", copy)
            step += 1
            goes_on = killed(step)
            assert whole(copy) in (before, now), f"step {step}"
    assert whole(copy) == now > before
    assert step > 8, "it did less than it has to"
    assert [path.name for path in tmp_path.glob("copy*")] == ["copy.db"]
    print(f"killed at {step - 1} steps")


def test_a_restore_that_is_killed_leaves_either_database_and_keeps_the_one_before(
    tmp_path: Path, killed_server: Path
) -> None:
    data = tmp_path / "data"
    database, copy = data / "chatserver.db", killed_server / "copy.db"
    as_it_was(killed_server, data)
    before, after = whole(database), whole(copy)
    assert after < before
    step = 1
    with killed_at("restore", copy, database) as killed:
        while killed(step):
            kept = [whole(file) for file in data.glob("chatserver.db.2*") if "-" not in file.name]
            found = whole(database)
            assert found == before or (found == after and kept), f"step {step}"
            assert all(one == before for one in kept), f"step {step}"
            as_it_was(killed_server, data)
            step += 1
    assert whole(database) == after
    assert step > 10, "it did less than it has to"
    print(f"killed at {step - 1} steps")


LOST = 2
"""Messages that a standby had not heard of when it took over."""


def test_a_node_whose_database_is_another_one_ends_and_who_saw_more_than_that_holds_begins_anew(
    tmp_path: Path, postgres_server: Postgres
) -> None:
    async def story() -> None:
        url = postgres_server.demo()
        with running(tmp_path, database_url=url) as server:
            diary = Diary()
            ana = CustomerPeer("ana", server.port, diary, random.Random(SEED))
            ana.goes_back = True
            runs = asyncio.create_task(ana.run())
            ticket = await ana.starts_chat("No puedo facturar")
            for _ in range(LOST + 1):
                ana.say(ticket)
            await ana.flush()
            await soon(ana.settled, "she has an answer to everything")
            await soon(lambda: ana.threads[ticket].last >= ana.acknowledged, "she sees what she said")
            await a_standby_took_over(url, ticket)
            ana.say(ticket)
            await ana.flush()
            assert await asyncio.to_thread(server.wait) == BEGIN_ANEW
            assert diary.acks == LOST + 1, "acknowledged, after the database was another one"
            assert "is of another epoch" in server.log()
            diary.shown.clear()
            await asyncio.to_thread(server.start)
            await soon(ana.settled, "her message is stored")
            await soon(lambda: bool(diary.shown), "she is shown the conversation anew")
            kept = [row[0] for row in await fetched(url, "SELECT seq FROM items ORDER BY seq")]
            await soon(lambda: ana.threads[ticket].last == kept[-1], "she sees what is stored")
            assert diary.shown[0].forget, "she would keep what there is no more"
            assert [shown.seq for shown in diary.shown if not shown.forget] == kept
            runs.cancel()
            await asyncio.gather(runs, return_exceptions=True)

    asyncio.run(story())


async def a_standby_took_over(url: str, ticket: int) -> None:
    """Which lacks the last messages, so that its epoch was changed. Returns when no connection is left that was made before."""
    for statement in (
        "UPDATE tickets SET last_seq = last_seq - ? WHERE id = ?",
        "DELETE FROM items WHERE seq > (SELECT last_seq FROM tickets WHERE id = ticket_id)",
        "UPDATE meta SET value = md5(random()::text) WHERE key = 'epoch'",
        "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE application_name = 'chatserver' "
        "AND datname = current_database()",
    ):
        await fetched(url, statement, *((LOST, ticket) if "?" in statement else ()))


def test_a_crowd_moves_to_postgresql_and_resumes_as_if_nothing_had_been(
    tmp_path: Path, postgres_server: Postgres
) -> None:
    async def story() -> None:
        with running(tmp_path, **AT_EASE) as server:
            chats_at_once(server, 6)
            async with talking(server) as crowd:
                await crowd.acks(100)
                refused = await asyncio.to_thread(command, server, "move", "--to", postgres_server.empty())
                assert (refused.code, "in use by another process" in refused.output) == (1, True)
                crowd.calm = True  # no customer falls 500 items behind: then a snapshot would be right
                await asyncio.to_thread(moved, server, postgres_server.empty())
                crowd.diary.shown_before = len(crowd.diary.shown)
                await asyncio.to_thread(server.start)
                await crowd.acks(60)
                await crowd.healed()
                judge(crowd, tmp_path)
                # Agents look again at tickets that another one had, and of which they missed more than that.
                assert not any(cleared(crowd, peer.name) for peer in crowd.customers), "somebody began anew"

    asyncio.run(story())


def moved(server: Server, url: str) -> None:
    server.stop()
    before = server.database.read_bytes()
    told = done(server, "move", "--to", url)
    assert f"DATABASE_URL={url}" in told
    assert server.database.read_bytes() == before
    server.settings["database_url"] = url
