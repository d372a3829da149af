"""Archives, and the office documents that are ones: told by what they list, without unpacking more than one small part.

The list is read by hand: what the library makes of a list with a million entries takes a hundred times its size. Everything has
to be where a program that reads from the front and one that reads from the end both find it.
"""

from __future__ import annotations

import html
import mmap
import re
import zlib
from collections.abc import Iterator
from struct import Struct
from typing import Final, NamedTuple

from chatserver.core.errors import Refused
from chatserver.core.files import FileKind

LOCAL: Final = b"PK\x03\x04"
ENTRIES_MAX: Final = 10_000
LIST_BYTES: Final = 4 * 2**20
UNPACKED_BYTES: Final = 2**30
"""What all entries together may say that they unpack to."""
PLAIN_BYTES: Final = 64 * 2**20
"""Up to here it does not matter how well it is packed."""
RATIO: Final = 200
"""Beyond that: unpacked bytes per packed one. Deflate gives a thousand for nothing but zeros; tables and logs seldom fifty."""
TYPES_BYTES: Final = 2**20
"""Of the part that says what is in a document, unpacked. Real ones have some ten thousand."""

_CENTRAL: Final = b"PK\x01\x02"
_END: Final = b"PK\x05\x06"
_end = Struct("<4s4H2LH")
_central = Struct("<4s6H3L5H2L")
_local = Struct("<4s5H3L2H")
_LOCKED: Final = 0x0001
_UTF8: Final = 0x0800
_STORED, _DEFLATED = 0, 8

_OFFICE: Final = "application/vnd.openxmlformats-officedocument."
_MAIN: Final[dict[str, FileKind]] = {
    f"{_OFFICE}wordprocessingml.document.main+xml": "docx",
    f"{_OFFICE}spreadsheetml.sheet.main+xml": "xlsx",
    f"{_OFFICE}presentationml.presentation.main+xml": "pptx",
}
# Of a type, or a name, of a part: programs, sheets that are programs (Excel 4), and controls that run.
_RUNS: Final = ("vbaproject", "vbadata", "macroenabled", "macrosheet", "activex")


class Entry(NamedTuple):
    name: str
    flags: int
    method: int
    packed: int
    size: int
    begin: int
    """Of its packed bytes."""


def ends_as_one(data: mmap.mmap) -> bool:
    """Whether a program that looks at the end takes it for an archive."""
    return _end_at(data) is not None


def kind_of(data: mmap.mmap) -> FileKind:
    """Of a file that begins as an archive. Raises Refused: file_macros, file_unsafe, file_unreadable, file_type."""
    entries = list(_listed(data))
    _require_harmless(entries, len(data))
    parts = {entry.name.lower(): entry for entry in entries}
    types = parts.get("[content_types].xml")
    if types is None:
        return "zip"
    if len(parts) != len(entries) or any(entry.flags & _LOCKED for entry in entries):
        raise Refused("file_unreadable")  # two parts of one name: each program takes another one
    return _document(_declared(data, types), list(parts))


def _document(types: str, parts: list[str]) -> FileKind:
    if any(word in types or any(word in part for part in parts) for word in _RUNS):
        raise Refused("file_macros")
    found = {kind for main, kind in _MAIN.items() if main in types}
    if len(found) != 1:
        raise Refused("file_type")
    return found.pop()


def _declared(data: mmap.mmap, entry: Entry) -> str:
    """The types of all parts, in small letters, however they are spelled. Raises Refused(file_unreadable)."""
    packed = data[entry.begin : entry.begin + entry.packed]
    try:
        if entry.method == _DEFLATED:
            packed = zlib.decompressobj(-zlib.MAX_WBITS).decompress(packed, TYPES_BYTES + 1)
        elif entry.method != _STORED:
            raise Refused("file_unreadable")
        if len(packed) > TYPES_BYTES:
            raise Refused("file_unreadable")
        wide = packed[:2] in (b"\xff\xfe", b"\xfe\xff")
        text = packed.decode("utf-16" if wide else "utf-8-sig")
    except (zlib.error, UnicodeDecodeError):
        raise Refused("file_unreadable") from None
    said = re.match(r"\s*<\?xml[^>]*\bencoding\s*=\s*[\"']([^\"']*)", text)
    if "<!" in text or (said and said[1].lower() not in ("utf-8", "utf-16", "us-ascii")):
        raise Refused("file_unreadable")  # entities of its own, or letters that others read as others
    return html.unescape(text).lower()


# — the list ———————————————————————————————————————————————————————————————————


def _end_at(data: mmap.mmap) -> int | None:
    """Where the end of the list begins, its comment reaching to the last byte."""
    floor = max(0, len(data) - _end.size - 0xFFFF)
    at = data.rfind(_END, floor)
    while at >= 0:
        if at + _end.size <= len(data) and at + _end.size + _end.unpack_from(data, at)[-1] == len(data):
            return at
        at = data.rfind(_END, floor, at)
    return None


def _listed(data: mmap.mmap) -> Iterator[Entry]:
    """Raises Refused: file_unreadable, file_unsafe (more than anybody packs)."""
    end = _end_at(data)
    if end is None:
        raise Refused("file_unreadable")
    _, disk, first_disk, here, count, size, begin, _ = _end.unpack_from(data, end)
    if count > ENTRIES_MAX or size > LIST_BYTES:
        # Also where the true numbers stand elsewhere, since these are too small for them (zip64).
        raise Refused("file_unsafe")
    if disk or first_disk or here != count or begin + size != end:
        raise Refused("file_unreadable")
    at = begin
    for _ in range(count):
        if at + _central.size > end:
            raise Refused("file_unreadable")
        entry, at = _entry(data, at, begin)
        yield entry
    if at != end:
        raise Refused("file_unreadable")


def _entry(data: mmap.mmap, at: int, limit: int) -> tuple[Entry, int]:
    """And where the next one begins."""
    (magic, _, _, flags, method, _, _, _, packed, size, name_size, extra, comment, _, _, _, local) = (
        _central.unpack_from(data, at)
    )
    if magic != _CENTRAL or local + _local.size > limit:
        raise Refused("file_unreadable")
    name = data[at + _central.size : at + _central.size + name_size]
    other, _, _, its_method, _, _, _, _, _, its_name_size, its_extra = _local.unpack_from(data, local)
    its_name = data[local + _local.size : local + _local.size + its_name_size]
    begin = local + _local.size + its_name_size + its_extra
    if other != LOCAL or its_name != name or its_method != method or begin + packed > limit:
        raise Refused(
            "file_unreadable"
        )  # who reads from the front sees something else than who reads from the end
    more = data[at + _central.size + name_size : at + _central.size + name_size + extra]
    if b".." in more:
        raise Refused("file_unsafe")  # a second name, which some programs prefer
    text = name.decode("utf-8" if flags & _UTF8 else "cp437", errors="replace")
    entry = Entry(text, flags, method, packed, size, begin)
    return entry, at + _central.size + name_size + extra + comment


def _require_harmless(entries: list[Entry], size: int) -> None:
    """Raises Refused(file_unsafe)."""
    packed, unpacked = sum(e.packed for e in entries), sum(e.size for e in entries)
    blown_up = unpacked > PLAIN_BYTES and unpacked > packed * RATIO
    if packed > size or unpacked > UNPACKED_BYTES or blown_up:
        raise Refused("file_unsafe")
    if any(_leads_elsewhere(entry.name) for entry in entries):
        raise Refused("file_unsafe")


def _leads_elsewhere(name: str) -> bool:
    parts = re.split(r"[/\\]", name)
    return not parts[0] or ":" in parts[0] or ".." in parts or not name.isprintable()
