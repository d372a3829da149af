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
from chatserver.core.heartbeats import Heartbeats
from chatserver.services import followups, pairing
from chatserver.services.house import House
from chatserver.store.base import StoreFailed
from chatserver.store.database import DatabaseUnusable

log = logging.getLogger(__name__)

BEAT_SECONDS: Final = 1.5
DEAD_MS: Final = 6_000
"""Three beats missed, and some. A beat is noticed 1.5 s late at most, and silence as late: a dead node's agents get no new chats
10.5 s after its last sign of life, at most 15 are promised; their chats are back 30 s ⏱ after that sign."""
SILENT_MS: Final = 2_500
"""Two looks found no sign of life. Who sees its people too has to say so before anybody takes it for dead, who may have noticed
its last sign a look sooner."""
PAGE: Final = 100
"""So many are spoken for in one commit: messages and beats wait behind it."""


Row = tuple[int, int, str]
"""A node, its sign of life, where it is reached."""


class Registry(Protocol):
    """Instants are ms UTC. Raises what the store raises."""

    def starting(self) -> AbstractAsyncContextManager[None]: ...

    async def join(self, now: int) -> int:
        """Raises DatabaseUnusable where it may not: to try again is of no use."""

    async def beat(self, node: int, now: int) -> bool: ...

    async def rows(self) -> list[Row]:
        """Of all nodes. A sign of life is when (ms) it says that it gave it."""

    async def people_of(self, node: int) -> tuple[list[int], list[int]]: ...

    async def forget(self, node: int) -> None: ...


class Watching:
    """`async with Watching(…)`: sees who of the nodes lives, and speaks for those that died. By itself it is no node, and while
    none serves it does nothing: the next one to start puts right for all what the outage left.

    A node is dead when its sign of life was the same for `DEAD_MS` of the house's steady clock, while it was looked at. What
    the sign says, and so what clocks say, counts only where nobody has looked for that long yet (`Membership._join`)."""

    def __init__(self, house: House, registry: Registry) -> None:
        self._house = house
        self._registry = registry
        self._heartbeats = Heartbeats(unknown=DEAD_MS)
        self._tasks: list[asyncio.Task[None]] = []
        self.rank = 1
        """0: the first of the nodes alive, which speaks for the dead at once; the others do a beat later, should it not."""
        self._lived: float | None = None
        """When (steady ms) it was last known that a node serves; of a node, when it last said so itself."""

    @property
    def living(self) -> bool:
        """A node serves, as far as is known; of a node: itself, and nobody can have taken it for dead. Else it does nothing by
        itself: it was frozen, or cut off from the database, or the database was away from all, who have to be heard first."""
        return self._lived is not None and self._house.steady() - self._lived < DEAD_MS

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
        """See whether a node lives: one gave a sign of life since this began."""
        await self._look()
        self._lived = self._heartbeats.stirred

    async def bury(self) -> None:
        """Speak for those that died. Beside the beats, since it may take longer than a node may be silent."""
        if not self.living:
            return
        house, later = self._house, BEAT_SECONDS * 1000 if self.rank else 0
        _, looked = await self._look()  # whoever stood still meanwhile has to find out first who did not
        for node, noticed in self._heartbeats.silent(DEAD_MS + later, looked).items():
            # By its own word, which is of a clock: no more than that, within what was seen of it here.
            gone_at = max(noticed.sign, house.instant(noticed.after))
            log.warning(
                "node %d was last seen %.1f s ago: its people are gone", node, (looked - noticed.at) / 1000
            )
            house.metrics.buried += 1
            await self._speak_for(node, min(gone_at, house.instant(noticed.at)))

    async def _look(self) -> tuple[list[Row], float]:
        """All nodes, and when (steady ms) they were asked for."""
        looked = self._house.steady()
        rows = await self._registry.rows()
        self._heartbeats.look({node: seen_at for node, seen_at, _ in rows}, looked)
        return rows, looked

    async def _beat(self) -> None:
        while True:
            try:
                await self.turn()
            except DatabaseUnusable:
                return  # it may not join again, which was said, and ends
            except Exception as problem:
                self._house.metrics.beats_missed += 1
                if not self._house.store.explains(problem):
                    log.warning("a beat was missed", exc_info=True)
            await asyncio.sleep(BEAT_SECONDS)

    async def _bury(self) -> None:
        while True:
            try:
                await self.bury()
            except Exception as problem:
                if not self._house.store.explains(problem):
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
            rows, looked = await self._look()
            dead, now = self._heartbeats.silent(DEAD_MS, looked), self._house.now()
            # Of those that were not watched for so long what they say has to do. Should the database's clock have been set within
            # this very beat, it is wrong of them all: they find that their rows are gone, and claim their people, a beat later.
            if all(
                node in dead or node == self.node or abs(now - seen_at) >= DEAD_MS
                for node, seen_at, _ in rows
            ):
                await followups.recover(self._house)  # first: nobody is gone for as long as the outage took
                for node, seen_at, _ in rows:
                    await self._speak_for(node, min(seen_at, now))
            lived, now = self._house.steady(), self._house.now()  # all this may have taken long
            self.node = await self._registry.join(now)
        self._lived = lived
        await self._see()

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
        lived = self._house.steady()
        if not self.living or not await self._registry.beat(self.node, self._house.now()):
            log.warning("the other nodes took this one for dead, or there was none: it joins again")
            await self._join()
            self._claim_again()
        else:
            self._lived = lived
            await self._see()
        for node in self._heartbeats.silent(SILENT_MS, lived):
            self._claim(*await self._registry.people_of(node))

    async def _see(self) -> None:
        rows, looked = await self._look()
        dead = self._heartbeats.silent(DEAD_MS, looked)
        alive = {node: url for node, _, url in rows if node not in dead}
        self.rank = list(alive).index(self.node) if self.node in alive else len(alive)
        self._house.metrics.nodes_alive, self._house.metrics.node_rank = len(alive), self.rank
        self._told(self.node, alive)
