"""When somebody's typing is passed on. Fifty tabs of one person may all say that they type: the other side hears of it once.

A sign that was not passed on is never forgotten: it is looked at again, so the last one said is the one that is shown.
"""

from __future__ import annotations

from typing import Final

import msgspec

STEP_MS: Final = 250
"""Between two signs of one side of a ticket, however often it changes its mind."""
REFRESH_MS: Final = 2_500
"""Somebody who goes on typing is shown again so often: receivers let a sign expire after `TYPING_SECONDS`."""


class Sign(msgspec.Struct, frozen=True, gc=False):
    """What the other side was shown last: at `at` (ms), when the ticket had `seq` items."""

    on: bool
    at: int
    seq: int


def wait(shown: Sign | None, on: bool, seq: int, now: int) -> int | None:
    """After how many ms `on` is passed on; 0: at once. None: whoever looks sees it already."""
    if shown is None:
        return 0
    since = now - shown.at
    # A message ends the sign of its author where it is shown: whoever types on is shown anew.
    fresh = 0 <= since < REFRESH_MS and shown.seq == seq
    if on == shown.on and (fresh or not on):
        return None
    return STEP_MS - since if 0 <= since < STEP_MS else 0
