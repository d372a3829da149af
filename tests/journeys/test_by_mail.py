"""Somebody who only ever wrote a mail: through the link that it is answered with into the portal, and on by both ways.

Mails come to the real listener as a mail host brings them, and arrive at a real server for mail.
"""

from __future__ import annotations

import smtplib
from collections.abc import Iterator
from email.message import EmailMessage
from typing import NamedTuple

import pytest
from playwright.sync_api import expect

from tests.files.making import PDF
from tests.harness.browser import Scheme
from tests.harness.commands import done
from tests.harness.looks import axe_finds, sticks_out
from tests.harness.mail_desk import reply_to
from tests.harness.mailbox import Mailbox, links_in, mailbox_aside, text_of
from tests.harness.people import Agent
from tests.harness.portal import PORTAL_PASSWORD, PortalCustomer
from tests.harness.server import free_port
from tests.harness.tour import of_console
from tests.harness.waiting import wait_until
from tests.journeys.conftest import Stage
from tests.journeys.test_console_requests import chooses, named, sends

pytestmark = pytest.mark.browser

SCHEMES: tuple[Scheme, ...] = ("light", "dark")
SUPPORT = "soporte@demo.example"
ADDRESS = "eva@cliente.example"
SUBJECT = "No imprime la factura"


class Post(NamedTuple):
    """Both ways."""

    box: Mailbox
    port: int

    def brings(
        self,
        text: str,
        name: str,
        to: str = SUPPORT,
        answers: EmailMessage | None = None,
        writer: str = f"Eva Luna <{ADDRESS}>",
    ) -> None:
        """From the mail program of Eva, or of somebody else."""
        letter = EmailMessage()
        letter["From"], letter["To"], letter["Message-ID"] = writer, to, f"<{name}@cliente.example>"
        letter["Subject"] = f"Re: {answers['Subject']}" if answers else SUBJECT
        if answers:
            letter["In-Reply-To"] = str(answers["Message-ID"])
        letter.set_content(text)
        with smtplib.LMTP("127.0.0.1", self.port) as host:
            host.send_message(letter, ADDRESS, [to])

    def arrives(self, number: int) -> EmailMessage:
        """Her mail of this number, the first one being 1."""
        wait_until(lambda: len(self.box.to(ADDRESS)) >= number, f"{number} mails are there")
        return self.box.to(ADDRESS)[number - 1]


@pytest.fixture
def post(stage: Stage) -> Iterator[Post]:
    """The server is started anew, with what it needs for mail."""
    with mailbox_aside() as box:
        server, port = stage.server, free_port()
        server.stop()
        server.settings |= {
            "smtp_url": box.url,
            "mail_from": SUPPORT,
            "public_url": server.origin,
            "mail_listen": f"lmtp://127.0.0.1:{port}",
            "answers_mailed_seconds": 1,
        }
        server.start()
        done(server, "app", "set", "demo", "--support-address", SUPPORT)
        yield Post(box, port)


def way_in(mail: EmailMessage) -> str:
    return next(link for link in links_in(mail) if "/link?t=" in link)


def registers(eva: PortalCustomer, link: str) -> None:
    """From the mail to the ticket that it is about."""
    eva.page.goto(link)
    eva.is_at("Completa tu cuenta")
    assert "t=" not in eva.page.url
    eva.box("Nombre completo").fill("Eva Luna")
    eva.page.get_by_label("Contraseña").first.fill(PORTAL_PASSWORD)
    eva.button("Crear cuenta").click()
    eva.is_at(SUBJECT)


def test_from_a_mail_to_an_account_and_on_by_both_ways(stage: Stage, post: Post) -> None:
    post.brings("No imprime desde ayer.", "uno")
    link = way_in(post.arrives(1))
    eva = stage.portal()
    registers(eva, link)
    eva.sees("No imprime desde ayer.")
    eva.replies("Es la impresora de la caja 2.")

    # Whoever comes upon the mail later is told that its link was used, and finds neither ticket nor account.
    other = stage.portal()
    other.watch.expect("410")
    other.page.goto(link)
    other.is_at("Este enlace ya no sirve")
    expect(other.page.get_by_text(SUBJECT)).to_have_count(0)

    agent = stage.agent(status="Ocupado")
    agent.takes(SUBJECT)
    agent.talk.shows("Es la impresora de la caja 2.")
    eva.link("Mis tickets").first.click()  # who looks at the answer gets no mail about it
    eva.is_at("Mis tickets")
    answers_with_file(agent)
    told = post.arrives(2)
    assert "Prueba con este manual." in text_of(told)
    assert "Adjunto: manual.pdf" in text_of(told)
    eva.page.goto(next(link for link in links_in(told) if link.endswith("/tickets/1001")))
    with eva.page.expect_download() as saving:
        eva.page.locator(".sent-files a", has_text="manual.pdf").click()
    assert saving.value.path().read_bytes() == PDF

    post.brings("Con el manual ya imprime, gracias.", "dos", reply_to(told), told)
    eva.sees("Con el manual ya imprime, gracias.")
    agent.talk.shows("Con el manual ya imprime, gracias.")


def answers_with_file(agent: Agent) -> None:
    chooses(agent.page, named("manual.pdf", "application/pdf", PDF))
    expect(agent.button("Quitar manual.pdf")).to_be_visible()
    agent.talk.composer.fill("Prueba con este manual.")
    sends(agent)
    agent.talk.shows("Prueba con este manual.")


