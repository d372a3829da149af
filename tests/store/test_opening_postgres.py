"""Opening a database on PostgreSQL: its schema, who is refused, and in which words."""

from __future__ import annotations

import asyncio
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import asyncpg
import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Connection
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import NullPool

from chatserver.store import migrations
from chatserver.store.database import (
    Database,
    DatabaseAway,
    DatabaseNotReady,
    DatabaseTooNew,
    DatabaseUnusable,
    Reader,
    wall_clock,
)
from chatserver.store.migrations import HEAD
from chatserver.store.migrations.postgres import known_revision, migrate
from chatserver.store.postgres import clock
from chatserver.store.postgres.database import PostgresDatabase
from chatserver.store.tables import metadata
from tests.harness.postgres import Postgres, fetched
from tests.harness.server import free_port
from tests.harness.waiting import soon
from tests.store.house import House, PostgresHouse, known_to_sqlalchemy

COLUMNS = """SELECT table_name, column_name, data_type, is_nullable, column_default FROM information_schema.columns
WHERE table_schema = 'public' AND table_name <> 'alembic_version' ORDER BY 1, 2"""
INDEXES = "SELECT indexname, indexdef FROM pg_indexes WHERE schemaname = 'public' AND tablename <> 'alembic_version' ORDER BY 1"
RULES = """SELECT conname, pg_get_constraintdef(oid) FROM pg_constraint
WHERE connamespace = 'public'::regnamespace AND conrelid::regclass::text <> 'alembic_version' ORDER BY 1"""
SEQUENCES = "SELECT sequencename, data_type, increment_by, cycle FROM pg_sequences ORDER BY 1"


async def opened(url: str, **more: Any) -> Database:
    return await Database.open(url, committed=lambda events: None, **more)


async def within(url: str, work: Callable[[Connection], Any]) -> Any:
    engine = create_async_engine(url.replace("postgresql://", "postgresql+asyncpg://"), poolclass=NullPool)
    async with engine.begin() as connection:
        found = await connection.run_sync(work)
    await engine.dispose()
    return found


async def schema(url: str) -> dict[str, list[Any]]:
    return {query: await fetched(url, query) for query in (COLUMNS, INDEXES, RULES, SEQUENCES)}


def create_all(connection: Connection) -> None:
    """`tables.py` says the conditions of partial indexes for SQLite alone; they are meant for both."""
    for table in metadata.tables.values():
        for index in table.indexes:
            if (where := index.dialect_kwargs.get("sqlite_where")) is not None:
                index.dialect_kwargs["postgresql_where"] = where
    metadata.create_all(connection)


# — schema —————————————————————————————————————————————————————————————————————


async def test_migrations_make_the_schema_of_the_tables(postgres_server: Postgres) -> None:
    migrated, created = postgres_server.empty(), postgres_server.empty()
    await migrate(migrated)
    await within(created, create_all)
    found = await schema(migrated)
    assert found == await schema(created)
    assert all(found.values())
    assert sum("WHERE" in definition for _, definition in found[INDEXES]) == 20  # the partial indexes too


async def test_alembic_finds_nothing_left_to_migrate(postgres_server: Postgres) -> None:
    url = postgres_server.empty()
    await migrate(url)

    def left(connection: Connection) -> Any:
        return compare_metadata(
            MigrationContext.configure(connection, opts={"include_object": known_to_sqlalchemy}), metadata
        )

    assert await within(url, left) == []


