"""What each audience may see of a ticket, and an event as the frame that says it.

Customers never see an agent's address or id, what the host page passed, priorities, or an agent's message ids. Agents see all
of a ticket in their apps but the customer's message ids.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import lru_cache
from itertools import compress
from operator import attrgetter, ne
from typing import Any, Final, Literal, NamedTuple

import msgspec
from msgspec.structs import astuple

from chatserver.core.answers import awaited
from chatserver.core.details import Details, case_shown
from chatserver.core.events import (
    AgentChanged,
    Event,
    NotesRead,
    NoteWritten,
    QueueMoved,
    TicketChanged,
    Typing,
)
from chatserver.core.notes import Note
from chatserver.core.people import App, Customer, alias
from chatserver.core.tickets import Item, Ticket, clock, pending_ends, rate_until, targets
from chatserver.realtime.frames import Packet, pack
from chatserver.realtime.ports import Apps
from chatserver.realtime.wire import (
    AgentChangedFrame,
    AgentTicket,
    CustomerChanged,
    CustomerTicket,
    FormView,
    Frame,
    ItemView,
    Noted,
    NotesSeen,
    NoteView,
    Person,
    Queue,
    StatusFrame,
    TypingFrame,
)

Audience = Literal["customer", "agent"]


def person(customer: Customer) -> Person:
    letters = alias(customer.key)
    # Who only ever wrote mails that nobody stands by is called by their address.
    nameless = customer.email if customer.by_mail else ""
    return Person(
        id=customer.id,
        name=customer.name or nameless or f"Visitante {letters}",
        alias=letters,
        email=customer.email,
        verified=customer.verified,
        account=customer.has_account,
        locale=customer.locale,
        zone=customer.zone,
        claimed=customer.claimed if nameless and not customer.name else "",
    )


def form_view(details: Details) -> FormView:
    """For who opens the ticket, whoever they are: what the customer said, and what they may know of it."""
    return FormView(
        asked=details.asked,
        why=details.why,
        impact=details.impact,
        urgency=details.urgency,
        case=details.case,
        tax_country=details.tax_country,
        tax_id=details.tax_id,
        tax_kind=details.tax_kind,
        company=details.company,
        phone=details.phone,
        url=details.url,
        wanted_why=details.wanted_why,
        cc=details.cc,
        fields=details.fields,
    )


def customer_ticket(ticket: Ticket, app: App) -> CustomerTicket:
    policy, details = app.policy, ticket.details
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
        source=ticket.source,
        type=details.type,
        category=details.category,
        case_kind=details.case_kind,
        case=case_shown(details, app.form),
        wanted=details.wanted,
        missing=awaited(app.form, details),
        closes_at=_closes_at(ticket, app),
    )


def agent_ticket(ticket: Ticket, app: App) -> AgentTicket:
    details = ticket.details
    answer_by, solve_by = targets(ticket, app.policy)
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
        answer_due_at=_answer_due(ticket),
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
        priority=ticket.priority,
        mail_problem=ticket.mail_problem,
        version=ticket.version,
        source=ticket.source,
        type=details.type,
        category=details.category,
        case_kind=details.case_kind,
        case=case_shown(details, app.form),
        wanted=details.wanted,
        development=details.development,
        missing=awaited(app.form, details),
        closes_at=_closes_at(ticket, app),
        answer_by=answer_by,
        solve_by=solve_by,
    )


@lru_cache(maxsize=512)
def host_context(text: str) -> dict[str, Any]:
    """What the host page passed, for the agent who opens the ticket: up to 11 KiB of it are too much for a list. Never changed by
    who gets it."""
    try:
        found = msgspec.json.decode(text) if text else {}
    except (msgspec.MsgspecError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def item_view(item: Item, audience: Audience) -> ItemView:
    """The cid for its own side only; who of several wrote it, or to whom it was assigned, and how it was classified, for agents
    only."""
    by, kind = item.by, item.kind
    told = audience == "agent" and (by != "customer" or kind == "assigned")
    if kind == "classified" and not told:
        return ItemView(item.seq, item.at, kind, by, name=item.name)
    return ItemView(
        item.seq,
        item.at,
        kind,
        by,
        item.text,
        item.cid if by == audience else "",
        item.name,
        item.reason,
        item.stars,
        item.author_id if told else 0,
        item.files,
    )


def item_views(items: Iterable[Item], audience: Audience) -> list[ItemView]:
    return [item_view(item, audience) for item in items]


def note_view(note: Note) -> NoteView:
    """For agents: there is no other audience of it."""
    by_mail = note.mail != ""
    return NoteView(note.seq, note.at, note.author_id, note.name, note.text, note.cid, by_mail, note.verified)


class Views:
    """Events as frames for each audience: made and encoded once, however many sockets hear them."""

    def __init__(self, apps: Apps) -> None:
        self._apps = apps
        # All listeners of an event hear it one right after the other: remembering the last one is enough.
        self._event: Event | None = None
        self._packets: dict[Audience, Packet | None] = {}
        self._found: Differences | None = None

    def packet(self, event: Event, audience: Audience) -> Packet | None:
        """None for what this audience is not told."""
        if event is not self._event:
            self._event, self._packets, self._found = event, {}, None
        elif audience in self._packets:
            return self._packets[audience]
        frame = self._frame(event, audience)
        packet = self._packets[audience] = None if frame is None else pack(frame)
        return packet

    def _frame(self, event: Event, audience: Audience) -> Frame | None:
        if isinstance(event, TicketChanged):
            app = self._apps(event.after.app_id)
            if self._found is None and event.before is not None and not _moved(event.before, event.after):
                self._found = differences(event.before, event.after, app)
            made = customer_changed if audience == "customer" else agent_changed
            return made(event, app, self._found)
        match event:
            case Typing():
                # Whoever types knows.
                return (
                    None
                    if event.by == audience
                    else TypingFrame(event.ticket_id, on=event.on, name=event.name)
                )
            case QueueMoved() if audience == "customer":
                return queue(event)
            case NoteWritten() if audience == "agent":
                return _noted(event)
            case NotesRead() if audience == "agent":
                return NotesSeen(event.ticket_id, event.seq)
            case AgentChanged() if audience == "agent":
                return StatusFrame(event.status)
        return None


def _noted(event: NoteWritten) -> Noted:
    view = note_view(event.note)
    if not view.mail:
        return Noted(event.ticket_id, view)
    return Noted(event.ticket_id, view, event.number, event.subject, event.agent_id)


def queue(moved: QueueMoved) -> Queue:
    return Queue(
        ticket=moved.ticket_id,
        position=moved.position,
        attended=moved.attended,
        estimate=moved.estimate_seconds,
    )


def customer_changed(event: TicketChanged, app: App, found: Differences | None) -> CustomerChanged:
    """`found`: the differences; None for a change that comes whole."""
    before, after = event.before, event.after
    return CustomerChanged(
        after.id,
        before.version if before is not None else 0,
        after.version,
        item_views(event.items, "customer"),
        customer_ticket(after, app) if found is None else None,
        {} if found is None else patch(found, "customer"),
        None if found is not None and not found.plan.form else _form(event),
    )


def agent_changed(event: TicketChanged, app: App, found: Differences | None) -> AgentChangedFrame:
    """As `customer_changed`."""
    before, after = event.before, event.after
    return AgentChangedFrame(
        after.id,
        before.version if before is not None else 0,
        after.version,
        item_views(event.items, "agent"),
        agent_ticket(after, app) if found is None else None,
        {} if found is None else patch(found, "agent"),
        None if found is not None and not found.plan.form else _form(event),
    )


def _form(event: TicketChanged) -> FormView | None:
    """What a change did to the form, for whom has the ticket open; who opens a new one asks for it."""
    before, after = event.before, event.after
    if before is None or before.details == after.details:
        return None
    return form_view(after.details)


def _moved(before: Ticket, after: Ticket) -> bool:
    """Such a change comes whole: the ticket may be new to who hears of it now."""
    return (
        before.agent_id != after.agent_id
        or before.state != after.state
        or before.mode != after.mode
        or before.queued_at != after.queued_at
    )


# — what a change changed ——————————————————————————————————————————————————————
#
# A message changes a handful of a ticket's forty fields. Two views, each for two audiences, would be made only to be compared;
# so the tickets are compared instead, and what is derived from several fields is derived only when one of them changed.


class _Derived(NamedTuple):
    name: str
    sources: frozenset[str]
    make: Callable[[Ticket, App], Any]
    parts: frozenset[str] = frozenset()
    """Sources that are in it as they are: when one changed, it did, unless it is None."""


class _Plan(NamedTuple):
    """What has to be said when just these fields of a ticket changed. There are some dozens of such sets."""

    told: dict[Audience, tuple[tuple[str, int], ...]]
    """Fields of the audience's view, each with its place in the ticket."""
    derived: tuple[tuple[_Derived, bool], ...]
    """What may have changed with them, and whether it must have."""
    form: bool
    """What the form says is among them."""


