"""What leaves: read back as a mail program would."""

from __future__ import annotations

import re
from email.utils import parseaddr
from html.parser import HTMLParser
from typing import Any, get_args

import pytest
from msgspec.structs import replace

from chatserver.core.colors import luminance, theme
from chatserver.core.details import Details
from chatserver.core.files import File
from chatserver.core.outbox import ASKED_FOR, Facts, LetterKind
from chatserver.core.people import Customer
from chatserver.core.tickets import Pending, Ticket
from chatserver.i18n import LANGUAGES, words
from chatserver.mail.addresses import Signer
from chatserver.mail.links import host_page, links
from chatserver.mail.outgoing import HIDDEN, SAID_MAX, TEXT_MAX, Matter, Nothing, composed, one_line
from tests.mail.letters import (
    ACME,
    ANA,
    CONVERSATION,
    EVERY,
    LINKS,
    NOW,
    SENDER,
    SIGNER,
    html_of,
    matter,
    said,
    text_of,
    ticket,
    written,
)

KINDS = sorted(EVERY)


def test_there_is_one_of_each_kind() -> None:
    assert set(EVERY) == set(get_args(LetterKind))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("lang", LANGUAGES)
def test_every_kind_is_whole_in_every_language(kind: LetterKind, lang: str) -> None:
    of = EVERY[kind]
    if of.ticket is not None:
        of = replace(of, ticket=replace(of.ticket, customer=replace(ANA, locale=lang)))
    mail = written(replace(of, facts=replace(of.facts, locale=lang)))
    for body in (text_of(mail), html_of(mail)):
        assert "{" not in re.sub(r"<style>.*?</style>", "", body, flags=re.DOTALL), "a hole was not filled"
        assert not [key for key in words(lang) if key in body], "a word is missing"
    assert mail["Content-Language"] == {"es": "es-419", "en": "en", "pt": "pt-BR"}[lang]


def test_the_words_are_the_same_ones_in_every_language() -> None:
    names = [{key for key in words(lang) if key.startswith("mail.")} for lang in LANGUAGES]
    assert names[0] == names[1] == names[2]
    for key in names[0]:
        holes = [set(re.findall(r"{(\w+)}", words(lang)[key])) - {"half"} for lang in LANGUAGES]
        assert holes[0] == holes[1] == holes[2], key


