"""Copies of files' bytes, for backups: a directory that only grows, laid out as `Keeping` lays out its own. Blocks: for commands.

What a key names never changes, so a copy that is there is not made again, whatever number of backups share the directory.
"""

from __future__ import annotations

import hashlib
import os
import secrets
from collections.abc import Callable
from pathlib import Path
from typing import IO, Final, Literal

from chatserver.files.keeping import placed, synced

PIECE: Final = 1_048_576

Outcome = Literal[
    "there",  # it was there before
    "copied",
    "missing",  # there is nothing to copy
    "damaged",  # what there is to copy is not what was once sent up: it was not copied
]


class Copies:
    """`directory` is made where something is copied to it."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory

    def path(self, key: str) -> Path:
        return placed(self.directory, key)

    def read(self, key: str) -> IO[bytes]:
        """Raises FileNotFoundError, OSError."""
        return self.path(key).open("rb", buffering=0)


def copied(source: Callable[[], IO[bytes]], target: Path, size: int | None, sha256: str = "") -> Outcome:
    """What `source` opens is at `target` then, on the disk, or nothing is. `size`, `sha256`: what is known of it; of what nothing
    is known whatever is at `target` will do. Raises OSError, where it cannot be read or written."""
    if target.exists() and size in (None, target.stat().st_size):
        return "there"
    try:
        file = source()
    except FileNotFoundError:
        return "missing"
    target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    part = target.with_name(f"{target.name}.{secrets.token_hex(8)}")
    try:
        with file, open(part, "xb", opener=lambda path, flags: os.open(path, flags, 0o600)) as copy:
            found, told = 0, hashlib.sha256()
            while piece := file.read(PIECE):
                copy.write(piece)
                told.update(piece)
                found += len(piece)
            copy.flush()
            os.fsync(copy.fileno())
        if size not in (None, found) or sha256 not in ("", told.hexdigest()):
            return "damaged"
        part.replace(target)
    finally:
        part.unlink(missing_ok=True)
    synced(target.parent)
    return "copied"
