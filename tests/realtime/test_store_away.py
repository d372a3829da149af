"""The database takes nothing for a while: everybody is told, and told again when it does, and what was said is stored then."""

from __future__ import annotations

import logging
import sqlite3
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from chatserver.realtime.close_codes import INTERNAL, TRY_LATER
from chatserver.realtime.talk import AGAIN_SECONDS
from chatserver.store import outage, writer
from chatserver.store.base import Done, Violated
from chatserver.store.work import Needs
from tests.harness.lines import Mode, line
from tests.harness.waiting import soon
from tests.realtime.chat import ENGINE, Chat, Client, new_cid


@asynccontextmanager
async def nothing_is_written(chat: Chat, where: Path) -> AsyncIterator[None]:
    """A statement that does not return, or a disk that stands still."""
    url = where / ENGINE
    if not url.exists():
        go_on = threading.Event()
        chat.db.submit(Needs(), lambda world, now: go_on.wait(60), lambda result, problem: None)
        try:
            yield
        finally:
            go_on.set()
        return
    other = await asyncpg.connect(url.read_text())
    try:
        async with other.transaction():
            await other.execute("LOCK TABLE tickets IN ACCESS EXCLUSIVE MODE")
            yield
    finally:
        await other.close()


async def until_acknowledged(client: Client, **say: Any) -> int:
    """As a client does: what was refused goes out again, under the same `cid`."""
    await client.send(**say)
    while True:
        frame = await client.receive()
        if frame["type"] == "ack" and frame["cid"] == say["cid"]:
            return int(frame["seq"])
        if frame["type"] == "error":
            assert frame["code"] == "unavailable"
            await client.send(**say)


