"""Notes among agents: written beside a chat, read by colleagues, and by no customer anywhere."""

from __future__ import annotations

import pytest
from playwright.sync_api import Locator, expect

from tests.harness.looks import axe_finds, cut_off
from tests.harness.people import Agent
from tests.harness.settings import on_both_engines
from tests.harness.tour import of_console
from tests.journeys.conftest import Stage

pytestmark = pytest.mark.browser

SUBJECT = "No puedo emitir una factura"
SECRET = "Ojo: ya amenazó con demandar. Trátalo con calma."


def note_box(agent: Agent) -> Locator:
    return agent.page.get_by_role("textbox", name="Escribe una nota para el equipo")


def notes(agent: Agent, text: str) -> None:
    note_box(agent).fill(text)
    agent.button("Guardar nota").click()


def looks_right(agent: Agent, name: str) -> None:
    view = of_console(name, agent.page)
    assert axe_finds(view) == []
    assert cut_off(view) == []


@on_both_engines
def test_a_note_is_seen_by_every_agent_and_by_no_customer(stage: Stage) -> None:
    customer = stage.customer()
    ana = stage.agent()
    customer.starts_chat(SUBJECT)
    ana.opens(SUBJECT)
    customer.says("Sale un error al guardar")
    ana.talk.shows("Sale un error al guardar")

    ana.button("Nota interna").click()
    expect(note_box(ana)).to_be_focused()
    expect(ana.button("Enviar")).to_have_count(0)
    note_box(ana).press_sequentially("Ojo: ya amenazó")
    expect(customer.widget.get_by_text("está escribiendo")).to_have_count(0)
    notes(ana, SECRET)
    ana.talk.shows(SECRET)
    expect(ana.talk.log.locator(".note")).to_contain_text("Nota interna")
    # The next word, written without looking, is no answer either.
    expect(note_box(ana)).to_be_focused()
    looks_right(ana, "note")
    ana.button("Responder").click()
    ana.says("Buenas, ya lo reviso")
    customer.sees("Buenas, ya lo reviso")
    ana.talk.shows_in_order("Sale un error al guardar", SECRET, "Buenas, ya lo reviso")

    # Their tickets, the conversation read anew, and the list: nothing.
    customer.page.reload()
    customer.reopens_panel(SUBJECT)
    customer.sees("Buenas, ya lo reviso")
    assert "demandar" not in customer.widget.locator("body").inner_text()
    customer.goes_back_to_list()
    assert "demandar" not in customer.widget.locator("body").inner_text()

    ana.page.reload()
    ana.talk.shows(SECRET)


def test_a_draft_of_a_note_stays_one_and_never_goes_out_as_an_answer(stage: Stage) -> None:
    customer = stage.customer()
    ana = stage.agent()
    customer.starts_chat(SUBJECT)
    ana.opens(SUBJECT)
    ana.talk.composer.fill("Estimada Lucía:")
    ana.page.get_by_role("heading", name=SUBJECT).focus()
    ana.page.keyboard.press("n")
    expect(note_box(ana)).to_be_focused()
    expect(note_box(ana)).to_have_value("")
    note_box(ana).fill(SECRET)

    ana.page.reload()
    expect(note_box(ana)).to_have_value(SECRET)
    expect(ana.button("Nota interna")).to_have_attribute("aria-pressed", "true")
    ana.page.get_by_role("heading", name=SUBJECT).focus()
    ana.page.keyboard.press("r")
    expect(ana.talk.composer).to_be_focused()
    expect(ana.talk.composer).to_have_value("Estimada Lucía:")
    # What other verbs take out of the composer is the answer.
    ana.button("Proponer solución").click()
    customer.sees("Estimada Lucía:")
    ana.page.get_by_role("heading", name=SUBJECT).focus()
    ana.page.keyboard.press("n")
    expect(note_box(ana)).to_have_value(SECRET)
    note_box(ana).press("Enter")
    ana.talk.shows(SECRET)
    assert "demandar" not in customer.widget.locator("body").inner_text()


def test_a_colleague_notes_something_on_a_chat_that_is_not_theirs_and_on_a_closed_one(stage: Stage) -> None:
    customer = stage.customer()
    ana = stage.agent()
    customer.starts_chat(SUBJECT)
    ana.opens(SUBJECT)
    luis = stage.agent("luis@demo.test", status="Ausente")
    luis.page.goto(ana.page.url)
    luis.button("Escribir nota interna").click()
    notes(luis, SECRET)
    luis.talk.shows(SECRET)
    ana.talk.shows(SECRET)
    expect(ana.talk.log.locator(".note")).to_contain_text("Luis Pardo")
    looks_right(luis, "note-elsewhere")
    customer.ends_chat()
    ana.button("Escribir nota interna").click()
    notes(ana, "Volverá a llamar mañana")
    luis.talk.shows("Volverá a llamar mañana")
    looks_right(ana, "note-closed")
