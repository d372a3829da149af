"""The wire protocol, version 1: every frame both ways, as structs. `docs/protocol.md` explains it to a stranger.

JSON text frames, one object each, told apart by `type`; unknown types and unknown fields are refused. Instants are whole ms
since 1970 UTC and always the server's; durations are seconds. `widget/src/wire.ts` is generated from this file.
"""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal

import msgspec
from msgspec import Meta

from chatserver.core.answers import Given
from chatserver.core.attention import Attention
from chatserver.core.classification import Source, Type
from chatserver.core.errors import WireCode, Wrong
from chatserver.core.files import File, FileLink
from chatserver.core.inactivity import Clock
from chatserver.core.people import Status
from chatserver.core.tickets import (
    By,
    Classification,
    CloseReason,
    Kind,
    Last,
    MailProblem,
    Mode,
    Rating,
    State,
)

VERSION: Final = 1
MAX_FRAME_BYTES: Final = 65_536
PAGE: Final = 100
"""Items in one `items` frame at most; a replay is at most `REPLAY` items, else the client gets a `snapshot`."""
REPLAY: Final = 500
PAGE_BYTES: Final = 262_144
"""Of text in one page, or in a snapshot: a slow line has it within the deadline for sending."""
SNAPSHOT: Final = 50
"""Items in a snapshot: the latest ones. Earlier ones by `history`."""
DESK_PAGE: Final = 100
DESK_BYTES: Final = 81_920
"""Tickets in one page of a desk's list, and what they take as JSON: whoever waits must not decide how long an agent's sign-in
takes, or whether it gets through."""

Cid = Annotated[str, Meta(min_length=22, max_length=22)]
TicketId = Annotated[int, Meta(ge=1, le=2**53 - 1)]
Waits = Literal["waiting", "requests"]
"""The lists of a desk that all agents of an app share: the queue, and what is to be answered later that nobody took."""
Seq = Annotated[int, Meta(ge=0, le=2**53 - 1)]


class Frame(
    msgspec.Struct, frozen=True, gc=False, tag_field="type", forbid_unknown_fields=True, omit_defaults=True
):
    """What all frames share."""


# — what both audiences see ————————————————————————————————————————————————————


