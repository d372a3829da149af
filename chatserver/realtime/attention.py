"""An app's attention on its way to all of its customers."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from chatserver.bus.base import Bus
from chatserver.core.attention import Attention
from chatserver.core.events import AttentionChanged, Event, app_topic
from chatserver.realtime.feed import Feed
from chatserver.realtime.wire import AttentionFrame, Frame


class AttentionFeed(Feed):
    """`lookup` says how an app's attention stands now."""

    def __init__(
        self,
        bus: Bus,
        lookup: Callable[[int], Awaitable[Attention]],
        wait: Callable[[float], Awaitable[None]] = asyncio.sleep,
        *,
        explained: Callable[[BaseException], bool] = lambda problem: False,
    ) -> None:
        super().__init__(bus, wait, explained=explained)
        self._lookup = lookup

    def topic(self, app_id: int) -> str:
        return app_topic(app_id)

    def changes(self, event: Event) -> bool:
        return isinstance(event, AttentionChanged)

    async def frame(self, app_id: int) -> Frame:
        return AttentionFrame(await self._lookup(app_id))
