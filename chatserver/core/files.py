"""A file as everybody is told of it who may see its message."""

from __future__ import annotations

from typing import Final, Literal

import msgspec

FileKind = Literal[
    "png", "jpeg", "gif", "webp", "pdf", "docx", "xlsx", "pptx", "doc", "xls", "ppt", "text", "csv", "zip"
]
"""What its bytes are. There is no other kind: whatever is none of these is not taken."""

MIB: Final = 2**20
MEDIA: Final[dict[FileKind, str]] = {
    "png": "image/png",
    "jpeg": "image/jpeg",
    "gif": "image/gif",
    "webp": "image/webp",
    "pdf": "application/pdf",
    "docx": "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "pptx": "application/vnd.openxmlformats-officedocument.presentationml.presentation",
    "doc": "application/msword",
    "xls": "application/vnd.ms-excel",
    "ppt": "application/vnd.ms-powerpoint",
    "text": "text/plain",
    "csv": "text/csv",
    "zip": "application/zip",
}


class File(msgspec.Struct, frozen=True, gc=False):
    """A file of a message. `id`: 128 random bits, 22 characters; until the file is in a message only who sent it knows it."""

    id: str
    name: str
    """Shown as text, and proposed for saving. Nothing is found by it."""
    kind: FileKind
    bytes: int


class FileLink(msgspec.Struct, frozen=True, gc=False):
    """Where a file is to be had for a while: paths on this server. `thumbnail`: "" where there is none, else a picture of this
    size."""

    id: str
    url: str
    thumbnail: str
    width: int
    height: int
