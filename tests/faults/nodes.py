"""Three real servers on one PostgreSQL, with Redis between them or without."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from tests.faults.crowd import AT_EASE
from tests.harness.redis import RedisServer, redis_server
from tests.harness.server import Server, ended, start_all

NODES = 3


@contextmanager
def several(where: Path, url: str, hints: RedisServer | None, **settings: Any) -> Iterator[list[Server]]:
    """All of them are ready; the database at `url` has the demo in it. Without `hints` they find out by themselves what
    the others stored."""
    settings = AT_EASE | ({"redis_url": hints.url} if hints else {}) | settings
    with ExitStack() as stack:
        servers = []
        for number in range(NODES):
            directory = where / f"node-{number}"
            directory.mkdir()
            servers.append(stack.enter_context(ended(Server(directory, database_url=url, **settings))))
        start_all(servers)
        yield servers


@contextmanager
def several_with_redis(where: Path, url: str, **settings: Any) -> Iterator[list[Server]]:
    """And a Redis of their own."""
    with redis_server(where / "redis") as hints, several(where, url, hints, **settings) as servers:
        yield servers
