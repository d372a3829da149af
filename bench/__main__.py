"""`python -m bench SCENARIO …`; `short` and `full` run many of them."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any, Protocol, TypeVar

import click
import uvloop

from bench import machine, processes
from bench.report import Section
from bench.scenarios import idle, latency, opening, saturation, starting, storm

Scenario = Coroutine[Any, Any, Section]
Command = TypeVar("Command", bound=Callable[..., Any])


class Decorator(Protocol):
    def __call__(self, command: Command, /) -> Command: ...


@click.group()
@click.option("--nice", default=0, help="for servers and generator alike; below 0 needs root")
@click.option(
    "--product",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    default=processes.ROOT,
    help="another checkout whose server is to be measured",
)
def main(nice: int, product: Path) -> None:
    """Measure the server beside others. The exit code is 1 when a message was lost, doubled or refused."""
    processes.pin_generator()
    processes.PRODUCT = product.resolve()
    os.nice(nice)


def _servers(default: str) -> Decorator:
    return click.option("--servers", default=default, show_default=True, help="in the order of each round")


def _rounds(default: int) -> Decorator:
    return click.option("--rounds", default=default, show_default=True)


def _seconds(default: float) -> Decorator:
    return click.option("--seconds", default=default, show_default=True, help="of load, after the warm-up")


@main.command("saturation")
@_servers("raw,ours")
@_rounds(5)
@_seconds(4.0)
def _saturation(servers: str, rounds: int, seconds: float) -> None:
    """200 pairs, one message in flight each."""
    _report(saturation.measured(servers.split(","), rounds, seconds))


@main.command("latency")
@_servers("raw,ours")
@_rounds(3)
@_seconds(10.0)
def _latency(servers: str, rounds: int, seconds: float) -> None:
    """500 messages a second over 200 pairs."""
    _report(latency.measured(servers.split(","), rounds, seconds))


@main.command("idle")
@click.option("--counts", default="2000", show_default=True, help="connections, with commas between")
def _idle(counts: str) -> None:
    """Memory and heartbeats of connections that say nothing."""
    _report(idle.measured([int(count) for count in counts.split(",")]))


@main.command("open")
@click.option("--times", default=2000, show_default=True)
@_rounds(1)
def _open(times: int, rounds: int) -> None:
    """CPU per chat that is opened again."""
    _report(opening.measured(times, rounds))


@main.command("storm")
@click.option("--count", default=2000, show_default=True)
@_rounds(1)
def _storm(count: int, rounds: int) -> None:
    """Everybody cut off at once."""
    _report(storm.measured(count, rounds))


@main.command("start")
@_rounds(5)
def _start(rounds: int) -> None:
    """Time to the first answer."""
    _report(starting.measured(rounds))


@main.command()
def short() -> None:
    """What `make bench` runs: at most five minutes."""
    _report(
        saturation.measured(["raw", "ours", "starlette"], 3, 4.0),
        latency.measured(["raw", "ours"], 1, 10.0),
        idle.measured([2_000]),
        opening.measured(2_000, 1),
        starting.measured(3),
    )


def _report(*scenarios: Scenario) -> None:
    """Run one after the other; print and save each as soon as it is there."""
    conditions = machine.conditions()
    click.echo("\n".join(f"{name}: {fact}" for name, fact in conditions.items()))
    sections = []
    for scenario in scenarios:
        section = uvloop.run(scenario)
        section.save(conditions)
        click.echo(section)
        sections.append(section)
    click.echo("")
    for section in sections:
        for verdict in section.verdicts:
            click.echo(verdict)
    failed = [section for section in sections if section.faults]
    for section in failed:
        click.echo(f"FAILED: {section.name}: {section.faults}", err=True)
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main(prog_name="python -m bench")
