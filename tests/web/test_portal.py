"""The portal as a browser without scripts has it: every page, every form, and what becomes of what was typed."""

from __future__ import annotations

import html
import json
import re
import sqlite3
from contextlib import closing
from typing import Any

import httpx2
import pytest

from chatserver.core.errors import Refused
from chatserver.services import partaking
from chatserver.services.portal import Portal
from chatserver.settings import Settings
from chatserver.store import files as rows_of_files
from chatserver.store.base import StoreFailed
from chatserver.store.work import Who
from chatserver.web.headers import STRICT
from chatserver.web.portal import uploads
from chatserver.web.portal.forms import ANSWERS_MAX, BODY_BYTES
from chatserver.web.portal.ticket import PAGE as HISTORY_PAGE
from chatserver.web.portal.tickets import PAGE
from tests.harness.letters import Mailbox
from tests.web.conftest import HOME, Served, started
from tests.web.portal_visitor import ADDRESS, ANA, OWN, PASSWORD, Desk, Visitor, fields

# — the door ———————————————————————————————————————————————————————————————————


def test_who_is_not_signed_in_is_asked_to_and_comes_back_where_they_wanted(served: Served) -> None:
    number = Visitor(served).signs_up(ADDRESS).writes()
    visitor = Visitor(served).opens(f"tickets/{number}")
    assert visitor.at == "/sign-in"
    visitor.posts("sign-in", email=ADDRESS, password=PASSWORD)
    assert visitor.at == f"/tickets/{number}"


def test_the_link_of_a_mail_about_a_closed_ticket_leads_to_a_new_one_that_follows_it(served: Served) -> None:
    number = Visitor(served).signs_up(ADDRESS).writes()
    visitor = Visitor(served).opens(f"new?follows={number}")
    assert visitor.at == "/sign-in"
    visitor.posts("sign-in", email=ADDRESS, password=PASSWORD)
    assert visitor.shows(f"Continúa el ticket #{number}.")


def test_signing_in_leads_to_pages_of_this_portal_only(served: Served) -> None:
    Visitor(served).signs_up(ADDRESS)
    for place in (
        "https://evil.test",
        "//evil.test",
        "../demo",
        "sign-out",
        "tickets/1/reply",
        "new?x",
        "new?follows=1&x",
    ):
        visitor = Visitor(served).opens(f"sign-in?place={place}")
        visitor.posts("sign-in", email=ADDRESS, password=PASSWORD, place=place)
        assert visitor.at == "", place


def test_wrong_password_and_unknown_address_say_the_same_and_keep_the_address(served: Served) -> None:
    Visitor(served).signs_up(ADDRESS)
    said = []
    for address in (ADDRESS, "nadie@empresa.test"):
        visitor = Visitor(served).signs_in(address, "otra cosa larga")
        assert visitor.status == 401
        assert fields(visitor.page, visitor.path("sign-in"))["email"] == address
        assert "otra cosa larga" not in visitor.page
        said.append(re.sub(r'value="[^"]*"', "", visitor.page))
    assert said[0] == said[1]


@pytest.mark.parametrize("place", ["sign-in", "sign-up", "forgotten", "link?t=" + "x" * 43])
def test_who_has_no_account_yet_is_told_nothing_of_their_confirmed_addresses(
    served: Served, place: str
) -> None:
    visitor = Visitor(served).opens(place)
    assert visitor.shows("Correo")
    assert not visitor.shows("confirmados")
    assert 'id="email-hint"' not in visitor.page


def test_asking_for_a_link_answers_the_same_whoever_the_address_is_of(served: Served) -> None:
    Visitor(served).signs_up(ADDRESS)
    for place in ("sign-up", "forgotten"):
        pages = []
        for address in (ADDRESS, "nadie@empresa.test"):
            visitor = Visitor(served).opens(place).posts(place, email=address)
            assert visitor.status == 200
            pages.append(visitor.page.replace(address, "…"))
        assert pages[0] == pages[1]


def test_whoever_tries_too_often_is_told_how_long_to_wait(settings: Settings, static: object) -> None:
    with started(settings, static, sign_in_tries=2) as served:  # type: ignore[arg-type]
        for _ in range(2):
            assert Visitor(served).signs_in(ADDRESS, "otra").status == 401
        visitor = Visitor(served).signs_in(ADDRESS, "otra")
        assert visitor.status == 429
        assert visitor.shows("Vuelve a intentarlo en 8 min.")


@pytest.mark.parametrize("address", ["v@v.com，b.com", "b＠gmail.com", "a@ex＜b＞.com"])
def test_nobody_signs_up_with_what_mail_programs_read_as_another_address(
    served: Served, desk: Desk, address: str
) -> None:
    visitor = Visitor(served).opens("sign-up").posts("sign-up", email=address)
    assert visitor.shows("Escribe un correo completo, como nombre@empresa.com.")
    assert desk.rows("SELECT * FROM outbox") == desk.rows("SELECT * FROM links") == []


def test_a_link_leaves_the_address_bar_at_once_and_is_not_used_up_by_being_looked_at(served: Served) -> None:
    Visitor(served).opens("sign-up").posts("sign-up", email=ADDRESS)
    link = served.mail.link(ADDRESS)
    for _ in range(3):  # programs that guard mailboxes
        robot = Visitor(served)
        answer = robot.client.get(link, follow_redirects=False)
        assert (answer.status_code, answer.headers["referrer-policy"]) == (303, "no-referrer")
        assert "t=" not in answer.headers["location"]
    visitor = Visitor(served).opens(link)
    assert visitor.at == "/welcome"
    assert served.mail.token(ADDRESS) not in visitor.page
    visitor.posts("welcome", name="Ana", password=PASSWORD)
    assert visitor.at == ""
    again = Visitor(served).opens(link)
    assert (again.status, again.shows("Este enlace ya no sirve")) == (410, True)


def test_who_comes_with_a_link_that_is_over_is_told_so_and_can_sign_in_or_ask_for_another(
    served: Served, ana: Visitor
) -> None:
    used = served.mail.link(ADDRESS)
    pages, visitor = [], Visitor(served)
    for address in (ADDRESS, "nadie@empresa.test"):  # one that is known, and one that is not
        visitor = Visitor(served).opens(f"{used}&place=tickets/1001")
        assert visitor.status == 410
        assert visitor.shows("Este ya se usó o venció.")
        assert 'href="/portal/demo/sign-in?place=tickets/1001"' in visitor.page
        visitor.posts("link", email=address)
        assert visitor.shows(f"Enviamos un mensaje a {address}.")
        pages.append(visitor.page.replace(address, "…"))
    assert pages[0] == pages[1], "nothing tells which of them is known"
    kinds = [served.mail.to(address)[-1].kind for address in (ADDRESS, "nadie@empresa.test")]
    assert kinds == ["reset", "sign_up"]
    asked = served.mail.link("nadie@empresa.test")
    assert asked.endswith("&place=tickets/1001"), "the way on is not lost"
    visitor.opens(asked).posts("welcome", name="Nadie", password=PASSWORD)
    assert (visitor.at, visitor.status) == ("/tickets/1001", 404), "and it opens nobody else's ticket"


