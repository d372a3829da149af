"""Was any promise about messages broken? Written apart from the server: it imports nothing of `chatserver`.

It judges evidence that others wrote down while things were breaking, after everything has healed: what each client tried and was
told (the history), what each reader's screen showed, what the database holds, who may read what, and who owned a ticket when.

| rule | promise |
|---|---|
| a | what was acknowledged is stored under that number and was shown to all who take part; what was refused is not |
| b | a message is stored once: (ticket, author, cid) is unique |
| c | stored numbers are 1..n; a screen shows that sequence, without gap, repeat or another order |
| d | what ended unknown is there once or not at all |
| e | a ticket has one owner at a time |
| f | nothing is shown to somebody who takes no part |
"""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal, NamedTuple, TypeVar

Result = Literal["ok", "fail", "unknown"]
Rule = Literal["a", "b", "c", "d", "e", "f"]


@dataclass(frozen=True)
class Op:
    """One thing a client tried, however often it was sent. Times are seconds of one monotonic clock; `seq` as acknowledged."""

    op: str
    client: str
    ticket: int
    cid: str
    t_invoke: float
    t_done: float
    result: Result
    seq: int = 0


@dataclass(frozen=True)
class Shown:
    """An item appeared on a reader's screen; `cid` is empty for what no client wrote.

    `forget` (with `seq`): the screen was cleared, and shows the ticket from that number on.
    """

    reader: str
    ticket: int
    seq: int
    cid: str = ""
    forget: bool = False


@dataclass(frozen=True)
class Stored:
    ticket: int
    seq: int
    author: str
    cid: str = ""


@dataclass(frozen=True)
class Owned:
    """An agent held a ticket in [since, until): seconds, or anything else that only grows, such as the ticket's version."""

    ticket: int
    agent: str
    since: float
    until: float


@dataclass(frozen=True)
class Evidence:
    """`members`: for each ticket the readers who must have seen all of it when everything had healed. `guests`: who took part
    for a while, and may have seen some of it."""

    history: Sequence[Op]
    shown: Sequence[Shown]
    stored: Sequence[Stored]
    members: Mapping[int, frozenset[str]]
    owned: Sequence[Owned] = ()
    guests: Mapping[int, frozenset[str]] = field(default_factory=dict)


class Violation(NamedTuple):
    rule: Rule
    what: str


def check(evidence: Evidence) -> list[Violation]:
    """Everything that was broken; empty when all promises held."""
    return [
        *_acknowledged_is_stored_and_shown(evidence),
        *_stored_once(evidence),
        *_stored_without_gap(evidence),
        *_screens_show_the_stored_sequence(evidence),
        *_unknown_at_most_once(evidence),
        *_one_owner(evidence),
        *_members_only(evidence),
    ]


def _acknowledged_is_stored_and_shown(evidence: Evidence) -> Iterator[Violation]:
    stored = {(row.ticket, row.author, row.cid): row.seq for row in evidence.stored if row.cid}
    screens = {place: {item.cid for item in items} for place, (_, items) in _screens(evidence.shown).items()}
    first_number = {place: first for place, (first, _) in _screens(evidence.shown).items()}
    for op in evidence.history:
        found = stored.get((op.ticket, op.client, op.cid))
        name = f"{op.op} {op.cid} of {op.client} on ticket {op.ticket}"
        if op.result == "fail" and found is not None:
            yield Violation("a", f"{name} was refused and is stored all the same")
        if op.result != "ok":
            continue
        if found is None:
            yield Violation("a", f"{name} was acknowledged and is not stored")
            continue
        if found != op.seq:
            yield Violation("a", f"{name} was acknowledged as {op.seq} and is stored as {found}")
        for reader in sorted(evidence.members.get(op.ticket, frozenset())):
            place = (reader, op.ticket)
            if found >= first_number.get(place, 1) and op.cid not in screens.get(place, set()):
                yield Violation("a", f"{name} was acknowledged and never shown to {reader}")


def _stored_once(evidence: Evidence) -> Iterator[Violation]:
    times = Counter((row.ticket, row.author, row.cid) for row in evidence.stored if row.cid)
    for (ticket, author, cid), count in times.items():
        if count > 1:
            yield Violation("b", f"{cid} of {author} is stored {count} times on ticket {ticket}")


