"""Every colour that an app may choose carries text that can be read, on the server's pages as in the browser."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatserver.web.color import accent_from, style_sheet

colors = st.from_regex(r"#[0-9a-fA-F]{6}", fullmatch=True)


def parts(color: str) -> list[int]:
    if color.startswith("#"):
        digits = color[1:] if len(color) == 7 else "".join(c * 2 for c in color[1:])
        return [int(digits[at : at + 2], 16) for at in (0, 2, 4)]
    return [int(part) for part in re.findall(r"\d+", color)]


def luminance(color: str) -> float:
    linear = [p / 255 / 12.92 if p <= 10 else ((p / 255 + 0.055) / 1.055) ** 2.4 for p in parts(color)]
    return float(0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2])


@given(colors)
def test_the_text_on_it_has_the_contrast_that_wcag_asks_for(color: str) -> None:
    accent = accent_from(color)
    assert accent is not None
    low, high = sorted((luminance(accent.fill), luminance(accent.ink)))
    assert (high + 0.05) / (low + 0.05) >= 4.5


@pytest.mark.parametrize(
    ("color", "fill", "ink"),
    [
        ("#0f6b5c", "rgb(15, 107, 92)", "#fff"),
        ("#2F55D4", "rgb(47, 85, 212)", "#fff"),
        ("#ffd400", "#ffd400", "#101218"),
        ("#000000", "rgb(0, 0, 0)", "#fff"),
    ],
)
def test_what_can_carry_white_does(color: str, fill: str, ink: str) -> None:
    assert accent_from(color) == (fill, ink)


@pytest.mark.parametrize("color", ["", "red", "#fff", "#12345g", "#123456;}*{", "#１２３４５６"])
def test_what_is_no_colour_changes_nothing(color: str) -> None:
    assert style_sheet(color) == ""
