"""The product under load: the real server with everything on, prepared by its own means and spoken to in its own protocol."""

from __future__ import annotations

import asyncio
import contextlib
import http.client
import itertools
import json
import secrets
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import msgspec

from bench import filling, processes, sockets
from bench.filling import SECRET
from bench.pairs import ID_DIGITS, WORDS, Pair, Refusal
from bench.processes import NotReady, Process, clean_environment, free_port, running

APP: Final = "demo"
"""Its key: the demo page is what the start of the server is measured with."""
TRY_LATER: Final = "closed with 4004"
TRIES: Final = 30
"""By somebody who is told to come back a second later."""
RAISED: Final[dict[str, str]] = {
    "messages_per_minute": "100000",
    "connections_per_second": "100000",
    "messages_burst": "10000",
    "reads_per_minute": "1000000",
    "reads_burst": "100000",
    "frames_per_minute": "1000000",
    "frames_burst": "100000",
}
"""Thresholds of the limits: still computed for every frame, reached by none."""


class _Item(msgspec.Struct):
    kind: str
    seq: int
    text: str = ""
    by: str = ""


class _Heard(msgspec.Struct):
    """What the generator looks at of any frame."""

    type: str
    cid: str = ""
    seq: int = 0
    code: str = ""
    ticket: int = 0
    items: list[_Item] = []


_decode = msgspec.json.Decoder(_Heard).decode


class OurLanguage:
    """docs/protocol.md, as far as a message's way goes."""

    def acked(self, payload: bytes) -> tuple[int, int] | None:
        heard = _decode(payload)
        if heard.type == "ack":
            return int(heard.cid), heard.seq
        if heard.type == "error":
            raise Refusal(heard.code)
        return None

    def delivered(self, payload: bytes) -> Sequence[tuple[int, int]]:
        return [
            (int(item.text[:ID_DIGITS]), item.seq)
            for item in _decode(payload).items
            if item.kind == "message" and item.by == "customer"
        ]


LANGUAGE = OurLanguage()


# — the server —————————————————————————————————————————————————————————————————


@dataclass
class Ours:
    """A running server, or the data of one that does not run."""

    directory: Path
    port: int
    settings: Mapping[str, str] = field(default_factory=dict)
    variables: Mapping[str, str] = field(default_factory=dict)
    """Others of its environment, by their whole names."""

    @property
    def database(self) -> Path:
        return self.directory / "chatserver.db"

    def environment(self) -> dict[str, str]:
        given = {f"CHATSERVER_{name.upper()}": value for name, value in self.settings.items()}
        return clean_environment() | {
            "PYTHONPATH": str(processes.PRODUCT),
            "HOST": "127.0.0.1",
            "PORT": str(self.port),
            "CHATSERVER_DATA_DIR": str(self.directory),
            "CHATSERVER_LOG_LEVEL": "warning",
            "CHATSERVER_SECRET": SECRET,
            **given,
            **self.variables,
        }

    def command(self, *arguments: str) -> None:
        """A command of the product's own, to its end."""
        subprocess.run(
            [sys.executable, "-m", "chatserver", *arguments],
            env=self.environment(),
            cwd=processes.PRODUCT,
            check=True,
            stdout=subprocess.DEVNULL,
        )

    def add_app(self, key: str) -> None:
        origin = f"http://127.0.0.1:{self.port}"
        self.command("migrate")  # no server has made the database yet
        self.command("app", "add", "Bench", "--origin", origin, "--key", key, "--always")

    @contextmanager
    def launched(self) -> Iterator[Process]:
        """Its process, without waiting until it is ready."""
        log = self.directory / "server.log"
        command = [sys.executable, "-m", "chatserver", "serve"]
        with running(command, self.environment(), log, processes.PRODUCT) as process:
            yield process

    @contextmanager
    def serving(self) -> Iterator[Process]:
        with self.launched() as process:
            process.until(lambda: self.answers("/readyz"))
            yield process

    def answers(self, path: str) -> bool:
        """Whether this page is there now."""
        with contextlib.closing(http.client.HTTPConnection("127.0.0.1", self.port, timeout=5)) as connection:
            try:
                connection.request("GET", path)
                return connection.getresponse().status == 200
            except OSError:
                return False


