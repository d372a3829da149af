"""The write contract: load → decide → apply, by groups.

A use case says what it `Needs` and how to `decide`. The store takes the use cases that wait as one group: it loads what all of
them need into one `World`, lets each decide in order (the next one sees what the one before did), applies what changed, and
commits once. Acknowledgements and events leave after that commit, from one callback per group. A use case that is refused, or
that fails, leaves nothing in the world, the others go on.

`decide` runs in the writing thread: no awaiting, no I/O, nothing that is shared with the event loop. SQLite and PostgreSQL differ
only in how they load and apply.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Literal

import msgspec
from msgspec.structs import replace

from chatserver.core.errors import Refused
from chatserver.core.events import Event, MailWaits, NotesRead, NoteWritten, TicketChanged
from chatserver.core.files import File
from chatserver.core.mails import TakenMail
from chatserver.core.notes import Note
from chatserver.core.outbox import Letter, caused
from chatserver.core.people import Agent, Customer
from chatserver.core.policy import Policy
from chatserver.core.tickets import TALK, By, Item, Step, Ticket, due

FIRST_NUMBER = 1001
"""The number of an app's first ticket."""
Side = Literal["customer", "agent"]
WAITING_HEAD = 200
"""So many waiting tickets of a desk are looked at in one pairing: more than places become free with one agent, and the cost stays
flat. Where those of many do, pairing goes on until nobody is paired any more (`followups.people_changed`)."""


class Who(msgspec.Struct, frozen=True, gc=False):
    """A customer as authenticated: the row may not exist yet (nothing is written until somebody starts a ticket)."""

    app_id: int
    key: str
    name: str = ""
    email: str = ""
    locale: str = ""
    zone: str = ""


class Upload(msgspec.Struct, frozen=True, gc=False):
    """A file that somebody sent up and that is in no message yet. `owner`: a customer's key, an agent's id."""

    file: File
    app_id: int
    by: By
    owner: str


class Needs(msgspec.Struct, frozen=True, gc=False):
    """What must be loaded before `decide` runs. Asking the world for anything else is a programming error (LookupError)."""

    tickets: tuple[int, ...] = ()
    said: tuple[tuple[int, By, int, str], ...] = ()
    """(ticket, author's side, author's id (0 = the ticket's customer), cid): was this message stored before? Who is in copy is
    ("system", their customer's id)."""
    noted: tuple[tuple[int, int, str], ...] = ()
    """(ticket, agent's id, cid), beside `tickets`: was this note written before, which number has the ticket's last one, and how
    many of them did mails say?"""
    customers: tuple[tuple[int, str], ...] = ()
    """(app id, key): the customer's row, who answered their last closed ticket, and all of their open live ones."""
    opened: tuple[tuple[int, str, str], ...] = ()
    """(app id, customer key, cid): was a ticket opened with this cid before?"""
    numbers: tuple[int, ...] = ()
    """App ids whose next ticket number is wanted."""
    agents: tuple[int, ...] = ()
    """Agents with their load."""
    attended: tuple[int, ...] = ()
    """Agents all of whose open live tickets are wanted: as many as they attend, so for nothing that happens often."""
    desks: tuple[int, ...] = ()
    """App ids: all agents of the app with their loads, and the head of its queue."""
    files: tuple[str, ...] = ()
    """Ids of files that are to be in a message."""
    mails: tuple[tuple[int, str], ...] = ()
    """(app id, key): was this mail taken before?"""
    answered: tuple[tuple[int, str], ...] = ()
    """(app id, address): when something was last sent there because of a mail."""
    claims: bool = False
    """Which node claimed `agents`, and the customers of all tickets, last."""


class Desk(msgspec.Struct, frozen=True):
    """An app's agents and the head of its queue, as the world stands now."""

    agents: tuple[Agent, ...]
    waiting: tuple[Ticket, ...]


