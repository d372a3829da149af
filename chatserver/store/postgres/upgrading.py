"""The moment in which a PostgreSQL server is asked for TLS, put right in asyncpg.

Its protocol for that keeps the answer in a future, and puts the connection's end there when that comes first. Whoever asked may
have been cancelled by then, before they waited for it: a connection that is given up while it is being opened, or the one by
which a question under way is called off. Nobody ever looks at the future then, and asyncio logs an exception that was never
retrieved.
"""

from __future__ import annotations

import asyncio
from typing import Any

from asyncpg import connect_utils


class Asked(connect_utils.TLSUpgradeProto):  # type: ignore[misc]  # asyncpg has no types
    """Whoever waits for the answer gets it, or its exception, as ever; that nobody does is no news."""

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self.on_data.add_done_callback(_seen)


def put_right() -> None:
    """For every connection of this process from now on. Harmless twice."""
    connect_utils.TLSUpgradeProto = Asked


def _seen(answer: asyncio.Future[bool]) -> None:
    if not answer.cancelled():
        answer.exception()  # from here on it counts as retrieved
