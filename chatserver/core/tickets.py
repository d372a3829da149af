"""The ticket's state machine: open, pending, closed. For each verb the next ticket and what is said about it, or a refusal.

A verb takes a ticket as it stands and returns a `Step`: the ticket afterwards and the items appended to its public sequence.
It changes nothing, so a refused or abandoned step leaves nothing behind. Every transition leaves an item: who, when, why.
Instants are ms since 1970 UTC.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, Any, Final, Literal

import msgspec
from msgspec import Meta
from msgspec.structs import replace

from chatserver.core.classification import MEDIUM, Source, Type
from chatserver.core.details import NOTHING, Details
from chatserver.core.errors import Refused
from chatserver.core.files import File
from chatserver.core.inactivity import Clock, Turn, closes_at, verdict
from chatserver.core.people import Agent, Customer
from chatserver.core.policy import Policy

State = Literal["open", "pending", "closed"]
Mode = Literal["live", "later"]
CloseReason = Literal["solved", "agent", "customer", "inactivity", "abandoned", "rejected", "merged"]
By = Literal["customer", "agent", "system"]
Kind = Literal[
    "opened",
    "message",
    "proposal",  # an agent's message that asks whether the problem is solved
    "declined",  # "No, sigue pendiente"
    "assigned",
    "queued",  # back in the queue; `reason` agent_gone | passed | signed_out
    # live → later; `reason` customer | closing_time | customer_gone. How one came that was never live: outside_hours |
    # unattended | form | mail. Of one that was to be answered later before: agent_left
    "later",
    "pending",  # waits for the customer (Pendiente), set by an agent
    "sent_back",  # the same, for what is missing; `reason` names the fields, with commas between
    "completed",  # the customer completed the form; `reason` names the fields
    "reminder",  # the customer was reminded that it waits for them
    "resumed",  # Abierto again: the customer spoke, or an agent said so
    "classified",  # by an agent; `reason` names what changed, `text` is JSON: name → [before, after] (for agents only)
    "copied",  # further people get the answers from now on; `text`: their addresses, with commas between
    "closed",  # `text`: of a rejected one, the reason that its customer sees
    "rated",
]
MailProblem = Literal[
    "refused",  # the other side takes no mail for this address
    "expired",  # nobody took it for days
]
TALK: Final = frozenset({"message", "proposal"})
NEWS: Final = TALK | {"sent_back", "completed"}
"""What the other side has to read: it is counted as unread."""
MAILED: Final = NEWS | {"pending"}
"""Of an agent's: what a mail tells a customer who was not there to see it."""
FRONT: Final = 10 * 365 * 86_400_000
"""Taken off a returned ticket's rank: ahead of everybody who came by themselves, in the order of arrival."""
LOOK_AGAIN_SECONDS: Final = 10
"""After a reminder, at least: an app may give its agents no time at all for the first answer."""
NEW_RULE_MS: Final = 86_400_000
"""Whoever would be closed at once by a new rule for Pendiente has so long, or as long as by the old one."""


class Item(msgspec.Struct, frozen=True, gc=False):
    """One entry of a ticket's public sequence: a message, or what happened to the ticket."""

    seq: int
    at: int
    kind: Kind
    by: By
    author_id: int = 0
    """The customer's or agent's id, 0 for the system. Of talk by the system: the customer's who is in copy."""
    name: str = ""
    """At that time: of the agent or of who is in copy, the author's; for `assigned` the new agent's. The ticket's own customer is
    not named."""
    cid: str = ""
    """The client's id of a message, 22 characters; empty for what no client named."""
    text: str = ""
    reason: str = ""
    stars: int = 0
    files: tuple[File, ...] = ()
    """Of a message. Storing it takes them out of what their author sent up."""


class Last(msgspec.Struct, frozen=True, gc=False):
    """The last message, for lists. `text`: of one without words the names of its files; of somebody in copy it begins with
    who said it."""

    text: str
    by: By
    at: int


class Rating(msgspec.Struct, frozen=True, gc=False):
    stars: int
    comment: str
    at: int
    """When it was first given: the time for changing it runs from here."""


class Pending(msgspec.Struct, frozen=True, gc=False):
    """It waits for its customer, `since` an agent said so or wrote to them last (ms)."""

    since: int
    reminded_at: int | None = None


