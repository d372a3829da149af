"""`chatserver backup` and `chatserver restore`."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from chatserver.cli_base import fail, load_settings, said_plainly

if TYPE_CHECKING:
    from chatserver.settings import Settings
    from chatserver.store.sqlite.backup import Contents

_FILE = click.Path(dir_okay=False, path_type=Path)


@click.command()
@click.argument("file", type=_FILE)
@click.option("--force", is_flag=True, help="replace FILE if it is there")
def backup(file: Path, force: bool) -> None:
    """Copy the database to FILE, also while the server runs. What FILE holds is looked at before it gets its name."""
    from chatserver.store.sqlite.backup import back_up

    settings = _on_sqlite(load_settings(), "pg_dump --format=custom")
    contents = said_plainly(settings, lambda: back_up(settings.database_path, file, force=force))
    click.echo(f"{file}: {_told(contents)}")


@click.command()
@click.argument("file", type=_FILE)
@click.option("--force", is_flag=True, help="replace the database that is there; it is kept beside")
def restore(file: Path, force: bool) -> None:
    """Put FILE, which `chatserver backup` made, in the place of the database. Not while the server runs.

    Whoever was connected before sees at their return that the conversation is an earlier one. Sessions hold.
    """
    from chatserver.store.sqlite.backup import restore as put_back

    settings = _on_sqlite(load_settings(), "pg_restore")
    path = settings.database_path
    contents, kept = said_plainly(settings, lambda: put_back(file, path, force=force))
    click.echo(f"{path}: {_told(contents)}")
    if kept is not None:
        click.echo(f"What was there before is kept as {kept}.")


def _on_sqlite(settings: Settings, instead: str) -> Settings:
    if settings.on_postgres:
        fail(f"This is for SQLite. With PostgreSQL use its own tools ({instead}): docs/operations.md.")
    return settings


def _told(contents: Contents) -> str:
    size = f"{contents.size / 1_000_000:.1f} MB"
    if contents.last_at is None:
        return f"{size}, no conversation yet."
    last = datetime.fromtimestamp(contents.last_at / 1000, UTC).isoformat(timespec="seconds")
    return (
        f"{size}, {contents.tickets} tickets, {contents.items} messages and events, the last of {last}. "
        "Whatever was written after that is not in it."
    )
