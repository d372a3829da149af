"""An app's attention on its way to all of its customers: looked up once per change, however many listen."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Final

from chatserver.bus.base import Bus, Subscription
from chatserver.core.attention import Attention
from chatserver.core.events import AttentionChanged, Event, app_topic
from chatserver.realtime.frames import Packet, pack
from chatserver.realtime.wire import AttentionFrame

log = logging.getLogger(__name__)

Listener = Callable[[Packet], object]


AGAIN_SECONDS: Final = 1.0
"""After a lookup that failed."""


class AttentionFeed:
    """`lookup` says how an app's attention stands now. `wait` sleeps so many seconds after a failure."""

    def __init__(
        self,
        bus: Bus,
        lookup: Callable[[int], Awaitable[Attention]],
        wait: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._bus = bus
        self._lookup = lookup
        self._wait = wait
        self._listeners: dict[int, dict[Listener, None]] = {}
        self._subscriptions: dict[int, Subscription] = {}
        self._stale: set[int] = set()
        self._tellers: dict[int, asyncio.Task[None]] = {}

    def join(self, app_id: int, listener: Listener) -> None:
        self._listeners.setdefault(app_id, {})[listener] = None
        if app_id not in self._subscriptions:
            self._subscribe(app_id)

    def leave(self, app_id: int, listener: Listener) -> None:
        listeners = self._listeners.get(app_id, {})
        listeners.pop(listener, None)
        if not listeners and app_id in self._subscriptions:
            del self._listeners[app_id]
            self._subscriptions.pop(app_id).end()

    def stop(self) -> None:
        for teller in self._tellers.values():
            teller.cancel()

    def _subscribe(self, app_id: int) -> None:
        # A bus that overflows has lost nothing that the next lookup does not find.
        self._subscriptions[app_id] = self._bus.subscribe(
            [app_topic(app_id)], self._hear, lambda: self._lost(app_id)
        )

    def _lost(self, app_id: int) -> None:
        self._subscribe(app_id)
        self._hear(AttentionChanged(app_id))

    def _hear(self, event: Event) -> bool:
        if isinstance(event, AttentionChanged):
            # One lookup at a time per app: an older answer never overtakes a newer one.
            self._stale.add(event.app_id)
            if event.app_id not in self._tellers:
                self._tellers[event.app_id] = asyncio.create_task(self._tell(event.app_id))
        return True

    async def _tell(self, app_id: int) -> None:
        try:
            while app_id in self._stale and app_id in self._listeners:
                self._stale.discard(app_id)
                try:
                    packet = pack(AttentionFrame(await self._lookup(app_id)))
                except Exception:
                    log.exception("the attention of app %d could not be looked up; trying again", app_id)
                    self._stale.add(app_id)
                    await self._wait(AGAIN_SECONDS)
                    continue
                for listener in list(self._listeners.get(app_id, {})):
                    listener(packet)
        finally:
            del self._tellers[app_id]
