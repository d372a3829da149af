"""Help articles as authors see them: drafts, versions, and what readers thought. Instants are ms since 1970 UTC."""

from __future__ import annotations

from typing import Any

import msgspec
from sqlalchemy import bindparam, func, select

from chatserver.core.articles import State
from chatserver.store.database import Reader
from chatserver.store.portable import one_of
from chatserver.store.tables import agents, article_versions, article_votes, articles

VERSIONS = 200
"""Of the newest ones, so many are listed; older ones are kept."""
VOTES = 100


class Kept(msgspec.Struct, frozen=True):
    """What authors know of an article, whichever of its texts. `shown`: the number of the text that readers get."""

    id: int
    app_id: int
    category_id: int
    language: str
    kin: str
    state: State
    version: int
    shown: int | None


class Row(Kept, frozen=True):
    """An article in the authors' list, with the title of its newest text."""

    title: str
    saved_at: int
    updated_at: int | None
    views: int
    opened: int
    followed: int
    useful: int
    useless: int


class Written(Kept, frozen=True):
    """An article with its newest text, or another one of its versions. `by`: who saved that."""

    author: str
    created_at: int
    published_at: int | None
    number: int
    title: str
    summary: str
    body: str
    by: str
    at: int


class Version(msgspec.Struct, frozen=True):
    number: int
    title: str
    by: str
    at: int


class Vote(msgspec.Struct, frozen=True):
    number: int
    at: int
    useful: bool
    reasons: tuple[str, ...]
    comment: str


_a, _v, _votes = articles.c, article_versions.c, article_votes.c
_ARTICLE = (_a.id, _a.app_id, _a.category_id, _a.language, _a.kin, _a.state, _a.version, _a.shown)
"""With what `Row` and `Written` begin."""
_counts = (
    select(_votes.article_id, func.sum(_votes.useful).label("useful"), func.count().label("all"))
    .group_by(_votes.article_id)
    .subquery()
)
_useful = func.coalesce(_counts.c.useful, 0)
_ROWS = (
    select(
        *_ARTICLE,
        _v.title,
        _a.saved_at,
        _a.updated_at,
        _a.views,
        _a.opened,
        _a.followed,
        _useful,
        func.coalesce(_counts.c.all, 0) - _useful,
    )
    .join(article_versions, (_v.article_id == _a.id) & (_v.number == _a.version))
    .outerjoin(_counts, _counts.c.article_id == _a.id)
    .where(_a.app_id == bindparam("app_id"))
    .order_by(_a.saved_at.desc(), _a.id.desc())
)
_saver = agents.alias("saver")
_written = (
    select(
        *_ARTICLE,
        agents.c.name,
        _a.created_at,
        _a.published_at,
        _v.number,
        _v.title,
        _v.summary,
        _v.body,
        _saver.c.name,
        _v.at,
    )
    .join(article_versions, _v.article_id == _a.id)
    .join(agents, agents.c.id == _a.author_id)
    .join(_saver, _saver.c.id == _v.author_id)
    .where(_a.id == bindparam("article_id"), one_of(_a.app_id, "app_ids"))
)
_NEWEST = _written.where(_v.number == _a.version)
_OLDER = _written.where(_v.number == bindparam("number"))
_VERSIONS = (
    select(_v.number, _v.title, agents.c.name, _v.at)
    .join(agents, agents.c.id == _v.author_id)
    .where(_v.article_id == bindparam("article_id"))
    .order_by(_v.number.desc())
    .limit(VERSIONS)
)
_VOTES = (
    select(_votes.number, _votes.at, _votes.useful, _votes.reasons, _votes.comment)
    .where(_votes.article_id == bindparam("article_id"))
    .order_by(_votes.at.desc(), _votes.voter)
    .limit(VOTES)
)
_COUNT = select(func.count()).select_from(articles).where(_a.app_id == bindparam("app_id"))


async def rows(db: Reader, app_id: int) -> list[Row]:
    """All articles of an app, the one saved last first."""
    return [Row(*row) for row in await db.rows(_ROWS, app_id=app_id)]


async def written(
    db: Reader, app_ids: tuple[int, ...], article_id: int, number: int | None = None
) -> Written | None:
    """An article of one of these apps with its newest text, or version `number`."""
    values: dict[str, Any] = {"article_id": article_id, "app_ids": list(app_ids)}
    if number is None:
        found = await db.rows(_NEWEST, **values)
    else:
        found = await db.rows(_OLDER, number=number, **values)
    return Written(*found[0]) if found else None


async def versions(db: Reader, article_id: int) -> list[Version]:
    """The newest first."""
    return [Version(*row) for row in await db.rows(_VERSIONS, article_id=article_id)]


async def votes(db: Reader, article_id: int) -> list[Vote]:
    """The newest first."""
    return [
        Vote(number, at, bool(useful), msgspec.json.decode(reasons, type=tuple[str, ...]), comment)
        for number, at, useful, reasons, comment in await db.rows(_VOTES, article_id=article_id)
    ]


async def how_many(db: Reader, app_id: int) -> int:
    return int((await db.rows(_COUNT, app_id=app_id))[0][0])
