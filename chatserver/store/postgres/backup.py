"""A copy of a PostgreSQL database by `pg_dump` while nodes write to it, and the way back. Blocks the event loop: for commands."""

from __future__ import annotations

import os
import re
import secrets
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import IO, Any, Final

import asyncpg

from chatserver.store import migrations, tables, wholeness
from chatserver.store.database import DatabaseNotReady, DatabaseUnusable
from chatserver.store.making import (
    BadCopy,
    Begun,
    Exists,
    Progress,
    Share,
    in_the_making,
    reason,
    require_file,
    require_new,
    unwatched,
)
from chatserver.store.migrations.postgres import known_revision, migrate, shown
from chatserver.store.postgres.database import plain_url
from chatserver.store.postgres.programs import Address, Programs, address, found, hear, read, run, start
from chatserver.store.postgres.unused import NAME, OTHERS, connect, require_unused
from chatserver.store.wholeness import Contents, Known

OURS: Final = ("alembic_version", *(table.name for table in tables.metadata.sorted_tables))
AFTERWARDS: Final = 100
"""By one part of so many a bar is not full yet when a copy is read in: indexes are made, and what is there is looked at."""
_FROM_INPUT: Final = ("--format=custom",)
"""Of `pg_restore` where it reads its standard input: how far it is in that can be seen."""
_MAGIC: Final = b"PGDMP"
_BEGINS: Final = re.compile(r'dumping contents of table "(?:[^"]*\.)?(\w+)"')
_TABLE: Final = re.compile(r"^\d+; \d+ \d+ TABLE (\S+) (\S+) ", re.MULTILINE)


# — there ——————————————————————————————————————————————————————————————————————


async def back_up(url: str, target: Path, *, force: bool = False, begun: Begun = unwatched) -> Contents:
    """Copy our tables as they are now to the file `target`, read the copy once, and only then give it its name.

    Beside nodes: all of it is one snapshot. One half of what is `begun` is the dump, in bytes on the server's disk and a table at
    a time, since `pg_dump` says no more; the other one is to read the copy, as far as it was read. Raises DatabaseNotReady,
    NoProgram, Exists (without `force`), BadCopy, and DatabaseUnusable.
    """
    dsn = plain_url(url)
    revision = await known_revision(dsn)
    if revision is None:
        raise DatabaseNotReady(f"The database {shown(dsn)} is empty: there is nothing to back up.")
    require_new(target, force=force)
    connection = await connect(dsn)
    try:
        programs = found(connection.get_server_version().major)
        # What is counted and looked at is what is dumped.
        async with connection.transaction(isolation="repeatable_read", readonly=True):
            snapshot = await connection.fetchval("SELECT pg_export_snapshot()")
            present = await _present(connection)
            sizes = await _sizes(connection, present)
            whole = sum(sizes.values())
            progress = begun(2 * whole)
            with in_the_making(target) as part:
                _dump(programs, address(dsn, NAME), snapshot, present, part, Dumped(sizes, progress))
                _read_through(programs, part, target, Share(progress, whole, part.stat().st_size))
                return await _looked_at(connection, revision, f"The database {shown(dsn)}")
    except OSError as problem:
        raise BadCopy(f"{target} could not be made: {reason(problem)}.") from problem
    except asyncpg.PostgresError as problem:
        raise DatabaseUnusable(f"The database {shown(dsn)} cannot be copied: {problem}.") from problem
    finally:
        connection.terminate()


async def _present(connection: Any) -> list[str]:
    """Our tables that are there, and the sequence of ids, each with its schema: others may share the database."""
    rows = await connection.fetch(
        "SELECT format('%I.%I', relnamespace::regnamespace::text, relname) FROM pg_class "
        "WHERE oid = ANY (SELECT to_regclass(name) FROM unnest($1::text[]) AS name)",
        [*OURS, tables.ids.name],
    )
    return [row[0] for row in rows]


async def _sizes(connection: Any, present: list[str]) -> dict[str, int]:
    """Bytes on the server's disk, of each table without its indexes."""
    rows = await connection.fetch(
        "SELECT relname, pg_table_size(oid) FROM pg_class WHERE oid = ANY ($1::text[]::regclass[])", present
    )
    return {row[0]: row[1] for row in rows}