def _stored_without_gap(evidence: Evidence) -> Iterator[Violation]:
    numbers: dict[int, list[int]] = defaultdict(list)
    for row in evidence.stored:
        numbers[row.ticket].append(row.seq)
    for ticket, found in numbers.items():
        if sorted(found) != list(range(1, len(found) + 1)):
            yield Violation("c", f"ticket {ticket} has the numbers {_brief(sorted(found))}")


def _screens_show_the_stored_sequence(evidence: Evidence) -> Iterator[Violation]:
    sequence: dict[int, list[tuple[int, str]]] = defaultdict(list)
    for row in evidence.stored:
        sequence[row.ticket].append((row.seq, row.cid))
    screens = _screens(evidence.shown)
    for ticket, readers in evidence.members.items():
        for reader in sorted(readers):
            first, items = screens.get((reader, ticket), (1, []))
            want = sorted(entry for entry in sequence[ticket] if entry[0] >= first)
            got = [(item.seq, item.cid) for item in items]
            if got != want:
                yield Violation("c", f"{reader} on ticket {ticket}: {_difference(got, want)}")


def _unknown_at_most_once(evidence: Evidence) -> Iterator[Violation]:
    stored = Counter((row.ticket, row.author, row.cid) for row in evidence.stored)
    for op in evidence.history:
        if op.result == "unknown" and stored[op.ticket, op.client, op.cid] > 1:
            yield Violation("d", f"{op.cid} of {op.client} ended unknown and is stored more than once")
    for (reader, ticket), (_, items) in _screens(evidence.shown).items():
        times = Counter(item.cid for item in items if item.cid)
        for op in evidence.history:
            if op.result == "unknown" and op.ticket == ticket and times[op.cid] > 1:
                yield Violation(
                    "d", f"{op.cid} of {op.client} ended unknown and {reader} sees it more than once"
                )


def _one_owner(evidence: Evidence) -> Iterator[Violation]:
    by_ticket: dict[int, list[Owned]] = defaultdict(list)
    for owned in evidence.owned:
        by_ticket[owned.ticket].append(owned)
    for ticket, intervals in by_ticket.items():
        latest: Owned | None = None
        for owned in sorted(intervals, key=lambda interval: interval.since):
            if latest and owned.since < latest.until and owned.agent != latest.agent:
                yield Violation("e", f"ticket {ticket} belonged to {latest.agent} and {owned.agent} at once")
            if latest is None or owned.until > latest.until:
                latest = owned


def _members_only(evidence: Evidence) -> Iterator[Violation]:
    nobody: frozenset[str] = frozenset()
    for reader, ticket in sorted({(item.reader, item.ticket) for item in evidence.shown}):
        if reader in evidence.members.get(ticket, nobody) | evidence.guests.get(ticket, nobody):
            continue
        yield Violation("f", f"{reader} was shown ticket {ticket} without taking part in it")


def _screens(shown: Iterable[Shown]) -> dict[tuple[str, int], tuple[int, list[Shown]]]:
    """For each reader and ticket: from which number on the screen shows it, and what it shows, in the order of appearance."""
    screens: dict[tuple[str, int], tuple[int, list[Shown]]] = {}
    for item in shown:
        place = (item.reader, item.ticket)
        if item.forget:
            screens[place] = (item.seq, [])
        else:
            screens.setdefault(place, (1, []))[1].append(item)
    return screens


def _difference(got: list[tuple[int, str]], want: list[tuple[int, str]]) -> str:
    for place, (shown, stored) in enumerate(zip(got, want, strict=False)):
        if shown != stored:
            return f"item {place + 1} on the screen is {shown}, stored is {stored}"
    return f"{len(got)} items on the screen, {len(want)} stored"


def _brief(numbers: list[int]) -> str:
    return str(numbers) if len(numbers) <= 20 else f"{numbers[:20]} … ({len(numbers)} of them)"


Record = TypeVar("Record", Op, Shown, Stored, Owned)


def write_lines(path: Path, records: Iterable[Record]) -> None:
    """One JSON object per line."""
    path.write_text("".join(json.dumps(asdict(record)) + "\n" for record in records), encoding="utf-8")


def read_lines(path: Path, kind: type[Record]) -> list[Record]:
    """What `write_lines` wrote. Raises TypeError when a field is missing or unknown, ValueError when a line is no JSON."""
    lines: list[dict[str, Any]] = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    return [kind(**line) for line in lines]
