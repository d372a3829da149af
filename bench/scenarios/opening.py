"""A chat opened as a browser does that was here before: connect, hello with the token, `open` of the ticket, its last 50
messages. What that costs the server."""

from __future__ import annotations

import time
from typing import Any

from bench import crowd, filling, ours
from bench.filling import Kept
from bench.ledger import Ledger, quantile
from bench.load import Measured, Meter
from bench.ours import APP, Person
from bench.places import workplace
from bench.processes import Process
from bench.report import Section, Verdict, middle, spread
from bench.waiting import quiet

MESSAGES = 60
SHOWN = 50
AT_ONCE = 20


async def measured(times: int, rounds: int) -> Section:
    made = Section(
        "open",
        f"A chat opened: connect, hello with the token, the last {SHOWN} of {MESSAGES} messages; {times:,} times",
        ("server", "CPU ms per open", "p50 ms", "p99 ms", "opens/s", "gen %"),
    )
    costs, p50, p99, rates, own = [], [], [], [], []
    for _ in range(rounds):
        run = await one(times)
        costs.append(run.server_cpu / run.messages * 1000)
        p50.append(quantile(run.acks, 0.5) * 1000)
        p99.append(quantile(run.acks, 0.99) * 1000)
        rates.append(run.rate)
        own.append(run.generator_share)
        made.faults += run.faults
    made.rows.append(
        ("ours", *(spread(v, d) for v, d in ((costs, 2), (p50, 1), (p99, 1), (rates, 0), (own, 0))))
    )
    made.data = {"cpu_ms": costs, "p50_ms": p50, "p99_ms": p99, "opens_per_second": rates}
    made.verdicts = [
        Verdict("a chat opened: at most 3 ms of server CPU", f"{spread(costs, 2)} ms", middle(costs) <= 3)
    ]
    return made


async def one(times: int) -> Measured:
    """So many different customers, each once, all still connected at the end. `acks` are seconds from connect to shown."""
    with workplace() as directory:
        product = ours.prepared(directory, ours.RAISED | filling.STILL)
        with filling.writing(product.database) as database:
            ids, _ = filling.add_agents(database, [APP], 1, capacity=times, status="away")
            chats = filling.add_chats(database, APP, times, MESSAGES, agent=ids[0], closed=False)
        with product.serving() as process:
            await quiet(process)
            return await _open_all(process, product.port, chats)


async def _open_all(process: Process, port: int, chats: list[Kept]) -> Measured:
    people: list[Person] = []
    took: list[float] = []
    ledger = Ledger()
    meter = Meter(process, ledger)

    async def one(i: int) -> None:
        began = time.perf_counter()
        person = Person()
        await come_back(person, port, chats[i], crowd.source(i))
        took.append(time.perf_counter() - began)
        people.append(person)
        ledger.done += 1

    await crowd.each(one, range(len(chats)), AT_ONCE)
    seconds, _, generator, done = meter.read()
    async with ours.alive(people):
        await quiet(process)
    _, server, _, _ = meter.read()
    crowd.cut(people)
    return Measured(done, seconds, server, generator, ledger.close(), took, [])


async def come_back(person: Person, port: int, kept: Kept, source: str = "127.0.0.1") -> None:
    """Connect, say who it is, and see the ticket as it stands. Raises Refusal, sockets.Refused and OSError."""
    await person.enter(port, "/ws/customer", {"app": APP, "token": kept.token, "locale": "es-CO"}, source)
    await person.ask({"type": "open", "ticket": kept.ticket}, _is_shown)


def _is_shown(frame: dict[str, Any]) -> bool:
    return frame["type"] == "snapshot" and len(frame["items"]) == SHOWN
