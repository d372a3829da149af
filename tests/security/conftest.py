"""The server that most of these tests speak to."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from chatserver.realtime.limits import Limits
from tests.realtime.chat import Chat, serving


@pytest.fixture
async def chat(tmp_path: Path) -> AsyncIterator[Chat]:
    # Wide limits: a test says everything at once.
    limits = Limits(
        messages=1_000_000,
        message_burst=10_000,
        frames=1_000_000,
        frame_burst=10_000,
        reads=1_000_000,
        read_burst=10_000,
    )
    async with serving(tmp_path, limits=limits) as chat:
        yield chat
