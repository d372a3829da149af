"""Every test here runs on the store in memory, on SQLite and on PostgreSQL."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.services.scene import Scene, memory_scene, scene_on


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(params=["memory", "sqlite", "postgres"])
async def scene(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Scene]:
    """A house with one app that is always open, and nobody in it."""
    if request.param == "memory":
        made = memory_scene()
        await made.app()
        yield made
        return
    async with scene_on(request, tmp_path / "chat.db") as made:
        await made.app()
        yield made
