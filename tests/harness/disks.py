"""A small disk that can be filled to the last byte."""

from __future__ import annotations

import errno
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from io import RawIOBase
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

CHUNK = 65_536


def may_mount() -> bool:
    """Whether this machine lets us make a small disk; some containers keep that even from root."""
    if os.geteuid() != 0:
        return False
    with TemporaryDirectory() as directory:
        try:
            with small_disk(Path(directory) / "disk", 1):
                return True
        except subprocess.CalledProcessError:
            return False


@contextmanager
def small_disk(directory: Path, mebibytes: int) -> Iterator[Path]:
    """A file system of its own, in memory, at `directory`."""
    directory.mkdir()
    options = ["-t", "tmpfs", "-o", f"size={mebibytes}m,mode=700", "tmpfs"]
    subprocess.run(["mount", *options, str(directory)], capture_output=True, check=True)
    try:
        yield directory
    finally:
        subprocess.run(["umount", "--lazy", str(directory)], check=True)


def fill(directory: Path) -> Path:
    """The file that took all the space that was left; delete it to have it back."""
    filler = directory / "filler"
    with filler.open("wb", buffering=0) as file:
        for size in (CHUNK, 1):
            with pytest.raises(OSError, match=os.strerror(errno.ENOSPC)):
                _write_on(file, bytes(size))
    return filler


def _write_on(file: RawIOBase, chunk: bytes) -> None:
    while file.write(chunk):
        pass
