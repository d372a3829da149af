"""`chatserver move`: every kind of row arrives, what differs is noticed, and what is not empty is left alone."""

from __future__ import annotations

import asyncio
import os
import re
import sqlite3
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from chatserver.cli.main import main
from chatserver.store import moving
from chatserver.store.sqlite.lock import Lock
from tests.harness.postgres import Postgres, fetched
from tests.store.before import left_by
from tests.store.house import PostgresHouse, SqliteHouse, cid
from tests.store.terminals import shown

ODD = (
    "INSERT INTO used_tokens VALUES (1, 'Ñandú', 5), (1, 'Zorro', 5), (1, 'a_b', 5), (1, 'a', 5), (1, '', 5), (1, '🙂', 5)",
    "INSERT INTO spent_tokens VALUES (1, 'Ñandú', 5), (1, 'a', 5)",
    "INSERT INTO tries VALUES ('b', 9007199254740993, 'x'), ('B', 5, 'y')",
    "INSERT INTO categories (app_id, slug, names, created_at) VALUES (1, 'facturas', '{\"es\":\"Facturas\"}', 1)",
    "INSERT INTO articles (app_id, category_id, language, kin, author_id, state, version, shown, created_at, saved_at) "
    "VALUES (1, 1, 'es', 'k', 1, 'published', 1, 1, 1, 1)",
    "INSERT INTO article_versions VALUES (1, 1, 'Ñandú', '', '# Ñandú', 1, 1)",
    "INSERT INTO article_texts VALUES (1, 'app1es', 'nandu', '', 'nandu', 'Ñandú')",
    "INSERT INTO article_votes VALUES (1, 1, 'v', 1, 1, '[]', ''), (1, 1, 'V', 1, 0, '[\"wrong\"]', '¿?')",
    "INSERT INTO sessions (token_hash, agent_id, created_at, expires_at) VALUES ('h', 1, 9007199254740993, 1)",
    "INSERT INTO mail_stops VALUES (1, 'ana@example.com', 5), (1, 'customer 7', 6)",
    "INSERT INTO outbox (key, kind, app_id, address, mailbox, created_at, until_at) VALUES ('k', 'test', 1, 'Á@x', 'á@x', 1, 2)",
    'UPDATE apps SET policy = \'{"rating": "a\tb\nc\\d"}\'',
    "INSERT INTO addresses (app_id, customer_id, address, created_at, confirmed_at) "
    "SELECT 1, id, 'a' || id || '@b.test', 5, CASE WHEN id % 2 THEN 6 END FROM customers",
    "INSERT INTO accounts SELECT id, 'a@b.test', 'h', 5 FROM customers",
    "INSERT INTO companies (app_id, name, created_at) VALUES (1, 'Ñandú', 5)",
    "INSERT INTO company_people VALUES (1, 'a1@b.test', 1, 1), (1, 'user:Á', 1, 0)",
    "INSERT INTO customer_sessions (token_hash, customer_id, created_at, expires_at) SELECT 'h' || id, id, 5, 6 FROM customers",
    "INSERT INTO links (token_hash, purpose, app_id, address, expires_at) VALUES ('h', 'reset', 1, 'a@b.test', 5)",
    "INSERT INTO mails SELECT 1, 'k' || number, 9, 'uno@x', 'ana@x', 'soporte@y', 'Ñ', 'o' || number, 'person', '', 1, id, 2, '' "
    "FROM tickets",
    "INSERT INTO notes SELECT id, 1, 9, 1, 'Eva', 'n', '¿Ñandú? 🙂', '', 1 FROM tickets",
    "INSERT INTO unread_notes SELECT id, 1, 1, 9 FROM tickets",
    "INSERT INTO mail_originals VALUES ('o1001', 0, 9, x'00ff0d0a5c'), ('o1001', 1, 9, x''), ('o1002', 0, 9, x'74')",
    # Neither can be written any more.
    "UPDATE items SET text = CAST(x'61006200' AS TEXT) WHERE seq = 2",
    "UPDATE tickets SET subject = CAST(x'61eda0bd62' AS TEXT) WHERE number = 1001",
    "INSERT INTO files VALUES ('f', 1, 'customer', 'anon:a', 'c', NULL, NULL, 'ñ.png', 'png', 5, 'h', 'k', 320, NULL, 9)",
    "INSERT INTO file_use VALUES (1, 20000, 'customer:anon:a', 5)",
)


