"""What agents do with tickets that are no chats, and with files: sent, saved, sent back, completed, rejected, by mail."""

from __future__ import annotations

import io
import re
import smtplib
from email.message import EmailMessage
from pathlib import Path

import pytest
from PIL import Image
from playwright.sync_api import FilePayload, Locator, Page, expect

from tests.harness.commands import done
from tests.harness.looks import axe_finds, cut_off
from tests.harness.people import Agent, assert_closed_with
from tests.harness.server import free_port
from tests.harness.tour import of_console
from tests.journeys.conftest import Stage

pytestmark = pytest.mark.browser

SUBJECT = "No sale la factura de mayo"
FORM = {
    "type": "incident",
    "priority": 4,
    "why": "La caja está detenida.",
    "company": "Andina SpA",
    "tax_country": "CL",
    "tax_id": "76.086.428-5",
    "case_kind": "patient",
    "case": "Juana Paz Soldán",
    "url": "https://tienda.example/facturas",
    "cc": ["luz@example.com"],
}
SUPPORT = "soporte@demo.example"


def picture() -> bytes:
    made = io.BytesIO()
    Image.new("RGB", (640, 360), "#0b6e4f").save(made, "PNG")
    return made.getvalue()


def looks_right(agent: Agent, name: str) -> None:
    """Nothing for axe to find, light and dark, and nothing cut off on the narrowest telephone."""
    view = of_console(name, agent.page)
    assert axe_finds(view) == []
    assert cut_off(view) == []


def chooses(page: Page, *files: FilePayload) -> None:
    """In the window that the paper clip opens."""
    with page.expect_file_chooser() as opened:
        page.get_by_role("button", name="Adjuntar archivos").click()
    opened.value.set_files(list(files))


def named(name: str, kind: str, content: bytes) -> FilePayload:
    return {"name": name, "mimeType": kind, "buffer": content}


def saved(page: Page, button: Locator) -> bytes:
    with page.expect_download() as started:
        button.click()
    path = started.value.path()
    return Path(path).read_bytes()


def sends(agent: Agent) -> None:
    agent.button("Enviar").click()


def test_files_are_attached_sent_seen_and_saved(stage: Stage) -> None:
    customer, png = stage.wired(), picture()
    ticket = customer.requests(SUBJECT, "Desde ayer.", "ana@example.com", **FORM)
    agent = stage.agent()
    agent.takes(SUBJECT)
    page = agent.page
    uploads = page.get_by_role("list", name="Archivos adjuntos")

    chooses(
        page,
        named("captura.png", "image/png", png),
        named("pasos.txt", "text/plain", b"1. Abre\n"),
        named("programa.exe", "application/octet-stream", b"MZ" + bytes(100)),
    )
    agent.watch.expect("the server responded with a status of 415")
    expect(uploads.get_by_text("No se aceptan archivos de este tipo")).to_be_visible()
    expect(
        agent.page.get_by_text("Espera a que suban los archivos, o quita los que fallaron.")
    ).to_be_visible()
    agent.talk.composer.fill("Prueba así:")
    expect(agent.button("Enviar")).to_be_disabled()
    agent.talk.composer.press("Enter")
    expect(agent.talk.composer).to_have_value("Prueba así:")
    looks_right(agent, "attaching")
    agent.button("Quitar programa.exe").click()
    expect(page.get_by_role("button", name="Quitar pasos.txt")).to_be_visible()

    # What is up stays in the draft over a reload.
    page.reload()
    expect(page.get_by_role("button", name="Quitar captura.png")).to_be_visible()
    expect(agent.talk.composer).to_have_value("Prueba así:")
    sends(agent)
    expect(uploads).to_have_count(1)
    expect(page.get_by_role("button", name="Quitar captura.png")).to_have_count(0)
    log = agent.talk.log
    expect(log.locator(".file img")).to_be_visible()
    got = saved(page, log.get_by_role("button", name=re.compile(r"Descargar captura\.png")))
    assert got == png
    assert saved(page, log.get_by_role("button", name=re.compile(r"Descargar pasos\.txt"))) == b"1. Abre\n"

    customer.sends_file(ticket, "recibo.txt", b"Total 12\n", "Aquí está")
    agent.talk.shows("Aquí está")
    assert saved(page, log.get_by_role("button", name=re.compile(r"Descargar recibo\.txt"))) == b"Total 12\n"
    looks_right(agent, "files")


