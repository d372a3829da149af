"""Help articles from an author's first word to a reader's answer; and what hostile ones do in a real browser: nothing."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from playwright.sync_api import BrowserContext, Dialog, Page, expect

from chatserver.core.articles import BODY_MAX
from tests.articles.vectors import VECTORS
from tests.harness.browser import Watch, person_context
from tests.harness.looks import axe_finds, cut_off
from tests.harness.tour import View
from tests.harness.waiting import wait_until
from tests.journeys.conftest import Stage

pytestmark = pytest.mark.browser

ARTICLE = "/help/demo/es/article/1-como-emitir-una-factura-electronica"


@contextmanager
def reader(stage: Stage, *, scripts: bool = True, width: int = 1280) -> Iterator[Page]:
    """Somebody with a browser, and nothing else; their pages must have nothing to complain of."""
    if scripts:
        context: BrowserContext = person_context(stage.browser, width=width)
    else:
        context = stage.browser.new_context(java_script_enabled=False)
        context.set_default_timeout(30_000)
    page, watch = context.new_page(), Watch()
    watch.over(page)
    watch.expect("the server responded with a status of 4")
    try:
        yield page
        assert not watch.unexpected()
    finally:
        context.close()


def open_articles(page: Page) -> None:
    page.get_by_role("button", name="Artículos").click()
    expect(page.get_by_role("heading", name="Artículos")).to_be_visible()
    expect(page.get_by_role("button", name="Recuperar tu contraseña")).to_be_visible()


def begin(page: Page, title: str, body: str) -> None:
    page.get_by_role("button", name="Nuevo artículo").click()
    page.get_by_role("textbox", name="Título").fill(title)
    page.get_by_role("textbox", name="Texto", exact=True).fill(body)


def in_the_list(page: Page, title: str) -> Any:
    return page.locator(".article-row", has_text=title)


def test_an_article_is_written_published_read_and_answered(stage: Stage) -> None:
    ana = stage.agent(status=None).page
    open_articles(ana)
    begin(
        ana,
        "Congelar un inventario",
        "## Pasos\n\n1. Ábrela.\n2. Pulsa **Congelar**.\n\n## Después\n\nRevísala.",
    )
    ana.get_by_role("tab", name="Vista previa").click()
    preview = ana.frame_locator("iframe.preview")
    expect(preview.get_by_role("heading", name="Pasos")).to_be_visible()
    ana.get_by_role("tab", name="Escribir").click()
    ana.keyboard.press("Control+s")
    expect(ana.get_by_text("Guardado.")).to_be_visible()
    expect(in_the_list(ana, "Congelar un inventario")).to_contain_text("Borrador")
    with reader(stage) as eva:
        eva.goto(f"{stage.server.origin}/help/demo/es/search?q=congelar")
        expect(eva.get_by_role("heading", name="Nada para «congelar»")).to_be_visible()
        ana.get_by_role("button", name="Publicar").click()
        expect(ana.get_by_text("Publicado.", exact=True)).to_be_visible()
        eva.get_by_role("searchbox").fill("congelo inven")
        suggested = eva.get_by_role("link", name="Congelar un inventario")
        expect(suggested).to_be_visible()
        eva.keyboard.press("ArrowDown")
        expect(suggested).to_be_focused()
        eva.keyboard.press("Enter")
        expect(eva.get_by_role("heading", name="Congelar un inventario")).to_be_visible()
        eva.get_by_role("link", name="Después").click()
        eva.get_by_role("button", name="No", exact=True).click()
        eva.get_by_role("button", name="Enviar opinión").click()
        expect(eva.get_by_text("Elige al menos una razón; si es otra, escríbela.")).to_be_visible()
        eva.get_by_label("Falta información").check()
        eva.get_by_label("Cuéntanos más").fill("¿Y las anuladas?")
        eva.get_by_role("button", name="Enviar opinión").click()
        expect(eva.get_by_text("Gracias por tu opinión")).to_be_visible()
    ana.get_by_role("tab", name="Opiniones").click()
    expect(ana.get_by_text("¿Y las anuladas?")).to_be_visible()
    expect(ana.get_by_text("Falta información")).to_be_visible()


def test_two_authors_lose_nothing_to_each_other_nor_to_a_reload(stage: Stage) -> None:
    ana, luis = stage.agent(status=None).page, stage.agent("luis@demo.test", status=None).page
    for page in (ana, luis):
        open_articles(page)
        in_the_list(page, "Recuperar tu contraseña").click()
    text = luis.get_by_role("textbox", name="Texto", exact=True)
    text.fill("El texto de Luis.")
    luis.reload()
    expect(text).to_have_value("El texto de Luis.")
    expect(luis.get_by_text("Recuperamos el texto que no habías guardado.")).to_be_visible()
    ana.get_by_role("textbox", name="Texto", exact=True).fill("El texto de Ana.")
    ana.get_by_role("button", name="Guardar").click()
    expect(ana.get_by_text("Guardado.")).to_be_visible()
    stage.people[1].watch.expect("status of 409")
    luis.get_by_role("button", name="Guardar").click()
    expect(
        luis.get_by_role("heading", name="Ana Ríos guardó este artículo mientras escribías")
    ).to_be_visible()
    expect(luis.get_by_label("Versión 2, de Ana Ríos")).to_have_value(
        "Recuperar tu contraseña\n\nEl texto de Ana."
    )
    expect(text).to_have_value("El texto de Luis.")
    luis.get_by_role("button", name="Seguir con mi texto").click()
    luis.get_by_role("button", name="Guardar").click()
    expect(luis.get_by_text("Guardado.")).to_be_visible()
    luis.get_by_role("tab", name="Versiones").click()
    luis.get_by_role("button", name="Volver a la 2").click()
    expect(text).to_have_value("El texto de Ana.")


def test_without_a_script_everything_can_be_read_and_answered(stage: Stage) -> None:
    with reader(stage, scripts=False) as eva:
        eva.goto(f"{stage.server.origin}/help/demo/es")
        eva.get_by_role("searchbox").fill("impresora")
        eva.get_by_role("button", name="Buscar").click()
        eva.get_by_role("link", name="Conectar la impresora fiscal").click()
        eva.get_by_role("button", name="No", exact=True).click()
        eva.get_by_label("Lo que dice no funciona").check()
        first, second = eva.get_by_label("¿cuánto es").evaluate(
            "(input) => input.labels[0].textContent.match(/\\d+/g).map(Number)"
        )
        eva.get_by_label("¿cuánto es").fill(str(first + second))
        eva.get_by_role("button", name="Enviar opinión").click()
        # Whoever is quicker than three seconds is asked once more, with all that was written.
        while eva.get_by_text("Revisa la suma").is_visible():
            first, second = eva.get_by_label("¿cuánto es").evaluate(
                "(input) => input.labels[0].textContent.match(/\\d+/g).map(Number)"
            )
            expect(eva.get_by_label("Lo que dice no funciona")).to_be_checked()
            eva.get_by_label("¿cuánto es").fill(str(first + second))
            eva.wait_for_timeout(3_100)  # what the server asks of people
            eva.get_by_role("button", name="Enviar opinión").click()
        expect(eva.get_by_role("heading", name="Gracias por tu opinión")).to_be_visible()


def test_hostile_articles_run_nothing_load_nothing_and_break_no_rule(stage: Stage) -> None:
    """All vectors, as an author would publish them, and in an author's preview."""
    ana = stage.agent(status=None).page
    open_articles(ana)
    call = """async ([method, path, body]) => {
      const answer = await fetch(path, {method, headers: {"content-type": "application/json"}, body: JSON.stringify(body)});
      return answer.json();
    }"""
    bodies: list[str] = [""]
    for vector in VECTORS:
        if len(bodies[-1]) + len(vector) > BODY_MAX - 10:
            bodies.append("")
        bodies[-1] += f"{vector}\n\n---\n\n"
    with reader(stage) as eva:
        strangers: list[str] = []
        dialogs: list[str] = []
        eva.on("request", lambda request: strangers.append(request.url))

        def heard(dialog: Dialog) -> None:
            dialogs.append(dialog.message)
            dialog.dismiss()

        for page in (eva, ana):
            page.on("dialog", heard)
        for number, body in enumerate(bodies):
            title = f"{number} <img src=x onerror=alert(1)></title><script>alert(1)</script>"
            said = {"title": title, "summary": title, "body": body, "category": 1}
            new = said | {"app": "demo", "language": "es"}
            made = ana.evaluate(call, ["POST", "/console/articles", new])
            ana.evaluate(call, ["POST", f"/console/articles/{made['id']}/publish", {"number": 1}])
            eva.goto(f"{stage.server.origin}/help/demo/es/article/{made['id']}")
            expect(eva.get_by_role("heading", level=1)).to_have_text(title)
            ana.goto(f"{stage.server.console}#articles-{made['id']}")
            ana.reload()
            ana.get_by_role("tab", name="Vista previa").click()
            preview = ana.frame_locator("iframe.preview")
            expect(preview.get_by_role("heading", level=1).first).to_have_text(title)
        for path in ("", "/search?q=img onerror", "/category/facturas", "/feed.xml"):
            eva.goto(f"{stage.server.origin}/help/demo/es{path}")
        assert dialogs == []
        assert [url for url in strangers if not url.startswith(stage.server.origin)] == []


