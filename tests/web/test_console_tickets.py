"""What the console fetches beside its socket: an app's form, and mails as they came. For agents of that app alone."""

from __future__ import annotations

import base64
import quopri
from typing import Any
from urllib.parse import quote

import msgspec
import pytest

from chatserver.core.forms import DEFAULT, form_mark
from chatserver.core.mails import TakenMail
from chatserver.core.notes import mailed
from chatserver.store.work import Needs, World
from chatserver.web.console_tickets import HEADER_MAX, HEADERS_MAX
from tests.mail.arriving import arrived
from tests.mail.writing import file, mail, part, together
from tests.web.conftest import HOME, Served

ANSWER = "Sigue igual.\r\n\r\nEl lun, 5 ene 2026 a las 9:12, Soporte <soporte@acme.example> escribió:\r\n> ¿Ya probaste?\r\n"
PAGE = b"<script>alert(1)</script>"


def arrives(served: Served, raw: bytes) -> TakenMail:
    hub = served.app.state.hub
    assert served.client.portal is not None
    return served.client.portal.call(arrived, hub.house, hub.db, raw)


def path(taken: TakenMail) -> str:
    return f"/console/tickets/{taken.ticket_id}/mails/{taken.seq}"


def get(served: Served, where: str) -> tuple[int, Any]:
    answer = served.client.get(where)
    return answer.status_code, answer.json()


@pytest.fixture
def agent(served: Served) -> Served:
    assert served.sign_in() == 200
    return served


def test_a_mail_is_shown_with_what_is_folded_and_who_it_claims_to_be_from(agent: Served) -> None:
    status, shown = get(agent, path(arrives(agent, mail(ANSWER))))
    assert (status, shown["name"], shown["address"]) == (200, "Ana Pérez", "ana@cliente.example")
    assert (shown["verified"], shown["subject"], shown["to"]) == (
        False,
        "No imprime",
        ["soporte@acme.example"],
    )
    assert [piece["kind"] for piece in shown["pieces"]] == ["said", "quote"]
    assert "¿Ya probaste?" in shown["pieces"][1]["text"]
    assert ["message-id", "<uno@cliente.example>"] in shown["headers"]
    assert shown["whole"]


TOKEN = "Ab3_-" * 8 + "x9Z"
LINK = f"http://127.0.0.1:8000/portal/demo/link?t={TOKEN}&place=tickets/1001"
QUOTED = "El lun, 5 ene 2026 a las 9:12, Soporte <soporte@acme.example> escribió:"
SAFE = "https://safe.example/?url=" + quote(LINK, safe="")
AS_HTML = LINK.replace("&", "&amp;").replace("=", "&#61;")


@pytest.mark.parametrize(
    "raw",
    [
        mail(f"Sigue igual.\r\n\r\n{QUOTED}\r\n> Entra aquí:\r\n> {LINK}\r\n> {SAFE}\r\n"),
        mail(f"Sigue igual, entro por {LINK} y nada.\r\n"),
        mail(
            f"<p>Sigue igual.</p><div class='gmail_quote'>{QUOTED}<blockquote><a href='{AS_HTML}'>Entrar</a>"
            f"<a href='{SAFE}'>{LINK}</a></blockquote></div>",
            content="text/html; charset=utf-8",
        ),
        mail(
            quopri.encodestring(f"Sigue igual.\r\n\r\n{QUOTED}\r\n> {LINK}\r\n".encode()),
            more={"Content-Transfer-Encoding": "quoted-printable"},
        ),
        mail(
            base64.encodebytes(f"Sigue igual.\r\n\r\n{QUOTED}\r\n> {LINK}\r\n".encode()),
            more={"Content-Transfer-Encoding": "base64", "X-Link": LINK},
            subject=f"Re: {LINK}",
        ),
    ],
    ids=["quoted text", "said", "html", "quoted-printable", "base64, fields"],
)
def test_a_link_of_one_use_that_somebody_quotes_is_not_for_agents(agent: Served, raw: bytes) -> None:
    answer = agent.client.get(path(arrives(agent, raw)))
    assert answer.status_code == 200
    assert "link?t=…" in answer.text
    assert TOKEN not in answer.text
    assert "Sigue igual" in answer.text


def test_what_is_attached_and_the_original_are_saved_and_never_shown(agent: Served) -> None:
    body = together(part("text/plain; charset=utf-8", "Adjunto."), file("página.html", PAGE, "text/html"))
    raw = mail(body, content='multipart/mixed; boundary="=_b1"')
    where = path(arrives(agent, raw))
    assert [(one["name"], one["bytes"]) for one in get(agent, where)[1]["files"]] == [
        ("página.html", len(PAGE))
    ]
    attached = agent.client.get(f"{where}/files/0")
    original = agent.client.get(f"{where}/original")
    assert (attached.content, original.content) == (PAGE, raw)
    assert attached.headers["content-type"] == "application/octet-stream"
    assert original.headers["content-type"] == "message/rfc822"
    for answer in (attached, original):
        assert answer.headers["content-disposition"].startswith("attachment;")
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert "sandbox" in answer.headers["content-security-policy"]
    assert get(agent, f"{where}/files/1")[0] == 404


