"""A program: reads a picture of the kind that is its argument from standard input, writes a small one (WebP) to standard output.
It ends with another code than 0 where it does not.

What it is handed may have been made to break the library that reads it: so it takes what it may use from itself before it looks.
"""

from __future__ import annotations

import io
import os
import resource
import sys
from typing import IO, Final

NICE: Final = 19
"""It gets what processors nobody else wants: messages never wait for a picture."""
CPU_SECONDS: Final = 5
MEMORY_BYTES: Final = 768 * 2**20
OUTPUT_BYTES: Final = 262_144
PIXELS_MAX: Final = 50_000_000
"""Of the picture, before any of it is unpacked: 200 MiB in memory. A phone's camera has fifty at most."""
EDGE: Final = 320
ORIENTATION: Final = 0x0112
"""Where EXIF says how the camera was held; `TURNS`: what puts that right, as Pillow numbers it."""
TURNS: Final = {2: 0, 3: 3, 4: 1, 5: 5, 6: 4, 7: 6, 8: 2}
FORMATS: Final = {"png": "PNG", "jpeg": "JPEG", "gif": "GIF", "webp": "WEBP"}


def limit() -> None:
    os.nice(NICE)
    for what, most in (
        (resource.RLIMIT_CPU, CPU_SECONDS),
        (resource.RLIMIT_AS, MEMORY_BYTES),
        (resource.RLIMIT_FSIZE, OUTPUT_BYTES),
        (resource.RLIMIT_CORE, 0),
    ):
        resource.setrlimit(what, (most, most))


def forbid() -> None:
    """Once all that is needed is loaded: no further file is opened, no program started."""
    resource.setrlimit(resource.RLIMIT_NOFILE, (3, 3))
    resource.setrlimit(resource.RLIMIT_NPROC, (0, 0))


def main(kind: str) -> None:
    limit()
    from PIL import Image

    Image.MAX_IMAGE_PIXELS = PIXELS_MAX
    rehearse(kind)
    forbid()
    shrink(sys.stdin.buffer, kind, sys.stdout.buffer)
    sys.stdout.buffer.flush()


def rehearse(kind: str) -> None:
    """With a picture of our own: whatever is loaded only when it is needed is there then."""
    from PIL import Image

    own = io.BytesIO()
    Image.new("RGB", (2, 2)).save(own, FORMATS[kind])
    own.seek(0)
    shrink(own, kind, io.BytesIO())


def shrink(given: IO[bytes], kind: str, made: IO[bytes]) -> None:
    from PIL import Image

    with Image.open(given, formats=[FORMATS[kind]]) as picture:
        if picture.width * picture.height > PIXELS_MAX:
            raise ValueError("too many pixels")
        if kind == "jpeg":
            picture.draft("RGB", (2 * EDGE, 2 * EDGE))  # unpacked at a fraction of its size
        picture.load()
        small = picture.convert("RGBA" if picture.has_transparency_data else "RGB")
        exif = picture.getexif()
    small.thumbnail((EDGE, EDGE))
    small.info.clear()
    # Turned as the camera was held. Nothing else of what a camera notes, such as where it was, goes with it.
    turned = TURNS.get(exif.get(ORIENTATION, 1))
    upright = small.transpose(Image.Transpose(turned)) if turned is not None else small
    upright.save(made, "WEBP", quality=75, method=4)


if __name__ == "__main__":
    try:
        main(sys.argv[1])
    except BaseException:
        sys.exit(1)
