"""Small plots as SVG, written by hand: a line of medians with the spread around it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from html import escape

from bench.report import middle

WIDTH, HEIGHT = 640, 360
LEFT, RIGHT, TOP, BOTTOM = 70, 40, 44, 64
COLORS = ("#0f6b5c", "#b4501e", "#3b5bab", "#8a6d1a", "#7a3b8f")
Point = tuple[float, Sequence[float]]


def growth(title: str, across: str, unit: str, points: Sequence[Point]) -> str:
    """Costs by size, the size on a logarithmic axis. Each point: its size, and what was measured there."""
    sizes = [math.log10(size) for size, _ in points]
    top = _round_up(max(max(values) for _, values in points))
    span = (max(sizes) - min(sizes)) or 1.0

    def x(size: float) -> float:
        return LEFT + (math.log10(size) - min(sizes)) / span * (WIDTH - LEFT - RIGHT)

    parts = _ground(title, across, unit, top)
    parts += [_label(x(size), HEIGHT - BOTTOM + 18, f"{size:,.0f}") for size, _ in points]
    parts += _line(COLORS[0], [(x(size), values) for size, values in points], top)
    return _svg(parts)


def bars(title: str, unit: str, values: Sequence[tuple[str, Sequence[float]]]) -> str:
    """A bar per name: its median, with a whisker from the least to the most."""
    top = _round_up(max(max(measured) for _, measured in values))
    step = (WIDTH - LEFT - RIGHT) / len(values)
    parts = _ground(title, "", unit, top)
    for i, (name, measured) in enumerate(values):
        left, height = LEFT + step * (i + 0.2), HEIGHT - BOTTOM - _y(middle(measured), top)
        centre = left + step * 0.3
        parts.append(
            f'<rect x="{left:.1f}" y="{_y(middle(measured), top):.1f}" width="{step * 0.6:.1f}" height="{height:.1f}" '
            f'fill="{COLORS[i % len(COLORS)]}"/>'
        )
        parts.append(_whisker(centre, measured, top, "#222"))
        # Long names do not fit beside each other: a line for each part.
        for line, part in enumerate(name.replace(" + ", ", + ").split(", ")):
            parts.append(_label(centre, HEIGHT - BOTTOM + 18 + 16 * line, part))
    return _svg(parts)


def shares(title: str, unit: str, lines: Sequence[tuple[str, Sequence[float]]]) -> str:
    """How many are done within how long: the share from 0 to 100 % across, the time upwards, logarithmic."""
    kept = [(name, sorted(v for v in values if v > 0)) for name, values in lines]
    low = math.floor(math.log10(min(values[0] for _, values in kept)))
    high = math.ceil(math.log10(max(values[-1] for _, values in kept)))
    marks = (0.5, 0.9, 0.99, 0.999)

    def x(share: float) -> float:
        return LEFT + -math.log10(1 - share) / 3.2 * (WIDTH - LEFT - RIGHT)

    def y(value: float) -> float:
        return HEIGHT - BOTTOM - (math.log10(value) - low) / (high - low) * (HEIGHT - TOP - BOTTOM)

    parts = _frame(title, "share of messages", unit)
    parts += [_rule(y(10.0**power), f"{10.0**power:g}") for power in range(low, high + 1)]
    parts += [_label(x(share), HEIGHT - BOTTOM + 18, f"{share * 100:g} %") for share in marks]
    for i, (name, values) in enumerate(kept):
        color = COLORS[i % len(COLORS)]
        steps = [1 - 10 ** (-k / 50 * 3) for k in range(51)]
        found = [(x(share), y(values[min(len(values) - 1, int(share * len(values)))])) for share in steps]
        parts.append(_path(color, found))
        parts.append(_label(WIDTH - RIGHT - 4, TOP + 16 + 16 * i, name, color=color, anchor="end"))
    return _svg(parts)


# — inner ——————————————————————————————————————————————————————————————————————


def _svg(parts: Sequence[str]) -> str:
    inside = "\n".join(parts)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" font-family="sans-serif" '
        f'font-size="12">\n<rect width="{WIDTH}" height="{HEIGHT}" fill="#fff"/>\n{inside}\n</svg>\n'
    )


def _ground(title: str, across: str, unit: str, top: float) -> list[str]:
    rules = [_rule(_y(top * i / 4, top), f"{top * i / 4:g}") for i in range(5)]
    return [*_frame(title, across, unit), *rules]


def _frame(title: str, across: str, unit: str) -> list[str]:
    return [
        _label(LEFT, 22, title, anchor="start", size=14),
        _label((LEFT + WIDTH - RIGHT) / 2, HEIGHT - 12, across),
        _label(LEFT - 8, TOP - 8, unit, anchor="end"),
    ]


def _rule(y: float, text: str) -> str:
    line = f'<line x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y:.1f}" y2="{y:.1f}" stroke="#ddd"/>'
    return line + _label(LEFT - 8, y + 4, text, anchor="end")


def _line(color: str, points: Sequence[tuple[float, Sequence[float]]], top: float) -> list[str]:
    medians = [(x, _y(middle(values), top)) for x, values in points]
    dots = [f'<circle cx="{x:.1f}" cy="{y:.1f}" r="4" fill="{color}"/>' for x, y in medians]
    return [_path(color, medians), *dots, *(_whisker(x, values, top, color) for x, values in points)]


def _path(color: str, points: Sequence[tuple[float, float]]) -> str:
    through = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
    return f'<polyline points="{through}" fill="none" stroke="{color}" stroke-width="2"/>'


def _whisker(x: float, values: Sequence[float], top: float, color: str) -> str:
    low, high = _y(min(values), top), _y(max(values), top)
    return f'<line x1="{x:.1f}" x2="{x:.1f}" y1="{low:.1f}" y2="{high:.1f}" stroke="{color}"/>'


def _label(
    x: float, y: float, text: str, *, anchor: str = "middle", color: str = "#222", size: int = 12
) -> str:
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" fill="{color}" font-size="{size}">'
        f"{escape(text)}</text>"
    )


def _y(value: float, top: float) -> float:
    return HEIGHT - BOTTOM - value / top * (HEIGHT - TOP - BOTTOM)


def _round_up(value: float) -> float:
    """To a number with one digit that counts, or two where that is much less: 1, 1.2, 1.5, 2 … times a power of ten."""
    power = 10.0 ** math.floor(math.log10(value)) if value > 0 else 1.0
    return next(step * power for step in (1, 1.2, 1.6, 2, 2.4, 3.2, 4, 6, 8, 10) if step * power >= value)
