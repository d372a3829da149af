"""Files that people send: looked at, counted and kept before a message takes them (`talk.saying`), forgotten when none does."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import logging
import secrets
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager, suppress
from functools import partial
from typing import Final, Literal, Self, TypeVar

import msgspec

from chatserver.core import messages
from chatserver.core.errors import Refused
from chatserver.core.files import MIB, File, FileKind
from chatserver.core.policy import Policy
from chatserver.core.tries import limit
from chatserver.files import kinds, names
from chatserver.files.keeping import THUMBNAIL, Elsewhere, Part, Place
from chatserver.files.scanning import Outcome, Scanner
from chatserver.files.threads import Threads
from chatserver.files.thumbnails import Thumbnails
from chatserver.services import talk
from chatserver.services.house import House
from chatserver.services.throttle import Throttle
from chatserver.settings import Settings
from chatserver.store import files as rows
from chatserver.store.base import StoreFailed, Violated
from chatserver.store.database import Database
from chatserver.store.work import Who

log = logging.getLogger(__name__)

PIECE: Final = 262_144
"""Bytes of an upload in memory before they are written."""
UPLOADS_MAX: Final = 100
"""Under way at once; further ones are told to come again."""
UPLOADS_OF_ONE: Final = 10
"""Of one person: as many as a message has files."""
UPLOADS_OF_NETWORK: Final = 50
"""Of one network address, whoever is behind it: anybody may be ten anonymous people, and bring a byte now and then."""
AGAIN_SECONDS: Final = 2
AWAY_SECONDS: Final = 30
"""When to try again what failed for the directory's or the scanner's sake."""
AGAIN_OPEN_SECONDS: Final = 30.0
"""Between two tries to use a directory, or a bucket, that is not there."""
PICTURES_MAX: Final = 500
"""Pictures that wait for their thumbnail; further ones go without."""
SWEEP_SECONDS: Final = 1_800.0
SWEEP_BATCH: Final = 200
HALFWAY_SECONDS: Final = 3_600
"""Nobody is at work on a file that was not written to for so long."""
DAY_MS: Final = 86_400_000
UNVERIFIED: Final = "unverified"
"""As which what comes with unverified mail is counted, whoever it claims to be from."""

T = TypeVar("T")


class Uploader(msgspec.Struct, frozen=True):
    """Who sends a file up, and for which app. `owner`: a customer's key, an agent's id. `network`: where from, as it is counted;
    "" where nobody knows. `unverified`: by a mail that claims to be theirs."""

    app_id: int
    by: Literal["customer", "agent"]
    owner: str
    network: str = ""
    unverified: bool = False

    @property
    def person(self) -> str:
        """As whom they are counted: who merely claims an address takes nothing of its owner's day."""
        return f"{UNVERIFIED if self.unverified else self.by}:{self.owner}"


def installation(secret: str, epoch: str) -> str:
    """By which a directory of files knows its database: another state of it is another one, and would drop what this one uses."""
    return hmac.digest(secret.encode(), f"files of {epoch}".encode(), "sha256").hex()[:32]


