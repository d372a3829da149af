"""Four writers at once and another process that copies the database again and again: nobody ever finds it locked."""

from __future__ import annotations

import asyncio
import json
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from tests.harness.server import Server, running
from tests.harness.sizes import size
from tests.store.house import SqliteHouse

MESSAGES = size(300, 5_000)
"""Of each writer, one after another."""
WRITERS = 4
COPIES = size(4, 40)

COPIER = """
import json, sqlite3, sys
source, target = sys.argv[1:]
number = 0
for order in sys.stdin:
    number += 1
    path = f"{target}{number}.db"
    try:
        # No patience at all: whoever has to wait is told so.
        reader = sqlite3.connect(f"file:{source}?mode=ro", uri=True, timeout=0, isolation_level=None)
        if number % 2:
            copy = sqlite3.connect(path)
            reader.backup(copy)
            copy.close()
        else:
            reader.execute("VACUUM INTO ?", (path,))
        reader.close()
        print(json.dumps({"copy": path}), flush=True)
    except sqlite3.Error as problem:
        print(json.dumps({"problem": str(problem)}), flush=True)
"""


@pytest.fixture
async def house(sqlite_house: SqliteHouse) -> SqliteHouse:
    return sqlite_house


@contextmanager
def copier(source: Path, target: Path) -> Iterator[subprocess.Popen[str]]:
    """A process that makes a copy, by the backup interface or by VACUUM INTO in turns, for each line it is given."""
    process = subprocess.Popen(
        [sys.executable, "-c", COPIER, str(source), str(target)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def another(process: subprocess.Popen[str]) -> Path:
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write("copy\n")
    process.stdin.flush()
    told = json.loads(process.stdout.readline())
    assert "problem" not in told, told
    return Path(told["copy"])


@pytest.mark.fault
async def test_four_writers_and_a_process_that_copies_never_find_the_database_locked(
    house: SqliteHouse, tmp_path: Path
) -> None:
    people = [house.who(str(n)) for n in range(WRITERS)]
    tickets = [(await house.start(who, 0)).id for who in people]
    house.connection.execute("PRAGMA busy_timeout=0")  # no patience here either
    acknowledged: set[tuple[int, int]] = set()

    async def write(place: int) -> None:
        for number in range(MESSAGES):
            seq = await house.say(people[place], tickets[place], 1 + number, "x" * 200)
            acknowledged.add((tickets[place], seq))

    async def copy() -> int:
        copies = 0
        with copier(house.path, tmp_path / "copy") as process:
            while copies < COPIES or not all(writer.done() for writer in writers):
                before = set(acknowledged)
                look(await asyncio.to_thread(another, process), before)
                copies += 1
        return copies

    writers = [asyncio.create_task(write(place)) for place in range(WRITERS)]
    copies = await copy()
    await asyncio.gather(*writers)  # a StoreFailed of any of them would be raised here
    for ticket in tickets:
        assert house.sequence(ticket) == list(range(1, MESSAGES + 2))
    print(f"{WRITERS * MESSAGES} messages, {copies} copies beside them, nobody found it locked")


def look(copy: Path, acknowledged: set[tuple[int, int]]) -> None:
    """It is whole, has all that was acknowledged before it began, and no gap."""
    with closing(sqlite3.connect(copy)) as database:
        assert database.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        rows = database.execute("SELECT ticket_id, seq FROM items ORDER BY ticket_id, seq").fetchall()
        last = dict(database.execute("SELECT id, last_seq FROM tickets").fetchall())
    assert acknowledged <= set(rows)
    assert rows == [(ticket, seq) for ticket, end in sorted(last.items()) for seq in range(1, end + 1)]
    copy.unlink()


def test_a_second_server_on_the_same_data_is_refused_with_a_sentence(tmp_path: Path) -> None:
    with running(tmp_path) as first:
        second = Server(tmp_path, log_file=tmp_path / "second.log")
        second.launch()
        assert second.wait() == 1
        assert "is in use by another process" in second.log()
        assert "Traceback" not in second.log()
        assert first.status("/readyz") == 200
