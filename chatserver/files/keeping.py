"""Where the bytes of files are: a directory (here) or a bucket (bucket.py), each file under a random key that says nothing of it.

A file is here before it is in the database, and goes after it: whoever finds a row finds its bytes. In between it lies `halfway`.
What is found there later was left by a process that died, and the database says whether it belongs to a row: so nothing is ever
looked for among all files, however many they are. Everything here blocks: for threads.
"""

from __future__ import annotations

import hashlib
import os
import re
import secrets
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path
from typing import IO, Final, Literal

HALFWAY: Final = "halfway"
MARKER: Final = "INSTALLATION"
THUMBNAIL: Final = "t"
"""What stands behind a file's key in that of its thumbnail."""
PIECE: Final = 1_048_576
"""Bytes of a file in hand while it is copied."""
KEY: Final = re.compile(rf"[0-9a-f]{{64}}{THUMBNAIL}?")


class Elsewhere(Exception):
    """The directory cannot be used for this database. The message is a sentence for the operator."""


Outcome = Literal[
    "there",  # it was there before
    "copied",
    "missing",  # there is nothing to copy
    "damaged",  # what there is to copy is not what was once sent up: it was not copied
]


class Place(ABC):
    """What keeps files. `halfway`: a directory of this machine for parts. All of it may raise OSError, and blocks."""

    halfway: Path
    shown: str
    """As people know it."""

    @abstractmethod
    def open(self, installation: str) -> None:
        """Make it ready, or see whose it is. Raises Elsewhere."""

    @abstractmethod
    def hand_over(self, before: str, after: str) -> None:
        """The installation `before`, whose it is, is called `after` from now on. Where it is another one's nothing happens."""

    @abstractmethod
    def keep(self, key: str) -> None:
        """A part that is written will outlast this process, and is halfway."""

    @abstractmethod
    def settle(self, key: str) -> None:
        """What has a row leaves the halfway. Harmless twice. Raises FileNotFoundError."""

    @abstractmethod
    def unsettle(self, key: str) -> None:
        """Its row is about to go."""

    @abstractmethod
    def drop(self, key: str) -> None:
        """Its row is gone, or there never was one. Harmless twice."""

    @abstractmethod
    def left_behind(self, seconds: float) -> Iterator[str]:
        """Keys of what has lain halfway for so long that nobody can be at work on it."""

    @abstractmethod
    def read(self, key: str) -> IO[bytes]:
        """Settled or not. Raises FileNotFoundError."""

    @abstractmethod
    def size(self, key: str) -> int | None:
        """In bytes; None: it is not there."""

    @abstractmethod
    def at_hand(self, key: str) -> AbstractContextManager[Path]:
        """A settled file as one of this machine."""

    @abstractmethod
    def put_back(
        self, source: Callable[[], IO[bytes]], key: str, size: int | None, sha256: str = ""
    ) -> Outcome:
        """What `source` opens is a settled file then, or nothing is. `size`, `sha256`: as for `copied`."""

    @abstractmethod
    def holds(self, directory: Path) -> bool:
        """Whether a directory of this machine is part of it, or it of the directory."""


class Part:
    """A file on its way in. `open` it, and `close` it whatever happens: it is gone then, unless it `stays`."""

    def __init__(self, place: Place) -> None:
        self.key = secrets.token_hex(32)
        self.path = place.halfway / self.key
        self.size = 0
        self._hash = hashlib.sha256()
        self._file: IO[bytes] | None = None
        self._stays = False

    def open(self) -> None:
        """Raises OSError."""
        # Its name is drawn from 256 bits, so nobody else has it; should somebody, it is not theirs to be written over.
        self._file = open(  # noqa: SIM115 - closed by `close`
            self.path, "xb", buffering=0, opener=lambda path, flags: os.open(path, flags, 0o600)
        )

    def write(self, data: bytes) -> None:
        """Raises OSError."""
        rest = memoryview(data)
        while rest:
            rest = rest[self._opened.write(rest) or 0 :]
        self._hash.update(data)
        self.size += len(data)

    def sync(self) -> None:
        """All of it is on the disk when this returns. Raises OSError."""
        os.fsync(self._opened.fileno())
        synced(self.path.parent)

    def stays(self) -> None:
        """The database knows it, or is about to: what it does not know in the end is swept."""
        self._stays = True

    def goes(self) -> None:
        """It does not after all."""
        self._stays = False

    def close(self) -> None:
        """Harmless twice, and without `open`."""
        if self._file is not None:
            self._file.close()
            self._file = None
            if not self._stays:
                self.path.unlink(missing_ok=True)

    @property
    def sha256(self) -> str:
        return self._hash.hexdigest()

    @property
    def _opened(self) -> IO[bytes]:
        if self._file is None:
            raise ValueError("the file is not open")
        return self._file


