"""The ticket's state machine: open, pending, closed. For each verb the next ticket and what is said about it, or a refusal.

A verb takes a ticket as it stands and returns a `Step`: the ticket afterwards and the items appended to its public sequence.
It changes nothing, so a refused or abandoned step leaves nothing behind. Every transition leaves an item: who, when, why.
Instants are ms since 1970 UTC.
"""

from __future__ import annotations

from typing import Any, Final, Literal

import msgspec
from msgspec.structs import replace

from chatserver.core.errors import Refused
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
    "later",  # live → later; `reason` customer | closing_time | customer_gone | outside_hours | unattended
    "closed",
    "rated",
]
MailProblem = Literal[
    "refused",  # the other side takes no mail for this address
    "expired",  # nobody took it for days
]
TALK: Final = frozenset({"message", "proposal"})
FRONT: Final = 10 * 365 * 86_400_000
"""Taken off a returned ticket's rank: ahead of everybody who came by themselves, in the order of arrival."""
LOOK_AGAIN_SECONDS: Final = 10
"""After a reminder, at least: an app may give its agents no time at all for the first answer."""


class Item(msgspec.Struct, frozen=True, gc=False):
    """One entry of a ticket's public sequence: a message, or what happened to the ticket."""

    seq: int
    at: int
    kind: Kind
    by: By
    author_id: int = 0
    """The customer's or agent's id, 0 for the system."""
    name: str = ""
    """The agent's name at that time: the author's, or for `assigned` the new agent's."""
    cid: str = ""
    """The client's id of a message, 22 characters; empty for what no client named."""
    text: str = ""
    reason: str = ""
    stars: int = 0


class Last(msgspec.Struct, frozen=True, gc=False):
    """The last message, for lists."""

    text: str
    by: By
    at: int


class Rating(msgspec.Struct, frozen=True, gc=False):
    stars: int
    comment: str
    at: int
    """When it was first given: the time for changing it runs from here."""


class Ticket(msgspec.Struct, frozen=True, gc=False):
    """A ticket as it stands. `version` grows by one with each committed change of anything in it."""

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
    for other in (ticket.answer_due_at, ticket.queue_until if ticket.waiting else None):
        if other is not None and (at is None or other < at):
            at = other
    if ticket.unseen_at is not None:
        tell = mail_due(ticket, policy)
        if tell is not None and (at is None or tell < at):
            at = tell
    return at


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


def requested(draft: Ticket, text: str, cid: str, reason: str) -> Step:
    """A new ticket that will be answered later, with its first message. `reason`: outside_hours | unattended."""
    now = draft.opened_at
    if not draft.email:
        raise Refused("email_required")
    ticket = replace(draft, mode="later", active_at=now)
    step = _append(ticket, _item(ticket, now, "opened", "customer", text=ticket.subject))
    step = _then(step, _item(ticket, now, "later", "system", reason=reason))
    return _then(step, _item(ticket, now, "message", "customer", cid=cid, text=text))


# — talking ————————————————————————————————————————————————————————————————————


def customer_said(ticket: Ticket, text: str, cid: str, now: int) -> Step:
    """The customer speaks: it is the agent's turn, and an unanswered proposal is answered by talking on."""
    _open(ticket)
    item = _item(ticket, now, "message", "customer", cid=cid, text=text)
    return _append(ticket, item, turn="agent", active_at=now, proposal=None)


def agent_said(
    ticket: Ticket, agent: Agent, text: str, cid: str, now: int, *, proposal: bool = False
) -> Step:
    """The ticket's agent speaks, or proposes the solution. Gives the customer the whole time again."""
    _attended_by(ticket, agent)
    kind: Kind = "proposal" if proposal else "message"
    item = _item(ticket, now, kind, "agent", author_id=agent.id, name=agent.name, cid=cid, text=text)
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
    return Step(replace(ticket, customer_seen=seq, customer_unread=0, unseen_at=None), ())


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
    ticket = replace(ticket, turn="agent", active_at=now, proposal=None)
    return _append(ticket, _item(ticket, now, "declined", "customer"))


