"""What is sent once more under one client id: the same words are there once, and other words are lost to nobody."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import select
from starlette.testclient import TestClient

from chatserver.i18n import say
from chatserver.settings import Settings
from chatserver.store.tables import files, items, tickets
from tests.files.making import PDF, png
from tests.web.conftest import Served, started
from tests.web.portal_visitor import OWN, Desk, Visitor, attribute, fields
from tests.web.test_portal_form import error_at, told_files

LINE = re.compile(r'<p class="line" data-tone="warning" role="alert"[^>]*>(.*?)</p>', re.DOTALL)
FIRST = {"subject": "No puedo facturar", "text": "Primer texto.", "type": "incident"}


@pytest.fixture(params=["sqlite", "postgres"])
def served(request: pytest.FixtureRequest, settings: Settings, static: Any) -> Iterator[Served]:
    changes = {}
    if request.param == "postgres":
        changes["database_url"] = request.getfixturevalue("postgres_server").demo()
    with started(settings, static, **changes) as found:
        yield found


def rows(served: Served, query: Any) -> list[tuple[Any, ...]]:
    async def read() -> Any:
        return await served.app.state.hub.db.rows(query)

    assert isinstance(served.client, TestClient)
    assert served.client.portal is not None
    return [tuple(row) for row in served.client.portal.call(read)]


def said(served: Served) -> list[str]:
    """All messages, in their order."""
    query = select(items.c.text).where(items.c.kind == "message").order_by(items.c.ticket_id, items.c.seq)
    return [text for (text,) in rows(served, query)]


def line(visitor: Visitor) -> str:
    """That something was sent already; and where it is to be seen."""
    (found,) = LINE.findall(visitor.page)
    return html.unescape(found)


def seen(visitor: Visitor) -> str:
    href = attribute(line(visitor), "href")
    assert href is not None
    return visitor.client.get(href, headers={"accept": "text/html"}).text


def sends(visitor: Visitor, place: str, form: dict[str, str], content: bytes, name: str = "a.pdf") -> Visitor:
    """As a browser without scripts sends a form with a file chosen, each time anew."""
    visitor.answer = visitor.client.post(
        visitor.path(place),
        data=form,
        files=[("attached", (name, content))],
        headers={"accept": "text/html", **OWN},
    )
    return visitor


# — a new ticket ———————————————————————————————————————————————————————————————


@pytest.mark.parametrize(
    "other",
    [
        {"subject": "No puedo cobrar"},
        {"text": "Primer texto, corregido."},
        {"phone": "300 123 4567"},
        {"cc": "luis@empresa.test"},
    ],
    ids=lambda other: next(iter(other)),
)
def test_a_ticket_sent_again_with_other_words_is_shown_again_and_sent_by_itself(
    served: Served, ana: Visitor, other: dict[str, str]
) -> None:
    form = fields(ana.opens("new").page, ana.path("new")) | FIRST
    assert ana.sends("new", form).at == "/tickets/1001"
    for _ in range(2):
        ana.sends("new", form | other)
        assert ana.status == 409
        assert line(ana).startswith(say("es", "portal.already.ticket", number=1001))
        assert "Primer texto." in seen(ana)
        kept = fields(ana.page, ana.path("new"))
        assert kept.pop("cid") != form["cid"]
        assert kept.items() >= ((FIRST | other).items())
    assert said(served) == ["Primer texto."]
    ana.posts("new")
    assert ana.at == "/tickets/1002"
    assert said(served) == ["Primer texto.", (FIRST | other)["text"]]
    assert rows(served, select(tickets.c.subject).order_by(tickets.c.number)) == [
        (FIRST["subject"],),
        ((FIRST | other)["subject"],),
    ]


def test_a_ticket_sent_again_with_the_same_words_is_one_also_when_it_has_more_people_in_copy(
    served: Served, ana: Visitor
) -> None:
    form = fields(ana.opens("new").page, ana.path("new")) | FIRST | {"cc": "luis@empresa.test"}
    ana.sends("new", form)
    ana.opens("tickets/1001").posts("tickets/1001/reply", text="Y otra cosa", copies="eva@empresa.test")
    # Blanks at its ends and the browser's line breaks are no other words.
    ana.sends("new", form | {"text": "\r\nPrimer texto. \r\n", "subject": " No puedo  facturar"})
    assert (ana.status, ana.at) == (200, "/tickets/1001")
    assert said(served) == ["Primer texto.", "Y otra cosa"]


@pytest.mark.parametrize("lang", ["en", "pt"])
def test_it_is_said_in_the_language_of_the_page(served: Served, ana: Visitor, lang: str) -> None:
    form = fields(ana.opens("new").page, ana.path("new")) | FIRST
    ana.sends("new", form)
    ana.sends(f"new?lang={lang}", form | {"text": "Otro."})
    assert line(ana).startswith(say(lang, "portal.already.ticket", number=1001))
    ana.opens("tickets/1001")
    form = fields(ana.page, ana.path("tickets/1001/reply"))
    ana.sends("tickets/1001/reply", form | {"text": "Uno"})
    ana.sends(f"tickets/1001/reply?lang={lang}", form | {"text": "Dos"})
    assert line(ana).startswith(say(lang, "portal.already.reply"))


def test_files_that_come_anew_with_a_repeat_are_known_by_what_is_in_them(
    served: Served, ana: Visitor
) -> None:
    form = fields(ana.opens("new").page, ana.path("new")) | FIRST
    for _ in range(2):
        assert sends(ana, "new", form, PDF).at == "/tickets/1001"
    for name, content in (("a.pdf", PDF + b"%"), ("b.pdf", PDF)):
        assert sends(ana, "new", form, content, name).status == 409
    assert told_files(ana.page) == ["b.pdf"]
    ana.posts("new")
    assert told_files(ana.page) == ["b.pdf"]
    count = rows(served, select(files.c.name).where(files.c.ticket_id.is_not(None)).order_by(files.c.name))
    assert count == [("a.pdf",), ("b.pdf",)]


# — a reply ————————————————————————————————————————————————————————————————————


@pytest.mark.parametrize("who", ["own", "copied"])
def test_a_reply_sent_again_with_other_words_is_shown_again_and_sent_by_itself(
    served: Served, ana: Visitor, who: str
) -> None:
    ana.opens("new").posts("new", **FIRST, cc="luis@empresa.test")
    writer = ana if who == "own" else Visitor(served).signs_up("luis@empresa.test", "Luis Mora")
    place = "tickets/1001/reply"
    form = fields(writer.opens("tickets/1001").page, writer.path(place)) | {"text": "Uno"}
    for _ in range(2):
        writer.sends(place, form)
        assert (writer.status, writer.at) == (200, "/tickets/1001")
    writer.sends(place, form | {"text": "Dos"})
    assert writer.status == 409
    assert line(writer).startswith(say("es", "portal.already.reply"))
    assert "Uno" in seen(writer)
    kept = fields(writer.page, writer.path(place))
    assert kept["text"] == "Dos"
    assert kept["cid"] != form["cid"]
    assert said(served) == ["Primer texto.", "Uno"]
    for _ in range(2):
        writer.sends(place, kept)
        assert (writer.status, writer.at) == (200, "/tickets/1001")
    assert said(served) == ["Primer texto.", "Uno", "Dos"]


def test_files_that_the_first_reply_has_are_asked_for_again(served: Served, ana: Visitor) -> None:
    ana.opens("new").posts("new", **FIRST)
    place = "tickets/1001/reply"
    # Sent up ahead: the form names it, and so does the repeat.
    ana.opens("tickets/1001").brings(place, {"a.png": png()}, text="Uno", copies="nadie")
    form = fields(ana.page, ana.path(place)) | {"copies": ""}
    assert form["files"]
    for _ in range(2):
        assert ana.sends(place, form).at == "/tickets/1001"
    ana.sends(place, form | {"text": "Dos"})
    assert ana.status == 409
    assert error_at(ana.page, "attached") == say("es", "portal.files.lost", names="a.png")
    assert fields(ana.page, ana.path(place))["files"] == ""
    ana.posts(place)
    assert ana.status == 200
    # With the words of the first and without its file it is not the first either.
    ana.sends(place, form | {"files": ""})
    assert ana.status == 409
    assert said(served) == ["Primer texto.", "Uno", "Dos"]


def test_a_reply_sent_again_with_other_words_to_a_ticket_that_closed_goes_along_into_a_new_one(
    served: Served, ana: Visitor
) -> None:
    ana.opens("new").posts("new", **FIRST)
    place = "tickets/1001/reply"
    form = fields(ana.opens("tickets/1001").page, ana.path(place)) | {"text": "Uno"}
    ana.sends(place, form)
    desk = Desk(served)
    desk.takes(1001)
    desk.closes(1001)
    ana.sends(place, form | {"text": "Dos"})
    assert ana.status == 409
    ana.posts("new")
    assert fields(ana.page, ana.path("new"))["text"] == "Dos"


def test_what_completes_a_ticket_and_a_reply_from_the_same_page_are_no_repeats_of_each_other(
    served: Served, ana: Visitor
) -> None:
    ana.opens("new").posts("new", **FIRST)
    desk = Desk(served)
    desk.takes(1001)
    desk.sends_back(1001, "company")
    page = ana.opens("tickets/1001").page
    reply = fields(page, ana.path("tickets/1001/reply"))
    complete = fields(page, ana.path("tickets/1001/complete"))
    ana.sends("tickets/1001/reply", reply | {"text": "Ya va"})
    # What was wrong keeps its id, which is no other form's.
    ana.sends("tickets/1001/complete", complete | {"company": " "})
    assert ana.status == 400
    assert fields(ana.page, ana.path("tickets/1001/complete"))["cid"] == complete["cid"]
    assert fields(ana.page, ana.path("tickets/1001/reply"))["cid"] != complete["cid"]
    ana.sends("tickets/1001/complete", complete | {"company": "Cuadra"})
    assert said(served) == ["Primer texto.", "Ya va"]
    ((details,),) = rows(served, select(tickets.c.details))
    assert "Cuadra" in str(details)
