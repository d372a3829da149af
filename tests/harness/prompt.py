"""uvicorn looks every tenth of a second whether it is to end, and whether everybody has gone: of some hundreds of servers that
are started and ended in a test's own event loop, each would take two or three of those."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import uvicorn.server

OFTENER = 20
"""A server that nobody asks anything costs a hundredth of a core so."""


class _Asyncio:
    """As uvicorn sees it."""

    def __getattr__(self, name: str) -> Any:
        return getattr(asyncio, name)

    @staticmethod
    async def sleep(seconds: float) -> None:
        await asyncio.sleep(seconds / OFTENER)


@contextmanager
def servers_end_promptly() -> Iterator[None]:
    """While this lasts they look so much oftener. All else that they count in looks is when to write the date anew."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(uvicorn.server, "asyncio", _Asyncio())
        yield