class ItemView(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """One entry of a ticket's public sequence. `cid` is there for the reader's own side's messages only."""

    seq: int
    at: int
    kind: Kind
    by: By
    text: str = ""
    cid: str = ""
    name: str = ""
    reason: str = ""
    stars: int = 0
    author: int = 0
    """For agents only: the agent's id who wrote it, or to whom it was `assigned`; of talk by the `system`, the id of the customer
    who is in copy."""
    files: tuple[File, ...] = ()
    """Of a message. Where they are to be had is asked for with `links`."""


class NoteView(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """One entry of a ticket's internal sequence. For agents only."""

    seq: int
    at: int
    author: int
    """The agent's id who wrote it; 0 for a mail."""
    name: str
    """The agent's, or the address that the mail claims to be from."""
    text: str
    cid: str
    mail: bool = False
    """It came by mail: `/console/tickets/{ticket}/notes/{seq}` shows that one."""
    verified: bool = False
    """Of a mail: the sender's domain stands by it."""


class FormView(msgspec.Struct, frozen=True, gc=False):
    """What was answered to a ticket's form, whole: for who opens the ticket, never in a list. All fields are always there."""

    asked: int
    """The priority that the customer chose; 0 none."""
    why: str
    impact: int
    urgency: int
    case: str
    tax_country: str
    tax_id: str
    tax_kind: str
    """"RUT", "NIT" …; empty for an id that could not be checked."""
    company: str
    phone: str
    url: str
    wanted_why: str
    cc: tuple[str, ...]
    fields: dict[str, str]
    """Answers to the app's own fields, by their keys."""


class CustomerTicket(msgspec.Struct, frozen=True, gc=False):
    """A ticket as its customer sees it. All fields are always there."""

    id: int
    number: int
    subject: str
    state: State
    mode: Mode
    close_reason: CloseReason | None
    opened_at: int
    closed_at: int | None
    follows: int
    agent: str
    """The name of who attends, or attended; empty while nobody does."""
    waiting: bool
    queued_at: int | None
    clock: Clock | None
    proposal: int | None
    last_seq: int
    last: Last | None
    seen: int
    """How far the customer has read."""
    agent_seen: int
    unread: int
    rating: Rating | None
    rate_until: int | None
    email: str
    version: int
    source: Source
    type: Type | Literal[""]
    """Solicitud, Incidente, Consulta, Sugerencia."""
    category: str
    case_kind: str
    """What the ticket is about, a key of the app's form; `case` is its number or name, masked where it is sensitive."""
    case: str
    wanted: str
    """The day until which it is wanted (2026-12-24), or empty."""
    missing: tuple[str, ...]
    """What it was sent back for: names of fields, to be given by `complete`."""
    closes_at: int | None
    """When a pending ticket closes if its customer says nothing."""


class Person(msgspec.Struct, frozen=True, gc=False):
    """A customer as agents see them. `name` is never empty: a visitor without one is `Visitante` and four letters (`alias`)."""

    id: int
    name: str
    alias: str
    email: str
    verified: bool
    """The host vouches for them."""
    account: bool
    """They signed up in the portal, by a link mailed to `email`."""
    locale: str
    zone: str
    claimed: str
    """Of who only ever wrote mails that nobody stands by, whose `name` is an address: what these call them. Anybody may have
    written them: to be shown beside the address, as a claim."""


class AgentTicket(msgspec.Struct, frozen=True, gc=False):
    """A ticket as agents see it. All fields are always there."""

    id: int
    app: str
    """The app's key."""
    number: int
    subject: str
    state: State
    mode: Mode
    close_reason: CloseReason | None
    opened_at: int
    closed_at: int | None
    follows: int
    customer: Person
    agent_id: int | None
    agent: str
    waiting: bool
    queued_at: int | None
    queue_rank: int | None
    assigned_at: int | None
    answer_due_at: int | None
    answered_at: int | None
    reminded: bool
    clock: Clock | None
    proposal: int | None
    last_seq: int
    last: Last | None
    seen: int
    """How far the ticket's agent has read."""
    customer_seen: int
    unread: int
    rating: Rating | None
    email: str
    priority: int
    mail_problem: MailProblem | Literal[""]
    """Why the last mail about it did not reach its customer."""
    version: int
    source: Source
    type: Type | Literal[""]
    category: str
    case_kind: str
    case: str
    """As for customers."""
    wanted: str
    development: bool
    """It becomes a new requirement."""
    missing: tuple[str, ...]
    closes_at: int | None
    answer_by: int | None
    """The targets of a ticket that is answered later, for its first answer and its end; None: none, or met."""
    solve_by: int | None


# — customer → server ——————————————————————————————————————————————————————————


class Context(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """What the widget knows of the host page. All of it is hostile text."""

    url: Annotated[str, Meta(max_length=2000)] = ""
    title: Annotated[str, Meta(max_length=300)] = ""
    app_version: Annotated[str, Meta(max_length=100)] = ""
    browser: Annotated[str, Meta(max_length=400)] = ""
    locale: Annotated[str, Meta(max_length=35)] = ""
    zone: Annotated[str, Meta(max_length=64)] = ""
    host: Annotated[dict[str, str], Meta(max_length=20)] = {}
    """What the host passed: at most 20 entries, each key ≤ 100 and value ≤ 500 characters (longer ones are cut)."""


class CustomerHello(Frame, frozen=True, tag="hello"):
    """First frame, within 10 s. `token`: ours, from an earlier `welcome`; `identity`: the host's user token (JWT)."""

    v: int
    app: Annotated[str, Meta(max_length=100)]
    token: Annotated[str, Meta(max_length=2000)] = ""
    identity: Annotated[str, Meta(max_length=4000)] = ""
    name: Annotated[str, Meta(max_length=200)] = ""
    email: Annotated[str, Meta(max_length=254)] = ""
    locale: Annotated[str, Meta(max_length=35)] = ""
    zone: Annotated[str, Meta(max_length=64)] = ""


class Start(Frame, frozen=True, tag="start"):
    """Open a live ticket. A repeat of `cid` answers with the first ticket."""

    cid: Cid
    subject: Annotated[str, Meta(max_length=2000)]
    context: Context = Context()
    name: Annotated[str, Meta(max_length=200)] = ""
    email: Annotated[str, Meta(max_length=254)] = ""
    follows: int = 0


class Request(Frame, frozen=True, tag="request"):
    """Leave a ticket to be answered later. With `form` it is the app's whole form, and all that is wrong is told at once
    (`bad_form`); without it the small one, which asks no more than this."""

    cid: Cid
    subject: Annotated[str, Meta(max_length=2000)]
    text: Annotated[str, Meta(max_length=20_000)]
    email: Annotated[str, Meta(max_length=254)]
    context: Context = Context()
    name: Annotated[str, Meta(max_length=200)] = ""
    follows: int = 0
    form: Given | None = None
    files: Annotated[tuple[Cid, ...], Meta(max_length=100)] = ()
    """Of the first message, as those of `say`."""


class Complete(Frame, frozen=True, tag="complete"):
    """What a ticket was sent back for (`missing`): all of it. Answered by `ack`, or by `error` `bad_form`; what else stands in
    `form` is not looked at."""

    ticket: TicketId
    cid: Cid
    form: Given


class Leave(Frame, frozen=True, tag="leave"):
    """Leave the queue: the same ticket is answered later. `text` (may be empty) is added as a message under `cid`."""

    ticket: TicketId
    cid: Cid
    email: Annotated[str, Meta(max_length=254)]
    text: Annotated[str, Meta(max_length=20_000)] = ""


class Say(Frame, frozen=True, tag="say"):
    """A message. Answered by `ack` once it is durable, or by `error` with `cid`; a repeat answers with the first `seq`."""

    ticket: TicketId
    cid: Cid
    text: Annotated[str, Meta(max_length=20_000)]
    """May be empty where there are `files`."""
    files: Annotated[tuple[Cid, ...], Meta(max_length=100)] = ()
    """Ids of what was sent up for it (`POST /files`, `POST /console/files`)."""


class TypingFrame(Frame, frozen=True, tag="typing"):
    """Send at most every 3 s while typing, and once with `on` false when stopping. From the server: the other side types."""

    ticket: TicketId
    on: bool = True
    name: str = ""


class Seen(Frame, frozen=True, tag="seen"):
    """Read up to `seq`."""

    ticket: TicketId
    seq: Seq


class Here(Frame, frozen=True, tag="here"):
    """ "Sigo aquí"."""

    ticket: TicketId


class Answer(Frame, frozen=True, tag="answer"):
    """The answer to the resolution question."""

    ticket: TicketId
    solved: bool


class End(Frame, frozen=True, tag="end"):
    """The customer ends the chat."""

    ticket: TicketId


class Rate(Frame, frozen=True, tag="rate"):
    ticket: TicketId
    stars: Annotated[int, Meta(ge=1, le=5)]
    comment: Annotated[str, Meta(max_length=4000)] = ""


class Open(Frame, frozen=True, tag="open"):
    """Read a ticket from `after` on. Answered by `items` pages that fill the whole gap, or by a `snapshot`; never by a part.

    `epoch` is the one that `welcome` gave when `after` was learned; -1 for `after` asks for a snapshot.
    """

    ticket: TicketId
    after: Annotated[int, Meta(ge=-1, le=2**53 - 1)] = -1
    epoch: Annotated[str, Meta(max_length=64)] = ""


class History(Frame, frozen=True, tag="history"):
    """Items before `before`, a page of at most 100, newest page first."""

    ticket: TicketId
    before: Seq


class Links(Frame, frozen=True, tag="links"):
    """Where the files of the message `seq` are to be had: a while, for whoever asks."""

    ticket: TicketId
    seq: Seq


class Tickets(Frame, frozen=True, tag="tickets"):
    """More of the customer's tickets: those opened before the ticket `before` (0: from the newest). For agents: closed ones of
    one customer, or with `open` those that are not closed."""

    before: Annotated[int, Meta(ge=0, le=2**53 - 1)] = 0
    customer: Annotated[int, Meta(ge=0, le=2**53 - 1)] = 0
    open: bool = False


class Ping(Frame, frozen=True, tag="ping"):
    """Application heartbeat; answered by `pong`."""


CustomerFrame = (
    CustomerHello
    | Start
    | Request
    | Complete
    | Leave
    | Say
    | TypingFrame
    | Seen
    | Here
    | Answer
    | End
    | Rate
    | Open
    | History
    | Links
    | Tickets
    | Ping
)


# — agent → server —————————————————————————————————————————————————————————————


class AgentHello(Frame, frozen=True, tag="hello"):
    """First frame, within 10 s. `token`: one use, 30 s, from `POST /console/socket-token`."""

    v: int
    token: Annotated[str, Meta(max_length=2000)]


class SetStatus(Frame, frozen=True, tag="status"):
    status: Status


class Claim(Frame, frozen=True, tag="claim"):
    """ "Tomar": take a waiting ticket, or one to be answered later."""

    ticket: TicketId


class DeskMore(Frame, frozen=True, tag="desk"):
    """The next page of a list of the desk: what comes after the ticket `after`, and in the queue after its `queue_rank` too; from
    the beginning without them."""

    of: Waits
    rank: Annotated[int, Meta(ge=-(2**53) + 1, le=2**53 - 1)] = -(2**53) + 1
    after: Annotated[int, Meta(ge=0, le=2**53 - 1)] = 0


class Propose(Frame, frozen=True, tag="propose"):
    """ "Proponer solución": a message that asks whether the problem is solved."""

    ticket: TicketId
    cid: Cid
    text: Annotated[str, Meta(max_length=20_000)]


class Close(Frame, frozen=True, tag="close"):
    """ "Cerrar ticket"."""

    ticket: TicketId


class Pend(Frame, frozen=True, tag="pend"):
    """ "Pendiente": a ticket that is answered later waits for its customer; with `on` false it is Abierto again. `text` (may be
    empty) is said with it under `cid`, which is needed then."""

    ticket: TicketId
    on: bool = True
    cid: Cid = ""
    text: Annotated[str, Meta(max_length=20_000)] = ""


class SendBack(Frame, frozen=True, tag="send_back"):
    """Pendiente until the customer has completed what is missing: names of fields. `text` and `cid` as for `pend`."""

    ticket: TicketId
    missing: Annotated[tuple[Annotated[str, Meta(max_length=40)], ...], Meta(min_length=1, max_length=50)]
    cid: Cid = ""
    text: Annotated[str, Meta(max_length=20_000)] = ""


class Reject(Frame, frozen=True, tag="reject"):
    """Closed as rejected, with a reason that the customer sees."""

    ticket: TicketId
    reason: Annotated[str, Meta(max_length=4000)]


class Copy(Frame, frozen=True, tag="copy"):
    """These get the answers from now on, too. Who is in copy already stays there, once."""

    ticket: TicketId
    addresses: Annotated[tuple[Annotated[str, Meta(max_length=400)], ...], Meta(min_length=1, max_length=50)]


class Classify(Frame, frozen=True, tag="classify"):
    """What an agent says of a ticket of theirs, or of one that nobody attends. What `said` leaves out stays."""

    ticket: TicketId
    said: Classification


class WriteNote(Frame, frozen=True, tag="note"):
    """An internal note, on any ticket of the agent's apps in any state: the customer hears nothing of it. Answered by `ack` once
    it is durable, `seq` being its number among the ticket's notes, or by `error` with `cid`; a repeat answers with the first."""

    ticket: TicketId
    cid: Cid
    text: Annotated[str, Meta(max_length=20_000)]


class ReadNotes(Frame, frozen=True, tag="notes"):
    """A ticket's notes after the number `after`: a page of at most 100. `epoch` is the one that `welcome` gave when `after` was
    learned: with another one they come from the first note on."""

    ticket: TicketId
    after: Seq = 0
    epoch: Annotated[str, Meta(max_length=64)] = ""


class Find(Frame, frozen=True, tag="find"):
    """The ticket that people know by this number, in one of your apps (its key). Answered by `found`, or with `not_found`."""

    app: Annotated[str, Meta(max_length=100)]
    number: Annotated[int, Meta(ge=1, le=2**31 - 1)]


class Search(Frame, frozen=True, tag="search"):
    """Tickets of your apps in whatever state: first the one of this number ("1042", "#1042"), then, newest first, those in whose
    subject, customer's name and addresses all the words stand. Answered by `searched`."""

    words: Annotated[str, Meta(min_length=1, max_length=200)]


class ReadUnreadNotes(Frame, frozen=True, tag="unread_notes"):
    """Which tickets have notes that a mail said and no agent has read; asked after `welcome`."""


class SeenNotes(Frame, frozen=True, tag="seen_notes"):
    """You have read what mails said about a ticket, up to the note `seq`. It counts where you attend it, or nobody does."""

    ticket: TicketId
    seq: Seq


AgentFrame = (
    AgentHello
    | SetStatus
    | Claim
    | DeskMore
    | Say
    | WriteNote
    | ReadNotes
    | Find
    | Search
    | ReadUnreadNotes
    | SeenNotes
    | TypingFrame
    | Seen
    | Propose
    | Close
    | Pend
    | SendBack
    | Reject
    | Copy
    | Classify
    | Open
    | History
    | Links
    | Tickets
    | Ping
)


# — server → customer, server → agent ——————————————————————————————————————————


class Welcome(Frame, frozen=True, tag="welcome", omit_defaults=False):
    """Authenticated. `token` is to be kept and sent in the next `hello`; `epoch` names this database's life."""

    v: int
    now: int
    epoch: str
    token: str
    who: str
    """Names this customer from the first visit on, before and after there is a row: keep drafts under it. Authorises nothing."""
    customer: Person
    app: str
    color: str
    ask_name: Literal["no", "optional", "required"]
    ask_email: Literal["no", "optional", "required"]
    file_bytes: int
    """The largest file that is taken; 0: none."""
    files_per_message: int
    mails: bool
    """Answers go by mail, too: `AppInfo.mails`."""
    offer_seconds: int
    """After so long in the queue the customer is offered to leave the ticket for later."""
    heartbeat: float
    """Send `ping` this often (seconds, jitter included); no answer to two: the connection is dead."""
    attention: Attention
    tickets: list[CustomerTicket]
    """The newest 20."""
    more: bool


class AppInfo(msgspec.Struct, frozen=True):
    key: str
    name: str
    color: str
    waiting: int
    """How many wait in its queue, and how many requests nobody took: all of them, shown or not. `count` tells when it changes."""
    requests: int
    file_bytes: int
    """The largest file that is taken; 0: none."""
    files_per_message: int
    form: str
    """Names the app's ticket form as it is now: another name, another form (`GET /console/form`)."""
    mails: bool
    """Customers get mails about its tickets."""


class AgentWelcome(Frame, frozen=True, tag="welcome", omit_defaults=False):
    v: int
    now: int
    epoch: str
    id: int
    name: str
    email: str
    status: Status
    capacity: int
    apps: list[AppInfo]
    heartbeat: float
    tickets: list[AgentTicket]
    """This agent's own open ones (where they are too many for one frame, the others follow in `desk` frames), the first page of
    the queue, and the first page of the open ones to be answered later that nobody took, oldest first."""
    more: list[Waits]
    """The lists of which there is more than this: ask with `desk`."""


class DeskPage(Frame, frozen=True, tag="desk", omit_defaults=False):
    """A page of a list. `rank` and `after` are those of the question. Of one's own tickets (`mine`) it comes unasked."""

    of: Literal["mine", "waiting", "requests"]
    rank: int
    after: int
    tickets: list[AgentTicket]
    more: bool


class CountFrame(Frame, frozen=True, tag="count", omit_defaults=False):
    """How many there are now in an app's queue, and of its requests that nobody took."""

    app: str
    waiting: int
    requests: int


class CustomerChanged(Frame, frozen=True, tag="changed"):
    """A committed change. With `view` it is the ticket as a whole; else `patch` holds the fields that differ, and applies to
    version `base` only. `version` at or below the one you hold: you have it already. A gap: send `open`."""

    ticket: int
    base: int
    version: int
    items: list[ItemView] = []
    view: CustomerTicket | None = None
    patch: dict[str, Any] = {}
    form: FormView | None = None
    """The whole form, where this change changed it, and in the answer to `open`."""


class AgentChangedFrame(Frame, frozen=True, tag="changed"):
    """As for customers."""

    ticket: int
    base: int
    version: int
    items: list[ItemView] = []
    view: AgentTicket | None = None
    patch: dict[str, Any] = {}
    form: FormView | None = None


class Ack(Frame, frozen=True, tag="ack"):
    """Durable. `cid` as sent; for `start` and `request` the new ticket; `seq` of the message (0 where there is none)."""

    cid: str
    ticket: int
    seq: int = 0
    number: int = 0


class Done(Frame, frozen=True, tag="done"):
    """A verb without `cid` was carried out, durably: `verb` is the frame's type."""

    verb: str
    ticket: int = 0


class Items(Frame, frozen=True, tag="items"):
    """A page. Of a replay (`back` false): the last page has `more` false. Of the history (`back` true): `more` says whether
    earlier ones exist."""

    ticket: int
    items: list[ItemView]
    more: bool
    back: bool = False


class Noted(Frame, frozen=True, tag="noted"):
    """A ticket's next note. One that you hold already: nothing. One that does not follow what you hold: ask with `notes`. What a
    mail says may concern who does not hold the ticket: `number`, `subject` and `agent_id` are that one's."""

    ticket: int
    note: NoteView
    number: int = 0
    subject: str = ""
    agent_id: int | None = None


class UnreadNoteView(msgspec.Struct, frozen=True, gc=False):
    """A ticket with notes that a mail said and no agent has read, up to the number `seq`."""

    ticket: int
    seq: int
    number: int
    subject: str
    agent_id: int | None


class UnreadNotes(Frame, frozen=True, tag="unread_notes", omit_defaults=False):
    """All of them, at most 200 of each app, the latest ones: forget which you knew of. Later ones come as `noted`."""

    notes: list[UnreadNoteView]


class NotesSeen(Frame, frozen=True, tag="notes_seen", omit_defaults=False):
    """What mails said about a ticket was read by an agent whom it concerns, up to the note `seq`."""

    ticket: int
    seq: int


class Notes(Frame, frozen=True, tag="notes", omit_defaults=False):
    """A page of notes, which follows the number `after`: 0 where you asked after another number means "forget what you hold".
    `more`: ask again, after the last one."""

    ticket: int
    after: int
    notes: list[NoteView]
    more: bool


class FileLinks(Frame, frozen=True, tag="links", omit_defaults=False):
    """Good until `until`, to be asked for again then. Files that are gone are left out."""

    ticket: int
    seq: int
    files: list[FileLink]
    until: int


class CustomerSnapshot(Frame, frozen=True, tag="snapshot"):
    """Forget what you hold of this ticket: this is it. `more`: earlier items exist."""

    view: CustomerTicket
    items: list[ItemView]
    more: bool
    form: FormView | None = None
    """Servers of before had none."""


class AgentSnapshot(Frame, frozen=True, tag="snapshot"):
    """As for customers."""

    view: AgentTicket
    items: list[ItemView]
    more: bool
    form: FormView | None = None
    """Servers of before had none."""
    context: dict[str, Any] = {}
    """What the host page passed when the ticket began; it never changes."""


class CustomerTickets(Frame, frozen=True, tag="tickets"):
    tickets: list[CustomerTicket]
    more: bool


class AgentTickets(Frame, frozen=True, tag="tickets"):
    """A page of one customer's tickets, newest first: closed ones, or those that are not (`open`)."""

    customer: int
    tickets: list[AgentTicket]
    more: bool
    open: bool = False


class Found(Frame, frozen=True, tag="found", omit_defaults=False):
    """`open` the ticket to read it."""

    app: str
    number: int
    ticket: int


class Searched(Frame, frozen=True, tag="searched"):
    """At most 20. `more`: further ones have all these words, and more words tell them apart."""

    words: str
    tickets: list[AgentTicket]
    more: bool


class Queue(Frame, frozen=True, tag="queue"):
    """Your place: 1 is next. `estimate` seconds, when we honestly know."""

    ticket: int
    position: int
    attended: bool
    estimate: int | None = None


class AttentionFrame(Frame, frozen=True, tag="attention"):
    attention: Attention


class StatusFrame(Frame, frozen=True, tag="status"):
    """The agent's own status, set here or in another tab."""

    status: Status


class Pong(Frame, frozen=True, tag="pong"):
    now: int


class Error(Frame, frozen=True, tag="error"):
    """A refusal. Nothing was stored; the connection goes on. `verb`, `cid` and `ticket` say which frame it answers."""

    code: WireCode
    verb: str = ""
    cid: str = ""
    ticket: int = 0
    limit: int = 0
    retry_after: float = 0
    next_at: int = 0
    fields: dict[str, Wrong] = {}
    """Of a form (`bad_form`): name of the field → what is wrong with it."""


class Storing(Frame, frozen=True, tag="storing", omit_defaults=False):
    """Whether what is said can be stored just now, as far as this server knows: said when that changes, and after a `welcome`
    while it cannot. Nothing is lost meanwhile: what is not acknowledged is sent again, as `unavailable` or a new connection asks
    for."""

    on: bool


class GoAway(Frame, frozen=True, tag="goaway"):
    """This server is about to stop. Come back in `retry_after` seconds, on a new connection."""

    retry_after: float


CustomerServerFrame = (
    Welcome
    | CustomerChanged
    | Ack
    | Done
    | Items
    | FileLinks
    | CustomerSnapshot
    | CustomerTickets
    | Queue
    | AttentionFrame
    | TypingFrame
    | Pong
    | Storing
    | Error
    | GoAway
)
AgentServerFrame = (
    AgentWelcome
    | AgentChangedFrame
    | DeskPage
    | CountFrame
    | Ack
    | Done
    | Items
    | Noted
    | UnreadNotes
    | NotesSeen
    | Notes
    | FileLinks
    | AgentSnapshot
    | AgentTickets
    | Found
    | Searched
    | StatusFrame
    | TypingFrame
    | Pong
    | Storing
    | Error
    | GoAway
)
