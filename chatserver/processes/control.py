"""Orders of administrators to the server that runs: a Unix socket beside the SQLite file, for the server's own user alone.

One order for a connection: a line of JSON there, a line back. With PostgreSQL there is no need of it: commands write by
themselves, and the nodes notice.
"""

from __future__ import annotations

import asyncio
import logging
import os
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Final

import msgspec

from chatserver.core.people import App
from chatserver.services.administration import Order, sentence

log = logging.getLogger(__name__)

LINE_BYTES: Final = 1_048_576
"""Of an order: an app with years of special dates has some 100 kB."""
ORDER_SECONDS: Final = 5.0
"""For an order to arrive."""
ANSWER_SECONDS: Final = 60.0
"""For it to be carried out, as seen by the command."""

Carry = Callable[[Order], Awaitable[App | None]]


class Answer(msgspec.Struct, frozen=True):
    """`problem`: why nothing was done, a sentence; empty when it was."""

    app: App | None = None
    problem: str = ""


class NobodyThere(Exception):
    """No server listens."""


class NotDone(Exception):
    """The server did not carry it out; the message is a sentence."""


def path_beside(database: Path) -> Path:
    return database.with_name(database.name + ".control")


# — the server's side ——————————————————————————————————————————————————————————


@asynccontextmanager
async def listening(path: Path, carry_out: Carry) -> AsyncIterator[None]:
    """Meant for who holds the database's lock: a socket that is there already is one that a killed server left."""
    turn = asyncio.Lock()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            async with asyncio.timeout(ORDER_SECONDS):
                line = await reader.readline()
            async with turn:
                answer = await _answer(line, carry_out)
            writer.write(msgspec.json.encode(answer) + b"\n")
            await writer.drain()
        except (OSError, TimeoutError, ValueError):
            log.info("an order did not arrive whole, or nobody waited for its answer")
        finally:
            writer.close()

    server = await asyncio.start_unix_server(serve, sock=_bound(path), limit=LINE_BYTES)
    try:
        yield
    finally:
        server.close()
        _removed(path)


async def _answer(line: bytes, carry_out: Carry) -> Answer:
    try:
        order = msgspec.json.decode(line, type=Order)
    except msgspec.DecodeError:
        return Answer(problem="The server that runs is of another release: restart it first.")
    try:
        done = await carry_out(order)
    except Exception as problem:
        words = sentence(problem)
        if words is None:
            log.exception("an order failed: %s", type(order).__name__)
        return Answer(problem=words or "The server could not carry it out; its log says why.")
    log.info("an order was carried out: %s", type(order).__name__)
    return Answer(done)


def _removed(path: Path) -> None:
    path.unlink(missing_ok=True)


def _bound(path: Path) -> socket.socket:
    _removed(path)
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_CLOEXEC | socket.SOCK_NONBLOCK)
    mask = os.umask(0o177)  # not even for a moment anybody else's
    try:
        with _short(path) as name:
            listener.bind(name)
    except BaseException:
        listener.close()
        raise
    finally:
        os.umask(mask)
    return listener


# — a command's side ———————————————————————————————————————————————————————————


def hand_over(path: Path, order: Order) -> App | None:
    """Let the server that runs carry it out. Raises NobodyThere, NotDone."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_CLOEXEC) as line:
        line.settimeout(ANSWER_SECONDS)
        try:
            with _short(path) as name:
                line.connect(name)
        except OSError as problem:
            raise NobodyThere from problem
        try:
            line.sendall(msgspec.json.encode(order) + b"\n")
            with line.makefile("rb") as answers:
                answer = msgspec.json.decode(answers.readline(), type=Answer)
        except (OSError, msgspec.DecodeError):
            raise NotDone(
                "The server gave no answer: look whether it was done, then try again if it was not."
            ) from None
    if answer.problem:
        raise NotDone(answer.problem)
    return answer.app


@contextmanager
def _short(path: Path) -> Iterator[str]:
    """The kernel takes names of up to 107 bytes; through its directory's descriptor every one is short."""
    directory = os.open(path.parent, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield f"/proc/self/fd/{directory}/{path.name}"
    finally:
        os.close(directory)
