"""The bus within one process: an event goes straight from who commits it into the queues of those who listen."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, KeysView
from typing import NamedTuple

from chatserver.core.events import Event

log = logging.getLogger(__name__)


class LocalBus:
    """Keeps the contract of `bus/base.py` without a queue of its own: `deliver` puts into the listener's, at once."""

    def __init__(
        self,
        began: Callable[[str], None] = lambda topic: None,
        ended: Callable[[str], None] = lambda topic: None,
    ) -> None:
        """`began` hears of each topic that gets its first listener, `ended` of each that loses its last one."""
        self._topics = _Topics({}, began, ended)
        self._listeners = self._topics.listeners

    def publish(self, event: Event, topics: Iterable[str]) -> None:
        # A dictionary for each listener once, in a stable order; a copy, since listeners may come and go meanwhile.
        heard: dict[_Subscription, None] = {}
        for topic in topics:
            if topic in self._listeners:
                heard.update(self._listeners[topic])
        for subscription in heard:
            subscription.hear(event)

    def hears(self, nodes: int) -> bool:
        return False

    def unsure(self) -> None:
        """There is nobody else."""

    def here(self, event: Event, topics: Iterable[str]) -> None:
        """There is nowhere else."""
        self.publish(event, topics)

    def listened(self) -> KeysView[str]:
        """The topics that somebody listens to, as they are now."""
        return self._listeners.keys()

    async def close(self) -> None:
        """There is nothing to close."""

    def subscribe(
        self, topics: Iterable[str], deliver: Callable[[Event], bool], overflowed: Callable[[], None]
    ) -> _Subscription:
        subscription = _Subscription(self._topics, deliver, overflowed)
        for topic in topics:
            subscription.add(topic)
        return subscription


class _Topics(NamedTuple):
    listeners: dict[str, dict[_Subscription, None]]
    began: Callable[[str], None]
    ended: Callable[[str], None]


class _Subscription:
    def __init__(
        self,
        shared: _Topics,
        deliver: Callable[[Event], bool],
        overflowed: Callable[[], None],
    ) -> None:
        self._shared = shared
        self._deliver = deliver
        self._overflowed = overflowed
        self._topics: set[str] = set()
        self._ended = False

    def add(self, topic: str) -> None:
        if self._ended:
            return
        self._topics.add(topic)
        others = self._shared.listeners.get(topic)
        if others is None:
            self._shared.listeners[topic] = {self: None}
            self._shared.began(topic)
        else:
            others[self] = None

    def drop(self, topic: str) -> None:
        if topic not in self._topics:
            return
        self._topics.remove(topic)
        others = self._shared.listeners[topic]
        del others[self]
        if not others:
            del self._shared.listeners[topic]
            self._shared.ended(topic)

    def end(self) -> None:
        self._ended = True
        for topic in list(self._topics):
            self.drop(topic)

    def hear(self, event: Event) -> None:
        if self._ended:
            return
        try:
            room = self._deliver(event)
        except Exception:
            # The publisher has committed already: a listener's fault must not become the publisher's.
            log.exception("a listener failed and is cut off: it has to catch up from the store")
            room = False
        if not room:
            self.end()
            self._overflowed()
