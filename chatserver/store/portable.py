"""The few expressions that SQLite and PostgreSQL spell differently, each said once for both."""

from __future__ import annotations

from typing import Any

from sqlalchemy import ARRAY, BigInteger, Boolean, ColumnElement, Insert, Table, Text, bindparam
from sqlalchemy.dialects.sqlite import dml
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.expression import ClauseElement
from sqlalchemy.sql.functions import FunctionElement


class one_of(ColumnElement[bool]):
    """`column IN (…)` for a whole list of integers, or of texts, as one value (given now, or by its name when it is run): one
    constant text, however long the list.

    `aside`: SQLite is not to look for rows by an index of this column.
    """

    inherit_cache = False
    type = Boolean()

    def __init__(
        self, column: ColumnElement[Any], name: str, values: list[Any] | None = None, *, aside: bool = False
    ) -> None:
        self.column = column
        self.list: Any = bindparam(
            name, values, type_=ARRAY(Text() if isinstance(column.type, Text) else BigInteger())
        )
        self.aside = aside

    def self_group(self, against: Any = None) -> one_of:
        """SQLAlchemy would compare it with 1 for SQLite, which then looks for nothing by an index."""
        return self

    def get_children(self, **_: Any) -> list[ClauseElement]:
        return [self.column, self.list]


@compiles(one_of)
def _one_of(element: one_of, compiler: SQLCompiler, **given: Any) -> str:
    sign = "+" if element.aside else ""
    column = compiler.process(element.column, **given)
    return f"{sign}{column} IN (SELECT value FROM json_each({compiler.process(element.list, **given)}))"  # noqa: S608 - compiled


@compiles(one_of, "postgresql")
def _one_of_postgresql(element: one_of, compiler: SQLCompiler, **given: Any) -> str:
    return f"{compiler.process(element.column, **given)} = ANY({compiler.process(element.list, **given)})"


class highest(FunctionElement[int]):
    """The greatest of several values of one row. A NULL among them: NULL on SQLite, left out on PostgreSQL."""

    inherit_cache = True
    type = BigInteger()


class lowest(FunctionElement[int]):
    """The least of several values of one row, none of which is NULL."""

    inherit_cache = True
    type = BigInteger()


class as_list(FunctionElement[str]):
    """All values of an integer column as the text of a JSON list."""

    inherit_cache = True
    type = Text()


def _spelled(function: type[FunctionElement[Any]], sqlite: str, postgresql: str) -> None:
    @compiles(function)
    def _other(element: FunctionElement[Any], compiler: SQLCompiler, **given: Any) -> str:
        return sqlite.format(compiler.process(element.clauses, **given))

    @compiles(function, "postgresql")
    def _postgresql(element: FunctionElement[Any], compiler: SQLCompiler, **given: Any) -> str:
        return postgresql.format(compiler.process(element.clauses, **given))


_spelled(highest, "max({})", "greatest({})")
_spelled(lowest, "min({})", "least({})")
_spelled(as_list, "json_group_array({})", "coalesce(json_agg({})::text, '[]')")


def insert_or_not(table: Table, **values: Any) -> Insert:
    """An INSERT that does nothing where there is such a row already."""
    return dml.insert(table).values(values).on_conflict_do_nothing()


# Its words are the same; PostgreSQL's own class is 50 ms of imports at every start.
@compiles(dml.OnConflictDoNothing, "postgresql")
def _do_nothing(element: Any, compiler: SQLCompiler, **given: Any) -> str:
    return "ON CONFLICT DO NOTHING"
