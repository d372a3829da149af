"""`chatserver backup` and `restore` on PostgreSQL: what is refused, in a sentence each, and what stays then."""

from __future__ import annotations

import asyncio
import signal
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from chatserver.cli.main import main
from chatserver.store import wholeness
from chatserver.store.making import Share
from chatserver.store.migrations import HEAD
from chatserver.store.migrations.postgres import migrate
from chatserver.store.postgres import backup as copies
from chatserver.store.postgres import programs
from chatserver.store.postgres.clock import NOW
from tests.harness.postgres import Postgres, fetched
from tests.harness.server import ROOT
from tests.harness.waiting import wait_until
from tests.store.house import PostgresHouse
from tests.store.test_migrations_live import only_until

NOBODY = Share(lambda part: None, 1, 1)
"""Who is told how far it is."""


@pytest.fixture(autouse=True)
def files_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the checkout has some, they are another database's."""
    monkeypatch.setenv("CHATSERVER_FILES_DIR", str(tmp_path / "files"))


async def command(url: str, *arguments: object) -> Result:
    """In a thread: it has an event loop of its own."""
    words = [str(argument) for argument in arguments]
    return await asyncio.to_thread(
        lambda: CliRunner().invoke(main, words, env={"DATABASE_URL": url}, catch_exceptions=False)
    )


async def refused(url: str, *arguments: object) -> str:
    told = await command(url, *arguments)
    assert (told.exit_code, told.output.count("\n")) == (1, 1), told.output
    return told.output


@pytest.fixture
async def url(postgres_server: Postgres, anyio_backend: str) -> str:
    """A database with a chat in it, and a table of somebody else's."""
    house = await PostgresHouse.open(postgres_server.database())
    ticket = await house.start(house.who("ana"), 0)
    await house.say(house.who("ana"), ticket.id, 1)
    await house.assign(ticket.id, await house.agent("eva"))
    await house.db.close()
    await fetched(str(house.where), "CREATE TABLE theirs AS SELECT 7 AS id")
    return str(house.where)


@pytest.fixture
async def copy(url: str, tmp_path: Path) -> Path:
    told = await command(url, "backup", tmp_path / "copy")
    assert told.exit_code == 0, told.output
    return tmp_path / "copy"


async def everything(url: str) -> dict[str, list[object]]:
    """Of our tables, but for the epoch."""
    found = {name: await fetched(url, f"SELECT * FROM {name} ORDER BY 1, 2") for name in copies.OURS[1:]}
    return found | {"meta": [row for row in found["meta"] if row[0] != "epoch"]}


async def epoch(url: str) -> str:
    return str((await fetched(url, "SELECT value FROM meta WHERE key = 'epoch'"))[0][0])


async def test_what_is_restored_is_what_there_was_with_another_epoch(
    url: str, copy: Path, postgres_server: Postgres
) -> None:
    assert stat.S_IMODE((await asyncio.to_thread(copy.stat)).st_mode) == 0o600
    fresh = postgres_server.empty()
    told = await command(fresh, "restore", copy)
    assert told.exit_code == 0, told.output
    assert "1 tickets, 3 messages and events" in told.output
    assert await everything(fresh) == await everything(url)
    assert await epoch(fresh) != await epoch(url)
    house = await PostgresHouse.open(fresh)
    try:
        assert (await house.start(house.who("luz"), 1)).number == 1002
        assert await house.new_app("otra") == 2, "ids go on above those that came"
    finally:
        await house.db.close()


async def test_what_others_have_in_the_database_is_neither_copied_nor_dropped(url: str, copy: Path) -> None:
    listed = await asyncio.to_thread(copies._read_through, programs.found(13), copy, copy, NOBODY)
    assert "TABLE public items" in listed
    assert "theirs" not in listed
    before = await everything(url)
    await fetched(url, "UPDATE theirs SET id = 8")
    await fetched(url, "DELETE FROM items")
    told = await command(url, "restore", copy, "--force")
    assert told.exit_code == 0, told.output
    assert "What was there before is gone: 1 tickets, 0 items." in told.output
    assert await everything(url) == before
    assert await fetched(url, "SELECT id FROM theirs") == [(8,)]