def test_files_come_by_clipboard_and_drop_and_a_cut_line_can_be_tried_again(stage: Stage) -> None:
    customer = stage.wired()
    customer.requests(SUBJECT, "Desde ayer.", "ana@example.com", **FORM)
    agent = stage.agent()
    agent.takes(SUBJECT)
    page = agent.page
    gives = """(target, [type, name]) => {
      const data = new DataTransfer();
      data.items.add(new File(["hola"], name, { type: "text/plain" }));
      const made = type === "paste"
        ? new ClipboardEvent("paste", { clipboardData: data, bubbles: true, cancelable: true })
        : new DragEvent(type, { dataTransfer: data, bubbles: true, cancelable: true });
      target.dispatchEvent(made);
    }"""
    agent.talk.composer.evaluate(gives, ["paste", "pegado.txt"])
    expect(agent.button("Quitar pegado.txt")).to_be_visible()
    agent.talk.log.evaluate(gives, ["dragenter", "soltado.txt"])
    expect(page.get_by_text("Suelta los archivos para adjuntarlos")).to_be_visible()
    agent.talk.log.evaluate(gives, ["drop", "soltado.txt"])
    expect(page.get_by_text("Suelta los archivos para adjuntarlos")).to_have_count(0)
    expect(agent.button("Quitar soltado.txt")).to_be_visible()

    agent.watch.expect("ERR_FAILED|ERR_INTERNET_DISCONNECTED")
    page.route("**/console/files", lambda route: route.abort())
    chooses(page, named("tercero.txt", "text/plain", b"tres"))
    expect(page.get_by_text("No se pudo subir. Revisa tu conexión")).to_be_visible()
    page.unroute("**/console/files")
    agent.button("Reintentar").click()
    expect(page.get_by_text("No se pudo subir. Revisa tu conexión")).to_have_count(0)
    expect(agent.button("Quitar tercero.txt")).to_be_visible()
    sends(agent)
    expect(agent.talk.log.get_by_role("button", name=re.compile("Descargar"))).to_have_count(3)


def test_a_ticket_is_classified_sent_back_and_completed(stage: Stage) -> None:
    customer = stage.wired()
    ticket = customer.requests(SUBJECT, "Desde ayer.", "ana@example.com", **FORM)
    agent = stage.agent(width=1440)
    row = agent.row(SUBJECT)
    expect(row).to_contain_text("Formulario")
    agent.takes(SUBJECT)
    page = agent.page
    panel = page.get_by_role("complementary", name="Detalles del ticket")
    for said in (
        "Urgente",
        "La caja está detenida.",
        "Juana Paz Soldán",
        "760864285",
        "Andina SpA",
        "luz@example.com",
    ):
        expect(panel.get_by_role("definition").filter(has_text=said)).to_be_visible()
    expect(row).not_to_contain_text("Juana")
    panel.get_by_label("Prioridad").select_option("Alto")
    agent.talk.shows(re.compile("Prioridad: Sin definir → Alto"))
    expect(row).to_contain_text("Alto")
    panel.get_by_label("Pasa a desarrollo").check()
    agent.talk.shows(re.compile("Desarrollo: No → Sí"))
    looks_right(agent, "details")

    agent.talk.log.focus()
    page.keyboard.press("b")
    dialog = page.get_by_role("alertdialog", name="Devolver para completar")
    dialog.get_by_role("button", name="Devolver para completar").click()
    expect(dialog.get_by_text("Elige al menos un campo.")).to_be_visible()
    dialog.get_by_role("checkbox", name=re.compile("Teléfono")).check()
    dialog.get_by_label(re.compile("Explica")).fill("¿A qué número te llamamos?")
    looks_right(agent, "send-back")
    dialog.get_by_role("button", name="Devolver para completar").click()
    expect(dialog).to_have_count(0)
    agent.talk.shows(re.compile("devolvió el ticket. Falta: Teléfono"))
    agent.talk.shows("¿A qué número te llamamos?")
    expect(agent.talk.composer).to_have_value("")
    expect(row).to_contain_text("Pendiente")
    expect(page.get_by_text("Pendiente: espera que")).to_be_visible()
    looks_right(agent, "pending")

    customer.completes(ticket, phone="+56 2 2345 6789")
    agent.talk.shows(re.compile("completó: Teléfono"))
    expect(panel.get_by_text("+56 2 2345 6789")).to_be_visible()
    expect(row).not_to_contain_text("Pendiente")


