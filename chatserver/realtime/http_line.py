"""A line over plain HTTP: frames come up in requests, and go down in the answers to those that came to take them.

It knows nothing of HTTP itself; `realtime/fallback.py` brings the requests.
"""

from __future__ import annotations

import asyncio
import re
import secrets
from collections import deque
from collections.abc import Callable
from typing import Final

import msgspec

from chatserver.realtime.frames import Packet
from chatserver.realtime.line import Heard, Told

WAITING_BYTES: Final = 65_536
"""With more than this not taken yet, the next frame has to wait: as much as a socket keeps before it says so."""
AT_ONCE: Final = 64
"""Frames handed over in one go. A request may bring 30,000 of them, and nobody else is served while they are answered."""
AHEAD_MAX: Final = 8
"""Requests that wait for the one before to be heard. Clients send one at a time."""
CLOSE_SECONDS: Final = 3.0
"""For the peer to take what was written before the end."""


_BLANK: Final = b" \t\r\n"
_BLANKS: Final = re.compile(b"[ \t\r\n]*")


class Frames:
    """What a request brought, one frame a line (LF), cut off one by one: a list of them takes twenty times as many bytes, and
    requests may have to wait. True as long as there are more. `body`: UTF-8."""

    __slots__ = ("_at", "_body")

    def __init__(self, body: bytes) -> None:
        self._body = body.strip(_BLANK)
        self._at = 0

    def __bool__(self) -> bool:
        return self._at < len(self._body)

    def next(self) -> str:
        end = self._body.find(b"\n", self._at)
        if end < 0:
            end = len(self._body)
        frame = self._body[self._at : end].decode()
        blanks = _BLANKS.match(self._body, end)
        self._at = blanks.end() if blanks else end
        return frame


def _nothing(*_: object) -> None:
    """Before somebody talks over it, and where no connection has to be cut."""


