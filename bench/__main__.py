"""`python -m bench SCENARIO …`; `short` and `full` run many of them."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Coroutine
from typing import Any

import click
import uvloop

from bench import machine
from bench.processes import pin_generator
from bench.report import Section
from bench.scenarios import saturation


@click.group()
def main() -> None:
    """Measure the server beside others. The exit code is 1 when a message was lost, doubled or refused."""
    pin_generator()


@main.command("saturation")
@click.option("--servers", default="raw,ours", show_default=True, help="in the order of each round")
@click.option("--rounds", default=5, show_default=True)
@click.option("--seconds", default=4.0, show_default=True, help="of load, after a second to warm up")
def _saturation(servers: str, rounds: int, seconds: float) -> None:
    """200 pairs, one message in flight each."""
    _report(saturation.measured(servers.split(","), rounds, seconds))


def _report(*scenarios: Coroutine[Any, Any, Section]) -> None:
    """Run one after the other; print and save each as soon as it is there."""
    conditions = machine.conditions()
    click.echo("\n".join(f"{name}: {fact}" for name, fact in conditions.items()))
    sections = []
    for scenario in scenarios:
        section = uvloop.run(_within(scenario))
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


async def _within(scenario: Coroutine[Any, Any, Section]) -> Section:
    # What is left over from one scenario (a socket that was not closed) must not be heard in the next.
    asyncio.get_running_loop().slow_callback_duration = 1e9
    return await scenario


if __name__ == "__main__":
    main(prog_name="python -m bench")
