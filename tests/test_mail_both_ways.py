"""Mail in and out together: by a real listener, and to a real server for mail. On both engines."""

from __future__ import annotations

import base64
import itertools
import re
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from email.message import EmailMessage
from email.utils import parseaddr
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, select

from chatserver.core.answers import Given
from chatserver.core.errors import Refused
from chatserver.core.files import File
from chatserver.core.forms import Field, Form, Words
from chatserver.core.mails import ANSWERS_AT_MOST
from chatserver.core.tickets import Ticket
from chatserver.realtime.views import person
from chatserver.services import mails as leaving
from chatserver.services import pairing, requests, talk, tickets
from chatserver.services.files import Files
from chatserver.services.invitations import INVITED_SECONDS
from chatserver.services.letters import NoLetters
from chatserver.services.portal import Portal
from chatserver.settings import load
from chatserver.store import mails
from chatserver.store import portal as accounts
from chatserver.store.database import Database
from chatserver.store.outbox import MailStops, of_customer
from chatserver.store.portal import CustomerSession
from chatserver.store.tables import files as table
from chatserver.store.work import Who
from tests.files.making import png
from tests.harness.mail_desk import MailDesk, mail_desk, reply_to
from tests.harness.mailbox import Mailbox, links_in, mailbox, text_of
from tests.mail.letters import html_of
from tests.mail.writing import ANA, SUPPORT, file, mail, part, together
from tests.services.scene import Scene, new_cid, scene_on

ADDRESS = "ana@cliente.example"
OTHER_DESK = "mesa@otra.example"
PASSED = {"Authentication-Results": "mx.acme.example; dmarc=pass header.from=cliente.example"}
"""As the operator's mail host writes it."""
Scenes = Callable[[], AbstractAsyncContextManager[Scene]]


@pytest.fixture
async def box(anyio_backend: str) -> AsyncIterator[Mailbox]:
    async with mailbox() as made:
        yield made


@pytest.fixture(params=["sqlite", "postgres"])
def scenes(request: pytest.FixtureRequest, tmp_path: Path) -> Scenes:
    """Each time a database of its own."""
    numbers = itertools.count()

    def opened() -> AbstractAsyncContextManager[Scene]:
        return scene_on(request, tmp_path / f"{next(numbers)}.db")

    return opened


@pytest.fixture
async def desk(scenes: Scenes, box: Mailbox, tmp_path: Path) -> AsyncIterator[MailDesk]:
    async with scenes() as scene, mail_desk(scene, box, SUPPORT, tmp_path / "files") as made:
        yield made


def answer(to: EmailMessage, text: str, *, sender: str = ANA, name: str = "2") -> bytes:
    """As a mail program answers a mail."""
    return mail(
        f"{text}\r\n\r\nEl mié, 7 ene 2026 a las 9:30, Acme <{SUPPORT}> escribió:\r\n> {text_of(to)[:60]!r}\r\n",
        sender=sender,
        to=reply_to(to),
        subject=f"Re: {to['Subject']}",
        message_id=f"<{name}@cliente.example>",
        more={"In-Reply-To": str(to["Message-ID"]), "References": f"{to['References']} {to['Message-ID']}"},
    )


# — a conversation —————————————————————————————————————————————————————————————


async def test_a_conversation_by_mail_from_its_first_word_to_its_end(desk: MailDesk) -> None:
    await desk.gets(mail(), ADDRESS, SUPPORT)
    (confirmation,) = await desk.leaves()
    (ticket,) = await desk.tickets()
    assert f"#{ticket.number}" in text_of(confirmation)
    token, place = way_in(confirmation)
    assert (len(token), place) == (43, f"tickets/{ticket.number}")
    assert confirmation["In-Reply-To"] == "<uno@cliente.example>"
    assert parseaddr(str(confirmation["From"]))[1] == SUPPORT

    await pairing.claim(desk.scene.house, 1, ticket.id)
    await desk.scene.agent_says(ticket, "¿Qué impresora es?")
    await desk.scene.later(600)
    (asked,) = await desk.leaves()
    assert "¿Qué impresora es?" in text_of(asked)
    assert reply_to(asked) != SUPPORT
    assert str(asked["References"]).split()[0] == str(confirmation["References"]).split()[0]

    await desk.gets(answer(asked, "Una HP"), ADDRESS, reply_to(asked))
    assert [item.text for item in await desk.messages(ticket)] == [
        "Hola, no puedo imprimir la factura.",
        "¿Qué impresora es?",
        "Una HP",
    ]
    assert await desk.leaves() == [], "what is said on a ticket is not confirmed each time"

    await desk.scene.agent_says(ticket, "Listo: era el controlador")
    await desk.scene.later(600)
    (told,) = await desk.leaves()
    assert told["In-Reply-To"] == "<2@cliente.example>", "a mail program shows it below what it answers"
    await desk.scene.later(
        3_600
    )  # three mails in an hour is all that an address gets of which nobody knows whose it is
    await tickets.close(desk.scene.house, 1, ticket.id)
    (closed,) = await desk.leaves()
    await desk.gets(answer(closed, "Otra cosa", name="3"), ADDRESS, reply_to(closed))
    (how,) = await desk.leaves()
    assert how["In-Reply-To"] == "<3@cliente.example>"
    assert f"https://chat.example.com/portal/app1/new?follows={ticket.number}" in list(links_in(how))
    assert len(await desk.tickets()) == 1
    assert len(await desk.messages(ticket)) == 4
    everything = [confirmation, asked, told, closed, how]
    assert len({str(one["Message-ID"]) for one in everything}) == 5
    assert len({str(one["References"]).split()[0] for one in everything}) == 1


async def test_who_asks_for_access_is_shown_the_way_in_and_has_no_ticket(desk: MailDesk) -> None:
    await desk.gets(mail("¿Me dan acceso?\r\n", subject="Consulta"), ADDRESS, SUPPORT)
    (sent,) = await desk.leaves()
    token, place = way_in(sent)
    assert sent["In-Reply-To"] == "<uno@cliente.example>"
    assert await desk.tickets() == []
    assert place == ""
    assert "durante tres días" in text_of(sent)
    await signs_up(desk, token)

    await desk.gets(
        mail("¿Me dan acceso?\r\n", subject="Consulta", message_id="<dos@cliente.example>"), ADDRESS, SUPPORT
    )
    (known,) = await desk.leaves()
    assert "https://chat.example.com/portal/app1/sign-in" in list(links_in(known))
    assert WAY_IN.search(known.as_string()) is None


