"""A discreet hint before a text is sent that would read like shouting: all capitals, or runs of !!! and ???. It never blocks.

One rule in two languages: `widget/src/state/courtesy.ts` is its twin; `tests/cases/courtesy.json` holds them together.

Capitals alone prove nothing: names, acronyms, addresses, states of an order and error messages are written so by people who are
calm. So a text must be capitals nearly throughout, and speak: hold a word that only sentences have, right before another one, or
a cry for help.
"""

from __future__ import annotations

import itertools
import re
from typing import Final, Literal

Hint = Literal["capitals", "marks"]

READ: Final = 2_000
"""Characters that are looked at: who shouts does so from the beginning."""

# What is quoted, code or an address is not the author's voice.
_OTHERS: Final = re.compile(
    r"```[\s\S]*?(?:```|$)|`[^`\n]*`|\"[^\"\n]*\"|“[^”\n]*”|«[^»\n]*»|\b(?:https?://|www\.)\S+|\S+@\S+\.\S+",
    re.IGNORECASE,
)
_MARKS: Final = re.compile(r"(?:[!?¡¿！？] ?){2}[!?¡¿！？]")
_AROUND: Final = re.compile(r"^[\s.,;:!?¡¿()\[\]'…*-]+|[\s.,;:!?¡¿()\[\]'…*-]+$")
_WORD: Final = re.compile(r"[A-Za-zÀ-ÖØ-öø-ÿ]+(?:['’-][A-Za-zÀ-ÖØ-öø-ÿ]+)*")
_CAPITALS: Final = re.compile(r"[A-ZÀ-ÖØ-Þ'’-]+")

_ES: Final = """
NO SÍ SI ME MI MIS TE TU TUS SE LE LES NOS ES SON ESTÁ ESTÁN ESTAN ESTOY ESTAMOS HAY HAN HA HE YA QUE QUÉ PERO PORQUE
COMO CÓMO CUANDO CUÁNDO CUANTO CUÁNTO DONDE DÓNDE NADA NADIE NUNCA SIEMPRE ESTO ESTE ESO ESE AHORA HOY SIGUE SIGO PUEDO
PUEDE PUEDEN QUIERO NECESITO NECESITAMOS TENGO TENEMOS LLEVO UN UNA CADA MUY TAMBIÉN
"""
_EN: Final = """
I MY IS NOT DON'T DONT CAN'T CANT DOESN'T DOESNT ISN'T WHY WHAT WHEN HOW THIS THAT YOU YOUR ARE WAS STILL NOTHING NEED
WANT PLEASE NEVER ALWAYS NOW SOMEBODY NOBODY HAVE DO CAN WE
"""
_PT: Final = """
NÃO NAO MEU MINHA SEU SUA ESTOU VOCÊ VOCÊS VOCES NINGUÉM NINGUEM SEMPRE TUDO ISSO ISTO AGORA HOJE PRECISO QUERO CONSIGO
MAS QUANDO ONDE UM UMA FOI TEM JÁ AINDA FAVOR EU NOSSO NOSSA CADÊ ALGUÉM
"""
SPEAKING: Final = frozenset(f"{_ES}{_EN}{_PT}".split())
"""Words of sentences. None that names, places and states of things have ("EL SALVADOR", "LOS ANGELES", "EN PROCESO", "IT")."""
CRIES: Final = frozenset(
    (
        "AYUDA",
        "AUXILIO",
        "URGENTE",
        "SOCORRO",
        "RESPONDAN",
        "CONTESTEN",
        "HELP",
        "URGENT",
        "AJUDA",
        "RESPONDAM",
    )
)
_MOSTLY: Final = 0.8


def hint(text: str) -> Hint | None:
    """What to say of a text before it is sent, if anything."""
    voice = _OTHERS.sub(" ", text[:READ])
    if _shouts(voice):
        return "capitals"
    return "marks" if _MARKS.search(voice) else None


def _shouts(voice: str) -> bool:
    tokens = [_AROUND.sub("", token) for token in voice.split()]
    words = [token if _WORD.fullmatch(token) else "" for token in tokens if token]
    long = [word for word in words if len(word) > 1]
    loud = [word for word in long if _CAPITALS.fullmatch(word)]
    if not loud or len(loud) < _MOSTLY * len(long):
        return False
    if not CRIES.isdisjoint(loud):
        return True
    speaks = any(
        _speaking(word) and len(following) > 1 and _CAPITALS.fullmatch(following)
        for word, following in itertools.pairwise(words)
    )
    return speaks and (
        any(len(word) >= 4 and not _speaking(word) for word in loud)
        or sum(1 for word in words if _CAPITALS.fullmatch(word)) >= 4
    )


def _speaking(word: str) -> bool:
    return word.replace("’", "'") in SPEAKING
