"""Internal notes of a ticket: what its agents say among themselves.

They are in no way part of what a customer may read: a sequence of their own, with numbers of its own, beside the ticket. A note
changes nothing in the ticket itself, neither a clock nor whose turn it is nor what was said last.
"""

from __future__ import annotations

import msgspec

from chatserver.core import messages
from chatserver.core.people import Agent


class Note(msgspec.Struct, frozen=True, gc=False):
    """One entry of a ticket's internal sequence, whose numbers begin with 1."""

    seq: int
    at: int
    author_id: int
    """The agent's; 0 for what a mail said."""
    name: str
    """The agent's, as they were called then; of a mail the address that it claims to be from."""
    cid: str
    text: str
    mail: str = ""
    """Under which key the mail was taken that it came with; nobody verified who sent it."""


def text(said: str) -> str:
    """As a message's. Raises Refused(too_short | too_long)."""
    return messages.body(said)


def written(agent: Agent, said: str, cid: str, last: int, now: int) -> Note:
    """The note after the ticket's `last` one (0: there is none). `said`: as `text` gave it."""
    return Note(last + 1, now, agent.id, agent.name, cid, said)


def mailed(address: str, said: str, cid: str, last: int, now: int, *, mail: str) -> Note:
    """The same of what a mail said, which was taken under the key `mail`. `address`: whose it claims to be."""
    return Note(last + 1, now, 0, address, cid, said, mail)
