"""The app's colour on pages that the server writes, as `widget/src/ui/color.ts` has it in the browser."""

from __future__ import annotations

from chatserver.core.colors import is_color, theme


def style_sheet(color: str) -> str:
    """What makes a page's accent this colour, deepened where text could not be read on it; nothing for the default one."""
    if not is_color(color):
        return ""
    accent = theme(color)
    return f":root {{ --accent: {accent.fill}; --on-accent: {accent.ink}; }}\n"