class Tags(HTMLParser):
    """What would be fetched or run, and where links lead."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.fetched: list[str] = []
        self.links: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        for name, value in attrs:
            assert not name.startswith("on"), f"a script on {tag}"
            if name in ("src", "background", "srcset", "poster", "data") or "url(" in (value or ""):
                self.fetched.append(value or "")
            if name == "href":
                self.links.append(value or "")


@pytest.mark.parametrize("kind", KINDS)
def test_nothing_is_fetched_or_run_when_a_mail_is_read(kind: LetterKind) -> None:
    found = Tags(html_of(written(EVERY[kind])))
    assert found.fetched == []
    assert {"script", "img", "link", "iframe", "form", "object", "base"}.isdisjoint(found.tags)
    assert all(link.startswith("https://chat.acme.example/") for link in found.links)


@pytest.mark.parametrize("kind", KINDS)
def test_both_bodies_say_and_link_to_the_same(kind: LetterKind) -> None:
    mail = written(EVERY[kind])
    text, html = text_of(mail), html_of(mail)
    for link in Tags(html).links:
        assert link in text
    for item in EVERY[kind].items:
        for line in item.text.splitlines():
            assert (line in text) == (line in html)


# — headers ————————————————————————————————————————————————————————————————————


def test_an_answer_finds_its_ticket_by_address_and_by_name() -> None:
    mail = written(EVERY["answers"])
    assert SIGNER.replied([parseaddr(str(mail["Reply-To"]))[1]], 1, "ana@example.com") == 5
    for header in ("Message-ID", "References", "In-Reply-To"):
        assert SIGNER.identified([str(mail[header])], 1) == [5]


def head(of: Matter) -> dict[str, str]:
    """The fields as they leave, undecoded; fails where one stands there twice."""
    block, _, body = composed(of, SENDER, LINKS, NOW).as_bytes().decode().partition("\r\n\r\n")
    assert body.startswith("--==")
    fields = [line.partition(": ") for line in re.sub(r"\r\n ", " ", block).split("\r\n")]
    assert len({name for name, _, _ in fields}) == len(fields)
    return {name: value for name, _, value in fields}


OUTLOOK = "<AM6PR05MB5014A1B2C3D4E5F6A7B8C9D0E1F2A@AM6PR05MB5014.eurprd05.prod.outlook.com>"
EVIL = "=?utf-8?q?a=40x.example=0d=0aBcc=3a_v=40v.example=0d=0a=0d=0aLlame_al_300?="


@pytest.mark.parametrize("kind", KINDS)
def test_ids_and_links_leave_as_they_are(kind: LetterKind) -> None:
    """However long they are: what is written as an encoded word is read by no program."""
    found = head(replace(EVERY[kind], answers=OUTLOOK))
    assert not any(value.startswith("=?") for name, value in found.items() if name != "Subject")
    assert found["In-Reply-To"] == OUTLOOK
    assert found["References"].endswith(OUTLOOK)
    assert found.get("List-Unsubscribe", "<https://").startswith("<https://")


def test_nothing_in_anothers_id_becomes_a_line_of_ours() -> None:
    for answers in (f"<{EVIL}@x>", "<a\r\nBcc: v@v.example@x>", "<a b@x>", "a@x"):
        found = head(replace(EVERY["created"], answers=answers))
        assert found.keys() == head(EVERY["created"]).keys()
        assert "Bcc" not in str(found)


def test_an_address_that_would_be_read_as_another_one_is_written_to_by_nobody() -> None:
    for address in (f"{EVIL}@x.example", "=?utf-8?q?h=40x.example=2C_v?=@y.example"):
        with pytest.raises(ValueError, match="address"):
            composed(replace(EVERY["created"], address=address), SENDER, LINKS, NOW)


def test_all_mails_about_a_ticket_are_one_conversation() -> None:
    mails = [written(EVERY[kind]) for kind in KINDS if EVERY[kind].ticket is not None]
    assert len({str(mail["Subject"]) for mail in mails}) == 1
    assert len({str(mail["References"]).split()[0] for mail in mails}) == 1
    assert len({str(mail["Message-ID"]) for mail in mails}) == len(mails)
    other = written(matter("created", ticket(), address="eva@example.com"))
    assert str(other["References"]) != str(mails[0]["References"])


def test_the_answer_to_a_mail_names_it_and_says_that_no_person_wrote() -> None:
    mail = written(EVERY["closed_already"])
    assert mail["In-Reply-To"] == "<9@mail.example>"
    assert str(mail["References"]).endswith(" <9@mail.example>")
    assert mail["Auto-Submitted"] == "auto-replied"
    assert written(EVERY["answers"])["Auto-Submitted"] == "auto-generated"
    for kind in KINDS:
        mail = written(EVERY[kind])
        assert mail["X-Auto-Response-Suppress"] == "All"
        assert mail["Precedence"] is None
        assert mail["X-Chatserver-Loop"] is not None
        assert str(mail["Date"]) == "Wed, 07 Jan 2026 14:05:00 +0000"


def test_what_was_asked_for_cannot_be_stopped_and_the_rest_in_one_click() -> None:
    for kind in KINDS:
        mail = written(EVERY[kind])
        if kind in ASKED_FOR:
            assert mail["List-Unsubscribe"] is None
            assert "/mail/stop/" not in text_of(mail)
            continue
        link = str(mail["List-Unsubscribe"]).strip("<>")
        assert mail["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
        assert link in text_of(mail)
        assert SIGNER.read_stop_token(1, link.rpartition("/")[2]) == "ana@example.com"


def test_where_answers_do_not_come_in_none_is_asked_for() -> None:
    mail = written(replace(EVERY["answers"], reply_to=""))
    assert mail["Reply-To"] is None
    assert words("es")["mail.answer_here"] not in text_of(mail)
    assert words("es")["mail.answer_here"] in text_of(written(EVERY["answers"]))


HOSTILE = [
    "a\r\nBcc: eva@x.co",
    "a\nBcc: eva@x.co\n\nbody",
    "a\x00\x0b\x0c\x85\u2028\u2029b",
    "=?utf-8?q?a=0D=0ABcc=3A_eva=40x=2Eco?=",
    "\u202egnp.exe",
    '"><script>alert(1)</script>',
    "{{ 7 * 7 }}{% raw %}{0}",
    "x" * 5000,
    "ñ" * 200,
    "😀" * 100,
    "<ana@x.co>, eva@x.co",
    ",;:@()[]\\\"'",
]


@pytest.mark.parametrize("text", HOSTILE)
def test_nothing_that_somebody_wrote_gets_out_of_its_place(text: str) -> None:
    customer = replace(ANA, name=text)
    app = replace(ACME, name=text)
    items = [said(1, text, "customer"), said(2, text, name=text)]
    facts = Facts(in_reply_to=text)
    of = matter("transcript", ticket(subject=text, customer=customer), app=app, items=items, facts=facts)
    mail = written(of)
    assert mail["Bcc"] is None
    assert mail.keys() == written(
        matter("transcript", ticket(), facts=Facts(in_reply_to="<1@x>"))
    ).keys() or (not text.startswith("<"))
    assert [address.addr_spec for address in mail["To"].addresses] == ["ana@example.com"]
    assert [address.addr_spec for address in mail["From"].addresses] == [SENDER]
    html = html_of(mail)
    assert "script" not in Tags(html).tags
    assert "49" not in re.sub(r"[^>]*/mail/stop[^<]*", "", text_of(mail)) or "49" in text
    assert str(mail["Subject"]).replace("\u200b", "") == f"[#1042] {one_line(text)}"
    first = next((line for line in text.splitlines() if line.strip("\x00\x0b\x0c")), "")
    assert first[:20].strip("\u202e") in text_of(mail).replace("\u202e", "") or "\x00" in text


@pytest.mark.parametrize(
    ("subject", "shown"),
    [
        ("Ñandú & <b>", "[#1042] Ñandú & <b>"),
        ("ñ" * 200, f"[#1042] {'ñ' * 200}"),
        ("a\r\n b", "[#1042] a b"),
        ("=?utf-8?b?w6E=?=", "[#1042] =?utf-8?b?w6E=?="),
    ],
)
def test_a_subject_arrives_as_it_was_typed(subject: str, shown: str) -> None:
    mail = written(matter("answers", ticket(subject=subject), items=CONVERSATION[2:]))
    assert str(mail["Subject"]).replace("\u200b", "") == shown


@pytest.mark.parametrize(
    ("address", "envelope"),
    [
        ("ana@correo.ñandú.cl", "ana@correo.xn--and-6ma2c.cl"),
        ("o'hara+x@example.com", "o'hara+x@example.com"),
        ("josé@example.com", "josé@example.com"),
    ],
)
def test_addresses_of_all_kinds_are_written_as_servers_want_them(address: str, envelope: str) -> None:
    mail = written(matter("answers", ticket(), address=address, items=CONVERSATION[2:]))
    assert [one.addr_spec for one in mail["To"].addresses] == [envelope]


@pytest.mark.parametrize("address", ["a\r\nb@x.co", "a@ñ..co", f"a@{'ñ' * 70}.co"])
def test_an_address_that_no_header_holds_is_said_to_be_none(address: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - of whatever the library says
        written(matter("answers", ticket(), address=address, items=CONVERSATION[2:]))


# — what is told to whom ———————————————————————————————————————————————————————


@pytest.mark.parametrize("kind", ["created", "answers", "closed", "closed_already"])
def test_what_a_customer_wrote_is_not_sent_to_an_address_that_anybody_may_have_typed(
    kind: LetterKind,
) -> None:
    spam = "COMPRA https://evil.example YA"
    about = ticket(subject=spam, customer=replace(ANA, name=spam, key="anon:x"))
    items = [said(1, spam, "customer", kind="opened"), said(2, spam, "customer"), said(3, "Hola, soy Laura")]
    mail = written(matter(kind, about, confirmed=False, items=items))
    for part in (str(mail["Subject"]), text_of(mail), html_of(mail)):
        assert "evil" not in part
        assert "COMPRA" not in part
    if kind == "answers":
        assert "Hola, soy Laura" in text_of(mail)
    known = written(matter(kind, about, items=items))
    assert "COMPRA" in str(known["Subject"])


def test_files_are_named_and_lead_to_the_ticket() -> None:
    files = (File("a" * 22, 'acta "4711" <b>.pdf', "pdf", 9), File("b" * 22, "\u202egnp.exe", "png", 9))
    items = [replace(said(3, "Te la envío"), files=files), replace(said(4, ""), files=files[:1])]
    mail = written(matter("answers", ticket(), items=items, hidden=["4711"]))
    text, html = text_of(mail), html_of(mail)
    assert text.count('Adjunto: acta "•••" <b>.pdf') == 2
    assert "\u202e" not in text + html
    assert "b" not in Tags(html).tags
    assert (
        html.count('<a href="https://chat.acme.example/portal/tickets/1042"') == 4
    )  # three files and the button
    eva = replace(ANA, email="ana@example.com")
    about = ticket(customer=eva, email="ana@example.com", answered_at=1, details=Details(cc=("eva@x.co",)))
    copied = html_of(written(matter("answers", about, address="eva@x.co", confirmed=False, items=items)))
    assert "gnp.exe" in copied
    assert "portal/tickets" not in copied


def test_sensitive_identifiers_are_masked_wherever_they_stand() -> None:
    items = [said(2, "El paciente ABC-123 (abc-123) espera", "customer"), said(3, "Reviso ABC-123")]
    of = matter("transcript", ticket(subject="Paciente abc-123"), items=items, hidden=["ABC-123", ""])
    mail = written(of)
    for part in (str(mail["Subject"]), text_of(mail), html_of(mail)):
        assert "abc-123" not in part.lower()
    assert text_of(mail).count(HIDDEN) == 3


def test_the_subject_of_what_came_by_mail_stands_in_its_first_answer_alone() -> None:
    """A forged mail's ticket may be the account's by now, whose address is confirmed."""
    account = replace(ANA, key="portal:ana")
    about = ticket(subject="GANASTE malo.example", customer=account, source="mail")
    later = written(matter("answers", about, items=CONVERSATION[2:]))
    assert "malo" not in later.as_string() + str(later["Subject"])
    assert "GANASTE malo.example" in str(written(matter("created", about))["Subject"])


def test_a_transcript_tells_whoever_has_an_address_that_was_merely_typed_what_agents_wrote_and_no_more() -> (
    None
):
    items = [*CONVERSATION, said(6, "Compra en malo.example", "system", name="Visita malo.example")]
    about = ticket(subject="malo.example", customer=replace(ANA, key="anon:eva", name="malo.example"))
    mail = written(matter("transcript", about, items=items, confirmed=False))
    assert "Listo: era un permiso que faltaba." in text_of(mail)
    assert "solo lo que escribió el equipo" in " ".join(text_of(mail).split())
    assert "Es muy larga" not in text_of(mail)
    for theirs in ("malo.example", "4711", "No puedo facturar"):
        assert theirs not in mail.as_string() + text_of(mail) + html_of(mail)
    assert "solo lo que escribió" not in text_of(written(matter("transcript", ticket(), items=items)))


def test_a_transcript_names_who_was_in_copy_and_takes_their_words_for_nobody_elses() -> None:
    eva = said(3, "Soy Eva", "system", name="Eva Ruiz")
    mail = written(matter("transcript", ticket(), items=[said(2, "Hola", "customer"), eva]))
    assert "Eva Ruiz (en copia)" in text_of(mail)
    assert text_of(mail).count("Tú") == 1
    assert "Eva Ruiz (en copia)" in html_of(mail)


@pytest.mark.parametrize("kind", ["created", "answers", "reminder"])
@pytest.mark.parametrize(
    ("key", "address", "warned"),
    [
        ("user:ana", "ana@example.com", False),
        ("user:ana", "otra@example.com", True),
        ("anon:ana", "ana@example.com", True),
        ("portal:ana", "otra@example.com", False),
        ("mail:ana@example.com", "ana@example.com", False),
    ],
)
def test_whose_address_was_merely_typed_is_warned_who_reads_an_answer(
    kind: LetterKind, key: str, address: str, warned: bool
) -> None:
    of = EVERY[kind]
    assert of.ticket is not None
    about = replace(of.ticket, customer=replace(ANA, key=key), email=address)
    mail = written(replace(of, ticket=about, address=address))
    assert ("quien lo abrió leería tu respuesta" in " ".join(text_of(mail).split())) is warned


def test_answers_that_were_seen_meanwhile_make_no_mail() -> None:
    with pytest.raises(Nothing):
        written(matter("answers", ticket(), items=[said(4, "Hola", "customer")]))


def test_a_mail_has_an_end_and_says_how_much_more_there_is() -> None:
    many = [said(n, f"Respuesta {n}") for n in range(1, SAID_MAX + 6)]
    text = text_of(written(matter("answers", ticket(), items=many)))
    assert f"Respuesta {SAID_MAX + 5}\n" in text
    assert "Respuesta 5\n" not in text
    assert "Hay 5 mensajes más" in text
    long = [said(n, "x" * 8000) for n in range(1, 15)]
    mail = written(matter("answers", ticket(), items=long))
    assert text_of(mail).count("x") < TEXT_MAX + 100


def test_times_are_on_the_receivers_clock_and_in_their_manner() -> None:
    def at(locale: str, zone: str) -> str:
        customer = replace(ANA, locale=locale, zone=zone)
        return text_of(written(matter("answers", ticket(customer=customer), items=CONVERSATION[2:])))

    assert "7 ene, 9:05 a. m." in at("es", "America/Bogota")
    assert "Jan 7, 11:05 PM" in at("en", "Asia/Tokyo")
    assert "7 jan, 11:05" in at("pt-BR", "America/Sao_Paulo")
    # Where nobody knows the receiver's, the app's.
    assert "7 ene, 9:05 a. m." in at("es", "")
    assert "7 ene, 9:05 a. m." in at("es", "../../etc/passwd")
    assert "7 ene, 9:05 a. m." in at("es", "Nowhere/\x00")


def test_a_rating_is_asked_for_where_an_agent_answered() -> None:
    ask = words("es")["mail.closed.rate"]
    answered: dict[str, Any] = {"state": "closed", "closed_at": 1, "answered_at": 1}
    assert ask in text_of(written(matter("closed", ticket(**answered))))
    assert ask not in text_of(written(matter("closed", ticket(**answered | {"answered_at": None}))))


@pytest.mark.parametrize(
    ("reason", "words_of"),
    [
        ("agent", "cerró"),
        ("inactivity", "no recibimos"),
        ("rejected", "no pudo aceptar"),
        ("unheard", "se cerró"),
    ],
)
def test_the_end_says_why(reason: str, words_of: str) -> None:
    mail = written(matter("closed", ticket(state="closed"), facts=Facts(reason=reason), items=[]))
    assert words_of in text_of(mail)


# — links ——————————————————————————————————————————————————————————————————————


@pytest.mark.parametrize(
    ("url", "page"),
    [
        ("https://app.acme.example/a/b?token=1#x", "https://app.acme.example/a/b"),
        ("https://evil.example/login", "https://app.acme.example/"),
        ("https://app.acme.example@evil.example/", "https://app.acme.example/"),
        ("https://app.acme.example.evil.example/", "https://app.acme.example/"),
        ('https://app.acme.example/"><b>', "https://app.acme.example/%22%3E%3Cb%3E"),
        ("javascript:alert(1)", "https://app.acme.example/"),
        ("https://app.acme.example/a\nb", "https://app.acme.example/"),
        ("//[", "https://app.acme.example/"),
    ],
)
def test_a_mail_leads_to_pages_of_the_app_only(url: str, page: str) -> None:
    import msgspec

    context = msgspec.json.encode({"url": url}).decode()
    assert host_page(ACME, ticket(context=context)) == page


@pytest.mark.parametrize("context", ["", "[]", "{", '{"url": 7}', "[" * 5000])
def test_a_context_that_is_none_leads_to_the_first_page(context: str) -> None:
    assert host_page(ACME, ticket(context=context)) == "https://app.acme.example/"


def test_where_there_is_no_page_there_is_no_button() -> None:
    nowhere = LINKS._replace(ticket=lambda *_: "", door=lambda *_: "")
    of = matter("answers", ticket(), items=CONVERSATION[2:])
    assert words("es")["mail.button.ticket"] not in html_of(written(of, to=nowhere))
    with pytest.raises(Nothing):
        written(matter("access"), to=nowhere)


@pytest.mark.parametrize("color", ["", "red", "#2f55d4", "#ffff00", "#7f7f7f", "#0F6B5C", "#ff8800"])
def test_what_stands_on_the_apps_colour_can_be_read(color: str) -> None:
    look = theme(color)
    lights = [luminance(rgb(one)) for one in (look.fill, look.ink)]
    low, high = sorted(lights)
    assert (high + 0.05) / (low + 0.05) >= 4.5


def test_matters_are_values() -> None:
    assert isinstance(EVERY["test"], Matter)
    assert Customer is type(ANA)


@pytest.mark.parametrize(
    ("key", "page"),
    [
        ("user:ana", "https://app.acme.example/facturas/nueva"),
        ("anon:x", "https://app.acme.example/facturas/nueva"),
        ("portal:x", "https://chat.acme.example/portal/acme/tickets/1042"),
        ("mail:ana@example.com", "https://chat.acme.example/portal/acme/tickets/1042"),
    ],
)
def test_a_ticket_is_read_where_its_customer_is_known(key: str, page: str) -> None:
    to = links("https://chat.acme.example", SIGNER)
    assert to.ticket(ACME, ticket(customer=replace(ANA, key=key)), "ana@example.com") == page
    elsewhere = replace(ACME, origins=())
    assert to.ticket(elsewhere, ticket(context=""), "").endswith("/portal/acme/tickets/1042")


@pytest.mark.parametrize("confirmed", [True, False])
def test_who_wrote_a_mail_is_shown_the_way_to_an_account(confirmed: bool) -> None:
    about = ticket(customer=replace(ANA, key="mail:ana@example.com"))
    to = links("https://chat.acme.example", SIGNER)
    facts = Facts(link=to.access(ACME, "t" * 43, about))
    mail = written(matter("created", about, confirmed=confirmed, facts=facts, invited=True), to=to)
    text = text_of(mail)
    assert f"https://chat.acme.example/portal/acme/link?t={'t' * 43}&place=tickets/1042" in text
    assert f"link?t={'t' * 43}&amp;place=tickets/1042" in html_of(mail)
    assert "Sirve una sola vez, durante tres días." in text
    assert "#1042" in text
    assert ("Error 12" in text) == confirmed
    # Who has an account is led to the ticket; a visitor of the widget, whose tickets no account shows, back to the host's page.
    known = text_of(written(matter("created", about, confirmed=confirmed), to=to))
    assert "https://chat.acme.example/portal/acme/tickets/1042" in known
    assert "link?" not in known
    widget = text_of(written(matter("created", ticket(), confirmed=confirmed), to=to))
    assert "/portal/" not in widget


def test_a_secret_is_of_one_mail_and_one_person_and_the_same_each_time() -> None:
    made = SIGNER.secret(1, "created 1 a", "ana@example.com")
    assert len(made) == 43
    assert made == SIGNER.secret(1, "created 1 a", "Ana@Example.com")
    others = [
        SIGNER.secret(2, "created 1 a", "ana@example.com"),
        SIGNER.secret(1, "created 1 b", "ana@example.com"),
        SIGNER.secret(1, "created 1 a", "eva@example.com"),
        Signer(b"otro").secret(1, "created 1 a", "ana@example.com"),
    ]
    assert len({made, *others}) == 5


def rgb(color: str) -> tuple[int, int, int]:
    return int(color[1:3], 16), int(color[3:5], 16), int(color[5:7], 16)


def test_the_day_on_which_what_waits_closes_is_said_at_once_in_the_customers_zone_and_language() -> None:
    waiting = ticket(state="pending", pending=Pending(NOW))
    asked = (*CONVERSATION[2:], said(6, "", kind="pending"))

    def end(locale: str, zone: str, about: Ticket = waiting) -> str:
        theirs = replace(about, customer=replace(ANA, locale=locale, zone=zone))
        text = text_of(written(matter("answers", theirs, items=asked)))
        return " ".join(text.split())

    assert "no nos respondes" in end("es", "America/Bogota")
    assert end("es", "America/Bogota") != end("es", "Asia/Tokyo"), "on their own clock"
    assert "Without an answer we will close it on" in end("en", "UTC")
    assert "Sem resposta, vamos fechá-lo em" in end("pt", "UTC")
    assert "Lo cerraremos" not in end("es", "UTC", ticket())
