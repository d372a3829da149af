"""A copy of a SQLite database made while a server writes to it, and the way back. Everything here blocks."""

from __future__ import annotations

import os
import secrets
import shutil
import sqlite3
import urllib.parse
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from chatserver.store import wholeness
from chatserver.store.database import DatabaseNotReady, DatabaseUnusable
from chatserver.store.making import (
    BESIDE,
    BadCopy,
    Begun,
    Exists,
    Share,
    in_the_making,
    reason,
    require_file,
    require_new,
    unwatched,
)
from chatserver.store.migrations.sqlite import known_revision
from chatserver.store.sqlite.lock import Lock
from chatserver.store.wholeness import Contents, Known

BUSY_SECONDS: Final = 5
STEP_PAGES: Final = 512
"""2 MB. Beside 200 MB copied in one go, messages waited half a second for the disk; so, less than 50 ms (docs/operations.md)."""
COPY_BYTES: Final = 2**20
"""Of a copy that is put back, in hand at once."""
# Nothing that was read could be trusted, so it cannot be put in order either: it is kept as it lies there.
_DAMAGED: Final = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}


def back_up(database: Path, target: Path, *, force: bool = False, begun: Begun = unwatched) -> Contents:
    """Copy the database as it is now to the file `target`, look at the copy, and only then give it its name.

    Beside a server: it reads one state of the database, writers go on, and nobody waits. One half of what is `begun` is the copy,
    by its pages; the other one is to look at it, of which SQLite says nothing until its end. Raises DatabaseNotReady, Exists
    (without `force`) and BadCopy.
    """
    if not database.exists():
        raise DatabaseNotReady(f"There is no database at {database}: there is nothing to back up.")
    if target.resolve() in {database.resolve().with_name(database.name + end) for end in ("", *BESIDE)}:
        raise Exists(f"{target} is the database itself: give another name.")
    require_new(target, force=force)
    try:
        with in_the_making(target) as part:
            looked = _copy(database, part, begun)
            contents = look_at(part, target)
            looked.done()
            return contents
    except (OSError, sqlite3.Error) as problem:
        raise BadCopy(f"{target} could not be made: {reason(problem)}.") from problem


def _copy(database: Path, part: Path, begun: Begun) -> Share:
    """A few pages at a time, each on the disk before the next: a server's own syncs would have to wait for all of it at once.
    Gives the other half of the work.

    A copy in several steps begins anew whenever somebody writes in between, unless its connection is in the middle of reading:
    then it goes on with the state that it began with. Meanwhile the log is not begun anew: it grows by what is written.
    """
    address = f"file:{urllib.parse.quote(str(database.absolute()))}?mode=ro"
    with (
        closing(sqlite3.connect(address, uri=True, timeout=BUSY_SECONDS, isolation_level=None)) as source,
        closing(sqlite3.connect(part, isolation_level=None)) as copy,
        part.open("rb") as file,
    ):
        copy.execute("PRAGMA journal_mode=OFF").fetchall()  # a copy that fails is thrown away
        copy.execute("PRAGMA synchronous=OFF")
        source.execute("BEGIN")
        source.execute("SELECT count(*) FROM sqlite_master").fetchall()
        pages = source.execute("PRAGMA page_count").fetchone()[0]
        progress = begun(2 * pages)
        copied = Share(progress, pages, pages)

        def stepped(status: int, left: int, all_of_them: int) -> None:
            os.fdatasync(file.fileno())
            copied.at(all_of_them - left)

        source.backup(copy, pages=STEP_PAGES, progress=stepped)
        copy.execute("PRAGMA journal_mode=DELETE").fetchall()  # one file is the whole of it
        return Share(progress, pages, pages)


def look_at(copy: Path, called: Path) -> Contents:
    """`called`: what people know it as. Raises BadCopy, DatabaseTooNew."""
    try:
        revision = known_revision(copy)
        if revision is None:
            raise BadCopy(f"{called} is no database of this server.")
        with closing(sqlite3.connect(copy)) as database:
            found = database.execute("PRAGMA integrity_check(1)").fetchone()[0]
            if found != "ok":
                raise BadCopy(f"{called} is damaged: {found}.")
            _has_its_end(database, copy, called)
            _keeps_to(database, revision, called)
            return Contents(*database.execute(wholeness.CONTENTS).fetchone())
    except sqlite3.Error as problem:
        if getattr(problem, "sqlite_errorcode", 0) == sqlite3.SQLITE_NOTADB:  # one of PostgreSQL, say
            raise BadCopy(
                f"{called} is no copy that `chatserver backup` made of a SQLite database."
            ) from problem
        raise BadCopy(f"{called} cannot be read: {problem}.") from problem


def _has_its_end(database: sqlite3.Connection, copy: Path, called: Path) -> None:
    """SQLite takes zeros for what is missing of the last page. Where that holds the rest of a long text nothing else tells."""
    pages, size = (database.execute(f"PRAGMA {name}").fetchone()[0] for name in ("page_count", "page_size"))
    if (missing := pages * size - copy.stat().st_size) > 0:
        raise BadCopy(f"{called} is cut: {missing} bytes are missing at its end.")


