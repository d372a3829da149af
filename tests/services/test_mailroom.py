"""What a mail becomes: a ticket, a message, an answer, nothing; once, on both engines."""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Literal

import msgspec
import pytest
from msgspec.structs import replace

from chatserver import i18n
from chatserver.core import messages
from chatserver.core.mails import ANSWERS_AT_MOST, Original
from chatserver.core.outbox import Facts
from chatserver.core.people import App
from chatserver.core.tickets import Ticket
from chatserver.files.keeping import Keeping
from chatserver.files.threads import Threads
from chatserver.mail.addresses import Signer
from chatserver.mail.message import read
from chatserver.realtime.views import customer_ticket, note_view, person
from chatserver.services import mail_keeping, mailroom, notes, pairing, talk, tickets
from chatserver.services.files import Files
from chatserver.services.mailroom import MESSAGES_AT_MOST, Mailroom, Outcome, is_verified, takes_part
from chatserver.services.originals import Originals
from chatserver.store import mails, portal
from chatserver.store import notes as stored_notes
from chatserver.store.database import Database
from chatserver.store.work import Who
from tests.files.making import png
from tests.mail.writing import ANA, SUPPORT, bounce, file, mail, part, together
from tests.services.scene import Scene, new_cid, refused, scene_on

SIGNER = Signer(b"secreto")
ADDRESS = "ana@cliente.example"


class Desk:
    """A mailroom, and what people do around it."""

    def __init__(self, scene: Scene, directory: Path) -> None:
        assert isinstance(scene.house.store, Database)
        self.scene = scene
        self.db = scene.house.store
        self.files = Files(scene.house, self.db, Keeping(directory), Threads())
        self.room = Mailroom(scene.house, self.db, SIGNER, self.files, "mx.acme.example", "Sin asunto")
        self._originals = iter(range(1_000_000))

    @property
    def app(self) -> App:
        found = self.room.app_at(SUPPORT)
        assert found is not None
        return found

    async def gets(
        self, raw: bytes, envelope_from: str | None = ADDRESS, to: tuple[str, ...] = (SUPPORT,)
    ) -> Outcome:
        arrival = read(raw, envelope_from, to)
        return await self.room.take(self.app, arrival, raw, f"original-{next(self._originals)}")

    async def kinds(self) -> list[str]:
        """What was put into the outbox."""
        return [letter.kind for letter in await self.scene.rows.letters()]

    async def ticket(self) -> Ticket:
        (found,) = await self.scene.rows.all_tickets()
        return found

    async def texts(self, ticket: Ticket) -> list[str]:
        items = await self.scene.rows.items(ticket.id)
        return [item.text for item in items if item.kind == "message"]

    async def reasons(self, ticket: Ticket) -> list[str]:
        return [item.reason for item in await self.scene.rows.items(ticket.id) if item.kind == "message"]

    async def close(self, ticket: Ticket) -> None:
        await tickets.end(self.scene.house, Who(1, ticket.customer.key), ticket.id)

    def reply_to(self, ticket: Ticket, person: str = ADDRESS) -> tuple[str, ...]:
        return (SIGNER.reply_address(SUPPORT, 1, ticket.id, person),)


@pytest.fixture(params=["sqlite", "postgres"])
async def desk(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Desk]:
    async with scene_on(request, tmp_path / "chat.db") as scene:
        await scene.app(support_address=SUPPORT)
        await scene.policy(mail=True)
        made = Desk(scene, tmp_path / "files")
        async with made.files:
            yield made


async def test_a_mail_becomes_a_ticket_of_a_new_customer_who_is_told_so(desk: Desk) -> None:
    raw = mail()
    outcome = await desk.gets(raw)
    ticket = await desk.ticket()
    assert outcome.became == "ticket"
    assert (ticket.number, ticket.mode, ticket.state) == (1001, "later", "open")
    assert (ticket.subject, ticket.email) == ("No imprime", ADDRESS)
    assert (ticket.customer.key, ticket.customer.name) == (f"mail:{ADDRESS}", ""), "nobody stands by her name"
    assert not ticket.customer.verified
    assert await desk.texts(ticket) == ["Hola, no puedo imprimir la factura."]
    (letter,) = await desk.scene.rows.letters()
    assert (letter.kind, letter.ticket_id, letter.address) == ("created", ticket.id, ADDRESS)
    assert letter.facts == Facts(in_reply_to="<uno@cliente.example>")
    assert not letter.confirmed, "anybody may write in her name"
    assert ticket.source == "mail"
    (taken,) = await mails.mails_of(desk.db, ticket.id)
    assert taken == outcome.mail
    assert (await desk.scene.rows.items(ticket.id))[
        (taken.seq or 0) - 1
    ].text == "Hola, no puedo imprimir la factura."
    assert await mails.original(desk.db, taken.original) == raw


@pytest.mark.parametrize(
    "text",
    ["No puedo entrar por {}", "> {}\n", "x" * (messages.TEXT_MAX - 60) + "{}"],
    ids=["said", "nothing but a quote", "where a long mail is cut"],
)
async def test_a_link_of_one_use_becomes_no_part_of_a_message(desk: Desk, text: str) -> None:
    token = "Ab3_-" * 8 + "x9Z"
    link = f"https://chat.acme.example/portal/demo/link?t={token}"
    await desk.gets(mail(text.format(link), subject=f"Re: {link}"))
    ticket = await desk.ticket()
    texts = await desk.texts(ticket)
    assert "link?t=…" in "".join(texts).replace("\n", "")
    for said in (*texts, ticket.subject):
        assert not any(token[at : at + 8] in said for at in range(len(token) - 7))


async def test_a_mail_that_is_delivered_twice_is_taken_once(desk: Desk) -> None:
    first = await desk.gets(mail())
    again = await desk.gets(b"Received: from otro; x\r\n" + mail())
    assert again == Outcome("again", first.mail)
    assert len(await desk.scene.rows.all_tickets()) == 1
    assert await desk.kinds() == ["created"]


async def test_a_mail_that_is_delivered_ten_times_at_once_is_taken_once(desk: Desk) -> None:
    outcomes = await asyncio.gather(*(desk.gets(mail()) for _ in range(10)))
    assert sorted(outcome.became for outcome in outcomes) == ["again"] * 9 + ["ticket"]
    assert len(await desk.scene.rows.all_tickets()) == 1


async def test_what_its_ticket_was_closed_meanwhile_for_is_still_taken_once(desk: Desk) -> None:
    await desk.gets(mail())
    ticket = await desk.ticket()
    answer = mail("Sigue igual\r\n", message_id="<dos@cliente.example>")
    await desk.gets(answer, to=desk.reply_to(ticket))
    await desk.close(ticket)
    assert (await desk.gets(answer, to=desk.reply_to(ticket))).became == "again"
    assert await desk.kinds() == ["created"]


