"""One conversation's end of a line: what goes out, in which order, how much may wait, and when it is over.

No task waits here, for either direction: a connection that says nothing costs its memory and nothing else. What the line does not
take at once stands in one bounded queue. Live events never wait: a full queue ends the connection (SLOW), and the client comes
back for what it missed. Replies to the client's own frames wait for room, so that a long replay takes its time.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections import deque
from collections.abc import Callable, Iterator
from typing import Final

from chatserver.realtime.close_codes import GOING_AWAY, INTERNAL, SILENT, SLOW
from chatserver.realtime.frames import Packet
from chatserver.realtime.limits import network
from chatserver.realtime.line import Heard, Line, Told

log = logging.getLogger(__name__)

QUEUE_FRAMES: Final = 256
QUEUE_BYTES: Final = 1_048_576
ROOM_FRAMES: Final = 32
ROOM_BYTES: Final = 262_144
"""A reply goes into the queue once it is down to this."""
PROBED_SECONDS: Final = 90.0
"""A browser answers probes for a page whose timers it has slowed down to one a minute. A page silent for longer hangs."""
SEND_SECONDS: Final = 10.0
"""The line takes nothing for so long: the peer does not read."""


class Connection:
    """`silence`: after so many seconds without a frame the peer counts as dead. `now`: a monotonic clock."""

    __slots__ = (
        "_bytes",
        "_flush",
        "_hear",
        "_heard_at",
        "_held",
        "_holds",
        "_line",
        "_live_bytes",
        "_now",
        "_over",
        "_pauses",
        "_queue",
        "_room",
        "_said_at",
        "_silence",
        "_stuck_since",
        "_waits",
        "code",
        "network",
        "opened_at",
    )

    def __init__(self, line: Line, *, silence: float, now: Callable[[], float]) -> None:
        self._line = line
        self._silence = silence
        self._now = now
        self._hear: Heard = _nobody
        self._over: Told | None = None
        self._queue: deque[tuple[Packet, bool]] | None = None
        """What the line does not take yet, and whether it is live; None for as long as nothing had to wait."""
        self._bytes = 0
        self._live_bytes = 0
        self._held: list[Packet] | None = None
        self._holds = 0
        self._room: asyncio.Event | None = None
        self._flush = True
        self._stuck_since: float | None = None
        self._pauses = 0
        self._waits = False
        self._heard_at = self._said_at = self.opened_at = now()
        self.network = network(line.address)
        """Whose connections are counted together; empty: nobody's."""
        self.code: int | None = None
        """The close code, once the end is decided."""

    def start(self, hear: Heard, over: Told) -> None:
        """Open the line. `over` is called once: the line is lost, or was given its closing."""
        self._hear, self._over = hear, over
        self._line.open(self._heard, self._flow, self._lost, self._alive)

    # — outgoing ———————————————————————————————————————————————————————————————

    def offer(self, packet: Packet) -> bool:
        """Send a live event. False: too much waits already, and the connection is about to be closed."""
        if self.code is not None:
            return True  # It ends already, and what stands in its queue is still owed: this is no overflow.
        if not self._holds and self._stuck_since is None:
            self._put(packet)
            return True
        if self._holds:
            if self._held is None:
                self._held = []
            self._held.append(packet)
            self._live_bytes += packet.size
        else:
            self._put(packet, live=True)
        # A large answer on its way is no sign of a slow reader: the deadline for sending is what watches over it. Nor is what
        # is held while we read, if the line takes whatever it is given: then only its size counts.
        held = len(self._held or ()) if self._stuck_since is not None else 0
        if self._waiting + held > QUEUE_FRAMES or self._live_bytes > QUEUE_BYTES:
            self.end(SLOW, flush=False)
            return False
        return True

    def answer(self, packet: Packet) -> None:
        """Send an answer now. Nothing more is heard of a peer that does not take its answers."""
        if self.code is None and not self._put(packet) and self._crowded and not self._waits:
            self._waits = True
            self.pause()

    async def reply(self, packet: Packet) -> None:
        """Send an answer, as soon as little waits. Returns at once when the connection has ended.

        What is held does not count: it waits for this very answer.
        """
        while self.code is None and self._crowded:
            if self._room is None:
                self._room = asyncio.Event()
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
                held, self._held = self._held or (), None
                for packet in held:
                    self._live_bytes -= packet.size
                    self._put(packet, live=True)

    def last(self, packet: Packet, code: int) -> None:
        """One more frame, and then the end."""
        if self.code is None:
            self._put(packet)
            self.end(code)

    def _put(self, packet: Packet, *, live: bool = False) -> bool:
        """Whether the line took it at once."""
        if self._stuck_since is None:
            if not self._line.write(packet):
                self._stuck_since = self._now()
            return True
        if self._queue is None:
            self._queue = deque()
        self._queue.append((packet, live))
        self._bytes += packet.size
        if live:
            self._live_bytes += packet.size
        return False

    def _flow(self) -> None:
        """The line takes more: what waits, until it says no again."""
        self._stuck_since = None
        while self._queue:
            packet, live = self._queue.popleft()
            self._bytes -= packet.size
            if live:
                self._live_bytes -= packet.size
            if not self._line.write(packet):
                self._stuck_since = self._now()
                break
        else:
            self._queue = None
        if self.code is not None:
            self._leave()
        elif not self._crowded:
            self._make_room()

    def _make_room(self) -> None:
        if self._room is not None:
            self._room.set()
        if self._waits:
            self._waits = False
            self.resume()

    @property
    def _waiting(self) -> int:
        return len(self._queue) if self._queue is not None else 0

    @property
    def _crowded(self) -> bool:
        return self._waiting > ROOM_FRAMES or self._bytes > ROOM_BYTES

    @property
    def waits_for_its_peer(self) -> bool:
        """The line does not take any more just now."""
        return self._stuck_since is not None

    # — incoming ———————————————————————————————————————————————————————————————

    def pause(self) -> None:
        """Hear nothing more until `resume` was called as often: what the peer says waits on its side."""
        self._pauses += 1
        if self._pauses == 1:
            self._line.pause()

    def resume(self) -> None:
        self._pauses -= 1
        if not self._pauses:
            self._heard_at = self._said_at = (
                self._now()
            )  # While we did not listen silence was ours, not the peer's.
            self._line.resume()

    def _heard(self, text: str | None) -> None:
        self._heard_at = self._said_at = self._now()
        if self.code is not None:
            return
        try:
            self._hear(text)
        except Exception:
            log.exception("a frame was not understood by us")
            self.end(INTERNAL)

    def _alive(self) -> None:
        self._heard_at = self._now()

    # — the end ————————————————————————————————————————————————————————————————

    def end(self, code: int, *, flush: bool = True) -> None:
        """Close with `code`. With `flush` what waits is sent first (within the deadline for sending). First code wins."""
        if self.code is None:
            self.code = code
        self._flush = self._flush and flush
        self._make_room()
        self._leave()

    def _leave(self) -> None:
        """Give the line its closing, as soon as nothing is owed any more."""
        if self._over is None or (self._flush and self._queue):
            return
        self._queue = None
        over, self._over = self._over, None
        self._line.close(self.code or 1000)
        over()

    def _lost(self) -> None:
        if self.code is None:
            self.code = 1000
        self._queue = None
        self._make_room()
        over, self._over = self._over, None
        if over is not None:
            over()

    def abort(self) -> None:
        """Cut the line, with everything that was not sent."""
        self.end(GOING_AWAY, flush=False)
        self._line.abort()

    def takes_nothing(self, seconds: float) -> None:
        """The peer did not ask for so long for what there is for it. Whatever it says meanwhile, that was its last sign of life:
        who is not told anything is not there."""
        self._heard_at = self._now() - seconds
        self.end(SILENT, flush=False)

    @property
    def silent_seconds(self) -> float:
        """Since when nothing was heard of a peer that was given up for that; 0 for every other end, which is a sign of life."""
        return self._now() - self._heard_at if self.code == SILENT else 0.0

    def check(self) -> None:
        """The deadlines of a running connection; called every second for all of them."""
        now = self._now()
        if self._stuck_since is not None and now - self._stuck_since > SEND_SECONDS:
            self.end(SLOW, flush=False)
        elif self._pauses:
            return
        elif now - self._heard_at > self._silence or now - self._said_at > max(self._silence, PROBED_SECONDS):
            self.end(SILENT)
        elif now - self._heard_at > self._silence / 2:
            # Browsers let the timers of a page that nobody sees run once a minute: its heartbeat comes late, and it is there.
            self._line.probe()


def _nobody(text: str | None) -> None:
    """Hears until somebody listens."""
