"""Whoever waits for a copy of the database, or for it to be put back, sees how far that is, on both engines."""

from __future__ import annotations

import asyncio
import io
import re
import shlex
import sys
from collections.abc import Callable, Coroutine
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from chatserver.cli.base import SHOWN_TIMES, bar
from chatserver.cli.main import main
from chatserver.store.making import BadCopy, Progress, Share
from chatserver.store.postgres import backup as postgres
from chatserver.store.postgres import programs
from chatserver.store.sqlite import backup as sqlite
from tests.harness.postgres import Postgres
from tests.store.house import House
from tests.store.terminals import shown

LISTS = ('pg_dump: dumping contents of table "public.tickets"', 'pg_dump: dumping contents of table "items"')


class Watcher:
    """Who is told."""

    def __init__(self) -> None:
        self.whole = 0
        self.parts: list[int] = []

    def begun(self, whole: int) -> Progress:
        assert not self.whole, "it begins once"
        self.whole = whole
        return self.parts.append

    def saw_all_of_it(self, steps: int) -> None:
        assert sum(self.parts) == self.whole > 0
        assert min(self.parts) >= 0
        assert len([part for part in self.parts if part]) >= steps


@pytest.fixture
async def full(house: House) -> House:
    """Some pages of chats."""
    who = house.who("ana")
    ticket = await house.start(who, 0)
    for number in range(1, 30):
        await house.say(who, ticket.id, number, "hola " * 400)
    return house


async def copied(house: House, target: Path, watcher: Watcher) -> None:
    if isinstance(house.where, Path):
        await asyncio.to_thread(partial(sqlite.back_up, house.where, target, begun=watcher.begun))
    else:
        await aside(partial(postgres.back_up, house.where, target, begun=watcher.begun))


async def aside(work: Callable[[], Coroutine[Any, Any, object]]) -> None:
    """With an event loop of its own, since it blocks it."""
    await asyncio.to_thread(lambda: asyncio.run(work()))


async def test_a_copy_is_told_step_by_step_and_to_its_end(
    full: House, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sqlite, "STEP_PAGES", 4)
    watcher = Watcher()
    await copied(full, tmp_path / "copy", watcher)
    watcher.saw_all_of_it(steps=5)


async def test_so_is_what_is_put_back(
    full: House, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> None:
    monkeypatch.setattr(sqlite, "COPY_BYTES", 16_384)
    copy, watcher = tmp_path / "copy", Watcher()
    await copied(full, copy, Watcher())
    if isinstance(full.where, Path):
        await asyncio.to_thread(partial(sqlite.restore, copy, tmp_path / "back.db", begun=watcher.begun))
        watcher.saw_all_of_it(steps=5)
    else:
        server: Postgres = request.getfixturevalue("postgres_server")
        await aside(partial(postgres.restore, copy, server.empty(), begun=watcher.begun))
        watcher.saw_all_of_it(steps=3)


async def test_what_fails_in_the_middle_was_not_told_as_done(full: House, tmp_path: Path) -> None:
    copy, cut, watcher = tmp_path / "copy", tmp_path / "cut", Watcher()
    await copied(full, copy, Watcher())
    whole = await asyncio.to_thread(copy.read_bytes)
    await asyncio.to_thread(cut.write_bytes, whole[: len(whole) - 700])
    back: Coroutine[Any, Any, object]
    if isinstance(full.where, Path):
        back = asyncio.to_thread(partial(sqlite.restore, cut, tmp_path / "back.db", begun=watcher.begun))
    else:
        back = aside(partial(postgres.restore, cut, full.where, force=True, begun=watcher.begun))
    with pytest.raises(BadCopy):
        await back
    assert sum(watcher.parts) < watcher.whole


def test_a_table_is_done_when_the_next_one_begins_and_the_last_one_at_the_end() -> None:
    parts: list[int] = []
    dumped = postgres.Dumped({"tickets": 5, "items": 90, "apps": 1}, parts.append)
    dumped.hear("pg_dump: reading extensions")
    dumped.hear(LISTS[0])
    assert parts == []
    dumped.hear(LISTS[1])
    assert parts == [5]
    dumped.end()
    assert parts == [5, 90, 1]


def test_a_place_is_told_as_its_share_once_and_never_beyond_the_end() -> None:
    parts: list[int] = []
    share = Share(parts.append, worth=50, end=200)
    for place in (0, 100, 90, 100, 300):
        share.at(place)
    share.done()
    assert parts == [25, 25]
    Share(parts.append, worth=7, end=0).done()
    assert parts == [25, 25, 7]


def test_how_far_another_program_has_read_is_seen_while_it_does(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It waits in the middle of the file until that was told, or for half a minute."""
    monkeypatch.setattr(programs, "LOOK_SECONDS", 0.01)
    file, go = tmp_path / "file", tmp_path / "go"
    file.write_bytes(bytes(200_000))
    places: list[int] = []

    def at(place: int) -> None:
        places.append(place)
        if place:
            go.touch()

    waits = (
        f"i=0; while [ ! -e {shlex.quote(str(go))} ] && [ $i -lt 3000 ]; do i=$((i + 1)); sleep 0.01; done"
    )
    script = f"head -c 4096 >/dev/null; {waits}; cat >/dev/null; echo bad >&2; exit 3"
    done = programs.read(["/bin/sh", "-c", script], file, at)
    assert (done.returncode, done.stderr) == (3, "bad\n")
    assert any(0 < place < 200_000 for place in places)


def test_what_a_program_says_is_heard_line_by_line_and_its_last_words_are_kept(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(programs, "LINES_KEPT", 2)
    heard: list[str] = []
    done = programs.hear(["/bin/sh", "-c", "for i in 1 2 3; do echo $i >&2; done; exit 4"], {}, heard.append)
    assert heard == ["1\n", "2\n", "3\n"]
    assert (done.returncode, done.stderr) == (4, "2\n3\n")


async def test_a_bar_is_drawn_where_a_person_watches(full: House, tmp_path: Path) -> None:
    """And nowhere else: a log would be full of it."""
    if isinstance(full.where, Path):
        data = tmp_path / "data"
        await asyncio.to_thread(data.mkdir)
        await asyncio.to_thread(sqlite.back_up, full.where, data / "chatserver.db")
        environment = {"CHATSERVER_DATA_DIR": str(data)}
    else:
        environment = {"DATABASE_URL": full.where}
    command = [sys.executable, "-m", "chatserver", "backup", str(tmp_path / "copy")]
    output, screen = await asyncio.to_thread(shown, command, environment)
    assert "%" not in output
    shares = [int(share) for share in re.findall(r"(\d+)%", screen)]
    assert shares == sorted(shares)
    assert len(set(shares)) > 2
    assert shares[-1] == 100
    assert "Database" in screen
    piped = await asyncio.to_thread(
        partial(
            CliRunner().invoke,
            main,
            [*command[3:], "--force"],
            env=environment | {"DATABASE_URL": environment.get("DATABASE_URL", "")},
        )
    )
    assert piped.exit_code == 0, piped.output
    assert "%" not in piped.output


class Screen(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_a_bar_gets_to_its_end_however_small_the_last_part_was(monkeypatch: pytest.MonkeyPatch) -> None:
    screen = Screen()
    monkeypatch.setattr(sys, "stderr", screen)
    with bar("Database") as begun:
        progress = begun(2 * SHOWN_TIMES + 1)
        for _ in range(2 * SHOWN_TIMES + 1):
            progress(1)
    shares = re.findall(r"(\d+)%", screen.getvalue())
    assert shares[-1] == "100"
    assert len(shares) <= SHOWN_TIMES + 3, "not once for each part"
