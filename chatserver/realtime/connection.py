"""One socket: a reader task and a writer task; the first to end ends the other.

What goes out passes one bounded queue. Live events never wait: a full queue ends the connection (SLOW), and the client comes
back for what it missed. Replies to the client's own frames wait for room, so that a long replay takes its time.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from collections.abc import Awaitable, Callable, Iterator, MutableMapping
from typing import Any, Final

from chatserver.realtime.close_codes import GOING_AWAY, INTERNAL, SILENT, SLOW
from chatserver.realtime.frames import Packet
from chatserver.realtime.limits import network
from chatserver.realtime.ports import Scope

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Hear = Callable[[str | None], Awaitable[None]]
"""Takes one frame's text; None for a binary one."""

QUEUE_FRAMES: Final = 256
QUEUE_BYTES: Final = 1_048_576
ROOM_FRAMES: Final = 32
ROOM_BYTES: Final = 262_144
"""A reply goes into the queue once it is down to this."""
SEND_SECONDS: Final = 10.0
CLOSE_SECONDS: Final = 3.0
ABORT: Final = "chatserver.abort"
"""The scope's extension that cuts a socket whose peer takes nothing, not even the closing (set by `chatserver/peers.py`)."""


class Connection:
    """An accepted socket. `silence`: after so many seconds without a frame it counts as dead. `now`: a monotonic clock."""

    def __init__(
        self, scope: Scope, receive: Receive, send: Send, *, silence: float, now: Callable[[], float]
    ) -> None:
        self._scope = scope
        self._receive = receive
        self._send = send
        self._silence = silence
        self._now = now
        self._queue: deque[tuple[Packet, bool]] = deque()
        self._bytes = 0
        self._live_bytes = 0
        self._held: list[Packet] = []
        self._holds = 0
        self._wake = asyncio.Event()
        self._room = asyncio.Event()
        self._writer: asyncio.Task[None] | None = None
        self._reader: asyncio.Task[None] | None = None
        self._flush = True
        self._sending_since: float | None = None
        self._listening = False
        self._heard_at = now()
        self.opened_at = now()
        self.network = network((scope.get("client") or ("",))[0])
        """Whose connections are counted together; empty: nobody's."""
        self.code: int | None = None
        """The close code, once the end is decided."""

    # — outgoing ———————————————————————————————————————————————————————————————

    def offer(self, packet: Packet) -> bool:
        """Put a live event into the queue. False: there is no room, and the connection is about to be closed."""
        if self.code is not None:
            return True  # It ends already, and what stands in its queue is still owed: this is no overflow.
        self._live_bytes += packet.size
        if self._holds:
            self._held.append(packet)
        else:
            self._put(packet, live=True)
        # A large answer on its way is no sign of a slow reader: the deadline for sending is what watches over it.
        if len(self._queue) + len(self._held) > QUEUE_FRAMES or self._live_bytes > QUEUE_BYTES:
            self.end(SLOW, flush=False)
            return False
        return True

    async def reply(self, packet: Packet) -> None:
        """Send an answer, as soon as the queue is short. Returns at once when the connection has ended.

        What is held does not count: it waits for this very answer.
        """
        while self.code is None and (len(self._queue) > ROOM_FRAMES or self._bytes > ROOM_BYTES):
            self._room.clear()
            await self._room.wait()
        if self.code is None:
            self._put(packet)

    @contextlib.contextmanager
    def holding(self) -> Iterator[None]:
        """While something is read and sent, live events wait behind it: what is read is at least as new as all sent before."""
        self._holds += 1
        try:
            yield
        finally:
            self._holds -= 1
            if not self._holds:
                held, self._held = self._held, []
                for packet in held:
                    self._put(packet, live=True)

    def _put(self, packet: Packet, *, live: bool = False) -> None:
        self._queue.append((packet, live))
        self._bytes += packet.size
        self._wake.set()

    def last(self, packet: Packet, code: int) -> None:
        """One more frame, and then the end."""
        if self.code is None:
            self._put(packet)
            self.end(code)

    def end(self, code: int, *, flush: bool = True) -> None:
        """Close with `code`. With `flush` what is queued is sent first (within the deadline for sending). First code wins."""
        if self.code is None:
            self.code = code
            self._flush = flush
            self._wake.set()
            self._room.set()
        elif not flush:
            self._flush = False
        if not self._flush and self._writer is not None:
            self._writer.cancel()

    # — the two tasks ——————————————————————————————————————————————————————————

    async def run(self, hear: Hear) -> None:
        """Read and write until one side ends; then close."""
        self._heard_at = self._now()
        self._reader = asyncio.create_task(self._read(hear))
        self._writer = asyncio.create_task(self._write())
        both = {self._reader, self._writer}
        try:
            done, _ = await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
            if self._reader in done and self.code is not None:
                # The end was decided while reading: what was put into the queue before is still owed.
                await asyncio.wait({self._writer})
        finally:
            for task in both:
                task.cancel()
            results = await asyncio.gather(*both, return_exceptions=True)
            left, self.code = self.code, self.code or 1000
            self._room.set()
        # A peer that vanished is an OSError to who sends; anything else is a fault of ours.
        faults = [r for r in results if isinstance(r, Exception) and not isinstance(r, OSError)]
        if faults and left is None:
            left = INTERNAL
        if left is not None:
            await self._close(left)
        if faults:
            raise faults[0]

    async def _read(self, hear: Hear) -> None:
        while self.code is None:
            self._listening = True
            message = await self._receive()
            self._listening = False
            if message["type"] == "websocket.disconnect":
                return
            self._heard_at = self._now()
            await hear(message.get("text"))

    async def _write(self) -> None:
        while True:
            while self._queue:
                packet, live = self._queue.popleft()
                self._sending_since = self._now()
                await self._send({"type": "websocket.send", "text": packet.text})
                self._sending_since = None
                self._bytes -= packet.size
                if live:
                    self._live_bytes -= packet.size
                if len(self._queue) <= ROOM_FRAMES and self._bytes <= ROOM_BYTES:
                    self._room.set()
            if self.code is not None:
                return
            self._wake.clear()
            await self._wake.wait()

    async def _close(self, code: int) -> None:
        try:
            async with asyncio.timeout(CLOSE_SECONDS):
                await self._send({"type": "websocket.close", "code": code})
        except TimeoutError:
            self.abort()
        except (OSError, RuntimeError):
            pass  # The peer, or the server's own closing, was first.

    def abort(self) -> None:
        """Cut the socket, with everything that was not sent."""
        self.end(GOING_AWAY, flush=False)
        cut = self._scope.get("extensions", {}).get(ABORT)
        if cut is not None:
            cut()

    @property
    def silent_seconds(self) -> float:
        """Since when nothing was heard of a peer that was given up for that; 0 for every other end, which is a sign of life."""
        return self._now() - self._heard_at if self.code == SILENT else 0.0

    @property
    def waits_for_its_peer(self) -> bool:
        """A frame is on its way that the socket does not take yet."""
        return self._sending_since is not None

    def check(self) -> None:
        """The deadlines of a running connection; called every second for all of them."""
        now = self._now()
        if self._sending_since is not None and now - self._sending_since > SEND_SECONDS:
            self.end(SLOW, flush=False)
        # While we do not listen (its frames wait for their commits) silence is ours, not the peer's.
        elif self._listening and now - self._heard_at > self._silence:
            self.end(SILENT)
