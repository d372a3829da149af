"""A customer at the portal and an agent at the console, with a browser that runs scripts and with one that runs none."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Page, expect

from tests.harness.looks import axe_finds, cut_off
from tests.harness.portal import PORTAL_PASSWORD, PortalCustomer, latest_link
from tests.harness.settings import on_both_engines
from tests.harness.tour import View
from tests.journeys.conftest import Stage

pytestmark = pytest.mark.browser

SUBJECT = "No puedo timbrar la factura"
ADDRESS = "ana@empresa.test"
BARE = """() => [...document.querySelectorAll("summary")]
  .filter((one) => getComputedStyle(one).display === "list-item" && getComputedStyle(one).listStyleType !== "none")
  .map((one) => one.outerHTML.slice(0, 120))"""
"""What folds away and shows the browser's own triangle."""


@on_both_engines
@pytest.mark.parametrize("scripts", [True, False], ids=["scripts", "no-scripts"])
def test_from_the_sign_up_to_the_rating(stage: Stage, scripts: bool) -> None:
    ana = stage.portal(scripts=scripts)
    ana.signs_up(ADDRESS)
    expect(ana.page.get_by_text("Todavía no tienes tickets")).to_be_visible()
    ana.opens_ticket(SUBJECT, "Sale «RFC inválido».")

    agent = stage.agent(status="Ocupado")
    agent.takes(SUBJECT)
    agent.talk.shows("Sale «RFC inválido».")
    agent.says("Hola, Ana. ¿Cuál es el RFC?")
    if not scripts:
        ana.looks_until(ana.messages.get_by_text("Hola, Ana. ¿Cuál es el RFC?"))
    ana.sees("Hola, Ana. ¿Cuál es el RFC?")
    ana.replies("Es XAXX010101000.")
    agent.talk.shows("Es XAXX010101000.")

    agent.talk.composer.fill("Ya quedó. ¿Lo confirmas?")
    agent.proposes_solution()
    agent.sees("Ya quedó. ¿Lo confirmas?")
    if not scripts:
        ana.looks_until(ana.messages.get_by_text("Ya quedó. ¿Lo confirmas?"))
    ana.button("No, sigue pendiente").click()
    ana.sees(re.compile("Indicaste que sigue pendiente"))
    agent.talk.composer.fill("¿Y ahora?")
    agent.proposes_solution()
    agent.sees("¿Y ahora?")
    if not scripts:
        ana.looks_until(ana.messages.get_by_text("¿Y ahora?"))
    ana.button("Sí, quedó resuelto").click()
    expect(ana.page.get_by_role("heading", name="Este ticket está cerrado")).to_be_visible()
    expect(ana.page.get_by_role("textbox", name="Tu respuesta", exact=True)).to_be_hidden()

    ana.page.locator("label", has_text="4 estrellas").click()
    ana.box("Cuéntanos más (opcional)").fill("Muy claro")
    ana.button("Enviar calificación").click()
    expect(ana.page.get_by_text("Gracias por tu calificación.")).to_be_visible()
    expect(ana.page.get_by_role("radio", name="4 estrellas")).to_be_checked()
    ana.link("Mis tickets").first.click()
    expect(ana.page.get_by_role("listitem").filter(has_text=SUBJECT)).to_contain_text("Cerrado")


def test_a_form_that_was_open_before_another_link_says_for_whom_it_is_now(stage: Stage) -> None:
    ana = stage.portal()
    ana.watch.expect("409")
    links = {}
    for address in ("eva@malo.test", ADDRESS):
        ana.page.goto(f"{ana.home}/sign-up")
        ana.box("Correo").fill(address)
        ana.button("Enviarme el enlace").click()
        links[address] = latest_link(stage.server, address)
    ana.page.goto(links[ADDRESS])
    ana.box("Nombre completo").fill("Ana Ruiz")
    ana.page.get_by_label("Contraseña").first.fill(PORTAL_PASSWORD)
    elsewhere = ana.page.context.new_page()
    elsewhere.goto(links["eva@malo.test"])
    elsewhere.close()
    ana.button("Crear cuenta").click()
    told = ana.page.get_by_role("alert")
    expect(told).to_contain_text("Mientras tanto se abrió otro enlace en este navegador")
    expect(told).to_be_focused()
    expect(ana.page.locator("p.lead")).to_contain_text("eva@malo.test")
    expect(ana.box("Nombre completo")).to_have_value("Ana Ruiz")
    expect(ana.page.get_by_label("Contraseña").first).to_have_value("")
    ana.page.goto(links[ADDRESS])
    ana.box("Nombre completo").fill("Ana Ruiz")
    ana.page.get_by_label("Contraseña").first.fill(PORTAL_PASSWORD)
    ana.button("Crear cuenta").click()
    ana.is_at("Mis tickets")


