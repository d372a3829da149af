"""The default limits cost what the raised ones cost: many customers, each below a default customer's share."""

from __future__ import annotations

from bench import ours
from bench.load import FixedRate, Measured
from bench.ours import RAISED
from bench.places import ours_talking, workplace
from bench.report import Section, Verdict, middle, ratios, spread
from bench.scenarios.saturation import PAIRS, kept

RATE = 300
"""90 messages a minute of each customer, where the default allows 100."""
WARM_UP_SECONDS = 2.0
SAME = 1.3


async def measured(rounds: int, seconds: float) -> Section:
    runs = [
        {"raised": await _one(RAISED, seconds), "default": await _one({}, seconds)} for _ in range(rounds)
    ]
    cpu = [{name: run.cpu_us for name, run in one.items()} for one in runs]
    compared = ratios(cpu, "raised")["default"]
    made = Section(
        "limits",
        f"Limits: {RATE} msgs/s over {PAIRS} pairs, {rounds} rounds of {seconds:g} s",
        ("limits", "CPU µs/msg", "ratio, same round"),
        rows=[
            (name, spread([one[name] for one in cpu]), spread(ratios(cpu, "raised")[name], 2))
            for name in ("raised", "default")
        ],
    )
    for one in runs:
        for run in one.values():
            made.faults += run.faults
    made.data = {"rounds": [{name: kept(run) for name, run in one.items()} for one in runs]}
    made.verdicts = [
        Verdict(
            "default limits cost the same: within 30 %", f"{spread(compared, 2)} ×", middle(compared) <= SAME
        )
    ]
    return made


async def _one(settings: dict[str, str], seconds: float) -> Measured:
    with workplace() as directory:
        async with ours_talking(ours.prepared(directory, settings), PAIRS) as place:
            load = FixedRate(place.pairs, place.language, RATE)
            return await load.run(place.process, seconds, WARM_UP_SECONDS)
