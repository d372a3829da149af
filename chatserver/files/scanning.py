"""A virus scanner that somebody else runs: ClamAV's clamd, by its INSTREAM command, so that it need not see our disk.

Not one of the packages for it: the one that everybody names is from 2014, and what there is to say fits on this page.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import IO, Final, Literal

from chatserver.core.errors import Refused
from chatserver.files.threads import Threads
from chatserver.settings.addresses import Clamd

log = logging.getLogger(__name__)

PIECE: Final = 262_144
"""Bytes of a file on their way; clamd takes what is smaller than its own limit."""
SCANS_MAX: Final = 4
"""At once; clamd has ten threads by default, and others may ask it too."""
SECONDS: Final = 60.0
"""For one file, from when its turn comes."""
ANSWER_BYTES: Final = 4_096
AGAIN_SECONDS: Final = 30

Outcome = Literal["clean", "infected", "failed"]


class NotScanned(Exception):
    """The scanner is away, or does not say what it found."""


class Scanner:
    """`counted` hears of each file what became of it. Where the scanner is `away` files are refused for now, or pass: `Clamd`."""

    def __init__(self, where: Clamd, threads: Threads, counted: Callable[[Outcome], None]) -> None:
        self._where = where
        self._threads = threads
        self._counted = counted
        self._turns = asyncio.Semaphore(SCANS_MAX)
        self.away = False

    async def require_clean(self, file: Path) -> None:
        """Raises Refused: file_infected, files_unavailable (nobody can tell just now). OSError where the file cannot be read."""
        try:
            found = await self.found_in(file)
        except NotScanned as problem:
            self._counted("failed")
            if not self.away:
                log.error("files are not scanned for viruses, and %s: %s", self._then, problem)
            self.away = True
            if self._where.passes:
                return
            raise Refused("files_unavailable", retry_after=AGAIN_SECONDS) from problem
        if self.away:
            log.info("files are scanned for viruses again")
        self.away = False
        self._counted("infected" if found else "clean")
        if found:
            log.warning("a file was refused", extra={"signature": found})
            raise Refused("file_infected")

    @property
    def _then(self) -> str:
        return "pass as they are" if self._where.passes else "are refused meanwhile"

    async def found_in(self, file: Path) -> str:
        """The name of what was found; "": nothing. Raises NotScanned, OSError where the file cannot be read."""
        async with self._turns:
            try:
                async with asyncio.timeout(SECONDS):
                    return _verdict(await self._asked(file))
            except TimeoutError as problem:
                raise NotScanned("it does not answer in time") from problem

    async def _asked(self, file: Path) -> bytes:
        """What clamd says; it hangs up when it has said it."""
        reader, writer = await self._connected()
        # Listened for from the beginning: who has heard enough says so and hangs up, and what was said is gone with the line.
        answer = asyncio.create_task(_answer(reader))
        try:
            await self._sent(writer, file)
            return await answer
        finally:
            answer.cancel()
            await asyncio.gather(answer, return_exceptions=True)
            writer.close()
            with suppress(OSError):
                await writer.wait_closed()

    async def _connected(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        where = self._where
        try:
            if where.path is not None:
                return await asyncio.open_unix_connection(where.path, limit=ANSWER_BYTES)
            return await asyncio.open_connection(where.host, where.port, limit=ANSWER_BYTES)
        except OSError as problem:
            raise NotScanned(f"nobody answers at {where.shown}") from problem

    async def _sent(self, writer: asyncio.StreamWriter, path: Path) -> None:
        file = await self._threads.run(_opened, path)
        try:
            with suppress(ConnectionError):  # it has heard enough: its answer says why
                writer.write(b"zINSTREAM\0")
                while piece := await self._threads.run(file.read, PIECE):
                    writer.write(len(piece).to_bytes(4, "big") + piece)
                    await writer.drain()
                writer.write(bytes(4))
                await writer.drain()
        finally:
            await self._threads.run(file.close)


def _opened(path: Path) -> IO[bytes]:
    return path.open("rb")


async def _answer(reader: asyncio.StreamReader) -> bytes:
    try:
        return await reader.readuntil(b"\0")
    except (asyncio.IncompleteReadError, asyncio.LimitOverrunError, OSError) as problem:
        raise NotScanned("it hangs up without a word") from problem


def _verdict(answer: bytes) -> str:
    said = answer.rstrip(b"\0\n").decode("utf-8", "replace")
    if said == "stream: OK":
        return ""
    if said.startswith("stream: ") and said.endswith(" FOUND"):
        return said.removeprefix("stream: ").removesuffix(" FOUND")
    if "size limit exceeded" in said:
        raise NotScanned("a file is larger than its StreamMaxLength")
    raise NotScanned("it says that it cannot scan")
