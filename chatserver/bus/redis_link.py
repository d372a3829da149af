"""The two connections of a node to Redis, one that listens and one that speaks: up together, down together, and up again.

Redis may end, hang, move or come back empty at any moment. Nobody waits for it: what cannot be said now is not said, and whoever
holds the link is told when there was a gap.
"""

from __future__ import annotations

import asyncio
import logging
import random
from typing import Final, Protocol

from chatserver.bus.redis_address import Address, Place
from chatserver.bus.redis_finding import find
from chatserver.bus.redis_line import DEADLINE, Denied, Line, Unreachable

TICK_SECONDS: Final = 0.25
"""How often deadlines are looked at: a Redis that hangs is noticed within two seconds."""
BEAT_TICKS: Final = 2
"""A sign of life each half second. Our own comes back to us: so long and `DEADLINE` without it, and the link is no link."""
RENEW_TICKS: Final = 20
"""Every five seconds what stands in Redis for a while only is written anew, and all is read again."""
BACKOFF_SECONDS: Final = 0.1
BACKOFF_MAX_SECONDS: Final = 2.0
"""Nodes come back each at a moment of its own (full jitter), the last of them within two seconds."""

REASONS_MAX: Final = 20
"""Of one outage that are said: an address or a number in them may make each a new one."""

_log = logging.getLogger(__name__)


class Owner(Protocol):
    """Who holds the link. Nothing here may raise."""

    def told(self, channel: bytes, message: bytes) -> None:
        """A message of one of our channels."""

    async def join(self, speaking: Line) -> None:
        """We listen from now on: say who we are and read who else is there. Unreachable ends the attempt."""

    def up(self, again: bool) -> None:
        """Joined; `again`: there was a gap."""

    def down(self) -> None: ...

    def ticked(self) -> None:
        """Whatever Redis said until now was read: who was not heard has not spoken, or not to us."""

    def beat(self) -> None: ...

    def renew(self) -> None: ...


class Link:
    """`speaking` is the line for commands, None while there is none."""

    def __init__(self, address: Address, tag: str, channels: tuple[str, ...], owner: Owner) -> None:
        self.speaking: Line | None = None
        self._address = address
        self._tag = tag
        self._channels = channels
        self._owner = owner
        self._listening: Line | None = None
        self._keeper: asyncio.Task[None] | None = None
        self._broken = asyncio.Event()
        self._why = ""
        self._returned_at = 0.0
        self._ticks = 0
        self._ticked_at = 0.0
        self._timer: asyncio.TimerHandle | None = None

    async def open(self) -> None:
        """Denied is raised now, to a person who can put it right. A Redis that is not there is waited for: from here on the link
        looks after itself until `close`."""
        try:
            await self._connect()
        except Denied:
            raise
        except Unreachable as why:
            self.fail(str(why))
        except Exception:
            self.not_understood()
        else:
            self._start(again=False)
        self._keeper = asyncio.create_task(self._keep(), name="redis link")

    async def close(self) -> None:
        if self._keeper is not None:
            self._keeper.cancel()
            await asyncio.wait([self._keeper])
        self._stop()

    def returned(self) -> None:
        """Our own sign of life came back: both lines work."""
        self._returned_at = asyncio.get_running_loop().time()

    def fail(self, why: str) -> None:
        """One of the two lines ended or is of no use; the other one is none without it."""
        if not self._broken.is_set():
            self._why = why
            self._broken.set()

    def not_understood(self) -> None:
        """While an exception is handled: what it says is in no form that Redis has."""
        _log.exception("the connection to Redis failed in a way that nobody expected")
        self.fail("what it answers is not understood")

    async def _keep(self) -> None:
        while True:
            await self._broken.wait()
            self._stop()
            _log.warning(
                "Redis is away: %s. Events of other nodes come late until it is back.", self._why.rstrip(".")
            )
            self._owner.down()
            await self._reconnect()
            _log.warning("Redis is back.")
            self._start(again=True)

    async def _reconnect(self) -> None:
        tries, said = 0, {self._why}
        while True:
            most = min(BACKOFF_MAX_SECONDS, BACKOFF_SECONDS * 2**tries)
            await asyncio.sleep(random.random() * most)  # noqa: S311 — jitter, no secret
            try:
                await self._connect()
            except Unreachable as why:
                # Each reason once: an outage of a day is a hundred thousand tries.
                if str(why) not in said and len(said) < REASONS_MAX:
                    said.add(str(why))
                    _log.info("Redis is still away: %s", why)
            except Exception:
                self.not_understood()
            else:
                return
            tries = min(tries + 1, 10)

    async def _connect(self) -> None:
        self._broken.clear()
        try:
            place = await find(self._address, self._tag)
            self._listening = await self._line(place)
            self.speaking = await self._line(place)
            if self._address.kind == "sentinel":
                await _be_master(self.speaking)
            for channel in self._channels:
                await self._listening.ask(("SUBSCRIBE", channel))
            await self._owner.join(self.speaking)
            if self._broken.is_set():
                raise Unreachable(place, self._why)
        except BaseException:
            self._stop()
            raise

    async def _line(self, place: Place) -> Line:
        return await Line.to(
            place,
            credentials=self._address.credentials,
            db=self._address.db,
            tls=self._address.tls,
            told=self._owner.told,
            ended=self.fail,
        )

    def _start(self, again: bool) -> None:
        loop = asyncio.get_running_loop()
        self._returned_at = self._ticked_at = loop.time()
        self._ticks = 0
        self._timer = loop.call_later(TICK_SECONDS, self._tick)
        self._owner.up(again)

    def _stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        for line in (self._listening, self.speaking):
            if line is not None:
                line.close()
        self._listening = self.speaking = None

    def _tick(self) -> None:
        loop = asyncio.get_running_loop()
        now = loop.time()
        # A tick that comes late: it was we who stood still, and what Redis said meanwhile has not been read yet.
        punctual = now - self._ticked_at < 2 * TICK_SECONDS
        self._ticked_at = now
        self._ticks += 1
        self._timer = loop.call_later(TICK_SECONDS, self._tick)
        if punctual and self._overdue(now):
            self.fail("it does not answer in time")
            return
        if punctual:
            self._owner.ticked()
        if self._ticks % BEAT_TICKS == 0:
            self._owner.beat()
        if self._ticks % RENEW_TICKS == 0:
            self._owner.renew()

    def _overdue(self, now: float) -> bool:
        quiet_for = now - self._returned_at
        silent = quiet_for > BEAT_TICKS * TICK_SECONDS + DEADLINE
        return silent or (self.speaking is not None and self.speaking.overdue(now))


async def _be_master(line: Line) -> None:
    """Sentinels may still name a server that has just become a replica."""
    (role,) = await line.ask(("ROLE",))
    if role[0] != b"master":
        raise Unreachable(line.place, "the sentinels name it, but it is not the master any more")
