"""One connection to Redis: commands in, answers and messages out, by callbacks.

hiredis reads what Redis says; this is the rest of a client that publishes and listens. redis-py has both and much more behind
`await`: through its connections the same hint costs three times the CPU alone and nine times in a batch (docs/architecture.md).
"""

from __future__ import annotations

import asyncio
from asyncio import AbstractEventLoop, BaseTransport, Future, Transport
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from ssl import SSLContext
from typing import Any, Final, Self, cast

import hiredis

from chatserver.bus.redis_address import NOBODY, Credentials, Place

DEADLINE: Final = 1.75
"""Seconds for a connection, and for any answer. Two seconds is what may be noticed, and looking takes a quarter of one."""

Command = tuple[str | bytes | int, ...]

_NOTHING: Final = object()
_SIGN_IN: Final = (
    "Correct its password in REDIS_URL: redis://:password@host:6379, or redis://user:password@host:6379."
)
_DENIALS: Final = {
    "NOAUTH": _SIGN_IN,
    "WRONGPASS": _SIGN_IN,
    "NOPERM": "The user needs ~{chatserver}:* and &chatserver:* (ACL SETUSER), or name another one in REDIS_URL.",
    "ERR AUTH": _SIGN_IN,
    "ERR invalid password": _SIGN_IN,
    "ERR Client sent AUTH": _SIGN_IN,
    "ERR DB index": "Take another number at the end of REDIS_URL, or none: /0.",
}
"""How the answers begin that asking again will not change, and what to do about them."""


class Unreachable(Exception):
    """Redis is not there, does not answer in time, or refuses. The text is for the operator and knows no password."""

    def __init__(self, place: object, why: object) -> None:
        super().__init__(f"Redis at {place}: {str(why).rstrip('.')}.")


class Denied(Unreachable):
    """It is there, and does not take this password, user or database: to ask again would not help. The text says what would."""

    def __init__(self, place: object, why: object, to_do: str) -> None:
        super().__init__(place, why)
        self.args = (f"{self} {to_do}",)


@dataclass(slots=True)
class _Expected:
    """The answers to what was written in one go."""

    left: int
    since: float
    hints: int
    size: int
    future: Future[list[Any]] | None = None
    answers: list[Any] = field(default_factory=list)


