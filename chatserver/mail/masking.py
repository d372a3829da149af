"""Links that open something by themselves, made harmless in what others than their reader are shown.

Whoever answers a mail of ours quotes it, and with it the link, which may not be used yet (`links.Links.access`). It is known
by its shape, since the database holds only its hash: as it stands in a text, and as mail programs rewrite it, which hand a link's
address to a page of their own in percent signs (once or several times), dashes or entities, and break long lines.
"""

from __future__ import annotations

import re
from typing import Final

MASK: Final = "…"
_TOKEN: Final = 43
"""Characters of a whole one (`services.portal`); of one that was cut off so many are hidden as there are, from `_PART` on."""
_PART: Final = 8

_PERCENT: Final = "(?:%(?:25){0,4}|[-=])"
"""What stands before two hexadecimal digits; a percent sign may itself have been written so."""
_BREAK: Final = r"(?:=?\r?\n[ \t>|]{0,40})?"
_SLASH: Final = rf"(?:/|{_PERCENT}2f|_|&\#(?:47|x2f);){_BREAK}"
_ASKS: Final = rf"(?:\?|{_PERCENT}3f|&\#(?:63|x3f);|&quest;){_BREAK}"
_IS: Final = rf"(?:{_PERCENT}3d|=|&\#(?:61|x3d);|&equals;){_BREAK}"
_SIGN: Final = r"(?:[\w-]|%(?:25){0,4}(?:2d|5f|3[0-9]|[46][1-9a-f]|[57][0-9a]))"
_OPENS: Final = re.compile(
    rf"(portal{_SLASH}[\w.~%-]{{1,200}}?{_SLASH}link{_ASKS}t{_IS})"
    rf"(?:(?:{_SIGN}{_BREAK}){{{_TOKEN - 1}}}{_SIGN}+|{_SIGN}{{{_PART},}})",
    re.ASCII | re.IGNORECASE,
)


def masked(text: str) -> str:
    """The text with "…" in place of what makes such a link good; the rest of its address says still what it was."""
    if "portal" not in text:
        return text
    return _OPENS.sub(rf"\1{MASK}", text)
