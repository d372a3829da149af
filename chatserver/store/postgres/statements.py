"""Texts of statements whose rows travel as arrays, a column each: one round trip and one plan, however many rows."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Final

from sqlalchemy import BigInteger, Integer, Table
from sqlalchemy.dialects.postgresql.asyncpg import dialect

DIALECT: Final = dialect()  # type: ignore[no-untyped-call]


def text(statement: Any) -> str:
    """Of a constant SELECT. Column names alone, no values."""
    return str(statement.compile(dialect=DIALECT))


def kind(table: Table, column: str) -> str:
    """PostgreSQL's name of a column's type; our tables know three."""
    of = table.c[column].type
    return "bigint" if isinstance(of, BigInteger) else "integer" if isinstance(of, Integer) else "text"


def arrays(table: Table, columns: Sequence[str], first: int = 1) -> str:
    """`unnest($1::bigint[], $2::text[], …)`, from parameter `first` on."""
    parts = (f"${number}::{kind(table, column)}[]" for number, column in enumerate(columns, first))
    return f"unnest({', '.join(parts)})"


def names(columns: Iterable[str]) -> str:
    return ", ".join(f'"{column}"' for column in columns)


def insert(table: Table, columns: Sequence[str], first: int = 1) -> str:
    """Rows of these columns, transposed (`across`), from parameter `first` on."""
    rows = arrays(table, columns, first)
    return f"INSERT INTO {table.name} ({names(columns)}) SELECT * FROM {rows}"  # noqa: S608 - constants only


def update(table: Table, columns: Sequence[str]) -> str:
    """Rows of these columns and the row's id, transposed."""
    given = (*columns, "id")
    rows = f"{arrays(table, given)} AS given({names(given)})"
    return f"UPDATE {table.name} SET {sets(columns)} FROM {rows} WHERE {table.name}.id = given.id"  # noqa: S608 - constants


def update_seen(table: Table, columns: Sequence[str]) -> str:
    """As `update`, with the version that the row must have as one more column: where it has another, nothing is written."""
    given = (*columns, "id")
    rows = f"{arrays(table, given)[:-1]}, ${len(given) + 1}::integer[]) AS given({names(given)}, seen)"
    where = f"{table.name}.id = given.id AND {table.name}.version = given.seen"
    return f"UPDATE {table.name} SET {sets(columns)} FROM {rows} WHERE {where}"  # noqa: S608 - constants only


def sets(columns: Sequence[str]) -> str:
    """Of an UPDATE from `given`."""
    return ", ".join(f'"{column}" = given."{column}"' for column in columns)


def across(rows: Sequence[Sequence[Any]]) -> list[list[Any]]:
    """Rows as columns."""
    return [list(column) for column in zip(*rows, strict=True)]
