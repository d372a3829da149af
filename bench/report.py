"""What a measurement says: a table for the terminal, JSON for later, a verdict for each target."""

from __future__ import annotations

import json
import statistics
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bench.ledger import Faults

OUT = Path(__file__).resolve().parent / "out"


@dataclass
class Verdict:
    """A target of ours. `figure`: what was measured, in words."""

    target: str
    figure: str
    reached: bool

    def __str__(self) -> str:
        return f"{'reached    ' if self.reached else 'NOT REACHED'}  {self.target}: {self.figure}"


@dataclass
class Section:
    """One scenario. `data`: everything measured, for the JSON file."""

    name: str
    title: str
    columns: Sequence[str]
    rows: list[Sequence[str]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    data: dict[str, Any] = field(default_factory=dict)
    faults: Faults = field(default_factory=Faults)
    verdicts: list[Verdict] = field(default_factory=list)
    plots: dict[str, str] = field(default_factory=dict)
    """SVG by file name."""

    def __str__(self) -> str:
        return "\n".join([f"\n## {self.title}\n", table(self.columns, self.rows), *self.notes])

    def save(self, conditions: dict[str, Any]) -> None:
        """Into `bench/out`: the JSON file, and the plots beside it."""
        OUT.mkdir(exist_ok=True)
        kept = {
            "title": self.title,
            "machine": conditions,
            "columns": list(self.columns),
            "rows": [list(row) for row in self.rows],
            "data": self.data,
            "faults": str(self.faults),
            "verdicts": [str(verdict) for verdict in self.verdicts],
        }
        (OUT / f"{self.name}.json").write_text(json.dumps(kept, indent=1, ensure_ascii=False) + "\n")
        for name, svg in self.plots.items():
            (OUT / name).write_text(svg)


def table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Markdown that is also readable as it stands."""
    widths = [max(len(row[i]) for row in (columns, *rows)) for i in range(len(columns))]

    def line(cells: Sequence[str]) -> str:
        first, *others = (
            cell.ljust(w) if i == 0 else cell.rjust(w)
            for i, (cell, w) in enumerate(zip(cells, widths, strict=True))
        )
        return "| " + " | ".join([first, *others]) + " |"

    rule = "|" + "|".join("-" * (width + 2) for width in widths) + "|"
    return "\n".join([line(columns), rule, *(line(row) for row in rows)])


def middle(values: Sequence[float]) -> float:
    """The median; nan of nothing."""
    return statistics.median(values) if values else float("nan")


def spread(values: Sequence[float], digits: int = 0) -> str:
    """Median (least–most)."""
    if not values:
        return "–"
    if len(values) == 1:
        return f"{values[0]:.{digits}f}"
    return f"{middle(values):.{digits}f} ({min(values):.{digits}f}–{max(values):.{digits}f})"


def ratios(rounds: Sequence[dict[str, float]], base: str) -> dict[str, list[float]]:
    """By name, the ratios to `base`, each taken within one round: the machine's speed drifts between them."""
    found: dict[str, list[float]] = {}
    for one in rounds:
        for name, value in one.items():
            if one.get(base):
                found.setdefault(name, []).append(value / one[base])
    return found
