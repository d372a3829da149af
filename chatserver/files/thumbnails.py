"""Small pictures of pictures, made where one that is meant to break its reader breaks nothing: in a process of its own that has
little memory, little time, one open file to read and one to write."""

from __future__ import annotations

import os
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from typing import Final

from chatserver.core.files import FileKind

SECONDS: Final = 30.0
"""Of the clock; of the processor it has less (`thumbnail_maker.CPU_SECONDS`), and that only when nobody else wants it."""
BYTES_MAX: Final = 262_144
EDGE_MAX: Final = 1_000
"""Of what is taken from it: it makes smaller ones."""
_MAKER: Final = Path(__file__).with_name("thumbnail_maker.py")


class Thumbnails:
    """Makes one at a time. `end` may be called from another thread."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None
        self._ended = False

    def make(self, kind: FileKind, picture: Path, target: Path) -> tuple[int, int] | None:
        """Its width and height; None where there is none, and nothing is at `target` then. Blocks."""
        size = None
        with suppress(OSError, subprocess.SubprocessError):
            with picture.open("rb") as given, target.open("xb") as made:
                os.fchmod(made.fileno(), 0o600)
                good = self._run(kind, given.fileno(), made.fileno())
            size = webp_size(target) if good else None
        if size is None:
            target.unlink(missing_ok=True)
        return size

    def _run(self, kind: FileKind, given: int, made: int) -> bool:
        if self._ended:
            return False
        # Not through our package: it needs nothing of ours, and loads nothing that it does not need.
        process = subprocess.Popen(  # noqa: S603 - our own program
            [sys.executable, "-I", str(_MAKER), kind],
            stdin=given,
            stdout=made,
            stderr=subprocess.DEVNULL,
            env={},
            cwd="/",
        )
        self._process = process
        try:
            return process.wait(SECONDS) == 0
        finally:
            self._process = None
            process.kill()
            process.wait()

    def end(self) -> None:
        """Nothing more is made, and what is being made comes to nothing."""
        self._ended = True
        process = self._process
        if process is not None:
            process.kill()


def webp_size(file: Path) -> tuple[int, int] | None:
    """What a picture that was made says of its size; None for what we did not ask for."""
    with file.open("rb") as made:
        head = made.read(32)
    if len(head) < 32 or head[:4] != b"RIFF" or head[8:12] != b"WEBP":
        return None
    match head[12:16]:
        case b"VP8X":
            size = [1 + int.from_bytes(head[at : at + 3], "little") for at in (24, 27)]
        case b"VP8L":
            bits = int.from_bytes(head[21:25], "little")
            size = [1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF)]
        case b"VP8 ":
            size = [int.from_bytes(head[at : at + 2], "little") & 0x3FFF for at in (26, 28)]
        case _:
            return None
    return (size[0], size[1]) if max(size) <= EDGE_MAX else None
