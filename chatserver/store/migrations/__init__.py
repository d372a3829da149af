"""How a database gets, and keeps, the schema of `tables.py`. Alembic is imported only when there is something to do."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

from chatserver.store.database import DatabaseTooNew

HEAD: Final = "0020"
"""The newest revision in `versions/`."""


def checked(stored: str | None, database: str) -> str | None:
    """The revision stored in `database` (its name, for people). Raises DatabaseTooNew for one that this release does not know."""
    if stored is not None and stored not in _revisions():
        raise DatabaseTooNew(
            f"The database {database} was written by a newer release (revision {stored}, this one knows {HEAD}). "
            "Install that release again, or restore a backup made before the upgrade."
        )
    return stored


def upgrade(connection: Any) -> None:
    """To HEAD, within the transaction of `connection` (SQLAlchemy's), which the caller ends."""
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    command.upgrade(config, "head")


def _revisions() -> set[str]:
    return {file.name.partition("_")[0] for file in (Path(__file__).parent / "versions").glob("[0-9]*_*.py")}
