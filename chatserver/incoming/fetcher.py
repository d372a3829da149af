"""Mail out of a mailbox, by IMAP: whatever waits in a folder is taken, stored, and then put away there.

It is put away after the commit and never before: a process that dies in between meets the mail again, and the mailroom knows it.
So any number of processes may read one mailbox: each mail is taken once, whoever was first, and putting it away twice is putting
it away. What another time may be otherwise (database away, files that cannot be kept now) leaves the mail where it is, to lie for
a while; what is a fault of ours, or refused whenever it comes, is tried a few times, then set aside with a star for people.
Neither holds up the others.

Waiting for the other side is done in threads that hold up nobody, not even the end of the process.
"""

from __future__ import annotations

import asyncio
import logging
import random
import secrets
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from typing import Final, NamedTuple, TypeVar

from msgspec.structs import replace

from chatserver.core.addresses import alike
from chatserver.core.errors import Refused
from chatserver.core.people import App
from chatserver.incoming.resting import Resting
from chatserver.mail import headers
from chatserver.mail.imap import Box, Fault, NotRead
from chatserver.mail.message import Arrival, read
from chatserver.mail.mime import SIZE_AT_MOST
from chatserver.metrics import Metrics
from chatserver.services.mailroom import Mailroom
from chatserver.settings.addresses import Imap
from chatserver.store.base import StoreFailed
from chatserver.telemetry import without_text

log = logging.getLogger(__name__)

BATCH: Final = 100
"""Mails of which the sizes are asked at once."""
TRIES: Final = 3
"""Of a mail at which something of ours fails: then it is left for people."""
AGAIN_SECONDS: Final = 30.0
"""Until the second one."""
TRIED_AT_MOST: Final = 1_000
"""Mails of which it is known how often they were tried."""
REST_FIRST: Final = 2.0
REST_MOST: Final = 60.0
"""Seconds between two tries to reach the server, or the database."""
FINISH_SECONDS: Final = 8.0
"""At the end, for the mail that is just being taken."""
RECIPIENTS: Final = ("delivered-to", "x-original-to", "envelope-to", "x-envelope-to")
"""Fields in which mail hosts write for whom they kept a mail."""

_FAULTS: Final = {
    "away": "nobody answers there as a mailbox does",
    "tls": "its certificate is not trusted, or it cannot encipher",
    "login": "name or password is not taken",
    "folder": "the folder is not there, or may not be changed",
    "done": "mails that were taken cannot be put away: look at CHATSERVER_MAILBOX_DONE",
    "cut": "the line broke",
}

T = TypeVar("T")


class _Later(Exception):
    """The database takes nothing now: all mails wait where they are."""


class _Waits(Exception):
    """This mail is not taken now, and may be in so many seconds; the message is why."""

    def __init__(self, why: str, seconds: float) -> None:
        super().__init__(why)
        self.seconds = seconds


class _Left(Exception):
    """Not this mail; the message says why."""


class Mail(NamedTuple):
    """One that waits. `number`: its name in the folder as long as `validity` is the folder's."""

    validity: int
    number: int
    size: int


