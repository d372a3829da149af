"""Signing in and out of the console."""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any, NoReturn

import pytest
from starlette.requests import Request
from starlette.testclient import WebSocketTestSession
from starlette.websockets import WebSocketDisconnect

from chatserver.realtime.close_codes import BAD_AUTH, SESSION_ENDED
from chatserver.settings import Settings
from chatserver.store import people
from chatserver.store.base import StoreFailed
from chatserver.web.addresses import network
from tests.web.conftest import EMAIL, HOME, PASSWORD, Served, started

OWN = {"origin": HOME}


def rows(settings: Settings, query: str) -> list[Any]:
    with closing(sqlite3.connect(settings.database_path)) as connection:
        return connection.execute(query).fetchall()


def test_who_signs_in_is_told_who_they_are(served: Served) -> None:
    answer = served.client.post("/console/session", json={"email": EMAIL, "password": PASSWORD}, headers=OWN)
    assert answer.status_code == 200
    assert answer.json() == {"agent": 1, "name": "Ana Ríos", "email": EMAIL}
    assert served.client.get("/console/session").json() == answer.json()


def test_an_address_is_the_same_in_capitals_and_with_spaces(served: Served) -> None:
    assert served.sign_in(" ANA@Demo.Test ") == 200


def test_on_loopback_the_cookie_has_a_plain_name(served: Served) -> None:
    answer = served.client.post("/console/session", json={"email": EMAIL, "password": PASSWORD}, headers=OWN)
    cookie = answer.headers["set-cookie"]
    name, *flags = cookie.lower().split("; ")
    assert name.startswith("session=")
    assert {"httponly", "samesite=lax", "path=/", "max-age=43200"} <= set(flags)
    assert "secure" not in flags
    assert not any(flag.startswith("domain") for flag in flags)


@pytest.fixture
def public(settings: Settings, static: Path) -> Iterator[Served]:
    address = "https://chat.example.com"
    with started(settings, static, address, public_url=address) as served:
        yield served


def test_over_https_the_cookie_is_bound_to_the_host(public: Served) -> None:
    answer = public.client.post(
        "/console/session",
        json={"email": EMAIL, "password": PASSWORD},
        headers={"origin": "https://chat.example.com"},
    )
    name, *flags = answer.headers["set-cookie"].split("; ")
    assert name.startswith("__Host-session=")
    assert {"httponly", "samesite=lax", "path=/", "secure"} <= {flag.lower() for flag in flags}
    assert public.client.get("/console/session").status_code == 200


def test_over_https_the_plain_cookie_of_a_neighbour_is_not_read(public: Served) -> None:
    assert public.sign_in() == 200
    token = public.client.cookies["__Host-session"]
    public.client.cookies.clear()
    assert public.client.get("/console/session", headers={"cookie": f"session={token}"}).status_code == 204


def test_over_plain_http_from_elsewhere_nobody_signs_in(settings: Settings, static: Path) -> None:
    with started(settings, static, "http://10.0.0.7:8000", host="10.0.0.7") as served:
        answer = served.client.post(
            "/console/session?lang=en",
            json={"email": EMAIL, "password": PASSWORD},
            headers={"origin": "http://10.0.0.7:8000"},
        )
        assert answer.status_code == 403
        assert answer.json()["code"] == "https_required"
        assert "https" in answer.json()["message"]
        assert "set-cookie" not in answer.headers


def test_only_the_hash_of_the_token_is_stored(served: Served) -> None:
    served.sign_in()
    token = served.client.cookies["session"]
    assert len(token) == 43
    ((stored,),) = rows(served.settings, "SELECT token_hash FROM sessions")
    assert stored == hashlib.sha256(token.encode()).hexdigest()


@pytest.mark.parametrize(
    ("email", "password"),
    [(EMAIL, "wrong-password"), ("nobody@demo.test", PASSWORD), (EMAIL, ""), ("", ""), ("ana", PASSWORD)],
)
def test_a_wrong_password_and_an_unknown_address_get_the_same_answer(
    served: Served, email: str, password: str
) -> None:
    answer = served.client.post("/console/session", json={"email": email, "password": password}, headers=OWN)
    assert answer.status_code == 401
    assert answer.json()["code"] == "unauthorized"
    assert set(answer.json()) == {"code", "id"}
    assert "set-cookie" not in answer.headers


