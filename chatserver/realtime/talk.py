"""One connection's conversation, the part that customers and agents share: hello, limits, frames in, answers out."""

from __future__ import annotations

import asyncio
import logging
import random
from abc import ABC, abstractmethod
from collections.abc import Callable, Hashable, Iterable
from functools import partial
from typing import Any, ClassVar, Final, Generic, TypeVar

from chatserver.bus.base import Subscription
from chatserver.core.errors import Refused
from chatserver.core.events import Event, Left, SessionEnded
from chatserver.core.tickets import Item, Ticket
from chatserver.realtime.close_codes import (
    BAD_AUTH,
    BAD_PROTOCOL,
    FLOOD,
    INTERNAL,
    SESSION_ENDED,
    SILENT,
    SLOW,
    TRY_LATER,
)
from chatserver.realtime.connection import Connection
from chatserver.realtime.frames import Frames, Packet, error, error_for, head, pack, type_of
from chatserver.realtime.hub import Hub
from chatserver.realtime.limits import STRIKES, Bucket
from chatserver.realtime.views import Audience, item_views
from chatserver.realtime.wire import (
    PAGE,
    PAGE_BYTES,
    REPLAY,
    SNAPSHOT,
    VERSION,
    Ack,
    Error,
    FileLinks,
    Frame,
    History,
    Items,
    Links,
    Open,
    Ping,
    Pong,
    Say,
    Seen,
    Storing,
    TypingFrame,
)
from chatserver.store.base import StoreFailed, Use, Violated
from chatserver.store.items import items_after, items_before

log = logging.getLogger(__name__)

F = TypeVar("F", bound=Frame)
R = TypeVar("R")

BAD_IN_A_ROW: Final = 5
AGAIN_SECONDS: Final = (2.0, 4.0)
"""When to send again what could not be stored, and to come again who could not be let in: the door keeps a crowd of them apart.
Each try costs an answer."""
LARGE: Final = 4_096
"""Characters of a frame."""
FILE_BYTES: Final = 90
"""What is told of a file beside its name."""
CHEAP: Final = frozenset({Ping, Seen, TypingFrame})
CHEAP_COST: Final = 0.25
MESSAGES: Final = frozenset({"note", "start", "request", "leave", "propose", "complete", "pend", "send_back"})
"""And `say`."""
OPENINGS: Final = frozenset({"start", "request"})
READINGS: Final = frozenset({"open", "history", "desk", "links", "notes", "unread_notes", "find", "search"})
_AFTER_HELLO: Final = {"rate_limited": TRY_LATER, "unavailable": TRY_LATER, "internal": INTERNAL}
"""How it ends with who is not let in for a reason that passes; with all others for good."""