def test_axe_finds_nothing_and_nothing_is_cut_off(stage: Stage) -> None:
    found: list[str] = []
    with reader(stage) as eva:
        for name, path in (
            ("home", "/help/demo/es"),
            ("category", "/help/demo/es/category/facturas"),
            ("article", ARTICLE),
            ("search", "/help/demo/es/search?q=factura"),
            ("missing", "/help/demo/es/article/99"),
            ("feedback", "/help/demo/es/article/1/feedback?useful=no"),
        ):
            eva.goto(f"{stage.server.origin}{path}")
            if name == "article":
                eva.get_by_role("button", name="No", exact=True).click()
            found += axe_finds(view := View(f"help-{name}", eva, eva)) + cut_off(view)
    ana = stage.agent(status=None).page
    open_articles(ana)
    found += axe_finds(view := View("articles", ana, ana)) + cut_off(view)
    in_the_list(ana, "Recuperar tu contraseña").click()
    for tab in ("Escribir", "Vista previa", "Versiones", "Opiniones"):
        ana.get_by_role("tab", name=tab).click()
        found += axe_finds(view := View(f"articles-{tab}", ana, ana)) + cut_off(view)
    ana.get_by_role("button", name="Categorías").click()
    found += axe_finds(view := View("articles-categories", ana, ana)) + cut_off(view)
    assert not found, "\n".join(found)


def test_what_a_reader_looks_at_is_counted_once_somebody_looks(stage: Stage) -> None:
    with reader(stage) as eva, eva.expect_request("**/count/views/1"):
        eva.goto(f"{stage.server.origin}{ARTICLE}")
    stage.server.stop()

    def views() -> int:
        with stage.server.reading() as database:
            return int(database.execute("SELECT views FROM articles WHERE id = 1").fetchone()[0])

    wait_until(lambda: views() == 1, "the view was written at the end")
