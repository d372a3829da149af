"""Clocks that are wrong: libfaketime, loaded into a process whose wall clock is to be another one. What only measures how time
passes is not touched."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

RIGHT = {"FAKETIME_DONT_FAKE_MONOTONIC": "1"}


def library() -> Path:
    """The library without its program, which would stay between us and the process: a kill has to meet the process."""
    found = sorted(Path("/usr/lib").glob("*/faketime/libfaketime.so.1"))
    if not found:
        pytest.skip("no libfaketime here: apt install libfaketime")
    return found[0]


def wrong_by(seconds: int) -> tuple[str, ...]:
    """A command under which the machine's clock is wrong."""
    variables = {"LD_PRELOAD": str(library()), "FAKETIME": f"{seconds:+d}s"} | RIGHT
    return ("env", *(f"{name}={value}" for name, value in variables.items()))


class Clock:
    """One that is set while processes run that were started with `environment`. `file`: where it stands, for them to read."""

    def __init__(self, file: Path, seconds: int = 0) -> None:
        self._file = file
        self.set(seconds)

    def set(self, seconds: int) -> None:
        """So far ahead of the machine's own."""
        fresh = self._file.with_suffix(".new")
        fresh.write_text(f"{seconds:+d}s\n")
        fresh.replace(self._file)  # whoever reads finds one or the other

    @property
    def environment(self) -> dict[str, str]:
        fake = {"FAKETIME_TIMESTAMP_FILE": str(self._file), "FAKETIME_NO_CACHE": "1"}
        return {**os.environ, "LD_PRELOAD": str(library())} | fake | RIGHT
