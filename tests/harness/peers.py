"""Clients of the wire protocol written from `docs/protocol.md` alone: an outbox, resending by cid, resuming by number.

They are what a careful stranger would write, and they keep a diary for the checker: what they tried and were told, and what
a screen of theirs would have shown.
"""

from __future__ import annotations

import asyncio
import json
import random
import secrets
import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, WebSocketException
from websockets.typing import Origin

from tests.checker.checker import Op, Owned, Result, Shown
from tests.harness.waiting import LOOK_EVERY

Frame = dict[str, Any]
TALK = ("message", "proposal")
WINDOW = 4
"""Messages under way at once, for each client and ticket."""
TRY_LATER = 4004
AGAIN = ("rate_limited", "internal", "unavailable")
"""Refusals that ask for the same frame once more."""


class StartRefused(Exception):
    """With the code: a customer may have so many chats open at once."""


class Unanswered(Exception):
    """The connection ended before the answer came."""


def new_cid() -> str:
    """128 random bits, 22 characters."""
    return secrets.token_urlsafe(16)


@dataclass
class Pending:
    ticket: int
    cid: str
    text: str
    since: float
    sent_on: int = 0
    """The number of the connection that it was last sent on."""


@dataclass
class Diary:
    """What all clients of one test wrote down together."""

    history: list[Op] = field(default_factory=list)
    shown: list[Shown] = field(default_factory=list)
    owned: list[Owned] = field(default_factory=list)
    shown_before: int = 0
    """How many there were in `shown` when a story looked last."""
    seen: list[tuple[str, str, float]] = field(default_factory=list)
    """(reader, cid, monotonic seconds): when a message appeared on whose screen."""
    acks: int = 0

    def delays(self, since: float, until: float) -> list[float]:
        """Of what was acknowledged in this time: seconds from there to each screen of somebody else, in order."""
        said = {op.cid: op for op in self.history if op.result == "ok" and since <= op.t_done < until}
        found = [
            max(0.0, at - said[cid].t_done)
            for reader, cid, at in self.seen
            if cid in said and reader != said[cid].client
        ]
        return sorted(found)


@dataclass
class Thread:
    """One ticket as this client knows it."""

    last: int = -1
    """The number of the newest item shown; -1: nothing is known yet."""
    asked: bool = False
    """An `open` is on its way."""
    view: Frame = field(default_factory=dict)
    mine: tuple[int, int] | None = None
    epoch: str = ""
    """Under which `last` was learned."""


