"""A server by its name, running, with pairs that talk over it."""

from __future__ import annotations

import tempfile
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path

from bench import collector, ours, relays
from bench.ours import Ours
from bench.pairs import Language, Pair
from bench.processes import Process
from bench.report import OUT


@dataclass
class Place:
    process: Process
    port: int
    pairs: Sequence[Pair]
    language: Language

    def leave(self) -> None:
        """Everybody, before the server ends: its goodbyes are no business of the measurement."""
        for pair in self.pairs:
            pair.customer.cut()
            pair.agent.cut()


@contextmanager
def workplace() -> Iterator[Path]:
    """A fresh directory on the real disk: /tmp may be memory, where to be durable costs nothing."""
    OUT.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="run-", dir=OUT) as name:
        yield Path(name)


@asynccontextmanager
async def talking(server: str, count: int) -> AsyncIterator[Place]:
    """A fresh server. `server`: "ours"; "traced" or "sampled", ours with every message traced, or one in a hundred; or one of the
    relays by its module's name."""
    with workplace() as directory:
        if server == "ours":
            async with ours_talking(ours.prepared(directory), count) as place:
                yield place
        elif server in collector.SHARES:
            async with collector.listening() as port:
                product = ours.prepared(directory)
                product.variables = collector.variables(port, collector.SHARES[server])
                async with ours_talking(product, count) as place:
                    yield place
        else:
            with relays.started(server, directory) as (process, port):
                place = Place(
                    process, port, await relays.pairs(server, port, count), relays.dialect(server).language
                )
                yield place
                place.leave()


@asynccontextmanager
async def ours_talking(product: Ours, count: int) -> AsyncIterator[Place]:
    """Our server over the database that `product` has already, with so many chats more."""
    sessions = ours.agents(product, count)
    with product.serving() as process:
        pairs, people = await ours.chats(product, sessions)
        async with ours.alive(people):
            place = Place(process, product.port, pairs, ours.LANGUAGE)
            yield place
            place.leave()