async def test_an_answer_to_its_own_address_lands_on_its_ticket(desk: Desk) -> None:
    await desk.gets(mail())
    ticket = await desk.ticket()
    outcome = await desk.gets(
        mail("Sigue igual\r\n\r\nEl lun, 5 ene 2026 a las 9:00, Soporte <soporte@acme.example> escribió:\r\n> hola\r\n",
             message_id="<dos@cliente.example>", subject="Re: No imprime", more={"In-Reply-To": "<x@acme.example>"}),
        to=desk.reply_to(ticket),
    )  # fmt: skip
    assert outcome.became == "message"
    assert await desk.texts(ticket) == ["Hola, no puedo imprimir la factura.", "Sigue igual"]
    assert await desk.kinds() == ["created"]
    assert outcome.mail.seq == (await desk.ticket()).last_seq


@pytest.mark.parametrize("way", ["message_id", "number"])
async def test_an_answer_by_thread_or_number_lands_on_its_ticket(desk: Desk, way: str) -> None:
    await desk.gets(mail())
    ticket = await desk.ticket()
    ours = SIGNER.message_id(1, ticket.id, "1", ADDRESS, "acme.example").strip("<>")
    raw = (
        mail("Sigue\r\n", message_id="<dos@x>", more={"References": f"<{ours}>"})
        if way == "message_id"
        else mail("Sigue\r\n", message_id="<dos@x>", subject="Re: [#1001] No imprime")
    )
    assert (await desk.gets(raw)).became == "message"
    assert len(await desk.texts(ticket)) == 2


async def test_a_chats_customer_answers_by_mail(desk: Desk) -> None:
    who = Who(1, "user:ana", "Ana", ADDRESS)
    ticket = await tickets.start(desk.scene.house, who, cid=new_cid(), subject="Ayuda", context="{}")
    outcome = await desk.gets(mail(subject="Re: [#1001] Ayuda"))
    assert outcome.became == "message"
    assert await desk.texts(ticket) == ["Hola, no puedo imprimir la factura."]


@pytest.mark.parametrize("sender", ["Otra <otra@cliente.example>", "Eva <agente@acme.example>"])
async def test_a_stranger_opens_a_ticket_of_their_own_whatever_they_hold(desk: Desk, sender: str) -> None:
    """Also with the signed address of another's ticket, our Message-ID and the number."""
    await desk.scene.agent(1)
    await desk.gets(mail())
    ticket = await desk.ticket()
    ours = SIGNER.message_id(1, ticket.id, "1", ADDRESS, "acme.example").strip("<>")
    raw = mail(
        "Soy agente: ciérralo\r\n",
        sender=sender,
        message_id="<dos@x>",
        subject="Re: [#1001]",
        more={"References": f"<{ours}>"},
    )
    assert (await desk.gets(raw, to=desk.reply_to(ticket))).became == "ticket"
    assert len(await desk.texts(ticket)) == 1
    others = [one for one in await desk.scene.rows.all_tickets() if one.id != ticket.id]
    assert [one.number for one in others] == [1002]
    assert [item.by for item in await desk.scene.rows.items(others[0].id)] == [
        "customer",
        "system",
        "customer",
    ]
    letter = (await desk.scene.rows.letters())[-1]
    assert (letter.ticket_id, letter.confirmed) == (others[0].id, False)


async def test_people_of_one_address_are_never_one_customer(desk: Desk) -> None:
    who = Who(1, "user:ana", "Ana", ADDRESS)
    await tickets.start(desk.scene.house, who, cid=new_cid(), subject="Ayuda", context="{}")
    await desk.gets(mail())
    keys = {ticket.customer.key for ticket in await desk.scene.rows.all_tickets()}
    assert keys == {"user:ana", f"mail:{ADDRESS}"}


async def test_nothing_is_said_in_a_closed_ticket_and_its_customer_is_told_how_to_open_another(
    desk: Desk,
) -> None:
    await desk.gets(mail())
    ticket = await desk.ticket()
    await desk.close(ticket)
    outcome = await desk.gets(mail("¿Y?\r\n", message_id="<dos@x>"), to=desk.reply_to(ticket))
    assert outcome.became == "closed"
    assert (outcome.mail.ticket_id, outcome.mail.seq) == (ticket.id, None)
    assert len(await desk.texts(ticket)) == 1
    assert await desk.kinds() == ["created", "closed_already"]
    assert (await desk.scene.rows.letters())[-1].ticket_id == ticket.id
    assert len(await desk.scene.rows.all_tickets()) == 1


async def test_an_open_ticket_goes_before_a_closed_one(desk: Desk) -> None:
    await desk.gets(mail())
    await desk.close(await desk.ticket())
    await desk.gets(mail(message_id="<dos@x>"))
    outcome = await desk.gets(mail(message_id="<tres@x>", subject="#1001 y #1002"))
    assert outcome.became == "message"
    numbers = {ticket.id: ticket.number for ticket in await desk.scene.rows.all_tickets()}
    assert numbers[outcome.mail.ticket_id or 0] == 1002


async def test_who_cannot_be_told_that_a_ticket_is_closed_has_said_it_in_a_new_one(desk: Desk) -> None:
    await desk.gets(mail())
    ticket = await desk.ticket()
    await desk.close(ticket)
    raw = mail("¿Y?\r\n", message_id="<dos@x>", more={"X-Auto-Response-Suppress": "All"})
    assert (await desk.gets(raw, to=desk.reply_to(ticket))).became == "ticket"
    new = [one for one in await desk.scene.rows.all_tickets() if one.id != ticket.id]
    assert [one.follows for one in new] == [1001]
    assert await desk.kinds() == ["created"]


async def test_a_mail_that_only_asks_for_access_is_answered_and_never_queued(desk: Desk) -> None:
    outcome = await desk.gets(mail("¿Me dan acceso?\r\n", subject="Consulta"))
    assert (outcome.became, outcome.mail.ticket_id) == ("access", None)
    assert await desk.kinds() == ["access"]
    assert await desk.scene.rows.all_tickets() == []


async def test_programs_are_kept_and_become_nothing(desk: Desk) -> None:
    for number, more in enumerate(
        [
            {"Auto-Submitted": "auto-replied"},
            {"List-Id": "<x.y>"},
            {"From": SUPPORT},
            {"X-Chatserver-Loop": "1"},
        ]
    ):
        raw = mail(message_id=f"<{number}@x>", more=more)
        outcome = await desk.gets(raw)
        assert outcome.became == "nothing"
        assert await mails.original(desk.db, outcome.mail.original) == raw
        assert (await mails.taken(desk.db, 1, outcome.mail.key)) == outcome.mail
    assert await desk.scene.rows.all_tickets() == []
    assert await desk.kinds() == []


async def test_a_bounce_is_shown_at_the_ticket_whose_customer_got_no_mail(desk: Desk) -> None:
    await desk.gets(mail())
    ticket = await desk.ticket()
    ours = SIGNER.message_id(1, ticket.id, "1", ADDRESS, "acme.example").strip("<>")
    others = SIGNER.message_id(1, ticket.id, "1", "eva@x.co", "acme.example").strip("<>")
    for number, raw in enumerate(
        [bounce(ours, status="4.4.1"), bounce("nadie@acme.example"), bounce(others)], start=2
    ):
        await desk.gets(raw.replace(b"bounce.1", b"bounce.%d" % number), "")
        assert (await desk.ticket()).mail_problem == "", number
    outcome = await desk.gets(bounce(ours), "")
    assert (outcome.became, outcome.mail.ticket_id, outcome.mail.seq) == ("nothing", ticket.id, None)
    assert (await desk.ticket()).mail_problem == "refused"
    assert len(await desk.texts(ticket)) == 1
    assert await desk.kinds() == ["created"]


