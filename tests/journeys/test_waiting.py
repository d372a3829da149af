"""When nobody answers at once: places in the queue, nobody available, out of hours. Never a dead end."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

from tests.harness.commands import done
from tests.harness.people import Customer
from tests.harness.preparing import chats_at_once, closed_for_good
from tests.harness.settings import with_settings
from tests.journeys.conftest import Stage

pytestmark = pytest.mark.browser


def sees_place(customer: Customer, place: int) -> None:
    customer.sees(re.compile(rf"n\.º\s*{place}\b"))


def test_two_who_wait_see_their_places_move(stage: Stage) -> None:
    chats_at_once(stage.server, 1)
    ana = stage.agent()
    stage.customer().starts_chat("Ya me atienden")
    first, second = stage.customer(), stage.customer()
    first.starts_chat("La primera")
    second.starts_chat("La segunda")
    sees_place(first, 1)
    sees_place(second, 2)
    expect(ana.list("En espera").get_by_role("listitem")).to_have_count(2)
    ana.opens("Ya me atienden")
    ana.closes_ticket()
    first.sees(re.compile("Te atiende Ana"))
    sees_place(second, 1)


def test_nobody_available_is_said_at_once_and_the_chat_can_be_left_as_a_request(stage: Stage) -> None:
    customer = stage.customer()
    customer.starts_chat("¿Hay alguien?")
    customer.sees("Ahora mismo no hay nadie disponible")
    customer.says("Escribo mientras espero")
    customer.leaves_queue_as_request(email="carla@example.com")
    customer.sees("El equipo verá tu correo: carla@example.com")
    customer.is_at_heading("#1001")
    expect(customer.button("Finalizar chat")).to_have_count(0)
    ana = stage.agent()
    ana.opens("¿Hay alguien?")
    ana.talk.shows("Escribo mientras espero")
    with stage.server.reading() as database:
        mode, state, email = database.execute("SELECT mode, state, email FROM tickets").fetchone()
    assert (mode, state, email) == ("later", "open", "carla@example.com")


@with_settings(queue_offer_seconds=1)
def test_whoever_waits_for_long_is_offered_to_leave_it_as_a_request(stage: Stage) -> None:
    chats_at_once(stage.server, 1)
    ana = stage.agent()
    stage.customer().starts_chat("Ya me atienden")
    customer = stage.customer()
    customer.starts_chat("Tengo prisa")
    sees_place(customer, 1)
    customer.leaves_queue_as_request(email="carla@example.com")
    customer.sees("El equipo verá tu correo: carla@example.com")
    expect(ana.list("En espera").get_by_text("Tengo prisa")).to_have_count(0)
    expect(ana.list("Solicitudes").get_by_text("Tengo prisa")).to_be_visible()


def test_out_of_hours_a_request_is_taken_with_an_e_mail(stage: Stage) -> None:
    closed_for_good(stage.server)
    customer = stage.customer(query="?app=horario")
    customer.opens_support()
    customer.starts_new_ticket()
    customer.sees("Fuera del horario de atención")
    customer.leaves_request("Necesito un certificado", "El de retención de 2025", "carla@example.com")
    customer.sees("Tu solicitud es el ticket #1001")
    customer.sees("El equipo verá tu correo: carla@example.com")
    with stage.server.reading() as database:
        found = database.execute("SELECT mode, state, email FROM tickets").fetchone()
    assert found == ("later", "open", "carla@example.com")


def test_the_hour_of_opening_takes_no_form_from_whoever_fills_it_in(stage: Stage) -> None:
    closed_for_good(stage.server)
    stage.agent()
    customer = stage.customer(query="?app=horario")
    customer.opens_support()
    customer.starts_new_ticket()
    text = customer.widget.get_by_label("Descripción")
    text.fill("El de retención de 2025")
    done(stage.server, "app", "set", "horario", "--always")
    customer.sees("En línea")
    expect(text).to_have_value("El de retención de 2025")
    expect(customer.button("Enviar")).to_be_visible()
    customer.button("Iniciar chat").click()
    expect(customer.subject).to_be_visible()


def test_an_agent_who_is_away_is_told_why_no_chat_comes(stage: Stage) -> None:
    ana = stage.agent(status=None)
    expect(ana.page.get_by_role("heading", name="Estás Ausente")).to_be_visible()
    ana.becomes("Disponible")
    expect(ana.page.get_by_role("heading", name="Todo atendido")).to_be_visible()


def test_where_nobody_is_available_the_form_comes_first_and_a_chat_is_offered_as_waiting(
    stage: Stage,
) -> None:
    customer = stage.customer()
    customer.opens_support()
    customer.starts_new_ticket()
    customer.sees("Ahora mismo no hay nadie disponible")
    customer.sees("O espera aquí mismo: te atenderá quien se libere primero.")
    box = customer.widget.get_by_role("textbox", name="Asunto", exact=True)
    box.fill("No imprime")
    ana = stage.agent()
    # Whatever comes meanwhile, what is being filled in stays.
    customer.sees("En línea")
    expect(box).to_have_value("No imprime")
    expect(customer.button("Esperar en un chat")).to_have_count(0)
    customer.button("Iniciar chat").click()
    expect(customer.subject).to_have_value("No imprime")
    customer.button("Iniciar chat").click()
    ana.opens("No imprime")
    # It went into the chat: no form has it any more.
    ana.becomes("Ausente")
    customer.goes_back_to_list()
    customer.button("Volver").click()
    customer.sees("Ahora mismo no hay nadie disponible")
    customer.button("Solicitar Soporte").click()
    customer.starts_new_ticket()
    expect(customer.button("Esperar en un chat")).to_be_visible()
    expect(box).to_have_value("")