def test_another_link_is_asked_for_as_any_is(served: Served) -> None:
    visitor = Visitor(served).opens("link?t=nada").posts("link", email="no es correo")
    assert (visitor.status, visitor.shows("Escribe un correo completo")) == (400, True)
    for _ in range(3):
        visitor.opens("link").posts("link", email=ADDRESS)
    visitor.opens("link").posts("link", email=ADDRESS)
    assert (visitor.status, visitor.shows("Demasiados intentos.")) == (429, True)


def test_who_is_signed_in_is_shown_where_an_address_is_confirmed_anew(ana: Visitor) -> None:
    ana.opens("link?t=nada")
    assert ana.status == 410
    assert ana.shows("pide otro enlace en tu perfil")
    assert 'action="/portal/demo/link"' not in ana.page


@pytest.mark.parametrize("place", ["//malo.test", "https://malo.test", "sign-out", "tickets/1/reply"])
def test_a_link_leads_on_to_pages_of_the_portal_only(served: Served, place: str) -> None:
    visitor = Visitor(served).opens("sign-up").posts("sign-up", email=ADDRESS)
    visitor.opens(f"{served.mail.link(ADDRESS)}&place={place}")
    assert (visitor.at, place in visitor.page) == ("/welcome", False)
    visitor.sends(
        "welcome",
        fields(visitor.page, visitor.path("welcome")) | {"name": "Ana", "password": PASSWORD, "place": place},
    )
    assert visitor.at == ""


def test_what_is_wrong_with_a_new_account_stands_at_the_field_and_the_rest_is_kept(served: Served) -> None:
    visitor = Visitor(served).opens("sign-up").posts("sign-up", email=ADDRESS)
    visitor.opens(served.mail.link(ADDRESS)).posts("welcome", name="Ana Ruiz", password="corta")
    assert visitor.status == 400
    assert fields(visitor.page, visitor.path("welcome"))["name"] == "Ana Ruiz"
    assert 'aria-describedby="password-hint password-error"' in visitor.page
    assert visitor.shows("Usa al menos 8 caracteres.")
    visitor.posts("welcome", password=PASSWORD)
    assert visitor.at == ""


@pytest.mark.parametrize("password", [PASSWORD, "corta"])
def test_a_form_of_one_link_never_spends_another_that_was_opened_meanwhile(
    served: Served, password: str
) -> None:
    links = {}
    for address in ("victima@empresa.test", "eva@malo.test"):
        Visitor(served).opens("sign-up").posts("sign-up", email=address)
        links[address] = served.mail.link(address)
    victim = Visitor(served).opens(links["victima@empresa.test"])
    assert victim.shows("victima@empresa.test")
    elsewhere = {"accept": "text/html", "sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate"}
    victim.client.get(links["eva@malo.test"], headers=elsewhere)
    victim.posts("welcome", name="Víctor", password=password)
    assert (victim.status, victim.at) == (409, "/welcome")
    assert victim.shows("Mientras tanto se abrió otro enlace")
    assert victim.shows("eva@malo.test")
    assert fields(victim.page, victim.path("welcome"))["name"] == "Víctor"
    assert password not in victim.page
    assert Visitor(served).signs_in("eva@malo.test").status == 401, "nobody made an account of Eva's"
    victim.opens(links["victima@empresa.test"]).posts("welcome", name="Víctor", password=PASSWORD)
    assert victim.opens("profile").shows("victima@empresa.test")


def test_another_password_is_for_the_account_that_the_form_named(served: Served, ana: Visitor) -> None:
    Visitor(served).signs_up("eva@malo.test", "Eva")
    other = Visitor(served)
    for address in ("eva@malo.test", ADDRESS):
        other.opens("forgotten").posts("forgotten", email=address)
    other.opens(served.mail.link(ADDRESS))
    form = other.page
    other.opens(served.mail.link("eva@malo.test"))
    other.sends(
        "new-password", fields(form, other.path("new-password")) | {"password": "otra frase muy larga"}
    )
    assert (other.status, other.shows("eva@malo.test")) == (409, True)
    assert Visitor(served).signs_in("eva@malo.test").at == "", "her password is the one she had"
    other.posts("new-password", password="otra frase muy larga")
    assert other.opens("profile").shows("eva@malo.test")


def test_of_two_addresses_the_one_that_the_form_named_is_confirmed(served: Served, ana: Visitor) -> None:
    for address in ("ana@casa.test", "ana@otra.test"):
        ana.opens("profile").posts("profile/addresses", email=address, old=PASSWORD, do="add")
    ana.opens(served.mail.link("ana@casa.test"))
    form = fields(ana.page, ana.path("confirm"))
    ana.opens(served.mail.link("ana@otra.test"))
    ana.sends("confirm", form)
    assert (ana.status, ana.shows("ana@otra.test")) == (409, True)
    assert ana.shows("Mientras tanto se abrió otro enlace")
    assert Visitor(served).signs_in("ana@otra.test").status == 401
    ana.posts("confirm")
    assert ana.shows("La dirección es tuya.")


def test_a_forgotten_password_is_replaced_and_other_browsers_are_out(served: Served, ana: Visitor) -> None:
    other = Visitor(served).opens("forgotten").posts("forgotten", email=ADDRESS)
    other.opens(served.mail.link(ADDRESS)).posts("new-password", password="otra frase larga")
    assert other.at == ""
    assert ana.opens().at == "/sign-in"
    assert Visitor(served).signs_in(ADDRESS).status == 401
    assert Visitor(served).signs_in(ADDRESS, "otra frase larga").at == ""


def test_without_a_mail_server_the_portal_says_so(settings: Settings, static: object) -> None:
    with started(settings, static, mail=Mailbox(sends=False)) as served:  # type: ignore[arg-type]
        for place in ("sign-up", "forgotten"):
            visitor = Visitor(served).opens(place)
            assert visitor.shows("Este servidor todavía no puede enviar correos")
            assert "<button" not in visitor.page
            signed = fields(Visitor(served).opens("sign-in").page, visitor.path("sign-in"))
            assert visitor.sends(place, {"email": ADDRESS, "csrf": signed["csrf"]}).status in (403, 503)
        assert served.mail.letters == []


def test_over_plain_http_from_elsewhere_no_password_is_taken(settings: Settings, static: object) -> None:
    with started(settings, static, "http://10.0.0.7:8000", host="10.0.0.7") as served:  # type: ignore[arg-type]
        visitor = Visitor(served).opens("sign-in")
        visitor.posts("sign-in", {"origin": "http://10.0.0.7:8000"}, email=ADDRESS, password=PASSWORD)
        assert visitor.status == 403
        assert visitor.shows("https")


