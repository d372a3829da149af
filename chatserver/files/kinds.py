"""What a file is, by its bytes: one of a few kinds, or a refusal. What its name says has to agree.

Files are only ever handed out as downloads, so this is the second fence and not the first. It keeps out what the next program
would run: documents with macros, archives that blow up or write elsewhere, one thing dressed up as another. Where a kind cannot
be told for certain the file is refused. Blocks while it reads: for a thread.
"""

from __future__ import annotations

import codecs
import mmap
import re
from pathlib import Path
from typing import Final

from chatserver.core.errors import Refused
from chatserver.core.files import FileKind
from chatserver.files import names, ole, zips

ENDINGS: Final[dict[str, FileKind]] = {
    "png": "png",
    "jpg": "jpeg",
    "jpeg": "jpeg",
    "jpe": "jpeg",
    "jfif": "jpeg",
    "gif": "gif",
    "webp": "webp",
    "pdf": "pdf",
    "docx": "docx",
    "xlsx": "xlsx",
    "pptx": "pptx",
    "doc": "doc",
    "xls": "xls",
    "ppt": "ppt",
    "txt": "text",
    "text": "text",
    "log": "text",
    "csv": "csv",
    "zip": "zip",
}
PICTURES: Final[frozenset[FileKind]] = frozenset({"png", "jpeg", "gif", "webp"})

_USUAL: Final[dict[FileKind, str]] = {"jpeg": "jpg", "text": "txt"}
_HEAD: Final = 4_096
"""Characters of a text in which it says what else it is."""
_PIECE: Final = 262_144
# No text has them but as colours of a terminal (ESC); nearly everything that is no text has a zero somewhere.
_CONTROLS: Final = bytes({*range(0x20), 0x7F} - {*b"\t\n\r\f\x1b"})
_UTF16: Final = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
# What may stand before the root of a page: blanks, comments, and what XML says of itself.
_PREAMBLE: Final = re.compile(r"(?:\s+|<!--.*?-->|<\?xml\b[^>]*>)+", re.DOTALL)
# A program that is handed one of these as a text may well know better than its name.
_NO_TEXT: Final = (
    *("<!doctype html", "<!doctype svg", "<html", "<head", "<body", "<svg", "<script", "<iframe", "<math"),
    *("<!--", "<hta:", "<job", "<scriptlet", "<?php", "<%", "#!", "{\\rt", "%!ps", "%pdf", "mime-version:"),
)


def said_by(name: str) -> FileKind | None:
    """What a clean name says that it is; None where it says nothing. Raises Refused(file_type): of a kind that is not taken."""
    last = names.ending(name)
    if not last:
        return None
    if last not in ENDINGS:
        raise Refused("file_type")
    return ENDINGS[last]


def usual_ending(kind: FileKind) -> str:
    return _USUAL.get(kind, kind)


def kind_of(file: Path, name: str) -> FileKind:
    """`name`: clean. Raises Refused: file_empty, file_type, file_disguised (name and content differ, or it is two things at
    once), file_macros, file_unsafe (an archive that blows up, or writes elsewhere), file_unreadable (damaged, or locked where
    that hides what it is)."""
    said = said_by(name)
    if not file.stat().st_size:
        raise Refused("file_empty")
    with file.open("rb") as handle, mmap.mmap(handle.fileno(), 0, access=mmap.ACCESS_READ) as data:
        found = _by_content(data)
    if found == "text" and said == "csv":
        return "csv"
    if found is None or (said is not None and said != found):
        raise Refused("file_type" if said is None else "file_disguised")
    return found


def _by_content(data: mmap.mmap) -> FileKind | None:
    head = data[:16]
    if found := _by_head(head):
        if zips.ends_as_one(data):
            raise Refused("file_disguised")  # a picture to one program, an archive to the next
        return found
    if head.startswith(zips.LOCAL):
        return zips.kind_of(data)
    if head.startswith(ole.MAGIC):
        return ole.kind_of(data)
    return "text" if _is_text(data) else None


def _by_head(head: bytes) -> FileKind | None:
    if head.startswith(b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR"):
        return "png"
    if head.startswith(b"\xff\xd8\xff"):
        return "jpeg"
    if head.startswith((b"GIF87a", b"GIF89a")):
        return "gif"
    if head.startswith(b"RIFF") and head[8:12] == b"WEBP":
        return "webp"
    return "pdf" if head.startswith(b"%PDF-") else None


def _is_text(data: mmap.mmap) -> bool:
    """Raises Refused(file_disguised) for a page or a program in a text's clothes; a snippet of one further down is a text."""
    wide = data[:2] in _UTF16 and data[:4] != codecs.BOM_UTF32_LE
    if not (_is_wide_text(data) if wide else _has_no_controls(data)):
        return False
    head = data[: 4 * _HEAD].decode("utf-16" if wide else "utf-8-sig", errors="replace")[:_HEAD].lower()
    if (match := _PREAMBLE.match(head)) is not None:
        head = head[match.end() :]
    if head.startswith(_NO_TEXT) or zips.ends_as_one(data):
        raise Refused("file_disguised")
    return True


def _has_no_controls(data: mmap.mmap) -> bool:
    pieces = (data[at : at + _PIECE] for at in range(0, len(data), _PIECE))
    return all(len(piece.translate(None, _CONTROLS)) == len(piece) for piece in pieces)


def _is_wide_text(data: mmap.mmap) -> bool:
    decoder = codecs.getincrementaldecoder("utf-16")()
    unwanted = re.compile(r"[\x00-\x08\x0b\x0e-\x1a\x1c-\x1f\x7f]")
    try:
        for at in range(0, len(data), _PIECE):
            if unwanted.search(decoder.decode(data[at : at + _PIECE], at + _PIECE >= len(data))):
                return False
    except UnicodeDecodeError:
        return False
    return True