# — the way in that a confirmation brings ——————————————————————————————————————

WAY_IN = re.compile(r"https://chat\.example\.com/portal/app1/link\?t=([\w-]+)(?:&place=(\S+))?")
PASSWORD = "un caballo con paraguas"


def way_in(sent: EmailMessage) -> tuple[str, str]:
    """Token and place of the link with which an account is made."""
    (link,) = {link for link in links_in(sent) if "/link?" in link}
    found = WAY_IN.fullmatch(link)
    assert found is not None, link
    return found[1], found[2] or ""


def portal(desk: MailDesk) -> Portal:
    db = desk.scene.house.store
    assert isinstance(db, Database)
    return Portal(db, desk.scene.house, load({}), secret="s" * 40, letters=NoLetters())


async def signs_up(desk: MailDesk, token: str) -> CustomerSession:
    there, app = portal(desk), desk.scene.house.people.app(1)
    session = await there.session(app, await there.sign_up(app, token, "Ana Ruiz", PASSWORD, "es"))
    assert session is not None
    return session


async def test_the_link_in_a_confirmation_makes_an_account_that_has_the_ticket(desk: MailDesk) -> None:
    await desk.gets(mail(), ADDRESS, SUPPORT)
    (confirmation,) = await desk.leaves()
    token, place = way_in(confirmation)
    session = await signs_up(desk, token)
    assert session.email == ADDRESS
    (ticket,) = await desk.tickets()
    assert (ticket.customer.id, place) == (session.customer.id, f"tickets/{ticket.number}")
    assert html_of(confirmation).count(token) == 3, "the button, and the same to be copied"


async def test_it_is_of_no_use_to_whom_the_mail_is_forwarded_after_it_was_used(desk: MailDesk) -> None:
    """Nor is that of any other mail: one that left before, and one that comes after."""
    for number in range(2):
        await desk.gets(mail(message_id=f"<{number}@cliente.example>"), ADDRESS, SUPPORT)
    first, second = [way_in(one)[0] for one in await desk.leaves()]
    assert first != second
    await signs_up(desk, second)
    there, app = portal(desk), desk.scene.house.people.app(1)
    for token in (first, second):
        assert await there.link(app, token) is None
        with pytest.raises(Refused) as refused:
            await there.sign_up(app, token, "Otra persona", "otra frase muy larga", "es")
        assert refused.value.code == "token_expired"
    await desk.gets(mail(message_id="<9@cliente.example>"), ADDRESS, SUPPORT)
    (later,) = await desk.leaves()
    number = (await desk.tickets())[-1].number
    assert WAY_IN.search(later.as_string()) is None
    assert f"https://chat.example.com/portal/app1/tickets/{number}" in list(links_in(later))


async def test_it_ends(desk: MailDesk) -> None:
    await desk.gets(mail(), ADDRESS, SUPPORT)
    token, _ = way_in((await desk.leaves())[0])
    there, app = portal(desk), desk.scene.house.people.app(1)
    await desk.scene.later(INVITED_SECONDS - 1)
    assert await there.link(app, token) is not None
    await desk.scene.later(1)
    assert await there.link(app, token) is None
    with pytest.raises(Refused):
        await there.sign_up(app, token, "Ana Ruiz", PASSWORD, "es")


async def test_who_merely_says_to_be_somebody_is_sent_nothing_and_gets_no_way_in(desk: MailDesk) -> None:
    """A From is a claim: the link goes to the address that it names, whatever else the mail asks for."""
    forged = mail(more={"Reply-To": "ladron@malo.example", "Sender": "ladron@malo.example"})
    await desk.gets(forged, "ladron@malo.example", SUPPORT)
    await desk.leaves()
    assert [one.receiver for one in desk.box.arrived] == [ADDRESS]
    token, _ = way_in(desk.box.arrived[0].mail)
    link = await portal(desk).link(desk.scene.house.people.app(1), token)
    assert link is not None
    assert (link.purpose, link.address) == ("sign_up", ADDRESS)


async def test_a_request_that_came_by_another_way_brings_no_link(desk: MailDesk) -> None:
    """Whoever fills in a form may type any address."""
    who = Who(1, "anon:eva", "Eva", "", "es")
    await tickets.request(
        desk.scene.house, who, cid=new_cid(), subject="Hola", text="Hola", email=ADDRESS, context="{}"
    )
    (sent,) = await desk.leaves()
    assert "/link?" not in sent.as_string()


async def test_a_confirmation_that_leaves_again_brings_the_same_link(desk: MailDesk) -> None:
    await desk.gets(mail(), ADDRESS, SUPPORT)
    desk.box.hang_up = ["after"]
    (once,) = await desk.leaves()
    await desk.scene.later(3_600)
    (again,) = await desk.leaves()
    assert again["Message-ID"] == once["Message-ID"]
    assert way_in(again) == way_in(once)
    await signs_up(desk, way_in(once)[0])


async def test_a_link_that_came_back_stays_over_though_its_mail_leaves_again(desk: MailDesk) -> None:
    """The server for mail hung up after it took the first one, and its reader was quick."""
    await desk.gets(mail(), ADDRESS, SUPPORT)
    desk.box.hang_up = ["after"]
    (once,) = await desk.leaves()
    await desk.gets(coming_back(once, "¿Y entonces?", SUPPORT, "answer"), ADDRESS, SUPPORT)
    await desk.scene.later(3_600)
    again = [sent for sent in await desk.leaves() if "/link?" in sent.as_string()]
    assert [way_in(sent) for sent in again] == [way_in(once)]
    assert await portal(desk).link(desk.scene.house.people.app(1), way_in(once)[0]) is None