def test_over_https_cookies_are_bound_to_the_host(settings: Settings, static: object) -> None:
    public = "https://chat.example.com"
    with started(settings, static, public, public_url=public) as served:  # type: ignore[arg-type]
        visitor = Visitor(served).opens("sign-up")
        own = {"origin": public}
        visitor.posts("sign-up", own, email=ADDRESS)
        link = served.mail.link(ADDRESS)
        assert link.startswith(public)
        visitor.opens(link).posts("welcome", own, name="Ana", password=PASSWORD)
        names = {cookie.name for cookie in visitor.client.cookies.jar}
        assert names == {"__Host-portal-1", "__Host-portal-form"}
        for cookie in visitor.client.cookies.jar:
            assert (cookie.secure, cookie.path, cookie.domain_specified) == (True, "/", False)


def test_a_link_leads_to_our_own_address_whatever_host_a_request_named(
    settings: Settings, static: object
) -> None:
    public = "https://chat.example.com"
    with started(settings, static, "http://localhost:8000", public_url=public) as served:  # type: ignore[arg-type]
        visitor = Visitor(served).opens("sign-up")
        visitor.posts("sign-up", {"origin": "http://localhost:8000"}, email=ADDRESS)
        assert served.mail.link(ADDRESS).startswith(f"{public}/portal/demo/link?t=")


def test_every_cookie_is_kept_from_scripts_and_other_sites(served: Served) -> None:
    visitor = Visitor(served).opens("sign-up?lang=pt").posts("sign-up", email=ADDRESS)
    seen = []
    for url in ("sign-in?lang=en", served.mail.link(ADDRESS)):
        answer = Visitor(served).client.get(
            url if url.startswith("http") else visitor.path(url), follow_redirects=False
        )
        seen += answer.headers.get_list("set-cookie")
    assert len(seen) == 3
    assert all("HttpOnly" in cookie and "SameSite=lax" in cookie for cookie in seen)


def test_signing_out_ends_the_session_itself(served: Served, ana: Visitor) -> None:
    held = dict(ana.client.cookies)
    ana.opens().posts("sign-out")
    assert ana.at == "/sign-in"
    thief = Visitor(served)
    thief.client.cookies.update(held)
    assert thief.opens().at == "/sign-in"


def test_every_page_of_who_is_signed_in_has_the_strict_policy_and_is_kept_by_nobody(ana: Visitor) -> None:
    number = ana.writes()
    for place in ("", "new", "profile", f"tickets/{number}", "?q=x", "sign-up", "tickets/9", "confirm"):
        ana.opens(place)
        assert ana.answer is not None
        headers = ana.answer.headers
        assert headers["content-security-policy"] == STRICT
        assert headers["cache-control"] == "no-store"
        assert not re.search(r"<style|\sstyle=|\son[a-z]+=|javascript:", ana.page, re.IGNORECASE), place
        assert all("src=" in tag for tag in re.findall(r"<script[^>]*>", ana.page))


# — a new ticket ———————————————————————————————————————————————————————————————


def test_a_new_ticket_is_in_the_list_and_at_the_agents(served: Served, ana: Visitor, desk: Desk) -> None:
    number = ana.writes("No puedo <b>facturar</b>", "Sale un error.\nDesde ayer.")
    assert ana.shows("Recibimos tu ticket")
    assert desk.rows("SELECT subject, mode, email FROM tickets") == [
        ("No puedo <b>facturar</b>", "later", ADDRESS)
    ]
    assert ana.opens().shows("No puedo <b>facturar</b>")
    assert "<b>facturar" not in ana.page
    assert f"tickets/{number}" in ana.page


def test_the_same_form_sent_twice_is_one_ticket(ana: Visitor, desk: Desk) -> None:
    form = fields(ana.opens("new").page, ana.path("new")) | {
        "subject": "Una factura",
        "text": "Hola",
        "type": "incident",
    }
    assert {ana.sends("new", form).at for _ in range(3)} == {"/tickets/1001"}
    assert desk.rows("SELECT count(*) FROM tickets") == [(1,)]


def test_errors_stand_at_their_fields_and_nothing_typed_is_lost(ana: Visitor, desk: Desk) -> None:
    ana.opens("new").posts("new", subject="No", text="Un texto largo\ny otra línea")
    assert ana.status == 400
    form = fields(ana.page, ana.path("new"))
    assert (form["subject"], form["text"]) == ("No", "Un texto largo\ny otra línea")
    assert 'id="subject-error"' in ana.page
    assert 'id="text-error"' not in ana.page
    cid = form["cid"]
    ana.posts("new", subject="", text="x" * 8001)
    assert fields(ana.page, ana.path("new"))["cid"] == cid
    assert ana.shows("Escribe el asunto.")
    assert ana.shows("caben 8000 caracteres")
    assert desk.rows("SELECT count(*) FROM tickets") == [(0,)]


def test_cancelling_asks_first_and_gives_all_back_to_who_goes_on(ana: Visitor) -> None:
    ana.opens("new")
    form = fields(ana.page, ana.path("new"))
    assert ana.sends("new/discard", form).at == ""
    typed = form | {"subject": "Una factura", "text": "Sale «error»\nsiempre"}
    ana.sends("new/discard", typed)
    assert ana.shows("¿Descartar este ticket?")
    ana.posts("new/discard", sure="no")
    kept = fields(ana.page, ana.path("new"))
    assert {k: kept[k] for k in ("subject", "text", "cid")} == {
        k: typed[k] for k in ("subject", "text", "cid")
    }
    ana.sends("new/discard", typed | {"sure": "yes"})
    assert ana.at == ""


def test_too_many_tickets_wait_and_lose_nothing(ana: Visitor, served: Served) -> None:
    for _ in range(20):
        ana.writes()
    ana.opens("new").posts("new", subject="La número 21", text="Hola", type="question")
    assert ana.status == 429
    assert fields(ana.page, ana.path("new"))["subject"] == "La número 21"
    assert ana.shows("Vuelve a intentarlo en 3 min.")
    served.clock.elapse(180)
    ana.posts("new")
    assert ana.at == "/tickets/1021"


def test_who_came_from_the_widget_without_an_address_is_told_what_to_do(served: Served) -> None:
    visitor = from_widget(served, "ana")
    visitor.opens("new").posts("new", subject="Una factura", text="Hola")
    assert visitor.status == 400
    assert visitor.shows("añade y confirma antes un correo")
    assert fields(visitor.page, visitor.path("new"))["text"] == "Hola"


# — my tickets —————————————————————————————————————————————————————————————————


def test_the_list_is_empty_with_a_way_on(ana: Visitor) -> None:
    ana.opens()
    assert ana.shows("Todavía no tienes tickets")
    assert ana.page.count('href="/portal/demo/new"') == 2


