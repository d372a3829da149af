"""What a message costs on one process with SQLite, and on one to three nodes with PostgreSQL: at a fixed rate and at saturation.

All servers share a core, so what grows with nodes is the CPU of a message, which is compared; msgs/s of several nodes on one
core say nothing of several on several.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from bench import cluster, ours, plot, postgres
from bench.cluster import Case
from bench.ledger import quantile
from bench.load import FixedRate, Measured, Saturation
from bench.postgres import Postgres
from bench.report import Section, Verdict, middle, ratios, spread
from bench.scenarios.saturation import PAIRS, kept

RATE: Final = 400
WARM_UP_SECONDS: Final = 2.0
BASE: Final = Case(0)
CASES: Final = (
    BASE,
    Case(1),
    Case(1, redis=True),
    Case(2, redis=True),
    Case(3, redis=True),
    Case(3, redis=True, together=True),
    Case(3),
)
MOST: Final = 1.6
OURS: Final = ("nodes", "Redis")
"""What a message may cost more is said of these; PostgreSQL is shown apart."""


@dataclass
class Run:
    measured: Measured
    took: dict[str, float]
    """Seconds of CPU by what took them."""

    def us(self, *names: str) -> float:
        """Microseconds per message of these together."""
        return sum(self.took.get(name, 0.0) for name in names) / max(1, self.measured.messages) * 1e6


Rounds = Sequence[dict[str, Run]]


async def measured(rounds: int, seconds: float, where: Path, cases: Sequence[Case] = CASES) -> Section:
    """`where`: the directory that PostgreSQL's data is in."""
    fixed: list[dict[str, Run]] = []
    full: list[dict[str, Run]] = []
    with postgres.started(where) as server:
        settings = server.settings()
        for _ in range(rounds):
            fixed.append({})
            full.append({})
            for case in cases:
                await _one(case, server, seconds, fixed[-1], full[-1])
    return section(fixed, full, settings, seconds)


async def _one(
    case: Case, server: Postgres, seconds: float, fixed: dict[str, Run], full: dict[str, Run]
) -> None:
    async with cluster.talking(case, server, PAIRS) as place:
        steady = FixedRate(place.pairs, ours.LANGUAGE, RATE)
        run = await steady.run(place.parts, seconds, WARM_UP_SECONDS)
        fixed[str(case)] = Run(run, place.parts.took())
        if case.nodes > 1 and not case.redis:
            return  # who waits for each message is bound by how often a node looks, and says nothing
        load = Saturation(place.pairs, ours.LANGUAGE, steady.ledger.last)
        run = await load.run(place.parts, seconds / 2, WARM_UP_SECONDS / 2)
        full[str(case)] = Run(run, place.parts.took())


def section(fixed: Rounds, full: Rounds, settings: dict[str, str], seconds: float) -> Section:
    made = Section(
        "nodes",
        f"Nodes: {PAIRS} pairs, {len(fixed)} rounds: {RATE} msgs/s for {seconds:g} s, then saturation for {seconds / 2:g} s",
        (
            "",
            "msgs/s",
            "nodes µs/msg",
            "Redis µs",
            "PostgreSQL µs",
            "nodes + Redis ×",
            "all ×",
            "p50 ms",
            "p99 ms",
            "gen %",
        ),
    )
    for name, rounds in ((f"{RATE}/s", fixed), ("full", full)):
        own, everything = _ratios(rounds, *OURS), _ratios(rounds, *OURS, "PostgreSQL")
        for case in rounds[0]:
            runs = [one[case] for one in rounds]
            made.rows.append(_row(f"{name}: {case}", runs, own.get(case, []), everything.get(case, [])))
            for run in runs:
                made.faults += run.measured.faults
        made.verdicts += [
            Verdict(
                f"{case}, {name}: nodes and Redis at most {MOST:g} × one process on SQLite",
                f"{spread(own[case], 2)} ×; with PostgreSQL {spread(everything[case], 2)}",
                middle(own[case]) <= MOST,
            )
            for case in own
            if case != str(BASE)
        ]
    messages = sum(run.measured.messages for one in (*fixed, *full) for run in one.values())
    made.notes = [
        f"PostgreSQL: {', '.join(f'{name} {value}' for name, value in settings.items())}",
        f"messages: {messages}; {made.faults}",
    ]
    made.data = {
        "postgres": settings,
        "fixed": [{case: _kept(run) for case, run in one.items()} for one in fixed],
        "saturation": [{case: _kept(run) for case, run in one.items()} for one in full],
    }
    shown = _ratios(full, *OURS)
    if shown:
        made.plots = {"nodes.svg": plot.bars("CPU of nodes and Redis per message", "×", list(shown.items()))}
    return made


def _ratios(rounds: Rounds, *names: str) -> dict[str, list[float]]:
    return ratios([{case: run.us(*names) for case, run in one.items()} for one in rounds], str(BASE))


def _row(name: str, runs: Sequence[Run], own: Sequence[float], everything: Sequence[float]) -> Sequence[str]:
    return (
        name,
        spread([run.measured.rate for run in runs]),
        spread([run.us("nodes") for run in runs]),
        spread([run.us("Redis") for run in runs], 1),
        spread([run.us("PostgreSQL") for run in runs]),
        spread(own, 2),
        spread(everything, 2),
        spread([quantile(run.measured.deliveries, 0.5) * 1000 for run in runs], 1),
        spread([quantile(run.measured.deliveries, 0.99) * 1000 for run in runs], 1),
        spread([run.measured.generator_share for run in runs]),
    )


def _kept(run: Run) -> dict[str, Any]:
    return kept(run.measured) | {"took": run.took}
