"""The servers to compare with: started, greeted, and understood."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import msgspec

from bench import sockets
from bench.pairs import WORDS, Pair
from bench.processes import Process, clean_environment, running
from bench.sockets import Socket


class _Heard(msgspec.Struct):
    t: str
    id: str = ""
    seq: int = 0


_decode = msgspec.json.Decoder(_Heard).decode


class RelayLanguage:
    """`{"t": "m", "id", "text"}`, answered by an ack `a` and delivered as `d`."""

    def acked(self, payload: bytes) -> tuple[int, int] | None:
        heard = _decode(payload)
        return (int(heard.id), heard.seq) if heard.t == "a" else None

    def delivered(self, payload: bytes) -> Sequence[tuple[int, int]]:
        heard = _decode(payload)
        return ((int(heard.id), heard.seq),) if heard.t == "d" else ()


LANGUAGE = RelayLanguage()
_PARTS = tuple(f'{{"t":"m","id":"\0","text":"\0{WORDS}"}}'.encode().split(b"\0"))


@contextmanager
def started(module: str, directory: Path) -> Iterator[tuple[Process, int]]:
    """`python -m bench.servers.<module>`, which prints its port. `directory`: for what it writes."""
    command = [sys.executable, "-m", f"bench.servers.{module}", str(directory)]
    with running(command, clean_environment(), directory / f"{module}.log") as process:
        yield process, int(process.wait_for(b"ready "))


async def pairs(port: int, count: int) -> list[Pair]:
    """Agents first, so that nobody's first message finds nobody."""
    agents = [await enter(port, "agent", i) for i in range(count)]
    customers = [await enter(port, "customer", i) for i in range(count)]
    return [
        Pair(i, customer, agent, _PARTS)
        for i, (customer, agent) in enumerate(zip(customers, agents, strict=True))
    ]


async def enter(port: int, role: str, pair: int, source: str = "127.0.0.1") -> Socket:
    greeted = asyncio.get_running_loop().create_future()
    socket = await sockets.connect(port, "/", greeted.set_result, source=source)
    socket.send(msgspec.json.encode({"t": "hello", "role": role, "pair": pair}))
    await greeted
    return socket
