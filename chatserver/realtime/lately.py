"""What a whole crowd asks of the house at once is looked up once: kept for a second, and never longer than it is true."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, Final, Generic, TypeVar

from chatserver.bus.base import Bus, Subscription
from chatserver.core.events import AttentionChanged, DeskChanged, Event, TicketChanged, desk_topic
from chatserver.core.tickets import Ticket

V = TypeVar("V")

KEPT_SECONDS: Final = 1.0
"""Opening hours end without an event."""


class Lately(Generic[V]):
    """Of each app; `lookup` says it as of now. `now`: monotonic seconds."""

    def __init__(
        self, bus: Bus, lookup: Callable[[int], Coroutine[Any, Any, V]], now: Callable[[], float]
    ) -> None:
        self._bus = bus
        self._lookup = lookup
        self._now = now
        self._asked: dict[int, tuple[float, asyncio.Task[V]]] = {}
        self._subscriptions: dict[int, Subscription] = {}

    async def of(self, app_id: int) -> V:
        """No older than the last change of the app's queue and agents that was committed before this was asked."""
        asked = self._asked.get(app_id)
        if asked is None or self._now() - asked[0] > KEPT_SECONDS:
            if app_id not in self._subscriptions:
                self._subscribe(app_id)
            asked = self._asked[app_id] = (self._now(), asyncio.create_task(self._lookup(app_id)))
            asked[1].add_done_callback(lambda task: self._done(app_id, task))
        return await asyncio.shield(asked[1])  # who gives up waiting does not take it from the others

    def stop(self) -> None:
        for subscription in self._subscriptions.values():
            subscription.end()
        for _, task in self._asked.values():
            task.cancel()

    def _done(self, app_id: int, task: asyncio.Task[V]) -> None:
        failed = task.cancelled() or task.exception() is not None
        if failed and app_id in self._asked and self._asked[app_id][1] is task:
            del self._asked[app_id]

    def _subscribe(self, app_id: int) -> None:
        self._subscriptions[app_id] = self._bus.subscribe(
            [desk_topic(app_id)], lambda event: self._hear(app_id, event), lambda: self._lost(app_id)
        )

    def _lost(self, app_id: int) -> None:
        del self._subscriptions[app_id]
        self._asked.pop(app_id, None)

    def _hear(self, app_id: int, event: Event) -> bool:
        if isinstance(event, DeskChanged | AttentionChanged) or (
            isinstance(event, TicketChanged) and _rank(event.before) != _rank(event.after)
        ):
            self._asked.pop(app_id, None)
        return True


def _rank(ticket: Ticket | None) -> int | None:
    return ticket.queue_rank if ticket is not None else None
