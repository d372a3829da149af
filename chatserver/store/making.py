"""A file that has its name only once it is whole and on the disk."""

from __future__ import annotations

import fcntl
import hashlib
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from chatserver.store.database import DatabaseUnusable

BESIDE: Final = ("-wal", "-shm", "-journal")
"""What SQLite puts beside a file of its own."""


Progress = Callable[[int], object]
"""Called with how much more is done."""
Begun = Callable[[int], Progress]
"""Called once, with how much there is to do, in a measure of whoever does it; gives whom to tell."""


def unwatched(whole: int) -> Progress:
    """For whom nobody waits."""
    return lambda part: None


class Share:
    """Tells of a part of the work, `worth` of the whole, as far as a place between 0 and `end` is reached."""

    def __init__(self, progress: Progress, worth: int, end: int) -> None:
        self._progress = progress
        self._worth = worth
        self._end = max(end, 1)
        self._told = 0

    def at(self, place: int) -> None:
        reached = self._worth * min(place, self._end) // self._end
        if reached > self._told:
            self._progress(reached - self._told)
            self._told = reached

    def done(self) -> None:
        self.at(self._end)


class BadCopy(DatabaseUnusable):
    """What was made, or is to be restored, is no whole database of ours. The message is a sentence."""


class Exists(DatabaseUnusable):
    """Something is there already that would be replaced. The message is a sentence."""


@contextmanager
def in_the_making(target: Path) -> Iterator[Path]:
    """A file beside `target`, its owner's alone, that takes its name at the end of the block; gone if the block fails.

    What a command that was killed left is made anew. Raises Exists while another one makes it, and OSError.
    """
    part = target.with_name(f"{target.name}.part")
    descriptor = os.open(part, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        _claim(descriptor, part)
        try:
            _remove(part, BESIDE)
            os.truncate(descriptor, 0)
            os.fchmod(descriptor, 0o600)
            yield part
            synced(part)
            part.replace(target)
        except BaseException:
            _remove(part, ("", *BESIDE))
            raise
        synced(target.parent)
    finally:
        os.close(descriptor)


def _claim(descriptor: int, part: Path) -> None:
    """The lock is on the file, which may have got its name meanwhile: whoever comes just then must not touch it."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        ours = part.exists() and os.path.samestat(os.fstat(descriptor), part.stat())
    except BlockingIOError:
        ours = False
    if not ours:
        raise Exists(f"Another command is just making {part}: let it end first.")


def _remove(part: Path, ends: tuple[str, ...]) -> None:
    for end in ends:
        part.with_name(part.name + end).unlink(missing_ok=True)


def require_new(target: Path, *, force: bool) -> None:
    """Raises Exists."""
    if target.exists() and not force:
        raise Exists(f"{target} is there already: give another name, or --force to replace it.")


def require_file(source: Path) -> None:
    """Raises BadCopy."""
    if not source.is_file():
        raise BadCopy(f"There is no file {source}.")


def synced(path: Path) -> None:
    """A file's content, or a directory's names, are on the disk when this returns."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def reason(problem: Exception) -> object:
    """Of an OSError or another one, without the paths of files in the making."""
    return getattr(problem, "strerror", None) or problem
