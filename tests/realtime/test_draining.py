"""A stop: everything acknowledged stays, everybody is told to come back, and it does not take for ever."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from websockets.exceptions import ConnectionClosed

from chatserver.realtime.limits import Limits
from chatserver.server import peers
from tests.harness.lines import request
from tests.realtime.chat import PATIENCE, WIDE, Chat, Client, new_cid, serving, until
from tests.security.raw import Raw, raw


async def talk_until_the_end(client: Client, ticket: int, acked: set[str]) -> int:
    """Say one thing after another, 20 ahead; returns the close code."""
    ahead = asyncio.Semaphore(20)

    async def say() -> None:
        with contextlib.suppress(ConnectionClosed):
            while True:
                await ahead.acquire()
                await client.send(type="say", ticket=ticket, cid=new_cid(), text="bajo carga")

    saying = asyncio.create_task(say())
    try:
        while True:
            frame = await client.receive()
            if frame["type"] == "ack":
                acked.add(frame["cid"])
                ahead.release()
    except ConnectionClosed as closed:
        return closed.rcvd.code if closed.rcvd else 1006
    finally:
        saying.cancel()


async def stored_cids(chat: Chat, client: Client, ticket: int) -> list[str]:
    """The message ids of a whole ticket, as its customer finds them."""
    found: list[str] = []
    before, more = 2**53 - 1, True
    while more:
        await client.send(type="history", ticket=ticket, before=before)
        page = await client.expect("items", back=True)
        found += [item["cid"] for item in page["items"] if item.get("cid")]
        before, more = page["items"][0]["seq"], page["more"]
    return found


async def test_a_drain_under_load_loses_no_acknowledged_message_and_tells_everybody(
    tmp_path: Path, engine: str
) -> None:
    acked: set[str] = set()
    async with serving(tmp_path, limits=WIDE) as chat, contextlib.AsyncExitStack() as stack:
        clients = [await stack.enter_async_context(chat.customer(f"c{n}")) for n in range(10)]
        tickets = [await client.start() for client in clients]
        talking = [
            asyncio.create_task(talk_until_the_end(client, ticket, acked))
            for client, ticket in zip(clients, tickets, strict=True)
        ]
        await until(lambda: len(acked) > 500)
        chat.server.should_exit = True
        assert await asyncio.gather(*talking) == [4001] * 10
        waits = [_goaway(client)["retry_after"] for client in clients]
        assert all(0.5 <= wait <= 5 for wait in waits)
        assert len(set(waits)) > 1
        assert len(chat.hub) == 0
    async with serving(tmp_path, limits=WIDE) as chat:
        stored: list[str] = []
        for number, ticket in enumerate(tickets):
            async with chat.customer(f"c{number}") as client:
                stored += await stored_cids(chat, client, ticket)
        assert acked <= set(stored)
        assert len(stored) == len(set(stored))


async def test_a_crowd_that_is_sent_away_is_given_as_long_as_it_takes_to_let_it_in(chat: Chat) -> None:
    async with contextlib.AsyncExitStack() as stack:
        clients = [await stack.enter_async_context(chat.customer(f"c{n}")) for n in range(30)]
        chat.hub.limits = msgspec.structs.replace(chat.hub.limits, connections_per_second=1)
        await chat.hub.drain()
        assert [await client.close_code() for client in clients] == [4001] * 30
        waits = sorted(_goaway(client)["retry_after"] for client in clients)
        assert waits[0] >= 0.5
        assert 10 < waits[-1] <= 30.5


async def test_what_was_read_before_the_drain_is_acknowledged_and_what_comes_after_is_not_taken(
    chat: Chat, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun, waiting, submit = asyncio.Event(), [], chat.db.submit

    def slow_submit(*arguments: Any) -> None:
        waiting.append(arguments)
        begun.set()

    async with chat.customer() as customer:
        ticket = await customer.start()
        before, after = new_cid(), new_cid()
        monkeypatch.setattr(chat.db, "submit", slow_submit)
        await customer.send(type="say", ticket=ticket, cid=before, text="antes")
        await begun.wait()
        draining = asyncio.create_task(chat.hub.drain())
        await customer.expect("goaway")
        await customer.send(type="say", ticket=ticket, cid=after, text="después")
        for arguments in waiting:
            submit(*arguments)
        assert await customer.close_code() == 4001
        await draining
        assert [frame["cid"] for frame in customer.got if frame["type"] == "ack"][1:] == [before]


async def test_new_sockets_are_refused_while_draining(chat: Chat) -> None:
    async with chat.customer() as customer:
        await chat.hub.drain()
        assert await customer.close_code() == 4001
    async with chat.socket("/ws/customer") as late:
        assert await late.close_code() == 4004


async def test_a_peer_that_does_not_read_cannot_hold_up_a_drain(chat: Chat) -> None:
    async with chat.customer() as talker, chat.customer(narrow=True) as stuck:
        connection = chat.hub.peers[-1].connection
        stuck.ws.transport.pause_reading()
        ticket = await talker.start()
        while not connection.waits_for_its_peer:
            await talker.say(ticket, "x" * 8_000)
        async with asyncio.timeout(PATIENCE):
            await chat.hub.drain(0.2)
        assert await talker.close_code() == 4001
        await chat.until_empty()
        await until(lambda: not chat.server.server_state.connections)
        stuck.ws.transport.abort()


async def test_who_left_just_before_a_drain_is_gone_with_it_and_since_they_left(
    tmp_path: Path, engine: str
) -> None:
    async with serving(tmp_path, limits=Limits(linger=60)) as chat:
        async with chat.agent(), chat.customer() as customer:
            ticket = await customer.start()
            closing = chat.house.now()
        await chat.until_empty()
        left = chat.house.now()
        assert await gone_since(chat, ticket) == {None}, "nobody is waited for"
        await chat.hub.drain()
        for gone in await gone_since(chat, ticket):
            assert gone is not None
            assert closing <= gone <= left


async def test_who_had_to_be_cut_off_is_gone_when_the_drain_ends(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with (
        serving(tmp_path, limits=msgspec.structs.replace(WIDE, linger=60)) as chat,
        chat.agent() as talker,
        chat.customer(narrow=True) as stuck,
    ):
        monkeypatch.setattr(chat.house.bus, "hears", lambda nodes: True)  # there are others, who are asked
        ticket = await stuck.start()
        connection = chat.hub.peers[-1].connection
        stuck.ws.transport.pause_reading()
        while not connection.waits_for_its_peer:
            await talker.say(ticket, "x" * 8_000)
        await chat.hub.drain(0.2)
        assert None not in await gone_since(chat, ticket)
        stuck.ws.transport.abort()


async def gone_since(chat: Chat, ticket: int) -> set[int | None]:
    """Its customer, and the first agent."""
    return {(await chat.house.ticket(ticket)).gone_at, (await chat.house.reads.agents())[0].gone_at}


@contextlib.asynccontextmanager
async def half_a_request(chat: Chat) -> AsyncIterator[Raw]:
    """A line is being opened, and the server has all but the last byte of it."""
    async with raw(chat.port) as peer:
        peer.writer.write(request("/line/customer", b"{}", "Chat-Mode: poll")[:-1])
        await until(lambda: chat.server.server_state.tasks)
        yield peer


async def test_half_a_request_does_not_hold_up_a_stop(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(peers, "LAST_SECONDS", 0.1)
    async with serving(tmp_path) as chat, half_a_request(chat):
        chat.server.should_exit = True
        await chat.running
    assert "graceful shutdown exceeded" not in caplog.text


async def test_a_request_that_is_whole_in_time_is_answered_by_a_server_that_stops(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(peers, "LAST_SECONDS", float(PATIENCE))
    async with serving(tmp_path) as chat, half_a_request(chat) as peer:
        chat.server.should_exit = True
        connection: Any = next(iter(chat.server.server_state.connections))
        await until(lambda: not connection.cycle.keep_alive)  # it has been told of the stop
        peer.writer.write(b"}")
        assert (await peer.read_until(b"\r\n")).startswith(b"HTTP/1.1 200")
        await chat.running


@contextlib.asynccontextmanager
async def process(where: Path) -> AsyncIterator[tuple[asyncio.subprocess.Process, int]]:
    child = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "tests.realtime.serving",
        str(where),
        stdout=asyncio.subprocess.PIPE,
        cwd=Path(__file__).parents[2],
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
    )
    try:
        assert child.stdout is not None
        async with asyncio.timeout(PATIENCE * 2):
            port = int(await child.stdout.readline())
        yield child, port
    finally:
        if child.returncode is None:
            child.kill()
        await child.wait()


@pytest.mark.parametrize("stop", [signal.SIGTERM, signal.SIGINT])
async def test_a_signal_drains_before_uvicorn_closes_the_sockets(
    tmp_path: Path, stop: signal.Signals
) -> None:
    async with process(tmp_path) as (child, port), _remote(port) as client:
        child.send_signal(stop)
        assert await client.close_code() == 4001
        _goaway(client)
        async with asyncio.timeout(PATIENCE):
            await child.wait()


async def test_a_second_signal_exits_at_once(tmp_path: Path) -> None:
    async with (
        process(tmp_path) as (child, port),
        _remote(port, narrow=True) as stuck,
        _remote(port) as talker,
    ):
        # Somebody who does not read would hold up the first one for its ten seconds.
        stuck.ws.transport.pause_reading()
        ticket = await talker.start()
        for _ in range(19):  # and one that opened the ticket: as many as may come at once
            await talker.say(ticket, "x" * 8_000)
        child.send_signal(signal.SIGTERM)
        await talker.expect("goaway")
        child.send_signal(signal.SIGTERM)
        async with asyncio.timeout(8):
            await child.wait()
        stuck.ws.transport.abort()


def _goaway(client: Client) -> dict[str, Any]:
    [frame] = [frame for frame in client.got if frame["type"] == "goaway"]
    return frame


@contextlib.asynccontextmanager
async def _remote(port: int, **options: Any) -> AsyncIterator[Client]:
    chat: Any = Chat(port, *([None] * 6))  # type: ignore[arg-type]
    async with chat.customer(**options) as client:
        yield client
