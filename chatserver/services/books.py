"""What the house keeps in memory only: tickets as last committed, and who typed when. Losing it breaks no promise."""

from __future__ import annotations

from collections import OrderedDict
from typing import Generic, TypeVar

from chatserver.core.inactivity import Turn
from chatserver.core.notes import Note
from chatserver.core.signs import Sign
from chatserver.core.tickets import Ticket

K = TypeVar("K")
V = TypeVar("V")


class Bounded(Generic[K, V]):
    """The `limit` entries used last; older ones are forgotten."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._entries: OrderedDict[K, V] = OrderedDict()

    def get(self, key: K) -> V | None:
        value = self._entries.get(key)
        if value is not None:
            self._entries.move_to_end(key)
        return value

    def put(self, key: K, value: V) -> None:
        self._entries[key] = value
        self._entries.move_to_end(key)
        if len(self._entries) > self._limit:
            self._entries.popitem(last=False)

    def peek(self, key: K) -> V | None:
        """As `get`, and it does not count as a use."""
        return self._entries.get(key)

    def values(self) -> list[V]:
        return list(self._entries.values())

    def drop(self, key: K) -> None:
        self._entries.pop(key, None)

    def clear(self) -> None:
        self._entries.clear()

    def __len__(self) -> int:
        return len(self._entries)


class PutOff:
    """Rows whose follow-up failed, each left alone until a moment (ms of the steady clock), so that the others go on."""

    def __init__(self) -> None:
        self._until: dict[tuple[str, int], float] = {}

    def put(self, kind: str, row: int, until: float) -> None:
        self._until[kind, row] = until

    def count(self, now: float) -> int:
        """Forget those whose time has come; gives how many remain."""
        self._until = {row: until for row, until in self._until.items() if until > now}
        return len(self._until)

    def clear(self) -> None:
        self._until.clear()

    def has(self, kind: str, row: int) -> bool:
        return (kind, row) in self._until


class Typist:
    """One side of a ticket: what it said last, and what the other side was shown. `again`: it will be looked at again.
    `stored_at`: when (steady ms) this node stored a keystroke of theirs, `storing`: it will store their last one."""

    __slots__ = ("again", "agent_id", "name", "on", "shown", "stored_at", "storing")

    def __init__(self) -> None:
        self.on = False
        self.agent_id: int | None = None
        self.name = ""
        self.shown: Sign | None = None
        self.again = False
        self.stored_at: float | None = None
        self.storing = False


class Books:
    """Used on the event loop only. `tickets` is fed by `publish` after each commit, so that a keystroke is authorised without
    asking the database; `typed` holds the latest keystroke per ticket and side (ms), `typists` what is shown of them. `notes`:
    those that were told here, each with its moment (ms)."""

    def __init__(self, limit: int = 10_000) -> None:
        self.tickets: Bounded[int, Ticket] = Bounded(limit)
        self.typed: Bounded[tuple[int, Turn], int] = Bounded(limit)
        self.typists: Bounded[tuple[int, Turn], Typist] = Bounded(limit)
        self.notes: Bounded[tuple[int, int], int] = Bounded(limit)
        self.put_off = PutOff()

    def forget(self) -> None:
        """As after a restart."""
        for book in (self.tickets, self.typed, self.typists, self.notes, self.put_off):
            book.clear()

    def learn(self, ticket: Ticket) -> None:
        """Keep a ticket, unless a newer version of it is here already (a slow read must not undo a commit)."""
        known = self.tickets.get(ticket.id)
        if known is None or known.version < ticket.version:
            self.tickets.put(ticket.id, ticket)
        if not ticket.chatting:
            self.typed.drop((ticket.id, "customer"))
            self.typed.drop((ticket.id, "agent"))

    def learn_note(self, ticket_id: int, note: Note) -> None:
        """It was told here."""
        self.notes.put((ticket_id, note.seq), note.at)
