"""Who has part in a ticket that is not theirs: people in copy, who read and reply, and those who were given their company's view,
who read. Neither confirms a solution, completes a form nor rates.

Each is known by addresses that they confirmed: an address that somebody merely says gives nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final, Literal, NamedTuple

from chatserver.core import messages, tickets
from chatserver.core.answers import awaited
from chatserver.core.errors import Refused
from chatserver.core.outbox import is_copied
from chatserver.core.people import Customer
from chatserver.core.tickets import Item, Ticket
from chatserver.services.house import House
from chatserver.services.talk import sent_up
from chatserver.store import companies, mails
from chatserver.store import portal as rows
from chatserver.store import tickets as stored
from chatserver.store.database import Database
from chatserver.store.work import Needs, World

Part = Literal["own", "copied", "company"]
PEOPLE_MAX: Final = 2_000
"""Of a company: its list of tickets is read through them."""


class Partaken(NamedTuple):
    ticket: Ticket
    part: Part


async def find(db: Database, customer: Customer, number: int) -> Partaken | None:
    """The ticket of this number, if the customer has part in it; None for everybody else's, as for none. This is the one look-up
    of the portal for tickets."""
    own = await stored.ticket_numbered(db, customer.app_id, customer.key, number)
    if own is not None:
        return Partaken(own, "own")
    ticket = await mails.numbered(db, customer.app_id, number)
    if ticket is None:
        return None
    if _copied(ticket, await _addresses(db, customer)):
        return Partaken(ticket, "copied")
    if ticket.customer.id in await seen_customers(db, customer):
        return Partaken(ticket, "company")
    return None


async def seen_companies(db: Database, customer: Customer) -> list[tuple[int, str]]:
    """(id, name) of the companies whose tickets somebody was given to see."""
    persons = list(await _addresses(db, customer))
    if customer.verified:
        persons.append(customer.key)
    return await companies.given(db, customer.app_id, persons) if persons else []


async def seen_customers(db: Database, customer: Customer) -> list[int]:
    """The customers whose tickets somebody was given to see."""
    ids = [company_id for company_id, _ in await seen_companies(db, customer)]
    return await companies.members(db, customer.app_id, ids) if ids else []


async def spoken_as(db: Database, customer: Customer, items: Iterable[Item]) -> frozenset[int]:
    """The customers (ids) as whom somebody speaks in these: as themselves, and as who mailed from an address that is theirs by
    now. It says whose words are their own, and opens nothing."""
    others = {item.author_id for item in items if item.by == "system"} - {0, customer.id}
    mailed = await rows.spoken_as(db, customer.id, sorted(others)) if others and customer.id else []
    return frozenset({customer.id, *mailed})


async def say(
    house: House, db: Database, customer: Customer, ticket_id: int, cid: str, text: str, files: Sequence[str]
) -> int:
    """The message of somebody in copy, under their own name; gives its number, a repeat of `cid` the first one's.

    Refused: not_found (not in copy), ticket_closed, ticket_live, and as `talk.say`.
    """
    cid, text = messages.cid(cid), messages.body(text, 0 if files else 1)
    mine, sent, people = await _addresses(db, customer), tuple(dict.fromkeys(files)), house.people

    def decide(world: World, now: int) -> int:
        ticket = world.ticket(ticket_id)
        # Looked up again behind the ticket's lock: who is in copy may have changed.
        if ticket is None or ticket.app_id != customer.app_id or not _copied(ticket, mine):
            raise Refused("not_found")
        first = world.said(ticket, "system", customer.id, cid)
        if first is not None:
            return first
        if ticket.chatting:
            raise Refused("ticket_live")
        policy = people.policy(ticket.app_id)
        taken = sent_up(world, sent, policy, ticket.app_id, "customer", customer.key) if sent else ()
        incomplete = bool(awaited(people.form(ticket.app_id), ticket.details))
        step = tickets.copied_said(ticket, customer, text, cid, now, taken, incomplete=incomplete)
        return world.put(ticket, step, policy).last_seq

    needs = Needs((ticket_id,), ((ticket_id, "system", customer.id, cid),), files=sent)
    return await house.store.write(needs, decide)


async def _addresses(db: Database, customer: Customer) -> frozenset[str]:
    found = await rows.addresses_of(db, customer.id) if customer.id else []
    return frozenset(one.address for one in found if one.confirmed)


def _copied(ticket: Ticket, addresses: frozenset[str]) -> bool:
    return any(is_copied(ticket, address) for address in addresses)
