"""Who shouts is told so, discreetly, and nobody else."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import hypothesis.strategies as st
import pytest
from hypothesis import given

from chatserver.core.courtesy import READ, hint

CASES: list[dict[str, Any]] = json.loads(
    (Path(__file__).parents[1] / "cases" / "courtesy.json").read_text(encoding="utf-8")
)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["text"][:40])
def test_a_line_of_the_corpus(case: dict[str, Any]) -> None:
    assert hint(case["text"]) == case["hint"]


def test_the_corpus_has_enough_lines_of_each_kind() -> None:
    hints = [case["hint"] for case in CASES]
    assert len(CASES) >= 150
    assert min(hints.count(kind) for kind in ("capitals", "marks", None)) >= 25


@given(st.text(max_size=300))
def test_small_letters_are_never_called_capitals(text: str) -> None:
    assert hint(text.lower()) != "capitals"


def test_a_long_text_costs_little() -> None:
    for part in ("NO ME ", "! ", '"', "`", "a@", "https://", "¿¡ "):
        hint(part * 20_000)
    assert hint("hola " * READ + "NO FUNCIONA NADA") is None
