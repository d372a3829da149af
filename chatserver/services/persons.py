"""One person, and what of a customer is theirs: name, addresses, and tickets that came by other ways.

Two customers are the same person only where somebody proved to be both, and then all tickets are of one of them: whose a ticket
is stays one look-up, by pages, sockets and mail alike. An e-mail address that somebody merely says, or that a host passes on,
joins nothing.
"""

from __future__ import annotations

from contextlib import suppress
from typing import Final, Literal

from msgspec.structs import replace

from chatserver.core import accounts
from chatserver.core.errors import Refused
from chatserver.core.events import TicketChanged
from chatserver.core.people import App, Customer
from chatserver.core.tickets import Step
from chatserver.services.house import House
from chatserver.services.publishing import topics
from chatserver.store import portal as rows
from chatserver.store.base import StoreFailed
from chatserver.store.database import Database
from chatserver.store.portal import AddressTaken, CustomerSession, Link
from chatserver.store.work import Needs, Who, World

ADDRESSES_MAX: Final = 10
"""Of one customer, confirmed or claimed: more than a person has, and each may be mailed to."""
TOLD_MAX: Final = 100
"""Open tickets that moved, of which whoever looks at them hears at once; the others show it when they are opened."""

Confirmed = Literal["confirmed", "taken"]


async def customer_with(house: House, app_id: int, key: str, name: str, email: str, locale: str) -> Customer:
    """The customer's row, made if there is none. What it says already stands."""
    who = Who(app_id, key, name, email, locale)

    def decide(world: World, now: int) -> Customer:
        return world.customer(who) or world.new_customer(who, now)

    # The lock that goes with the app's numbers is the one behind which rows get their ids.
    return await house.store.write(Needs(customers=((app_id, key),), numbers=(app_id,)), decide)


async def save_profile(house: House, customer: Customer, name: str, locale: str) -> None:
    """Agents who have one of their chats see it at once. Refused: name_required, too_long."""
    await _change(house, customer, name=accounts.full_name(name), locale=locale)


async def make_primary(house: House, db: Database, session: CustomerSession, address: str) -> bool:
    """Mail goes to this one of their confirmed addresses from now on; False when it is none of them. What the host says of its
    own user stays."""
    if not await rows.set_primary(db, session.customer.id, address):
        return False
    if not session.customer.verified:
        await _change(house, session.customer, email=address)
    return True


async def _change(house: House, customer: Customer, **fields: str) -> None:
    who = Who(customer.app_id, customer.key)
    people = house.people

    def decide(world: World, now: int) -> None:
        known = world.customer(who)
        if known is None:
            raise Refused("not_found")
        current = replace(known, **fields)
        if current == known:
            return
        world.update_customer(current)
        for chat in world.chats_of(who):
            world.put(chat, Step(replace(chat, customer=current), ()), people.policy(chat.app_id))

    await house.store.write(Needs(customers=((customer.app_id, customer.key),)), decide)


async def add_address(db: Database, session: CustomerSession, address: str, now: int) -> str:
    """Remember that it is to be confirmed; gives it folded. Refused: bad_email, too_many_open (`limit`)."""
    address = accounts.folded(address)
    theirs = await rows.addresses_of(db, session.customer.id)
    if len(theirs) >= ADDRESSES_MAX and address not in [one.address for one in theirs]:
        raise Refused("too_many_open", limit=ADDRESSES_MAX)
    await rows.claim(db, session.customer, address, now)
    return address


async def confirm_address(
    house: House, db: Database, app: App, session: CustomerSession, link: Link
) -> tuple[Customer, Confirmed]:
    """Who is signed in, and asked for it then, shows the link that only the address's reader has: it is theirs.

    Where the address was another customer's, the same person has now proved to be both, and all is one's: the host's verified
    user, where one of them is, else who is signed in. Two whom the host vouches for are two, whoever reads their mail: "taken".
    Gives whose everything is. Refused: token_expired (not theirs to use, or used).
    """
    if link.purpose != "confirm" or link.customer_id != session.customer.id or link.app_id != app.id:
        raise Refused("token_expired")
    owner = await rows.owner_of(db, app.id, link.address)
    mine = session.customer
    if owner is not None and owner.id != mine.id and owner.verified and mine.verified:
        return mine, "taken"
    if not await rows.spend(db, link):
        raise Refused("token_expired")
    if owner is None or owner.id == mine.id:
        try:
            await rows.confirm(db, mine, link.address, house.now())
        except AddressTaken:  # by somebody who was a moment faster
            return mine, "taken"
        kept = mine
    else:
        kept, gone = (owner, mine) if owner.verified else (mine, owner)
        await unite(house, db, kept, gone)
    await gather(house, db, kept)
    return kept, "confirmed"


async def gather(house: House, db: Database, customer: Customer) -> None:
    """What was mailed from a customer's confirmed addresses is theirs: before they were known, or since they last looked."""
    for sender in await rows.senders_by_mail(db, customer.id):
        await unite(house, db, customer, sender)


async def gather_if_possible(house: House, db: Database, customer: Customer) -> None:
    """The same for a page, which is shown also while nothing can be written."""
    with suppress(StoreFailed):
        await gather(house, db, customer)


async def unite(house: House, db: Database, kept: Customer, gone: Customer) -> None:
    """All of `gone`'s is `kept`'s from now on, and whoever shows one of the open tickets hears of it."""
    moved = await rows.unite(db, kept, gone, house.now())
    told = 0
    for ticket_id in reversed(moved):
        house.books.tickets.drop(ticket_id)
        if told >= TOLD_MAX:
            continue
        fresh = await house.reads.ticket((kept.app_id,), ticket_id)
        if fresh is not None and fresh.state != "closed":
            told += 1
            event = TicketChanged(None, fresh, ())  # whose screen it comes to has none of it yet
            house.books.learn(fresh)
            house.bus.publish(event, topics(event))
