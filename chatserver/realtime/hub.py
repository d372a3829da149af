"""All sockets of this process: one sweep for their deadlines, one re-check of their sessions, one way to send them away."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
import time
from collections.abc import Callable, Coroutine, Hashable
from typing import Any, ClassVar, Final, Protocol, Self

from chatserver.core.errors import Refused
from chatserver.core.events import DESKS_TOPIC, DeskChanged, Left, agent_topic, customer_topic
from chatserver.core.tickets import Ticket
from chatserver.metrics import Metrics
from chatserver.realtime.attention import AttentionFeed
from chatserver.realtime.close_codes import GOING_AWAY, SESSION_ENDED
from chatserver.realtime.connection import Connection
from chatserver.realtime.counts import CountFeed
from chatserver.realtime.frames import Packet, pack
from chatserver.realtime.lately import Lately
from chatserver.realtime.limits import SLOT_LATEST, Buckets, Door, Limits
from chatserver.realtime.ports import LiveSessions
from chatserver.realtime.presence import Presence
from chatserver.realtime.views import Audience, Views
from chatserver.realtime.wire import GoAway, Storing
from chatserver.services import attention, followups, pairing
from chatserver.services.downloads import Downloads
from chatserver.services.house import House
from chatserver.store import tickets as ticket_rows
from chatserver.store.base import StoreFailed
from chatserver.store.database import Database
from chatserver.store.health import probe
from chatserver.store.work import Who

log = logging.getLogger(__name__)

SWEEP_SECONDS: Final = 1.0
RECHECK_SECONDS: Final = 240.0
RECHECK_BATCH: Final = 500
STORE_SECONDS: Final = 1.0
"""How often it is looked whether what is said can be stored."""
TOLD_AT_ONCE: Final = 500
"""Of all connections, before others have their turn."""
FORGET_SECONDS: Final = 60.0
FULL_SECONDS: Final = 60.0
"""Who has too many connections comes again after that: a dead one of a customer's is closed by then."""
DRAIN_SECONDS: Final = 10.0
BACK_SECONDS: Final = (0.5, 5.0)
"""Who is sent away comes back at a random moment in between, so that the next server is not run over; a crowd takes longer, as
long as it takes to be let in."""
LEAVING_SECONDS: Final = 0.25
"""While this server ends: so long other nodes have to say that they see somebody too, which takes milliseconds through Redis."""


class Peer(Protocol):
    """A conversation over one connection."""

    audience: ClassVar[Audience]

    @property
    def connection(self) -> Connection: ...

    @property
    def session_id(self) -> int:
        """The agent's; 0 for customers."""

    async def quiet(self) -> None:
        """Returns once every frame that was taken has been answered."""

    def outdated(self) -> bool:
        """What it was told at its beginning is not so any more: it has to come in again."""

    def check(self) -> None:
        """Its deadlines."""

    def announce(self, packet: Packet) -> None:
        """What concerns everybody; nothing to whom was not greeted yet."""


