"""Customers' accounts: addresses, passwords, sessions and mailed links. Instants are ms since 1970 UTC, addresses are folded."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, Literal

import msgspec
from sqlalchemy import Update, and_, bindparam, delete, exists, insert, literal, or_, select, update

from chatserver.core.people import Customer
from chatserver.store.base import Violated
from chatserver.store.database import Database, Reader
from chatserver.store.portable import insert_or_not, one_of
from chatserver.store.rows import CUSTOMER_COLUMNS, customer_from
from chatserver.store.tables import accounts, addresses, customer_sessions, customers, links, tickets

Purpose = Literal["sign_up", "reset", "confirm"]

BY_MAIL: Final = "mail:"
"""The key of a customer of whom nothing is known but an address begins so, and the folded address follows."""

OF_ACCOUNT: Final = "portal:"
"""And that of an account, which random signs follow."""

SESSIONS_MAX: Final = 20
"""Browsers in which one customer is signed in at once; the one after that ends the oldest."""


class AddressTaken(Exception):
    """The address is confirmed by another customer of the app, or the account is there already."""


class Account(msgspec.Struct, frozen=True):
    """Somebody with a password. `email`: the address that mail goes to, one of their confirmed ones."""

    customer: Customer
    email: str
    password_hash: str


class CustomerSession(msgspec.Struct, frozen=True):
    """A session of the portal that has neither ended nor expired. `email` is empty for who came from the widget and has neither
    account nor confirmed address."""

    id: int
    expires_at: int
    customer: Customer
    email: str
    has_password: bool


class Address(msgspec.Struct, frozen=True):
    """One that a customer claims, or has confirmed."""

    address: str
    confirmed: bool


class Link(msgspec.Struct, frozen=True):
    """What a mailed link is for. `customer_id`: who asked for it, where somebody was signed in."""

    id: int
    purpose: Purpose
    app_id: int
    address: str
    customer_id: int | None


_at = (
    addresses.c.app_id == bindparam("app_id"),
    addresses.c.address == bindparam("address"),
    addresses.c.confirmed_at.is_not(None),
)
_OWNER = select(*CUSTOMER_COLUMNS).join(addresses, addresses.c.customer_id == customers.c.id).where(*_at)
_account = select(*CUSTOMER_COLUMNS, accounts.c.email, accounts.c.password_hash).join(
    accounts, accounts.c.customer_id == customers.c.id
)
_ACCOUNT_AT = _account.join(addresses, addresses.c.customer_id == customers.c.id).where(*_at)
_ACCOUNT_OF = _account.where(customers.c.id == bindparam("customer_id"))
_first_confirmed = (
    select(addresses.c.address)
    .where(addresses.c.customer_id == customers.c.id, addresses.c.confirmed_at.is_not(None))
    .order_by(addresses.c.id)
    .limit(1)
    .scalar_subquery()
)
_SESSION = (
    select(
        customer_sessions.c.id,
        customer_sessions.c.expires_at,
        accounts.c.email,
        _first_confirmed,
        *CUSTOMER_COLUMNS,
    )
    .join(customers, customers.c.id == customer_sessions.c.customer_id)
    .outerjoin(accounts, accounts.c.customer_id == customers.c.id)
    .where(
        customer_sessions.c.token_hash == bindparam("token_hash"),
        customers.c.app_id == bindparam("app_id"),
        customer_sessions.c.ended_at.is_(None),
        customer_sessions.c.expires_at > bindparam("now"),
    )
)
_ADDRESSES = (
    select(addresses.c.address, addresses.c.confirmed_at)
    .where(addresses.c.customer_id == bindparam("customer_id"))
    .order_by(addresses.c.id)
)
_LINK = select(links.c.id, links.c.purpose, links.c.app_id, links.c.address, links.c.customer_id).where(
    links.c.token_hash == bindparam("token_hash"),
    links.c.app_id == bindparam("app_id"),
    links.c.expires_at > bindparam("now"),
)
_SENDERS = (
    select(*CUSTOMER_COLUMNS)
    .join(
        addresses,
        (addresses.c.app_id == customers.c.app_id)
        & (customers.c.key == literal(BY_MAIL).concat(addresses.c.address)),
    )
    .where(
        addresses.c.customer_id == bindparam("customer_id"),
        addresses.c.confirmed_at.is_not(None),
        customers.c.id != bindparam("customer_id"),
        exists().where(tickets.c.customer_id == customers.c.id),
    )
)
# What was an account until two were united has none any more; of one that is there, only its own customer speaks.
_without_account = ~exists().where(accounts.c.customer_id == customers.c.id)
_SPOKEN_AS = (
    select(customers.c.id)
    .join(addresses, addresses.c.app_id == customers.c.app_id)
    .where(
        addresses.c.customer_id == bindparam("customer_id"),
        addresses.c.confirmed_at.is_not(None),
        one_of(customers.c.id, "ids"),
        or_(
            customers.c.key == literal(BY_MAIL).concat(addresses.c.address),
            and_(
                customers.c.key.startswith(OF_ACCOUNT, autoescape=True),
                customers.c.email == addresses.c.address,
                _without_account,
            ),
        ),
    )
)


async def owner_of(db: Reader, app_id: int, address: str) -> Customer | None:
    """Whose this address is: the one customer who confirmed it."""
    rows = await db.rows(_OWNER, app_id=app_id, address=address)
    return customer_from(rows[0]) if rows else None


async def senders_by_mail(db: Reader, customer_id: int) -> list[Customer]:
    """The customers of whom nothing is known but an address that this one has confirmed, and who have tickets."""
    return [customer_from(row) for row in await db.rows(_SENDERS, customer_id=customer_id)]


async def spoken_as(db: Reader, customer_id: int, ids: Sequence[int]) -> list[int]:
    """Which of these customers are nothing but an address that this one has confirmed: who mailed from there, or had an account
    of it before it was united with this one's."""
    return [int(row[0]) for row in await db.rows(_SPOKEN_AS, customer_id=customer_id, ids=list(ids))]