@pytest.fixture
async def full(tmp_path: Path, anyio_backend: str) -> Path:
    """A database in which each table has something, of each kind."""
    house = await SqliteHouse.open(tmp_path / "chatserver.db")
    eva = await house.agent("eva")
    for number in range(4):
        who = house.who(f"cliente{number}")
        ticket = await house.start(who, number, email="a@b.test", subject="Não consigo «facturar»")
        await house.say(who, ticket.id, 100, "¿Hola? 🙂 \\N \t\r\n fin")
        if number > 1:
            await house.assign(ticket.id, eva)
            await house.agent_says(eva, ticket.id, 7)
        if number > 2:
            await house.end(ticket.id)
    await house.db.close()
    with closing(sqlite3.connect(house.path)) as database, database:
        for statement in ODD:
            database.execute(statement)
    return house.path


@pytest.fixture
def target(postgres_server: Postgres) -> str:
    return postgres_server.empty()


def command(database: Path, url: str, **environ: str | None) -> Result:
    given = {"CHATSERVER_DATA_DIR": str(database.parent), "DATABASE_URL": None, **environ}
    return CliRunner().invoke(main, ["move", "--to", url], env=given, catch_exceptions=False)


async def move(database: Path, url: str) -> Result:
    """In a thread: the command has an event loop of its own."""
    return await asyncio.to_thread(command, database, url)


def rows(database: Path, table: str) -> set[Any]:
    with closing(sqlite3.connect(database)) as connection:
        connection.text_factory = lambda raw: raw.decode(errors="replace").replace("\0", "\ufffd")
        return set(connection.execute(f"SELECT * FROM {table}"))


async def there(url: str, table: str) -> set[Any]:
    return set(await fetched(url, f"SELECT * FROM {table}"))


async def test_every_row_of_every_table_arrives_and_the_source_stays(full: Path, target: str) -> None:
    before = await asyncio.to_thread(full.read_bytes)
    told = await move(full, target)
    assert told.exit_code == 0, told.output
    for table in moving.MOVED:
        here = rows(full, table.name)
        assert here, f"nothing in {table.name}: it says nothing"
        assert await there(target, table.name) == here, table.name
    assert await asyncio.to_thread(full.read_bytes) == before
    # Of four items and a ticket.
    assert "\n5 texts held characters that PostgreSQL does not take" in told.output, told.output
    assert f"DATABASE_URL={target}" in told.output


async def test_who_took_mail_is_told_what_takes_it_from_now_on(full: Path, target: str) -> None:
    told = await asyncio.to_thread(command, full, target, CHATSERVER_MAIL_LISTEN="lmtp://127.0.0.1:8024")
    assert told.exit_code == 0, told.output
    assert "takes no incoming mail any more: start `chatserver mail` beside it" in told.output


MANY = 40_000
"""Rows, each of which is copied and compared: more than the bar takes between two looks."""


async def test_who_watches_sees_how_far_it_is_and_who_reads_its_output_does_not(
    full: Path, target: str
) -> None:
    with closing(sqlite3.connect(full)) as database, database:
        database.execute(
            "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?) "
            "INSERT INTO used_tokens SELECT 1, 'j' || i, 5 FROM n",
            (MANY,),
        )
    output, screen = await asyncio.to_thread(watched, full, target)
    shares = [int(share) for share in re.findall(r"(\d+)%", screen)]
    assert shares == sorted(shares)
    assert shares[-1] == 100
    assert any(0 < share < 50 for share in shares), "it says nothing while it copies"
    assert any(50 < share < 100 for share in shares), "it says nothing while it compares"
    assert output.startswith("Moved and compared: ")
    assert "%" not in output


def watched(database: Path, url: str) -> tuple[str, str]:
    """What goes to a pipe, and what to a terminal."""
    told = [sys.executable, "-m", "chatserver", "move", "--to", url]
    return shown(told, {"CHATSERVER_DATA_DIR": str(database.parent)})


async def test_chats_go_on_with_ids_above_those_that_came(full: Path, target: str) -> None:
    assert (await move(full, target)).exit_code == 0
    epoch = [row for row in rows(full, "meta") if row[0] == "epoch"]
    house = await PostgresHouse.open(target)
    try:
        assert [("epoch", house.db.epoch)] == epoch
        highest = max(row[0] for row in rows(full, "tickets"))
        ticket = await house.start(house.who("cliente9"), 50)
        assert (ticket.id > highest, ticket.number) == (True, 1005)
        old = (await fetched(target, "SELECT id FROM tickets WHERE number = 1001"))[0][0]
        assert await house.say(house.who("cliente0"), old, 100) == 2, (
            "its client had no answer: it is there once"
        )
        assert await house.say(house.who("cliente0"), old, 101) == 3
        assert await house.new_app("otra") > house.app
        assert await house.agent("luis") > 1
        house.loads_are_counted()
    finally:
        await house.db.close()


