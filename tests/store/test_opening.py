"""Opening a database: its schema, its files, and who else may have it."""

from __future__ import annotations

import os
import re
import shutil
import signal
import sqlite3
import stat
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import create_engine

from chatserver.core.details import NOTHING
from chatserver.core.policy import Policy
from chatserver.store import accounts, migrations, people
from chatserver.store.database import Database, DatabaseInUse, DatabaseTooNew
from chatserver.store.migrations import HEAD
from chatserver.store.migrations.sqlite import migrate, revision
from chatserver.store.sqlite import database
from chatserver.store.sqlite.database import has_wal_reset_bug
from chatserver.store.tables import metadata
from tests.store.before import ANAS, EVA, LUCIA, left_by
from tests.store.house import SqliteHouse, known_to_sqlalchemy

ROOT = Path(__file__).resolve().parent.parent.parent


@pytest.fixture
async def house(sqlite_house: SqliteHouse) -> SqliteHouse:
    return sqlite_house


async def opened(where: Path | str) -> Database:
    return await Database.open(where, clock=lambda: 1, committed=lambda events: None)


# — schema —————————————————————————————————————————————————————————————————————


def schema(path: Path) -> dict[tuple[str, str], list[str]]:
    """Every table and index with its definition's clauses, in no particular order, without blanks and quotes. A column that was
    added later stands on the line of the one before it."""
    connection = sqlite3.connect(path)
    query = "SELECT type, name, sql FROM sqlite_master WHERE name <> 'alembic_version' AND tbl_name <> 'alembic_version'"
    rows = connection.execute(query).fetchall()
    connection.close()
    return {(kind, name): clauses(sql or "") for kind, name, sql in rows}


def clauses(sql: str) -> list[str]:
    return sorted(re.sub(r'["\s]', "", line) for line in re.split(r",\s*(?![^()\n]*\))|\n", sql.strip()))


def test_migrations_make_the_schema_of_the_tables(tmp_path: Path) -> None:
    migrated, created = tmp_path / "migrated.db", tmp_path / "created.db"
    migrate(migrated)
    engine = create_engine(f"sqlite:///{created}")
    metadata.create_all(engine)
    engine.dispose()
    assert schema(migrated) == schema(created)
    assert sum("WHERE" in "".join(sql) for sql in schema(migrated).values()) == 19  # the partial indexes too


def test_alembic_finds_nothing_left_to_migrate(tmp_path: Path) -> None:
    migrate(tmp_path / "a.db")
    engine = create_engine(f"sqlite:///{tmp_path / 'a.db'}")
    with engine.connect() as connection:
        assert (
            compare_metadata(
                MigrationContext.configure(connection, opts={"include_object": known_to_sqlalchemy}), metadata
            )
            == []
        )
    engine.dispose()


def test_head_is_the_newest_revision() -> None:
    config = Config()
    config.set_main_option("script_location", str(Path(migrations.__file__).parent))
    config.set_main_option("path_separator", "os")
    assert ScriptDirectory.from_config(config).get_heads() == [HEAD]


def test_a_migration_that_fails_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    copy = tmp_path / "migrations"
    shutil.copytree(Path(migrations.__file__).parent, copy)
    with (copy / "versions" / "0001_first.py").open("a") as file:
        file.write("    raise RuntimeError('half way')\n")
    monkeypatch.setattr(migrations, "__file__", str(copy / "__init__.py"))
    path = tmp_path / "a.db"
    with pytest.raises(RuntimeError, match="half way"):
        migrate(path)
    assert schema(path) == {}
    assert revision(path) is None


@pytest.mark.parametrize("release", ["0001", "0002"])
async def test_a_database_of_a_release_before_is_brought_up_to_date_with_all_that_is_in_it(
    tmp_path: Path, release: str
) -> None:
    path, new = tmp_path / "a.db", tmp_path / "new.db"
    left_by(release, path, tmp_path / "migrations")
    assert revision(path) == release
    migrate(new)
    assert schema(path) != schema(new)
    house = await SqliteHouse.open(path)
    assert {a.id: a.load for a in await people.agents(house.db)} == {LUCIA: 2, EVA: 0}
    found = await house.start(house.who("ana"), 0)
    assert (found.id, found.subject, found.agent_id) == (ANAS, "No puedo facturar", LUCIA)
    assert (found.source, found.details, found.pending) == ("chat", NOTHING, None)
    assert await house.say(house.who("ana"), found.id, 1) == 2
    await house.db.close()
    assert revision(path) == HEAD
    assert schema(path) == schema(new)


async def test_the_support_address_that_a_policy_named_is_the_apps_own(tmp_path: Path) -> None:
    """Of a release that had it in both places; a server of that release may go on writing it there."""
    path = tmp_path / "chat.db"
    (this,) = (Path(migrations.__file__).parent / "versions").glob("0*_addresses.py")
    left_by(f"{int(this.name[:4]) - 1:04}", path, tmp_path / "migrations")
    with closing(sqlite3.connect(path)) as before, before:
        before.execute(
            "UPDATE apps SET policy = ?", ('{"support_address":"ayuda@a.example","same_agent":false}',)
        )
        before.execute(
            "INSERT INTO apps (id, key, name, secret, created_at, policy, support_address) VALUES"
            """ (2, 'b', 'B', 's', 0, '{"support_address":"x@b.example"}', 'ayuda@b.example'), (3, 'c', 'C', 's', 0, '{}', '')"""
        )
    db = await opened(path)
    try:
        apps = await people.apps(db, Policy())
        assert [app.support_address for app in apps] == ["ayuda@a.example", "ayuda@b.example", ""]
        assert not apps[0].policy.same_agent
        assert await accounts.app_policy(db, "demo") == '{"same_agent": false}'
        await accounts.change_app(db, "c", policy='{"support_address":"late@c.example"}')
        assert (await people.apps(db, Policy()))[2].support_address == ""
    finally:
        await db.close()


