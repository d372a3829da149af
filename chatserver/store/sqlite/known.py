"""What the one writing process knows of the database without asking it: the tickets that it committed or read last.

A ticket is kept as the next group would read it, so it is forgotten with everything that goes into it: its own row, its
customer's, its agent's name. Used in the writing thread only. No part of the write contract: a store with several writing
processes has nothing like it.
"""

from __future__ import annotations

from typing import Final

from chatserver.core.tickets import Ticket
from chatserver.store.work import World

TICKETS_MAX: Final = 10_000


class Known:
    """At most `limit` tickets; the one kept longest ago goes first."""

    def __init__(self, limit: int = TICKETS_MAX) -> None:
        self._limit = limit
        self._tickets: dict[int, Ticket] = {}
        self._of_customer: dict[int, set[int]] = {}

    def __len__(self) -> int:
        return len(self._tickets)

    def ticket(self, ticket_id: int) -> Ticket | None:
        return self._tickets.get(ticket_id)

    def read(self, ticket: Ticket) -> None:
        """Keep a ticket as it was read from the database, before its group changed anything."""
        self._keep(ticket)

    def committed(self, world: World) -> None:
        """Keep what `world` made durable: after the COMMIT, never before."""
        for ticket in world.tickets_to_apply():
            self._keep(ticket)
        for customer in world.new_customers.values():
            for ticket_id in tuple(self._of_customer.get(customer.id, ())):
                if self._tickets[ticket_id].customer != customer:
                    self._drop(ticket_id)

    def forget(self) -> None:
        """After anything that went past the world: a failed group, statements, another program that wrote."""
        self._tickets.clear()
        self._of_customer.clear()

    def _keep(self, ticket: Ticket) -> None:
        if self._tickets.pop(ticket.id, None) is None:
            self._of_customer.setdefault(ticket.customer.id, set()).add(ticket.id)
        self._tickets[ticket.id] = ticket  # last: it was used last
        if len(self._tickets) > self._limit:
            self._drop(next(iter(self._tickets)))

    def _drop(self, ticket_id: int) -> None:
        customer_id = self._tickets.pop(ticket_id).customer.id
        theirs = self._of_customer[customer_id]
        theirs.remove(ticket_id)
        if not theirs:
            del self._of_customer[customer_id]
