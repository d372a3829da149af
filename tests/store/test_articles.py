"""Help articles in the store, on both engines: versions, what readers see, and what is found."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Sequence

import pytest

from chatserver.core import searching
from chatserver.core.articles import Draft
from chatserver.store import articles, authors
from chatserver.store.articles import Counted
from chatserver.store.base import Violated
from chatserver.store.searching import search, texts
from tests.store.house import NOON, House

pytestmark = pytest.mark.anyio


class Shelf:
    """An app's articles, with the small verbs of these tests."""

    def __init__(self, house: House, app_id: int, author: int, category: int) -> None:
        self.db = house.db
        self.app_id = app_id
        self.author = author
        self.category = category
        self._kin = 0

    @classmethod
    async def of(cls, house: House, app_id: int = 0) -> Shelf:
        app_id = app_id or house.app
        author = await house.agent(f"autora{app_id}", app_id)
        category = await articles.add_category(house.db, app_id, "facturas", {"es": "Facturas"}, {}, NOON)
        return cls(house, app_id, author, category)

    async def draft(self, title: str, body: str = "Texto.", *, language: str = "es", kin: str = "") -> int:
        self._kin += 1
        return await articles.add(
            self.db,
            app_id=self.app_id,
            category_id=self.category,
            language=language,
            kin=kin or f"{self.app_id}-{self._kin}",
            author_id=self.author,
            text=Draft(title, "", body),
            now=NOON,
        )

    async def save(self, article: int, title: str, body: str, *, base: int) -> bool:
        text = Draft(title, "", body)
        return await articles.save(
            self.db,
            article,
            base=base,
            category_id=self.category,
            author_id=self.author,
            text=text,
            now=NOON + base,
        )

    async def publish(self, article: int, number: int = 1, *, language: str = "es") -> bool:
        written = await authors.written(self.db, (self.app_id,), article)
        assert written is not None
        made = texts(self.app_id, language, title=written.title, summary="", plain=written.body)
        return await articles.publish(self.db, article, number=number, texts=made, now=NOON + 100)

    async def shows(self, title: str, body: str = "Texto.", *, language: str = "es", kin: str = "") -> int:
        article = await self.draft(title, body, language=language, kin=kin)
        assert await self.publish(article, language=language)
        return article

    async def finds(self, question: str, *, language: str = "es", limit: int = 20) -> list[str]:
        terms = searching.asked(question)
        return [found.title for found in await search(self.db, self.app_id, language, terms, limit)]


@pytest.fixture
async def shelf(house: House) -> Shelf:
    return await Shelf.of(house)


async def test_a_draft_is_seen_by_authors_alone(shelf: Shelf) -> None:
    article = await shelf.draft("Emitir una factura")
    assert await articles.shown(shelf.db, shelf.app_id, article) is None
    assert await articles.listed(shelf.db, shelf.app_id, "es") == []
    assert await shelf.finds("factura") == []
    written = await authors.written(shelf.db, (shelf.app_id,), article)
    assert written is not None
    assert (written.title, written.state, written.version, written.shown) == (
        "Emitir una factura",
        "draft",
        1,
        None,
    )


async def test_readers_see_the_published_version_until_the_next_one_is_published(shelf: Shelf) -> None:
    article = await shelf.shows("Emitir una factura", "Pulsa Emitir.")
    assert await shelf.save(article, "Emitir una boleta", "Pulsa Boleta.", base=1)
    shown = await articles.shown(shelf.db, shelf.app_id, article)
    assert shown is not None
    assert (shown.title, shown.body, shown.number, shown.author) == (
        "Emitir una factura",
        "Pulsa Emitir.",
        1,
        f"autora{shelf.app_id}",
    )
    assert await shelf.finds("boleta") == []
    assert await shelf.publish(article, 2)
    assert await shelf.finds("boleta") == ["Emitir una boleta"]
    assert await shelf.finds("factura") == []
    assert [v.number for v in await authors.versions(shelf.db, article)] == [2, 1]
    first = await authors.written(shelf.db, (shelf.app_id,), article, 1)
    assert first is not None
    assert first.body == "Pulsa Emitir."


