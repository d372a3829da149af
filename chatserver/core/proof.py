"""What tells people from robots without asking anybody else: time, a little work, or a sum that a person does at a glance.

None of it keeps out who wants to get in by all means; it makes a thousand votes cost more than they are worth.
"""

from __future__ import annotations

import hashlib
from typing import Final

import msgspec

from chatserver.core.errors import Refused

LEAST_MS: Final = 3_000
"""Nobody reads a question and answers it sooner."""
MOST_MS: Final = 2 * 3_600_000
WORK_BITS: Final = 14
"""A browser tries some 16,000 hashes: a fifth of a second of one telephone, an hour of a robot for twenty thousand votes."""
WORK_MAX: Final = 12
"""Characters of what a browser found."""


class Given(msgspec.Struct, frozen=True):
    """What came with a form."""

    token: str
    work: str = ""
    """From a script: with it behind the token, SHA-256 begins with `WORK_BITS` zeros."""
    answer: str = ""
    """From a person, where no script runs."""
    trap: str = ""
    """A field that people do not see."""


def check(given: Given, *, made_at: int, right_answer: bool, now: int) -> None:
    """`made_at` (ms): when the token was given out. Raises Refused(bad_proof)."""
    in_time = LEAST_MS <= now - made_at <= MOST_MS
    if given.trap or not in_time or not (right_answer or worked(given.token, given.work)):
        raise Refused("bad_proof")


def worked(token: str, work: str) -> bool:
    if not 1 <= len(work) <= WORK_MAX:
        return False
    digest = hashlib.sha256(f"{token}:{work}".encode()).digest()
    return int.from_bytes(digest[:4], "big") >> (32 - WORK_BITS) == 0
