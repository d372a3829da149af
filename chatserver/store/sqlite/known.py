"""What the one writing process knows of the database without asking it: the tickets that it committed or read last, and which
messages they have.

A ticket is kept as the next group would read it, so it is forgotten with everything that goes into it: its own row, its
customer's, its agent's name. Once somebody says something in it, so are the client ids of all its messages, with their numbers:
a repeat is found without an index, which every message would have to be written into.

Used in the writing thread only. No part of the write contract: a store with several writing processes has nothing like it.
"""

from __future__ import annotations

from typing import Final

from chatserver.core.tickets import By, Ticket
from chatserver.store.work import World

TICKETS_MAX: Final = 10_000
MESSAGES_MAX: Final = 400_000
"""Of ten thousand chats of forty messages. Some 130 bytes each; to look up which a ticket has takes 3 µs for each of them, ten
times as long where SQLite has its pages no more."""

Said = dict[str, int]
"""Of one ticket: each message's `message_key`, and its number."""


def message_key(by: By, author_id: int, cid: str) -> str:
    """What a message is known by within its ticket, which has one customer: theirs are of author 0, as in `Needs.said`."""
    return cid + by if by == "customer" else f"{cid}{by}{author_id}"


class Known:
    """At most `limit` tickets with `messages` messages in all; the one kept longest ago goes first."""

    def __init__(self, limit: int = TICKETS_MAX, messages: int = MESSAGES_MAX) -> None:
        self._limit = limit
        self._messages_limit = messages
        self._tickets: dict[int, Ticket] = {}
        self._of_customer: dict[int, set[int]] = {}
        self._said: dict[int, Said] = {}
        self._messages = 0

    def __len__(self) -> int:
        return len(self._tickets)

    def ticket(self, ticket_id: int) -> Ticket | None:
        return self._tickets.get(ticket_id)

    def said(self, ticket_id: int) -> Said | None:
        """All messages of a ticket; None: not known. To be looked at only."""
        return self._said.get(ticket_id)

    def read(self, ticket: Ticket) -> None:
        """Keep a ticket as it was read from the database, before its group changed anything."""
        self._keep(ticket)

    def read_said(self, ticket_id: int, said: Said) -> None:
        """Keep which messages a ticket has, as read from the database before its group changed anything."""
        if ticket_id in self._tickets:
            self._said[ticket_id] = said
            self._messages += len(said)
            self._shrink()

    def committed(self, world: World) -> None:
        """Keep what `world` made durable: after the COMMIT, never before."""
        for ticket in world.tickets_to_apply():
            self._keep(ticket)
            if ticket.state == "closed":
                # Nobody says anything more in it; what somebody repeats is looked up.
                self._messages -= len(self._said.pop(ticket.id, ()))
        for ticket_id in world.new_tickets:
            if ticket_id in self._tickets:
                self._said[ticket_id] = {}
        for ticket_id, item in world.items:
            said = self._said.get(ticket_id)
            if said is not None and item.cid:
                said[message_key(item.by, item.author_id, item.cid)] = item.seq
                self._messages += 1
        for customer in world.new_customers.values():
            for ticket_id in tuple(self._of_customer.get(customer.id, ())):
                if self._tickets[ticket_id].customer != customer:
                    self._drop(ticket_id)
        self._shrink()

    def forget(self) -> None:
        """After anything that went past the world: a failed group, statements, another program that wrote."""
        self._tickets.clear()
        self._of_customer.clear()
        self._said.clear()
        self._messages = 0

    def _keep(self, ticket: Ticket) -> None:
        if self._tickets.pop(ticket.id, None) is None:
            self._of_customer.setdefault(ticket.customer.id, set()).add(ticket.id)
        self._tickets[ticket.id] = ticket  # last: it was used last
        if len(self._tickets) > self._limit:
            self._drop(next(iter(self._tickets)))

    def _shrink(self) -> None:
        while self._messages > self._messages_limit and len(self._tickets) > 1:
            self._drop(next(iter(self._tickets)))

    def _drop(self, ticket_id: int) -> None:
        self._messages -= len(self._said.pop(ticket_id, ()))
        customer_id = self._tickets.pop(ticket_id).customer.id
        theirs = self._of_customer[customer_id]
        theirs.remove(ticket_id)
        if not theirs:
            del self._of_customer[customer_id]
