"""A customer with two tabs, of which one is closed in mid-sentence, and an hour without a network: everything arrives once."""

from __future__ import annotations

import re
import sqlite3

import pytest
from playwright.sync_api import expect

from tests.harness.settings import with_settings
from tests.harness.waiting import wait_until
from tests.journeys.conftest import Stage

pytestmark = pytest.mark.browser

SUBJECT = "Dos pestañas"
HOUR_MS = 3_600_000
DRAFTS = [f"Borrador {number:02}" for number in range(1, 21)]


@with_settings(inactivity_seconds=7200)
def test_what_two_tabs_say_arrives_once_also_when_one_is_closed_before_it_was_heard(stage: Stage) -> None:
    network = stage.network()
    customer, ana = stage.customer(network=network), stage.agent()
    customer.starts_chat(SUBJECT)
    ana.opens(SUBJECT)
    other = customer.another_tab()
    other.opens_host_page()
    other.opens_ticket(SUBJECT)
    customer.says("Uno, de la primera")
    other.talk.shows("Uno, de la primera")
    other.says("Dos, de la segunda")
    customer.talk.shows("Dos, de la segunda")
    stage.expects_interruptions()
    network.stall()
    other.says("Tres, antes de cerrar")
    other.talk.shows("Tres, antes de cerrar")
    other.page.close()
    customer.says("Cuatro, de la primera")
    network.repair()
    ana.talk.shows("Cuatro, de la primera")
    # The tab that stays sees to it; nobody has to come back for that.
    ana.talk.shows("Tres, antes de cerrar")
    again = customer.another_tab()
    again.opens_host_page()
    again.opens_ticket(SUBJECT)
    everything = (
        "Uno, de la primera",
        "Dos, de la segunda",
        "Tres, antes de cerrar",
        "Cuatro, de la primera",
    )
    orders = {tuple(talk.order(*everything)) for talk in (ana.talk, customer.talk, again.talk)}
    assert len(orders) == 1
    assert stored(stage) == list(orders.pop())


@with_settings(inactivity_seconds=7200)
def test_twenty_drafts_of_an_hour_without_a_network_arrive_once_and_in_order(stage: Stage) -> None:
    network = stage.network()
    customer, ana = stage.customer(network=network), stage.agent()
    customer.starts_chat(SUBJECT)
    other = customer.another_tab()
    other.opens_host_page()
    other.opens_ticket(SUBJECT)
    ana.opens(SUBJECT)
    stage.expects_interruptions()
    network.cut()
    customer.page.bring_to_front()  # a tab in the background is drawn once a second
    for text in DRAFTS:
        customer.says(text)
    customer.page.clock.install()
    customer.page.clock.fast_forward(HOUR_MS)
    customer.sees(re.compile("Sin conexión"))
    expect(customer.talk.log.get_by_text("Borrador")).to_have_count(len(DRAFTS))
    assert stored(stage) == []
    network.repair()
    for tab in (customer, other):
        for frame in tab.page.frames:  # what a browser says then; else the wait between two tries may be 30 s
            frame.evaluate("() => void dispatchEvent(new Event('online'))")
    wait_until(lambda: len(stored(stage)) >= len(DRAFTS), "the drafts were sent")
    for talk in (ana.talk, other.talk, customer.talk):
        talk.shows_in_order(*DRAFTS)
    assert stored(stage) == DRAFTS


def stored(stage: Stage) -> list[str]:
    """The messages of the chat, in order."""
    query = (
        "SELECT items.text FROM items JOIN tickets ON tickets.id = items.ticket_id "
        "WHERE items.kind = 'message' AND tickets.subject = ? ORDER BY items.seq"
    )
    with stage.server.reading() as database:
        rows: sqlite3.Cursor = database.execute(query, (SUBJECT,))
        return [text for (text,) in rows]
