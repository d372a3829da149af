"""Every page and form of the portal, asked for by everybody whom it does not concern: nothing is read, nothing is written.

The table is held against the routes: a new one without a row fails.
"""

from __future__ import annotations

import json
import secrets
import sqlite3
from contextlib import closing
from typing import Final, Literal

import pytest

from chatserver.services.identity import Session, session_tokens
from chatserver.store.work import Who
from chatserver.web.portal import PAGES
from tests.files.making import PDF
from tests.web.conftest import Served
from tests.web.portal_visitor import PASSWORD, Desk, Visitor, fields

Kind = Literal["open", "own", "ticket"]
# "open": for everybody; "own": shows and changes what is of who is signed in, and names nothing else; "ticket": names a ticket
TABLE: Final[dict[tuple[str, str], Kind]] = {
    ("GET", ""): "own",
    ("GET", "/sign-in"): "open",
    ("POST", "/sign-in"): "open",
    ("GET", "/sign-up"): "open",
    ("POST", "/sign-up"): "open",
    ("GET", "/forgotten"): "open",
    ("POST", "/forgotten"): "open",
    ("GET", "/link"): "open",
    ("POST", "/link"): "open",
    ("GET", "/welcome"): "open",
    ("POST", "/welcome"): "open",
    ("GET", "/new-password"): "open",
    ("POST", "/new-password"): "open",
    ("GET", "/confirm"): "open",  # without a link's cookie there is nothing to see; with one: test_portal.py
    ("POST", "/confirm"): "own",
    ("POST", "/enter"): "open",
    ("POST", "/sign-out"): "open",
    ("GET", "/profile"): "own",
    ("POST", "/profile"): "own",
    ("POST", "/profile/password"): "own",
    ("POST", "/profile/addresses"): "own",
    ("GET", "/new"): "own",
    ("POST", "/new"): "own",
    ("POST", "/new/discard"): "own",
    ("POST", "/files"): "own",
    ("GET", "/similar"): "own",
    ("GET", "/tickets/{number:int}"): "ticket",
    ("GET", "/tickets/{number:int}/news"): "ticket",
    ("GET", "/tickets/{number:int}/files/{seq:int}/{file}"): "ticket",
    ("GET", "/tickets/{number:int}/files/{seq:int}/{file}/thumbnail"): "ticket",
    ("POST", "/tickets/{number:int}/complete"): "ticket",
    ("POST", "/tickets/{number:int}/reply"): "ticket",
    ("POST", "/tickets/{number:int}/answer"): "ticket",
    ("POST", "/tickets/{number:int}/rating"): "ticket",
}
GOOD: Final = {
    "text": "entro",
    "solved": "yes",
    "stars": "1",
    "comment": "mal",
    "subject": "Un asunto",
    "type": "question",
    "name": "Otro Nombre",
    "language": "en",
    "old": PASSWORD,
    "password": "otra frase larga",
    "email": "nueva@evil.test",
    "do": "add",
    "everywhere": "yes",
    "sure": "yes",
}
SECRET: Final = "el secreto de Ana"


def test_every_page_and_form_has_a_row() -> None:
    routes = {("GET", path) for path, (get, _) in PAGES.items() if get} | {
        ("POST", path) for path, (_, post) in PAGES.items() if post
    }
    assert routes == set(TABLE)
    assert {path for _, path in routes if "{" in path} == {
        path for (_, path), kind in TABLE.items() if kind == "ticket"
    }


class Scene:
    def __init__(self, served: Served) -> None:
        self.served = served
        self.desk = Desk(served)
        self.ana = Visitor(served).signs_up("ana@empresa.test")
        self.ana.opens("new").brings(
            "new", {"secreto.pdf": PDF}, subject="Asunto de Ana", text=SECRET, type="incident"
        )
        self.number = int(self.ana.at.rpartition("/")[2])
        (self.file,) = self.desk.rows("SELECT seq, id FROM files")
        self.desk.takes(self.number)
        self.desk.proposes(self.number)
        # All of it is read: what a look at it would write, and be refused for, must not be what keeps strangers out.
        self.ana.opens(f"tickets/{self.number}")

    def stored(self) -> list[str]:
        with closing(sqlite3.connect(self.served.settings.database_path)) as database:
            return list(database.iterdump())


