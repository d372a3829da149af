"""A real clamd looks at whatever is sent before it is kept, and what happens while it does not."""

from __future__ import annotations

import asyncio
import io
import zipfile
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import uvloop

from chatserver.core.errors import Refused
from chatserver.core.files import File
from chatserver.files import scanning
from chatserver.files.scanning import NotScanned, Scanner, TooLarge
from chatserver.files.threads import Threads
from chatserver.settings import addresses
from tests.files.making import EICAR, png
from tests.harness.clamd import NAME, Clamd, clamd
from tests.harness.server import free_port
from tests.services.scene import database_scene, refused
from tests.services.test_files import Desk


@pytest.fixture(scope="module")
def daemon() -> Iterator[Clamd]:
    with clamd() as made:
        yield made


class Scanned(Desk):
    """A desk whose files are scanned."""

    def scanned_at(self, where: str, *, passes: bool = False) -> None:
        self.outcomes: Counter[str] = Counter()

        def counted(outcome: str) -> None:
            self.outcomes[outcome] += 1

        at = addresses.clamd(where)._replace(passes=passes)
        self.scanner = Scanner(at, self.threads, counted)
        self.files._scanner = self.scanner


@pytest.fixture
async def desk(tmp_path: Path, daemon: Clamd) -> AsyncIterator[Scanned]:
    async with database_scene(tmp_path / "chat.db") as scene:
        await scene.app()
        made = Scanned(scene, tmp_path / "files")
        made.scanned_at(f"unix:{daemon.socket}")
        async with made.files:
            yield made
        made.threads.end()


def zipped(content: str) -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        archive.writestr("factura.txt", content)
    return made.getvalue()


@pytest.mark.parametrize("by", ["socket", "port"])
async def test_what_the_scanner_knows_is_refused_and_nothing_of_it_is_kept(
    desk: Scanned, daemon: Clamd, by: str, caplog: pytest.LogCaptureFixture
) -> None:
    if by == "port":
        desk.scanned_at(f"127.0.0.1:{daemon.port}")
    for content, name in ((EICAR, "a.txt"), (zipped(EICAR), "a.zip")):
        with refused("file_infected"):
            await desk.take(content, name)
    assert desk.bytes_kept() == []
    assert (await desk.take(png(), "a.png")).kind == "png"
    assert desk.outcomes == {"infected": 2, "clean": 1}
    assert "a.txt" not in caplog.text


async def test_the_name_of_what_was_found_is_for_the_log_alone(
    desk: Scanned, caplog: pytest.LogCaptureFixture
) -> None:
    with pytest.raises(Refused, match="file_infected"):
        await desk.take(EICAR, "a.txt")
    (record,) = [one for one in caplog.records if one.message == "a file was refused"]
    assert NAME in record.__dict__["signature"]


async def test_a_large_file_is_scanned_in_pieces(desk: Scanned) -> None:
    assert (await desk.take("hola " * 2_000_000, "largo.txt")).bytes == 10_000_000


async def test_many_at_once_wait_for_their_turn_and_each_has_its_verdict(
    desk: Scanned, monkeypatch: pytest.MonkeyPatch
) -> None:
    at_once, most = 0, 0
    asked = Scanner._asked

    async def counted(self: Scanner, file: Path) -> bytes:
        nonlocal at_once, most
        at_once += 1
        most = max(most, at_once)
        try:
            return await asked(self, file)
        finally:
            at_once -= 1

    monkeypatch.setattr(Scanner, "_asked", counted)
    given = [(EICAR, "a.txt") if n % 2 else (png(), "a.png") for n in range(10)]
    found = await asyncio.gather(*(desk.take(*one) for one in given), return_exceptions=True)
    assert [one.kind if isinstance(one, File) else str(one) for one in found] == ["png", "file_infected"] * 5
    assert most == scanning.SCANS_MAX


