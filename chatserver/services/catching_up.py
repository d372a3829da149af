"""Finding out what other nodes committed where no hint of it came: a lost hint delays a change, it never loses one.

Looked at is what somebody on this node listens to, and nothing else: the version of each ticket that was told here last is
compared with the one that is stored. What differs is told here as a change like any other; a client that has it already sees that
by the version.
"""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Callable, Collection, Iterable
from contextlib import suppress
from typing import Final, NamedTuple, Protocol

from chatserver.core import events
from chatserver.core.events import (
    AgentChanged,
    AgentGone,
    DeskChanged,
    Event,
    NotesRead,
    NoteWritten,
    TicketChanged,
)
from chatserver.core.notes import UNREAD_AT_MOST, UnreadNote
from chatserver.core.people import Agent
from chatserver.core.tickets import Item, Ticket
from chatserver.services.house import House
from chatserver.services.publishing import topics

log = logging.getLogger(__name__)

BATCH: Final = 500
ITEMS_MAX: Final = 100
"""Of a ticket that are told in one go."""
NOTES_BACK_MS: Final = 120_000
"""A note may be stored so long after the moment that it bears: nobody knew for a minute what became of its commit."""
AGAIN_SECONDS: Final = 1.0
"""After a look that failed."""
Stored = Iterable[tuple[int, int]]
"""(ticket, version)."""


class Versions(Protocol):
    """What is stored, as of now. Raises what the store's reads raise."""

    async def of_tickets(self, ticket_ids: list[int]) -> Stored: ...

    async def of_customers(self, app_id: int, keys: list[str]) -> Stored:
        """Of their tickets that are not closed."""

    async def of_agents(self, agent_ids: list[int]) -> Stored:
        """Of the tickets, not closed, that they attend."""

    async def of_desks(self, app_ids: list[int]) -> Stored:
        """Of the heads of these apps' queues and of their requests that nobody took."""

    async def notes_after(
        self, app_ids: list[int], place: tuple[int, int, int], limit: int
    ) -> list[NoteWritten]:
        """The first of the notes of these apps' tickets that come after this place: (ms, ticket, number)."""

    async def unread_notes(self, app_ids: list[int], limit: int) -> list[UnreadNote]:
        """What mails said of these apps' tickets and nobody has read: of each app the latest."""

    async def items_after(self, ticket_id: int, seq: int, limit: int) -> list[Item]: ...


class Heard(NamedTuple):
    """To whom somebody on this node listens."""

    customers: dict[int, list[str]]
    agents: list[int]
    desks: list[int]


