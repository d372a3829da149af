"""How a chat ends: by silence with a fair warning, by the customer, by the agent; and what comes after."""

from __future__ import annotations

import re
import time

import pytest
from playwright.sync_api import expect

from tests.harness.people import Agent, Customer, assert_closed_with
from tests.harness.settings import with_settings
from tests.harness.sizes import STANDSTILL
from tests.journeys.conftest import Stage

pytestmark = pytest.mark.browser

SUBJECT = "¿Cómo descargo el informe?"
SECONDS = 8
WARNING = 4
"""Both, and what is between them: long enough to be seen by a browser that stands still for a moment."""
short_clock = with_settings(inactivity_seconds=SECONDS, inactivity_warning_seconds=WARNING)


def chat_where_the_agent_spoke_last(stage: Stage) -> tuple[Customer, Agent]:
    customer, ana = stage.customer(), stage.agent()
    customer.starts_chat(SUBJECT)
    ana.opens(SUBJECT)
    ana.says("En Informes, arriba a la derecha")
    customer.talk.shows("En Informes, arriba a la derecha")
    return customer, ana


def still_there(customer: Customer) -> None:
    expect(customer.button("Sigo aquí")).to_be_visible()
    customer.sees(re.compile("¿Sigues ahí\\?"))


@short_clock
def test_silence_is_warned_of_and_then_closes_the_chat(stage: Stage) -> None:
    customer, ana = chat_where_the_agent_spoke_last(stage)
    still_there(customer)
    ana.sees(re.compile("el chat se cierra en"))
    customer.sees_ticket_closed()
    ana.sees(re.compile(r"· Cerrado$"))
    assert_closed_with(stage.server, SUBJECT, "inactivity")
    assert lateness(stage) <= 1.0 + STANDSTILL


@short_clock
def test_sigo_aqui_gives_the_whole_time_again(stage: Stage) -> None:
    customer, _ = chat_where_the_agent_spoke_last(stage)
    still_there(customer)
    pressed = time.time()
    customer.button("Sigo aquí").click()
    expect(customer.button("Sigo aquí")).to_have_count(0)
    still_there(customer)
    assert time.time() - pressed >= SECONDS - WARNING - 0.5
    customer.sees_ticket_closed()
    assert time.time() - pressed >= SECONDS
    assert_closed_with(stage.server, SUBJECT, "inactivity")


@short_clock
def test_the_clock_goes_on_over_a_restart_and_gives_at_least_the_warning(stage: Stage) -> None:
    customer, _ = chat_where_the_agent_spoke_last(stage)
    still_there(customer)
    stage.expects_interruptions()
    stage.server.kill()
    down = time.time()
    stage.server.start()
    customer.sees_ticket_closed()
    assert closed_at(stage) - down >= WARNING, "closed for the server's own silence"
    assert_closed_with(stage.server, SUBJECT, "inactivity")


@short_clock
def test_while_the_agent_owes_the_answer_the_clock_stands_still(stage: Stage) -> None:
    customer, ana = chat_where_the_agent_spoke_last(stage)
    still_there(customer)
    customer.says("Sí, no lo encuentro")
    expect(customer.button("Sigo aquí")).to_have_count(0)
    ana.talk.shows("Sí, no lo encuentro")
    with stage.server.reading() as database:
        due = database.execute("SELECT due_at, answer_due_at FROM tickets").fetchone()
    assert due[0] is None or due[0] == due[1], "a deadline although it is the agent's turn"


def test_the_customer_ends_the_chat(stage: Stage) -> None:
    customer, ana = chat_where_the_agent_spoke_last(stage)
    customer.ends_chat()
    customer.sees_ticket_closed()
    customer.rates(3)
    ana.sees(re.compile(r"· Cerrado$"))
    assert_closed_with(stage.server, SUBJECT, "customer")


def test_the_agent_closes_the_ticket(stage: Stage) -> None:
    customer, ana = chat_where_the_agent_spoke_last(stage)
    customer.talk.composer.focus()
    ana.closes_ticket()
    customer.sees_ticket_closed()
    customer.is_at_heading("Ticket cerrado")
    customer.rates(1)
    customer.comments_rating("Nadie me explicó por qué")
    assert_closed_with(stage.server, SUBJECT, "agent")


def test_a_closed_ticket_refuses_and_offers_a_new_one_with_what_was_typed(stage: Stage) -> None:
    customer, ana = chat_where_the_agent_spoke_last(stage)
    customer.talk.types("Y otra cosa más")
    ana.closes_ticket()
    customer.sees_ticket_closed()
    customer.sees("Y otra cosa más")
    customer.starts_new_ticket()
    customer.gives_subject("Otra cosa")
    customer.finds_kept_text("Y otra cosa más")
    ana.opens("Otra cosa")
    ana.talk.shows("Y otra cosa más")
    with stage.server.reading() as database:
        follows = database.execute("SELECT follows FROM tickets WHERE subject = 'Otra cosa'").fetchone()[0]
    assert follows == 1001


def test_a_message_that_waits_for_the_network_is_not_lost_when_the_ticket_closes(stage: Stage) -> None:
    network = stage.network()
    customer, ana = stage.customer(network=network), stage.agent()
    customer.starts_chat(SUBJECT)
    ana.opens(SUBJECT)
    ana.says("Hola")
    customer.talk.shows("Hola")
    stage.expects_interruptions()
    network.cut()
    customer.says("Llega tarde")
    ana.closes_ticket()
    ana.sees(re.compile(r"· Cerrado$"))
    network.repair()
    customer.sees_ticket_closed()
    customer.sees("Llega tarde")
    expect(ana.page.get_by_text("Llega tarde")).to_have_count(0)


def closed_at(stage: Stage) -> float:
    """Seconds since 1970, by the server's own clock."""
    with stage.server.reading() as database:
        return float(database.execute("SELECT closed_at FROM tickets").fetchone()[0]) / 1000


def lateness(stage: Stage) -> float:
    """Seconds from the deadline to the close, by the server's own clock."""
    with stage.server.reading() as database:
        closed_at, agent_spoke_at, active_at = database.execute(
            "SELECT closed_at, agent_spoke_at, active_at FROM tickets"
        ).fetchone()
    return float(closed_at - max(agent_spoke_at, active_at)) / 1000 - SECONDS
