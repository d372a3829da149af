"""The main job, end to end: a customer asks, an agent answers, it is solved and rated."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

from tests.harness.people import assert_closed_with
from tests.harness.settings import on_both_engines
from tests.journeys.conftest import Stage

pytestmark = pytest.mark.browser

SUBJECT = "No puedo emitir una factura"


@on_both_engines
def test_ayuda_to_gracias(stage: Stage) -> None:
    customer = stage.customer()
    ana = stage.agent(status="Ausente")

    customer.starts_chat(SUBJECT)
    customer.sees("#1001")
    customer.goes_back_to_list()
    row = customer.widget.get_by_role("listitem").filter(has_text=SUBJECT)
    expect(row).to_contain_text("Ticket abierto")
    row.click()
    customer.sees("Ahora mismo no hay nadie disponible")
    ana.sees_waiting(SUBJECT)
    ana.becomes("Disponible")
    customer.sees(re.compile("Ana"))

    ana.opens(SUBJECT)
    customer.says("Sale un error al guardar")
    ana.talk.shows("Sale un error al guardar")
    ana.talk.types("Hola, ya lo")
    customer.sees(re.compile("escribiendo"))
    ana.says("Hola, ya lo reviso: https://example.com/facturas")
    customer.talk.shows("Hola, ya lo reviso: https://example.com/facturas")
    link = customer.talk.log.get_by_role("link", name="https://example.com/facturas")
    expect(link).to_have_attribute("href", "https://example.com/facturas")
    customer.talk.types("Gra")
    ana.sees(re.compile("escribiendo"))
    customer.says("<b>Gracias</b>")
    ana.talk.shows("<b>Gracias</b>")
    customer.sees(re.compile("Visto"))

    ana.proposes_solution()
    customer.answers_proposal(solved=False)
    ana.sees(re.compile("respondió que no quedó resuelto"))
    ana.says("Prueba de nuevo, por favor")
    customer.talk.shows("Prueba de nuevo, por favor")
    ana.proposes_solution()
    customer.answers_proposal(solved=True)

    customer.sees_ticket_closed()
    customer.rates(5)
    ana.sees(re.compile(r"· Cerrado$"))
    ana.sees(re.compile("5 de 5"))
    assert_closed_with(stage.server, SUBJECT, "solved")
    customer.goes_back_to_list()
    expect(row).to_contain_text("Ticket cerrado")


def test_an_agent_takes_a_waiting_ticket(stage: Stage) -> None:
    customer = stage.customer()
    ana = stage.agent(status="Ocupado")
    customer.starts_chat(SUBJECT)
    ana.takes(SUBJECT)
    customer.sees(re.compile("Ana"))
    ana.says("Hola, te ayudo")
    customer.talk.shows("Hola, te ayudo")
    expect(ana.list("Mis chats").get_by_text(SUBJECT)).to_be_visible()


def test_the_main_job_by_keyboard_alone(stage: Stage) -> None:
    customer = stage.customer()
    ana = stage.agent()
    keys = customer.page.keyboard

    customer.tabs_to("button", "Ayuda")
    keys.press("Enter")
    customer.tabs_to("button", "Solicitar Soporte")
    keys.press("Enter")
    customer.tabs_to("button", "Nuevo ticket")
    keys.press("Enter")
    customer.tabs_to("textbox", "Asunto del ticket")
    keys.type(SUBJECT)
    customer.tabs_to("button", "Iniciar chat")
    keys.press("Enter")
    customer.tabs_to("textbox", "Escribe un mensaje")
    keys.type("Sin ratón")
    keys.press("Enter")

    ana.page.bring_to_front()
    ana.tabs_to_ticket(SUBJECT)
    ana.page.keyboard.press("Enter")
    ana.talk.shows("Sin ratón")
    ana.tabs_to("textbox", "Escribe un mensaje")
    ana.page.keyboard.type("Tampoco yo lo uso")
    ana.page.keyboard.press("Enter")
    customer.talk.shows("Tampoco yo lo uso")
    ana.tabs_to("button", "Proponer solución")
    ana.page.keyboard.press("Enter")
    ana.page.keyboard.press("Enter")

    customer.page.bring_to_front()
    customer.tabs_to("button", "Sí, quedó resuelto")
    keys.press("Enter")
    expect(customer.widget.get_by_role("radio", name="1 estrella", exact=True)).to_be_attached()
    customer.tabs_to("radio", "1 estrella")
    keys.press("Space")
    customer.is_thanked()
    assert_closed_with(stage.server, SUBJECT, "solved")


def test_who_is_not_known_yet_is_greeted_without_a_name(stage: Stage) -> None:
    customer = stage.customer()
    # The line opens, and nobody answers.
    customer.page.route_web_socket(re.compile("/ws/customer"), lambda line: None)
    customer.opens_panel()
    expect(customer.widget.get_by_text("Hola")).to_contain_text("Hola.")


def test_who_reads_above_stays_there_and_is_told_of_what_came(stage: Stage) -> None:
    customer, ana = stage.customer(), stage.agent()
    customer.starts_chat(SUBJECT)
    ana.opens(SUBJECT)
    lines = "\n".join(f"línea {number}" for number in range(30))
    customer.says(f"El principio\n{lines}")
    ana.says(f"Otra cosa\n{lines}")
    for person, news in ((customer, "Mensajes nuevos"), (ana, "Ir al final")):
        start = person.talk.log.get_by_text("El principio")
        expect(start).to_have_count(1)
        expect(start).not_to_be_in_viewport()
        person.talk.log.hover()
        person.page.mouse.wheel(0, -10_000)
        expect(start).to_be_in_viewport()
        other = ana if person is customer else customer
        other.says(f"Novedad para {news}")
        expect(person.button(news)).to_be_visible()
        expect(start).to_be_in_viewport()
        person.button(news).click()
        expect(person.talk.log.get_by_text(f"Novedad para {news}")).to_be_in_viewport()
        expect(person.button(news)).to_have_count(0)
