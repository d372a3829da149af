"""Who can write to Redis is no node yet: what nodes say there bears a seal that takes the installation's key to make.

It is no cipher: who reads Redis reads what is said.
"""

from __future__ import annotations

from hashlib import blake2b
from hmac import compare_digest
from typing import Final

from chatserver.bus.envelope import NotUnderstood

SEAL_BYTES: Final = 16


class Seal:
    """`key`: at most 64 bytes. `place`: the channel or key of Redis; what is said in one place counts in no other."""

    def __init__(self, key: bytes) -> None:
        self._key = key

    def put(self, place: str, said: bytes) -> bytes:
        return self._of(place, said) + said

    def taken(self, place: str, sealed: bytes) -> bytes:
        """What was said. Raises NotUnderstood if no node of ours said it there."""
        said = sealed[SEAL_BYTES:]
        if not compare_digest(sealed[:SEAL_BYTES], self._of(place, said)):
            raise NotUnderstood
        return said

    def _of(self, place: str, said: bytes) -> bytes:
        seal = blake2b(f"{place}\n".encode(), digest_size=SEAL_BYTES, key=self._key)
        seal.update(said)
        return seal.digest()
