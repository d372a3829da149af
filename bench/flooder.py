"""`python -m bench.flooder TROUBLE PORT`: a process of hostile peers, for ever. It runs on the generator's core, and only
when nobody else wants that, so that what it takes is not measured as somebody's wait."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import socket
import sys
from collections.abc import Awaitable, Callable
from typing import Final

import uvloop

from bench import ours, processes, sockets
from bench.ours import Person
from bench.pairs import Refusal

HOSTILE: Final = "hostile"
"""The app they come to. Nobody attends it, so that no agent of the others hears them."""
STUCK: Final = 200
SILENT: Final = 100
FLOOD_STEP: Final = 50
FLOOD_STEP_SECONDS: Final = 0.05
"""A thousand messages a second."""
EARS: Final = 40
TALK_SECONDS: Final = 0.05
"""Between two messages of 4 KB to each customer's tabs."""
STAY_SECONDS: Final = 6.0
ROOM: Final = 4_096
"""Bytes that the kernel takes for every other stuck reader; the rest have what it gives."""
READY: Final = b"flooding"
done = 0
"""Frames that were sent, or for those who send none, connections that were opened."""


async def stuck(port: int) -> None:
    """200 tabs that read nothing, 40 of each customer, who talk in another one."""
    _ready()
    await asyncio.gather(*(_heard_by_nobody(port) for _ in range(STUCK // EARS)))


async def _heard_by_nobody(port: int) -> None:
    """The tabs come one after the other, and again and again: what a crowd at the door costs is another measurement's."""
    talker = Person()
    await talker.enter(port, "/ws/customer", {"app": HOSTILE, "locale": "es-CO"})
    token = talker.welcome["token"]
    ticket = (await talker.ask({"type": "start", "cid": ours.cid(), "subject": "Mucho texto"}, _is_ack))[
        "ticket"
    ]
    async with ours.alive([talker]):
        await asyncio.gather(_talk(talker, ticket), *(_deaf(port, token, i) for i in range(EARS)))


async def _talk(talker: Person, ticket: int) -> None:
    while True:
        say = {"type": "say", "ticket": ticket, "cid": ours.cid(), "text": "x" * 3_900}
        talker.socket.send(json.dumps(say).encode())
        await asyncio.sleep(TALK_SECONDS)


async def _deaf(port: int, token: str, number: int) -> None:
    """Comes, reads nothing, and comes again: it cannot hear that it was sent away."""
    global done
    loop = asyncio.get_running_loop()
    hello = json.dumps({"type": "hello", "v": 1, "app": HOSTILE, "token": token}).encode()
    await asyncio.sleep(number * STAY_SECONDS / EARS)
    while True:
        with socket.socket() as ear:
            ear.setblocking(False)
            if number % 2:
                ear.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, ROOM)
            with contextlib.suppress(OSError):
                await loop.sock_connect(ear, ("127.0.0.1", port))
                await loop.sock_sendall(ear, sockets.handshake(port, "/ws/customer"))
                if b" 101 " in await loop.sock_recv(ear, 256):
                    await loop.sock_sendall(ear, sockets.frame(hello))
                    done += 1
                    await asyncio.sleep(STAY_SECONDS)


async def flood(port: int) -> None:
    """One customer says a thousand things a second, and comes back whenever the door was shut."""
    _ready()
    token, ticket = "", 0

    async def visit() -> None:
        nonlocal token, ticket
        global done
        one = Person()
        await one.enter(port, "/ws/customer", {"app": HOSTILE, "locale": "es-CO", "token": token})
        token = one.welcome["token"]
        if not ticket:
            start = {"type": "start", "cid": ours.cid(), "subject": "Una pregunta"}
            ticket = (await one.ask(start, _is_ack))["ticket"]
        gone = _gone(one)
        while not gone.is_set():
            done += FLOOD_STEP
            for _ in range(FLOOD_STEP):
                say = {"type": "say", "ticket": ticket, "cid": ours.cid(), "text": "¡más!"}
                one.socket.send(json.dumps(say).encode())
            await asyncio.sleep(FLOOD_STEP_SECONDS)

    await _again_and_again(visit)


async def large(port: int) -> None:
    """The largest frames that are taken, as fast as they are."""
    _ready()
    say = json.dumps({"type": "say", "ticket": 1, "cid": ours.cid(), "text": "x"})
    whole = sockets.long_frame((say + " " * (65_536 - len(say))).encode())

    async def visit() -> None:
        global done
        one = Person()
        await one.enter(port, "/ws/customer", {"app": HOSTILE, "locale": "es-CO"})
        gone = _gone(one)
        while not gone.is_set():
            done += 1
            await one.socket.drained(whole)

    await _again_and_again(visit)


async def too_large(port: int) -> None:
    """Frames of a byte more than is taken; each ends the connection."""
    _ready()
    whole = sockets.long_frame(b"x" * 65_537)

    async def visit() -> None:
        global done
        done += 1
        one = Person()
        await one.enter(port, "/ws/customer", {"app": HOSTILE, "locale": "es-CO"})
        gone = _gone(one)
        await one.socket.drained(whole)
        await gone.wait()

    await _again_and_again(visit)


async def silent(port: int) -> None:
    """A hundred that never say hello, and come again when they were sent away."""
    _ready()

    async def visit() -> None:
        global done
        done += 1
        gone = asyncio.Event()
        await sockets.connect(port, "/ws/customer", lambda _: None, lost=lambda _: gone.set())
        await gone.wait()

    await asyncio.gather(*(_again_and_again(visit) for _ in range(SILENT)))


TROUBLES: Final[dict[str, Callable[[int], Awaitable[None]]]] = {
    "stuck": stuck,
    "flood": flood,
    "large": large,
    "too large": too_large,
    "silent": silent,
}


async def _again_and_again(visit: Callable[[], Awaitable[None]]) -> None:
    while True:
        try:
            await visit()
        except (Refusal, sockets.Refused, OSError):
            await asyncio.sleep(0.2)


def _gone(one: Person) -> asyncio.Event:
    event = asyncio.Event()
    one.socket.lost = lambda _: event.set()
    one.socket.heard = lambda _: None
    return event


def _is_ack(frame: dict[str, object]) -> bool:
    return frame["type"] == "ack"


def _ready() -> None:
    print(READY.decode(), flush=True)


async def _until_ended(trouble: str, port: int) -> None:
    """Prints what was done when it is told to end."""
    flooding = asyncio.ensure_future(TROUBLES[trouble](port))
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, flooding.cancel)
    with contextlib.suppress(asyncio.CancelledError):
        await flooding
    print(done, flush=True)


if __name__ == "__main__":
    processes.pin_generator()
    os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))
    uvloop.run(_until_ended(sys.argv[1], int(sys.argv[2])))
