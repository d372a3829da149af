from __future__ import annotations

from collections.abc import Iterator

from bench.cluster import Case, Parts
from bench.ledger import Faults
from bench.load import Measured
from bench.scenarios.nodes import Run, section

SQLITE, TWO = str(Case(0)), str(Case(2, redis=True))


class Clockwork:
    """Uses so many seconds more of a CPU each time that somebody asks."""

    def __init__(self, *seconds: float) -> None:
        self._seconds: Iterator[float] = iter(seconds)

    def cpu(self) -> float:
        return next(self._seconds)


def test_what_each_part_took_is_what_it_used_between_the_last_two_looks() -> None:
    parts = Parts({"nodes": [Clockwork(1, 5), Clockwork(2, 4)], "PostgreSQL": [Clockwork(10, 11)]})
    assert (parts.cpu(), parts.cpu()) == (13, 20)
    assert parts.took() == {"nodes": 6, "PostgreSQL": 1}


def run(faults: Faults, **took: float) -> Run:
    measured = Measured(100, 1.0, sum(took.values()), 0.1, faults, [0.001], [0.002])
    return Run(measured, took)


def test_nodes_and_redis_are_held_against_one_process_and_postgres_is_told_apart() -> None:
    fine, bad = Faults(), Faults(lost=1)
    rounds = [
        {SQLITE: run(fine, nodes=0.1), TWO: run(fine, nodes=0.14, Redis=0.01, PostgreSQL=0.1)},
        {SQLITE: run(fine, nodes=0.2), TWO: run(bad, nodes=0.28, Redis=0.02, PostgreSQL=0.2)},
    ]
    made = section(rounds, [{SQLITE: one[SQLITE]} for one in rounds], {"fsync": "on"}, 4.0)
    (verdict,) = made.verdicts
    assert verdict.reached
    assert "1.50 (1.50–1.50)" in verdict.figure
    assert "2.50" in verdict.figure
    assert made.faults == bad
