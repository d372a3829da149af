"""A ticket's page in the portal: files of both sides, what it waits for, what was sent back, people in copy."""

from __future__ import annotations

import html
import json
import re
import secrets
from collections.abc import AsyncIterator
from typing import Any

import pytest

from chatserver.core.answers import CC_MAX
from chatserver.services import talk
from chatserver.services.files import Uploader
from tests.files.making import HTML, PDF, png
from tests.web.conftest import Served
from tests.web.portal_visitor import ADDRESS, ANA, PASSWORD, Desk, Visitor, fields
from tests.web.test_portal_form import error_at, told_files

FILE = re.compile(r'<a href="([^"]*/files/[^"]*)" download')


def agent_sends(served: Served, desk: Desk, number: int, name: str, content: bytes) -> None:
    files = served.app.state.hub.downloads._files
    ticket_id = desk.ticket_id(number)

    async def pieces() -> AsyncIterator[bytes]:
        yield content

    async def send(house: Any) -> None:
        file = await files.take(Uploader(1, "agent", str(ANA)), secrets.token_urlsafe(16), name, pieces())
        await talk.say_as_agent(house, ANA, ticket_id, secrets.token_urlsafe(16), "Mira esto.", [file.id])

    desk._run(send)


def test_files_of_both_sides_are_in_the_history_and_downloaded_by_a_link_that_ends(
    served: Served, ana: Visitor, desk: Desk
) -> None:
    ana.opens("new").brings(
        "new", {"captura.png": png()}, subject="Una factura", text="Hola", type="incident"
    )
    desk.takes(1001)
    agent_sends(served, desk, 1001, "manual.pdf", PDF)
    ana.opens("tickets/1001")
    assert told_files(ana.page) == ["captura.png", "manual.pdf"]
    links = [html.unescape(link) for link in FILE.findall(ana.page)]
    assert len(links) == 2
    answer = ana.client.get(links[1], follow_redirects=False)
    assert answer.status_code == 303
    given = ana.client.get(answer.headers["location"])
    assert given.content == PDF
    assert given.headers["content-disposition"].startswith('attachment; filename="manual.pdf"')
    served.clock.elapse(served.settings.file_link_seconds + 1)
    assert ana.client.get(answer.headers["location"]).status_code == 410
    assert ana.client.get(links[1]).content == PDF  # asked for anew


def test_files_are_for_whoever_finds_the_ticket(served: Served, ana: Visitor) -> None:
    ana.opens("new").brings("new", {"secreto.pdf": PDF}, subject="Una factura", text="Hola", type="incident")
    (link,) = FILE.findall(ana.page)
    eva = Visitor(served).signs_up("eva@empresa.test")
    eva.writes()
    nobody = Visitor(served)
    for path in (link, f"{link}/thumbnail"):
        assert eva.client.get(path).status_code == 404
        assert nobody.client.get(path, follow_redirects=False).headers["location"].endswith("tickets/1001")
    base = link.rpartition("/")[0]
    # A file that is not of this message, or of no message at all.
    for path in (f"{base}/{'a' * 22}", link.replace("/3/", "/2/"), link.replace("/3/", "/99999999999999/")):
        assert ana.client.get(path).status_code == 404, path
    own = link.replace("/tickets/1001/", "/tickets/1002/")
    assert eva.client.get(own).status_code == 404


def test_a_reply_brings_files_and_may_have_no_words(ana: Visitor, desk: Desk) -> None:
    number = ana.writes()
    ana.brings(f"tickets/{number}/reply", {"a.png": png(), "b.pdf": PDF}, text="Aquí están.")
    assert told_files(ana.page) == ["a.png", "b.pdf"]
    ana.brings(f"tickets/{number}/reply", {"c.pdf": PDF})
    assert ana.status == 200
    assert told_files(ana.page) == ["a.png", "b.pdf", "c.pdf"]
    assert desk.rows("SELECT count(*) FROM files WHERE ticket_id IS NOT NULL") == [(3,)]
    ana.posts(f"tickets/{number}/reply", text="  ")
    assert ana.status == 400


def test_what_is_wrong_with_a_file_of_a_reply_keeps_text_files_and_copies(ana: Visitor, desk: Desk) -> None:
    number = ana.writes()
    place = f"tickets/{number}/reply"
    ana.brings(place, {"a.png": png(), "b.png": HTML.encode()}, text="Hola", copies="eva@x.test")
    assert ana.status == 400
    assert error_at(ana.page, "attached").startswith("b.png: ")
    kept = fields(ana.page, ana.path(place))
    assert (kept["text"], kept["copies"]) == ("Hola", "eva@x.test")
    assert told_files(ana.page) == ["a.png"]
    ana.posts(place)
    assert desk.rows("SELECT name FROM files WHERE ticket_id IS NOT NULL") == [("a.png",)]
    assert ana.shows("Con copia a eva@x.test")


