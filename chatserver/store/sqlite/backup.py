"""A copy of a SQLite database made while a server writes to it, and the way back. Everything here blocks."""

from __future__ import annotations

import os
import secrets
import shutil
import sqlite3
import urllib.parse
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

from chatserver.store.database import DatabaseNotReady, DatabaseUnusable
from chatserver.store.migrations.sqlite import known_revision
from chatserver.store.sqlite.lock import Lock

_LAST = "SELECT max(at) FROM items"
_BROKEN = """
SELECT count(*) FROM tickets t WHERE (last_seq, last_seq) IS NOT
  (SELECT count(*), coalesce(max(seq), 0) FROM items WHERE ticket_id = t.id)
"""
"""Tickets of which an item is missing."""


class BadCopy(DatabaseUnusable):
    """What was made, or is to be restored, is no whole database of ours. The message is a sentence."""


class Exists(DatabaseUnusable):
    """Something is there already that would be replaced. The message is a sentence."""


class Contents(NamedTuple):
    """What a copy holds. `last_at`: when the last of it was written (ms UTC), None while nothing was."""

    tickets: int
    items: int
    last_at: int | None
    size: int
    """Bytes."""


def back_up(database: Path, target: Path, *, force: bool = False) -> Contents:
    """Copy the database as it is now to the file `target`, look at the copy, and only then give it its name.

    Beside a server: it reads one state of the database, writers go on, and nobody waits. Raises DatabaseNotReady, Exists (without
    `force`) and BadCopy.
    """
    if not database.exists():
        raise DatabaseNotReady(f"There is no database at {database}: there is nothing to back up.")
    if target.exists() and not force:
        raise Exists(f"{target} is there already: give another name, or --force to replace it.")
    address = f"file:{urllib.parse.quote(str(database.absolute()))}?mode=ro"
    try:
        with _in_the_making(target) as part:
            with (
                closing(sqlite3.connect(address, uri=True)) as source,
                closing(sqlite3.connect(part)) as copy,
            ):
                # All pages in one step: a copy in several would begin anew whenever somebody writes in between.
                source.backup(copy, pages=-1)
                copy.execute("PRAGMA journal_mode=DELETE").fetchall()  # one file is the whole of it
            return look_at(part, target)
    except (OSError, sqlite3.Error) as problem:
        raise BadCopy(f"{target} could not be made: {_reason(problem)}.") from problem


def look_at(copy: Path, called: Path) -> Contents:
    """`called`: what people know it as. Raises BadCopy, DatabaseTooNew."""
    try:
        revision = known_revision(copy)
        if revision is None:
            raise BadCopy(f"{called} is no database of this server.")
        with closing(sqlite3.connect(copy)) as database:
            found = database.execute("PRAGMA integrity_check(1)").fetchone()[0]
            broken = database.execute(_BROKEN).fetchone()[0]
            tickets, items = (
                database.execute(f"SELECT count(*) FROM {table}").fetchone()[0]  # noqa: S608 - two constants
                for table in ("tickets", "items")
            )
            last_at = database.execute(_LAST).fetchone()[0]
    except sqlite3.Error as problem:
        raise BadCopy(f"{called} cannot be read: {problem}.") from problem
    if found != "ok" or broken:
        raise BadCopy(
            f"{called} is damaged: {found if found != 'ok' else f'items are missing in {broken} of its tickets'}."
        )
    return Contents(tickets, items, last_at, copy.stat().st_size)


def restore(source: Path, database: Path, *, force: bool = False) -> tuple[Contents, Path | None]:
    """Put a copy in the place of the database; gives what it holds, and where the database before it is kept.

    The copy gets a new epoch, by which clients see that what they remember may not be there. Raises DatabaseInUse while a server
    runs, Exists (without `force`), BadCopy and DatabaseTooNew, and what keeping the database before it raises; the database is
    then as it was.
    """
    if not source.is_file():
        raise BadCopy(f"There is no file {source}.")
    database.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    lock = Lock(database)
    try:
        if database.exists() and not force:
            raise Exists(f"{database} is there already: --force replaces it, and keeps it beside.")
        with _in_the_making(database) as part:
            try:
                shutil.copyfile(source, part)
            except OSError as problem:
                raise BadCopy(f"{source} cannot be copied: {_reason(problem)}.") from problem
            contents = look_at(part, source)
            with closing(sqlite3.connect(part)) as copy, copy:
                copy.execute("PRAGMA journal_mode=DELETE").fetchall()
                copy.execute("UPDATE meta SET value = ? WHERE key = 'epoch'", (secrets.token_urlsafe(12),))
            kept = _kept(database) if database.exists() else None
    finally:
        lock.release()
    return contents, kept


@contextmanager
def _in_the_making(target: Path) -> Iterator[Path]:
    """A file beside `target` that takes its name at the end of the block, whole and on the disk; gone if the block fails."""
    part = target.with_name(f"{target.name}.part")
    part.unlink(missing_ok=True)
    os.close(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
    try:
        yield part
        _synced(part)
        part.replace(target)
        _synced(target.parent)
    finally:
        for left in (part, *(part.with_name(part.name + end) for end in ("-wal", "-shm", "-journal"))):
            left.unlink(missing_ok=True)


def _kept(database: Path) -> Path:
    """A second name for the database as it was. Its log is moved into it first: it must not meet the next one."""
    with closing(sqlite3.connect(database)) as old:
        old.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
    for end in ("-wal", "-shm"):
        left = database.with_name(database.name + end)
        if left.exists():
            raise DatabaseUnusable(f"{left} is still there: somebody else has the database open.")
    kept = database.with_name(f"{database.name}.{datetime.now(UTC):%Y%m%dT%H%M%S}")
    kept.hardlink_to(database)
    return kept


def _reason(problem: Exception) -> object:
    return getattr(problem, "strerror", None) or problem


def _synced(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