async def test_a_withdrawn_article_is_found_no_more_and_may_come_back(shelf: Shelf) -> None:
    article = await shelf.shows("Emitir una factura")
    assert await articles.withdraw(shelf.db, article)
    assert not await articles.withdraw(shelf.db, article)
    assert await articles.shown(shelf.db, shelf.app_id, article) is None
    assert await shelf.finds("factura") == []
    assert await articles.languages(shelf.db, shelf.app_id) == set()
    assert await shelf.publish(article)
    shown = await articles.shown(shelf.db, shelf.app_id, article)
    assert shown is not None
    assert shown.published_at == NOON + 100
    assert await shelf.finds("factura") == ["Emitir una factura"]


async def test_who_saves_on_a_text_that_is_not_the_newest_stores_nothing(shelf: Shelf) -> None:
    article = await shelf.draft("Emitir una factura")
    assert await shelf.save(article, "Uno", "uno", base=1)
    assert not await shelf.save(article, "Dos", "dos", base=1)
    written = await authors.written(shelf.db, (shelf.app_id,), article)
    assert written is not None
    assert (written.version, written.title) == (2, "Uno")
    assert not await shelf.save(article, "Tres", "tres", base=99)
    assert [version.number for version in await authors.versions(shelf.db, article)] == [2, 1]
    assert not await shelf.publish(article, 1)


async def test_of_ten_who_save_at_once_one_wins(shelf: Shelf) -> None:
    article = await shelf.draft("Emitir una factura")
    saved = await asyncio.gather(*(shelf.save(article, f"De {n}", "texto", base=1) for n in range(10)))
    assert sum(saved) == 1
    assert len(await authors.versions(shelf.db, article)) == 2


async def test_there_is_one_translation_into_a_language(shelf: Shelf) -> None:
    await shelf.shows("Emitir una factura", kin="k")
    await shelf.shows("Issue an invoice", language="en", kin="k")
    with pytest.raises(Violated):
        await shelf.draft("Otra", kin="k")
    found = await articles.translations(shelf.db, "k")
    assert {code: title for code, (_, title) in found.items()} == {
        "es": "Emitir una factura",
        "en": "Issue an invoice",
    }


async def test_an_article_of_another_app_is_none(house: House, shelf: Shelf) -> None:
    other = await Shelf.of(house, await house.new_app("otra"))
    article = await other.shows("Emitir una factura")
    assert await articles.shown(shelf.db, shelf.app_id, article) is None
    assert await authors.written(shelf.db, (shelf.app_id,), article) is None
    assert await shelf.finds("factura") == []
    assert not await articles.change_category(shelf.db, shelf.app_id, other.category, {"es": "Mía"}, {})
    assert not await articles.remove_category(shelf.db, shelf.app_id, other.category)


async def test_a_category_with_articles_stays_and_an_empty_one_goes(shelf: Shelf) -> None:
    await shelf.draft("Emitir una factura")
    with pytest.raises(Violated):
        await articles.remove_category(shelf.db, shelf.app_id, shelf.category)
    empty = await articles.add_category(shelf.db, shelf.app_id, "pagos", {"es": "Pagos"}, {}, NOON)
    with pytest.raises(Violated):
        await articles.add_category(shelf.db, shelf.app_id, "pagos", {"es": "Otra"}, {}, NOON)
    await articles.order_categories(shelf.db, shelf.app_id, [empty, shelf.category])
    assert [c.slug for c in await articles.categories_of(shelf.db, shelf.app_id)] == ["pagos", "facturas"]
    assert await articles.remove_category(shelf.db, shelf.app_id, empty)


async def test_counts_are_added_and_a_reader_has_one_word_per_version(shelf: Shelf) -> None:
    article = await shelf.shows("Emitir una factura")
    await articles.count(shelf.db, [(article, Counted(views=3, opened=1))])
    await articles.count(shelf.db, [(article, Counted(views=2, followed=1)), (999, Counted(views=1))])
    for useful in (True, False):
        await articles.vote(
            shelf.db, article, 1, "ana", useful=useful, reasons=["unclear"], comment="¿Y?", now=NOON
        )
    await articles.vote(shelf.db, article, 1, "eva", useful=True, reasons=[], comment="", now=NOON + 1)
    (row,) = await authors.rows(shelf.db, shelf.app_id)
    assert (row.views, row.opened, row.followed, row.useful, row.useless) == (5, 1, 1, 1, 1)
    assert [(v.useful, v.reasons, v.comment) for v in await authors.votes(shelf.db, article)] == [
        (True, (), ""),
        (False, ("unclear",), "¿Y?"),
    ]


