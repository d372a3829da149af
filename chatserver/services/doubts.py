"""Commits of which nobody knows what became. They are stored, or will be in a while: where a disk stands still, or a standby that
has to confirm is away, they go through when nobody waits for them any more. Nobody is told of that, and whoever says the same
again is only given its number: somebody has to look.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final

DOUBTED_SECONDS: Final = 60.0
"""After the last doubt. For as long as commits get stuck there are new ones: each node says every 1.5 s that it lives."""


class Doubts:
    """Called with each doubt, on the event loop: calls `look` then, and every so many seconds until a minute after the last."""

    def __init__(self, look: Callable[[], None], seconds: float) -> None:
        self._look = look
        self._seconds = seconds
        self._loop = asyncio.get_running_loop()
        self._until = 0.0
        self._timer: asyncio.TimerHandle | None = None

    def __call__(self) -> None:
        self._until = self._loop.time() + DOUBTED_SECONDS
        self.end()
        self._turn()

    def end(self) -> None:
        """Look no more. Harmless twice."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _turn(self) -> None:
        self._look()
        if self._loop.time() < self._until:
            self._timer = self._loop.call_later(self._seconds, self._turn)
