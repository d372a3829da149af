"""A node's signs of life, on simulated time, while it has much else to do."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import pairwise
from types import SimpleNamespace
from typing import Any

import pytest

from chatserver.metrics import Metrics
from chatserver.services import pairing
from chatserver.services.nodes import DEAD_MS, Membership
from tests.harness.simulated_time import RunningClock, SimulatedLoop, simulated
from tests.memory_store import Clock

AGENTS = 400
EACH_SECONDS = 0.02
"""What it takes to say of one agent that they are gone, while nothing else is written."""
APART = 2.0
"""Seconds between two signs of life at most, of the six after which a node counts as dead."""

FIRST, DEAD, OWN = 1, 2, 3


class Roll:
    """`services.nodes.Registry` in memory: a node that lives, one that died with all the agents, and this one."""

    def __init__(self, clock: RunningClock, agents: list[int]) -> None:
        self._clock = clock
        self._died_at = clock()
        self.agents = agents
        self.forgotten = asyncio.Event()
        self.beats: list[int] = []
        """When (ms) this node said that it lives."""

    @asynccontextmanager
    async def starting(self) -> AsyncIterator[None]:
        yield

    async def join(self, now: int) -> int:
        self.beats.append(now)
        return OWN

    async def beat(self, node: int, now: int) -> bool:
        self.beats.append(now)
        return True

    async def rows(self) -> list[tuple[int, int, str]]:
        now = self._clock()
        dead = [] if self.forgotten.is_set() else [(DEAD, self._died_at, "")]
        return [(FIRST, now, ""), *dead, (OWN, self.beats[-1] if self.beats else now, "")]

    async def people_of(self, node: int) -> tuple[list[int], list[int]]:
        return [], list(self.agents) if node == DEAD else []

    async def forget(self, node: int) -> None:
        if node == DEAD:
            self.forgotten.set()


def test_a_node_that_speaks_for_hundreds_of_a_dead_nodes_people_says_meanwhile_that_it_lives(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def story(loop: SimulatedLoop) -> None:
        clock = RunningClock(loop, Clock().now)
        roll, writing = Roll(clock, list(range(AGENTS))), asyncio.Lock()

        async def agent_gone(house: object, agent_id: int, since: int, node: int) -> None:
            async with writing:
                await asyncio.sleep(EACH_SECONDS)
            roll.agents.remove(agent_id)

        monkeypatch.setattr(pairing, "agent_gone", agent_gone)
        house: Any = SimpleNamespace(now=clock, steady=clock, instant=round, metrics=Metrics())
        async with Membership(house, roll, lambda: None, lambda tickets, agents: None):
            async with asyncio.timeout(60):
                await roll.forgotten.wait()
            roll.beats.append(clock())
        took = (clock() - roll.beats[0] - DEAD_MS) / 1000
        assert took > DEAD_MS / 1000, "it was no work to speak of"
        gaps = [(after - before) / 1000 for before, after in pairwise(roll.beats)]
        assert max(gaps) <= APART

    simulated(story)