class Talk(ABC, Generic[F]):
    """`hear` takes the frames of one connection, in order. Those that write run side by side, begun in order: what one
    connection says keeps its order without waiting for each commit."""

    audience: ClassVar[Audience]

    def __init__(self, hub: Hub, connection: Connection, frames: Frames[F]) -> None:
        self.hub = hub
        self.connection = connection
        self.session_id = 0
        self.person: Hashable = None
        """Whose messages, readings and connections are counted together; known from `is_of` on."""
        self._frames = frames
        self._greeting: asyncio.Task[None] | None = None
        self._greeted = False
        self._bad = 0
        self._bucket = Bucket(hub.limits.frames, hub.limits.frame_burst, hub.now())
        self._strikes = Bucket(STRIKES, STRIKES, hub.now())
        self._large = Bucket(hub.limits.large_bytes, hub.limits.large_burst, hub.now())
        self._under_way = 0
        """Frames that were taken and not answered yet."""
        self._unbegun = 0
        """Of them, those with a task that has not run yet."""
        self._done: asyncio.Event | None = None
        self._reading: asyncio.Lock | None = None
        self._subscription: Subscription | None = None

    # — what an audience adds ——————————————————————————————————————————————————

    @abstractmethod
    async def greet(self, hello: Any) -> None:
        """Authenticate, subscribe, and only then read and send `welcome`. Raises Refused."""

    @abstractmethod
    def saying(self, frame: Say) -> Use[int]:
        """The use case of a message; gives its number. Raises Refused."""

    @abstractmethod
    async def carry_out(self, frame: Any) -> Frame | None:
        """Everything but hello, ping, say, open, history and links. Returns the answer once the change is durable."""

    @abstractmethod
    async def ticket(self, ticket_id: int) -> Ticket:
        """Looked up through who reads. Raises Refused(not_found)."""

    @abstractmethod
    def whole(self, ticket: Ticket) -> Frame:
        """A `changed` with the whole view."""

    @abstractmethod
    def snapshot(self, ticket: Ticket, items: list[Any], more: bool) -> Frame: ...

    @abstractmethod
    def leave(self) -> None:
        """The connection ended; called once after a greeting that succeeded."""

    @abstractmethod
    def still_here(self, heard: float = 0) -> None:
        """Another node, which heard of this person last at that moment (ms of the steady clock; 0: nobody knows), may say that
        they are gone."""

    # — life ———————————————————————————————————————————————————————————————————

    def is_of(self, person: Hashable) -> None:
        """Who it is, said once by `greet`, before anything is read for them. Raises Refused: this connection is one too many."""
        self.hub.seat(person)
        self.person = person

    def listen(self, topics: Iterable[str]) -> None:
        self._subscription = self.hub.house.bus.subscribe(
            topics, self._deliver, lambda: self.connection.end(SLOW, flush=False)
        )

    def announce(self, packet: Packet) -> None:
        """See `hub.Peer`."""
        if self._greeted:
            self.connection.offer(packet)

    def over(self) -> None:
        """The connection has ended."""
        self.hub.metrics.close(self.connection.code or 1000)
        self.hub.remove(self)
        if self.person is not None:
            self.hub.unseat(self.person)
        if self._greeting is not None:
            self._greeting.cancel()
        if self._subscription is not None:
            self._subscription.end()
        if self._greeted:
            self.leave()

    def outdated(self) -> bool:
        """What `greet` said is not so any more."""
        return False

    async def quiet(self) -> None:
        """Returns once every frame that was taken has been answered."""
        while self._under_way:
            if self._done is None:
                self._done = asyncio.Event()
            self._done.clear()
            await self._done.wait()

    def check(self) -> None:
        late = self.hub.now() - self.connection.opened_at > self.hub.limits.hello_seconds
        if late and not self._greeted and self._greeting is None:
            # Slow, or slowed down by us in a crowd: told "unauthorized" it would forget who it is.
            self.connection.end(SILENT)
        self.connection.check()

    def _deliver(self, event: Event) -> bool:
        if isinstance(event, SessionEnded):
            self.connection.end(SESSION_ENDED, flush=False)
            return True
        if isinstance(event, Left):
            self.still_here(self.hub.house.moment(event.heard))
            return True
        packet = self.hub.views.packet(event, self.audience)
        return packet is None or self.connection.offer(packet)

    # — frames in ——————————————————————————————————————————————————————————————

    def hear(self, text: str | None) -> None:
        """One frame as it came; None for a binary one. Nothing here waits: what takes longer goes on beside it."""
        if self.hub.shut:
            return  # Not taken and not answered: the client sends it again on its next connection.
        if not self._greeted:
            # Nothing else is heard before the answer to hello.
            self.connection.pause()
            self._greeting = self.hub.spawn(self._hello(text))
            return
        if text is not None and len(text) > LARGE:
            self._breathe(len(text))
        frame = Error("bad_frame") if text is None else self._frames.decode(text)
        self.hub.metrics.frames += 1
        now = self.hub.now()
        wait = self._bucket.take(now, CHEAP_COST if type(frame) in CHEAP else 1)
        if wait:
            self._too_fast(frame, wait)
        elif isinstance(frame, Say):
            self._bad = 0
            self._message(frame, now)
        elif isinstance(frame, Error):
            self._no_frame(frame)
        else:
            self._bad = 0
            self._take(frame, now)

    def _breathe(self, size: int) -> None:
        """Small frames are limited by their number. Of large ones as many as are allowed would keep a core busy with reading
        them: whoever sends more is not read for a while, which loses nothing."""
        wait = self._large.take(self.hub.now(), size)
        if wait:
            self.connection.pause()
            asyncio.get_running_loop().call_later(wait, self.connection.resume)

    def _take(self, frame: F, now: float) -> None:
        verb = type_of(frame)
        if verb == "hello":
            self._say(Error("bad_frame", verb="hello"))
            return
        if isinstance(frame, Ping):
            self._say(Pong(now=self.hub.house.now()))
            return
        wait = self.hub.messages.take(self.person, now) if verb in MESSAGES else 0
        if verb in READINGS:
            wait = self.hub.readings.take(self.person, now)
        if not wait and verb in OPENINGS and self.connection.network:
            wait = self.hub.openings.take(self.connection.network, now)
        if wait:
            self._too_fast(frame, wait)
            return
        self._begun()
        self._unbegun += 1
        self.hub.spawn(self._answer(frame))

    def _message(self, frame: Any, now: float) -> None:
        """The hot path: no task, no waiting. The store calls back once the message is durable, or was refused."""
        wait = self.hub.messages.take(self.person, now)
        if wait:
            self._too_fast(frame, wait)
            return
        self._begun()
        if self._unbegun:
            # Tasks begin in the next turn of the event loop, and what is sent after a verb must not come before it.
            asyncio.get_running_loop().call_soon(self._submit, frame, now)
        else:
            self._submit(frame, now)

    def _submit(self, frame: Any, now: float) -> None:
        try:
            use = self.saying(frame)
            self.hub.house.store.submit(use.needs, use.decide, partial(self._stored, frame, now))
        except Exception as problem:
            self._stored(frame, now, 0, problem)

    def _stored(self, frame: Any, heard_at: float, seq: int, problem: BaseException | None) -> None:
        if problem is None:
            self._say(Ack(frame.cid, frame.ticket, seq))
            self.hub.metrics.messages.add(self.hub.now() - heard_at)
        else:
            self._failed(frame, problem)
        self._ended()

    async def _answer(self, frame: F) -> None:
        self._unbegun -= 1
        try:
            answer = await self._work(frame)
            if answer is not None:
                await self.connection.reply(pack(answer))
        except Exception as problem:
            self._failed(frame, problem)
        finally:
            self._ended()

    def _failed(self, frame: Any, problem: BaseException) -> None:
        refusal = self._refusal(problem, type_of(frame))
        self.hub.metrics.refuse(refusal.code if refusal else "internal")
        if refusal:
            # The connection is kept, also while the database is away: who comes back meanwhile is let in by nobody.
            self._say(error_for(frame, refusal))
        else:
            self.connection.last(pack(error_for(frame, Refused("internal"))), INTERNAL)

    def _refusal(self, problem: BaseException, verb: str) -> Refused | None:
        """As it is told; None: it is our own fault. Logged, unless it is an answer or the database says so itself."""
        if isinstance(problem, Refused):
            return problem
        if not self.hub.db.explains(problem):
            log.error("a %s failed", verb, exc_info=problem)
        if isinstance(problem, Violated):
            return Refused("internal")  # the row's own fault: its connection is none
        away = isinstance(problem, StoreFailed) or self.hub.db.is_away(problem)
        return _unavailable() if away else None

    def _begun(self) -> None:
        self._under_way += 1
        if self._under_way == self.hub.limits.pending:
            self.connection.pause()

    def _ended(self) -> None:
        self._under_way -= 1
        if self._under_way == self.hub.limits.pending - 1:
            self.connection.resume()
        if not self._under_way and self._done is not None:
            self._done.set()

    async def _work(self, frame: Any) -> Frame | None:
        if isinstance(frame, Open | History):
            async with self.reading():
                if isinstance(frame, Open):
                    await self._open(frame)
                else:
                    await self._reply(await self._history(frame))
            return None
        if isinstance(frame, Links):
            return await self._links(frame)
        return await self.carry_out(frame)

    def reading(self) -> asyncio.Lock:
        """One after the other: an answer lies in memory until the one before it has gone out."""
        if self._reading is None:
            self._reading = asyncio.Lock()
        return self._reading

    async def _links(self, frame: Links) -> Frame:
        ticket = await self.ticket(frame.ticket)
        if self.hub.downloads is None:
            raise Refused("files_unavailable")
        found, until = await self.hub.downloads.links(ticket, frame.seq, str(self.person))
        return FileLinks(frame.ticket, frame.seq, found, until)

    def _say(self, frame: Frame) -> None:
        self.connection.answer(pack(frame))

    async def _reply(self, frame: Frame) -> None:
        await self.connection.reply(pack(frame))

    # — the first frame ————————————————————————————————————————————————————————

    async def _hello(self, text: str | None) -> None:
        try:
            hello = self._introduced(text)
            if hello is not None:
                try:
                    await self.greet(hello)
                    self._greeted = True
                    if not self.hub.storing:
                        self._say(Storing(on=False))
                finally:
                    self._greeting = None
        except Exception as problem:
            refusal = self._refusal(problem, "hello") or Refused("internal")
            self._turn_away(error(refusal, "hello"), _AFTER_HELLO.get(refusal.code, BAD_AUTH))
        finally:
            self.connection.resume()

    def _introduced(self, text: str | None) -> Any:
        """The first frame, or None: it was no hello of ours, and the connection ends."""
        found = head(text) if text is not None else None
        if text is None or found is None or found.type != "hello":
            self._turn_away(Error("unauthorized", verb="hello"), BAD_AUTH)
            return None
        if type(found.v) is int and found.v != VERSION:
            # Before the rest is looked at: another version's hello may have other fields.
            self._turn_away(Error("unsupported_version", verb="hello", limit=VERSION), BAD_PROTOCOL)
            return None
        hello = self._frames.decode(text)
        if isinstance(hello, Error):
            self._turn_away(hello, BAD_AUTH)
            return None
        return hello

    def _turn_away(self, answer: Error, code: int) -> None:
        self.hub.metrics.refuse(answer.code)
        self.connection.last(pack(answer), code)

    # — refusals that count ————————————————————————————————————————————————————

    def _too_fast(self, frame: F | Error, wait: float) -> None:
        self.hub.metrics.refuse("rate_limited")
        if isinstance(frame, Error):
            answer = Error("rate_limited", frame.verb, frame.cid, frame.ticket, retry_after=round(wait, 3))
        else:
            answer = error_for(frame, Refused("rate_limited", retry_after=wait))
        if self._strikes.take(self.hub.now()):
            self.connection.last(pack(answer), FLOOD)
        else:
            self._say(answer)

    def _no_frame(self, answer: Error) -> None:
        self.hub.metrics.refuse(answer.code)
        self._bad += 1
        if self._bad >= BAD_IN_A_ROW:
            self.connection.last(pack(answer), BAD_PROTOCOL)
        else:
            self._say(answer)

    # — reading ————————————————————————————————————————————————————————————————

    async def _open(self, frame: Open) -> None:
        # Live events wait behind the reply, so that it is at least as new as everything sent before it.
        with self.connection.holding():
            ticket = await self.ticket(frame.ticket)
            gap = ticket.last_seq - frame.after
            if frame.after >= 0 and 0 <= gap <= REPLAY and frame.epoch == self.hub.db.epoch:
                await self._replay(ticket, frame.after)
                await self._reply(self.whole(ticket))
            else:
                items = _latest(await items_before(self.hub.db, ticket.id, ticket.last_seq + 1, SNAPSHOT))
                views = item_views(items, self.audience)
                await self._reply(self.snapshot(ticket, views, bool(items) and items[0].seq > 1))

    async def _replay(self, ticket: Ticket, after: int) -> None:
        more = True
        while more:
            gap = min(PAGE, ticket.last_seq - after)
            found = await items_after(self.hub.db, ticket.id, after, gap) if gap else []
            items = first_page(found, _size)
            after = items[-1].seq if items else ticket.last_seq
            more = after < ticket.last_seq
            await self._reply(Items(ticket.id, item_views(items, self.audience), more))

    async def _history(self, frame: History) -> Items:
        ticket = await self.ticket(frame.ticket)
        items = _latest(await items_before(self.hub.db, ticket.id, frame.before, PAGE))
        more = bool(items) and items[0].seq > 1
        return Items(ticket.id, item_views(items, self.audience), more, back=True)


def _unavailable() -> Refused:
    """The same frame will do, at a moment that not all have in common."""
    return Refused("unavailable", retry_after=random.uniform(*AGAIN_SECONDS))  # noqa: S311 - spreads load, keeps no secret


def first_page(found: list[R], size: Callable[[R], int]) -> list[R]:
    """As many of the first as fit into a page, one at least if there is one. `size`: bytes of text."""
    total = 0
    for count, one in enumerate(found[:PAGE]):
        total += size(one)
        if total > PAGE_BYTES and count:
            return found[:count]
    return found[:PAGE]


def _size(item: Item) -> int:
    return len(item.text.encode()) + sum(len(file.name.encode()) + FILE_BYTES for file in item.files)


def _latest(items: list[Item]) -> list[Item]:
    """As many of the last as fit into a page, in order."""
    return first_page(items[::-1], _size)[::-1]