def test_an_answer_that_arrives_leaves_alone_what_is_being_typed(stage: Stage) -> None:
    ana = stage.portal()
    ana.signs_up(ADDRESS)
    ana.opens_ticket(SUBJECT, "Hola")
    agent = stage.agent(status="Ocupado")
    agent.takes(SUBJECT)
    box = ana.page.get_by_role("textbox", name="Tu respuesta", exact=True)
    box.press_sequentially("Estoy escribien")
    agent.says("Un momento, por favor.")
    ana.sees("Un momento, por favor.")
    expect(ana.page.get_by_role("status").filter(has_text="Nueva respuesta de Ana Ríos")).to_have_count(1)
    expect(box).to_be_focused()
    box.press_sequentially("do algo")
    expect(box).to_have_value("Estoy escribiendo algo")

    agent.closes_ticket()
    expect(ana.page.get_by_role("heading", name="Este ticket está cerrado")).to_be_visible()
    expect(box).to_be_focused()
    expect(box).to_have_value("Estoy escribiendo algo")
    ana.button("Nuevo ticket").click()
    ana.is_at("Nuevo ticket")
    expect(ana.box("Descripción")).to_have_value("Estoy escribiendo algo")
    ana.button("Enviar").click()
    expect(ana.page.get_by_text("Continúa el ticket #1001.")).to_be_visible()
    ana.sees("Estoy escribiendo algo")


def test_both_boxes_are_one_and_a_double_click_is_one_message(stage: Stage) -> None:
    ana = stage.portal()
    ana.signs_up(ADDRESS)
    ana.opens_ticket(SUBJECT, "Hola")
    for number in range(5):
        ana.replies(f"Respuesta {number}")
    ana.page.locator("summary", has_text="Responder").click()
    above = ana.page.get_by_role("textbox", name="Tu respuesta, arriba de la conversación")
    above.fill("Desde arriba")
    expect(ana.page.get_by_role("textbox", name="Tu respuesta", exact=True)).to_have_value("Desde arriba")
    ana.button("Enviar respuesta").first.dblclick(no_wait_after=True)
    ana.sees("Desde arriba")
    ana.page.reload()
    ana.sees("Desde arriba")


def test_a_session_that_ended_keeps_what_was_typed(stage: Stage) -> None:
    ana = stage.portal()
    ana.signs_up(ADDRESS)
    ana.opens_ticket(SUBJECT, "Hola")
    other = ana.context.new_page()
    other.goto(f"{ana.home}/profile")
    other.get_by_role("button", name="Salir en todos los dispositivos").click()
    ana.page.get_by_role("textbox", name="Tu respuesta", exact=True).fill("Una respuesta larga")
    ana.button("Enviar respuesta").last.click()
    expect(ana.page.get_by_text("Tu sesión terminó.")).to_be_visible()
    ana.fills_sign_in(ADDRESS)
    box = ana.page.get_by_role("textbox", name="Tu respuesta", exact=True)
    expect(box).to_have_value("Una respuesta larga")
    ana.button("Enviar respuesta").last.click()
    ana.sees("Una respuesta larga")
    ana.watch.expect("401|403")


def test_the_whole_way_with_the_keyboard(stage: Stage) -> None:
    ana = stage.portal()
    ana.signs_up(ADDRESS)
    page = ana.page
    page.goto(ana.home)
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Ir al contenido")).to_be_focused()
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Nuevo ticket").first).to_be_focused()
    page.keyboard.press("Enter")
    ana.is_at("Nuevo ticket")
    ana.box("Asunto").focus()
    page.keyboard.type("Con el teclado")
    page.keyboard.press("Tab")
    page.keyboard.press("Space")
    expect(page.get_by_role("radio", name="Solicitud")).to_be_checked()
    page.keyboard.press("ArrowDown")
    expect(page.get_by_role("radio", name="Incidente")).to_be_checked()
    page.keyboard.press("Tab")
    page.keyboard.type("Hola")
    for _ in range(20):
        if ana.button("Cancelar").evaluate("button => button === document.activeElement"):
            break
        page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    expect(ana.button("Enviar")).to_be_focused()
    page.keyboard.press("Enter")
    ana.is_at("Con el teclado")


def test_enter_in_the_subject_sends_and_does_not_cancel(stage: Stage) -> None:
    """The first button of a form is the one that Enter presses."""
    ana = stage.portal()
    ana.signs_up(ADDRESS)
    ana.page.goto(f"{ana.home}/new")
    ana.box("Descripción").fill("Hola")
    ana.page.get_by_role("radio", name="Consulta").check()
    ana.box("Asunto").fill("Una factura")
    ana.box("Asunto").press("Enter")
    ana.is_at("Una factura")


