"""What happened, as small frozen structs: the one vocabulary that crosses the bus. Published after the commit, never before."""

from __future__ import annotations

import msgspec

from chatserver.core.inactivity import Turn
from chatserver.core.notes import Note
from chatserver.core.people import Status
from chatserver.core.tickets import Item, Ticket


class TicketChanged(msgspec.Struct, frozen=True, tag=True, gc=False):
    """One committed change of a ticket: as it was (None: it is new), as it is, and the items that were appended."""

    before: Ticket | None
    after: Ticket
    items: tuple[Item, ...]


class NoteWritten(msgspec.Struct, frozen=True, tag=True, gc=False):
    """A ticket's next internal note. For agents: nothing that customers listen to has it."""

    app_id: int
    ticket_id: int
    note: Note
    number: int = 0
    subject: str = ""
    agent_id: int | None = None
    """Of the ticket as it was then: agents are alerted to what mails said of tickets that they do not hold."""


class NotesRead(msgspec.Struct, frozen=True, tag=True, gc=False):
    """What mails said about a ticket was read, up to this note. For agents, as the notes are."""

    app_id: int
    ticket_id: int
    seq: int


class Typing(msgspec.Struct, frozen=True, tag=True):
    """Somebody types; receivers let it expire after `TYPING_SECONDS`, since the stop sign may never arrive."""

    ticket_id: int
    by: Turn
    name: str = ""
    on: bool = True


class QueueMoved(msgspec.Struct, frozen=True, tag=True):
    """A waiting ticket's place changed. `attended`: at least one agent is available."""

    ticket_id: int
    position: int
    estimate_seconds: int | None
    attended: bool


class DeskChanged(msgspec.Struct, frozen=True, tag=True):
    """An agent's status, load or presence changed, or the queue of this app did: positions have to be looked at again."""

    app_id: int


class AttentionChanged(msgspec.Struct, frozen=True, tag=True):
    """An app opened or closed, or somebody began or stopped attending: customers hear the new state."""

    app_id: int


class AgentChanged(msgspec.Struct, frozen=True, tag=True):
    """An agent's own status changed: their other tabs show it."""

    agent_id: int
    status: Status


class AgentGone(msgspec.Struct, frozen=True, tag=True):
    """A node says that the agent is not connected: another one, to which they are, says so again."""

    agent_id: int


class Left(msgspec.Struct, frozen=True, tag=True):
    """The last connection that somebody had to a node ended, and was heard of last at that time (ms): another one, to which they
    are connected too, says so once more, before that node says that they are gone."""

    heard: int


class SessionEnded(msgspec.Struct, frozen=True, tag=True):
    """A session was signed out or revoked: its sockets close within two seconds."""

    session_id: int


class MailWaits(msgspec.Struct, frozen=True, tag=True):
    """A mail was put into the outbox: whoever sends them may look."""


Event = (
    TicketChanged
    | NoteWritten
    | NotesRead
    | Typing
    | QueueMoved
    | DeskChanged
    | AttentionChanged
    | AgentChanged
    | AgentGone
    | Left
    | SessionEnded
    | MailWaits
)

TYPING_SECONDS = 6


# Topics: who listens to what. A subscriber of several topics of one event hears it once.
def customer_topic(app_id: int, key: str) -> str:
    """All of one customer's tickets."""
    return f"customer:{app_id}:{key}"


def agent_topic(agent_id: int) -> str:
    """The tickets that an agent attends, and the agent's own status."""
    return f"agent:{agent_id}"


def desk_topic(app_id: int) -> str:
    """What all agents of an app see: tickets that wait, or wait for a later answer; and notes, of whatever ticket."""
    return f"desk:{app_id}"


def app_topic(app_id: int) -> str:
    """What all customers of an app hear: attention begins, ends, is attended."""
    return f"app:{app_id}"


WORKER_TOPIC = "worker"
"""What the worker's loops hear: every change of a ticket that this node committed."""
DESKS_TOPIC = "desks"
"""And what they hear from all nodes: a queue moved, or an agent's status, load or presence changed."""

MAIL_TOPIC = "mail"
"""What the sender of mails hears: this node put one into the outbox."""


def session_topic(session_id: int) -> str:
    return f"session:{session_id}"
