"""What agents say among themselves about a ticket."""

from __future__ import annotations

from chatserver.core import messages, notes
from chatserver.services.house import House
from chatserver.store.work import Needs, World


async def write(house: House, agent_id: int, ticket_id: int, cid: str, text: str) -> int:
    """A note on any ticket of the agent's apps, whoever attends it and whatever state it is in; durable when it returns. Gives
    its number among the ticket's notes, a repeat of `cid` the first one's.

    Refused: too_short, too_long, bad_frame (cid), unauthorized, not_found.
    """
    cid, text = messages.cid(cid), messages.body(text)
    agent = house.people.agent(agent_id)

    def decide(world: World, now: int) -> int:
        ticket = world.ticket_for(agent, ticket_id)
        first = world.noted(ticket, agent_id, cid)
        if first is not None:
            return first
        note = notes.written(agent, text, cid, world.last_note(ticket), now)
        world.note(ticket, note)
        return note.seq

    return await house.store.write(Needs((ticket_id,), noted=((ticket_id, agent_id, cid),)), decide)


async def seen(house: House, agent_id: int, ticket_id: int, seq: int) -> None:
    """This agent has read what mails said about the ticket, up to the note `seq`; reading by who does not attend it changes
    nothing. Refused: unauthorized, not_found."""
    agent = house.people.agent(agent_id)

    def decide(world: World, now: int) -> None:
        ticket = world.ticket_for(agent, ticket_id)
        if notes.reads(ticket, agent):
            world.notes_read(ticket, seq)

    await house.store.write(Needs((ticket_id,)), decide)
