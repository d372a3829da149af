"""Internal notes of a ticket: what its agents say among themselves.

They are in no way part of what a customer may read: a sequence of their own, with numbers of its own, beside the ticket. A note
changes nothing in the ticket itself, neither a clock nor whose turn it is nor what was said last.
"""

from __future__ import annotations

from typing import Final, NamedTuple

import msgspec

from chatserver.core.people import Agent
from chatserver.core.tickets import Ticket


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
    """Under which key the mail was taken that it came with."""
    verified: bool = False
    """Of a mail: the sender's domain stands by it (DMARC)."""


UNREAD_AT_MOST: Final = 200
"""Tickets of an app of which agents are told, when they come, that a mail was noted and nobody has read it: the latest."""


class UnreadNote(NamedTuple):
    """A ticket with something that a mail said and nobody has read."""

    app_id: int
    ticket_id: int
    seq: int
    """The last such note."""
    number: int
    subject: str
    agent_id: int | None


def written(agent: Agent, said: str, cid: str, last: int, now: int) -> Note:
    """The note after the ticket's `last` one (0: there is none). `said`: as `messages.body` gave it."""
    return Note(last + 1, now, agent.id, agent.name, cid, said)


def mailed(
    address: str, said: str, cid: str, last: int, now: int, *, mail: str, verified: bool = False
) -> Note:
    """The same of what a mail said, which was taken under the key `mail`. `address`: whose it claims to be."""
    return Note(last + 1, now, 0, address, cid, said, mail, verified)


def reads(ticket: Ticket, agent: Agent) -> bool:
    """Whether what this agent has read of mails' notes counts as read: who attends the ticket reads it, where nobody does whoever
    looks first, and nobody has to read what is closed."""
    return ticket.state == "closed" or ticket.agent_id in (None, agent.id)
