"""docs/bounds.md says what the code does: every `module.NAME figure` and `Limits.field figure` of the page is looked up."""

from __future__ import annotations

import importlib
import re
from pathlib import Path

import pytest

from chatserver.realtime.limits import Limits

ROOT = Path(__file__).resolve().parent.parent
PAGE = (ROOT / "docs" / "bounds.md").read_text(encoding="utf-8")
FIGURES = re.findall(r"`(\w+)\.(\w+)` ([\d.,]+\d|\d)( KiB| MiB)?", PAGE)
ROOMS = (
    "bus",
    "core",
    "realtime",
    "store",
    "store.sqlite",
    "store.postgres",
    "store.migrations",
    "services",
    "web.portal",
    "files",
    "web",
    "mail",
    "loops",
    "incoming",
    "processes",
    "server",
    "watching",
)
PLACES = ("chatserver", *(f"chatserver.{room}" for room in ROOMS))
UNITS = {"": 1, " KiB": 2**10, " MiB": 2**20}
IN_KIB = {"CACHE_KIB"}


def value(module: str, name: str) -> float:
    if module == "Limits":
        found: float = getattr(Limits(), name)
        return found
    for place in PLACES:
        if (ROOT / place.replace(".", "/") / f"{module}.py").is_file():
            found = getattr(importlib.import_module(f"{place}.{module}"), name, -1)
            if found != -1:
                return found * (2**10 if name in IN_KIB else 1)
    raise AssertionError(f"no {module}.{name}")


@pytest.mark.parametrize(("module", "name", "figure", "unit"), FIGURES)
def test_a_figure_of_the_page_is_the_codes(module: str, name: str, figure: str, unit: str) -> None:
    assert value(module, name) == float(figure.replace(",", "")) * UNITS[unit]


def test_the_page_is_read_at_all() -> None:
    assert len(FIGURES) > 35


def test_every_limit_has_its_row() -> None:
    heartbeats = {"customer_heartbeat", "agent_heartbeat"}
    messages = {"messages", "message_burst", "address_tickets"}
    told = {name for module, name, *_ in FIGURES if module == "Limits"}
    assert set(Limits.__struct_fields__) - heartbeats - messages == told
