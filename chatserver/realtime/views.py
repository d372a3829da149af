"""What each audience may see of a ticket, and an event as the frame that says it.

Customers never see an agent's address or id, what the host page passed, priorities, or an agent's message ids. Agents see all
of a ticket in their apps but the customer's message ids.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from typing import Any, Literal

import msgspec

from chatserver.core.events import AgentChanged, Event, QueueMoved, TicketChanged, Typing
from chatserver.core.people import App, Customer, alias
from chatserver.core.policy import Policy
from chatserver.core.tickets import Item, Ticket, clock, rate_until
from chatserver.realtime.frames import Packet, pack
from chatserver.realtime.ports import Apps
from chatserver.realtime.wire import (
    AgentChangedFrame,
    AgentTicket,
    CustomerChanged,
    CustomerTicket,
    Frame,
    ItemView,
    Person,
    Queue,
    StatusFrame,
    TypingFrame,
)

Audience = Literal["customer", "agent"]


def person(customer: Customer) -> Person:
    letters = alias(customer.key)
    return Person(
        id=customer.id,
        name=customer.name or f"Visitante {letters}",
        alias=letters,
        email=customer.email,
        verified=customer.verified,
        locale=customer.locale,
        zone=customer.zone,
    )


def customer_ticket(ticket: Ticket, policy: Policy) -> CustomerTicket:
    return CustomerTicket(
        id=ticket.id,
        number=ticket.number,
        subject=ticket.subject,
        state=ticket.state,
        mode=ticket.mode,
        close_reason=ticket.close_reason,
        opened_at=ticket.opened_at,
        closed_at=ticket.closed_at,
        follows=ticket.follows,
        agent=ticket.agent_name,
        waiting=ticket.waiting,
        queued_at=ticket.queued_at,
        clock=clock(ticket, policy),
        proposal=ticket.proposal,
        last_seq=ticket.last_seq,
        last=ticket.last,
        seen=ticket.customer_seen,
        agent_seen=ticket.agent_seen,
        unread=ticket.customer_unread,
        rating=ticket.rating,
        rate_until=rate_until(ticket, policy),
        email=ticket.email,
        version=ticket.version,
    )


def agent_ticket(ticket: Ticket, app: App) -> AgentTicket:
    return AgentTicket(
        id=ticket.id,
        app=app.key,
        number=ticket.number,
        subject=ticket.subject,
        state=ticket.state,
        mode=ticket.mode,
        close_reason=ticket.close_reason,
        opened_at=ticket.opened_at,
        closed_at=ticket.closed_at,
        follows=ticket.follows,
        customer=person(ticket.customer),
        agent_id=ticket.agent_id,
        agent=ticket.agent_name,
        waiting=ticket.waiting,
        queued_at=ticket.queued_at,
        queue_rank=ticket.queue_rank,
        assigned_at=ticket.assigned_at,
        # Whoever was reminded is not hurried: when the ticket is looked at again is the server's own affair.
        answer_due_at=None if ticket.reminded else ticket.answer_due_at,
        answered_at=ticket.answered_at,
        reminded=ticket.reminded,
        clock=clock(ticket, app.policy),
        proposal=ticket.proposal,
        last_seq=ticket.last_seq,
        last=ticket.last,
        seen=ticket.agent_seen,
        customer_seen=ticket.customer_seen,
        unread=ticket.agent_unread,
        rating=ticket.rating,
        email=ticket.email,
        context=_context(ticket.context),
        priority=ticket.priority,
        version=ticket.version,
    )


def item_view(item: Item, audience: Audience) -> ItemView:
    return ItemView(
        seq=item.seq,
        at=item.at,
        kind=item.kind,
        by=item.by,
        text=item.text,
        cid=item.cid if item.by == audience else "",
        name=item.name,
        reason=item.reason,
        stars=item.stars,
        author=item.author_id
        if audience == "agent" and (item.by == "agent" or item.kind == "assigned")
        else 0,
    )


def item_views(items: Iterable[Item], audience: Audience) -> list[ItemView]:
    return [item_view(item, audience) for item in items]


class Views:
    """Events as frames for each audience: made and encoded once, however many sockets hear them."""

    def __init__(self, apps: Apps) -> None:
        self._apps = apps
        # All listeners of an event hear it one right after the other: remembering the last one is enough.
        self._event: Event | None = None
        self._packets: dict[Audience, Packet | None] = {}

    def packet(self, event: Event, audience: Audience) -> Packet | None:
        """None for what this audience is not told."""
        if event is not self._event:
            self._event, self._packets = event, {}
        if audience not in self._packets:
            frame = self._frame(event, audience)
            self._packets[audience] = None if frame is None else pack(frame)
        return self._packets[audience]

    def _frame(self, event: Event, audience: Audience) -> Frame | None:
        match event:
            case TicketChanged():
                app = self._apps(event.after.app_id)
                return customer_changed(event, app) if audience == "customer" else agent_changed(event, app)
            case Typing():
                # Whoever types knows.
                return (
                    None
                    if event.by == audience
                    else TypingFrame(event.ticket_id, on=event.on, name=event.name)
                )
            case QueueMoved() if audience == "customer":
                return queue(event)
            case AgentChanged() if audience == "agent":
                return StatusFrame(event.status)
        return None


def queue(moved: QueueMoved) -> Queue:
    return Queue(
        ticket=moved.ticket_id,
        position=moved.position,
        attended=moved.attended,
        estimate=moved.estimate_seconds,
    )


def customer_changed(event: TicketChanged, app: App) -> CustomerChanged:
    before, after = event.before, event.after
    view = customer_ticket(after, app.policy)
    whole = before is None or _moved(before, after)
    return CustomerChanged(
        ticket=after.id,
        base=before.version if before else 0,
        version=after.version,
        items=item_views(event.items, "customer"),
        view=view if whole else None,
        patch={} if before is None or whole else patch(customer_ticket(before, app.policy), view),
    )


def agent_changed(event: TicketChanged, app: App) -> AgentChangedFrame:
    before, after = event.before, event.after
    view = agent_ticket(after, app)
    whole = before is None or _moved(before, after)
    return AgentChangedFrame(
        ticket=after.id,
        base=before.version if before else 0,
        version=after.version,
        items=item_views(event.items, "agent"),
        view=view if whole else None,
        patch={} if before is None or whole else patch(agent_ticket(before, app), view),
    )


def patch(before: msgspec.Struct, after: msgspec.Struct) -> dict[str, Any]:
    """The fields of `after` that differ. Both are of one type."""
    return {
        name: value
        for name in after.__struct_fields__
        if (value := getattr(after, name)) != getattr(before, name)
    }


def _moved(before: Ticket, after: Ticket) -> bool:
    """It may be new to who hears of it now: whoever sees the change has to see the whole."""

    def routing(t: Ticket) -> tuple[object, ...]:
        return t.state, t.mode, t.agent_id, t.waiting

    return routing(before) != routing(after)


@lru_cache(maxsize=512)
def _context(text: str) -> dict[str, Any]:
    """Never changed by who gets it."""
    try:
        found = msgspec.json.decode(text) if text else {}
    except (msgspec.MsgspecError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}