class CatchingUp:
    """`listened`: the topics that somebody on this node listens to. `tell`: to those, of this node alone.
    `asked`: set when something may be stored of which nobody was told."""

    def __init__(
        self,
        house: House,
        versions: Versions,
        listened: Callable[[], Collection[str]],
        tell: Callable[[Event, list[str]], None],
        asked: asyncio.Event | None = None,
    ) -> None:
        self._house = house
        self._versions = versions
        self._listened = listened
        self._tell = tell
        self._agents: dict[int, Agent] = {}
        self._told: dict[int, int] = {}
        """The version of each ticket that somebody here listens to, as of the last look: more than the house remembers whole."""
        self._notes_after: tuple[int, int, int] | None = None
        """All before this place was told, or was written long before this node listened."""
        self._unread: dict[int, UnreadNote] = {}
        """By ticket, what mails said and nobody had read, as of the last look."""
        self._asked = asked or asyncio.Event()

    async def run(self, seconds: Callable[[], float]) -> None:
        """A turn each so many seconds, asked anew each time, and whenever it is `asked` for; until it is cancelled."""
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout(seconds()):
                    await self._asked.wait()
            self._asked.clear()
            try:
                self._house.metrics.caught_up += await self.turn()
            except Exception as problem:
                if not self._house.store.explains(problem):
                    log.warning("could not look for what was missed: %s", type(problem).__name__)
                await asyncio.sleep(AGAIN_SECONDS)
                self._asked.set()

    async def turn(self) -> int:
        """Tell what was not told; gives how many tickets that were, and how many notes."""
        listened = self._listened()
        to = heard(listened)
        await self._look_at_agents()
        notes = await self._look_at_notes(to.desks)
        await self._look_at_unread(to.desks)
        stored = await self._stored(to, listened)
        # Closed by now, or nobody here listens to it any more.
        left = await self._of_tickets([told for told in self._told if told not in stored])
        found = stored | left
        behind = [ticket_id for ticket_id, version in found.items() if self._is_news(ticket_id, version)]
        for start in range(0, len(behind), BATCH):
            batch = behind[start : start + BATCH]
            stored |= zip(batch, await asyncio.gather(*map(self._catch_up, batch)), strict=True)
        self._told = stored  # with whoever listened, what they listened to is forgotten
        return len(behind) + notes

    async def _stored(self, to: Heard, listened: Collection[str]) -> dict[int, int]:
        found: dict[int, int] = {}
        known = [t.id for t in self._house.books.tickets.values() if _concerns(t, listened)]
        found.update(await self._of_tickets(known))
        for app_id, keys in to.customers.items():
            for start in range(0, len(keys), BATCH):
                found.update(await self._versions.of_customers(app_id, keys[start : start + BATCH]))
        if to.agents:
            found.update(await self._versions.of_agents(to.agents))
        if to.desks:
            found.update(await self._versions.of_desks(to.desks))
        return found

    async def _of_tickets(self, ticket_ids: list[int]) -> dict[int, int]:
        found: dict[int, int] = {}
        for start in range(0, len(ticket_ids), BATCH):
            found.update(await self._versions.of_tickets(ticket_ids[start : start + BATCH]))
        return found

    def _is_news(self, ticket_id: int, version: int) -> bool:
        known = self._house.books.tickets.peek(ticket_id)
        return (self._told.get(ticket_id, -1) if known is None else known.version) < version

    async def _catch_up(self, ticket_id: int) -> int:
        """Gives the version that is told by now; -1 of an app that this node has not heard of yet."""
        house = self._house
        fresh = await house.reads.ticket(tuple(house.people.apps), ticket_id)
        known = house.books.tickets.peek(ticket_id)
        if fresh is None:
            return -1
        if known is not None and known.version >= fresh.version:
            return known.version  # told meanwhile
        if known is None or fresh.last_seq - known.last_seq > ITEMS_MAX:
            event = TicketChanged(None, fresh, ())  # shown as a whole; whoever misses items asks for them
        else:
            items = await self._versions.items_after(ticket_id, known.last_seq, ITEMS_MAX)
            event = TicketChanged(known, fresh, tuple(item for item in items if item.seq <= fresh.last_seq))
        house.books.learn(fresh)
        self._tell(event, topics(event))
        return fresh.version

    async def _look_at_notes(self, app_ids: list[int]) -> int:
        """A ticket's version says nothing of its notes, which customers must not hear of. So the latest ones are looked at."""
        house, told = self._house, 0
        back = (house.now() - NOTES_BACK_MS, 0, 0)
        found = await self._versions.notes_after(app_ids, self._notes_after or back, BATCH) if app_ids else []
        for event in found:
            if house.books.notes.peek((event.ticket_id, event.note.seq)) is None:
                house.books.learn_note(event.ticket_id, event.note)
                self._tell(event, topics(event))
                told += 1
        more = len(found) == BATCH
        self._notes_after = (found[-1].note.at, found[-1].ticket_id, found[-1].note.seq) if more else back
        return told

    async def _look_at_unread(self, app_ids: list[int]) -> None:
        """What was marked as unread and is not any more was read: said again to whoever knows it."""
        found = await self._versions.unread_notes(app_ids, UNREAD_AT_MOST) if app_ids else []
        before, self._unread = self._unread, {one.ticket_id: one for one in found}
        full = {
            app_id
            for app_id, count in Counter(one.app_id for one in found).items()
            if count == UNREAD_AT_MOST
        }
        for ticket_id, old in before.items():
            # Of a full app it may have made room for later ones.
            if ticket_id not in self._unread and old.app_id not in full and old.app_id in app_ids:
                event = NotesRead(old.app_id, ticket_id, old.seq)
                self._tell(event, topics(event))

    async def _look_at_agents(self) -> None:
        """Status and presence of agents: another node's change moves queues here, and their other tabs show it."""
        before = self._agents
        self._agents = {agent.id: agent for agent in await self._house.reads.agents()}
        for agent in self._agents.values():
            old = before.get(agent.id)
            if old is None or old == agent:
                continue
            happened: list[Event] = [DeskChanged(app_id) for app_id in agent.app_ids]
            if old.status != agent.status:
                happened.append(AgentChanged(agent.id, agent.status))
            if agent.gone_at is not None:
                happened.append(AgentGone(agent.id))
            for event in happened:
                self._tell(event, topics(event))


def heard(listened: Iterable[str]) -> Heard:
    """Topics, taken apart."""
    found = Heard({}, [], [])
    for topic in listened:
        kind, _, rest = topic.partition(":")
        if kind == "customer":
            app_id, _, key = rest.partition(":")
            found.customers.setdefault(int(app_id), []).append(key)
        elif kind == "agent":
            found.agents.append(int(rest))
        elif kind == "desk":
            found.desks.append(int(rest))
    return found


def _concerns(ticket: Ticket, listened: Collection[str]) -> bool:
    """What is closed stays as it is, but for its rating, which both sides see when they look."""
    if ticket.state == "closed":
        return False
    return (
        events.customer_topic(ticket.app_id, ticket.customer.key) in listened
        or (ticket.agent_id is not None and events.agent_topic(ticket.agent_id) in listened)
        or events.desk_topic(ticket.app_id) in listened
    )
