"""Files on their way out: links that soon end, for who may see the message, and the bytes behind them."""

from __future__ import annotations

import hashlib
import logging
import os
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import IO, Final

import msgspec

from chatserver.core.errors import Refused
from chatserver.core.files import FileLink
from chatserver.core.tickets import Ticket
from chatserver.files.keeping import THUMBNAIL, Place
from chatserver.files.threads import Threads
from chatserver.services.files import AGAIN_SECONDS, AWAY_SECONDS, Files
from chatserver.services.house import House
from chatserver.services.identity import Signed
from chatserver.store import files as rows
from chatserver.store.database import Database
from chatserver.store.files import Stored
from chatserver.store.items import items_after

log = logging.getLogger(__name__)

PIECE: Final = 65_536
"""Bytes of a download in memory: the next ones are read when these are gone."""
DOWNLOADS_MAX: Final = 200
"""Under way at once; further ones are told to come again."""
DOWNLOADS_OF_ONE: Final = 12
"""Of one person."""
DOWNLOADS_OF_NETWORK: Final = 100
"""Of one network address, whoever is behind it."""


class Link(msgspec.Struct, frozen=True, array_like=True):
    """What a link says, once its signature holds. `person`: a hash of who asked for it; `until` in ms."""

    id: str
    thumbnail: bool
    person: str
    until: int


class Reading:
    """An open file."""

    def __init__(self, file: IO[bytes], threads: Threads) -> None:
        self._file = file
        self._threads = threads
        self.size = file.seek(0, os.SEEK_END)

    async def pieces(self, begin: int, end: int) -> AsyncIterator[bytes]:
        """Its bytes from `begin` to before `end`. Raises OSError."""
        at = begin
        while at < end:
            piece = await self._threads.run(self._piece, at, min(PIECE, end - at))
            if not piece:
                raise OSError("the file is shorter than it was")
            yield piece
            at += len(piece)

    def _piece(self, at: int, most: int) -> bytes:
        self._file.seek(at)
        return self._file.read(most)

    def close(self) -> None:
        self._file.close()


class Downloads:
    def __init__(
        self,
        house: House,
        db: Database,
        files: Files,
        place: Place,
        threads: Threads,
        *,
        secret: str,
        seconds: int = 300,
    ) -> None:
        """`secret` signs links, which hold for so many `seconds`."""
        self._house = house
        self._db = db
        self._files = files
        self._place = place
        self._threads = threads
        self._signed = Signed(secret, "file-link", Link)
        self._ms = seconds * 1000
        self._under_way: Counter[str] = Counter()
        self._networks: Counter[str] = Counter()

    async def links(self, ticket: Ticket, seq: int, person: str) -> tuple[list[FileLink], int]:
        """Where the files of a message are to be had, and until when (ms); those that are gone are left out. That `person` may
        see the ticket is asked before. Refused: not_found, files_unavailable."""
        self._files.require_usable()
        items = await items_after(self._db, ticket.id, seq - 1, 1)
        if not items or items[0].seq != seq:
            raise Refused("not_found")
        told = items[0].files
        stored = await rows.by_ids(self._db, [file.id for file in told]) if told else {}
        until = self._house.now() + self._ms
        of = hashlib.sha256(person.encode()).hexdigest()[:16]
        return [self._link(stored[file.id], of, until) for file in told if file.id in stored], until

    def _link(self, stored: Stored, of: str, until: int) -> FileLink:
        def url(*, thumbnail: bool) -> str:
            return f"/files/{self._signed.sign(Link(stored.file.id, thumbnail, of, until))}"

        if stored.width is None or stored.height is None:
            return FileLink(stored.file.id, url(thumbnail=False), "", 0, 0)
        return FileLink(
            stored.file.id, url(thumbnail=False), url(thumbnail=True), stored.width, stored.height
        )

    async def linked(self, token: str) -> tuple[Link, Stored]:
        """What a link leads to. Refused: not_found (no link of ours, or its file is gone), token_expired, files_unavailable."""
        self._files.require_usable()
        link = self._signed.read(token)
        if link is None:
            raise Refused("not_found")
        if link.until < self._house.now():
            raise Refused("token_expired")
        stored = (await rows.by_ids(self._db, [link.id])).get(link.id)
        if stored is None or (link.thumbnail and stored.width is None):
            raise Refused("not_found")
        return link, stored

    @asynccontextmanager
    async def reading(self, link: Link, stored: Stored, network: str = "") -> AsyncIterator[Reading]:
        """The bytes behind a link. `network`: who asks for them, as it is counted; "" is not. Refused: rate_limited, not_found,
        files_unavailable."""
        if (
            self._under_way.total() >= DOWNLOADS_MAX
            or self._under_way[link.person] >= DOWNLOADS_OF_ONE
            or (network and self._networks[network] >= DOWNLOADS_OF_NETWORK)
        ):
            raise Refused("rate_limited", retry_after=AGAIN_SECONDS)
        self._under_way[link.person] += 1
        self._networks[network] += 1
        try:
            reading = await self._opened(stored.key + THUMBNAIL if link.thumbnail else stored.key)
            try:
                yield reading
            finally:
                reading.close()
        finally:
            self._under_way -= Counter([link.person])
            self._networks -= Counter([network])

    async def _opened(self, key: str) -> Reading:
        try:
            return Reading(await self._threads.run(self._place.read, key), self._threads)
        except FileNotFoundError:
            log.error("a file is not there that the database knows")
            raise Refused("not_found") from None
        except OSError as problem:
            log.error("a file cannot be read: %s", problem.strerror)
            raise Refused("files_unavailable", retry_after=AWAY_SECONDS) from problem
