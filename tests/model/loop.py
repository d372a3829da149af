"""An event loop whose time passes only when it is told to: everything that waits for a timer waits in the model's time."""

from __future__ import annotations

import asyncio
import contextvars
import heapq
import queue
from asyncio import events
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Executor
from contextlib import contextmanager
from typing import Any, Final, TypeVar, TypeVarTuple, Unpack

R = TypeVar("R")
Ts = TypeVarTuple("Ts")

PATIENCE: Final = 30.0
"""Real seconds for a thread that was asked for something."""

TASKS_KEPT: Final = 200
"""Then those that are done are forgotten."""


class VirtualLoop(asyncio.AbstractEventLoop):
    """`advance` runs what is ready and what becomes due on the way; nothing else ever runs. Time is in seconds.

    `busy` counts what other threads have been asked for (a real database): while it is not zero, time stands still and what
    they hand over with `call_soon_threadsafe` is waited for.
    """

    def __init__(self, now: float = 0.0) -> None:
        self.now = now
        self.busy = 0
        self.problems: list[dict[str, Any]] = []
        """What nobody caught: tasks that failed without an owner, callbacks that raised."""
        self._ready: deque[asyncio.Handle] = deque()
        self._timers: list[tuple[float, int, asyncio.TimerHandle]] = []
        self._order = 0
        self._tasks: list[asyncio.Task[Any]] = []
        self._from_threads: queue.SimpleQueue[asyncio.Handle] = queue.SimpleQueue()

    # — the model's hands ——————————————————————————————————————————————————————

    def settle(self) -> None:
        """Run what is ready, and what that makes ready; no time passes."""
        self.advance(0.0)

    def advance(self, seconds: float) -> None:
        """Let so much time pass."""
        end = self.now + seconds
        with self.running():
            self._run_ready()
            while (at := self._next_timer()) is not None and at <= end:
                self.now = max(self.now, at)
                self._ready.append(heapq.heappop(self._timers)[2])
                self._run_ready()
            self.now = end

    def run(self, work: Any) -> Any:
        """Carry out a coroutine that needs no time to pass."""
        task = self.create_task(work)
        self.settle()
        assert task.done(), f"{work} waits for something"
        return task.result()

    def cancel_all_tasks(self) -> None:
        """Whatever runs ends here, in the midst of anything; also what it begins while it ends."""
        while left := [task for task in self._tasks if not task.done()]:
            for task in left:
                task.cancel()
            self.settle()

    @contextmanager
    def running(self) -> Iterator[None]:
        """What is called inside finds itself on the loop, as in a callback."""
        outer = events._get_running_loop()
        assert outer in (None, self), "one loop at a time"
        events._set_running_loop(self)
        try:
            yield
        finally:
            events._set_running_loop(outer)

    def _run_ready(self) -> None:
        while True:
            while self._ready:
                handle = self._ready.popleft()
                if not handle.cancelled():
                    handle._run()
            if self.busy:
                self._ready.append(self._from_threads.get(timeout=PATIENCE))
            elif not self._from_threads.empty():
                self._ready.append(self._from_threads.get_nowait())
            else:
                return

    def _next_timer(self) -> float | None:
        while self._timers:
            at, _, handle = self._timers[0]
            if not handle.cancelled():
                return at
            heapq.heappop(self._timers)
        return None

    # — what asyncio asks of a loop ————————————————————————————————————————————

    def call_soon(
        self,
        callback: Callable[[Unpack[Ts]], object],
        *args: *Ts,
        context: contextvars.Context | None = None,
    ) -> asyncio.Handle:
        handle = asyncio.Handle(callback, args, self, context)
        self._ready.append(handle)
        return handle

    def call_soon_threadsafe(
        self,
        callback: Callable[[Unpack[Ts]], object],
        *args: *Ts,
        context: contextvars.Context | None = None,
    ) -> asyncio.Handle:
        handle = asyncio.Handle(callback, args, self, context)
        self._from_threads.put(handle)
        return handle

    def call_later(
        self,
        delay: float,
        callback: Callable[[Unpack[Ts]], object],
        *args: *Ts,
        context: contextvars.Context | None = None,
    ) -> asyncio.TimerHandle:
        return self.call_at(self.now + delay, callback, *args, context=context)

    def call_at(
        self,
        when: float,
        callback: Callable[[Unpack[Ts]], object],
        *args: *Ts,
        context: contextvars.Context | None = None,
    ) -> asyncio.TimerHandle:
        handle = asyncio.TimerHandle(when, callback, args, self, context)
        self._order += 1  # of two at the same moment the first one set is the first
        heapq.heappush(self._timers, (when, self._order, handle))
        return handle

    def time(self) -> float:
        return self.now

    def create_future(self) -> asyncio.Future[Any]:
        return asyncio.Future(loop=self)

    def create_task(self, coro: Any, *, name: str | None = None, context: Any = None) -> asyncio.Task[Any]:
        task = asyncio.Task(coro, loop=self, name=name, context=context)
        self._tasks.append(task)
        if len(self._tasks) > TASKS_KEPT:
            self._tasks = [task for task in self._tasks if not task.done()]
        return task

    def get_debug(self) -> bool:
        return False

    def is_running(self) -> bool:
        return events._get_running_loop() is self

    def is_closed(self) -> bool:
        return False

    def call_exception_handler(self, context: dict[str, Any]) -> None:
        self.problems.append(context)

    def default_exception_handler(self, context: dict[str, Any]) -> None:
        self.problems.append(context)

    def run_in_executor(
        self, executor: Executor | None, func: Callable[[Unpack[Ts]], R], *args: *Ts
    ) -> asyncio.Future[R]:
        """At once: what is worth a thread in the server is small here."""
        future: asyncio.Future[R] = self.create_future()
        try:
            future.set_result(func(*args))
        except Exception as problem:
            future.set_exception(problem)
        return future

    def _timer_handle_cancelled(self, handle: asyncio.TimerHandle) -> None:
        """It stays in the heap until its time has come."""


def virtual_loop(now: float) -> VirtualLoop:
    """With as much of a loop as asyncio's tasks, futures and timeouts ask for: no sockets, no processes, no signals."""
    return VirtualLoop(now)  # type: ignore[abstract]