class Keeping(Place):
    """A directory of files. Several nodes of one database share it."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.halfway = directory / HALFWAY
        self.shown = str(directory)

    def open(self, installation: str) -> None:
        self._make()
        marker = self.directory / MARKER
        with suppress(FileExistsError):
            self._mark(marker, installation)
        found = marker.read_text(encoding="ascii", errors="replace").strip()
        if found != installation:
            raise Elsewhere(
                f"{self.directory} holds the files of another database, or of another state of this one. Set "
                f"CHATSERVER_FILES_DIR to this one's. Where it is this one's, delete {MARKER} in it, and start again."
            )

    def hand_over(self, before: str, after: str) -> None:
        marker = self.directory / MARKER
        if not marker.exists() or marker.read_text(encoding="ascii", errors="replace").strip() != before:
            return
        part = marker.with_name(f"{MARKER}.{secrets.token_hex(8)}")
        part.write_text(after + "\n", encoding="ascii")
        part.replace(marker)
        synced(self.directory)

    def _make(self) -> None:
        """Nobody but the server's user may look into it."""
        self.directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.halfway.mkdir(mode=0o700, exist_ok=True)

    def _mark(self, marker: Path, installation: str) -> None:
        """Whole or not at all, and never in the place of one that is there."""
        part = marker.with_name(f"{MARKER}.{secrets.token_hex(8)}")
        part.write_text(installation + "\n", encoding="ascii")
        try:
            marker.hardlink_to(part)
        finally:
            part.unlink()
        synced(self.directory)

    def path(self, key: str) -> Path:
        """Where a settled file is."""
        return placed(self.directory, key)

    def read(self, key: str) -> IO[bytes]:
        try:
            return self.path(key).open("rb", buffering=0)
        except FileNotFoundError:
            return (self.halfway / key).open("rb", buffering=0)  # a row was written, and its process died

    def size(self, key: str) -> int | None:
        for path in (self.path(key), self.halfway / key):
            with suppress(FileNotFoundError):
                return path.stat().st_size
        return None

    def keep(self, key: str) -> None:
        """It is on the disk, where it stays."""

    @contextmanager
    def at_hand(self, key: str) -> Iterator[Path]:
        yield self.path(key)

    def put_back(
        self, source: Callable[[], IO[bytes]], key: str, size: int | None, sha256: str = ""
    ) -> Outcome:
        return copied(source, self.path(key), size, sha256)

    def holds(self, directory: Path) -> bool:
        one, other = directory.resolve(), self.directory.resolve()
        return one.is_relative_to(other) or other.is_relative_to(one)

    def settle(self, key: str) -> None:
        target = self.path(key)
        made = [path for path in (target.parent.parent, target.parent) if not path.exists()]
        target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        try:
            (self.halfway / key).replace(target)
        except FileNotFoundError:
            if not target.exists():
                raise
        for path in (target.parent, *(path.parent for path in made)):
            synced(path)

    def unsettle(self, key: str) -> None:
        with suppress(FileNotFoundError):
            os.utime(self.path(key))  # whoever looks what was left behind gives this its time
            self.path(key).replace(self.halfway / key)

    def drop(self, key: str) -> None:
        (self.halfway / key).unlink(missing_ok=True)

    def left_behind(self, seconds: float) -> Iterator[str]:
        with os.scandir(self.halfway) as found:
            for entry in found:
                with suppress(FileNotFoundError):
                    if KEY.fullmatch(entry.name) and time.time() - entry.stat().st_mtime > seconds:
                        yield entry.name


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


def placed(directory: Path, key: str) -> Path:
    """A directory of a thousand entries is fine everywhere, one of a million is not."""
    if not KEY.fullmatch(key):
        raise ValueError("no key of a file")
    return directory / key[:2] / key[2:4] / key


def synced(directory: Path) -> None:
    """Its names are on the disk."""
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