class Ticket(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """A ticket as it stands. `version` grows by one with each committed change of anything in it.

    Defaults are left out of what nodes say to each other: most of a ticket never was anything else.
    """

    id: int
    app_id: int
    number: int
    customer: Customer
    subject: str
    context: str
    """What the host page passed, as JSON text: hostile, shown to agents as text only."""
    opened_at: int
    state: State = "open"
    mode: Mode = "live"
    close_reason: CloseReason | None = None
    closed_at: int | None = None
    follows: int = 0
    """The number of the earlier ticket that this one continues, 0 for none."""
    email: str = ""
    """Where a `later` answer goes."""
    priority: int = 0
    """0 not set, 1 Bajo, 2 Medio, 3 Alto, 4 Urgente: the agent's classification only."""
    agent_id: int | None = None
    agent_name: str = ""
    assigned_at: int | None = None
    answer_due_at: int | None = None
    """When the ticket passes to the next agent, or, its agent being reminded, is looked at again for that; None once answered."""
    passed: tuple[int, ...] = ()
    """Agents who let it pass, oldest first: it never comes back to them by itself."""
    reminded: bool = False
    """It would have passed, nobody else was eligible: its agent is reminded instead, for as long as nobody else is."""
    answered_at: int | None = None
    """An agent's first message; None: nobody is asked for a rating."""
    queued_at: int | None = None
    """Since when it waits for an agent; None when it does not."""
    queue_rank: int | None = None
    queue_until: int | None = None
    """Closing time (ms) for one who waits; None when the app never closes."""
    turn: Turn = "agent"
    active_at: int = 0
    agent_spoke_at: int = 0
    gone_at: int | None = None
    floor_at: int = 0
    proposal: int | None = None
    """The sequence number of the proposal that waits for the customer's answer."""
    last_seq: int = 0
    last: Last | None = None
    customer_seen: int = 0
    """How far the customer has read (sequence number)."""
    agent_seen: int = 0
    customer_unread: int = 0
    agent_unread: int = 0
    rating: Rating | None = None
    due_at: int | None = None
    """The earliest moment at which the worker must look at this ticket; see `due`."""
    version: int = 0
    source: Source = "chat"
    """How it came to be; never changes."""
    details: Details = NOTHING
    """What a form or an agent says of it; no message changes that."""
    pending: Pending | None = None
    """While its state is `pending`."""
    unseen_at: int | None = None
    """Since when (ms) words of an agent wait for a customer who is not there, and whom no mail told of them; None: none do."""
    mailed_seq: int = 0
    """How far mails told the conversation (sequence number)."""
    mail_problem: MailProblem | Literal[""] = ""
    """Why the last mail about this ticket did not reach its customer; empty once one did."""

    @property
    def address(self) -> str:
        """Where mail about it goes; empty where nobody said."""
        return self.email or self.customer.email

    @property
    def waiting(self) -> bool:
        """In the queue of a live chat."""
        return self.queued_at is not None

    @property
    def chatting(self) -> bool:
        """An open live chat, attended or waiting: it takes a place of the customer's limit, and has a clock."""
        return self.state == "open" and self.mode == "live"


class Step(msgspec.Struct, frozen=True, gc=False):
    """What a verb does: the ticket afterwards (not yet versioned) and what is appended."""

    ticket: Ticket
    items: tuple[Item, ...]


# — what follows from a ticket —————————————————————————————————————————————————


def clock(ticket: Ticket, policy: Policy) -> Clock | None:
    """The facts of the inactivity clock; None when the ticket has none (later, pending or closed)."""
    if not ticket.chatting:
        return None
    return Clock(
        ticket.turn,
        ticket.waiting,
        ticket.active_at,
        ticket.agent_spoke_at,
        ticket.gone_at,
        ticket.floor_at,
        bool(ticket.address),
        policy.inactivity_seconds,
        policy.inactivity_warning_seconds,
        policy.inactivity_strict,
    )


def due(ticket: Ticket, policy: Policy) -> int | None:
    """When the earliest thing will have to happen by itself (ms): a ticket's `due_at`."""
    at = None
    if ticket.chatting:
        at = closes_at(ticket, policy.inactivity_seconds, strict=policy.inactivity_strict)
    elif ticket.pending is not None:
        at = _pending_due(ticket, ticket.pending, policy)
    for other in (ticket.answer_due_at, ticket.queue_until if ticket.waiting else None):
        if other is not None and (at is None or other < at):
            at = other
    if ticket.unseen_at is not None:
        tell = mail_due(ticket, policy)
        if tell is not None and (at is None or tell < at):
            at = tell
    return at


def pending_ends(ticket: Ticket, pending: Pending, policy: Policy) -> int:
    """When (ms) a pending ticket closes if its customer says nothing. Whoever is reminded late (nobody served, or by another
    rule) has as much time after it as ever."""
    reminder, end = policy.pending_reminder_seconds * 1000, policy.pending_close_seconds * 1000
    at = max(pending.since + end, ticket.floor_at)
    if pending.reminded_at is None or not 0 < reminder < end:
        return at
    return max(at, pending.reminded_at + end - reminder)


def _pending_due(ticket: Ticket, pending: Pending, policy: Policy) -> int:
    """The reminder, where there is one, then the end."""
    if pending.reminded_at is None and 0 < policy.pending_reminder_seconds < policy.pending_close_seconds:
        return pending.since + policy.pending_reminder_seconds * 1000
    return pending_ends(ticket, pending, policy)


def targets(ticket: Ticket, policy: Policy) -> tuple[int | None, int | None]:
    """Until when (ms) a ticket that is answered later should have its first answer, and its end; None: no target, or it was met
    or missed for good. A chat has clocks of its own."""
    if ticket.mode != "later" or ticket.state == "closed":
        return None, None
    level = _LEVELS[ticket.priority or MEDIUM]
    answer: int = getattr(policy, f"answer_{level}_seconds")
    end: int = getattr(policy, f"solve_{level}_seconds")
    return (
        ticket.opened_at + answer * 1000 if answer and ticket.answered_at is None else None,
        ticket.opened_at + end * 1000 if end else None,
    )


_LEVELS: Final = {1: "low", 2: "medium", 3: "high", 4: "urgent"}


def mail_due(ticket: Ticket, policy: Policy) -> int | None:
    """When (ms) a mail has to tell what the customer has not seen; None where nothing waits for them, or no mail reaches them.
    Whoever is connected sees it, and the end of a ticket is told by a mail of its own."""
    if ticket.unseen_at is None or not policy.mail or not ticket.address or ticket.state == "closed":
        return None
    since = ticket.unseen_at
    if ticket.chatting:
        if ticket.gone_at is None:
            return None
        since = max(since, ticket.gone_at)
    return since + policy.answers_mailed_seconds * 1000


def rate_until(ticket: Ticket, policy: Policy) -> int | None:
    """Until when (ms) the customer may give or change the rating; None when there is nothing to rate."""
    if ticket.state != "closed" or ticket.answered_at is None or ticket.closed_at is None:
        return None
    if ticket.rating is not None:
        return ticket.rating.at + policy.rating_change_seconds * 1000
    return ticket.closed_at + policy.rating_first_seconds * 1000


# — opening ————————————————————————————————————————————————————————————————————


def opened(draft: Ticket, policy: Policy, *, closes_at: int | None, connected: bool) -> Step:
    """A new live ticket enters the queue. `draft` carries who, what, number and `opened_at`; `closes_at` the closing time."""
    now = draft.opened_at
    ticket = replace(
        draft,
        queued_at=now,
        queue_rank=rank(now, draft.priority, policy),
        queue_until=closes_at,
        active_at=now,
        gone_at=None if connected else now,
    )
    return _append(ticket, _item(ticket, now, "opened", "customer", text=ticket.subject))


def requested(draft: Ticket, text: str, cid: str, reason: str, files: tuple[File, ...] = ()) -> Step:
    """A new ticket that will be answered later, with its first message. `reason`: outside_hours | unattended | form | mail."""
    now = draft.opened_at
    if not draft.email:
        raise Refused("email_required")
    ticket = replace(draft, mode="later", active_at=now)
    step = _append(ticket, _item(ticket, now, "opened", "customer", text=ticket.subject))
    step = _then(step, _item(ticket, now, "later", "system", reason=reason))
    return _then(step, _item(ticket, now, "message", "customer", cid=cid, text=text, files=files))


# — talking ————————————————————————————————————————————————————————————————————


def customer_said(ticket: Ticket, text: str, cid: str, now: int, files: tuple[File, ...] = ()) -> Step:
    """The customer speaks: it is the agent's turn, and an unanswered proposal is answered by talking on. What waited for them
    goes on."""
    _open(ticket)
    before: tuple[Item, ...] = ()
    if ticket.pending is not None:
        ticket, before = _step(_resumed(ticket, "customer", now))
    item = _item(ticket, now, "message", "customer", cid=cid, text=text, files=files)
    return _append(ticket, item, before, turn="agent", active_at=now, proposal=None)


def copied_said(
    ticket: Ticket,
    author: Customer,
    text: str,
    cid: str,
    now: int,
    files: tuple[File, ...] = (),
    *,
    incomplete: bool,
) -> Step:
    """Somebody in copy speaks, under their own name and never as the customer: both sides have it to read, it gives no time and
    neither confirms nor declines a solution. What waited for an answer goes on, but not where the customer has something to
    complete (`incomplete`)."""
    _open(ticket)
    name = author.name or author.email
    before: tuple[Item, ...] = ()
    if ticket.pending is not None and not incomplete:
        ticket, before = _step(_resumed(ticket, "system", now, author_id=author.id, name=name))
    item = _item(
        ticket, now, "message", "system", author_id=author.id, name=name, cid=cid, text=text, files=files
    )
    unread = {"agent_unread": ticket.agent_unread + 1, "customer_unread": ticket.customer_unread + 1}
    return _append(ticket, item, before, **unread)


def agent_said(
    ticket: Ticket,
    agent: Agent,
    text: str,
    cid: str,
    now: int,
    files: tuple[File, ...] = (),
    *,
    proposal: bool = False,
) -> Step:
    """The ticket's agent speaks, or proposes the solution. Gives the customer the whole time again."""
    _attended_by(ticket, agent)
    if ticket.pending is not None:
        ticket = replace(ticket, pending=Pending(now))
    kind: Kind = "proposal" if proposal else "message"
    item = _item(
        ticket, now, kind, "agent", author_id=agent.id, name=agent.name, cid=cid, text=text, files=files
    )
    return _append(
        ticket,
        item,
        turn="customer",
        agent_spoke_at=now,
        answered_at=now if ticket.answered_at is None else ticket.answered_at,
        answer_due_at=None,
        reminded=False,
        proposal=item.seq if proposal else None,
    )


def customer_active(ticket: Ticket, now: int) -> Step:
    """Typing or "Sigo aquí": activity without words."""
    _open(ticket)
    if not ticket.chatting:
        return Step(ticket, ())
    return Step(replace(ticket, active_at=max(now, ticket.active_at)), ())


def agent_typing(ticket: Ticket, agent: Agent, policy: Policy, now: int) -> Step:
    """An agent who types is about to answer: the first-answer time begins again."""
    _attended_by(ticket, agent)
    if ticket.answer_due_at is None:
        return Step(ticket, ())
    due = max(ticket.answer_due_at, now + policy.first_answer_seconds * 1000)
    return Step(replace(ticket, answer_due_at=due), ())


def customer_saw(ticket: Ticket, seq: int) -> Step:
    """The customer has read up to `seq`; never moves back, never past the end."""
    seq = min(seq, ticket.last_seq)
    if seq <= ticket.customer_seen:
        return Step(ticket, ())
    if seq < ticket.last_seq:
        return Step(replace(ticket, customer_seen=seq), ())
    return Step(replace(ticket, customer_seen=seq, customer_unread=0, unseen_at=_unheard(ticket)), ())


def _unheard(ticket: Ticket) -> int | None:
    """Since when (ms) words of an agent wait for a mail although the customer knows them: for who is in copy and looks at no
    screen."""
    return ticket.unseen_at if ticket.details.cc else None


def mailed(ticket: Ticket, policy: Policy, now: int) -> Step:
    """Where a mail has to tell the customer what they have not seen by now: from here on one does. Else the ticket as it is."""
    due_at = mail_due(ticket, policy)
    if due_at is None or now < due_at:
        return Step(ticket, ())
    return Step(replace(ticket, unseen_at=None, mailed_seq=ticket.last_seq), ())


def mail_failed(ticket: Ticket, problem: MailProblem | Literal[""]) -> Step:
    """A mail about it did not reach its customer, or (empty) one did: agents see which."""
    return Step(replace(ticket, mail_problem=problem), ())


def agent_saw(ticket: Ticket, agent: Agent, seq: int) -> Step:
    """The ticket's agent has read up to `seq`. Somebody else's reading is not shown to the customer."""
    seq = min(seq, ticket.last_seq)
    if ticket.agent_id != agent.id or seq <= ticket.agent_seen:
        return Step(ticket, ())
    unread = 0 if seq >= ticket.last_seq else ticket.agent_unread
    return Step(replace(ticket, agent_seen=seq, agent_unread=unread), ())


# — the end ————————————————————————————————————————————————————————————————————


def answered_proposal(ticket: Ticket, solved: bool, now: int) -> Step:
    """The customer answers the resolution question: yes closes as solved, no makes it the agent's turn."""
    _open(ticket)
    if ticket.proposal is None:
        raise Refused("no_proposal")
    if solved:
        return _close(replace(ticket, active_at=now), now, "solved", "customer")
    before: tuple[Item, ...] = ()
    if ticket.pending is not None:
        ticket, before = _step(_resumed(ticket, "customer", now))
    item = _item(ticket, now, "declined", "customer")
    return _append(ticket, item, before, turn="agent", active_at=now, proposal=None)


def customer_ended(ticket: Ticket, now: int) -> Step:
    """The customer ends the chat; in the queue that is leaving it for good (abandoned)."""
    _open(ticket)
    return _close(ticket, now, "abandoned" if ticket.waiting else "customer", "customer")


def agent_closed(ticket: Ticket, agent: Agent, now: int) -> Step:
    _attended_by(ticket, agent)
    return _close(ticket, now, "agent", "agent", author_id=agent.id, name=agent.name)


def rejected(ticket: Ticket, agent: Agent, reason: str, now: int) -> Step:
    """The ticket's agent turns it down; the customer sees the reason. It is no answer that anybody rates."""
    _attended_by(ticket, agent)
    return _close(ticket, now, "rejected", "agent", author_id=agent.id, name=agent.name, text=reason)


def went_silent(ticket: Ticket, policy: Policy, now: int) -> Step:
    """The inactivity clock is looked at: nothing yet, closed, or kept to be answered later."""
    facts = clock(ticket, policy)
    end = verdict(facts) if facts else None
    if end is None or now < end.close_at:
        return Step(ticket, ())
    if end.ending == "later":
        return left_for_later(ticket, "customer_gone", now, email=ticket.address)
    return _close(ticket, now, end.ending, "system")


def left_for_later(ticket: Ticket, reason: str, now: int, *, email: str = "", by: By = "system") -> Step:
    """live → later: out of the queue and off the clock. `reason`: customer | closing_time | customer_gone."""
    _open(ticket)
    if ticket.mode != "live":
        raise Refused("ticket_not_live")
    ticket = replace(
        _off_desk(ticket),
        mode="later",
        email=email or ticket.address,
        proposal=None,
        turn="agent",
    )
    return _append(ticket, _item(ticket, now, "later", by, reason=reason))


def closing_time(ticket: Ticket, now: int) -> Step:
    """Who still waits when attention ends is kept to be answered later; chats in progress go on."""
    if not ticket.waiting or ticket.queue_until is None or now < ticket.queue_until:
        return Step(ticket, ())
    return left_for_later(ticket, "closing_time", now)


def rated(ticket: Ticket, stars: int, comment: str, policy: Policy, now: int) -> Step:
    """One to five stars, once per closed ticket, changeable for a while. Only where an agent answered."""
    until = rate_until(ticket, policy)
    if until is None or not 1 <= stars <= 5:
        raise Refused("not_rateable")
    if now >= until:
        raise Refused("rating_over")
    first = ticket.rating is None
    given = now if ticket.rating is None else ticket.rating.at
    ticket = replace(ticket, rating=Rating(stars, comment, given))
    if not first:
        return Step(ticket, ())
    return _append(ticket, _item(ticket, now, "rated", "customer", stars=stars))


# — waiting for the customer ———————————————————————————————————————————————————


def pended(ticket: Ticket, agent: Agent, now: int) -> Step:
    """Pendiente: the next move is the customer's. Set by a person, never of a live chat. Pending already: time begins anew."""
    _answered_later(ticket, agent)
    if ticket.pending is not None:
        return Step(replace(ticket, pending=Pending(now)), ())
    ticket = replace(ticket, state="pending", pending=Pending(now))
    return _append(ticket, _item(ticket, now, "pending", "agent", author_id=agent.id, name=agent.name))


def resumed(ticket: Ticket, agent: Agent, now: int) -> Step:
    """Its agent takes it back to Abierto. Open already: nothing."""
    _answered_later(ticket, agent)
    if ticket.pending is None:
        return Step(ticket, ())
    return _resumed(ticket, "agent", now, author_id=agent.id, name=agent.name)


def sent_back(ticket: Ticket, agent: Agent, missing: Iterable[str], now: int) -> Step:
    """Pendiente, for what is missing: names of fields, of which there is one at least. It replaces what was missing before."""
    _answered_later(ticket, agent)
    names = tuple(dict.fromkeys(missing))
    item = _item(
        ticket, now, "sent_back", "agent", author_id=agent.id, name=agent.name, reason=",".join(names)
    )
    details = replace(ticket.details, missing=names)
    return _append(ticket, item, state="pending", pending=Pending(now), details=details)


def completed(ticket: Ticket, details: Details, cid: str, now: int) -> Step:
    """The customer completed what it was sent back for (`details`: with it). Abierto, the agent's turn."""
    _open(ticket)
    if not ticket.details.missing:
        raise Refused("nothing_missing")
    reason = ",".join(ticket.details.missing)
    item = _item(ticket, now, "completed", "customer", cid=cid, reason=reason)
    return _append(
        ticket, item, state="open", pending=None, details=details, turn="agent", active_at=now, proposal=None
    )


def copied(ticket: Ticket, details: Details, now: int) -> Step:
    """The customer names further people who get the answers (`details`: with them). All of them did before: nothing happens."""
    return _copied(ticket, details, now, "customer")


def copied_by(ticket: Ticket, agent: Agent, details: Details, now: int) -> Step:
    """The ticket's agent does (`details`: with them)."""
    _attended_by(ticket, agent)
    return _copied(ticket, details, now, "agent", author_id=agent.id, name=agent.name)


def waited(ticket: Ticket, policy: Policy, now: int) -> Step:
    """A pending ticket is looked at: nothing yet, its customer is reminded, or it is closed."""
    if ticket.pending is None or now < _pending_due(ticket, ticket.pending, policy):
        return Step(ticket, ())
    reminds = 0 < policy.pending_reminder_seconds < policy.pending_close_seconds
    if reminds and ticket.pending.reminded_at is None:
        ticket = replace(ticket, pending=replace(ticket.pending, reminded_at=now))
        return _append(ticket, _item(ticket, now, "reminder", "system"))
    return _close(ticket, now, "inactivity", "system")


# — classification —————————————————————————————————————————————————————————————


class Classification(msgspec.Struct, frozen=True, gc=False, forbid_unknown_fields=True, omit_defaults=True):
    """What an agent says of a ticket; None leaves things as they are."""

    type: Type | Literal[""] | None = None
    priority: Annotated[int, Meta(ge=0, le=4)] | None = None
    category: Annotated[str, Meta(max_length=40)] | None = None
    impact: Annotated[int, Meta(ge=0, le=3)] | None = None
    urgency: Annotated[int, Meta(ge=0, le=3)] | None = None
    development: bool | None = None


def classified(ticket: Ticket, agent: Agent, said: Classification, policy: Policy, now: int) -> Step:
    """The agent's classification wins over the customer's; of a ticket that nobody attends any agent's. It alone moves the place
    in the queue. Nothing differs: nothing happens."""
    _open(ticket)
    if ticket.agent_id not in (None, agent.id):
        raise Refused("not_yours")
    given = {name: value for name, value in msgspec.structs.asdict(said).items() if value is not None}
    had = {name: ticket.priority if name == "priority" else getattr(ticket.details, name) for name in given}
    changed = {name: [had[name], value] for name, value in given.items() if had[name] != value}
    if not changed:
        return Step(ticket, ())
    priority = given.pop("priority", ticket.priority)
    place = ticket.queue_rank
    if place is not None:
        # Not anew from `queued_at`: who came back to the head of the queue stays there, among the others of this priority.
        place += rank(0, priority, policy) - rank(0, ticket.priority, policy)
    item = _item(
        ticket,
        now,
        "classified",
        "agent",
        author_id=agent.id,
        name=agent.name,
        text=msgspec.json.encode(changed).decode(),
        reason=",".join(changed),
    )
    return _append(
        ticket, item, priority=priority, queue_rank=place, details=replace(ticket.details, **given)
    )


# — whose desk it is on ————————————————————————————————————————————————————————


def rank(queued_at: int, priority: int, policy: Policy) -> int:
    """The place in the queue: lower goes first. Waiting one `priority_step` is worth one level, so that nobody starves."""
    return queued_at - priority * policy.priority_step_seconds * 1000


def assigned(ticket: Ticket, agent: Agent, policy: Policy, now: int, *, by: By = "system") -> Step:
    """The ticket is now this agent's, who has `first_answer_seconds` to answer a live one."""
    if ticket.state == "closed":
        raise Refused("ticket_closed")
    if ticket.agent_id is not None:
        raise Refused("ticket_not_waiting")
    live = ticket.mode == "live"
    ticket = replace(
        ticket,
        agent_id=agent.id,
        agent_name=agent.name,
        assigned_at=now,
        answer_due_at=now + policy.first_answer_seconds * 1000 if live else None,
        reminded=False,
        queued_at=None,
        queue_rank=None,
        queue_until=None,
    )
    return _append(ticket, _item(ticket, now, "assigned", by, author_id=agent.id, name=agent.name))


def requeued(ticket: Ticket, reason: str, policy: Policy, now: int, *, closes_at: int | None) -> Step:
    """Back to the head of the queue; among those who came back by priority, then by arrival. `reason`: agent_gone | passed |
    signed_out. Its agent is not offered a passed one again."""
    if not ticket.chatting or ticket.agent_id is None:
        return Step(ticket, ())
    passed = ticket.passed
    if reason == "passed" and ticket.agent_id not in passed:
        passed = (*passed, ticket.agent_id)
    back = replace(
        _off_desk(ticket),
        passed=passed,
        turn="agent",
        queued_at=now,
        queue_rank=rank(ticket.opened_at - FRONT, ticket.priority, policy),
        queue_until=closes_at,
        proposal=None,
    )
    return _append(back, _item(back, now, "queued", "system", reason=reason))


def released(ticket: Ticket, now: int) -> Step:
    """A request whose agent is no more is for anybody to take again. Whose turn it is stays."""
    if ticket.state == "closed" or ticket.mode != "later" or ticket.agent_id is None:
        return Step(ticket, ())
    back = _off_desk(ticket)
    return _append(back, _item(back, now, "later", "system", reason="agent_left"))


def reminded(ticket: Ticket, policy: Policy, now: int) -> Step:
    """Nobody else could take it: it stays with its agent, who is reminded. Somebody may be free the next time it is looked at."""
    again = None
    if policy.assignment == "auto":
        again = now + max(policy.first_answer_seconds, LOOK_AGAIN_SECONDS) * 1000
    return Step(replace(ticket, answer_due_at=again, reminded=True), ())


def customer_gone(ticket: Ticket, now: int) -> Step:
    """The customer's last connection ended."""
    if not ticket.chatting or ticket.gone_at is not None:
        return Step(ticket, ())
    unseen = now if ticket.customer_unread and ticket.unseen_at is None else ticket.unseen_at
    return Step(replace(ticket, gone_at=now, unseen_at=unseen), ())


def customer_back(ticket: Ticket) -> Step:
    if not ticket.chatting or ticket.gone_at is None:
        return Step(ticket, ())
    return Step(replace(ticket, gone_at=None), ())


def interrupted(ticket: Ticket, policy: Policy, now: int) -> Step:
    """The server was away: nobody is closed for its silence, and nobody is connected yet. Its policy may be another one now."""
    if ticket.pending is not None:
        return Step(_pending_under(ticket, policy, now), ())
    if not ticket.chatting:
        return Step(ticket, ())
    floor = max(now + policy.inactivity_warning_seconds * 1000, ticket.floor_at)
    gone = now if ticket.gone_at is None else ticket.gone_at
    answer = ticket.answer_due_at
    if answer is not None:
        answer = max(answer, now + policy.agent_grace_seconds * 1000)
    return Step(replace(ticket, floor_at=floor, gone_at=gone, answer_due_at=answer), ())


def clock_was_set(ticket: Ticket, policy: Policy, now: int) -> Step:
    """The clock was set forward: nobody is closed, or passed on, for time that did not pass. Whose time runs has all of it
    again."""
    if not ticket.chatting:
        return Step(ticket, ())
    whole = now + policy.inactivity_seconds * 1000
    end = closes_at(ticket, policy.inactivity_seconds, strict=policy.inactivity_strict)
    floor = ticket.floor_at if end is None else max(whole, ticket.floor_at)
    answer = ticket.answer_due_at
    if answer is not None:
        answer = max(answer, now + policy.first_answer_seconds * 1000)
    return Step(replace(ticket, floor_at=floor, answer_due_at=answer), ())


def rules_changed(ticket: Ticket, policy: Policy, closes_at: int | None, now: int) -> Step:
    """An administrator changed policy or hours (`closes_at`: until when who waits may wait). Whoever would be closed sooner by
    the new rules is warned as by the old ones: nobody is closed by a rule that nobody saw."""
    if ticket.pending is not None:
        return Step(_pending_under(ticket, policy, now), ())
    if not ticket.chatting:
        return Step(ticket, ())
    after = replace(ticket, queue_until=closes_at) if ticket.waiting else ticket
    end, floor = due(after, policy), now + policy.inactivity_warning_seconds * 1000
    if end is not None and end < floor and end != ticket.due_at:
        after = replace(after, floor_at=floor)
    return Step(after, ())


def _pending_under(ticket: Ticket, policy: Policy, now: int) -> Ticket:
    """With a floor, where a new rule ends it sooner than the old one (`due_at`), and soon."""
    end, old = due(ticket, policy), ticket.due_at
    floor = now + NEW_RULE_MS
    if end is None or old is None or end >= min(old, floor):
        return ticket
    return replace(ticket, floor_at=min(old, floor))


# — inner ——————————————————————————————————————————————————————————————————————


def _open(ticket: Ticket) -> None:
    if ticket.state == "closed":
        raise Refused("ticket_closed")


def _attended_by(ticket: Ticket, agent: Agent) -> None:
    _open(ticket)
    if ticket.agent_id != agent.id:
        raise Refused("not_yours")


def _answered_later(ticket: Ticket, agent: Agent) -> None:
    _attended_by(ticket, agent)
    if ticket.mode != "later":
        raise Refused("ticket_live")


def _copied(
    ticket: Ticket, details: Details, now: int, by: By, *, author_id: int | None = None, name: str = ""
) -> Step:
    _open(ticket)
    fresh = [address for address in details.cc if address not in ticket.details.cc]
    if not fresh:
        return Step(ticket, ())
    item = _item(ticket, now, "copied", by, author_id=author_id, name=name, text=", ".join(fresh))
    return _append(ticket, item, details=details)


def _resumed(ticket: Ticket, by: By, now: int, *, author_id: int | None = None, name: str = "") -> Step:
    item = _item(ticket, now, "resumed", by, author_id=author_id, name=name)
    return _append(ticket, item, state="open", pending=None, turn="agent")


def _step(step: Step) -> tuple[Ticket, tuple[Item, ...]]:
    return step.ticket, step.items


def _off_desk(ticket: Ticket) -> Ticket:
    return replace(
        ticket,
        agent_id=None,
        agent_name="",
        assigned_at=None,
        answer_due_at=None,
        reminded=False,
        queued_at=None,
        queue_rank=None,
        queue_until=None,
    )


def _close(
    ticket: Ticket,
    now: int,
    reason: CloseReason,
    by: By,
    *,
    author_id: int = 0,
    name: str = "",
    text: str = "",
) -> Step:
    """Closed for good. Its agent stays written on it, so that history and rating know who attended."""
    item = _item(ticket, now, "closed", by, author_id=author_id, name=name, text=text, reason=reason)
    ticket = replace(
        ticket,
        state="closed",
        close_reason=reason,
        closed_at=now,
        answer_due_at=None,
        reminded=False,
        queued_at=None,
        queue_rank=None,
        queue_until=None,
        proposal=None,
        pending=None,
    )
    return _append(ticket, item)


def _item(
    ticket: Ticket,
    now: int,
    kind: Kind,
    by: By,
    *,
    author_id: int | None = None,
    name: str = "",
    cid: str = "",
    text: str = "",
    reason: str = "",
    stars: int = 0,
    files: tuple[File, ...] = (),
) -> Item:
    if author_id is None:
        author_id = ticket.customer.id if by == "customer" else 0
    return Item(ticket.last_seq + 1, now, kind, by, author_id, name, cid, text, reason, stars, files)


def _append(ticket: Ticket, item: Item, before: tuple[Item, ...] = (), **more: Any) -> Step:
    """The ticket after `item`: its last number, what lists show, and what the others have not read yet. `before`: items of the
    same step that led to `ticket`. `more`: fields of the ticket that change with it, so that what is said most often copies the
    ticket once."""
    if item.kind in TALK:
        shown = item.text or ", ".join(file.name for file in item.files)
        if item.by == "system":
            shown = f"{item.name}: {shown}"
        more["last"] = Last(shown[:200], item.by, item.at)
    if item.by == "customer":
        more["customer_seen"], more["customer_unread"] = item.seq, 0
        if ticket.unseen_at is not None:
            more["unseen_at"] = _unheard(ticket)
        if item.kind in NEWS:
            more["agent_unread"] = ticket.agent_unread + 1
    elif item.by == "agent":
        more["agent_seen"], more["agent_unread"] = item.seq, 0
        if item.kind in NEWS:
            more["customer_unread"] = ticket.customer_unread + 1
        absent = ticket.gone_at is not None or ticket.mode == "later"
        if absent and item.kind in MAILED and ticket.unseen_at is None:
            more["unseen_at"] = item.at
    return Step(replace(ticket, last_seq=item.seq, **more), (*before, item) if before else (item,))


def _then(step: Step, item: Item) -> Step:
    """`step`, and after it one more item (renumbered to follow)."""
    after = _append(step.ticket, msgspec.structs.replace(item, seq=step.ticket.last_seq + 1))
    return Step(after.ticket, step.items + after.items)
