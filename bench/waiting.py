"""Waiting for something outside this process, of which nobody tells us."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from bench.processes import Process

QUIET_SHARE = 0.03
"""Of a core: below this the server has nothing left to do of what it put off (who is there is written a little later)."""
QUIET_SECONDS = 1.0
PATIENCE_SECONDS = 120.0


async def until(true: Callable[[], bool], every: float = 0.05) -> None:
    """Ask every so many seconds. Raises TimeoutError."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        while not true():  # noqa: ASYNC110 - a file or another process changes, not an event of ours
            await asyncio.sleep(every)


async def quiet(process: Process) -> None:
    """Returns once a process has had next to nothing to do for a second."""
    before = process.cpu()

    def is_quiet() -> bool:
        nonlocal before
        earlier, before = before, process.cpu()
        return before - earlier < QUIET_SHARE * QUIET_SECONDS

    await asyncio.sleep(QUIET_SECONDS)
    await until(is_quiet, QUIET_SECONDS)
