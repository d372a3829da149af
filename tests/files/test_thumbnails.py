"""Small pictures: of what can be read, and of nothing that was made to do harm."""

from __future__ import annotations

import io
import threading
from pathlib import Path

import pytest
from PIL import Image

from chatserver.core.files import FileKind
from chatserver.files import thumbnail_maker, thumbnails
from chatserver.files.thumbnails import Thumbnails
from tests.files.making import SVG, png
from tests.harness.waiting import wait_until


def picture(kind: FileKind, size: tuple[int, int] = (1000, 500), **more: object) -> bytes:
    out = io.BytesIO()
    Image.new("RGB", size, (200, 30, 30)).save(out, thumbnail_maker.FORMATS[kind], **more)
    return out.getvalue()


def made(
    directory: Path, kind: FileKind, content: bytes, maker: Thumbnails | None = None
) -> tuple[tuple[int, int] | None, Path]:
    source, target = directory / "source", directory / "target"
    source.write_bytes(content)
    return (maker or Thumbnails()).make(kind, source, target), target


@pytest.mark.parametrize("kind", thumbnail_maker.FORMATS)
def test_a_picture_of_every_kind_gets_a_small_one(tmp_path: Path, kind: FileKind) -> None:
    size, target = made(tmp_path, kind, picture(kind))
    assert size == (320, 160)
    assert target.stat().st_mode & 0o777 == 0o600
    with Image.open(target) as small:
        assert (small.format, small.size) == ("WEBP", size)


def test_what_is_small_stays_so_and_what_is_clear_stays_clear(tmp_path: Path) -> None:
    out = io.BytesIO()
    Image.new("RGBA", (20, 10), (0, 0, 0, 0)).save(out, "PNG")
    size, target = made(tmp_path, "png", out.getvalue())
    assert size == (20, 10)
    with Image.open(target) as small:
        assert small.getchannel("A").getextrema() == (0, 0)


def test_it_is_turned_as_the_camera_was_held_and_says_nothing_of_where_that_was(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # a quarter turn
    exif[0x010E] = "en casa de Ana"
    size, target = made(tmp_path, "jpeg", picture("jpeg", exif=exif, comment=b"en casa de Ana"))
    assert size == (160, 320)
    assert b"Ana" not in target.read_bytes()
    with Image.open(target) as small:
        assert dict(small.getexif()) == {}


HOSTILE: dict[str, tuple[FileKind, bytes]] = {
    "thirty thousand squared": ("png", png(30_000, 30_000, rows=1)),
    "more pixels than a camera has": ("png", png(8_000, 8_000, rows=10)),
    "cut off": ("png", png(500, 500)[:100]),
    "another kind": ("jpeg", picture("png")),
    "a kind that is not read at all": ("png", picture("jpeg")),
    "no picture": ("png", SVG.encode()),
    "nothing": ("gif", b""),
}


@pytest.mark.parametrize("case", HOSTILE)
def test_what_cannot_be_read_has_none_and_leaves_nothing(tmp_path: Path, case: str) -> None:
    kind, content = HOSTILE[case]
    size, target = made(tmp_path, kind, content)
    assert (size, target.exists()) == (None, False)


MISCHIEF = {
    "never ends": "import time\nwhile True: time.sleep(1)",
    "fails after half of it": "import sys\nsys.stdout.buffer.write(b'RIFF' + bytes(40))\nsys.exit(1)",
    "writes no picture": "print('x' * 1000)",
    "writes a picture that is too large": "import sys\nsys.stdout.buffer.write("
    "b'RIFF\\0\\0\\0\\0WEBPVP8X' + bytes(8) + b'\\xff\\xff\\xff' * 2 + bytes(20))",
}


@pytest.mark.parametrize("case", MISCHIEF)
def test_a_process_that_was_taken_over_gives_no_picture(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, case: str
) -> None:
    script = tmp_path / "maker.py"
    script.write_text(MISCHIEF[case])
    monkeypatch.setattr(thumbnails, "_MAKER", script)
    monkeypatch.setattr(thumbnails, "SECONDS", 1.0)
    size, target = made(tmp_path, "png", png())
    assert (size, target.exists()) == (None, False)


LIMITS = {
    "memory": "bytearray(2 * 2**30)",
    "output": "sys.stdout.buffer.write(bytes(2**20))\nsys.stdout.buffer.flush()",
    "files": "thumbnail_maker.forbid()\nopen('/etc/hostname')",
}


@pytest.mark.parametrize("case", LIMITS)
def test_it_takes_from_itself_what_it_does_not_need(tmp_path: Path, case: str) -> None:
    script = tmp_path / "maker.py"
    there = str(Path(thumbnail_maker.__file__).parent)
    script.write_text(
        f"import sys\nsys.path.insert(0, {there!r})\nimport thumbnail_maker\nthumbnail_maker.limit()\n{LIMITS[case]}\n"
    )
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(thumbnails, "_MAKER", script)
        target = tmp_path / "out"
        with (tmp_path / "maker.py").open("rb") as given, target.open("wb") as out:
            assert not Thumbnails()._run("png", given.fileno(), out.fileno())
        assert target.stat().st_size <= thumbnails.BYTES_MAX


def test_it_stands_behind_all_others_before_it_looks_at_the_picture(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    script, said = tmp_path / "maker.py", tmp_path / "said"
    there = str(Path(thumbnail_maker.__file__).parent)
    script.write_text(
        f"import os, sys\nsys.path.insert(0, {there!r})\nimport thumbnail_maker\n"
        "def rehearse(kind):\n"
        f"    open({str(said)!r}, 'w').write(str(os.getpriority(os.PRIO_PROCESS, 0)))\n"
        "thumbnail_maker.rehearse = rehearse\nthumbnail_maker.main('png')\n"
    )
    monkeypatch.setattr(thumbnails, "_MAKER", script)
    made(tmp_path, "png", png())
    assert said.read_text() == str(thumbnail_maker.NICE) == "19"


def test_a_stop_does_not_wait_for_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    script = tmp_path / "maker.py"
    script.write_text(MISCHIEF["never ends"])
    monkeypatch.setattr(thumbnails, "_MAKER", script)
    maker, found = Thumbnails(), list[object]()
    making = threading.Thread(target=lambda: found.append(made(tmp_path, "png", png(), maker)[0]))
    making.start()
    wait_until(lambda: maker._process is not None, "it has begun")
    maker.end()
    making.join(5)
    assert found == [None]
    assert made(tmp_path, "png", png(), maker)[0] is None
    assert not (tmp_path / "target").exists()
