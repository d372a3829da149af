"""Who has part in a ticket that is not theirs: people in copy read and reply, a company's view reads; others see nothing."""

from __future__ import annotations

import html
import json
import re
import secrets
from typing import Literal

import pytest
from msgspec.structs import replace

from chatserver.core.tickets import Ticket, copied_said
from chatserver.i18n import LANGUAGES, words
from chatserver.mail.addresses import Signer
from chatserver.mail.links import links
from chatserver.services import administration, persons
from chatserver.services.administration import ChangeCompany
from chatserver.services.house import House
from chatserver.store.work import Needs, Who, World
from tests.files.making import PDF
from tests.web.conftest import HOME, Served
from tests.web.portal_visitor import PASSWORD, Desk, Visitor, fields
from tests.web.test_portal_form import told_files

SECRET = "el secreto de Ana"


class Company(Desk):
    """The desk, and what an administrator says of companies."""

    def has(self, name: str = "Cuadra", **said: tuple[str, ...]) -> None:
        db = self._served.app.state.hub.db

        async def order(house: House) -> None:
            wanted = ChangeCompany("demo", name, **said)
            await administration.carry_out(db, wanted, self._served.settings.policy, house.now())

        self._run(order)

    def gets_mail(self, number: int, name: str, address: str, text: str) -> None:
        """An answer of somebody in copy."""
        ticket_id = self.ticket_id(number)

        async def take(house: House) -> None:
            sender = await persons.customer_with(house, 1, f"mail:{address}", name, address, "")

            def decide(world: World, now: int) -> None:
                ticket = world.ticket(ticket_id)
                assert ticket is not None
                step = copied_said(ticket, sender, text, secrets.token_urlsafe(16), now, incomplete=False)
                world.put(ticket, step, house.people.policy(1))

            await house.store.write(Needs((ticket_id,)), decide)

        self._run(take)


@pytest.fixture
def desk(served: Served) -> Company:
    return Company(served)


@pytest.fixture
def ana(served: Served, desk: Company) -> Visitor:
    ana = Visitor(served).signs_up("ana@cuadra.test")
    ana.opens("new").brings(
        "new",
        {"informe.pdf": PDF},
        subject="Asunto de Ana",
        text=SECRET,
        type="incident",
        cc="Luis@cuadra.test",
    )
    assert ana.at == "/tickets/1001", ana.page
    return ana


def csrf(visitor: Visitor) -> str:
    return fields(visitor.opens("profile").page, visitor.path("profile"))["csrf"]


# — in copy ————————————————————————————————————————————————————————————————————


def test_who_is_in_copy_reads_and_replies_under_their_own_name(
    served: Served, ana: Visitor, desk: Company
) -> None:
    luis = Visitor(served).signs_up("luis@cuadra.test", "Luis Mora").opens("tickets/1001")
    assert luis.shows(SECRET)
    assert luis.shows("Estás en copia de este ticket de Ana Ruiz.")
    assert told_files(luis.page) == ["informe.pdf"]
    (link,) = re.findall(r'<a href="([^"]*)" download', luis.page)
    assert luis.client.get(link).content == PDF
    desk.takes(1001)
    desk.says(1001, "Hola a todos")
    luis.opens("tickets/1001").brings("tickets/1001/reply", {"luis.pdf": PDF}, text="Soy Luis")
    assert luis.at.startswith("/tickets/1001")
    assert luis.shows("Soy Luis")
    # It is news for Ana, and stands under Luis' name.
    ((unread, seen, state),) = desk.rows("SELECT customer_unread, customer_seen, state FROM tickets")
    assert (unread, state) == (2, "open")
    assert seen < 5
    assert '<p class="by">Luis Mora (en copia)</p>' in ana.opens("tickets/1001").page
    assert 'data-side="copied"' in ana.page
    assert '<p class="by">Tú</p>' in luis.opens("tickets/1001").page
    assert "copied" not in luis.page
    told = ana.client.get(ana.path("tickets/1001/news?after=5")).json()["entries"]
    assert [(one["side"], one["name"]) for one in told] == [("copied", "Luis Mora (en copia)")]
    assert desk.rows("SELECT name FROM items WHERE text = 'Soy Luis'") == [("Luis Mora",)]
    assert ana.opens("").shows("Luis Mora: Soy Luis")


