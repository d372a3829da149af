"""The app's colour on pages that the server writes, as `widget/src/ui/color.ts` has it in the browser, with a text
colour that can be read on it (4.5:1, WCAG 2.2, 1.4.3), computed rather than hoped."""

from __future__ import annotations

import math
import re
from typing import Final, NamedTuple

_CARRIES_WHITE: Final = 0.1833
"""White's contrast is 1.05 / (luminance + 0.05): on what is darker than this it is 4.5 or more."""
_COLOR: Final = re.compile(r"#[0-9a-f]{6}", re.ASCII | re.IGNORECASE)


class Accent(NamedTuple):
    fill: str
    ink: str


def accent_from(color: str) -> Accent | None:
    """White text and the colour, deepened by at most a quarter, that carries it; else dark text on the colour as it is. None when
    `color` is not "#rrggbb"."""
    if not _COLOR.fullmatch(color):
        return None
    parts = [int(color[at : at + 2], 16) for at in (1, 3, 5)]
    for step in range(13):
        deeper = [round(part * (1 - 0.02 * step)) for part in parts]
        if _luminance(deeper) <= _CARRIES_WHITE:
            return Accent(f"rgb({', '.join(map(str, deeper))})", "#fff")
    return Accent(color.lower(), "#101218")


def style_sheet(color: str) -> str:
    """What makes a page's accent this colour; nothing for the default one."""
    accent = accent_from(color)
    return f":root {{ --accent: {accent.fill}; --on-accent: {accent.ink}; }}\n" if accent else ""


def _luminance(color: list[int]) -> float:
    """WCAG's relative luminance, 0 to 1; its straight line near black makes no difference to what carries white."""
    weights = (0.2126, 0.7152, 0.0722)
    linear = [math.pow((part / 255 + 0.055) / 1.055, 2.4) for part in color]
    return sum(part * weight for part, weight in zip(linear, weights, strict=True))
