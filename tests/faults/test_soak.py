"""Hours in minutes: people come, chat and go, and the process holds no more than before.

The short form looks at what is counted after everybody has gone. The full form (FULL=1, SOAK_MINUTES, SOAK_STAY) also watches
the memory while 500 come and go, from the moment on at which the bounded books are full.
"""

from __future__ import annotations

import asyncio
import os
import random
import time
from pathlib import Path

import pytest

from chatserver.store.sqlite.known import TICKETS_MAX
from tests.faults.crowd import AT_EASE
from tests.harness.crowd import Patient
from tests.harness.peers import Diary, StartRefused
from tests.harness.sizes import FULL
from tests.harness.waiting import soon
from tests.harness.watched import Counts, Watched

pytestmark = [pytest.mark.fault, pytest.mark.alone]

MINUTES = float(os.environ.get("SOAK_MINUTES", "6")) if FULL else 0.1
VISITORS = 500 if FULL else 40
STAY = (5.0, 40.0) if FULL else (0.1, 1.0)
if "SOAK_STAY" in os.environ:
    STAY = (0.1 * float(os.environ["SOAK_STAY"]), float(os.environ["SOAK_STAY"]))
"""Seconds that somebody is connected. A shorter stay makes more visits in as many minutes."""
BOOKS = 45_000 if FULL else 0
"""Tickets before the watch begins: more than are known by heart, in a file larger than the pages that are kept of it."""
FILLERS = 20
LOOK_SECONDS = 10.0
SLOPE_KIB = 1024
"""Per ten minutes."""
SETTINGS = AT_EASE | {"inactivity_seconds": 20}
LEFT_OVER = ("lines", "customers", "doubtful", "hub tasks", "CustomerTalk", "SocketProtocol", "attention")
"""Of what nothing may be there once everybody has gone."""
GROWN_LITTLE = ("fds", "Task", "TimerHandle", "_Subscription", "threads")
"""Of what there may be a few more by then: connections to the database and their threads are made when they are needed first."""


def test_people_come_and_go_and_nothing_of_them_stays(tmp_path: Path) -> None:
    server = Watched(tmp_path, **SETTINGS)
    try:
        server.start()
        asyncio.run(story(server))
    finally:
        if server.process is not None:
            server.kill()


async def story(server: Watched) -> None:
    before = await empty(server)
    if BOOKS:
        await fill_the_books(server, BOOKS)
    dice = random.Random(22)
    end = time.monotonic() + MINUTES * 60
    looks: list[tuple[float, Counts]] = []
    visits = [asyncio.create_task(visitor(server.port, dice, end)) for _ in range(VISITORS)]
    while time.monotonic() < end:
        await asyncio.wait(visits, timeout=min(LOOK_SECONDS, MINUTES * 60))
        looks.append((time.monotonic(), await asyncio.to_thread(server.counts)))
    visited = sum(await asyncio.gather(*visits))
    after = await empty(server, {what: before[what] + 12 for what in GROWN_LITTLE})
    assert visited > VISITORS, "nobody came twice"
    print(f"{visited} visits; before {before}; after {after}")
    if FULL:
        judge(looks)


def judge(looks: list[tuple[float, Counts]]) -> None:
    """The second half of the looks: memory does not grow with the time."""
    half = looks[len(looks) // 2 :]
    slopes = {what: slope([(at, counts.get(what, 0)) for at, counts in half]) for what in half[0][1]}
    print({what: f"{per_second * 600:+.0f} per 10 min" for what, per_second in sorted(slopes.items())})
    print("rss MiB:", [round(counts["rss"] / 1024, 1) for _, counts in looks])
    assert slopes["rss"] * 600 < SLOPE_KIB * max(1, 20 / MINUTES), (
        "memory grows; a short run is judged less strictly"
    )


def slope(points: list[tuple[float, int]]) -> float:
    """Least squares, per second."""
    middle = sum(at for at, _ in points) / len(points)
    above = sum((at - middle) * value for at, value in points)
    return above / (sum((at - middle) ** 2 for at, _ in points) or 1)


async def empty(server: Watched, most: Counts | None = None) -> Counts:
    """What the server holds with nobody there, once it has written down that they are gone, and holds `most` of these at most."""
    found: Counts = {}

    def nobody() -> bool:
        found.update(server.counts())
        return not any(found.get(what) for what in LEFT_OVER) and all(
            found[what] <= limit for what, limit in (most or {}).items()
        )

    deadline = time.monotonic() + 60
    while not await asyncio.to_thread(nobody):
        assert time.monotonic() < deadline, f"somebody stays: {found}\n{_who_keeps(server, found)}"
        await asyncio.sleep(0.2)
    return found


def _who_keeps(server: Watched, found: Counts) -> str:
    return "\n".join(f"{what}:\n{server.keepers(what)}" for what in LEFT_OVER[-3:-1] if found[what])


async def visitor(port: int, dice: random.Random, end: float) -> int:
    """One person after the other, until `end`; gives how many connections that were."""
    visits = 0
    person = Patient(f"v{dice.random()}", port, Diary(), dice)
    while time.monotonic() < end:
        visits += 1
        running = asyncio.create_task(person.run())
        try:
            await soon(lambda: person.online or running.done(), "somebody comes in", 60)  # noqa: B023
            if dice.random() < 0.5:
                await chat(person, dice)
            stay = min(dice.uniform(*STAY), max(0.0, end - time.monotonic()))
            await asyncio.wait([running], timeout=stay)
        finally:
            running.cancel()
            await asyncio.wait([running])
        if dice.random() < 0.7:
            person = Patient(f"v{dice.random()}", port, Diary(), dice)
    return visits


async def chat(person: Patient, dice: random.Random, ends: float = 0.7) -> None:
    """A chat of a few words; so many are ended, the others end by themselves."""
    try:
        ticket = await person.starts_chat("Un rato")
    except StartRefused:
        return  # has as many open as one may have: nobody ended them
    for _ in range(dice.randrange(1, 6)):
        person.say(ticket)
    await person.flush()
    await soon(person.settled, "everything was heard", 60)
    if dice.random() < ends:
        await person._send({"type": "end", "ticket": ticket})


async def fill_the_books(server: Watched, tickets: int) -> None:
    """Of those that are still known at the end each has a customer of its own, as the visitors' have: they take more memory."""
    diary, dice = Diary(), random.Random(1)
    each = tickets // FILLERS
    own = TICKETS_MAX // FILLERS

    async def fill(number: int) -> None:
        for name, chats in [("", each - own), *((f"-{one}", 1) for one in range(own))]:
            person = Patient(f"libro{number}{name}", server.port, diary, dice)
            running = asyncio.create_task(person.run())
            await soon(lambda: person.online, "somebody comes in", 60)  # noqa: B023
            for _ in range(chats):
                await chat(person, dice, ends=1)
            running.cancel()
            await asyncio.wait([running])

    await asyncio.gather(*(fill(number) for number in range(FILLERS)))
