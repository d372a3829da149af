"""The table that the clock's twin in TypeScript is tested with too."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest

from chatserver.core.inactivity import Clock, Verdict, verdict
from tests.core.inactivity_cases import after_events

CASES: list[dict[str, Any]] = json.loads(
    (Path(__file__).parents[1] / "cases/inactivity.json").read_text(encoding="utf-8")
)


@pytest.mark.parametrize("case", CASES, ids=[case["name"] for case in CASES])
def test_the_clock_runs_as_the_table_says(case: dict[str, Any]) -> None:
    facts = msgspec.convert(case["clock"], Clock)
    assert after_events(case) == facts
    expected = None if case["expect"] is None else msgspec.convert(case["expect"], Verdict)
    assert verdict(facts) == expected


def test_the_names_of_the_cases_are_unique() -> None:
    assert len({case["name"] for case in CASES}) == len(CASES) >= 30