class Peer(ABC):
    """A client that never gives up: while `run` runs it is connected, or about to be."""

    def __init__(self, name: str, port: int, diary: Diary, dice: random.Random) -> None:
        self.name = name
        self.port = port
        self.origin = f"http://127.0.0.1:{port}"
        """The server's own, also when `port` leads there by a detour."""
        self.pause = (0.01, 0.08)
        """Seconds between two connections, drawn from this range."""
        self.diary = diary
        self.dice = dice
        self.threads: dict[int, Thread] = {}
        self.outbox: list[Pending] = []
        self.epoch = ""
        self.id = 0
        self.goodbyes: list[tuple[bool, int]] = []
        """For each connection that ended: whether a `goaway` came first, and the close code."""
        self.refusals: list[Frame] = []
        self.told_storing: list[bool] = []
        """What the server said of its database."""
        self.typing: list[int] = []
        """Tickets in which the other side was shown to type."""
        self.told_to_wait = 0.0
        """Seconds, by the last `goaway` or the last `error` that answered a `hello`."""
        self.online = False
        self.connections = 0
        self.acknowledged = 0
        """The highest number that an `ack` named."""
        self.goes_back = False
        """The database may be replaced by an earlier one: what was held of it then means nothing."""
        self.before_connecting: Callable[[], None] = lambda: None
        """Called before each try: it may lead to another server."""
        self.gives_signs = False
        """Pings as often as the server asks for, and takes a server that misses two of them for dead."""
        self._heard_at = 0.0
        self._heartbeat = 0.0
        self._going = False
        self._socket: ClientConnection | None = None
        self._starts: dict[str, asyncio.Future[int]] = {}
        self._asked: dict[tuple[str, int], asyncio.Future[Frame]] = {}
        self._retries: set[asyncio.Task[None]] = set()

    path: str
    open_within = 5.0
    """Seconds for a handshake."""

    @abstractmethod
    async def hello(self) -> Frame:
        """The first frame of a connection. Raises OSError while the server is away."""

    @abstractmethod
    def welcomed(self, frame: Frame) -> list[Frame]:
        """Takes the welcome in; returns the tickets that it shows."""

    async def run(self) -> None:
        """Connects, talks, and connects again, until cancelled."""
        while True:
            self.before_connecting()
            with suppress(OSError, WebSocketException, asyncio.TimeoutError):
                await self._one_connection()
            await asyncio.sleep(self.next_wait())

    def next_wait(self) -> float:
        """Seconds until the next try: with jitter, so that clients do not come back in step; when the server says "not now", as
        long as it says."""
        turned_away = bool(self.goodbyes) and self.goodbyes[-1][1] == TRY_LATER
        told, self.told_to_wait = self.told_to_wait, 0.0
        return max(told if turned_away else 0, self.dice.uniform(*self.pause) * (10 if turned_away else 1))

    def comes_to(self, port: int) -> None:
        """From the next connection on, to the server at this port."""
        self.port, self.origin = port, f"http://127.0.0.1:{port}"

    def say(self, ticket: int) -> None:
        """A message of its own making; kept and sent again until the server has said what became of it."""
        cid = new_cid()
        text = f"{cid} de {self.name}"
        self.outbox.append(Pending(ticket, cid, text, time.monotonic()))

    async def asks(self, verb: str, ticket: int = 0, **fields: Any) -> Frame:
        """The `done` or the `error` that answers it; one under way for each verb and ticket. Raises Unanswered."""
        assert (verb, ticket) not in self._asked, f"{self.name} asks for {verb} of {ticket} already"
        if not self.online:
            raise Unanswered
        answer: asyncio.Future[Frame] = asyncio.get_running_loop().create_future()
        self._asked[verb, ticket] = answer
        await self._send({"type": verb} | ({"ticket": ticket} if ticket else {}) | fields)
        return await answer

    async def types(self, ticket: int) -> None:
        await self._send({"type": "typing", "ticket": ticket, "on": True})

    def shows(self, ticket: int) -> int:
        """The number of the newest item on the screen; -1: none yet of the database that is there now."""
        thread = self.threads[ticket]
        return thread.last if thread.epoch == self.epoch else -1

    def settled(self) -> bool:
        return self.online and not self.outbox

    async def _one_connection(self) -> None:
        origin = Origin(self.origin)
        address = f"{self.origin.replace('http', 'ws')}{self.path}"
        first = await self.hello()
        # One task reads and sends. With a bounded queue it could wait, sending to a server that is leaving, for an end that
        # stands in the socket unread.
        options: dict[str, Any] = {"compression": None, "ping_interval": None, "max_queue": None}
        options |= {"host": "127.0.0.1", "port": self.port, "proxy": None, "open_timeout": self.open_within}
        async with connect(address, origin=origin, **options) as socket:
            self.connections += 1
            self._socket = socket
            self._going = False
            for thread in self.threads.values():
                thread.asked = False
            await self._send(first)
            self._heard_at, self._heartbeat = time.monotonic(), self.open_within
            signs = asyncio.create_task(self._give_signs(socket), name=f"{self.name} gives signs of life")
            try:
                async for message in socket:
                    self._heard_at = time.monotonic()
                    await self._take(json.loads(message))
            except ConnectionClosed:
                pass
            finally:
                signs.cancel()
                self.online = False
                self._socket = None
                self._let_go_of_all()
                self._give_up_asking()
                self.goodbyes.append((self._going, socket.close_code or 1006))

    async def _give_signs(self, socket: ClientConnection) -> None:
        """For as long as the connection lasts, until the server is silent for two heartbeats and some."""
        while self.gives_signs:
            if time.monotonic() - self._heard_at > 2.5 * self._heartbeat:
                socket.transport.abort()
                return
            if self.online:
                await self._send({"type": "ping"})
            await asyncio.sleep(self._heartbeat if self.online else LOOK_EVERY)

    async def flush(self) -> None:
        """Sends what waits, a few for each ticket at once."""
        under_way: dict[int, int] = {}
        for pending in list(self.outbox):
            under_way[pending.ticket] = under_way.get(pending.ticket, 0) + 1
            if under_way[pending.ticket] > WINDOW or not self.online:
                continue
            if pending.sent_on != self.connections:
                pending.sent_on = self.connections
                await self._send(
                    {"type": "say", "ticket": pending.ticket, "cid": pending.cid, "text": pending.text}
                )

    async def _send(self, frame: Frame) -> None:
        if self._socket is not None:
            with suppress(ConnectionClosed):
                await self._socket.send(json.dumps(frame))

    async def _take(self, frame: Frame) -> None:
        match frame["type"]:
            case "welcome":
                await self._welcome(frame)
            case "changed":
                await self._changed(frame)
            case "items":
                await self._items(frame)
            case "snapshot":
                self._snapshot(frame)
            case "ack":
                self._acked(frame)
            case "done":
                self._answered(frame)
            case "error":
                self._refused(frame)
            case "typing" if frame.get("on", True):
                self.typing.append(frame["ticket"])
            case "storing":
                self.told_storing.append(frame["on"])
            case "goaway":
                self._going = True
                self.told_to_wait = frame.get("retry_after", 0)
        await self.flush()

    async def _welcome(self, frame: Frame) -> None:
        self.epoch, known = frame["epoch"], self.epoch
        if known not in ("", self.epoch):
            assert self.goes_back, "the database is another one"
            for thread in self.threads.values():
                thread.view = {}
        self.online = True
        self._heartbeat = frame["heartbeat"]
        for view in self.welcomed(frame):
            self._look(view)
        for ticket in list(self.threads):
            await self._open(ticket)

    async def _open(self, ticket: int) -> None:
        thread = self.threads.setdefault(ticket, Thread())
        if not thread.asked:
            thread.asked = True
            epoch = thread.epoch or self.epoch
            await self._send({"type": "open", "ticket": ticket, "after": thread.last, "epoch": epoch})

    async def _changed(self, frame: Frame) -> None:
        ticket = frame["ticket"]
        thread = self.threads.setdefault(ticket, Thread())
        if frame.get("view"):
            self._look(frame["view"])
        elif frame["version"] > thread.view.get("version", 0):
            if frame["base"] == thread.view.get("version"):
                self._look(thread.view | frame.get("patch", {}) | {"version": frame["version"]})
            else:
                await self._open(ticket)
        await self._show(ticket, frame.get("items", []))

    async def _items(self, frame: Frame) -> None:
        await self._show(frame["ticket"], frame["items"])
        if not frame["more"]:
            self.threads[frame["ticket"]].asked = False

    def _snapshot(self, frame: Frame) -> None:
        ticket = frame["view"]["id"]
        thread = self.threads.setdefault(ticket, Thread())
        thread.asked = False
        self._look(frame["view"])
        items = frame["items"]
        first = items[0]["seq"] if items else 1
        self.diary.shown.append(Shown(self.name, ticket, first, forget=True))
        thread.last = first - 1
        thread.epoch = self.epoch
        for item in items:
            self._show_one(ticket, thread, item)

    async def _show(self, ticket: int, items: list[Frame]) -> None:
        """Items in order; one that would leave a gap is not shown, what lies between is asked for."""
        thread = self.threads.setdefault(ticket, Thread())
        if thread.epoch not in ("", self.epoch):
            await self._open(ticket)  # what is held of it is another database's: a snapshot has to come first
            return
        for item in items:
            if thread.last >= 0 and item["seq"] <= thread.last:
                continue
            if item["seq"] != max(thread.last, 0) + 1:
                await self._open(ticket)
                return
            self._show_one(ticket, thread, item)

    def _show_one(self, ticket: int, thread: Thread, item: Frame) -> None:
        cid = item["text"].split(" ")[0] if item["kind"] in TALK else ""
        self.diary.shown.append(Shown(self.name, ticket, item["seq"], cid))
        thread.last = item["seq"]
        thread.epoch = self.epoch
        if cid:
            self.diary.seen.append((self.name, cid, time.monotonic()))

    def _look(self, view: Frame) -> None:
        thread = self.threads.setdefault(view["id"], Thread())
        if view["version"] >= thread.view.get("version", 0):
            thread.view = view
            self._holds(view["id"], thread, view.get("agent_id") == self.id)

    def _holds(self, ticket: int, thread: Thread, mine: bool) -> None:
        """Agents keep a diary of the versions in which a ticket was theirs."""
        version = thread.view["version"]
        if mine:
            since = thread.mine[0] if thread.mine else version
            thread.mine = (since, version + 1)
        elif thread.mine:
            self._let_go(ticket, thread)

    def _let_go(self, ticket: int, thread: Thread) -> None:
        if thread.mine:
            self.diary.owned.append(Owned(ticket, self.name, *thread.mine))
            thread.mine = None

    def _let_go_of_all(self) -> None:
        for ticket, thread in self.threads.items():
            self._let_go(ticket, thread)

    def _answered(self, frame: Frame) -> bool:
        """Whether this is what `asks` waits for."""
        answer = self._asked.pop((frame.get("verb", ""), frame.get("ticket", 0)), None)
        if answer is not None and not answer.done():
            answer.set_result(frame)
        return answer is not None

    def _give_up_asking(self) -> None:
        for answer in self._asked.values():
            if not answer.done():
                answer.set_exception(Unanswered())
        self._asked.clear()

    def _acked(self, frame: Frame) -> None:
        start = self._starts.pop(frame["cid"], None)
        if start is not None and not start.done():
            start.set_result(frame["ticket"])
            return
        self._finish(frame["cid"], "ok", frame.get("seq", 0))

    def _refused(self, frame: Frame) -> None:
        self.refusals.append(frame)
        if frame.get("verb") == "hello":
            self.told_to_wait = frame.get("retry_after", 0)
            return
        if self._answered(frame):
            return
        cid = frame.get("cid", "")
        if (start := self._starts.pop(cid, None)) is not None:
            start.set_exception(StartRefused(frame["code"]))
            return
        if frame["code"] in AGAIN:
            # Later, and reading goes on meanwhile: a client that sleeps over a refusal does not hear a goodbye.
            wait = min(frame.get("retry_after", 0.05), 0.5)
            retry = asyncio.create_task(self._once_more(frame, wait), name=f"{self.name} tries again")
            self._retries.add(retry)
            retry.add_done_callback(self._retries.discard)
        elif frame.get("verb") == "open":
            self.threads[frame["ticket"]].asked = False  # not theirs to read, until they hear of it again
        else:
            self._finish(cid, "fail")

    async def _once_more(self, refused: Frame, wait: float) -> None:
        """Sends it, too: nothing else may ever happen to this client that would be an occasion to."""
        await asyncio.sleep(wait)
        if refused.get("verb") == "open":
            self.threads[refused["ticket"]].asked = False
            await self._open(refused["ticket"])
        cid = refused.get("cid", "")
        for pending in self.outbox:
            if pending.cid == cid:
                pending.sent_on = 0
        await self.flush()

    def _finish(self, cid: str, result: Result, seq: int = 0) -> None:
        pending = next((pending for pending in self.outbox if pending.cid == cid), None)
        if pending is None:
            return  # a repeat that was answered twice
        self.outbox.remove(pending)
        self.acknowledged = max(self.acknowledged, seq)
        self.diary.acks += result == "ok"
        now = time.monotonic()
        self.diary.history.append(Op("say", self.name, pending.ticket, cid, pending.since, now, result, seq))


