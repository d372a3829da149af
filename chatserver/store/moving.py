"""All of a SQLite database to an empty PostgreSQL one, in a transaction, and compared before it is committed. Blocks the event
loop: for a command.
"""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any, Final, NamedTuple

import asyncpg
import msgspec
from sqlalchemy import (
    Column,
    ColumnElement,
    Integer,
    LargeBinary,
    Select,
    Table,
    Text,
    collate,
    func,
    literal,
    select,
)

from chatserver.store import tables
from chatserver.store.database import DatabaseNotReady, DatabaseUnusable
from chatserver.store.making import Begun, Exists, Progress
from chatserver.store.migrations.postgres import migrate as migrate_target
from chatserver.store.migrations.postgres import shown
from chatserver.store.migrations.sqlite import known_revision
from chatserver.store.migrations.sqlite import migrate as migrate_source
from chatserver.store.postgres.database import compiled, plain_url
from chatserver.store.postgres.unused import connect, require_unused
from chatserver.store.sqlite.database import compiled as in_sqlite
from chatserver.store.sqlite.lock import Lock

BATCH: Final = 5_000
"""Rows in hand at once, whatever the size of the database."""
BATCH_OF_BYTES: Final = 20
"""Of rows that hold files: 256 KiB each."""
MOVED: Final = tuple(table for table in tables.metadata.sorted_tables if table is not tables.nodes)
"""In an order that foreign keys accept; nodes are PostgreSQL's own."""
_encode: Final = msgspec.msgpack.Encoder().encode

Row = Sequence[Any]


class NotMoved(DatabaseUnusable):
    """The copy was not what it should be; nothing of it stays. The message is a sentence."""


class Moved(NamedTuple):
    rows: dict[str, int]
    """By table."""
    cleaned: int
    """Texts in which something stood that PostgreSQL does not take, replaced by U+FFFD."""


class Source:
    """Opened for the whole of the move: nobody else writes."""

    def __init__(self, database: sqlite3.Connection) -> None:
        self.cleaned = 0
        database.text_factory = self._text
        self._db = database

    def count(self, table: Table) -> int:
        return int(self._db.execute(*in_sqlite(select(func.count()).select_from(table))).fetchone()[0])

    def batches(self, table: Table, *, ordered: bool = False) -> Iterator[list[Row]]:
        """All rows; `ordered`: by their keys, as PostgreSQL gives them too."""
        rows = select(table).order_by(*table.primary_key) if ordered else select(table)
        cursor = self._db.execute(*in_sqlite(rows))
        while batch := cursor.fetchmany(_batch(table)):
            yield batch

    def _text(self, raw: bytes) -> str:
        """Neither can be written any more, but may have been by an early release."""
        try:
            text = raw.decode()
            if "\0" not in text:
                return text
        except UnicodeDecodeError:
            text = raw.decode(errors="replace")
        self.cleaned += 1
        return text.replace("\0", "\ufffd")


async def move(source: Path, url: str, begun: Begun) -> Moved:
    """`begun` is told how many rows there are to copy and to compare, and gives whom to tell of each batch.

    Ids, secrets and the epoch go with the rows: for clients it is the same database. The source stays as it was, but for an
    upgrade to this release. Raises DatabaseNotReady, DatabaseInUse, DatabaseTooNew, Exists where the target is not empty,
    NotMoved, DatabaseUnusable.
    """
    dsn = plain_url(url)
    lock = _claimed(source)
    try:
        await _require_empty(dsn)
        migrate_source(source)
        await migrate_target(dsn)
        with closing(sqlite3.connect(source)) as database:
            return await _moved(Source(database), dsn, begun)
    except asyncpg.UniqueViolationError as problem:
        raise NotMoved(f"Nothing was moved: {problem}.") from problem
    except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError) as problem:
        raise DatabaseUnusable(f"Nothing was moved: {type(problem).__name__}: {problem}") from problem
    except sqlite3.Error as problem:
        raise DatabaseUnusable(f"Nothing was moved: {source} cannot be read: {problem}.") from problem
    finally:
        lock.release()


def _claimed(source: Path) -> Lock:
    if not source.exists():
        raise DatabaseNotReady(f"There is no database at {source}: there is nothing to move.")
    if known_revision(source) is None:
        raise DatabaseNotReady(f"{source} is no database of this server: there is nothing to move.")
    return Lock(source)


