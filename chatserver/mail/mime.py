"""A mail's bytes as a tree of parts, with bounds. Nothing of it is copied or decoded before somebody asks for it.

Not by the standard library's parser: line by line it asks each open boundary, so a mail of many nested parts costs lines times
depth, and its parts keep three copies of what they hold. Here each multipart is searched once for its own boundary, to a depth
that has a bound, so the work grows as the mail does.
"""

from __future__ import annotations

import binascii
import re
from collections.abc import Iterator
from typing import Final

import msgspec

from chatserver.mail import headers
from chatserver.mail.charsets import decoded
from chatserver.mail.headers import Headers, value_and_parameters

SIZE_AT_MOST: Final = 40 * 1024 * 1024
"""Bytes of a mail: what the great mail hosts let out is 25 MB of files, a third more as base64."""
PARTS_AT_MOST: Final = 2_000
DEPTH_AT_MOST: Final = 20
"""Multiparts within multiparts; honest mails have five. What is deeper is one file, undivided."""
PART_FIELDS: Final = 50
PART_BLOCK: Final = 16 * 1024
"""Fields of a part within a mail, and bytes of its header that are looked at: it says of itself what it is, and has five of them.
There are `PARTS_AT_MOST` of these, and a field takes thirty times the memory that it took in the mail."""
_BOUNDARY_AT_MOST: Final = 200  # RFC 2046 allows 70

_BODY: Final = re.compile(rb"\r?\n\r?\n|\r\r")


class Part(msgspec.Struct, frozen=True):
    """One entity. `body` is a view into the mail, as encoded as it came."""

    headers: Headers
    type: str
    """"text/plain", in lower case."""
    parameters: dict[str, str]
    disposition: str
    name: str
    """Of the file, as it may be shown; "" when it has none."""
    body: memoryview
    parts: tuple[Part, ...] = ()

    @property
    def content_id(self) -> str:
        return headers.message_id(self.headers.get("content-id"))

    def content(self) -> bytes:
        """Decoded."""
        encoding = self.headers.get("content-transfer-encoding").strip().lower()
        if encoding == "base64":
            return headers.base64_bytes(self.body)
        if encoding == "quoted-printable":
            return binascii.a2b_qp(self.body)
        return bytes(self.body)

    def text(self, most: int) -> str:
        """Decoded, with one kind of line break; of more than `most` characters the rest is left out."""
        # A letter takes four bytes at most, and three characters per byte as quoted-printable.
        short = msgspec.structs.replace(self, body=self.body[: most * 12])
        text = decoded(short.content(), self.parameters.get("charset", "")).replace("\0", "")
        return text.replace("\r\n", "\n").replace("\r", "\n")[:most]

    def walk(self) -> Iterator[Part]:
        """The part itself and all within it, in their order."""
        yield self
        for part in self.parts:
            yield from part.walk()


class _Counted:
    def __init__(self) -> None:
        self.left = PARTS_AT_MOST
        self.whole = True


def parse(raw: bytes) -> tuple[Part, bool]:
    """The mail, and whether all of it was taken apart. Never raises, whatever the bytes are."""
    counted = _Counted()
    return _entity(raw, 0, len(raw), 0, "text/plain", counted), counted.whole


def _entity(raw: bytes, start: int, end: int, depth: int, default: str, counted: _Counted) -> Part:
    counted.left -= 1
    header, body = _header(raw, start, end, within=depth > 0)
    kind, parameters = value_and_parameters(header.get("content-type"))
    if "/" not in kind:
        kind = default
    disposition, more = value_and_parameters(header.get("content-disposition"))
    name = headers.file_name(more.get("filename") or parameters.get("name", ""))
    parts: tuple[Part, ...] = ()
    boundary = parameters.get("boundary", "").encode("utf-8", "replace")[:_BOUNDARY_AT_MOST].rstrip()
    if kind.startswith("multipart/") and boundary:
        if depth < DEPTH_AT_MOST:
            inner = "message/rfc822" if kind == "multipart/digest" else "text/plain"
            parts = _parts(raw, body, end, boundary, depth + 1, inner, counted)
        else:
            counted.whole = False
    if kind.startswith("multipart/") and not parts and not depth:
        kind = "text/plain"  # a boundary that never comes: what is there was written all the same
    return Part(header, kind, parameters, disposition, name, memoryview(raw)[body:end], parts)


def _parts(
    raw: bytes, start: int, end: int, boundary: bytes, depth: int, default: str, counted: _Counted
) -> tuple[Part, ...]:
    found: list[Part] = []
    for begins, ends in _between(raw, start, end, b"--" + boundary):
        if counted.left <= 0:
            counted.whole = False
            break
        found.append(_entity(raw, begins, ends, depth, default, counted))
    return tuple(found)


def _between(raw: bytes, start: int, end: int, delimiter: bytes) -> Iterator[tuple[int, int]]:
    """Where the parts between these lines are. The last one may lack its end: cut off, or an impolite program."""
    begins = -1
    at = start
    while (at := raw.find(delimiter, at, end)) >= 0:
        line_start, after = at, at + len(delimiter)
        at = after
        if line_start > start and raw[line_start - 1] not in b"\r\n":
            continue
        line_end = _line_end(raw, after, end)
        rest = raw[after : min(line_end, after + 80)].strip()
        closes = rest.startswith(b"--")
        if rest and not closes:
            continue
        if begins >= 0:
            yield begins, max(begins, _before_break(raw, line_start))
        begins = -1 if closes else line_end
        at = line_end
        if closes:
            return
    if begins >= 0:
        yield begins, end


def _line_end(raw: bytes, at: int, end: int) -> int:
    """Behind the line break."""
    found = raw.find(b"\n", at, end)
    return end if found < 0 else found + 1


def _before_break(raw: bytes, at: int) -> int:
    """The line break before a delimiter belongs to it."""
    at -= raw[at - 1 : at] == b"\n"
    return at - (raw[at - 1 : at] == b"\r")


def _header(raw: bytes, start: int, end: int, *, within: bool) -> tuple[Headers, int]:
    """The fields, and where the body begins."""
    if raw[start : start + 1] in (b"\n", b"\r"):
        return Headers(), start + (2 if raw[start : start + 2] == b"\r\n" else 1)
    found = _BODY.search(raw, start, end)
    stop, body = (found.start(), found.end()) if found else (end, end)
    block, fields = (PART_BLOCK, PART_FIELDS) if within else (headers.BLOCK_AT_MOST, headers.FIELDS_AT_MOST)
    header = headers.parse(raw[start : min(stop, start + block)], fields)
    return (header, body) if header.fields else (header, start)
