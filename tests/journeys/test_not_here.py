"""A page into which the chat is not let: who presses the button is told, and the browser's console names what is to be mended."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

from tests.harness.commands import done
from tests.harness.people import Customer
from tests.journeys.conftest import Stage

pytestmark = pytest.mark.browser

OTHER_KEY = """if (window === top) {
    window.SupportChat = function () { (SupportChat.q = SupportChat.q || []).push(arguments); };
    SupportChat('boot', { app: 'demoo' });
}"""
NOT_HERE = "El chat no está disponible en esta página"


def presses_in_vain(customer: Customer, hint: str) -> None:
    """A panel with a word, a warning, an event for the page; and closed it is by its button and by Escape."""
    customer.watch.expect(r"responded with a status of (403|404)")
    help_button = customer.page.get_by_role("button", name="Ayuda").first
    with customer.page.expect_console_message(lambda said: said.type == "warning") as said:
        help_button.click()
    assert re.search(hint, said.value.text)
    customer.sees(NOT_HERE)
    customer.button("Cerrar").click()
    expect(customer.page.locator("iframe")).to_be_hidden()
    expect(help_button).to_be_focused()
    help_button.click()
    customer.sees(NOT_HERE)
    customer.button("Cerrar").press("Escape")
    expect(customer.page.locator("iframe")).to_be_hidden()


def test_of_an_origin_that_is_none_of_the_apps(stage: Stage) -> None:
    done(stage.server, "app", "set", "demo", "--origin", "https://tienda.example")
    customer = stage.customer()
    origin = stage.server.host_page.removesuffix("/demo")
    presses_in_vain(customer, re.escape(f"chatserver app set demo --origin {origin}"))
    expect(customer.page.get_by_text("origin_refused")).to_be_visible()


def test_with_a_key_that_no_app_has(stage: Stage) -> None:
    customer = stage.customer()
    customer.page.add_init_script(OTHER_KEY)
    customer.opens_host_page()
    presses_in_vain(customer, r'there is no app "demoo"')
    expect(customer.page.get_by_text("app_unknown")).to_be_visible()
