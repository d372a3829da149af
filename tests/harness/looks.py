"""How a page looks to who sees badly, in both colour schemes, and to who has the narrowest of telephones."""

from __future__ import annotations

from typing import Any, Final, cast

from axe_playwright_python.sync_playwright import Axe  # type: ignore[import-untyped]
from playwright.sync_api import Frame, Page

from tests.harness.tour import View

ALL: Final = {
    "runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"],
    "iframes": False,
    "resultTypes": ["violations"],
}
OF_COLOURS: Final = ALL | {"runOnly": {"type": "rule", "values": ["color-contrast", "link-in-text-block"]}}
"""Those rules of the above that look at colours: a scheme changes nothing else."""
AGAIN = "(options) => axe.run(document, options)"
"""Where it was put into the page already."""

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

    def looked(scheme: str, results: dict[str, Any]) -> list[str]:
        return [
            f"{view.name} ({scheme}) {violation['id']}: {node['html'][:160]} {node['any'][:1]}"
            for violation in results["violations"]
            for node in violation["nodes"]
        ]

    _turns(view, "light")
    # It only evaluates scripts, which a frame can do as well as a page.
    found = looked("light", Axe().run(cast(Page, view.face), options=ALL).response)
    _turns(view, "dark")
    found += looked("dark", view.face.evaluate(AGAIN, OF_COLOURS))
    view.page.emulate_media(color_scheme="light")
    return found


def _turns(view: View, scheme: Any) -> None:
    view.page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
    view.face.evaluate(AT_REST)


def cut_off(view: View) -> list[str]:
    """What sticks out to the right on the narrowest of telephones."""
    before = view.page.viewport_size
    view.page.set_viewport_size({"width": 320, "height": 640})
    out = [f"{view.name}: {element}" for element in sticks_out(view.face)]
    if view.name.startswith("widget-"):
        out += [
            f"{view.name} {wrong}" for script in (SIDEWAYS, TALLER) for wrong in view.face.evaluate(script)
        ]
    if before:
        view.page.set_viewport_size(before)
    return out


def sticks_out(face: Page | Frame) -> list[str]:
    """What is wider than the window as it is, a line each."""
    found: list[str] = face.evaluate(OVERFLOW)
    return found
