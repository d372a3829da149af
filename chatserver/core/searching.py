"""What is looked for in texts, and where it stands in them: accents and capitals make no difference, nor does the end of a word.

Both engines are given words that were made here, so that they find the same.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sequence
from typing import Final

import msgspec

WORDS_MAX: Final = 8
"""Of a question; further ones say little, and each costs a look into the index."""
ASKED_MAX: Final = 200
"""Characters of a question that are looked at."""
WORD_MAX: Final = 40
"""Characters of a word; whatever is longer is no word (a key, a hash) and is cut."""
STEM_LEAST: Final = 4
SNIPPET: Final = 180
"""Characters of a text around what was found in it."""
_MATCHES_MAX: Final = 100
REMEMBERED: Final = 0x2000
"""Characters before this one, which are those of most alphabets, are folded once; there are a million others, and who asks for
each of them must not make us keep them all."""

_WORD: Final = re.compile(r"[^\W_]+")
_LATIN: Final = """
ciones coes cion cao mente iendo ando endo ados adas idos idas ado ada ido ida ing ed es as os ar er ir a e o s
"""
_ENDINGS: Final = tuple(sorted(_LATIN.split(), key=len, reverse=True))
"""Of Spanish, Portuguese and English words, folded. What is left is the beginning that a word's forms share, more or less."""
_COMMON: Final = """
a al algo ante como con cual cuando de del desde donde el ella en entre es esa ese eso esta este esto hay la las le lo los me mi
mis muy ni no nos o para pero por porque puedo que se ser si sin sobre son su sus te tu tus un una uno unos y ya yo
ao aos as com da das dele do dos e em essa esse isso isto mas meu minha na nao nas nem no num o os ou pela pelo posso quando sao
sem seu sua tem uma voce
an and are at be by can cannot do does for from have how i in is it its my not of on or the this to we what when where why with
you your
"""
_EMPTY: Final = frozenset(_COMMON.split())
"""They stand in every text: a question is about the others."""


class Term(msgspec.Struct, frozen=True):
    """A word of a question: as it was written (folded), and the beginning by which its other forms are found; "" for none."""

    word: str
    beginning: str


class Piece(msgspec.Struct, frozen=True):
    """A part of a snippet; `found`: it is what was looked for."""

    text: str
    found: bool = False


class _Folding(dict[int, str]):
    """For `str.translate`: each character as one small letter without its accents, so that places stay what they are."""

    def __missing__(self, code: int) -> str:
        char = chr(code)
        base = unicodedata.normalize("NFKD", char)[0].lower()[0]
        if code < REMEMBERED:
            self[code] = base
        return base


_FOLDING: Final = _Folding()


def folded(text: str) -> str:
    """As long as `text`, which should be in form NFC."""
    return text.translate(_FOLDING)


def words(text: str) -> list[str]:
    """All words of a text, folded, in order."""
    return [word[:WORD_MAX] for word in _WORD.findall(folded(unicodedata.normalize("NFC", text)))]


def asked(text: str) -> tuple[Term, ...]:
    """What a question asks for; () when it has no word. The last word may be unfinished."""
    found = words(text[:ASKED_MAX])
    telling = [word for word in found if word not in _EMPTY] or found
    kept = list(dict.fromkeys(telling))[:WORDS_MAX]
    return tuple(Term(word, _beginning(word, last=word == found[-1])) for word in kept)


def _beginning(word: str, *, last: bool) -> str:
    stem = _stem(word)
    return stem if stem != word or last or len(word) >= STEM_LEAST else ""


def _stem(word: str) -> str:
    for ending in _ENDINGS:
        if word.endswith(ending) and len(word) - len(ending) >= STEM_LEAST:
            return word.removesuffix(ending)
    return word


def snippet(text: str, terms: Sequence[Term], size: int = SNIPPET) -> tuple[Piece, ...]:
    """The part of `text` (in form NFC) where most of the terms stand, about `size` characters, in pieces; the text's beginning
    when none does."""
    found = _places(folded(text), terms)
    begin = _best_begin(found, size)
    begin, end = _whole_words(text, begin, begin + size)
    pieces, at = [Piece("…")] if begin else [], begin
    for start, stop in found:
        if start < at or stop > end:
            continue
        pieces += [Piece(text[at:start])] if start > at else []
        pieces.append(Piece(text[start:stop], found=True))
        at = stop
    if end == len(text):
        return (*pieces, Piece(text[at:end])) if at < end else tuple(pieces)
    return (*pieces, Piece(f"{text[at:end].rstrip(' .,;:')}…"))


def _places(text: str, terms: Iterable[Term]) -> list[tuple[int, int]]:
    """Where words begin and end that a term finds; the first hundred."""
    forms = [
        f"{re.escape(term.beginning)}[^\\W_]*" if term.beginning else re.escape(term.word) for term in terms
    ]
    if not forms:
        return []
    either = re.compile(rf"(?<![^\W_])(?:{'|'.join(forms)})(?![^\W_])")
    found: list[tuple[int, int]] = []
    for match in either.finditer(text):
        found.append(match.span())
        if len(found) == _MATCHES_MAX:
            break
    return found


def _best_begin(found: Sequence[tuple[int, int]], size: int) -> int:
    """Of a window with the most of them in it, a little before its first one."""
    best, most = 0, 0
    for number, (start, _) in enumerate(found):
        inside = sum(1 for _, stop in found[number:] if stop <= start + size * 2 // 3)
        if inside > most:
            best, most = start, inside
    return max(0, best - size // 4)


def _whole_words(text: str, begin: int, end: int) -> tuple[int, int]:
    if begin:
        space = text.find(" ", begin)
        begin = space + 1 if 0 <= space < begin + 40 else begin
    if end < len(text):
        space = text.rfind(" ", begin, end)
        end = space if space > end - 40 else end
    return begin, min(end, len(text))


def excerpt(text: str, size: int = SNIPPET) -> str:
    """The beginning of a text, cut between words."""
    return "".join(piece.text for piece in snippet(text, (), size))
