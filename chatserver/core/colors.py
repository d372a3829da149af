"""An app's colour, moved until it can be read: WCAG 2.2, 1.4.3 and 1.4.11, computed rather than hoped."""

from __future__ import annotations

import re
from typing import Final

import msgspec

OWN: Final = "#2f55d4"
"""Of apps that chose none."""
TEXT_CONTRAST: Final = 4.5
_LIGHT: Final = (255, 255, 255)
_DARK: Final = (21, 23, 29)
"""The grounds of pages, light and dark, as in static/help.css."""
_INK: Final = "#101218"
_HEX: Final = re.compile(r"#[0-9a-fA-F]{6}")

Rgb = tuple[int, int, int]


class Theme(msgspec.Struct, frozen=True):
    """`fill`: for grounds, with `ink` on it. `light`, `dark`: for text and lines on the page's ground."""

    fill: str
    ink: str
    light: str
    dark: str


def is_color(color: str) -> bool:
    """It is "#rrggbb"."""
    return _HEX.fullmatch(color) is not None


def theme(color: str) -> Theme:
    """Of "#rrggbb"; of anything else, our own."""
    base = _rgb(color if is_color(color) else OWN)
    fill = _toward(base, (0, 0, 0), _LIGHT, most=0.25)
    if fill is None:  # a light colour carries dark text instead
        return Theme(_hex(base), _INK, _readable(base, _LIGHT), _readable(base, _DARK))
    return Theme(_hex(fill), "#ffffff", _readable(base, _LIGHT), _readable(base, _DARK))


def contrast(one: Rgb, other: Rgb) -> float:
    """1 to 21."""
    high, low = sorted((luminance(one), luminance(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


def _readable(base: Rgb, ground: Rgb) -> str:
    pole = (0, 0, 0) if ground == _LIGHT else _LIGHT
    return _hex(_toward(base, pole, ground, most=1.0) or pole)


def _toward(base: Rgb, pole: Rgb, ground: Rgb, most: float) -> Rgb | None:
    """The first colour on the way to `pole` that can be read on `ground`, or under it; None within `most` of the way."""
    for step in range(round(most * 50) + 1):
        part = step / 50
        r, g, b = (round(c + (p - c) * part) for c, p in zip(base, pole, strict=True))
        if contrast((r, g, b), ground) >= TEXT_CONTRAST:
            return r, g, b
    return None


def luminance(color: Rgb) -> float:
    """WCAG's relative luminance, 0 to 1."""
    parts = [c / 255 for c in color]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def _rgb(color: str) -> Rgb:
    return int(color[1:3], 16), int(color[3:5], 16), int(color[5:7], 16)


def _hex(color: Rgb) -> str:
    return "#{:02x}{:02x}{:02x}".format(*color)