def test_what_somebody_in_copy_mailed_is_their_own_to_them_and_to_nobody_else(
    served: Served, ana: Visitor, desk: Company
) -> None:
    desk.gets_mail(1001, "Luis", "luis@cuadra.test", "Por correo")
    luis = Visitor(served).signs_up("luis@cuadra.test", "Luis Mora")
    luis.opens("tickets/1001").posts("tickets/1001/reply", text="Y aquí")
    page = luis.opens("tickets/1001").page
    assert page.count('<p class="by">Tú</p>') == 1, "both stand under one name"
    assert "copied" not in page
    told = luis.client.get(luis.path("tickets/1001/news?after=3")).json()["entries"]
    assert [(one["side"], one["name"]) for one in told] == [("customer", "Tú"), ("customer", "Tú")]
    theirs = ana.opens("tickets/1001").page
    assert theirs.count('<p class="by">Luis (en copia)</p>') == 1
    assert theirs.count('<p class="by">Luis Mora (en copia)</p>') == 1


def test_a_reply_of_somebody_in_copy_sent_twice_is_one(served: Served, ana: Visitor, desk: Company) -> None:
    luis = Visitor(served).signs_up("luis@cuadra.test").opens("tickets/1001")
    form = fields(luis.page, luis.path("tickets/1001/reply")) | {"text": "Una vez"}
    for _ in range(3):
        luis.sends("tickets/1001/reply", form)
    assert desk.rows("SELECT count(*) FROM items WHERE text = 'Una vez'") == [(1,)]


def test_who_is_in_copy_neither_confirms_nor_completes_nor_rates_nor_copies_others(
    served: Served, ana: Visitor, desk: Company
) -> None:
    luis = Visitor(served).signs_up("luis@cuadra.test")
    desk.takes(1001)
    desk.proposes(1001)
    luis.opens("tickets/1001")
    assert 'id="question" hidden' in luis.page
    desk.sends_back(1001, "company")
    assert "missing-title" not in luis.opens("tickets/1001").page
    held = csrf(luis)
    before = desk.rows("SELECT state, proposal, details, stars FROM tickets")
    for place, form in (
        ("answer", {"solved": "yes"}),
        ("rating", {"stars": "1"}),
        ("complete", {"company": "Mía"}),
    ):
        assert luis.sends(f"tickets/1001/{place}", form | {"csrf": held}).status == 404
    luis.sends("tickets/1001/reply", {"csrf": held, "text": "Hola", "copies": "eva@evil.test"})
    assert luis.status == 200
    assert desk.rows("SELECT state, proposal, details, stars FROM tickets") == before
    desk.closes(1001)
    assert 'id="rate" hidden' in luis.opens("tickets/1001").page
    news = luis.client.get(luis.path("tickets/1001/news?after=0")).json()
    assert (news["asks"], news["incomplete"], news["may_rate"]) == (False, False, False)


YOU = {
    "es": re.compile(r"\b(te|tu|tus|ti)\b|(aste|iste)\b", re.IGNORECASE),
    "en": re.compile(r"\byour?s?\b", re.IGNORECASE),
    "pt": re.compile(r"\b(você|seus?|suas?)\b", re.IGNORECASE),
}


@pytest.mark.parametrize(
    ("lang", "attended", "asked", "waited", "was"),
    [
        (
            "es",
            "Ana Ríos atiende a Ana Ruiz",
            "Ana Ríos le pidió a Ana Ruiz completar: Nombre de la compañía.",
            "Ana Ríos espera la respuesta de Ana Ruiz.",
            "Ana Ríos atendió a Ana Ruiz",
        ),
        (
            "en",
            "Ana Ríos is helping Ana Ruiz",
            "Ana Ríos asked Ana Ruiz to complete: Company name.",
            "Ana Ríos is waiting for Ana Ruiz to answer.",
            "Ana Ríos helped Ana Ruiz",
        ),
        (
            "pt",
            "Ana Ríos está atendendo Ana Ruiz",
            "Ana Ríos pediu que Ana Ruiz complete: Nome da empresa.",
            "Ana Ríos espera a resposta de Ana Ruiz.",
            "Ana Ríos atendeu Ana Ruiz",
        ),
    ],
)
def test_what_is_the_customers_is_said_of_them_to_whoever_else_reads(
    served: Served, ana: Visitor, desk: Company, lang: str, attended: str, asked: str, waited: str, was: str
) -> None:
    luis = Visitor(served).signs_up("luis@cuadra.test", "Luis Mora")
    desk.takes(1001)
    desk.pends(1001)
    desk.sends_back(1001, "company")
    told = luis.opens(f"tickets/1001?lang={lang}")
    facts, history = _facts(told.page), _events(told.page)
    assert attended in facts
    assert asked in history
    assert waited in history
    assert not [line for line in (*facts, *history) if YOU[lang].search(line)]
    news = luis.client.get(luis.path("tickets/1001/news?after=0")).json()
    assert (news["state"], news["waits"]) == ("pending", False)
    assert asked in [one["parts"][0]["text"] for one in news["entries"] if one["side"] == "event"]
    # Its customer is spoken to.
    own = ana.opens(f"tickets/1001?lang={lang}")
    assert attended not in _facts(own.page)
    assert YOU[lang].search(" ".join(_events(own.page)))
    assert ana.client.get(ana.path("tickets/1001/news?after=0")).json()["waits"]
    desk.closes(1001)
    assert was in _facts(luis.opens("tickets/1001").page)