def coming_back(to: EmailMessage, said: str, receiver: str, form: str) -> bytes:
    """Our mail, as programs send it back: below an answer, as all that there is, within a forward, as HTML, as a file."""
    quoted = "\r\n".join(f"> {line}" for line in text_of(to).splitlines())
    headed = f"{said}\r\n\r\nEl mié, 7 ene 2026 a las 9:30, Acme <{SUPPORT}> escribió:\r\n\r\n"
    plain, html, mixed = (
        'text/plain; charset="utf-8"',
        "text/html; charset=utf-8",
        'multipart/mixed; boundary="=_b1"',
    )
    forwarded = f"{said}\r\n\r\n---------- Forwarded message ---------\r\nDe: Acme\r\n\r\n{text_of(to)}"
    forms: dict[str, tuple[str | bytes, str]] = {
        "answer": (f"{headed}{quoted}\r\n", plain),
        "forward": (forwarded, plain),
        "html": (f"<p>{said}</p><blockquote>{html_of(to)}</blockquote>", html),
        "file": (together(part("text/plain", said), part("message/rfc822", to.as_bytes())), mixed),
    }
    body, content = forms[form]
    answers = {"In-Reply-To": str(to["Message-ID"]), "References": str(to["Message-ID"])}
    subject = f"{'Fwd' if form == 'forward' else 'Re'}: {to['Subject']}"
    return mail(
        body, to=receiver, subject=subject, message_id="<q@cliente.example>", content=content, more=answers
    )


@pytest.mark.parametrize("said", ["", "Gracias, es urgente"])
@pytest.mark.parametrize("form", ["answer", "forward", "html", "file"])
async def test_a_way_in_that_comes_back_is_nobodys_any_more_and_no_message_shows_it(
    desk: MailDesk, form: str, said: str
) -> None:
    await desk.gets(mail(), ADDRESS, SUPPORT)
    await desk.gets(mail(message_id="<otro@cliente.example>"), ADDRESS, SUPPORT)
    confirmation, other = await desk.leaves()
    token, _ = way_in(confirmation)
    there, app = portal(desk), desk.scene.house.people.app(1)
    assert await there.link(app, token) is not None
    receiver = SUPPORT if form == "forward" else reply_to(confirmation)
    await desk.gets(coming_back(confirmation, said, receiver, form), ADDRESS, receiver)
    texts = [item.text for ticket in await desk.tickets() for item in await desk.messages(ticket)]
    assert len(texts) == 3
    assert not any(token in text or "stop/app1/" in text.replace("stop/app1/…", "") for text in texts)
    assert not said or said in "".join(texts)
    assert await there.link(app, token) is None
    with pytest.raises(Refused) as refused:
        await there.sign_up(app, token, "Un agente", PASSWORD, "es")
    assert refused.value.code == "token_expired"
    assert (await signs_up(desk, way_in(other)[0])).email == ADDRESS, "what did not come back is theirs still"