def test_filters_count_and_search_finds_words_without_accents_and_numbers(ana: Visitor, desk: Desk) -> None:
    first = ana.writes("Facturación electrónica de mayo")
    second = ana.writes("La impresora no responde")
    desk.takes(second)
    desk.says(second, "Hola")
    desk.closes(second)

    def found(query: str) -> list[int]:
        return [int(n) for n in re.findall(r"/tickets/(\d+)\"", ana.opens(query).page)]

    assert found("") == [second, first]
    assert re.findall(r'class="count">(\d+)<', ana.page) == ["2", "1", "1"]
    assert found("?state=open") == [first]
    assert found("?state=closed") == [second]
    assert found("?state=pending") == []
    assert found("?q=facturacion") == [first]
    assert found("?q=MAYO+ELECTRONICA") == [first]
    assert found(f"?q=%23{second}") == [second]
    assert found(f"?q={second}&state=open") == []
    assert found("?q=nada") == []
    assert ana.shows("Nada coincide con «nada»")
    assert found("?q=%3Cscript%3E&state=nonsense&before=abc") == []
    assert "<script>" not in ana.page
    assert found("?state=open&q=" + "%F0%9F%98%80" * 500) == []


def test_pages_hold_all_tickets_once(ana: Visitor, served: Served) -> None:
    for number in range(PAGE * 2 + 3):
        ana.writes(f"Ticket {number}")
        served.clock.elapse(200)
    seen: list[str] = []
    place = ""
    while True:
        seen += re.findall(r"/tickets/(\d+)\"", ana.opens(place).page)
        more = re.search(r'href="/portal/demo([^"]*)" rel="next"', ana.page)
        if more is None:
            break
        place = html.unescape(more[1])
    assert seen == [str(1001 + n) for n in reversed(range(PAGE * 2 + 3))]


# — one ticket —————————————————————————————————————————————————————————————————


def test_an_answer_is_shown_with_who_gave_it_and_read_by_opening_it(ana: Visitor, desk: Desk) -> None:
    number = ana.writes()
    desk.takes(number)
    desk.says(number, "Mira https://cuadra.test/a?b=1&c=2, por favor.")
    assert 'class="badge"' in ana.opens().page
    ana.opens(f"tickets/{number}")
    assert ana.shows("Ana Ríos")
    assert 'href="https://cuadra.test/a?b=1&amp;c=2"' in ana.page
    assert ana.shows("Te atiende Ana Ríos")
    assert 'class="badge"' not in ana.opens().page
    assert desk.rows("SELECT customer_unread, customer_seen = last_seq FROM tickets") == [(0, 1)]


def test_a_reply_sent_twice_is_one_message_and_of_two_boxes_nothing_is_lost(ana: Visitor, desk: Desk) -> None:
    number = ana.writes()
    reply = f"tickets/{number}/reply"
    form = fields(ana.opens(f"tickets/{number}").page, ana.path(reply))
    for _ in range(3):
        ana.sends(reply, form | {"text": "Sigue igual", "top": ""})
        assert ana.status == 200
    said = "SELECT text FROM items WHERE kind = 'message' ORDER BY seq"
    assert desk.rows(said)[1:] == [("Sigue igual",)]
    ana.opens(f"tickets/{number}").posts(reply, top="Arriba", text="Abajo")
    ana.opens(f"tickets/{number}").posts(reply, top="Igual", text="Igual")
    ana.opens(f"tickets/{number}").posts(reply, top="Solo arriba", text="")
    assert desk.rows(said)[2:] == [("Arriba\n\nAbajo",), ("Igual",), ("Solo arriba",)]


@pytest.mark.parametrize(("text", "said"), [("", "Escribe tu mensaje."), ("x" * 8001, "caben 8000")])
def test_a_reply_that_is_refused_stays_in_its_box(ana: Visitor, text: str, said: str) -> None:
    number = ana.writes()
    reply = f"tickets/{number}/reply"
    ana.opens(f"tickets/{number}").posts(reply, text=text)
    assert ana.status == 400
    assert ana.shows(said)
    assert fields(ana.page, ana.path(reply))["text"] == text


def test_who_writes_too_fast_waits_and_loses_nothing(settings: Settings, static: object) -> None:
    with started(settings, static, messages_burst=2, messages_per_minute=6) as served:  # type: ignore[arg-type]
        ana = Visitor(served).signs_up(ADDRESS)
        number = ana.writes()
        reply = f"tickets/{number}/reply"
        for text in ("uno", "dos", "tres"):
            ana.opens(f"tickets/{number}").posts(reply, text=text)
        assert ana.status == 429
        assert ana.shows("Vuelve a intentarlo en 10 s.")
        assert fields(ana.page, ana.path(reply))["text"] == "tres"


def test_a_ticket_that_waits_for_its_customer_says_so(ana: Visitor, served: Served) -> None:
    number = ana.writes()
    with closing(sqlite3.connect(served.settings.database_path)) as database, database:
        database.execute("UPDATE tickets SET state = 'pending'")
    ana.opens(f"tickets/{number}")
    assert "Esperamos tu respuesta para seguir." in ana.page
    assert ana.opens("?state=pending").shows("Pendientes")
    assert f"tickets/{number}" in ana.page


def test_the_question_whether_it_is_solved_closes_and_asks_for_a_rating(ana: Visitor, desk: Desk) -> None:
    number = ana.writes()
    desk.takes(number)
    desk.proposes(number)
    ana.opens(f"tickets/{number}").posts(f"tickets/{number}/answer", solved="no")
    assert ana.shows("Indicaste que sigue pendiente.")
    desk.proposes(number)
    ana.opens(f"tickets/{number}")
    stale_form = fields(ana.page, ana.path(f"tickets/{number}/answer"))
    ana.posts(f"tickets/{number}/answer", solved="yes")
    assert desk.rows("SELECT state, close_reason FROM tickets") == [("closed", "solved")]
    ana.sends(f"tickets/{number}/answer", stale_form | {"solved": "yes"})
    assert ana.status == 409
    assert ana.shows("Este ticket ya está cerrado.")

    rating = f"tickets/{number}/rating"
    ana.opens(f"tickets/{number}").posts(rating, comment="Rápido")
    assert ana.status == 400
    assert ana.shows("Elige de 1 a 5 estrellas.")
    assert fields(ana.page, ana.path(rating))["comment"] == "Rápido"
    ana.posts(rating, stars="4")
    assert ana.shows("Gracias por tu calificación.")
    ana.opens(f"tickets/{number}").posts(rating, stars="5", comment="Muy rápido")
    assert desk.rows("SELECT stars, comment FROM tickets") == [(5, "Muy rápido")]
    ana.sends(rating, fields(ana.page, ana.path(rating)) | {"stars": "6"})
    assert ana.status == 400


def test_a_rating_that_is_over_is_said_and_not_asked_for(ana: Visitor, desk: Desk, served: Served) -> None:
    number = ana.writes()
    desk.takes(number)
    desk.says(number, "Hola")
    desk.closes(number)
    form = fields(ana.opens(f"tickets/{number}").page, ana.path(f"tickets/{number}/rating"))
    served.clock.elapse(14 * 86_400)
    ana.signs_in(ADDRESS)
    ana.sends(f"tickets/{number}/rating", form | {"stars": "1"})
    assert ana.status == 409
    assert ana.shows("El plazo para calificar terminó.")
    assert 'id="rate" hidden' in ana.page


