"""Customers and agents over real sockets: who hears what, in which order, once."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from chatserver.core.events import SessionEnded, session_topic
from chatserver.realtime.limits import Limits
from tests.realtime.chat import Chat, Client, new_cid, serving, until

CLOCKS_APART_MS = 50


async def hears(client: Client, text: str) -> dict[str, Any]:
    """The `changed` that brings this message."""
    while True:
        frame = await client.expect("changed")
        if any(item.get("text") == text for item in frame.get("items", [])):
            return frame


async def test_a_customer_starts_a_ticket_and_talks_with_the_agent_who_gets_it(chat: Chat) -> None:
    async with chat.agent() as agent, chat.customer() as customer:
        ticket = await customer.start("Mi factura")
        assert (await agent.expect("changed", ticket=ticket))["view"]["subject"] == "Mi factura"
        await customer.say(ticket, "¿Hola?")
        assert (await hears(agent, "¿Hola?"))["items"][-1]["by"] == "customer"
        await agent.say(ticket, "Buenas")
        item = (await hears(customer, "Buenas"))["items"][-1]
        assert (item["by"], item["name"]) == ("agent", "Lucia")


async def test_each_side_gets_message_ids_of_its_own_messages_only(chat: Chat) -> None:
    async with chat.agent() as agent, chat.customer() as customer:
        ticket = await customer.start()
        await customer.say(ticket, "del cliente")
        await hears(agent, "del cliente")
        await agent.say(ticket, "del agente")
        await hears(customer, "del agente")
        await customer.send(type="history", ticket=ticket, before=100)
        await agent.send(type="history", ticket=ticket, before=100)
        for client, by in ((customer, "customer"), (agent, "agent")):
            items = (await client.expect("items"))["items"]
            assert {item["by"] for item in items if item.get("cid")} == {by}
            assert any(item.get("author") for item in items) == (by == "agent")


async def test_a_repeated_message_is_stored_once_also_on_two_sockets_at_once(chat: Chat) -> None:
    async with chat.customer() as one, chat.customer() as two:
        ticket = await one.start()
        say = {"type": "say", "ticket": ticket, "cid": new_cid(), "text": "una vez"}
        await asyncio.gather(one.send(**say), two.send(**say), one.send(**say))
        seqs = {(await client.expect("ack", cid=say["cid"]))["seq"] for client in (one, two, one)}
        assert len(seqs) == 1
        await one.send(type="history", ticket=ticket, before=100)
        items = (await one.expect("items"))["items"]
        assert [item["text"] for item in items if item["kind"] == "message"] == ["una vez"]


async def test_what_one_connection_says_keeps_its_order_without_waiting_for_acks(chat: Chat) -> None:
    async with chat.customer() as customer:
        ticket = await customer.start()
        texts = [f"mensaje {number}" for number in range(200)]
        for text in texts:
            await customer.send(type="say", ticket=ticket, cid=new_cid(), text=text)
        acks = [await customer.expect("ack") for _ in texts]
        assert [ack["seq"] for ack in acks] == list(range(2, 202))
        heard = [item["text"] for frame in customer.got for item in frame.get("items", []) if item["seq"] > 1]
        assert heard == texts[: len(heard)]
        await customer.send(type="open", ticket=ticket, after=1, epoch=customer.welcome["epoch"])
        pages = [await customer.expect("items"), await customer.expect("items")]
        assert [item["text"] for page in pages for item in page["items"]] == texts


async def test_verbs_and_messages_that_arrive_together_are_begun_in_the_order_in_which_they_were_sent(
    chat: Chat,
) -> None:
    async with chat.agent() as agent, chat.customer() as customer:
        ticket = await customer.start()
        await agent.expect("changed", ticket=ticket)
        texts = [f"{n}" for n in range(6)]
        frames = [
            {"type": verb, "ticket": ticket, "cid": new_cid(), "text": text}
            for verb, text in zip(("propose", "say", "say", "propose", "say", "propose"), texts, strict=True)
        ]
        await agent.send_together(*frames, {"type": "close", "ticket": ticket})
        said = [await hears(customer, text) for text in texts]
        assert [frame["items"][-1]["text"] for frame in said] == texts
        await agent.expect("done", verb="close")


async def test_what_is_said_right_after_a_ticket_was_ended_is_too_late(chat: Chat) -> None:
    async with chat.customer() as customer:
        ticket = await customer.start()
        say = {"type": "say", "ticket": ticket, "cid": new_cid(), "text": "una cosa más"}
        await customer.send_together({"type": "end", "ticket": ticket}, say)
        await customer.expect("error", verb="say", cid=say["cid"], code="ticket_closed")


async def test_versions_follow_one_another_and_patches_lead_to_the_stored_view(chat: Chat) -> None:
    async with chat.agent() as agent, chat.customer() as customer:
        ticket = await customer.start()
        await customer.say(ticket, "uno")
        await hears(agent, "uno")
        await agent.send(type="seen", ticket=ticket, seq=3)
        await agent.say(ticket, "dos")
        await hears(customer, "dos")
        view: dict[str, Any] = {}
        for frame in customer.got:
            if frame["type"] == "changed":
                assert frame["base"] == view.get("version", 0)
                view = frame.get("view") or {**view, **frame["patch"]}
                assert view["version"] == frame["version"]
        await customer.send(type="open", ticket=ticket)
        assert (await customer.expect("snapshot"))["view"] == view


async def test_a_stranger_finds_no_ticket(chat: Chat) -> None:
    async with chat.customer("ana") as ana, chat.customer("eva") as eva:
        ticket = await ana.start()
        for frame in (
            {"type": "say", "cid": new_cid(), "text": "hola"},
            {"type": "open"},
            {"type": "history", "before": 10},
            {"type": "seen", "seq": 1},
            {"type": "here"},
            {"type": "end"},
            {"type": "typing"},
            {"type": "rate", "stars": 5},
            {"type": "answer", "solved": True},
        ):
            await eva.send(**frame, ticket=ticket)
            answer = await eva.expect("error", code="not_found")
            assert (answer["verb"], answer["ticket"]) == (frame["type"], ticket)
        assert [frame["type"] for frame in eva.got].count("changed") == 0


async def test_typing_reaches_the_other_side_only(chat: Chat) -> None:
    async with chat.agent() as agent, chat.customer() as customer, chat.customer() as tab:
        ticket = await customer.start()
        await agent.expect("changed", ticket=ticket)
        await customer.send(type="typing", ticket=ticket)
        await agent.expect("typing", ticket=ticket)
        await agent.send(type="typing", ticket=ticket)
        await tab.expect("typing", ticket=ticket, name="Lucia")
        assert [frame["type"] for frame in tab.got].count("typing") == 1


async def test_tabs_of_one_customer_and_of_one_agent_stay_in_step(chat: Chat) -> None:
    async with chat.customer() as one, chat.customer() as two, chat.agent() as left, chat.agent() as right:
        ticket = await one.start()
        await one.say(ticket, "en las dos")
        for client in (one, two, left, right):
            if client is not one or not any("en las dos" in str(frame) for frame in one.got):
                await hears(client, "en las dos")
        await left.send(type="status", status="busy")
        await right.expect("status", status="busy")


async def test_a_customer_is_gone_only_when_the_last_tab_has_closed(chat: Chat) -> None:
    async with chat.customer() as one:
        ticket = await one.start()
        async with chat.customer():
            pass
        await until(lambda: len(chat.hub) == 1)
        await chat.hub.customers_here.settled()
        assert (await chat.house.ticket(ticket)).gone_at is None
    await chat.until_empty()
    await chat.hub.customers_here.settled()
    assert (await chat.house.ticket(ticket)).gone_at is not None


async def test_a_session_that_ends_takes_its_sockets_with_it_and_no_others(chat: Chat) -> None:
    async with chat.agent(1) as one, chat.agent(2) as two:
        chat.house.bus.publish(SessionEnded(10), [session_topic(10)])
        assert await one.close_code() == 4502
        await two.still_speaks()
        chat.doorman.ended.add(20)
        await chat.hub.recheck_sessions()
        assert await two.close_code() == 4502


async def test_a_session_that_ends_while_its_socket_says_hello_gets_none(chat: Chat) -> None:
    chat.doorman.ended.add(10)  # after the doorman has let it in
    async with chat.socket("/ws/agent") as late:
        await late.send(type="hello", v=1, token="agent:1")
        await late.expect("error", code="unauthorized")
        assert await late.close_code() == 4501


async def test_what_waits_and_what_was_there_is_in_the_welcome(chat: Chat) -> None:
    async with chat.customer(name="ana") as customer:
        ticket = await customer.start("Espera")
    async with chat.customer(name="ana") as customer, chat.agent(status="away") as agent:
        assert [view["id"] for view in customer.welcome["tickets"]] == [ticket]
        place = await customer.expect("queue", ticket=ticket)
        assert place["position"] == 1
        assert [view["subject"] for view in agent.welcome["tickets"]] == ["Espera"]


async def test_who_fell_silent_is_gone_since_they_were_last_heard(tmp_path: Path, engine: str) -> None:
    limits = Limits(agent_heartbeat=0.2, customer_heartbeat=0.2, linger=0)
    async with (
        serving(tmp_path, limits=limits) as chat,
        chat.agent(1) as agent,
        chat.customer() as customer,
    ):
        ticket = await customer.start()
        asked = chat.house.now()
        for one in (agent, customer):
            await one.still_speaks()
        heard = chat.house.now()
        for one in (agent, customer):
            assert await one.close_code() == 4003
        await chat.until_empty()
        for presence in (chat.hub.agents_here, chat.hub.customers_here):
            await presence.settled()
        agents = await chat.house.reads.agents()
        for gone in (agents[0].gone_at, (await chat.house.ticket(ticket)).gone_at):
            assert gone is not None
            # Silence is measured by another clock than the hour, and rounded.
            assert asked - CLOCKS_APART_MS <= gone <= heard + CLOCKS_APART_MS


async def test_an_agent_who_closes_is_gone_since_then(chat: Chat) -> None:
    async with chat.agent(1):
        closing = chat.house.now()
    await chat.until_empty()
    await chat.hub.agents_here.settled()
    gone = (await chat.house.reads.agents())[0].gone_at
    assert gone is not None
    assert gone >= closing


async def test_so_many_frames_of_one_connection_are_under_way_and_the_rest_is_not_even_read(
    chat: Chat, monkeypatch: pytest.MonkeyPatch
) -> None:
    held: list[Any] = []
    async with chat.customer() as busy, chat.customer("eva") as other:
        ticket = await busy.start()
        submit = chat.db.submit
        monkeypatch.setattr(chat.db, "submit", lambda *job: held.append(job))
        for number in range(50):
            await busy.send(type="say", ticket=ticket, cid=new_cid(), text=f"n.º {number}")
        await until(lambda: len(held) == chat.hub.limits.pending)
        for _ in range(3):
            await other.still_speaks()
        assert len(held) == chat.hub.limits.pending == 32
        monkeypatch.undo()
        for job in held:
            submit(*job)
        seqs = [(await busy.expect("ack"))["seq"] for _ in range(50)]
        assert seqs == list(range(2, 52))
