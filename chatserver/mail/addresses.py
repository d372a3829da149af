"""What leaves this house signed, so that nobody can make it up: where answers go, what our mails are called, where mail ends.

An answer finds its ticket by the address to which it was sent, one per ticket and person, or by the Message-ID that it answers.
Nothing here says who may do what: whoever reads an answer still asks whether its sender takes part in the ticket.
"""

from __future__ import annotations

import base64
import hmac
import re
from collections.abc import Iterable, Sequence
from typing import Final

from chatserver.mail.headers import address

LOOP_FIELD: Final = "x-chatserver-loop"
"""Stands in every mail that leaves this house, or another of its kind: two desks must not talk to each other."""
LOCAL_MAX: Final = 64
"""Characters that may stand before an @."""
_ID_BYTES: Final = 7
"""A ticket's id has 53 bits."""
_MAC_BYTES: Final = 10
"""80 bits, of which each guess is a mail."""
_TOKEN: Final = 28
"""Characters of base32 for both: small letters and figures, since some hosts write addresses in small letters."""
_NAME: Final = 10
"""Characters that tell one mail of a ticket from another, and one receiver from another: with them an id fits one line."""

# Some programs put other addresses' marks around one, some servers write "+" in another way.
_REPLY: Final = re.compile(rf"[^@]*[+=]([a-z2-7]{{{_TOKEN}}})@[^@]+")
_MADE: Final = re.compile(rf"<?([a-z2-7]{{{_TOKEN}}})\.([a-z2-7]{{{_NAME}}}-[a-z2-7]{{{_NAME}}})@[^@>]+>?")


class Signer:
    """Makes and reads what is signed. `key`: the installation's secret. An app's own is none: it is replaced now and then, and
    people answer old mails."""

    def __init__(self, key: bytes) -> None:
        self._key = hmac.digest(key, b"mail", "sha256")

    # — where answers go ———————————————————————————————————————————————————————

    def reply_address(self, support: str, app_id: int, ticket_id: int, person: str) -> str:
        """Where this person's answers about this ticket go: `soporte+<token>@example.com` for `soporte@example.com`.

        What stands behind a "+" in it goes. One too long for a token stays as it is: its answers are found by what they answer.
        """
        local, _, domain = support.rpartition("@")
        local = f"{local.partition('+')[0]}+{self._token('reply', app_id, ticket_id, _folded(person))}"
        return f"{local}@{domain}" if len(local) <= LOCAL_MAX else support

    def replied(self, addresses: Iterable[str], app_id: int, person: str) -> int:
        """The ticket of the first of these addresses that was made for this person, 0 for none."""
        for one in addresses:
            found = _REPLY.fullmatch(one.strip().strip("<>").replace('"', "").replace("\\", "").lower())
            ticket_id = self._read(found[1], "reply", app_id, _folded(person)) if found else None
            if ticket_id:
                return ticket_id
        return 0

    # — what mails are called ——————————————————————————————————————————————————

    def message_id(self, app_id: int, ticket_id: int, effect: str, person: str, domain: str) -> str:
        """Of the mail about a ticket (0: about none) that has this effect on this person, in brackets; the same each time."""
        name = f"{self._word(f'mail {effect}')}-{self._receiver(person)}"
        return f"<{self._token('id', app_id, ticket_id, name)}.{name}@{domain}>"

    def thread_id(self, app_id: int, ticket_id: int, person: str, domain: str) -> str:
        """To what all mails to this person about a ticket refer, so that they are shown as one conversation. No mail bears it."""
        return self.message_id(app_id, ticket_id, "thread", person, domain)

    def identified(self, ids: Sequence[str], app_id: int) -> list[int]:
        """Tickets of which these Message-IDs are, the latest mail's first."""
        found = (self._identified(one, app_id) for one in reversed(ids))
        return list(dict.fromkeys(ticket_id for ticket_id in found if ticket_id))

    def made(self, message_id: str, app_id: int) -> bool:
        """A mail of this app's bears it, about a ticket or about none."""
        return self._identified(message_id, app_id) is not None

    def sent_to(self, message_id: str, person: str) -> bool:
        """Of an id that we made: the mail went to this person."""
        found = _MADE.fullmatch(message_id.strip().lower())
        return found is not None and found[2].endswith(f"-{self._receiver(person)}")

    # — what only its reader knows —————————————————————————————————————————————

    def secret(self, app_id: int, effect: str, person: str) -> str:
        """256 bits that stand in the mail that has this effect on this person, the same each time that it leaves, and in no
        other; nobody else can make them."""
        text = f"secret\0{app_id}\0{_folded(person)}\0{effect}".encode("utf-8", "surrogatepass")
        return base64.urlsafe_b64encode(hmac.digest(self._key, text, "sha256")).decode("ascii").rstrip("=")

    # — where mail ends ————————————————————————————————————————————————————————

    def stop_token(self, app_id: int, person: str) -> str:
        """For a link by which mail to this address ends: shows that whoever follows it had a mail from us."""
        named = base64.urlsafe_b64encode(person.encode()).decode().rstrip("=")
        return f"{named}.{self._token('stop', app_id, 0, _folded(person))}"

    def read_stop_token(self, app_id: int, token: str) -> str | None:
        """The address; None for what we did not make for this app."""
        named, _, proof = token.partition(".")
        try:
            person = base64.b64decode(named + "=" * (-len(named) % 4), b"-_", validate=True).decode()
        except ValueError:
            return None
        return None if self._read(proof, "stop", app_id, _folded(person)) is None else person

    # — inner ——————————————————————————————————————————————————————————————————

    def _identified(self, message_id: str, app_id: int) -> int | None:
        found = _MADE.fullmatch(message_id.strip().lower())
        return self._read(found[1], "id", app_id, found[2]) if found else None

    def _receiver(self, person: str) -> str:
        return self._word(f"to {_folded(person)}")

    def _word(self, text: str) -> str:
        digest = hmac.digest(self._key, text.encode("utf-8", "surrogatepass"), "sha256")
        return base64.b32encode(digest).decode("ascii").lower()[:_NAME]

    def _token(self, what: str, app_id: int, ticket_id: int, about: str) -> str:
        """Each use begins with another word, so none passes for another."""
        raw = ticket_id.to_bytes(_ID_BYTES, "big")
        text = f"{what}\0{app_id}\0{about}\0".encode("utf-8", "surrogatepass")
        mac = hmac.digest(self._key, text + raw, "sha256")[:_MAC_BYTES]
        return base64.b32encode(raw + mac).decode("ascii").lower().rstrip("=")

    def _read(self, token: str, what: str, app_id: int, about: str) -> int | None:
        """The ticket's id in what we made for this; None for anything else."""
        if len(token) != _TOKEN or not token.isascii():
            return None
        try:
            raw = base64.b32decode(token.upper() + "====")
        except ValueError:
            return None
        ticket_id = int.from_bytes(raw[:_ID_BYTES], "big")
        made = self._token(what, app_id, ticket_id, about)
        return ticket_id if hmac.compare_digest(made, token) else None


def _folded(person: str) -> str:
    """The same text for what is written as the same address: capitals or not, its domain in letters or as servers write it."""
    known = address(person) or person.strip().lower()
    local, at, domain = known.rpartition("@")
    try:
        return f"{local}{at}{domain.encode('idna').decode('ascii')}"
    except UnicodeError:
        return known
