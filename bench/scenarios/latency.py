"""500 messages a second over 200 pairs: how late each is, counted from the moment it was due."""

from __future__ import annotations

from collections.abc import Sequence

from bench import plot
from bench.ledger import quantile
from bench.load import FixedRate, Measured
from bench.places import talking
from bench.report import Section, Verdict, middle, spread
from bench.scenarios.saturation import PAIRS, kept

RATE = 500
WARM_UP_SECONDS = 2.0


async def one(server: str, seconds: float) -> Measured:
    async with talking(server, PAIRS) as place:
        return await FixedRate(place.pairs, place.language, RATE).run(place.process, seconds, WARM_UP_SECONDS)


async def measured(servers: Sequence[str], count: int, seconds: float) -> Section:
    rounds = [{server: await one(server, seconds) for server in servers} for _ in range(count)]
    made = Section(
        "latency",
        f"Fixed rate: {RATE} msgs/s over {PAIRS} pairs, {count} rounds of {seconds:g} s, from when a message was due",
        (
            "server",
            "delivery p50 ms",
            "delivery p99 ms",
            "ack p50 ms",
            "ack p99 ms",
            "server CPU µs/msg",
            "gen %",
            "sent late p99 ms",
        ),
    )
    for server in servers:
        runs = [one[server] for one in rounds]
        made.rows.append(
            (
                server,
                spread(_ms(runs, "deliveries", 0.5), 2),
                spread(_ms(runs, "deliveries", 0.99), 2),
                spread(_ms(runs, "acks", 0.5), 2),
                spread(_ms(runs, "acks", 0.99), 2),
                spread([run.cpu_us for run in runs]),
                spread([run.generator_share for run in runs]),
                spread(_ms(runs, "late", 0.99), 2),
            )
        )
        for run in runs:
            made.faults += run.faults
    made.notes.append(
        f"messages: {sum(run.messages for one in rounds for run in one.values())}; {made.faults}"
    )
    made.data = {"rounds": [{name: kept(run) for name, run in one.items()} for one in rounds]}
    delivered = [
        (server, [wait * 1000 for one in rounds for wait in one[server].deliveries]) for server in servers
    ]
    made.plots = {"latency.svg": plot.shares(f"Delivery at {RATE} msgs/s", "ms", delivered)}
    if "ours" in servers:
        runs = [one["ours"] for one in rounds]
        made.verdicts = _verdicts(middle(_ms(runs, "deliveries", 0.5)), middle(_ms(runs, "deliveries", 0.99)))
    return made


def _ms(runs: Sequence[Measured], name: str, share: float) -> list[float]:
    return [quantile(getattr(run, name), share) * 1000 for run in runs]


def _verdicts(p50: float, p99: float) -> list[Verdict]:
    text = f"{p50:.2f} / {p99:.2f} ms"
    return [
        Verdict(f"{RATE} msgs/s: delivery p50 ≤ {a:g} ms, p99 ≤ {b:g} ms", text, p50 <= a and p99 <= b)
        for a, b in ((1.5, 8), (0.8, 3))
    ]
