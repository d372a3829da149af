"""New databases are copies of one that was made once: of one that the migrations made, which takes a tenth of a second, some
thousands of times, and of one with the demo in it, which takes a server a second of a core, some hundreds of times.
What is about migrations calls them itself (`store/migrations/sqlite.migrate`); commands of their own, and servers that are to
begin with nothing, run them too."""

from __future__ import annotations

import asyncio
import secrets
import shutil
import sqlite3
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from chatserver.services.apps import DEMO, DEMO_OFFICE, new_secret
from chatserver.settings import Settings
from chatserver.store.migrations.sqlite import migrate
from chatserver.store.sqlite import database

_turn = threading.Lock()
_demo: Path | None = None
"""Where the database with the demo is kept, of which `demo_at` makes copies."""


@contextmanager
def migrated_once(template: Path) -> Iterator[None]:
    """While this lasts, `Database.open` in this process. `template`: where the first one is kept."""
    turn = threading.Lock()

    def copied(path: Path) -> None:
        if path.stat().st_size:
            migrate(path)
            return
        with turn:
            if not template.exists():
                migrate(template)
        shutil.copyfile(template, path)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(database, "migrate", copied)
        yield


@contextmanager
def demo_made_once(template: Path) -> Iterator[None]:
    """While this lasts, `demo_at` copies. `template`: where the first one is kept."""
    global _demo
    _demo = template
    try:
        yield
    finally:
        _demo = None


def demo_at(path: Path) -> None:
    """A SQLite database as a server's first `demo` leaves it, with a life of its own; nothing outside `demo_made_once`."""
    if _demo is None:
        return
    with _turn:
        if not _demo.exists():
            making = _demo.with_suffix(".new")  # what was left half done is never copied
            making.unlink(missing_ok=True)
            furnish(making)
            making.rename(_demo)
    shutil.copy(_demo, path)
    with closing(sqlite3.connect(path)) as copy, copy:
        for statement in own_life():
            copy.execute(statement)


def own_life() -> list[str]:
    """SQL that makes new what no two databases have in common."""
    return [
        f"UPDATE meta SET value = '{secrets.token_urlsafe(12)}' WHERE key = 'epoch'",
        f"UPDATE meta SET value = '{secrets.token_hex(32)}' WHERE key = 'secret'",
        *(f"UPDATE apps SET secret = '{new_secret()}' WHERE key = '{key}'" for key in (DEMO, DEMO_OFFICE)),
    ]


def furnish(where: Path | str) -> None:
    """The demo's apps, agents and articles, in the database there; it is made where there is none."""
    # In a thread, since the test that asks first may run on an event loop.
    with ThreadPoolExecutor(1) as aside:
        aside.submit(asyncio.run, _furnished(where)).result()


async def _furnished(where: Path | str) -> None:
    from chatserver.demo.scene import prepare
    from chatserver.store.database import Database, wall_clock
    from tests.harness.server import PASSWORD  # which needs what is here

    db = await Database.open(where, committed=lambda events: None)
    try:
        await prepare(db, Settings(demo_password=PASSWORD), wall_clock)
    finally:
        await db.close()
