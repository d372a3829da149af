"""Who takes part: apps, customers, agents. Plain values; who may do what is decided where a ticket is looked up."""

from __future__ import annotations

from typing import Literal

import msgspec

from chatserver.core.forms import DEFAULT, Form
from chatserver.core.policy import Policy

Status = Literal["available", "busy", "away"]


CANARY = ".canary"
"""The key of the app whose only customers are the servers themselves (chatserver/loops/canary.py). Nobody gets in by it."""


class App(msgspec.Struct, frozen=True):
    """A host application. `key` is public (it stands in the host's page), `secret` signs the host's user tokens."""

    id: int
    key: str
    name: str
    origins: tuple[str, ...]
    """Exact origins (scheme://host[:port]) that may frame the widget."""
    secret: str
    color: str
    policy: Policy
    schedule: str
    """The business hours as JSON of `core.hours.Schedule`."""
    old_secret: str = ""
    """What signed user tokens before `secret` did: still good until `old_secret_until` (ms)."""
    old_secret_until: int = 0
    form: Form = DEFAULT
    """What its ticket form asks."""
    support_address: str = ""
    """Mail to it becomes the app's tickets, and the app's mails come from it; empty: none comes in, and they come from the
    server's."""

    def secrets(self, now: int) -> tuple[str, ...]:
        """What may have signed a user token that is good at `now` (ms)."""
        return (self.secret, self.old_secret) if now < self.old_secret_until else (self.secret,)


class Customer(msgspec.Struct, frozen=True, gc=False):
    """A person who asks. `key` is unique per app: `user:<sub>` vouched for by the host, `portal:<128 random bits>` of an account,
    `mail:<address>` of who wrote from there and has none, else `anon:<128 random bits>`."""

    id: int
    app_id: int
    key: str
    name: str
    """Empty for an unnamed visitor: screens show `Visitante` and the four letters of `alias`; and for who wrote mails that nobody
    stands by: screens show their address, and agents what they claim."""
    email: str
    locale: str
    zone: str
    created_at: int
    claimed: str = ""
    """What the last mail from their address that nobody stands by called them: for agents to see, as a claim; nothing is written
    to anybody by it."""

    @property
    def verified(self) -> bool:
        return self.key.startswith("user:")

    @property
    def has_account(self) -> bool:
        """In the portal, by a link mailed to `email`: that address is theirs."""
        return self.key.startswith("portal:")

    @property
    def anonymous(self) -> bool:
        """Nobody vouches for them, and all that is known of them they typed."""
        return self.key.startswith("anon:")

    @property
    def by_mail(self) -> bool:
        """Known by nothing but the address that mails claim to be from."""
        return self.key.startswith("mail:")


class Agent(msgspec.Struct, frozen=True):
    """Somebody who answers. `load` is the number of their open live tickets, which the store keeps as these come and go."""

    id: int
    email: str
    name: str
    app_ids: tuple[int, ...]
    status: Status
    capacity: int
    gone_at: int | None
    """The last sign of life (ms) of the last connection, which ended; None while connected. Who never connected, or signed out,
    has 0."""
    last_chat_at: int
    """When a chat last began or ended for this agent (ms): the one idle longest goes first."""
    load: int = 0


def alias(key: str) -> str:
    """Four letters that tell unnamed visitors apart, stable for a customer: the same key always gives the same letters."""
    letters = "BCDFGHJKLMNPQRSTVWXZ"
    number = 0
    for char in key:
        number = (number * 131 + ord(char)) % 160_000
    out = ""
    for _ in range(4):
        number, rest = divmod(number, 20)
        out += letters[rest]
    return out
