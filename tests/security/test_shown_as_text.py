"""Whatever a customer or a host page writes is text on every screen: no script runs, and no policy had to stop one."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect
from websockets.sync.client import connect
from websockets.typing import Origin

from tests.harness.browser import Watch, chromium, person_context
from tests.harness.peers import new_cid
from tests.harness.people import Agent, Customer
from tests.harness.server import Server, running

pytestmark = pytest.mark.browser

RUNS = "self.ran=1"
VECTORS = [
    f"<script>{RUNS}</script>",
    f"<img src=x onerror={RUNS}>",
    f"<svg/onload={RUNS}>",
    f'"><script>{RUNS}</script>',
    f"'-{RUNS}-'",
    "{{constructor.constructor('" + RUNS + "')()}}",
    f"<iframe srcdoc='<script>{RUNS}</script>'></iframe>",
    f"<a href=javascript:{RUNS}>x</a>",
    f"javascript:{RUNS}//https://x.test",
    f'https://x.test/"onmouseover="{RUNS}',
    f"<details open ontoggle={RUNS}>",
    f"<math><mtext></form><form><mglyph><style></math><img src onerror={RUNS}>",
    f"<form action=javascript:{RUNS}><button>x</button></form>",
    "<base href=//x.test><link rel=stylesheet href=//x.test>",
    f"data:text/html,<script>{RUNS}</script>",
    f"</title></textarea></style></noscript><img src=x onerror={RUNS}>",
    f"<x onfocus={RUNS} tabindex=1 autofocus>",
    "\u202e<script>" + RUNS + "</script>\u2066",
    f"<meta http-equiv=refresh content='0;url=javascript:{RUNS}'>",
    f"[x](javascript:{RUNS}) www.x.test/<script>{RUNS}</script>",
]
LINKS = re.compile(r"^(https?:|mailto:)", re.IGNORECASE)
LOOK = """() => ({
  ran: Boolean(self.ran),
  strange: [...document.querySelectorAll("script:not([src]),iframe,object,embed,base,meta[http-equiv],style,[onerror],[onload]")]
    .filter((element) => !/^http/.test(element.src ?? "")).map((element) => element.outerHTML.slice(0, 200)),
  links: [...document.querySelectorAll("a[href]")].map((a) => a.getAttribute("href")),
})"""
REPORTS = "addEventListener('securitypolicyviolation', (e) => console.error('CSP ' + e.violatedDirective + e.blockedURI))"


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as browser:
        yield browser


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    with running(tmp_path, messages_burst=200) as server:
        yield server


@contextmanager
def somebody(browser: Browser) -> Iterator[tuple[BrowserContext, Page, Watch]]:
    context = person_context(browser)
    context.add_init_script(REPORTS)
    page = context.new_page()
    watch = Watch()
    watch.over(page)
    try:
        yield context, page, watch
        assert not watch.unexpected()
    finally:
        context.close()


def is_clean(page: Page) -> None:
    for frame in page.frames:
        found = frame.evaluate(LOOK)
        assert not found["ran"], frame.url
        if "/demo" not in frame.url:
            assert found["strange"] == []
            assert [
                href for href in found["links"] if not (LINKS.match(href) or href.startswith(("/", "#", "?")))
            ] == []


def write_everything(server: Server) -> str:
    """A customer whose every field is hostile; gives the token with which the widget is this customer."""
    hello = {
        "type": "hello",
        "v": 1,
        "app": "demo",
        "name": VECTORS[0][:100],
        "locale": VECTORS[2],
        "zone": VECTORS[2],
    }
    origin = Origin(server.origin)
    with connect(f"ws://127.0.0.1:{server.port}/ws/customer", origin=origin, proxy=None) as socket:
        socket.send(json.dumps(hello))
        welcome = json.loads(socket.recv())
        context = {
            "url": f"javascript:{RUNS}//",
            "title": VECTORS[3],
            "app_version": VECTORS[1],
            "browser": VECTORS[4],
            "locale": VECTORS[2],
            "zone": VECTORS[2],
            "host": {vector[:100]: vector for vector in VECTORS},
        }
        start = {
            "type": "start",
            "cid": new_cid(),
            "subject": VECTORS[0],
            "context": context,
            "email": "o'<b>x</b>",
        }
        socket.send(json.dumps({**start, "email": "x'onload=alert`1`//@x.test"}))
        ticket = (_answer(socket))["ticket"]
        for vector in VECTORS:
            socket.send(json.dumps({"type": "say", "ticket": ticket, "cid": new_cid(), "text": vector}))
            _answer(socket)
    return str(welcome["token"])


def _answer(socket: Any) -> dict[str, Any]:
    while True:
        frame: dict[str, Any] = json.loads(socket.recv())
        assert frame["type"] != "error", frame
        if frame["type"] == "ack":
            return frame


def test_the_console_shows_what_hostile_customers_and_hosts_write_as_text(
    browser: Browser, server: Server
) -> None:
    write_everything(server)
    with somebody(browser) as (context, page, watch):
        agent = Agent(server, context, page, watch, "ana@demo.test")
        agent.signs_in("Disponible")
        page.get_by_text(VECTORS[0]).first.click()
        expect(page.get_by_role("log").get_by_text(VECTORS[18]).first).to_be_visible()
        expect(page.get_by_text(VECTORS[3]).first).to_be_visible()
        is_clean(page)


def test_the_widget_shows_what_is_written_as_text(browser: Browser, server: Server) -> None:
    with somebody(browser) as (context, page, watch):
        customer = Customer(server, context, page, watch)
        customer.opens_host_page()
        customer.starts_chat(VECTORS[0])
        for vector in VECTORS:
            customer.talk.says(vector)
        expect(customer.talk.log.get_by_text(VECTORS[18]).first).to_be_visible()
        is_clean(page)
        customer.goes_back_to_list()
        is_clean(page)


def test_no_stranger_may_frame_the_widget_or_the_console(browser: Browser, server: Server) -> None:
    with somebody(browser) as (_, page, watch):
        watch.expect("frame-ancestors")
        watch.expect("ERR_BLOCKED_BY_RESPONSE")
        page.route(
            "http://evil.test/",
            lambda route: route.fulfill(
                content_type="text/html",
                body=f"<iframe src={server.console}></iframe><iframe src={server.origin}/embed/demo></iframe>",
            ),
        )
        page.goto("http://evil.test/")
        urls = [frame.url for frame in page.frames[1:]]
        assert [url.split(":")[0] for url in urls] == ["chrome-error", "chrome-error"]
