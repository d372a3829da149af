"""Who was sent what, and what came of it: every message is matched by its id on both sides."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field


@dataclass(slots=True)
class Pending:
    """A message on its way. Times are seconds of one monotonic clock; 0: not yet."""

    pair: int
    due: float
    acked: float = 0.0
    delivered: float = 0.0
    seq: int = 0


@dataclass(slots=True)
class Faults:
    """What must not happen. Every field has to be 0 in every run."""

    lost: int = 0
    doubled: int = 0
    refused: int = 0
    strange: int = 0
    """Answers to what was never sent, deliveries to somebody else's agent, and numbers on which the two sides disagree."""
    cut: int = 0
    """Connections that ended in the middle."""

    def __bool__(self) -> bool:
        return bool(self.lost or self.doubled or self.refused or self.strange or self.cut)

    def __add__(self, other: Faults) -> Faults:
        return Faults(
            self.lost + other.lost,
            self.doubled + other.doubled,
            self.refused + other.refused,
            self.strange + other.strange,
            self.cut + other.cut,
        )

    def __str__(self) -> str:
        return f"{self.lost} lost, {self.doubled} doubled, {self.refused} refused, {self.strange} strange, {self.cut} cut"


@dataclass(slots=True)
class Ledger:
    """Ids are whole numbers that grow by one. A message is done when both its ack and its delivery came."""

    pending: dict[int, Pending] = field(default_factory=dict)
    faults: Faults = field(default_factory=Faults)
    last: int = 0
    done: int = 0
    closed: bool = False
    acks: list[float] = field(default_factory=list)
    """Seconds from due to acknowledged, of the messages that are done."""
    deliveries: list[float] = field(default_factory=list)
    """Seconds from due to delivered."""

    def sent(self, pair: int, due: float) -> int:
        """The id for a message that is to be sent now. `due`: when it should have been, which may be earlier."""
        self.last += 1
        self.pending[self.last] = Pending(pair, due)
        return self.last

    def acked(self, number: int, pair: int, seq: int, now: float) -> bool:
        """The sender's side. True when the message is done by this."""
        entry = self._entry(number, pair)
        if entry is None:
            return False
        if entry.acked:
            self.faults.doubled += 1
            return False
        entry.acked = now
        return self._both(number, entry, seq)

    def delivered(self, number: int, pair: int, seq: int, now: float) -> bool:
        """The receiver's side. True when the message is done by this."""
        entry = self._entry(number, pair)
        if entry is None:
            return False
        if entry.delivered:
            self.faults.doubled += 1
            return False
        entry.delivered = now
        return self._both(number, entry, seq)

    def refused(self) -> None:
        self.faults.refused += 1

    def cut(self) -> None:
        """A connection ended; no fault any more once the ledger is closed."""
        if not self.closed:
            self.faults.cut += 1

    def close(self) -> Faults:
        """The end: what is still pending now is lost."""
        self.faults.lost += len(self.pending)
        self.pending.clear()
        self.closed = True
        return self.faults

    def _entry(self, number: int, pair: int) -> Pending | None:
        entry = self.pending.get(number)
        if entry is None:
            if 0 < number <= self.last:
                self.faults.doubled += 1  # it was done before
            else:
                self.faults.strange += 1
            return None
        if entry.pair != pair:
            self.faults.strange += 1
            return None
        return entry

    def _both(self, number: int, entry: Pending, seq: int) -> bool:
        if not (entry.acked and entry.delivered):
            entry.seq = seq
            return False
        if entry.seq != seq:
            self.faults.strange += 1
        del self.pending[number]
        self.done += 1
        self.acks.append(entry.acked - entry.due)
        self.deliveries.append(entry.delivered - entry.due)
        return True


def quantile(values: Sequence[float], share: float) -> float:
    """The value below which `share` (0 to 1) of them lie; nan when there are none. Of so many that nothing is interpolated."""
    if not values:
        return float("nan")
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]
