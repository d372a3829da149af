"""Which topics a node listens to, small enough to be told to all the others: a bit for each of 262,144 buckets of topics.

Two topics in one bucket cost a needless hint now and then: who receives it looks at the topics themselves.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable
from functools import lru_cache
from typing import Final

BUCKETS: Final = 2**18
"""32 KiB of bits per node. With 10,000 topics of one node 4 % of the others' hints would be needless."""
_BYTES: Final = BUCKETS // 8


@lru_cache(maxsize=16_384)
def bucket(topic: str) -> int:
    """The same on every node and for ever, which Python's own hash is not."""
    return zlib.crc32(topic.encode()) % BUCKETS


class Bits:
    """A set of buckets."""

    __slots__ = ("_bits",)

    def __init__(self, packed: bytes | None = None) -> None:
        """`packed`: what another's `packed` gave; ValueError if it is not that."""
        self._bits = bytearray(_BYTES) if packed is None else _unpacked(packed)

    def set(self, numbers: Iterable[int], on: bool) -> None:
        for number in numbers:
            if on:
                self._bits[number >> 3] |= 1 << (number & 7)
            else:
                self._bits[number >> 3] &= ~(1 << (number & 7))

    def any(self, numbers: Iterable[int]) -> bool:
        bits = self._bits
        for number in numbers:  # noqa: SIM110 — on the way of every hint: a generator would take twice the time
            if bits[number >> 3] >> (number & 7) & 1:
                return True
        return False

    def packed(self) -> bytes:
        """0.6 KiB for 100 buckets, 3 KiB for 1,000, and a tenth of a millisecond."""
        return zlib.compress(self._bits, 1)


class Interest:
    """What this node listens to, and what of it the others have not been told yet."""

    def __init__(self, local: frozenset[str]) -> None:
        """`local`: topics that are nobody else's business."""
        self.bits = Bits()
        self.version = 0
        """Grows with every change that is told."""
        self._local = local
        self._listened: dict[int, int] = {}
        self._changed: dict[int, bool] = {}

    def began(self, topic: str) -> bool:
        """The first listener came. Whether there is something to tell."""
        if topic in self._local:
            return False
        number = bucket(topic)
        count = self._listened.get(number, 0)
        self._listened[number] = count + 1
        if count == 0:
            self._change(number, True)
        return count == 0

    def ended(self, topic: str) -> bool:
        """The last listener left. Whether there is something to tell."""
        if topic in self._local:
            return False
        number = bucket(topic)
        count = self._listened[number] - 1
        if count:
            self._listened[number] = count
            return False
        del self._listened[number]
        self._change(number, False)
        return True

    @property
    def changed(self) -> bool:
        return bool(self._changed)

    def changes(self) -> tuple[list[int], list[int]] | None:
        """The buckets that are new and those that are gone since the last call, as a version of its own; None: there are none."""
        if not self._changed:
            return None
        on = [number for number, now in self._changed.items() if now]
        off = [number for number, now in self._changed.items() if not now]
        self._changed.clear()
        self.version += 1
        return on, off

    def _change(self, number: int, on: bool) -> None:
        self.bits.set((number,), on)
        # Gone and back within one turn is no change at all.
        if self._changed.pop(number, on) == on:
            self._changed[number] = on


def _unpacked(packed: bytes) -> bytearray:
    unpacking = zlib.decompressobj()
    try:
        # A stranger's bytes may unfold into anything: no more is unfolded than we can use.
        bits = unpacking.decompress(packed, _BYTES + 1)
    except zlib.error:
        raise ValueError("no packed bits") from None
    if len(bits) != _BYTES:
        raise ValueError("bits of another size")
    return bytearray(bits)
