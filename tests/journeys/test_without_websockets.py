"""Where a proxy lets no WebSocket through: the same conversations over plain HTTP, and nobody notices."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import BrowserContext, Page, Request, expect

from tests.harness.browser import PATIENCE_MS
from tests.harness.network import Network
from tests.harness.settings import with_settings
from tests.harness.waiting import wait_until
from tests.journeys.conftest import Stage

pytestmark = pytest.mark.browser

SUBJECT = "La red de la oficina"
CHUNK = re.compile(r"/static/build/line\.[0-9a-f]{12}\.js$")
OFFLINE = re.compile("Sin conexión")
QUICK_HEARTBEATS = {"customer_heartbeat_seconds": 1, "agent_heartbeat_seconds": 1}


class Lines:
    """The requests of one browser that carry lines, while they are under way."""

    def __init__(self, context: BrowserContext) -> None:
        self.modes: list[str] = []
        """Of every line that was asked for: "stream" or "poll"."""
        self._open: set[Request] = set()
        context.on("request", self._begun)
        context.on("requestfinished", self._ended)
        context.on("requestfailed", self._ended)

    def streams(self, page: Page) -> int:
        """How many there are just now, of all of the browser's tabs; `page`: any of them."""
        page.wait_for_timeout(0)  # lets Playwright tell what happened meanwhile
        return len(self._open)

    def _begun(self, request: Request) -> None:
        mode = request.headers.get("chat-mode", "")
        if "/line/" not in request.url or "chat-line" in request.headers:
            return
        self.modes.append(mode)
        if mode == "stream":
            self._open.add(request)

    def _ended(self, request: Request) -> None:
        self._open.discard(request)


def obstructed(stage: Stage, *, patient: bool = False) -> Network:
    """A network without WebSockets; `patient`: and without streams."""
    network = stage.network()
    network.block_websockets()
    if patient:
        network.hold_answers_back()
    return network


def expects_lost_lines(stage: Stage) -> None:
    """The server, or the network instead of it, says that a line is gone."""
    stage.expects_interruptions()
    for person in stage.people:
        person.watch.expect(r"responded with a status of (404|502)")


def show(page: Page, visible: bool) -> None:
    """Headless tabs are all seen: this one is, or is not, from now on."""
    for frame in page.frames:
        frame.evaluate(
            """visible => {
                const value = visible ? "visible" : "hidden";
                Object.defineProperty(document, "visibilityState", {value, configurable: true});
                document.dispatchEvent(new Event("visibilitychange"));
            }""",
            visible,
        )


@pytest.mark.parametrize("patient", [False, True], ids=["stream", "polls"])
def test_a_customer_and_an_agent_talk_and_nobody_is_told_how(stage: Stage, patient: bool) -> None:
    customer = stage.customer(network=obstructed(stage, patient=patient))
    lines = Lines(customer.context)
    with customer.context.expect_event("request", lambda request: bool(CHUNK.search(request.url))):
        customer.starts_chat(SUBJECT)
    expect(customer.widget.get_by_text(OFFLINE)).to_have_count(0)
    ana = stage.agent(network=obstructed(stage, patient=patient))
    stage.expects_interruptions()
    ana.opens(SUBJECT)
    customer.says("Hola, ¿me leen?")
    ana.talk.shows("Hola, ¿me leen?")
    ana.says("Te leo perfecto")
    customer.talk.shows("Te leo perfecto")
    ana.talk.types("Estoy")
    customer.sees(re.compile("está escribiendo"))
    ana.talk.composer.fill("")
    customer.page.reload()
    ana.says("Uno, mientras recargas")
    ana.says("Dos, mientras recargas")
    customer.reopens_panel(SUBJECT)
    customer.says("Ya volví")
    everything = (
        "Hola, ¿me leen?",
        "Te leo perfecto",
        "Uno, mientras recargas",
        "Dos, mientras recargas",
        "Ya volví",
    )
    customer.talk.shows_in_order(*everything)
    ana.talk.shows_in_order(*everything)
    # The second time it was known what works.
    assert lines.modes == (["stream", "poll", "poll"] if patient else ["stream", "stream"])
    ana.closes_ticket()
    customer.sees_ticket_closed()