def _keeps_to(database: sqlite3.Connection, revision: str, called: Path) -> None:
    for wrong, query in wholeness.checks(revision).items():
        if count := database.execute(query).fetchone()[0]:
            raise BadCopy(f"{called} is damaged: {count} {wrong}.")
    if strangers := database.execute("PRAGMA foreign_key_check").fetchone():
        raise BadCopy(
            f"{called} is damaged: a row of {strangers[0]} belongs to one of {strangers[2]} that is not there."
        )


def restore(
    source: Path, database: Path, *, force: bool = False, begun: Begun = unwatched
) -> tuple[Contents, Path | None]:
    """Put a copy in the place of the database; gives what it holds, and where the database before it is kept.

    The copy gets a new epoch, by which clients see that what they remember may not be there. One of an older release is brought
    up to date at the next start. What is `begun` is as in `back_up`, in bytes. Raises DatabaseInUse while a server runs, Exists
    (without `force`), BadCopy, DatabaseTooNew and DatabaseUnusable; the database is then as it was.
    """
    require_file(source)
    if database.exists() and database.samefile(source):
        raise BadCopy(f"{source} is the database itself.")
    if (log := source.with_name(source.name + "-wal")).exists() and log.stat().st_size:
        raise BadCopy(f"{source} was not made by `chatserver backup`: part of it is in {log.name} beside it.")
    if database.exists() and not force:
        raise Exists(f"{database} is there already: --force replaces it, and keeps it beside.")
    database.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    lock = Lock(database)
    try:
        with in_the_making(database) as part:
            contents = _checked_copy(source, part, begun)
            kept = _kept(database) if database.exists() else None
    except sqlite3.Error as problem:
        raise DatabaseUnusable(f"The database {database} cannot be kept: {problem}.") from problem
    except OSError as problem:
        raise DatabaseUnusable(f"The database {database} cannot be replaced: {reason(problem)}.") from problem
    finally:
        lock.release()
    return contents, kept


def _checked_copy(source: Path, part: Path, begun: Begun) -> Contents:
    try:
        looked = _copied(source, part, begun)
    except OSError as problem:
        raise BadCopy(f"{source} cannot be copied: {reason(problem)}.") from problem
    contents = look_at(part, source)
    looked.done()
    with closing(sqlite3.connect(part)) as copy, copy:
        copy.execute("PRAGMA journal_mode=DELETE").fetchall()
        copy.execute("UPDATE meta SET value = ? WHERE key = 'epoch'", (secrets.token_urlsafe(12),))
    return contents


def _copied(source: Path, part: Path, begun: Begun) -> Share:
    """Gives the other half of the work."""
    size = source.stat().st_size
    progress = begun(2 * size)
    copied = Share(progress, size, size)
    with source.open("rb") as reading, part.open("wb") as writing:
        while piece := reading.read(COPY_BYTES):
            writing.write(piece)
            copied.at(reading.tell())
    return Share(progress, size, size)


def known(kept: Path) -> Known | None:
    """Of what `restore` kept, without touching it or its log; None where nothing can be made of it."""
    address = f"file:{urllib.parse.quote(str(kept.absolute()))}?mode=ro&immutable=1"
    try:
        with closing(sqlite3.connect(address, uri=True)) as database:
            return Known(**dict(database.execute(wholeness.KNOWN).fetchall()))
    except (sqlite3.Error, TypeError):
        return None


def _kept(database: Path) -> Path:
    """A second name for the database as it was; no log of it is left that could meet the next one."""
    kept = database.with_name(f"{database.name}.{datetime.now(UTC):%Y%m%dT%H%M%S}")
    logs = _logs_copied(database, kept)
    if _log_moved_in(database):
        for log in logs:
            log.unlink()
    kept.hardlink_to(database)
    for end in BESIDE:
        database.with_name(database.name + end).unlink(missing_ok=True)
    return kept


def _logs_copied(database: Path, kept: Path) -> list[Path]:
    """SQLite may throw away one that it cannot make anything of."""
    made = []
    for end in ("-wal", "-journal"):
        log, copy = (path.with_name(path.name + end) for path in (database, kept))
        if log.exists():
            copy.touch(mode=0o600)
            made.append(copy)
            shutil.copyfile(log, copy)
    return made


def _log_moved_in(database: Path) -> bool:
    """Whether the file alone is the whole database now; a damaged one never is. Raises DatabaseUnusable, sqlite3.Error."""
    try:
        with closing(sqlite3.connect(database)) as old:
            old.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
    except sqlite3.DatabaseError as problem:
        if getattr(problem, "sqlite_errorcode", 0) & 0xFF not in _DAMAGED:
            raise
        return False
    for end in BESIDE:
        left = database.with_name(database.name + end)
        if left.exists():
            raise DatabaseUnusable(f"{left} is still there: somebody else has the database open.")
    return True