def test_a_reply_to_what_was_closed_meanwhile_goes_along_into_a_new_ticket(ana: Visitor, desk: Desk) -> None:
    number = ana.writes("La impresora")
    ana.opens(f"tickets/{number}")
    desk.takes(number)
    desk.closes(number)
    ana.posts(f"tickets/{number}/reply", text="Todavía falla\ncada hora")
    assert ana.status == 409
    assert ana.shows("Este ticket está cerrado")
    ana.posts("new")
    form = fields(ana.page, ana.path("new"))
    assert (form["subject"], form["text"], form["follows"]) == (
        "La impresora",
        "Todavía falla\ncada hora",
        str(number),
    )
    ana.posts("new")
    assert desk.rows("SELECT number, follows FROM tickets ORDER BY number") == [
        (number, 0),
        (number + 1, number),
    ]
    assert ana.shows(f"Continúa el ticket #{number}.")


def test_a_live_chat_answered_in_the_portal_is_a_live_chat_that_goes_on(served: Served, desk: Desk) -> None:
    visitor = from_widget(served, "ana")
    desk._run(status_available)
    ticket = desk._run(start_chat, "user:ana")
    visitor.opens(f"tickets/{ticket.number}").posts(f"tickets/{ticket.number}/reply", text="Desde el portal")
    assert visitor.shows("Desde el portal")
    ((mode, state, agent, last),) = desk.rows("SELECT mode, state, agent_id, last_text FROM tickets")
    assert (mode, state, agent, last) == ("live", "open", ANA, "Desde el portal")


def test_a_long_history_comes_in_pages(ana: Visitor, desk: Desk) -> None:
    number = ana.writes()
    desk.takes(number)
    for count in range(HISTORY_PAGE + 1):
        desk.says(number, f"Mensaje {count}.")
    ana.opens(f"tickets/{number}")
    assert "Mensaje 0.<" not in ana.page
    assert "Mensaje 1.<" in ana.page
    assert f"Mensaje {HISTORY_PAGE}.<" in ana.page
    earlier = re.search(r"\?before=\d+", ana.page)
    assert earlier is not None
    ana.opens(f"tickets/{number}{earlier[0]}")
    assert "Sale un error." in ana.page
    assert "Mensaje 0.<" in ana.page
    assert "Mensaje 1.<" not in ana.page


def test_the_script_hears_what_is_new_and_nothing_while_nothing_is(ana: Visitor, desk: Desk) -> None:
    number = ana.writes()
    desk.takes(number)
    page = ana.opens(f"tickets/{number}").page
    last = int(re.search(r'data-last="(\d+)"', page)[1])  # type: ignore[index]
    version = re.search(r'data-version="(\d+)"', page)[1]  # type: ignore[index]
    url = f"tickets/{number}/news?after={last}"
    desk.says(number, "Hola <b>Ana</b> https://x.test")
    told = ana.opens(url, **{"if-none-match": f'"{version}-es"'})
    assert told.status == 200
    news = json.loads(told.page)
    assert [entry["parts"] for entry in news["entries"]] == [
        [{"text": "Hola <b>Ana</b> ", "href": ""}, {"text": "https://x.test", "href": "https://x.test"}]
    ]
    assert (news["label"], news["closed"], news["asks"]) == ("Abierto", False, False)
    assert told.answer is not None
    tag = told.answer.headers["etag"]
    # That it was seen is a change of its own, which is told once.
    assert ana.opens(url, **{"if-none-match": tag}).status == 200
    assert ana.answer is not None
    assert ana.opens(url, **{"if-none-match": ana.answer.headers["etag"]}).status == 304
    desk.closes(number)
    assert json.loads(ana.opens(url).page)["closed"] is True


# — a session that ended meanwhile —————————————————————————————————————————————


def test_what_was_typed_outlives_the_session(served: Served, ana: Visitor, desk: Desk) -> None:
    number = ana.writes()
    reply = f"tickets/{number}/reply"
    ana.opens(f"tickets/{number}")
    served.clock.elapse(15 * 86_400)
    ana.posts(reply, text="Una respuesta larga\nde dos líneas")
    assert ana.status == 401
    assert ana.shows("Tu sesión terminó.")
    assert ana.shows("Una respuesta larga")
    ana.posts("sign-in", email=ADDRESS, password="mala y larga")
    assert ana.status == 401
    ana.posts("sign-in", email=ADDRESS, password=PASSWORD)
    assert ana.shows("Ya estás dentro.")
    assert fields(ana.page, ana.path(reply))["text"] == "Una respuesta larga\nde dos líneas"
    assert desk.rows("SELECT count(*) FROM items WHERE kind = 'message'") == [(1,)], "sent by itself"
    ana.posts(reply)
    assert ana.shows("Una respuesta larga")
    assert desk.rows("SELECT count(*) FROM items WHERE kind = 'message'") == [(2,)]


def test_a_new_ticket_outlives_the_session_too(served: Served, ana: Visitor) -> None:
    ana.opens("new")
    served.clock.elapse(15 * 86_400)
    ana.posts("new", subject="Una factura", text="Con todo lo que escribí", type="request")
    ana.posts("sign-in", email=ADDRESS, password=PASSWORD)
    form = fields(ana.page, ana.path("new"))
    assert (form["subject"], form["text"]) == ("Una factura", "Con todo lo que escribí")
    ana.posts("new")
    assert ana.at == "/tickets/1001"


def test_text_carried_into_somebody_elses_session_is_theirs_to_copy_and_posted_nowhere(
    served: Served, ana: Visitor, desk: Desk
) -> None:
    number = ana.writes()
    ana.opens(f"tickets/{number}")
    Visitor(served).signs_up("eva@empresa.test", "Eva")
    served.clock.elapse(15 * 86_400)
    ana.posts(f"tickets/{number}/reply", text="Solo para soporte")
    ana.posts("sign-in", email="eva@empresa.test", password=PASSWORD)
    assert ana.status == 404
    assert ana.shows("Solo para soporte")
    assert desk.rows("SELECT count(*) FROM items WHERE kind = 'message'") == [(1,)]


def test_a_form_whose_cookie_is_gone_is_shown_again_with_all_that_was_typed(ana: Visitor, desk: Desk) -> None:
    ana.opens("new")
    del ana.client.cookies["portal-form"]
    ana.posts("new", subject="Una factura", text="Hola «mundo»", type="request")
    assert ana.status == 403
    assert ana.shows("No perdiste nada")
    assert desk.rows("SELECT count(*) FROM tickets") == [(0,)]
    ana.posts("new")
    assert ana.at == "/tickets/1001"


# — profile ————————————————————————————————————————————————————————————————————


def test_name_and_language_are_kept_wherever_one_signs_in(served: Served, ana: Visitor) -> None:
    ana.opens("profile").posts("profile", name="Ana María Ruiz", language="pt")
    assert ana.shows("Salvamos seus dados.")
    other = Visitor(served).signs_in(ADDRESS)
    assert '<html lang="pt-BR">' in other.page
    assert other.opens("profile").shows("Ana María Ruiz")
    assert '<html lang="en">' in other.opens("?lang=en").page
    assert '<html lang="en">' in other.opens().page


