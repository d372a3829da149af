"""The loops beside the connections: what is due, and what customers are told of queue and attention.

`async with Worker(house): …` runs them inside `serve`. Two tasks and two timers, however many tickets wait: each does what has
to be done, learns when something will have to be done next, and sleeps until then or until an event says that it is earlier.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from contextlib import suppress
from types import TracebackType
from typing import Self

from chatserver.bus.base import Subscription
from chatserver.core import events
from chatserver.core.attention import Attention
from chatserver.core.events import AttentionChanged, DeskChanged, Event, QueueMoved, TicketChanged
from chatserver.core.people import Agent
from chatserver.core.tickets import Ticket
from chatserver.services import followups
from chatserver.services.attention import attention_with, places_with
from chatserver.services.house import House
from chatserver.services.publishing import topics
from chatserver.telemetry import Traced, untraced

log = logging.getLogger(__name__)

COALESCE_MS = 200
"""An app's queue is recomputed at most this often."""
AFTER_FAILURE_MS = 1_000
LONGEST_SLEEP_MS = 60_000
"""Look at least this often: the clock of the machine may have been set back."""
CLOCK_LOOK_MS = 1_000
"""A sleeper looks at the clock so often, and at nothing else: set forward, what is due then is at most so late."""


class Worker:
    """Start after `followups.recover`. `longest_sleep_ms`: look at least this often, because other nodes write too. `may_act`:
    whether this node may do now what is due. Leaving the block ends the loops; what they had begun to write
    the store finishes."""

    def __init__(
        self,
        house: House,
        longest_sleep_ms: int = LONGEST_SLEEP_MS,
        may_act: Callable[[], bool] = lambda: True,
        *,
        traced: Traced = untraced,
    ) -> None:
        self._house = house
        self._may_act = may_act
        self._due = Alarm(house.now, longest_sleep_ms)
        self._desks = Alarm(house.now, longest_sleep_ms)
        self._board = traced(Board)(house)
        self._hearing: Subscription | None = None
        self._tasks: list[asyncio.Task[None]] = []

    async def __aenter__(self) -> Self:
        self._hearing = self._house.bus.subscribe(
            [events.WORKER_TOPIC, events.DESKS_TOPIC], self._hear, _cannot_overflow
        )
        self._board.look_at_all()
        explained = self._house.store.explains
        self._tasks = [
            asyncio.create_task(forever(self._due, self._follow_up, "due tickets", explained)),
            asyncio.create_task(forever(self._desks, self._board.turn, "queue and attention", explained)),
        ]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._hearing is not None:
            self._hearing.end()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _follow_up(self) -> int | None:
        return await followups.due(self._house) if self._may_act() else None

    def _hear(self, event: Event) -> bool:
        """Nothing is queued here: an event only moves an alarm, so there is always room."""
        if isinstance(event, TicketChanged):
            if event.after.due_at is not None:
                self._due.no_later_than(event.after.due_at)
            if event.after.answered_at is not None and (
                event.before is not None and event.before.answered_at is None
            ):
                waited = event.after.answered_at - event.after.opened_at
                self._house.metrics.first_answers.add(waited / 1000)
            if _place(event.before) != _place(event.after):
                self._desks.no_later_than(self._board.dirty(event.after.app_id))
        elif isinstance(event, DeskChanged):
            # An agent may have gone: the loop has to learn when the grace is over, but that is never so soon.
            self._due.no_later_than(self._house.now() + COALESCE_MS)
            self._desks.no_later_than(self._board.dirty(event.app_id))
        return True


class Alarm:
    """When a loop has to look next; anybody may make that earlier."""

    def __init__(self, now: Callable[[], int], longest_sleep_ms: int = LONGEST_SLEEP_MS) -> None:
        self._now = now
        self._longest = longest_sleep_ms
        self._at = 0
        self._earlier = asyncio.Event()

    def no_later_than(self, at: int) -> None:
        if at < self._at:
            self._at = at
            self._earlier.set()

    def begin(self) -> None:
        """A turn begins: what is asked for from here on counts for the sleep after it."""
        self._at = self._now() + self._longest
        self._earlier.clear()

    async def sleep(self, at: int | None) -> None:
        """Until `at` (ms; None: nothing is known), or earlier when somebody said so since `begin`."""
        if at is not None:
            self._at = min(self._at, at)
        steady = asyncio.get_running_loop().time
        end = steady() + self._longest / 1000  # by a clock that nobody sets
        while (left := self._at - self._now()) > 0 and steady() < end:
            self._earlier.clear()
            with suppress(TimeoutError):
                async with asyncio.timeout(min(left, CLOCK_LOOK_MS) / 1000):
                    await self._earlier.wait()


