"""Everybody cut off at once, and coming back as docs/protocol.md tells clients to: with full jitter, the ticket on display
opened again."""

from __future__ import annotations

import asyncio
import random
import time

from bench import crowd, filling, ours, sockets
from bench.filling import Kept
from bench.ledger import Faults, Ledger, quantile
from bench.load import Meter
from bench.ours import APP, Person
from bench.pairs import Refusal
from bench.places import workplace
from bench.report import Section, Verdict, spread
from bench.scenarios.opening import MESSAGES, come_back
from bench.waiting import quiet

BASE_SECONDS, MOST_SECONDS = 0.5, 30.0
PATIENCE_SECONDS = 120.0


async def measured(count: int, rounds: int) -> Section:
    made = Section(
        "storm",
        f"{count:,} customers cut off at once, each back with its ticket open; {rounds} rounds",
        ("server", "all back s", "half back s", "CPU s", "CPU ms each", "failed tries", "gen %"),
    )
    backs, halves, cpus, failures, own = [], [], [], [], []
    for _ in range(rounds):
        back, half, cpu, failed, share = await one(count)
        backs.append(back)
        halves.append(half)
        cpus.append(cpu)
        failures.append(float(failed))
        own.append(share)
    each = [cpu / count * 1000 for cpu in cpus]
    made.rows.append(
        (
            "ours",
            spread(backs, 1),
            spread(halves, 1),
            spread(cpus, 1),
            spread(each, 2),
            spread(failures),
            spread(own),
        )
    )
    made.data = {"all_back": backs, "half_back": halves, "cpu": cpus, "failed_tries": failures}
    made.faults = Faults()
    made.verdicts = [
        Verdict(f"{count:,} clients all back within 30 s", f"{spread(backs, 1)} s", max(backs) <= 30)
    ]
    return made


async def one(count: int) -> tuple[float, float, float, int, float]:
    """Seconds until all, and until half, were back; CPU seconds; tries that failed; the generator's share in per cent."""
    with workplace() as directory:
        product = ours.prepared(directory, ours.RAISED | filling.STILL)
        with filling.writing(product.database) as database:
            ids, _ = filling.add_agents(database, [APP], 1, capacity=count, status="away")
            chats = filling.add_chats(database, APP, count, MESSAGES, agent=ids[0], closed=False)
        with product.serving() as process:
            people = [Person() for _ in chats]
            await crowd.each(lambda i: come_back(people[i], product.port, chats[i]), range(count))
            async with ours.alive(people):
                await quiet(process)
                meter = Meter(process, Ledger())
                crowd.cut(people)
                took, failed = await _all_back(product.port, chats)
                seconds, cpu, own, _ = meter.read()
    return max(took), quantile(took, 0.5), cpu, failed, own / seconds * 100


async def _all_back(port: int, chats: list[Kept]) -> tuple[list[float], int]:
    began = time.perf_counter()
    failed = 0

    async def one(kept: Kept) -> float:
        nonlocal failed
        failures = 1  # the connection that was lost
        while True:
            most = min(MOST_SECONDS, BASE_SECONDS * 2**failures)
            await asyncio.sleep(random.uniform(0, most))  # noqa: S311 - spreads load, keeps no secret
            person = Person()
            try:
                await come_back(person, port, kept)
            except (Refusal, sockets.Refused, OSError):
                failures += 1
                failed += 1
            else:
                people.append(person)
                return time.perf_counter() - began

    people: list[Person] = []
    async with ours.alive(people), asyncio.timeout(PATIENCE_SECONDS):
        took = await asyncio.gather(*(one(kept) for kept in chats))
    crowd.cut(people)
    return took, failed