class Differences(msgspec.Struct, frozen=True, gc=False):
    """What a change changed in a ticket."""

    plan: _Plan
    values: tuple[Any, ...]
    """All fields of the ticket as it is now."""
    derived: dict[str, Any]
    """What follows from several fields, and is different now."""


def _of_details(name: str) -> Callable[[Ticket, App], Any]:
    read = attrgetter(name)
    return lambda t, app: read(t.details)


_CLOCK_PARTS: Final = frozenset({"turn", "active_at", "agent_spoke_at", "gone_at", "floor_at"})
_CLOCK: Final = _CLOCK_PARTS | {"state", "mode", "queued_at", "email", "customer"}
_DETAILS: Final = frozenset({"details"})
_TARGETS: Final = frozenset({"state", "mode", "priority"})
_DERIVED: Final = (
    _Derived("clock", _CLOCK, lambda t, app: clock(t, app.policy), _CLOCK_PARTS),
    _Derived("waiting", frozenset({"queued_at"}), lambda t, app: t.waiting),
    _Derived("person", frozenset({"customer"}), lambda t, app: person(t.customer)),
    _Derived("answer_due", frozenset({"answer_due_at", "reminded"}), lambda t, app: _answer_due(t)),
    _Derived(
        "rate_until",
        frozenset({"state", "answered_at", "closed_at", "rating"}),
        lambda t, app: rate_until(t, app.policy),
    ),
    *(
        _Derived(name, _DETAILS, _of_details(name))
        for name in ("type", "category", "case_kind", "wanted", "development")
    ),
    _Derived("missing", _DETAILS, lambda t, app: awaited(app.form, t.details)),
    _Derived("case", _DETAILS, lambda t, app: case_shown(t.details, app.form)),
    _Derived("closes_at", frozenset({"pending", "floor_at"}), lambda t, app: _closes_at(t, app)),
    _Derived("answer_by", _TARGETS | {"answered_at"}, lambda t, app: targets(t, app.policy)[0]),
    _Derived("solve_by", _TARGETS, lambda t, app: targets(t, app.policy)[1]),
)

