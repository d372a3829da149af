"""An agent's presence: one for all tabs, gone with the last one, and a short drop moves nothing."""

from __future__ import annotations

import contextlib
import time
from pathlib import Path
from typing import Any

import msgspec

from chatserver.realtime.limits import Limits
from chatserver.store import people
from tests.harness.pipe import pipe_to
from tests.realtime.chat import Chat, Client, serving, until


class Clock:
    """The machine's, and as much later as the test says."""

    def __init__(self) -> None:
        self.later = 0

    def __call__(self) -> int:
        return time.time_ns() // 1_000_000 + self.later

    def turn(self, seconds: float) -> None:
        self.later += round(seconds * 1000)


async def gone_since(chat: Chat, agent_id: int = 1) -> int | None:
    agent = await people.agent_by_id(chat.db, agent_id)
    assert agent is not None
    return agent.gone_at


async def is_gone(chat: Chat) -> None:
    await until(lambda: not chat.hub.agents_here._counts)
    await chat.hub.agents_here.settled()
    assert await gone_since(chat)


async def attended(chat: Chat, name: str) -> bool:
    """Whether a chat that starts now goes to an agent at once."""
    async with chat.customer(name) as customer:
        ticket = await customer.start()
        await customer.send(type="open", ticket=ticket)
        snapshot = await customer.expect("snapshot")
        await customer.send(type="end", ticket=ticket)
        await customer.expect("done", verb="end")
        return not snapshot["view"]["waiting"]


async def test_five_tabs_are_one_agent_and_the_last_one_counts(tmp_path: Path, engine: str) -> None:
    clock = Clock()
    async with serving(tmp_path, clock=clock) as chat:
        async with contextlib.AsyncExitStack() as last, contextlib.AsyncExitStack() as four:
            await last.enter_async_context(chat.agent())
            for _ in range(4):
                await four.enter_async_context(chat.agent())
            assert len(chat.hub) == 5
            await four.aclose()
            await until(lambda: len(chat.hub) == 1)
            await chat.hub.agents_here.settled()
            clock.turn(60)
            assert await gone_since(chat) is None
            assert await attended(chat, "con una pestaña")
        await is_gone(chat)
        assert not await attended(chat, "sin ninguna")


async def test_a_drop_of_a_few_seconds_moves_no_chat_and_tells_nobody(tmp_path: Path, engine: str) -> None:
    clock = Clock()
    async with serving(tmp_path, clock=clock) as chat, chat.customer() as customer:
        async with chat.agent():
            ticket = await customer.start()
        for _ in range(5):
            await is_gone(chat)
            clock.turn(5)
            async with chat.agent() as agent:
                (held,) = agent.welcome["tickets"]
                assert held["agent_id"] == 1
                assert held["id"] == ticket
                await chat.hub.agents_here.settled()
                assert await gone_since(chat) is None
        # Nothing was said to the customer: what happened since is nothing.
        assert [item["kind"] for item in await everything(customer, ticket)] == ["opened", "assigned"]
        assert not [frame for frame in customer.got if frame["type"] == "attention"]


async def test_an_agent_whose_laptop_sleeps_is_away_since_the_last_sign_of_life(
    tmp_path: Path, engine: str
) -> None:
    limits = Limits(agent_heartbeat=0.3, linger=0)
    async with serving(tmp_path, limits=limits) as chat, pipe_to(chat.port) as pipe:
        chat.port, direct = pipe.port, chat.port
        async with chat.agent() as asleep:
            chat.port = direct
            await asleep.still_speaks()
            heard = chat.house.now()
            pipe.hold()
            await is_gone(chat)
            gone = await gone_since(chat)
            assert gone is not None
            assert gone <= heard + 200, "the silence counts as presence"
            # Who is awake may be silent for longer than all of this takes.
            chat.hub.limits = msgspec.structs.replace(limits, agent_heartbeat=60)
            async with chat.agent(status="away") as awake:
                await chat.hub.agents_here.settled()
                assert await gone_since(chat) is None
                await awake.still_speaks()
                pipe.release()
                assert await asleep.close_code() in (4003, 1006)
                # The old connection's late end is not taken for the new one's.
                await chat.hub.agents_here.settled()
                assert await gone_since(chat) is None


async def everything(client: Client, ticket: int) -> list[dict[str, Any]]:
    await client.send(type="history", ticket=ticket, before=2**53 - 1)
    items: list[dict[str, Any]] = (await client.expect("items", back=True))["items"]
    return items
