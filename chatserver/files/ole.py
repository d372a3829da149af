"""Office documents of before 2007, which are small file systems (OLE, [MS-CFB]): which one it is, and whether it can run."""

from __future__ import annotations

import mmap
from collections.abc import Iterator
from itertools import islice
from struct import Struct, unpack_from
from typing import Final, NamedTuple

from chatserver.core.errors import Refused
from chatserver.core.files import FileKind

MAGIC: Final = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
ENTRIES_MAX: Final = 8_192
"""Streams and storages that are looked at; documents have some dozens."""
LOOKED_AT: Final = 2**20
"""Bytes of a workbook in which its sheets are listed."""

_LAST: Final = 0xFFFFFFFA
"""From here on a number is no sector."""
_NONE: Final = 0xFFFFFFFF
_MAIN: Final[dict[str, FileKind]] = {
    "worddocument": "doc",
    "workbook": "xls",
    "book": "xls",
    "powerpoint document": "ppt",
}
_RUNS: Final = frozenset({"vba", "macros", "_vba_project", "_vba_project_cur", "dir.vba"})
# What PowerPoint says of its macros, up to where it says that there are some ([MS-PPT] 2.4.10).
_SLIDES_RUN: Final = b"\x1f\x00\xff\x03\x14\x00\x00\x00\x02\x00\x00\x04\x0c\x00\x00\x00"
_entry = Struct("<64sHBBLLL36xLL4x")


class Entry(NamedTuple):
    name: str
    """In small letters."""
    left: int
    right: int
    child: int
    begin: int
    size: int


def kind_of(data: mmap.mmap) -> FileKind:
    """Of a file that begins as one. Raises Refused: file_macros, file_type (no document that is taken), file_unreadable (damaged,
    or locked by a password)."""
    try:
        file = _File(data)
        entries = file.entries()
        top = list(_children(entries, entries[0].child))
        return _document(file, entries, top)
    except (IndexError, ValueError):
        raise Refused("file_unreadable") from None


def _document(file: _File, entries: list[Entry], top: list[Entry]) -> FileKind:
    if any(entry.name in _RUNS for entry in entries):
        raise Refused("file_macros")
    if any(entry.name == "encryptedpackage" for entry in top):
        raise Refused("file_unreadable")
    found = {_MAIN[entry.name]: entry for entry in top if entry.name in _MAIN}
    if len(found) != 1:
        raise Refused("file_type")
    kind, main = found.popitem()
    if (kind == "xls" and _sheets_run(file.read(main, LOOKED_AT))) or (
        kind == "ppt" and _slides_run(file.data)
    ):
        raise Refused("file_macros")
    return kind


class _File:
    """Raises IndexError and ValueError for what is not as it should be; nothing is followed without end."""

    def __init__(self, data: mmap.mmap) -> None:
        if len(data) < 512:
            raise ValueError("too short")
        shift, self._small_shift = unpack_from("<HH", data, 30)
        if shift not in (9, 12) or self._small_shift != 6:
            raise ValueError("sectors of no known size")
        self.data = data
        self._size = 1 << shift
        self._most = len(data) // self._size + 1
        (self._first,) = unpack_from("<L", data, 48)
        self._cutoff, self._small_first = unpack_from("<LL", data, 56)
        self._fat = self._tables()

    def entries(self) -> list[Entry]:
        raw = b"".join(islice(self._sectors(self._first), ENTRIES_MAX * 128 // self._size + 1))
        found = [_named(raw, at) for at in range(0, len(raw) - 127, 128)]
        if not found or len(found) > ENTRIES_MAX:
            raise ValueError("no list, or too long")
        self._root = found[0]
        return found

    def read(self, entry: Entry, most: int) -> bytes:
        """The beginning of a stream."""
        wanted = min(entry.size, most)
        if entry.size >= self._cutoff:
            return self._joined(entry.begin, wanted)
        # By their sectors' numbers: a document whose sectors go round would be in memory twice.
        table = list(self._chain(self._small_first))
        store = list(self._chain(self._root.begin))
        pieces, at = [], entry.begin
        for _ in range(wanted // 64 + 1):
            if at >= _LAST:
                break
            pieces.append(self._within(store, at * 64, 64))
            (at,) = unpack_from("<L", self._within(table, at * 4, 4))
        return b"".join(pieces)[:wanted]

    def _within(self, chain: list[int], at: int, size: int) -> bytes:
        """A piece that lies in one sector."""
        begin = at % self._size
        return self._sector(chain[at // self._size])[begin : begin + size]

    def _joined(self, first: int, most: int) -> bytes:
        return b"".join(islice(self._sectors(first), most // self._size + 1))[:most]

    def _sectors(self, first: int) -> Iterator[bytes]:
        return map(self._sector, self._chain(first))

    def _chain(self, first: int) -> Iterator[int]:
        """The numbers of a stream's sectors."""
        at, per = first, self._size // 4
        for _ in range(self._most):
            if at >= _LAST:
                return
            yield at
            (at,) = unpack_from("<L", self._sector(self._fat[at // per]), at % per * 4)

    def _sector(self, number: int) -> bytes:
        begin = (number + 1) * self._size
        found = self.data[begin : begin + self._size]
        if not found:
            raise ValueError("a sector beyond the end")
        return found.ljust(self._size, b"\0")

    def _tables(self) -> list[int]:
        """The sectors that say which sector follows which."""
        (further,) = unpack_from("<L", self.data, 68)
        found = list(unpack_from("<109L", self.data, 76))
        for _ in range(self._most):
            if further >= _LAST:
                break
            *more, further = unpack_from(f"<{self._size // 4}L", self._sector(further))
            found += more
            if len(found) > self._most + 109 + len(more):  # they go round: each pass would be kept
                raise ValueError("more tables than sectors")
        return [number for number in found if number < _LAST]


def _named(raw: bytes, at: int) -> Entry:
    name, length, _, _, left, right, child, begin, size = _entry.unpack_from(raw, at)
    text = name[: max(0, min(length, 64) - 2)].decode("utf-16-le", errors="replace").lower()
    return Entry(text, left, right, child, begin, size)


def _children(entries: list[Entry], first: int) -> Iterator[Entry]:
    """What lies in a storage: a tree of names."""
    waiting, seen = [first], set[int]()
    while waiting:
        number = waiting.pop()
        if number == _NONE or number in seen:
            continue
        seen.add(number)
        yield entries[number]
        waiting += (entries[number].left, entries[number].right)


def _sheets_run(workbook: bytes) -> bool:
    """Whether one of its sheets is a program (Excel 4), or is said to be one ([MS-XLS] 2.4.28)."""
    at = 0
    while at + 4 <= len(workbook):
        kind, size = unpack_from("<HH", workbook, at)
        if kind == 0x0085 and size >= 6 and at + 10 <= len(workbook) and workbook[at + 9] in (1, 6):
            return True
        if kind == 0x000A:
            return False
        at += 4 + size
    return False


def _slides_run(data: mmap.mmap) -> bool:
    at = data.find(_SLIDES_RUN)
    while at >= 0:
        flag = data[at + len(_SLIDES_RUN) + 4 : at + len(_SLIDES_RUN) + 8]
        if flag == b"\x01\0\0\0":
            return True
        at = data.find(_SLIDES_RUN, at + 1)
    return False