def test_an_up_to_date_database_is_opened_without_alembic(tmp_path: Path) -> None:
    migrate(tmp_path / "a.db")
    code = (
        "import asyncio, sys\n"
        "from chatserver.store.database import Database\n"
        "async def main():\n"
        f"    db = await Database.open({str(tmp_path / 'a.db')!r}, clock=lambda: 1, committed=print)\n"
        "    await db.close()\n"
        "asyncio.run(main())\n"
        "sys.exit('alembic' in sys.modules)\n"
    )
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True, timeout=30)


async def test_a_database_of_a_newer_release_is_refused_with_a_sentence(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    migrate(path)
    connection = sqlite3.connect(path)
    connection.execute("UPDATE alembic_version SET version_num = '9999'")
    connection.commit()
    connection.close()
    with pytest.raises(DatabaseTooNew, match=rf"newer release \(revision 9999, this one knows {HEAD}\)"):
        await opened(path)
    with pytest.raises(DatabaseTooNew):  # and the lock was let go
        await opened(path)


# — files ——————————————————————————————————————————————————————————————————————


async def test_nobody_else_may_read_the_files(tmp_path: Path) -> None:
    house = await SqliteHouse.open(tmp_path / "var" / "chat.db")
    await house.start(house.who("ana"), 0)
    modes = {p.name: stat.S_IMODE(p.stat().st_mode) for p in house.path.parent.iterdir()}
    assert modes == dict.fromkeys(("chat.db", "chat.db-wal", "chat.db-shm", "chat.db.lock"), 0o600)
    assert stat.S_IMODE(house.path.parent.stat().st_mode) == 0o700
    await house.db.close()
    assert {p.name for p in house.path.parent.iterdir()} == {"chat.db", "chat.db.lock"}


@pytest.mark.parametrize("scheme", ["", "sqlite:///", "sqlite+aiosqlite:///"])
async def test_a_database_is_named_by_path_or_url(tmp_path: Path, scheme: str) -> None:
    db = await opened(f"{scheme}{tmp_path}/with blank %20 ? # ñ.db")
    assert await db.rows(metadata.tables["apps"].select()) == []
    await db.close()
    assert (tmp_path / "with blank %20 ? # ñ.db").exists()


async def test_an_unknown_kind_of_database_is_refused_without_showing_its_password(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="mysql") as refused:
        await opened("mysql://root:hunter2@db/chat")
    assert "hunter2" not in str(refused.value)


async def test_writing_is_durable_and_only_one_connection_checkpoints(house: SqliteHouse) -> None:
    pragmas = ("journal_mode", "synchronous", "foreign_keys", "wal_autocheckpoint")
    found = [house.connection.execute(f"PRAGMA {name}").fetchone()[0] for name in pragmas]
    assert found == ["wal", 2, 1, 0]  # 2: FULL; checkpoints are made by hand


@pytest.mark.parametrize(
    ("version", "affected"),
    [
        ((3, 40, 1), True),
        ((3, 44, 5), True),
        ((3, 44, 6), False),
        ((3, 45, 0), True),
        ((3, 50, 6), True),
        ((3, 50, 7), False),
        ((3, 51, 2), True),
        ((3, 51, 3), False),
        ((3, 53, 0), False),
    ],
)
def test_versions_of_sqlite_that_lose_commits_are_known(version: tuple[int, ...], affected: bool) -> None:
    assert has_wal_reset_bug(version) is affected


async def test_advice_about_an_older_sqlite_is_given_once_and_calmly(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sqlite3, "sqlite_version_info", (3, 40, 1))
    database._advise.cache_clear()
    caplog.set_level("INFO")
    for name in ("a.db", "b.db"):
        db = await opened(tmp_path / name)
        await db.close()
    said = [record.levelname for record in caplog.records if record.name == database.__name__]
    assert said == ["INFO"]


# — one server at a time ———————————————————————————————————————————————————————

HOLDER = """
import asyncio, sys
from chatserver.store.database import Database

async def main():
    await Database.open(sys.argv[1], clock=lambda: 1, committed=print)
    print("open", flush=True)
    sys.stdin.read()

asyncio.run(main())
"""


def start_holder(path: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(path)],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )


async def test_a_second_process_is_refused_and_a_killed_one_lets_go(tmp_path: Path) -> None:
    path = tmp_path / "chat.db"
    holder = start_holder(path)
    assert holder.stdin is not None
    assert holder.stdout is not None
    try:
        assert holder.stdout.readline() == "open\n"
        with pytest.raises(DatabaseInUse, match=rf"in use by another process \({holder.pid}\)"):
            await opened(path)
    finally:
        holder.send_signal(signal.SIGKILL)
        holder.wait(10)
        holder.stdin.close()
        holder.stdout.close()
    db = await opened(path)
    assert path.with_name("chat.db.lock").read_text() == str(os.getpid())
    with pytest.raises(DatabaseInUse):
        await opened(path)
    await db.close()
    await (await opened(path)).close()
