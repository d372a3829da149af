"""Copies of files' bytes, for backups: a directory that only grows, laid out as `Keeping` lays out its own. Blocks: for commands.

What a key names never changes, so a copy that is there is not made again, whatever number of backups share the directory.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import IO

from chatserver.files.keeping import Outcome, copied, placed


class Copies:
    """`directory` is made where something is copied to it."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory

    def path(self, key: str) -> Path:
        return placed(self.directory, key)

    def read(self, key: str) -> IO[bytes]:
        """Raises FileNotFoundError, OSError."""
        return self.path(key).open("rb", buffering=0)

    def put(self, source: Callable[[], IO[bytes]], key: str, size: int | None, sha256: str = "") -> Outcome:
        """As `keeping.copied`."""
        return copied(source, self.path(key), size, sha256)
