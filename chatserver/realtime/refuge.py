"""A node that the database does not reach, while it reaches others, is no use to its people: they are sent there."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Final

from chatserver.realtime.hub import Hub

log = logging.getLogger(__name__)

LOOK_SECONDS: Final = 1.0
LEAVE_SECONDS: Final = 2.0
"""What they said last waits for a database that does not answer: it is said again elsewhere."""


class Refuge:
    """`living`: whether this node may count as alive. `writes`: whether the database takes a write of this node, now.
    `anybody_ready`: whether another one takes people. Should none, all stay: who is connected is told more than who is not, and
    nobody has to come back when the database does."""

    def __init__(
        self,
        hub: Hub,
        living: Callable[[], bool],
        writes: Callable[[], Awaitable[bool]],
        anybody_ready: Callable[[], Awaitable[bool]],
    ) -> None:
        self._hub = hub
        self._living = living
        self._writes = writes
        self._anybody_ready = anybody_ready
        self._lost = False

    async def run(self) -> None:
        """Until it is cancelled."""
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            await self.turn()

    async def turn(self) -> None:
        hub = self._hub
        before, self._lost = self._lost, not self._living()
        if not self._lost:
            hub.shut = hub.draining
        # The second time: a node that was only frozen joins again at once.
        elif before and not hub.shut and await self._cut_off():
            log.warning("cut off from the database, which others reach: the people here are sent to them")
            await hub.send_everybody_away(LEAVE_SECONDS)

    async def _cut_off(self) -> bool:
        """This node writes nothing while another one does. In this order: a database that was away from all is not back for
        all in the same moment, and none of them is to send its people to another that was a little sooner."""
        cut_off = await self._anybody_ready() and not await self._writes()
        return cut_off and not self._living() and not self._hub.shut
