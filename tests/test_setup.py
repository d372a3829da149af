"""`scripts/setup` fills .venv from the locks, and only when there is something to fill it with."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.harness.server import ROOT

PYTHON = """#!/bin/sh
# Stands for Python: makes itself into an environment's, and notes what pip is asked for.
case "$1 $2" in
  "-m venv") mkdir -p .venv/bin; rm -f .venv/stamp-*; cp "$0" .venv/bin/python ;;
  "-m pip") shift 2; echo "$*" >>"$PIP_ASKED"; [ ! -e "$PIP_ASKED.fails" ] ;;
  *) echo "Python 3.11.0" ;;
esac
"""
LOCKS = ("requirements.txt", "requirements-dev.txt", "requirements-build.txt")


class Checkout:
    def __init__(self, where: Path) -> None:
        self.where = where
        self.asked = where / "asked"
        (where / "scripts").mkdir()
        shutil.copy(ROOT / "scripts/setup", where / "scripts/setup")
        for name in (*LOCKS, "pyproject.toml"):
            (where / name).write_text(f"# {name}\n")
        self.python = where / "python"
        self.python.write_text(PYTHON)
        self.python.chmod(0o755)

    def sets_up(self, what: str, code: int = 0) -> list[str]:
        """What was installed: names of locks, and "." for the package itself."""
        self.asked.write_text("")
        environment = os.environ | {"PYTHON": str(self.python), "PIP_ASKED": str(self.asked)}
        done = subprocess.run(
            [self.where / "scripts/setup", what], env=environment, capture_output=True, text=True, check=False
        )
        assert done.returncode == code, done.stderr
        return [line.split()[-1] for line in self.asked.read_text().splitlines()]


@pytest.fixture
def checkout(tmp_path: Path) -> Checkout:
    return Checkout(tmp_path)


SERVES = ["requirements.txt", "requirements-build.txt", "."]
TESTS = ["requirements-dev.txt", "requirements-build.txt", "."]


def test_what_was_set_up_is_not_set_up_again(checkout: Checkout) -> None:
    assert checkout.sets_up("run") == SERVES
    assert checkout.sets_up("run") == []
    assert checkout.sets_up("dev") == TESTS
    assert [checkout.sets_up(what) for what in ("dev", "run", "dev", "run")] == [[]] * 4


def test_what_is_there_to_test_is_enough_to_serve(checkout: Checkout) -> None:
    assert checkout.sets_up("dev") == TESTS
    assert checkout.sets_up("run") == []


def test_a_lock_that_changed_is_installed_and_a_project_file_alone_installs_no_dependency(
    checkout: Checkout,
) -> None:
    checkout.sets_up("dev")
    (checkout.where / "pyproject.toml").write_text("# another command\n")
    assert checkout.sets_up("run") == ["."]
    assert checkout.sets_up("dev") == []
    (checkout.where / "requirements.txt").write_text("# another version\n")
    assert checkout.sets_up("run") == [*SERVES[:2], "."]
    assert checkout.sets_up("dev") == TESTS


def test_an_installation_that_failed_is_tried_again(checkout: Checkout) -> None:
    fails = Path(f"{checkout.asked}.fails")
    fails.touch()
    assert checkout.sets_up("run", code=1) == ["requirements.txt"]
    fails.unlink()
    assert checkout.sets_up("run") == SERVES
    (checkout.where / "pyproject.toml").write_text("# another command\n")
    fails.touch()
    assert checkout.sets_up("run", code=1) == ["."]
    fails.unlink()
    assert checkout.sets_up("run") == ["."]


def test_an_environment_that_does_not_run_any_more_or_was_moved_is_made_anew(
    checkout: Checkout, tmp_path_factory: pytest.TempPathFactory
) -> None:
    checkout.sets_up("run")
    (checkout.where / ".venv/bin/python").unlink()
    assert checkout.sets_up("run") == SERVES
    moved = tmp_path_factory.mktemp("elsewhere") / "checkout"
    shutil.move(checkout.where, moved)
    checkout.where, checkout.asked, checkout.python = moved, moved / "asked", moved / "python"
    assert checkout.sets_up("run") == SERVES
