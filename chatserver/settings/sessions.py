"""Settings of who signs in."""

from __future__ import annotations

from dataclasses import dataclass

from chatserver.settings import casts
from chatserver.settings.casts import DAY, setting


@dataclass(frozen=True)
class Sessions:
    """Tries of passwords, and how long who is in stays in."""

    sign_in_tries: int = setting(
        10,
        casts.whole(1, 1000),
        "Wrong passwords for one e-mail address within 15 minutes before it has to wait, at all servers of a database together.",
    )
    sign_in_tries_per_address: int = setting(
        200,
        casts.whole(1, 100_000),
        "Wrong passwords from one network address within 15 minutes before it has to wait, counted alike.",
    )
    agent_session_seconds: int = setting(
        DAY // 2, casts.whole(60, 90 * DAY), "An agent signs in again after so long."
    )
    anonymous_session_seconds: int = setting(
        365 * DAY,
        casts.whole(60, 3650 * DAY),
        "An anonymous customer who stays away for so long is a new one.",
    )
    verified_session_seconds: int = setting(
        DAY,
        casts.whole(60, 90 * DAY),
        "A verified customer needs a new user token from the host after so long.",
    )
    portal_session_seconds: int = setting(
        14 * DAY, casts.whole(60, 90 * DAY), "A customer signs in to the portal again after so long."
    )
