"""Pairs of a customer and an agent who are connected, and what one server's language looks like on the wire."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from bench.ledger import Ledger
from bench.sockets import Socket, frame

ID_DIGITS = 22
"""Ids are decimal numbers of this width: a legal `cid`, and every message of a pair has the same length."""
WORDS = " Buenas tardes, no puedo descargar la factura de mi pedido de ayer, ¿me pueden ayudar por favor? Gracias."
TEXT_LENGTH = ID_DIGITS + len(WORDS)


class Refusal(Exception):
    """The server answered a message with an error."""


class Language(Protocol):
    """What a server's frames mean."""

    def acked(self, payload: bytes) -> tuple[int, int] | None:
        """Of a frame to the customer: id and number of an acknowledged message. Raises Refusal."""

    def delivered(self, payload: bytes) -> Sequence[tuple[int, int]]:
        """Of a frame to the agent: id and number of each message in it."""


@dataclass
class Pair:
    """`parts`: the message with its id cut out wherever it stands."""

    index: int
    customer: Socket
    agent: Socket
    parts: tuple[bytes, ...]

    def __post_init__(self) -> None:
        # The length never changes, so the frame's head is made once.
        payload = self.payload(0)
        head = frame(payload)[: -len(payload)]
        self._parts = (head + self.parts[0], *self.parts[1:])

    def payload(self, number: int) -> bytes:
        return (b"%022d" % number).join(self.parts)

    def say(self, number: int) -> None:
        self.customer.write((b"%022d" % number).join(self._parts))


class Watch:
    """Hears both sides of all pairs and keeps the ledger. `done`: a pair's message was acknowledged and delivered."""

    def __init__(
        self, pairs: Sequence[Pair], language: Language, ledger: Ledger, done: Callable[[Pair], None]
    ) -> None:
        self.pairs = pairs
        self.ledger = ledger
        self._language = language
        self._done = done
        self._now = time.perf_counter
        for pair in pairs:
            pair.customer.heard = self._customer(pair)
            pair.agent.heard = self._agent(pair)
            pair.customer.lost = pair.agent.lost = self._lost

    def _customer(self, pair: Pair) -> Callable[[bytes], None]:
        ledger, read, now, done = self.ledger, self._language.acked, self._now, self._done

        def heard(payload: bytes) -> None:
            try:
                found = read(payload)
            except Refusal:
                ledger.refused()
                return
            if found is not None and ledger.acked(found[0], pair.index, found[1], now()):
                done(pair)

        return heard

    def _agent(self, pair: Pair) -> Callable[[bytes], None]:
        ledger, read, now, done = self.ledger, self._language.delivered, self._now, self._done

        def heard(payload: bytes) -> None:
            for number, seq in read(payload):
                if ledger.delivered(number, pair.index, seq, now()):
                    done(pair)

        return heard

    def _lost(self, code: int) -> None:
        self.ledger.cut()
