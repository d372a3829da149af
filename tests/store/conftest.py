"""Tests that ask for `house` run on both engines; `sqlite_house` and `postgres_house` are for what only one of them has."""

from __future__ import annotations

import itertools
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from chatserver.store.sqlite.database import SqliteDatabase
from tests.store.house import House, SqliteHouse, knows_what_is_stored

Place = Callable[[], Path | str]


@pytest.fixture(params=["sqlite", "postgres"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    """Where another new database may be, each time it is asked."""
    if request.param == "postgres":
        return request.getfixturevalue("postgres_server").database  # type: ignore[no-any-return]
    numbers = itertools.count(1)
    return lambda: tmp_path / f"{next(numbers)}.db"


@pytest.fixture
async def house(place: Place, anyio_backend: str) -> AsyncIterator[House]:
    """An open database with one app, nobody in it."""
    house = await House.open(place())
    yield house
    await house.db.close()
    if isinstance(house.where, Path):
        assert isinstance(house.db, SqliteDatabase)
        knows_what_is_stored(house.db, house.where)
    house.loads_are_counted()


@pytest.fixture
async def sqlite_house(tmp_path: Path, anyio_backend: str) -> AsyncIterator[SqliteHouse]:
    house = await SqliteHouse.open(tmp_path / "chat.db")
    yield house
    await house.db.close()
    knows_what_is_stored(house.db, house.path)