class Fetcher:
    """Reads one mailbox while `run` lasts."""

    def __init__(
        self, room: Mailroom, server: Imap, *, done: str, poll_seconds: float, metrics: Metrics
    ) -> None:
        self._room = room
        self._server = server
        self._done = done
        self._poll = poll_seconds
        self._metrics = metrics
        self._rest = REST_FIRST
        self._fault: Fault | None = None
        self._tries: dict[tuple[int, int], int] = {}
        self._resting = Resting()
        self._taking: asyncio.Future[None] | None = None
        self._ending = False
        metrics.mailbox = dict.fromkeys(("taken", "again", "left"), 0)

    async def run(self) -> None:
        while not self._ending:
            try:
                await self._read()
            except NotRead as problem:
                self._away(problem)
                await self._pause()
            except Exception as surprise:
                log.error("the mailbox is read again in a while: %s", without_text(surprise))
                await self._pause()

    async def finish(self) -> None:
        """The mail that is being taken is, for a moment; no other one is begun."""
        self._ending = True
        if self._taking is not None:
            await asyncio.wait({self._taking}, timeout=FINISH_SECONDS)

    # — the line ———————————————————————————————————————————————————————————————

    async def _read(self) -> None:
        """Until the line breaks. Raises NotRead."""
        box = await _apart(Box.open, self._server, self._done)
        try:
            while not self._ending:
                try:
                    await self._look(box)
                except _Later:
                    await self._pause()
                    continue
                self._well()
                self._rest = REST_FIRST
                # Those that rest until nearly the same moment are tried in one look.
                seconds = min(self._poll, max(self._resting.seconds(_now()), REST_FIRST))
                if await _apart(lambda: box.tells):
                    await _apart(box.wait, seconds)
                else:
                    await asyncio.sleep(seconds)
        finally:
            if self._ending:
                box.cut()  # nobody waits for a last word
            await _apart(box.close)

    async def _pause(self) -> None:
        await asyncio.sleep(self._until_next_try())

    def _until_next_try(self) -> float:
        """Seconds until the next try, ever more. By chance up to half of it less, so that several processes come apart."""
        seconds = self._rest * (0.5 + random.random() / 2)  # noqa: S311 - no secret
        self._rest = min(self._rest * 2, REST_MOST)
        return seconds

    def _away(self, problem: NotRead) -> None:
        if problem.fault != self._fault and not self._ending:
            log.error("the mailbox cannot be read: %s", _FAULTS[problem.fault])
        self._fault = problem.fault
        self._metrics.mailbox_up = False

    def _well(self) -> None:
        if self._metrics.mailbox_up is not True:
            log.info("the mailbox is read")
        self._metrics.mailbox_up, self._fault = True, None

    # — the mails ——————————————————————————————————————————————————————————————

    async def _look(self, box: Box) -> None:
        """Take all that waits and does not rest. Raises NotRead, _Later."""
        numbers = await _apart(box.waiting)
        due = self._resting.due(box.validity, numbers, _now())
        waits = len(numbers) - len(due)
        self._metrics.mailbox_waiting = len(numbers)
        for begin in range(0, len(due), BATCH):
            batch = due[begin : begin + BATCH]
            for number, size in (await _apart(box.sizes, batch)).items():
                if self._ending:
                    return
                if await self._one(box, Mail(box.validity, number, size)):
                    waits += 1
                else:
                    self._metrics.mailbox_waiting -= 1
            # Some were put away by somebody else.
            self._metrics.mailbox_waiting = waits + len(due[begin + BATCH :])

    async def _one(self, box: Box, mail: Mail) -> bool:
        """Whether it waits for another time. Raises NotRead, _Later."""
        self._taking = asyncio.get_running_loop().create_future()
        try:
            await self._take(box, mail)
        except _Waits as why:
            if self._resting.begin(mail.validity, mail.number, why.seconds, _now()):
                log.warning("a mail waits in the mailbox: %s", why, extra={"mail": mail.number})
            return True
        except _Left as why:
            log.warning("a mail stays in the mailbox, with a star: %s", why, extra={"mail": mail.number})
            await _apart(box.leave, mail.number)
            self._count("left")
        finally:
            self._taking.set_result(None)
            self._taking = None
        return False

    async def _take(self, box: Box, mail: Mail) -> None:
        """Raises _Left, _Waits, _Later, NotRead."""
        if mail.size > SIZE_AT_MOST:
            raise _Left("it is larger than what is taken here")
        raw = await _apart(box.mail, mail.number, SIZE_AT_MOST + 1)
        if raw is None:  # somebody else was first
            return
        try:
            became = await self._stored(raw)
        except StoreFailed as problem:
            log.warning("mails wait in the mailbox: %s", type(problem).__name__)
            raise _Later from problem
        except _Left:
            raise
        except Refused as refused:
            if refused.retry_after is not None:
                raise _Waits(refused.code, max(refused.retry_after, REST_FIRST)) from refused
            # Nobody can do anything about it by waiting; one that met somebody else's doing passes the next time.
            log.error("a mail was refused: %s", refused.code, extra={"mail": mail.number})
            raise self._failed(mail) from refused
        except Exception as surprise:
            log.error("a mail could not be taken: %s", without_text(surprise), extra={"mail": mail.number})
            raise self._failed(mail) from surprise
        await _apart(box.done, mail.number)
        self._count(became)

    async def _stored(self, raw: bytes) -> str:
        if len(raw) > SIZE_AT_MOST:
            raise _Left("it is larger than what is taken here")
        arrived = await asyncio.to_thread(read, raw)
        app, recipient = self._addressed(arrived)
        arrived = replace(arrived, envelope_to=(recipient,))
        outcome = await self._room.take(app, arrived, raw, secrets.token_urlsafe(16))
        log.info("a mail was taken", extra={"became": outcome.became, "reason": outcome.mail.reason})
        return "again" if outcome.became == "again" else "taken"

    def _addressed(self, mail: Arrival) -> tuple[App, str]:
        """Nobody says for whom a mail in a mailbox was; what hosts and authors wrote has to tell. One that names none of our
        addresses (a blind copy, a list) is for the one app that takes mail, where there is one alone. Raises _Left."""
        hosts = (one for name in RECIPIENTS for one in headers.addresses(mail.headers.all(name)))
        for address in (*hosts, *mail.to, *mail.cc):
            app = self._room.app_at(address)
            if app is not None:
                return app, address
        known = {alike(app.support_address) for app in self._room.house.people.apps.values()} - {""}
        only = known.pop() if len(known) == 1 else ""
        app = self._room.app_at(only)
        if app is None:
            raise _Left("it is for no app's support address")
        return app, only

    def _failed(self, mail: Mail) -> _Waits | _Left:
        """What becomes of it: it waits, and at the last try it is left. The others go on meanwhile."""
        key = (mail.validity, mail.number)
        tried = self._tries.pop(key, 0) + 1
        if tried >= TRIES:
            return _Left(f"it could not be taken {tried} times")
        while len(self._tries) >= TRIED_AT_MOST:
            self._tries.pop(next(iter(self._tries)))
        self._tries[key] = tried
        return _Waits("it could not be taken", AGAIN_SECONDS)

    def _count(self, outcome: str) -> None:
        if self._metrics.mailbox is not None:
            self._metrics.mailbox[outcome] += 1


