"""The app's whole form in the widget: out of hours, and for a ticket that was sent back."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime, timedelta

import pytest
from playwright.sync_api import FilePayload, Locator, WebSocketRoute, expect

from tests.files.making import png
from tests.harness.commands import done
from tests.harness.desk import asks, ticket_of
from tests.harness.mailbox import mailbox_aside, text_of
from tests.harness.people import Customer
from tests.harness.preparing import closed_for_good
from tests.harness.waiting import wait_until
from tests.journeys.conftest import Stage

pytestmark = pytest.mark.browser

SUBJECT = "No sale la factura de mayo"
PICTURE = FilePayload(name="captura.png", mimeType="image/png", buffer=png(40, 30))
TYPED = {
    "Asunto": SUBJECT,
    "Descripción": "Desde ayer la pantalla queda en blanco.",
    "Solicitante": "rosa@example.com",
    "Con copia a": "Luz <luz@example.com>, leo@example.com",
    "Número o nombre": "F-1042",
    "DNI / ID Fiscal": "900.373.913-4",
    "Nombre de la compañía": "Andina SpA",
    "Teléfono": "+57 300 123 4567",
    "URL del problema": "https://tienda.example/facturas",
    "Fecha esperada": "2030-01-09",
}
CHOSEN = {"Tipo": "Incidente", "Prioridad": "Urgente", "Se trata de": "Factura", "País": "Colombia"}


def out_of_hours(stage: Stage, app: str = "horario") -> Customer:
    closed_for_good(stage.server, app)
    customer = stage.customer(query="" if app == "demo" else f"?app={app}")
    customer.opens_support()
    customer.starts_new_ticket()
    expect(customer.button("Enviar")).to_be_visible()
    return customer


def field(customer: Customer, label: str) -> Locator:
    """Those that have to be filled in bear a star, which is for the eye alone."""
    return customer.widget.get_by_label(re.compile(rf"^{re.escape(label)}(\s*\*)?$"))


def types(customer: Customer, label: str, text: str) -> None:
    field(customer, label).fill(text)


def chooses(customer: Customer, label: str, option: str) -> None:
    customer.widget.get_by_role("combobox", name=label, exact=True).select_option(option)


def test_out_of_hours_every_field_of_the_form_is_taken_with_a_picture(stage: Stage) -> None:
    customer = out_of_hours(stage)
    customer.widget.get_by_text("Más datos (opcional)").click()
    for label, option in CHOSEN.items():
        chooses(customer, label, option)
    for label, text in TYPED.items():
        types(customer, label, text)
    types(customer, "Motivo de la fecha", "Cierre del año")
    customer.sees("Está detenido y no hay alternativa. Te pediremos el motivo.")
    customer.button("Enviar").click()
    # Urgente asks why; nothing that was typed is lost.
    why = field(customer, "¿Por qué es urgente?")
    expect(why).to_be_focused()
    customer.sees("Revisa los campos marcados.")
    why.fill("La caja está detenida")
    customer.widget.get_by_label("Adjuntar archivos").set_input_files([PICTURE])
    customer.button("Enviar").click()
    customer.sees("Tu solicitud es el ticket #1001")
    customer.button("Ver el ticket").click()
    customer.talk.shows(TYPED["Descripción"])
    expect(
        customer.talk.log.get_by_role("list", name="Archivos adjuntos").get_by_role("listitem")
    ).to_have_count(1)
    with stage.server.reading() as database:
        row = database.execute("SELECT details FROM tickets").fetchone()
    details = json.loads(row[0])
    assert details["why"] == "La caja está detenida"
    customer.goes_back_to_list()
    customer.starts_new_ticket()
    expect(field(customer, "Asunto")).to_have_value("")


def test_what_the_server_refuses_stands_at_its_field_and_outlives_a_reload(stage: Stage) -> None:
    customer = out_of_hours(stage)
    customer.widget.get_by_text("Más datos (opcional)").click()
    types(customer, "Asunto", SUBJECT)
    types(customer, "Descripción", "Algo pasa")
    chooses(customer, "Tipo", "Consulta")
    types(customer, "Solicitante", "rosa@")
    types(customer, "URL del problema", "mi pantalla")
    customer.button("Enviar").click()
    email = field(customer, "Solicitante")
    expect(email).to_have_attribute("aria-invalid", "true")
    expect(field(customer, "URL del problema")).to_have_attribute("aria-invalid", "true")
    customer.sees("Escribe un correo completo, como nombre@empresa.com.")
    with stage.server.reading() as database:
        assert database.execute("SELECT count(*) FROM tickets").fetchone() == (0,)
    customer.page.reload()
    customer.opens_support()
    customer.starts_new_ticket()
    expect(field(customer, "Asunto")).to_have_value(SUBJECT)
    expect(customer.widget.get_by_role("combobox", name="Tipo", exact=True)).to_have_value("question")
    expect(field(customer, "Solicitante")).to_have_value("rosa@")


def test_cancelling_asks_before_it_discards(stage: Stage) -> None:
    customer = out_of_hours(stage)
    types(customer, "Asunto", SUBJECT)
    customer.button("Cancelar").click()
    customer.button("Seguir escribiendo").click()
    expect(field(customer, "Asunto")).to_have_value(SUBJECT)
    customer.button("Cancelar").click()
    customer.button("Descartar").click()
    customer.starts_new_ticket()
    expect(field(customer, "Asunto")).to_have_value("")
    customer.button("Cancelar").click()
    expect(customer.button("Nuevo ticket")).to_be_visible()


def test_an_article_that_answers_it_discards_words_and_files_of_the_form(stage: Stage) -> None:
    customer = out_of_hours(stage, "demo")
    types(customer, "Asunto", "factura electronica")
    types(customer, "Descripción", "¿Dónde se emite?")
    customer.widget.get_by_label("Adjuntar archivos").set_input_files([PICTURE])
    attached = customer.widget.get_by_role("list", name="Archivos adjuntos").get_by_role("listitem")
    expect(attached.get_by_text(re.compile("KB"))).to_be_visible()
    with customer.context.expect_page() as article:
        customer.widget.get_by_role("link", name="Cómo emitir una factura electrónica").click()
    article.value.close()
    customer.button("Sí, ya no necesito el ticket").click()
    customer.button("Solicitar Soporte").click()
    customer.starts_new_ticket()
    expect(field(customer, "Asunto")).to_have_value("")
    expect(field(customer, "Descripción")).to_have_value("")
    expect(attached).to_have_count(0)
    customer.page.reload()
    customer.opens_support()
    customer.starts_new_ticket()
    expect(field(customer, "Descripción")).to_have_value("")
    expect(attached).to_have_count(0)


def sent_back(stage: Stage, customer: Customer, *missing: str) -> int:
    """A request of theirs that an agent sends back for completion."""
    customer.leaves_request(SUBJECT, "No la encuentro", "rosa@example.com")
    customer.button("Ver el ticket").click()
    ticket = ticket_of(stage.server, SUBJECT)
    ana = stage.agent()
    asks(ana, {"type": "claim", "ticket": ticket})
    words = "Para buscarla necesito el número."
    frame = {"type": "send_back", "ticket": ticket, "missing": missing, "cid": "B" * 22, "text": words}
    asks(ana, frame)
    customer.talk.shows(words)
    return ticket


def state_of(stage: Stage, ticket: int) -> tuple[str, str]:
    with stage.server.reading() as database:
        found: tuple[str, str] = database.execute(
            "SELECT state, details FROM tickets WHERE id = ?", (ticket,)
        ).fetchone()
    return found


def test_a_ticket_that_was_sent_back_says_what_is_missing_and_is_completed(stage: Stage) -> None:
    customer = out_of_hours(stage)
    ticket = sent_back(stage, customer, "case", "company")
    customer.sees(re.compile("Faltan datos para seguir con tu ticket"))
    assert state_of(stage, ticket)[0] == "pending"
    customer.goes_back_to_list()
    customer.sees("Ticket pendiente")
    customer.widget.get_by_role("listitem").filter(has_text=SUBJECT).click()
    customer.button("Completar los datos").click()
    chooses(customer, "Se trata de", "Factura")
    types(customer, "Número o nombre", "F-1042")
    customer.button("Enviar los datos").click()
    expect(field(customer, "Nombre de la compañía")).to_be_focused()
    types(customer, "Nombre de la compañía", "Andina SpA")
    customer.button("Enviar los datos").click()
    customer.sees("Completaste los datos.")
    expect(customer.button("Completar los datos")).to_have_count(0)
    state, details = state_of(stage, ticket)
    assert state == "open"
    assert json.loads(details)["company"] == "Andina SpA"


def test_a_word_brings_a_ticket_back_that_waits_for_its_customer(stage: Stage) -> None:
    customer = out_of_hours(stage)
    ticket = sent_back(stage, customer, "case")
    customer.says("El número es F-1042")
    customer.sees("El ticket volvió a abrirse.")
    assert state_of(stage, ticket)[0] == "open"


def test_why_a_request_was_rejected_stands_in_its_conversation(stage: Stage) -> None:
    customer = out_of_hours(stage)
    ticket = sent_back(stage, customer, "case")
    asks(
        stage.agent(status=None),
        {"type": "reject", "ticket": ticket, "reason": "Esa factura es de otra empresa."},
    )
    customer.sees_ticket_closed()
    customer.sees("Soporte no pudo aceptar esta solicitud.")
    customer.talk.shows("Esa factura es de otra empresa.")


def starts_in_english(customer: Customer, subject: str) -> None:
    customer.widget.get_by_role("button", name="Get support").click()
    customer.widget.get_by_role("button", name="New ticket").click()
    customer.widget.get_by_role("textbox", name="Ticket subject").fill(subject)
    customer.widget.get_by_role("button", name="Start chat").click()


def test_another_language_is_told_to_the_server_and_loses_nothing_that_is_on_its_way(stage: Stage) -> None:
    ana, customer = stage.agent(), stage.customer()
    customer.opens_panel()
    customer.page.evaluate("SupportChat('setLocale', 'en')")
    starts_in_english(customer, "No printer")
    ana.opens("No printer")
    ana.sees("inglés")
    composer = customer.widget.get_by_role("textbox", name="Write a message")
    composer.fill("While it changes")
    composer.press("Enter")
    customer.page.evaluate("SupportChat('setLocale', 'pt')")
    ana.talk.shows("While it changes")
    ana.says("Listo")
    customer.talk.shows("Listo")


def test_a_language_that_changes_before_the_server_has_answered_the_hello_is_told_too(stage: Stage) -> None:
    ana, customer = stage.agent(), stage.customer()
    held: list[str | bytes] = []
    lines: list[WebSocketRoute] = []

    def hold(frame: str | bytes) -> None:
        held.append(frame)

    def holds_the_first_welcome(line: WebSocketRoute) -> None:
        server, first = line.connect_to_server(), not lines
        lines.append(line)
        server.on_message(hold if first else line.send)

    customer.page.route_web_socket(re.compile("/ws/customer"), holds_the_first_welcome)
    customer.opens_panel()
    # Each call lets the line's events in.
    wait_until(lambda: customer.page.evaluate("true") and held, "the server answered the hello")
    customer.page.evaluate("SupportChat('setLocale', 'en')")
    lines[0].send(held[0])
    starts_in_english(customer, "No printer")
    ana.opens("No printer")
    ana.sees("inglés")
    assert len(lines) == 2


def test_mistakes_are_said_in_the_language_that_the_page_has_by_then(stage: Stage) -> None:
    customer = out_of_hours(stage)
    customer.button("Enviar").click()
    customer.sees("Completa este campo.")
    customer.page.evaluate("SupportChat('setLocale', 'en')")
    customer.sees("Fill in this field.")
    customer.sees("Check the marked fields.")
    expect(customer.widget.get_by_text("Completa este campo.")).to_have_count(0)


@pytest.mark.parametrize("mails", [False, True], ids=["without mail", "with mail"])
def test_where_the_answer_comes_is_told_the_same_at_every_step(stage: Stage, mails: bool) -> None:
    with mailbox_aside() as box:
        if mails:
            stage.server.stop()
            stage.server.settings |= {"smtp_url": box.url, "mail_from": "soporte@demo.test"}
            stage.server.settings |= {"public_url": stage.server.origin}
            stage.server.start()
        customer = out_of_hours(stage)
        by_mail = customer.widget.get_by_text(re.compile("por correo|también ahí"))
        customer.sees(
            "Te responderemos aquí y por correo." if mails else "Te responderemos aquí. El equipo verá"
        )
        expect(by_mail).to_have_count(2 if mails else 0)  # beside the field, too
        customer.leaves_request(SUBJECT, "Desde ayer.", "rosa@example.com")
        for step in ("Ver el ticket", ""):
            told = customer.widget.get_by_text(re.compile("^Te responderemos aquí, en este ticket"))
            expect(told).to_contain_text("rosa@example.com")
            expect(by_mail).to_have_count(int(mails))
            if step:
                customer.button(step).click()
        if mails:
            wait_until(lambda: box.to("rosa@example.com"), "the mail is there")
            assert "por correo y en tu ticket" in text_of(box.to("rosa@example.com")[0])


def test_who_waits_at_closing_time_reads_when_it_opens_and_can_leave_an_address(stage: Stage) -> None:
    with mailbox_aside() as box:
        stage.server.stop()
        stage.server.settings |= {"smtp_url": box.url, "mail_from": "soporte@demo.test"}
        stage.server.settings |= {"public_url": stage.server.origin}
        stage.server.start()
        customer = stage.customer()
        customer.starts_chat(SUBJECT)
        in_three_days = (datetime.now(UTC) + timedelta(days=3)).strftime("%a").lower()
        done(stage.server, "app", "set", "demo", "--hours", f"{in_three_days}=09:00-10:00", "--zone", "UTC")
        customer.sees("Terminó el horario de atención. Quedó como solicitud.")
        customer.sees(re.compile(r"^Atendemos de nuevo el .* a las 4:00"))  # in Bogotá
        # What is being written keeps the focus.
        expect(customer.widget.get_by_role("textbox", name="Correo")).not_to_be_focused()
        customer.widget.get_by_role("textbox", name="Correo").fill("rosa@example.com")
        customer.button("Recibir la respuesta también por correo").click()
        customer.sees("Te responderemos aquí, en este ticket, y por correo a rosa@example.com.")
        expect(customer.widget.get_by_role("textbox", name="Correo")).to_have_count(0)


def test_that_it_will_be_answered_is_said_until_it_was(stage: Stage) -> None:
    customer = out_of_hours(stage)
    customer.leaves_request(SUBJECT, "Desde ayer.", "rosa@example.com")
    customer.button("Ver el ticket").click()
    line = customer.widget.get_by_text(re.compile("Te responderemos aquí"))
    expect(line).to_be_visible()
    agent = stage.agent(status="Ocupado")
    agent.takes(SUBJECT)
    agent.says("Ya la vimos.")
    customer.talk.shows("Ya la vimos.")
    expect(line).to_have_count(0)
