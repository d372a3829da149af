"""The servers' own customer: says something now and then by the way that everybody's messages go, and measures when it is heard.

Each node has one ticket to be answered later, in an app of no host: such a ticket has no place in a queue, no deadline and no
agent, and nobody can come in by that app (`services.people`). All nodes listen to all of these tickets, so what one of them says
and another one does not hear is found too. What is said is a number and the database's time.

A ticket is left for a new one after `MESSAGES` messages and then removed, items and all: some 60 KB a node are kept, whatever
the years.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
import time
from collections.abc import Collection
from typing import Final, NamedTuple, Self

import msgspec
from sqlalchemy import delete, select

from chatserver.bus.base import Subscription
from chatserver.core.events import Event, TicketChanged, customer_topic
from chatserver.core.hours import ALWAYS
from chatserver.core.people import CANARY
from chatserver.core.tickets import Ticket
from chatserver.metrics import Histogram
from chatserver.services import talk, tickets
from chatserver.services.house import House
from chatserver.store import tables
from chatserver.store.database import Database
from chatserver.store.portable import insert_or_not
from chatserver.store.work import Who

log = logging.getLogger(__name__)

KEY: Final = "server:canary"
"""Of the customer. People's begin otherwise (`core.people.Customer`), so what is removed by it is nobody's."""
EMAIL: Final = "canary@server.invalid"
MESSAGES: Final = 240
LOST_SECONDS: Final = 10.0
FORGET_MS: Final = 600_000
"""A node not heard of for so long, without a goodbye, is no longer spoken of."""
OPEN_MAX: Final = 100
"""Tickets of nodes that are looked through for those left behind."""
BOUNDS: Final = (0.001, 0.002, 0.004, 0.008, 0.016, 0.032, 0.064, 0.125, 0.25, 0.5, 1.0, 2.0, 4.0, 10.0, 30.0)

_t = tables.tickets.c


class Beat(NamedTuple):
    """What is said. `at`: ms UTC of the clock that all nodes share, when it was."""

    node: int
    number: int
    at: int

    def text(self) -> str:
        return f"{self.node} {self.number} {self.at}"


class Heard(NamedTuple):
    beat: Beat
    ticket_id: int


class Canary:
    """`async with Canary(…)` while this node serves. `seconds`: between two messages; `patience`: later than that is lost."""

    def __init__(self, house: House, db: Database, seconds: float, patience: float = LOST_SECONDS) -> None:
        self._house = house
        self._db = db
        self._seconds = seconds
        self._patience = patience
        self._metrics = house.metrics
        self._who: Who | None = None
        self._ticket: Ticket | None = None
        self._said = 0
        self._number = 0
        self._hearing: Subscription | None = None
        self._heard: dict[int, Heard] = {}
        self._awaited: tuple[Beat, float, asyncio.Event] | None = None
        self._task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        self._metrics.canary = {"self": Histogram(BOUNDS), "others": Histogram(BOUNDS)}
        self._task = asyncio.create_task(self._run())
        return self

    async def __aexit__(self, *error: object) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        if self._hearing is not None:
            self._hearing.end()
        try:
            async with asyncio.timeout(2):
                await self._leave(self._ticket)
        except Exception as problem:
            log.info("the canary said no goodbye: %s", type(problem).__name__)

    async def _run(self) -> None:
        while True:
            try:
                self._forget()
                await self._turn()
            except Exception as problem:
                self._metrics.canary_lost["self"] += 1
                if not self._db.explains(problem):
                    log.warning("the canary was not heard: %s", type(problem).__name__)
            await asyncio.sleep(self._seconds)

    async def _turn(self) -> None:
        """Say something and hear it. Raises what reads and writes raise; TimeoutError when it is not heard in time."""
        async with asyncio.timeout(self._patience):
            who = self._who or await self._come_in()
            beat = Beat(self._db.node, self._number + 1, self._house.now())
            heard = asyncio.Event()
            self._awaited = beat, time.perf_counter(), heard
            await self._say(who, beat)
            self._number = beat.number
            await heard.wait()

    async def _come_in(self) -> Who:
        row = insert_or_not(
            tables.apps,
            key=CANARY,
            name="Canary",
            secret=secrets.token_urlsafe(32),
            schedule=msgspec.json.encode(ALWAYS).decode(),
            created_at=self._house.now(),
        )
        await self._db.execute(row)
        await self._house.refresh()
        app = next(app for app in self._house.people.apps.values() if app.key == CANARY)
        self._who = Who(app.id, KEY)
        self._hearing = self._house.bus.subscribe(
            [customer_topic(app.id, KEY)], self._hear, self._cannot_overflow
        )
        return self._who

    async def _say(self, who: Who, beat: Beat) -> None:
        if self._ticket is not None and self._said < MESSAGES:
            self._said += 1
            await talk.say(self._house, who, self._ticket.id, _cid(), beat.text())
            return
        before, self._said = self._ticket, 1
        self._ticket = await tickets.request(
            self._house,
            who,
            cid=_cid(),
            subject=f"node {beat.node}",
            text=beat.text(),
            email=EMAIL,
            context="{}",
        )
        await self._leave(before)
        await self._clear(who)

    async def _leave(self, ticket: Ticket | None) -> None:
        if ticket is not None and self._who is not None:
            await tickets.end(self._house, self._who, ticket.id)

    async def _clear(self, who: Who) -> None:
        """Close what nodes left behind that did not end in order, and remove what is closed."""
        old = self._house.now() - FORGET_MS
        for ticket in await self._house.reads.customer_tickets(who.app_id, who.key, OPEN_MAX):
            if ticket.state != "closed" and ticket.active_at < old:
                await self._leave(ticket)
        ours = select(tables.customers.c.id).where(
            tables.customers.c.app_id == who.app_id, tables.customers.c.key == KEY
        )
        closed = select(_t.id).where(_t.customer_id.in_(ours), _t.state == "closed")
        await self._db.execute(
            delete(tables.items).where(tables.items.c.ticket_id.in_(closed)),
            delete(tables.notes).where(tables.notes.c.ticket_id.in_(closed)),
            delete(tables.tickets).where(_t.customer_id.in_(ours), _t.state == "closed"),
        )

    # — hearing ————————————————————————————————————————————————————————————————

    def _hear(self, event: Event) -> bool:
        if isinstance(event, TicketChanged):
            if event.after.state == "closed":
                self._left(event.after.id)
                return True
            # Found by looking, a change may bring several messages, or none and only the last one of the ticket.
            texts = [item.text for item in event.items] + (
                [event.after.last.text] if event.after.last else []
            )
            for beat in filter(None, map(_read, texts)):
                self._heard_of(beat, event.after.id)
        return True

    def _cannot_overflow(self) -> None:
        raise AssertionError("the canary takes every event")

    def _left(self, ticket_id: int) -> None:
        """Of a node that goes on there is a newer ticket by now."""
        self._drop([node for node, heard in self._heard.items() if heard.ticket_id == ticket_id])

    def _heard_of(self, beat: Beat, ticket_id: int) -> None:
        before = self._heard.get(beat.node)
        if before is not None and before.beat.at >= beat.at:
            return  # heard already: the ticket changed in something else
        self._heard[beat.node] = Heard(beat, ticket_id)
        self._metrics.canary_seen[beat.node] = beat.at / 1000
        if beat.node == self._db.node:
            self._own(beat)
        else:
            self._others(beat, before)

    def _own(self, beat: Beat) -> None:
        if self._awaited is not None and self._awaited[0] == beat:
            _, began, heard = self._awaited
            self._metrics.canary["self"].add(time.perf_counter() - began)
            heard.set()

    def _others(self, beat: Beat, before: Heard | None) -> None:
        took = max(0, self._house.now() - beat.at) / 1000
        self._metrics.canary["others"].add(took)
        never = 0 if before is None else max(0, beat.number - before.beat.number - 1)
        # Whoever has just come hears old ones too.
        late = before is not None and took > self._patience
        self._metrics.canary_lost["others"] += never + late

    def _forget(self) -> None:
        old = self._house.now() - FORGET_MS
        self._drop([node for node, heard in self._heard.items() if heard.beat.at < old])

    def _drop(self, nodes: Collection[int]) -> None:
        for node in nodes:
            del self._heard[node]
            self._metrics.canary_seen.pop(node, None)


def _read(text: str) -> Beat | None:
    try:
        node, number, at = map(int, text.split())
    except ValueError:
        return None
    return Beat(node, number, at)


def _cid() -> str:
    return secrets.token_urlsafe(16)
