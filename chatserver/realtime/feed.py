"""What all listeners of an app hear alike, on its way to them: looked up once per change, however many listen."""

from __future__ import annotations

import asyncio
import logging
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable
from typing import ClassVar, Final

from chatserver.bus.base import Bus, Subscription
from chatserver.core.events import Event
from chatserver.realtime.frames import Packet, pack
from chatserver.realtime.wire import Frame

log = logging.getLogger(__name__)

Listener = Callable[[Packet], object]

AGAIN_SECONDS: Final = 1.0
"""After a lookup that failed."""


class Feed(ABC):
    """`wait` sleeps so many seconds: after a failure, and `rest` seconds after each telling. What is `explained` already is not
    logged."""

    rest: ClassVar[float] = 0

    def __init__(
        self,
        bus: Bus,
        wait: Callable[[float], Awaitable[None]] = asyncio.sleep,
        *,
        explained: Callable[[BaseException], bool] = lambda problem: False,
    ) -> None:
        self._bus = bus
        self._explained = explained
        self._wait = wait
        self._listeners: dict[int, dict[Listener, None]] = {}
        self._subscriptions: dict[int, Subscription] = {}
        self._stale: set[int] = set()
        self._tellers: dict[int, asyncio.Task[None]] = {}

    @abstractmethod
    def topic(self, app_id: int) -> str:
        """Where to listen for changes."""

    @abstractmethod
    def changes(self, event: Event) -> bool:
        """This event may have changed what is told."""

    @abstractmethod
    async def frame(self, app_id: int) -> Frame:
        """What is told of an app, as it stands now."""

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
            [self.topic(app_id)], lambda event: self._hear(app_id, event), lambda: self._lost(app_id)
        )

    def _lost(self, app_id: int) -> None:
        self._subscribe(app_id)
        self._changed(app_id)

    def _hear(self, app_id: int, event: Event) -> bool:
        if self.changes(event):
            self._changed(app_id)
        return True

    def _changed(self, app_id: int) -> None:
        # One lookup at a time per app: an older answer never overtakes a newer one.
        self._stale.add(app_id)
        if app_id not in self._tellers:
            self._tellers[app_id] = asyncio.create_task(self._tell(app_id))

    async def _tell(self, app_id: int) -> None:
        try:
            while app_id in self._stale and app_id in self._listeners:
                self._stale.discard(app_id)
                try:
                    packet = pack(await self.frame(app_id))
                except Exception as problem:
                    if not self._explained(problem):
                        log.exception(
                            "%s of app %d: could not be looked up; trying again", type(self).__name__, app_id
                        )
                    self._stale.add(app_id)
                    await self._wait(AGAIN_SECONDS)
                    continue
                for listener in list(self._listeners.get(app_id, {})):
                    listener(packet)
                if self.rest:
                    await self._wait(self.rest)
        finally:
            del self._tellers[app_id]
