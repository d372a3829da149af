"""One person at several nodes: there as long as a tab is open anywhere, gone once and soon when the last one is closed."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from pathlib import Path

import pytest

from chatserver.realtime.limits import Limits
from tests.faults.crowd import AT_EASE, MAILS
from tests.harness.peers import AgentPeer, CustomerPeer, Diary, Peer
from tests.harness.pipe import pipe_to
from tests.harness.postgres import Postgres, fetched
from tests.harness.redis import RedisServer, redis_server
from tests.harness.server import Server
from tests.harness.sign_in import Desk
from tests.harness.sizes import SEED, size
from tests.harness.three import Three, three_nodes
from tests.harness.waiting import soon, until

pytestmark = pytest.mark.fault

AWAY_WITHIN = 15.0
"""Seconds from the last tab closed (PROMISES R16)."""
TYPING_WITHIN = 1.0
LINGER = Limits().linger
SETTLED = LINGER + 1.0
"""Seconds after which a node would have said that somebody left it."""
ROUNDS = size(1, 10)
HEARTBEAT = size(1, 5)
SETTINGS = AT_EASE | {"agent_heartbeat_seconds": HEARTBEAT}


@pytest.fixture
def redis(tmp_path: Path) -> Iterator[RedisServer]:
    with redis_server(tmp_path / "redis") as server:
        yield server


class Tab:
    """Open until `close`."""

    def __init__(self, peer: Peer) -> None:
        self.peer = peer
        self._task = asyncio.create_task(peer.run(), name=peer.name)

    async def close(self) -> None:
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)


class People:
    """The tabs of one agent and of one customer, and their chat."""

    def __init__(self, stack: AsyncExitStack) -> None:
        self.stack = stack
        self.diary, self.dice = Diary(), random.Random(SEED)
        self.desks: dict[int, Desk] = {}
        self.token = ""
        self.ticket = 0

    async def agent(self, server: Server, port: int = 0) -> Tab:
        """`port`: of a detour."""
        desk = self.desks.setdefault(server.port, Desk(server, MAILS[0]))
        peer = AgentPeer(MAILS[0], server.port, self.diary, self.dice, desk.token)
        return await self._opened(peer, port)

    async def customer(self, server: Server) -> Tab:
        peer = CustomerPeer("cliente", server.port, self.diary, self.dice)
        peer.token = self.token
        tab = await self._opened(peer)
        self.token = peer.token
        return tab

    async def both(self, server: Server) -> tuple[Tab, Tab]:
        return await self.agent(server), await self.customer(server)

    async def _opened(self, peer: Peer, port: int = 0) -> Tab:
        peer.port = port or peer.port
        tab = Tab(peer)
        self.stack.push_async_callback(tab.close)
        await soon(lambda: peer.online, f"{peer.name} is in")
        return tab

    async def talk(self, agent: Tab, customer: Tab) -> None:
        """They have a chat with each other."""
        attending, asking = agent.peer, customer.peer
        assert isinstance(attending, AgentPeer)
        assert isinstance(asking, CustomerPeer)
        await attending.is_available()
        self.ticket = await asking.starts_chat("¿Siguen ahí?")
        await soon(lambda: self.ticket in attending.tickets(), "the chat is theirs")


@asynccontextmanager
async def people() -> AsyncIterator[People]:
    async with AsyncExitStack() as stack:
        yield People(stack)


async def gone(three: Three) -> bool:
    """Both are, for everybody."""
    absent = [who for who in await three.absences() if who == f"agent {MAILS[0]}" or "customer" in who]
    return len(absent) == 2


async def status(three: Three) -> str:
    ((found,),) = await fetched(three.url, "SELECT status FROM agents WHERE email = ?", MAILS[0])
    return str(found)


@pytest.mark.parametrize("end", ["closed", "killed"])
async def test_five_tabs_at_three_nodes_are_one_person_who_is_gone_with_the_last_of_them(
    tmp_path: Path, postgres_server: Postgres, redis: RedisServer, end: str
) -> None:
    async with three_nodes(tmp_path, postgres_server, redis, **SETTINGS) as three, people() as we:
        last = await we.both(three.victim)
        await we.talk(*last)
        await three.note_absences()
        for _ in range(ROUNDS):
            tabs = [await we.both(server) for server in (three.a, three.a, three.b)]
            # The node that said last that they are there is left first.
            tabs.insert(0, await we.both(three.b))
            tabs.insert(0, tabs.pop())
            reloaded, *rest = tabs
            await close(reloaded)
            rest.append(await we.both(three.a))
            we.dice.shuffle(rest)
            for tab in rest:
                await close(tab)
            await asyncio.sleep(SETTLED)  # the passing of time is what this is about
            assert not await three.noted(), f"gone with a tab open, seed {SEED}"
        began = time.monotonic()
        if end == "killed":
            await asyncio.to_thread(three.victim.kill)
        else:
            await close(last)

        async def both_gone() -> bool:
            return await gone(three)

        await until(both_gone, "both are gone", AWAY_WITHIN)
        print(f"{end}: gone after {time.monotonic() - began:.1f} s")
        assert len(await three.noted()) == 2, "said more than once"
        assert await status(three) == "available"
        await we.both(three.b)
        await until(lambda: nobody_gone(three), "both are back")


async def nobody_gone(three: Three) -> bool:
    absent = await three.absences()
    return f"agent {MAILS[0]}" not in absent and not any("customer" in who for who in absent)


async def close(tabs: tuple[Tab, Tab]) -> None:
    for tab in tabs:
        await tab.close()


async def test_who_comes_back_to_another_node_within_five_seconds_was_not_gone(
    tmp_path: Path, postgres_server: Postgres, redis: RedisServer
) -> None:
    async with three_nodes(tmp_path, postgres_server, redis, **SETTINGS) as three, people() as we:
        tabs = await we.both(three.a)
        await we.talk(*tabs)
        await three.note_absences()
        for server in (three.b, three.b, three.victim):
            await close(tabs)
            await asyncio.sleep(LINGER - 3)  # on its way
            tabs = await we.both(server)
        await asyncio.sleep(SETTLED)
        assert not await three.noted()


@pytest.mark.parametrize("long", [False, True], ids=["for a moment", "for long"])
async def test_a_laptop_that_sleeps_is_gone_once_if_it_sleeps_for_long(
    tmp_path: Path, postgres_server: Postgres, redis: RedisServer, long: bool
) -> None:
    async with (
        three_nodes(tmp_path, postgres_server, redis, **SETTINGS) as three,
        pipe_to(three.a.port) as pipe,
        people() as we,
    ):
        asleep = await we.agent(three.a, pipe.port)
        await we.talk(asleep, await we.customer(three.b))
        await three.note_absences()
        pipe.swallow("up", "down")

        async def away() -> bool:
            return bool(await three.noted())

        if long:
            await until(away, "they are away", AWAY_WITHIN)
        else:
            await asyncio.sleep(2)  # it sleeps
        await we.agent(three.b)
        await until(lambda: nobody_gone(three), "it is back")
        await asyncio.sleep(2.4 * HEARTBEAT + SETTLED)
        assert len(await three.noted()) == long
        assert await status(three) == "available"
        pipe.swallow()


async def test_typing_is_shown_at_another_node_within_a_second(
    tmp_path: Path, postgres_server: Postgres, redis: RedisServer
) -> None:
    async with three_nodes(tmp_path, postgres_server, redis, **SETTINGS) as three, people() as we:
        agent, customer = await we.agent(three.a), await we.customer(three.b)
        await we.talk(agent, customer)
        for typist, reader in ((customer.peer, agent.peer), (agent.peer, customer.peer)):
            await typist.types(we.ticket)
            await soon(partial(reader.typing.count, we.ticket), "typing is shown", TYPING_WITHIN)
