"""What the portal asks to be mailed. Who sends it stands behind this door, so that no page knows of mail servers."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from typing import Final, Literal, NamedTuple, Protocol

import msgspec

from chatserver.core import outbox
from chatserver.services import mails
from chatserver.services.house import House

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
    seconds: int = 0
    """So long the link is good, from now on; 0: there is none."""
    about: str = ""
    """For `confirm`: who asks, as the account's own address; for `address_added`: the new address."""


class Letters(Protocol):
    """Asks for mails to be sent."""

    def sends(self, app_id: int) -> bool:
        """False where no mail can be sent: pages say so rather than promise one."""

    async def ask(self, letter: Letter) -> None:
        """Returns when it is sure to be tried, not when it has arrived. Takes the same time whoever the address is of."""


class _Sent(NamedTuple):
    kind: outbox.LetterKind
    confirmed: bool
    """Whoever has an account has shown that its address is theirs."""


_SENT: Final[Mapping[LetterKind, _Sent]] = {
    "sign_up": _Sent("access", False),
    "have_account": _Sent("have_account", True),
    "reset": _Sent("reset_password", True),
    "confirm": _Sent("confirm_address", False),
    "password_changed": _Sent("password_changed", True),
    "address_added": _Sent("address_added", True),
}


class MailedLetters:
    """By way of the outbox: asked for durably, sent by whoever carries mail."""

    def __init__(self, house: House) -> None:
        self._house = house

    def sends(self, app_id: int) -> bool:
        return self._house.people.policy(app_id).mail

    async def ask(self, letter: Letter) -> None:
        sent = _SENT[letter.kind]
        await mails.about_account(
            self._house,
            sent.kind,
            letter.app_id,
            letter.address,
            effect=secrets.token_hex(8),  # each was asked for, and counted
            link=letter.link,
            name=letter.name,
            about=letter.about,
            locale=letter.lang,
            confirmed=sent.confirmed,
            lasts_ms=letter.seconds * 1000 or outbox.TRIED_MS,
        )


class NoLetters:
    """Where no mail server is set."""

    def sends(self, app_id: int) -> bool:
        return False

    async def ask(self, letter: Letter) -> None:
        """Nobody hears of it."""
