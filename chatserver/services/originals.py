"""Mails as they came, for agents: found through a ticket of their apps, and read anew each time: nothing of one is kept twice."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, TypeVar

from chatserver.core.addresses import alike
from chatserver.core.answers import CC_MAX
from chatserver.core.errors import Refused
from chatserver.core.mails import TakenMail, others
from chatserver.core.tickets import Ticket
from chatserver.services.house import House
from chatserver.store import mails
from chatserver.store.database import Database
from chatserver.store.notes import note_numbered

if TYPE_CHECKING:
    from chatserver.mail.message import Arrival

READ_AT_ONCE: Final = 2
"""Originals in memory at a time, 40 MiB each at most and as much again while they are read; further ones wait."""


T = TypeVar("T")


@dataclass(frozen=True)
class Original:
    raw: bytes
    """As it came."""
    arrival: Arrival
    """As it is read."""
    verified: bool
    """Somebody stands by its From (DMARC)."""
    others: tuple[str, ...]
    """Whom it names besides, and who get no answers: they may be put in copy, as many as there is room for."""


class Originals:
    def __init__(self, house: House, db: Database) -> None:
        self._house = house
        self._db = db
        self._reading = asyncio.Semaphore(READ_AT_ONCE)

    async def of(self, agent_id: int, ticket_id: int, seq: int, make: Callable[[Original], T]) -> T:
        """What `make` makes, in a thread, of the mail as which the message `seq` of a ticket came (a long mail is several
        messages). Refused: unauthorized; not_found for a ticket that this agent may not see, and for a mail that is not kept."""
        ticket = await self._ticket(agent_id, ticket_id)
        taken = [
            mail
            for mail in await mails.mails_of(self._db, ticket_id)
            if mail.seq is not None and mail.seq <= seq
        ]
        if not taken:
            raise Refused("not_found")
        return await self._read(ticket, max(taken, key=lambda mail: mail.seq or 0), make)

    async def of_note(self, agent_id: int, ticket_id: int, seq: int, make: Callable[[Original], T]) -> T:
        """The same of the mail that the ticket's note `seq` came with. Refused as `of`."""
        ticket = await self._ticket(agent_id, ticket_id)
        note = await note_numbered(self._db, ticket_id, seq)
        taken = (
            await mails.taken(self._db, ticket.app_id, note.mail) if note is not None and note.mail else None
        )
        if taken is None:
            raise Refused("not_found")
        return await self._read(ticket, taken, make)

    async def _ticket(self, agent_id: int, ticket_id: int) -> Ticket:
        ticket = await self._house.reads.ticket(self._house.people.agent(agent_id).app_ids, ticket_id)
        if ticket is None:
            raise Refused("not_found")
        return ticket

    async def _read(self, ticket: Ticket, found: TakenMail, make: Callable[[Original], T]) -> T:
        async with self._reading:
            raw = await mails.original(self._db, found.original)
            if raw is None:
                raise Refused("not_found")
            return await asyncio.to_thread(
                _made, raw, found, self._house.people.support_addresses, ticket, make
            )


def _made(
    raw: bytes, taken: TakenMail, ours: frozenset[str], ticket: Ticket, make: Callable[[Original], T]
) -> T:
    from chatserver.mail import message  # of no use before somebody asks

    arrival = message.read(raw)
    # Where it came may be an address that leads on to ours.
    house = ours | {alike(one) for one in (taken.recipient,) if one}
    told = [taken.sender, ticket.address, ticket.customer.email, *ticket.details.cc]
    found = others((*arrival.to, *arrival.cc), house, told)
    room = CC_MAX - len(ticket.details.cc)
    return make(Original(raw, arrival, taken.verified, found[:room]))
