"""The server of the model: the real rooms, from the sockets to the use cases, on the model's disk, network and time."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import AsyncExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Any, Final, Protocol

import pytest

from chatserver.bus.local import LocalBus
from chatserver.core.policy import Policy
from chatserver.loops.worker import Worker
from chatserver.realtime import connection, talk
from chatserver.realtime.agent import AgentEndpoint
from chatserver.realtime.customer import CustomerEndpoint
from chatserver.realtime.frames import Packet
from chatserver.realtime.hub import Hub
from chatserver.realtime.limits import Limits
from chatserver.realtime.line import Heard, Told
from chatserver.realtime.wire import CustomerHello
from chatserver.services import followups
from chatserver.services.books import Books
from chatserver.services.house import House
from chatserver.services.publishing import Publisher
from chatserver.services.reads import DatabaseReads
from chatserver.store.base import Committed, StoreFailed
from tests.model.disk import Disk, DiskStore
from tests.model.loop import VirtualLoop
from tests.model.network import Link
from tests.realtime.chat import Doorman, Identity

SMALL: Final = Limits(message_burst=8, frame_burst=60, pending=4, agent_heartbeat=10)
"""So that the limits are met."""


@contextmanager
def small_bounds() -> Iterator[None]:
    """Pages, replays and queues of a few, so that fifty steps reach what is beyond them."""
    with pytest.MonkeyPatch.context() as patch:
        for name, size in (("PAGE", 3), ("REPLAY", 10), ("SNAPSHOT", 5)):
            patch.setattr(talk, name, size)
        for name, size in (("QUEUE_FRAMES", 24), ("ROOM_FRAMES", 4)):
            patch.setattr(connection, name, size)
        # Much of a run went into sweeps that found nothing.
        patch.setattr("chatserver.realtime.hub.SWEEP_SECONDS", 2.0)
        yield


class AnyoneMayCome(Doorman):
    """Who brings no token is somebody new."""

    def __init__(self, house: House, disk: Disk) -> None:
        super().__init__(house)
        self._disk = disk

    async def customer(self, hello: CustomerHello) -> Identity:
        if hello.token:
            return await super().customer(hello)
        self._disk.visitors += 1
        name = f"customer:visitor{self._disk.visitors}"
        return await super().customer(
            CustomerHello(v=hello.v, app=hello.app, token=name, locale=hello.locale, zone=hello.zone)
        )


class Opens(Protocol):
    """What a server opens when it starts."""

    async def open(
        self, disk: Any, loop: VirtualLoop, clock: Callable[[], int], committed: Committed, /
    ) -> AStore: ...


class AStore(Protocol):
    """A store and a `Database` for one life of the server."""

    def kill(self) -> None:
        """The process is gone, and what it had not committed."""


@dataclass(frozen=True)
class Parts:
    """What a seeded bug may exchange. `forgetful`: the browser keeps nothing of what was written and not yet sent."""

    disk: type[Disk] = Disk
    store: Opens = DiskStore
    end: type[End] = field(default_factory=lambda: End)
    forgetful: bool = False


class Server:
    """One process after the other on the same disk. `None` as `hub`: it is down."""

    def __init__(self, loop: VirtualLoop, disk: Disk, clock: Callable[[], int], parts: Parts) -> None:
        self._loop = loop
        self._disk = disk
        self._clock = clock
        self._parts = parts
        self._ends: list[End] = []
        self._stack = AsyncExitStack()
        self.hub: Hub | None = None
        self.starting = False
        self.store: AStore | None = None

    @property
    def up(self) -> bool:
        return self.hub is not None

    def start(self) -> None:
        """As `app.build_app` puts it together. It may take a moment of the model's time until it listens."""
        self.starting = True
        self._loop.create_task(self._start())

    async def _start(self) -> None:
        try:
            await self._open()
        except StoreFailed:
            self.starting = (
                False  # the process ends with an error, and whoever watches over it starts it again
            )

    async def _open(self) -> None:
        bus, books = LocalBus(), Books()
        store = await self._parts.store.open(self._disk, self._loop, self._clock, Publisher(bus, books))
        db: Any = store
        house = House(db, DatabaseReads(db, Policy()), bus, self._clock, books)
        await house.refresh()
        await followups.recover(house)
        doorman = AnyoneMayCome(house, self._disk)
        hub = Hub(house, db, doorman.live, limits=SMALL, now=self._loop.time)
        await self._stack.enter_async_context(Worker(house))
        await self._stack.enter_async_context(hub)
        self._endpoints = {
            "/ws/customer": CustomerEndpoint(hub, lambda scope: True, doorman.customer),
            "/ws/agent": AgentEndpoint(hub, lambda scope: True, doorman.agent),
        }
        self.store = store
        self.hub = hub
        self.starting = False

    def accept(self, link: Link) -> End | None:
        """For the network: a client dials."""
        if self.hub is None:
            return None
        end = self._parts.end(link)
        endpoint = self._endpoints[link.path]
        self._ends.append(end)
        link.accepted()
        endpoint.serve(end)
        return end

    def kill(self, delivered: Iterable[int], *, told: bool) -> None:
        """SIGKILL, or the power: memory is lost. Of what each connection had on its way to the client so many frames still arrive
        (`delivered`, one figure after the other, 0 when there are no more); `told`: clients learn of the end."""
        counts = iter(delivered)
        if self.store is not None:
            self.store.kill()
        self.hub = self.store = None
        self.starting = False
        for end in self._ends:
            if end.alive:
                end.alive = False
                end.link.server_dies(next(counts, 0), told=told)
        self._ends = []
        self._loop.cancel_all_tasks()
        self._stack = AsyncExitStack()

    def drain(self, drained: Callable[[], None]) -> None:
        """SIGTERM: everybody is sent away. Then comes the end of the process, which `drained` has to see to."""
        hub = self.hub
        assert hub is not None

        async def drain() -> None:
            await hub.drain()
            self._loop.call_soon(drained)

        self._loop.create_task(drain())


