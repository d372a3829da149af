"""Three nodes on one PostgreSQL and one Redis; between the last of them and both lies a piece of network that can fail."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any, NamedTuple

from tests.harness.pipe import Pipe, pipe_to
from tests.harness.postgres import Postgres, fetched
from tests.harness.redis import RedisServer
from tests.harness.server import Server, start_all

_NOTING = (
    "CREATE TABLE absences (who text)",
    """CREATE FUNCTION note_absence() RETURNS trigger LANGUAGE plpgsql AS
    $$ BEGIN INSERT INTO absences VALUES (TG_TABLE_NAME || ' ' || NEW.id); RETURN NEW; END $$""",
    *(
        f"CREATE TRIGGER noting AFTER UPDATE OF gone_at ON {table} FOR EACH ROW "
        "WHEN (OLD.gone_at IS NULL AND NEW.gone_at IS NOT NULL) EXECUTE FUNCTION note_absence()"
        for table in ("agents", "tickets")
    ),
)


class Three(NamedTuple):
    a: Server
    b: Server
    victim: Server
    database: Pipe
    """Between the victim and PostgreSQL."""
    hints: Pipe
    """Between the victim and Redis."""

    @property
    def nodes(self) -> list[Server]:
        return [self.a, self.b, self.victim]

    @property
    def others(self) -> list[Server]:
        return [self.a, self.b]

    @property
    def url(self) -> str:
        """Of the database, without a detour."""
        return str(self.a.settings["database_url"])

    async def absences(self) -> list[str]:
        """Who counts as gone, of the agents and of the customers of open chats."""
        query = (
            "SELECT 'agent ' || email FROM agents WHERE gone_at IS NOT NULL "
            "UNION ALL SELECT 'customer of ' || id FROM tickets WHERE gone_at IS NOT NULL AND state = 'open'"
        )
        return [row[0] for row in await fetched(self.url, query)]

    async def note_absences(self) -> None:
        """From here on PostgreSQL itself keeps whoever is said to be gone, if for a millisecond: `noted`."""
        for statement in _NOTING:
            await fetched(self.url, statement)

    async def noted(self) -> list[str]:
        return sorted(row[0] for row in await fetched(self.url, "SELECT who FROM absences"))

    async def returns(self) -> int:
        """How often a chat was taken from an agent because they were gone."""
        query = "SELECT count(*) FROM items WHERE kind = 'queued' AND reason = 'agent_gone'"
        return int((await fetched(self.url, query))[0][0])


@asynccontextmanager
async def three_nodes(
    where: Path,
    postgres: Postgres,
    redis: RedisServer,
    *,
    under: tuple[tuple[str, ...], ...] = (),
    by_way_of: int = 0,
    straight: bool = False,
    **settings: Any,
) -> AsyncIterator[Three]:
    """All are ready. `under`: commands that become the nodes (`Server`), one each. `by_way_of`: a port that leads to
    PostgreSQL, by which the victim goes. `straight`: it goes as the others do; nothing of its network can fail, nor is it held up
    by a crowd in the test's event loop, where the pipes are."""
    url = postgres.demo()
    commands = under or ((), (), ())
    async with AsyncExitStack() as stack:
        database = await stack.enter_async_context(pipe_to(by_way_of or postgres.port))
        hints = await stack.enter_async_context(pipe_to(redis.port))
        detour = {
            "database_url": url.replace(str(postgres.port), str(database.port)),
            "redis_url": redis.url.replace(str(redis.port), str(hints.port)),
        }
        made = []
        for number, ways in enumerate(({}, {}, {} if straight else detour)):
            directory = where / f"node-{number}"
            directory.mkdir()
            given = {"database_url": url, "redis_url": redis.url} | settings | ways
            made.append(Server(directory, under=commands[number], **given))
        stack.callback(_end, made)
        await asyncio.to_thread(start_all, made)  # in a thread: the pipes are of this event loop
        a, b, victim = made
        yield Three(a, b, victim, database, hints)


def _end(servers: list[Server]) -> None:
    for server in servers:
        if server.process is not None:
            server.kill()
