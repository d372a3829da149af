"""How many wait in an app, on its way to all of its agents: they see the first of a list, and how long it is."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import ClassVar, Final

from chatserver.bus.base import Bus
from chatserver.core.events import Event, TicketChanged, desk_topic
from chatserver.core.tickets import Ticket
from chatserver.realtime.feed import Feed
from chatserver.realtime.wire import CountFrame, Frame

REST_SECONDS: Final = 0.2
"""Between two counts: a crowd that comes at once is counted a few times."""


class CountFeed(Feed):
    """`lookup` counts an app's queue and its requests."""

    rest: ClassVar[float] = REST_SECONDS

    def __init__(
        self,
        bus: Bus,
        lookup: Callable[[int], Awaitable[tuple[int, int]]],
        key: Callable[[int], str],
        wait: Callable[[float], Awaitable[None]] = asyncio.sleep,
        *,
        explained: Callable[[BaseException], bool] = lambda problem: False,
    ) -> None:
        super().__init__(bus, wait, explained=explained)
        self._lookup = lookup
        self._key = key

    def topic(self, app_id: int) -> str:
        return desk_topic(app_id)

    def changes(self, event: Event) -> bool:
        return isinstance(event, TicketChanged) and _list(event.before) != _list(event.after)

    async def frame(self, app_id: int) -> Frame:
        waiting, requests = await self._lookup(app_id)
        return CountFrame(self._key(app_id), waiting, requests)


def _list(ticket: Ticket | None) -> str:
    """The list of the desk that it stands in."""
    if ticket is None or ticket.state == "closed" or ticket.agent_id is not None:
        return ""
    return "requests" if ticket.mode == "later" else "waiting" if ticket.waiting else ""
