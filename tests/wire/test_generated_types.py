"""widget/src/wire.ts says what realtime/wire.py says."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any, get_args

import pytest

# By name: a script is no package, and type checkers would know it under two names.
wire_types: Any = importlib.import_module("scripts.wire_types")


def test_the_generated_types_are_not_stale() -> None:
    assert wire_types.TARGET.read_text(encoding="utf-8") == wire_types.typescript()


def test_check_fails_on_a_stale_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    stale = tmp_path / "wire.ts"
    stale.write_text("// old\n", encoding="utf-8")
    monkeypatch.setattr(wire_types, "TARGET", stale)
    monkeypatch.setattr("sys.argv", ["wire_types.py", "--check"])
    assert wire_types.main() == 1
    assert "stale" in capsys.readouterr().err


def test_every_frame_of_every_union_has_an_interface() -> None:
    text = wire_types.typescript()
    for union in wire_types.UNIONS.values():
        for struct in get_args(union):
            name = wire_types.RENAMED.get(struct.__name__, struct.__name__)
            assert f"export interface {name} {{\n" in text
