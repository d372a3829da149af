"""Being one of many nodes: saying so, and speaking for those that died. With one process on SQLite there is nothing of this.

Presence needs no list of who is where. Each node says what it sees: a customer's last connection to it ended, an agent's first
one opened. Should somebody be connected to two nodes, and one of them say that they are gone, the other hears of that as of any
other change and says that they are here (`realtime.presence.Presence.denied`). Only for whoever died somebody else has to speak:
their people are those whom they claimed last.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping
from contextlib import AbstractAsyncContextManager
from functools import partial
from types import TracebackType
from typing import Final, Protocol, Self

from chatserver.core.errors import Refused
from chatserver.services import followups, pairing
from chatserver.services.house import House
from chatserver.store.base import StoreFailed

log = logging.getLogger(__name__)

BEAT_SECONDS: Final = 1.5
DEAD_MS: Final = 6_000
"""Three beats missed, and some. With it a dead node's agents get no new chats 9 s after its last sign of life, at most 15 are
promised; their chats are back 30 s ⏱ after that sign."""
SILENT_MS: Final = 4_000
"""Two beats missed: a beat is left until it is dead for those who see its people too."""
NEVER: Final = 0
PAGE: Final = 100
"""So many are spoken for in one commit: messages and beats wait behind it."""


class Registry(Protocol):
    """Instants are ms UTC. Raises what the store raises."""

    def starting(self) -> AbstractAsyncContextManager[None]: ...

    async def join(self, now: int) -> int: ...

    async def beat(self, node: int, now: int) -> bool: ...

    async def alive(self, since: int) -> dict[int, str]: ...

    async def dead(self, since: int) -> list[tuple[int, int]]: ...

    async def people_of(self, node: int) -> tuple[list[int], list[int]]: ...

    async def forget(self, node: int) -> None: ...


class Watching:
    """`async with Watching(…)`: sees who of the nodes lives, and speaks for those that died. By itself it is no node, and while
    none serves it does nothing: the next one to start puts right for all what the outage left."""

    def __init__(self, house: House, registry: Registry) -> None:
        self._house = house
        self._registry = registry
        self._tasks: list[asyncio.Task[None]] = []
        self.rank = 1
        """0: the first of the nodes alive, which speaks for the dead at once; the others do a beat later, should it not."""
        self._seen_at = NEVER
        """When it was last known that a node serves (ms); of a node, when it last said so itself."""

    @property
    def living(self) -> bool:
        """A node serves, as far as is known; of a node: itself, and nobody can have taken it for dead. Else it does nothing by
        itself: it was frozen, or cut off from the database, or the database was away from all, who have to be heard first."""
        return self._house.now() - self._seen_at < DEAD_MS

    async def __aenter__(self) -> Self:
        self._tasks = [asyncio.create_task(self._beat()), asyncio.create_task(self._bury())]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def turn(self) -> None:
        """See whether a node lives."""
        now = self._house.now()
        self._seen_at = now if await self._registry.alive(now - DEAD_MS) else NEVER

    async def bury(self) -> None:
        """Speak for those that died. Beside the beats, since it may take longer than a node may be silent."""
        if not self.living:
            return
        now, later = self._house.now(), round(BEAT_SECONDS * 1000) if self.rank else 0
        for node, seen_at in await self._registry.dead(now - DEAD_MS - later):
            log.warning("node %d was last seen %.1f s ago: its people are gone", node, (now - seen_at) / 1000)
            self._house.metrics.buried += 1
            await self._speak_for(node, seen_at)

    async def _beat(self) -> None:
        while True:
            try:
                await self.turn()
            except Exception:
                self._house.metrics.beats_missed += 1
                log.warning("a beat was missed", exc_info=True)
            await asyncio.sleep(BEAT_SECONDS)

    async def _bury(self) -> None:
        while True:
            try:
                await self.bury()
            except Exception:
                log.warning("some of a dead node's people are to be spoken for again", exc_info=True)
            await asyncio.sleep(BEAT_SECONDS)

    async def _speak_for(self, node: int, seen_at: int) -> None:
        """Its people are gone since `seen_at`. Twice is harmless: several nodes may do so at once, and one may die in the middle
        of it. The node is forgotten when nobody is left to speak for, so what failed is done by whoever looks next."""
        tickets, agents = await self._registry.people_of(node)
        words = [
            *(partial(self._agent_lost, agent_id, seen_at, node) for agent_id in agents),
            *(partial(pairing.customer_lost, self._house, ticket_id, seen_at, node) for ticket_id in tickets),
        ]
        failed: list[BaseException] = []
        for start in range(0, len(words), PAGE):
            said = await asyncio.gather(
                *(word() for word in words[start : start + PAGE]), return_exceptions=True
            )
            failed += filter(None, said)
        if failed:
            raise failed[0]
        if not any(await self._registry.people_of(node)):
            await self._registry.forget(node)

    async def _agent_lost(self, agent_id: int, seen_at: int, node: int) -> None:
        try:
            await pairing.agent_gone(self._house, agent_id, seen_at, node)
        except Refused as refusal:
            if refusal.code != "unauthorized":
                raise
            log.info("agent %d is no more, or was not heard of here yet", agent_id)


class Membership(Watching):
    """`async with Membership(…)` while this node serves. Entered, it is one of the nodes, and what an outage of all of them left
    is put right. `claim_again`: this node counted as dead, and says once more who is connected to it; `claim`: another one may
    have died, and who of its people (customers of these tickets, these agents) is connected to this node too is said once more,
    before anybody says that they are gone. `told` hears at each beat which node this is, and where each living one is reached."""

    def __init__(
        self,
        house: House,
        registry: Registry,
        claim_again: Callable[[], None],
        claim: Callable[[list[int], list[int]], None],
        told: Callable[[int, Mapping[int, str]], None] = lambda node, living: None,
    ) -> None:
        super().__init__(house, registry)
        self._claim_again = claim_again
        self._claim = claim
        self._told = told
        self.node = 0

    async def __aenter__(self) -> Self:
        await self._join()
        return await super().__aenter__()

    async def _join(self) -> None:
        async with self._registry.starting():
            if not await self._registry.alive(self._house.now() - DEAD_MS):
                await followups.recover(self._house)  # first: nobody is gone for as long as the outage took
                for node, seen_at in await self._registry.dead(self._house.now() - DEAD_MS):
                    await self._speak_for(node, seen_at)
            now = self._house.now()  # all this may have taken longer than a node may be silent
            self.node = await self._registry.join(now)
        self._seen_at = now
        await self._look(now)

    async def __aexit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        await super().__aexit__(kind, value, trace)
        try:
            async with asyncio.timeout(2):
                # Those of whose leaving a drain had no time to tell.
                await self._speak_for(self.node, self._house.now())
        except (StoreFailed, Refused, TimeoutError):
            log.warning("could not say goodbye: the other nodes will notice")

    async def turn(self) -> None:
        """Say that this node lives, and claim who of those that are silent is here."""
        now = self._house.now()
        if not self.living or not await self._registry.beat(self.node, now):
            log.warning("the other nodes took this one for dead, or there was none: it joins again")
            await self._join()
            self._claim_again()
        else:
            self._seen_at = now
            await self._look(now)
        for node, _ in await self._registry.dead(now - SILENT_MS):
            self._claim(*await self._registry.people_of(node))

    async def _look(self, now: int) -> None:
        alive = await self._registry.alive(now - DEAD_MS)
        self.rank = list(alive).index(self.node) if self.node in alive else len(alive)
        self._house.metrics.nodes_alive, self._house.metrics.node_rank = len(alive), self.rank
        self._told(self.node, alive)
