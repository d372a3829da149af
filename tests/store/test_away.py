"""What tells a database that is away from a question that is wrong."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import asyncpg
import pytest
from sqlalchemy import Executable, column, select, table

from chatserver.store.base import StoreEnded, StoreFailed, Violated
from chatserver.store.postgres.database import PostgresDatabase
from chatserver.store.sqlite.database import SqliteDatabase
from tests.store.house import House

WRONG: Executable = select(column("nothing")).select_from(table("meta"))


async def test_a_wrong_question_is_not_the_databases_fault(house: House) -> None:
    with pytest.raises(Exception, match="nothing") as raised:
        await house.db.rows(WRONG)
    assert not house.db.is_away(raised.value)


def test_a_file_that_cannot_be_opened_is_a_database_that_is_away(tmp_path: Path) -> None:
    with pytest.raises(sqlite3.OperationalError) as raised:
        sqlite3.connect(f"file:{tmp_path / 'gone.db'}?mode=ro", uri=True)
    assert SqliteDatabase.is_away(raised.value)


def test_what_python_says_of_a_connection_is_no_sign_of_it() -> None:
    assert not SqliteDatabase.is_away(sqlite3.OperationalError("of no code"))
    assert not SqliteDatabase.is_away(sqlite3.ProgrammingError("closed"))
    assert SqliteDatabase.is_away(TimeoutError())


@pytest.mark.parametrize(
    ("problem", "away"),
    [
        (ConnectionRefusedError(), True),
        (TimeoutError(), True),
        (asyncpg.CannotConnectNowError("the database system is starting up"), True),
        (asyncpg.ConnectionDoesNotExistError("connection was closed"), True),
        (asyncpg.AdminShutdownError("terminating"), True),
        (asyncpg.TooManyConnectionsError("too many clients"), True),
        (asyncpg.InterfaceError("the server expects 1 argument"), False),
        (asyncpg.UndefinedColumnError("no such column"), False),
        (KeyError("name"), False),
    ],
    ids=lambda value: type(value).__name__,
)
def test_what_postgresql_says_while_it_is_away(problem: Exception, away: bool) -> None:
    assert PostgresDatabase.is_away(problem) is away


async def test_only_what_comes_of_an_outage_that_goes_on_is_explained_by_it(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An OSError may be of a file of ours, and a timeout of anybody's: as long as the database answers they are not its own."""
    db = house.db
    assert [db.explains(problem) for problem in (StoreFailed(), StoreEnded(), Violated())] == [
        True,
        True,
        False,
    ]
    assert not db.explains(TimeoutError())
    with pytest.raises(Exception, match="nothing"):
        await db.rows(WRONG)
    assert not db.explains(TimeoutError())

    async def away(*_: object) -> list[object]:
        raise TimeoutError

    monkeypatch.setattr(f"{type(db).__module__}._rows", away)
    with pytest.raises(TimeoutError):
        await db.rows(WRONG)
    assert db.explains(TimeoutError())
    assert not db.explains(KeyError("name"))
