"""A ticket in which more than its customer take part: each face says who said what."""

from __future__ import annotations

import re
import smtplib
from email.message import EmailMessage

import pytest
from playwright.sync_api import Locator, Page, expect

from chatserver.mail.addresses import Signer
from tests.harness.commands import done
from tests.harness.looks import axe_finds, cut_off
from tests.harness.preparing import closed_for_good
from tests.harness.server import free_port
from tests.harness.tour import of_console, of_widget
from tests.journeys.conftest import Stage

pytestmark = pytest.mark.browser

SUBJECT = "No sale la factura de mayo"
SUPPORT = "soporte@horario.example"
APP = "horario"
SAID = ("Desde ayer.", "Yo también la necesito.", "Y yo.")
EVAS = "eva@example.com"
"""Nobody stands by what her mails call her."""
LUIS, EVA = "Luis Mora (en copia)", f"{EVAS} (en copia)"
WHO = re.compile(rf"{re.escape(LUIS)}|{re.escape(EVA)}|\bTú\b|\bVisitante \w{{4}}\b|rosa@example\.com")


def takes_mail(stage: Stage) -> int:
    """The port at which a mail host brings mails for the app, whose people are not there now."""
    port = free_port()
    stage.server.stop()
    stage.server.settings["mail_listen"] = f"lmtp://127.0.0.1:{port}"
    stage.server.start()
    done(stage.server, "app", "set", APP, "--support-address", SUPPORT)
    closed_for_good(stage.server)
    return port


def answers(stage: Stage, port: int, sender: str, address: str, text: str) -> None:
    """To a mail about the ticket, such as the demo does not send. Its number alone leads nobody there whom a visitor copied."""
    with stage.server.reading() as database:
        (secret,) = database.execute("SELECT value FROM meta WHERE key = 'secret'").fetchone()
        app_id, ticket_id = database.execute("SELECT app_id, id FROM tickets").fetchone()
    to = Signer(secret.encode()).reply_address(SUPPORT, app_id, ticket_id, address)
    letter = EmailMessage()
    letter["From"], letter["To"], letter["Subject"] = f"{sender} <{address}>", to, "Re: tu ticket"
    letter["Message-ID"] = f"<{address}>"
    letter.set_content(text)
    with smtplib.LMTP("127.0.0.1", port) as host:
        host.send_message(letter, address, [to])


def authors(log: Locator) -> list[str]:
    """Who stands above these messages, as it is drawn."""
    lines = [line.strip() for line in log.inner_text().splitlines() if line.strip()]
    # A name and its time are two lines in some faces, one in others.
    return [WHO.findall(" ".join(lines[: lines.index(text)]))[-1] for text in SAID]


def pictured(stage: Stage, page: Page, name: str) -> None:
    page.screenshot(path=stage.pictures / f"in-copy-{name}.png")


def test_what_people_in_copy_say_stands_under_their_names_for_everybody(stage: Stage) -> None:
    port = takes_mail(stage)
    customer = stage.customer(query=f"?app={APP}")
    customer.opens_support()
    customer.starts_new_ticket()
    customer.widget.get_by_text("Más datos (opcional)").click()
    customer.widget.get_by_label("Con copia a").fill("luis@example.com, eva@example.com")
    customer.leaves_request(SUBJECT, SAID[0], "rosa@example.com")
    customer.button("Ver el ticket").click()
    agent = stage.agent(status=None)
    agent.takes(SUBJECT)
    luis = stage.portal(app=APP)
    luis.signs_up("luis@example.com", "Luis Mora")
    luis.page.goto(f"{luis.home}/tickets/1001")
    luis.replies(SAID[1])
    answers(stage, port, "Rosa Díaz", EVAS, SAID[2])

    customer.talk.shows(SAID[2])
    assert authors(customer.talk.log) == ["Tú", LUIS, EVA]
    agent.talk.shows(SAID[2])
    assert authors(agent.talk.log)[1:] == [LUIS, EVA]
    luis.sees(SAID[2])
    assert authors(luis.messages)[1:] == ["Tú", EVA]
    luis.page.reload()
    assert authors(luis.messages)[1:] == ["Tú", EVA]
    eva = stage.portal(app=APP)
    eva.signs_up(EVAS, "Eva Ruiz")
    eva.page.goto(f"{eva.home}/tickets/1001")
    eva.sees(SAID[2])
    assert authors(eva.messages)[1:] == [LUIS, "Tú"], "what she mailed is her own"

    for view in (of_widget("in-copy", customer), of_console("in-copy", agent.page)):
        assert axe_finds(view) == []
        assert cut_off(view) == []
    for name, page in (
        ("widget", customer.page),
        ("console", agent.page),
        ("portal", luis.page),
        ("own", eva.page),
    ):
        pictured(stage, page, name)
    # The list says who spoke last.
    expect(agent.row(SUBJECT)).to_contain_text(f"{EVAS}: Y yo.")
    customer.goes_back_to_list()
    customer.sees(f"{EVAS}: Y yo.")