async def test_a_thousand_tickets_in_a_strangers_name_send_three_mails_an_hour(desk: Desk) -> None:
    for number in range(30):
        await desk.gets(mail(message_id=f"<{number}@x>"))
    assert await desk.kinds() == ["created"] * ANSWERS_AT_MOST
    assert len(await desk.scene.rows.all_tickets()) == 30
    await desk.gets(mail(message_id="<otra@x>", sender="otra@cliente.example"))
    assert len(await desk.kinds()) == ANSWERS_AT_MOST + 1
    desk.scene.clock.pass_seconds(3_601)
    await desk.gets(mail(message_id="<luego@x>"))
    assert len(await desk.kinds()) == ANSWERS_AT_MOST + 2


@pytest.mark.parametrize("envelope_from", [None, ADDRESS])
async def test_an_address_that_holds_anothers_gets_nobody_any_mail(
    desk: Desk, envelope_from: str | None
) -> None:
    """`victima@banco.com，7.com` would be victima@banco.com to the server that takes our mails, and another one to who counts."""
    for number in range(2 * ANSWERS_AT_MOST):
        raw = mail(message_id=f"<{number}@x>", sender=f"Ana <victima@banco.com，{number}.com>")
        await desk.gets(raw, envelope_from)
    told = {letter.address for letter in await desk.scene.rows.letters()}
    assert told == ({envelope_from} if envelope_from else set())
    assert len(await desk.kinds()) == (ANSWERS_AT_MOST if envelope_from else 0)


async def test_all_spellings_of_one_address_share_its_three_mails_an_hour(desk: Desk) -> None:
    domains = ["straße.de", "STRAẞE.de", "xn--strae-oqa.de", "ｓtraße.de", "XN--STRAE-OQA.de"]
    for number, domain in enumerate(domains * 2):
        await desk.gets(mail(message_id=f"<{number}@x>", sender=f"Ana <victima@{domain}>"), None)
    letters = await desk.scene.rows.letters()
    assert [letter.address for letter in letters] == ["victima@straße.de"] * ANSWERS_AT_MOST
    assert len(await desk.scene.rows.all_tickets()) == 2 * len(domains)


async def test_where_no_mail_is_sent_nothing_is_promised(desk: Desk) -> None:
    """Who asks for access, or writes to a closed ticket, and cannot be answered, has a ticket."""
    await desk.scene.policy(mail=False)
    assert (await desk.gets(mail())).became == "ticket"
    ticket = await desk.ticket()
    await desk.close(ticket)
    answer = await desk.gets(mail("¿Y?\r\n", message_id="<dos@x>"), to=desk.reply_to(ticket))
    asked = await desk.gets(mail("¿Me dan acceso?\r\n", subject="Consulta", message_id="<tres@x>"))
    assert (answer.became, asked.became) == ("ticket", "ticket")
    assert {one.answer for one in (answer.mail, asked.mail)} == {""}
    assert await desk.kinds() == []


async def test_whose_domain_stands_by_a_mail_is_answered_with_what_they_wrote(desk: Desk) -> None:
    signed = {"Authentication-Results": "mx.acme.example; dmarc=pass header.from=cliente.example"}
    await desk.gets(mail(more=signed | {"Content-Language": "pt-BR"}))
    (letter,) = await desk.scene.rows.letters()
    assert letter.confirmed
    assert (await desk.ticket()).customer.locale == "pt-BR"


@pytest.mark.parametrize(
    ("body", "more", "locale"),
    [
        ("Factura 1042\r\n", {}, ""),
        ("Hola, no puedo imprimir la factura.\r\n", {}, "es"),
        ("Olá, não consigo emitir a nota. Obrigado\r\n", {}, "pt"),
        ("Hola, no puedo imprimir la factura.\r\n", {"Content-Language": "pt-BR"}, "pt-BR"),
        ("Bonjour, je ne peux pas imprimer\r\n", {"Content-Language": "fr-FR"}, ""),
    ],
)
async def test_a_customer_by_mail_has_the_language_that_their_last_mail_says_which_says_any(
    desk: Desk, body: str, more: dict[str, str], locale: str
) -> None:
    desk.room = dataclasses.replace(desk.room, language="en")
    await desk.gets(mail(body, subject="FV-2209", more=more))
    assert (await desk.ticket()).customer.locale == locale
    await desk.gets(mail("FV-2210\r\n", subject="FV-2210", message_id="<dos@x>"))
    assert {ticket.customer.locale for ticket in await desk.scene.rows.all_tickets()} == {locale}
    await desk.gets(mail("Hello, I have the same again today, thanks\r\n", message_id="<tres@x>"))
    assert {ticket.customer.locale for ticket in await desk.scene.rows.all_tickets()} == {"en"}


async def test_what_we_remark_is_in_the_language_of_the_mail_else_the_customers_else_that_of_the_pages(
    desk: Desk,
) -> None:
    desk.room = dataclasses.replace(desk.room, language="pt")

    async def remarked(number: int, more: dict[str, str]) -> str:
        raw = mail("\r\n", subject="", message_id=f"<{number}@x>", more=more)
        ticket_id = (await desk.gets(raw)).mail.ticket_id
        (ticket,) = [one for one in await desk.scene.rows.all_tickets() if one.id == ticket_id]
        return (await desk.texts(ticket))[0]

    nothing = {lang: i18n.say(lang, "mail.no_text") for lang in i18n.LANGUAGES}
    assert await remarked(1, {}) == nothing["pt"]
    assert await remarked(2, {"Content-Language": "en"}) == nothing["en"]
    assert await remarked(3, {}) == nothing["en"]


async def test_who_asks_for_access_and_says_no_language_is_answered_in_that_of_their_last_mail(
    desk: Desk,
) -> None:
    desk.room = dataclasses.replace(desk.room, language="pt")
    await desk.gets(mail("Hello, I have the same again today, thanks\r\n"))
    for number, sender in enumerate((ANA, LUZ)):
        raw = mail("Access request\r\n", sender=sender, subject="", message_id=f"<{number}@x>")
        assert (await desk.gets(raw)).became == "access"
    letters = {one.address: one for one in await desk.scene.rows.letters() if one.kind == "access"}
    assert [letters[who].facts.locale for who in (ADDRESS, "luz@otra.example")] == ["en", "pt"]


async def test_who_asks_for_access_is_answered_in_their_language(desk: Desk) -> None:
    await desk.gets(mail("Olá, gostaria de ter acesso. Obrigado\r\n", subject="Acesso"))
    (letter,) = await desk.scene.rows.letters()
    assert (letter.kind, letter.facts.locale) == ("access", "pt")


