"""The schema of a PostgreSQL database. Nodes that start together take turns: the first one migrates."""

from __future__ import annotations

import asyncio
import logging
import socket
from typing import Any, Final
from urllib.parse import urlsplit

import asyncpg

from chatserver.store import migrations
from chatserver.store.database import DatabaseAway, DatabaseNotReady, DatabaseUnusable
from chatserver.store.postgres.advice import ANOTHER_URL, NOT_THERE, to_do
from chatserver.store.tables import ids, metadata

log = logging.getLogger(__name__)

TURN: Final = 0x63686174
"""Of PostgreSQL's advisory locks, the one that migrations hold."""
OLDEST: Final = 13
"""The first PostgreSQL with everything that the statements use, and older than any that is cared for."""
LOCK_SECONDS: Final = 1.25
"""So long an upgrade waits for a table that somebody reads, a running pg_dump say, and whoever else wants that table waits behind
it: less long than nodes do before they refuse something (`patience.LOCK_MS`), and longer than it takes PostgreSQL to call its own
vacuum off (`deadlock_timeout`, 1 s)."""
TRIES: Final = 5
PAUSE_SECONDS: Final = 1.0
"""Between two tries; the nodes go on meanwhile."""
OLDEST_TRANSACTION: Final = """SELECT coalesce(nullif(application_name, ''), usename, backend_type), pid,
    extract(epoch FROM clock_timestamp() - xact_start)::integer
FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid() AND xact_start IS NOT NULL
ORDER BY xact_start LIMIT 1"""


LACKING: Final = """WITH ours AS (
    SELECT oid, relname, relnamespace::regnamespace::text AS place FROM pg_class
    WHERE oid = ANY (SELECT to_regclass(name) FROM unnest($1::text[]) AS name)
), needed AS (
    SELECT oid, relname, place, privilege FROM ours, unnest(ARRAY['SELECT', 'INSERT', 'UPDATE', 'DELETE']) AS privilege
), counters AS (
    SELECT pg_class.oid, pg_class.relname, ours.place, relkind FROM pg_depend
    JOIN ours ON ours.oid = refobjid JOIN pg_class ON pg_class.oid = objid AND relkind = 'S'
    UNION SELECT oid, relname, relnamespace::regnamespace::text, relkind FROM pg_class WHERE oid = to_regclass($2)
)
SELECT place, privilege, string_agg(relname, ', ' ORDER BY relname) FROM needed
WHERE NOT has_table_privilege(oid, privilege) GROUP BY place, privilege
UNION ALL SELECT place, 'USAGE', string_agg(relname, ', ' ORDER BY relname) FROM counters
WHERE CASE relkind WHEN 'S' THEN NOT has_sequence_privilege(oid, 'USAGE') END GROUP BY place
ORDER BY 1, 2"""
"""Schema, privilege, and the tables or sequences of ours on which the user who asks does not have it."""


GRANTS: Final = {
    "tables": "GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA {place} TO {user};",
    "counters": "GRANT USAGE ON ALL SEQUENCES IN SCHEMA {place} TO {user};",
    "schema": "GRANT USAGE, CREATE ON SCHEMA {place} TO {user};",
}


async def migrate(dsn: str) -> None:
    """Create or upgrade the database, all or nothing, and see that its user may do there what a server does. Raises
    DatabaseTooNew, DatabaseNotReady for a PostgreSQL that is too old, DatabaseAway where nobody answers or nothing can be
    written, DatabaseUnusable when it lets nobody in, cannot keep all texts, holds tables of somebody else, somebody holds a table
    for long, or a privilege is missing, and what asyncpg raises."""
    connection = await connected(dsn)
    try:
        stored = await _stored(connection, dsn)
        await _require_place(connection, dsn)
    finally:
        await connection.close()
    if stored != migrations.HEAD:
        await _upgrade(dsn, stored)
    await _require_privileges(dsn)


