"""What an administrator changes while people are connected."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import pytest

from chatserver.realtime.close_codes import GOING_AWAY
from chatserver.realtime.limits import Limits
from chatserver.services import followups
from chatserver.store import accounts, people
from chatserver.store.base import StoreFailed
from tests.realtime.chat import Chat, serving, until

LUCIA, MATEO = 1, 2


async def noticed(chat: Chat, order: Any) -> None:
    await order
    await chat.hub.people_changed()


async def test_what_failed_half_way_is_done_again(
    tmp_path: Path, engine: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The database is away when a server has read the new rules, and has not told them to the open chats."""

    async def is_away(*_: object) -> None:
        raise StoreFailed("away")

    async with serving(tmp_path) as chat, chat.customer() as customer, chat.agent(LUCIA, status="busy"):
        ticket = await customer.start()
        await accounts.change_app(chat.db, "demo", policy='{"inactivity_seconds": 1000}')
        await accounts.change_agent(chat.db, LUCIA, capacity=7)
        with monkeypatch.context() as away:
            away.setattr(followups, "rules_changed", is_away)
            with pytest.raises(StoreFailed):
                await chat.hub.people_changed()
        done: list[set[int]] = []

        async def told(house: object, app_ids: set[int]) -> None:
            done.append(set(app_ids))

        with monkeypatch.context() as watched:
            for name in ("rules_changed", "people_changed"):
                watched.setattr(followups, name, told)
            await chat.hub.people_changed()
            assert done == [{1}, {1}]
            await chat.hub.people_changed()
        assert done[2:] == [set(), set()]
        await chat.hub.people_changed()
        assert (await chat.house.ticket(ticket)).waiting


async def test_who_is_disabled_while_connected_is_gone_and_nothing_is_tried_for_ever(
    tmp_path: Path, engine: str, caplog: pytest.LogCaptureFixture
) -> None:
    async with serving(tmp_path) as chat, chat.customer() as customer:
        async with chat.agent(LUCIA) as lucia:
            await chat.hub.agents_here.settled()
            ticket = await customer.start()
            assert (await chat.house.ticket(ticket)).agent_id == LUCIA
            chat.doorman.ended.add(10 * LUCIA)
            await noticed(chat, accounts.disable_agent(chat.db, LUCIA, 1))
            assert await lucia.close_code() == 4502
        await until(lambda: not chat.hub.agents_here._counts and not chat.hub.agents_here._tellers)
        listed = await people.listed_agent(chat.db, "lucia@example.test")
        assert listed is not None
        assert (listed.agent.gone_at, listed.agent.load) == (0, 0)
        assert (await chat.house.ticket(ticket)).waiting
        async with chat.agent(MATEO):
            await chat.hub.agents_here.settled()
            assert (await chat.house.ticket(ticket)).agent_id == MATEO
    assert not [record for record in caplog.records if record.levelno >= logging.WARNING]


async def test_who_was_let_in_a_moment_ago_comes_in_before_the_server_notices(
    tmp_path: Path, engine: str
) -> None:
    async with serving(tmp_path) as chat:
        await noticed(chat, accounts.disable_agent(chat.db, MATEO, 1))
        await accounts.change_agent(chat.db, MATEO, disabled_at=None)
        async with chat.agent(MATEO) as mateo:
            assert mateo.welcome["name"] == "Mateo"


async def test_a_name_that_changes_is_shown_to_the_customer_and_brings_the_agent_back(
    tmp_path: Path, engine: str
) -> None:
    async with serving(tmp_path) as chat, chat.customer() as customer, chat.agent(LUCIA) as lucia:
        await chat.hub.agents_here.settled()
        ticket = await customer.start()
        assert (await chat.house.ticket(ticket)).agent_id == LUCIA
        await noticed(chat, accounts.change_agent(chat.db, LUCIA, name="Lucía Paz"))
        while (await customer.expect("changed", ticket=ticket)).get("patch", {}).get("agent") != "Lucía Paz":
            pass
        assert await lucia.close_code() == GOING_AWAY


async def test_a_form_that_changes_brings_the_agent_back_to_hear_what_it_is_called_now(
    tmp_path: Path, engine: str
) -> None:
    async with serving(tmp_path) as chat:
        async with chat.agent(LUCIA) as lucia:
            before = lucia.welcome["apps"][0]["form"]
            await noticed(chat, accounts.change_app(chat.db, "demo", form='{"country":"CL"}'))
            assert await lucia.close_code() == GOING_AWAY
        async with chat.agent(LUCIA) as again:
            after = again.welcome["apps"][0]["form"]
            assert after != before
            await noticed(chat, accounts.change_app(chat.db, "demo", form="{}"))
            assert await again.close_code() == GOING_AWAY
        async with chat.agent(LUCIA) as at_last:
            assert at_last.welcome["apps"][0]["form"] == before


async def test_an_app_that_is_given_serves_its_queue_and_one_that_is_taken_leaves_the_desk(
    tmp_path: Path, engine: str
) -> None:
    """Who has to come in again for it is not gone meanwhile."""
    limits = Limits(linger=60)
    async with serving(tmp_path, limits=limits) as chat, chat.customer() as customer:
        other = await accounts.add_app(
            chat.db, key="otra", name="Otra", secret="s" * 32, schedule='{"always":true}', created_at=1
        )
        await noticed(chat, accounts.change_agent(chat.db, LUCIA, [other]))
        async with chat.agent(LUCIA):
            await chat.hub.agents_here.settled()
            ticket = await customer.start()
            assert (await chat.house.ticket(ticket)).waiting
            await noticed(chat, accounts.change_agent(chat.db, LUCIA, [1, other]))
            assert (await chat.house.ticket(ticket)).agent_id == LUCIA
            await noticed(chat, accounts.change_agent(chat.db, LUCIA, [other]))
            assert (await chat.house.ticket(ticket)).waiting
