"""How much of it: a small size on every run, the promised one with FULL=1 (`make test-faults`)."""

from __future__ import annotations

import os
import secrets
from typing import TypeVar

Size = TypeVar("Size")

FULL = os.environ.get("FULL", "") not in ("", "0")
SEED = int(os.environ.get("SEED") or secrets.randbelow(100_000))
"""Another one each time, so that small sizes add up; who uses it says it when a test fails."""


def size(small: Size, full: Size) -> Size:
    return full if FULL else small


STANDSTILL = size(2.0, 0.0)
"""Seconds that a machine may stand still which has little and runs everything else as well: on top of what is promised."""
