"""A whole server on a loopback port for the tests of the sockets, and clients that speak the wire as a stranger would."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import itertools
import json
import socket
import time
from collections.abc import AsyncIterator, Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec
from starlette.applications import Starlette
from starlette.routing import Route, WebSocketRoute
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed
from websockets.typing import Origin

from chatserver.bus.local import LocalBus
from chatserver.core.errors import Code, Refused
from chatserver.core.people import App
from chatserver.core.policy import Policy
from chatserver.files.keeping import Keeping
from chatserver.files.threads import Threads
from chatserver.realtime.agent import AgentEndpoint
from chatserver.realtime.customer import CustomerEndpoint
from chatserver.realtime.fallback import Fallback
from chatserver.realtime.hub import Hub
from chatserver.realtime.limits import Limits
from chatserver.realtime.ports import Scope
from chatserver.realtime.wire import CustomerHello
from chatserver.server.serving import Server, config
from chatserver.services.books import Books
from chatserver.services.downloads import Downloads
from chatserver.services.files import Files
from chatserver.services.house import House
from chatserver.services.publishing import Publisher
from chatserver.services.reads import DatabaseReads
from chatserver.settings import Settings
from chatserver.store import accounts
from chatserver.store.database import Database
from chatserver.store.work import Who

ORIGIN = "https://chat.example.test"
PATIENCE = 30
"""Seconds until a test that waits for something says that it never came."""
WIDE = Limits(
    messages=1_000_000,
    message_burst=10_000,
    frames=1_000_000,
    frame_burst=10_000,
    reads=1_000_000,
    read_burst=10_000,
    large_bytes=1_000_000_000,
    large_burst=100_000_000,
    linger=0,
)
"""For tests that say everything at once."""
_numbers = itertools.count(1)


class Identity(msgspec.Struct, frozen=True):
    app: App
    who: Who
    token: str


class Session(msgspec.Struct, frozen=True):
    id: int
    agent_id: int


class Doorman:
    """Believes `customer:<name>` and `agent:<id>`; a code as token is refused with that code."""

    def __init__(self, house: House) -> None:
        self.house = house
        self.ended: set[int] = set()

    async def customer(self, hello: CustomerHello) -> Identity:
        kind, _, name = hello.token.partition(":")
        if kind != "customer":
            raise Refused(msgspec.convert(kind or "unauthorized", Code))
        app = self.house.people.app_by_key(hello.app)
        return Identity(app, Who(app.id, f"anon:{name}", hello.name), hello.token)

    async def agent(self, token: str) -> Session:
        kind, _, number = token.partition(":")
        if kind != "agent":
            raise Refused(msgspec.convert(kind or "unauthorized", Code))
        return Session(int(number) * 10, int(number))

    async def live(self, session_ids: Iterable[int]) -> set[int]:
        return set(session_ids) - self.ended


def origin_allowed(scope: Scope) -> bool:
    found = [value for name, value in scope["headers"] if name == b"origin"]
    return found == [ORIGIN.encode()]


@dataclass
class Chat:
    """The running server."""

    port: int
    hub: Hub
    house: House
    db: Database
    doorman: Doorman
    server: Server
    running: asyncio.Task[None]
    fallbacks: list[Fallback] = field(default_factory=list)
    """Of customers and agents."""

    @contextlib.asynccontextmanager
    async def socket(
        self, path: str, origin: str | None = ORIGIN, *, narrow: bool = False, **options: Any
    ) -> AsyncIterator[Client]:
        """A socket that has said nothing yet. `narrow`: it keeps next to nothing that was not read."""
        if narrow:
            options |= {"sock": await _narrow(self.port), "max_queue": 1}
        async with connect(
            f"ws://127.0.0.1:{self.port}{path}",
            origin=None if origin is None else Origin(origin),
            proxy=None,
            compression=None,
            ping_interval=None,
            close_timeout=2,
            **options,
        ) as ws:
            yield Client(ws)

    @contextlib.asynccontextmanager
    async def customer(self, name: str = "ana", **options: Any) -> AsyncIterator[Client]:
        async with self.socket("/ws/customer", **options) as client:
            await client.send(type="hello", v=1, app="demo", token=f"customer:{name}")
            client.welcome = await client.expect("welcome")
            yield client

    @contextlib.asynccontextmanager
    async def agent(self, agent_id: int = 1, *, status: str = "available") -> AsyncIterator[Client]:
        async with self.socket("/ws/agent") as client:
            await client.send(type="hello", v=1, token=f"agent:{agent_id}")
            client.welcome = await client.expect("welcome")
            if status != client.welcome["status"]:
                await client.send(type="status", status=status)
                await client.expect("done", verb="status")
            yield client

    def stop_the_clock(self) -> None:
        """Of limits and deadlines: all that follows happens at one moment, however slow the machine is."""
        moment = self.hub.now()
        self.hub.now = lambda: moment

    async def until_empty(self) -> None:
        await until(lambda: len(self.hub) == 0)


class Client:
    """Keeps every frame it got in `got`, in order."""

    def __init__(self, ws: ClientConnection) -> None:
        self.ws = ws
        self.got: list[dict[str, Any]] = []
        self.welcome: dict[str, Any] = {}

    async def send(self, **frame: Any) -> None:
        await self.ws.send(json.dumps(frame))

    async def send_together(self, *frames: dict[str, Any]) -> None:
        """In one segment."""
        for frame in frames:
            self.ws.protocol.send_text(json.dumps(frame).encode())
        self.ws.transport.write(b"".join(self.ws.protocol.data_to_send()))

    async def receive(self) -> dict[str, Any]:
        async with asyncio.timeout(PATIENCE):
            text = await self.ws.recv()
        assert isinstance(text, str)
        frame: dict[str, Any] = json.loads(text)
        self.got.append(frame)
        return frame

    async def expect(self, kind: str, **fields: Any) -> dict[str, Any]:
        """Read on to the next frame of this type that has these fields. An error that nobody asked for fails the test."""
        while True:
            frame = await self.receive()
            if frame["type"] == kind and all(frame.get(name) == value for name, value in fields.items()):
                return frame
            assert kind == "error" or frame["type"] != "error", frame

    async def start(self, subject: str = "No puedo entrar") -> int:
        cid = new_cid()
        await self.send(type="start", cid=cid, subject=subject)
        ack = await self.expect("ack", cid=cid)
        return int(ack["ticket"])

    async def say(self, ticket: int, text: str = "hola") -> int:
        cid = new_cid()
        await self.send(type="say", ticket=ticket, cid=cid, text=text)
        return int((await self.expect("ack", cid=cid))["seq"])

    async def still_speaks(self) -> None:
        await self.send(type="ping")
        await self.expect("pong")

    async def close_code(self) -> int:
        """Read to the end."""
        try:
            while True:
                await self.receive()
        except ConnectionClosed as closed:
            return closed.rcvd.code if closed.rcvd else 1006


async def _narrow(port: int) -> socket.socket:
    """With a small buffer: the kernel would take some MiB before the server noticed anything."""
    sock = socket.socket()
    sock.setblocking(False)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8_192)
    await asyncio.get_running_loop().sock_connect(sock, ("127.0.0.1", port))
    return sock


def new_cid() -> str:
    return base64.urlsafe_b64encode(next(_numbers).to_bytes(16, "big")).decode().rstrip("=")


ENGINE = "database-url"


async def until(condition: Any) -> None:
    """Wait for a condition that something else brings about."""
    async with asyncio.timeout(PATIENCE):
        while not condition():  # noqa: ASYNC110 - what it waits for is anything at all
            await asyncio.sleep(0.005)


@contextlib.asynccontextmanager
async def serving(
    where: Path,
    *,
    limits: Limits | None = None,
    port: int = 0,
    trusted_proxies: str = "",
    clock: Callable[[], int] | None = None,
) -> AsyncIterator[Chat]:
    """One app `demo`, always open, and the agents 1 and 2. Without `limits` who leaves is gone at once. `clock`: ms since 1970,
    instead of the machine's. The database is a SQLite file in `where`, or the one whose URL stands in the file `ENGINE` there."""
    now = clock or _now
    bus, books = LocalBus(), Books()
    url = where / ENGINE
    database = url.read_text() if url.exists() else where / "chat.db"
    db = await Database.open(database, clock=now, committed=Publisher(bus, books))
    house = House(db, DatabaseReads(db, Policy()), bus, now, books)
    if not await house.reads.apps():
        await _furnish(db)
    await house.refresh()
    doorman = Doorman(house)
    keeping, threads = Keeping(where / "files"), Threads()
    files = Files(house, db, keeping, threads)
    downloads = Downloads(house, db, files, keeping, threads, secret="s" * 32)
    hub = Hub(house, db, doorman.live, limits=limits or Limits(linger=0), downloads=downloads)
    customers = CustomerEndpoint(hub, origin_allowed, doorman.customer)
    agents = AgentEndpoint(hub, origin_allowed, doorman.agent)
    fallbacks = [Fallback(customers, origin_allowed), Fallback(agents, origin_allowed)]
    app = Starlette(
        routes=[
            WebSocketRoute("/ws/customer", customers),
            WebSocketRoute("/ws/agent", agents),
            Route("/line/customer", fallbacks[0], methods=["POST"]),
            Route("/line/agent", fallbacks[1], methods=["POST"]),
        ]
    )
    listener = socket.create_server(("127.0.0.1", port))
    server = Server(config(app, Settings(trusted_proxies=trusted_proxies)), lambda: hub)
    try:
        async with hub:
            running = asyncio.create_task(server.serve(sockets=[listener]))
            chat = Chat(listener.getsockname()[1], hub, house, db, doorman, server, running, fallbacks)
            try:
                await until(lambda: server.started or running.done())
                yield chat
            finally:
                server.should_exit = True
                await running
    finally:
        await db.close()


async def _furnish(db: Database) -> None:
    app_id = await accounts.add_app(
        db, key="demo", name="Demo", secret="s" * 32, schedule='{"always":true}', created_at=_now()
    )
    for name in ("lucia", "mateo"):
        await accounts.add_agent(
            db,
            email=f"{name}@example.test",
            name=name.title(),
            password_hash="-",
            app_ids=[app_id],
            now=_now(),
        )


def _now() -> int:
    return time.time_ns() // 1_000_000
