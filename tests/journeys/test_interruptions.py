"""What is typed is never lost: reloads, crashes of the server, a network that is cut or half open, several tabs."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

from tests.harness.settings import on_both_engines, with_settings
from tests.harness.waiting import wait_until
from tests.journeys.conftest import Stage

pytestmark = pytest.mark.browser

SUBJECT = "Se cierra sola la sesión"
QUICK_HEARTBEATS = {"customer_heartbeat_seconds": 1, "agent_heartbeat_seconds": 1}


def test_a_reload_in_mid_chat_brings_the_conversation_back(stage: Stage) -> None:
    customer, ana = stage.customer(), stage.agent()
    customer.starts_chat(SUBJECT)
    ana.opens(SUBJECT)
    customer.says("Uno")
    ana.says("Dos")
    customer.talk.shows("Dos")
    customer.page.reload()
    ana.says("Tres, mientras recargas")
    customer.reopens_panel(SUBJECT)
    customer.talk.shows_in_order("Uno", "Dos", "Tres, mientras recargas")
    customer.says("Cuatro")
    ana.talk.shows_in_order("Uno", "Dos", "Tres, mientras recargas", "Cuatro")
    ana.page.reload()
    ana.opens(SUBJECT)
    ana.talk.shows_in_order("Uno", "Dos", "Tres, mientras recargas", "Cuatro")


@on_both_engines
def test_a_crash_of_the_server_loses_nothing_of_what_both_typed_meanwhile(stage: Stage) -> None:
    customer, ana = stage.customer(), stage.agent()
    customer.starts_chat(SUBJECT)
    ana.opens(SUBJECT)
    customer.says("Antes de la caída")
    ana.talk.shows("Antes de la caída")
    stage.expects_interruptions()
    stage.server.kill()
    customer.says("Durante, del cliente 1")
    customer.says("Durante, del cliente 2")
    ana.says("Durante, de Ana 1")
    ana.says("Durante, de Ana 2")
    stage.server.start()
    for talk in (customer.talk, ana.talk):
        talk.shows_in_order("Antes de la caída", "Durante, del cliente 1", "Durante, del cliente 2")
        talk.shows_in_order("Antes de la caída", "Durante, de Ana 1", "Durante, de Ana 2")
    customer.says("Después")
    ana.talk.shows("Después")
    everything = (
        "Antes de la caída",
        "Durante, del cliente 1",
        "Durante, del cliente 2",
        "Durante, de Ana 1",
        "Durante, de Ana 2",
        "Después",
    )
    assert customer.talk.order(*everything) == ana.talk.order(*everything)


def test_what_was_typed_offline_survives_a_reload_too(stage: Stage) -> None:
    network = stage.network()
    customer, ana = stage.customer(network=network), stage.agent()
    customer.starts_chat(SUBJECT)
    ana.opens(SUBJECT)
    customer.says("Con red")
    ana.talk.shows("Con red")
    stage.expects_interruptions()
    network.cut()
    customer.says("Sin red")
    customer.talk.shows("Sin red")
    network.repair()
    customer.page.reload()
    ana.talk.shows_in_order("Con red", "Sin red")
    customer.reopens_panel(SUBJECT)
    customer.talk.shows_in_order("Con red", "Sin red")


@with_settings(**QUICK_HEARTBEATS)
@pytest.mark.parametrize("half_open", [False, True], ids=["cut", "half open"])
def test_a_network_gone_for_longer_than_a_heartbeat(stage: Stage, half_open: bool) -> None:
    network = stage.network()
    customer, ana = stage.customer(network=network), stage.agent()
    customer.starts_chat(SUBJECT)
    ana.opens(SUBJECT)
    customer.says("Todo bien")
    ana.talk.shows("Todo bien")
    stage.expects_interruptions()
    if half_open:
        network.stall()
    else:
        network.cut()
    customer.says("En el túnel")
    ana.says("¿Sigues ahí, Carla?")
    customer.sees(re.compile("Sin conexión"))
    wait_until(lambda: customer_is_gone(stage), "the server noticed that the customer is away")
    network.repair()
    ana.talk.shows_in_order("Todo bien", "En el túnel")
    customer.talk.shows_in_order("Todo bien", "¿Sigues ahí, Carla?")
    wait_until(lambda: not customer_is_gone(stage), "the customer is back")
    everything = ("Todo bien", "En el túnel", "¿Sigues ahí, Carla?")
    assert customer.talk.order(*everything) == ana.talk.order(*everything)


def test_two_tabs_of_a_customer_stay_in_step(stage: Stage) -> None:
    customer, ana = stage.customer(), stage.agent()
    customer.starts_chat(SUBJECT)
    other = customer.another_tab()
    other.opens_host_page()
    other.opens_ticket(SUBJECT)
    ana.opens(SUBJECT)
    customer.says("Desde la primera")
    other.talk.shows("Desde la primera")
    other.says("Desde la segunda")
    customer.talk.shows_in_order("Desde la primera", "Desde la segunda")
    ana.says("Las veo juntas")
    for talk in (customer.talk, other.talk, ana.talk):
        talk.shows_in_order("Desde la primera", "Desde la segunda", "Las veo juntas")
    ana.closes_ticket()
    customer.sees_ticket_closed()
    other.sees_ticket_closed()
    other.rates(4)
    customer.is_thanked()


def test_two_tabs_of_an_agent_stay_in_step(stage: Stage) -> None:
    customer, ana = stage.customer(), stage.agent()
    other = ana.another_tab()
    customer.starts_chat(SUBJECT)
    ana.opens(SUBJECT)
    other.opens(SUBJECT)
    other.says("Desde la otra pestaña")
    ana.talk.shows("Desde la otra pestaña")
    other.becomes("Ocupado")
    expect(ana.page.get_by_role("radio", name="Ocupado")).to_be_checked()


def test_a_single_page_application_boots_and_shuts_down_twice(stage: Stage) -> None:
    customer, ana = stage.customer(), stage.agent()
    customer.starts_chat(SUBJECT)
    for _ in range(2):
        customer.page.evaluate("SupportChat('shutdown')")
        expect(customer.page.locator("iframe")).to_have_count(0)
        customer.page.evaluate("SupportChat('boot', {app: 'demo'})")
        customer.opens_support()
        expect(customer.page.locator("iframe")).to_have_count(1)
        # Whoever shut down is somebody else now: a shared computer shows nobody's tickets.
        expect(customer.button("Nuevo ticket")).to_be_visible()
        expect(customer.widget.get_by_text(SUBJECT)).to_have_count(0)
    customer.starts_new_ticket()
    customer.gives_subject("Otra persona")
    ana.opens("Otra persona")
    ana.says("Una sola vez")
    customer.talk.shows("Una sola vez")


def customer_is_gone(stage: Stage) -> bool:
    with stage.server.reading() as database:
        gone_at = database.execute("SELECT gone_at FROM tickets WHERE subject = ?", (SUBJECT,)).fetchone()[0]
        return gone_at is not None


@with_settings(**QUICK_HEARTBEATS)
def test_a_console_without_a_connection_does_not_say_who_is_there(stage: Stage) -> None:
    network = stage.network()
    customer, ana = stage.customer(), stage.agent(network=network, width=1440)
    customer.starts_chat(SUBJECT)
    ana.opens(SUBJECT)
    panel = ana.page.get_by_role("complementary", name="Detalles del ticket")
    connected = panel.get_by_text("Conectado", exact=True)
    dot = "[...document.querySelectorAll('.list .avatar')].map((one) => getComputedStyle(one, '::after').display)"
    expect(connected).to_be_visible()
    assert ana.page.evaluate(dot) == ["block"]
    # What is not known has no row.
    expect(panel.get_by_text("Correo", exact=True)).to_have_count(0)
    stage.expects_interruptions()
    network.cut()
    ana.sees(re.compile("Sin conexión"))
    expect(connected).to_have_count(0)
    assert ana.page.evaluate(dot) == ["none"]
    ana.page.screenshot(path=stage.pictures / "console-down.png")
    network.repair()
    expect(connected).to_be_visible()
    assert ana.page.evaluate(dot) == ["block"]
