"""Does a message on a node cost more where PostgreSQL holds more? The same load over histories of three sizes, alternating."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Final

from sqlalchemy import Connection

from bench import cluster, filling, plot, postgres
from bench.cluster import Case
from bench.ledger import Faults
from bench.load import Saturation
from bench.ours import APP, LANGUAGE
from bench.postgres import Postgres
from bench.report import Section, Verdict, middle, ratios, spread
from bench.scenarios.growth import FLAT, PER_CHAT
from bench.scenarios.nodes import Run
from bench.scenarios.saturation import PAIRS

SIZES: Final = (10_000, 1_000_000, 10_000_000)
WRITTEN: Final = 1_000_000
"""Messages written one by one; what is more is copied from them by the database."""
WARM_UP_SECONDS: Final = 2.0
CASE: Final = Case(1)


async def measured(rounds: int, seconds: float, where: Path, sizes: Sequence[int] = SIZES) -> Section:
    """`where`: the directory that PostgreSQL's data is in, with room for some 6 GB at the largest size."""
    faults = Faults()
    found: list[dict[str, Run]] = []
    with postgres.started(where) as server, ExitStack() as stack:
        past = {
            size: stack.enter_context(cluster.with_past(server, partial(_fill, size=size))) for size in sizes
        }
        for _ in range(rounds):
            found.append({})
            for size, database in past.items():
                found[-1][str(size)] = run = await _one(server, database, seconds)
                faults += run.measured.faults
        made = _section(found, seconds, server.settings())
        made.notes += [_bytes(server, past[size], size) for size in sizes]
    made.faults = faults
    return made


def _fill(database: Connection, size: int) -> None:
    agents, _ = filling.add_agents(database, [APP], 1, status="away")
    written = min(size, WRITTEN)
    filling.add_chats(database, APP, written // PER_CHAT, PER_CHAT, agent=agents[0], closed=True)
    filling.repeat_chats(database, size // written)


def _bytes(server: Postgres, database: str, size: int) -> str:
    """What a message takes on the disk, with its share of tickets and all indexes."""
    sizes = server.run(
        "SELECT pg_total_relation_size('items')",
        "SELECT pg_total_relation_size('tickets')",
        database=database,
    )
    items, tickets = (int(found) for found in sizes.split())
    return f"{size:,} messages: {items / size:.0f} bytes each with their indexes, {tickets / size:.0f} more for their tickets"


async def _one(server: Postgres, database: str, seconds: float) -> Run:
    async with cluster.talking(CASE, server, PAIRS, database) as place:
        load = Saturation(place.pairs, LANGUAGE)
        run = await load.run(place.parts, seconds, WARM_UP_SECONDS)
        return Run(run, place.parts.took())


def _section(found: Sequence[dict[str, Run]], seconds: float, settings: dict[str, str]) -> Section:
    smallest, *_, largest = found[0]
    made = Section(
        "history",
        f"History on PostgreSQL: one node, {PAIRS} pairs at saturation, {len(found)} rounds of {seconds:g} s",
        (
            "stored messages",
            "msgs/s",
            "node µs/msg",
            "PostgreSQL µs/msg",
            "all, ratio to the smallest, same round",
        ),
    )
    everything = [{size: run.us("nodes", "PostgreSQL") for size, run in one.items()} for one in found]
    compared = ratios(everything, smallest)
    for size, times in compared.items():
        runs = [one[size] for one in found]
        made.rows.append(
            (
                f"{int(size):,}",
                spread([run.measured.rate for run in runs]),
                spread([run.us("nodes") for run in runs]),
                spread([run.us("PostgreSQL") for run in runs]),
                spread(times, 2),
            )
        )
    made.notes = [f"PostgreSQL: {', '.join(f'{name} {value}' for name, value in settings.items())}"]
    made.data = {"cpu_us": everything, "ratios": compared, "postgres": settings}
    points = [(int(size), [one[size] for one in everything]) for size in found[0]]
    what = "CPU µs per message, node and PostgreSQL, by stored messages"
    made.plots = {"history.svg": plot.growth(what, "stored messages", "µs", points)}
    last = compared[largest]
    text = f"{spread(last, 2)} × from {int(smallest):,} to {int(largest):,}"
    made.verdicts = [
        Verdict("flat by stored messages on PostgreSQL: within 30 %", text, middle(last) <= FLAT)
    ]
    return made