@pytest.mark.parametrize("passes", [False, True])
async def test_while_the_scanner_is_away_files_wait_or_pass_as_the_setting_says(
    desk: Scanned, daemon: Clamd, caplog: pytest.LogCaptureFixture, passes: bool
) -> None:
    desk.scanned_at(f"127.0.0.1:{free_port()}", passes=passes)
    for _ in range(2):
        if passes:
            await desk.take(EICAR, "a.txt")
        else:
            with refused("files_unavailable"):
                await desk.take(png(), "a.png")
    assert len(desk.bytes_kept()) == (2 if passes else 0)
    assert desk.scanner.away
    assert caplog.text.count("not scanned for viruses") == 1, "said once"
    desk.scanner._where = addresses.clamd(f"unix:{daemon.socket}")
    await desk.take(png(), "a.png")
    assert not desk.scanner.away


@pytest.fixture(scope="module")
def small() -> Iterator[Clamd]:
    """Takes less than we do."""
    with clamd(most="1M") as made:
        yield made


LARGE = "hola " * 1_000_000


@pytest.mark.parametrize("passes", [False, True])
async def test_what_the_scanner_finds_too_large_is_refused_for_good_and_nothing_else_is(
    desk: Scanned, small: Clamd, caplog: pytest.LogCaptureFixture, passes: bool
) -> None:
    desk.scanned_at(f"unix:{small.socket}", passes=passes)
    if passes:
        await desk.take(LARGE, "largo.txt")
    else:
        with refused("file_unscanned") as told:
            await desk.take(LARGE, "largo.txt")
        assert told.refusal is not None
        assert told.refusal.retry_after is None
        assert desk.bytes_kept() == []
    assert (await desk.take(png(), "a.png")).kind == "png"
    assert not desk.scanner.away, "others are scanned meanwhile"
    assert desk.outcomes == {"failed": 1, "clean": 1}
    assert "StreamMaxLength" in caplog.text
    assert "not scanned for viruses" not in caplog.text


@pytest.mark.parametrize("loop", ["asyncio", "uvloop"])
@pytest.mark.parametrize("by", ["socket", "port"])
def test_that_a_file_is_too_large_is_heard_although_the_scanner_hangs_up_while_it_comes(
    tmp_path: Path, small: Clamd, by: str, loop: str
) -> None:
    """Many at once: what it said and that it is gone come in either order."""
    where = f"unix:{small.socket}" if by == "socket" else f"127.0.0.1:{small.port}"
    (tmp_path / "a").write_text(LARGE)
    threads = Threads()
    scanner = Scanner(addresses.clamd(where), threads, lambda outcome: None)

    async def shown() -> list[str | BaseException]:
        asked = (scanner.found_in(tmp_path / "a") for _ in range(60))
        return await asyncio.gather(*asked, return_exceptions=True)

    with asyncio.Runner(loop_factory=uvloop.new_event_loop if loop == "uvloop" else None) as runner:
        found = runner.run(shown())
    threads.end()
    assert {type(one) for one in found} == {TooLarge}


async def test_a_scanner_that_hangs_is_waited_for_so_long_and_no_longer(
    desk: Scanned, daemon: Clamd, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scanning, "SECONDS", 0.3)
    daemon.hang()
    try:
        with refused("files_unavailable"):
            await desk.take(png(), "a.png")
    finally:
        daemon.go_on()
    assert desk.bytes_kept() == []


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"stream: OK",  # without its end: it may have been going to say more
        b"stream: OKAY\0",
        b"UNKNOWN COMMAND\0",
        b"stream: Can't allocate memory ERROR\0",
        b" FOUND\0",
        b"OK\0",
        b"\xff" * 10_000,
    ],
)
async def test_whatever_else_it_says_nothing_is_taken_for_clean(tmp_path: Path, answer: bytes) -> None:
    async def says(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readexactly(10)
        writer.write(answer)
        writer.close()

    (tmp_path / "a").write_bytes(b"hola")
    server = await asyncio.start_unix_server(says, tmp_path / "socket")
    async with server:
        scanner = Scanner(addresses.clamd(f"unix:{tmp_path / 'socket'}"), Threads(), lambda outcome: None)
        with pytest.raises(NotScanned):
            await scanner.found_in(tmp_path / "a")
