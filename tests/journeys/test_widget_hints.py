"""While a customer writes: articles that may answer it, a word about shouting; nothing of it stands in the way."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Route, expect

from tests.harness.people import Customer
from tests.journeys.conftest import Stage

pytestmark = pytest.mark.browser

ARTICLE = "Cómo emitir una factura electrónica"
COURTESY = "Todo en mayúsculas se lee como un grito. ¿Lo escribes en minúsculas?"
COUNTED = re.compile(r"/help/demo/count/(opened|followed)/1$")


def writes_subject(customer: Customer, subject: str) -> None:
    customer.opens_support()
    customer.starts_new_ticket()
    customer.prefers_a_chat()
    customer.subject.fill(subject)


def reads(customer: Customer) -> None:
    """The article, in a tab of its own."""
    link = customer.widget.get_by_role("link", name=ARTICLE)
    with customer.context.expect_page() as tab, customer.page.expect_request(COUNTED) as counted:
        link.click()
    expect(tab.value.get_by_role("heading", name=ARTICLE, level=1)).to_be_visible()
    tab.value.close()
    assert "/opened/" in counted.value.url


def test_an_article_that_answers_it_saves_the_ticket(stage: Stage) -> None:
    customer = stage.customer()
    writes_subject(customer, "factura electronica")
    reads(customer)
    customer.sees("¿Resolvió tu duda?")
    customer.button("Sí, ya no necesito el ticket").click()
    expect(customer.button("Solicitar Soporte")).to_be_visible()
    customer.button("Solicitar Soporte").click()
    customer.starts_new_ticket()
    customer.prefers_a_chat()
    expect(customer.subject).to_have_value("")


def test_a_ticket_that_follows_an_article_is_counted(stage: Stage) -> None:
    customer = stage.customer()
    writes_subject(customer, "factura electronica")
    reads(customer)
    with customer.page.expect_request(COUNTED) as counted:
        customer.gives_subject("factura electronica")
    assert "/followed/" in counted.value.url


def test_an_open_ticket_of_ones_own_that_sounds_alike_is_offered_and_opened(stage: Stage) -> None:
    customer = stage.customer()
    customer.starts_chat("No puedo descargar la factura de mayo")
    customer.goes_back_to_list()
    customer.starts_new_ticket()
    customer.prefers_a_chat()
    customer.subject.fill("descargar FACTÚRA")
    similar = customer.widget.get_by_role("region", name="Ya tienes un ticket parecido")
    similar.get_by_role("button", name="#1001 No puedo descargar la factura de mayo").click()
    expect(customer.talk.composer).to_be_visible()
    customer.sees("Abriste este ticket.")
    # What was typed waits, and nothing is offered that has nothing to do with it.
    customer.goes_back_to_list()
    customer.starts_new_ticket()
    customer.prefers_a_chat()
    expect(customer.subject).to_have_value("descargar FACTÚRA")
    customer.subject.fill("la impresora no responde")
    expect(similar).to_have_count(0)
    with stage.server.reading() as database:
        assert database.execute("SELECT count(*) FROM tickets").fetchone() == (1,)


def test_without_suggestions_a_ticket_is_started_all_the_same(stage: Stage) -> None:
    customer = stage.customer()
    customer.watch.expect("Failed to load resource")

    def broken(route: Route) -> None:
        route.fulfill(status=503)

    customer.page.route("**/suggest?*", broken)
    writes_subject(customer, "factura electronica")
    customer.gives_subject("factura electronica")


def test_shouting_is_hinted_at_and_sent_all_the_same(stage: Stage) -> None:
    customer = stage.customer()
    customer.starts_chat("Una pregunta")
    customer.talk.types("NECESITO AYUDA AHORA")
    customer.sees(COURTESY)
    customer.button("Ocultar").click()
    expect(customer.widget.get_by_text(COURTESY)).to_have_count(0)
    expect(customer.talk.composer).to_be_focused()
    customer.button("Enviar").click()
    customer.talk.shows("NECESITO AYUDA AHORA")
