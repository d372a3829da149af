"""What the commands share: settings, the database, and sentences instead of tracebacks."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, NoReturn, TypeVar

import click

if TYPE_CHECKING:
    from chatserver.settings import Settings
    from chatserver.store.database import Database, Reader

R = TypeVar("R")


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


def with_database(settings: Settings, work: Callable[[Database], Awaitable[R]]) -> R:
    """Open the database for writing, do something, close it. Not while a server runs."""
    from chatserver.store.database import Database

    async def run() -> R:
        db = await Database.open(settings.database, committed=lambda events: None, alone=True)
        try:
            return await work(db)
        finally:
            await db.close()

    return said_plainly(settings, lambda: asyncio.run(run()))


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

    from chatserver.core.errors import Refused
    from chatserver.services.apps import BadOptions
    from chatserver.store.accounts import Taken
    from chatserver.store.database import DatabaseUnusable

    try:
        return do()
    except DatabaseUnusable as problem:
        fail(str(problem))
    except BadOptions as bad:
        fail("\n".join(bad.problems))
    except Taken:
        fail("That name is taken already.")
    except Refused as refused:
        fail(_REFUSALS.get(refused.code, refused.code).format(limit=refused.limit))
    except LookupError as missing:
        fail(f"There is no app with the key {missing.args[0]!r}; `chatserver app list` shows all.")
    except OSError as problem:
        fail(f"The database {settings.database_shown} cannot be used: {problem.strerror or problem}.")
    except sqlite3.Error as problem:
        fail(f"The database {settings.database_shown} cannot be used: {problem}.")


_REFUSALS = {
    "too_short": "A password has at least {limit} characters.",
    "bad_email": "That is no e-mail address.",
    "not_found": "There is no agent with that e-mail address.",
}
