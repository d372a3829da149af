"""The wire breaks at each byte of a conversation, in both directions, for customers and agents: nothing is lost or doubled.

Each round: the victim's next connection is cut at one byte of its handshake, hello, welcome, replay, say, ack or events. Both
sides say something meanwhile. The victim then has an acknowledgement, or still has its message and sends it again.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Literal

import pytest

from tests.checker.checker import Evidence, Stored, check
from tests.faults.crowd import AT_EASE
from tests.harness.cutting import CuttableWire, Way
from tests.harness.peers import AgentPeer, CustomerPeer, Diary, Peer
from tests.harness.server import Server, running
from tests.harness.sign_in import Desk
from tests.harness.sizes import SEED, size
from tests.harness.waiting import soon

pytestmark = pytest.mark.fault

EACH = size(50, 1)
"""The distance of two cuts in bytes; where the first one is, is drawn anew each time."""
AT_ONCE = 0.001
Victim = Literal["customer", "agent"]
SHORTEST: dict[Way, int] = {"up": 400, "down": 2_000}
"""Bytes of a conversation at least."""


class Pair:
    """One chat: the victim, whose wire is cut, and the other side, whose wire is not."""

    def __init__(self, server: Server, wire: CuttableWire, victim: Victim) -> None:
        dice = random.Random(SEED)
        self.server = server
        self.wire = wire
        self.diary = Diary()
        self.customer = CustomerPeer("ana", server.port, self.diary, dice)
        self.agent = AgentPeer(
            "luis@demo.test", server.port, self.diary, dice, Desk(server, "luis@demo.test").token
        )
        self.victim: Peer = self.customer if victim == "customer" else self.agent
        self.other: Peer = self.agent if victim == "customer" else self.customer
        self.victim.port = wire.port
        self.victim.pause = (0, 0.002)
        self.ticket = 0

    async def meet(self) -> None:
        await soon(lambda: self.agent.online and self.customer.online, "both are in")
        await self.agent.is_available()
        self.ticket = await self.customer.starts_chat("Pregunta")
        await soon(lambda: self.agent.tickets() == [self.ticket], "the agent attends")

    async def round(self, way: Way, after: int) -> bool:
        """Whether the connection lived long enough to be cut there."""
        cut = self.wire.plan(way, after)
        before = self.victim.connections
        self.wire.drop()
        for peer in (self.victim, self.other):
            peer.say(self.ticket)
            await peer.flush()
        what = f"both are level after a cut at byte {after} {way}"
        await soon(lambda: self.victim.connections > before or cut.done.is_set(), "it came back", 20, AT_ONCE)
        await soon(self.level, what, 20, AT_ONCE)
        return cut.done.is_set()

    def level(self) -> bool:
        """Everything said has its answer, and both screens show the newest item that anybody was told of."""
        seen = [peer.threads[self.ticket].last for peer in (self.victim, self.other)]
        newest = max([self.victim.acknowledged, self.other.acknowledged, *seen])
        return self.victim.settled() and self.other.settled() and seen == [newest, newest]

    def judge(self) -> None:
        with self.server.reading() as database:
            rows = database.execute('SELECT ticket_id, seq, "by", cid, text FROM items').fetchall()
        names = {"customer": self.customer.name, "agent": self.agent.name, "system": "system"}
        stored = [Stored(ticket, seq, names[by], cid or "") for ticket, seq, by, cid, _ in rows]
        members = {self.ticket: frozenset({self.customer.name, self.agent.name})}
        violations = check(Evidence(self.diary.history, self.diary.shown, stored, members))
        assert not violations, f"seed {SEED}: {violations[:5]} ({len(violations)} in all)"
        results = {op.result for op in self.diary.history}
        assert results == {"ok"}, "a message that was neither acknowledged nor sent again"


@asynccontextmanager
async def talking(server: Server, victim: Victim) -> AsyncIterator[Pair]:
    async with CuttableWire.to(server.port) as wire:
        pair = Pair(server, wire, victim)
        tasks = [asyncio.create_task(peer.run()) for peer in (pair.customer, pair.agent)]
        try:
            await pair.meet()
            yield pair
        finally:
            for task in tasks:
                task.cancel()
            for task in tasks:
                with suppress(asyncio.CancelledError):
                    await task


@pytest.mark.parametrize("victim", ["customer", "agent"])
def test_a_cut_at_any_byte_loses_nothing_and_doubles_nothing(tmp_path: Path, victim: Victim) -> None:
    async def story() -> None:
        with running(tmp_path, **AT_EASE) as server:
            async with talking(server, victim) as pair:
                cuts = {way: await cut_everywhere(pair, way) for way in SHORTEST}
                pair.judge()
                print(f"{victim}, every {EACH}: {cuts} cuts, {pair.diary.acks} messages acknowledged")
                for way, shortest in SHORTEST.items():
                    assert cuts[way] * EACH > shortest, (
                        f"the conversation {way} ended too early to mean anything"
                    )

    asyncio.run(story())


async def cut_everywhere(pair: Pair, way: Way) -> int:
    """The number of cuts."""
    byte, cuts, whole = SEED % EACH, 0, 0
    # To the end of the conversation, and a little more: its length differs by some bytes from one connection to the next.
    while whole < 3:
        was_cut = await pair.round(way, byte)
        cuts += was_cut
        whole = 0 if was_cut else whole + 1
        byte += EACH
    return cuts