def test_an_unknown_address_costs_as_much_hashing_as_a_known_one(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    from argon2 import PasswordHasher

    hashed: list[str] = []
    real = PasswordHasher.verify

    def counted(self: PasswordHasher, stored: str, password: str) -> bool:
        hashed.append(stored.rsplit("$", 2)[0])
        return bool(real(self, stored, password))

    monkeypatch.setattr(PasswordHasher, "verify", counted)
    served.sign_in(EMAIL, "wrong-password")
    served.sign_in("nobody@demo.test", "wrong-password")
    assert hashed == ["$argon2id$v=19$m=19456,t=2,p=1"] * 2


@pytest.mark.parametrize(
    ("headers", "body", "status"),
    [
        ({}, b'{"email": "a", "password": "b"}', 403),
        ({"origin": "https://evil.test"}, b"{}", 403),
        ({"sec-fetch-site": "cross-site", **OWN}, b"{}", 403),
        ({**OWN, "content-type": "application/x-www-form-urlencoded"}, b"email=a&password=b", 415),
        ({**OWN, "content-type": "text/plain"}, b'{"email": "a", "password": "b"}', 415),
        (OWN, b"", 400),
        (OWN, b"[", 400),
        (OWN, b'"text"', 400),
        (OWN, b'{"email": "a"}', 400),
        (OWN, b'{"email": 1, "password": "b"}', 400),
        (OWN, b'{"email": "a", "password": "b", "admin": true}', 400),
        (OWN, b'{"email": "\xff", "password": "b"}', 400),
        (OWN, b"[" * 4000, 400),
        (OWN, b'{"email": "a", "password": "' + b"b" * 5000 + b'"}', 413),
    ],
)
def test_a_bad_sign_in_is_refused_with_a_code(
    served: Served, headers: dict[str, str], body: bytes, status: int
) -> None:
    answer = served.client.post(
        "/console/session", content=body, headers={"content-type": "application/json", **headers}
    )
    assert answer.status_code == status
    assert set(answer.json()) == {"code", "id"}


def test_after_too_many_wrong_passwords_an_address_has_to_wait_even_with_the_right_one(
    settings: Settings, static: Path
) -> None:
    with started(settings, static, sign_in_tries=3) as served:
        assert [served.sign_in(password="wrong-password") for _ in range(4)] == [401, 401, 401, 429]
        answer = served.client.post(
            "/console/session", json={"email": EMAIL, "password": PASSWORD}, headers=OWN
        )
        assert answer.status_code == 429
        assert answer.json()["code"] == "rate_limited"
        wait = answer.json()["retry_after"]
        assert wait == pytest.approx(300, abs=1)
        assert int(answer.headers["retry-after"]) >= wait - 1
        assert served.sign_in("luis@demo.test") == 200
        served.clock.elapse(wait)
        assert served.sign_in() == 200


def test_while_the_database_is_away_nobody_uses_up_their_tries(
    settings: Settings, static: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def is_away(*_: object) -> NoReturn:
        raise StoreFailed("away")

    with started(settings, static, sign_in_tries=3, sign_in_tries_per_address=3) as served:
        with monkeypatch.context() as away:
            away.setattr(people, "agent_by_email", is_away)
            assert {served.sign_in() for _ in range(10)} == {503}
        assert served.sign_in(password="wrong-password") == 401
        assert served.sign_in() == 200


def test_onenetwork_address_cannot_try_everybody(settings: Settings, static: Path) -> None:
    with started(settings, static, sign_in_tries_per_address=2) as served:
        tried = [served.sign_in(f"agent{number}@demo.test", "wrong-password") for number in range(3)]
        assert tried == [401, 401, 429]


@pytest.mark.parametrize(
    ("host", "counted"),
    [
        ("8.8.8.8", "8.8.8.8"),
        ("::ffff:8.8.8.8", "8.8.8.8"),
        ("2001:4860:4860:1:2:3:4:5", "2001:4860:4860:1::/64"),
        ("testclient", ""),
    ],
)
def test_tries_are_counted_by_the_network_that_they_come_from(host: str, counted: str) -> None:
    assert network(Request({"type": "http", "client": (host, 1)})) == counted


def test_who_knows_the_password_is_not_counted(settings: Settings, static: Path) -> None:
    with started(settings, static, sign_in_tries=2, sign_in_tries_per_address=2) as served:
        assert [served.sign_in() for _ in range(5)] == [200] * 5


def test_signing_in_again_gives_another_token_and_ends_the_session_before(served: Served) -> None:
    served.sign_in()
    first = served.client.cookies["session"]
    served.sign_in()
    assert served.client.cookies["session"] != first
    assert served.client.get("/console/session").status_code == 200
    served.client.cookies.clear()
    assert served.client.get("/console/session", headers={"cookie": f"session={first}"}).status_code == 204


def test_another_agent_who_signs_in_on_the_same_machine_replaces_the_first_one(served: Served) -> None:
    served.sign_in()
    first = served.client.cookies["session"]
    served.sign_in("luis@demo.test")
    assert served.client.get("/console/session").json()["name"] == "Luis Pardo"
    served.client.cookies.clear()
    assert served.client.get("/console/session", headers={"cookie": f"session={first}"}).status_code == 204


def test_signing_out_ends_the_session_for_whoever_kept_its_cookie(served: Served) -> None:
    served.sign_in()
    token = served.client.cookies["session"]
    answer = served.client.delete("/console/session", headers=OWN)
    assert answer.status_code == 204
    assert "max-age=0" in answer.headers["set-cookie"].lower()
    assert served.client.get("/console/session", headers={"cookie": f"session={token}"}).status_code == 204


def test_another_site_cannot_sign_anybody_out(served: Served) -> None:
    served.sign_in()
    assert served.client.delete("/console/session").status_code == 403
    assert (
        served.client.delete("/console/session", headers={"sec-fetch-site": "cross-site"}).status_code == 403
    )
    assert served.client.get("/console/session").status_code == 200


def test_a_session_expires(served: Served) -> None:
    served.sign_in()
    served.clock.elapse(served.settings.agent_session_seconds - 1)
    assert served.client.get("/console/session").status_code == 200
    served.clock.elapse(2)
    assert served.client.get("/console/session").status_code == 204


# — the socket's token —————————————————————————————————————————————————————————


def socket_token(served: Served) -> str:
    answer = served.client.post("/console/socket-token", headers=OWN)
    assert answer.status_code == 200
    return str(answer.json()["token"])


def greet(served: Served, token: str) -> Any:
    """The first frame that the server answers with; raises WebSocketDisconnect when it closes instead."""
    with served.socket("/ws/agent") as ws:
        ws.send_json({"type": "hello", "v": 1, "token": token})
        return ws.receive_json()


def close_code(ws: WebSocketTestSession) -> int:
    """Whatever comes before it is read away."""
    try:
        while True:
            ws.receive_json()
    except WebSocketDisconnect as closed:
        return closed.code


def test_a_socket_token_needs_a_session_and_our_own_page(served: Served) -> None:
    assert served.client.post("/console/socket-token", headers=OWN).status_code == 401
    served.sign_in()
    assert served.client.post("/console/socket-token").status_code == 403


def test_a_socket_token_opens_one_socket(served: Served) -> None:
    served.sign_in()
    token = socket_token(served)
    assert greet(served, token)["email"] == EMAIL
    assert greet(served, token)["code"] == "unauthorized"


def test_a_socket_token_is_good_for_thirty_seconds(served: Served) -> None:
    served.sign_in()
    token = socket_token(served)
    served.clock.elapse(31)
    assert greet(served, token)["code"] == "token_expired"


def test_a_socket_token_of_a_session_that_ended_is_worth_nothing(served: Served) -> None:
    served.sign_in()
    token = socket_token(served)
    served.client.delete("/console/session", headers=OWN)
    assert greet(served, token)["code"] == "unauthorized"


def test_signing_out_closes_the_sockets_of_the_session(served: Served) -> None:
    served.sign_in()
    with served.socket("/ws/agent") as ws:
        ws.send_json({"type": "hello", "v": 1, "token": socket_token(served)})
        assert ws.receive_json()["type"] == "welcome"
        served.client.delete("/console/session", headers=OWN)
        assert close_code(ws) == SESSION_ENDED


def test_a_cookie_alone_opens_no_socket(served: Served) -> None:
    served.sign_in()
    with served.socket("/ws/agent") as ws:
        ws.send_json({"type": "hello", "v": 1, "token": ""})
        assert ws.receive_json()["code"] == "unauthorized"
        assert close_code(ws) == BAD_AUTH
