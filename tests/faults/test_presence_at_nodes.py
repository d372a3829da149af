"""One person at several nodes: there as long as a tab is open anywhere, gone once and soon when the last one is closed, and as of
then. Everybody in this file is an agent and a customer, who do the same at the same time."""

from __future__ import annotations

import asyncio
import random
import time
from contextlib import AsyncExitStack
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from chatserver.realtime.limits import Limits
from chatserver.services.nodes import DEAD_MS
from tests.faults.crowd import AT_EASE
from tests.harness.peers import AgentPeer, CustomerPeer, Diary, Peer
from tests.harness.pipe import pipe_to
from tests.harness.postgres import Postgres, fetched
from tests.harness.redis import redis_server
from tests.harness.server import Server
from tests.harness.sign_in import Desk, agent_mail, more_agents, new_session
from tests.harness.sizes import SEED, size
from tests.harness.three import Three, three_nodes
from tests.harness.waiting import soon, until

pytestmark = [pytest.mark.fault, pytest.mark.alone]

AWAY_WITHIN = 15.0
"""Seconds from the last tab closed (PROMISES R16)."""
TYPING_WITHIN = 1.0
LINGER = Limits().linger
SETTLED = LINGER + 1.0
"""Seconds after which a node would have said that somebody left it."""
HEARTBEAT = size(2, 5)
SILENCE = 2.4 * HEARTBEAT
ROUNDS = size(1, 10)
ON_ITS_WAY = size(0.0, LINGER - 3)
"""Seconds between the last tab at one node and the first one at another."""
ABOUT = 4_000
"""Milliseconds between what somebody does and what a busy node hears of it. It says so later than that."""
HEARTBEATS = {"agent_heartbeat_seconds": HEARTBEAT, "customer_heartbeat_seconds": HEARTBEAT}
SETTINGS: dict[str, Any] = AT_EASE | HEARTBEATS


class Tab:
    """Open until `close`."""

    def __init__(self, peer: Peer) -> None:
        self.peer = peer
        self._task = asyncio.create_task(peer.run(), name=peer.name)

    async def is_open(self) -> None:
        await soon(lambda: self.peer.online or self._task.done(), f"{self.peer.name} is in")
        if self._task.done():
            self._task.result()

    async def close(self) -> None:
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)


class Person:
    """An agent and a customer, and the customer's chat."""

    def __init__(self, three: Three, stack: AsyncExitStack, number: int) -> None:
        self.three = three
        self.mail, self.name = agent_mail(number), f"cliente-{number}"
        self.ticket = 0
        self._stack = stack
        self._made_of = (Diary(), random.Random(SEED + number))
        self._session = self._token = ""
        self._agent_id = 0

    async def agent(self, server: Server, port: int = 0) -> Tab:
        """`port`: of a detour."""
        self._session = self._session or await new_session(self.three.url, self.mail)
        desk = Desk(server, self.mail, self._session)
        tab = await self._opened(AgentPeer(self.mail, server.port, *self._made_of, desk.token), port)
        self._agent_id = tab.peer.id
        return tab

    async def customer(self, server: Server, port: int = 0) -> Tab:
        peer = CustomerPeer(self.name, server.port, *self._made_of)
        peer.token = self._token
        tab = await self._opened(peer, port)
        self._token = peer.token
        if not self.ticket:
            self.ticket = await peer.starts_chat("¿Siguen ahí?")
        return tab

    async def comes(self, server: Server, port: int = 0) -> tuple[Tab, Tab]:
        return await self.agent(server, port), await self.customer(server, port)

    async def _opened(self, peer: Peer, port: int) -> Tab:
        peer.port = port or peer.port
        tab = Tab(peer)
        self._stack.push_async_callback(tab.close)
        await tab.is_open()
        return tab

    # — what is stored of both ————————————————————————————————————————————————

    async def gone_at(self) -> list[int]:
        """Of whom of them is gone."""
        query = (
            "SELECT gone_at FROM agents WHERE id = ? AND gone_at IS NOT NULL "
            "UNION ALL SELECT gone_at FROM tickets WHERE id = ? AND gone_at IS NOT NULL"
        )
        return [row[0] for row in await fetched(self.three.url, query, self._agent_id, self.ticket)]

    async def both_gone(self) -> bool:
        return len(await self.gone_at()) == 2

    async def both_here(self) -> bool:
        return not await self.gone_at()

    async def absences(self) -> int:
        """How often one of them was said to be gone, if for a millisecond."""
        own = {f"agents {self._agent_id}", f"tickets {self.ticket}"}
        return sum(one in own for one in await self.three.noted())

    async def are_gone(self, since: int, until_then: int) -> None:
        """Within the time, as of a moment between these (ms), and said once."""
        began = time.monotonic()
        await until(self.both_gone, f"{self.name} is gone", AWAY_WITHIN)
        took = time.monotonic() - began
        assert await self.absences() == 2, "said more than once"
        late = [at - until_then for at in await self.gone_at()]
        assert all(since - until_then - ABOUT <= one <= ABOUT for one in late), f"gone {late} ms after that"
        print(f"{self.name}: gone after {took:.1f} s, as of {late} ms after")