async def forever(
    alarm: Alarm,
    turn: Callable[[], Awaitable[int | None]],
    what: str,
    explained: Callable[[BaseException], bool],
) -> None:
    """`explained`: see `Store.explains`."""
    failing = False
    while True:
        alarm.begin()
        try:
            at = await turn()
            failing = False
        except Exception as problem:
            if not failing and not explained(problem):
                log.exception("%s: failed, going on", what)
                failing = True
            at = None
            await asyncio.sleep(AFTER_FAILURE_MS / 1000)
            continue
        await alarm.sleep(at)


class Board:
    """What was last told of each app's attention and queue; tells only what is different."""

    def __init__(self, house: House) -> None:
        self._house = house
        self._attention: dict[int, Attention] = {}
        self._places: dict[int, dict[int, QueueMoved]] = {}
        self._dirty: set[int] = set()
        self._looked_at: dict[int, int] = {}
        self._look_at: dict[int, int] = {}

    def look_at_all(self) -> None:
        self._dirty.update(self._house.people.apps)

    def dirty(self, app_id: int) -> int:
        """The app's queue or its agents changed; gives when (ms) it may be looked at."""
        self._dirty.add(app_id)
        return self._looked_at.get(app_id, 0) + COALESCE_MS

    async def turn(self) -> int | None:
        """Look at every app whose time has come; gives when (ms) the next one's comes."""
        now = self._house.now()
        # One that was looked at in the future: the clock was set back.
        ready = [
            a for a in self._house.people.apps if self._when(a) <= now or self._looked_at.get(a, 0) > now
        ]
        if ready:
            for app_id in ready:
                self._dirty.discard(app_id)
                self._looked_at[app_id] = now
                self._look_at[app_id] = now + AFTER_FAILURE_MS  # should it fail; else replaced below
            agents = await self._house.reads.agents()
            for app_id in ready:
                if app_id in self._house.people.apps:  # removed meanwhile: nobody listens
                    await self._look(app_id, agents, now)
        return min((self._when(a) for a in self._house.people.apps), default=None)

    def _when(self, app_id: int) -> int:
        if app_id in self._dirty:
            return self._looked_at.get(app_id, 0) + COALESCE_MS
        return self._look_at.get(app_id, 0)

    async def _look(self, app_id: int, agents: list[Agent], now: int) -> None:
        await self._tell_places(app_id, agents)
        current = attention_with(self._house, app_id, agents)
        before = self._attention.get(app_id)
        self._attention[app_id] = current
        if before is not None and before != current:
            event = AttentionChanged(app_id)
            self._house.bus.here(event, topics(event))
        boundary = current.until if current.open else current.next
        times = [boundary, self._fades(app_id, agents, now)]
        self._look_at[app_id] = min((t for t in times if t is not None), default=now + 86_400_000)

    async def _tell_places(self, app_id: int, agents: list[Agent]) -> None:
        before = self._places.get(app_id, {})
        current = {place.ticket_id: place for place in await places_with(self._house, app_id, agents)}
        self._places[app_id] = current
        for ticket_id, place in current.items():
            if before.get(ticket_id) != place:
                ticket = await self._house.ticket(ticket_id)
                self._house.bus.here(place, [events.customer_topic(app_id, ticket.customer.key)])

    def _fades(self, app_id: int, agents: list[Agent], now: int) -> int | None:
        """When the next agent who dropped stops counting as one who attends."""
        fresh = self._house.people.policy(app_id).agent_fresh_seconds * 1000
        ends = [a.gone_at + fresh for a in agents if a.gone_at and app_id in a.app_ids]
        return min((end for end in ends if end > now), default=None)


def _place(ticket: Ticket | None) -> int | None:
    return ticket.queue_rank if ticket is not None else None


def _cannot_overflow() -> None:
    raise AssertionError("the worker takes every event")
