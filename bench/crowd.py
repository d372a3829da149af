"""Many customers at once: connected, greeted, kept alive, cut off and coming back."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import TypeVar

from bench.ours import APP, Person

T = TypeVar("T")
AT_ONCE = 50
PER_ADDRESS = 10_000
"""Connections from one loopback address: a port each, of some 28,000."""


async def enter(port: int, count: int) -> list[Person]:
    """So many new customers, each authenticated with a session of its own."""

    async def one(i: int) -> Person:
        person = Person()
        await person.enter(port, "/ws/customer", {"app": APP, "locale": "es-CO"}, source(i))
        return person

    return await each(one, range(count))


def source(i: int) -> str:
    """Where the i-th connection comes from."""
    return f"127.0.0.{1 + i // PER_ADDRESS}"


async def each(
    work: Callable[[int], Awaitable[T]], numbers: Iterable[int], at_once: int = AT_ONCE
) -> list[T]:
    """All of them, a few at a time, in order of their numbers."""
    turn = asyncio.Semaphore(at_once)

    async def one(number: int) -> T:
        async with turn:
            return await work(number)

    return await asyncio.gather(*(one(number) for number in numbers))


def cut(people: Sequence[Person]) -> None:
    for person in people:
        person.socket.cut()
