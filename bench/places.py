"""A server by its name, running, with pairs that talk over it."""

from __future__ import annotations

import tempfile
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path

from bench import ours, relays
from bench.pairs import Language, Pair
from bench.processes import Process
from bench.report import OUT


@dataclass
class Place:
    process: Process
    pairs: Sequence[Pair]
    language: Language


@contextmanager
def workplace() -> Iterator[Path]:
    """A fresh directory on the real disk: /tmp may be memory, where to be durable costs nothing."""
    OUT.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="run-", dir=OUT) as name:
        yield Path(name)


@asynccontextmanager
async def talking(server: str, count: int) -> AsyncIterator[Place]:
    """`server`: "ours", or one of the relays by its module's name."""
    async with AsyncExitStack() as stack:
        directory = stack.enter_context(workplace())
        if server == "ours":
            product = ours.prepared(directory)
            sessions = ours.add_agents(product, count)
            process = stack.enter_context(product.serving())
            pairs, people = await ours.chats(product, sessions)
            await stack.enter_async_context(ours.alive(people))
            place = Place(process, pairs, ours.LANGUAGE)
        else:
            process, port = stack.enter_context(relays.started(server, directory))
            place = Place(process, await relays.pairs(port, count), relays.LANGUAGE)
        yield place
        for pair in place.pairs:
            pair.customer.cut()
            pair.agent.cut()