def prepared(directory: Path, settings: Mapping[str, str] = RAISED) -> Ours:
    """A fresh database with one app that is always open."""
    ours = Ours(directory, free_port(), settings)
    ours.add_app(APP)
    return ours


def socket_tokens(ours: Ours, sessions: Sequence[str]) -> list[str]:
    """What the console's page asks for before it opens its socket; each is good for 30 s."""
    origin = f"http://127.0.0.1:{ours.port}"
    tokens = []
    with contextlib.closing(http.client.HTTPConnection("127.0.0.1", ours.port, timeout=30)) as connection:
        for session in sessions:
            headers = {"cookie": f"session={session}", "origin": origin, "sec-fetch-site": "same-origin"}
            connection.request("POST", "/console/socket-token", headers=headers)
            answer = connection.getresponse()
            body = answer.read()
            if answer.status != 200:
                raise NotReady(f"the token for a socket: {answer.status}: {body.decode(errors='replace')}")
            tokens.append(str(json.loads(body)["token"]))
    return tokens


# — people —————————————————————————————————————————————————————————————————————


class Person:
    """Somebody connected, one question at a time; `socket.heard` may be taken over afterwards."""

    def __init__(self) -> None:
        self.socket: sockets.Socket
        self.port = 0
        self.welcome: dict[str, Any] = {}
        self.ping_at = 0.0
        self.heartbeat = 0.0
        self._wanted: Callable[[dict[str, Any]], bool] = lambda frame: False
        self._answer: asyncio.Future[dict[str, Any]] | None = None

    async def enter(self, port: int, path: str, hello: dict[str, Any], source: str = "127.0.0.1") -> None:
        """Again when a crowd is let in by and by; raises Refusal for anything else."""
        self.port = port
        for _ in range(TRIES):
            self.socket = await sockets.connect(port, path, self._heard, lost=self._lost, source=source)
            try:
                self.welcome = await self.ask(
                    {"type": "hello", "v": 1} | hello, lambda frame: frame["type"] == "welcome"
                )
                break
            except Refusal as refusal:
                refused = json.loads(str(refusal))
                if refused["code"] != "rate_limited":
                    raise
                await asyncio.sleep(refused["retry_after"])
            except sockets.Refused as refused:
                if str(refused) != TRY_LATER:
                    raise
                await asyncio.sleep(1)
        else:
            raise NotReady(f"nobody was let in within {TRIES} tries")
        self.heartbeat = float(self.welcome["heartbeat"])
        self.ping_at = time.perf_counter() + self.heartbeat

    def _lost(self, code: int) -> None:
        if self._answer is not None and not self._answer.done():
            self._answer.set_exception(sockets.Refused(f"closed with {code}"))

    async def ask(self, frame: dict[str, Any], wanted: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        """The first frame that is wanted. Raises Refusal when an error comes first."""
        answer = self.expect(wanted)
        self.socket.send(msgspec.json.encode(frame))
        return await answer

    def expect(self, wanted: Callable[[dict[str, Any]], bool]) -> asyncio.Future[dict[str, Any]]:
        self._wanted = wanted
        self._answer = asyncio.get_running_loop().create_future()
        return self._answer

    def _heard(self, payload: bytes) -> None:
        if self._answer is None or self._answer.done():
            return
        frame = msgspec.json.decode(payload)
        if frame["type"] == "error":
            self._answer.set_exception(Refusal(payload.decode()))
        elif self._wanted(frame):
            self._answer.set_result(frame)


_PING: Final = sockets.frame(b'{"type":"ping"}')


@contextlib.asynccontextmanager
async def alive(people: Sequence[Person]) -> AsyncIterator[None]:
    """Everybody's heartbeat while the block runs: one timer for all."""
    loop = asyncio.get_running_loop()
    handle: asyncio.TimerHandle | None = None

    def beat() -> None:
        nonlocal handle
        now = time.perf_counter()
        for person in people:
            if person.ping_at <= now:
                person.ping_at = now + person.heartbeat
                person.socket.write(_PING)
        handle = loop.call_later(0.1, beat)

    beat()
    try:
        yield
    finally:
        if handle is not None:
            handle.cancel()


def agents(ours: Ours, count: int) -> list[str]:
    """For one chat each, while the server is stopped: the tokens of their sessions."""
    if url := ours.settings.get("database_url"):
        return filling.write_postgres(url, lambda database: filling.add_agents(database, [APP], count)[1])
    with filling.writing(ours.database) as database:
        _, tokens = filling.add_agents(database, [APP], count)
    return tokens


async def chats(
    ours: Ours, sessions: Sequence[str], ports: Sequence[int] = (), *, together: bool = False
) -> tuple[list[Pair], list[Person]]:
    """An open chat for each agent, who has answered once: the pairs, and everybody who needs a heartbeat.

    `ports`: of several nodes that serve the same, `ours` among them; they take turns with the agents, and with the customers, as
    balancers do. `together`: then customers come again to the node of their agent.
    """
    for_agents, for_customers = (itertools.cycle(ports or (ours.port,)) for _ in range(2))
    agents, customers = [Person() for _ in sessions], [Person() for _ in sessions]
    for agent, token in zip(agents, socket_tokens(ours, sessions), strict=True):
        await agent.enter(next(for_agents), "/ws/agent", {"token": token})
    async with alive(agents):
        for customer in customers:
            await customer.enter(next(for_customers), "/ws/customer", {"app": APP, "locale": "es-CO"})
        given = [agent.expect(_is_given_to(agent)) for agent in agents]
        started = await asyncio.gather(*(_start(customer) for customer in customers))
        attended = [int(frame["ticket"]) for frame in await asyncio.gather(*given)]
        # An unanswered chat would pass on to another agent after a minute.
        await asyncio.gather(*(_answer(*both) for both in zip(agents, attended, strict=True)))
    by_ticket = dict(zip(attended, agents, strict=True))
    if together:
        for customer, ticket in zip(customers, started, strict=True):
            await _come_to(customer, by_ticket[ticket].port)
    pairs = [
        Pair(i, customer.socket, by_ticket[ticket].socket, _message(ticket))
        for i, (customer, ticket) in enumerate(zip(customers, started, strict=True))
    ]
    return pairs, [*agents, *customers]


async def _come_to(customer: Person, port: int) -> None:
    """The same customer with another connection, at this node."""
    if customer.port != port:
        token = customer.welcome["token"]
        customer.socket.cut()
        await customer.enter(port, "/ws/customer", {"app": APP, "token": token, "locale": "es-CO"})


async def _start(customer: Person) -> int:
    start = {"type": "start", "cid": cid(), "subject": "No puedo descargar mi factura"}
    return int((await customer.ask(start, _is_ack))["ticket"])


async def _answer(agent: Person, ticket: int) -> None:
    await agent.ask({"type": "say", "ticket": ticket, "cid": cid(), "text": "Buenas, ya lo reviso."}, _is_ack)


def _message(ticket: int) -> tuple[bytes, ...]:
    text = f'{{"type":"say","ticket":{ticket},"cid":"\0","text":"\0{WORDS}"}}'
    return tuple(text.encode().split(b"\0"))


def _is_ack(frame: dict[str, Any]) -> bool:
    return bool(frame["type"] == "ack")


def _is_given_to(agent: Person) -> Callable[[dict[str, Any]], bool]:
    def is_it(frame: dict[str, Any]) -> bool:
        told = frame.get("view") or frame.get("patch") or {}
        return bool(frame["type"] == "changed" and told.get("agent_id") == agent.welcome["id"])

    return is_it


def cid() -> str:
    return secrets.token_urlsafe(16)
