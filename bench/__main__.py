"""`python -m bench SCENARIO …`; `short` and `full` run many of them."""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any, Protocol, TypeVar

import click
import uvloop

from bench import django, flooder, machine, node, processes
from bench.report import OUT, Section
from bench.scenarios import (
    floods,
    growth,
    history,
    hop,
    idle,
    latency,
    limits,
    nodes,
    opening,
    saturation,
    starting,
    storm,
)

BUSY = 1.0
"""Load before the first run, from which on it is said beside the verdicts."""

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
    processes.take_precedence(nice)


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
@click.option(
    "--node",
    type=click.Path(file_okay=False, path_type=Path),
    help="on a node with Redis and PostgreSQL, whose data is in this directory",
)
def _idle(counts: str, node: Path | None) -> None:
    """Memory and heartbeats of connections that say nothing."""
    _report(idle.measured([int(count) for count in counts.split(",")], node and node.resolve()))


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


@main.command("growth")
@click.option("--series", type=click.Choice([*growth.SIZES, "timers"]), required=True)
@_rounds(9)
@_seconds(2.0)
def _growth(series: str, rounds: int, seconds: float) -> None:
    """What a message, or a timer, costs where there is more of something."""
    if series == "timers":
        _report(growth.timers(rounds))
    else:
        _report(growth.messages_of(series, rounds, seconds))


@main.command("hop")
@_rounds(5)
def _hop(rounds: int) -> None:
    """What an event to another node costs, through Redis."""
    _report(hop.measured(rounds))


@main.command("nodes")
@_rounds(5)
@_seconds(8.0)
@click.option(
    "--data",
    type=click.Path(file_okay=False, path_type=Path),
    default=OUT,
    help="where PostgreSQL's data is, on a disk as it would be",
)
def _nodes(rounds: int, seconds: float, data: Path) -> None:
    """One to three nodes on PostgreSQL beside one process on SQLite."""
    _report(nodes.measured(rounds, seconds, data.resolve()))


@main.command("history")
@_rounds(5)
@_seconds(4.0)
@click.option("--data", type=click.Path(file_okay=False, path_type=Path), default=OUT, help="as for `nodes`")
def _history(rounds: int, seconds: float, data: Path) -> None:
    """What a message costs on PostgreSQL beside 10⁴ to 10⁷ stored ones."""
    _report(history.measured(rounds, seconds, data.resolve()))


@main.command("limits")
@_rounds(5)
@_seconds(8.0)
def _limits(rounds: int, seconds: float) -> None:
    """Default limits against raised ones."""
    _report(limits.measured(rounds, seconds))


@main.command("floods")
@click.option("--troubles", default=",".join(flooder.TROUBLES), show_default=True)
@_rounds(3)
@_seconds(12.0)
def _floods(troubles: str, rounds: int, seconds: float) -> None:
    """Hostile peers beside a hundred pairs."""
    _report(floods.measured(troubles.split(","), rounds, seconds))


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


@main.command()
def full() -> None:
    """What `make bench-full` runs: everything, about an hour."""
    relays = [
        "raw",
        "ours",
        "starlette",
        "durable",
        *_at_hand({"socketio": node.ready, "channels": django.ready}),
    ]
    _report(
        saturation.measured(relays, 5, 4.0),
        latency.measured([name for name in relays if name != "channels"], 3, 20.0),
        idle.measured([2_000, 8_000]),
        opening.measured(2_000, 5),
        storm.measured(2_000, 3),
        starting.measured(5),
        limits.measured(5, 8.0),
        floods.measured(list(flooder.TROUBLES), 3, 12.0),
        growth.messages_of("open", 9, 2.0),
        growth.messages_of("messages", 9, 2.0),
        growth.messages_of("connected", 9, 2.0),
        growth.timers(9),
        nodes.measured(5, 8.0, OUT),
        history.measured(5, 4.0, OUT),
    )


def _at_hand(makers: dict[str, Callable[[], Path]]) -> list[str]:
    """Those whose packages are here, or can be fetched."""
    found = []
    for name, make in makers.items():
        try:
            make()
        except (node.NoNode, django.NoDjango) as why:
            click.echo(f"without {name}: {why}")
        else:
            found.append(name)
    return found


def _report(*scenarios: Scenario) -> None:
    """Run one after the other; print and save each as soon as it is there. One that breaks off does not keep the others back."""
    busy = os.getloadavg()[0]
    conditions = machine.conditions()
    click.echo("\n".join(f"{name}: {fact}" for name, fact in conditions.items()))
    sections: list[Section] = []
    failures: list[str] = []
    for scenario in scenarios:
        try:
            section = uvloop.run(scenario)
        except Exception:
            failures.append(f"a scenario broke off:\n{traceback.format_exc()}")
            click.echo(f"\n{failures[-1]}", err=True)
            continue
        section.save(conditions)
        click.echo(section)
        sections.append(section)
        if section.faults:
            failures.append(f"{section.name}: {section.faults}")
    click.echo("")
    for section in sections:
        for verdict in section.verdicts:
            click.echo(verdict)
    if busy > BUSY:
        click.echo(
            f"The machine had other work (load {busy:.1f}): ratios hold, milliseconds and msgs/s are doubtful."
        )
    for failure in failures:
        click.echo(f"FAILED: {failure.splitlines()[0]}", err=True)
    sys.exit(1 if failures else 0)


if __name__ == "__main__":
    main(prog_name="python -m bench")