async def clock(three: Three) -> int:
    """The database's, which is the nodes' (ms)."""
    query = "SELECT (extract(epoch FROM clock_timestamp()) * 1000)::bigint"
    ((now,),) = await fetched(three.url, query)
    return int(now)


async def close(tabs: tuple[Tab, Tab]) -> None:
    for tab in tabs:
        await tab.close()


# — what they do, all of them at once ————————————————————————————————————————————


async def types_at_one_node_and_is_seen_at_another(person: Person) -> None:
    three = person.three
    agent, *_ = [(await person.agent(node)).peer for node in three.nodes]
    assert isinstance(agent, AgentPeer)
    await agent.is_available()
    customer = (await person.customer(three.b)).peer
    await soon(lambda: person.ticket in agent.tickets(), "the chat is theirs")
    for typist, reader in ((customer, agent), (agent, customer)):
        await typist.types(person.ticket)
        await soon(partial(reader.typing.count, person.ticket), "typing is shown", TYPING_WITHIN)


async def has_four_tabs_more(person: Person) -> None:
    """Beside the one that stays open; each round opens and closes them, reloading one of them meanwhile."""
    three, dice = person.three, random.Random(SEED)
    for _ in range(ROUNDS):
        tabs = [await person.comes(server) for server in (three.a, three.a, three.b, three.b)]
        # The node that said last that they are there is left first.
        await close(tabs.pop())
        tabs.append(await person.comes(three.a))
        dice.shuffle(tabs)
        for one in tabs:
            await close(one)
        await asyncio.sleep(SETTLED)  # the passing of time is what this is about
        assert not await person.absences(), f"gone with a tab open, seed {SEED}"


async def closes_all_tabs_and_comes_back(person: Person) -> None:
    three = person.three
    last = await person.comes(three.b)
    await has_four_tabs_more(person)
    before = await clock(three)
    await close(last)
    await person.are_gone(before, await clock(three))
    await person.comes(three.a)
    await until(person.both_here, "both are back")


async def moves_from_node_to_node(person: Person) -> None:
    three = person.three
    tabs = await person.comes(three.a)
    for server in (three.b, three.b, three.a):
        await close(tabs)
        await asyncio.sleep(ON_ITS_WAY)  # the passing of time is what this is about
        tabs = await person.comes(server)
    await asyncio.sleep(SETTLED)  # the same
    assert not await person.absences()


async def sleeps_for_a_moment(person: Person) -> None:
    async with pipe_to(person.three.a.port) as pipe:
        await person.comes(person.three.a, pipe.port)
        pipe.swallow("up", "down")
        await person.comes(person.three.b)
        await asyncio.sleep(max(SILENCE, LINGER) + 2.0)  # until the first node would have said so
        assert not await person.absences()


async def sleeps_for_long(person: Person) -> None:
    three = person.three
    async with pipe_to(three.a.port) as pipe:
        await person.comes(three.a, pipe.port)
        pipe.swallow("up", "down")
        slept = await clock(three)
        await person.are_gone(slept - round(SILENCE * 1000), slept)
        await person.comes(three.b)
        await until(person.both_here, "both are back")
        pipe.swallow()


async def loses_the_node(person: Person, leaver: Person) -> None:
    """`leaver` has closed the last tab just before, and the node had no time to say so."""
    three = person.three
    first, _, last = [await person.comes(node) for node in (three.a, three.victim, three.victim)]
    leaving = await leaver.comes(three.victim)
    await close(first)
    await close(last)
    before = await clock(three)
    await close(leaving)
    await asyncio.to_thread(three.victim.kill)
    dead = await clock(three)
    for one in (person, leaver):
        await one.are_gone(before - DEAD_MS, dead)  # as of the node's last sign of life
    await person.comes(three.b)
    await until(person.both_here, "both are back")


async def test_who_has_tabs_at_three_nodes_is_gone_once_soon_and_only_after_the_last_of_them(
    tmp_path: Path, postgres_server: Postgres
) -> None:
    with redis_server(tmp_path / "redis") as redis:
        async with (
            three_nodes(tmp_path, postgres_server, redis, **SETTINGS) as three,
            AsyncExitStack() as stack,
        ):
            await more_agents(three.url, 7)
            await three.note_absences()
            people = [Person(three, stack, number) for number in range(1, 8)]
            typist, closer, mover, dozer, sleeper, stranded, leaver = people
            await types_at_one_node_and_is_seen_at_another(typist)  # first: all nodes know the agents then
            async with asyncio.TaskGroup() as group:
                for doing in (
                    closes_all_tabs_and_comes_back(closer),
                    moves_from_node_to_node(mover),
                    sleeps_for_a_moment(dozer),
                    sleeps_for_long(sleeper),
                    loses_the_node(stranded, leaver),
                ):
                    group.create_task(doing)
            assert [await one.absences() for one in people] == [0, 2, 0, 0, 2, 2, 2]
            statuses = await fetched(
                three.url, "SELECT DISTINCT status FROM agents WHERE email LIKE 'agente-%'"
            )
            assert {status for (status,) in statuses} == {"available", "busy"}, "to be gone is no status"