async def test_agents_see_a_name_that_nobody_stands_by_as_a_claim_beside_the_address(desk: Desk) -> None:
    await desk.gets(mail())
    ticket = await desk.ticket()
    assert (ticket.customer.name, ticket.customer.claimed) == ("", "Ana Pérez")
    shown = person(ticket.customer)
    assert (shown.name, shown.claimed) == (ADDRESS, "Ana Pérez")
    assert "Ana" not in msgspec.json.encode(await desk.scene.rows.letters()).decode(), (
        "nobody is written to by it"
    )
    assert "Ana" not in repr(customer_ticket(ticket, desk.app)), "nor do others who take part read it"

    for count, claim in enumerate(("Eva\u202e", "", "otra@cliente.example", "otra＠cliente.example")):
        sender = f'"{claim}" <{ADDRESS}>'
        await desk.gets(mail("¿Y?\r\n", sender=sender, message_id=f"<r{count}@x>"), to=desk.reply_to(ticket))
        assert (await desk.ticket()).customer.claimed == "Eva", "an address is no name, nor is nothing"

    signed = {"Authentication-Results": "mx.acme.example; dmarc=pass header.from=cliente.example"}
    await desk.gets(mail("Soy yo\r\n", message_id="<dos@x>", more=signed), to=desk.reply_to(ticket))
    await desk.gets(mail("No\r\n", sender=f"Eva <{ADDRESS}>", message_id="<z@x>"), to=desk.reply_to(ticket))
    shown = person((await desk.ticket()).customer)
    assert (shown.name, shown.claimed) == ("Ana Pérez", ""), "who is known by a name is called by no other"


async def test_a_domain_is_vouched_for_in_letters_and_as_servers_write_it(desk: Desk) -> None:
    signed = {"Authentication-Results": "mx.acme.example; dmarc=pass header.from=xn--and-6ma2c.example"}
    vouched = [
        (await desk.gets(mail(sender=f"ana@{domain}", message_id=f"<{number}@x>", more=signed))).mail.verified
        for number, domain in enumerate(["xn--and-6ma2c.example", "XN--AND-6MA2C.example", "otro.example"])
    ]
    assert vouched == [True, True, False]
    assert [ticket.customer.key for ticket in await desk.scene.rows.all_tickets()][:2] == [
        "mail:ana@ñandú.example"
    ] * 2


async def test_mails_of_one_group_count_together(desk: Desk) -> None:
    await asyncio.gather(*(desk.gets(mail(message_id=f"<{n}@x>")) for n in range(12)))
    assert await desk.kinds() == ["created"] * ANSWERS_AT_MOST
    taken = [
        one for ticket in await desk.scene.rows.all_tickets() for one in await mails.mails_of(desk.db, ticket.id)
    ]  # fmt: skip
    assert sum(one.answer == "created" for one in taken) == ANSWERS_AT_MOST


async def test_two_desks_that_answer_each_other_come_to_an_end(desk: Desk) -> None:
    """The other one knows nothing of Auto-Submitted: it opens a ticket for all that comes and says so."""
    raw, rounds = mail(sender="Mesa <mesa@otra.example>", message_id="<0@otra.example>"), 0
    while raw and rounds < 50:
        before = len(await desk.kinds())
        await desk.gets(raw, "mesa@otra.example")
        sent = (await desk.kinds())[before:]
        rounds += 1
        raw = b"".join(
            mail(
                "Hemos recibido su mensaje.\r\n",
                sender="Mesa <mesa@otra.example>",
                subject=f"Su solicitud {rounds}",
                message_id=f"<{rounds}@otra.example>",
            )
            for _ in sent
        )
    assert rounds <= ANSWERS_AT_MOST + 1
    assert len(await desk.kinds()) <= ANSWERS_AT_MOST


async def test_an_item_says_whether_anybody_stands_by_its_from(desk: Desk) -> None:
    signed = {"Authentication-Results": "mx.acme.example; dmarc=pass (p=reject) header.from=cliente.example"}
    await desk.gets(mail())
    ticket = await desk.ticket()
    outcome = await desk.gets(mail(message_id="<dos@x>", more=signed), to=desk.reply_to(ticket))
    assert outcome.mail.verified
    assert await desk.reasons(ticket) == ["unverified", "mail"]


@pytest.mark.parametrize(
    ("fields", "verified"),
    [
        ([], False),
        (["mx.acme.example; spf=pass; dmarc=pass header.from=cliente.example"], True),
        (["mx.acme.example 1; dkim=pass; dmarc = pass header.from=Cliente.Example"], True),
        (["mx.acme.example; dmarc=fail header.from=cliente.example"], False),
        (["mx.acme.example; dmarc=pass header.from=otra.example"], False),
        (["mx.acme.example; dmarc=pass"], False),
        (["mx.otra.example; dmarc=pass header.from=cliente.example"], False),
        (["mx.acme.example.evil.example; dmarc=pass header.from=cliente.example"], False),
        (
            [
                "mx.acme.example; dmarc=fail header.from=cliente.example",
                "mx.acme.example; dmarc=pass header.from=cliente.example",
            ],
            False,
        ),
        (["mx.acme.example; spf=pass", "mx.acme.example; dmarc=pass header.from=cliente.example"], False),
        (["mx.acme.example; dmarc=pass header.from=cliente.example", "mx.acme.example; spf=pass"], True),
    ],
)
def test_only_the_operators_own_mail_host_is_believed(fields: list[str], verified: bool) -> None:
    raw = b"".join(f"Authentication-Results: {field}\r\n".encode() for field in fields) + mail()
    assert is_verified(read(raw), "mx.acme.example") is verified
    assert not is_verified(read(raw), "")
    assert not is_verified(read(b"From: jefe@acme.example\r\n" + raw), "mx.acme.example")
    both = read(raw.replace(ANA.encode(), f"{ANA}, jefe@acme.example".encode()))
    assert not is_verified(both, "mx.acme.example")


async def test_a_long_mail_is_several_messages_and_its_original_holds_the_rest(desk: Desk) -> None:
    line = "palabras y más palabras que alguien escribió sin parar\r\n"
    raw = mail(line * 2_000)
    outcome = await desk.gets(raw)
    ticket = await desk.ticket()
    texts = await desk.texts(ticket)
    assert len(texts) == MESSAGES_AT_MOST
    assert all(text.startswith("palabras") and text.endswith("parar") for text in texts)
    assert await mails.original(desk.db, outcome.mail.original) == raw


@pytest.mark.parametrize(
    ("raw", "subject", "text"),
    [
        (mail("", subject=""), "Sin asunto", "(Correo sin texto)"),
        (mail("Hola\r\n", subject=""), "Hola", "Hola"),
        (mail("\u200b\r\n", subject="x"), "Sin asunto", "x"),
        (mail("> todo citado\r\n", subject="Re: Algo"), "Re: Algo", "> todo citado"),
        (mail(subject="largo " * 80), ("largo " * 33 + "la"), "Hola, no puedo imprimir la factura."),
        (
            mail(together(file("foto.png", png(), "image/png")), content='multipart/mixed; boundary="=_b1"'),
            "No imprime",
            "foto.png",
        ),
    ],
)
async def test_a_mail_that_says_little_is_a_ticket_all_the_same(
    desk: Desk, raw: bytes, subject: str, text: str
) -> None:
    assert (await desk.gets(raw)).became == "ticket"
    ticket = await desk.ticket()
    assert (ticket.subject, await desk.texts(ticket)) == (subject, [text])


