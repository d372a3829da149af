"""What nobody's browser sends to pages and JSON: each is refused as what it is, and none is a fault of ours."""

from __future__ import annotations

import logging

import pytest
from starlette.routing import Route

from chatserver import telemetry
from tests.web.conftest import HOME, Served

OWN = {"origin": HOME, "sec-fetch-site": "same-origin"}
TOO_MANY = ("9" * 19, "9" * 25, "9" * 5_000)
"""Digits: more than 64 bits hold, and more than Python reads."""


@pytest.mark.parametrize("number", TOO_MANY, ids=len)
def test_a_number_that_no_database_holds_is_no_page(served: Served, number: str) -> None:
    assert served.sign_in() == 200
    paths = [route.path for route in served.app.routes if isinstance(route, Route) and ":int}" in route.path]
    assert len(paths) > 10
    for path in paths:
        for name in ("id", "number"):
            path = path.replace(f"{{{name}:int}}", number)
        path = path.replace("{app}", "demo").replace("{lang}", "es").replace("{what}", "views")
        for method in ("GET", "POST", "PUT", "DELETE"):
            answer = served.client.request(method, path, headers=OWN, follow_redirects=False)
            assert answer.status_code in (404, 405), (method, path[:60], answer.text[:200])


@pytest.mark.parametrize("number", [2**31, 2**53, 2**63, 10**30, -1, 1.5, True])
def test_a_number_that_no_database_holds_is_no_field(served: Served, number: float) -> None:
    assert served.sign_in() == 200
    text = {"title": "Un título", "summary": "", "body": "x"}
    for method, path, body in (
        ("POST", "/console/articles", {"app": "demo", "language": "es", **text, "category": number}),
        (
            "POST",
            "/console/articles",
            {"app": "demo", "language": "es", **text, "category": 1, "translates": number},
        ),
        ("PUT", "/console/articles/1", {**text, "category": 1, "base": number}),
        ("POST", "/console/articles/1/publish", {"number": number}),
        ("PUT", "/console/categories", {"app": "demo", "ids": [number]}),
    ):
        answer = served.client.request(method, path, json=body, headers=OWN)
        assert answer.status_code in (200, 400, 404), (path, body, answer.text)


@pytest.mark.parametrize("path", ["/files/{}", "/mail/stop/demo/{}"])
def test_what_opens_something_is_in_no_log_when_opening_it_fails(
    served: Served, path: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fails(*_: object) -> None:
        raise RuntimeError("broken")

    monkeypatch.setattr("chatserver.services.downloads.Downloads.linked", fails)
    monkeypatch.setattr("chatserver.web.mail._named", fails)
    with caplog.at_level(logging.DEBUG):
        assert served.client.get(path.format("s3cr3t.t0k3n")).status_code == 500
    logged = [
        telemetry.JsonLines().format(record)
        for record in caplog.records
        if record.name.startswith("chatserver")
    ]
    assert any("request failed" in line and path.partition("{")[0] in line for line in logged)
    assert not [line for line in logged if "s3cr3t" in line]


BY_A_SECRET = {"/mail/stop/{app}/{token}", "/mail/resume/{app}/{token}"}
"""Posted by mail programs, without a page: their address is the proof."""
FOREIGN = (
    {},
    {"origin": "https://evil.example"},
    {"origin": "null"},
    {"sec-fetch-site": "cross-site"},
)


def test_nothing_is_changed_by_a_page_of_another_site_whatever_the_route(served: Served) -> None:
    assert served.sign_in() == 200
    changing = [
        (method, route.path)
        for route in served.app.routes
        if isinstance(route, Route) and not route.path.startswith("/node/")
        for method in (route.methods or set()) - {"GET", "HEAD"}
    ]
    assert len(changing) > 30
    for method, path in changing:
        filled = path.replace("{app}", "demo").replace("{lang}", "es").replace("{what}", "views")
        filled = filled.replace("{id:int}", "1").replace("{number:int}", "1001").replace("{token}", "x")
        assert "{" not in filled, "a part of an address that this test does not know"
        for headers in FOREIGN:
            answer = served.client.request(
                method, filled, headers=headers, data={"csrf": "x"} if method == "POST" else None
            )
            assert answer.status_code == (404 if path in BY_A_SECRET else 403), (method, path, headers)
