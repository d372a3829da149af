"""An agent finds a ticket by the number that somebody reads out, or by words, also one that was closed."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

from tests.harness.commands import done
from tests.harness.looks import axe_finds, cut_off
from tests.harness.tour import of_console
from tests.journeys.conftest import Stage

pytestmark = pytest.mark.browser


def test_a_ticket_is_found_by_its_number_and_by_words_with_the_keyboard(stage: Stage) -> None:
    customer = stage.wired()
    customer.requests("La caja 3 no imprime", "Desde ayer.", "ana@example.com", type="question")
    agent = stage.agent(status=None)
    page = agent.page
    agent.takes("La caja 3 no imprime")
    agent.closes_ticket()
    customer.requests("Otra vez la caja 3", "Desde ayer.", "ana@example.com", type="question")
    field = page.get_by_role("searchbox", name="Buscar tickets")
    expect(page.get_by_role("button", name=re.compile("La caja 3 no imprime"))).to_have_count(0)

    page.locator("body").press("/")
    expect(field).to_be_focused()
    page.keyboard.type("CAJA ana@example")
    page.keyboard.press("Enter")
    found = page.locator(".found .row")
    expect(found).to_have_count(2)
    expect(found.first).to_contain_text("Otra vez la caja 3")
    expect(found.last).to_contain_text("Cerrado")
    view = of_console("search", page)
    assert axe_finds(view) == []
    assert cut_off(view) == []
    page.screenshot(path=stage.pictures / "found.png")
    number = re.search(r"#(\d+)", found.last.inner_text())
    assert number
    field.focus()
    page.keyboard.press("ArrowDown")
    expect(found.first).to_be_focused()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="La caja 3 no imprime")).to_be_visible()
    found.last.focus()
    page.keyboard.press("Escape")
    expect(field).to_be_focused()
    expect(field).to_have_value("")
    expect(agent.list("Solicitudes").locator(".row")).to_have_count(1)

    page.keyboard.type("nada de esto")
    page.keyboard.press("Enter")
    expect(page.get_by_text("Ningún ticket coincide con «nada de esto».")).to_be_visible()

    # On a telephone the list is all there is: a number opens its ticket, and the way back leads to what was found.
    phone = stage.agent(status=None, width=360)
    phone.page.get_by_role("searchbox", name="Buscar tickets").fill(f"#{number[1]}")
    phone.page.keyboard.press("Enter")
    expect(phone.page.get_by_role("heading", name="La caja 3 no imprime")).to_be_visible()
    phone.page.screenshot(path=stage.pictures / "phone.png")


def test_the_first_article_says_why_it_needs_a_category_and_goes_on_after_it(stage: Stage) -> None:
    new = ("--key", "otra", "--origin", "https://otra.test")
    done(stage.server, "app", "add", "Otra", *new)
    done(stage.server, "agent", "set", "ana@demo.test", "--app", "otra")
    agent = stage.agent(status=None)
    page = agent.page
    page.get_by_role("button", name="Artículos").click()
    page.get_by_role("button", name="Nuevo artículo").click()
    asked = page.get_by_role("dialog", name="Nueva categoría")
    expect(asked.get_by_text("Un artículo está siempre en una categoría")).to_be_visible()
    view = of_console("first-category", page)
    assert axe_finds(view) == []
    assert cut_off(view) == []
    asked.get_by_label("Nombre (Español)").fill("Primeros pasos")
    asked.get_by_role("button", name="Crear categoría").click()
    expect(asked).to_have_count(0)
    expect(page.get_by_role("textbox", name="Título")).to_be_visible()
    page.get_by_role("button", name="Categorías", exact=True).click()
    several = page.get_by_role("dialog", name="Categorías")
    several.get_by_role("button", name="Nueva categoría").click()
    several.get_by_label("Nombre (Español)").fill("Pagos")
    several.get_by_role("button", name="Crear categoría").click()
    several.get_by_role("button", name="Subir: Pagos").click()
    expect(several.locator(".category-name")).to_have_text(
        [re.compile("Pagos"), re.compile("Primeros pasos")]
    )
    several.get_by_role("button", name="Editar: Pagos").click()
    several.get_by_text("Otros idiomas").click()
    several.get_by_label("Nombre (Inglés)").fill("Payments")
    several.get_by_role("button", name="Guardar").click()
    expect(several.locator(".category-name").first).to_have_text(re.compile("Pagos.*ES · EN"))
    page.screenshot(path=stage.pictures / "categories.png")


def test_who_writes_articles_sees_that_somebody_waits(stage: Stage) -> None:
    agent = stage.agent()
    agent.page.get_by_role("button", name="Artículos").click()
    customer = stage.customer()
    customer.starts_chat("No puedo entrar")
    customer.says("Hola")
    chats = agent.page.get_by_role("navigation").get_by_role("button", name="Chats")
    expect(chats).to_have_text(re.compile("1 por atender"))
