"""The demo's host page, with the loader in it: as a host would write it, and accessible."""

from __future__ import annotations

import pytest
from axe_playwright_python.sync_playwright import Axe  # type: ignore[import-untyped]
from playwright.sync_api import expect

from tests.web.loader.stage import Stage, becomes_true

pytestmark = pytest.mark.browser


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [320, 1440])
def test_the_page_is_accessible_and_fits(stage: Stage, scheme: str, width: int) -> None:
    stage.page.set_viewport_size({"width": width, "height": 900})
    stage.page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
    for view in ("resumen", "facturas", "clientes", "agenda"):
        stage.visit(attributes=f"vista={view}", kind="demo")
        result = Axe().run(stage.page)
        assert result.response["violations"] == [], result.generate_report()
        assert stage.page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_one_thing_on_the_page_is_named_help(stage: Stage) -> None:
    stage.visit(kind="demo")
    expect(stage.page.get_by_role("button", name="Ayuda", exact=True)).to_have_count(1)
    stage.page.get_by_role("button", name="Ayuda", exact=True).click()
    stage.frame()
    stage.say(type="unread", count=2)
    stage.wait_told("unread")
    expect(stage.page.get_by_role("button", name="Ayuda")).to_have_count(1)


def test_the_chat_stays_while_the_product_changes_its_section(stage: Stage) -> None:
    stage.visit(kind="demo")
    stage.page.get_by_role("button", name="Ayuda", exact=True).click()
    frame = stage.frame()
    stage.page.get_by_role("link", name="Clientes").click()
    expect(stage.page.get_by_role("heading", name="Clientes")).to_be_visible()
    stage.page.frame_locator("iframe").get_by_role("button", name="Cerrar").click()
    becomes_true(frame, "heard.some((it) => it.type === 'page' && it.url.includes('vista=clientes'))")
    stage.page.go_back()
    expect(stage.page.get_by_role("heading", name="Facturas")).to_be_visible()
    assert not frame.is_detached()


def test_the_strip_shows_events_and_makes_calls(stage: Stage) -> None:
    stage.visit(kind="demo")
    events = stage.page.get_by_role("list", name="Eventos del SDK")
    expect(events).to_contain_text("ready")
    stage.page.get_by_role("button", name="Ayuda", exact=True).click()
    stage.say(type="event", name="ticketStarted", detail={"number": 7})
    expect(events).to_contain_text('ticketStarted {"number":7}')
    stage.page.get_by_role("button", name="shutdown").click()
    expect(stage.page.locator("iframe")).to_have_count(0)
    stage.page.get_by_role("button", name="boot").click()
    stage.page.get_by_role("button", name="Ayuda", exact=True).click()
    assert stage.heard("boot")[0]["options"]["context"] == {"vista": "facturas"}
