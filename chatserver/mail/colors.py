"""The app's colour in mails: the rule of `widget/src/ui/color.ts`, for programs that have no style sheets of ours."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from typing import Final

OWN: Final = ("#2f55d4", "#ffffff")
CARRIES_WHITE: Final = 0.1833
"""White's contrast is 1.05 / (luminance + 0.05): on what is darker than this it is 4.5 or more."""


def accent(color: str) -> tuple[str, str]:
    """A fill and the ink that can be read on it (4.5:1): white wherever the colour, deepened by at most a quarter, carries
    it; else dark text on the colour as it is. `color`: #rrggbb; our own for anything else."""
    if not re.fullmatch(r"#[0-9a-fA-F]{6}", color):
        return OWN
    parts = [int(color[at : at + 2], 16) for at in (1, 3, 5)]
    for step in range(13):
        deeper = [round(part * (1 - 0.02 * step)) for part in parts]
        if luminance(deeper) <= CARRIES_WHITE:
            return "#" + "".join(f"{part:02x}" for part in deeper), "#ffffff"
    return color.lower(), "#101218"


def luminance(color: Sequence[int]) -> float:
    """WCAG's relative luminance, 0 to 1."""
    weights = (0.2126, 0.7152, 0.0722)
    linear = [math.pow((part / 255 + 0.055) / 1.055, 2.4) for part in color]
    return sum(weight * part for weight, part in zip(weights, linear, strict=True))
