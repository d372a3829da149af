"""One connection's conversation, the part that customers and agents share: hello, limits, frames in, answers out."""

from __future__ import annotations

import asyncio
import logging
from abc import ABC, abstractmethod
from collections.abc import Hashable, Iterable
from typing import Any, ClassVar, Final, Generic, TypeVar

from chatserver.bus.base import Subscription
from chatserver.core.errors import Refused
from chatserver.core.events import Event, SessionEnded
from chatserver.core.tickets import Item, Ticket
from chatserver.realtime.close_codes import (
    BAD_AUTH,
    BAD_PROTOCOL,
    FLOOD,
    INTERNAL,
    SESSION_ENDED,
    SLOW,
    TRY_LATER,
)
from chatserver.realtime.connection import Connection
from chatserver.realtime.frames import Frames, error_for, head, pack, type_of
from chatserver.realtime.hub import Hub
from chatserver.realtime.limits import STRIKES, Bucket
from chatserver.realtime.views import Audience, item_views
from chatserver.realtime.wire import (
    PAGE,
    PAGE_BYTES,
    REPLAY,
    SNAPSHOT,
    VERSION,
    Error,
    Frame,
    History,
    Items,
    Open,
    Ping,
    Pong,
    Seen,
    TypingFrame,
)
from chatserver.store.base import StoreFailed
from chatserver.store.items import items_after, items_before

log = logging.getLogger(__name__)

F = TypeVar("F", bound=Frame)

BAD_IN_A_ROW: Final = 5
CHEAP: Final = (Ping, Seen, TypingFrame)
CHEAP_COST: Final = 0.25
MESSAGES: Final = frozenset({"start", "request", "leave", "say", "propose"})
OPENINGS: Final = frozenset({"start", "request"})


