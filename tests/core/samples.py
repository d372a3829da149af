"""Plain values for tests of the core."""

from __future__ import annotations

from chatserver.core import tickets
from chatserver.core.people import Agent, Customer, Status
from chatserver.core.policy import Policy
from chatserver.core.tickets import Ticket

POLICY = Policy()
START = 1_767_794_400_000
"""A Wednesday, 09:00 in Bogotá."""
CID = "c" * 22


def customer(email: str = "") -> Customer:
    return Customer(1, 1, "user:ana", "Ana", email, "es", "America/Bogota", START)


def agent(
    id: int = 1,  # noqa: A002
    *,
    status: Status = "available",
    capacity: int = 4,
    load: int = 0,
    gone_at: int | None = None,
    last_chat_at: int = 0,
    app_ids: tuple[int, ...] = (1,),
) -> Agent:
    return Agent(
        id, f"agent{id}@example.com", f"Agente {id}", app_ids, status, capacity, gone_at, last_chat_at, load
    )


def draft(opened_at: int = START, *, id: int = 1, email: str = "", priority: int = 0) -> Ticket:  # noqa: A002
    return Ticket(id, 1, 1000 + id, customer(email), "No puedo facturar", "{}", opened_at, priority=priority)


def waiting(opened_at: int = START, *, id: int = 1, priority: int = 0) -> Ticket:  # noqa: A002
    """In the queue, its customer connected."""
    return tickets.opened(
        draft(opened_at, id=id, priority=priority), POLICY, closes_at=None, connected=True
    ).ticket


def attended(by: Agent | None = None, at: int = START) -> Ticket:
    """Assigned at once; nobody has spoken."""
    return tickets.assigned(waiting(at), by or agent(), POLICY, at).ticket