def test_nobody_reads_a_mail_without_a_session_or_through_another_app(served: Served) -> None:
    taken = arrives(served, mail())
    for where in (path(taken), f"{path(taken)}/original", f"{path(taken)}/files/0"):
        assert served.client.get(where).status_code == 401
    assert served.sign_in() == 200
    assert get(served, path(taken))[0] == 200
    # The agent serves another app from now on, and this one no more.
    hub = served.app.state.hub
    people = hub.house.people
    agents = {key: msgspec.structs.replace(one, app_ids=(99,)) for key, one in people.agents.items()}
    hub.house.people = type(people)(people.apps, agents, people.schedules, people.keys)
    for where in (path(taken), f"{path(taken)}/original", f"{path(taken)}/files/0", "/console/form?app=demo"):
        status, said = get(served, where)
        assert (status, said["code"]) == (404, "not_found")


def noted(served: Served, taken: TakenMail) -> str:
    """The same mail is that of a note too; gives where it is to be had."""
    hub = served.app.state.hub
    ticket_id = taken.ticket_id
    assert ticket_id is not None

    def decide(world: World, now: int) -> None:
        ticket = world.ticket(ticket_id)
        assert ticket is not None
        cid = "n" * 22
        world.note(
            ticket, mailed("luz@otra.example", "Hola", cid, world.last_note(ticket), now, mail=taken.key)
        )

    assert served.client.portal is not None
    needs = Needs((ticket_id,), noted=((ticket_id, 0, "n" * 22),))
    served.client.portal.call(hub.house.store.write, needs, decide)
    return f"/console/tickets/{ticket_id}/notes/1"


def test_the_mail_of_a_note_is_for_the_agents_of_its_app_alone(served: Served) -> None:
    raw = mail("Lo que sé.\r\n")
    where = noted(served, arrives(served, raw))
    for one in (where, f"{where}/original", f"{where}/files/0"):
        assert served.client.get(one).status_code == 401
    assert served.sign_in() == 200
    status, shown = get(served, where)
    assert (status, [piece["text"].strip() for piece in shown["pieces"]]) == (200, ["Lo que sé."])
    assert served.client.get(f"{where}/original").content == raw
    for other in (f"{where}/files/0", where[:-1] + "2", f"/console/tickets/1/notes/{2**60}"):
        assert get(served, other)[0] == 404
    hub = served.app.state.hub
    people = hub.house.people
    agents = {key: msgspec.structs.replace(one, app_ids=(99,)) for key, one in people.agents.items()}
    hub.house.people = type(people)(people.apps, agents, people.schedules, people.keys)
    for one in (where, f"{where}/original"):
        assert get(served, one)[0] == 404


@pytest.mark.parametrize(
    "where", ["/console/tickets/1/mails/1", "/console/tickets/1/notes/1", f"/console/tickets/{2**60}/mails/1"]
)
def test_what_is_no_mail_is_not_found(agent: Served, where: str) -> None:
    assert get(agent, where)[0] == 404


def test_a_mail_of_hostile_size_and_letters_is_shown_within_bounds(agent: Served) -> None:
    more = {f"X-Long-{number}": "=?utf-8?q?=F0=9F?= " + "x" * 1_500 for number in range(HEADERS_MAX + 20)}
    body = "línea\r\n" * 60_000
    taken = arrives(agent, mail(body.encode() + b"\xff\x00\xed\xa0\x80", more=more))
    status, shown = get(agent, path(taken))
    assert status == 200
    assert len(shown["headers"]) == HEADERS_MAX
    assert all(len(value) <= HEADER_MAX for _, value in shown["headers"])
    assert sum(len(piece["text"]) for piece in shown["pieces"]) == 200_000
    assert not shown["whole"]


def test_an_apps_form_is_given_whole_under_the_mark_that_the_welcome_names(agent: Served) -> None:
    status, form = get(agent, "/console/form?app=demo")
    assert (status, form["ask"]["type"], form["mark"]) == (200, "required", form_mark(DEFAULT))
    assert [case["key"] for case in form["cases"]] == [
        "invoice",
        "quote",
        "payment",
        "appointment",
        "patient",
    ]
    assert (form["fields"], form["categories"]) == ([], [])
    token = agent.client.post("/console/socket-token", headers={"origin": HOME}).json()["token"]
    with agent.socket("/ws/agent") as ws:
        ws.send_json({"type": "hello", "v": 1, "token": token})
        app = next(app for app in ws.receive_json()["apps"] if app["key"] == "demo")
    assert (app["form"], app["mails"]) == (form["mark"], False)


def test_the_form_of_an_app_that_is_not_ones_own_is_not_found(agent: Served) -> None:
    for where in ("/console/form?app=nobody", "/console/form"):
        status, said = get(agent, where)
        assert (status, said["code"]) == (404, "not_found")