async def test_a_link_is_over_even_if_the_mail_that_brings_it_is_not_taken(
    desk: MailDesk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An original is kept from before the mail is taken: whoever finds it finds nothing in it."""
    await desk.gets(mail(), ADDRESS, SUPPORT)
    (confirmation,) = await desk.leaves()
    token, _ = way_in(confirmation)
    there, app = portal(desk), desk.scene.house.people.app(1)
    at_the_time = []

    async def kept(*given: Any) -> None:
        at_the_time.append(await there.link(app, token))
        raise OSError("the disk is full")

    monkeypatch.setattr(mails, "keep_original", kept)
    with pytest.raises(AssertionError):  # its host hears that it is to bring it again
        await desk.gets(
            coming_back(confirmation, "Hola", reply_to(confirmation), "answer"),
            ADDRESS,
            reply_to(confirmation),
        )
    assert at_the_time == [None]


# — what agents do with a ticket ———————————————————————————————————————————————


async def taken(desk: MailDesk, raw: bytes | None = None) -> Ticket:
    """A ticket by mail that its agent has taken; its confirmation has left, and an hour has passed."""
    await desk.gets(raw or mail(), ADDRESS, SUPPORT)
    await desk.leaves()
    ticket = (await desk.tickets())[-1]
    await pairing.claim(desk.scene.house, 1, ticket.id)
    await desk.scene.later(3_600)
    return ticket


async def test_a_ticket_that_waits_for_its_customer_says_so_in_one_mail_with_what_was_said(
    desk: MailDesk,
) -> None:
    ticket = await taken(desk)
    await requests.pend(desk.scene.house, 1, ticket.id, cid=new_cid(), text="¿Qué impresora es?")
    assert await desk.leaves() == []
    await desk.scene.later(600)
    (sent,) = await desk.leaves()
    assert "necesitamos tu respuesta" in text_of(sent)
    assert "Lo cerraremos el 14 ene" in " ".join(text_of(sent).split())
    assert "¿Qué impresora es?" in text_of(sent)
    await desk.scene.later(3_600)
    assert await desk.leaves() == []
    await desk.gets(answer(sent, "Una HP"), ADDRESS, reply_to(sent))
    assert (await desk.tickets())[0].state == "open"


async def test_whom_a_mail_names_gets_nothing_until_an_agent_put_them_in_copy(desk: MailDesk) -> None:
    ticket = await taken(desk, mail(more={"Cc": "luz@cliente.example"}))
    house = desk.scene.house
    await talk.say_as_agent(house, 1, ticket.id, new_cid(), "Reinicia la impresora.")
    await desk.scene.later(600)
    assert [str(sent["To"]) for sent in await desk.leaves()] == [ADDRESS]
    await requests.copy_as_agent(house, 1, ticket.id, ["luz@cliente.example"])
    await talk.say_as_agent(house, 1, ticket.id, new_cid(), "¿Imprime ya?")
    await desk.scene.later(600)
    assert {str(sent["To"]) for sent in await desk.leaves()} == {ADDRESS, "luz@cliente.example"}


async def test_what_waits_no_longer_is_not_mailed(desk: MailDesk) -> None:
    ticket = await taken(desk)
    await requests.pend(desk.scene.house, 1, ticket.id)
    await requests.resume(desk.scene.house, 1, ticket.id)
    await desk.scene.later(3_600)
    assert await desk.leaves() == []


async def test_what_is_missing_is_named_as_the_form_names_it(desk: MailDesk) -> None:
    words = Words("Versión", "Version", "Versão")
    await desk.scene.form(Form(fields=(Field("version", "text", words),)))
    ticket = await taken(desk)
    await requests.send_back(desk.scene.house, 1, ticket.id, ["tax_id", "version"])
    await desk.scene.later(600)
    (sent,) = await desk.leaves()
    assert "completes: DNI / ID Fiscal, Versión." in text_of(sent)


async def test_what_the_form_has_no_more_is_not_asked_for_by_mail(desk: MailDesk) -> None:
    words = Words("Versión", "Version", "Versão")
    await desk.scene.form(Form(fields=(Field("version", "text", words),)))
    ticket = await taken(desk)
    await requests.send_back(desk.scene.house, 1, ticket.id, ["version"])
    await desk.scene.form(Form())
    await desk.scene.later(600)
    (sent,) = await desk.leaves()
    assert "necesitamos tu respuesta" in text_of(sent)
    assert "completes" not in text_of(sent)


async def test_who_does_not_answer_is_reminded_and_told_when_it_ends(desk: MailDesk) -> None:
    ticket = await taken(desk)
    await requests.pend(desk.scene.house, 1, ticket.id, cid=new_cid(), text="¿Qué impresora es?")
    await desk.scene.later(600)
    await desk.leaves()
    await desk.scene.later(3 * 86_400)
    (reminder,) = await desk.leaves()
    assert "sigue esperando tu respuesta" in text_of(reminder)
    assert "¿Qué impresora es?" in text_of(reminder)
    assert "Lo cerraremos el 14 ene" in text_of(reminder)
    await desk.scene.later(4 * 86_400)
    (end,) = await desk.leaves()
    assert "no recibimos más mensajes tuyos" in text_of(end)


async def test_a_reminder_that_was_overtaken_by_an_answer_does_not_leave(desk: MailDesk) -> None:
    ticket = await taken(desk)
    await requests.pend(desk.scene.house, 1, ticket.id)
    await desk.scene.later(600)
    await desk.leaves()
    await desk.scene.later(3 * 86_400)
    await desk.gets(mail("Una HP\r\n", subject=f"[#{ticket.number}]", message_id="<2@x>"), ADDRESS, SUPPORT)
    assert await desk.leaves() == []


async def test_a_rejection_says_why(desk: MailDesk) -> None:
    ticket = await taken(desk)
    await requests.reject(desk.scene.house, 1, ticket.id, "No vendemos impresoras")
    (sent,) = await desk.leaves()
    assert "no pudo aceptar" in text_of(sent)
    assert "No vendemos impresoras" in text_of(sent)


async def test_a_sensitive_case_is_masked_in_all_that_is_mailed(desk: MailDesk) -> None:
    house = desk.scene.house
    bea = Who(1, "user:bea", "Bea", "bea@example.com")
    ticket = await desk.scene.request(
        bea,
        subject="Paciente 12.345.678-9",
        text="El 12345678-9 espera",
        email="bea@example.com",
        form=Given(type="request", case_kind="patient", case="12.345.678-9"),
    )
    await pairing.claim(house, 1, ticket.id)
    await desk.scene.agent_says(ticket, "Reviso el 12 345 678 9")
    await desk.scene.later(600)
    await requests.reject(house, 1, ticket.id, "12.345.678-9 no es de aquí")
    sent = await desk.leaves()
    assert len(sent) >= 2
    for one in sent:
        assert "•••" in text_of(one)
        for place in (str(one["Subject"]), text_of(one), one.as_string()):
            for written in ("12.345.678-9", "12345678-9", "12 345 678 9"):
                assert written not in place


# — what comes with a mail —————————————————————————————————————————————————————

MIXED = 'multipart/mixed; boundary="=_b1"'


def with_files(*files: bytes, text: str = "Mira", **more: Any) -> bytes:
    return mail(together(part("text/plain; charset=utf-8", text), *files), content=MIXED, **more)


async def test_what_comes_with_a_mail_is_with_its_message_and_what_is_not_taken_is_named(
    desk: MailDesk,
) -> None:
    inline = part(
        "image/png", base64.encodebytes(png()), Content_Transfer_Encoding="base64", Content_ID="<a@b>"
    )
    raw = with_files(
        file("captura.png", png(), "image/png"),
        inline,
        file("factura.exe", b"MZ\x90\x00", "application/octet-stream"),
        file("../../foto.png", b"no picture", "image/png"),
        file("firma.p7s", b"x", "application/pkcs7-signature"),
    )
    await desk.gets(raw, ADDRESS, SUPPORT)
    (ticket,) = await desk.tickets()
    (item,) = await desk.messages(ticket)
    assert [(one.name, one.kind) for one in item.files] == [("captura.png", "png"), ("file.png", "png")]
    assert item.text == "Mira\n\n[No se adjuntó: factura.exe, _.._foto.png. Está en el correo original.]"
    assert await desk.scene.rows.attached() == {one.id: (ticket.id, item.seq) for one in item.files}
    (taken,) = await mails.mails_of(desk.room.db, ticket.id)
    whole = await mails.original(desk.room.db, taken.original) or b""
    assert whole.replace(b"\r\n", b"\n") == raw.replace(b"\r\n", b"\n")


async def test_files_of_an_answer_belong_to_its_ticket_also_where_its_customer_is_the_hosts(
    desk: MailDesk,
) -> None:
    ticket = await desk.scene.request(Who(1, "user:bea", "Bea", "bea@example.com"), email="bea@example.com")
    (confirmation,) = await desk.leaves()
    raw = with_files(
        file("a.png", png(), "image/png"), sender="bea@example.com", subject=str(confirmation["Subject"])
    )
    await desk.gets(raw, "bea@example.com", reply_to(confirmation))
    item = (await desk.messages(ticket))[-1]
    assert [one.name for one in item.files] == ["a.png"]


async def test_files_have_the_bounds_that_they_have_elsewhere(desk: MailDesk) -> None:
    await desk.scene.policy(mail=True, files_per_message=2, file_mib=1)
    big = png() + b"x" * 2**20
    raw = with_files(
        *(file(f"{n}.png", png(), "image/png") for n in range(4)), file("grande.png", big, "image/png")
    )
    await desk.gets(raw, ADDRESS, SUPPORT)
    (item,) = await desk.messages((await desk.tickets())[0])
    assert [one.name for one in item.files] == ["0.png", "1.png"]
    assert "2.png, 3.png, grande.png" in item.text


async def test_a_mail_waits_at_its_host_while_files_cannot_be_kept_and_is_there_once(
    desk: MailDesk, monkeypatch: pytest.MonkeyPatch
) -> None:
    raw = with_files(file("a.png", png(), "image/png"), file("b.png", png(), "image/png"))
    keep, tries = Files.take, iter(range(100))

    async def second_fails(*given: Any, **more: Any) -> File:
        if next(tries) == 1:
            raise Refused("files_unavailable", retry_after=30)
        return await keep(*given, **more)

    monkeypatch.setattr(Files, "take", second_fails)
    with pytest.raises(AssertionError):
        await desk.gets(raw, ADDRESS, SUPPORT)
    assert await desk.tickets() == []
    await desk.gets(raw, ADDRESS, SUPPORT)
    await desk.gets(raw, ADDRESS, SUPPORT)
    (ticket,) = await desk.tickets()
    (item,) = await desk.messages(ticket)
    assert [one.name for one in item.files] == ["a.png", "b.png"]
    ((count,),) = await desk.room.db.rows(select(func.count()).select_from(table))
    assert count == 2, "what was kept the first time is taken the second time"


async def test_what_programs_send_along_is_not_kept_as_files(desk: MailDesk) -> None:
    raw = with_files(file("a.png", png(), "image/png"), more={"Auto-Submitted": "auto-replied"})
    await desk.gets(raw, ADDRESS, SUPPORT)
    ((count,),) = await desk.room.db.rows(select(func.count()).select_from(table))
    assert count == 0


# — people in copy —————————————————————————————————————————————————————————————

EVA = "eva@cliente.example"


async def with_copy(desk: MailDesk) -> Ticket:
    """A request of Bea's, with Eva in copy, that an agent has taken."""
    bea = Who(1, "user:bea", "Bea", "bea@example.com")
    form = Given(type="request", cc=(EVA, "otro@cliente.example"))
    ticket = await desk.scene.request(
        bea, subject="Compra ya", text="Visita malo.example", email="bea@example.com", form=form
    )
    return await pairing.claim(desk.scene.house, 1, ticket.id)


async def test_who_is_in_copy_hears_of_it_from_the_first_answer_on_and_reads_no_word_of_the_customers(
    desk: MailDesk,
) -> None:
    ticket = await with_copy(desk)
    assert [one["To"] for one in await desk.leaves()] == ["bea@example.com"]
    seq = await desk.scene.agent_says(ticket, "Ya lo reviso")
    await talk.seen(
        desk.scene.house, Who(1, "user:bea"), ticket.id, seq
    )  # who looks at the screen needs no mail
    await desk.scene.later(600)
    sent = await desk.leaves()
    assert {str(one["To"]) for one in sent} == {EVA, "otro@cliente.example"}
    assert len({reply_to(one) for one in sent}) == len({str(one["List-Unsubscribe"]) for one in sent}) == 2
    for one in sent:
        assert "Ya lo reviso" in text_of(one)
        for word in ("Compra", "malo", "Bea"):
            assert word not in one.as_string()
        assert not any(link.startswith("https://chat.example.com/portal") for link in links_in(one))


async def test_who_is_in_copy_answers_under_their_own_name_and_decides_nothing(desk: MailDesk) -> None:
    ticket = await with_copy(desk)
    await desk.scene.proposes(ticket)
    await desk.scene.later(600)
    sent = next(one for one in await desk.leaves() if one["To"] == EVA)
    raw = answer(sent, "Sí, resuelto", sender=f"Eva Ruiz <{EVA}>")
    await desk.gets(raw, EVA, reply_to(sent))
    after = (await desk.tickets())[0]
    last = (await desk.messages(after))[-1]
    assert (last.by, last.name, last.reason) == ("system", EVA, "unverified")
    assert last.text == "Sí, resuelto"
    assert last.author_id not in (0, ticket.customer.id)
    assert (after.state, after.proposal) == ("open", after.last_seq - 1)
    assert (after.agent_unread, after.customer_seen) == (ticket.agent_unread + 1, ticket.customer_seen)
    await tickets.close(desk.scene.house, 1, ticket.id)
    await desk.scene.later(3_600)
    closed = next(one for one in await desk.leaves() if one["To"] == EVA)
    assert "calific" not in text_of(closed)
    await desk.gets(answer(closed, "¿Y lo mío?", sender=EVA, name="9"), EVA, reply_to(closed))
    own = (await desk.tickets())[-1]
    assert (own.customer.key, own.follows) == (f"mail:{EVA}", 0)


async def test_a_mail_of_one_in_copy_that_comes_again_is_there_once(desk: MailDesk) -> None:
    """Each part of a long one too, and both are of one author, whom nobody takes for the customer."""
    ticket = await with_copy(desk)
    long = "\r\n\r\n".join(f"Parte {number} " + "larga " * 900 for number in range(3))
    raw = answer(await copied_mail(desk, ticket, EVA), long, sender=f"Eva Ruiz <{EVA}>")
    for _ in range(3):
        await desk.gets(raw, EVA, SUPPORT)
    said = [item for item in await desk.messages(ticket) if item.by == "system"]
    assert len(said) > 1
    assert {(item.name, item.author_id) for item in said} == {(EVA, said[0].author_id)}
    assert len({item.cid for item in said}) == len(said)
    after = (await desk.tickets())[0]
    assert after.agent_unread == ticket.agent_unread + len(said)
    again = mail(
        "Otra cosa\r\n", sender=f"Eva Ruiz <{EVA}>", subject=f"[#{ticket.number}]", message_id="<otro@x>"
    )
    await desk.gets(again, EVA, SUPPORT)
    assert (await desk.messages(ticket))[-1].author_id == said[0].author_id


async def test_a_name_in_a_from_is_nobody_elses_account(desk: MailDesk) -> None:
    """Nor does who has only the address speak as the account that confirmed it, nor is anybody called as they claim, such as like
    the ticket's customer: by the address, until its domain stands by a name."""
    ticket = await with_copy(desk)
    account = await desk.scene.request(
        Who(1, "portal:eva", "Eva"), subject="Otro", text="Otro", email=EVA, form=Given(type="request")
    )
    sent = await copied_mail(desk, ticket, EVA)
    await desk.gets(answer(sent, "Hola", sender=f"Bea <{EVA}>"), EVA, SUPPORT)
    last = (await desk.messages(ticket))[-1]
    assert (last.by, last.name) == ("system", EVA)
    shown = (await desk.tickets())[0].last
    assert shown is not None
    assert shown.text == f"{EVA}: Hola"
    assert last.author_id not in (account.customer.id, ticket.customer.id)
    for number, (name, more, called) in enumerate([("Eva", PASSED, "Eva"), ("Bea", {}, "Eva")]):
        raw = mail(
            "Más\r\n", sender=f"{name} <{EVA}>", to=reply_to(sent), message_id=f"<{number}@x>", more=more
        )
        await desk.gets(raw, EVA, SUPPORT)
        assert (await desk.messages(ticket))[-1].name == called


async def test_one_in_copy_stops_their_own_mails_alone(desk: MailDesk) -> None:
    ticket = await with_copy(desk)
    await desk.leaves()
    stops = MailStops(desk.room.db)
    await stops.stop(1, EVA)
    await stops.stop(1, of_customer(ticket.customer.id))
    await desk.scene.agent_says(ticket)
    await desk.scene.later(600)
    assert [one["To"] for one in await desk.leaves()] == ["otro@cliente.example"]


async def test_what_one_in_copy_writes_ends_the_waiting(desk: MailDesk) -> None:
    ticket = await with_copy(desk)
    asked = await copied_mail(desk, ticket, EVA)
    await requests.pend(desk.scene.house, 1, ticket.id)
    await desk.gets(answer(asked, "Es una HP", sender=EVA), EVA, reply_to(asked))
    assert (await desk.tickets())[0].state == "open"


# — who is not who they say ————————————————————————————————————————————————————


async def test_who_has_anothers_reply_address_says_nothing_in_their_ticket(desk: MailDesk) -> None:
    """Also with everything else that a forwarded mail gives away: its Message-ID, the number, what was said."""
    await desk.gets(mail(), ADDRESS, SUPPORT)
    (confirmation,) = await desk.leaves()
    (ticket,) = await desk.tickets()
    forwarded = answer(confirmation, "Ciérralo", sender="Eva <eva@otra.example>")
    await desk.gets(forwarded, "eva@otra.example", reply_to(confirmation))
    assert len(await desk.messages(ticket)) == 1
    _, evas = await desk.tickets()
    assert evas.customer.key == "mail:eva@otra.example"
    (sent,) = await desk.leaves()
    assert sent["To"] == "eva@otra.example"
    for secret in (f"#{ticket.number}", "factura", "Ana", "No imprime"):
        assert secret not in text_of(sent)
        assert secret not in str(sent["Subject"])


async def typed_by_a_stranger(desk: MailDesk, key: str = "anon:eva", cc: tuple[str, ...] = ()) -> Ticket:
    """Eva's browser gave Ana's address as its own."""
    eva = Who(1, key, "Eva", "eva@host.example" if key.startswith("user:") else "")
    form = Given(type="request", cc=cc)
    address = "eva@otra.example" if cc else ADDRESS
    ticket = await desk.scene.request(
        eva, subject="Compra ya", text="Visita malo.example", email=address, form=form
    )
    await desk.leaves()
    return await pairing.claim(desk.scene.house, 1, ticket.id)


@pytest.mark.parametrize(
    ("key", "cc"),
    [
        ("anon:eva", ()),
        ("user:eva", ()),
        ("anon:eva", (ADDRESS,)),
        ("user:eva", (ADDRESS,)),
        ("portal:eva", (ADDRESS,)),
    ],
    ids=["visitor", "user", "copied by a visitor", "copied by a user", "copied by an account"],
)
async def test_what_the_owner_of_an_address_that_a_stranger_typed_writes_by_themselves_is_not_the_strangers_to_read(
    desk: MailDesk, key: str, cc: tuple[str, ...]
) -> None:
    ticket = await typed_by_a_stranger(desk, key, cc)
    before = await desk.messages(ticket)
    about = mail("Mi clave es 4711, por el #1001\r\n", subject=f"#{ticket.number}", sender=f"Ana <{ADDRESS}>")
    await desk.gets(about, ADDRESS, SUPPORT)
    assert await desk.messages(ticket) == before
    own = (await desk.tickets())[-1]
    assert (own.customer.key, own.follows) == (f"mail:{ADDRESS}", 0)


@pytest.mark.parametrize("key", ["anon:eva", "user:eva"], ids=["visitor", "user"])
async def test_a_transcript_brings_nothing_that_was_typed_to_an_address_that_was_typed_too(
    desk: MailDesk, key: str
) -> None:
    ticket = await typed_by_a_stranger(desk, key)
    await desk.scene.agent_says(ticket, "Hola, ¿en qué te ayudo?")
    await leaving.transcript(desk.scene.house, Who(1, key), ticket.id, cid=new_cid())
    (sent,) = [one for one in await desk.leaves() if "copia que pediste" in text_of(one)]
    assert sent["To"] == ADDRESS
    assert "¿en qué te ayudo?" in text_of(sent)
    for word in ("Compra", "malo", "Eva"):
        assert word not in sent.as_string()
        assert word not in text_of(sent)


async def copied_mail(desk: MailDesk, ticket: Ticket, address: str) -> EmailMessage:
    """What an agent says reaches this one in copy."""
    await desk.leaves()
    await desk.scene.agent_says(ticket, "Hola")
    await desk.scene.later(600)
    return next(one for one in await desk.leaves() if one["To"] == address)


async def test_who_has_their_own_copy_of_a_mail_leads_nobody_else_into_the_ticket(desk: MailDesk) -> None:
    """Eva gave Ana's address as her own and copied herself: she knows the ids of her copy, and Ana's From can be forged."""
    eva, address = Who(1, "anon:eva", "Eva"), "eva@malo.example"
    form = Given(type="request", cc=(address,))
    ticket = await desk.scene.request(eva, subject="Compra ya", text="x", email=ADDRESS, form=form)
    await desk.leaves()
    ticket = await pairing.claim(desk.scene.house, 1, ticket.id)
    copy = await copied_mail(desk, ticket, address)
    before = await desk.messages(ticket)
    await desk.gets(answer(copy, "Sí", sender=ANA, name="f"), address, reply_to(copy))
    real = mail("Mi clave es 4711\r\n", subject=f"#{ticket.number}", message_id="<real@x>")
    await desk.gets(real, ADDRESS, SUPPORT)
    assert await desk.messages(ticket) == before
    await desk.gets(answer(copy, "Soy Eva", sender=address, name="e"), address, SUPPORT)
    assert (await desk.messages(ticket))[-1].text == "Soy Eva", "her own copy's id leads her there"


async def test_the_number_leads_who_is_in_copy_there_once_they_answered_a_mail(desk: MailDesk) -> None:
    ticket = await with_copy(desk)
    about = mail("¿Y?\r\n", sender=EVA, subject=f"[#{ticket.number}]", message_id="<1@x>")
    await desk.gets(about, EVA, SUPPORT)
    assert (await desk.tickets())[-1].customer.key == f"mail:{EVA}"
    copy = await copied_mail(desk, ticket, EVA)
    await desk.gets(answer(copy, "Soy Eva", sender=EVA), EVA, reply_to(copy))
    more = mail("Y más\r\n", sender=EVA, subject=f"[#{ticket.number}]", message_id="<3@x>")
    await desk.gets(more, EVA, SUPPORT)
    assert [item.text for item in await desk.messages(ticket)][-2:] == ["Soy Eva", "Y más"]


async def test_who_answers_a_mail_to_an_address_that_was_merely_typed_was_told_who_reads_it(
    desk: MailDesk,
) -> None:
    ticket = await typed_by_a_stranger(desk)
    await desk.scene.agent_says(ticket, "¿Cuál es tu número de cliente?")
    await desk.scene.later(600)
    (asked,) = await desk.leaves()
    assert "quien lo abrió leería tu respuesta" in " ".join(text_of(asked).split())
    for word in ("Compra", "malo", "Eva"):
        assert word not in asked.as_string()
    await desk.gets(answer(asked, "Es el 7"), ADDRESS, reply_to(asked))
    assert (await desk.messages(ticket))[-1].text == "Es el 7"
    # Who answered once has part in it.
    await desk.gets(mail("Y el 8\r\n", subject=f"#{ticket.number}", message_id="<o@x>"), ADDRESS, SUPPORT)
    assert (await desk.messages(ticket))[-1].text == "Y el 8"


async def test_an_address_that_its_customer_confirmed_is_no_strangers(desk: MailDesk) -> None:
    ticket = await typed_by_a_stranger(desk, "user:eva")
    await accounts.confirm(desk.room.db, ticket.customer, ADDRESS, 1)
    await desk.gets(mail("Soy yo\r\n", subject=f"#{ticket.number}"), ADDRESS, SUPPORT)
    assert (await desk.messages(ticket))[-1].text == "Soy yo"


async def test_a_forged_from_is_said_where_it_belongs_and_shows_nothing_to_its_forger(desk: MailDesk) -> None:
    await desk.gets(mail(), ADDRESS, SUPPORT)
    await desk.leaves()
    (ticket,) = await desk.tickets()
    forged = mail("Manda mi clave\r\n", subject=f"[#{ticket.number}]", message_id="<malo@malo.example>",
                  more={"Reply-To": "eva@malo.example"})  # fmt: skip
    await desk.gets(forged, "eva@malo.example", SUPPORT)
    items = await desk.messages(ticket)
    assert [item.reason for item in items] == ["unverified", "unverified"]
    await pairing.claim(desk.scene.house, 1, ticket.id)
    await desk.scene.agent_says(ticket, "Por aquí no la damos")
    await desk.scene.later(600)
    assert {str(one["To"]) for one in await desk.leaves()} == {ADDRESS}, "never to a Reply-To"


async def test_who_writes_as_a_neighbour_of_their_domain_is_not_taken_for_them(desk: MailDesk) -> None:
    """Its host lets Eva write as herself alone, and DMARC stands by all of the domain: the quoted name is nobody's address."""
    await desk.gets(mail(), ADDRESS, SUPPORT)
    await desk.leaves()
    (ticket,) = await desk.tickets()
    for number, sender in enumerate((f'"<{ADDRESS}>" {EVA}', f'(") {EVA} (") (<{ADDRESS}>)')):
        raw = mail("Cambien la cuenta\r\n", sender=sender, subject=f"[#{ticket.number}]",
                   message_id=f"<{number}@x>", more=PASSED)  # fmt: skip
        await desk.gets(raw, EVA, SUPPORT)
    anas, evas = [await desk.messages(one) for one in await desk.tickets()]
    assert {item.reason for item in [*anas[1:], *evas]} == {"unverified"}
    assert (await desk.tickets())[-1].customer.key == f"mail:{EVA}"


LURE = "GANASTE malo.example"


async def test_a_name_that_nobody_stands_by_is_on_no_screen_and_in_no_mail_to_its_owner(
    desk: MailDesk,
) -> None:
    forged = mail(sender=f"{LURE} <{ADDRESS}>", subject=LURE, message_id="<f@x>")
    await desk.gets(forged, "eva@malo.example", SUPPORT)
    await desk.leaves()
    (theirs,) = await desk.tickets()
    assert (theirs.customer.name, person(theirs.customer).name) == ("", ADDRESS)
    await desk.gets(mail(more=PASSED), ADDRESS, SUPPORT)
    (confirmation,) = await desk.leaves()
    assert "Hola, Ana Pérez:" in text_of(confirmation)
    assert LURE not in text_of(confirmation) + str(confirmation["Subject"])
    assert {one.customer.name for one in await desk.tickets()} == {"Ana Pérez"}
    await desk.gets(mail(sender=f"{LURE} <{ADDRESS}>", message_id="<g@x>"), "eva@malo.example", SUPPORT)
    assert {one.customer.name for one in await desk.tickets()} == {"Ana Pérez"}


async def test_the_name_that_was_last_stood_by_counts_on_a_ticket_that_is_there_too(desk: MailDesk) -> None:
    await desk.gets(mail(more=PASSED), ADDRESS, SUPPORT)
    (confirmation,) = await desk.leaves()
    for number, (sender, more) in enumerate([(f"Ana Ruiz <{ADDRESS}>", PASSED), (f"{LURE} <{ADDRESS}>", {})]):
        raw = mail(
            "Ya soy Ruiz\r\n", sender=sender, to=reply_to(confirmation), message_id=f"<{number}@x>", more=more
        )
        await desk.gets(raw, ADDRESS, reply_to(confirmation))
    (ticket,) = await desk.tickets()
    assert ticket.customer.name == "Ana Ruiz"
    assert [one.reason for one in await desk.messages(ticket)] == ["mail", "mail", "unverified"]


@pytest.mark.parametrize("opened", ["by a forged mail", "by a visitor"])
async def test_who_answers_a_closed_ticket_that_a_stranger_opened_in_their_name_reads_no_word_of_the_strangers(
    desk: MailDesk, opened: str
) -> None:
    if opened == "by a visitor":
        eva = Who(1, "anon:eva", LURE)
        await desk.scene.request(eva, subject=LURE, text=LURE, email=ADDRESS, form=Given(type="request"))
    else:
        await desk.gets(mail(LURE, sender=f"{LURE} <{ADDRESS}>", subject=LURE), "eva@malo.example", SUPPORT)
    (sent,) = await desk.leaves()
    (ticket,) = await desk.tickets()
    await pairing.claim(desk.scene.house, 1, ticket.id)
    await tickets.close(desk.scene.house, 1, ticket.id)
    await desk.leaves()
    raw = mail("¿Qué es esto?\r\n", sender=ADDRESS, to=reply_to(sent), message_id="<2@x>", more=PASSED)
    await desk.gets(raw, ADDRESS, reply_to(sent))
    (told,) = await desk.leaves()
    assert "está cerrado" in text_of(told)
    for word in ("GANASTE", "malo.example"):
        assert word not in told.as_string() + text_of(told) + str(told["Subject"])


async def test_an_agents_name_in_a_from_does_nothing_in_an_agents_name(desk: MailDesk) -> None:
    await desk.gets(mail(), ADDRESS, SUPPORT)
    (confirmation,) = await desk.leaves()
    (ticket,) = await desk.tickets()
    as_agent = answer(confirmation, "Resuelto", sender="Agente 1 <a1@example.com>")
    await desk.gets(as_agent, "a1@example.com", reply_to(confirmation))
    assert {item.by for item in await desk.messages(ticket)} == {"customer"}
    assert len(await desk.messages(ticket)) == 1


# — desks that answer each other ———————————————————————————————————————————————


def stripped(sent: EmailMessage, number: int, subject: str) -> bytes:
    """As it comes through a gateway that knows nothing of mail: a new name, no field but the plainest."""
    return mail(
        text_of(sent),
        sender=parseaddr(str(sent["From"]))[1],
        to=parseaddr(str(sent["To"]))[1],
        subject=subject or str(sent["Subject"]),
        message_id=f"<gateway.{number}@gateway.example>",
    )


@pytest.mark.parametrize("gateway", ["none", "strips fields", "strips fields and subjects"])
async def test_two_desks_that_write_to_each_other_come_to_an_end(
    scenes: Scenes, box: Mailbox, tmp_path: Path, gateway: str
) -> None:
    async with AsyncExitStack() as stack:
        ours, theirs = [
            await stack.enter_async_context(
                mail_desk(await stack.enter_async_context(scenes()), box, address, tmp_path / address)
            )
            for address in (SUPPORT, OTHER_DESK)
        ]
        desks = {SUPPORT: ours, OTHER_DESK: theirs}
        await ours.gets(mail(sender=OTHER_DESK), OTHER_DESK, SUPPORT)
        for _round in range(50):
            sent = [one for desk in desks.values() for one in await desk.leaves()]
            if not sent:
                break
            for one in sent:
                to, sender = (parseaddr(str(one[field]))[1] for field in ("To", "From"))
                number = len(box.arrived)
                subject = f"Caso {number}" if gateway.endswith("subjects") else ""
                raw = one.as_bytes() if gateway == "none" else stripped(one, number, subject)
                await desks[to].gets(raw, sender, to)
        else:
            raise AssertionError("they write for ever")
        written = {address: [one for one in box.arrived if one.sender == address] for address in desks}
        if gateway == "none":
            assert [len(mails) for mails in written.values()] == [1, 0]
            assert await theirs.tickets() == []
        assert all(len(mails) <= ANSWERS_AT_MOST for mails in written.values())


@pytest.mark.parametrize("answers", ["the reply address", "the sender"])
async def test_a_program_that_answers_whatever_comes_is_answered_three_times(
    desk: MailDesk, answers: str
) -> None:
    await desk.gets(mail(), ADDRESS, SUPPORT)
    for number in range(50):
        sent = await desk.leaves()
        if not sent:
            break
        for one in sent:
            to = reply_to(one) if answers == "the reply address" else parseaddr(str(one["From"]))[1]
            raw = mail(
                "Estoy de viaje\r\n", to=to, subject=f"Hola {number}", message_id=f"<{number}@p.example>"
            )
            await desk.gets(raw, ADDRESS, to)
    assert len(desk.box.arrived) == (1 if answers == "the reply address" else ANSWERS_AT_MOST)
    assert len(await desk.tickets()) == (1 if answers == "the reply address" else ANSWERS_AT_MOST + 1)
