"""How a database gets, and keeps, the schema of `tables.py`. Alembic is imported only when there is something to do."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Final

from chatserver.store.database import DatabaseNotReady, DatabaseTooNew

HEAD: Final = "0003"
"""The newest revision in `versions/`."""


def migrate(path: Path) -> None:
    """Create or upgrade the SQLite database at `path`, all or nothing. Raises DatabaseTooNew. Only one process at a time."""
    stored = known_revision(path)
    if stored != HEAD:
        _upgrade(path)


def known_revision(path: Path) -> str | None:
    """As `revision`. Raises DatabaseTooNew for one that this release does not know."""
    stored = revision(path)
    if stored is not None and stored not in _revisions():
        raise DatabaseTooNew(
            f"The database {path} was written by a newer release (revision {stored}, this one knows {HEAD}). "
            "Install that release again, or restore a backup made before the upgrade."
        )
    return stored


def require_current(path: Path) -> None:
    """For whoever only reads. Raises DatabaseTooNew and DatabaseNotReady."""
    if not path.exists():
        raise DatabaseNotReady(f"There is no database at {path} yet: `chatserver migrate` makes it.")
    if known_revision(path) != HEAD:
        raise DatabaseNotReady(
            f"The database {path} was written by an older release: `chatserver migrate` brings it up to date."
        )


def _revisions() -> set[str]:
    return {file.name.partition("_")[0] for file in (Path(__file__).parent / "versions").glob("[0-9]*_*.py")}


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
    from alembic import command
    from alembic.config import Config
    from sqlalchemy import URL, create_engine, event

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    engine = create_engine(URL.create("sqlite", database=str(path)))

    # Python's sqlite3 would commit before each CREATE TABLE: half a migration must never stay.
    @event.listens_for(engine, "connect")
    def _by_hand(connection: sqlite3.Connection, _record: object) -> None:
        connection.isolation_level = None

    try:
        with engine.connect() as connection:
            connection.exec_driver_sql("BEGIN IMMEDIATE")
            config.attributes["connection"] = connection
            command.upgrade(config, "head")
            connection.exec_driver_sql("COMMIT")
    finally:
        engine.dispose()
