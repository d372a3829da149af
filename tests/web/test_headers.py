"""Headers on every route, and nothing inline in any page. A new route is crawled by itself."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from starlette.routing import Route

from chatserver.app import build_app
from chatserver.settings import Settings
from tests.web.conftest import HASHED, Served, started

PARAMETERS = {
    "{app}": "demo",
    "{path:path}": "page.css",
    "{number}": "1001",
    "{seq}": "1",
    "{note}": "1",
    "{ticket}": "1",
    "{place}": "0",
    "{file}": "nobodys",
    "{link}": "none",
    "{token}": "nobodys",
    "{lang}": "es",
    "{slug}": "facturas",
    "{name}": "1-como-emitir-una-factura-electronica",
    "{what}": "views",
    "{id}": "1",
}


def every_address() -> list[str]:
    """One address per route, and some that end in an error."""
    found = []
    for route in build_app(Settings()).routes:
        if isinstance(route, Route):
            path = re.sub(r":int}", "}", route.path)
            for parameter, value in PARAMETERS.items():
                path = path.replace(parameter, value)
            assert "{" not in path, f"say in PARAMETERS what {route.path} means"
            found.append(path)
    others = ["/nowhere", "/embed/nobody", "/static/nothing", "/demo?app=horario", f"/static/build/{HASHED}"]
    return sorted({*found, *others})


HELP = [
    "/help/demo/es",
    "/help/demo/es/category/facturas",
    "/help/demo/es/article/1-como-emitir-una-factura-electronica",
    "/help/demo/es/search?q=factura",
    "/help/demo/es/article/1/feedback",
    "/help/demo/es/article/99",
]
PAGES = [*HELP, "/", "/demo", "/demo?app=horario", "/console", "/embed/demo", "/embed/nobody", "/nowhere"]
PAGES += [f"/portal/demo/{place}" for place in ("sign-in", "sign-up", "forgotten", "link", "welcome")]


def policy(header: str) -> dict[str, list[str]]:
    directives = [directive.split() for directive in header.split(";")]
    assert len({name for name, *_ in directives}) == len(directives), "a directive stands twice"
    return {name: sources for name, *sources in directives}


@pytest.mark.parametrize("path", every_address())
def test_every_route_has_the_security_headers(served: Served, path: str) -> None:
    headers = served.client.get(path, headers={"accept": "text/html"}).headers
    csp = policy(headers["content-security-policy"])
    for name in ("default-src", "object-src", "base-uri"):
        if name in csp or name != "object-src":
            assert csp[name] == ["'none'"]
    assert "unsafe" not in headers["content-security-policy"]
    for source in {source for sources in csp.values() for source in sources}:
        known = {"'none'", "'self'", "'script'", "data:", "ws://127.0.0.1:8000"}
        assert source in known | {"http://127.0.0.1:8000", "http://localhost:8000"}
    framed = path == "/embed/demo"
    assert csp["frame-ancestors"] == (
        ["http://localhost:8000", "http://127.0.0.1:8000"] if framed else ["'none'"]
    )
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "same-origin"
    assert "camera=()" in headers["permissions-policy"]
    assert headers.get("cross-origin-opener-policy") == (None if framed else "same-origin")
    across = framed or path == "/widget.js"
    assert headers["cross-origin-resource-policy"] == ("cross-origin" if across else "same-origin")
    assert "strict-transport-security" not in headers
    assert "server" not in headers
    kept = (
        "/static/build/",
        "/static/page.css",
        "/widget.js",
        "/favicon.ico",
        "/help/demo",
        "/portal/demo/color.css",
    )
    if not path.startswith(kept) or path.endswith("/feedback"):
        assert headers["cache-control"] == "no-store"


@pytest.mark.parametrize("path", PAGES)
def test_no_page_has_anything_inline(served: Served, path: str) -> None:
    page = served.client.get(path, headers={"accept": "text/html"}).text
    assert page.startswith("<!doctype html>")
    assert not re.search(r"<style|\sstyle=|\son[a-z]+=|javascript:", page, re.IGNORECASE)
    scripts = re.findall(r"<script[^>]*>", page)
    assert all("src=" in tag for tag in scripts if tag != '<script type="application/ld+json">')


def test_over_https_browsers_are_told_to_stay_there(settings: Settings, static: Path) -> None:
    public = "https://chat.example.com"
    # Behind a proxy that ends TLS the connection itself is http: the public address says what browsers speak.
    with started(settings, static, "http://chat.example.com", public_url=public) as served:
        answer = served.client.get("/console")
        assert answer.headers["strict-transport-security"] == "max-age=31536000"
        assert "wss://chat.example.com" in answer.headers["content-security-policy"]


def test_the_demo_seen_as_localhost_takes_the_widget_from_another_site(
    settings: Settings, static: Path
) -> None:
    with started(settings, static, "http://localhost:8000") as served:
        page = served.client.get("/demo")
        assert 'src="http://127.0.0.1:8000/widget.js"' in page.text
        csp = policy(page.headers["content-security-policy"])
        for directive in ("script-src", "connect-src", "frame-src"):
            assert "http://127.0.0.1:8000" in csp[directive]
        csp = policy(served.client.get("/embed/demo").headers["content-security-policy"])
        assert "http://localhost:8000" in csp["frame-ancestors"]


def test_origins_that_would_smuggle_a_directive_are_left_out_of_the_policy() -> None:
    from chatserver.web.origins import sources

    good = ["https://good.test", "http://localhost:3000"]
    bad = [
        "https://a.test; script-src *",
        "*",
        "https://*.test",
        "https://a.test/path",
        "data:",
        "",
        "https://a b",
    ]
    assert sources([*good, *bad]) == "https://good.test http://localhost:3000"
    assert sources(bad) == "'none'"
