"""`python -m tests ARGUMENTS`: the suite in two goes, of which pytest gets the arguments.

What measures time or memory, or breaks something for many people at once, has the machine to itself (`alone`). Everything else
runs before it, in several processes: half of it waits for a disk, a timer or a browser.
"""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

PROCESSES = 1 + max(2, os.cpu_count() or 1)
HANGS = ["-o", "faulthandler_timeout=600", "-o", "faulthandler_exit_on_timeout=true"]
"""A test that takes ten minutes hangs, on whatever machine: what it hangs in is printed, it has failed, and others go on."""


def main(arguments: list[str]) -> int:
    goes = ["--part=shared", f"--numprocesses={PROCESSES}", "--dist=loadfile"], ["--part=alone"]
    # Each to its end: who looks at a failure wants to know of all.
    codes = [_pytest(go, arguments) for go in goes]
    found = [code for code in codes if code != pytest.ExitCode.NO_TESTS_COLLECTED]
    if not found:
        return int(pytest.ExitCode.NO_TESTS_COLLECTED)
    # A go that a signal ended gives the signal's number below 0, which no process can end with.
    return next((abs(code) for code in found if code), 0)


def _pytest(go: list[str], arguments: list[str]) -> int:
    return subprocess.run([sys.executable, "-m", "pytest", *HANGS, *go, *arguments], check=False).returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