@asynccontextmanager
async def fetching(
    room: Mailroom, server: Imap, *, done: str, poll_seconds: float, metrics: Metrics
) -> AsyncIterator[Fetcher]:
    """Reads the mailbox while the block lasts. `done`: as for `Box.open`. `room`: its people may be read anew meanwhile."""
    fetcher = Fetcher(room, server, done=done, poll_seconds=poll_seconds, metrics=metrics)
    task = asyncio.create_task(fetcher.run())
    try:
        yield fetcher
    finally:
        await fetcher.finish()
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def _now() -> float:
    return asyncio.get_running_loop().time()


async def _apart(do: Callable[..., T], *given: object) -> T:
    """`do(*given)` in a thread of its own, for which nobody waits at the end: the other side may not answer for a minute."""
    loop = asyncio.get_running_loop()
    answer: asyncio.Future[T] = loop.create_future()

    def told(result: T | None, problem: BaseException | None) -> None:
        if answer.done():
            return
        if problem is not None:
            answer.set_exception(problem)
        else:
            answer.set_result(result)  # type: ignore[arg-type]  # one of the two is there

    def work() -> None:
        result, problem = None, None
        try:
            result = do(*given)
        except BaseException as met:
            problem = met
        with suppress(RuntimeError):  # the loop has ended
            loop.call_soon_threadsafe(told, result, problem)

    threading.Thread(target=work, name="chatserver-mailbox", daemon=True).start()
    return await answer