async def _require_place(connection: Any, dsn: str) -> None:
    """It takes writes, and whatever people write."""
    read_only, encoding = await connection.fetchrow(
        "SELECT current_setting('transaction_read_only'), current_setting('server_encoding')"
    )
    if encoding != "UTF8":
        raise DatabaseUnusable(
            f"The database {shown(dsn)} is in {encoding}, which cannot keep all that people write: make one in UTF8 "
            "(createdb --encoding UTF8 --template template0 NAME)."
        )
    if read_only != "off":  # a standby may be about to take over
        raise DatabaseAway(
            f"The database {shown(dsn)} takes no writes: it is a standby, or read-only "
            "(default_transaction_read_only). The URL of the database has to name the server that does."
        )


async def _require_privileges(dsn: str) -> None:
    """Without one of them everything goes well until what needs it is due, perhaps at night."""
    connection = await connected(dsn)
    try:
        lacking = await connection.fetch(LACKING, [table.name for table in metadata.sorted_tables], ids.name)
        user = await connection.fetchval("SELECT quote_ident(current_user)")
    finally:
        await connection.close()
    if lacking:
        what = "; ".join(f"{privilege} on {names}" for _, privilege, names in lacking)
        kinds = dict.fromkeys(
            ("counters" if kind == "USAGE" else "tables", place) for place, kind, _ in lacking
        )
        grants = " ".join(GRANTS[kind].format(place=place, user=user) for kind, place in kinds)
        raise DatabaseUnusable(
            f"The database {shown(dsn)} does not let {user} do all that a server has to. Missing: {what}. "
            f"Its owner can give it: {grants}"
        )


async def known_revision(dsn: str) -> str | None:
    """The revision stored in the database; None when it has no schema yet. Raises DatabaseTooNew for one that this release does
    not know, DatabaseUnusable."""
    connection = await connected(dsn)
    try:
        return await _stored(connection, dsn)
    finally:
        await connection.close()


async def _stored(connection: Any, dsn: str) -> str | None:
    """See `known_revision`."""
    if (version := connection.get_server_version()).major < OLDEST:
        raise DatabaseNotReady(
            f"PostgreSQL {version.major} at {shown(dsn)} is too old: {OLDEST} is the first version that will do. Upgrade it, "
            f"or {ANOTHER_URL}."
        )
    try:
        known = await connection.fetchval("SELECT to_regclass('alembic_version')")
        stored = await connection.fetchval("SELECT version_num FROM alembic_version") if known else None
    except asyncpg.InsufficientPrivilegeError as problem:
        raise await _not_theirs(dsn, problem, "tables", "counters") from None
    return migrations.checked(stored, shown(dsn))


async def require_current(dsn: str) -> None:
    """For whoever only reads. Raises DatabaseTooNew, DatabaseNotReady and DatabaseUnusable."""
    stored = await known_revision(dsn)
    if stored is None:
        raise DatabaseNotReady(
            f"The database {shown(dsn)} is empty: `chatserver migrate` fills it, if DATABASE_URL names the one that is meant."
        )
    if stored != migrations.HEAD:
        raise DatabaseNotReady(
            f"The database {shown(dsn)} was written by an older release: `chatserver migrate` brings it up to date."
        )


def shown(dsn: str) -> str:
    """Host, port and name of a database; never the password."""
    try:
        parts = urlsplit(dsn)
        return f"{parts.hostname or 'localhost'}:{parts.port or 5432}{parts.path}"
    except ValueError:  # it names the part that it could not read, which may be the password's
        return "of the given URL"


async def connected(dsn: str) -> Any:
    """A connection for a few quick questions. Raises DatabaseAway and DatabaseUnusable."""
    try:
        return await asyncpg.connect(dsn, timeout=5, command_timeout=10)
    except asyncpg.CannotConnectNowError as problem:
        raise DatabaseAway(f"The database {shown(dsn)} cannot be used yet: {problem}.") from problem
    except asyncpg.PostgresError as problem:  # in the server's words, which quote no password
        raise DatabaseUnusable(
            f"The database {shown(dsn)} cannot be used: {problem}. {to_do(problem)}"
        ) from problem
    except socket.gaierror as problem:
        raise DatabaseAway(
            f"The database {shown(dsn)} cannot be reached: no address is known for that name. See to DNS, or {ANOTHER_URL}."
        ) from problem
    except (OSError, TimeoutError) as problem:
        raise DatabaseAway(
            f"The database {shown(dsn)} cannot be reached: nobody answers there. {NOT_THERE}"
        ) from problem
    except (ValueError, asyncpg.InterfaceError):
        raise DatabaseUnusable(
            "The URL of the database cannot be read: in a password, what is neither letter nor digit is written as %40 and so on."
        ) from None