def test_a_ticket_waits_for_its_customer_is_taken_back_and_rejected_with_a_reason(stage: Stage) -> None:
    stage.wired().requests(SUBJECT, "Desde ayer.", "ana@example.com", **FORM)
    agent = stage.agent()
    agent.takes(SUBJECT)
    page = agent.page
    agent.talk.composer.fill("¿Me mandas una foto?")
    agent.button("Más").click()
    page.get_by_role("button", name="Dejar en Pendiente").click()
    dialog = page.get_by_role("alertdialog", name="¿Dejar en Pendiente?")
    expect(dialog.get_by_label(re.compile("Mensaje para el cliente"))).to_have_value("¿Me mandas una foto?")
    page.keyboard.press("Escape")
    expect(agent.talk.composer).to_have_value("¿Me mandas una foto?")
    agent.button("Más").click()
    page.get_by_role("button", name="Dejar en Pendiente").click()
    dialog.get_by_role("button", name="Dejar en Pendiente").click()
    agent.talk.shows(re.compile("dejó el ticket en Pendiente"))
    agent.talk.shows("¿Me mandas una foto?")
    agent.button("Volver a Abierto").click()
    agent.talk.shows(re.compile("lo pasó de nuevo a Abierto"))

    agent.talk.log.focus()
    page.keyboard.press("z")
    dialog = page.get_by_role("alertdialog", name="¿Rechazar este ticket?")
    dialog.get_by_role("button", name="Rechazar ticket").click()
    expect(dialog.get_by_text("Escribe el motivo.")).to_be_visible()
    dialog.get_by_label(re.compile("Motivo")).fill("Lo atiende el equipo comercial.")
    looks_right(agent, "reject")
    dialog.get_by_role("button", name="Rechazar ticket").click()
    agent.talk.shows(re.compile("lo rechazó: «Lo atiende el equipo comercial.»"))
    expect(dialog).to_have_count(0)
    assert_closed_with(stage.server, SUBJECT, "rejected")


def takes_mail(stage: Stage) -> int:
    """Started anew, with an address for mails; gives the port at which a mail host brings them, chosen now: it is free now."""
    port = free_port()
    stage.server.stop()
    stage.server.settings["mail_listen"] = f"lmtp://127.0.0.1:{port}"
    stage.server.start()
    done(stage.server, "app", "set", "demo", "--support-address", SUPPORT)
    return port


def test_a_mail_is_answered_from_the_same_composer_and_read_as_it_came(stage: Stage) -> None:
    port = takes_mail(stage)
    letter = EmailMessage()
    letter["From"], letter["To"], letter["Subject"] = "Eva Luna <eva@cliente.example>", SUPPORT, SUBJECT
    letter["Message-ID"], letter["Cc"] = "<uno@cliente.example>", f"Luz <luz@cliente.example>, {SUPPORT}"
    letter.set_content(
        "No imprime desde ayer.\n\nEl lun, 5 ene 2026 a las 9:12, Soporte <soporte@demo.example> escribió:\n> ¿Ya probaste?\n"
    )
    letter.add_attachment(b"<script>1</script>", maintype="text", subtype="html", filename="nota.html")
    with smtplib.LMTP("127.0.0.1", port) as host:
        host.send_message(letter, "eva@cliente.example", [SUPPORT])
    agent = stage.agent()
    expect(agent.row(SUBJECT)).to_contain_text("Correo")
    agent.takes(SUBJECT)
    page, log = agent.page, agent.talk.log
    agent.talk.shows(re.compile(r"^No imprime desde ayer\."))
    expect(log.get_by_text("¿Ya probaste?")).to_have_count(0)
    agent.button("Ver lo citado").click()
    expect(log.get_by_text("¿Ya probaste?")).to_be_visible()
    agent.button("Ocultar lo citado").click()
    expect(log.get_by_text("¿Ya probaste?")).to_have_count(0)
    agent.button("Ver correo original").click()
    dialog = page.get_by_role("dialog", name="Correo original")
    expect(dialog.get_by_text("Eva Luna <eva@cliente.example>").first).to_be_visible()
    expect(dialog.get_by_text("Nadie garantiza que lo envió esta dirección.")).to_be_visible()
    expect(dialog.get_by_text("¿Ya probaste?")).to_be_visible()
    assert saved(page, dialog.get_by_role("link", name=re.compile("nota.html"))) == b"<script>1</script>"
    assert b"Message-ID: <uno@cliente.example>" in saved(
        page, dialog.get_by_role("link", name=re.compile("Descargar correo"))
    )
    expect(dialog.get_by_text("En el correo también: luz@cliente.example")).to_be_visible()
    dialog.get_by_role("button", name="Poner en copia").click()
    expect(dialog.get_by_text("En copia: luz@cliente.example")).to_be_visible()
    expect(dialog.get_by_role("button", name="Poner en copia")).to_have_count(0)
    dialog.get_by_text("Todos los encabezados").click()
    expect(dialog.get_by_text("<uno@cliente.example>")).to_be_visible()
    looks_right(agent, "mail")
    page.keyboard.press("Escape")
    expect(dialog).to_have_count(0)
    agent.says("Reinicia la impresora, por favor.")
    agent.talk.shows("Reinicia la impresora, por favor.")