# — what is found ——————————————————————————————————————————————————————————————


async def test_accents_and_capitals_make_no_difference(shelf: Shelf) -> None:
    await shelf.shows("Configurar la facturación electrónica")
    for question in ("facturacion", "FACTURACIÓN", "electro\u0301nica", "configuração", "factur"):
        assert await shelf.finds(question) == ["Configurar la facturación electrónica"], question


async def test_the_last_word_may_be_unfinished_and_others_may_have_another_ending(shelf: Shelf) -> None:
    await shelf.shows("Cómo emitir facturas a crédito")
    assert len(await shelf.finds("emito factura cred")) == 1
    assert len(await shelf.finds("c")) == 1
    assert await shelf.finds("nada de eso") == []


async def test_a_word_in_the_title_outranks_many_in_the_text(shelf: Shelf) -> None:
    await shelf.shows("Reportes de ventas", "La factura, la factura y otra vez la factura. " * 30)
    await shelf.shows("Anular una factura", "Ábrela y pulsa Anular.")
    await shelf.shows("Copias de seguridad", "Cada noche. " * 20)
    assert await shelf.finds("factura") == ["Anular una factura", "Reportes de ventas"]


async def test_who_has_all_the_words_comes_before_who_has_some(shelf: Shelf) -> None:
    await shelf.shows("Impresora", "Para la impresora térmica.")
    await shelf.shows("Impresora fiscal sin papel", "Cambia el rollo.")
    await shelf.shows("Papel membretado", "Se sube aquí.")
    found = await shelf.finds("mi impresora no tiene papel")
    assert found[0] == "Impresora fiscal sin papel"
    assert set(found) == {"Impresora", "Impresora fiscal sin papel", "Papel membretado"}


async def test_a_language_finds_its_own_alone_and_no_more_than_asked_for(shelf: Shelf) -> None:
    await shelf.shows("Total general", kin="k")
    await shelf.shows("Total amount", language="en", kin="k")
    assert await shelf.finds("total", language="en") == ["Total amount"]
    assert await shelf.finds("total", language="pt") == []
    for number in range(30):
        await shelf.shows(f"Total número {number}")
    assert len(await shelf.finds("total", limit=5)) == 5


HOSTILE: Sequence[str] = (
    '"',
    "'",
    "factura' OR 1=1 --",
    'factura" OR "a',
    "title : factura",
    "factura*",
    "^factura",
    "NEAR(factura, 2)",
    "factura AND NOT x",
    "{title} : x",
    "fact & !x | (",
    "a:*b",
    "\\",
    "%_%",
    "; DROP TABLE articles",
    "\0\0",
    "\ud800",
    "-factura",
    "+factura",
    "\u202e",
    "😀",
    "‏",
    "𝔉𝔞𝔠𝔱𝔲𝔯𝔞",
    "app1es",
    "x" * 5_000,
    "factura " * 2_000,
    "ß ŉ ǆ ﬁ İ",
)


async def test_no_question_breaks_the_search_or_leaves_the_app(house: House, shelf: Shelf) -> None:
    other = await Shelf.of(house, await house.new_app("otra"))
    await other.shows("Factura de otra app")
    await shelf.shows("Factura")
    for question in HOSTILE:
        assert set(await shelf.finds(question)) <= {"Factura"}, question


async def test_any_characters_at_all_can_be_asked_for(shelf: Shelf) -> None:
    await shelf.shows("Factura")
    chance = random.Random(7)
    for _ in range(200):
        question = "".join(
            chr(chance.choice((chance.randrange(128), chance.randrange(0x110000)))) for _ in range(12)
        )
        await shelf.finds(question)
