"""A virus scanner that somebody else runs: ClamAV's clamd, by its INSTREAM command, so that it need not see our disk.

Not one of the packages for it: the one that everybody names is from 2014, and what there is to say fits on this page.
"""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any, Final, Literal

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


class TooLarge(NotScanned):
    """For the scanner, whenever it is shown."""


class Scanner:
    """`counted` hears of each file what became of it. Where the scanner is `away` files are refused for now, or pass: `Clamd`."""

    def __init__(self, where: Clamd, threads: Threads, counted: Callable[[Outcome], None]) -> None:
        self._where = where
        self._threads = threads
        self._counted = counted
        self._turns = asyncio.Semaphore(SCANS_MAX)
        self.away = False

    async def require_clean(self, file: Path) -> None:
        """Raises Refused: file_infected, file_unscanned (it is too large for the scanner), files_unavailable (nobody can tell
        just now). OSError where the file cannot be read."""
        try:
            found = await self.found_in(file)
        except TooLarge as problem:
            self._counted("failed")
            log.warning("a file is larger than what clamd takes (StreamMaxLength in its clamd.conf)")
            if self._where.passes:
                return
            raise Refused("file_unscanned") from problem
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
        """The name of what was found; "": nothing. Raises TooLarge, NotScanned, OSError where the file cannot be read."""
        async with self._turns:
            try:
                async with asyncio.timeout(SECONDS):
                    return _verdict(await self._asked(file))
            except TimeoutError as problem:
                raise NotScanned("it does not answer in time") from problem

    async def _asked(self, file: Path) -> bytes:
        """What clamd says; it hangs up when it has said it."""
        with await self._connected() as line:
            await self._sent(line, file)
            return await _answer(line)

    async def _connected(self) -> socket.socket:
        """No stream of asyncio's: who has heard enough answers and hangs up in the middle of a file, and a stream that cannot be
        written to any more is closed with the answer unread."""
        try:
            return await _line(self._where)
        except OSError as problem:
            raise NotScanned(f"nobody answers at {self._where.shown}") from problem

    async def _sent(self, line: socket.socket, path: Path) -> None:
        file = await self._threads.run(_opened, path)
        try:
            listens = await _said(line, b"zINSTREAM\0")
            while listens and (piece := await self._threads.run(file.read, PIECE)):
                listens = await _said(line, len(piece).to_bytes(4, "big") + piece)
            if listens:
                await _said(line, bytes(4))
        finally:
            await self._threads.run(file.close)


async def _line(where: Clamd) -> socket.socket:
    """Raises OSError."""
    if where.path is not None:
        return await _connected(socket.AF_UNIX, str(where.path))
    known = await asyncio.get_running_loop().getaddrinfo(where.host, where.port, type=socket.SOCK_STREAM)
    problem = OSError("no address")
    for family, _, _, _, address in known:
        try:
            return await _connected(family, address)
        except OSError as met:
            problem = met
    raise problem


async def _connected(family: int, address: str | tuple[Any, ...]) -> socket.socket:
    line = socket.socket(family, socket.SOCK_STREAM)
    try:
        line.setblocking(False)
        await asyncio.get_running_loop().sock_connect(line, address)
    except BaseException:
        line.close()
        raise
    return line


def _opened(path: Path) -> IO[bytes]:
    return path.open("rb")


async def _said(line: socket.socket, words: bytes) -> bool:
    """Whether it still listens. If not, it has heard enough, and its answer says why."""
    try:
        await asyncio.get_running_loop().sock_sendall(line, words)
    except OSError:
        return False
    return True


async def _answer(line: socket.socket) -> bytes:
    said = bytearray()
    try:
        while not said.endswith(b"\0") and len(said) < ANSWER_BYTES:
            piece = await asyncio.get_running_loop().sock_recv(line, ANSWER_BYTES)
            if not piece:
                break
            said += piece
    except OSError as problem:
        raise NotScanned("it hangs up without a word") from problem
    if not said.endswith(b"\0"):
        raise NotScanned("it hangs up without a word")
    return bytes(said)


def _verdict(answer: bytes) -> str:
    said = answer.rstrip(b"\0\n").decode("utf-8", "replace")
    if said == "stream: OK":
        return ""
    if said.startswith("stream: ") and said.endswith(" FOUND"):
        return said.removeprefix("stream: ").removesuffix(" FOUND")
    if "size limit exceeded" in said:
        raise TooLarge("a file is larger than its StreamMaxLength")
    raise NotScanned("it says that it cannot scan")
