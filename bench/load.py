"""Load over pairs: one message in flight each (saturation), or a fixed number a second whatever the server does."""

from __future__ import annotations

import asyncio
import gc
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Protocol

from bench.ledger import Faults, Ledger
from bench.pairs import Language, Pair, Watch
from bench.processes import own_cpu

SETTLE_SECONDS = 20.0
"""So long messages may still arrive after the last was sent; what is missing then is lost."""


@dataclass
class Measured:
    """One run over some pairs. Seconds, and seconds of CPU."""

    messages: int
    seconds: float
    server_cpu: float
    generator_cpu: float
    faults: Faults
    acks: list[float]
    deliveries: list[float]
    late: list[float] = field(default_factory=list)
    """By how much each message was sent after it was due: the generator's own share of a wait, as long as it keeps up."""

    @property
    def rate(self) -> float:
        """Messages a second."""
        return self.messages / self.seconds

    @property
    def cpu_us(self) -> float:
        """Microseconds of the server's CPU per message; nan when there was none."""
        return self.server_cpu / self.messages * 1e6 if self.messages else float("nan")

    @property
    def generator_share(self) -> float:
        """Of its core, in per cent."""
        return self.generator_cpu / self.seconds * 100


class Spends(Protocol):
    """A process, or several."""

    def cpu(self) -> float:
        """Seconds of CPU so far."""


class Meter:
    """Time, CPU and messages between two moments."""

    def __init__(self, process: Spends, ledger: Ledger) -> None:
        self._process = process
        self._ledger = ledger
        self._from = (time.perf_counter(), process.cpu(), own_cpu(), ledger.done)

    def read(self) -> tuple[float, float, float, int]:
        now = (time.perf_counter(), self._process.cpu(), own_cpu(), self._ledger.done)
        seconds, server, own, done = (after - before for after, before in zip(now, self._from, strict=True))
        return seconds, server, own, int(done)


@contextmanager
def without_garbage_collection() -> Iterator[None]:
    """A collection in the generator would be measured as the server's latency."""
    gc.collect()
    gc.freeze()
    gc.disable()
    try:
        yield
    finally:
        gc.enable()
        gc.unfreeze()


class Saturation:
    """Each customer sends its next message as soon as the last one was acknowledged and delivered."""

    def __init__(self, pairs: Sequence[Pair], language: Language, first: int = 0) -> None:
        self.ledger = Ledger(last=first)
        self._now = time.perf_counter
        self._sending = True
        self._idle = asyncio.Event()
        self._watch = Watch(pairs, language, self.ledger, self._next)

    async def run(self, process: Spends, seconds: float, warm_up: float) -> Measured:
        """`warm_up`: seconds before the measurement begins."""
        with without_garbage_collection():
            for pair in self._watch.pairs:
                self._next(pair)
            await asyncio.sleep(warm_up)
            self.ledger.acks.clear()
            self.ledger.deliveries.clear()
            meter = Meter(process, self.ledger)
            await asyncio.sleep(seconds)
            measured = meter.read()
            self._sending = False
            await self._settled()
        took, server, own, done = measured
        ledger = self.ledger
        return Measured(done, took, server, own, ledger.close(), ledger.acks, ledger.deliveries)

    def _next(self, pair: Pair) -> None:
        if self._sending:
            pair.say(self.ledger.sent(pair.index, self._now()))
        elif not self.ledger.pending:
            self._idle.set()

    async def _settled(self) -> None:
        if self.ledger.pending:
            try:
                async with asyncio.timeout(SETTLE_SECONDS):
                    await self._idle.wait()
            except TimeoutError:
                pass  # They are counted as lost.


class FixedRate:
    """So many messages a second in turn over the pairs, on time whether or not the earlier ones arrived.

    Latency counts from the moment a message was due, so a server that stands still is charged for all that had to wait.
    """

    def __init__(self, pairs: Sequence[Pair], language: Language, rate: float, first: int = 0) -> None:
        self.ledger = Ledger(last=first)
        self._rate = rate
        self._late: list[float] = []
        self._loop = asyncio.get_running_loop()
        self._all_sent = False
        self._idle = asyncio.Event()
        self._watch = Watch(pairs, language, self.ledger, self._done)

    async def run(self, process: Spends, seconds: float, warm_up: float) -> Measured:
        with without_garbage_collection():
            await self._send_for(warm_up)
            self.ledger.acks.clear()
            self.ledger.deliveries.clear()
            self._late.clear()
            meter = Meter(process, self.ledger)
            await self._send_for(seconds)
            took, server, own, done = meter.read()
            self._all_sent = True
            if self.ledger.pending:
                try:
                    async with asyncio.timeout(SETTLE_SECONDS):
                        await self._idle.wait()
                except TimeoutError:
                    pass  # They are counted as lost.
        ledger = self.ledger
        return Measured(done, took, server, own, ledger.close(), ledger.acks, ledger.deliveries, self._late)

    async def _send_for(self, seconds: float) -> None:
        """Returns when the last of them was sent."""
        finished = asyncio.Event()
        count = round(seconds * self._rate)
        # The loop's own timers are exact to a millisecond, which is more than the latencies that are measured.
        pacer = threading.Thread(target=self._pace, args=(time.perf_counter() + 0.05, count, finished))
        pacer.start()
        await finished.wait()
        pacer.join()

    def _pace(self, start: float, count: int, finished: asyncio.Event) -> None:
        for i in range(count):
            due = start + i / self._rate
            wait = due - time.perf_counter()
            if wait > 0:
                time.sleep(wait)
            self._loop.call_soon_threadsafe(self._say, i, due)
        self._loop.call_soon_threadsafe(finished.set)

    def _say(self, i: int, due: float) -> None:
        pair = self._watch.pairs[i % len(self._watch.pairs)]
        self._late.append(time.perf_counter() - due)
        pair.say(self.ledger.sent(pair.index, due))

    def _done(self, pair: Pair) -> None:
        if self._all_sent and not self.ledger.pending:
            self._idle.set()