class World:
    """What one group works on: rows as loaded, and what its use cases made of them so far."""

    def __init__(self) -> None:
        self._tickets: dict[int, Ticket] = {}
        self._said: dict[tuple[int, By, int, str], int | None] = {}
        self._noted: dict[tuple[int, int, str], int | None] = {}
        self._last_notes: dict[int, int] = {}
        self._mailed_notes: dict[int, int] = {}
        self._customers: dict[tuple[int, str], Customer | None] = {}
        self._answered: dict[tuple[int, str], int | None] = {}
        self._opened: dict[tuple[int, str, str], int | None] = {}
        self._numbers: dict[int, int] = {}
        self._agents: dict[int, Agent] = {}
        self._uploads: dict[str, Upload] = {}
        self._mails: dict[tuple[int, str], TakenMail | None] = {}
        self._mail_answers: dict[tuple[int, str], tuple[int, ...]] = {}
        self._ids: dict[str, int] = {}
        self.desks: set[int] = set()
        self.attended: set[int] = set()
        # What to apply, in order of first change; the values are the rows as they stand.
        self.new_customers: dict[int, Customer] = {}
        self.new_tickets: dict[int, tuple[str, str]] = {}
        self.changed_tickets: dict[int, Ticket | None] = {}
        """With the ticket as it is stored, before the group; None: it is new."""
        self.changed_agents: dict[int, None] = {}
        self.attached: dict[str, tuple[int, int]] = {}
        """Files that are in a message now: its ticket and number."""
        self.new_notes: dict[tuple[int, int], Note] = {}
        """By ticket and number, in the order of their numbers."""
        self.read_notes: dict[int, int] = {}
        """By ticket, up to which number agents read what mails said."""
        self.new_mails: dict[tuple[int, str], TakenMail] = {}
        self.claimed: dict[tuple[Side, int], None] = {}
        """Whose customer, or which agent, is connected to this node now."""
        self._claimants: dict[tuple[Side, int], int] = {}
        self._node = 0
        self.items: list[tuple[int, Item]] = []
        self.letters: list[Letter] = []
        self.events: list[Event] = []
        self._undo: list[tuple[dict[Any, Any], Any, Any]] = []
        self._marks = (0, 0, 0)

    # — loading (the store's part) —————————————————————————————————————————————

    def loaded_ticket(self, ticket: Ticket) -> None:
        self._tickets[ticket.id] = ticket

    def loaded_said(self, key: tuple[int, By, int, str], seq: int | None) -> None:
        self._said[key] = seq

    def loaded_noted(self, key: tuple[int, int, str], seq: int | None) -> None:
        self._noted[key] = seq

    def loaded_last_note(self, ticket_id: int, seq: int, mailed: int) -> None:
        """The number of the ticket's last note, 0 where there is none, and how many of its notes mails said."""
        self._last_notes[ticket_id] = seq
        self._mailed_notes[ticket_id] = mailed

    def loaded_customer(self, key: tuple[int, str], customer: Customer | None) -> None:
        self._customers[key] = customer

    def loaded_answered(self, key: tuple[int, str], agent_id: int | None) -> None:
        self._answered[key] = agent_id

    def loaded_opened(self, key: tuple[int, str, str], ticket_id: int | None) -> None:
        self._opened[key] = ticket_id

    def loaded_number(self, app_id: int, last: int) -> None:
        self._numbers[app_id] = last

    def loaded_agent(self, agent: Agent) -> None:
        """With the load as stored: from here on the world keeps count."""
        self._agents[agent.id] = agent

    def loaded_upload(self, upload: Upload) -> None:
        """None that is in a message already."""
        self._uploads[upload.file.id] = upload

    def loaded_mail(self, key: tuple[int, str], mail: TakenMail | None) -> None:
        self._mails[key] = mail

    def loaded_answers(self, key: tuple[int, str], at: tuple[int, ...]) -> None:
        """The last `core.mails.ANSWERS_AT_MOST`, in any order."""
        self._mail_answers[key] = at

    def loaded_claims(self, node: int, claims: Iterable[tuple[Side, int, int]]) -> None:
        """This node is `node`; each claim: whose it is, and of which node."""
        self._node = node
        self._claimants.update({(side, row): claimant for side, row, claimant in claims})

    def loaded_ids(self, **last: int) -> None:
        """The last id given for `ticket` and `customer`."""
        self._ids.update(last)

    # — deciding (the use case's part) —————————————————————————————————————————

    def ticket_of(self, who: Who, ticket_id: int) -> Ticket:
        """The customer's own ticket. Authorisation is this lookup: Refused(not_found) for anybody else's."""
        ticket = self._tickets.get(ticket_id)
        if ticket is None or ticket.app_id != who.app_id or ticket.customer.key != who.key:
            raise Refused("not_found")
        return ticket

    def ticket_for(self, agent: Agent, ticket_id: int) -> Ticket:
        """A ticket of one of the agent's apps. Refused(not_found) for any other."""
        ticket = self._tickets.get(ticket_id)
        if ticket is None or ticket.app_id not in agent.app_ids:
            raise Refused("not_found")
        return ticket

    def ticket(self, ticket_id: int) -> Ticket | None:
        """For the server's own verbs (timers, presence), which act for nobody."""
        return self._tickets.get(ticket_id)

    def customer(self, who: Who) -> Customer | None:
        return self._customers[who.app_id, who.key]

    def answered_last(self, who: Who) -> int | None:
        """The agent of the customer's last closed ticket that an agent answered; None when there is none."""
        return self._answered.get((who.app_id, who.key))

    def chats_of(self, who: Who) -> list[Ticket]:
        """The customer's open live tickets."""
        return [
            t
            for t in self._tickets.values()
            if t.chatting and t.app_id == who.app_id and t.customer.key == who.key
        ]

    def agent(self, agent_id: int) -> Agent:
        """Refused(unauthorized) when the agent is no more."""
        agent = self._agents.get(agent_id)
        if agent is None:
            raise Refused("unauthorized")
        return agent

    def chats_at(self, agent_id: int) -> list[Ticket]:
        """The open live tickets that an agent attends."""
        if agent_id not in self.attended:
            raise LookupError(f"the chats of agent {agent_id} were not asked for in Needs")
        return [t for t in self._tickets.values() if t.chatting and t.agent_id == agent_id]

    def agents_of(self, app_id: int) -> tuple[Agent, ...]:
        """A desk's agents; for who needs no more of it, since the queue is looked for among all tickets of the group."""
        if app_id not in self.desks:
            raise LookupError(f"desk {app_id} was not asked for in Needs")
        return tuple(a for a in self._agents.values() if app_id in a.app_ids)

    def desk(self, app_id: int) -> Desk:
        agents = self.agents_of(app_id)
        waiting = [t for t in self._tickets.values() if t.app_id == app_id and t.chatting and t.waiting]
        waiting.sort(key=lambda t: (t.queue_rank or 0, t.id))
        return Desk(agents, tuple(waiting))

    def said(self, ticket: Ticket, by: By, author_id: int, cid: str) -> int | None:
        """The number of the message that this author stored under this cid, if there is one."""
        return self._said[ticket.id, by, 0 if by == "customer" else author_id, cid]

    def noted(self, ticket: Ticket, author_id: int, cid: str) -> int | None:
        """The number of the note that this author wrote under this cid, if there is one."""
        return self._noted[ticket.id, author_id, cid]

    def last_note(self, ticket: Ticket) -> int:
        """The number of the ticket's last note; 0 where there is none."""
        return self._last_notes[ticket.id]

    def mailed_notes(self, ticket: Ticket) -> int:
        """How many of the ticket's notes mails said."""
        return self._mailed_notes[ticket.id]

    def opened(self, who: Who, cid: str) -> Ticket | None:
        """The ticket that this customer opened with this cid, if there is one."""
        found = self._opened[who.app_id, who.key, cid]
        return None if found is None else self._tickets[found]

    def uploads(self, ids: tuple[str, ...], app_id: int, by: By, owner: str) -> tuple[File, ...]:
        """What this author sent up, for a message. Refused(file_unknown) where one of them is not theirs, or is in a message."""
        found = []
        for file_id in ids:
            upload = self._uploads.get(file_id)
            if (
                upload is None
                or file_id in self.attached
                or (upload.app_id, upload.by, upload.owner) != (app_id, by, owner)
            ):
                raise Refused("file_unknown")
            found.append(upload.file)
        return tuple(found)

    def mail(self, app_id: int, key: str) -> TakenMail | None:
        """The mail that was taken under this key, if there is one."""
        return self._mails[app_id, key]

    def mail_answers(self, app_id: int, address: str) -> tuple[int, ...]:
        """When (ms) something was last sent there because of a mail: the last few times."""
        return self._mail_answers[app_id, address]

    # — what a use case does ———————————————————————————————————————————————————

    def new_customer(self, who: Who, now: int) -> Customer:
        customer = Customer(
            self._next_id("customer"), who.app_id, who.key, who.name, who.email, who.locale, who.zone, now
        )
        self._set(self._customers, (who.app_id, who.key), customer)
        self._set(self.new_customers, customer.id, customer)
        return customer

    def update_customer(self, customer: Customer) -> None:
        """Name, e-mail, locale, zone or what mails claim became known or changed."""
        self._set(self._customers, (customer.app_id, customer.key), customer)
        self._set(self.new_customers, customer.id, customer)

    def draft(
        self, customer: Customer, subject: str, context: str, now: int, *, email: str, follows: int
    ) -> Ticket:
        """A ticket with its id and number, to be opened and `put`."""
        number = self._numbers[customer.app_id] + 1
        self._set(self._numbers, customer.app_id, number)
        return Ticket(
            id=self._next_id("ticket"),
            app_id=customer.app_id,
            number=number,
            customer=customer,
            subject=subject,
            context=context,
            opened_at=now,
            email=email,
            follows=follows,
        )

    def create(self, step: Step, policy: Policy, cid: str) -> Ticket:
        """Store a new ticket, opened under `cid`."""
        ticket = step.ticket
        self._set(self.new_tickets, ticket.id, (cid, ticket.context))
        self._set(self._opened, (ticket.app_id, ticket.customer.key, cid), ticket.id)
        return self._keep(None, step, policy)

    def put(self, before: Ticket, step: Step, policy: Policy) -> Ticket:
        """Store what a verb made of a ticket; returns it with its version and due time. Nothing changed: nothing is stored."""
        return self._keep(before, step, policy)

    def note(self, ticket: Ticket, note: Note) -> None:
        """Store the ticket's next note. The ticket stays as it is, its version too: customers hear of that."""
        self._set(self.new_notes, (ticket.id, note.seq), note)
        self._set(self._last_notes, ticket.id, note.seq)
        self._set(self._mailed_notes, ticket.id, self._mailed_notes[ticket.id] + (not note.author_id))
        self._set(self._noted, (ticket.id, note.author_id, note.cid), note.seq)
        self.events.append(
            NoteWritten(ticket.app_id, ticket.id, note, ticket.number, ticket.subject, ticket.agent_id)
        )

    def notes_read(self, ticket: Ticket, seq: int) -> None:
        """Store that what mails said about the ticket was read up to this note. The ticket stays as it is, as above."""
        self._set(self.read_notes, ticket.id, max(seq, self.read_notes.get(ticket.id, 0)))
        self.events.append(NotesRead(ticket.app_id, ticket.id, seq))

    def take(self, mail: TakenMail) -> None:
        """Store that a mail was taken, in the same commit as what it became."""
        self._set(self._mails, (mail.app_id, mail.key), mail)
        self._set(self.new_mails, (mail.app_id, mail.key), mail)
        if mail.answer:
            earlier = self._mail_answers[mail.app_id, mail.sender]
            self._set(self._mail_answers, (mail.app_id, mail.sender), (mail.at, *earlier))

    def put_agent(self, agent: Agent) -> None:
        """Store an agent's status, presence or time of the last chat (the load follows from the tickets)."""
        self._set(self._agents, agent.id, agent)
        self._set(self.changed_agents, agent.id, None)

    def claim(self, side: Side, row: int) -> None:
        """The customer of this ticket, or this agent, is connected to this node: should it die, others say that they are gone.
        Nothing that anybody is told of; a store with one node only has no use for it."""
        self._set(self.claimed, (side, row), None)

    def elsewhere(self, side: Side, row: int, node: int | None = None) -> bool:
        """Somebody else than `node` (this one, if not given) claimed them last: that they left it is no news any more. A node may
        say so a minute late, when it was frozen or cut off. Never so in a store with one node only."""
        claimant = self._node if (side, row) in self.claimed else self._claimants.get((side, row), 0)
        return claimant not in (0, self._node if node is None else node)

    def post(self, letter: Letter) -> None:
        """Put a mail into the outbox. What a ticket's own items cause is put there by `create` and `put` themselves."""
        self.letters.append(letter)
        self.events.append(MailWaits())

    def emit(self, event: Event) -> None:
        """Publish after the commit. Ticket changes are published by `create` and `put` themselves."""
        self.events.append(event)

    def _keep(self, before: Ticket | None, step: Step, policy: Policy) -> Ticket:
        due_at = due(step.ticket, policy)
        if not step.items and step.ticket == before and step.ticket.due_at == due_at:
            return before
        after = replace(step.ticket, due_at=due_at, version=(before.version if before else 0) + 1)
        if after.id not in self.changed_tickets:
            self._set(self.changed_tickets, after.id, self._tickets.get(after.id))
        self._set(self._tickets, after.id, after)
        for item in step.items:
            self.items.append((after.id, item))
            for file in item.files:
                self._set(self.attached, file.id, (after.id, item.seq))
            if item.cid:
                author = 0 if item.by == "customer" else item.author_id
                self._set(self._said, (after.id, item.by, author, item.cid), item.seq)
        if self._agents:
            self._count(before, -1)
            self._count(after, +1)
        self.events.append(TicketChanged(before, after, step.items))
        # Nothing that is merely said is told by mail at once: a message does not look any further.
        if policy.mail and step.items and (before is None or step.items[0].kind not in TALK):
            for letter in caused(after, step.items):
                self.post(letter)
        return after

    def _count(self, ticket: Ticket | None, by: int) -> None:
        """Keep the loads of agents right while tickets move."""
        if ticket is None or not ticket.chatting or ticket.agent_id is None:
            return
        agent = self._agents.get(ticket.agent_id)
        if agent is not None:
            self._set(self._agents, agent.id, replace(agent, load=agent.load + by))

    def _next_id(self, kind: str) -> int:
        self._set(self._ids, kind, self._ids[kind] + 1)
        return self._ids[kind]

    # — all or nothing, per use case (the store's part) ————————————————————————

    def begin(self) -> None:
        self._undo.clear()
        self._marks = (len(self.items), len(self.events), len(self.letters))

    def roll_back(self) -> None:
        """As it was at `begin`."""
        for table, key, old in reversed(self._undo):
            if old is _ABSENT:
                del table[key]
            else:
                table[key] = old
        self._undo.clear()
        del self.items[self._marks[0] :]
        del self.events[self._marks[1] :]
        del self.letters[self._marks[2] :]

    def _set(self, table: dict[Any, Any], key: Any, value: Any) -> None:
        self._undo.append((table, key, table.get(key, _ABSENT)))
        table[key] = value

    # — applying (the store's part) ————————————————————————————————————————————

    @property
    def changed(self) -> bool:
        """Whether there is anything to write."""
        return bool(self.changed_tickets) or self._beside

    def app_of(self, ticket_id: int) -> int:
        return self._tickets[ticket_id].app_id

    @property
    def only_goes_on(self) -> bool:
        """Whether there is nothing to write but tickets that were there before, and messages without files in them."""
        return not (self._beside or self.new_tickets or self.attached or self.claimed)

    @property
    def _beside(self) -> bool:
        """Whether there is anything to write that is no ticket's own and in no message."""
        return bool(
            self.new_customers
            or self.changed_agents
            or self.new_notes
            or self.read_notes
            or self.letters
            or self.new_mails
        )

    def was_said(self, key: tuple[int, By, int, str]) -> bool:
        """Whether this is stored by now, before or in this group."""
        return self._said[key] is not None

    def tickets_to_apply(self) -> Iterable[Ticket]:
        return [self._tickets[i] for i in self.changed_tickets]

    def agents_to_apply(self) -> Iterable[Agent]:
        return [self._agents[i] for i in self.changed_agents]


_ABSENT: Any = object()
