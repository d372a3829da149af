"""Hostile peers beside a hundred people who chat: how much later those are answered."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from bench import flooder, ours, processes
from bench.ledger import quantile
from bench.load import FixedRate, Measured
from bench.ours import RAISED
from bench.places import Place, ours_talking, workplace
from bench.report import Section, Verdict, middle, spread
from bench.scenarios.saturation import kept

PAIRS = 100
RATE = 100
"""Each says something once a second."""
WARM_UP_SECONDS = 1.0
MORE = 1.2
TALKATIVE = ("messages_per_minute", "messages_burst", "frames_per_minute", "frames_burst")
SETTINGS = {"stuck": {name: RAISED[name] for name in TALKATIVE}}
"""Who talks to the stuck ones says more than one person may; everything else meets the default limits."""


class Round(NamedTuple):
    without: Measured
    beside: Measured
    done: int
    """`flooder.done`."""


async def measured(troubles: Sequence[str], rounds: int, seconds: float) -> Section:
    made = Section(
        "floods",
        f"{PAIRS} pairs, {RATE} msgs/s, without and with hostile peers: {rounds} rounds of {seconds:g} s each",
        (
            "trouble",
            "times",
            "ack p50 ms",
            "with",
            "ack p99 ms",
            "with",
            "p99 ratio",
            "server %",
            "with",
            "late p99 ms",
        ),
    )
    for trouble in troubles:
        runs = await _rounds(trouble, rounds, seconds)
        without, beside = [one.without for one in runs], [one.beside for one in runs]
        ratios = [_ms(one.beside, 0.99) / _ms(one.without, 0.99) for one in runs]
        made.rows.append(
            (
                trouble,
                spread([float(one.done) for one in runs]),
                *(spread([_ms(run, 0.5) for run in one], 2) for one in (without, beside)),
                *(spread([_ms(run, 0.99) for run in one], 2) for one in (without, beside)),
                spread(ratios, 2),
                *(spread([run.server_cpu / run.seconds * 100 for run in one]) for one in (without, beside)),
                spread([quantile(run.late, 0.99) * 1000 for run in beside], 2),
            )
        )
        made.data[trouble] = [
            {"without": kept(one.without), "with": kept(one.beside), "times": one.done} for one in runs
        ]
        for run in (*without, *beside):
            made.faults += run.faults
        made.verdicts.append(
            Verdict(
                f"{trouble}: p99 of the others within 20 %", f"{spread(ratios, 2)} ×", middle(ratios) <= MORE
            )
        )
    return made


def _ms(run: Measured, share: float) -> float:
    return quantile(run.acks, share) * 1000


async def _rounds(trouble: str, count: int, seconds: float) -> list[Round]:
    """Without and with the trouble in turn, at one server; and how much trouble that was, in each round."""
    with workplace() as directory:
        settings = SETTINGS.get(trouble, {})
        product = ours.prepared(directory, settings)
        product.add_app(flooder.HOSTILE)
        async with ours_talking(product, PAIRS) as place:
            runs: list[Round] = []
            last = 0
            for _ in range(count):
                quiet, last = await _talk(place, seconds, last)
                with _trouble(trouble, place, directory) as done:
                    beside, last = await _talk(place, seconds, last)
                runs.append(Round(quiet, beside, *done))
            return runs


async def _talk(place: Place, seconds: float, last: int) -> tuple[Measured, int]:
    load = FixedRate(place.pairs, place.language, RATE, last)
    run = await load.run(place.process, seconds, WARM_UP_SECONDS)
    return run, load.ledger.last


@contextmanager
def _trouble(name: str, place: Place, directory: Path) -> Iterator[list[int]]:
    """Gives a list that holds, after the block, how much was done."""
    done: list[int] = []
    command = [sys.executable, "-m", "bench.flooder", name, str(place.port)]
    environment = processes.clean_environment()
    log = directory / "flooder.log"
    with processes.running(command, environment, log, core=processes.GENERATOR_CORE) as process:
        process.wait_for(flooder.READY)
        yield done
        if not process.running:
            raise processes.NotReady(process.printed())
        process.stop()
        done.append(int(process.rest()))