async def test_without_a_from_the_envelope_says_who_sent_it_and_nobody_opens_nothing(desk: Desk) -> None:
    assert (
        await desk.gets(mail(sender="nadie", message_id="<a@x>"), "ana@cliente.example")
    ).became == "ticket"
    assert (await desk.ticket()).email == ADDRESS
    assert (await desk.gets(mail(sender="nadie", message_id="<b@x>"), None)).became == "nothing"


async def test_an_app_is_found_by_its_address_and_by_those_made_of_it(desk: Desk) -> None:
    await desk.scene.app(2)
    assert desk.room.app_at("Soporte@ACME.example") == desk.app
    assert desk.room.app_at("soporte+abc@acme.example") == desk.app
    assert desk.room.app_at("otro@acme.example") is None
    assert desk.room.app_at("soporte@otra.example") is None
    assert desk.room.app_at("") is None


async def test_an_original_of_a_mail_that_was_not_taken_is_swept_and_no_other(desk: Desk) -> None:
    outcome = await desk.gets(mail())
    await mails.keep_original(desk.db, "sin-dueño", b"x" * (mails.PIECE_BYTES + 1), desk.scene.clock())
    assert await mails.sweep_originals(desk.db, desk.scene.clock()) == 0
    later = desk.scene.clock.pass_seconds(2 * 86_400)
    assert await mails.sweep_originals(desk.db, later) == 2
    assert await mails.original(desk.db, "sin-dueño") is None
    assert await mails.original(desk.db, outcome.mail.original) == mail()


async def test_an_original_is_kept_as_long_as_its_app_says_and_what_it_became_stays(desk: Desk) -> None:
    await desk.scene.app(2, support_address="ayuda@otra.example")
    long = b"x" * (2 * mails.PIECE_BYTES)
    others = read(mail(), ADDRESS, ("ayuda@otra.example",))
    theirs = await desk.room.take(desk.scene.house.people.apps[2], others, mail(), "de-la-otra")
    ours = [await desk.gets(mail(long, message_id=f"<{n}@x>")) for n in range(mail_keeping.BATCH + 2)]
    await desk.scene.policy(mail=True, mail_original_days=90)
    await desk.scene.policy(2, mail_original_days=0)
    desk.scene.clock.pass_seconds(89 * 86_400)
    late = await desk.gets(mail(message_id="<tarde@x>"))
    desk.scene.clock.pass_seconds(86_401)
    await mail_keeping.forget(desk.scene.house, desk.db)
    for one in ours:
        assert await mails.original(desk.db, one.mail.original) is None
        assert await mails.taken(desk.db, 1, one.mail.key) == one.mail
    for one in (late, theirs):
        assert await mails.original(desk.db, one.mail.original) is not None, one.became
    assert len(await desk.scene.rows.all_tickets()) == len(ours) + 2


ROOM = 1
"""MiB."""
THIRD = b"x" * (350 * 1024)
"""Two pieces; with its head three of them are more than there is room for."""


async def kept(desk: Desk, *outcomes: Outcome) -> list[bool]:
    return [await mails.original(desk.db, one.mail.original) is not None for one in outcomes]


async def test_where_there_is_no_room_the_oldest_originals_go_and_it_is_said(
    desk: Desk, caplog: pytest.LogCaptureFixture
) -> None:
    await desk.scene.app(2, support_address="ayuda@otra.example")
    others = read(mail(THIRD), ADDRESS, ("ayuda@otra.example",))
    theirs = await desk.room.take(desk.scene.house.people.apps[2], others, mail(THIRD), "de-la-otra")
    await desk.scene.policy(mail=True, mail_original_mib=ROOM)
    came = []
    for number in range(5):
        desk.scene.clock.pass_seconds(1)
        came.append(await desk.gets(mail(THIRD, message_id=f"<{number}@x>")))
        assert await mails.bytes_of_originals(desk.db, 1) <= ROOM * 2**20
    assert await kept(desk, *came) == [False, False, False, True, True]
    assert await kept(desk, theirs) == [True], "each app has its own room"
    assert desk.scene.house.metrics.originals_gone == 3
    assert sum("no more room" in line.message for line in caplog.records) == 3
    assert len(await desk.scene.rows.all_tickets()) == 6, "what they became stays"
    for one in came:
        assert await mails.taken(desk.db, 1, one.mail.key) == one.mail


async def test_a_mail_that_is_larger_than_all_the_room_is_kept_alone(desk: Desk) -> None:
    await desk.scene.policy(mail=True, mail_original_mib=ROOM)
    small = await desk.gets(mail(message_id="<poco@x>"))
    desk.scene.clock.pass_seconds(1)
    large = await desk.gets(mail(THIRD * 4, message_id="<mucho@x>"))
    assert await kept(desk, small, large) == [False, True]
    await mail_keeping.forget(desk.scene.house, desk.db)
    assert await kept(desk, large) == [True], "never the newest"
    desk.scene.clock.pass_seconds(1)
    next_one = await desk.gets(mail(message_id="<otra@x>"))
    assert await kept(desk, large, next_one) == [False, True]


async def test_what_became_no_message_makes_room_first_and_then_what_is_of_whoever_has_most(
    desk: Desk,
) -> None:
    """Somebody floods the desk; a machine wrote, later than people did."""
    await desk.scene.policy(mail=True, mail_original_mib=ROOM)
    small = b"x" * (120 * 1024)

    async def comes(raw_body: bytes, sender: str, **more: str) -> Outcome:
        desk.scene.clock.pass_seconds(1)
        raw = mail(raw_body, sender=sender, message_id=f"<{new_cid()}@x>", more=more)
        return await desk.gets(raw, sender.strip("<>"))

    people = [await comes(small, f"<persona-{n}@x.example>") for n in range(3)]
    machine = await comes(THIRD, "<robot@x.example>", **{"Auto-Submitted": "auto-generated"})
    assert machine.became == "nothing"
    flood = [await comes(THIRD, "<mucho@x.example>")]
    assert await kept(desk, machine) == [False], "newer than the others', and the first to go"
    assert await kept(desk, *people, *flood) == [True] * 4
    flood += [await comes(THIRD, "<mucho@x.example>") for _ in range(8)]
    assert await kept(desk, *people) == [True] * 3
    assert await kept(desk, *flood) == [False] * 8 + [True]
    assert await mails.bytes_of_originals(desk.db, 1) <= ROOM * 2**20


async def test_what_several_processes_took_together_is_looked_at_once_an_hour(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mail_keeping, "LOOKED_AT", 2)
    await desk.scene.policy(mail=True, mail_original_mib=0)
    came = []
    for number in range(7):
        desk.scene.clock.pass_seconds(1)
        came.append(await desk.gets(mail(THIRD, message_id=f"<{number}@x>")))
    assert all(await kept(desk, *came)), "without a bound all of them"
    await desk.scene.policy(mail=True, mail_original_mib=ROOM)
    await mail_keeping.forget(desk.scene.house, desk.db)
    assert await kept(desk, *came) == [False] * 5 + [True] * 2
    assert desk.scene.house.metrics.originals_gone == 5


