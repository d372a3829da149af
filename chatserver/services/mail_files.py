"""What came with a mail becomes files of its message, by the rules and quotas of whatever people send up. What is not taken stays
in the original, and the message says so."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator
from typing import Final, NamedTuple

from chatserver.core.errors import Refused
from chatserver.core.policy import Policy
from chatserver.mail.headers import NAME_AT_MOST, line, unpadded
from chatserver.mail.message import Arrival, File
from chatserver.services.files import PIECE, Files, Uploader

NAMED_AT_MOST: Final = 10
"""Files that were not taken and are named; of more it is said how many."""
TRIED_AT_MOST: Final = 20
"""Files of one mail that are looked at: a hundred that are none would keep the others' waiting."""
_SIGNATURES: Final = frozenset(
    {"application/pgp-signature", "application/pkcs7-signature", "application/x-pkcs7-signature"}
)
"""They say something of the mail, and nothing to people."""


class Kept(NamedTuple):
    ids: tuple[str, ...] = ()
    left: tuple[str, ...] = ()
    """Names of what was not taken; a nameless one by what it claims to be."""


async def keep(files: Files, who: Uploader, mail: Arrival, policy: Policy) -> Kept:
    """Durable when it returns; forgotten after a day unless a message takes them. A mail that comes again finds what it kept.

    Raises Refused(files_unavailable): nothing is wrong with the mail, and it has to come again. For nothing that its sender or
    others do: a mail that comes again and again holds up all that lie behind it in a mailbox.
    """
    ids: list[str] = []
    left: list[str] = []
    for place, file in enumerate(_said_by(mail)):
        wanted = len(ids) < policy.files_per_message and place < TRIED_AT_MOST
        if wanted and (kept := await _kept(files, who, mail.key, place, file)):
            ids.append(kept)
        else:
            left.append(_name(file))
    return Kept(tuple(ids), tuple(left))


def names(mail: Arrival) -> tuple[str, ...]:
    """Of all that came with it, as of what is not taken."""
    return tuple(map(_name, _said_by(mail)))


def _said_by(mail: Arrival) -> list[File]:
    return [file for file in mail.files if file.type not in _SIGNATURES]


def _name(file: File) -> str:
    return file.name or line(file.type)[:NAME_AT_MOST]


async def _kept(files: Files, who: Uploader, key: str, place: int, file: File) -> str:
    """Its id; "" for what is not taken."""
    content = await asyncio.to_thread(file.content)
    cid = unpadded(hashlib.sha256(f"{key} file {place}".encode()).digest()[:16])
    try:
        return (await files.take(who, cid, file.name, _pieces(content), len(content), paced=False)).id
    except Refused as refused:
        if refused.code == "files_unavailable":
            raise
        return ""


async def _pieces(content: bytes) -> AsyncIterator[bytes]:
    for start in range(0, len(content), PIECE):
        yield content[start : start + PIECE]
