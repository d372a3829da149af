"""Was this article of use to you? One word per reader and version, changeable, with proof that a person gave it.

A reader is known by a signed cookie that is set when they first say something, of that article alone: nobody is followed from one
article to the next. The first token that was given out becomes the reader's name, so that a token used twice changes one vote.
"""

from __future__ import annotations

import hmac
import secrets
from collections.abc import Callable, Sequence
from typing import Final

import msgspec

from chatserver.core import articles as core
from chatserver.core import proof
from chatserver.core.articles import Reason
from chatserver.core.errors import Refused
from chatserver.core.proof import Given
from chatserver.core.tries import limit
from chatserver.services.identity import Signed
from chatserver.services.throttle import Throttle
from chatserver.store import articles as rows
from chatserver.store.articles import Shown
from chatserver.store.database import Database

WINDOW_SECONDS: Final = 3600
READER_SECONDS: Final = 180 * 86_400
"""So long a reader may change their word."""


class Question(msgspec.Struct, frozen=True):
    """For a form: the token to come back with it, and the two numbers to be added by who has no script."""

    token: str
    first: int
    second: int


class _Asked(msgspec.Struct, frozen=True, array_like=True):
    article: int
    at: int
    nonce: str
    answer: str


class _Reader(msgspec.Struct, frozen=True, array_like=True):
    article: int
    name: str


class Feedback:
    """`per_address`: words of one network address in an hour. `clock`: ms since 1970 UTC."""

    def __init__(self, db: Database, secret: str, per_address: int, clock: Callable[[], int]) -> None:
        self._db = db
        self._secret = secret.encode()
        self._asked = Signed(secret, "article-question", _Asked)
        self._readers = Signed(secret, "article-reader", _Reader)
        self._from = Throttle(limit(per_address, WINDOW_SECONDS))
        self._clock = clock

    def question(self, article_id: int) -> Question:
        first, second = secrets.randbelow(8) + 2, secrets.randbelow(8) + 2
        nonce = secrets.token_urlsafe(16)
        asked = _Asked(article_id, self._clock(), nonce, self._sealed(nonce, first + second))
        return Question(self._asked.sign(asked), first, second)

    async def say(
        self,
        shown: Shown,
        given: Given,
        reader: str,
        address: str,
        *,
        useful: bool,
        reasons: Sequence[Reason] = (),
        comment: str = "",
    ) -> str:
        """Store a reader's word; gives the cookie by which they may change it. `reader`: the cookie that came, if one did.
        `address`: where the request came from.

        Raises Refused: bad_proof, reason_required, too_long, rate_limited.
        """
        now = self._clock()
        asked = self._asked.read(given.token)
        if asked is None or asked.article != shown.id:
            raise Refused("bad_proof")
        right = hmac.compare_digest(asked.answer, self._sealed(asked.nonce, _number(given.answer)))
        proof.check(given, made_at=asked.at, right_answer=right, now=now)
        kept, said = core.feedback(useful, reasons, comment)
        self._from.take(address, now)
        known = self._readers.read(reader) if reader else None
        name = known.name if known is not None and known.article == shown.id else asked.nonce
        await rows.vote(
            self._db, shown.id, shown.number, name, useful=useful, reasons=kept, comment=said, now=now
        )
        return self._readers.sign(_Reader(shown.id, name))

    def _sealed(self, nonce: str, answer: int) -> str:
        """So that the token does not tell what it wants to hear."""
        return hmac.digest(self._secret, f"article-answer {nonce} {answer}".encode(), "sha256").hex()[:32]


def _number(text: str) -> int:
    plain = text.strip()
    return int(plain) if plain.isascii() and plain.isdigit() and len(plain) <= 3 else -1
