"""The words of the screens: `locale/<lang>/<face>.json`, flat keys that begin with the face's name, {placeholders}."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from datetime import datetime
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Final

LANGUAGES: Final = ("es", "en", "pt")
DEFAULT: Final = "es"
TAGS: Final = {"es": "es-419", "en": "en", "pt": "pt-BR"}
"""What stands in a page's `lang` attribute."""

LOCALE = Path(__file__).parent / "locale"


@cache
def words(lang: str) -> Mapping[str, str]:
    """All words of one of LANGUAGES, read once."""
    merged: dict[str, str] = {}
    for file in sorted((LOCALE / lang).glob("*.json")):
        merged.update(json.loads(file.read_text(encoding="utf-8")))
    return MappingProxyType(merged)


def say(lang: str, key: str, **values: object) -> str:
    """One sentence with its placeholders filled. A key that is missing is a mistake of ours: KeyError."""
    return words(lang)[key].format(**values)


def clock(lang: str, moment: datetime) -> str:
    """What the clock shows, in one piece (blanks that no line breaks at): "2:05 p. m.", "2:05 PM", "14:05". The widget's and the
    console's own is `clockTime` (widget/src/ui/time.ts)."""
    halves = words(lang)["page.halves"].split("/")
    if len(halves) != 2:
        return f"{moment:%H:%M}"
    return f"{moment.hour % 12 or 12}:{moment:%M} {halves[moment.hour // 12]}".replace(" ", "\u00a0")


def choose(asked: str, accepted: str = "") -> str:
    """The language to show: what was asked for (`?lang=`) when we have it, else the best of an Accept-Language header."""
    return _known(asked) or next(filter(None, map(_known, _by_weight(accepted))), DEFAULT)


def _known(tag: str) -> str:
    primary = tag.strip().lower().replace("_", "-").split("-")[0]
    return primary if primary in LANGUAGES else ""


def _by_weight(header: str) -> Iterable[str]:
    weighted = []
    for part in header[:1000].split(","):
        tag, _, weight = part.partition(";q=")
        try:
            weighted.append((float(weight or 1), tag))
        except ValueError:
            continue
    return [tag for weight, tag in sorted(weighted, key=lambda entry: -entry[0]) if weight > 0]