def _facts(page: str) -> list[str]:
    (found,) = re.findall(r'<p class="facts"><span class="number">(.*?)</p>', page, re.DOTALL)
    return [html.unescape(one) for one in re.findall(r"<span>([^<]*)</span>", found)]


def _events(page: str) -> list[str]:
    return [html.unescape(one.strip()) for one in re.findall(r'<li class="event"[^>]*>([^<]*)<time', page)]


@pytest.mark.parametrize("lang", LANGUAGES)
def test_no_event_that_somebody_else_reads_says_you(lang: str) -> None:
    """What the customer did has no line there; all else is said of them where it says "you"."""
    by_customer = {"opened", "declined", "completed", "rated.one", "rated.other", "later.customer", "copied"}
    by_customer |= {"closed.customer", "closed.solved"}
    said = words(lang)
    kinds = {
        key.split(".event.", 1)[1] for key in said if re.match(r"(portal|widget)\.event\.(?!theirs)", key)
    }
    assert {"assigned", "queued.agent_gone"} < kinds
    for kind in kinds - by_customer:
        faces = ("portal.event.theirs", "portal.event", "widget.event")
        text = next(said[f"{face}.{kind}"] for face in faces if f"{face}.{kind}" in said)
        assert not YOU[lang].search(text), kind


def test_an_address_that_nobody_confirmed_gives_nothing(served: Served, ana: Visitor, desk: Company) -> None:
    eva = Visitor(served).signs_up("eva@evil.test")
    eva.opens("profile").posts("profile/addresses", email="luis@cuadra.test", do="add", old=PASSWORD)
    assert eva.opens("tickets/1001").status == 404
    elsewhere = Visitor(served, "horario").signs_up("luis@cuadra.test")
    assert elsewhere.opens("tickets/1001").status == 404


def test_the_links_of_mails_lead_whoever_gets_them_to_the_ticket_after_signing_in(
    served: Served, ana: Visitor, desk: Company
) -> None:
    Visitor(served).signs_up("luis@cuadra.test")
    hosts = desk.request(Who(1, "user:7", "Eva"), "De la usuaria")
    house: House = served.app.state.hub.house
    lead = links(HOME, Signer(b"s" * 32))
    app = house.people.app(1)

    def ticket(number: int) -> Ticket:
        assert served.client.portal is not None
        return served.client.portal.call(house.ticket, desk.ticket_id(number))

    for address in ("ana@cuadra.test", "luis@cuadra.test"):
        visitor = Visitor(served)
        visitor.opens(lead.ticket(app, ticket(1001), address)).posts(
            "sign-in", email=address, password=PASSWORD
        )
        assert visitor.at == "/tickets/1001"
        assert visitor.shows(SECRET)
    newer = Visitor(served).opens(lead.new(app, ticket(1001), "ana@cuadra.test"))
    newer.posts("sign-in", email="ana@cuadra.test", password=PASSWORD)
    assert newer.shows("Continúa el ticket #1001.")
    assert Visitor(served).opens(lead.door(app)).shows("Ingresa a tus tickets")
    assert lead.access(app, "t" * 43, ticket(1001)).endswith(f"/link?t={'t' * 43}&place=tickets/1001")
    # The host's user reads theirs in the widget; somebody in copy of it reads it here.
    theirs = ticket(hosts)
    assert "/portal/" not in lead.ticket(app, theirs, "x@y.test")
    copied = replace(theirs, details=replace(theirs.details, cc=("luis@cuadra.test",)))
    assert lead.ticket(app, copied, "Luis@cuadra.test").endswith(f"/portal/demo/tickets/{hosts}")


