"""The server that most of these tests speak to."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.realtime.chat import WIDE, Chat, serving
from tests.web.conftest import prepared, served, settings, static

__all__ = ["prepared", "served", "settings", "static"]


@pytest.fixture
async def chat(tmp_path: Path) -> AsyncIterator[Chat]:
    async with serving(tmp_path, limits=WIDE) as chat:
        yield chat
