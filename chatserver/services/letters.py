"""What the portal asks to be mailed. Who sends it stands behind this door, so that no page knows of mail servers."""

from __future__ import annotations

from typing import Literal, Protocol

import msgspec

LetterKind = Literal[
    "sign_up",  # the way in for who has no account yet; also for who asked for another password and has none
    "have_account",  # somebody wanted to sign up with an address that has an account: how to get in
    "reset",  # another password
    "confirm",  # is this address yours?
    "password_changed",  # told to the account's own address
    "address_added",  # told to the account's own address; `about` is the new one
]


class Letter(msgspec.Struct, frozen=True):
    """One mail, in facts: the words are whose sends it. `link` is good for one use and stands nowhere else."""

    kind: LetterKind
    app_id: int
    app_name: str
    address: str
    lang: str
    link: str = ""
    name: str = ""
    """Of the customer, where it is known."""
    about: str = ""
    """For `confirm`: who asks, as the account's own address; for `address_added`: the new address."""


class Letters(Protocol):
    """Asks for mails to be sent."""

    @property
    def sends(self) -> bool:
        """False where no mail can be sent: pages say so rather than promise one."""

    async def ask(self, letter: Letter) -> None:
        """Returns when it is sure to be tried, not when it has arrived. Takes the same time whoever the address is of."""


class NoLetters:
    """Where no mail server is set."""

    @property
    def sends(self) -> bool:
        return False

    async def ask(self, letter: Letter) -> None:
        """Nobody hears of it."""