# — a company's view ———————————————————————————————————————————————————————————


def test_a_companys_view_shows_all_of_its_people_and_changes_nothing(
    served: Served, ana: Visitor, desk: Company
) -> None:
    desk.has(add=("ana@cuadra.test", "leo@cuadra.test"), sees=("jefa@cuadra.test",))
    Visitor(served).signs_up("leo@cuadra.test", "Leo").writes("Asunto de Leo")
    Visitor(served).signs_up("otro@ajeno.test").writes("Asunto ajeno")
    boss = Visitor(served).signs_up("jefa@cuadra.test", "La jefa")
    boss.writes("Asunto propio")
    assert not boss.opens().shows("Asunto de Ana")
    boss.opens("?view=company")
    shown = [boss.shows(one) for one in ("Asunto de Ana", "De Leo", "Asunto propio", "Asunto ajeno")]
    assert shown == [True, True, True, False]
    assert boss.opens("?view=company&state=closed").shows("No hay tickets en este estado")
    boss.opens("tickets/1001")
    assert boss.shows(SECRET)
    assert boss.shows("porque es de tu empresa")
    assert f'action="{boss.path("tickets/1001/reply")}"' not in boss.page
    held = csrf(boss)
    before = desk.rows("SELECT * FROM tickets WHERE number = 1001")
    for place, form in (
        ("reply", {"text": "Hola"}),
        ("answer", {"solved": "yes"}),
        ("rating", {"stars": "1"}),
        ("complete", {"company": "Mía"}),
    ):
        assert boss.sends(f"tickets/1001/{place}", form | {"csrf": held}).status == 404
    assert desk.rows("SELECT * FROM tickets WHERE number = 1001") == before
    assert boss.opens("tickets/1003").status == 404


@pytest.mark.parametrize(
    "who", ["of it", "stranger", "another company", "another app", "taken away", "claims"]
)
def test_nobody_else_sees_a_companys_tickets(
    served: Served,
    ana: Visitor,
    desk: Company,
    who: Literal["of it", "stranger", "another company", "another app", "taken away", "claims"],
) -> None:
    desk.has(add=("ana@cuadra.test", "leo@cuadra.test"), sees=("jefa@cuadra.test",))
    desk.has("Otra", sees=("otra@otra.test",))
    address = {
        "of it": "leo@cuadra.test",
        "stranger": "nadie@x.test",
        "another company": "otra@otra.test",
        "another app": "jefa@cuadra.test",
        "taken away": "jefa@cuadra.test",
        "claims": "eva@evil.test",
    }[who]
    visitor = Visitor(served, "horario" if who == "another app" else "demo").signs_up(address)
    if who == "claims":
        visitor.opens("profile").posts("profile/addresses", email="jefa@cuadra.test", do="add", old=PASSWORD)
    if who == "taken away":
        assert visitor.opens("tickets/1001").status == 200
        desk.has(remove=("jefa@cuadra.test",))
    for place in ("", "?view=company", "?view=company&state=open&q=Ana"):
        assert not visitor.opens(place).shows("Asunto de Ana")
    assert visitor.opens("tickets/1001").status == 404
    assert visitor.client.get(visitor.path("tickets/1001/news")).status_code == 404


def test_people_move_between_companies_and_an_empty_one_is_forgotten(served: Served, desk: Company) -> None:
    desk.has("A", add=("ana@x.test",), sees=("user:7",))
    desk.has("B", sees=("ana@x.test",))
    assert desk.rows(
        "SELECT c.name, p.person, p.sees FROM company_people p JOIN companies c ON c.id = p.company_id ORDER BY 1"
    ) == [("A", "user:7", 1), ("B", "ana@x.test", 1)]
    desk.has("A", remove=("user:7", "ana@x.test"))
    assert desk.rows("SELECT name FROM companies") == [("B",)]


def test_people_in_copy_are_told_in_the_ticket(ana: Visitor, desk: Company) -> None:
    ((found,),) = desk.rows("SELECT details FROM tickets")
    assert json.loads(found)["cc"] == ["Luis@cuadra.test"]
