"""Every view of widget and console: no violation that axe can find, light and dark, and nothing cut off at 320 px."""

from __future__ import annotations

from typing import Any, cast

import pytest
from axe_playwright_python.sync_playwright import Axe  # type: ignore[import-untyped]
from playwright.sync_api import Page

from tests.harness.preparing import chats_at_once, closed_for_good
from tests.harness.settings import with_settings
from tests.harness.tour import TOUR_SETTINGS, View, out_of_hours, tour
from tests.harness.tour_forms import with_files, with_forms
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

# The widget's page itself never scrolls: what is in it does, and only downwards.
SIDEWAYS = """() => [...document.querySelectorAll("body *")]
  .filter((element) => /auto|scroll/.test(getComputedStyle(element).overflowX))
  .filter((element) => element.scrollWidth > element.clientWidth + 1)
  .map((element) => "scrolls sideways: " + element.outerHTML.slice(0, 120))"""
TALLER = """() => document.scrollingElement.scrollHeight > document.scrollingElement.clientHeight
  ? ["the page itself scrolls, its head with it"] : []"""

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
    if view.name.startswith("widget-"):
        out += [
            f"{view.name} {wrong}" for script in (SIDEWAYS, TALLER) for wrong in view.face.evaluate(script)
        ]
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


def test_axe_finds_nothing_where_files_and_forms_are_and_they_fit_320_pixels(stage: Stage) -> None:
    found = [line for view in with_files(stage) for line in axe_finds(view) + cut_off(view)]
    stage.expects_interruptions()
    closed_for_good(stage.server)
    found += [line for view in with_forms(stage) for line in axe_finds(view) + cut_off(view)]
    assert not found, "\n".join(found)
