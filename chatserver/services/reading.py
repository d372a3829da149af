"""What readers of help articles are shown: published ones of one app, in one language."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Final

import msgspec

from chatserver.core import articles as core
from chatserver.core import searching
from chatserver.core.errors import Refused
from chatserver.core.searching import Piece
from chatserver.services.rendering import Renderings
from chatserver.store import articles as rows
from chatserver.store import searching as stored
from chatserver.store.articles import Category, Listed, Shown
from chatserver.store.database import Database

if TYPE_CHECKING:
    from chatserver.articles.rendering import Rendered

RESULTS: Final = 20
SUGGESTIONS: Final = 5
RELATED: Final = 4


class Entry(msgspec.Struct, frozen=True):
    """An article in a list. `slug`: for its address."""

    id: int
    slug: str
    title: str
    excerpt: str
    views: int
    updated_at: int
    published_at: int


class Section(msgspec.Struct, frozen=True):
    """A category with its articles, the one read most first. `name`, `about`: in the language asked for, else in another one."""

    slug: str
    name: str
    about: str
    entries: tuple[Entry, ...]


class Hit(msgspec.Struct, frozen=True):
    """What was found; `title` and `snippet` in pieces, those that were looked for marked."""

    id: int
    slug: str
    title: tuple[Piece, ...]
    snippet: tuple[Piece, ...]


class Read(msgspec.Struct, frozen=True):
    """An article, whole. `translations`: by language, the others' id and slug."""

    shown: Shown
    slug: str
    excerpt: str
    rendered: Rendered
    section: Section
    related: tuple[Entry, ...]
    translations: dict[str, tuple[int, str]]


class Linked(msgspec.Struct, frozen=True):
    """An article for the sitemap. `others`: as `Read.translations`, itself included."""

    id: int
    slug: str
    language: str
    updated_at: int
    others: dict[str, tuple[int, str]]


class Reading:
    def __init__(self, db: Database, renderings: Renderings) -> None:
        self._db = db
        self._renderings = renderings

    async def languages(self, app_id: int) -> set[str]:
        return await rows.languages(self._db, app_id)

    async def sections(self, app_id: int, language: str) -> list[Section]:
        """Categories in their order; those without a published article are left out."""
        listed = await rows.listed(self._db, app_id, language)
        return _sections(await rows.categories_of(self._db, app_id), listed, language)

    async def article(self, app_id: int, language: str, article_id: int) -> Read:
        """Raises Refused(not_found) for what is not published, or in another language."""
        shown = await rows.shown(self._db, app_id, article_id)
        if shown is None or shown.language != language:
            raise Refused("not_found")
        rendered = await self._renderings.of_version(shown.id, shown.number, shown.body, language)
        sections = await self.sections(app_id, language)
        section = next((s for s in sections if any(entry.id == shown.id for entry in s.entries)), None)
        if section is None:  # withdrawn since it was read
            raise Refused("not_found")
        others = await rows.translations(self._db, shown.kin)
        return Read(
            shown,
            core.slug(shown.title),
            shown.summary or searching.excerpt(rendered.plain),
            rendered,
            section,
            await self._related(shown, sections, section),
            {code: (id_, core.slug(title)) for code, (id_, title) in others.items() if code != language},
        )

    async def published(self, app_id: int, article_id: int) -> Shown:
        """Raises Refused(not_found)."""
        shown = await rows.shown(self._db, app_id, article_id)
        if shown is None:
            raise Refused("not_found")
        return shown

    async def search(self, app_id: int, language: str, question: str, limit: int = RESULTS) -> list[Hit]:
        """The best first; nothing for a question without a word."""
        terms = searching.asked(question)
        found = await stored.search(self._db, app_id, language, terms, limit)
        return [
            Hit(
                hit.id,
                core.slug(hit.title),
                searching.snippet(hit.title, terms, core.TITLE_MAX),
                searching.snippet(hit.plain, terms),
            )
            for hit in found
        ]

    async def suggest(self, app_id: int, language: str, question: str) -> list[Entry]:
        """For somebody who types a subject: at most `SUGGESTIONS`."""
        found = await stored.search(self._db, app_id, language, searching.asked(question), SUGGESTIONS)
        return [
            Entry(
                hit.id,
                core.slug(hit.title),
                hit.title,
                hit.summary or searching.excerpt(hit.plain),
                0,
                0,
                0,
            )
            for hit in found
        ]

    async def linked(self, app_id: int) -> list[Linked]:
        """Everything that is published."""
        listed = await rows.all_listed(self._db, app_id)
        families: dict[str, dict[str, tuple[int, str]]] = {}
        for article in listed:
            families.setdefault(article.kin, {})[article.language] = (article.id, core.slug(article.title))
        return [Linked(a.id, core.slug(a.title), a.language, a.updated_at, families[a.kin]) for a in listed]

    async def _related(
        self, shown: Shown, sections: Iterable[Section], section: Section
    ) -> tuple[Entry, ...]:
        """What a search for its title finds, then its neighbours."""
        found = await stored.search(
            self._db, shown.app_id, shown.language, searching.asked(shown.title), RELATED + 1
        )
        everything = {entry.id: entry for s in sections for entry in s.entries}
        ids = [hit.id for hit in found] + [entry.id for entry in section.entries]
        kept = [everything[i] for i in dict.fromkeys(ids) if i != shown.id and i in everything]
        return tuple(kept[:RELATED])


def entry(article: Listed) -> Entry:
    return Entry(
        article.id,
        core.slug(article.title),
        article.title,
        article.summary or searching.excerpt(article.beginning),
        article.views,
        article.updated_at,
        article.published_at,
    )


def _sections(categories: Sequence[Category], listed: Sequence[Listed], language: str) -> list[Section]:
    by_category: dict[int, list[Entry]] = {}
    for article in listed:
        by_category.setdefault(article.category_id, []).append(entry(article))
    return [
        Section(
            category.slug,
            _said(category.names, language),
            category.about.get(language, ""),
            tuple(by_category[category.id]),
        )
        for category in categories
        if category.id in by_category
    ]


def _said(names: dict[str, str], language: str) -> str:
    return names.get(language) or next(iter(names.values()))