class HttpLine:
    """One line (`Line`). `forget` is told its id, a random one if none is given, once it has ended.

    `cut` ends the streamed answer at once. `absence`: seconds that may pass between two answers; None: it has only one.
    """

    def __init__(
        self,
        address: str,
        forget: Callable[[str], object],
        *,
        line_id: str = "",
        cut: Callable[[], object] | None = None,
        absence: float | None = None,
    ) -> None:
        self.id = line_id or secrets.token_urlsafe(16)
        self.address = address
        self._forget = forget
        self._cut = cut or _nothing
        self._absence = absence
        self._loop = asyncio.get_running_loop()
        self._heard: Heard = _nothing
        self._writable: Told = _nothing
        self._lost: Told = _nothing
        self._lines: list[bytes] = []
        self._bytes = 0
        self._full = False
        self._asked: asyncio.Future[None] | None = None
        """Who waits for lines."""
        self._said: deque[Frames] = deque()
        self._paused = False
        self._turn = asyncio.Lock()
        self._ahead = 0
        self._handed: asyncio.Future[bool] | None = None
        """Who waits until all of what was said has been heard; False: it will not be."""
        self._away: asyncio.TimerHandle | None = None
        self.stayed_away: Callable[[float], object] = _nothing
        """Told when the peer did not come back for so many seconds, before the line ends for that."""
        self._closing = False
        self._ended = False

    @property
    def ending(self) -> bool:
        """Nothing is heard any more, and nothing new is written."""
        return self._closing or self._ended

    @property
    def polled(self) -> bool:
        """It gives what it has in many answers, not in one that goes on."""
        return self._absence is not None

    # — for who talks over it ——————————————————————————————————————————————————

    def open(self, heard: Heard, writable: Told, lost: Told, alive: Told) -> None:
        self._heard, self._writable, self._lost = heard, writable, lost

    def write(self, packet: Packet) -> bool:
        if self.ending:
            return True
        self._put(packet.body)
        self._full = self._bytes > WAITING_BYTES
        return not self._full

    def probe(self) -> None:
        """HTTP has nothing below the frames."""

    def pause(self) -> None:
        self._paused = True

    def resume(self) -> None:
        if self._paused:
            self._paused = False
            self._loop.call_soon(self._hand_over)  # never in the middle of what its listener is doing

    def close(self, code: int) -> None:
        if not self.ending:
            self._put(msgspec.json.encode({"type": "end", "code": code}))
            self._closing = True
            self._hear_no_more()
            self._loop.call_later(CLOSE_SECONDS, self.abort)

    def abort(self) -> None:
        self.end()
        self._cut()

    # — for the requests ———————————————————————————————————————————————————————

    async def take(self, seconds: float | None = None) -> bytes:
        """What waits for the peer, as soon as there is anything.

        Nothing after so many seconds, once the line has ended and all was taken, and as soon as somebody else asks.
        """
        self._let_go(self._asked)
        asked = self._asked = self._loop.create_future()
        if not self._lines and not self.ending:
            timer = None if seconds is None else self._loop.call_later(seconds, self._let_go, asked)
            try:
                await asked
            finally:
                if timer is not None:
                    timer.cancel()
        if self._asked is not asked:
            return b""
        self._asked = None
        taken, self._lines, self._bytes = b"".join(self._lines), [], 0
        if self._full and not self.ending:
            self._full = False
            self._writable()
        return taken

    async def say(self, body: bytes) -> bool:
        """Hand its frames over, in order and after those of earlier calls. False: the line ended before all were heard."""
        self._ahead += 1
        try:
            if self._ahead > AHEAD_MAX:
                self.end()
            async with self._turn:
                if self.ending:
                    return False
                self._handed = self._loop.create_future()
                self.tell(body)
                return await self._handed
        finally:
            self._ahead -= 1

    def tell(self, body: bytes) -> None:
        """The same, for somebody who does not wait."""
        if frames := Frames(body):
            self._said.append(frames)
        self._hand_over()

    def present(self) -> None:
        """The peer is here to take what there is."""
        if self._away is not None:
            self._away.cancel()
            self._away = None

    def absent(self) -> None:
        """An answer is out; the peer has to ask again, unless it was the last one."""
        self.present()
        if self._absence is None or (self.ending and not self._lines):
            self.end()
        elif self._asked is None:
            self._away = self._loop.call_later(self._absence, self._stayed_away, self._loop.time())

    def end(self) -> None:
        """Nobody takes or says anything any more."""
        if self._ended:
            return
        self._ended = True
        self.present()
        self._lines, self._bytes = [], 0
        self._let_go(self._asked)
        self._hear_no_more()
        self._forget(self.id)
        if not self._closing:
            # A peer that does not read the end of its answer is not waited for either.
            self._loop.call_later(CLOSE_SECONDS, self._cut)
        self._loop.call_soon(self._lost)

    def _stayed_away(self, since: float) -> None:
        # A busy loop comes later than it was called for, and the peer has been away for all of that time.
        self.stayed_away(self._loop.time() - since)
        if not self.ending:
            self.end()

    # — inside —————————————————————————————————————————————————————————————————

    def _put(self, line: bytes) -> None:
        self._lines += (line, b"\n")
        self._bytes += len(line) + 1
        self._let_go(self._asked)

    def _hand_over(self) -> None:
        for _ in range(AT_ONCE):
            if self._paused or self.ending or not self._said:
                break
            frames = self._said[0]
            frame = frames.next()
            if not frames:
                self._said.popleft()
            self._heard(frame)
        else:
            self._loop.call_soon(self._hand_over)
            return
        if not self._said:
            self._hand_back()

    def _hear_no_more(self) -> None:
        self._hand_back()
        self._said.clear()

    def _hand_back(self) -> None:
        if self._handed is not None and not self._handed.done():
            self._handed.set_result(not self._said)

    @staticmethod
    def _let_go(waiting: asyncio.Future[None] | None) -> None:
        if waiting is not None and not waiting.done():
            waiting.set_result(None)