def _changed(batch: list[Any]) -> list[Any]:
    """The last number of the last row is another one."""
    *_, place = (n for n, value in enumerate(batch[-1]) if isinstance(value, int))
    return [*batch[:-1], (*batch[-1][:place], batch[-1][place] + 1, *batch[-1][place + 1 :])]


def _other_text(batch: list[Any]) -> list[Any]:
    position = next(n for n, value in enumerate(batch[0]) if isinstance(value, str) and value.isalpha())
    return [(*batch[0][:position], batch[0][position].swapcase(), *batch[0][position + 1 :]), *batch[1:]]


@pytest.mark.parametrize(
    ("table", "wrong"),
    [
        ("items", lambda batch: batch[:-1]),
        ("items", _changed),
        ("items", _other_text),
        ("sessions", lambda batch: []),
        ("meta", lambda batch: [(key, value[::-1]) for key, value in batch]),
        ("used_tokens", _changed),
    ],
)
async def test_a_copy_that_came_out_differently_is_noticed_and_nothing_of_it_stays(
    full: Path,
    target: str,
    monkeypatch: pytest.MonkeyPatch,
    table: str,
    wrong: Callable[[list[Any]], list[Any]],
) -> None:
    copied = moving.Source.batches

    def spoilt(self: Any, of: Any, *, ordered: bool = False) -> Any:
        for batch in copied(self, of, ordered=ordered):
            yield wrong(batch) if of.name == table and not ordered else batch

    monkeypatch.setattr(moving.Source, "batches", spoilt)
    told = await move(full, target)
    assert (told.exit_code, f"{table} came out differently" in told.output) == (1, True), told.output
    monkeypatch.undo()
    assert (await move(full, target)).exit_code == 0, "the target is not empty any more"


async def test_what_cannot_be_is_a_sentence_and_moves_nothing(
    full: Path, target: str, postgres_server: Postgres, tmp_path: Path
) -> None:
    used = postgres_server.database()
    house = await PostgresHouse.open(used)
    other = tmp_path / "other"
    other.mkdir()
    (other / "chatserver.db").touch()
    newer = postgres_server.database()
    await fetched(newer, "UPDATE alembic_version SET version_num = '9999'")
    for database, url, sentence in (
        (tmp_path / "none" / "chatserver.db", target, "nothing to move"),
        (other / "chatserver.db", target, "no database of this server"),
        (full, used, "in use by"),
        (full, newer, "newer release"),
        (full, target.replace("127.0.0.1", "127.0.0.2").rpartition("/")[0] + "/none", "cannot be"),
        (full, "sqlite:///x.db", "--to must be an address"),
    ):
        told = await move(database, url)
        assert (told.exit_code, told.output.count("\n")) == (1, 1), (url, told.output)
        assert sentence in told.output, told.output
    await house.db.close()
    told = await move(full, used)
    assert "is not empty (there are rows in apps)" in told.output
    lock = Lock(full)
    assert "in use by another process" in (await move(full, target)).output
    lock.release()
    back = await asyncio.to_thread(lambda: command(full, target, DATABASE_URL=used))
    assert "no way back to SQLite" in back.output
    assert not (tmp_path / "none").exists()
    assert (await move(full, target)).exit_code == 0


async def test_a_wrong_password_is_a_sentence_that_does_not_hold_it(
    full: Path, target: str, postgres_server: Postgres
) -> None:
    with postgres_server.passwords():
        told = await move(full, target.replace("chat@", "guest:wrong@"))
        assert (told.exit_code, "password authentication failed" in told.output) == (1, True), told.output
        assert "wrong" not in told.output
        assert not [name for name in os.environ if name == "PGPASSWORD"]


async def test_a_row_that_sqlite_took_and_postgresql_cannot_is_a_sentence(full: Path, target: str) -> None:
    with closing(sqlite3.connect(full)) as database, database:
        database.execute(
            "UPDATE customers SET created_at = 'ayer' WHERE id = (SELECT max(id) FROM customers)"
        )
    told = await move(full, target)
    assert (told.exit_code, "a row of customers holds what does not belong there" in told.output) == (1, True)
    assert "ayer" not in told.output
    assert await there(target, "apps") == set()


async def test_a_database_of_the_first_release_is_brought_up_to_date_and_moved(
    tmp_path: Path, target: str
) -> None:
    path = tmp_path / "chatserver.db"
    left_by("0001", path, tmp_path / "migrations")
    told = await move(path, target)
    assert told.exit_code == 0, told.output
    assert await fetched(target, "SELECT cid FROM tickets") == [(cid(0),)] * 4