@pytest.fixture
def scene(served: Served) -> Scene:
    return Scene(served)


def strangers(scene: Scene) -> dict[str, Visitor]:
    """Each with a page that has a form of ours on it, so that what they send is genuine."""
    served = scene.served
    nobody = Visitor(served).opens("sign-in")
    eva = Visitor(served).signs_up("eva@empresa.test", "Eva").opens("profile")
    elsewhere = Visitor(served, "horario").signs_up("ana@empresa.test").opens("profile")
    widget = Visitor(served)
    expires = served.clock.now // 1000 + 86_400
    token = session_tokens("s" * 40).sign(Session("demo", "user:ana", expires, "Ana", "ana@empresa.test"))
    widget.sends("enter", {"token": token})
    widget.opens("profile")
    assert widget.status == 200
    return {
        "anonymous": nobody,
        "another account": eva,
        "an account of another app": elsewhere,
        "a user of the host": widget,
    }


def test_a_foreign_ticket_is_neither_read_nor_written(scene: Scene) -> None:
    people = strangers(scene)
    before = scene.stored()
    for name, visitor in people.items():
        csrf = fields(visitor.page, visitor.path("sign-in" if name == "anonymous" else "profile"))["csrf"]
        for (method, path), kind in TABLE.items():
            if kind != "ticket":
                continue
            place = path.removeprefix("/").replace("{number:int}", str(scene.number))
            place = place.replace("{seq:int}", str(scene.file[0])).replace("{file}", scene.file[1])
            for number in (place, place.replace(str(scene.number), "99999999999999")):
                if method == "GET":
                    visitor.opens(number)
                else:
                    visitor.sends(number, GOOD | {"csrf": csrf, "cid": secrets.token_urlsafe(16)})
                anonymous = name == "anonymous"
                assert visitor.status in ((200, 401, 403) if anonymous else (404,)), (name, method, place)
                assert anonymous is (visitor.at == "/sign-in" or visitor.status in (401, 403))
                assert SECRET not in visitor.page
                assert "Asunto de Ana" not in visitor.page
    assert scene.stored() == before


def test_who_is_not_signed_in_has_nothing_of_their_own_to_change(scene: Scene) -> None:
    nobody = Visitor(scene.served).opens("sign-in")
    csrf = fields(nobody.page, nobody.path("sign-in"))["csrf"]
    before = scene.stored()
    for (method, path), kind in TABLE.items():
        if kind == "own":
            place = path.removeprefix("/")
            if method == "GET":
                if path == "/similar":  # asked for by a script
                    assert nobody.opens(f"{place}?q=Asunto").status == 403
                else:
                    assert nobody.opens(place).at == "/sign-in"
            else:
                asked_by_script = path == "/files"
                answer = nobody.sends(place, GOOD | {"csrf": csrf})
                assert answer.status == (403 if asked_by_script else 401)
    assert scene.stored() == before


def test_what_is_ones_own_never_reaches_another(scene: Scene) -> None:
    """Forms that name no ticket, with whatever of Ana's somebody may put into them."""
    people = strangers(scene)
    watched = {
        "customers": "SELECT * FROM customers WHERE id = (SELECT customer_id FROM tickets)",
        "accounts": "SELECT * FROM accounts WHERE customer_id = (SELECT customer_id FROM tickets)",
        "addresses": "SELECT * FROM addresses WHERE customer_id = (SELECT customer_id FROM tickets)",
        "tickets": "SELECT * FROM tickets",
        "sessions": "SELECT * FROM customer_sessions WHERE customer_id = (SELECT customer_id FROM tickets)",
    }
    before = {name: scene.desk.rows(query) for name, query in watched.items()}
    eva = people["another account"]
    csrf = fields(eva.page, eva.path("profile"))["csrf"]
    for do in ("add", "confirm", "remove", "primary"):
        eva.sends("profile/addresses", {"csrf": csrf, "do": do, "email": "ana@empresa.test", "old": PASSWORD})
    mine = {"csrf": csrf, "cid": secrets.token_urlsafe(16), "email": "eva@empresa.test"}
    eva.sends("new", GOOD | mine | {"follows": str(scene.number)})
    assert scene.desk.rows("SELECT follows FROM tickets WHERE subject = 'Un asunto'") == [(0,)]
    eva.sends("sign-out", {"csrf": csrf, "everywhere": "yes"})
    before["tickets"] += scene.desk.rows("SELECT * FROM tickets WHERE subject = 'Un asunto'")
    assert {name: scene.desk.rows(query) for name, query in watched.items() if name != "tickets"} == {
        name: rows for name, rows in before.items() if name != "tickets"
    }
    assert scene.desk.rows(watched["tickets"]) == before["tickets"]
    assert scene.ana.opens().at == ""


