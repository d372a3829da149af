"""Files beside their rows: bytes into copies and back from them, and what is missing. Blocks the loop: for commands."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from functools import partial
from typing import Final

import msgspec

from chatserver.files.copies import Copies
from chatserver.files.keeping import THUMBNAIL, Outcome, Place
from chatserver.store import files as rows
from chatserver.store.database import Reader
from chatserver.store.files import Stored

PAGE: Final = 500
TOLD: Final = 20
"""Of what is missing, told one by one."""

Progress = Callable[[int], object]
"""Called with how many more bytes are done."""


class Carried(msgspec.Struct):
    """What became of all files of messages."""

    files: int = 0
    copied: int = 0
    """So many of them now; the others were there before."""
    bytes: int = 0
    missing: int = 0
    damaged: int = 0
    lost: list[str] = []
    """Ids of the first few that are missing or damaged, each with its ticket's."""

    @property
    def whole(self) -> bool:
        return not self.missing and not self.damaged

    def add(self, one: Stored, outcome: Outcome) -> None:
        self.files += 1
        if outcome == "copied":
            self.copied += 1
            self.bytes += one.file.bytes
        self.missing += outcome == "missing"
        self.damaged += outcome == "damaged"
        if outcome in ("missing", "damaged") and len(self.lost) < TOLD:
            self.lost.append(f"{one.file.id} of ticket {one.ticket_id}")


async def copy_out(db: Reader, place: Place, copies: Copies, done: Progress) -> Carried:
    """All that messages hold is among `copies` then. Beside servers. Raises OSError."""
    found = Carried()
    async for one in _all(db):
        source = partial(place.read, one.key)
        found.add(one, copies.put(source, one.key, one.file.bytes, one.sha256))
        if one.width is not None:
            thumbnail = one.key + THUMBNAIL
            copies.put(partial(place.read, thumbnail), thumbnail, None)
        done(one.file.bytes)
    return found


async def put_back(db: Reader, place: Place, copies: Copies | None, done: Progress) -> Carried:
    """All that messages hold is where it belongs then, as far as it was there or is among `copies`. Raises OSError."""
    found = Carried()
    async for one in _all(db):
        found.add(one, _put_back(place, copies, one))
        done(one.file.bytes)
    return found


def _put_back(place: Place, copies: Copies | None, one: Stored) -> Outcome:
    if place.size(one.key) == one.file.bytes:
        return "there"
    if copies is None:
        return "missing"
    if one.width is not None:
        thumbnail = one.key + THUMBNAIL
        place.put_back(partial(copies.read, thumbnail), thumbnail, None)
    return place.put_back(partial(copies.read, one.key), one.key, one.file.bytes, one.sha256)


async def _all(db: Reader) -> AsyncIterator[Stored]:
    after = ""
    while page := await rows.in_messages(db, after, PAGE):
        for one in page:
            yield one
        after = page[-1].file.id
