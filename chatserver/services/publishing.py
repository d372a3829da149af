"""Who hears of what: each committed event goes to the topics of those whom it concerns."""

from __future__ import annotations

from collections.abc import Iterable

from chatserver.bus.base import Bus
from chatserver.core import events
from chatserver.core.events import Event, NoteWritten, TicketChanged
from chatserver.core.tickets import Ticket
from chatserver.services.books import Books


class Publisher:
    """Given to the store as `committed`. Called on the event loop, after the commit, never before."""

    def __init__(self, bus: Bus, books: Books) -> None:
        self._bus = bus
        self._books = books

    def __call__(self, happened: Iterable[Event]) -> None:
        for event in happened:
            if isinstance(event, TicketChanged):
                self._books.learn(event.after)
                self._bus.publish(event, _concerned(event.before, event.after))
            else:
                learn(self._books, event)
                self._bus.publish(event, topics(event))


def learn(books: Books, event: Event) -> None:
    """What was committed and is published, by this node or by another one."""
    if isinstance(event, TicketChanged):
        books.learn(event.after)
    elif isinstance(event, NoteWritten):
        books.learn_note(event.ticket_id, event.note)


def topics(event: Event) -> list[str]:
    """The topics of what a commit made. Typing and queue places name their listeners where they are made."""
    match event:
        case TicketChanged(before, after):
            return _concerned(before, after)
        case events.NoteWritten(app_id) | events.NotesRead(app_id):
            return [events.desk_topic(app_id)]
        case events.DeskChanged(app_id):
            return [events.DESKS_TOPIC, events.desk_topic(app_id)]
        case events.AttentionChanged(app_id):
            return [events.app_topic(app_id), events.desk_topic(app_id)]
        case events.AgentChanged(agent_id) | events.AgentGone(agent_id):
            return [events.agent_topic(agent_id)]
        case events.SessionEnded(session_id):
            return [events.session_topic(session_id)]
        case events.MailWaits():
            return [events.MAIL_TOPIC]
        case _:
            return []


def _concerned(before: Ticket | None, after: Ticket) -> list[str]:
    found = [events.WORKER_TOPIC, events.customer_topic(after.app_id, after.customer.key)]
    if after.agent_id is not None:
        found.append(events.agent_topic(after.agent_id))
    if before is not None and before.agent_id is not None and before.agent_id != after.agent_id:
        found.append(events.agent_topic(before.agent_id))
    if _on_desk(after) or (before is not None and _on_desk(before)):
        found.append(events.desk_topic(after.app_id))
    return found


def _on_desk(ticket: Ticket) -> bool:
    """Shown to every agent of the app: it waits, or waits for a later answer that nobody took on."""
    return ticket.waiting or (ticket.state != "closed" and ticket.mode == "later" and ticket.agent_id is None)