def test_a_session_opens_its_own_door_and_no_other(scene: Scene, served: Served) -> None:
    """Of another app, of the agents, of the socket: none takes it."""
    token = scene.ana.client.cookies["portal-1"]
    other = Visitor(served, "horario")
    other.client.cookies.set("portal-2", token)
    assert other.opens().at == "/sign-in"
    agent = Visitor(served)
    agent.client.cookies.set("session", token)
    assert agent.client.get("/console/session").status_code == 204
    served.sign_in()
    thief = Visitor(served)
    thief.client.cookies.set("portal-1", served.client.cookies["session"])
    assert thief.opens().at == "/sign-in"
    with served.socket("/ws/customer") as socket:
        socket.send_text(json.dumps({"type": "hello", "v": 1, "app": "demo", "token": token}))
        assert json.loads(socket.receive_text())["code"] == "unauthorized"


def test_one_persons_tickets_are_the_same_in_the_widget_and_here(scene: Scene, served: Served) -> None:
    """By the socket as by the pages, once that person has proved to be both; and not a moment before."""
    expires = served.clock.now // 1000 + 86_400
    widget_token = session_tokens("s" * 40).sign(Session("demo", "user:ana", expires, "Ana"))
    mine = scene.desk.request(Who(1, "user:ana", "Ana"), "Desde el widget")

    def in_widget() -> set[int]:
        with served.socket("/ws/customer") as socket:
            socket.send_text(json.dumps({"type": "hello", "v": 1, "app": "demo", "token": widget_token}))
            welcome = json.loads(socket.receive_text())
            return {ticket["number"] for ticket in welcome["tickets"]}

    visitor = Visitor(served)
    visitor.sends("enter", {"token": widget_token})
    visitor.opens("profile").posts("profile/addresses", email="ana@empresa.test", do="add")
    assert in_widget() == {mine}
    visitor.opens(served.mail.link("ana@empresa.test")).posts("confirm")
    assert in_widget() == {mine, scene.number}
    back = Visitor(served).signs_in("ana@empresa.test")
    assert back.shows("Desde el widget")
    assert back.shows("Asunto de Ana")


def test_a_ticket_number_of_another_app_is_of_that_app(scene: Scene, served: Served) -> None:
    """Numbers begin at the same one in every app."""
    other = Visitor(served, "horario").signs_up("ana@empresa.test")
    number = other.writes("Otro asunto", "Otro texto")
    assert number == scene.number
    other.opens(f"tickets/{number}")
    assert not other.shows(SECRET)
    assert not scene.ana.opens(f"tickets/{number}").shows("Otro texto")


def test_an_app_that_is_not_there_has_no_portal(served: Served) -> None:
    for place in ("", "sign-in", "color.css", "tickets/1"):
        assert Visitor(served, "nadie").opens(place).status == 404


def test_checking_an_unknown_address_hashes_as_much_as_a_known_one(
    served: Served, scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    from argon2 import PasswordHasher

    hashed: list[str] = []
    real = PasswordHasher.verify

    def counted(self: PasswordHasher, stored: str, password: str) -> bool:
        hashed.append(stored.rsplit("$", 2)[0])
        return bool(real(self, stored, password))

    monkeypatch.setattr(PasswordHasher, "verify", counted)
    for address in ("ana@empresa.test", "nadie@empresa.test", "no es un correo"):
        Visitor(served).signs_in(address, "mala y larga")
    assert hashed == ["$argon2id$v=19$m=19456,t=2,p=1"] * 3
