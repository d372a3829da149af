"""What it costs to bring an event to another node through Redis: who says it, who hears it, and Redis between them.

Ours (one batch per turn and node, on a channel of the node) beside a channel for each topic, through the same connection and
through redis-py. Pace and events are the same; what keeping the pace costs by itself is taken off.
"""

from __future__ import annotations

import asyncio
import importlib.util
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from bench import processes, redis
from bench.places import workplace
from bench.processes import GENERATOR_CORE
from bench.report import Section, Verdict, middle, ratios, spread

GROUPS = 3_000
SIZES = (1, 20)
Cost = tuple[float, float, float]
"""Microseconds of CPU per message: who says, who hears, Redis."""


class Case(NamedTuple):
    way: str
    size: int
    """Messages in a turn."""
    listened: bool
    """Otherwise all who listen are on the node that says it, and the other one is told nothing, or nothing that it wants."""

    def __str__(self) -> str:
        return f"{self.way}, {self.size}{'' if self.listened else ', nobody there listens'}"


async def measured(rounds: int) -> Section:
    ways = ["ours", "topics", *(["redis-py"] if importlib.util.find_spec("redis") else [])]
    made = Section(
        "hop",
        f"An event to another node, {GROUPS:,} turns at 1,000 a second: CPU µs per message",
        ("way, messages per turn", "says", "hears", "Redis", "in all", "in all ÷ ours"),
    )
    costs: dict[Case, list[Cost]] = {}
    with workplace() as directory:
        for _ in range(rounds):
            for size in SIZES:
                idle, _, _ = await one(Case("nothing", size, listened=False), directory)
                for listened in (True, False):
                    for way in ways:
                        case = Case(way, size, listened)
                        says, hears, redis = await one(case, directory)
                        costs.setdefault(case, []).append((says - idle, hears, redis))
    for size in SIZES:
        for listened in (True, False):
            cases = [Case(way, size, listened) for way in ways]
            totals = [{case.way: sum(costs[case][place]) for case in cases} for place in range(rounds)]
            compared = ratios(totals, "ours")
            made.rows += [_row(case, costs[case], compared[case.way]) for case in cases]
            made.verdicts += _verdicts(cases, compared)
    made.data = {str(case): values for case, values in costs.items()}
    return made


def _verdicts(cases: list[Case], compared: dict[str, list[float]]) -> list[Verdict]:
    """It costs little where nobody listens, and where somebody does no more than half of what the usual client takes."""
    against = "redis-py" if cases[0].listened else "topics"
    return [
        Verdict(
            f"{case}: at least twice ours",
            f"{spread(compared[against], 2)} ×",
            middle(compared[against]) >= 2,
        )
        for case in cases
        if case.way == against
    ]


def _row(case: Case, costs: list[Cost], compared: list[float]) -> Sequence[str]:
    columns = [spread(column, 1) for column in zip(*costs, strict=True)]
    return (str(case), *columns, spread([sum(cost) for cost in costs], 1), spread(compared, 2))


async def one(case: Case, directory: Path) -> Cost:
    """A fresh Redis and two fresh nodes."""
    with redis.started(directory, GENERATOR_CORE) as server:
        port = server.port
        other = None
        if case.listened:
            other = await Node.start(case, "hears", port)
        elif case.way == "ours":
            other = await Node.start(case, "ignores", port)
        says = await Node.start(case, "says", port)
        before = server.cpu()
        if other is not None:
            other.begin()
        says.begin()
        cpu_says = await says.cpu()
        cpu_hears = 0.0 if other is None else await other.cpu()
        messages = GROUPS * case.size
        return cpu_says / messages * 1e6, cpu_hears / messages * 1e6, (server.cpu() - before) / messages * 1e6


class Node:
    def __init__(self, process: asyncio.subprocess.Process) -> None:
        if process.stdin is None or process.stdout is None:
            raise processes.NotReady("it was started without pipes")
        self._process, self._to, self._from = process, process.stdin, process.stdout

    @classmethod
    async def start(cls, case: Case, role: str, port: int) -> Node:
        node = cls(
            await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "bench.hop_node", case.way, role),
                *(str(port), str(GROUPS), str(case.size)),
                cwd=processes.ROOT,
                env=processes.clean_environment(),
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
            )
        )
        if await node._from.readline() != b"ready\n":
            raise processes.NotReady(f"{case.way} {role} did not come up")
        return node

    def begin(self) -> None:
        self._to.write(b"\n")

    async def cpu(self) -> float:
        """Seconds from the beginning to the end, which this waits for."""
        line = await self._from.readline()
        await self._process.wait()
        if not line.startswith(b"cpu "):
            raise processes.NotReady("a node broke off: not all was heard")
        return float(line.split()[1])
