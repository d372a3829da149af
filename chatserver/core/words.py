"""Words as they are compared when somebody searches: without accents, in small letters."""

from __future__ import annotations

import unicodedata
from itertools import chain, filterfalse
from typing import Final

WORDS_MOST: Final = 8
"""Of one search; further ones are left out."""
LETTERS_MOST: Final = 1_000
"""Of one search; what is behind them is not looked at."""
TELLING: Final = 4
"""Letters of a word that says something by itself."""
_PIECE: Final = 256
"""Letters taken apart at once: to put a run of accents in order costs the square of its length, and all accents go anyhow."""


def plain(text: str) -> str:
    """ "Facturación" and "facturacion" are the same word."""
    if text.isascii():
        return text.lower()
    folded = text.casefold()
    apart = (unicodedata.normalize("NFKD", folded[at : at + _PIECE]) for at in range(0, len(folded), _PIECE))
    return "".join(filterfalse(unicodedata.combining, chain.from_iterable(apart)))


def wanted(text: str) -> tuple[str, ...]:
    """The words of a search."""
    return tuple(dict.fromkeys(plain(text[:LETTERS_MOST]).split()))[:WORDS_MOST]


def alike(text: str, words: tuple[str, ...]) -> bool:
    """At least half of the words that say something stand in the text, and one of them at least."""
    telling = [word for word in words if len(word) >= TELLING]
    folded = plain(text)
    met = sum(word in folded for word in telling)
    return met > 0 and met * 2 >= len(telling)


def has_all(text: str, words: tuple[str, ...]) -> bool:
    """Each of the words stands somewhere in the text, as a whole or as a part of one."""
    return not missing(text, words)


def missing(text: str, words: tuple[str, ...]) -> tuple[str, ...]:
    """Those of the words that stand nowhere in the text, neither as a whole nor as a part of one."""
    folded = plain(text)
    return tuple(word for word in words if word not in folded)