async def test_what_cannot_be_is_a_sentence_and_changes_nothing(
    url: str, copy: Path, tmp_path: Path, postgres_server: Postgres
) -> None:
    before, name = await everything(url), await epoch(url)
    diary, cut, empty = tmp_path / "diary", tmp_path / "cut", postgres_server.empty()
    whole = await asyncio.to_thread(copy.read_bytes)
    for file, content in ((diary, b"Querido diario: " * 100), (cut, whole[: len(whole) - 700])):
        await asyncio.to_thread(file.write_bytes, content)
    for where, arguments, sentence in (
        (url, ("backup", copy), "is there already"),
        (url, ("backup", tmp_path / "no" / "copy"), "could not be made: No such file or directory"),
        (empty, ("backup", tmp_path / "b"), "nothing to back up"),
        (url, ("restore", copy), "is not empty (1 tickets, 3 items)"),
        (url, ("restore", tmp_path / "none", "--force"), "There is no file"),
        (url, ("restore", diary, "--force"), "is no copy that `chatserver backup` made"),
        (url, ("restore", cut, "--force"), "cut cannot be read"),
        (url.replace("/test", "/none_test"), ("restore", copy), "cannot be used"),
    ):
        assert sentence in await refused(where, *arguments)
    assert (await everything(url), await epoch(url)) == (before, name)
    assert not await asyncio.to_thread(lambda: list(tmp_path.glob("*.part")))


async def test_a_database_that_somebody_works_with_is_not_replaced(url: str, copy: Path) -> None:
    house = await PostgresHouse.open(url)
    assert "is in use by" in await refused(url, "restore", copy, "--force")
    await house.db.close()
    await fetched(url, f"INSERT INTO nodes (started_at, seen_at) SELECT 0, ({NOW})")
    assert "is in use by" in await refused(url, "restore", copy, "--force")
    await fetched(url, "DELETE FROM nodes")
    assert (await command(url, "restore", copy, "--force")).exit_code == 0


