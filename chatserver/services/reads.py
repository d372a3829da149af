"""What the use cases ask without writing, so that they know neither the database nor its queries."""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from typing import Protocol

from chatserver.core.people import Agent, App
from chatserver.core.policy import Policy
from chatserver.core.tickets import Ticket
from chatserver.store import interruptions, people, tickets
from chatserver.store.database import Database


class Reads(Protocol):
    """Each answer is of one moment and may be old when it arrives: who decides looks again inside `decide`."""

    async def apps(self) -> list[App]: ...

    async def agents(self) -> list[Agent]:
        """All that are not disabled, with their loads."""

    async def missed_agents(self, before: int) -> list[Agent]:
        """Who have chats and have been gone since `before` (ms) or for longer; first gone, first."""

    async def next_missed(self, after: int) -> int | None:
        """Since when the first of those who have chats has been gone who left after that (ms)."""

    async def ticket(self, app_ids: Sequence[int], ticket_id: int) -> Ticket | None:
        """A ticket of one of these apps."""

    async def customer_tickets(self, app_id: int, key: str, limit: int) -> list[Ticket]:
        """A customer's tickets, newest first."""

    async def waiting_ids(self, app_id: int) -> list[int]:
        """Everybody in an app's queue, in order."""

    async def handled_seconds(self, app_id: int) -> list[int]:
        """How long (seconds) the last 20 answered chats of an app took, from pairing to close."""

    async def due(self, now: int, limit: int) -> list[tuple[int, int]]:
        """(ticket, app) of what this node has to look at at `now` (ms), the most overdue first."""

    async def next_due(self) -> int | None:
        """When (ms) this node has to look at the next ticket."""

    def interrupted_ids(
        self, app_ids: Collection[int], policy: Policy, closing: Mapping[int, int | None], now: int
    ) -> AsyncIterator[list[int]]:
        """After `Store.all_gone` with the same: the open live tickets of these apps that `core.tickets.interrupted` has to look
        at, in pages: those that are due in so little time from `now` that it gives them more, and those that policy or hours
        would have due at another time by now (`closing`: per app, until when who waits may wait), pending ones among them. Some
        more do no harm."""

    def open_ids(self, app_ids: Collection[int]) -> AsyncIterator[list[int]]:
        """The open live tickets of these apps, and the pending ones, in pages."""

    async def strays(self) -> list[tuple[int, int]]:
        """(ticket, app) of those that are not closed, and whose agent was disabled or does not attend their app."""


class DatabaseReads:
    """`Reads` on the database. `default`: what an app's policy leaves open."""

    def __init__(self, db: Database, default: Policy) -> None:
        self._db = db
        self._default = default

    async def apps(self) -> list[App]:
        return await people.apps(self._db, self._default)

    async def agents(self) -> list[Agent]:
        return await people.agents(self._db)

    async def missed_agents(self, before: int) -> list[Agent]:
        return await people.missed_agents(self._db, before)

    async def next_missed(self, after: int) -> int | None:
        return await people.next_missed(self._db, after)

    async def ticket(self, app_ids: Sequence[int], ticket_id: int) -> Ticket | None:
        return await tickets.ticket_for(self._db, app_ids, ticket_id)

    async def customer_tickets(self, app_id: int, key: str, limit: int) -> list[Ticket]:
        return await tickets.customer_tickets(self._db, app_id, key, 0, limit)

    async def waiting_ids(self, app_id: int) -> list[int]:
        return [ticket_id for ticket_id, _ in await tickets.waiting_ids(self._db, app_id)]

    async def handled_seconds(self, app_id: int) -> list[int]:
        return await tickets.handled_seconds(self._db, app_id)

    async def due(self, now: int, limit: int) -> list[tuple[int, int]]:
        return await tickets.due(self._db, now, limit)

    async def next_due(self) -> int | None:
        return await tickets.next_due(self._db)

    def interrupted_ids(
        self, app_ids: Collection[int], policy: Policy, closing: Mapping[int, int | None], now: int
    ) -> AsyncIterator[list[int]]:
        return interruptions.interrupted_ids(self._db, app_ids, policy, closing, now)

    def open_ids(self, app_ids: Collection[int]) -> AsyncIterator[list[int]]:
        return interruptions.open_ids(self._db, app_ids)

    async def strays(self) -> list[tuple[int, int]]:
        return await tickets.strays(self._db)
