"""An event loop whose time is simulated: when there is nothing left to do, it is at once the time of the next timer."""

from __future__ import annotations

import asyncio
import inspect
import selectors
from collections.abc import Callable
from typing import Any, cast

from tests.memory_store import Clock


class SimulatedLoop(asyncio.SelectorEventLoop):
    """Hours pass in milliseconds. Work in threads takes no time at all, if `busy` counts it (`Watched` does)."""

    def __init__(self) -> None:
        self._simulated = 0.0
        self.busy = 0
        super().__init__(_Impatient(self))

    def time(self) -> float:
        return self._simulated

    def advance(self, seconds: float) -> None:
        self._simulated += seconds


class _Impatient(selectors.DefaultSelector):
    def __init__(self, loop: SimulatedLoop) -> None:
        super().__init__()
        self._loop = loop

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if timeout is None or timeout <= 0:
            return super().select(timeout)
        if self._loop.busy:
            return super().select(None)  # a thread will say when it is done
        ready = super().select(0)
        if not ready:
            self._loop.advance(timeout)
        return ready


class RunningClock(Clock):
    """Goes on by itself with the simulated time. `now` is what it showed at the loop's beginning: to add to it sets the clock."""

    def __init__(self, loop: SimulatedLoop, now: int) -> None:
        super().__init__(now)
        self._loop = loop

    def __call__(self) -> int:
        return self.now + int(self._loop.time() * 1000)


class Watched:
    """Stands before something that works in threads: while it does, the loop's time stands still."""

    def __init__(self, real: object, loop: SimulatedLoop) -> None:
        self._real = real
        self._loop = loop

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._real, name)
        if not inspect.iscoroutinefunction(found):
            return found

        async def watched(*arguments: Any, **named: Any) -> Any:
            self._loop.busy += 1
            try:
                return await found(*arguments, **named)
            finally:
                self._loop.busy -= 1

        return watched


def simulated(story: Callable[[SimulatedLoop], Any]) -> None:
    """Run `story(loop)` on a loop of its own."""
    with asyncio.Runner(loop_factory=SimulatedLoop) as runner:
        runner.run(story(cast(SimulatedLoop, runner.get_loop())))