def test_an_address_is_added_with_the_password_confirmed_by_its_mail_and_then_signs_in(
    served: Served, ana: Visitor
) -> None:
    ana.opens("profile").posts("profile/addresses", email="ana@casa.test", old="mala", do="add")
    assert ana.status == 400
    assert ana.shows("Esa no es tu contraseña actual.")
    assert served.mail.to("ana@casa.test") == []
    ana.posts("profile/addresses", email="ana@casa.test", old=PASSWORD, do="add")
    assert ana.shows("Te enviamos un enlace.")
    (letter,) = served.mail.to("ana@casa.test")
    assert (letter.kind, letter.about) == ("confirm", ADDRESS)
    assert Visitor(served).signs_in("ana@casa.test").status == 401
    ana.opens(letter.link).posts("confirm")
    assert ana.shows("La dirección es tuya.")
    assert served.mail.to(ADDRESS)[-1].kind == "address_added"
    assert Visitor(served).signs_in("ana@casa.test").at == ""
    ana.posts("profile/addresses", email="ana@casa.test", do="primary")
    ana.posts("profile/addresses", email=ADDRESS, do="remove")
    assert Visitor(served).signs_in(ADDRESS).status == 401


def test_another_password_asks_for_the_old_one_and_ends_other_sessions(served: Served, ana: Visitor) -> None:
    other = Visitor(served).signs_in(ADDRESS)
    ana.opens("profile").posts("profile/password", old="mala", password="otra frase larga")
    assert ana.shows("Esa no es tu contraseña actual.")
    ana.posts("profile/password", old=PASSWORD, password="otra frase larga")
    assert ana.shows("Cambiamos tu contraseña.")
    assert other.opens().at == "/sign-in"
    assert ana.opens().at == ""
    assert served.mail.letters[-1].kind == "password_changed"


def test_a_confirming_link_serves_only_who_asked_for_it(served: Served, ana: Visitor) -> None:
    evil = Visitor(served).signs_up("evil@evil.test", "Eva")
    evil.opens("profile").posts("profile/addresses", email=ADDRESS, old=PASSWORD, do="add")
    link = served.mail.link(ADDRESS)
    for victim in (ana, Visitor(served).signs_in(ADDRESS)):
        victim.opens(link)
        assert victim.status == 403
        assert victim.shows("Este enlace es de otra cuenta")
        form = fields(victim.opens("profile").page, victim.path("profile"))
        victim.sends("confirm", {"csrf": form["csrf"]})
        assert victim.status == 410
    nobody = Visitor(served).opens(link)
    assert nobody.at == "/sign-in"
    assert evil.opens().shows("Todavía no tienes tickets")


# — from the widget ————————————————————————————————————————————————————————————


def from_widget(served: Served, sub: str) -> Visitor:
    from chatserver.services.identity import Session, session_tokens

    visitor = Visitor(served)
    expires = served.clock.now // 1000 + 86_400
    token = session_tokens("s" * 40).sign(Session("demo", f"user:{sub}", expires, sub.title()))
    visitor.sends("enter", {"token": token})
    return visitor


def test_the_widgets_verified_user_is_in_by_one_post_of_our_own_page(served: Served) -> None:
    visitor = from_widget(served, "ana")
    assert (visitor.at, visitor.shows("Mis tickets")) == ("", True)
    stranger = Visitor(served)
    stranger.sends("enter", {"token": "user:ana"})
    assert stranger.at == "/sign-in"
    foreign = Visitor(served)
    foreign.sends("enter", {"token": "x"}, {"origin": "https://evil.test"})
    assert foreign.status == 403


# — what programs send —————————————————————————————————————————————————————————


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"origin": "https://evil.test"},
        {"origin": "null"},
        {"sec-fetch-site": "cross-site", "origin": HOME},
        {"sec-fetch-site": "same-site", "origin": HOME},
        {"sec-fetch-site": "none"},
        {"origin": f"{HOME}0"},
    ],
)
def test_a_form_from_elsewhere_changes_nothing(ana: Visitor, desk: Desk, headers: dict[str, str]) -> None:
    ana.opens("new").posts("new", headers, subject="Una factura", text="Hola", type="request")
    assert ana.status == 403
    assert desk.rows("SELECT count(*) FROM tickets") == [(0,)]


def test_a_form_with_another_browsers_token_changes_nothing(served: Served, ana: Visitor, desk: Desk) -> None:
    other = fields(Visitor(served).opens("sign-in").page, "/portal/demo/sign-in")["csrf"]
    for token in (other, "", "x", other[:-1]):
        ana.opens("new").posts("new", subject="Una factura", text="Hola", type="request", csrf=token)
        assert ana.status == 403
    assert desk.rows("SELECT count(*) FROM tickets") == [(0,)]


def test_bodies_that_are_no_forms_of_ours_are_refused(ana: Visitor) -> None:
    ana.opens("new")
    form = fields(ana.page, ana.path("new"))
    assert ana.sends("new", form | {"text": "x" * BODY_BYTES}).status == 413
    many = {f"f{number}": "" for number in range(ANSWERS_MAX + 1)}
    assert ana.sends("new", many).status == 400
    for kind, status in (
        ("application/json", 415),
        ("text/plain", 415),
        ("", 415),
        ("multipart/form-data; boundary=x", 400),
    ):
        answer = ana.client.post(ana.path("new"), content=b"subject=x", headers={**OWN, "content-type": kind})
        assert answer.status_code == status, kind
    answer = ana.client.post(
        ana.path("new"),
        content=b"csrf=%ff&subject=%00%ed%a0%80;&&=&=&text",
        headers={**OWN, "content-type": "application/x-www-form-urlencoded"},
    )
    assert answer.status_code == 403


def test_the_largest_text_of_the_widest_characters_is_taken(ana: Visitor, desk: Desk) -> None:
    ana.opens("new").posts("new", subject="Una factura", text="😀" * 8000, type="request")
    assert ana.at == "/tickets/1001"
    ana.posts("tickets/1001/reply", top="😀" * 8000, text="😀" * 8000)
    assert ana.status == 200
    assert desk.rows("SELECT count(*) FROM items WHERE length(text) = 8000") == [(2,)]


async def status_available(house: object) -> None:
    from chatserver.services import pairing

    await pairing.agent_connected(house, ANA)  # type: ignore[arg-type]
    await pairing.set_status(house, ANA, "available")  # type: ignore[arg-type]


async def start_chat(house: object, key: str) -> object:
    from chatserver.services import tickets
    from chatserver.store.work import Who

    return await tickets.start(
        house,  # type: ignore[arg-type]
        Who(1, key, "Ana"),
        cid="0" * 22,
        subject="Un chat",
        context="{}",
        connected=True,
    )


