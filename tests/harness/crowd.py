"""Many customers at once, who come back as `docs/protocol.md` asks, and remember how long that took."""

from __future__ import annotations

import asyncio
import random
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager, suppress

from tests.harness.peers import CustomerPeer, Diary, Frame
from tests.harness.sizes import STANDSTILL
from tests.harness.waiting import soon

BACKOFF_BASE, BACKOFF_CAP = 0.5, 30.0
STARTING_AT_ONCE = 50
HEARTBEAT = 15.0
FEW = 20


class Patient(CustomerPeer):
    """Full jitter, or the moment that the server gave."""

    open_within = 30.0

    def __init__(self, name: str, port: int, diary: Diary, dice: random.Random) -> None:
        super().__init__(name, port, diary, dice)
        self.failures = 0
        self.turned_away: list[float] = []
        """The waits (s) that it was given instead of a welcome."""
        self.cut_at: float | None = None
        self._cut_from = 0
        self.back_after: float | None = None
        """Seconds from `cut` until it was welcome again and had read what it missed."""

    def next_wait(self) -> float:
        told, self.told_to_wait = self.told_to_wait, 0.0
        if told:
            return told
        ceiling = min(BACKOFF_CAP, BACKOFF_BASE * 2**self.failures)
        self.failures += 1
        return self.dice.uniform(0, ceiling)

    def away_since(self, moment: float) -> None:
        """From here on its return is measured."""
        self.cut_at, self.back_after, self._cut_from = moment, None, self.connections

    def cut(self) -> None:
        """No goodbye: the connection is gone."""
        self.away_since(time.monotonic())
        if self._socket is not None:
            self._socket.transport.abort()

    async def ping(self) -> None:
        await self._send({"type": "ping"})

    def welcomed(self, frame: Frame) -> list[Frame]:
        self.failures = 0
        return super().welcomed(frame)

    async def _take(self, frame: Frame) -> None:
        if frame["type"] == "error" and frame.get("verb") == "hello":
            self.turned_away.append(frame.get("retry_after", 0))
        await super()._take(frame)
        if self.cut_at is None or self.back_after is not None or self.connections == self._cut_from:
            return
        if self.is_level():
            self.back_after = time.monotonic() - self.cut_at

    def is_level(self) -> bool:
        """Welcome, and nothing that it asked for is still under way."""
        return self.online and not any(thread.asked for thread in self.threads.values())


class Crowd:
    """`size` customers, connected or about to be."""

    def __init__(self, port: int, size: int, seed: int = 1) -> None:
        self.diary = Diary()
        self.dice = random.Random(seed)
        self.people = [Patient(f"cliente-{n}", port, self.diary, self.dice) for n in range(size)]
        self.ticket_of: dict[str, int] = {}
        self.hushed = False
        """Nobody says anything new."""

    async def everybody_is_in(self, within: float) -> None:
        await soon(lambda: all(one.is_level() for one in self.people), "everybody is in", within)

    async def start_chats(self) -> None:
        """A ticket for each."""
        at_once = asyncio.Semaphore(STARTING_AT_ONCE)

        async def start(one: Patient) -> None:
            async with at_once:
                self.ticket_of[one.name] = await one.starts_chat(f"Pregunta de {one.name}")

        await asyncio.gather(*(start(one) for one in self.people))

    async def talk(self, talkers: Iterable[Patient]) -> None:
        """Keeps a message of each of them under way, until `hushed`, and then until each has its answer."""
        talking = list(talkers)
        while not self.hushed or not all(one.settled() for one in talking):
            for one in talking:
                if not one.outbox and not self.hushed:
                    one.say(self.ticket_of[one.name])
                await one.flush()
            await asyncio.sleep(0.005)

    async def give_signs_of_life(self) -> None:
        """For ever, more often than the server asks for."""
        while True:
            for one in self.people:
                await one.ping()
            await asyncio.sleep(HEARTBEAT)

    async def everybody_is_back(self, within: float) -> list[float]:
        """Gives the seconds that each was away, in order."""
        await soon(
            lambda: all(one.back_after is not None for one in self.people), "everybody is back", within
        )
        return sorted(one.back_after or 0 for one in self.people)


@asynccontextmanager
async def gathering(
    port: int, size: int, *, within: float = 60, prepare: Callable[[Crowd], None] = lambda crowd: None
) -> AsyncIterator[Crowd]:
    """Everybody is in. `prepare`: before anybody comes."""
    crowd = Crowd(port, size)
    prepare(crowd)
    tasks = [asyncio.create_task(one.run(), name=one.name) for one in crowd.people]
    tasks.append(asyncio.create_task(crowd.give_signs_of_life(), name="heartbeat"))
    try:
        await crowd.everybody_is_in(within)
        yield crowd
    finally:
        for task in tasks:
            task.cancel()
        with suppress(asyncio.CancelledError):
            await asyncio.gather(*tasks, return_exceptions=True)


def together(waits: Iterable[float]) -> float:
    """The share of them (s) that fall into the same tenth of a second, where most do; 0 of a few, which may meet by chance."""
    tenths = Counter(round(wait, 1) for wait in waits)
    return max(tenths.values()) / tenths.total() if tenths.total() >= FEW else 0.0


def quantile(ordered: list[float], share: float) -> float:
    """Of a sorted list: 0.99 gives the value that 99 of 100 do not exceed."""
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))]


def in_time(ordered: list[float], limit: float, share: float = 0.99) -> bool:
    """Whether such a share of a sorted list of seconds keeps the limit. In the short form, where one standstill meets many of
    them, half do, and that share with a standstill on top."""
    return quantile(ordered, 0.5) <= limit and quantile(ordered, share) <= limit + STANDSTILL
