"""A mail that was taken in: what is kept of it beside the original, and when something may be sent because of one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, Literal

import msgspec

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
    """The item that it became, the first one of several; None when nothing was said in the ticket."""
    answer: Answer = ""


def may_answer(earlier: Sequence[int], now: int) -> bool:
    """`earlier`: when (ms) the last answers were asked for, at most `ANSWERS_AT_MOST` of them."""
    return sum(at > now - ANSWERS_MS for at in earlier) < ANSWERS_AT_MOST
