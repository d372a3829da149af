"""Every view of widget and console: no violation that axe can find, light and dark, and nothing cut off at 320 px."""

from __future__ import annotations

from typing import Any, cast

import pytest
from axe_playwright_python.sync_playwright import Axe  # type: ignore[import-untyped]
from playwright.sync_api import Page

from tests.harness.preparing import chats_at_once, closed_for_good
from tests.harness.settings import with_settings
from tests.harness.tour import TOUR_SETTINGS, View, out_of_hours, tour
from tests.journeys.conftest import Stage

pytestmark = pytest.mark.browser

RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
OPTIONS = {"runOnly": RULES, "iframes": False, "resultTypes": ["violations"]}
OVERFLOW = """() => {
  const wide = document.scrollingElement.clientWidth;
  const out = [...document.querySelectorAll("body *")].filter((element) => {
    const box = element.getBoundingClientRect();
    return box.width > 0 && box.right > wide + 1 && getComputedStyle(element).position !== "fixed";
  });
  return document.scrollingElement.scrollWidth > wide ? out.map((element) => element.outerHTML.slice(0, 120)) : [];
}"""

# A colour that fades since before motion was reduced is no colour that anybody reads.
AT_REST = """() => document.getAnimations()
  .filter((animation) => Number.isFinite(animation.effect.getComputedTiming().endTime))
  .forEach((animation) => animation.finish())"""


def axe_finds(view: View) -> list[str]:
    """What is wrong in both colour schemes, a line each."""
    found = []
    for scheme in ("light", "dark"):
        view.page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
        view.face.evaluate(AT_REST)
        # It only evaluates scripts, which a frame can do as well as a page.
        results = Axe().run(cast(Page, view.face), options=OPTIONS)
        violations: list[dict[str, Any]] = results.response["violations"]
        found += [
            f"{view.name} ({scheme}) {violation['id']}: {node['html'][:160]} {node['any'][:1]}"
            for violation in violations
            for node in violation["nodes"]
        ]
    view.page.emulate_media(color_scheme="light")
    return found


def cut_off(view: View) -> list[str]:
    """What sticks out to the right on the narrowest of telephones."""
    before = view.page.viewport_size
    view.page.set_viewport_size({"width": 320, "height": 640})
    out = [f"{view.name}: {element}" for element in view.face.evaluate(OVERFLOW)]
    if before:
        view.page.set_viewport_size(before)
    return out


@with_settings(**TOUR_SETTINGS)
def test_axe_finds_nothing_in_any_view_light_or_dark(stage: Stage) -> None:
    chats_at_once(stage.server, 1)
    found = [line for view in tour(stage) for line in axe_finds(view)]
    stage.expects_interruptions()
    closed_for_good(stage.server)
    found += [line for view in out_of_hours(stage) for line in axe_finds(view)]
    assert not found, "\n".join(found)


@with_settings(**TOUR_SETTINGS)
def test_nothing_is_cut_off_at_320_pixels(stage: Stage) -> None:
    chats_at_once(stage.server, 1)
    found = [line for view in tour(stage) for line in cut_off(view)]
    assert not found, "\n".join(found)