class Files:
    """`async with Files(…)`: opens the place, and forgets what was not used, until the end. While it cannot be used `problem`
    says why, and all that needs it is refused; chats go on."""

    def __init__(
        self,
        house: House,
        db: Database,
        place: Place,
        threads: Threads,
        *,
        uploads_per_minute: int = 60,
        unused_seconds: int = 86_400,
        scanner: Scanner | None = None,
    ) -> None:
        """`scanner`: looks at whatever is sent before it is kept."""
        self._house = house
        self._db = db
        self._place = place
        self._threads = threads
        self._scanner = scanner
        self._rate = Throttle(limit(uploads_per_minute, 60))
        self._unused_ms = unused_seconds * 1000
        self._under_way = UnderWay()
        self._thumbnails = Thumbnails()
        self._pictures: asyncio.Queue[tuple[File, str]] = asyncio.Queue(PICTURES_MAX)
        self._tasks: list[asyncio.Task[None]] = []
        self.problem = ""

    @property
    def unscanned(self) -> bool:
        """Its virus scanner is away."""
        return self._scanner is not None and self._scanner.away

    async def __aenter__(self) -> Self:
        if await self._opened() is False:
            self._tasks = [asyncio.create_task(self._open_again_and_again())]
        return self

    async def _opened(self) -> bool | None:
        """Where it can be used, all that belongs to it begins. False: perhaps later; None: never."""
        before, again = self.problem, False
        try:
            name = installation(self._db.secret, self._db.epoch)
            await self._threads.run(self._place.open, name)
        except Elsewhere as problem:
            self.problem = str(problem)
        except OSError as problem:
            self.problem = f"{self._place.shown} cannot be used: {problem.strerror or problem}."
            again = True
        else:
            self.problem = ""
            self._tasks += [
                asyncio.create_task(self._sweep_again_and_again()),
                asyncio.create_task(self._make_thumbnails()),
            ]
            return True
        if self.problem != before:
            log.critical("no files are taken or given: %s", self.problem)
        return False if again else None

    async def _open_again_and_again(self) -> None:
        opened: bool | None = False
        while opened is False:
            await asyncio.sleep(AGAIN_OPEN_SECONDS)
            opened = await self._opened()
        if opened:
            log.info("files are taken and given")

    async def __aexit__(self, *_: object) -> None:
        self._thumbnails.end()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    # — who ————————————————————————————————————————————————————————————————————

    async def as_customer(self, who: Who, ticket_id: int | None, network: str = "") -> Uploader:
        """For one of their tickets, which is a sign of life in it; None: for one that is still to be. Refused: not_found,
        ticket_closed."""
        if ticket_id is not None:
            await talk.here(self._house, who, ticket_id)
        return Uploader(who.app_id, "customer", who.key, network)

    async def as_agent(self, agent_id: int, ticket_id: int) -> Uploader:
        """Refused: unauthorized, not_found, ticket_closed, not_yours."""
        agent = self._house.people.agent(agent_id)
        ticket = await self._house.ticket(ticket_id)
        if ticket.app_id not in agent.app_ids:
            raise Refused("not_found")
        if ticket.state == "closed":
            raise Refused("ticket_closed")
        if ticket.agent_id != agent_id:
            raise Refused("not_yours")
        return Uploader(ticket.app_id, "agent", str(agent_id))

    async def waiting(self, who: Uploader, ids: Sequence[str]) -> list[File]:
        """Those of these that `who` sent up and no message has, in this order."""
        found = await rows.waiting(self._db, ids, app_id=who.app_id, by=who.by, owner=who.owner)
        return [found[file_id] for file_id in ids if file_id in found]

    # — taking —————————————————————————————————————————————————————————————————

    async def take(
        self,
        who: Uploader,
        cid: str,
        name: str,
        chunks: AsyncIterator[bytes],
        size: int | None = None,
        *,
        paced: bool = True,
    ) -> File:
        """Keep what `chunks` bring, durably, until a message takes it or a day has passed. A repeat of `cid` gives the first one,
        and reads nothing. `size`: what is said to come, if anything is. `paced`: it counts among a person's uploads of a minute;
        what is here already, all at once, does not.

        Refused: bad_frame (cid), rate_limited, file_… (core/errors.py), files_unavailable. Whatever `chunks` raises comes as it
        is. Nothing is left of what was not taken.
        """
        cid, name = messages.cid(cid), names.clean(name)
        self.require_usable()
        policy = self._house.people.policy(who.app_id)
        most = policy.file_mib * MIB
        if (size or 0) > most or not most:
            raise Refused("file_too_large", limit=most)
        kinds.said_by(name)  # what is not taken by its name need not come
        now = self._house.now()
        if paced:
            self._rate.take(f"{who.app_id} {who.person}", now)
        if first := await self._sent(who, cid):
            return first
        with self._under_way.begin(who, most if size is None else size):
            await self._require_quota(who, policy, now)
            return await self._taken(who, cid, name, chunks, most if size is None else size)

    async def _taken(
        self, who: Uploader, cid: str, name: str, chunks: AsyncIterator[bytes], most: int
    ) -> File:
        async with self._part() as part:
            await self._written(part, chunks, most)
            kind = await self._on_disk(_looked_at, part, name)
            if self._scanner is not None:
                await self._clean(self._scanner, part)
            name = names.with_ending(name, kinds.usual_ending(kind))
            file = File(secrets.token_urlsafe(16), name, kind, part.size)
            await self._on_disk(self._place.keep, part.key)
            # From here on the database may know it, whatever becomes of this task: what it does not know is swept.
            part.stays()
            try:
                await self._stored(who, cid, file, part)
            except Violated:
                await self._dropped(part)
                first = await self._sent(who, cid)
                if first is None:
                    raise
                return first
            except Refused:
                await self._dropped(part)
                raise
            with suppress(OSError):  # it is found where it is, and settled later
                await self._threads.run(self._place.settle, part.key)
        if kind in kinds.PICTURES:
            with suppress(asyncio.QueueFull):  # it goes without one
                self._pictures.put_nowait((file, part.key))
        return file

    async def _clean(self, scanner: Scanner, part: Part) -> None:
        """Raises Refused: file_infected, file_unscanned, files_unavailable."""
        try:
            await scanner.require_clean(part.path)
        except OSError as problem:
            log.error("a file cannot be read to be scanned: %s", problem.strerror or type(problem).__name__)
            raise Refused("files_unavailable", retry_after=AWAY_SECONDS) from problem

    async def _dropped(self, part: Part) -> None:
        part.goes()
        with suppress(OSError):
            await self._threads.run(self._place.drop, part.key)

    async def _stored(self, who: Uploader, cid: str, file: File, part: Part) -> None:
        """Raises Refused(file_quota): what was looked at when it began to come is no more so. Raises Violated."""
        now = self._house.now()
        allowed = _allowed(who, self._house.people.policy(who.app_id))
        over = await rows.add(
            self._db,
            file,
            app_id=who.app_id,
            by=who.by,
            owner=who.owner,
            cid=cid,
            key=part.key,
            sha256=part.sha256,
            day=now // DAY_MS,
            counted=allowed,
            now=now,
        )
        if over is not None:
            raise _over_quota(allowed[over], now)

    async def _written(self, part: Part, chunks: AsyncIterator[bytes], most: int) -> None:
        waiting = bytearray()
        async for chunk in chunks:
            if part.size + len(waiting) + len(chunk) > most:
                raise Refused("file_too_large", limit=most)
            waiting += chunk
            if len(waiting) >= PIECE:
                await self._on_disk(part.write, bytes(waiting))
                waiting.clear()
        if waiting:
            await self._on_disk(part.write, bytes(waiting))

    async def _sent(self, who: Uploader, cid: str) -> File | None:
        return await rows.sent(self._db, app_id=who.app_id, by=who.by, owner=who.owner, cid=cid)

    async def _require_quota(self, who: Uploader, policy: Policy, now: int) -> None:
        """Before anything comes, so that little comes in vain: what others of this process are just bringing counts as brought.
        What holds, on any number of nodes, is asked when it is stored."""
        allowed = _allowed(who, policy)
        used = await rows.used(self._db, who.app_id, now // DAY_MS, allowed)
        for name, most in allowed.items():
            if used.get(name, 0) + self._under_way.bytes_of(who.app_id, name) > most:
                raise _over_quota(most, now)

    @asynccontextmanager
    async def _part(self) -> AsyncIterator[Part]:
        part = Part(self._place)
        try:
            await self._on_disk(part.open)
            yield part
        finally:
            await self._threads.run(part.close)

    async def _on_disk(self, do: Callable[..., T], *given: object) -> T:
        """In a thread. Raises Refused(files_unavailable) for what the disk does not do."""
        try:
            return await self._threads.run(do, *given)
        except OSError as problem:
            log.error("a file could not be kept: %s", problem.strerror or type(problem).__name__)
            raise Refused("files_unavailable", retry_after=AWAY_SECONDS) from problem

    # — thumbnails ——————————————————————————————————————————————————————————————

    async def _make_thumbnails(self) -> None:
        """One after the other. A picture goes without one wherever there is a problem: nobody is told."""
        while True:
            file, key = await self._pictures.get()
            try:
                await self._make_thumbnail(file, key)
            except Exception as problem:
                log.warning("a picture goes without a thumbnail: %s", type(problem).__name__)
            finally:
                self._pictures.task_done()

    async def _make_thumbnail(self, file: File, key: str) -> None:
        made = key + THUMBNAIL
        if size := await self._threads.run(self._thumbnail, file, key):
            known = await rows.has_thumbnail(self._db, file.id, *size)
            await self._threads.run(self._place.settle if known else self._place.drop, made)

    def _thumbnail(self, file: File, key: str) -> tuple[int, int] | None:
        with self._place.at_hand(key) as source:
            return self._thumbnails.make(file.kind, source, self._place.halfway / (key + THUMBNAIL))

    # — forgetting —————————————————————————————————————————————————————————————

    async def sweep(self) -> None:
        """Forget what no message took in time, and what a process that died left halfway. Any number of nodes may."""
        now = self._house.now()
        while old := await rows.unused(self._db, now - self._unused_ms, SWEEP_BATCH):
            for file_id, key in old:
                await self._forget(file_id, key)
        left = await self._threads.run(lambda: list(self._place.left_behind(HALFWAY_SECONDS)))
        for key in left:
            known = await rows.is_key(self._db, key.removesuffix(THUMBNAIL))
            await self._threads.run(self._place.settle if known else self._place.drop, key)
        await rows.forget_use(self._db, now // DAY_MS - 1)

    async def _forget(self, file_id: str, key: str) -> None:
        """The bytes leave their place first, and go last: whatever dies in between, the next sweep knows what they are."""
        for one in (key, key + THUMBNAIL):
            await self._threads.run(self._place.unsettle, one)
        gone = await rows.forget_unused(self._db, file_id)
        # Else a message took it meanwhile, or another node was first.
        known = not gone and await rows.is_key(self._db, key)
        for one in (key, key + THUMBNAIL):
            with suppress(FileNotFoundError):  # not all have a thumbnail
                await self._threads.run(self._place.settle if known else self._place.drop, one)

    async def _sweep_again_and_again(self) -> None:
        while True:
            try:
                await self.sweep()
            except (OSError, StoreFailed, Refused, TimeoutError) as problem:
                log.warning("files that nobody used are forgotten later: %s", type(problem).__name__)
            except Exception:
                log.exception("files that nobody used are forgotten later")
            await asyncio.sleep(SWEEP_SECONDS)

    def require_usable(self) -> None:
        """Raises Refused(files_unavailable)."""
        if self.problem:
            raise Refused("files_unavailable", retry_after=AWAY_SECONDS)


def files_of(settings: Settings, house: House, db: Database, place: Place, threads: Threads) -> Files:
    """As these settings want them, not yet open."""
    scanner = None
    if settings.scanner is not None:
        house.metrics.scans = {"clean": 0, "infected": 0, "failed": 0}
        scanner = Scanner(settings.scanner, threads, partial(_count, house.metrics.scans))
    return Files(
        house,
        db,
        place,
        threads,
        uploads_per_minute=settings.file_uploads_per_minute,
        unused_seconds=settings.file_unused_seconds,
        scanner=scanner,
    )


def _count(scans: dict[str, int], outcome: Outcome) -> None:
    scans[outcome] += 1


class UnderWay:
    """Uploads of this process that have begun: how many, whose, and how much they may bring."""

    def __init__(self) -> None:
        self._people: Counter[tuple[int, str]] = Counter()
        self._networks: Counter[str] = Counter()
        self._bytes: Counter[tuple[int, str]] = Counter()

    @contextmanager
    def begin(self, who: Uploader, size: int) -> Iterator[None]:
        """Refused(rate_limited)."""
        person = (who.app_id, who.person)
        of_network = self._networks[who.network] if who.network else 0
        if (
            self.count >= UPLOADS_MAX
            or self._people[person] >= UPLOADS_OF_ONE
            or of_network >= UPLOADS_OF_NETWORK
        ):
            raise Refused("rate_limited", retry_after=AGAIN_SECONDS)
        counted = [(who.app_id, name) for name in _counted(who)]
        self._people[person] += 1
        self._networks[who.network] += 1
        for name in counted:
            self._bytes[name] += size
        try:
            yield
        finally:
            self._people[person] -= 1
            self._networks[who.network] -= 1
            for name in counted:
                self._bytes[name] -= size
            self._people, self._networks, self._bytes = +self._people, +self._networks, +self._bytes

    @property
    def count(self) -> int:
        return self._people.total()

    def bytes_of(self, app_id: int, name: str) -> int:
        return self._bytes[app_id, name]


def _looked_at(part: Part, name: str) -> FileKind:
    """What it is; on the disk then."""
    kind = kinds.kind_of(part.path, name)
    part.sync()
    return kind


def _allowed(who: Uploader, policy: Policy) -> dict[str, int]:
    """Whose bytes of a day count, and how many they may be. What the app's own agents send counts for the app alone."""
    of_app = policy.file_mib_per_app * MIB
    allowed = {"": of_app}
    if who.unverified:
        allowed[UNVERIFIED] = of_app * policy.file_percent_of_unverified // 100
    if who.by == "customer":
        allowed[who.person] = policy.file_mib_per_person * MIB
        if who.network:
            allowed[f"network:{_hidden(who.network)}"] = policy.file_mib_per_network * MIB
    return allowed


def _over_quota(most: int, now: int) -> Refused:
    return Refused("file_quota", limit=most, retry_after=(DAY_MS - now % DAY_MS) / 1000)


def _hidden(network: str) -> str:
    """It is counted for a day, and nobody has to know where people are."""
    return hashlib.sha256(network.encode()).hexdigest()[:16]


def _counted(who: Uploader) -> list[str]:
    return list(_allowed(who, Policy()))
