"""Which hosts we answer for, which origins may open a socket, which requests may change anything."""

from __future__ import annotations

from typing import Any

import pytest
from starlette.websockets import WebSocketDisconnect

from chatserver.web.origins import Origins, exact_origin
from tests.web.conftest import HOME, Served

OWN = Origins("127.0.0.1")
PUBLIC = Origins("10.0.0.7", "https://chat.example.com")


def scope(scheme: str = "http", **headers: str) -> dict[str, Any]:
    named = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    return {"type": "http", "scheme": scheme, "headers": named}


@pytest.mark.parametrize(
    ("host", "ours"),
    [
        ("127.0.0.1:8000", True),
        ("127.0.0.1", True),
        ("localhost:8000", True),
        ("LOCALHOST:8000", True),
        ("[::1]:8000", True),
        ("evil.test", False),
        ("evil.test:8000", False),
        ("localhost.evil.test:8000", False),
        ("127.0.0.1.evil.test", False),
        ("127.0.0.1:8000@evil.test", False),
        ("evil.test@127.0.0.1", False),
        ("127.0.0.1:8000/path", False),
        ("127.0.0.1:80000000", False),
        ("127.0.0.1:", False),
        ("127.0.0.1; script-src *", False),
        ("chat.example.com", False),
        ("", False),
    ],
)
def test_only_our_own_host_names_are_answered(served: Served, host: str, ours: bool) -> None:
    answer = served.client.get("/console", headers={"host": host})
    assert answer.status_code == (200 if ours else 400)
    if not ours:
        assert answer.json()["code"] == "wrong_host"
        assert "CHATSERVER_PUBLIC_URL" in answer.json()["message"]
        assert host not in answer.text or not host


@pytest.mark.parametrize("host", ["10.0.0.7:8000", "127.0.0.1; script-src *", ""])
def test_health_is_told_under_any_name_and_nothing_is_built_from_it(served: Served, host: str) -> None:
    for path in ("/healthz", "/readyz"):
        answer = served.client.get(path, headers={"host": host})
        assert answer.status_code == 200
        assert not host or host not in f"{answer.text} {answer.headers}"
    nobody = served.client.get("/metrics", headers={"host": host})
    assert nobody.status_code == 404, "without the token there is no such page, under whatever name"
    assert not host or host not in f"{nobody.text} {nobody.headers}"


def test_two_host_headers_are_none() -> None:
    twice = scope(host="127.0.0.1:8000")
    twice["headers"].append((b"host", b"evil.test"))
    assert OWN.host(twice) is None


@pytest.mark.parametrize(
    "name", ["x-forwarded-host", "forwarded", "x-original-url", "x-rewrite-url", "x-host"]
)
def test_forwarding_headers_of_strangers_change_nothing(served: Served, name: str) -> None:
    plain = served.client.get("/demo")
    told = {name: "host=evil.test", "x-forwarded-proto": "https", "x-forwarded-port": "444"}
    answer = served.client.get("/demo", headers=told)
    assert answer.text == plain.text
    assert answer.headers["content-security-policy"] == plain.headers["content-security-policy"]
    assert "strict-transport-security" not in answer.headers


@pytest.mark.parametrize(
    "path", ["/http://evil.test/console", "//evil.test/console", "/@evil.test/", "/console/"]
)
def test_a_strange_target_reaches_no_other_route(served: Served, path: str) -> None:
    answer = served.client.get(HOME + path, follow_redirects=False)
    assert answer.status_code == 404
    assert "location" not in answer.headers


ORIGINS = [
    ("http://127.0.0.1:8000", True),
    (None, False),
    ("null", False),
    ("", False),
    ("https://evil.test", False),
    ("http://sub.127.0.0.1:8000", False),
    ("http://127.0.0.1:8000.evil.test", False),
    ("http://127.0.0.1:8001", False),
    ("http://127.0.0.1", False),
    ("https://127.0.0.1:8000", False),
    ("http://localhost:8000", False),
    ("http://127.0.0.1:8000/", False),
    ("ws://127.0.0.1:8000", False),
]


@pytest.mark.parametrize(("origin", "allowed"), ORIGINS)
@pytest.mark.parametrize("path", ["/ws/customer", "/ws/agent"])
def test_a_socket_is_accepted_from_our_own_origin_only(
    served: Served, path: str, origin: str | None, allowed: bool
) -> None:
    headers = {} if origin is None else {"origin": origin}
    if allowed:
        with served.socket(path, HOME) as ws:
            ws.send_json({"type": "nonsense"})
            assert ws.receive_json()["type"] == "error"
        return
    with (
        pytest.raises(WebSocketDisconnect),
        served.client.websocket_connect(
            f"ws://127.0.0.1:8000{path}", headers={**headers, "cookie": "session=anything"}
        ),
    ):
        pytest.fail("it was accepted")


def test_a_socket_for_a_foreign_host_is_refused(served: Served) -> None:
    headers = {"origin": "http://evil.test"}
    with (
        pytest.raises(WebSocketDisconnect),
        served.client.websocket_connect("ws://evil.test/ws/agent", headers=headers),
    ):
        pytest.fail("it was accepted")


@pytest.mark.parametrize(
    ("origin", "allowed"),
    [
        ("https://chat.example.com", True),
        ("http://chat.example.com", False),
        ("https://chat.example.com:444", False),
        ("https://x.chat.example.com", False),
        ("https://chat.example.com.evil.test", False),
        ("https://chat-example.com", False),
    ],
)
def test_behind_a_proxy_the_public_address_is_our_origin(origin: str, allowed: bool) -> None:
    assert PUBLIC.origin_allowed(scope("ws", host="chat.example.com", origin=origin)) is allowed


@pytest.mark.parametrize(
    ("headers", "own"),
    [
        ({"sec_fetch_site": "same-origin"}, True),
        ({"sec_fetch_site": "same-origin", "origin": "http://127.0.0.1:8000"}, True),
        ({"origin": "http://127.0.0.1:8000"}, True),
        ({}, False),
        ({"sec_fetch_site": "same-site"}, False),
        ({"sec_fetch_site": "cross-site"}, False),
        ({"sec_fetch_site": "none"}, False),
        ({"sec_fetch_site": "cross-site", "origin": "http://127.0.0.1:8000"}, False),
        ({"sec_fetch_site": "same-origin", "origin": "https://evil.test"}, False),
        ({"origin": "null"}, False),
        ({"origin": "http://localhost:8000"}, False),
        ({"origin": "http://127.0.0.1:8001"}, False),
        ({"referer": "http://127.0.0.1:8000/console"}, False),
    ],
)
def test_only_our_own_pages_change_anything(headers: dict[str, str], own: bool) -> None:
    assert OWN.from_own_page(scope(host="127.0.0.1:8000", **headers)) is own


@pytest.mark.parametrize(
    ("text", "exact"),
    [
        ("https://Example.com", "https://example.com"),
        ("https://example.com:443", "https://example.com"),
        ("http://example.com:443", "http://example.com:443"),
        ("https://example.com/", None),
        ("example.com", None),
        ("https://user@example.com", None),
        ("https://", None),
        ("javascript://example.com", None),
    ],
)
def test_an_origin_is_read_as_browsers_write_it(text: str, exact: str | None) -> None:
    assert exact_origin(text) == exact
