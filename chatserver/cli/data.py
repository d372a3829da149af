"""`chatserver backup`, `chatserver restore` and `chatserver move`."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from chatserver.cli.base import bar, fail, load_settings, said_plainly

if TYPE_CHECKING:
    from chatserver.settings import Settings
    from chatserver.store.moving import Moved
    from chatserver.store.wholeness import Contents, Known

_FILE = click.Path(dir_okay=False, path_type=Path)
_DIRECTORY = click.Path(file_okay=False, path_type=Path)


@click.command()
@click.argument("file", type=_FILE)
@click.option("--force", is_flag=True, help="replace FILE if it is there")
@click.option(
    "--files",
    "copies",
    type=_DIRECTORY,
    help="copy what people sent to this directory, as far as it is not there yet",
)
def backup(file: Path, force: bool, copies: Path | None) -> None:
    """Copy the database to FILE, also while servers run. What FILE holds is looked at before it gets its name.

    With PostgreSQL by its pg_dump, which has to be installed. Ends with code 1 where a file of a message is missing.
    """
    from chatserver.cli.copies import back_up_files
    from chatserver.store.making import sha256

    settings = load_settings()
    contents = said_plainly(settings, lambda: _back_up(settings, file, force))
    click.echo(f"{file}: {file.stat().st_size / 1_000_000:.1f} MB, {_told(contents)}")
    click.echo(f"sha256 {sha256(file)}")
    back_up_files(settings, copies)


def _back_up(settings: Settings, file: Path, force: bool) -> Contents:
    with bar("Database") as begun:
        if settings.on_postgres:
            import asyncio

            from chatserver.store.postgres import backup as postgres

            return asyncio.run(postgres.back_up(settings.database_url, file, force=force, begun=begun))
        from chatserver.store.sqlite import backup as sqlite

        return sqlite.back_up(settings.database_path, file, force=force, begun=begun)


@click.command()
@click.argument("file", type=_FILE)
@click.option(
    "--force",
    is_flag=True,
    help="replace what is in the database: SQLite keeps it beside, PostgreSQL drops it",
)
@click.option("--files", "copies", type=_DIRECTORY, help="where `backup --files` put what people sent")
def restore(file: Path, force: bool, copies: Path | None) -> None:
    """Put back FILE, which `chatserver backup` made. Not while a server runs.

    Whoever was connected before sees at their return that the conversation is an earlier one. Sessions hold. Ends with code 1
    where a file of a message is missing.
    """
    from chatserver.cli.copies import restore_files

    settings = load_settings()
    contents, before, formerly = said_plainly(settings, lambda: _put_back(settings, file, force))
    click.echo(f"{settings.database_shown}: {_told(contents)}")
    if before:
        click.echo(before)
    restore_files(settings, copies, formerly)


def _put_back(settings: Settings, file: Path, force: bool) -> tuple[Contents, str, Known | None]:
    """What there is now, what became of what there was, and what a directory of files knows that by."""
    if settings.on_postgres:
        import asyncio

        from chatserver.store.postgres import backup as postgres

        formerly = asyncio.run(postgres.known(settings.database_url))
        with bar("Database") as begun:
            restoring = postgres.restore(file, settings.database_url, force=force, begun=begun)
            contents, gone = asyncio.run(restoring)
        return contents, f"What was there before is gone: {postgres.told(gone)}." if gone else "", formerly
    from chatserver.store.sqlite import backup as sqlite

    with bar("Database") as begun:
        contents, kept = sqlite.restore(file, settings.database_path, force=force, begun=begun)
    if kept is None:
        return contents, "", None
    return contents, f"What was there before is kept as {kept}.", sqlite.known(kept)


def _told(contents: Contents) -> str:
    if contents.last_at is None:
        return "no conversation yet."
    last = datetime.fromtimestamp(contents.last_at / 1000, UTC).isoformat(timespec="seconds")
    return (
        f"{contents.tickets} tickets, {contents.items} messages and events, the last of {last}. "
        "Whatever was written after that is not in it."
    )


@click.command()
@click.option(
    "--to", "url", required=True, metavar="URL", help="an empty PostgreSQL: postgresql://user@host:5432/name"
)
def move(url: str) -> None:
    """Copy the SQLite database into an empty PostgreSQL one. The two are compared. Not while a server runs.

    A password in URL can be seen in the list of processes: leave it out, and set PGPASSWORD or PGPASSFILE. The SQLite file stays.
    """
    from chatserver.cli.copies import moved_files
    from chatserver.settings.addresses import POSTGRES

    settings = load_settings()
    if settings.on_postgres:
        fail(
            "The data is in PostgreSQL already. There is no way back to SQLite: restore a backup made before the move."
        )
    if not url.startswith(POSTGRES):
        fail("--to must be an address like postgresql://user@host:5432/name.")
    moved = said_plainly(settings, lambda: _moved(settings, url))
    rows = ", ".join(f"{count} {table}" for table, count in moved.rows.items() if count)
    click.echo(f"Moved and compared: {rows}.")
    if moved.cleaned:
        click.echo(
            f"{moved.cleaned} texts held characters that PostgreSQL does not take: they are \N{REPLACEMENT CHARACTER} there.",
            err=True,
        )
    click.echo(
        f"{settings.database_path} is as it was. From now on, for every server and command:\n"
        f"DATABASE_URL={_without_password(url)}\n"
        "REDIS_URL=redis://…  (only for several servers, docs/deploy.md)"
    )
    click.echo(_mail_from_now_on(settings))
    said_plainly(settings, lambda: moved_files(settings, url))


def _mail_from_now_on(settings: Settings) -> str:
    """Nobody would miss what waits at the mail host until customers ask why nobody answers."""
    if settings.takes_mail:
        return (
            "`chatserver serve` takes no incoming mail any more: start `chatserver mail` beside it, with the same settings "
            "(docs/email.md)."
        )
    return "Should mail come in here: on PostgreSQL `chatserver mail` takes it, beside `chatserver serve` (docs/email.md)."


def _moved(settings: Settings, url: str) -> Moved:
    import asyncio

    from chatserver.store.moving import move as moving

    with bar("Moving") as begun:
        return asyncio.run(moving(settings.database_path, url, begun))


def _without_password(url: str) -> str:
    before, at, host = url.rpartition("@")
    scheme, _, people = before.partition("://")
    user, colon, _ = people.partition(":")
    return f"{scheme}://{user}{':…' if colon else ''}@{host}" if at else url
