"""The threads in which all waits for the disk that keeps files: however slow it is, nobody else's work stands behind it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Final, TypeVar

THREADS: Final = 4

T = TypeVar("T")


class Threads:
    """Made as they are needed."""

    def __init__(self) -> None:
        self._pool = ThreadPoolExecutor(THREADS, "chatserver-files")

    async def run(self, do: Callable[..., T], *given: object) -> T:
        """`do(*given)` in one of them. Who is cancelled waits for it all the same: it has a file in its hands."""
        work = asyncio.get_running_loop().run_in_executor(self._pool, partial(do, *given))
        try:
            return await asyncio.shield(work)
        except asyncio.CancelledError:
            await asyncio.wait({work})
            raise

    def end(self) -> None:
        """What has begun goes on to its end; nothing else does."""
        self._pool.shutdown(wait=False, cancel_futures=True)