class Dumped:
    """What `pg_dump --verbose` says becomes progress: a table is done when it says the name of the next one."""

    def __init__(self, sizes: Mapping[str, int], progress: Progress) -> None:
        self._left = dict(sizes)
        self._progress = progress
        self._at = ""

    def hear(self, line: str) -> None:
        if table := _BEGINS.search(line):
            self._done(self._at)
            self._at = table[1]

    def end(self) -> None:
        for table in list(self._left):
            self._done(table)

    def _done(self, table: str) -> None:
        if table in self._left:
            self._progress(self._left.pop(table))


def _dump(
    programs: Programs, where: Address, snapshot: str, present: list[str], part: Path, dumped: Dumped
) -> None:
    wanted = [f"--table={name}" for name in present]
    by = [programs.pg_dump, "--format=custom", "--no-password", "--verbose"]
    command = [*by, f"--snapshot={snapshot}", f"--file={part}", *wanted, f"--dbname={where.url}"]
    done = hear(command, where.environment, dumped.hear)
    if done.returncode:
        raise BadCopy(f"pg_dump failed: {_last_line(done.stderr)}")
    dumped.end()


def _read_through(programs: Programs, copy: Path, called: Path, share: Share) -> str:
    """All of it; gives its list of contents. Raises BadCopy."""
    with copy.open("rb") as file:
        if file.read(len(_MAGIC)) != _MAGIC:
            raise BadCopy(f"{called} is no copy that `chatserver backup` made of a PostgreSQL database.")
    listed = run([programs.pg_restore, "--list", str(copy)])
    through = read([programs.pg_restore, *_FROM_INPUT, "--file=/dev/null"], copy, share.at)
    for done in (listed, through):
        if done.returncode:
            raise BadCopy(f"{called} cannot be read: {_last_line(done.stderr)}")
    share.done()
    return listed.stdout


async def _looked_at(connection: Any, revision: str, called: str) -> Contents:
    for wrong, query in wholeness.checks(revision).items():
        if count := await connection.fetchval(query):
            raise BadCopy(f"{called} is damaged: {count} {wrong}.")
    return Contents(*await connection.fetchrow(wholeness.CONTENTS))


# — and back ———————————————————————————————————————————————————————————————————


async def restore(
    source: Path, url: str, *, force: bool = False, begun: Begun = unwatched
) -> tuple[Contents, Contents | None]:
    """Put a copy in the place of what is in the database; gives what it holds, and what went for it.

    One transaction: what was there is dropped, the copy read in, looked at, and given a new epoch, by which clients see that what
    they remember may not be there. What is `begun` is to read the copy twice, in bytes: before anything is touched, and in; its
    last hundredth is what PostgreSQL does with it afterwards. Raises DatabaseInUse while nodes run, Exists (without `force`)
    where there is something of ours, BadCopy, DatabaseTooNew, NoProgram, DatabaseUnusable; the database is then as it was.
    """
    dsn = plain_url(url)
    require_file(source)
    connection = await connect(dsn)
    try:
        programs = found(connection.get_server_version().major)
        size = source.stat().st_size  # noqa: ASYNC240 - see above: it blocks
        afterwards = 2 * size // AFTERWARDS
        progress = begun(2 * size + afterwards)
        listed = _read_through(programs, source, source, Share(progress, size, size))
        schema = {name: schema for schema, name in _TABLE.findall(listed)}.get("alembic_version")
        if schema is None:
            raise BadCopy(f"{source} is no copy of a database of this server.")
        revision = _revision(programs, source)
        await require_unused(connection, dsn)
        present = await _present(connection)
        gone = await _gone(connection) if present else None
        if present and not force:
            raise Exists(
                f"The database {shown(dsn)} is not empty ({told(gone)}): restore into an empty one, or --force to drop that."
            )
        read_in = Share(progress, size, size)
        _restored(programs, address(dsn, NAME), source, _head(present), _tail(schema, revision), read_in.at)
        read_in.done()
        await migrate(dsn)
        progress(afterwards)
        return Contents(*await connection.fetchrow(wholeness.CONTENTS)), gone
    except asyncpg.PostgresError as problem:
        raise DatabaseUnusable(f"The database {shown(dsn)} cannot be used: {problem}.") from problem
    except OSError as problem:
        raise BadCopy(f"{source} cannot be restored: {reason(problem)}.") from problem
    finally:
        connection.terminate()


