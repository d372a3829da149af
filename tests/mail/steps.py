"""How much work something is, counted and not timed: the same on each machine."""

from __future__ import annotations

import sys
from collections.abc import Callable
from types import FrameType
from typing import Any


def steps(work: Callable[[], object]) -> int:
    """Lines that are run, each turn of a loop anew. Inside of a line the work has the bounds that the code states:
    a pattern sees a line's first 600 characters or a tag's first 4,000, a search passes over what it searched."""
    counted = 0

    def count(frame: FrameType, event: str, argument: Any) -> Any:
        nonlocal counted
        counted += event == "line"
        return count

    before = sys.gettrace()
    sys.settrace(count)
    try:
        work()
    finally:
        sys.settrace(before)
    return counted