async def account_at(db: Reader, app_id: int, address: str) -> Account | None:
    """Who signs in with this address."""
    rows = await db.rows(_ACCOUNT_AT, app_id=app_id, address=address)
    return Account(customer_from(rows[0][:-2]), *rows[0][-2:]) if rows else None


async def account_of(db: Reader, customer_id: int) -> Account | None:
    rows = await db.rows(_ACCOUNT_OF, customer_id=customer_id)
    return Account(customer_from(rows[0][:-2]), *rows[0][-2:]) if rows else None


async def addresses_of(db: Reader, customer_id: int) -> list[Address]:
    """The customer's addresses, confirmed or only claimed, in the order in which they came."""
    rows = await db.rows(_ADDRESSES, customer_id=customer_id)
    return [Address(address, confirmed_at is not None) for address, confirmed_at in rows]


# — accounts ———————————————————————————————————————————————————————————————————


async def add_account(db: Database, customer: Customer, address: str, password_hash: str, now: int) -> None:
    """A password for a customer who confirmed `address`, which becomes theirs if it is nobody's yet. Raises AddressTaken."""
    try:
        await db.execute(
            *_confirmed(customer, address, now),
            insert(accounts).values(
                customer_id=customer.id, email=address, password_hash=password_hash, created_at=now
            ),
        )
    except Violated as failure:
        raise AddressTaken(address) from failure


async def confirm(db: Database, customer: Customer, address: str, now: int) -> None:
    """The address is this customer's from now on; harmless twice. Raises AddressTaken."""
    try:
        await db.execute(*_confirmed(customer, address, now))
    except Violated as failure:
        raise AddressTaken(address) from failure


def _confirmed(customer: Customer, address: str, now: int) -> list[Any]:
    mine = (addresses.c.customer_id == customer.id, addresses.c.address == address)
    new = insert_or_not(
        addresses, app_id=customer.app_id, customer_id=customer.id, address=address, created_at=now
    )
    return [new, update(addresses).where(*mine, addresses.c.confirmed_at.is_(None)).values(confirmed_at=now)]


