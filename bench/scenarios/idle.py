"""Customers who are connected, authenticated and say nothing: what each keeps in memory, and what their heartbeats cost."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

from bench import cluster, crowd, ours, relays
from bench.ours import Ours
from bench.places import workplace
from bench.processes import Process, own_cpu
from bench.report import Section, Verdict
from bench.sockets import Socket

IDLE_SECONDS = 20.0
FIRST = 50
"""Connections before the first reading: what the first one alone makes the server load is not counted to any."""
STILL_SECONDS = 2.0
STILL_BYTES = 256 * 1024
SETTLE_SECONDS = 60.0
KIB = 1024


async def measured(counts: Sequence[int], node: Path | None = None) -> Section:
    """`node`: measure one with PostgreSQL, whose data is in this directory, and Redis, instead of a process with SQLite."""
    made = Section(
        "idle" if node is None else "idle-node",
        f"Idle: connected and authenticated, {IDLE_SECONDS:g} s with heartbeats",
        ("server", "connections", "KiB each", "CPU µs per connect", "CPU % while idle", "RSS MiB", "gen %"),
    )
    for count in counts:
        await _base(made, count)
        with workplace() as directory, ExitStack() as stack:
            if node is None:
                await _ours(made, "ours", count, ours.prepared(directory))
            else:
                settings = stack.enter_context(cluster.beside(directory, node))
                await _ours(made, "node", count, ours.prepared(directory, settings))
    return made


async def _ours(made: Section, name: str, count: int, product: Ours) -> None:
    with product.serving() as process:
        first = await crowd.enter(product.port, FIRST)
        async with ours.alive(first):
            before, spent = await settled(process), process.cpu()
            people = await crowd.enter(product.port, count)
            async with ours.alive(people):
                after, entered = await settled(process), process.cpu()
                idle, own = await _idle(process)
        crowd.cut([*first, *people])
    _row(made, name, count, before, after, (entered - spent) / count, idle, own)
    each = (after - before) / count / KIB
    if count >= 2_000:
        for most in (32, 22):
            what = f"{name}: idle connection at {count:,}: at most {most} KiB"
            made.verdicts.append(Verdict(what, f"{each:.1f} KiB", each <= most))


async def _base(made: Section, count: int) -> None:
    """The raw relay, which has nobody's session and hears no heartbeat."""
    with workplace() as directory, relays.started("raw", directory) as (process, port):

        async def one(i: int) -> Socket:
            return await relays.enter(relays.dialect("raw"), port, "customer", i, crowd.source(i))

        first = await crowd.each(one, range(FIRST))
        before, spent = await settled(process), process.cpu()
        people = await crowd.each(one, range(count))
        after, entered = await settled(process), process.cpu()
        idle, own = await _idle(process)
        for socket in [*first, *people]:
            socket.cut()
    _row(made, "raw", count, before, after, (entered - spent) / count, idle, own)


def _row(
    made: Section, name: str, count: int, before: int, after: int, connect: float, idle: float, own: float
) -> None:
    each = (after - before) / count / KIB
    made.rows.append(
        (
            name,
            f"{count:,}",
            f"{each:.1f}",
            f"{connect * 1e6:.0f}",
            f"{idle * 100:.2f}",
            f"{after / KIB / KIB:.0f}",
            f"{own * 100:.0f}",
        )
    )
    made.data[f"{name} {count}"] = {
        "kib_each": each,
        "connect_us": connect * 1e6,
        "idle_cpu_share": idle,
        "rss": after,
    }


async def settled(process: Process) -> int:
    """Resident bytes, once they have stood still for two seconds."""
    deadline = time.monotonic() + SETTLE_SECONDS
    before = process.rss()
    while time.monotonic() < deadline:
        await asyncio.sleep(STILL_SECONDS)
        now = process.rss()
        if abs(now - before) <= STILL_BYTES:
            return now
        before = now
    return before


async def _idle(process: Process) -> tuple[float, float]:
    """The share of a core that the server, and the generator, take."""
    start, server, own = time.perf_counter(), process.cpu(), own_cpu()
    await asyncio.sleep(IDLE_SECONDS)
    took = time.perf_counter() - start
    return (process.cpu() - server) / took, (own_cpu() - own) / took
