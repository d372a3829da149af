"""What a node knows of the others: who they are, what they listen to, and which number it last said to and heard from each.

No network here. Whoever holds this feeds in what was heard and looks up in Redis what `look` asks for.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import Final, NamedTuple

from msgspec import Struct

from chatserver.bus import envelope
from chatserver.bus.envelope import Announcement, Beat, Bye, Delta, Said, State
from chatserver.bus.interest import Bits, bucket
from chatserver.core.events import Event

UNHEARD_SECONDS: Final = 1.25
"""Two signs of life, and half of one. From then on hints of a node may be missing: whoever shows something looks at the database,
within the two seconds that are promised (PROMISES P10). A node that was only busy costs everybody that look."""
SILENT_SECONDS: Final = 3.0
"""Six signs of life. A node that is heard is not forgotten because its key is not there: Redis may throw keys away."""
RECENT_SECONDS: Final = 2.0
"""Hints are kept so long for nodes whose interest is on its way. What takes longer ends in a new connection, and `missed`."""
RECENT_MAX: Final = 4_096
"""Two seconds at two thousand a second, more than one node commits. These events were just shown, so they exist anyway."""
LOST_MAX: Final = 1_000
"""Nodes whose key ran out, and the numbers that would tell them what they missed. Each start makes a new name."""


class Recent(Struct, gc=False):
    """One event on its way to the others. No cycle goes through it, and there are thousands: the collector need not look."""

    event: Event
    topics: tuple[str, ...]
    at: float
    buckets: tuple[int, ...]
    to: tuple[Other, ...] = ()
    """Who was told, or is told by the numbers that it was not."""
    _encoded: bytes = b""

    @classmethod
    def of(cls, event: Event, topics: tuple[str, ...], at: float) -> Recent:
        return cls(event, topics, at, tuple(map(bucket, topics)))

    def encoded(self) -> bytes:
        """Made when the first node wants it, and the same for all."""
        if not self._encoded:
            self._encoded = envelope.hint(self.event, self.topics)
        return self._encoded


class Other:
    """Another node."""

    __slots__ = ("bits", "heard", "heard_at", "latest", "node", "said", "serves", "unsure_since", "version")

    def __init__(self, node: str, now: float, said: int) -> None:
        self.node = node
        self.said = said
        """The number of the last batch to it."""
        self.heard = 0
        """The number of the last batch from it."""
        self.heard_at = now
        self.serves = False
        """As it said with its last sign of life."""
        self.bits = Bits()
        self.version = -1
        self.latest = -1
        """The latest version of its interest that is known to exist."""
        self.unsure_since: float | None = now
        """Since when its interest is not known. Hints wait until it is, which takes a moment: so they keep their order."""

    def wants(self, buckets: tuple[int, ...]) -> bool:
        return self.unsure_since is None and self.bits.any(buckets)

    def late(self, recent: Iterable[Recent], new: Bits) -> list[Recent]:
        """What it may have wanted already when it was published, and was not told because we did not know."""
        return [one for one in recent if new.any(one.buckets) and self not in one.to]


class Late(NamedTuple):
    other: Other
    hints: list[Recent]


class Neighbours:
    """`missed()`: hints from others may be lost. `look()`: what the others listen to should be read again. `send(late)`: hints
    that a node wanted before we knew."""

    def __init__(
        self, node: str, missed: Callable[[], None], look: Callable[[], None], send: Callable[[Late], None]
    ) -> None:
        self.others: dict[str, Other] = {}
        self.recent: deque[Recent] = deque()
        self._node = node
        self._missed = missed
        self._look = look
        self._send = send
        self._lost: dict[str, int] = {}
        self._forgotten_at = -1.0

    def remember(self, one: Recent) -> None:
        if len(self.recent) == RECENT_MAX:
            self._forget_oldest()
        self.recent.append(one)

    def forget_older(self, now: float) -> None:
        """Hints that nobody can be waiting for any more."""
        while self.recent and now - self.recent[0].at > RECENT_SECONDS:
            self._forget_oldest()

    def _forget_oldest(self) -> None:
        self._forgotten_at = self.recent.popleft().at

    def said(self) -> dict[str, int]:
        return {node: other.said for node, other in self.others.items()}

    def unheard(self, now: float) -> set[str]:
        """Who should have been heard by now: they have died, or the way from them is not what it was."""
        return {node for node, other in self.others.items() if now - other.heard_at > UNHEARD_SECONDS}

    # — what was heard —

    def hear(self, said: Said, now: float) -> None:
        """A batch from another node."""
        other = self._known(said.node, now)
        if said.number != other.heard + 1:
            self._missed()
        other.heard = said.number

    def learn(self, said: Announcement, now: float) -> None:
        """What another node announces to everybody."""
        if said.node == self._node:
            return
        match said:
            case Bye():
                self.others.pop(said.node, None)
            case Delta():
                self._changed(self._known(said.node, now), said)
            case Beat():
                self._beat(self._known(said.node, now), said)
            case State():
                pass  # only ever in Redis

    def read(self, found: dict[str, list[Announcement]], since: float, now: float) -> None:
        """What Redis had: for each node the records under its key, in their order. `since`: when we began to read."""
        for node, records in found.items():
            if node != self._node:
                self._adopt(node, records, now)
        for node in self.others.keys() - found.keys():
            if since - self.others[node].heard_at > SILENT_SECONDS:
                self._forget(node)

    # — inside —

    def _known(self, node: str, now: float) -> Other:
        """The node that was just heard."""
        other = self.others.get(node)
        if other is None:
            other = self._met(node, now)
            self._look()
        other.heard_at = now
        return other

    def _met(self, node: str, now: float) -> Other:
        # Who was forgotten and is back wanted things that were not said: the next number tells.
        said = self._lost.pop(node, -1) + 1
        self.others[node] = Other(node, now, said)
        return self.others[node]

    def _beat(self, other: Other, beat: Beat) -> None:
        other.serves = beat.serves
        number = beat.said.get(self._node)
        if number is not None:
            if number != other.heard:
                self._missed()
            other.heard = number
        if beat.version > other.latest:
            self._doubt(other, beat.version, other.heard_at)

    def _changed(self, other: Other, delta: Delta) -> None:
        if delta.version <= other.version:
            return  # it was in what we read
        if other.unsure_since is not None or delta.version != other.version + 1:
            self._doubt(other, delta.version, other.heard_at)
            return
        new = Bits()
        new.set(delta.on, True)
        other.bits.set(delta.on, True)
        other.bits.set(delta.off, False)
        other.version = other.latest = delta.version
        if late := other.late(self.recent, new):
            self._send(Late(other, late))

    def _doubt(self, other: Other, version: int, now: float) -> None:
        """Something was not heard: hints for it wait until we have read what it listens to."""
        other.latest = max(other.latest, version)
        if other.unsure_since is None:
            other.unsure_since = now
        self._look()

    def _adopt(self, node: str, records: list[Announcement], now: float) -> None:
        bits, version = _bits_of(records)
        if version < 0:
            return  # no state that we can read: neither would the node understand our hints
        other = self.others.get(node) or self._met(node, now)
        if version < other.latest or version == other.version:
            return  # we have heard of a later one, or have this one
        other.bits, other.version, other.latest = bits, version, version
        if other.unsure_since is not None and other.unsure_since <= self._forgotten_at:
            other.said += 1  # it waited for longer than hints do
        other.unsure_since = None
        if late := other.late(self.recent, bits):
            self._send(Late(other, late))

    def _forget(self, node: str) -> None:
        self._lost[node] = self.others.pop(node).said
        if len(self._lost) > LOST_MAX:
            del self._lost[next(iter(self._lost))]


def _bits_of(records: list[Announcement]) -> tuple[Bits, int]:
    """The last state and the changes after it."""
    bits, version = Bits(), -1
    for record in records:
        if isinstance(record, State):
            with suppress(ValueError):
                bits, version = Bits(record.bits), record.version
        elif isinstance(record, Delta) and record.version == version + 1:
            bits.set(record.on, True)
            bits.set(record.off, False)
            version = record.version
    return bits, version
