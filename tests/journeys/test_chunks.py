"""What the widget fetches only when it is needed, and does not get: said, asked for again, and nothing lost."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Route, expect

from tests.journeys.conftest import Stage

pytestmark = pytest.mark.browser

CLOSING = re.compile(r"/static/build/after\.[0-9a-f]+\.js")
NOT_FETCHED = "Failed to load resource"


def test_what_did_not_come_is_said_and_comes_when_it_is_asked_for_again(stage: Stage) -> None:
    customer = stage.customer()
    stage.agent()
    customer.starts_chat("Se corta la red")
    customer.says("¿Hola?")
    customer.watch.expect(NOT_FETCHED)
    customer.page.route(CLOSING, lambda route: route.abort())
    customer.ends_chat()
    customer.sees("No pudimos cargar esta parte.")
    customer.is_at_heading("Ticket cerrado")
    with customer.page.expect_event("requestfailed", lambda request: request.url.endswith("?2")):
        customer.button("Reintentar").click()
    customer.sees("No pudimos cargar esta parte.")
    customer.page.unroute(CLOSING)
    customer.button("Reintentar").click()
    expect(customer.button("Nuevo ticket")).to_be_visible()
    customer.sees("Finalizaste el chat.")


def test_after_an_upgrade_of_the_server_the_widget_begins_anew_with_all_that_was_typed(stage: Stage) -> None:
    customer = stage.customer()
    customer.starts_chat("Antes de la versión nueva")
    customer.talk.types("Esto no se pierde")
    customer.watch.expect(NOT_FETCHED)

    def gone(route: Route) -> None:
        route.fulfill(status=404)

    customer.page.route(CLOSING, gone)
    customer.button("Dejarlo como solicitud").click()
    customer.sees("No pudimos cargar esta parte.")
    customer.button("Reintentar").click()
    expect(customer.talk.composer).to_have_value("Esto no se pierde")
    customer.page.unroute(CLOSING)
    customer.leaves_queue_as_request("rosa@example.com")
    customer.sees(re.compile("Lo dejaste como solicitud"))
