"""Whether anybody works with a database that is about to be replaced."""

from __future__ import annotations

from typing import Any, Final

import asyncpg

from chatserver.store.database import DatabaseInUse, DatabaseUnusable
from chatserver.store.migrations.postgres import known_revision, shown
from chatserver.store.postgres.clock import NOW

NAME: Final = "chatserver copying"
"""What connections of ours are called meanwhile; those of servers and other commands are called `chatserver`."""
ALIVE_MS: Final = 6_000
"""A node that was seen within so long may be one that cannot be seen among the connections, behind a pooler."""
OTHERS: Final = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'chatserver'"
_NODES: Final = "SELECT count(*) FROM nodes WHERE seen_at > $1"


async def connect(dsn: str) -> Any:
    """A connection that may take as long as it needs. Raises DatabaseUnusable and DatabaseTooNew."""
    await known_revision(dsn)  # it says in sentences what is wrong
    try:
        return await asyncpg.connect(
            dsn,
            timeout=5,
            server_settings={
                "application_name": NAME,
                "statement_timeout": "0",
                "idle_in_transaction_session_timeout": "0",
                "synchronous_commit": "on",
            },
            target_session_attrs="read-write",
        )
    except asyncpg.TargetServerAttributeNotMatched as problem:
        raise DatabaseUnusable(
            f"The database {shown(dsn)} takes no writes: it is a standby, or read-only. "
            "The URL of the database has to name the server that does."
        ) from problem
    except (asyncpg.PostgresError, OSError, TimeoutError) as problem:
        raise DatabaseUnusable(f"The database {shown(dsn)} cannot be used: {problem}.") from problem


async def require_unused(connection: Any, dsn: str) -> None:
    """Raises DatabaseInUse."""
    others = await connection.fetchval(OTHERS)
    nodes = 0
    if await connection.fetchval("SELECT to_regclass('nodes')"):
        nodes = await connection.fetchval(_NODES, await connection.fetchval(NOW) - ALIVE_MS)
    if others or nodes:
        raise DatabaseInUse(
            f"The database {shown(dsn)} is in use by {max(others, nodes)} connections of servers or commands. "
            f"Stop them all first (a server that was killed counts for {ALIVE_MS // 1000} s)."
        )
