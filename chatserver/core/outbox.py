"""Which mails leave: what causes each, to whom it goes, how long it is tried, and how many of them at once.

A `Letter` is a mail that has to be sent, not yet written: it is stored with the change that causes it, and composed when it
leaves (`mail/outgoing.py`), from what is true then. Instants are ms since 1970 UTC.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Final, Literal, NamedTuple

import msgspec

from chatserver.core.addresses import alike
from chatserver.core.people import Customer
from chatserver.core.tickets import Item, Ticket

LetterKind = Literal[
    "created",  # a request that will be answered later: number and link
    "answers",  # what agents said, or wait for, and the customer has not seen, gathered
    "reminder",  # that it waits for its customer, and until when
    "closed",  # with the reason, what was not seen, and a request for a rating where an agent answered
    "closed_already",  # somebody wrote to a closed ticket: how to open a new one
    "transcript",  # asked for
    "access",  # how to register
    "confirm_address",
    "reset_password",
    "have_account",  # somebody wanted to make an account with an address that has one: how to get in
    "password_changed",  # told to the account's own address
    "address_added",  # the same
    "test",  # an operator's
]
ASKED_FOR: Final = frozenset(
    {"closed_already", "transcript", "access", "confirm_address", "reset_password"}
    | {"have_account", "password_changed", "address_added", "test"}
)
"""They answer what somebody just did: nobody can opt out of them."""

HOUR_MS: Final = 3_600_000
TRIED_MS: Final = 5 * 24 * HOUR_MS
"""A mail that nobody took for so long is given up, as MTAs do."""
KEPT_MS: Final = 30 * 24 * HOUR_MS
"""What became of a mail is known for so long."""
UNCONFIRMED_PER_HOUR: Final = 3
"""Mails to an address of which nobody showed that it is theirs: somebody else may have typed it."""
BACKOFF_FIRST_MS: Final = 60_000
BACKOFF_MAX_MS: Final = HOUR_MS


class Facts(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a mail tells that is in no other table. Forgotten when it has left."""

    after: int = 0
    upto: int = 0
    """Items of the ticket: those after the one, up to and with the other (sequence numbers)."""
    reason: str = ""
    """Why the ticket closed."""
    link: str = ""
    """A secret of its receiver."""
    in_reply_to: str = ""
    """The Message-ID of the mail that this one answers."""
    subject: str = ""
    """That mail's."""
    name: str = ""
    about: str = ""
    """Another address: of the account that asks to confirm this one, or the one that was added to the account."""
    locale: str = ""


class Letter(msgspec.Struct, frozen=True, gc=False):
    """A mail to be sent once."""

    key: str
    """Names its effect: a second one with the same key is not stored."""
    kind: LetterKind
    app_id: int
    address: str
    at: int
    """When it was asked for."""
    due_at: int
    """Not sent before that,"""
    until_at: int
    """and not after that."""
    ticket_id: int | None = None
    confirmed: bool = False
    """The address is known to be its receiver's."""
    facts: Facts = Facts()


class Cause(NamedTuple):
    """What of a ticket's items is told by mail."""

    kind: LetterKind
    wanted: Callable[[Ticket, Item], bool]
    """With the ticket as it is after the item; by its customer."""
    copied: bool = False
    """Who is in copy is told in any case."""


def _is_new(ticket: Ticket, item: Item) -> bool:
    """Not where its agent is no more: it was a request before, and confirmed as one. And a mail that became a ticket is answered
    as any mail is (`core/mails.py`): once, and few in an hour."""
    return item.reason not in {"agent_left", "mail"}


def _was_not_there(ticket: Ticket, item: Item) -> bool:
    """Whoever closed it knows, and whoever looks at a chat that closes reads it there."""
    if item.by == "customer":
        return False
    return ticket.mode == "later" or ticket.gone_at is not None or ticket.customer_unread > 0


def _always(ticket: Ticket, item: Item) -> bool:
    return True


CAUSES: Final[Mapping[str, Cause]] = {
    "later": Cause("created", _is_new),
    "reminder": Cause("reminder", _always),
    "closed": Cause("closed", _was_not_there, copied=True),
}
"""By the item's kind. A verb that has to be told by mail appends an item, and gets its row here, unless it is gathered with what
was said (`tickets.MAILED`). What a customer did they know; that a ticket was taken up again asks nothing of them."""


def caused(ticket: Ticket, items: Iterable[Item]) -> Iterator[Letter]:
    """The mails that what just happened to a ticket (`items`) causes; `ticket` as it is after them."""
    for item in items:
        cause = CAUSES.get(item.kind)
        if cause is None:
            continue
        facts = Facts(_told(ticket), item.seq, item.reason)
        if ticket.address and cause.wanted(ticket, item):
            yield about(ticket, ticket.address, cause.kind, item.at, str(item.seq), facts)
        for address in copied(ticket) if cause.copied else ():
            yield about(ticket, address, cause.kind, item.at, str(item.seq), _unheard(ticket, facts))


