"""What a file may be called. A name is text that somebody made up: it is shown, proposed for saving, and never a path of ours."""

from __future__ import annotations

import re
import unicodedata
from typing import Final

BYTES_MAX: Final = 255
"""In UTF-8: what common file systems take."""
ENDING_MAX: Final = 32
"""Bytes of what stands behind the last dot that are kept when a name is cut."""
SAID_MOST: Final = 1_000
"""Characters of what somebody calls a file that are looked at, half of them from its end: to compose a run of accents costs the
square of its length."""
NAMELESS: Final = "file"

_GAPS: Final = frozenset({"Zs", "Zl", "Zp"})
# Control characters, those that turn the reading order or show nothing, halves of pairs, and what is no character.
_UNSEEN: Final = frozenset({"Cc", "Cf", "Cs", "Cn"})


def clean(said: str) -> str:
    """The name to keep: one line without directories, composed (NFC), cut to `BYTES_MAX` before its ending; "" when nothing of
    it is left."""
    last = re.split(r"[/\\]", said)[-1]
    if len(last) > SAID_MOST:
        last = last[: SAID_MOST // 2] + last[-SAID_MOST // 2 :]
    shown = "".join(map(_shown, unicodedata.normalize("NFC", last)))
    # A dot in front hides a file, one at the end is dropped by some systems: "x.exe." is "x.exe" there.
    return _cut(" ".join(shown.split()).strip(". "))


def ending(name: str) -> str:
    """What stands behind the last dot of a clean name, in small letters; "" where there is none."""
    stem, dot, last = name.rpartition(".")
    return last.lower() if dot and stem else ""


def with_ending(name: str, wanted: str) -> str:
    """For one that has none: a picture out of the clipboard, say."""
    return _cut(f"{name or NAMELESS}.{wanted}") if not ending(name) else name


def _shown(char: str) -> str:
    category = unicodedata.category(char)
    if category in _GAPS or char in "\t\n\r":
        return " "
    return "" if category in _UNSEEN else char


def _cut(name: str) -> str:
    if len(name.encode()) <= BYTES_MAX:
        return name
    stem, dot, last = name.rpartition(".")
    if not dot or len(last.encode()) > ENDING_MAX:
        stem, tail = name, ""
    else:
        tail = f".{last}"
    room = BYTES_MAX - len(tail.encode())
    return stem.encode()[:room].decode(errors="ignore").rstrip(". ") + tail