async def claim(db: Database, customer: Customer, address: str, now: int) -> None:
    """Remember that this customer says that the address is theirs: it gives them nothing until it is confirmed."""
    await db.execute(
        insert_or_not(
            addresses, app_id=customer.app_id, customer_id=customer.id, address=address, created_at=now
        )
    )


async def forget_address(db: Database, customer_id: int, address: str) -> None:
    """Neither theirs nor claimed any more; the links that were mailed there lead nowhere. Not the account's own one."""
    mail_goes_there = exists().where(accounts.c.customer_id == customer_id, accounts.c.email == address)
    await db.execute(
        delete(addresses).where(
            addresses.c.customer_id == customer_id, addresses.c.address == address, ~mail_goes_there
        ),
        delete(links).where(links.c.customer_id == customer_id, links.c.address == address),
    )


async def set_primary(db: Database, customer_id: int, address: str) -> bool:
    """Mail goes to this one of the confirmed addresses from now on; False when it is none of them."""
    confirmed = exists().where(
        addresses.c.customer_id == customer_id,
        addresses.c.address == address,
        addresses.c.confirmed_at.is_not(None),
    )
    moved = update(accounts).where(accounts.c.customer_id == customer_id, confirmed).values(email=address)
    return bool((await db.execute(moved))[0])


async def set_password(
    db: Database, customer_id: int, password_hash: str, *, keep_session: int = 0, now: int
) -> None:
    """Ends all of the customer's sessions but `keep_session`; the links that were mailed for another password lead nowhere."""
    theirs = select(addresses.c.address).where(
        addresses.c.customer_id == customer_id, addresses.c.confirmed_at.is_not(None)
    )
    app = select(customers.c.app_id).where(customers.c.id == customer_id).scalar_subquery()
    await db.execute(
        update(accounts).where(accounts.c.customer_id == customer_id).values(password_hash=password_hash),
        _ended(customer_id, now, keep_session),
        delete(links).where(links.c.app_id == app, links.c.address.in_(theirs), links.c.purpose == "reset"),
    )


# — sessions ———————————————————————————————————————————————————————————————————


async def begin_session(db: Database, token_hash: str, customer_id: int, *, now: int, expires_at: int) -> int:
    """Returns the session's id. Rows of sessions that are over go at the same time, and the oldest beyond `SESSIONS_MAX`."""
    theirs = customer_sessions.c.customer_id == customer_id
    latest = (
        select(customer_sessions.c.id)
        .where(theirs)
        .order_by(customer_sessions.c.id.desc())
        .limit(SESSIONS_MAX - 1)
    )
    over = delete(customer_sessions).where(
        theirs, or_(customer_sessions.c.expires_at < now, customer_sessions.c.id.not_in(latest))
    )
    new = insert(customer_sessions).values(
        token_hash=token_hash, customer_id=customer_id, created_at=now, expires_at=expires_at
    )
    ((session_id,),) = (await db.execute(over, new.returning(customer_sessions.c.id)))[1]
    return int(session_id)


async def session_by_hash(db: Reader, app_id: int, token_hash: str, now: int) -> CustomerSession | None:
    """A session of this app that holds."""
    rows = await db.rows(_SESSION, app_id=app_id, token_hash=token_hash, now=now)
    if not rows:
        return None
    id_, expires_at, email, confirmed, *customer = rows[0]
    return CustomerSession(
        id_, expires_at, customer_from(customer), email or confirmed or "", email is not None
    )


async def end_session(db: Database, session_id: int, now: int) -> None:
    await db.execute(
        update(customer_sessions)
        .where(customer_sessions.c.id == session_id, customer_sessions.c.ended_at.is_(None))
        .values(ended_at=now)
    )


async def end_sessions(db: Database, customer_id: int, now: int) -> None:
    """Everywhere."""
    await db.execute(_ended(customer_id, now))