class Line(asyncio.Protocol):
    """`told(channel, message)` is called for every message of a channel that was subscribed to, `ended(why)` once, unless it was
    closed from here."""

    def __init__(
        self,
        loop: AbstractEventLoop,
        place: Place,
        told: Callable[[bytes, bytes], None],
        ended: Callable[[str], None],
    ) -> None:
        self.place = place
        self._loop = loop
        self._told = told
        self._ended = ended
        self._reader = hiredis.Reader(notEnoughData=_NOTHING)
        self._expected: deque[_Expected] = deque()
        self._transport: Transport | None = None
        self._why = "the connection was closed"
        self.unanswered_hints = 0
        self.unanswered_bytes = 0

    @classmethod
    async def to(
        cls,
        place: Place,
        *,
        credentials: Credentials = NOBODY,
        db: int = 0,
        tls: SSLContext | None = None,
        told: Callable[[bytes, bytes], None] = lambda channel, message: None,
        ended: Callable[[str], None] = lambda why: None,
    ) -> Self:
        """Connected, signed in, with the database chosen. Unreachable if that takes longer than the deadline."""
        loop = asyncio.get_running_loop()
        line = cls(loop, place, told, ended)
        try:
            async with asyncio.timeout(DEADLINE):
                if place.path:
                    await loop.create_unix_connection(lambda: line, place.path)
                else:
                    await loop.create_connection(lambda: line, place.host, place.port, ssl=tls)
                if greeting := _greeting(credentials, db):
                    await line.ask(*greeting)
        except TimeoutError:
            line.close()
            raise Unreachable(place, "it does not answer") from None
        except OSError as why:
            line.close()
            raise Unreachable(place, f"it cannot be reached ({why.strerror or why})") from None
        except BaseException:
            line.close()
            raise
        return line

    async def ask(self, *commands: Command) -> list[Any]:
        """The answers. Unreachable when one of them is an error, or when they do not come in time."""
        future: Future[list[Any]] = self._loop.create_future()
        self._write(commands, 0, future)
        try:
            async with asyncio.timeout(DEADLINE):
                return await future
        except TimeoutError:
            self._fail("it does not answer")
            raise Unreachable(self.place, "it does not answer") from None

    def tell(self, *commands: Command, hints: int = 0) -> None:
        """Written at once; nobody waits for the answers. An error among them ends the line."""
        self._write(commands, hints, None)

    def overdue(self, now: float) -> bool:
        """Whether an answer is waited for longer than the deadline."""
        return bool(self._expected) and now - self._expected[0].since > DEADLINE

    def close(self) -> None:
        """At once, without a word, and `ended` is not called any more. Harmless twice."""
        self._ended = lambda why: None
        self._told = lambda channel, message: None
        self._fail("the connection was closed")

    # — what asyncio calls —

    def connection_made(self, transport: BaseTransport) -> None:
        self._transport = cast(Transport, transport)

    def data_received(self, data: bytes) -> None:
        try:
            self._reader.feed(data)
            while (reply := self._reader.gets()) is not _NOTHING:
                # A message never answers a command, and nothing else has this shape on a line that subscribed.
                if type(reply) is list and len(reply) == 3 and reply[0] == b"message":
                    self._told(reply[1], reply[2])
                else:
                    self._answered(reply)
        except hiredis.ProtocolError:
            self._fail("what it says is not Redis' protocol")

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None
        for expected in self._expected:
            if expected.future is not None and not expected.future.done():
                expected.future.set_exception(Unreachable(self.place, self._why))
        self._expected.clear()
        self._ended(self._why)

    # — inside —

    def _fail(self, why: str) -> None:
        self._why = why
        if self._transport is not None:
            self._transport.abort()

    def _write(self, commands: tuple[Command, ...], hints: int, future: Future[list[Any]] | None) -> None:
        if self._transport is None or self._transport.is_closing():
            if future is not None:
                future.set_exception(Unreachable(self.place, self._why))
            return
        packed = b"".join([hiredis.pack_command(command) for command in commands])  # type: ignore[arg-type]
        self._expected.append(_Expected(len(commands), self._loop.time(), hints, len(packed), future))
        self.unanswered_hints += hints
        self.unanswered_bytes += len(packed)
        self._transport.write(packed)

    def _answered(self, reply: Any) -> None:
        if not self._expected:
            self._fail("it answers what nobody asked")
            return
        expected = self._expected[0]
        expected.left -= 1
        if expected.future is not None:
            expected.answers.append(reply)
        elif isinstance(reply, hiredis.ReplyError):
            self._fail(_refused(reply))
        if expected.left == 0:
            self._expected.popleft()
            self.unanswered_hints -= expected.hints
            self.unanswered_bytes -= expected.size
            if expected.future is not None and not expected.future.done():
                self._settle(expected.future, expected.answers)

    def _settle(self, future: Future[list[Any]], answers: list[Any]) -> None:
        refusal = next((answer for answer in answers if isinstance(answer, hiredis.ReplyError)), None)
        if refusal is None:
            future.set_result(answers)
        else:
            future.set_exception(self._refusal(str(refusal)))

    def _refusal(self, said: str) -> Unreachable:
        for begins, to_do in _DENIALS.items():
            if said.startswith(begins):
                return Denied(self.place, _refused(said), to_do)
        return Unreachable(self.place, _refused(said))


def _refused(reply: object) -> str:
    """In its own words, without what it repeats of a command that it does not know: that may be a password, or a message."""
    return f"it refuses: {str(reply).partition(', with args')[0]}"


def _greeting(credentials: Credentials, db: int) -> list[Command]:
    greeting: list[Command] = []
    if credentials.username:
        greeting.append(("AUTH", credentials.username, credentials.password))
    elif credentials.password:
        greeting.append(("AUTH", credentials.password))
    if db:
        greeting.append(("SELECT", db))
    return greeting
