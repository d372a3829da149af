"""Two at once: one of them wins, the other is told, and what stands afterwards is what was told."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from typing import Any

from tests.realtime.chat import Chat, Client, new_cid

ROUNDS = 8


async def answer(client: Client, ticket: int) -> dict[str, Any]:
    """The next answer to something that was asked of a ticket: ack, done or error."""
    while True:
        frame = await client.receive()
        if frame["type"] in ("ack", "done", "error") and frame.get("ticket") == ticket:
            return frame


async def stands(client: Client, ticket: int) -> dict[str, Any]:
    """The whole ticket as it is now."""
    await client.send(type="open", ticket=ticket)
    while True:
        snapshot = await client.expect("snapshot")
        if snapshot["view"]["id"] == ticket:
            return snapshot


async def test_of_two_agents_who_claim_at_once_one_gets_the_chat(chat: Chat) -> None:
    async with chat.agent(1, status="away") as one, chat.agent(2, status="away") as two:
        for turn in range(ROUNDS):
            async with chat.customer(f"c{turn}") as customer:
                ticket = await customer.start()
                rival = [{"type": "end"}, {"type": "leave", "cid": new_cid(), "email": "a@b.co"}, {}][
                    turn % 3
                ]
                asked = [one.send(type="claim", ticket=ticket), two.send(type="claim", ticket=ticket)]
                if rival:
                    asked.append(customer.send(ticket=ticket, **rival))
                await asyncio.gather(*asked)
                told = [await answer(one, ticket), await answer(two, ticket)]
                if rival:
                    await answer(customer, ticket)
                winners = [frame for frame in told if frame["type"] == "done"]
                snapshot = await stands(customer, ticket)
                assigned = [item for item in snapshot["items"] if item["kind"] == "assigned"]
                assert len(assigned) == len(winners) <= 1
                assert {f["code"] for f in told if f["type"] == "error"} <= {
                    "ticket_not_waiting",
                    "ticket_closed",
                }
                assert [item["seq"] for item in snapshot["items"]] == list(
                    range(1, snapshot["view"]["last_seq"] + 1)
                )
                if snapshot["view"]["state"] == "open":
                    await customer.send(type="end", ticket=ticket)
                    await answer(customer, ticket)


async def test_what_is_said_while_the_chat_closes_is_stored_and_acknowledged_or_neither(chat: Chat) -> None:
    async with chat.agent(1) as agent:
        for turn in range(ROUNDS):
            async with chat.customer(f"c{turn}") as customer:
                ticket = await customer.start()
                await agent.expect("changed", ticket=ticket)
                cid = new_cid()
                await asyncio.gather(
                    agent.send(type="close", ticket=ticket),
                    customer.send(type="say", ticket=ticket, cid=cid, text="espera"),
                )
                said = await answer(customer, ticket)
                assert (await answer(agent, ticket))["type"] == "done"
                items = (await stands(customer, ticket))["items"]
                kept = [item["seq"] for item in items if item.get("cid") == cid]
                if said["type"] == "ack":
                    assert kept == [said["seq"]]
                else:
                    assert (said["code"], kept) == ("ticket_closed", [])
                assert items[-1]["kind"] == "closed"


async def test_two_ends_two_answers_and_two_ratings_are_one_each(chat: Chat) -> None:
    async with chat.agent(1) as agent, AsyncExitStack() as exit_:
        tabs = [await exit_.enter_async_context(chat.customer("ana")) for _ in range(2)]
        for _ in range(ROUNDS // 4):
            ticket = await tabs[0].start()
            await agent.expect("changed", ticket=ticket)
            await agent.send(type="propose", ticket=ticket, cid=new_cid(), text="¿Listo?")
            await agent.expect("ack", ticket=ticket)
            await asyncio.gather(
                tabs[0].send(type="answer", ticket=ticket, solved=True),
                tabs[1].send(type="answer", ticket=ticket, solved=False),
            )
            told = [await answer(tab, ticket) for tab in tabs]
            assert {f.get("code", "done") for f in told} <= {"done", "no_proposal", "ticket_closed"}
            assert [f["type"] for f in told].count("done") == 1
            if told[1]["type"] == "done":
                await tabs[0].send(type="end", ticket=ticket)
                await answer(tabs[0], ticket)
            await asyncio.gather(
                *(tab.send(type="rate", ticket=ticket, stars=n) for n, tab in enumerate(tabs, 1))
            )
            assert [(await answer(tab, ticket))["type"] for tab in tabs] == ["done", "done"]
            items = (await stands(tabs[0], ticket))["items"]
            kinds = [item["kind"] for item in items]
            assert (kinds.count("closed"), kinds.count("rated")) == (1, 1)
            assert kinds.count("declined") == (told[1]["type"] == "done")


async def test_the_same_frame_on_two_connections_at_once_is_one(chat: Chat) -> None:
    async with chat.agent(1, status="away"), AsyncExitStack() as exit_:
        tabs = [await exit_.enter_async_context(chat.customer("ana")) for _ in range(2)]

        async def both(**frame: Any) -> dict[str, Any]:
            cid = new_cid()
            await asyncio.gather(*(tab.send(cid=cid, **frame) for tab in tabs))
            answers = [await tab.expect("ack", cid=cid) for tab in tabs]
            assert answers[0] == answers[1]
            return answers[0]

        for _ in range(ROUNDS // 4):
            ticket = (await both(type="start", subject="Doble"))["ticket"]
            said = await both(type="say", ticket=ticket, text="una vez")
            await both(type="leave", ticket=ticket, email="ana@x.test", text="mejor por correo")
            asked = await both(type="request", subject="Doble", text="una vez", email="ana@x.test")
            texts = [item.get("text") for item in (await stands(tabs[0], ticket))["items"]]
            assert (texts.count("una vez"), texts.count("mejor por correo")) == (1, 1)
            assert texts[said["seq"] - 1] == "una vez"
            assert (await stands(tabs[0], asked["ticket"]))["view"]["last_seq"] == 3
