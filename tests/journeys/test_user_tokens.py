"""The host's user tokens in a browser: taken, refused with a word for each of the three whom it concerns, and renewed unseen."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import re
import secrets
import time
from collections.abc import Callable
from functools import partial

import pytest
from playwright.sync_api import ConsoleMessage, Page, Route, WebSocketRoute, expect

from tests.harness.commands import done
from tests.harness.people import Customer
from tests.harness.server import Server
from tests.harness.waiting import wait_until
from tests.journeys.conftest import Stage

pytestmark = pytest.mark.browser

BOOT = """if (window === top) {
    window.SupportChat = function () { (SupportChat.q = SupportChat.q || []).push(arguments); };
    window.told = [];
    SupportChat('on', 'error', ({ code }) => told.push(code));
    SupportChat('boot', { getUserToken: async () => (await fetch('/chat-token')).text() });
}"""
"""What docs/embed.md says, before any script of the page."""
REFUSED = re.compile("No pudimos confirmar quién eres|Tu sesión ya no es válida")
BAD_AUTH = 4501


def part(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def signed(secret: str, **claims: object) -> str:
    good = {"sub": "u-77", "aud": "demo", "exp": int(time.time()) + 120, "jti": secrets.token_hex(8)}
    body = good | {"name": "Marta Ruiz"} | claims
    text = part(b'{"alg":"HS256","typ":"JWT"}') + "." + part(json.dumps(body).encode())
    return text + "." + part(hmac.new(secret.encode(), text.encode(), hashlib.sha256).digest())


BAD: dict[str, Callable[[str], str]] = {
    "another secret": lambda secret: signed("x" * 43),
    "an error page": lambda secret: "<!doctype html><h1>404 Not Found</h1>" + "<p>…</p>" * 100_000,
    "another app's": lambda secret: signed(secret, aud="otra"),
    "a number as sub": lambda secret: signed(secret, sub=42),
    "an hour ahead": lambda secret: signed(secret, exp=int(time.time()) + 3720),
    "an hour behind": lambda secret: signed(secret, exp=int(time.time()) - 3480),
}


class Shop:
    """The demo's page with users of its own, and its backend, which gives tokens as `make` makes them of the app's secret."""

    def __init__(self, server: Server, page: Page, make: Callable[[str], str] = signed) -> None:
        self.make = make
        self.asked = 0
        self.lines = 0
        self.warnings: list[str] = []
        with server.reading() as database:
            (self.secret,) = database.execute("SELECT secret FROM apps WHERE key = 'demo'").fetchone()
        page.add_init_script(BOOT)
        page.route("**/chat-token", self._token)
        page.on("websocket", self._dialled)
        page.on("console", self._said)

    def _token(self, route: Route) -> None:
        self.asked += 1
        route.fulfill(body=self.make(self.secret), content_type="text/plain")

    def _dialled(self, line: object) -> None:
        self.lines += 1

    def _said(self, message: ConsoleMessage) -> None:
        if message.type == "warning":
            self.warnings.append(message.text)


def goes_shopping(customer: Customer) -> None:
    customer.opens_host_page()
    customer.page.get_by_role("button", name="Ayuda").click()


@pytest.mark.parametrize("kind", BAD)
def test_a_token_that_is_refused_is_asked_for_once_more_and_then_no_more(stage: Stage, kind: str) -> None:
    customer = stage.customer()
    shop = Shop(stage.server, customer.page, BAD[kind])
    goes_shopping(customer)
    customer.sees(REFUSED)
    offers_nothing(customer)
    assert (shop.lines, shop.asked) == (2, 2)
    expect(customer.widget.get_by_text("Sin conexión")).to_have_count(0)
    (warning,) = shop.warnings
    assert "chatserver doctor --app demo" in warning
    assert "docs/embed.md" in warning
    told = customer.page.evaluate("told")
    assert len(set(told)) == 1
    assert told[0] in ("bad_identity", "token_expired", "too_long")
    assert told[0] in warning
    (line,) = [line for line in stage.server.whole_log().splitlines() if "a user token was refused" in line]
    assert '"app": "demo"' in line

    # The button asks the host anew, and once more, and no further.
    customer.button("Volver a conectar").click()
    wait_until(partial(dialled, customer, shop, 4), "it tries again, twice")
    customer.sees(REFUSED)
    assert (shop.lines, shop.asked) == (4, 3)

    shop.make = signed
    customer.button("Volver a conectar").click()
    customer.sees("Hola, Marta")
    expect(customer.button("Solicitar Soporte")).to_be_visible()
    expect(customer.widget.get_by_text(REFUSED)).to_have_count(0)
    assert (shop.lines, shop.asked) == (6, 4)


def offers_nothing(customer: Customer) -> None:
    """Where nobody was let in: no sign that something comes, and no way to ask for anything."""
    expect(customer.widget.get_by_label("Cargando")).to_be_hidden()
    expect(customer.widget.get_by_text("Solicitar Soporte")).to_be_hidden()


def test_who_has_to_sign_in_first_is_offered_nothing_else(stage: Stage) -> None:
    done(stage.server, "app", "set", "demo", "--policy", "identity_required=yes")
    customer = stage.customer()
    customer.page.get_by_role("button", name="Ayuda").first.click()
    customer.sees("Ingresa con tu usuario para pedir soporte.")
    offers_nothing(customer)


def dialled(customer: Customer, shop: Shop, lines: int) -> bool:
    customer.page.wait_for_timeout(0)  # lets Playwright tell what happened meanwhile
    return shop.lines >= lines


def test_also_over_plain_http_and_in_a_second_tab(stage: Stage) -> None:
    network = stage.network()
    network.block_websockets()
    customer = stage.customer(network=network)
    stage.expects_interruptions()
    tabs = (customer, customer.another_tab())
    shops = [Shop(stage.server, tab.page, BAD["another secret"]) for tab in tabs]
    for tab in tabs:
        goes_shopping(tab)
        tab.sees(REFUSED)
    assert [shop.asked for shop in shops] == [2, 2]


class Expiring:
    """The line to the server, on which the customer's session has always just expired: who brings no user token is refused."""

    def __init__(self, page: Page) -> None:
        self.open: list[WebSocketRoute] = []
        self.refused = 0
        page.route_web_socket(re.compile("/ws/customer"), self._dialled)

    def _dialled(self, line: WebSocketRoute) -> None:
        server = line.connect_to_server()

        def heard(text: str | bytes) -> None:
            frame = json.loads(text)
            if frame["type"] == "hello" and frame["token"] and not frame["identity"]:
                self.refused += 1
                line.send(json.dumps({"type": "error", "code": "token_expired", "verb": "hello"}))
                line.close(code=BAD_AUTH)
            else:
                server.send(text)

        line.on_message(heard)
        self.open.append(line)

    def drop(self) -> None:
        self.open[-1].close(code=1001)


