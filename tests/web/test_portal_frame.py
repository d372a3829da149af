"""The portal's form in the widget's frame: entered by the widget's session, which each form brings along, without cookies."""

from __future__ import annotations

import html
import re
from typing import Any

import pytest

from chatserver.services.identity import Session, session_tokens
from chatserver.web.portal import FRAMED
from tests.files.making import png
from tests.web.conftest import HOME, Served
from tests.web.portal_visitor import OWN, Desk, fields

NEW = "/portal/demo/frame/new"


def token(
    served: Served, key: str = "anon:abc", app: str = "demo", *, name: str = "", email: str = ""
) -> str:
    expires = served.clock.now // 1000 + 3600
    return session_tokens("s" * 40).sign(Session(app, key, expires, name, email))


class Frame:
    """The widget's frame, which keeps no cookie."""

    def __init__(self, served: Served, held: str) -> None:
        self.served = served
        self.held = held
        self.answer: Any = None

    @property
    def page(self) -> str:
        return str(self.answer.text)

    def posts(self, path: str, files: dict[str, bytes] | None = None, /, **values: str) -> Frame:
        self.served.client.cookies.clear()
        self.answer = self.served.client.post(
            path,
            data=values,
            files=[("attached", one) for one in (files or {}).items()] or None,
            headers={"accept": "text/html", **OWN},
        )
        assert not self.served.client.cookies
        return self

    def enters(self, **typed: str) -> Frame:
        return self.posts(NEW, token=self.held, draft="yes", **typed)

    def sends(self, **values: str) -> Frame:
        return self.posts(NEW, **(fields(self.page, NEW) | values))


@pytest.fixture
def desk(served: Served) -> Desk:
    return Desk(served)


def test_a_visitor_sends_the_whole_form_and_the_widget_has_the_ticket(served: Served, desk: Desk) -> None:
    frame = Frame(served, token(served)).enters(subject="Una factura", lang="pt")
    assert 'lang="pt-BR"' in frame.page
    assert desk.rows("SELECT count(*) FROM customers") == [(0,)]  # looking writes nothing
    frame.sends(text="Olá", type="incident", email="eva@empresa.test")
    assert 'data-tell="sent" data-number="1001"' in frame.page
    assert desk.rows(
        "SELECT c.key, t.subject, t.email, t.source FROM tickets t JOIN customers c ON c.id = t.customer_id"
    ) == [("anon:abc", "Una factura", "eva@empresa.test", "form")]
    assert "<form" not in frame.page


def test_mistakes_files_and_sending_twice_are_as_in_the_portal(served: Served, desk: Desk) -> None:
    frame = Frame(served, token(served)).enters()
    first = fields(frame.page, NEW) | {"subject": "No", "text": "Hola"}
    frame.posts(NEW, {"a.png": png()}, **first)
    assert frame.answer.status_code == 400
    wrong = re.findall(r'class="error" id="([^"]+)-error"', frame.page)
    assert wrong == ["subject", "type", "email"]
    good = fields(frame.page, NEW) | {"subject": "Una factura", "type": "request", "email": "e@x.test"}
    for _ in range(2):
        frame.posts(NEW, **good)
        assert 'data-number="1001"' in frame.page
    assert desk.rows("SELECT name FROM files WHERE ticket_id IS NOT NULL") == [("a.png",)]


def test_leaving_asks_first_and_tells_the_widget(served: Served) -> None:
    frame = Frame(served, token(served)).enters()
    form = fields(frame.page, NEW)
    assert 'data-tell="left"' in frame.posts(f"{NEW}/discard", **form).page
    frame.posts(f"{NEW}/discard", **(form | {"subject": "Una factura"}))
    assert "¿Descartar este ticket?" in html.unescape(frame.page)
    frame.posts(f"{NEW}/discard", **(fields(frame.page, f"{NEW}/discard") | {"sure": "no"}))
    assert fields(frame.page, NEW)["subject"] == "Una factura"


def test_a_session_that_is_over_keeps_what_was_typed_for_the_next_one(served: Served, desk: Desk) -> None:
    frame = Frame(served, token(served)).enters()
    served.clock.elapse(3601)
    frame.sends(subject="Una factura", text="Hola", type="request", email="e@x.test")
    assert frame.answer.status_code == 401
    assert desk.rows("SELECT count(*) FROM tickets") == [(0,)]
    frame.sends(token=token(served))
    kept = fields(frame.page, NEW)
    assert (kept["subject"], kept["text"], kept["type"], kept["email"]) == (
        "Una factura",
        "Hola",
        "request",
        "e@x.test",
    )
    assert 'data-tell="sent"' in frame.sends().page


def test_only_who_may_frame_the_widget_may_frame_the_form(served: Served) -> None:
    embedded = served.client.get("/embed/demo").headers["content-security-policy"]
    (hosts,) = re.findall(r"frame-ancestors ([^;]+)", embedded)
    frame = Frame(served, token(served)).enters()
    for answer in (frame.answer, frame.posts(NEW, token="").answer):
        policy = answer.headers["content-security-policy"]
        assert re.findall(r"frame-ancestors ([^;]+)", policy) == [f"'self' {hosts}"]
        assert "unsafe" not in policy
    assert "frame-src 'self'" in embedded


@pytest.mark.parametrize("path", FRAMED)
def test_without_the_widgets_session_nothing_is_shown_or_kept(served: Served, desk: Desk, path: str) -> None:
    elsewhere = token(served, app="horario")
    good = {"subject": "Una factura", "text": "Hola", "type": "request", "email": "e@x.test"}
    for held in ("", "x", elsewhere, token(served)[:-2]):
        frame = Frame(served, held).posts(f"/portal/demo{path}", {"a.png": png()}, token=held, **good)
        assert frame.answer.status_code in (401, 403)
    foreign = {"origin": "https://evil.test", "sec-fetch-site": "cross-site"}
    answer = served.client.post(f"/portal/demo{path}", data=good | {"token": token(served)}, headers=foreign)
    assert answer.status_code == 403
    assert served.client.get(f"/portal/demo{path}", headers={"origin": HOME}).status_code == 405
    assert desk.rows("SELECT (SELECT count(*) FROM files), (SELECT count(*) FROM tickets)") == [(0, 0)]


def test_an_app_for_its_hosts_users_only_takes_no_visitor(served: Served, desk: Desk) -> None:
    desk.asks({}, "demo", "identity_required=yes")
    assert Frame(served, token(served)).enters().answer.status_code == 401
    user = Frame(served, token(served, "user:ana", name="Ana", email="ana@x.test")).enters()
    assert fields(user.page, NEW)["email"] == "ana@x.test"


def test_the_session_stands_in_no_address_and_in_no_link(served: Served) -> None:
    held = token(served)
    frame = Frame(served, held).enters(subject="Una factura")
    assert [tag for tag in re.findall(r"<(?:a|link|script|form)[^>]*>", frame.page) if held in tag] == []
    assert frame.page.count(held) == 1