class Talk(ABC, Generic[F]):
    """`hear` takes the frames of one connection, in order. Those that write run side by side, begun in order: what one
    connection says keeps its order without waiting for each commit."""

    audience: ClassVar[Audience]

    def __init__(self, hub: Hub, connection: Connection, frames: Frames[F]) -> None:
        self.hub = hub
        self.connection = connection
        self.session_id = 0
        self._frames = frames
        self._greeted = False
        self._bad = 0
        self._bucket = Bucket(hub.limits.frames, hub.limits.frame_burst, hub.now())
        self._strikes = Bucket(STRIKES, STRIKES, hub.now())
        self._permits = asyncio.Semaphore(hub.limits.pending)
        self._pending: set[asyncio.Task[None]] = set()
        self._reading = asyncio.Lock()
        self._subscription: Subscription | None = None

    # — what an audience adds ——————————————————————————————————————————————————

    @abstractmethod
    async def greet(self, hello: Any) -> None:
        """Authenticate, subscribe, and only then read and send `welcome`. Raises Refused."""

    @abstractmethod
    async def carry_out(self, frame: Any) -> Frame | None:
        """Everything but hello, ping, open and history. Returns the answer once the change is durable."""

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

    @property
    @abstractmethod
    def person(self) -> Hashable:
        """Whose messages are counted together."""

    # — life ———————————————————————————————————————————————————————————————————

    def listen(self, topics: Iterable[str]) -> None:
        self._subscription = self.hub.house.bus.subscribe(
            topics, self._deliver, lambda: self.connection.end(SLOW, flush=False)
        )

    def ended(self) -> None:
        if self._subscription is not None:
            self._subscription.end()
        if self._greeted:
            self.leave()

    async def quiet(self) -> None:
        """Returns once every frame that was taken has been answered."""
        while self._pending:
            await asyncio.wait(self._pending)

    def check(self) -> None:
        late = self.hub.now() - self.connection.opened_at > self.hub.limits.hello_seconds
        if late and not self._greeted:
            self.connection.last(pack(Error("unauthorized", verb="hello")), BAD_AUTH)
        self.connection.check()

    def _deliver(self, event: Event) -> bool:
        if isinstance(event, SessionEnded):
            self.connection.end(SESSION_ENDED, flush=False)
            return True
        packet = self.hub.views.packet(event, self.audience)
        return packet is None or self.connection.offer(packet)

    # — frames in ——————————————————————————————————————————————————————————————

    async def hear(self, text: str | None) -> None:
        """One frame as it came; None for a binary one."""
        if self.hub.draining:
            return  # Not taken and not answered: the client sends it again on its next connection.
        if not self._greeted:
            await self._hello(text)
            return
        frame = Error("bad_frame") if text is None else self._frames.decode(text)
        wait = self._bucket.take(self.hub.now(), CHEAP_COST if isinstance(frame, CHEAP) else 1)
        if wait:
            await self._too_fast(frame, wait)
        elif isinstance(frame, Error):
            await self._no_frame(frame)
        else:
            self._bad = 0
            await self._take(frame)

    async def _take(self, frame: F) -> None:
        verb = type_of(frame)
        if verb == "hello":
            await self._say(Error("bad_frame", verb="hello"))
            return
        if isinstance(frame, Ping):
            await self._say(Pong(now=self.hub.house.now()))
            return
        wait = self.hub.messages.take(self.person, self.hub.now()) if verb in MESSAGES else 0
        if not wait and verb in OPENINGS and self.connection.network:
            wait = self.hub.openings.take(self.connection.network, self.hub.now())
        if wait:
            await self._too_fast(frame, wait)
            return
        await self._permits.acquire()
        if self.hub.draining:
            return
        task = self.hub.spawn(self._answer(frame))
        self._pending.add(task)
        task.add_done_callback(self._pending.discard)

    async def _answer(self, frame: F) -> None:
        try:
            answer = await self._work(frame)
            if answer is not None:
                await self._say(answer)
        except Refused as refused:
            await self._say(error_for(frame, refused))
        except StoreFailed:
            log.error("a %s could not be stored", type_of(frame))
            await self._say(error_for(frame, Refused("internal")))
        except Exception:
            log.exception("a %s failed", type_of(frame))
            self.connection.last(pack(error_for(frame, Refused("internal"))), INTERNAL)
        finally:
            self._permits.release()

    async def _work(self, frame: Any) -> Frame | None:
        if isinstance(frame, Open):
            async with self._reading:
                await self._open(frame)
            return None
        if isinstance(frame, History):
            # One after the other: an answer lies in memory until the one before it has gone out.
            async with self._reading:
                await self._say(await self._history(frame))
            return None
        return await self.carry_out(frame)

    async def _say(self, frame: Frame) -> None:
        await self.connection.reply(pack(frame))

    # — the first frame ————————————————————————————————————————————————————————

    async def _hello(self, text: str | None) -> None:
        found = head(text) if text is not None else None
        if text is None or found is None or found.type != "hello":
            self.connection.last(pack(Error("unauthorized", verb="hello")), BAD_AUTH)
            return
        if type(found.v) is int and found.v != VERSION:
            # Before the rest is looked at: another version's hello may have other fields.
            self.connection.last(
                pack(Error("unsupported_version", verb="hello", limit=VERSION)), BAD_PROTOCOL
            )
            return
        hello = self._frames.decode(text)
        if isinstance(hello, Error):
            self.connection.last(pack(hello), BAD_AUTH)
            return
        try:
            await self.greet(hello)
            self._greeted = True
        except Refused as refused:
            code = TRY_LATER if refused.code == "rate_limited" else BAD_AUTH
            self.connection.last(pack(error_for(hello, refused)), code)
        except Exception:
            log.exception("a hello failed")
            self.connection.last(pack(error_for(hello, Refused("internal"))), INTERNAL)

    # — refusals that count ————————————————————————————————————————————————————

    async def _too_fast(self, frame: F | Error, wait: float) -> None:
        if isinstance(frame, Error):
            answer = Error("rate_limited", frame.verb, frame.cid, frame.ticket, retry_after=round(wait, 3))
        else:
            answer = error_for(frame, Refused("rate_limited", retry_after=wait))
        if self._strikes.take(self.hub.now()):
            self.connection.last(pack(answer), FLOOD)
        else:
            await self._say(answer)

    async def _no_frame(self, answer: Error) -> None:
        self._bad += 1
        if self._bad >= BAD_IN_A_ROW:
            self.connection.last(pack(answer), BAD_PROTOCOL)
        else:
            await self._say(answer)

    # — reading ————————————————————————————————————————————————————————————————

    async def _open(self, frame: Open) -> None:
        # Live events wait behind the reply, so that it is at least as new as everything sent before it.
        with self.connection.holding():
            ticket = await self.ticket(frame.ticket)
            gap = ticket.last_seq - frame.after
            if frame.after >= 0 and 0 <= gap <= REPLAY and frame.epoch == self.hub.db.epoch:
                await self._replay(ticket, frame.after)
                await self._say(self.whole(ticket))
            else:
                items = _latest(await items_before(self.hub.db, ticket.id, ticket.last_seq + 1, SNAPSHOT))
                views = item_views(items, self.audience)
                await self._say(self.snapshot(ticket, views, bool(items) and items[0].seq > 1))

    async def _replay(self, ticket: Ticket, after: int) -> None:
        more = True
        while more:
            found = await items_after(self.hub.db, ticket.id, after, min(PAGE, ticket.last_seq - after))
            items = _page(found)
            after = items[-1].seq if items else ticket.last_seq
            more = after < ticket.last_seq
            await self._say(Items(ticket.id, item_views(items, self.audience), more))

    async def _history(self, frame: History) -> Items:
        ticket = await self.ticket(frame.ticket)
        items = _latest(await items_before(self.hub.db, ticket.id, frame.before, PAGE))
        more = bool(items) and items[0].seq > 1
        return Items(ticket.id, item_views(items, self.audience), more, back=True)


def _page(items: list[Item]) -> list[Item]:
    """As many of the first as fit into a page, one at least."""
    size = 0
    for count, item in enumerate(items):
        size += len(item.text.encode())
        if size > PAGE_BYTES and count:
            return items[:count]
    return items


def _latest(items: list[Item]) -> list[Item]:
    """As many of the last as fit into a page, in order."""
    return _page(items[::-1])[::-1]