def test_a_session_that_expires_is_renewed_again_and_again_and_nobody_notices(stage: Stage) -> None:
    customer = stage.customer()
    shop, ana = Shop(stage.server, customer.page), stage.agent()
    line = Expiring(customer.page)
    goes_shopping(customer)
    customer.sees("Hola, Marta")
    customer.button("Solicitar Soporte").click()
    customer.starts_new_ticket()
    customer.gives_subject("Una sesión larga")
    ana.opens("Una sesión larga")
    frame = next(frame for frame in customer.page.frames if "/embed/" in frame.url)
    frame.evaluate(
        """() => {
            window.alarmed = 0;
            const look = () => { alarmed += document.querySelectorAll(".panel > [role=alert]").length; };
            new MutationObserver(look).observe(document.body, { childList: true, subtree: true });
        }"""
    )
    for turn in range(1, 4):
        customer.talk.types(f"Sigo aquí, {turn}")
        line.drop()
        wait_until(partial(renewed, customer, line, turn), "the session has expired")
        customer.button("Enviar").click()
        ana.talk.shows(f"Sigo aquí, {turn}")
        assert shop.asked == 1 + turn
    assert frame.evaluate("alarmed") == 0
    assert not shop.warnings


def renewed(customer: Customer, line: Expiring, turn: int) -> bool:
    customer.page.wait_for_timeout(0)  # lets Playwright tell what happened meanwhile
    return line.refused >= turn