class Hub:
    """`async with hub:` while sockets are served. `now`: monotonic seconds. `recheck_seconds`: how often to ask whether a session
    has ended without our hearing of it."""

    def __init__(
        self,
        house: House,
        db: Database,
        live_sessions: LiveSessions,
        *,
        limits: Limits | None = None,
        metrics: Metrics | None = None,
        now: Callable[[], float] = time.monotonic,
        recheck_seconds: float = RECHECK_SECONDS,
        downloads: Downloads | None = None,
    ) -> None:
        self.house = house
        self.downloads = downloads
        """None: there are no files here."""
        self.db = db
        self.now = now
        self.limits = limits or Limits()
        self.metrics = metrics or Metrics()
        self.views = Views(lambda app_id: house.people.app(app_id))
        self.messages = Buckets(self.limits.messages, self.limits.message_burst)
        self.readings = Buckets(self.limits.reads, self.limits.read_burst)
        """By person too: each answer may be 256 KiB, and what one connection may ask for is nothing to fifty of them."""
        self.openings = Buckets(self.limits.address_tickets, self.limits.address_tickets)
        """Of tickets, by network address: new visitors cost nothing, so what one person may do is no limit to a robot."""
        self.customers_here: Presence[Who] = Presence(
            lambda who: pairing.customer_connected(house, who),
            lambda who, since: pairing.customer_gone(house, who, house.instant(since)),
            now=house.steady,
            left=lambda who, heard: house.bus.publish(
                Left(house.instant(heard)), [customer_topic(who.app_id, who.key)]
            ),
            explained=db.explains,
            linger=self.limits.linger,
        )
        """By app and key alone: two tabs in two languages are one customer."""
        self.agents_here: Presence[int] = Presence(
            lambda agent_id: _unless_no_more(pairing.agent_connected(house, agent_id)),
            lambda agent_id, since: _unless_no_more(
                pairing.agent_gone(house, agent_id, house.instant(since))
            ),
            now=house.steady,
            left=lambda agent_id, heard: house.bus.publish(
                Left(house.instant(heard)), [agent_topic(agent_id)]
            ),
            explained=db.explains,
            linger=self.limits.linger,
        )
        self.attention = AttentionFeed(
            house.bus, lambda app_id: attention.attention(house, app_id), explained=db.explains
        )
        self.counts = CountFeed(
            house.bus,
            lambda app_id: ticket_rows.desk_counts(db, app_id),
            lambda app_id: house.people.app(app_id).key,
            explained=db.explains,
        )
        self.attention_lately = Lately(house.bus, lambda app_id: attention.attention(house, app_id), now)
        self.places_lately = Lately(house.bus, lambda app_id: attention.places(house, app_id), now)
        """For those who come in, which may be a crowd."""
        self.storing = True
        """What is said can be stored, by what was seen last. Whoever is here was told when that changed."""
        self.draining = False
        """Readiness is over: no new sockets."""
        self.shut = False
        """People are sent elsewhere, and nothing more that they say is taken."""
        self.live_sessions = live_sessions
        self._followed = house.people
        """Apps and agents by which everything here goes. What failed half way is done again."""
        self._recheck_seconds = recheck_seconds
        self._peers: dict[Peer, None] = {}
        self._of_network: dict[str, int] = {}
        self._of_person: dict[Hashable, int] = {}
        self._doors: list[Door] = []
        self._empty = asyncio.Event()
        self._empty.set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._background: list[asyncio.Task[None]] = []

    async def __aenter__(self) -> Self:
        for seconds, work in (
            (SWEEP_SECONDS, self._sweep),
            (STORE_SECONDS, self.look_at_store),
            (self._recheck_seconds, self.recheck_sessions),
            (FORGET_SECONDS, self._forget),
        ):
            self._background.append(asyncio.create_task(_every(seconds, work, self.db.explains)))
        return self

    async def __aexit__(self, *error: object) -> None:
        for task in self._background:
            task.cancel()
        await asyncio.gather(*self._background, return_exceptions=True)
        self.customers_here.stop()
        self.agents_here.stop()
        self.attention.stop()
        self.counts.stop()
        self.attention_lately.stop()
        self.places_lately.stop()

    def count(self) -> dict[str, int]:
        """Open connections per audience."""
        agents = sum(1 for peer in self._peers if peer.audience == "agent")
        return {"customer": len(self._peers) - agents, "agent": agents}

    def __len__(self) -> int:
        return len(self._peers)

    @property
    def peers(self) -> list[Peer]:
        """Oldest first."""
        return list(self._peers)

    @property
    def full(self) -> bool:
        """Takes no new socket now."""
        return self.shut or len(self._peers) >= self.limits.connections

    def door(self) -> Door:
        """Another one, for those who come in by one endpoint."""
        door = Door(self.limits.connections_per_second)
        self._doors.append(door)
        return door

    def crowded(self, network: str) -> bool:
        """This network address has as many sockets as one may have."""
        return self._of_network.get(network, 0) >= self.limits.address_connections

    def add(self, peer: Peer) -> None:
        self._peers[peer] = None
        network = peer.connection.network
        if network:
            self._of_network[network] = self._of_network.get(network, 0) + 1
        self._empty.clear()

    def remove(self, peer: Peer) -> None:
        self._peers.pop(peer, None)
        network = peer.connection.network
        if network:
            self._of_network[network] -= 1
            if not self._of_network[network]:
                del self._of_network[network]
        if not self._peers:
            self._empty.set()

    def seat(self, person: Hashable) -> None:
        """One connection more of this person, until `unseat`. Raises Refused(rate_limited): they have as many as one may have.
        Those whose other end is gone without a word are found out by then."""
        seats = self._of_person.get(person, 0)
        if seats >= self.limits.person_connections:
            raise Refused("rate_limited", retry_after=FULL_SECONDS)
        self._of_person[person] = seats + 1

    def unseat(self, person: Hashable) -> None:
        self._of_person[person] -= 1
        if not self._of_person[person]:
            del self._of_person[person]

    def spawn(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Run to the end, whatever becomes of the connection: a frame that was read is carried out."""
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def drain(self, seconds: float = DRAIN_SECONDS) -> None:
        """Send everybody away: no new sockets, what was read is answered, everything queued is sent, then GOING_AWAY.

        Returns when all are closed, and it is told that they are gone, after at most `seconds` and LEAVING_SECONDS.
        """
        self.draining = True
        end = asyncio.get_running_loop().time() + seconds
        self._hurry(LEAVING_SECONDS if self.house.bus.hears(2) else 0)
        await self.send_everybody_away(seconds)
        left = end - asyncio.get_running_loop().time()
        if left < LEAVING_SECONDS:
            self._hurry(0)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(max(left, LEAVING_SECONDS)):
                await self.customers_here.settled()
                await self.agents_here.settled()

    def _hurry(self, linger: float) -> None:
        self.customers_here.hurry(linger)
        self.agents_here.hurry(linger)

    async def send_everybody_away(self, seconds: float = DRAIN_SECONDS) -> None:
        """To any other node, until `shut` is taken back. Returns when all are closed, after at most `seconds`."""
        self.shut = True
        peers = list(self._peers)
        log.info("draining %d connections", len(peers))
        soonest, latest = BACK_SECONDS
        latest = max(latest, min(soonest + len(peers) / self.limits.connections_per_second, SLOT_LATEST))
        try:
            async with asyncio.timeout(seconds):
                waits = [random.uniform(soonest, latest) for _ in peers]  # noqa: S311 - spreads load, keeps no secret
                await asyncio.gather(*map(self._send_away, peers, waits))
                while self._tasks:
                    await asyncio.wait(self._tasks)
                await self._empty.wait()
        except TimeoutError:
            log.warning("%d connections were not drained in %.0f s: cut", len(self._peers), seconds)
            for peer in self.peers:
                peer.connection.abort()

    async def _send_away(self, peer: Peer, wait: float) -> None:
        await peer.connection.reply(pack(GoAway(retry_after=round(wait, 3))))
        await peer.quiet()
        peer.connection.end(GOING_AWAY)

    def shown(self, ticket: Ticket) -> None:
        """Somebody here sees it as it was read: from here on what changes in it has to be told to them."""
        if ticket.state != "closed":
            self.house.books.learn(ticket)

    def claim_again(self) -> None:
        """Other nodes took this one for dead and spoke for its people: all of them are here."""
        self.customers_here.deny_all()
        self.agents_here.deny_all()

    def claim(self, tickets: list[int], agents: list[int]) -> None:
        """A node may have died that claimed them: who of them is here too stays."""
        for agent_id in agents:
            self.agents_here.denied(agent_id)
        for ticket_id in tickets:
            ticket = self.house.books.tickets.peek(ticket_id)
            if ticket is not None:
                self.customers_here.denied(Who(ticket.app_id, ticket.customer.key))

    async def people_changed(self) -> None:
        """An administrator changed apps, agents or passwords: what is open here follows. Raises what the store raises; harmless
        twice."""
        house = self.house
        await house.refresh()
        people, before = house.people, self._followed
        changed = [app_id for app_id, app in people.apps.items() if app != before.apps.get(app_id)]
        await self.recheck_sessions()
        for peer in self.peers:
            if peer.outdated():
                peer.connection.end(GOING_AWAY)
        desks = people.staffed_otherwise(before).union(changed)
        for app_id in desks:
            house.bus.here(DeskChanged(app_id), [DESKS_TOPIC])
        await followups.rules_changed(house, changed)
        await followups.people_changed(house, desks)
        self._followed = people

    async def look_at_store(self) -> None:
        """Tell everybody when nothing can be stored any more, and when it can again: what somebody types meanwhile waits on their
        side, and they have to know. Nobody may be writing when it can again, so it is tried."""
        await self._tell_storing()
        if self.db.failing and not self.db.unanswered:
            with contextlib.suppress(StoreFailed):
                await probe(self.db, self.house.now())
            await self._tell_storing()

    async def _tell_storing(self) -> None:
        if self.db.storing == self.storing:
            return
        self.storing = self.db.storing
        log.warning("people are told that what they say %s be stored", "can" if self.storing else "cannot")
        packet = pack(Storing(self.storing))
        for number, peer in enumerate(self.peers, 1):
            peer.announce(packet)
            if not number % TOLD_AT_ONCE:
                await asyncio.sleep(0)

    async def recheck_sessions(self) -> None:
        """Close the sockets of sessions that ended without our hearing of it."""
        peers = [peer for peer in self._peers if peer.session_id]
        ids = sorted({peer.session_id for peer in peers})
        for start in range(0, len(ids), RECHECK_BATCH):
            batch = ids[start : start + RECHECK_BATCH]
            ended = set(batch) - await self.live_sessions(batch)
            for peer in peers:
                if peer.session_id in ended:
                    peer.connection.end(SESSION_ENDED, flush=False)

    async def _sweep(self) -> None:
        # After a standstill of this process signs of life wait in the kernel. Two turns of the loop read them.
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        for peer in list(self._peers):
            peer.check()

    async def _forget(self) -> None:
        self.messages.forget(self.now())
        self.readings.forget(self.now())
        self.openings.forget(self.now())
        for door in self._doors:
            door.forget(self.now())


async def _every(
    seconds: float,
    work: Callable[[], Coroutine[Any, Any, None]],
    explained: Callable[[BaseException], bool],
) -> None:
    while True:
        await asyncio.sleep(seconds)
        try:
            await work()
        except Exception as problem:
            if not explained(problem):
                log.exception("a sweep over the connections failed; the next one comes in %.0f s", seconds)


async def _unless_no_more(told: Coroutine[Any, Any, None]) -> None:
    """An agent who was disabled is not here, whoever says what: that is stored already."""
    try:
        await told
    except Refused as refusal:
        if refusal.code != "unauthorized":
            raise
