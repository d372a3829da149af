"""Looking for published articles by words, on either engine: app and language are part of what is looked for, a word in the title
counts more than one in the text, and nothing of a question reaches an engine but letters and figures."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import msgspec
from sqlalchemy import Executable, Integer, Text, bindparam
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.expression import ClauseElement

from chatserver.core import searching
from chatserver.core.searching import Term
from chatserver.store.articles import Texts
from chatserver.store.database import Reader
from chatserver.store.tables import SEARCHED


class Found(msgspec.Struct, frozen=True):
    """`plain`: its text as it reads, from which a snippet is cut."""

    id: int
    title: str
    summary: str
    plain: str


def scope(app_id: int, language: str) -> str:
    """The word that stands in front of each text, and of what is looked for."""
    return f"app{app_id}{language}"


def texts(app_id: int, language: str, *, title: str, summary: str, plain: str) -> Texts:
    """`plain` in form NFC."""
    title_, summary_, body = (" ".join(searching.words(text)) for text in (title, summary, plain))
    return Texts(scope(app_id, language), title_, summary_, body, plain)


async def search(db: Reader, app_id: int, language: str, terms: Sequence[Term], limit: int) -> list[Found]:
    """Published articles with all of these terms, the best first, then those with some of them; at most `limit`."""
    if not terms:
        return []
    found: dict[int, Found] = {}
    for joined in ("AND", "OR"):
        asked = _Asked(scope(app_id, language), terms, joined)
        rows = await db.rows(
            _FOUND, words=asked.fts5(), query=asked.tsquery(), ranked=asked.ranked(), number=limit
        )
        for row in rows:
            found.setdefault(row[0], Found(*row))
        if len(found) >= limit or len(terms) == 1:
            break
    return list(found.values())[:limit]


class _Asked:
    """A question in each engine's language. Terms are letters and figures alone (`core.searching`)."""

    def __init__(self, scope: str, terms: Sequence[Term], joined: str) -> None:
        self._scope = scope
        self._terms = terms
        self._joined = joined

    def fts5(self) -> str:
        either = f" {self._joined} ".join(
            f'("{term.word}" OR "{term.beginning}"*)' if term.beginning else f'"{term.word}"'
            for term in self._terms
        )
        return f'scope : "{self._scope}" AND {{title summary body}} : ({either})'

    def tsquery(self) -> str:
        return f"'{self._scope}' & ({self.ranked(' & ' if self._joined == 'AND' else ' | ')})"

    def ranked(self, sign: str = " | ") -> str:
        return sign.join(
            f"('{term.word}' | '{term.beginning}':*)" if term.beginning else f"'{term.word}'"
            for term in self._terms
        )


class _Search(Executable, ClauseElement):
    inherit_cache = False

    def get_children(self, **_: Any) -> list[ClauseElement]:
        return []


_INDEXED: Final = SEARCHED.replace("'simple', ", "'simple', t.")
_SHOWN: Final = (
    "SELECT a.id, v.title, v.summary, t.plain FROM {found} "
    "JOIN articles AS a ON a.id = t.article_id JOIN article_versions AS v ON v.article_id = a.id AND v.number = a.shown "
    "WHERE {matches} ORDER BY {rank}, a.id LIMIT {number}"
)


@compiles(_Search)
def _sqlite(element: _Search, compiler: SQLCompiler, **given: Any) -> str:
    return _SHOWN.format(
        found="article_index JOIN article_texts AS t ON t.article_id = article_index.rowid",
        matches=f"article_index MATCH {compiler.process(bindparam('words', type_=Text()), **given)}",
        rank="bm25(article_index, 0.0, 20.0, 4.0, 1.0)",
        number=compiler.process(bindparam("number", type_=Integer()), **given),
    )


@compiles(_Search, "postgresql")
def _postgresql(element: _Search, compiler: SQLCompiler, **given: Any) -> str:
    ranked = compiler.process(bindparam("ranked", type_=Text()), **given)
    query = compiler.process(bindparam("query", type_=Text()), **given)
    return _SHOWN.format(
        found="article_texts AS t",
        matches=f"{_INDEXED} @@ to_tsquery('simple', {query})",
        rank=f"ts_rank('{{0.02, 0.1, 0.2, 1.0}}', {_INDEXED}, to_tsquery('simple', {ranked})) DESC",
        number=compiler.process(bindparam("number", type_=Integer()), **given),
    )


_FOUND: Final = _Search()