def views(stage: Stage) -> list[tuple[str, Page]]:
    """Every page, each in a tab of its own."""
    found: list[tuple[str, Page]] = []

    def tab(ana: PortalCustomer, name: str, place: str) -> Page:
        page = ana.context.new_page()
        ana.watch.over(page)
        page.goto(place if place.startswith("http") else f"{ana.home}{place}")
        found.append((name, page))
        return page

    nobody = stage.portal()
    nobody.watch.expect("410|401")
    for name in ("sign-in", "sign-up", "forgotten", "link"):
        tab(nobody, name, f"/{name}")
    wrong = tab(nobody, "sign-in-wrong", "/sign-in")
    wrong.get_by_label("Correo").fill(ADDRESS)
    wrong.get_by_label("Contraseña").first.fill("mala y larga")
    wrong.get_by_role("button", name="Ingresar").click()
    sent = tab(nobody, "sent", "/sign-up")
    sent.get_by_label("Correo").fill("eva@empresa.test")
    sent.get_by_role("button", name="Enviarme el enlace").click()
    tab(nobody, "welcome", latest_link(stage.server, "eva@empresa.test"))

    ana = stage.portal()
    ana.watch.expect("400")
    ana.signs_up(ADDRESS)
    tab(ana, "empty", "")
    ana.opens_ticket(SUBJECT, "Hola, mira https://cuadra.test/a y dime.\n" + "larguísimo" * 30)
    ana.opens_ticket(
        "Otro ticket con un asunto muy largo que no cabe en una sola línea de un teléfono", "Hola"
    )
    agent = stage.agent(status="Ocupado")
    agent.opens(SUBJECT)
    agent.page.locator("footer").get_by_role("button", name="Tomar").click()
    for number in range(3):
        agent.says(f"Respuesta {number}")
    agent.talk.composer.fill("¿Quedó resuelto?")
    agent.proposes_solution()
    agent.sees("¿Quedó resuelto?")
    tab(ana, "list", "")
    tab(ana, "none-found", "?q=nada")
    question = tab(ana, "question", "/tickets/1001")
    expect(question.get_by_role("button", name="Sí, quedó resuelto")).to_be_visible()
    for fold in question.locator("summary").all():
        fold.click()
    tab(ana, "profile", "/profile")
    ana.page.goto(f"{ana.home}/profile")
    ana.page.locator("#add-email").fill("ana@otra.test")
    ana.page.locator("#add-old").fill(PORTAL_PASSWORD)
    ana.button("Añadir dirección").click()
    found.append(("profile-claimed", ana.page))
    tab(ana, "confirm", latest_link(stage.server, "ana@otra.test"))
    tab(ana, "new", "/new?follows=1001")
    bad = tab(ana, "new-wrong", "/new")
    bad.get_by_label("Asunto").fill("No")
    bad.get_by_label("Descripción").fill("x")
    bad.get_by_role("button", name="Enviar").click()
    discard = tab(ana, "discard", "/new")
    discard.get_by_label("Asunto").fill("Algo")
    discard.get_by_role("button", name="Cancelar").click()
    closed = tab(ana, "closed", "/tickets/1001")
    closed.get_by_role("button", name="Sí, quedó resuelto").click()
    expect(closed.get_by_role("heading", name="Califica el servicio")).to_be_visible()
    return found


def test_axe_finds_nothing_on_any_page_light_or_dark_and_nothing_is_cut_off(stage: Stage) -> None:
    found: list[str] = []
    for name, page in views(stage):
        view = View(f"portal-{name}", page, page)
        found += axe_finds(view) + cut_off(view)
        found += [f"{name}: {element}" for element in page.evaluate(BARE)]
    assert not found, "\n".join(found)


def test_whatever_is_written_is_text_on_every_page(stage: Stage) -> None:
    """By the customer, and by the agent who answers."""
    vectors = [
        "<script>self.ran=1</script>",
        "<img src=x onerror=self.ran=1>",
        "</textarea></title><svg/onload=self.ran=1>",
        '"><details open ontoggle=self.ran=1>',
        'https://x.test/"onmouseover="self.ran=1 javascript:self.ran=1',
        "{{7*7}}{% raw %}",
    ]
    ana = stage.portal()
    ana.signs_up(ADDRESS, name=vectors[0])
    ana.opens_ticket(vectors[1], "\n".join(vectors))
    agent = stage.agent(status="Ocupado")
    agent.takes(vectors[1])
    for vector in vectors:
        agent.says(vector)
    ana.sees("{{7*7}}{% raw %}")
    ana.page.reload()
    ana.replies("\n".join(vectors) + " fin")
    for place in ("/tickets/1001", "", "/profile", f"?q={vectors[0]}", "/new"):
        ana.page.goto(f"{ana.home}{place}")
        look = ana.page.evaluate(
            """() => ({
              ran: Boolean(self.ran),
              strange: document.querySelectorAll("script:not([src]),img,iframe,object,[onerror],[onload],[ontoggle]").length,
              links: [...document.querySelectorAll("a")].filter((a) => a.protocol === "javascript:").length,
            })"""
        )
        assert look == {"ran": False, "strange": 0, "links": 0}, place
