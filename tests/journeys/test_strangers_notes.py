"""A mail about somebody else's ticket, where the desk wants these as notes: its agent is alerted to it, reads it among the
messages on its own ground, and puts its writer in copy, who reads the next answer by mail."""

from __future__ import annotations

import re
import smtplib
from email.message import EmailMessage

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.files.making import PDF
from tests.harness.commands import done
from tests.harness.desk import asks, ticket_of
from tests.harness.looks import axe_finds, cut_off
from tests.harness.mail_desk import reply_to
from tests.harness.mailbox import text_of
from tests.harness.people import Agent
from tests.harness.tour import of_console
from tests.harness.waiting import wait_until
from tests.journeys.conftest import Stage
from tests.journeys.test_by_mail import SUBJECT, SUPPORT, Post, post

pytestmark = pytest.mark.browser

__all__ = ["post"]

LUZ = "luz@proveedor.example"
SAID = "El cable de esa caja está roto, mando la factura."
NOTIFICATIONS = """window.shown = [];
window.Notification = class { constructor(title, { body }) { window.shown.push([title, body]); } close() {}
  static permission = "granted"; static requestPermission() { return Promise.resolve("granted"); } };
document.hasFocus = () => false;"""


def writes(
    post: Post,
    number: int,
    name: str,
    *,
    said: str = SAID,
    to: str = SUPPORT,
    cc: str = "",
    verified: bool = False,
) -> None:
    """Luz, who takes no part in the ticket, from a mail host that says whether her domain stands by it."""
    letter = EmailMessage()
    letter["From"], letter["To"], letter["Message-ID"] = f"Luz Paz <{LUZ}>", to, f"<{name}@proveedor.example>"
    letter["Subject"] = f"Sobre el ticket #{number}"
    if cc:
        letter["Cc"] = cc
    if verified:
        letter["Authentication-Results"] = "mx.demo.example; dmarc=pass header.from=proveedor.example"
    letter.set_content(said)
    if not verified:
        letter.add_attachment(PDF, maintype="application", subtype="pdf", filename="factura-cable.pdf")
    with smtplib.LMTP("127.0.0.1", post.port) as host:
        host.send_message(letter, LUZ, [to])


def mark(agent: Agent) -> Locator:
    """In the lists."""
    return agent.page.get_by_text("Nota por correo sin leer")


def shown(page: Page) -> list[list[str]]:
    found: list[list[str]] = page.evaluate("window.shown")
    return found


def test_a_strangers_note_alerts_the_agent_who_puts_its_writer_in_copy(stage: Stage, post: Post) -> None:
    done(stage.server, "app", "set", "demo", "--policy", "mail_stranger=note")
    stage.server.stop()
    stage.server.settings["mail_authserv_id"] = "mx.demo.example"
    stage.server.start()
    post.brings("No imprime desde ayer.", "uno")
    post.brings("¿Y el pedido 77?", "dos")
    ana, luis = stage.agent(status="Ocupado"), stage.agent("luis@demo.test", status="Ocupado")
    for agent in (ana, luis):
        agent.page.evaluate(NOTIFICATIONS)
        expect(agent.page.locator(".row")).to_have_count(2)

    # Nobody attends it: everybody who sees it is alerted, and the first who looks has read it for all.
    writes(post, 1001, "nadie", said="Pregunten por el tóner.", verified=True)
    for agent in (ana, luis):
        expect(mark(agent)).to_have_count(1)
        assert shown(agent.page) == [["Nota por correo en #1001", "Pregunten por el tóner."]]
        expect(agent.page).to_have_title("(1) Consola")
    ana.page.screenshot(path=stage.pictures / "note-mark.png")
    ana.page.locator(".row", has=mark(ana)).click()
    note = ana.talk.log.locator(".note")
    expect(note).to_contain_text("Pregunten por el tóner.")
    expect(note).to_contain_text("Por correo")
    expect(note).not_to_contain_text("sin verificar")
    for agent in (ana, luis):
        expect(mark(agent)).to_have_count(0)

    # She attends it: she alone is alerted.
    ana.page.locator(".foot").get_by_role("button", name="Tomar").click()
    expect(ana.talk.composer).to_be_visible()
    ana.page.locator(".row:not([aria-current])").first.click()
    writes(post, 1001, "ana")
    expect(mark(ana)).to_have_count(1)
    ana.page.reload()
    expect(mark(ana)).to_have_count(1)
    assert len(shown(luis.page)) == 1
    expect(mark(luis)).to_have_count(0)
    ana.page.locator(".row", has=mark(ana)).click()
    expect(note).to_have_count(2)
    second = note.nth(1)
    expect(second).to_contain_text("remitente sin verificar")
    expect(second).to_contain_text("factura-cable.pdf")
    expect(mark(ana)).to_have_count(0)

    # What came with it is with its original.
    second.get_by_role("button", name="Ver correo original").click()
    with ana.page.expect_download() as saving:
        ana.page.get_by_role("link", name="factura-cable.pdf").click()
    assert saving.value.path().read_bytes() == PDF
    ana.page.keyboard.press("Escape")

    assert post.box.to(LUZ) == []
    second.get_by_role("button", name=f"Poner en copia a {LUZ}").click()
    expect(second).to_contain_text(f"En copia: {LUZ}")
    view = of_console("stranger-note", ana.page)
    assert axe_finds(view) == []
    assert cut_off(view) == []
    ana.page.screenshot(path=stage.pictures / "note-copied.png")
    ana.says("Cambiamos el cable mañana.")
    wait_until(lambda: post.box.to(LUZ), "who wrote the note reads the answer")
    told = post.box.to(LUZ)[0]
    assert "Cambiamos el cable mañana." in text_of(told)
    assert "No imprime desde ayer." not in text_of(told)
    writes(post, 1001, "tres", said="Allí estaré.", to=reply_to(told))
    ana.talk.shows("Allí estaré.")
    expect(note).to_have_count(2)


def test_a_refused_copy_is_told_once_where_it_was_pressed(stage: Stage, post: Post) -> None:
    done(stage.server, "app", "set", "demo", "--policy", "mail_stranger=note")
    post.brings("No imprime desde ayer.", "uno")
    agent = stage.agent(status="Ocupado")
    agent.takes(SUBJECT)
    writes(post, 1001, "dos", cc="leo@proveedor.example")
    page, note = agent.page, agent.talk.log.locator(".note")
    note.get_by_role("button", name="Ver correo original").click()
    dialog = page.get_by_role("dialog", name="Correo original")
    expect(dialog.get_by_text("En el correo también: leo@proveedor.example")).to_be_visible()
    # By then there are ten.
    ten = [f"{n}@cliente.example" for n in range(10)]
    asks(agent, {"type": "copy", "ticket": ticket_of(stage.server, SUBJECT), "addresses": ten})
    told = page.locator("[role=alert]")
    dialog.get_by_role("button", name="Poner en copia").click()
    expect(told).to_have_text(["Son demasiados: caben 10."])
    expect(dialog.locator("[role=alert]")).to_have_count(1)
    page.screenshot(path=stage.pictures / "copy-refused-mail.png")
    page.keyboard.press("Escape")
    expect(dialog).to_have_count(0)
    expect(told).to_have_count(0)
    note.get_by_role("button", name=f"Poner en copia a {LUZ}").click()
    expect(told).to_have_text(["Son demasiados: caben 10."])
    expect(note.locator("[role=alert]")).to_have_count(1)
    page.screenshot(path=stage.pictures / "copy-refused-note.png")
    agent.talk.shows(re.compile("puso en copia a 0@cliente.example, 1@cliente.example"))
