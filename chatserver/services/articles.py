"""What authors do with help articles: every agent of an app writes its articles. An article is looked up through the agent's
apps: another app's is none."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Final

import msgspec

from chatserver.core import articles as core
from chatserver.core.articles import Draft
from chatserver.core.errors import Refused
from chatserver.core.people import App
from chatserver.core.tries import limit
from chatserver.i18n import LANGUAGES
from chatserver.services.people import People
from chatserver.services.rendering import Renderings
from chatserver.services.throttle import Throttle
from chatserver.store import articles as rows
from chatserver.store import authors
from chatserver.store.articles import Category
from chatserver.store.authors import Row, Version, Vote, Written
from chatserver.store.base import Violated
from chatserver.store.database import Database
from chatserver.store.searching import texts

if TYPE_CHECKING:
    from chatserver.articles.rendering import Rendered

PREVIEWS_PER_MINUTE: Final = 60


class EditedMeanwhile(Refused):
    """Nothing was saved: `theirs` is the newest text, to be compared."""

    def __init__(self, theirs: Written) -> None:
        super().__init__("edited_meanwhile")
        self.theirs = theirs


class Shelf(msgspec.Struct, frozen=True):
    """All that an app has, for its authors."""

    categories: list[Category]
    articles: list[Row]


class Authors:
    """`people`: who there is, as last read. `clock`: ms since 1970 UTC."""

    def __init__(
        self, db: Database, people: Callable[[], People], renderings: Renderings, clock: Callable[[], int]
    ) -> None:
        self._db = db
        self._people = people
        self._renderings = renderings
        self._clock = clock
        self._previews = Throttle(limit(PREVIEWS_PER_MINUTE, 60))

    # — reading ————————————————————————————————————————————————————————————————

    async def shelf(self, agent_id: int, app_key: str) -> Shelf:
        app_id = self._app(agent_id, app_key)
        return Shelf(await rows.categories_of(self._db, app_id), await authors.rows(self._db, app_id))

    async def written(self, agent_id: int, article_id: int, number: int | None = None) -> Written:
        """With its newest text, or that of version `number`. Raises Refused(not_found)."""
        app_ids = self._people().agent(agent_id).app_ids
        found = await authors.written(self._db, app_ids, article_id, number)
        if found is None:
            raise Refused("not_found")
        return found

    async def versions(self, agent_id: int, article_id: int) -> list[Version]:
        await self.written(agent_id, article_id)
        return await authors.versions(self._db, article_id)

    async def votes(self, agent_id: int, article_id: int) -> list[Vote]:
        await self.written(agent_id, article_id)
        return await authors.votes(self._db, article_id)

    async def preview(self, agent_id: int, app_key: str, language: str, body: str) -> tuple[App, Rendered]:
        """How a text will look that is not saved. Raises Refused(rate_limited): each one is a second of a thread at most."""
        app = self._people().app(self._app(agent_id, app_key))
        _known(language)
        self._previews.take(str(agent_id), self._clock())
        return app, await self._renderings.of_body(body[: core.BODY_MAX], language)

    # — writing ————————————————————————————————————————————————————————————————

    async def create(
        self, agent_id: int, app_key: str, category_id: int, language: str, text: Draft, translates: int = 0
    ) -> Written:
        """A draft. `translates`: the article whose translation it is; it takes part of its family.

        Raises Refused: not_found (app, category or article), taken (there is a translation into this language), too_many.
        """
        app_id = self._app(agent_id, app_key)
        _known(language)
        await self._has_category(app_id, category_id)
        kin = secrets.token_urlsafe(9)
        if translates:
            original = await self.written(agent_id, translates)
            if original.app_id != app_id:
                raise Refused("not_found")
            kin = original.kin
        if await authors.how_many(self._db, app_id) >= core.ARTICLES_MAX:
            raise Refused("too_many", limit=core.ARTICLES_MAX)
        try:
            article_id = await rows.add(
                self._db,
                app_id=app_id,
                category_id=category_id,
                language=language,
                kin=kin,
                author_id=agent_id,
                text=text,
                now=self._clock(),
            )
        except Violated:
            raise Refused("taken") from None
        return await self.written(agent_id, article_id)

    async def save(self, agent_id: int, article_id: int, base: int, category_id: int, text: Draft) -> Written:
        """A new version after `base`. Readers go on seeing what they saw. Raises EditedMeanwhile, Refused(not_found)."""
        before = await self.written(agent_id, article_id)
        await self._has_category(before.app_id, category_id)
        saved = await rows.save(
            self._db,
            article_id,
            base=base,
            category_id=category_id,
            author_id=agent_id,
            text=text,
            now=self._clock(),
        )
        after = await self.written(agent_id, article_id)
        if not saved:
            raise EditedMeanwhile(after)
        return after

    async def publish(self, agent_id: int, article_id: int, number: int) -> Written:
        """Show version `number` to readers. Raises EditedMeanwhile when it is not the newest any more, Refused(nothing_new)."""
        newest = await self.written(agent_id, article_id)
        if newest.version != number:
            raise EditedMeanwhile(newest)
        core.may_publish(newest.state, newest.version, newest.shown)
        made = await self._renderings.of_body(newest.body, newest.language)
        searched = texts(
            newest.app_id, newest.language, title=newest.title, summary=newest.summary, plain=made.plain
        )
        done = await rows.publish(self._db, article_id, number=number, texts=searched, now=self._clock())
        after = await self.written(agent_id, article_id)
        if not done:
            raise EditedMeanwhile(after)
        return after

    async def withdraw(self, agent_id: int, article_id: int) -> Written:
        """Readers see it no more. Raises Refused(nothing_new) when they do not."""
        core.may_withdraw((await self.written(agent_id, article_id)).state)
        if not await rows.withdraw(self._db, article_id):
            raise Refused("nothing_new")
        return await self.written(agent_id, article_id)

    # — categories —————————————————————————————————————————————————————————————

    async def add_category(
        self, agent_id: int, app_key: str, names: Mapping[str, str], about: Mapping[str, str]
    ) -> list[Category]:
        """Behind the others; all of them then. Its address is made of its first name. Raises Refused: taken, too_many."""
        app_id = self._app(agent_id, app_key)
        called, described = _called(names, about)
        if len(await rows.categories_of(self._db, app_id)) >= core.CATEGORIES_MAX:
            raise Refused("too_many", limit=core.CATEGORIES_MAX)
        slug = core.slug(next(called[code] for code in LANGUAGES if code in called))
        try:
            await rows.add_category(self._db, app_id, slug, called, described, self._clock())
        except Violated:
            raise Refused("taken") from None
        return await rows.categories_of(self._db, app_id)

    async def change_category(
        self,
        agent_id: int,
        app_key: str,
        category_id: int,
        names: Mapping[str, str],
        about: Mapping[str, str],
    ) -> list[Category]:
        """Its address stays. Raises Refused(not_found)."""
        app_id = self._app(agent_id, app_key)
        if not await rows.change_category(self._db, app_id, category_id, *_called(names, about)):
            raise Refused("not_found")
        return await rows.categories_of(self._db, app_id)

    async def order_categories(self, agent_id: int, app_key: str, ids: Sequence[int]) -> list[Category]:
        app_id = self._app(agent_id, app_key)
        await rows.order_categories(self._db, app_id, ids[: core.CATEGORIES_MAX])
        return await rows.categories_of(self._db, app_id)

    async def remove_category(self, agent_id: int, app_key: str, category_id: int) -> list[Category]:
        """Raises Refused: not_found, not_empty."""
        app_id = self._app(agent_id, app_key)
        try:
            if not await rows.remove_category(self._db, app_id, category_id):
                raise Refused("not_found")
        except Violated:
            raise Refused("not_empty") from None
        return await rows.categories_of(self._db, app_id)

    def _app(self, agent_id: int, app_key: str) -> int:
        people = self._people()
        app = people.app_by_key(app_key)
        if app.id not in people.agent(agent_id).app_ids:
            raise Refused("not_found")
        return app.id

    async def _has_category(self, app_id: int, category_id: int) -> None:
        if all(category.id != category_id for category in await rows.categories_of(self._db, app_id)):
            raise Refused("not_found")


def _known(language: str) -> None:
    if language not in LANGUAGES:
        raise Refused("bad_frame")


def _called(names: Mapping[str, str], about: Mapping[str, str]) -> tuple[dict[str, str], dict[str, str]]:
    return (
        core.names(names, LANGUAGES, core.NAME_MAX, least=1),
        core.names(about, LANGUAGES, core.ABOUT_MAX, least=0),
    )
