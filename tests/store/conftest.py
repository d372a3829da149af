from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.store.house import House, knows_what_is_stored


@pytest.fixture
async def house(tmp_path: Path, anyio_backend: str) -> AsyncIterator[House]:
    """An open database with one app, nobody in it."""
    house = await House.open(tmp_path / "chat.db")
    yield house
    await house.db.close()
    knows_what_is_stored(house.db, house.path)
