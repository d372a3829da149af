"""What the commands share: settings, the database, and sentences instead of tracebacks."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final, NoReturn, TypeVar, overload

import click

if TYPE_CHECKING:
    import sqlite3

    from chatserver.core.people import App
    from chatserver.services.administration import (
        AddAgent,
        AddApp,
        ChangeAgent,
        ChangeApp,
        ChangeCompany,
        ChangePassword,
        Order,
    )
    from chatserver.settings import Settings
    from chatserver.store.database import Database, Reader
    from chatserver.store.making import Begun, Progress

R = TypeVar("R")

SHOWN_TIMES: Final = 500
"""A bar is drawn anew so often at most, however small the parts are of which it hears."""


def fail(sentence: str) -> NoReturn:
    """Say it on standard error, and end with code 1."""
    click.echo(sentence, err=True)
    sys.exit(1)


def load_settings() -> Settings:
    """The environment's, with logging set up by them; those that cannot be used are sentences."""
    from chatserver import telemetry
    from chatserver.settings import BadSettings, load, unknown

    try:
        settings = load()
    except BadSettings as bad:
        fail("\n".join(bad.problems))
    for name in unknown():
        click.echo(f"{name} is no setting of this server (docs/settings.md lists them).", err=True)
    telemetry.set_up(settings.log_level, settings.log_format)
    return settings


@contextmanager
def bar(label: str) -> Iterator[Begun]:
    """On standard error, where a person watches at a terminal. Whoever does the work says how much there is of it."""
    with click.progressbar(length=1, label=label, file=sys.stderr, hidden=not sys.stderr.isatty()) as shown:

        def begun(whole: int) -> Progress:
            shown.length = max(whole, 1)
            shown.update_min_steps = max(whole // SHOWN_TIMES, 1)
            return shown.update

        yield begun


def with_database(settings: Settings, work: Callable[[Database], Awaitable[R]]) -> R:
    """Open the database for writing, do something, close it. On SQLite not while a server runs."""
    return said_plainly(settings, lambda: asyncio.run(_opened(settings, work)))


async def _opened(settings: Settings, work: Callable[[Database], Awaitable[R]]) -> R:
    from chatserver.store.database import Database

    db = await Database.open(settings.database, committed=lambda events: None)
    try:
        return await work(db)
    finally:
        await db.close()


@overload
def ordered(settings: Settings, order: AddApp | ChangeApp) -> App: ...


@overload
def ordered(settings: Settings, order: AddAgent | ChangePassword | ChangeAgent | ChangeCompany) -> None: ...


def ordered(settings: Settings, order: Order) -> App | None:
    """Carry out what an administrator wants; a server that has the SQLite file does it for us, one on PostgreSQL will notice.

    Where there is no database none is made: a command that stands in the wrong directory, or lacks the server's settings, would
    seem to have done what no server will ever know."""
    from chatserver.processes import control
    from chatserver.services.administration import carry_out
    from chatserver.store.database import DatabaseInUse, Reader, wall_clock

    async def carried_out() -> App | None:
        await (await Reader.look(settings.database)).close()
        return await _opened(settings, lambda db: carry_out(db, order, settings.policy, wall_clock()))

    def here() -> App | None:
        return asyncio.run(carried_out())

    def here_or_there() -> App | None:
        try:
            return here()
        except DatabaseInUse:
            try:
                return control.hand_over(control.path_beside(settings.database_path), order)
            except control.NobodyThere:
                pass
            except control.NotDone as problem:
                fail(str(problem))
            raise

    return said_plainly(settings, here_or_there)


def address(settings: Settings) -> str:
    """Where people find the server: the one that runs may have been started with another PORT than this command. With PostgreSQL
    there are many, and PUBLIC_URL says it."""
    if settings.public_url or settings.on_postgres:
        return settings.address
    from chatserver.processes import control

    return control.address(control.path_beside(settings.database_path)) or settings.address


def up_to_date(settings: Settings) -> None:
    """PostgreSQL answers, within `wait_seconds`, and has this release's schema; also beside nodes that run."""
    import time

    from chatserver.store.database import DatabaseAway
    from chatserver.store.migrations.postgres import migrate
    from chatserver.store.postgres.database import plain_url

    async def reach() -> None:
        end, said = time.monotonic() + settings.wait_seconds, False
        while True:
            try:
                return await migrate(plain_url(settings.database_url))
            except DatabaseAway as away:
                if time.monotonic() >= end:
                    raise
                if not said:
                    click.echo(f"{away} Trying again for {settings.wait_seconds:g} s.", err=True)
                said = True
            await asyncio.sleep(0.25)

    said_plainly(settings, lambda: asyncio.run(reach()))


def looking(settings: Settings, work: Callable[[Reader], Awaitable[R]]) -> R:
    """Look into the database, also while a server runs."""
    from chatserver.store.database import Reader

    async def run() -> R:
        db = await Reader.look(settings.database)
        try:
            return await work(db)
        finally:
            await db.close()

    return said_plainly(settings, lambda: asyncio.run(run()))


def said_plainly(settings: Settings, do: Callable[[], R]) -> R:
    """What a person can put right becomes one sentence."""
    import sqlite3

    from chatserver.services.administration import sentence
    from chatserver.store.database import DatabaseUnusable

    try:
        return do()
    except DatabaseUnusable as problem:
        fail(str(problem))
    except OSError as problem:
        fail(
            f"The database {settings.database_shown} cannot be used: {problem.strerror or problem}. {_other_place(settings)}"
        )
    except sqlite3.Error as problem:
        fail(
            f"The database {settings.database_shown} cannot be used: {problem}. {_other_file(problem, settings)}"
        )
    except Exception as problem:
        words = sentence(problem)
        if words is None:
            raise
        fail(words)


def _other_place(settings: Settings) -> str:
    """What to do where a file cannot be made or opened."""
    if settings.on_postgres:
        return "See to PostgreSQL, or set DATABASE_URL to another one."
    return "Set CHATSERVER_DATA_DIR to a directory that this user may write, with room in it."


def _other_file(problem: sqlite3.Error, settings: Settings) -> str:
    """What to do about what SQLite says of its file."""
    from sqlite3 import SQLITE_CORRUPT, SQLITE_NOTADB

    if getattr(problem, "sqlite_errorcode", 0) in (SQLITE_NOTADB, SQLITE_CORRUPT):
        return "Put a copy back, which keeps it beside (`chatserver restore FILE --force`), or set DATABASE_URL to another file."
    return _other_place(settings)