async def test_everybody_is_told_that_nothing_is_stored_and_when_it_is_again(
    chat: Chat, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with chat.customer() as customer, chat.agent(status="away") as agent:
        ticket = await customer.start()
        monkeypatch.setattr(writer, "STUCK_SECONDS", 0.2)
        async with nothing_is_written(chat, tmp_path):
            say = {"type": "say", "ticket": ticket, "cid": new_cid(), "text": "¿Llega?"}
            await customer.send(**say)
            await soon(lambda: not chat.db.storing, "nobody was answered for a while")
            await chat.hub.look_at_store()
            assert (await customer.expect("storing"))["on"] is False
            assert (await agent.expect("storing"))["on"] is False
        await soon(lambda: chat.db.storing, "they were answered")
        await chat.hub.look_at_store()
        assert (await agent.expect("storing"))["on"] is True
        assert await until_acknowledged(customer, **say) == 2


async def test_who_comes_while_nothing_is_stored_hears_of_it_after_the_welcome(
    chat: Chat, monkeypatch: pytest.MonkeyPatch
) -> None:
    kind, away = type(chat.db._writer), True
    with monkeypatch.context() as broken:
        broken.setattr(kind, "failing", property(lambda self: away))
        await chat.hub.look_at_store()
        async with chat.customer() as customer:
            assert await customer.receive() == {"type": "storing", "on": False}
            away = False
            await chat.hub.look_at_store()
            assert await customer.receive() == {"type": "storing", "on": True}
    async with chat.customer() as other:
        await other.still_speaks()
        assert [frame["type"] for frame in other.got] == ["welcome", "pong"]


async def test_that_it_can_be_written_again_is_found_out_though_nobody_writes(
    chat: Chat, monkeypatch: pytest.MonkeyPatch
) -> None:
    """SQLite's writer does not know that there is space again before something was written."""
    kind: Any = type(chat.db._writer)
    failing = [True]
    succeeded = kind._succeeded

    def noticed(self: Any) -> None:
        failing.clear()
        succeeded(self)

    monkeypatch.setattr(kind, "failing", property(lambda self: bool(failing)))
    monkeypatch.setattr(kind, "_succeeded", noticed)
    await chat.hub.look_at_store()
    await soon(lambda: chat.hub.storing, "it was tried, and people were told")


async def test_who_was_not_greeted_yet_is_told_nothing(chat: Chat, monkeypatch: pytest.MonkeyPatch) -> None:
    async with chat.socket("/ws/customer") as stranger:
        await soon(lambda: len(chat.hub) == 1, "the socket is there")
        with monkeypatch.context() as broken:
            broken.setattr(type(chat.db._writer), "failing", property(lambda self: True))
            await chat.hub.look_at_store()
        await stranger.send(type="hello", v=1, app="demo", token="customer:ana")
        assert (await stranger.receive())["type"] == "welcome"


async def test_what_a_constraint_forbids_is_no_sign_of_a_database_that_is_away(
    chat: Chat, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with chat.customer() as customer:
        ticket = await customer.start()

        def violated(needs: Needs, decide: object, done: Done) -> None:
            done(None, Violated("there is one already"))

        with monkeypatch.context() as broken:
            broken.setattr(chat.db, "submit", violated)
            await customer.send(type="say", ticket=ticket, cid=new_cid(), text="hola")
            answer = await customer.expect("error")
        assert (answer["code"], answer.get("retry_after")) == ("internal", None)


async def test_what_cannot_be_read_just_now_is_refused_for_a_while_and_ends_no_connection(
    chat: Chat, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with chat.customer() as customer, chat.agent() as agent:
        ticket = await customer.start()
        await customer.say(ticket, "¿Hola?")

        async def away(*_: object, **__: object) -> list[object]:
            raise TimeoutError

        with monkeypatch.context() as broken:
            broken.setattr(chat.db, "rows", away)
            for client, frame in ((customer, {"type": "open"}), (agent, {"type": "notes"})):
                await client.send(**frame, ticket=ticket)
                answer = await client.expect("error", verb=frame["type"])
                assert (answer["code"], answer["ticket"]) == ("unavailable", ticket)
                assert answer["retry_after"] > 0
        await customer.send(type="open", ticket=ticket)
        await customer.expect("snapshot")
        await agent.still_speaks()


def gone(chat: Chat, broken: pytest.MonkeyPatch) -> None:
    """Nothing is read any more, as the engine itself says it."""
    problem: Exception = ConnectionRefusedError(111, "Connection refused")
    if chat.db.__module__.endswith("sqlite.database"):
        problem = sqlite3.OperationalError("disk I/O error")
        problem.sqlite_errorcode = sqlite3.SQLITE_IOERR_READ

    async def nobody(*_: object) -> list[object]:
        raise problem

    broken.setattr(f"{type(chat.db).__module__}._rows", nobody)


def words(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage().partition(":")[0] for record in caplog.records]


HELLOS = {
    "/ws/customer": {"type": "hello", "v": 1, "app": "demo", "token": "customer:ana"},
    "/ws/agent": {"type": "hello", "v": 1, "token": "agent:1"},
}


@pytest.mark.parametrize("path", HELLOS)
async def test_who_comes_while_nothing_can_be_read_is_told_when_to_come_again_and_the_log_says_it_once(
    chat: Chat, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, path: str
) -> None:
    monkeypatch.setattr(outage, "CALM_SECONDS", -1)
    caplog.set_level(logging.INFO, logger="chatserver")
    waits = set()
    with monkeypatch.context() as broken:
        gone(chat, broken)
        for _ in range(5):
            async with chat.socket(path) as client:
                await client.send(**HELLOS[path])
                answer = await client.expect("error", verb="hello")
                assert answer["code"] == "unavailable"
                waits.add(answer["retry_after"])
                assert await client.close_code() == TRY_LATER
    assert len(waits) == 5, "everybody another moment"
    assert all(AGAIN_SECONDS[0] <= wait <= AGAIN_SECONDS[1] for wait in waits)
    assert chat.hub.metrics.refused["unavailable"] == 5
    assert not len(chat.hub)
    async with chat.socket(path) as client:
        await client.send(**HELLOS[path])
        assert (await client.receive())["type"] == "welcome"
    assert words(caplog) == ["cannot read, the database does not answer", "reading again"]
    assert not any(record.exc_info for record in caplog.records)


@pytest.mark.parametrize("mode", ["stream", "poll"])
async def test_who_comes_by_plain_http_meanwhile_is_told_the_same(
    chat: Chat, monkeypatch: pytest.MonkeyPatch, mode: Mode
) -> None:
    gone(chat, monkeypatch)
    for path, hello in HELLOS.items():
        async with line(chat.port, path.replace("ws", "line"), mode, hello) as client:
            answer = await client.receive()
            assert (answer["code"], answer["verb"]) == ("unavailable", "hello")
            assert answer["retry_after"] > 0
            assert await client.close_code() == TRY_LATER


async def test_a_hello_that_fails_by_our_own_fault_is_logged_whole(
    chat: Chat, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def wrong(*_: object) -> list[object]:
        raise ZeroDivisionError

    monkeypatch.setattr(f"{type(chat.db).__module__}._rows", wrong)
    async with chat.socket("/ws/customer") as client:
        await client.send(**HELLOS["/ws/customer"])
        assert (await client.expect("error", verb="hello"))["code"] == "internal"
        assert await client.close_code() == INTERNAL
    assert [(r.getMessage(), bool(r.exc_info)) for r in caplog.records] == [("a hello failed", True)]
