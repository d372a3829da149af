"""Does a message cost more where there is more of something? The same load at three sizes, alternating."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import sqlite3
import time
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Final

from bench import crowd, filling, ours, plot
from bench.ledger import Faults
from bench.load import Measured, Saturation
from bench.ours import APP, RAISED, Ours
from bench.places import Place, ours_talking, workplace
from bench.processes import free_port
from bench.report import Section, Verdict, middle, ratios, spread
from bench.scenarios.saturation import PAIRS, WARM_UP_SECONDS, kept
from bench.waiting import quiet, until

SIZES: Final = {
    "open": (10, 1_000, 100_000),
    "messages": (1_000, 100_000, 1_000_000),
    "connected": (10, 1_000, 8_000),
}
WHAT: Final = {
    "open": "open chats",
    "messages": "stored messages",
    "connected": "connected customers",
}
FLAT: Final = 1.3
"""A cost is flat when it stays within 30 %: what a shared machine's speed lets one tell apart."""
SETTINGS: Final = RAISED | filling.STILL
AGENTS: Final = 100
"""Who attend the open chats that were written in bulk: as many at every size."""
PER_CHAT: Final = 50

DUE_APP: Final = "due"
DUE: Final = 1_000
DUE_SECONDS: Final = (6, 12, 24, 48, 96)
"""So long after the start the chats of this app end, all at the same moment: the shortest in which the server, which has to start
and be quiet before it, can do so on this machine."""
INACTIVITY_SECONDS: Final = 200


async def messages_of(series: str, rounds: int, seconds: float, sizes: Sequence[int] = ()) -> Section:
    """CPU per message, `series` one of SIZES."""
    sizes = sizes or SIZES[series]
    faults = Faults()
    found: list[dict[str, float]] = []
    runs: list[dict[str, Measured]] = []
    with workplace() as directory:
        past = {size: _past(directory, series, size) for size in sizes}
        for _ in range(rounds):
            one: dict[str, Measured] = {}
            for size in sizes:
                async with _grown(past[size], series, size) as place:
                    load = Saturation(place.pairs, place.language)
                    one[str(size)] = run = await load.run(place.process, seconds, WARM_UP_SECONDS)
                    faults += run.faults
            runs.append(one)
            found.append({size: run.cpu_us for size, run in one.items()})
    title = f"Growth: {WHAT[series]}, {PAIRS} pairs at saturation, {rounds} rounds of {seconds:g} s"
    made = _section(f"growth-{series}", title, "CPU µs per message", found, WHAT[series])
    made.faults = faults
    made.data["rounds"] = [{size: kept(run) for size, run in one.items()} for one in runs]
    return made


async def timers(rounds: int, sizes: Sequence[int] = SIZES["open"]) -> Section:
    """CPU per timer that comes due: chats that end for their customer's silence, beside so many that do not."""
    with workplace() as directory:
        past = {size: _due_past(directory, size) for size in sizes}
        found = [{str(size): await _due(past[size]) for size in sizes} for _ in range(rounds)]
    title = f"Growth: {DUE:,} timers due at once beside so many open chats, {rounds} rounds"
    return _section("growth-timers", title, "CPU µs per due timer", found, WHAT["open"])


def _section(name: str, title: str, what: str, found: list[dict[str, float]], axis: str) -> Section:
    smallest, *_, largest = found[0]
    compared = ratios(found, smallest)
    made = Section(name, title, (axis, what, f"ratio to {int(smallest):,}, same round"))
    for size, times in compared.items():
        made.rows.append((f"{int(size):,}", spread([one[size] for one in found], 1), spread(times, 2)))
    made.data = {"cpu_us": found, "ratios": compared}
    points = [(int(size), [one[size] for one in found]) for size in found[0]]
    made.plots = {f"{name}.svg": plot.growth(f"{what} by {axis}", axis, "µs", points)}
    last = compared[largest]
    text = f"{spread(last, 2)} × from {int(smallest):,} to {int(largest):,}"
    made.verdicts = [Verdict(f"flat by {axis} ({what}): within 30 %", text, middle(last) <= FLAT)]
    return made


