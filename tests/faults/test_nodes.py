"""Real servers on one PostgreSQL, with and without Redis: wherever people are and whichever dies, the checker finds nothing."""

from __future__ import annotations

import asyncio
import random
import signal
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack, asynccontextmanager, contextmanager, suppress
from functools import partial
from pathlib import Path

import asyncpg
import pytest

from tests.checker.checker import Stored
from tests.faults.crowd import AT_EASE, Crowd, judge
from tests.harness.peers import AgentPeer, Peer
from tests.harness.postgres import Postgres
from tests.harness.redis import RedisServer, redis_server
from tests.harness.server import Server, running
from tests.harness.sign_in import Desk
from tests.harness.sizes import SEED, size
from tests.harness.waiting import soon

pytestmark = pytest.mark.fault

KILLS = size(3, 40)
NODES = 3
CUSTOMERS = 6
MAILS = ("ana@demo.test", "luis@demo.test")


class Nodes(Crowd):
    """A crowd that comes to any of several servers, and after each cut to any of them again."""

    def __init__(self, servers: list[Server], url: str, seed: int) -> None:
        super().__init__(servers[0], CUSTOMERS, seed)
        self.servers = servers
        self.url = url
        self.rows: list[Stored] = []
        self._desks = {(server.port, mail): Desk(server, mail) for server in servers for mail in MAILS}
        for peer in self.everybody:
            peer.before_connecting = partial(self.choose, peer)

    def choose(self, peer: Peer) -> None:
        server = self.dice.choice(self.servers)
        peer.port, peer.origin = server.port, server.origin
        if isinstance(peer, AgentPeer):
            # A token for a socket is good at any server, whichever gave it.
            peer.ticket_for_socket = self._desks[self.dice.choice(self.servers).port, peer.name].token

    def stored(self) -> list[Stored]:
        return self.rows

    async def healed(self) -> None:
        self.talking = False
        for peer in self.everybody:
            await soon(peer.settled, f"{peer.name} has an answer to everything", 30)
        await self.read()
        await super().healed()

    async def read(self) -> None:
        customers = {ticket: name for name, ticket in self.ticket_of.items()}
        agents = {agent.id: agent.name for agent in self.agents}
        connection = await asyncpg.connect(self.url)
        try:
            found = await connection.fetch('SELECT ticket_id, seq, "by", author_id, cid FROM items')
        finally:
            await connection.close()
        self.rows = [
            Stored(
                ticket,
                seq,
                {"customer": customers[ticket], "agent": agents.get(author, "")}.get(by, by),
                cid or "",
            )
            for ticket, seq, by, author, cid in found
        ]


@pytest.fixture(params=["hints polled", "Redis"])
def hints(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[RedisServer | None]:
    if request.param != "Redis":
        yield None
        return
    directory = tmp_path / "redis"
    directory.mkdir()
    with redis_server(directory) as server:
        yield server


@contextmanager
def several(where: Path, url: str, hints: RedisServer | None) -> Iterator[list[Server]]:
    settings = AT_EASE | ({"redis_url": hints.url} if hints else {})
    with ExitStack() as stack:
        servers = []
        for number in range(NODES):
            directory = where / f"node-{number}"
            directory.mkdir()
            servers.append(stack.enter_context(running(directory, database_url=url, **settings)))
        yield servers


@asynccontextmanager
async def talking(servers: list[Server], url: str) -> AsyncIterator[Nodes]:
    crowd = Nodes(servers, url, SEED)
    tasks = [asyncio.create_task(peer.run(), name=peer.name) for peer in crowd.everybody]
    try:
        await crowd.gather()
        tasks.append(asyncio.create_task(crowd.talk(), name="talk"))
        yield crowd
    finally:
        for task in tasks:
            task.cancel()
        for task in tasks:
            with suppress(asyncio.CancelledError):
                await task


def test_a_crowd_on_three_nodes_sees_one_order_whoever_is_where(
    tmp_path: Path, postgres_server: Postgres, hints: RedisServer | None
) -> None:
    async def story() -> None:
        url = postgres_server.empty()
        with several(tmp_path, url, hints) as servers:
            async with talking(servers, url) as crowd:
                await crowd.acks(300)
                await crowd.healed()
                judge(crowd, tmp_path)

    asyncio.run(story())


def test_nodes_are_killed_one_after_the_other_and_nothing_is_lost(
    tmp_path: Path, postgres_server: Postgres, hints: RedisServer | None
) -> None:
    async def story() -> None:
        url = postgres_server.empty()
        dice = random.Random(SEED)
        with several(tmp_path, url, hints) as servers:
            async with talking(servers, url) as crowd:
                for _ in range(KILLS):
                    await crowd.acks(dice.choice((0, 20, 100)))
                    victim = dice.choice(servers)
                    await asyncio.to_thread(victim.kill)
                    await crowd.acks(20)
                    await asyncio.to_thread(victim.start)
                await crowd.acks(20)
                await crowd.healed()
                judge(crowd, tmp_path)

    asyncio.run(story())


def test_a_deploy_over_three_nodes_says_goodbye_and_loses_nothing(
    tmp_path: Path, postgres_server: Postgres, hints: RedisServer | None
) -> None:
    async def story() -> None:
        url = postgres_server.empty()
        with several(tmp_path, url, hints) as servers:
            async with talking(servers, url) as crowd:
                for server in servers:
                    await crowd.acks(50)
                    for peer in crowd.everybody:
                        peer.goodbyes.clear()
                    server.terminate()
                    assert await asyncio.to_thread(server.wait) in (0, -signal.SIGTERM), server.log()
                    assert {goodbye for peer in crowd.everybody for goodbye in peer.goodbyes[:1]} <= {
                        (True, 4001)
                    }
                    await asyncio.to_thread(server.start)
                await crowd.acks(20)
                await crowd.healed()
                judge(crowd, tmp_path)

    asyncio.run(story())


def test_redis_dies_and_comes_back_empty_under_load(tmp_path: Path, postgres_server: Postgres) -> None:
    async def story() -> None:
        url = postgres_server.empty()
        (tmp_path / "redis").mkdir()
        with redis_server(tmp_path / "redis") as hints, several(tmp_path, url, hints) as servers:
            async with talking(servers, url) as crowd:
                for broken in (hints.kill, hints.hang):
                    await crowd.acks(50)
                    await asyncio.to_thread(broken)
                    await crowd.acks(100)
                    await asyncio.to_thread(hints.start if broken == hints.kill else hints.go_on)
                await crowd.acks(50)
                await crowd.healed()
                judge(crowd, tmp_path)

    asyncio.run(story())
