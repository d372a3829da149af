"""What to do about a PostgreSQL that does not let somebody in: beside its own words, which say what is wrong."""

from __future__ import annotations

from typing import Final

import asyncpg

ANOTHER_URL: Final = "correct the URL of the database"

_TO_DO: Final[dict[str, str]] = {
    asyncpg.InvalidCatalogNameError.sqlstate: f"Make it (createdb --owner USER NAME), or {ANOTHER_URL}.",
    asyncpg.InvalidPasswordError.sqlstate: "Correct user and password in the URL of the database.",
    asyncpg.InvalidAuthorizationSpecificationError.sqlstate: (
        "Correct the user in the URL of the database, or make them (createuser --pwprompt USER) and let them in (pg_hba.conf)."
    ),
    asyncpg.InsufficientPrivilegeError.sqlstate: "Its owner can let them in: GRANT CONNECT ON DATABASE name TO user;",
    asyncpg.TooManyConnectionsError.sqlstate: (
        "Each node takes seven of them: raise max_connections, or what the user or the database may have."
    ),
}
_ANYTHING: Final = f"See to it there, or {ANOTHER_URL}."
NOT_THERE: Final = f"Start PostgreSQL there, or {ANOTHER_URL}."


def to_do(problem: asyncpg.PostgresError) -> str:
    """A sentence, for somebody whom the server refused when they came."""
    return _TO_DO.get(problem.sqlstate or "", _ANYTHING)