@pytest.mark.parametrize("place", ["", "tickets/{}"])
def test_what_is_mailed_while_somebody_is_signed_in_is_theirs_when_they_look(
    served: Served, ana: Visitor, place: str
) -> None:
    """By the page to which its confirmation leads, or in their list; a stranger's is in neither."""
    desk = Desk(served)
    mine = desk.request(Who(1, f"mail:{ADDRESS}"), "Enviado por correo")
    other = desk.request(Who(1, "mail:eva@empresa.test"), "Enviado por Eva")
    assert ana.opens(place.format(mine)).shows("Enviado por correo")
    assert not ana.opens(place.format(other)).shows("Enviado por Eva")


# — when something is wrong ————————————————————————————————————————————————————


def test_an_error_is_told_within_the_portal_with_the_way_back(served: Served, ana: Visitor) -> None:
    ana.opens("tickets/9999")
    assert (ana.status, ana.shows("No encontramos esta página")) == (404, True)
    assert '<a class="button" data-kind="primary" href="/portal/demo">Ir a mis tickets</a>' in ana.page
    assert ana.opens("?lang=pt").opens("tickets/9999").shows("Não encontramos esta página")
    nobody = Visitor(served).sends("sign-in", {"email": "x"}, {"origin": "https://malo.test"})
    assert (nobody.status, nobody.shows("No se permite")) == (403, True)
    assert '<a class="button" data-kind="primary" href="/portal/demo">Ingresar</a>' in nobody.page
    # Where there is no such portal, and for programs, it stays as it was.
    elsewhere = Visitor(served, "nada").opens("tickets/1")
    assert (elsewhere.status, 'href="/portal' in elsewhere.page) == (404, False)
    ana.opens("tickets/9999", accept="application/json")
    assert ana.page.startswith('{"code":"not_found"')


def test_what_is_too_large_is_called_so(served: Served, ana: Visitor) -> None:
    ana.opens("new")
    answer = ana.client.post(
        ana.path("new"),
        data={"text": "x" * (BODY_BYTES + 1)},
        headers={"accept": "text/html", **OWN},
    )
    assert answer.status_code == 413
    assert "Es demasiado grande" in answer.text


