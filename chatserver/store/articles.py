"""Help articles as readers see them, and everything that is written about them; what authors read is in authors.py.

Instants are ms since 1970 UTC. Nothing here says who may do it: services look every article up through an app.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec
from sqlalchemy import Select, bindparam, delete, func, insert, literal, select, update

from chatserver.core.articles import Draft
from chatserver.store.base import Violated
from chatserver.store.database import Database, Reader
from chatserver.store.tables import (
    agents,
    article_texts,
    article_versions,
    article_votes,
    articles,
    categories,
)

BEGINNING = 300
"""Characters of a text that lists are given, for who wrote no summary."""


class Category(msgspec.Struct, frozen=True):
    id: int
    app_id: int
    slug: str
    names: dict[str, str]
    about: dict[str, str]
    position: int


class Listed(msgspec.Struct, frozen=True):
    """A published article in a list."""

    id: int
    category_id: int
    language: str
    kin: str
    title: str
    summary: str
    beginning: str
    published_at: int
    updated_at: int
    views: int


class Shown(msgspec.Struct, frozen=True):
    """A published article, whole. `number`: of the version that is shown."""

    id: int
    app_id: int
    category_id: int
    language: str
    kin: str
    number: int
    title: str
    summary: str
    body: str
    author: str
    published_at: int
    updated_at: int
    views: int


class Texts(msgspec.Struct, frozen=True):
    """A published text as it is searched (`core.searching`), and as it reads."""

    scope: str
    title: str
    summary: str
    body: str
    plain: str


_a, _v, _t, _c = articles.c, article_versions.c, article_texts.c, categories.c
_PUBLIC = _a.shown.is_not(None)
_shown_version = (_v.article_id == _a.id) & (_v.number == _a.shown)
_listed = (
    select(
        _a.id,
        _a.category_id,
        _a.language,
        _a.kin,
        _v.title,
        _v.summary,
        func.substr(_t.plain, 1, BEGINNING),
        _a.published_at,
        _a.updated_at,
        _a.views,
    )
    .join(article_versions, _shown_version)
    .join(article_texts, _t.article_id == _a.id)
    .where(_a.app_id == bindparam("app_id"), _PUBLIC)
)
_LISTED = _listed.where(_a.language == bindparam("language")).order_by(_a.views.desc(), _a.id)
_ALL = _listed.order_by(_a.id)
_SHOWN = (
    select(
        _a.id,
        _a.app_id,
        _a.category_id,
        _a.language,
        _a.kin,
        _v.number,
        _v.title,
        _v.summary,
        _v.body,
        agents.c.name,
        _a.published_at,
        _a.updated_at,
        _a.views,
    )
    .join(article_versions, _shown_version)
    .join(agents, agents.c.id == _a.author_id)
    .where(_a.id == bindparam("article_id"), _a.app_id == bindparam("app_id"), _PUBLIC)
)
_LANGUAGES = select(_a.language).where(_a.app_id == bindparam("app_id"), _PUBLIC).distinct()
_TRANSLATIONS = (
    select(_a.language, _a.id, _v.title)
    .join(article_versions, _shown_version)
    .where(_a.kin == bindparam("kin"), _PUBLIC)
    .order_by(_a.language)
)
_CATEGORIES = (
    select(_c.id, _c.app_id, _c.slug, _c.names, _c.about, _c.position)
    .where(_c.app_id == bindparam("app_id"))
    .order_by(_c.position, _c.id)
)


# — readers ————————————————————————————————————————————————————————————————————


async def listed(db: Reader, app_id: int, language: str) -> list[Listed]:
    """All published articles of an app in a language, the one read most first."""
    return [Listed(*row) for row in await db.rows(_LISTED, app_id=app_id, language=language)]


async def all_listed(db: Reader, app_id: int) -> list[Listed]:
    """In all languages, by id."""
    return [Listed(*row) for row in await db.rows(_ALL, app_id=app_id)]


async def shown(db: Reader, app_id: int, article_id: int) -> Shown | None:
    rows = await db.rows(_SHOWN, app_id=app_id, article_id=article_id)
    return Shown(*rows[0]) if rows else None


async def languages(db: Reader, app_id: int) -> set[str]:
    """In which there is something published."""
    return {row[0] for row in await db.rows(_LANGUAGES, app_id=app_id)}


async def translations(db: Reader, kin: str) -> dict[str, tuple[int, str]]:
    """By language, id and title of what is published."""
    return {row[0]: (row[1], row[2]) for row in await db.rows(_TRANSLATIONS, kin=kin)}


async def categories_of(db: Reader, app_id: int) -> list[Category]:
    """In their order."""
    return [_category(row) for row in await db.rows(_CATEGORIES, app_id=app_id)]


def _category(row: Sequence[Any]) -> Category:
    id_, app_id, slug, names, about, position = row
    by_language = dict[str, str]
    return Category(
        id_,
        app_id,
        slug,
        msgspec.json.decode(names, type=by_language),
        msgspec.json.decode(about, type=by_language),
        position,
    )


# — writing ————————————————————————————————————————————————————————————————————


async def add(
    db: Database,
    *,
    app_id: int,
    category_id: int,
    language: str,
    kin: str,
    author_id: int,
    text: Draft,
    now: int,
) -> int:
    """A new draft; returns its id. Raises Violated where there is a translation into this language already."""
    row = insert(articles).values(
        app_id=app_id,
        category_id=category_id,
        language=language,
        kin=kin,
        author_id=author_id,
        state="draft",
        version=1,
        created_at=now,
        saved_at=now,
    )
    # The text's row is made of the article's own, which has just been made: both or none.
    of_article = _version(1, text, author_id, now).where(_a.kin == kin, _a.language == language)
    first = insert(article_versions).from_select(_COLUMNS, of_article)
    made, _ = await db.execute(row.returning(_a.id), first)
    return int(made[0][0])


async def save(
    db: Database, article_id: int, *, base: int, category_id: int, author_id: int, text: Draft, now: int
) -> bool:
    """The next version after `base`; False when that is not the newest any more, and nothing was stored."""
    of_article = _version(base + 1, text, author_id, now).where(_a.id == article_id, _a.version == base)
    version = insert(article_versions).from_select(_COLUMNS, of_article)
    moved = update(articles).where(_a.id == article_id, _a.version == base)
    try:
        _, changed = await db.execute(
            version, moved.values(version=base + 1, category_id=category_id, saved_at=now)
        )
    except Violated:  # two nodes at once: the other one's is there
        return False
    return bool(changed)


async def publish(db: Database, article_id: int, *, number: int, texts: Texts, now: int) -> bool:
    """Show this version, which must be the newest; False when it is not any more."""
    newest = (_a.id == article_id) & (_a.version == number)
    row = msgspec.structs.asdict(texts)
    searched = select(_a.id, *(literal(value, _t[name].type) for name, value in row.items())).where(newest)
    public = update(articles).where(newest)
    _, _, changed = await db.execute(
        _forgotten(article_id, number),
        insert(article_texts).from_select(["article_id", *row], searched),
        public.values(
            state="published", shown=number, updated_at=now, published_at=func.coalesce(_a.published_at, now)
        ),
    )
    return bool(changed)


async def withdraw(db: Database, article_id: int) -> bool:
    """Readers do not see it any more; False when they did not."""
    gone = delete(article_texts).where(_t.article_id == article_id)
    hidden = update(articles).where(_a.id == article_id, _a.state == "published")
    _, changed = await db.execute(gone, hidden.values(state="withdrawn", shown=None))
    return bool(changed)


def _forgotten(article_id: int, number: int) -> Any:
    newest = select(_a.id).where(_a.id == article_id, _a.version == number)
    return delete(article_texts).where(_t.article_id.in_(newest))


_COLUMNS = ["article_id", "number", "title", "summary", "body", "author_id", "at"]


def _version(number: int, text: Draft, author_id: int, now: int) -> Select[Any]:
    """The row of a version, of an article that is to be named."""
    values = (number, text.title, text.summary, text.body, author_id, now)
    return select(
        _a.id, *(literal(value, _v[name].type) for name, value in zip(_COLUMNS[1:], values, strict=True))
    )


async def add_category(
    db: Database, app_id: int, slug: str, names: Mapping[str, str], about: Mapping[str, str], now: int
) -> int:
    """Behind all others; returns its id. Raises Violated where the slug is in use."""
    last = select(func.coalesce(func.max(_c.position), 0) + 1).where(_c.app_id == app_id).scalar_subquery()
    row = insert(categories).values(
        app_id=app_id, slug=slug, names=_json(names), about=_json(about), position=last, created_at=now
    )
    (made,) = await db.execute(row.returning(_c.id))
    return int(made[0][0])


async def change_category(
    db: Database, app_id: int, category_id: int, names: Mapping[str, str], about: Mapping[str, str]
) -> bool:
    """False when the app has no such category."""
    row = update(categories).where(_c.id == category_id, _c.app_id == app_id)
    return bool((await db.execute(row.values(names=_json(names), about=_json(about))))[0])


async def order_categories(db: Database, app_id: int, ids: Sequence[int]) -> None:
    """As these ids stand; others keep their places."""
    rows = [
        update(categories).where(_c.id == id_, _c.app_id == app_id).values(position=place)
        for place, id_ in enumerate(ids, 1)
    ]
    if rows:
        await db.execute(*rows)


async def remove_category(db: Database, app_id: int, category_id: int) -> bool:
    """False when there is none. Raises Violated while an article is in it."""
    return bool((await db.execute(delete(categories).where(_c.id == category_id, _c.app_id == app_id)))[0])


# — what readers think —————————————————————————————————————————————————————————


async def vote(
    db: Database,
    article_id: int,
    number: int,
    voter: str,
    *,
    useful: bool,
    reasons: Sequence[str],
    comment: str,
    now: int,
) -> None:
    """A reader's word about a version, instead of the one that they gave before."""
    before = (
        article_votes.c.article_id == article_id,
        article_votes.c.number == number,
        article_votes.c.voter == voter,
    )
    row = insert(article_votes).values(
        article_id=article_id,
        number=number,
        voter=voter,
        at=now,
        useful=int(useful),
        reasons=_json(list(reasons)),
        comment=comment,
    )
    await db.execute(delete(article_votes).where(*before), row)


class Counted(msgspec.Struct):
    """How often more, since it was counted last."""

    views: int = 0
    opened: int = 0
    followed: int = 0


async def count(db: Database, counted: Iterable[tuple[int, Counted]]) -> None:
    """Adds to what is stored, in the order of ids, so that nodes that do so at once take turns."""
    rows = [
        update(articles)
        .where(_a.id == article_id)
        .values(
            views=_a.views + more.views, opened=_a.opened + more.opened, followed=_a.followed + more.followed
        )
        for article_id, more in sorted(counted, key=lambda entry: entry[0])
    ]
    if rows:
        await db.execute(*rows)


def _json(value: Any) -> str:
    return msgspec.json.encode(value).decode()