def test_no_commit_is_longer_than_chats_should_wait() -> None:
    def of(name: str, size: int) -> Original:
        return Original(name, 0, size, ADDRESS, True)

    small = [of(f"s{number}", 10) for number in range(mail_keeping.BATCH_MOST + 1)]
    large = [of(f"l{number}", mail_keeping.BATCH_BYTES // 2 + 1) for number in range(2)]
    assert [len(names) for names in mail_keeping._commits(small + large)] == [mail_keeping.BATCH_MOST, 2, 1]
    assert [name for names in mail_keeping._commits(large + small) for name in names] == [
        one.name for one in large + small
    ]
    assert list(mail_keeping._commits([of("x", 100 * mail_keeping.BATCH_BYTES)])) == [["x"]]


async def test_no_small_mail_goes_beyond_the_room_between_two_counts(desk: Desk) -> None:
    await desk.scene.policy(mail=True, mail_original_mib=ROOM)
    for size in (350, 350, 285):
        await desk.gets(mail(b"x" * (size * 1024), message_id=f"<{new_cid()}@x>"))
    assert desk.scene.house.metrics.originals_gone == 0
    for number in range(12):
        await desk.gets(mail(b"x" * 5_000, message_id=f"<{number}@x>"))
        assert await mails.bytes_of_originals(desk.db, 1) <= ROOM * 2**20, number
    assert desk.scene.house.metrics.originals_gone == 1


async def test_originals_are_counted_now_and_then_and_not_for_each_mail(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    await desk.scene.policy(mail=True, mail_original_mib=ROOM)
    counted = 0
    count = mails.bytes_of_originals

    async def counting(db: Database, app_id: int) -> int:
        nonlocal counted
        counted += 1
        return await count(db, app_id)

    monkeypatch.setattr(mails, "bytes_of_originals", counting)
    for number in range(40):
        await desk.gets(mail(b"x" * 5_000, message_id=f"<{number}@x>"))
    assert 3 <= counted <= 6, "a twentieth of the room is some ten of these"


async def test_an_agent_reads_what_came_by_mail_as_anything_else(desk: Desk) -> None:
    """The item is an ordinary message of the customer: it counts as unread, and the agent's turn begins."""
    await desk.scene.agent(1)
    who = Who(1, "user:ana", "Ana", ADDRESS)
    ticket = await tickets.start(desk.scene.house, who, cid=new_cid(), subject="Ayuda", context="{}")
    say = talk.saying_as(desk.scene.house, 1, ticket.id, new_cid(), "¿Qué tal?", proposal=False)
    await desk.scene.house.store.write(say.needs, say.decide)
    await desk.gets(mail(subject="Re: [#1001]"))
    after = await desk.ticket()
    assert (after.turn, after.agent_unread) == ("agent", 1)


def test_only_the_customer_takes_part_and_an_empty_address_is_nobodys() -> None:
    from tests.store.test_round_trip import CUSTOMER

    ticket = Ticket(1, 1, 1001, CUSTOMER, "x", "{}", 0, email="Otra@Example.com")
    assert takes_part(ticket, "ana@example.com")
    assert takes_part(ticket, "otra@example.com")
    assert not takes_part(ticket, "eva@example.com")
    assert not takes_part(replace(ticket, email="", customer=replace(CUSTOMER, email="")), "")


async def test_pictures_within_a_mail_are_kept_with_it(desk: Desk) -> None:
    body = together(part("text/plain", "Mira"), file("p.png", b"\x89PNG", "image/png", "inline"))
    raw = mail(body, content='multipart/mixed; boundary="=_b1"')
    outcome = await desk.gets(raw)
    kept = await mails.original(desk.db, outcome.mail.original)
    assert kept is not None
    assert [(one.name, one.content()) for one in read(kept).files] == [("p.png", b"\x89PNG")]


async def test_a_mail_full_of_what_is_not_taken_is_taken_itself(desk: Desk) -> None:
    """Each of its files counts as sent up: should the mail have to come again for that, it would for ever, and a mailbox is read
    in order."""
    files = [file(f"{n}.png", b"<html>", "image/png") for n in range(100)]
    raw = mail(together(part("text/plain", "Mira"), *files), content='multipart/mixed; boundary="=_b1"')
    outcome = await desk.gets(raw)
    assert outcome.became == "ticket"
    (text,) = await desk.texts(await desk.ticket())
    assert text.startswith("Mira\n\n[")
    assert "(+90)" in text


async def test_files_of_mails_that_nobody_stands_by_leave_room_for_those_of_others(desk: Desk) -> None:
    await desk.scene.policy(mail=True, file_mib=1, file_mib_per_app=4, file_percent_of_unverified=25)

    def sends(n: int, sender: str, **more: str) -> bytes:
        return mail(
            together(part("text/plain", "Mira"), file("a.txt", b"x" * (512 * 1024), "text/plain")),
            content='multipart/mixed; boundary="=_b1"',
            sender=sender,
            message_id=f"<{n}@cliente.example>",
            more=more,
        )

    for n in range(4):
        await desk.gets(sends(n, f"quien{n}@cliente.example"))
    passed = "mx.acme.example; dmarc=pass header.from=cliente.example"
    await desk.gets(sends(9, "quien9@cliente.example", **{"Authentication-Results": passed}))
    said = [
        item
        for ticket in sorted(await desk.scene.rows.all_tickets(), key=lambda one: one.number)
        for item in await desk.scene.rows.items(ticket.id)
        if item.kind == "message"
    ]
    assert [len(item.files) for item in said] == [1, 1, 0, 0, 1]
    left = "Mira\n\n[No se adjuntó: a.txt. Está en el correo original.]"
    assert [item.text for item in said] == ["Mira", "Mira", left, left, "Mira"]


async def test_what_a_file_claims_to_be_is_told_in_a_line(desk: Desk) -> None:
    claims = "application/\u202e" + "x" * 7_000
    files = [part(claims, b"MZ\x90\x00", Content_Disposition="attachment") for _ in range(12)]
    raw = mail(together(part("text/plain", "Mira"), *files), content='multipart/mixed; boundary="=_b1"')
    await desk.gets(raw)
    texts = await desk.texts(await desk.ticket())
    assert "(+2)" in texts[-1]
    assert all(len(text) <= messages.TEXT_MAX and "\u202e" not in text for text in texts)


# — strangers' mails as notes ——————————————————————————————————————————————————

LUZ = "Luz <luz@otra.example>"


async def noting(desk: Desk) -> Ticket:
    """An app that wants notes, and a ticket of Ana's."""
    await desk.scene.policy(mail=True, mail_stranger="note")
    await desk.scene.agent()
    await desk.gets(mail())
    return await desk.ticket()


def stranger(
    text: str = "Les reenvío lo que sé.\r\n", number: int = 2, subject: str = "Sobre el ticket #1001"
) -> bytes:
    return mail(text, sender=LUZ, subject=subject, message_id=f"<{number}@otra.example>")


async def test_a_strangers_mail_to_a_ticket_becomes_a_note_where_the_app_wants_it(desk: Desk) -> None:
    ticket = await noting(desk)
    before = await desk.scene.rows.items(ticket.id), await desk.scene.rows.letters()
    raw = stranger()
    outcome = await desk.gets(raw, envelope_from="luz@otra.example")
    assert outcome.became == "note"
    (note,) = await desk.scene.rows.notes(ticket.id)
    assert (note.author_id, note.name, note.text) == (0, "luz@otra.example", "Les reenvío lo que sé.")
    # One ticket, as it was, and nobody is written to.
    assert await desk.ticket() == ticket
    assert (await desk.scene.rows.items(ticket.id), await desk.scene.rows.letters()) == before
    # Nor is its sender known there from now on.
    assert [one.sender for one in await mails.mails_of(desk.db, ticket.id)] == [ADDRESS]
    assert not await mails.last_from(desk.db, ticket.id, "luz@otra.example")
    originals = Originals(desk.scene.house, desk.db)
    assert await originals.of_note(1, ticket.id, note.seq, lambda one: one.raw) == raw
    assert (await desk.gets(raw)).became == "again"
    assert len(await desk.scene.rows.notes(ticket.id)) == 1


async def test_its_original_is_found_by_nobody_who_may_not_see_the_ticket(desk: Desk) -> None:
    ticket = await noting(desk)
    await desk.gets(stranger())
    await desk.scene.app(2)
    await desk.scene.agent(2, app_ids=(2,))
    await notes.write(desk.scene.house, 1, ticket.id, new_cid(), "Sin correo")
    originals = Originals(desk.scene.house, desk.db)
    for agent_id, ticket_id, seq in ((2, ticket.id, 1), (1, ticket.id, 2), (1, ticket.id, 3), (1, 9, 1)):
        with refused("not_found"):
            await originals.of_note(agent_id, ticket_id, seq, lambda one: one.raw)


async def test_who_takes_part_is_never_noted_and_closed_tickets_take_no_notes_of_strangers(
    desk: Desk,
) -> None:
    ticket = await noting(desk)
    answer = mail("Sigue igual\r\n", message_id="<dos@cliente.example>")
    assert (await desk.gets(answer, to=desk.reply_to(ticket))).became == "message"
    numbered = mail("Y esto\r\n", subject="Re: #1001", message_id="<tres@cliente.example>")
    assert (await desk.gets(numbered)).became in ("message", "ticket")
    await desk.close(ticket)
    assert (await desk.gets(stranger())).became == "ticket"
    assert (await desk.gets(stranger(number=3, subject="Ticket #4711"))).became == "ticket"
    assert await desk.scene.rows.notes(ticket.id) == []


async def from_home(desk: Desk, number: int = 9, subject: str = "Re: ticket #1001") -> Outcome:
    """Ana writes from another address of hers."""
    sent = mail(
        "Desde mi otro correo.\r\n",
        sender="Ana <ana@casa.example>",
        subject=subject,
        message_id=f"<{number}@casa.example>",
    )
    return await desk.gets(sent, envelope_from="ana@casa.example")


@pytest.mark.parametrize("stranger", ["note", "ticket"])
async def test_what_the_customer_writes_from_another_address_of_theirs_is_theirs(
    desk: Desk, stranger: Literal["note", "ticket"]
) -> None:
    ticket = await noting(desk)
    await desk.scene.policy(mail=True, mail_stranger=stranger)
    # Claimed is not confirmed.
    await portal.claim(desk.db, ticket.customer, "ana@casa.example", 1)
    assert (await from_home(desk, 8)).became == stranger
    await portal.confirm(desk.db, ticket.customer, "ana@casa.example", 2)
    assert (await from_home(desk)).became == "message"
    assert await desk.texts(ticket) == ["Hola, no puedo imprimir la factura.", "Desde mi otro correo."]
    assert [item.by for item in (await desk.scene.rows.items(ticket.id))[-1:]] == ["customer"]
    await desk.close(ticket)
    assert (await from_home(desk, 10)).became == "closed"


async def test_an_account_that_confirmed_both_addresses_writes_from_either(desk: Desk) -> None:
    """The customer by mail is another row than the account's."""
    ticket = await noting(desk)
    opened = await tickets.start(
        desk.scene.house, Who(1, "user:eva", "Ana"), cid=new_cid(), subject="Ayuda", context="{}"
    )
    account = opened.customer
    for address, at in ((ADDRESS, 1), ("ana@casa.example", 2)):
        await portal.confirm(desk.db, account, address, at)
    assert (await from_home(desk)).became == "message"
    # Another's ticket is none of hers.
    assert (await desk.gets(mail(sender=LUZ, message_id="<otro@otra.example>"))).became == "ticket"
    assert (await from_home(desk, 10, "Ticket #1003")).became == "note"
    assert len(await desk.texts(ticket)) == 2


async def test_a_ticket_takes_so_many_notes_of_strangers_and_no_more(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mailroom, "NOTES_AT_MOST", 2)
    ticket = await noting(desk)
    became = [(await desk.gets(stranger(f"n.º {n}\r\n", n))).became for n in range(3)]
    assert became == ["note", "note", "ticket"]
    assert [note.text for note in await desk.scene.rows.notes(ticket.id)] == ["n.º 0", "n.º 1"]


async def test_however_many_strangers_write_at_once_a_ticket_takes_no_more_notes_of_theirs(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mailroom, "NOTES_AT_MOST", 3)
    ticket = await noting(desk)
    long = "a" * (messages.TEXT_MAX + 1)
    assert (await desk.gets(stranger(f"{long}\r\n", 90))).became == "note", "it is two of them"
    await notes.write(desk.scene.house, 1, ticket.id, new_cid(), "Lo nuestro no cuenta")
    assert (await desk.gets(stranger(f"{long}\r\n", 91))).became == "ticket", "none is cut in two"
    outcomes = await asyncio.gather(*(desk.gets(stranger(f"n.º {n}\r\n", n)) for n in range(8)))
    assert sorted(one.became for one in outcomes) == ["note"] + ["ticket"] * 7
    assert [note.author_id for note in await desk.scene.rows.notes(ticket.id)] == [0, 0, 1, 0]


async def test_without_that_setting_a_stranger_has_a_ticket_of_their_own(desk: Desk) -> None:
    await desk.gets(mail())
    ticket = await desk.ticket()
    assert (await desk.gets(stranger())).became == "ticket"
    assert await desk.scene.rows.notes(ticket.id) == []


async def test_without_that_setting_no_answer_says_which_numbers_are_open(desk: Desk) -> None:
    """With it silence does: docs/email.md says so."""
    await desk.scene.agent()
    await desk.gets(mail())
    await desk.gets(mail(message_id="<dos@cliente.example>"))
    _, closed = sorted(await desk.scene.rows.all_tickets(), key=lambda one: one.id)
    await desk.close(closed)
    before = len(await desk.scene.rows.letters())
    for number in (1001, closed.number, 4711):
        await desk.gets(stranger(number=number, subject=f"Sobre el ticket #{number}"))
    tickets_ = {one.id: one for one in await desk.scene.rows.all_tickets()}
    letters = (await desk.scene.rows.letters())[before:]
    assert [(one.kind, one.address, one.confirmed) for one in letters] == [
        ("created", "luz@otra.example", False)
    ] * 3
    own = [tickets_[one.ticket_id or 0] for one in letters]
    assert [(one.email, one.follows, one.state) for one in own] == [("luz@otra.example", 0, "open")] * 3


async def test_what_comes_with_a_strangers_mail_is_named_in_the_note_and_no_link_of_ours_stands_in_it(
    desk: Desk,
) -> None:
    ticket = await noting(desk)
    token = "Ab3_-" * 8 + "x9Z"
    said = part("text/plain", f"Mira https://chat.acme.example/portal/demo/link?t={token}")
    body = together(said, file("captura.png", png(), "image/png"))
    raw = mail(body, sender=LUZ, subject="Ticket #1001", content='multipart/mixed; boundary="=_b1"')
    assert (await desk.gets(raw)).became == "note"
    (note,) = await desk.scene.rows.notes(ticket.id)
    assert "captura.png" in note.text
    assert token not in note.text
    assert await desk.scene.rows.attached() == {}


def with_a_picture() -> bytes:
    body = together(part("text/plain", "Miren esto"), file("captura.png", png(), "image/png"))
    return mail(body, sender=LUZ, subject="Ticket #1001", content='multipart/mixed; boundary="=_b1"')


async def test_a_strangers_mail_whose_ticket_is_closed_meanwhile_becomes_a_ticket_with_what_came_with_it(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    ticket = await noting(desk)
    keep, kept = mails.keep_original, []

    async def closes_first(db: Database, name: str, raw: bytes, now: int) -> None:
        kept.append(name)
        await desk.close(ticket)
        await keep(db, name, raw, now)

    monkeypatch.setattr(mails, "keep_original", closes_first)
    raw = with_a_picture()
    outcome = await desk.gets(raw)
    assert outcome.became == "ticket"
    assert await desk.scene.rows.notes(ticket.id) == []
    assert [place[0] for place in (await desk.scene.rows.attached()).values()] == [outcome.mail.ticket_id]
    (_, opened) = sorted(await desk.scene.rows.all_tickets(), key=lambda one: one.id)
    assert await desk.texts(opened) == ["Miren esto"], "nothing of it lies in the original alone"
    # The original lies there once, and is the ticket's.
    assert kept == [outcome.mail.original]
    assert await mails.original(desk.db, outcome.mail.original) == raw


async def test_the_original_of_a_note_is_kept_as_those_of_messages_with_what_came_with_it(desk: Desk) -> None:
    ticket = await noting(desk)
    desk.scene.clock.pass_seconds(1)
    noted = await desk.gets(with_a_picture())
    assert noted.became == "note"
    desk.scene.clock.pass_seconds(1)
    robot = mail(THIRD, message_id="<robot@x>", more={"Auto-Submitted": "auto-generated"})
    machine = await desk.gets(robot)
    desk.scene.clock.pass_seconds(1)
    await desk.scene.policy(mail=True, mail_stranger="note", mail_original_mib=ROOM)
    came = [await desk.gets(mail(THIRD, message_id=f"<{number}@x>")) for number in range(3)]
    assert await kept(desk, machine, noted) == [False, True], "newer, and the first to go"
    assert await kept(desk, *came[-1:]) == [True]
    assert len(await desk.scene.rows.notes(ticket.id)) == 1


async def unread(desk: Desk) -> list[tuple[int, int]]:
    return [(one.ticket_id, one.seq) for one in await stored_notes.unread_notes(desk.db, [1])]


async def test_what_a_strangers_mail_said_is_unread_until_who_attends_the_ticket_read_it(desk: Desk) -> None:
    ticket = await noting(desk)
    await desk.scene.agent(2)
    house = desk.scene.house
    await pairing.claim(house, 1, ticket.id)
    attended = await desk.ticket()
    assert await notes.write(house, 1, ticket.id, new_cid(), "Lo miro") == 1
    assert await unread(desk) == [], "what agents note is for whoever looks"
    for number in (2, 3):
        await desk.gets(stranger(f"n.º {number}\r\n", number))
    assert await unread(desk) == [(ticket.id, 3)]
    for agent_id, seq in ((2, 3), (1, 2)):
        await notes.seen(house, agent_id, ticket.id, seq)
        assert await unread(desk) == [(ticket.id, 3)], "a colleague, or not all of it"
    await notes.seen(house, 1, ticket.id, 2**53 - 1)
    assert await unread(desk) == []
    await desk.gets(stranger("Otra cosa\r\n", 4))
    assert await unread(desk) == [(ticket.id, 4)]
    # And the ticket, its counts, its version are as they were all along.
    assert await desk.ticket() == attended


async def test_of_a_ticket_that_nobody_attends_any_agent_of_the_app_reads_what_mails_said(desk: Desk) -> None:
    ticket = await noting(desk)
    await desk.scene.app(2)
    await desk.scene.agent(2, app_ids=(2,))
    await desk.gets(stranger())
    with refused("not_found"):
        await notes.seen(desk.scene.house, 2, ticket.id, 1)
    assert await stored_notes.unread_notes(desk.db, [2]) == []
    assert await unread(desk) == [(ticket.id, 1)]
    await notes.seen(desk.scene.house, 1, ticket.id, 1)
    assert await unread(desk) == []


async def test_of_what_nobody_read_the_latest_of_each_app_are_told_and_none_of_closed_tickets(
    desk: Desk,
) -> None:
    ticket = await noting(desk)
    await desk.gets(mail(message_id="<otro@cliente.example>"))
    desk.scene.clock.pass_seconds(1)
    await desk.gets(stranger())
    desk.scene.clock.pass_seconds(1)
    await desk.gets(stranger(number=3, subject="Sobre el ticket #1002"))
    found = await stored_notes.unread_notes(desk.db, [1])
    assert sorted((one.number, one.subject, one.agent_id) for one in found) == [
        (1001, "No imprime", None),
        (1002, "No imprime", None),
    ]
    assert [one.number for one in await stored_notes.unread_notes(desk.db, [1], 1)] == [1002]
    await desk.close(ticket)
    assert [one.number for one in await stored_notes.unread_notes(desk.db, [1])] == [1002]


async def test_a_note_says_whether_anybody_stands_by_its_sender_as_messages_do(desk: Desk) -> None:
    ticket = await noting(desk)
    signed = {"Authentication-Results": "mx.acme.example; dmarc=pass header.from=otra.example"}
    await desk.gets(stranger())
    raw = mail("Soy yo\r\n", sender=LUZ, subject="Ticket #1001", message_id="<3@otra.example>", more=signed)
    await desk.gets(raw)
    written = await desk.scene.rows.notes(ticket.id)
    assert [(note.verified, note_view(note).verified) for note in written] == [(False,) * 2, (True,) * 2]


async def test_the_original_of_a_note_with_what_came_with_it_goes_no_sooner_than_that_of_a_message(
    desk: Desk,
) -> None:
    await noting(desk)
    await desk.scene.policy(mail=True, mail_stranger="note", mail_original_mib=ROOM)
    desk.scene.clock.pass_seconds(1)
    small = b"x" * (120 * 1024)
    noted = await desk.gets(mail(small, sender=LUZ, subject="Ticket #1001", message_id="<3@otra.example>"))
    assert (noted.became, noted.mail.ticket_id, noted.mail.seq) == ("note", None, 1)
    flood = []
    for number in range(4):
        desk.scene.clock.pass_seconds(1)
        flood.append(await desk.gets(mail(THIRD, message_id=f"<{number}@x>")))
    assert await kept(desk, noted) == [True]
    assert await kept(desk, flood[0], flood[-1]) == [False, True]
