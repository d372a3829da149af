"""200 pairs, one message in flight each: what a message costs when there is no pause. Rounds alternate between the servers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from bench import plot
from bench.ledger import Faults, quantile
from bench.load import Measured, Saturation
from bench.places import talking
from bench.report import Section, Verdict, middle, ratios, spread

PAIRS = 200
WARM_UP_SECONDS = 1.0
BASE = "raw"


async def one(server: str, seconds: float, pairs: int = PAIRS) -> Measured:
    """A fresh server of this name, its pairs, and so many seconds of load."""
    async with talking(server, pairs) as place:
        return await Saturation(place.pairs, place.language).run(place.process, seconds, WARM_UP_SECONDS)


async def measured(servers: Sequence[str], count: int, seconds: float) -> Section:
    """Each server once in every round, one after the other."""
    rounds = [{server: await one(server, seconds) for server in servers} for _ in range(count)]
    return section(rounds, seconds)


def section(rounds: Sequence[dict[str, Measured]], seconds: float) -> Section:
    cpu = ratios([{name: run.cpu_us for name, run in one.items()} for one in rounds], BASE)
    speed = ratios([{name: run.rate for name, run in one.items()} for one in rounds], BASE)
    made = Section(
        "saturation",
        f"Saturation: {PAIRS} pairs, one message in flight each, {len(rounds)} rounds of {seconds:g} s",
        ("server", "msgs/s", "server CPU µs/msg", "CPU ratio", "msgs/s ratio", "p50 ms", "server %", "gen %"),
    )
    for name in rounds[0]:
        runs = [one[name] for one in rounds]
        made.rows.append(
            (
                name,
                spread([run.rate for run in runs]),
                spread([run.cpu_us for run in runs], 1),
                spread(cpu.get(name, []), 2),
                spread(speed.get(name, []), 2),
                spread([quantile(run.deliveries, 0.5) * 1000 for run in runs], 1),
                spread([run.server_cpu / run.seconds * 100 for run in runs]),
                spread([run.generator_share for run in runs]),
            )
        )
        for run in runs:
            made.faults += run.faults
    made.notes.append(
        f"messages: {sum(run.messages for one in rounds for run in one.values())}; {made.faults}"
    )
    made.data = {"rounds": [{name: kept(run) for name, run in one.items()} for one in rounds]}
    made.verdicts = _verdicts(cpu, rounds, made.faults)
    if BASE in cpu:
        title = "Server CPU per message, ratio to the raw relay"
        made.plots = {"saturation.svg": plot.bars(title, "×", list(cpu.items()))}
    return made


def kept(run: Measured) -> dict[str, Any]:
    """For the JSON file, without the single latencies, of which there are 100,000."""
    kept = asdict(run)
    for name in ("acks", "deliveries", "late"):
        kept[f"{name}_ms"] = {
            f"p{share * 100:g}": quantile(kept[name], share) * 1000 for share in (0.5, 0.99)
        }
        del kept[name]
    return kept | {"rate": run.rate, "cpu_us": run.cpu_us}


def _verdicts(
    cpu: dict[str, list[float]], rounds: Sequence[dict[str, Measured]], faults: Faults
) -> list[Verdict]:
    found = [Verdict("lost, doubled, refused messages: 0", str(faults), not faults)]
    if "ours" in cpu:
        text = f"{spread(cpu['ours'], 2)} × the base's CPU"
        ratio = middle(cpu["ours"])
        found += [
            Verdict("a durable message with everything on: at most 2.0 × the raw relay", text, ratio <= 2.0),
            Verdict("the same, aim: at most 1.3 ×", text, ratio <= 1.3),
        ]
    for name, least, aim in (("socketio", 3.0, 5.0), ("channels", 20.0, 30.0)):
        speed = ratios([{server: run.rate for server, run in one.items()} for one in rounds], name)
        if "ours" in speed and name in speed:
            text, times = f"{spread(speed['ours'], 2)} ×", middle(speed["ours"])
            found += [
                Verdict(f"at least {least:g} × the msgs/s of {name} FULL", text, times >= least),
                Verdict(f"the same, aim: at least {aim:g} ×", text, times >= aim),
            ]
    return found
