"""The servers to compare with: started, greeted, and understood."""

from __future__ import annotations

import asyncio
import shutil
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import msgspec

from bench import django, node, sockets
from bench.pairs import WORDS, Language, Pair
from bench.processes import ROOT, Process, clean_environment, running
from bench.sockets import Socket


class _Heard(msgspec.Struct):
    t: str = ""
    id: str = ""
    seq: int = 0


_decode = msgspec.json.Decoder(_Heard).decode
_decode_event = msgspec.json.Decoder(tuple[str, _Heard]).decode


class RelayLanguage:
    """`{"t": "m", "id", "text"}`, answered by an ack `a` and delivered as `d`."""

    def acked(self, payload: bytes) -> tuple[int, int] | None:
        heard = _decode(payload)
        return (int(heard.id), heard.seq) if heard.t == "a" else None

    def delivered(self, payload: bytes) -> Sequence[tuple[int, int]]:
        heard = _decode(payload)
        return ((int(heard.id), heard.seq),) if heard.t == "d" else ()


class SocketIoLanguage:
    """The same as events: `42["m", {"id", "text"}]`. Its pings (`2`) come every 25 s, later than any run lasts."""

    def acked(self, payload: bytes) -> tuple[int, int] | None:
        name, heard = self._event(payload)
        return (int(heard.id), heard.seq) if name == "a" else None

    def delivered(self, payload: bytes) -> Sequence[tuple[int, int]]:
        name, heard = self._event(payload)
        return ((int(heard.id), heard.seq),) if name == "d" else ()

    def _event(self, payload: bytes) -> tuple[str, _Heard]:
        return _decode_event(payload[2:]) if payload.startswith(b"42") else ("", _Heard())


@dataclass(frozen=True)
class Dialect:
    """How a relay is spoken to. `before`, `after`: what stands around an event's JSON; `opening`: frames before the hello,
    each with how many answers it has."""

    language: Language
    path: str
    message: str
    hello: str
    opening: Sequence[tuple[bytes, int]] = ()


_PLAIN: Final = Dialect(
    RelayLanguage(),
    "/",
    f'{{"t":"m","id":"\0","text":"\0{WORDS}"}}',
    '{{"t":"hello","role":"{role}","pair":{pair}}}',
)
_SOCKET_IO: Final = Dialect(
    SocketIoLanguage(),
    "/socket.io/?EIO=4&transport=websocket",
    f'42["m",{{"id":"\0","text":"\0{WORDS}"}}]',
    '42["hello",{{"role":"{role}","pair":{pair}}}]',
    opening=((b"", 1), (b"40", 1)),
)


def dialect(server: str) -> Dialect:
    return _SOCKET_IO if server == "socketio" else _PLAIN


@contextmanager
def started(server: str, directory: Path) -> Iterator[tuple[Process, int]]:
    """A relay by its module's name, and its port. `directory`: for what it writes. Raises node.NoNode and django.NoDjango."""
    with running(_command(server, directory), clean_environment(), directory / f"{server}.log") as process:
        yield process, int(process.wait_for(b"ready "))


def _command(server: str, directory: Path) -> list[str]:
    if server == "socketio":
        script = ROOT / "bench" / "servers" / "socketio.mjs"
        return [shutil.which("node") or "node", str(script), str(directory), str(node.ready())]
    if server == "channels":
        return [str(django.ready()), "-m", "bench.servers.django_channels", str(directory)]
    return [sys.executable, "-m", f"bench.servers.{server}", str(directory)]


async def pairs(server: str, port: int, count: int) -> list[Pair]:
    """Agents first, so that nobody's first message finds nobody."""
    spoken = dialect(server)
    parts = tuple(spoken.message.encode().split(b"\0"))
    agents = [await enter(spoken, port, "agent", i) for i in range(count)]
    customers = [await enter(spoken, port, "customer", i) for i in range(count)]
    return [
        Pair(i, customer, agent, parts)
        for i, (customer, agent) in enumerate(zip(customers, agents, strict=True))
    ]


async def enter(spoken: Dialect, port: int, role: str, pair: int, source: str = "127.0.0.1") -> Socket:
    """Connected, and greeted by the relay."""
    answers: asyncio.Queue[bytes] = asyncio.Queue()
    socket = await sockets.connect(port, spoken.path, answers.put_nowait, source=source)
    hello = spoken.hello.format(role=role, pair=pair).encode()
    for frame, expected in (*spoken.opening, (hello, 1)):
        if frame:
            socket.send(frame)
        for _ in range(expected):
            await answers.get()
    return socket
