"""Every colour that an app may choose carries text that can be read, on the server's pages as in the browser."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatserver.demo.scene import COLOR
from chatserver.web.color import style_sheet
from tests.web.conftest import Served

colors = st.from_regex(r"#[0-9a-fA-F]{6}", fullmatch=True)
SHEET = re.compile(r":root \{ --accent: (#[0-9a-f]{6}); --on-accent: (#[0-9a-f]{6}); \}\n")


def accent_from(color: str) -> tuple[str, str]:
    """(fill, ink)"""
    found = SHEET.fullmatch(style_sheet(color))
    assert found is not None
    return found[1], found[2]


def luminance(color: str) -> float:
    parts = [int(color[at : at + 2], 16) for at in (1, 3, 5)]
    linear = [p / 255 / 12.92 if p <= 10 else ((p / 255 + 0.055) / 1.055) ** 2.4 for p in parts]
    return float(0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2])


@given(colors)
def test_the_text_on_it_has_the_contrast_that_wcag_asks_for(color: str) -> None:
    low, high = sorted(map(luminance, accent_from(color)))
    assert (high + 0.05) / (low + 0.05) >= 4.5


@pytest.mark.parametrize(
    ("color", "fill", "ink"),
    [
        ("#0f6b5c", "#0f6b5c", "#ffffff"),
        ("#2F55D4", "#2f55d4", "#ffffff"),
        ("#3a7bd5", "#3876cc", "#ffffff"),
        ("#ffd400", "#ffd400", "#101218"),
        ("#000000", "#000000", "#ffffff"),
    ],
)
def test_what_can_carry_white_does(color: str, fill: str, ink: str) -> None:
    assert accent_from(color) == (fill, ink)


@pytest.mark.parametrize("color", ["", "red", "#fff", "#12345g", "#123456;}*{", "#１２３４５６"])
def test_what_is_no_colour_changes_nothing(color: str) -> None:
    assert style_sheet(color) == ""


def test_the_demos_widget_and_portal_have_one_colour(served: Served) -> None:
    assert served.client.get("/portal/demo/color.css").text == style_sheet(COLOR)
    assert f'data-color="{COLOR}"' in served.client.get("/embed/demo").text
    assert "data-color" not in served.client.get("/demo").text, "nothing else is said there"