class End:
    """A connection as the server has it: a `realtime.line.Line`, and what the network tells it."""

    address = ""

    def __init__(self, link: Link) -> None:
        self.link = link
        self.alive = True
        """The process and the connection are there."""
        self._heard: Heard | None = None
        self._writable: Told = _nothing
        self._lost: Told = _nothing
        self._paused = False
        self._arrived: deque[str | None] = deque()
        """What waits while the server does not read; None: the end."""

    # — for the network ————————————————————————————————————————————————————————

    def heard(self, text: str) -> None:
        self._arrived.append(text)
        self._read()

    def left(self) -> None:
        self._arrived.append(None)
        self._read()

    def writable(self) -> None:
        if self.alive:
            self._writable()

    def lost(self) -> None:
        if self.alive:
            self.alive = False
            self._lost()

    def _read(self) -> None:
        while self.alive and self._arrived and not self._paused:
            text = self._arrived.popleft()
            if text is None:
                self.link.server_learns()
            elif self._heard is not None:
                self._heard(text)

    # — for the server —————————————————————————————————————————————————————————

    def open(self, heard: Heard, writable: Told, lost: Told, alive: Told) -> None:
        self._heard, self._writable, self._lost = heard, writable, lost

    def write(self, packet: Packet) -> bool:
        return not self.alive or self.link.server_says(packet.body.decode())

    def probe(self) -> None:
        """Nothing answers below the frames."""

    def pause(self) -> None:
        self._paused = True

    def resume(self) -> None:
        self._paused = False
        self._read()

    def close(self, code: int) -> None:
        if self.alive:
            self._paused = False
            self._heard = None
            self.link.server_leaves(code)

    def abort(self) -> None:
        if self.alive:
            self.link.server_cuts()


def _nothing() -> None:
    """Who has not opened the line hears nothing of it."""