def answers(ticket: Ticket, now: int) -> Iterator[Letter]:
    """The mails that tell what agents said so far and the customer has not seen; `ticket` as it is before (`tickets.mailed`)."""
    facts, effect = Facts(_told(ticket), ticket.last_seq), str(ticket.last_seq)
    yield about(ticket, ticket.address, "answers", now, effect, facts)
    for address in copied(ticket):
        yield about(ticket, address, "answers", now, effect, _unheard(ticket, facts))


def about(ticket: Ticket, address: str, kind: LetterKind, now: int, effect: str, facts: Facts) -> Letter:
    """A mail to one who takes part. `effect`: tells it from others of its kind about this ticket."""
    return Letter(
        key=f"{kind} {ticket.id} {effect} {address}",
        kind=kind,
        app_id=ticket.app_id,
        address=address,
        at=now,
        due_at=now,
        until_at=now + TRIED_MS,
        ticket_id=ticket.id,
        confirmed=confirmed(ticket.customer, address),
        facts=facts,
    )


def copied(ticket: Ticket) -> tuple[str, ...]:
    """Who gets mail about a ticket beside its customer: those in copy, from an agent's first answer on. Until then nobody but who
    typed these addresses has looked at it, and a form that anybody fills in must write to no strangers."""
    if ticket.answered_at is None:
        return ()
    found = {alike(address): address for address in ticket.details.cc}
    found.pop(alike(ticket.address), None)
    return tuple(found.values())


def is_copied(ticket: Ticket, address: str) -> bool:
    """Whether this person takes part as one in copy; they may answer before anybody mailed them."""
    to = alike(address)
    return to != alike(ticket.address) and any(alike(one) == to for one in ticket.details.cc)


def confirmed(customer: Customer, address: str) -> bool:
    """The host vouches for the customer with this address, or they came by a link mailed to it; one that was merely typed may be
    anybody's."""
    known = customer.verified or customer.has_account
    return known and bool(address) and alike(customer.email) == alike(address)


def merely_typed(ticket: Ticket, address: str) -> bool:
    """Nobody knows that this address, to which mail about the ticket goes, is its customer's: it may be a stranger's."""
    customer = ticket.customer
    return customer.anonymous or (customer.verified and not confirmed(customer, address))


def _unheard(ticket: Ticket, facts: Facts) -> Facts:
    """For who is in copy: what the customer saw on a screen is news to them."""
    return msgspec.structs.replace(facts, after=ticket.mailed_seq)


def _told(ticket: Ticket) -> int:
    return max(ticket.customer_seen, ticket.mailed_seq)


# — how many at once ———————————————————————————————————————————————————————————


class Due(NamedTuple):
    """A mail whose time has come, as far as caps ask."""

    id: int
    app_id: int
    address: str
    confirmed: bool
    kind: LetterKind = "answers"


class Used(NamedTuple):
    """How much of an hour's allowance is used up, and when (ms) the first of it is free again."""

    mails: int
    since: int


class Allotted(NamedTuple):
    """`go`: ids that may leave now. `wait`: until when (ms) the others' addresses have to wait. `over`: what is not sent.
    The rest waits for its app."""

    go: list[int]
    wait: dict[int, int]
    over: list[int]


def allot(
    due: Sequence[Due],
    apps: Mapping[int, Used],
    addresses: Mapping[str, Used],
    per_hour: int,
    now: int,
    most: int,
) -> Allotted:
    """Which of the mails that are due, in their order, leave now: `most` of them, `per_hour` of an app, few to an address that
    nobody confirmed. `apps`, `addresses` (as `alike` has them): what left in the last hour, or is leaving.

    That one more request came is not said to an address that had its share: else whoever opens hundreds in a stranger's name
    fills their mailbox for days, and keeps from it what they ask for themselves."""
    by_app = {app_id: used.mails for app_id, used in apps.items()}
    by_address = {address: used.mails for address, used in addresses.items()}
    go: list[int] = []
    wait: dict[int, int] = {}
    over: list[int] = []
    for one in due:
        to = alike(one.address)
        if not one.confirmed and by_address.get(to, 0) >= UNCONFIRMED_PER_HOUR:
            if one.kind == "created":
                over.append(one.id)
                continue
            used = addresses.get(to)
            wait[one.id] = (used.since if used and used.mails else now) + HOUR_MS
        elif len(go) < most and by_app.get(one.app_id, 0) < per_hour:
            go.append(one.id)
            by_app[one.app_id] = by_app.get(one.app_id, 0) + 1
            by_address[to] = by_address.get(to, 0) + 1
    return Allotted(go, wait, over)


def again_at(tries: int, now: int, jitter: float) -> int:
    """When (ms) to try the next time, after so many tries. `jitter`: from 0 to 1, so that many do not come back in step."""
    wait = min(BACKOFF_FIRST_MS << min(max(tries - 1, 0), 16), BACKOFF_MAX_MS)
    return now + round(wait * (0.75 + jitter / 2))