def customer_ended(ticket: Ticket, now: int) -> Step:
    """The customer ends the chat; in the queue that is leaving it for good (abandoned)."""
    _open(ticket)
    return _close(ticket, now, "abandoned" if ticket.waiting else "customer", "customer")


def agent_closed(ticket: Ticket, agent: Agent, now: int) -> Step:
    _attended_by(ticket, agent)
    return _close(ticket, now, "agent", "agent", author_id=agent.id, name=agent.name)


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


def requeued(ticket: Ticket, reason: str, now: int, *, closes_at: int | None) -> Step:
    """Back to the head of the queue. `reason`: agent_gone | passed | signed_out. Its agent is not offered a passed one again."""
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
        queue_rank=ticket.opened_at - FRONT,
        queue_until=closes_at,
        proposal=None,
    )
    return _append(back, _item(back, now, "queued", "system", reason=reason))


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
    """The server was away: nobody is closed for its silence, and nobody is connected yet."""
    if not ticket.chatting:
        return Step(ticket, ())
    floor = now + policy.inactivity_warning_seconds * 1000
    gone = now if ticket.gone_at is None else ticket.gone_at
    answer = ticket.answer_due_at
    if answer is not None:
        answer = max(answer, now + policy.agent_grace_seconds * 1000)
    return Step(replace(ticket, floor_at=floor, gone_at=gone, answer_due_at=answer), ())


def rules_changed(ticket: Ticket, policy: Policy, closes_at: int | None, now: int) -> Step:
    """An administrator changed policy or hours (`closes_at`: until when who waits may wait). Whoever would be closed sooner by
    the new rules is warned as by the old ones: nobody is closed by a rule that nobody saw."""
    if not ticket.chatting:
        return Step(ticket, ())
    after = replace(ticket, queue_until=closes_at) if ticket.waiting else ticket
    end, floor = due(after, policy), now + policy.inactivity_warning_seconds * 1000
    if end is not None and end < floor and end != ticket.due_at:
        after = replace(after, floor_at=floor)
    return Step(after, ())


# — inner ——————————————————————————————————————————————————————————————————————


def _open(ticket: Ticket) -> None:
    if ticket.state == "closed":
        raise Refused("ticket_closed")


def _attended_by(ticket: Ticket, agent: Agent) -> None:
    _open(ticket)
    if ticket.agent_id != agent.id:
        raise Refused("not_yours")


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
    ticket: Ticket, now: int, reason: CloseReason, by: By, *, author_id: int = 0, name: str = ""
) -> Step:
    """Closed for good. Its agent stays written on it, so that history and rating know who attended."""
    item = _item(ticket, now, "closed", by, author_id=author_id, name=name, reason=reason)
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
) -> Item:
    if author_id is None:
        author_id = ticket.customer.id if by == "customer" else 0
    return Item(ticket.last_seq + 1, now, kind, by, author_id, name, cid, text, reason, stars)


def _append(ticket: Ticket, item: Item, **more: Any) -> Step:
    """The ticket after `item`: its last number, what lists show, and what the others have not read yet. `more`: fields of the
    ticket that change with it, so that what is said most often copies the ticket once."""
    if item.kind in TALK:
        more["last"] = Last(item.text[:200], item.by, item.at)
    if item.by == "customer":
        more["customer_seen"], more["customer_unread"] = item.seq, 0
        if ticket.unseen_at is not None:
            more["unseen_at"] = None
        if item.kind in TALK:
            more["agent_unread"] = ticket.agent_unread + 1
    elif item.by == "agent":
        more["agent_seen"], more["agent_unread"] = item.seq, 0
        if item.kind in TALK:
            more["customer_unread"] = ticket.customer_unread + 1
            if ticket.unseen_at is None and (ticket.gone_at is not None or ticket.mode == "later"):
                more["unseen_at"] = item.at
    return Step(replace(ticket, last_seq=item.seq, **more), (item,))


def _then(step: Step, item: Item) -> Step:
    """`step`, and after it one more item (renumbered to follow)."""
    after = _append(step.ticket, msgspec.structs.replace(item, seq=step.ticket.last_seq + 1))
    return Step(after.ticket, step.items + after.items)