def test_whose_websockets_get_through_never_loads_the_detour(stage: Stage) -> None:
    customer = stage.customer()
    fetched: list[str] = []
    customer.context.on("request", lambda request: fetched.append(request.url))
    customer.starts_chat(SUBJECT)
    customer.page.reload()
    customer.reopens_panel(SUBJECT)
    assert any("/frame." in url for url in fetched)
    assert not [url for url in fetched if CHUNK.search(url) or "/line/" in url]


@with_settings(**QUICK_HEARTBEATS)
@pytest.mark.parametrize("half_open", [False, True], ids=["cut", "half open"])
@pytest.mark.parametrize("patient", [False, True], ids=["stream", "polls"])
def test_what_was_typed_in_a_tunnel_arrives_once_and_in_order(
    stage: Stage, patient: bool, half_open: bool
) -> None:
    network = obstructed(stage, patient=patient)
    customer, ana = stage.customer(network=network), stage.agent()
    expects_lost_lines(stage)
    customer.starts_chat(SUBJECT)
    ana.opens(SUBJECT)
    customer.says("Antes del túnel")
    ana.talk.shows("Antes del túnel")
    if half_open:
        network.stall()
    else:
        network.cut()
    customer.says("En el túnel, uno")
    customer.says("En el túnel, dos")
    ana.says("¿Sigues ahí?")
    customer.sees(OFFLINE)
    wait_until(lambda: customer_is_gone(stage), "the server noticed that the customer is away", 30)
    network.repair()
    # An attempt from within the tunnel may have to run out first.
    wait_until(lambda: not customer_is_gone(stage), "the customer is back", 30)
    customer.talk.shows("¿Sigues ahí?")
    ana.talk.shows_in_order("Antes del túnel", "En el túnel, uno", "En el túnel, dos")
    customer.says("Fuera del túnel")
    everything = (
        "Antes del túnel",
        "En el túnel, uno",
        "En el túnel, dos",
        "¿Sigues ahí?",
        "Fuera del túnel",
    )
    ana.talk.shows("Fuera del túnel")
    assert customer.talk.order(*everything) == ana.talk.order(*everything)


def test_a_crash_of_the_server_loses_nothing_either(stage: Stage) -> None:
    customer = stage.customer(network=obstructed(stage))
    ana = stage.agent(network=obstructed(stage))
    expects_lost_lines(stage)
    customer.starts_chat(SUBJECT)
    ana.opens(SUBJECT)
    customer.says("Antes de la caída")
    ana.talk.shows("Antes de la caída")
    stage.server.kill()
    customer.says("Durante, del cliente")
    ana.says("Durante, de Ana")
    stage.server.start()
    customer.talk.shows_in_order("Antes de la caída", "Durante, del cliente")
    ana.talk.shows_in_order("Antes de la caída", "Durante, de Ana")
    everything = ("Antes de la caída", "Durante, del cliente", "Durante, de Ana")
    assert customer.talk.order(*everything) == ana.talk.order(*everything)


def test_two_tabs_of_a_customer_hold_one_stream(stage: Stage) -> None:
    customer, ana = stage.customer(network=obstructed(stage)), stage.agent()
    expects_lost_lines(stage)
    lines = Lines(customer.context)
    customer.starts_chat(SUBJECT)
    ana.opens(SUBJECT)
    wait_until(lambda: lines.streams(customer.page) == 1, "the first tab has a stream")
    show(customer.page, False)
    other = customer.another_tab()
    other.opens_host_page()
    other.opens_ticket(SUBJECT)
    ana.says("Para quien mira")
    other.talk.shows("Para quien mira")
    wait_until(lambda: lines.streams(other.page) == 1, "the second tab has the only stream")
    expect(customer.talk.log.get_by_text("Para quien mira")).to_have_count(0)
    show(other.page, False)
    show(customer.page, True)
    customer.talk.shows("Para quien mira")
    customer.says("Ahora miro aquí")
    ana.talk.shows("Ahora miro aquí")
    wait_until(lambda: lines.streams(customer.page) == 1, "the first tab has the only stream again")
    show(customer.page, False)
    show(other.page, True)
    other.talk.shows_in_order("Para quien mira", "Ahora miro aquí")
    expect(other.widget.get_by_text(OFFLINE)).to_have_count(0, timeout=PATIENCE_MS)


def customer_is_gone(stage: Stage) -> bool:
    with stage.server.reading() as database:
        gone_at = database.execute("SELECT gone_at FROM tickets WHERE subject = ?", (SUBJECT,)).fetchone()[0]
        return gone_at is not None
