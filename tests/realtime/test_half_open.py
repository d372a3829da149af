"""A peer that is gone while its connection says nothing: found out by silence, in either direction."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from chatserver.realtime.close_codes import SLOW
from chatserver.realtime.limits import Limits
from chatserver.server import sockets
from tests.harness.pipe import Pipe, pipe_to
from tests.realtime.chat import Chat, Client, serving, until
from tests.security.raw import close_frame

QUICK = Limits(customer_heartbeat=0.3, agent_heartbeat=0.3)


@pytest.fixture(autouse=True)
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    """A goodbye that nobody answers is not waited for as long as otherwise."""
    monkeypatch.setattr(sockets, "CLOSE_SECONDS", 0.2)
    monkeypatch.setattr(sockets, "GOODBYE_SECONDS", 0.5)


@contextlib.asynccontextmanager
async def through_a_pipe(where: Path, limits: Limits = QUICK) -> AsyncIterator[tuple[Chat, Pipe, Client]]:
    """A customer behind a pipe who says nothing by itself."""
    async with (
        serving(where, limits=limits) as chat,
        pipe_to(chat.port) as pipe,
        dataclasses.replace(chat, port=pipe.port).customer() as customer,
    ):
        yield chat, pipe, customer
        customer.ws.transport.abort()


async def test_who_cannot_be_heard_any_more_is_told_and_let_go(tmp_path: Path) -> None:
    async with through_a_pipe(tmp_path) as (chat, pipe, customer):
        pipe.swallow("up")
        await customer.send(type="ping")
        assert await customer.close_code() == 4003
        assert [frame["type"] for frame in customer.got] == ["welcome"]
        await chat.until_empty()


async def test_whose_signs_of_life_wait_after_a_standstill_of_the_server_is_not_let_go(
    tmp_path: Path,
) -> None:
    async with serving(tmp_path, limits=Limits()) as chat, chat.customer() as customer:
        connection = chat.hub.peers[-1].connection
        connection._heard_at = long_ago = connection._heard_at - 10 * chat.hub.limits.customer_heartbeat
        await customer.send(type="ping")
        assert connection._heard_at == long_ago, "it was read before the server looked"
        await chat.hub._sweep()
        assert connection.code is None


async def test_who_hears_nothing_any_more_is_kept_while_they_can_be_heard(tmp_path: Path) -> None:
    async with through_a_pipe(tmp_path, Limits()) as (chat, pipe, customer):
        ticket = await customer.start()
        pipe.swallow("down")
        await customer.send(type="say", ticket=ticket, cid="A" * 22, text="hola")
        connection = chat.hub.peers[-1].connection
        for _ in range(3):
            connection._heard_at -= chat.hub.limits.customer_heartbeat * 1.5  # so long they say nothing
            quiet_since = connection._heard_at
            connection.check()
            await customer.send(type="ping")
            await until(lambda since=quiet_since: connection._heard_at > since)
            connection.check()
        assert connection.code is None
        assert len(chat.hub) == 1
        # It is the client that notices; what it says by then is stored once, and sent again it is the same.
        customer.ws.transport.abort()
        await chat.until_empty()
        async with chat.customer() as again:
            await again.send(type="say", ticket=ticket, cid="A" * 22, text="hola")
            assert (await again.expect("ack", cid="A" * 22))["seq"] == 2


async def test_nothing_in_either_direction_leaves_no_socket_behind(tmp_path: Path) -> None:
    async with through_a_pipe(tmp_path) as (chat, pipe, _):
        pipe.swallow("up", "down")
        await chat.until_empty()
        # The goodbye is never answered: the socket is cut.
        await until(lambda: not chat.server.server_state.connections)


@pytest.mark.parametrize("told", [False, True], ids=["by itself", "as the answer to ours"])
async def test_who_says_goodbye_and_reads_nothing_leaves_no_socket_behind(chat: Chat, told: bool) -> None:
    async with chat.customer() as talker, chat.customer(narrow=True) as leaving:
        connection = chat.hub.peers[-1].connection
        leaving.ws.transport.pause_reading()
        ticket = await talker.start()
        while not connection.waits_for_its_peer:
            await talker.say(ticket, "x" * 8_000)
        if told:
            connection.end(SLOW, flush=False)
        leaving.ws.transport.write(close_frame(1000))
        await until(lambda: len(chat.server.server_state.connections) == 1)
        await talker.still_speaks()
        leaving.ws.transport.abort()


async def test_a_laptop_that_sleeps_is_let_go_and_finds_the_goodbye_when_it_wakes(tmp_path: Path) -> None:
    async with through_a_pipe(tmp_path) as (chat, pipe, customer):
        await customer.still_speaks()
        pipe.hold()
        await chat.until_empty()
        pipe.release()
        assert await customer.close_code() in (4003, 1006)
        async with dataclasses.replace(chat, port=pipe.port).customer() as awake:
            await awake.still_speaks()


async def test_a_page_whose_timers_sleep_is_there_as_long_as_its_browser_answers(chat: Chat) -> None:
    async with chat.agent():
        connection = chat.hub.peers[-1].connection
        connection._heard_at -= chat.hub.limits.agent_heartbeat * 1.5
        quiet_since = connection._heard_at
        connection.check()
        await until(lambda: connection._heard_at > quiet_since)
        assert connection.code is None