_SAME: Final = (
    *("subject", "state", "mode", "close_reason", "closed_at", "waiting", "queued_at", "clock", "proposal"),
    *("last_seq", "last", "rating", "email", "follows", "version"),
    *("type", "category", "case_kind", "case", "wanted", "missing", "closes_at"),
)
_CUSTOMER: Final = {name: name for name in (*_SAME, "agent_seen", "rate_until")} | {
    "agent_name": "agent",
    "customer_seen": "seen",
    "customer_unread": "unread",
}
"""Field of a ticket, or derived from it → field of the customer's view."""
_AGENT: Final = {
    name: name
    for name in (
        *_SAME,
        "agent_id",
        "queue_rank",
        "assigned_at",
        "answered_at",
        "reminded",
        "customer_seen",
        "priority",
        "development",
        "answer_by",
        "solve_by",
        "mail_problem",
    )
} | {
    "agent_name": "agent",
    "agent_seen": "seen",
    "agent_unread": "unread",
    "person": "customer",
    "answer_due": "answer_due_at",
}
_NAMES: Final[dict[Audience, dict[str, str]]] = {"customer": _CUSTOMER, "agent": _AGENT}
_FIELDS: Final = Ticket.__struct_fields__
_PLACES: Final = tuple(range(len(_FIELDS)))


def differences(before: Ticket, after: Ticket, app: App) -> Differences:
    """The fields of a ticket that a change changed, and what follows from them."""
    old, new = astuple(before), astuple(after)
    # What a verb did not touch is the very same object: the few others are found without a step of Python for each field.
    plan = _plan(tuple(compress(_PLACES, map(ne, old, new))))
    found: dict[str, Any] = {}
    for derived, certain in plan.derived:
        value = derived.make(after, app)
        if (certain and value is not None) or value != derived.make(before, app):
            found[derived.name] = value
    return Differences(plan, new, found)


def patch(found: Differences, audience: Audience) -> dict[str, Any]:
    """What an audience is told of `differences`."""
    values = found.values
    told = {name: values[place] for name, place in found.plan.told[audience]}
    names = _NAMES[audience]
    for name, value in found.derived.items():
        if name in names:
            told[names[name]] = value
    return told


@lru_cache(maxsize=1024)
def _plan(places: tuple[int, ...]) -> _Plan:
    moved = {_FIELDS[place]: place for place in places}
    told: dict[Audience, tuple[tuple[str, int], ...]] = {
        audience: tuple((names[name], place) for name, place in moved.items() if name in names)
        for audience, names in _NAMES.items()
    }
    derived = [derived for derived in _DERIVED if not derived.sources.isdisjoint(moved)]
    certain = tuple((one, not one.parts.isdisjoint(moved)) for one in derived)
    return _Plan(told, certain, "details" in moved)


def _answer_due(ticket: Ticket) -> int | None:
    # Whoever was reminded is not hurried: when the ticket is looked at again is the server's own affair.
    return None if ticket.reminded else ticket.answer_due_at


def _closes_at(ticket: Ticket, app: App) -> int | None:
    return None if ticket.pending is None else pending_ends(ticket, ticket.pending, app.policy)
