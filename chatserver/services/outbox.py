"""What the rest of the house asks to be sent by mail. How it is worded, kept and sent is the outbox's own.

Whoever asks does so while a use case is decided: what is asked for is committed with it, or with it comes to nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, Protocol

import msgspec

from chatserver.store.work import World

Kind = Literal[
    "received",  # a mail became a new ticket: its number, and the way to register
    "access",  # a mail only asked for access: the way in
    "how_to_open",  # a mail answered a closed ticket: how to open one that follows it
]


class Letter(msgspec.Struct, frozen=True):
    """One mail that is wanted."""

    kind: Kind
    app_id: int
    ticket_id: int | None
    """The ticket that it is about; None when there is none."""
    to: str
    facts: Mapping[str, str] = {}
    """What its words need. Nothing of it is from a ticket in which the addressee does not take part. `in_reply_to`: the
    Message-ID of the mail that it answers."""


class Bounce(msgspec.Struct, frozen=True):
    """A mail host says that a mail of ours did not arrive."""

    app_id: int
    ticket_id: int
    message_id: str
    """Of our mail."""
    recipient: str
    """"" when it is not said."""
    final: bool
    """False: it is still tried."""


class Outbox(Protocol):
    def ask(self, world: World, letter: Letter) -> None: ...

    def bounced(self, world: World, bounce: Bounce) -> None: ...


class NoOutbox:
    """Where no mail leaves: what is asked for is taken and comes to nothing."""

    def ask(self, world: World, letter: Letter) -> None: ...

    def bounced(self, world: World, bounce: Bounce) -> None: ...