async def _require_empty(dsn: str) -> None:
    """A schema without anything in it is empty too. Raises Exists, DatabaseInUse, DatabaseTooNew, DatabaseUnusable."""
    connection = await connect(dsn)
    try:
        await require_unused(connection, dsn)
        for table in MOVED:
            if table is tables.meta or not await connection.fetchval("SELECT to_regclass($1)", table.name):
                continue
            if await connection.fetchval(*_in_postgres(select(literal(1)).select_from(table).limit(1))):
                raise Exists(
                    f"The database {shown(dsn)} is not empty (there are rows in {table.name}): "
                    "nothing there is replaced. Move to an empty one."
                )
    finally:
        connection.terminate()


async def _moved(source: Source, dsn: str, begun: Begun) -> Moved:
    connection = await connect(dsn)
    try:
        async with connection.transaction():
            # Its rows are those of a database in which nothing ever was.
            await connection.execute("DELETE FROM meta")
            counts = {table: source.count(table) for table in MOVED}
            progress = begun(2 * sum(counts.values()))
            for table in MOVED:
                await _copy(source, connection, table, progress)
            cleaned = source.cleaned
            for table, count in counts.items():
                await _compare(source, connection, table, count, progress)
            await _count_on(connection)
            await require_unused(connection, dsn)
        return Moved({table.name: count for table, count in counts.items()}, cleaned)
    finally:
        connection.terminate()


async def _copy(source: Source, connection: Any, table: Table, progress: Progress) -> None:
    columns = [column.name for column in table.columns]
    for batch in source.batches(table):
        try:
            await connection.copy_records_to_table(table.name, records=batch, columns=columns)
        except (TypeError, ValueError, asyncpg.DataError) as problem:  # SQLite keeps anything in any column
            raise NotMoved(
                f"Nothing was moved: a row of {table.name} holds what does not belong there ({type(problem).__name__})."
            ) from problem
        progress(len(batch))


async def _compare(source: Source, connection: Any, table: Table, count: int, progress: Progress) -> None:
    """What is there is read again on both sides: how it was copied does not matter."""
    here = _Digest()
    for batch in source.batches(table, ordered=True):
        here.add(batch)
    there = _Digest()
    async for batch in _stored(connection, table):
        there.add(batch)
        progress(len(batch))
    if (here.rows, here.hex()) != (there.rows, there.hex()) or here.rows != count:
        raise NotMoved(
            f"Nothing was moved: {table.name} came out differently ({here.rows} rows here, {there.rows} there). "
            "Please report this."
        )


async def _stored(connection: Any, table: Table) -> AsyncIterator[list[Row]]:
    cursor = await connection.cursor(
        *_in_postgres(select(table).order_by(*map(_bytewise, table.primary_key)))
    )
    while batch := await cursor.fetch(_batch(table)):
        yield batch


def _batch(table: Table) -> int:
    return BATCH_OF_BYTES if any(isinstance(c.type, LargeBinary) for c in table.columns) else BATCH


class _Digest:
    """Of rows in their order: their values, and what kind each of them is."""

    def __init__(self) -> None:
        self.rows = 0
        self._hash = hashlib.blake2b()

    def add(self, batch: list[Row]) -> None:
        self.rows += len(batch)
        for row in batch:
            self._hash.update(_encode(tuple(row)))

    def hex(self) -> str:
        return self._hash.hexdigest()


async def _count_on(connection: Any) -> None:
    """Ids that PostgreSQL gives go on above those that came. Tickets and customers look at their highest by themselves."""
    for table in MOVED:
        if "id" in table.columns and isinstance(table.c.id.type, Integer):
            highest = func.max(table.c.id)
            sequence = func.pg_get_serial_sequence(table.name, "id")
            await connection.fetchval(
                *_in_postgres(select(func.setval(sequence, func.greatest(highest, 1), highest.is_not(None))))
            )


def _in_postgres(statement: Select[Any]) -> tuple[Any, ...]:
    """As asyncpg takes it: the text, then the values."""
    sql, values = compiled(statement)
    return sql, *values


def _bytewise(column: Column[Any]) -> ColumnElement[Any]:
    """As SQLite compares texts by itself; PostgreSQL does so when told to."""
    return collate(column, "C") if isinstance(column.type, Text) else column