def test_files_that_were_for_a_ticket_that_closed_go_along_into_the_new_one(ana: Visitor, desk: Desk) -> None:
    number = ana.writes("La impresora")
    ana.opens(f"tickets/{number}")
    desk.takes(number)
    desk.closes(number)
    ana.brings(f"tickets/{number}/reply", {"a.png": png()}, text="Todavía falla")
    assert ana.status == 409
    ana.posts("new")
    assert told_files(ana.page) == ["a.png"]
    ana.posts("new")
    assert desk.rows(
        "SELECT t.number, t.follows, f.name FROM files f JOIN tickets t ON t.id = f.ticket_id"
    ) == [(number + 1, number, "a.png")]


def test_a_reply_that_meets_the_end_of_the_session_keeps_what_was_here(
    served: Served, ana: Visitor, desk: Desk
) -> None:
    number = ana.writes()
    place = f"tickets/{number}/reply"
    ana.brings(place, {"a.png": png()}, text="Hola", copies="nadie")
    served.clock.elapse(served.settings.portal_session_seconds + 1)
    ana.brings(place, {"b.png": png()}, copies="eva@x.test")
    ana.posts("sign-in", email=ADDRESS, password=PASSWORD)
    assert told_files(ana.page) == ["a.png"]
    assert "Elige otra vez estos archivos: b.png." in error_at(ana.page, "attached")
    ana.posts(place)
    assert desk.rows("SELECT name FROM files WHERE ticket_id IS NOT NULL") == [("a.png",)]


# — what it waits for ——————————————————————————————————————————————————————————


def test_a_pending_ticket_says_what_for_and_until_when_and_a_reply_opens_it(ana: Visitor, desk: Desk) -> None:
    number = ana.writes()
    desk.takes(number)
    desk.pends(number, "¿Cuál es el RFC?")
    ana.opens(f"tickets/{number}")
    assert ana.shows("Este ticket espera por ti")
    assert re.search(
        r"Se cierra el \d+ de \w+ de \d{4}, \d+:\d\d\s[ap]\.\sm\. si no hay respuesta\.", ana.page
    )
    assert ana.shows("Ana Ríos espera tu respuesta.")
    ana.posts(f"tickets/{number}/reply", text="XAXX010101000")
    assert 'data-state="open"' in ana.page
    assert 'id="waits" hidden' in ana.page
    assert desk.rows("SELECT state, pending_at FROM tickets") == [("open", None)]


def test_what_was_sent_back_is_completed_in_its_own_form(ana: Visitor, desk: Desk) -> None:
    number = ana.writes()
    desk.takes(number)
    desk.sends_back(number, "company", "case", "tax_id", "priority")
    ana.opens(f"tickets/{number}")
    assert ana.shows("Completa lo que falta")
    assert ana.shows(
        "te pidió completar: Nombre de la compañía, Número o nombre, DNI / ID Fiscal, Prioridad."
    )
    place = f"tickets/{number}/complete"
    form = fields(ana.page, ana.path(place))
    assert {"company", "case_kind", "case", "tax_country", "tax_id"} <= set(form)
    assert "phone" not in form
    ana.posts(place, company="Cuadra", case="FV-1", tax_country="CO", tax_id="213.123.432-1", priority="4")
    assert ana.status == 400
    assert error_at(ana.page, "case_kind") == error_at(ana.page, "why") == "Completa este campo."
    assert error_at(ana.page, "company") == ""
    assert fields(ana.page, ana.path(place))["company"] == "Cuadra"
    assert "autofocus" in ana.page
    ana.posts(place, case_kind="invoice", priority="4", why="Nadie factura.")
    assert ana.shows("Gracias. Ya tenemos lo que faltaba.")
    assert ana.shows("Completaste: Nombre de la compañía")
    ((state, found),) = desk.rows("SELECT state, details FROM tickets")
    details = json.loads(found)
    assert state == "open"
    assert "missing" not in details
    assert (details["company"], details["case"], details["tax_id"], details["asked"]) == (
        "Cuadra",
        "FV-1",
        "2131234321",
        4,
    )
    assert "missing-title" not in ana.opens(f"tickets/{number}").page


