"""A mail that was taken in: what is kept of it beside the original, which originals go first, and when something may be sent
because of one."""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Collection, Iterable, Iterator, Sequence
from heapq import heapify, heappop, heappush
from typing import Final, Literal, NamedTuple

import msgspec

from chatserver.core.addresses import alike

Answer = Literal["", "created", "access", "closed_already"]
"""What was put into the outbox because of a mail: that it became a ticket, the way in, or how to open a ticket that follows a
closed one. The kinds of `core.outbox`."""

ANSWERS_AT_MOST: Final = 3
"""To one address within `ANSWERS_MS`, whatever comes from there. Whose address it is nobody has shown: who writes in a stranger's
name must not make this house write to them, and two desks that answer each other must come to an end."""
ANSWERS_MS: Final = 3_600_000


class TakenMail(msgspec.Struct, frozen=True, gc=False):
    """One mail of one app. (app, key) is unique: the second delivery finds the first."""

    app_id: int
    key: str
    at: int
    message_id: str
    sender: str
    """The address that it claims to be from."""
    recipient: str
    """The address at which it came."""
    subject: str
    original: str
    """By which the whole mail is found, as it came."""
    kind: str
    """What `mail.automatic` takes it for."""
    reason: str
    verified: bool = False
    """The operator's own mail host says that the sender's domain stands by it (DMARC)."""
    ticket_id: int | None = None
    """The ticket that it opened, answered, or is about."""
    seq: int | None = None
    """The item that it became, the first one of several; None when nothing was said. Without `ticket_id`: the internal note."""
    answer: Answer = ""


def others(named: Iterable[str], ours: Collection[str], known: Iterable[str]) -> tuple[str, ...]:
    """Of the receivers whom a mail names, those who are other people: no address of this house (`ours`, as of `is_ours`), and
    nobody who is told anyway (`known`)."""
    told = {alike(one) for one in known}
    found = {alike(one): one for one in named if not is_ours(one, ours)}
    return tuple(one for key, one in found.items() if key not in told)


def is_ours(address: str, ours: Collection[str]) -> bool:
    """Whether mail to it comes to this house: one of `ours` (each as `alike` gives it), with a tag after "+" too, as answers to
    mails of ours have it."""
    return alike(address) in ours or alike(_untagged(address)) in ours


def _untagged(address: str) -> str:
    local, at, domain = address.rpartition("@")
    return f"{local.partition('+')[0]}{at}{domain}"


def may_answer(earlier: Sequence[int], now: int) -> bool:
    """`earlier`: when (ms) the last answers were asked for, at most `ANSWERS_AT_MOST` of them."""
    return sum(at > now - ANSWERS_MS for at in earlier) < ANSWERS_AT_MOST


class Original(NamedTuple):
    name: str
    at: int
    """When (ms) it came."""
    bytes: int
    sender: str
    said: bool
    """It became a message, or a note. Of any other mail agents have nothing that leads to the original."""


def making_room(originals: Sequence[Original], needed: int) -> list[Original]:
    """Which of them, the oldest first, go for so many bytes, or all. First those of mails that became no message and no
    note; then, time and again, the oldest one of whoever has most there: who sends a lot makes room for it, and not everybody
    else."""
    going: list[Original] = []
    for original in _in_order_of_going(originals):
        if needed <= 0:
            break
        going.append(original)
        needed -= original.bytes
    return going


def _in_order_of_going(originals: Sequence[Original]) -> Iterator[Original]:
    yield from (original for original in originals if not original.said)
    theirs: defaultdict[str, deque[tuple[int, Original]]] = defaultdict(deque)
    for place, original in enumerate(originals):
        if original.said:
            theirs[original.sender].append((place, original))
    # Who has most, and of several the one whose oldest is older.
    senders = [(-sum(one.bytes for _, one in has), has[0][0], sender) for sender, has in theirs.items()]
    heapify(senders)
    while senders:
        less, _, sender = heappop(senders)
        has = theirs[sender]
        original = has.popleft()[1]
        yield original
        if has:
            heappush(senders, (less + original.bytes, has[0][0], sender))