class CustomerPeer(Peer):
    path = "/ws/customer"

    def __init__(self, name: str, port: int, diary: Diary, dice: random.Random, app: str = "demo") -> None:
        super().__init__(name, port, diary, dice)
        self.app = app
        self.token = ""

    async def hello(self) -> Frame:
        return {
            "type": "hello",
            "v": 1,
            "app": self.app,
            "token": self.token,
            "locale": "es",
            "zone": "America/Bogota",
        }

    def welcomed(self, frame: Frame) -> list[Frame]:
        self.token = frame["token"]
        views: list[Frame] = frame["tickets"]
        return views

    def _holds(self, ticket: int, thread: Thread, mine: bool) -> None:
        """Customers own nothing."""

    async def starts_chat(self, subject: str) -> int:
        """The new ticket's id; sent again over new connections until it is there. Raises StartRefused."""
        frame = {"type": "start", "cid": new_cid(), "subject": subject}
        answer: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        self._starts[frame["cid"]] = answer
        connection = 0
        while not answer.done():
            if self.online and connection != self.connections:
                connection = self.connections
                await self._send(frame)
            await asyncio.wait([answer], timeout=0.05)
        return answer.result()


class AgentPeer(Peer):
    """`ticket_for_socket`: signs in once if need be, and returns a one-use token; it may block, so it runs in a thread."""

    path = "/ws/agent"

    def __init__(
        self, name: str, port: int, diary: Diary, dice: random.Random, ticket_for_socket: Callable[[], str]
    ) -> None:
        super().__init__(name, port, diary, dice)
        self.ticket_for_socket = ticket_for_socket

    async def hello(self) -> Frame:
        return {"type": "hello", "v": 1, "token": await asyncio.to_thread(self.ticket_for_socket)}

    def welcomed(self, frame: Frame) -> list[Frame]:
        self.id = frame["id"]
        views: list[Frame] = frame["tickets"]
        here = {view["id"] for view in views}
        for ticket, thread in self.threads.items():
            if ticket not in here and thread.view.get("agent_id") == self.id:
                thread.view["agent_id"] = (
                    None  # taken from them meanwhile, with its app perhaps: nobody tells them more
                )
        return views

    async def is_available(self) -> None:
        await self._send({"type": "status", "status": "available"})

    def tickets(self) -> list[int]:
        """Those that are this agent's to talk in."""
        return [
            ticket
            for ticket, thread in self.threads.items()
            if thread.view.get("agent_id") == self.id and thread.view.get("state") == "open"
        ]