async def _upgrade(dsn: str, stored: str | None) -> None:
    """`stored`: the revision from which."""
    from sqlalchemy.exc import DBAPIError
    from sqlalchemy.ext.asyncio import create_async_engine
    from sqlalchemy.pool import NullPool

    async def connect() -> Any:
        return await asyncpg.connect(dsn, timeout=5)

    engine = create_async_engine("postgresql+asyncpg://", async_creator=connect, poolclass=NullPool)
    try:
        async with engine.connect() as connection:
            await connection.exec_driver_sql(f"SELECT pg_advisory_lock({TURN})")
            await connection.commit()
            for left in range(TRIES - 1, -1, -1):
                try:
                    async with connection.begin():
                        await connection.exec_driver_sql(f"SET LOCAL lock_timeout = '{LOCK_SECONDS:g}s'")
                        return await connection.run_sync(migrations.upgrade)
                except DBAPIError as problem:
                    state = getattr(problem.orig, "sqlstate", None)
                    if state in _NOT_ALLOWED:
                        raise await _not_theirs(dsn, problem.orig, *([] if stored else ["schema"])) from None
                    if state == asyncpg.DuplicateTableError.sqlstate and not stored:
                        raise DatabaseUnusable(
                            f"The database {shown(dsn)} is somebody else's: {_words(problem.orig)}. Nothing was changed. "
                            f"Make one for this server alone (createdb --owner USER NAME), and {ANOTHER_URL}."
                        ) from None
                    if state != asyncpg.LockNotAvailableError.sqlstate:
                        raise
                    sentence = f"The database {shown(dsn)} cannot be upgraded now: {await _in_the_way(dsn)}"
                    if not left:
                        raise DatabaseUnusable(
                            f"{sentence} Nothing was changed. Try again after that."
                        ) from None
                    log.warning("%s Trying again.", sentence)
                await asyncio.sleep(PAUSE_SECONDS)
    finally:
        await engine.dispose()


_NOT_ALLOWED: Final = (
    asyncpg.InsufficientPrivilegeError.sqlstate,
    asyncpg.InvalidSchemaNameError.sqlstate,  # there is none that they may use
)


async def _not_theirs(dsn: str, problem: BaseException | None, *grants: str) -> DatabaseUnusable:
    """In the server's words too, which name a table or schema and nothing of what is in it. `grants`: what helps, of `GRANTS`;
    none where only the owner can do what has to be done."""
    connection = await connected(dsn)
    try:
        place, user = await connection.fetchrow(
            "SELECT coalesce(quote_ident(current_schema()), 'public'), quote_ident(current_user)"
        )
    finally:
        await connection.close()
    given = " ".join(GRANTS[grant].format(place=place, user=user) for grant in grants)
    to_do = (
        f"Its owner can let them: {given}" if given else "`chatserver migrate` with the owner's URL does it."
    )
    return DatabaseUnusable(
        f"The database {shown(dsn)} has to belong to the user who comes: {_words(problem)}. {to_do}"
    )


def _words(problem: BaseException | None) -> str:
    """The server's."""
    return str(problem).rpartition(": ")[2]


async def _in_the_way(dsn: str) -> str:
    connection = await connected(dsn)
    try:
        oldest = await connection.fetchrow(OLDEST_TRANSACTION)
    finally:
        await connection.close()
    if oldest is None:
        return "somebody held a table until just now."
    return "{} (process {}) has been in a transaction for {} s, and may hold a table.".format(*oldest)