def test_what_was_sent_back_is_completed_from_the_link_in_the_mail_without_scripts(
    stage: Stage, post: Post
) -> None:
    post.brings("No imprime desde ayer.", "uno")
    registers(stage.portal(scripts=False), way_in(post.arrives(1)))
    agent = stage.agent(status="Ocupado")
    agent.takes(SUBJECT)
    agent.sends_back("Teléfono")

    asked = post.arrives(2)
    assert "necesitamos que completes: Teléfono." in text_of(asked)
    elsewhere = stage.portal(scripts=False)  # another browser, in which nobody is signed in
    elsewhere.watch.expect("400")
    elsewhere.page.goto(next(link for link in links_in(asked) if link.endswith("/tickets/1001")))
    elsewhere.fills_sign_in(ADDRESS)
    elsewhere.is_at(SUBJECT)
    elsewhere.button("Completar").click()
    expect(elsewhere.page.get_by_text("Completa este campo.")).to_be_visible()
    elsewhere.box("Teléfono").fill("300 765 4321")
    elsewhere.button("Completar").click()
    expect(elsewhere.page.get_by_text("Gracias. Ya tenemos lo que faltaba.")).to_be_visible()
    expect(elsewhere.page.locator("#state")).to_have_text("Abierto")
    agent.sees("300 765 4321")


def test_agents_read_who_a_mail_claims_to_be_from_beside_its_address(stage: Stage, post: Post) -> None:
    post.brings("No imprime desde ayer.", "uno")
    post.arrives(1)
    agent = stage.agent(status="Ocupado")
    who = f"Eva Luna ({ADDRESS}, sin verificar)"
    expect(agent.page.locator(".row", has_text=SUBJECT)).to_contain_text(
        f"Eva Luna (sin verificar) · {ADDRESS}"
    )
    agent.takes(SUBJECT)
    agent.talk.shows("No imprime desde ayer.")
    expect(agent.page.get_by_role("heading", name=who)).to_be_visible()


LONG_CLAIM = "Administración Nacional de Facturas Electrónicas y Cobros Pendientes"
LONG_ADDRESS = "departamento.de.facturas.electronicas@cliente-con-nombre-largo.example"
CLAIMS_ON_THE_SCREEN = """([whole, mark]) => [...document.querySelectorAll(".claim")].filter((claim) => claim.offsetWidth)
  .map((claim) => {
    const line = claim.closest("p, .row-last");
    const said = document.createRange();
    said.selectNode([...claim.childNodes].find((part) => part.nodeType === Node.TEXT_NODE && part.data.endsWith(mark)));
    const end = said.getBoundingClientRect();
    const name = claim.firstElementChild.getBoundingClientRect();
    return {
      titled: claim.title === whole,
      marked: end.width > 0 && end.right <= line.getBoundingClientRect().right + 1,
      beside: Math.abs(end.left - name.right) < 1,
      oneLine: claim.getBoundingClientRect().height < 24,
      inside: line.scrollWidth <= line.clientWidth,
      shortened: [...claim.children].some((part) => part.scrollWidth > part.clientWidth),
    };
  })"""


def test_a_long_claim_has_one_line_which_still_says_that_it_is_one(stage: Stage, post: Post) -> None:
    post.brings("No imprime desde ayer.", "uno", writer=f"{LONG_CLAIM} <{LONG_ADDRESS}>")
    agent = stage.agent(status="Ocupado")
    whole = f"{LONG_CLAIM} ({LONG_ADDRESS}, sin verificar)"
    expect(agent.page.locator(".claim:visible")).to_have_count(1)
    right = dict.fromkeys(("titled", "marked", "beside", "oneLine", "inside", "shortened"), True)

    def looks(place: str, width: int, claims: int) -> None:
        view = of_console(f"claim-{place}-{width}", agent.page)
        agent.page.set_viewport_size({"width": width, "height": 800})
        found = agent.page.evaluate(CLAIMS_ON_THE_SCREEN, [whole, "(sin verificar)"])
        assert found == [right] * claims, (place, width)
        assert sticks_out(agent.page) == []
        assert axe_finds(view) == []
        for scheme in SCHEMES:
            agent.page.emulate_media(color_scheme=scheme)
            agent.page.screenshot(path=stage.pictures / f"{view.name}-{scheme}.png")

    for width in (320, 1440):
        looks("list", width, 1)
    agent.takes(SUBJECT)
    agent.talk.shows("No imprime desde ayer.")
    # Beside each other the list and the head of the conversation both say it; on a telephone the conversation is alone.
    for width, claims in ((1440, 2), (1280, 2), (1200, 2), (768, 2), (320, 1)):
        looks("head", width, claims)
    # On a tablet what can be done has a row of its own, and the way to the details stands beside the subject.
    agent.page.set_viewport_size({"width": 768, "height": 800})
    above, below = (
        agent.page.locator(f".talk-head > {one}").bounding_box() for one in (".to-details", ".actions")
    )
    assert above
    assert below
    assert above["y"] + above["height"] <= below["y"]


def test_the_pages_that_end_mails_hold_a_long_address(stage: Stage, post: Post) -> None:
    post.brings("No imprime desde ayer.", "uno", writer=f"Ana <{LONG_ADDRESS}>")
    wait_until(lambda: post.box.to(LONG_ADDRESS), "it is confirmed")
    page = stage.portal(width=320).page
    page.goto(str(post.box.to(LONG_ADDRESS)[0]["List-Unsubscribe"]).strip("<>"))
    for button in ("No recibir más avisos", "Volver a recibirlos", "No recibir más avisos"):
        expect(page.get_by_text(LONG_ADDRESS)).to_be_visible()
        assert sticks_out(page) == []
        page.get_by_role("button", name=button).click()