def _ended(customer_id: int, now: int, keep: int = 0) -> Update:
    return (
        update(customer_sessions)
        .where(
            customer_sessions.c.customer_id == customer_id,
            customer_sessions.c.id != keep,
            customer_sessions.c.ended_at.is_(None),
        )
        .values(ended_at=now)
    )


# — links ——————————————————————————————————————————————————————————————————————


async def add_link(
    db: Database,
    token_hash: str,
    purpose: Purpose,
    app_id: int,
    address: str,
    *,
    customer_id: int | None = None,
    now: int,
    expires_at: int,
) -> None:
    """Those that are over are forgotten at the same time. One with the same token is this one from now on."""
    await db.execute(
        delete(links).where(or_(links.c.expires_at < now, links.c.token_hash == token_hash)),
        insert(links).values(
            token_hash=token_hash,
            purpose=purpose,
            app_id=app_id,
            address=address,
            customer_id=customer_id,
            expires_at=expires_at,
        ),
    )


async def link(db: Reader, app_id: int, token_hash: str, now: int) -> Link | None:
    """One that was neither used nor is over, looked at and not used by that."""
    rows = await db.rows(_LINK, token_hash=token_hash, app_id=app_id, now=now)
    return Link(*rows[0]) if rows else None


async def spend(db: Database, link: Link) -> bool:
    """Use a link; False when somebody was first. Others for the same purpose, address and person go with it."""
    same = (
        links.c.purpose == link.purpose,
        links.c.app_id == link.app_id,
        links.c.address == link.address,
        links.c.customer_id == link.customer_id,
    )
    spent, _ = await db.execute(delete(links).where(links.c.id == link.id), delete(links).where(*same))
    return bool(spent)


async def prolong(db: Database, token_hash: str, expires_at: int) -> None:
    """If it is there still."""
    await db.execute(update(links).where(links.c.token_hash == token_hash).values(expires_at=expires_at))


async def revoke(db: Database, token_hashes: Sequence[str]) -> None:
    """These links, of whatever app, lead nowhere from now on; those that are none are passed over."""
    await db.execute(delete(links).where(links.c.token_hash.in_(token_hashes)))


# — one person, two customers ——————————————————————————————————————————————————


async def unite(db: Database, kept: Customer, gone: Customer, now: int) -> list[int]:
    """All that was `gone`'s is `kept`'s: tickets, confirmed addresses and, where `kept` has none, the account. Its sessions and
    links end. All at once; returns the ids of the tickets that moved. Both are of one app. Raises AddressTaken when both opened a
    ticket under the same client id, which no honest client does."""
    if kept.app_id != gone.app_id or kept.id == gone.id:
        raise ValueError("two customers of one app are united")
    known = select(addresses.c.address).where(addresses.c.customer_id == kept.id)
    has_account = exists().where(accounts.c.customer_id == kept.id)
    moved = (
        update(tickets)
        .where(tickets.c.customer_id == gone.id)
        .values(customer_id=kept.id, version=tickets.c.version + 1)
        .returning(tickets.c.id)
    )
    try:
        found = await db.execute(
            moved,
            # What one has claimed and the other confirmed stays as the confirmed one.
            delete(addresses).where(addresses.c.customer_id == gone.id, addresses.c.confirmed_at.is_(None)),
            delete(addresses).where(
                addresses.c.customer_id == kept.id,
                addresses.c.confirmed_at.is_(None),
                addresses.c.address.in_(select(_others.c.address).where(_others.c.customer_id == gone.id)),
            ),
            update(addresses)
            .where(addresses.c.customer_id == gone.id, addresses.c.address.not_in(known))
            .values(customer_id=kept.id),
            update(accounts)
            .where(accounts.c.customer_id == gone.id, ~has_account)
            .values(customer_id=kept.id),
            delete(accounts).where(accounts.c.customer_id == gone.id),
            _ended(gone.id, now),
            delete(links).where(links.c.customer_id == gone.id),
        )
    except Violated as failure:
        raise AddressTaken(gone.key) from failure
    return [int(row[0]) for row in found[0]]


_others = addresses.alias()
