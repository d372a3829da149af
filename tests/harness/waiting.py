"""Waiting for a condition, never for a duration."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable

LOOK_EVERY = 0.02
PATIENCE = 30.0
"""Seconds for what has to happen and promises no moment. It costs nothing where all is well, and a machine that stands still for
a while is no failure. Where a moment is promised it is given as `within`."""


def wait_until(condition: Callable[[], object], what: str, within: float = PATIENCE) -> None:
    """Returns as soon as `condition()` is true; AssertionError with `what` when it is not within so many seconds."""
    end = time.monotonic() + within
    while not condition():
        assert time.monotonic() < end, f"not within {within:g} s: {what}"
        time.sleep(LOOK_EVERY)


async def soon(
    condition: Callable[[], object], what: str, within: float = PATIENCE, look_every: float = LOOK_EVERY
) -> None:
    """`wait_until` for tests that run on an event loop."""
    end = time.monotonic() + within
    while not condition():
        assert time.monotonic() < end, f"not within {within:g} s: {what}"
        await asyncio.sleep(look_every)


async def until(
    look: Callable[[], Awaitable[object]], what: str, within: float = PATIENCE, look_every: float = 0.1
) -> None:
    """`soon` for a condition that has to be asked for elsewhere."""
    end = time.monotonic() + within
    while not await look():
        assert time.monotonic() < end, f"not within {within:g} s: {what}"
        await asyncio.sleep(look_every)
