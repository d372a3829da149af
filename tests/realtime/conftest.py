"""The server that most of these tests speak to, on both engines."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.realtime.chat import ENGINE, WIDE, Chat, serving


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Whatever speaks to `chat`, and whoever serves it themselves and asks for `engine`, does so on each."""
    if "engine" in metafunc.fixturenames:
        metafunc.parametrize("engine", ["sqlite", "postgres"], indirect=True)


@pytest.fixture
def engine(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The engine of whatever `serving(tmp_path)` serves."""
    if request.param == "postgres":
        (tmp_path / ENGINE).write_text(request.getfixturevalue("postgres_server").database())
    return str(request.param)


@pytest.fixture
async def chat(tmp_path: Path, engine: str) -> AsyncIterator[Chat]:
    async with serving(tmp_path, limits=WIDE) as chat:
        yield chat