def test_what_cannot_be_stored_just_now_is_shown_again_to_be_sent_later(
    served: Served, ana: Visitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    number = ana.writes()
    desk = Desk(served)
    desk.takes(number)
    desk.says(number, "¿Cuál es el RFC?")

    async def fails(*_: object, **__: object) -> object:
        raise StoreFailed("disk full")

    ana.opens(f"tickets/{number}")
    desk.says(number, "¿Sigues ahí?")
    with monkeypatch.context() as full:
        full.setattr(served.app.state.hub.house.store, "write", fails)
        ana.posts(f"tickets/{number}/reply", text="Un texto largo <b>")
        assert (ana.status, ana.shows("No pudimos guardarlo")) == (503, True)
        assert fields(ana.page, ana.path(f"tickets/{number}/reply"))["text"] == "Un texto largo <b>"
        again = Visitor(served)
        again.client.cookies.update(ana.client.cookies)
        assert again.opens(f"tickets/{number}").shows("¿Sigues ahí?"), "it can be read all the same"
        assert again.opens().status == 200
    ana.posts(f"tickets/{number}/reply")
    assert ana.at == f"/tickets/{number}"
    assert ana.shows("Un texto largo <b>")


@pytest.mark.parametrize(
    ("asked", "shown"),
    [
        ("tickets/{}/reply", "/tickets/{}"),
        ("tickets/{}/rating", "/tickets/{}"),
        ("profile/password", "/profile"),
        ("new/discard", "/new"),
        ("sign-out", ""),
    ],
)
def test_where_a_form_is_posted_to_its_page_is_shown(ana: Visitor, asked: str, shown: str) -> None:
    """After an error its address stands there, and people ask for it again."""
    number = ana.writes()
    assert ana.opens(asked.format(number)).at == shown.format(number)
    assert ana.status == 200


@pytest.mark.parametrize("where", ["session", "use case"])
def test_whatever_goes_wrong_with_a_form_what_was_typed_is_there_again(
    served: Served, ana: Visitor, monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    """The database is away from the first question on, or something unforeseen happens in the middle."""
    number = ana.writes()
    ana.opens(f"tickets/{number}")
    csrf = fields(ana.page, ana.path(f"tickets/{number}/reply"))["csrf"]

    async def is_away(*_: object, **__: object) -> object:
        raise OSError("the database is away")

    with monkeypatch.context() as away:
        if where == "session":
            away.setattr(Portal, "session", is_away)
        else:
            away.setattr(served.app.state.hub.house.store, "write", is_away)
            away.setattr(rows_of_files, "add", is_away)
        ana.posts(f"tickets/{number}/reply", text="Un texto largo")
        assert (ana.status, ana.shows("No pudimos guardarlo")) == (503, True)
        assert not ana.shows("Tu sesión terminó")
        assert re.search(r"<code>[0-9a-f]{12}</code>", ana.page)
        sent = by_script(ana, csrf)
        assert (sent.status_code, sent.json()["code"]) == (503, "unavailable")
    ana.posts(f"tickets/{number}/reply")
    assert ana.at == f"/tickets/{number}"
    assert ana.page.count("Un texto largo") >= 1


def by_script(visitor: Visitor, csrf: str) -> httpx2.Response:
    """A file as the page's script sends it: it hears a bare status, and keeps what it has."""
    return visitor.client.post(
        visitor.path("files"),
        data={"cid": "a" * 22, "csrf": csrf},
        files={"attached": ("a.txt", b"Una nota")},
        headers={"accept": "application/json", **OWN},
    )


@pytest.mark.parametrize("place", ["new", "tickets/{}/reply"])
@pytest.mark.parametrize("accept", ["text/html", "*/*"])
@pytest.mark.parametrize("problem", [StoreFailed("disk full"), OSError("the database is away")], ids=repr)
def test_a_file_that_cannot_be_stored_takes_nothing_of_its_form_along(
    served: Served, ana: Visitor, monkeypatch: pytest.MonkeyPatch, place: str, accept: str, problem: Exception
) -> None:
    """Be it that a field stands before the file or behind it. The names of all files are there, to be chosen again."""
    number = ana.writes()
    place = place.format(number)
    action = ana.path(place)
    shown = fields(ana.opens(place.removesuffix("/reply")).page, action)
    tried = []

    async def fails(*_: object, **__: object) -> object:
        tried.append(1)
        raise problem

    form = shown | {"subject": "Un asunto", "type": "question"}
    sent: list[tuple[str, tuple[str | None, bytes | str]]] = [
        *((name, (None, value)) for name, value in form.items() if name != "text"),
        ("attached", ("a.txt", b"Una nota" * 100_000)),
        ("text", (None, "Un texto largo <b>")),
        ("attached", ("b.txt", b"Otra nota")),
        ("comment", (None, "Al final")),
    ]
    with monkeypatch.context() as full:
        full.setattr(rows_of_files, "add", fails)
        ana.answer = ana.client.post(action, files=sent, headers={"accept": accept, **OWN})
    assert (ana.status, ana.shows("No pudimos guardarlo")) == (503, True)
    assert ana.shows("Elige otra vez estos archivos: a.txt, b.txt.")
    assert bool(re.search(r"<code>[0-9a-f]{12}</code>", ana.page)) == isinstance(problem, OSError)
    assert len(tried) == 1, "nothing more is tried of a form that is lost anyway"
    again = fields(ana.page, action)
    expected = {"text": "Un texto largo <b>", "lost": "a.txt, b.txt", "comment": "Al final"}
    assert {name: again[name] for name in expected} == expected
    assert again["cid"] == shown["cid"]
    ana.posts(place)
    assert (ana.status, ana.shows("Elige otra vez estos archivos: a.txt, b.txt.")) == (400, True)
    ana.brings(place, {"a.txt": b"Una nota"})
    assert ana.at.startswith("/tickets/")
    assert ana.shows("Un texto largo <b>")
    assert ana.shows("a.txt")


def test_a_file_that_was_stored_before_another_could_not_be_stays_in_the_form(
    served: Served, ana: Visitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    number = ana.writes()
    ana.opens(f"tickets/{number}")
    add, times = rows_of_files.add, iter(range(9))

    async def once(*given: Any, **more: Any) -> object:
        if next(times):
            raise StoreFailed("disk full")
        return await add(*given, **more)

    with monkeypatch.context() as full:
        full.setattr(rows_of_files, "add", once)
        ana.brings(f"tickets/{number}/reply", {"a.txt": b"Una nota", "b.txt": b"Otra"}, text="Un texto")
    assert (ana.status, ana.shows("Elige otra vez estos archivos: b.txt.")) == (503, True)
    ana.posts(f"tickets/{number}/reply").posts(f"tickets/{number}/reply")
    assert ana.at == f"/tickets/{number}"
    assert (ana.shows("a.txt"), ana.shows("b.txt")) == (True, False)


def test_a_refusal_that_no_field_tells_of_is_told_all_the_same(
    served: Served, ana: Visitor, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    number = ana.writes()
    ana.opens(f"tickets/{number}")
    csrf = fields(ana.page, ana.path(f"tickets/{number}/reply"))["csrf"]
    refused = Refused("rate_limited", retry_after=39.5)

    async def refuses(*_: object, **__: object) -> object:
        raise refused

    with monkeypatch.context() as busy:
        busy.setattr(partaking, "find", refuses)
        ana.posts(f"tickets/{number}/reply", text="Un texto largo")
        assert (ana.status, ana.shows("Demasiados intentos.")) == (429, True)
        assert ana.answer is not None
        assert ana.answer.headers["retry-after"] == "40"
        assert fields(ana.page, ana.path(f"tickets/{number}/reply"))["text"] == "Un texto largo"
        refused = Refused("ticket_closed")
        ana.posts(f"tickets/{number}/reply")
        assert (ana.status, ana.shows("Este ticket ya está cerrado")) == (409, True)
    assert not [record for record in caplog.records if record.levelname == "ERROR"]
    ana.posts(f"tickets/{number}/reply")
    assert ana.shows("Un texto largo")
    with monkeypatch.context() as busy:
        busy.setattr(uploads, "size", refuses_at_once)
        sent = by_script(ana, csrf)
    assert (sent.status_code, sent.json()["code"]) == (503, "unavailable")


def refuses_at_once(*_: object) -> str:
    raise Refused("unavailable", retry_after=5)


# — the database is away ————————————————————————————————————————————————————————


def full_disk(*_: object, **__: object) -> object:
    problem = sqlite3.OperationalError("disk I/O error")
    problem.sqlite_errorcode = sqlite3.SQLITE_IOERR | 1 << 8
    raise problem


@pytest.mark.parametrize("where", ["session", "ticket", "store"])
def test_a_page_that_cannot_be_read_just_now_says_so_in_the_portal_with_the_way_to_it(
    served: Served,
    ana: Visitor,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    where: str,
) -> None:
    number = ana.writes()
    caplog.set_level("INFO", logger="chatserver.web.portal.away")

    def not_stored(*_: object, **__: object) -> object:
        raise StoreFailed("disk full")

    said = {
        "es": ("No podemos mostrar esta página ahora", "Intentar de nuevo"),
        "en": ("We cannot show this page just now", "Try again"),
        "pt": ("Não é possível mostrar esta página agora", "Tentar de novo"),
    }
    with monkeypatch.context() as away:
        if where == "session":
            away.setattr(Portal, "session", full_disk)
        else:
            away.setattr(partaking, "find", full_disk if where == "ticket" else not_stored)
        for lang, (title, again) in said.items():
            ana.opens(f"tickets/{number}?before=9&lang={lang}")
            assert (ana.status, ana.shows(title)) == (503, True)
            assert ana.answer is not None
            assert ana.answer.headers["retry-after"] == "5"
            address = f"/portal/demo/tickets/{number}?before=9&amp;lang={lang}"
            assert f'href="{address}">{again}</a>' in ana.page
        news = ana.client.get(ana.path(f"tickets/{number}/news?after=0"), headers={"accept": "*/*"})
        assert (news.status_code, news.json()["code"]) == (503, "unavailable")
        assert news.headers["retry-after"] == "5"
        if where != "session":
            assert Visitor(served).opens("sign-in").status == 200  # nothing was asked of the database
            assert len(caplog.records) == 1
            assert ana.opens("").status == 200
            ana.opens(f"tickets/{number}")
    told = [(record.levelname, record.exc_info) for record in caplog.records]
    once = [("ERROR", None)]
    assert told == (once if where == "session" else [*once, ("INFO", None), *once])
    assert ana.opens(f"tickets/{number}?lang=es").status == 200
    assert [record.levelname for record in caplog.records][len(told) :] == ["INFO"]
    ana.opens(f"tickets/{number}")
    assert len(caplog.records) == len(told) + 1


def test_a_mistake_of_ours_is_not_taken_for_a_database_that_is_away(
    ana: Visitor, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def asks_wrongly(*_: object, **__: object) -> object:
        problem = sqlite3.OperationalError("no such column")
        problem.sqlite_errorcode = sqlite3.SQLITE_ERROR
        raise problem

    monkeypatch.setattr(partaking, "find", asks_wrongly)
    assert ana.opens("tickets/1001").status == 500
    assert [bool(record.exc_info) for record in caplog.records if record.levelname == "ERROR"] == [True]


def test_what_is_wrong_with_a_form_is_said_in_the_portal_while_the_database_is_away(
    ana: Visitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    ana.opens("new")
    monkeypatch.setattr(Portal, "session", full_disk)
    ana.sends("new", {"text": "x" * (BODY_BYTES + 1)})
    assert (ana.status, ana.shows("Es demasiado grande")) == (413, True)
    assert 'href="/portal/demo">' in ana.page
    nobody = Visitor(ana.served, "nada").opens("tickets/1")
    assert nobody.status == 404
