"""An administrator shuts somebody out who is signed in at three nodes (PROMISES S4); guesses of a password go to all of them."""

from __future__ import annotations

import asyncio
import random
import time
from contextlib import AsyncExitStack
from functools import partial
from pathlib import Path

import httpx2
import pytest
from click.testing import CliRunner, Result

from chatserver.cli.main import main
from tests.faults.crowd import AT_EASE
from tests.faults.nodes import several, several_with_redis
from tests.harness.peers import AgentPeer, CustomerPeer, Diary, Peer
from tests.harness.postgres import Postgres, fetched
from tests.harness.server import PASSWORD, Server
from tests.harness.sign_in import Desk
from tests.harness.sizes import SEED
from tests.harness.waiting import soon

pytestmark = [pytest.mark.fault, pytest.mark.alone]

ANA, LUIS = "ana@demo.test", "luis@demo.test"
SESSION_ENDED = 4502
TRIES = 6


def ordered(server: Server, *words: str) -> Result:
    result = CliRunner().invoke(main, ("agent", *words), env=server.environment(), catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result


def signs_in(server: Server, email: str, password: str) -> int:
    headers = {"origin": server.origin, "sec-fetch-site": "same-origin"}
    with httpx2.Client(base_url=server.origin, headers=headers, trust_env=False, verify=False) as client:
        return client.post("/console/session", json={"email": email, "password": password}).status_code


class House:
    """Peers at these nodes, until the end."""

    def __init__(self, nodes: list[Server], stack: AsyncExitStack) -> None:
        self.nodes = nodes
        self._stack = stack
        self._made_of = Diary(), random.Random(SEED)

    async def comes(self, peer: Peer) -> None:
        task = asyncio.create_task(peer.run(), name=peer.name)

        async def leaves() -> None:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

        self._stack.push_async_callback(leaves)
        await soon(lambda: peer.online or task.done(), f"{peer.name} is in")

    async def agent(self, mail: str, node: Server) -> AgentPeer:
        agent = AgentPeer(mail, node.port, *self._made_of, Desk(node, mail).token)
        await self.comes(agent)
        return agent

    async def chats(self, name: str, node: Server) -> tuple[CustomerPeer, int]:
        customer = CustomerPeer(name, node.port, *self._made_of)
        await self.comes(customer)
        return customer, await customer.starts_chat("¿Hay alguien?")


@pytest.mark.parametrize("hinted", [False, True])
async def test_who_is_disabled_is_out_at_every_node_and_their_chats_go_to_others(
    tmp_path: Path, postgres_server: Postgres, hinted: bool
) -> None:
    url = postgres_server.demo()
    settings = AT_EASE | {"linger_seconds": 0}
    nodes_of = (
        several_with_redis(tmp_path, url, **settings) if hinted else several(tmp_path, url, None, **settings)
    )
    async with AsyncExitStack() as stack:
        nodes = stack.enter_context(nodes_of)
        house = House(nodes, stack)
        tabs = [await house.agent(ANA, node) for node in nodes]
        await tabs[0].is_available()
        chats = [await house.chats(f"cliente-{n}", node) for n, node in enumerate(nodes)]
        tickets = sorted(ticket for _, ticket in chats)
        for tab in tabs:
            await soon(partial(has, tab, tickets), "each tab shows the chats")
        luis = await house.agent(LUIS, nodes[1])

        began = time.monotonic()
        await asyncio.to_thread(ordered, nodes[2], "disable", ANA)
        done = time.monotonic()
        for tab in tabs:
            await soon(partial(was_sent_away, tab), "every socket of theirs is closed")
        closed = time.monotonic()
        for customer, ticket in chats:
            await soon(partial(waits, customer, ticket), "the customer is told")
        told = time.monotonic()
        await luis.is_available()
        await soon(partial(has, luis, tickets), "somebody else has all of them")
        for node in nodes:
            assert await asyncio.to_thread(signs_in, node, ANA, PASSWORD) == 401
        rows = "SELECT load, gone_at FROM agents WHERE email = ?"
        assert [tuple(row) for row in await fetched(url, rows, ANA)] == [(0, 0)]
        kinds = "SELECT count(*) FROM items WHERE kind = 'queued' AND reason = 'signed_out'"
        assert (await fetched(url, kinds))[0][0] == len(tickets), "given back more than once"
        print(
            f"the order took {done - began:.2f} s; then sockets closed after {closed - done:.2f} s, "
            f"customers told after {told - done:.2f} s"
        )

        await asyncio.to_thread(ordered, nodes[0], "enable", ANA)
        for node in nodes:
            back = await house.agent(ANA, node)
            assert back.online
        assert not any("Traceback" in node.whole_log() for node in nodes)


async def test_a_chat_of_an_app_that_an_agent_lost_goes_to_others_while_they_stay(
    tmp_path: Path, postgres_server: Postgres
) -> None:
    async with AsyncExitStack() as stack:
        nodes = stack.enter_context(several(tmp_path, postgres_server.demo(), None, **AT_EASE))
        house = House(nodes, stack)
        ana = await house.agent(ANA, nodes[0])
        await ana.is_available()
        customer, ticket = await house.chats("cliente", nodes[1])
        await soon(partial(has, ana, [ticket]), "the agent has the chat")
        await asyncio.to_thread(ordered, nodes[2], "set", ANA, "--app", "horario")
        await soon(partial(waits, customer, ticket), "the customer is told")
        await soon(lambda: ana.online and ticket not in ana.tickets(), "the agent is back without it")
        assert (False, SESSION_ENDED) not in ana.goodbyes
        await asyncio.to_thread(ordered, nodes[1], "set", ANA, "--app", "horario", "--app", "demo")
        await soon(partial(has, ana, [ticket]), "and has it again, with the app")


async def test_guesses_at_three_nodes_are_no_more_than_at_one(
    tmp_path: Path, postgres_server: Postgres
) -> None:
    async with AsyncExitStack() as stack:
        settings = AT_EASE | {"sign_in_tries": TRIES}
        nodes = stack.enter_context(several(tmp_path, postgres_server.demo(), None, **settings))
        answers = [
            await asyncio.to_thread(signs_in, nodes[n % len(nodes)], ANA, "otra-clave")
            for n in range(2 * TRIES)
        ]
        assert answers == [401] * TRIES + [429] * TRIES
        unknown = [
            await asyncio.to_thread(signs_in, nodes[n % len(nodes)], "nadie@demo.test", "otra-clave")
            for n in range(2 * TRIES)
        ]
        assert unknown == answers
        for node in nodes:
            assert await asyncio.to_thread(signs_in, node, ANA, PASSWORD) == 429
            assert await asyncio.to_thread(signs_in, node, LUIS, PASSWORD) == 200


def has(agent: AgentPeer, tickets: list[int]) -> bool:
    return agent.online and sorted(agent.tickets()) == tickets


def was_sent_away(agent: AgentPeer) -> bool:
    return (False, SESSION_ENDED) in agent.goodbyes and not agent.online


def waits(customer: CustomerPeer, ticket: int) -> bool:
    return bool(customer.threads[ticket].view["waiting"])
