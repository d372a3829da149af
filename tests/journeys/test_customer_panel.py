"""What agents see of a customer beside the conversation: who says that they are who they say, and what they asked before."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

from tests.harness.looks import axe_finds, cut_off
from tests.harness.settings import with_settings
from tests.harness.tour import of_console
from tests.harness.wired import WiredCustomer, cid
from tests.journeys.conftest import Stage

pytestmark = pytest.mark.browser

BEFORE = 23
"""More than one page of earlier tickets."""


def chats(customer: WiredCustomer, number: int) -> None:
    """One that begins, says what it is about, and ends."""
    (begun,) = customer.says({"type": "start", "cid": cid(), "subject": f"Asunto {number}"})
    customer.says(
        {"type": "say", "ticket": begun["ticket"], "cid": cid(), "text": f"Lo que dije en {number}"},
        {"type": "end", "ticket": begun["ticket"]},
    )


@with_settings(messages_burst=100)
def test_each_of_many_earlier_tickets_can_be_read_and_the_list_stays_as_it_was_unfolded(stage: Stage) -> None:
    customer = stage.wired()
    for number in range(1, BEFORE + 1):
        chats(customer, number)
    customer.requests("El de ahora", "Otra vez.", "ana@example.com", type="question")
    agent = stage.agent(width=1440)
    agent.takes("El de ahora")
    panel = agent.page.get_by_role("complementary", name="Detalles del ticket")
    expect(panel.get_by_text("sin verificar", exact=True)).to_be_visible()
    earlier = panel.locator(".earlier").get_by_role("button")
    expect(earlier).to_have_count(20)
    panel.get_by_role("button", name="Ver más").click()
    expect(earlier).to_have_count(BEFORE)
    expect(panel.get_by_role("button", name="Ver más")).to_have_count(0)
    for number in (1, 12, BEFORE):
        panel.get_by_text(f"Asunto {number}", exact=True).click()
        agent.talk.shows(f"Lo que dije en {number}")
        # All others but the one that is read.
        expect(earlier).to_have_count(BEFORE - 1)
    agent.button("Volver").click()
    agent.talk.shows("Otra vez.")


def test_what_else_is_open_is_listed_and_a_ticket_leads_to_the_one_that_it_continues(stage: Stage) -> None:
    customer = stage.wired()
    (begun,) = customer.says({"type": "start", "cid": cid(), "subject": "La caja 3 no imprime"})
    customer.says(
        {"type": "say", "ticket": begun["ticket"], "cid": cid(), "text": "Desde ayer"},
        {"type": "end", "ticket": begun["ticket"]},
    )
    customer.requests("¿Y el pedido 77?", "No llegó.", "ana@example.com", type="question")
    again = {"type": "start", "cid": cid(), "subject": "Otra vez la caja 3", "follows": begun["number"]}
    customer.says(again)
    agent = stage.agent(width=1440)
    agent.opens("Otra vez la caja 3")
    panel = agent.page.get_by_role("complementary", name="Detalles del ticket")
    others, earlier = (panel.locator(f".{of}").get_by_role("button") for of in ("open", "earlier"))
    expect(others).to_have_text(re.compile("¿Y el pedido 77\\?.*Abierto"))
    expect(earlier).to_have_text(re.compile("La caja 3 no imprime"))
    view = of_console("other-tickets", agent.page)
    assert axe_finds(view) == []
    assert cut_off(view) == []
    panel.get_by_text("Otros tickets abiertos").scroll_into_view_if_needed()
    agent.page.screenshot(path=stage.pictures / "other-tickets.png")
    panel.get_by_role("button", name=f"#{begun['number']}", exact=True).click()
    agent.talk.shows("Desde ayer")
    # From there both others are open ones.
    expect(others).to_have_count(2)
    agent.button("Volver").click()
    expect(agent.page.get_by_role("heading", name="Otra vez la caja 3")).to_be_visible()

    # What happens meanwhile: one more comes, which closes.
    customer.says({**again, "cid": cid(), "subject": "Y la caja 4", "follows": 0})
    expect(others).to_have_count(2)
    others.filter(has_text="Y la caja 4").click()
    agent.closes_ticket()
    agent.button("Volver").click()
    expect(others).to_have_count(1)
    expect(earlier).to_have_count(2)


def test_who_has_an_account_of_the_portal_is_said_to_have_one(stage: Stage) -> None:
    ana = stage.portal()
    ana.signs_up("ana@empresa.test")
    ana.opens_ticket("No sale la factura", "Desde ayer.")
    agent = stage.agent(width=1440)
    agent.takes("No sale la factura")
    panel = agent.page.get_by_role("complementary", name="Detalles del ticket")
    expect(panel.get_by_text("cuenta del portal", exact=True)).to_be_visible()
    expect(panel.get_by_text("sin verificar")).to_have_count(0)