async def test_a_migration_that_fails_leaves_nothing(
    postgres_server: Postgres, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    copy = tmp_path / "migrations"
    shutil.copytree(Path(migrations.__file__).parent, copy)
    with (copy / "versions" / "0001_first.py").open("a") as file:
        file.write("    raise RuntimeError('half way')\n")
    monkeypatch.setattr(migrations, "__file__", str(copy / "__init__.py"))
    url = postgres_server.empty()
    with pytest.raises(RuntimeError, match="half way"):
        await migrate(url)
    assert await fetched(url, "SELECT tablename FROM pg_tables WHERE schemaname = 'public'") == []
    assert await known_revision(url) is None


async def test_a_database_of_a_release_before_is_brought_up_to_date_with_all_that_is_in_it(
    postgres_server: Postgres, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    url, before = postgres_server.empty(), tmp_path / "migrations"
    shutil.copytree(Path(migrations.__file__).parent, before)
    for later in (before / "versions").glob("0*.py"):
        if later.name[:4] > "0001":
            later.unlink()
    with monkeypatch.context() as then:
        then.setattr(migrations, "__file__", str(before / "__init__.py"))
        then.setattr(migrations, "HEAD", "0001")
        await migrate(url)
    assert await known_revision(url) == "0001"
    await fetched(url, "INSERT INTO apps (key, name, secret, created_at) VALUES ('a', 'A', 's', 0)")
    house = await House.open(url)
    ticket = await house.start(house.who("ana"), 0)
    assert await house.say(house.who("ana"), ticket.id, 1) == 2
    await house.db.close()
    assert await known_revision(url) == HEAD
    assert await schema(url) == await schema(postgres_server.database())


async def test_the_support_address_that_a_policy_named_is_the_apps_own(
    postgres_server: Postgres, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    url, before = postgres_server.empty(), tmp_path / "migrations"
    shutil.copytree(Path(migrations.__file__).parent, before)
    for version in (before / "versions").glob("00*.py"):
        if version.name >= "0014":
            version.unlink()
    with monkeypatch.context() as then:
        then.setattr(migrations, "__file__", str(before / "__init__.py"))
        then.setattr(migrations, "HEAD", "0013")
        await migrate(url)
    policy = '{"support_address": "ayuda@a.example", "same_agent": false}'
    await fetched(
        url, f"INSERT INTO apps (key, name, secret, created_at, policy) VALUES ('a', 'A', 's', 0, '{policy}')"
    )
    await migrate(url)
    assert await fetched(url, "SELECT support_address, policy FROM apps") == [
        ("ayuda@a.example", '{"same_agent": false}')
    ]


async def test_three_nodes_that_start_at_once_on_an_empty_database_make_it_once(
    postgres_server: Postgres,
) -> None:
    for _ in range(3):
        url = postgres_server.empty()
        nodes = await asyncio.gather(*(opened(url) for _ in range(3)))
        assert len({node.epoch for node in nodes}) == 1
        assert len({node.secret for node in nodes}) == 1
        assert await known_revision(url) == HEAD
        for node in nodes:
            await node.close()


async def test_a_database_of_a_newer_release_is_refused_with_a_sentence(postgres_server: Postgres) -> None:
    url = postgres_server.database()
    await fetched(url, "UPDATE alembic_version SET version_num = '9999'")
    for attempt in (opened, Reader.look):
        with pytest.raises(DatabaseTooNew, match=rf"newer release \(revision 9999, this one knows {HEAD}\)"):
            await attempt(url)


async def test_who_only_looks_makes_and_upgrades_nothing(postgres_server: Postgres) -> None:
    url = postgres_server.empty()
    with pytest.raises(DatabaseNotReady, match="is empty"):
        await Reader.look(url)
    assert await known_revision(url) is None
    await migrate(url)
    await fetched(url, "UPDATE alembic_version SET version_num = '0001'")
    with pytest.raises(DatabaseNotReady, match="older release"):
        await Reader.look(url)


async def test_the_time_is_asked_for_again_and_again(
    postgres_server: Postgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(clock, "ASK_SECONDS", 0.05)
    db = await opened(postgres_server.database())
    assert isinstance(db.clock, clock.SharedClock)
    assert db.clock._ahead is not None
    db.clock._ahead += 3_600_000
    await soon(lambda: abs(db.clock() - wall_clock()) < 1_000, "the hour is gone")
    await db.close()


class Answering:
    """Answers after a while with the time of a clock that is so far ahead of the steady one."""

    def __init__(self, ahead: float) -> None:
        self.steady, self.ahead = 0.0, ahead
        self.takes: list[float] = []
        self.asked = 0

    async def fetchval(self, question: str) -> int:
        there, back = self.takes.pop(0) if self.takes else 1.0, 1.0
        self.asked += 1
        self.steady += there
        answer = round(self.steady + self.ahead)
        self.steady += back
        return answer


async def test_an_answer_that_took_long_moves_no_clock_and_one_that_says_otherwise_moves_it_at_once() -> None:
    connection = Answering(50_000)
    shared = clock.SharedClock(lambda: connection.steady)
    await shared.ask(connection)
    assert abs(shared() - connection.steady - 50_000) <= 2
    connection.takes, before = [3_000.0] * 9, shared() - connection.steady
    asked = connection.asked
    await shared.ask(connection)
    assert shared() - connection.steady == before, "it was right, and the answer allows that"
    assert connection.asked == asked + 1
    connection.takes, connection.ahead = [3_000.0, 1.0, 3_000.0], 70_000
    await shared.ask(connection)
    assert abs(shared() - connection.steady - 70_000) <= 3
    connection.ahead = 10_000
    await shared.ask(connection)
    assert abs(shared() - connection.steady - 10_000) <= 3


@pytest.mark.parametrize(
    ("ahead", "said"), [(3_600_000, "3600 s ahead of"), (-120_000, "120 s behind"), (59_000, "")]
)
async def test_a_database_whose_clock_is_far_from_the_machines_is_told_of_when_that_is_found(
    caplog: pytest.LogCaptureFixture, ahead: int, said: str
) -> None:
    connection = Answering(50_000 + ahead)
    shared = clock.SharedClock(lambda: connection.steady, lambda: round(connection.steady) + 50_000)
    await shared.ask(connection)
    told = [record.getMessage() for record in caplog.records]
    assert [said in message for message in told] == ([True] if said else [])
    await shared.ask(connection)
    assert len(caplog.records) == len(told), "once, and not each 1.5 s"
    connection.ahead += 7_200_000
    await shared.ask(connection)
    assert len(caplog.records) == len(told) + 1


# — who cannot come in —————————————————————————————————————————————————————————


async def test_a_user_who_does_not_own_the_database_is_refused_with_a_sentence(
    postgres_server: Postgres,
) -> None:
    """PostgreSQL 15 lets nobody else make tables in it; before, everybody may."""
    postgres_server.run("CREATE ROLE poor LOGIN")
    try:
        for url in (postgres_server.empty(), postgres_server.database()):
            name = url.rpartition("/")[2]
            postgres_server.run("REVOKE CREATE ON SCHEMA public FROM PUBLIC", database=name)
            with pytest.raises(
                DatabaseUnusable, match=rf"/{name} has to belong to the user who comes: permission denied for"
            ):
                await opened(url.replace("chat@", "poor@"))
    finally:
        postgres_server.run("DROP ROLE poor")


async def test_a_user_who_may_make_no_tables_can_after_the_grant_that_they_are_told(
    postgres_server: Postgres,
) -> None:
    url = postgres_server.empty()
    name, theirs = url.rpartition("/")[2], url.replace("chat@", "poor@")
    postgres_server.run("CREATE ROLE poor LOGIN")
    try:
        postgres_server.run("REVOKE ALL ON SCHEMA public FROM PUBLIC", database=name)
        with pytest.raises(DatabaseUnusable, match=r"belong to the user who comes: no schema") as refused:
            await opened(theirs)
        grant = str(refused.value).partition("Its owner can let them: ")[2]
        assert grant == "GRANT USAGE, CREATE ON SCHEMA public TO poor;"
        postgres_server.run(grant, database=name)
        await (await opened(theirs)).close()
    finally:
        postgres_server.run("DROP OWNED BY poor", database=name)
        postgres_server.run("DROP ROLE poor")


RIGHTS = "GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO poor"
COUNTERS = "GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO poor"


@pytest.mark.parametrize(
    ("taken_away", "missing", "grants"),
    [
        (
            "REVOKE DELETE ON ALL TABLES IN SCHEMA public FROM poor",
            "DELETE on accounts, addresses, agent_apps, agents, apps,",
            [RIGHTS],
        ),
        ("REVOKE UPDATE ON tickets, nodes FROM poor", "UPDATE on nodes, tickets.", [RIGHTS]),
        ("REVOKE INSERT ON meta FROM poor", "INSERT on meta.", [RIGHTS]),
        ("REVOKE SELECT ON items FROM poor", "SELECT on items.", [RIGHTS]),
        (
            "REVOKE USAGE ON SEQUENCE ids, sessions_id_seq FROM poor",
            "USAGE on ids, sessions_id_seq.",
            [COUNTERS],
        ),
        (
            "REVOKE DELETE ON nodes FROM poor; REVOKE USAGE ON SEQUENCE ids FROM poor",
            "DELETE on nodes; USAGE on ids.",
            [RIGHTS, COUNTERS],
        ),
    ],
)
async def test_a_user_who_lacks_a_privilege_is_refused_with_the_grant_that_helps(
    postgres_server: Postgres, taken_away: str, missing: str, grants: list[str]
) -> None:
    url = postgres_server.database()
    name, theirs = url.rpartition("/")[2], url.replace("chat@", "poor@")
    postgres_server.run("CREATE ROLE poor LOGIN")
    try:
        for sql in (RIGHTS, COUNTERS, "GRANT SELECT ON alembic_version TO poor", *taken_away.split("; ")):
            postgres_server.run(sql, database=name)
        with pytest.raises(DatabaseUnusable) as refused:
            await opened(theirs)
        said = str(refused.value)
        assert "does not let poor do all that a server has to." in said
        assert f"Missing: {missing}" in said
        assert said.endswith(f"Its owner can give it: {' '.join(f'{grant};' for grant in grants)}")
        for grant in grants:
            postgres_server.run(grant, database=name)
        await (await opened(theirs)).close()
    finally:
        postgres_server.run("DROP OWNED BY poor", database=name)
        postgres_server.run("DROP ROLE poor")


async def refusal(url: str) -> str:
    """One sentence for the operator, by whichever way it is opened, and never the password."""
    said = set()
    for attempt in (opened, Reader.look):
        with pytest.raises(DatabaseUnusable) as refused:
            await attempt(url)
        said.add(str(refused.value))
    (sentence,) = said
    assert "hunter2" not in sentence
    assert "\n" not in sentence
    return sentence


async def test_a_server_that_is_not_there_is_one_sentence() -> None:
    port = free_port()
    said = await refusal(f"postgresql://chat:hunter2@127.0.0.1:{port}/support")
    assert said == (
        f"The database 127.0.0.1:{port}/support cannot be reached: nobody answers there. "
        "Start PostgreSQL there, or correct the URL of the database."
    )


async def test_a_name_that_nobody_knows_is_one_sentence() -> None:
    said = await refusal("postgresql://chat:hunter2@nowhere.invalid/support")
    assert said == (
        "The database nowhere.invalid:5432/support cannot be reached: no address is known for that name. "
        "See to DNS, or correct the URL of the database."
    )


async def test_a_database_that_is_not_there_is_one_sentence(postgres_server: Postgres) -> None:
    said = await refusal(f"postgresql://chat:hunter2@127.0.0.1:{postgres_server.port}/nothing")
    assert (
        'cannot be used: database "nothing" does not exist. Make it (createdb --owner USER NAME), or' in said
    )


async def test_a_wrong_password_is_one_sentence(postgres_server: Postgres) -> None:
    with postgres_server.passwords():
        url = f"postgresql://guest:hunter2@127.0.0.1:{postgres_server.port}/postgres"
        said = await refusal(url)
        assert "password authentication failed" in said
        assert said.endswith("Correct user and password in the URL of the database.")


async def test_a_user_who_is_not_there_is_one_sentence(postgres_server: Postgres) -> None:
    said = await refusal(f"postgresql://nobody:hunter2@127.0.0.1:{postgres_server.port}/postgres")
    assert 'role "nobody" does not exist. Correct the user in the URL of the database, or make them' in said


async def test_a_server_without_room_for_another_node_is_one_sentence(postgres_server: Postgres) -> None:
    postgres_server.run("CREATE ROLE many LOGIN CONNECTION LIMIT 0")
    try:
        said = await refusal(postgres_server.database().replace("chat@", "many@"))
    finally:
        postgres_server.run("DROP ROLE many")
    assert said.endswith(
        "Each node takes seven of them: raise max_connections, or what the user or the database may have."
    )


# — where nothing can be kept ——————————————————————————————————————————————————


@pytest.mark.parametrize("made", ["empty", "database"])
async def test_what_takes_no_writes_is_one_sentence_and_looked_at_all_the_same(
    postgres_server: Postgres, made: str
) -> None:
    """A standby, or one that somebody made read-only."""
    url: str = getattr(postgres_server, made)()
    postgres_server.run(f"ALTER DATABASE {url.rpartition('/')[2]} SET default_transaction_read_only = on")
    with pytest.raises(DatabaseAway, match="takes no writes: it is a standby, or read-only") as refused:
        await opened(url)
    assert "has to name the server that does" in str(refused.value)
    if made == "database":
        await (await Reader.look(url)).close()


@pytest.mark.parametrize("encoding", ["LATIN1", "SQL_ASCII"])
async def test_a_database_that_cannot_keep_all_texts_is_one_sentence(
    postgres_server: Postgres, encoding: str
) -> None:
    name = f"in_{encoding.lower()}"
    other = f"TEMPLATE template0 ENCODING '{encoding}' LC_COLLATE 'C' LC_CTYPE 'C'"
    postgres_server.run(f"CREATE DATABASE {name} {other}")
    with pytest.raises(DatabaseUnusable, match=f"is in {encoding}, which cannot keep all that people write"):
        await opened(f"postgresql://chat@127.0.0.1:{postgres_server.port}/{name}")
    assert (
        postgres_server.run("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'", database=name)
        == "0"
    )


async def test_a_database_of_somebody_else_is_one_sentence_and_stays_as_it_was(
    postgres_server: Postgres,
) -> None:
    url = postgres_server.empty()
    postgres_server.run("CREATE TABLE tickets (seat text)", database=url.rpartition("/")[2])
    with pytest.raises(DatabaseUnusable, match='is somebody else\'s: relation "tickets" already exists'):
        await opened(url)
    assert await fetched(url, "SELECT tablename FROM pg_tables WHERE schemaname = 'public'") == [("tickets",)]


@pytest.mark.parametrize("password", ["hunter2/x", "hunter2#x", "hunter2?x", "hunter2@[x"])
async def test_a_password_that_breaks_the_url_is_not_quoted(password: str) -> None:
    said = await refusal(f"postgresql://chat:{password}@127.0.0.1:{free_port()}/support")
    assert re.search("cannot be (read|reached)", said)


class Version(NamedTuple):
    major: int


async def test_a_postgresql_that_is_too_old_is_one_sentence(
    postgres_server: Postgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = postgres_server.database()
    monkeypatch.setattr(asyncpg.Connection, "get_server_version", lambda connection: Version(12))
    said = await refusal(url)
    assert said.startswith("PostgreSQL 12 at 127.0.0.1:")
    assert "is too old" in said


@pytest.mark.parametrize("scheme", ["postgres", "postgresql", "postgresql+asyncpg"])
async def test_a_database_is_named_by_each_usual_url(postgres_server: Postgres, scheme: str) -> None:
    db = await opened(postgres_server.database().replace("postgresql", scheme, 1))
    assert await db.rows(metadata.tables["apps"].select()) == []
    await db.close()


async def test_writing_is_durable_and_a_frozen_node_loses_its_locks(postgres_server: Postgres) -> None:
    house = await PostgresHouse.open(postgres_server.database())
    rows = await house.db._writer._db.fetch("SELECT name, setting FROM pg_settings WHERE name = ANY($1)", SET)
    found = {row[0]: row[1] for row in rows}
    assert found["synchronous_commit"] == "on"
    assert 0 < int(found["idle_in_transaction_session_timeout"]) <= 10_000
    assert 0 < int(found["lock_timeout"]) < int(found["idle_in_transaction_session_timeout"])
    await house.db.close()


async def test_a_machine_knows_its_address_on_the_way_to_the_database(postgres_server: Postgres) -> None:
    db = await opened(postgres_server.database())
    assert isinstance(db, PostgresDatabase)
    assert await db.local_address() == "127.0.0.1"
    await db.close()


SET = ["synchronous_commit", "idle_in_transaction_session_timeout", "lock_timeout"]


def test_opening_an_up_to_date_database_needs_no_alembic(postgres_server: Postgres) -> None:
    import subprocess
    import sys

    code = (
        "import asyncio, sys\n"
        "from chatserver.store.database import Database\n"
        "async def main():\n"
        f"    db = await Database.open({postgres_server.database()!r}, committed=print)\n"
        "    await db.close()\n"
        "asyncio.run(main())\n"
        "sys.exit('alembic' in sys.modules)\n"
    )
    root = Path(__file__).resolve().parent.parent.parent
    subprocess.run([sys.executable, "-c", code], cwd=root, check=True, timeout=30)