async def known(url: str) -> Known | None:
    """Of what is there before a restore; None where there is nothing of ours. Raises DatabaseUnusable."""
    connection = await connect(plain_url(url))
    try:
        return Known(**dict(map(tuple, await connection.fetch(wholeness.KNOWN))))
    except (asyncpg.PostgresError, TypeError):
        return None
    finally:
        connection.terminate()


async def _gone(connection: Any) -> Contents | None:
    """None where our tables are not all there: half of a database of ours is still somebody's."""
    try:
        return Contents(*await connection.fetchrow(wholeness.CONTENTS))
    except asyncpg.UndefinedTableError:
        return None


def told(contents: Contents | None) -> str:
    """What there is, in a few words."""
    return "no tickets" if contents is None else f"{contents.tickets} tickets, {contents.items} items"


def _revision(programs: Programs, copy: Path) -> str:
    """Of the database that was copied. Raises BadCopy, DatabaseTooNew."""
    script = run(
        [programs.pg_restore, "--data-only", "--table=alembic_version", "--file=-", str(copy)]
    ).stdout
    row = re.search(r"^COPY .*alembic_version .*;\n(\w+)$", script, re.MULTILINE)
    if row is None:
        raise BadCopy(f"{copy} is no copy of a database of this server.")
    migrations.checked(row[1], str(copy))
    return row[1]


def _head(present: list[str]) -> str:
    """What is there goes, in an order in which nothing needs what went before it."""
    goes = [name for ours in reversed(OURS) for name in present if name.rpartition(".")[2] == ours]
    drops = [f"DROP TABLE {name};" for name in goes]
    drops += [f"DROP SEQUENCE {name};" for name in present if name.rpartition(".")[2] == tables.ids.name]
    return "\n".join(["BEGIN;", *drops, ""])


def _tail(schema: str, revision: str) -> str:
    looked = [
        f"IF ({query}) > 0 THEN RAISE EXCEPTION 'the copy is damaged: {wrong.replace(chr(39), chr(39) * 2)}'; END IF;"
        for wrong, query in wholeness.checks(revision).items()
    ]
    looked.append(f"IF ({OTHERS}) > 0 THEN RAISE EXCEPTION 'a server was started meanwhile'; END IF;")
    return "\n".join(
        [
            f"SET LOCAL search_path = {schema}, pg_catalog;",
            "UPDATE meta SET value = :'epoch' WHERE key = 'epoch';",
            f"DO $$ BEGIN {' '.join(looked)} END $$;",
            "COMMIT;",
            "",
        ]
    )


def _restored(
    programs: Programs, where: Address, source: Path, head: str, tail: str, at: Callable[[int], object]
) -> None:
    """Whatever ends before the tail has gone through leaves the transaction open, and so nothing of it."""
    psql = [
        programs.psql,
        "--no-psqlrc",
        "--quiet",
        "--no-password",
        "--set=ON_ERROR_STOP=1",
        f"--set=epoch={secrets.token_urlsafe(12)}",
        f"--dbname={where.url}",
    ]
    reading, writing = os.pipe()
    # What it says goes to a file: a pipe could fill while it is still being fed.
    with tempfile.TemporaryFile() as errors, os.fdopen(writing, "wb") as script:
        with start(psql, reading, errors, where.environment) as shell:
            os.close(reading)
            problem = _fed(script, programs, source, head, tail, at)
        errors.seek(0)
        said = errors.read().decode(errors="replace")
    if shell.returncode or problem:
        raise DatabaseUnusable(f"Nothing was changed: {_last_line(said) or problem}")


def _fed(
    shell: IO[bytes], programs: Programs, source: Path, head: str, tail: str, at: Callable[[int], object]
) -> str:
    """Why the tail was not sent, if it was not."""
    problem = ""
    try:
        shell.write(head.encode())
        shell.flush()
        plain = [programs.pg_restore, *_FROM_INPUT, "--no-owner", "--no-privileges", "--file=-"]
        done = read(plain, source, at, stdout=shell)
        if done.returncode:
            problem = _last_line(done.stderr)
        else:
            shell.write(tail.encode())
        shell.close()
    except BrokenPipeError:  # it has said why
        problem = problem or "psql ended."
    return problem


def _last_line(said: str) -> str:
    """Of what a program complained about: its first error."""
    errors = [line for line in said.splitlines() if "error:" in line.lower()] or said.splitlines()[-1:]
    return errors[0].strip() if errors else ""
