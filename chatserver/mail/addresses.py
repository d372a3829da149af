"""Addresses and Message-IDs that only we can have made: an answer finds its ticket by them, and nobody else's does.

A mail about a ticket asks for answers to `soporte+1.1042.<proof>@example.com`: app, ticket, and a proof for the one to whom it
went. Its own name is `<ticket.1042.<which>.<proof>@example.com>`. Proofs are made with the app's secret. Nothing here says who
may do what: whoever reads an answer still asks whether its sender takes part in the ticket.
"""

from __future__ import annotations

import base64
import hmac
import re
from typing import Final

import msgspec

from chatserver.core.outbox import alike
from chatserver.core.people import App

REPLY_PROOF: Final = 16
"""Characters, 80 bits: with app and ticket it fits the 64 that may stand before an @."""
ID_PROOF: Final = 20
"""100 bits. With `WHICH` short enough for a header on one line, where the domain is."""
WHICH: Final = 10
LOCAL_MAX: Final = 64

# Some programs put other addresses' marks around one, some servers write "+" in another way.
_REPLY: Final = re.compile(rf"[^@]*[+=](\d{{1,18}})\.(\d{{1,9}})\.([a-z2-7]{{{REPLY_PROOF}}})@[^@]+")
_ID: Final = re.compile(rf"<?ticket\.(\d{{1,9}})\.([a-z2-7]{{{WHICH}}})\.([a-z2-7]{{{ID_PROOF}}})@[^@>]+>?")


class Reply(msgspec.Struct, frozen=True):
    """What an address says that looks like one of ours; true only where `proves`."""

    app_id: int
    number: int
    proof: str

    def proves(self, app: App, receiver: str) -> bool:
        """This address was given to `receiver`, for this ticket of this app."""
        if app.id != self.app_id:
            return False
        return hmac.compare_digest(self.proof, _reply_proof(app, self.number, receiver))


class MessageId(msgspec.Struct, frozen=True):
    """What a Message-ID says that looks like one of ours; true only where `proves`."""

    number: int
    which: str
    proof: str

    def proves(self, app: App) -> bool:
        """A mail about this ticket of this app bears it."""
        return hmac.compare_digest(self.proof, _id_proof(app, self.number, self.which))


def reply_address(app: App, number: int, receiver: str, support: str) -> str:
    """Where `receiver` answers to what is mailed about a ticket. `support`: the app's address.

    What stands behind a "+" in it goes. One too long for a token stays as it is: answers are found by their Message-ID then.
    """
    local, _, domain = support.rpartition("@")
    token = f"{app.id}.{number}.{_reply_proof(app, number, receiver)}"
    local = f"{local.partition('+')[0]}+{token}"
    return f"{local}@{domain}" if len(local) <= LOCAL_MAX else support


def read_reply_address(address: str) -> Reply | None:
    """Of an address as a server passed it on: in small letters or capitals, in brackets or quotes. None for any other."""
    found = _REPLY.fullmatch(address.strip().strip("<>").replace('"', "").replace("\\", "").lower())
    return Reply(int(found[1]), int(found[2]), found[3]) if found else None


def message_id(app: App, number: int, effect: str, domain: str) -> str:
    """The name of the mail about a ticket (0: about none) that has this effect, the same each time."""
    which = _words(app, f"mail {effect}")[:WHICH]
    return f"<ticket.{number}.{which}.{_id_proof(app, number, which)}@{domain}>"


def thread_id(app: App, number: int, receiver: str, domain: str) -> str:
    """To what all mails to `receiver` about a ticket refer, so that they are shown as one conversation. No mail bears it."""
    return message_id(app, number, f"thread {number} {alike(receiver)}", domain)


def read_message_id(text: str) -> MessageId | None:
    """Of a Message-ID as it stands in In-Reply-To or References. None for any other."""
    found = _ID.fullmatch(text.strip().lower())
    return MessageId(int(found[1]), found[2], found[3]) if found else None


def stop_token(app: App, address: str) -> str:
    """For a link by which mail to this address ends: shows that whoever follows it had a mail from us."""
    named = base64.urlsafe_b64encode(address.encode()).decode().rstrip("=")
    return f"{named}.{_stop_proof(app, address)}"


def read_stop_token(app: App, token: str) -> str | None:
    """The address; None for what we did not make for this app."""
    named, _, proof = token.partition(".")
    try:
        address = base64.b64decode(named + "=" * (-len(named) % 4), b"-_", validate=True).decode()
    except ValueError:
        return None
    return address if hmac.compare_digest(proof.encode(), _stop_proof(app, address).encode()) else None


def _stop_proof(app: App, address: str) -> str:
    return _words(app, f"stop {alike(address)}")[:ID_PROOF]


def _reply_proof(app: App, number: int, receiver: str) -> str:
    return _words(app, f"reply {number} {alike(receiver)}")[:REPLY_PROOF]


def _id_proof(app: App, number: int, which: str) -> str:
    return _words(app, f"id {number} {which}")[:ID_PROOF]


def _words(app: App, what: str) -> str:
    """52 letters and digits that survive a change of case. Each use begins with another word, so none passes for another; the
    app's id is in it, since two apps might be given one secret."""
    key = hmac.digest(app.secret.encode(), b"chatserver mail", "sha256")
    digest = hmac.digest(key, f"{app.id} {what}".encode("utf-8", "surrogatepass"), "sha256")
    return base64.b32encode(digest).decode().rstrip("=").lower()