def test_what_the_form_has_no_more_is_asked_of_nobody_and_a_reply_is_what_the_ticket_waits_for(
    ana: Visitor, desk: Desk
) -> None:
    number = ana.writes()
    desk.takes(number)
    own = {"key": "version", "kind": "text", "label": {"es": "Versión", "en": "Version", "pt": "Versão"}}
    desk.asks({"fields": [own]})
    desk.sends_back(number, "version", "phone")
    ana.opens(f"tickets/{number}")
    assert {"own.version", "phone"} <= set(fields(ana.page, ana.path(f"tickets/{number}/complete")))
    desk.asks({})
    form = fields(ana.opens(f"tickets/{number}").page, ana.path(f"tickets/{number}/complete"))
    assert "phone" in form
    assert "own.version" not in form
    desk.asks({"fields": [own]})
    desk.sends_back(number, "version")
    desk.asks({})
    ana.opens(f"tickets/{number}")
    assert ana.shows("Esperamos tu respuesta para seguir.")
    assert "missing-title" not in ana.page
    news = ana.client.get(ana.path(f"tickets/{number}/news")).json()
    assert (news["waits"], news["incomplete"]) == (True, False)
    ana.posts(f"tickets/{number}/reply", text="Es la 4.")
    assert desk.rows("SELECT state FROM tickets") == [("open",)]


def test_a_form_that_was_completed_meanwhile_is_no_mistake(ana: Visitor, desk: Desk) -> None:
    number = ana.writes()
    desk.takes(number)
    desk.sends_back(number, "phone")
    form = fields(ana.opens(f"tickets/{number}").page, ana.path(f"tickets/{number}/complete"))
    for cid in (form["cid"], form["cid"], secrets.token_urlsafe(16)):
        ana.sends(f"tickets/{number}/complete", form | {"phone": "300 123", "cid": cid})
        assert ana.status == 200
    assert desk.rows("SELECT count(*) FROM items WHERE kind = 'completed'") == [(1,)]


def test_a_completion_outlives_the_session(served: Served, ana: Visitor, desk: Desk) -> None:
    number = ana.writes()
    desk.takes(number)
    desk.sends_back(number, "company")
    ana.opens(f"tickets/{number}")
    served.clock.elapse(served.settings.portal_session_seconds + 1)
    ana.posts(f"tickets/{number}/complete", company="Cuadra")
    assert ana.status == 401
    ana.posts("sign-in", email=ADDRESS, password=PASSWORD)
    assert fields(ana.page, ana.path(f"tickets/{number}/complete"))["company"] == "Cuadra"


def test_the_reason_of_a_rejection_is_shown(ana: Visitor, desk: Desk) -> None:
    number = ana.writes()
    desk.takes(number)
    desk.rejects(number, "No es de nuestro producto.")
    assert ana.opens(f"tickets/{number}").shows(
        "Soporte no pudo aceptar esta solicitud. «No es de nuestro producto.»"
    )


# — people in copy —————————————————————————————————————————————————————————————


def test_people_are_added_in_a_reply_and_shown_once(ana: Visitor, desk: Desk) -> None:
    number = ana.writes()
    place = f"tickets/{number}/reply"
    ana.opens(f"tickets/{number}").posts(place, text="Hola", copies="Luis <luis@x.test>; eva@x.test")
    ana.posts(place, text="Otra vez", copies=f"EVA@x.test, {ADDRESS}, leo@x.test")
    ((found,),) = desk.rows("SELECT details FROM tickets")
    assert json.loads(found)["cc"] == ["luis@x.test", "eva@x.test", "leo@x.test"]
    assert ana.shows("Con copia a luis@x.test, eva@x.test, leo@x.test")
    assert ana.shows("Pusiste en copia a luis@x.test, eva@x.test.")
    assert ana.shows("Pusiste en copia a leo@x.test.")


def test_whom_an_agent_puts_in_copy_its_customer_reads(ana: Visitor, desk: Desk) -> None:
    number = ana.writes()
    desk.takes(number)
    desk.copies(number, "luz@x.test")
    assert ana.opens(f"tickets/{number}").shows(" puso en copia a luz@x.test.")


@pytest.mark.parametrize(
    ("copies", "sentence"),
    [
        ("nadie", "Escribe un correo completo"),
        ("luis@x.test, <b>@nadie, eva@x.test", "Revisa «b»."),
        ("luis@x.test, eva@, leo@x.test", "Revisa «eva@»."),
        (", ".join(f"p{n}@x.test" for n in range(CC_MAX + 1)), "Son demasiados: caben 10."),
    ],
)
def test_a_mistake_in_copies_stands_there_and_nothing_is_sent(
    ana: Visitor, desk: Desk, copies: str, sentence: str
) -> None:
    number = ana.writes()
    ana.posts(f"tickets/{number}/reply", text="Hola", copies=copies)
    assert ana.status == 400
    assert sentence in error_at(ana.page, "copies")
    kept = fields(ana.page, ana.path(f"tickets/{number}/reply"))
    assert (kept["text"], kept["copies"]) == ("Hola", copies)
    assert desk.rows("SELECT count(*) FROM items WHERE kind = 'message'") == [(1,)]
