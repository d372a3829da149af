"""Why a socket was closed, in codes of our own: below 4500 come back (with jitter), from 4500 on stop and say so."""

from __future__ import annotations

from typing import Final

GOING_AWAY: Final = 4001
"""The server stops or restarts: come back after the `goaway`'s time."""
SLOW: Final = 4002
"""Your queue was full: come back with the last number you have."""
SILENT: Final = 4003
"""Nothing was heard from you: no first frame in time, or none for two heartbeats."""
TRY_LATER: Final = 4004
"""Nobody can be let in just now, since too many come at once or the database is away: come back later, or at the moment that an
`error` frame gave."""
INTERNAL: Final = 4005
"""Our fault, logged. Come back."""

FLOOD: Final = 4008
"""Frames went on after several `rate_limited` answers. Come back, slower."""

BAD_AUTH: Final = 4501
"""No valid first frame, or credentials that will not get better: an `error` frame said why."""
SESSION_ENDED: Final = 4502
"""Signed out, here or elsewhere."""
BAD_PROTOCOL: Final = 4503
"""A version we do not speak, or frames that are no frames (binary, not JSON) again and again."""
