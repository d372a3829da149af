"""Which of our languages the sender of a mail writes: as the mail says by a header, or plainly by its text."""

from __future__ import annotations

import re
from typing import Final

from chatserver import i18n
from chatserver.mail.headers import Headers
from chatserver.mail.words import plain

READ: Final = 2_000
"""Characters of a text that are looked at: a language shows in its first lines."""
LEAST: Final = 2
"""Different words that only one of the languages has: with less a text may be a name, a quote or a line of a log."""
_TAG: Final = re.compile(r"\s{0,9}([A-Za-z]{2,3}(?:-[A-Za-z0-9]{2,8}){0,3})\s{0,9}(?:;|$)")
_TAGS_MOST: Final = 10
_FIELD: Final = "to:"
"""Above what was forwarded: the program's language, not the sender's."""
_EDGES: Final = ".,;:!?¡¿()[]{}<>\"'«»“”…-*_"

_COMMON: Final = {
    # Without accents, as `plain` gives them.
    "es": """
        hola buenos buenas dias tardes gracias saludos estimados cordial favor necesito puedo puede pueden quiero quisiera tengo
        tenemos hay el la los las un una unos unas del al y pero porque cuando donde cual quien como con sin sobre desde hasta
        entre es son esta estan este estos ser fue ya muy mas aun tambien ahora hoy ayer mi mis su sus me nos le les lo no si
        pudiera ustedes usted algo nada otra vez para por que en de se correo aparece sale dia dos
    """,
    "pt": """
        ola oi bom boa dia tarde obrigado obrigada atenciosamente prezados abraco preciso posso pode podem quero gostaria tenho
        temos ha o a os as um uma uns umas do da dos das ao aos no na nos nas pelo pela e mas porque quando onde qual quem como
        com sem sobre desde ate entre eh sao esta estao este estes ser foi ja muito mais ainda tambem agora hoje ontem meu minha
        seu sua me lhe nao sim voce voces algo nada outra vez para por que em de se isso isto fazer consigo aparece sai dias
    """,
    "en": """
        hello hi dear good morning afternoon thanks thank regards please need can cannot can't could want would i'd have has there
        the a an of to and but because when where which who how with without about from until between is are was were it's this
        these that be been already very more still also now today yesterday my your our we you they them not yes something
        nothing again for by at it if i'm don't doesn't does do as
    """,
}
_ELSEWHERE: Final = "la lo le les un una con si mi me su son es en e o da na no qual sai ha me se from where"
"""Words of Spanish and Portuguese that French, Italian or Catalan have too, and of English that SQL has: they say little."""


def _telling() -> dict[str, frozenset[str]]:
    """Of each language the words that no other one has."""
    all_of = {lang: set(words.split()) for lang, words in _COMMON.items()}
    elsewhere = set(_ELSEWHERE.split())
    return {
        lang: frozenset(own.difference(elsewhere, *(words for name, words in all_of.items() if name != lang)))
        for lang, own in all_of.items()
    }


_TELLING: Final = _telling()


def language(headers: Headers, text: str, default: str) -> str:
    """A tag of one of our languages: as `Content-Language` or `Accept-Language` says (the first that we have), else that of the
    text, where it plainly is one of them (`of_text`, beside `default`); "" where the mail says none."""
    for name in ("content-language", "accept-language"):
        if said := _of_ours(headers.get(name)):
            return said
    return of_text(text, default)


def _of_ours(field: str) -> str:
    for part in field.split(",", _TAGS_MOST)[:_TAGS_MOST]:
        found = _TAG.match(part)
        if found and found[1].lower().split("-")[0] in i18n.LANGUAGES:
            return found[1]
    return ""


def of_text(text: str, default: str) -> str:
    """The one of our languages in which a text plainly is; "" where it is in another one, in two, or says too little. It is if it
    has `LEAST` words that only this one has, and twice as many as of all others together. `default` is what people here are
    expected to write: a line of it, however short, outweighs what is in another one, which may be pasted out of a log."""
    lines = [
        {word.strip(_EDGES) for word in plain(line).split() if word != _FIELD}
        for line in text[:READ].splitlines()
    ]
    met = _met(set().union(*lines))
    best = max(met, key=lambda lang: met[lang])
    if met[best] < LEAST or met[best] < 2 * (sum(met.values()) - met[best]):
        return ""
    if best != default and any(_is_of(line, default) for line in lines):
        return default if met[default] >= LEAST else ""
    return best


def _is_of(line: set[str], lang: str) -> bool:
    """It has more words that only this language has than of all others."""
    met = _met(line)
    return 2 * met.get(lang, 0) > sum(met.values())


def _met(said: set[str]) -> dict[str, int]:
    """How many of each language's telling words are among these."""
    return {lang: len(words & said) for lang, words in _TELLING.items()}
