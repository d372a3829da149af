"""Nodes on one PostgreSQL, with Redis between them or without, running, with pairs that talk over them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from sqlalchemy import Connection

from bench import filling, ours, postgres, redis
from bench.load import Spends
from bench.ours import RAISED, Ours
from bench.pairs import Pair
from bench.places import workplace
from bench.postgres import Postgres
from bench.processes import free_port


class Case(NamedTuple):
    """`nodes` 0: one process on SQLite. `together`: customers are on the node of their agent, otherwise anybody anywhere."""

    nodes: int
    redis: bool = False
    together: bool = False

    def __str__(self) -> str:
        if not self.nodes:
            return "SQLite"
        where = f"{self.nodes} node{'s' * (self.nodes > 1)}"
        return f"{where}{' + Redis' * self.redis}{', pairs together' * self.together}"


class Parts:
    """Several that are measured as one; what each of them took is kept apart."""

    def __init__(self, parts: Mapping[str, Sequence[Spends]]) -> None:
        self._parts = parts
        self._read: list[dict[str, float]] = []

    def cpu(self) -> float:
        now = {name: sum(one.cpu() for one in of) for name, of in self._parts.items()}
        self._read.append(now)
        return sum(now.values())

    def took(self) -> dict[str, float]:
        """Seconds by name, between the last two times that somebody asked for the sum."""
        before, after = self._read[-2:]
        return {name: after[name] - before[name] for name in after}


@dataclass
class Cluster:
    parts: Parts
    pairs: Sequence[Pair]


@asynccontextmanager
async def talking(case: Case, postgres: Postgres, pairs: int, database: str = "") -> AsyncIterator[Cluster]:
    """Fresh nodes over `database`, which has an app already, or over a fresh one."""
    with workplace() as directory, ExitStack() as stack:
        # Chats of earlier talks in the same database stay with those who had them.
        settings = RAISED | (filling.STILL if database else {})
        parts: dict[str, Sequence[Spends]] = {}
        if case.nodes:
            name = database or stack.enter_context(fresh(postgres))
            settings["database_url"] = postgres.url(name)
            parts["PostgreSQL"] = [postgres]
        if case.redis:
            server = stack.enter_context(redis.started(directory))
            settings["redis_url"] = server.url
            parts["Redis"] = [server]
        nodes = [_node(directory / f"node-{number}", settings) for number in range(max(1, case.nodes))]
        if not database:
            nodes[0].add_app(ours.APP)
        sessions = ours.agents(nodes[0], pairs)
        parts["nodes"] = [stack.enter_context(node.serving()) for node in nodes]
        ports = [node.port for node in nodes]
        talk, people = await ours.chats(nodes[0], sessions, ports, together=case.together)
        async with ours.alive(people):
            yield Cluster(Parts(parts), talk)
            for pair in talk:
                pair.customer.cut()
                pair.agent.cut()


def _node(directory: Path, settings: Mapping[str, str]) -> Ours:
    directory.mkdir()
    return Ours(directory, free_port(), settings)


@contextmanager
def fresh(postgres: Postgres) -> Iterator[str]:
    """The name of an empty database, which ends with the block."""
    name = postgres.create()
    try:
        yield name
    finally:
        postgres.drop(name)


@contextmanager
def beside(directory: Path, data: Path) -> Iterator[dict[str, str]]:
    """Settings for nodes on a PostgreSQL and a Redis that run while the block does. `data`: where PostgreSQL's is."""
    with postgres.started(data) as server, redis.started(directory) as hints, fresh(server) as name:
        yield RAISED | {"database_url": server.url(name), "redis_url": hints.url}


@contextmanager
def with_past(postgres: Postgres, fill: Callable[[Connection], None]) -> Iterator[str]:
    """The name of a database with an app and what `fill` writes into it, as it is once the database has looked after it."""
    with fresh(postgres) as name, workplace() as directory:
        node = _node(directory / "filling", RAISED | {"database_url": postgres.url(name)})
        node.add_app(ours.APP)
        filling.write_postgres(postgres.url(name), fill)
        postgres.run("VACUUM (ANALYZE)", "CHECKPOINT", database=name)
        yield name