async def test_a_server_that_starts_meanwhile_keeps_its_database(
    url: str, copy: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before, name = await everything(url), await epoch(url)

    async def nobody(connection: object, dsn: str) -> None:
        """It came after the question."""

    monkeypatch.setattr(copies, "require_unused", nobody)
    house = await PostgresHouse.open(url)
    assert "a server was started meanwhile" in await refused(url, "restore", copy, "--force")
    await house.db.close()
    assert (await everything(url), await epoch(url)) == (before, name)


KILLED = """
import asyncio, os, signal, sys
from pathlib import Path
from chatserver.store.postgres import backup

read = backup.read

def all_but_the_end(command, *given, **named):
    done = read(command, *given, **named)
    if "--no-owner" in command:
        os.kill(os.getpid(), signal.SIGKILL)
    return done

backup.read = all_but_the_end
asyncio.run(backup.restore(Path(sys.argv[1]), sys.argv[2], force=True))
"""


async def test_a_restore_that_is_killed_before_its_end_changes_nothing(
    url: str, copy: Path, postgres_server: Postgres
) -> None:
    before, name = await everything(url), await epoch(url)
    words = [sys.executable, "-c", KILLED, str(copy), url]
    ended = await asyncio.to_thread(subprocess.run, words, cwd=ROOT, check=False)
    assert ended.returncode == -signal.SIGKILL
    (name_of_it,) = (await fetched(url, "SELECT current_database()"))[0]
    left = f"SELECT count(*) FROM pg_stat_activity WHERE datname = '{name_of_it}'"
    await asyncio.to_thread(
        wait_until, lambda: postgres_server.run(left) == "0", "psql finds that no more comes"
    )
    assert (await everything(url), await epoch(url)) == (before, name)
    assert (await command(url, "restore", copy, "--force")).exit_code == 0


@pytest.mark.parametrize("spoilt", ["DELETE FROM items WHERE seq = 2", "UPDATE agents SET load = 0"])
async def test_a_database_that_does_not_keep_to_it_is_neither_copied_nor_restored(
    url: str, tmp_path: Path, spoilt: str, monkeypatch: pytest.MonkeyPatch, postgres_server: Postgres
) -> None:
    await fetched(url, spoilt)
    assert "is damaged: 1" in await refused(url, "backup", tmp_path / "copy")
    assert not await asyncio.to_thread((tmp_path / "copy").exists)
    with monkeypatch.context() as blind:
        blind.setattr(wholeness, "CHECKS", {})
        assert (await command(url, "backup", tmp_path / "copy")).exit_code == 0
    fresh = postgres_server.empty()
    assert "the copy is damaged" in await refused(fresh, "restore", tmp_path / "copy")
    assert await fetched(fresh, "SELECT 1 FROM pg_tables WHERE schemaname = 'public'") == []


async def test_a_copy_of_an_older_release_is_brought_up_to_date_and_of_a_newer_one_refused(
    url: str, tmp_path: Path, postgres_server: Postgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    copy, old, fresh = tmp_path / "copy", postgres_server.empty(), postgres_server.empty()
    with monkeypatch.context() as then:
        only_until("0004", tmp_path, then)
        await migrate(old)
    assert (await command(old, "backup", copy)).exit_code == 0
    assert (await command(fresh, "restore", copy)).exit_code == 0
    assert await fetched(fresh, "SELECT version_num FROM alembic_version") == [(HEAD,)]
    assert await fetched(fresh, "SELECT url FROM nodes") == []

    await fetched(url, "UPDATE alembic_version SET version_num = '9999'")
    assert "newer release" in await refused(url, "backup", tmp_path / "other")
    pg_dump = [programs.found(13).pg_dump, "--format=custom", f"--file={tmp_path / 'newer'}", url]
    assert (await asyncio.to_thread(programs.run, pg_dump)).returncode == 0
    assert "newer release" in await refused(postgres_server.empty(), "restore", tmp_path / "newer")


async def test_programs_that_are_missing_or_too_old_are_named(
    url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(programs, "DEBIAN", tmp_path)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert "install postgresql-client." in await refused(url, "backup", tmp_path / "copy")
    for name in programs.Programs._fields:
        file = tmp_path / name
        await asyncio.to_thread(file.write_text, f"#!/bin/sh\necho '{name} (PostgreSQL) 9.6.24'\n")
        await asyncio.to_thread(file.chmod, 0o755)
    assert "are of PostgreSQL 9, too old" in await refused(url, "backup", tmp_path / "copy")


async def test_a_password_is_used_and_never_shown(
    url: str, tmp_path: Path, postgres_server: Postgres
) -> None:
    with postgres_server.passwords():
        postgres_server.run("GRANT pg_read_all_data TO guest")
        right, wrong = (url.replace("chat@", f"guest:{word}@") for word in ("right", "wr0ng"))
        told = await command(right, "backup", tmp_path / "copy")
        assert told.exit_code == 0, told.output
        said = await refused(wrong, "backup", tmp_path / "other")
        assert "password authentication failed" in said
        assert "wr0ng" not in said
        postgres_server.run("REVOKE pg_read_all_data FROM guest")


@pytest.mark.parametrize(
    ("url", "shown", "environment"),
    [
        ("postgresql://chat@db:5432/chat", "postgresql://chat@db:5432/chat", {}),
        ("postgresql://chat:a%40b%2Fc@db/chat", "postgresql://chat@db/chat", {"PGPASSWORD": "a@b/c"}),
        (
            "postgresql://chat:x@db/chat?sslmode=verify-full&sslrootcert=/a",
            "postgresql://chat@db/chat?sslmode=verify-full&sslrootcert=%2Fa",
            {"PGPASSWORD": "x"},
        ),
        (
            "postgresql://db/chat?user=chat&password=x&search_path=a b",
            "postgresql://db/chat?user=chat",
            {"PGPASSWORD": "x", "PGOPTIONS": "-c search_path=a\\ b"},
        ),
    ],
)
def test_a_url_as_asyncpg_reads_it_is_told_to_libpq_without_its_password(
    url: str, shown: str, environment: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("PGPASSWORD", "PGOPTIONS"):
        monkeypatch.delenv(name, raising=False)
    made = programs.address(url, "x")
    assert made.url == shown
    assert {n: v for n, v in made.environment.items() if n in ("PGPASSWORD", "PGOPTIONS")} == environment
