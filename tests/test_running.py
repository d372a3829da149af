"""What runs: no test is skipped in CI, and each is in one of the two goes of `make test`."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent

SKIPS_ONE_TEST = "import pytest\ndef test_needs_a_part(): pytest.skip('no such part')\n"
SKIPS_A_MODULE = "import pytest\npytest.skip('no such part', allow_module_level=True)\n"
FAILS_AS_EXPECTED = "import pytest\n@pytest.mark.xfail\ndef test_known_fault(): assert False\n"


def run_pytest(directory: Path, source: str, ci: str) -> subprocess.CompletedProcess[str]:
    (directory / "test_sample.py").write_text(source)
    (directory / "pytest.ini").write_text("[pytest]\n")
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "tests.conftest", "-p", "no:cacheprovider", str(directory)],
        cwd=ROOT,
        env={**os.environ, "CI": ci},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


@pytest.mark.parametrize("source", [SKIPS_ONE_TEST, SKIPS_A_MODULE])
def test_a_skip_fails_in_ci_and_says_what_was_missing(tmp_path: Path, source: str) -> None:
    result = run_pytest(tmp_path, source, ci="true")
    assert result.returncode != 0
    assert "Skipped, which CI does not allow" in result.stdout
    assert "no such part" in result.stdout


def test_a_skip_is_fine_on_a_laptop(tmp_path: Path) -> None:
    assert "1 skipped" in run_pytest(tmp_path, SKIPS_ONE_TEST, ci="").stdout


def test_an_expected_failure_is_no_skip(tmp_path: Path) -> None:
    result = run_pytest(tmp_path, FAILS_AS_EXPECTED, ci="true")
    assert result.returncode == 0
    assert "1 xfailed" in result.stdout


ONE_OF_EACH = """
import os, pytest
def test_shares(): {shares}
@pytest.mark.alone
def test_alone(): {alone}
"""
PASSES, FAILS, KILLS = "pass", "assert False", "os.kill(os.getpid(), 9)"


@pytest.mark.parametrize(
    ("shares", "alone", "code"),
    [
        (PASSES, PASSES, pytest.ExitCode.OK),
        (PASSES, FAILS, pytest.ExitCode.TESTS_FAILED),
        (FAILS, PASSES, pytest.ExitCode.TESTS_FAILED),
        (PASSES, KILLS, 9),
        (FAILS, KILLS, pytest.ExitCode.TESTS_FAILED),
    ],
)
def test_each_test_is_in_one_of_two_goes_and_both_must_be_well(
    tmp_path: Path, shares: str, alone: str, code: int
) -> None:
    (tmp_path / "test_sample.py").write_text(ONE_OF_EACH.format(shares=shares, alone=alone))
    (tmp_path / "pytest.ini").write_text("[pytest]\nmarkers = alone\n")
    result = subprocess.run(
        [
            *(
                sys.executable,
                "-m",
                "tests",
                "-p",
                "tests.conftest",
                "-p",
                "no:cacheprovider",
                "--numprocesses=0",
            ),
            str(tmp_path),
        ],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert result.stdout.count("1 passed") == (shares, alone).count(PASSES)
    assert result.stdout.count("1 failed") == (shares, alone).count(FAILS)
    assert result.returncode == code
