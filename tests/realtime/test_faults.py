"""When the house itself fails: who asked is told, and nobody else notices."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from chatserver.core.events import AttentionChanged, app_topic
from chatserver.realtime.talk import AGAIN_SECONDS
from chatserver.store.base import Done, StoreFailed
from chatserver.store.work import Needs
from tests.realtime.chat import Chat, new_cid, until


async def test_a_write_that_fails_is_asked_for_again_and_the_connection_goes_on(
    chat: Chat, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with chat.customer() as customer:
        ticket = await customer.start()

        def fail(needs: Needs, decide: object, done: Done) -> None:
            done(None, StoreFailed("disk full: /secret/path"))

        with monkeypatch.context() as broken:
            broken.setattr(chat.db, "submit", fail)
            cid = new_cid()
            await customer.send(type="say", ticket=ticket, cid=cid, text="hola")
            answer = await customer.expect("error")
        low, high = AGAIN_SECONDS
        assert low <= answer.pop("retry_after") <= high
        assert answer == {"type": "error", "code": "unavailable", "verb": "say", "cid": cid, "ticket": ticket}
        await customer.send(type="say", ticket=ticket, cid=cid, text="hola")
        assert (await customer.expect("ack", cid=cid))["seq"] == 2


async def test_a_surprise_ends_its_own_connection_with_a_word_and_no_details(
    chat: Chat, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async with chat.customer() as unlucky, chat.customer("eva") as other:
        ticket = await unlucky.start()

        async def fail(*arguments: Any) -> None:
            raise ZeroDivisionError("secret detail")

        with monkeypatch.context() as broken:
            broken.setattr(chat.db, "write", fail)
            await unlucky.send(type="here", ticket=ticket)
            assert await unlucky.close_code() == 4005
        assert unlucky.got[-1] == {"type": "error", "code": "internal", "verb": "here", "ticket": ticket}
        assert "secret detail" in caplog.text
        await other.still_speaks()


async def test_the_clock_runs_for_a_customer_who_left_before_their_chat_was_stored(
    chat: Chat, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked, go_on = asyncio.Event(), asyncio.Event()
    read = chat.house.reads.customer_tickets

    async def slow(*arguments: Any) -> Any:
        asked.set()
        await go_on.wait()
        return await read(*arguments)

    monkeypatch.setattr(chat.house.reads, "customer_tickets", slow)
    async with chat.customer() as customer:
        await customer.send(type="start", cid=new_cid(), subject="Otra vez", follows=1001)
        await asked.wait()
    await chat.until_empty()
    await chat.hub.customers_here.settled()
    go_on.set()
    await until(lambda: not chat.hub._tasks)
    await chat.hub.customers_here.settled()
    async with chat.agent(status="away") as agent:
        (waiting,) = agent.welcome["tickets"]
        assert waiting["clock"]["gone_at"] is not None


async def test_every_customer_hears_of_attention_and_it_is_looked_up_once(
    chat: Chat, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked: list[str] = []
    agents = chat.house.reads.agents

    async def counted() -> Any:
        looked.append("agents")
        return await agents()

    async with chat.customer("ana") as ana, chat.customer("eva") as eva, chat.customer("eva") as tab:
        monkeypatch.setattr(chat.house.reads, "agents", counted)
        chat.house.bus.publish(AttentionChanged(1), [app_topic(1)])
        for client in (ana, eva, tab):
            assert (await client.expect("attention"))["attention"]["open"] is True
        assert len(looked) == 1


async def test_attention_that_changes_while_it_is_looked_up_is_looked_up_again(
    chat: Chat, monkeypatch: pytest.MonkeyPatch
) -> None:
    agents = chat.house.reads.agents
    looked: list[str] = []

    async def slow() -> Any:
        looked.append("agents")
        if len(looked) == 1:
            for _ in range(3):
                chat.house.bus.publish(AttentionChanged(1), [app_topic(1)])
        return await agents()

    async with chat.customer() as customer:
        monkeypatch.setattr(chat.house.reads, "agents", slow)
        chat.house.bus.publish(AttentionChanged(1), [app_topic(1)])
        await customer.expect("attention")
        await customer.expect("attention")
        await customer.still_speaks()
        assert len(looked) == 2
