"""The directory of files: nothing half is found, nothing that has a row is lost, whatever dies when."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import pytest

from chatserver.files.keeping import MARKER, Elsewhere, Keeping, Part

HOUR = 3_600


@pytest.fixture
def keeping(tmp_path: Path) -> Keeping:
    made = Keeping(tmp_path / "files")
    made.open("uno")
    return made


def content(keeping: Keeping, key: str) -> bytes:
    with keeping.read(key) as file:
        return file.read()


def everything(keeping: Keeping) -> set[str]:
    return {path.name for path in keeping.directory.rglob("*") if path.is_file()} - {MARKER}


def begun(keeping: Keeping, *pieces: bytes) -> Part:
    part = Part(keeping)
    part.open()
    for piece in pieces or (b"hola",):
        part.write(piece)
    return part


def arrived(keeping: Keeping) -> Part:
    part = begun(keeping)
    part.sync()
    part.stays()
    part.close()
    keeping.settle(part.key)
    return part


def grown_old(keeping: Keeping) -> None:
    for path in keeping.halfway.iterdir():
        os.utime(path, (0, 0))


def test_a_file_that_was_kept_is_there_under_a_key_that_says_nothing(keeping: Keeping) -> None:
    part = begun(keeping, b"ho", b"la")
    part.sync()
    part.stays()
    part.close()
    keeping.settle(part.key)
    assert content(keeping, part.key) == b"hola"
    assert (part.size, part.sha256) == (4, hashlib.sha256(b"hola").hexdigest())
    assert len(part.key) == 64
    assert everything(keeping) == {part.key}
    assert keeping.path(part.key).stat().st_mode & 0o777 == 0o600
    assert keeping.directory.stat().st_mode & 0o777 == 0o700


def test_what_was_not_kept_leaves_nothing(keeping: Keeping) -> None:
    part = begun(keeping)
    assert everything(keeping) == {part.key}
    for _ in range(2):
        part.close()
        assert everything(keeping) == set()
    part = begun(keeping)
    part.stays()
    part.goes()
    part.close()
    assert everything(keeping) == set()
    with pytest.raises(ValueError, match="not open"):
        part.write(b"x")


def test_a_row_whose_process_died_has_its_bytes_all_the_same(keeping: Keeping) -> None:
    """The row was committed, the file not settled yet."""
    part = begun(keeping)
    part.sync()
    part.stays()
    part.close()
    assert content(keeping, part.key) == b"hola"
    assert list(keeping.left_behind(HOUR)) == []
    grown_old(keeping)
    assert list(keeping.left_behind(HOUR)) == [part.key]
    for _ in range(2):
        keeping.settle(part.key)
        assert content(keeping, part.key) == b"hola"
    assert list(keeping.left_behind(HOUR)) == []


def test_a_file_whose_row_is_about_to_go_is_there_until_it_is_dropped(keeping: Keeping) -> None:
    key = arrived(keeping).key
    os.utime(keeping.path(key), (0, 0))
    keeping.unsettle(key)
    assert content(keeping, key) == b"hola"
    assert list(keeping.left_behind(HOUR)) == [], "somebody is at work on it"
    for _ in range(2):
        keeping.drop(key)
    assert everything(keeping) == set()
    with pytest.raises(FileNotFoundError):
        keeping.read(key)
    with pytest.raises(FileNotFoundError):
        keeping.settle(key)


@pytest.mark.parametrize("key", ["", "../../etc/passwd", "t", "a" * 63, "a" * 65, "A" * 64, "a" * 64 + "\n"])
def test_nothing_but_a_key_is_a_path(keeping: Keeping, key: str) -> None:
    with pytest.raises(ValueError, match="no key"):
        keeping.read(key)


def test_a_directory_belongs_to_one_database(keeping: Keeping) -> None:
    keeping.open("uno")
    with pytest.raises(Elsewhere, match="another database"):
        Keeping(keeping.directory).open("dos")
    keeping.open("uno")
    (keeping.directory / MARKER).unlink()
    Keeping(keeping.directory).open("dos")
    with pytest.raises(Elsewhere):
        keeping.open("uno")
    assert [path.name for path in keeping.directory.iterdir() if path.is_file()] == [MARKER]
