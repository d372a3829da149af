"""The schema of a SQLite file. Only one process at a time."""

from __future__ import annotations

import sqlite3
from pathlib import Path

from chatserver.store import migrations
from chatserver.store.database import DatabaseNotReady


def migrate(path: Path) -> None:
    """Create or upgrade the database at `path`, all or nothing. Raises DatabaseTooNew."""
    stored = known_revision(path)
    if stored != migrations.HEAD:
        _upgrade(path)


def known_revision(path: Path) -> str | None:
    """As `revision`. Raises DatabaseTooNew for one that this release does not know."""
    return migrations.checked(revision(path), str(path))


def require_current(path: Path) -> None:
    """For whoever only reads. Raises DatabaseTooNew and DatabaseNotReady."""
    if not path.exists():
        raise DatabaseNotReady(
            f"There is no database at {path.absolute()} yet: `chatserver migrate` makes it. Should a server have one "
            "elsewhere, this command needs that server's settings (CHATSERVER_DATA_DIR or DATABASE_URL)."
        )
    if known_revision(path) != migrations.HEAD:
        raise DatabaseNotReady(
            f"The database {path} was written by an older release: `chatserver migrate` brings it up to date."
        )


def revision(path: Path) -> str | None:
    """The revision stored in the database; None when it has no schema yet."""
    connection = sqlite3.connect(path)
    try:
        known = connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'alembic_version'").fetchone()
        row = connection.execute("SELECT version_num FROM alembic_version").fetchone() if known else None
    finally:
        connection.close()
    return None if row is None else str(row[0])


def _upgrade(path: Path) -> None:
    from sqlalchemy import URL, create_engine, event

    engine = create_engine(URL.create("sqlite", database=str(path)))

    # Python's sqlite3 would commit before each CREATE TABLE: half a migration must never stay.
    @event.listens_for(engine, "connect")
    def _by_hand(connection: sqlite3.Connection, _record: object) -> None:
        connection.isolation_level = None

    try:
        with engine.connect() as connection:
            connection.exec_driver_sql("BEGIN IMMEDIATE")
            migrations.upgrade(connection)
            connection.exec_driver_sql("COMMIT")
    finally:
        engine.dispose()
