"""Words as they are compared when somebody searches: without accents, in small letters."""

from __future__ import annotations

import unicodedata
from itertools import filterfalse
from typing import Final

WORDS_MOST: Final = 8
"""Of one search; further ones are left out."""


TELLING: Final = 4
"""Letters of a word that says something by itself."""


def plain(text: str) -> str:
    """ "Facturación" and "facturacion" are the same word."""
    apart = unicodedata.normalize("NFKD", text.casefold())
    return "".join(filterfalse(unicodedata.combining, apart))


def wanted(text: str) -> tuple[str, ...]:
    """The words of a search."""
    return tuple(dict.fromkeys(plain(text).split()))[:WORDS_MOST]


def alike(text: str, words: tuple[str, ...]) -> bool:
    """At least half of the words that say something stand in the text, and one of them at least."""
    telling = [word for word in words if len(word) >= TELLING]
    folded = plain(text)
    met = sum(word in folded for word in telling)
    return met > 0 and met * 2 >= len(telling)


def has_all(text: str, words: tuple[str, ...]) -> bool:
    """Each of the words stands somewhere in the text, as a whole or as a part of one."""
    folded = plain(text)
    return all(word in folded for word in words)