# — pasts ——————————————————————————————————————————————————————————————————————


def _past(directory: Path, series: str, size: int) -> Path:
    """A data directory to be copied for each run."""
    product = _template(directory / f"{series}-{size}")
    with filling.writing(product.database) as database:
        if series == "messages":
            ids, _ = filling.add_agents(database, [APP], 1, status="away")
            chats = max(1, size // PER_CHAT)
            filling.add_chats(database, APP, chats, size // chats, agent=ids[0], closed=True)
        elif series == "open":
            filling.add_attended(database, [APP], AGENTS, size)
    return product.directory


def _due_past(directory: Path, size: int) -> Path:
    product = _template(directory / f"due-{size}")
    product.add_app(DUE_APP)
    policy = ("inactivity_seconds", INACTIVITY_SECONDS), ("inactivity_warning_seconds", 1)
    product.command(
        "app", "set", DUE_APP, *(text for name, value in policy for text in ("--policy", f"{name}={value}"))
    )
    with filling.writing(product.database) as database:
        agents = filling.add_attended(database, [APP, DUE_APP], AGENTS, size)
        for agent in agents:
            filling.add_chats(database, DUE_APP, DUE // AGENTS, 2, agent=agent, closed=False)
    return product.directory


def _template(directory: Path) -> Ours:
    directory.mkdir()
    return ours.prepared(directory, SETTINGS)


@contextlib.contextmanager
def _copy(past: Path) -> Iterator[Ours]:
    with workplace() as directory:
        shutil.copytree(past, directory, dirs_exist_ok=True)
        yield Ours(directory, free_port(), SETTINGS)


@asynccontextmanager
async def _grown(past: Path, series: str, size: int) -> AsyncIterator[Place]:
    with _copy(past) as product:
        async with ours_talking(product, PAIRS) as place:
            people = await crowd.enter(product.port, size) if series == "connected" else []
            async with ours.alive(people):
                await quiet(place.process)
                yield place
            crowd.cut(people)


Look = Callable[..., list[tuple[int]]]


@contextlib.contextmanager
def _looking(database: Path) -> Iterator[Look]:
    """Ask the database from outside, which costs the server nothing."""
    with contextlib.closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as connection:
        yield lambda sql, *values: connection.execute(sql, values).fetchall()


# — timers —————————————————————————————————————————————————————————————————————


LEFT: Final = """
SELECT count(*) FROM tickets WHERE app_id = (SELECT id FROM apps WHERE key = ?) AND state = 'open'
"""
END_AT: Final = """
UPDATE tickets SET active_at = ?1, agent_spoke_at = ?1, due_at = ?2 WHERE app_id = (SELECT id FROM apps WHERE key = ?3)
"""


async def _due(past: Path) -> float:
    """Microseconds of CPU per timer."""
    for seconds in DUE_SECONDS:
        with _copy(past) as product:
            due_at = _end_at(product.database, time.time() + seconds)
            with product.serving() as process, _looking(product.database) as look:
                await quiet(process)
                early = due_at - 0.5 - time.time()
                if early < 0:
                    continue
                await asyncio.sleep(early)
                before = process.cpu()
                await until(partial(_none_left, look))
                await quiet(process)
                return (process.cpu() - before) / DUE * 1e6
    raise RuntimeError("the timers came due before the server was quiet: raise DUE_SECONDS")


def _none_left(look: Look) -> bool:
    return look(LEFT, DUE_APP) == [(0,)]


def _end_at(database: Path, due_at: float) -> float:
    """Let the chats of the app end then."""
    spoken = round((due_at - INACTIVITY_SECONDS) * 1000)
    with contextlib.closing(sqlite3.connect(database)) as connection, connection:
        connection.execute(END_AT, (spoken, spoken + INACTIVITY_SECONDS * 1000, DUE_APP))
    return due_at
