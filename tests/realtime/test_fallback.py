"""Conversations where no WebSocket passes: the same frames and promises over plain HTTP."""

from __future__ import annotations

import asyncio
import contextlib
import json
import signal
import socket
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Literal

import httpx2
import pytest

from chatserver.core.signs import STEP_MS
from chatserver.realtime.connection import Connection
from chatserver.realtime.endpoint import SILENCE
from chatserver.realtime.http_line import WAITING_BYTES
from chatserver.realtime.hub import SWEEP_SECONDS
from chatserver.realtime.limits import Limits
from chatserver.realtime.wire import MAX_FRAME_BYTES
from chatserver.server import peers
from chatserver.server.sockets import SEND_BUFFER
from tests.harness.lines import (
    LineLost,
    Mode,
    agent_line,
    customer_line,
    line,
    ndjson,
    request,
)
from tests.harness.server import running
from tests.realtime.chat import ORIGIN, PATIENCE, Chat, Client, new_cid, serving, until
from tests.security.raw import raw

Carrier = Literal["socket", "stream", "poll"]
HELLO = {"type": "hello", "v": 1, "app": "demo", "token": "customer:ana"}
MODES: list[Mode] = ["stream", "poll"]
CLOCKS_APART_MS = 50
UNKNOWN = b'{"code":"unknown_line"}'


async def until_no_line(chat: Chat) -> None:
    await chat.until_empty()
    await until(lambda: not any(fallback.lines for fallback in chat.fallbacks))


@pytest.fixture
async def chat(chat: Chat) -> AsyncIterator[Chat]:
    """Afterwards nothing may be left of any line."""
    yield chat
    await until_no_line(chat)


# — the same as over a socket ——————————————————————————————————————————————————


@contextlib.asynccontextmanager
async def customer_on(chat: Chat, carrier: Carrier) -> AsyncIterator[Client]:
    if carrier == "socket":
        async with chat.customer() as client:
            yield client
    else:
        async with customer_line(chat.port, carrier) as client:
            yield client


@contextlib.asynccontextmanager
async def agent_on(chat: Chat, carrier: Carrier) -> AsyncIterator[Client]:
    if carrier == "socket":
        async with chat.agent() as client:
            yield client
    else:
        async with agent_line(chat.port, carrier) as client:
            yield client


async def heard(client: Client, text: str) -> None:
    """The `changed` with this message has come."""
    while not any(item.get("text") == text for item in (await client.expect("changed")).get("items", [])):
        pass


async def a_whole_chat(chat: Chat, carrier: Carrier) -> list[list[str]]:
    """What each connection of it got: frames and their fields."""
    async with agent_on(chat, carrier) as agent:
        async with customer_on(chat, carrier) as customer:
            ticket = await customer.start()
            await customer.say(ticket, "uno\ndos\u2028tres")
            await heard(agent, "uno\ndos\u2028tres")
            await agent.say(ticket, "¿Sí?")
            await heard(customer, "¿Sí?")
            last = customer.got[-1]["items"][-1]["seq"]
            await customer.still_speaks()
        # The line is cut here.
        await agent.say(ticket, "¿Sigue ahí?")
        await agent.say(ticket, "Espero.")
        async with customer_on(chat, carrier) as again:
            epoch = again.welcome["epoch"]
            await again.send(type="open", ticket=ticket, after=last, epoch=epoch)
            missed = await again.expect("items")
            assert [item["text"] for item in missed["items"] if "text" in item] == ["¿Sigue ahí?", "Espero."]
            assert (await again.expect("changed"))["view"]["last_seq"] == missed["items"][-1]["seq"]
            await again.send(type="end", ticket=ticket)
            await again.expect("done", verb="end")
            await again.send(type="say", ticket=ticket, cid=new_cid(), text="tarde")
            await again.expect("error", code="ticket_closed")
        while "closed" not in str(await agent.expect("changed")):
            pass
        return [shapes(client) for client in (customer, again, agent)]


def shapes(client: Client) -> list[str]:
    """Of what was asked for, in order. What happens by itself comes when it comes, and an agent is available only once."""
    return [
        f"{frame['type']} {sorted(frame)}"
        for frame in client.got
        if frame["type"] in ("welcome", "ack", "items", "done", "error", "pong")
        and frame.get("verb") != "status"
    ]


async def test_a_whole_chat_is_the_same_over_every_carrier(chat: Chat) -> None:
    over_socket = await a_whole_chat(chat, "socket")
    assert await a_whole_chat(chat, "stream") == over_socket
    assert await a_whole_chat(chat, "poll") == over_socket


@pytest.mark.parametrize("carrier", ["socket", *MODES])
async def test_many_tabs_that_type_are_one_sign_to_the_other_side_and_the_last_word_counts(
    chat: Chat, carrier: Carrier
) -> None:
    async with agent_on(chat, carrier) as agent, contextlib.AsyncExitStack() as stack:
        tabs = [await stack.enter_async_context(customer_on(chat, carrier)) for _ in range(5)]
        ticket = await tabs[0].start()
        await agent.say(ticket, "Hola")
        began = time.monotonic()
        for _ in range(8):
            for tab in tabs:
                await tab.send(type="typing", ticket=ticket)
                await tab.send(type="typing", ticket=ticket, on=False)
        for tab in tabs:
            await tab.still_speaks()
        await tabs[0].send(type="typing", ticket=ticket)
        await tabs[0].still_speaks()
        await agent.still_speaks()
        while not agent_sees_typing(agent):
            await agent.receive()
        signs = [frame for frame in agent.got if frame["type"] == "typing"]
        assert len(signs) <= (time.monotonic() - began) * 1_000 / STEP_MS + 2
        # No change is left to be told.
        typist = chat.house.books.typists.get((ticket, "customer"))
        assert typist is not None
        await until(lambda: not typist.again)
        await agent.still_speaks()
        assert agent_sees_typing(agent)


def agent_sees_typing(agent: Client) -> bool:
    signs = [frame for frame in agent.got if frame["type"] == "typing"]
    return bool(signs) and signs[-1].get("on", True)


@pytest.mark.parametrize("mode", MODES)
async def test_many_requests_one_after_the_other_keep_the_order_of_their_frames(
    chat: Chat, mode: Mode
) -> None:
    async with customer_line(chat.port, mode) as customer:
        ticket = await customer.start()
        cids = [new_cid() for _ in range(100)]
        for start in range(0, 100, 10):
            said = [
                {"type": "say", "ticket": ticket, "cid": cid, "text": cid} for cid in cids[start : start + 10]
            ]
            assert (await customer.post(*said)).status_code == 204
        acks = [await customer.expect("ack") for _ in cids]
        assert [ack["cid"] for ack in acks] == cids
        seqs = [ack["seq"] for ack in acks]
        assert seqs == list(range(seqs[0], seqs[0] + 100))


async def test_requests_at_once_do_not_mix_their_frames(chat: Chat) -> None:
    async with customer_line(chat.port) as customer:
        ticket = await customer.start()
        batches = [[new_cid() for _ in range(20)] for _ in range(5)]
        await asyncio.gather(
            *(
                customer.post(*({"type": "say", "ticket": ticket, "cid": cid, "text": cid} for cid in batch))
                for batch in batches
            )
        )
        acks = [(await customer.expect("ack"))["cid"] for _ in range(100)]
        assert sorted(acks[n : n + 20] for n in range(0, 100, 20)) == sorted(batches)


async def test_frames_may_follow_the_hello_in_its_own_request(chat: Chat) -> None:
    async with line(chat.port, "/line/customer", "poll", HELLO, {"type": "ping"}) as customer:
        assert [(await customer.receive())["type"] for _ in range(2)] == ["welcome", "pong"]


# — what is refused ————————————————————————————————————————————————————————————


@pytest.mark.parametrize("origin", [None, "null", "https://evil.example.test"])
async def test_only_our_own_pages_open_a_line_or_speak_on_it(chat: Chat, origin: str | None) -> None:
    async with customer_line(chat.port) as customer, stranger(chat, origin) as foreign:
        answers = [
            await foreign.post("/line/customer", content=ndjson(HELLO), headers={"chat-mode": "stream"}),
            await foreign.post("/line/customer", content=ndjson(HELLO), headers={"chat-line": customer.id}),
            await foreign.post("/line/customer", headers={"chat-line": customer.id, "chat-mode": "end"}),
        ]
        assert [(answer.status_code, answer.content) for answer in answers] == [(403, b"")] * 3
        await customer.still_speaks()
        assert len(chat.hub) == 1


@contextlib.asynccontextmanager
async def stranger(chat: Chat, origin: str | None = ORIGIN) -> AsyncIterator[httpx2.AsyncClient]:
    """Somebody without a line."""
    headers = {} if origin is None else {"origin": origin}
    async with httpx2.AsyncClient(base_url=f"http://127.0.0.1:{chat.port}", headers=headers) as http:
        yield http


@pytest.mark.parametrize("mode", ["", "poll", "end"])
async def test_a_line_that_is_not_there_is_unknown_whether_it_was_ever_there_or_is_somebody_elses(
    chat: Chat, mode: str
) -> None:
    named = {"chat-mode": mode} if mode else {}
    async with agent_line(chat.port) as agent, customer_line(chat.port) as gone, stranger(chat) as http:
        await gone.leave()
        for line_id in (agent.id, gone.id, "A" * 22, "", "x" * 9_000):
            headers = {"chat-line": line_id, **named}
            answer = await http.post("/line/customer", content=b'{"type":"ping"}', headers=headers)
            assert (answer.status_code, answer.content) == (404, UNKNOWN)
        await agent.still_speaks()


async def test_too_much_at_once_is_refused_whole_and_the_line_goes_on(chat: Chat) -> None:
    async with customer_line(chat.port) as customer:
        ping = b'{"type":"ping"}\n'
        for body in (ping + b" " * (MAX_FRAME_BYTES - 15), b"x" * 200_000):
            answer = await customer.post_bytes(body)
            assert (answer.status_code, answer.json()) == (413, {"code": "too_large"})
        assert (await customer.post_bytes(ping + b" " * (MAX_FRAME_BYTES - 16))).status_code == 204
        await customer.expect("pong")
        assert [frame["type"] for frame in customer.got].count("pong") == 1


@pytest.mark.parametrize("pieces", [1, 100])
async def test_too_much_without_a_length_is_refused_too(chat: Chat, pieces: int) -> None:
    async def endless() -> AsyncIterator[bytes]:
        for _ in range(pieces):
            yield b"x" * (100_000 // pieces)

    async with stranger(chat) as http:
        answer = await http.post("/line/customer", content=endless(), headers={"chat-mode": "stream"})
        assert (answer.status_code, answer.json()) == (413, {"code": "too_large"})


async def test_a_request_that_makes_no_sense_is_refused_and_the_line_goes_on(chat: Chat) -> None:
    async with customer_line(chat.port) as customer, stranger(chat) as http:
        assert (await customer.post(mode="stream")).status_code == 400
        assert (await customer.post_bytes(b'{"type":"ping"}\n\xff')).json() == {"code": "bad_request"}
        assert (await http.post("/line/customer", content=ndjson(HELLO))).status_code == 400
        two = [("chat-line", customer.id), ("chat-line", customer.id)]
        assert (await http.post("/line/customer", headers=two)).status_code == 400
        assert (await http.get("/line/customer")).status_code == 405
        assert (await customer.poll()).status_code == 404, "a stream cannot be polled"
        async with customer_line(chat.port, "poll") as polling:
            assert (await polling.post({"type": "ping"}, mode="poll")).status_code == 400
            await polling.still_speaks()
        await customer.still_speaks()


async def test_no_answer_is_kept_or_held_back_by_anybody(chat: Chat) -> None:
    async with customer_line(chat.port, "poll") as customer, stranger(chat, "null") as foreign:
        answers = [
            await customer.post({"type": "ping"}),
            await customer.poll(),
            await customer.post(line="unknown"),
            await customer.post_bytes(b"x" * 70_000),
            await foreign.post("/line/customer"),
        ]
        assert [answer.status_code for answer in answers] == [204, 200, 404, 413, 403]
        for answer in answers:
            assert answer.headers["cache-control"] == "no-store"
            assert answer.headers["x-accel-buffering"] == "no"


@pytest.mark.parametrize("mode", MODES)
async def test_who_does_not_introduce_themselves_first_is_told_and_ended(chat: Chat, mode: Mode) -> None:
    async with line(chat.port, "/line/customer", mode, {"type": "ping"}) as nobody:
        assert (await nobody.receive())["code"] == "unauthorized"
        assert await nobody.close_code() == 4501


@pytest.mark.parametrize("mode", MODES)
async def test_who_opens_a_line_and_never_says_hello_is_ended(tmp_path: Path, mode: Mode) -> None:
    async with (
        serving(tmp_path, limits=Limits(hello_seconds=0.1)) as chat,
        line(chat.port, "/line/customer", mode) as silent,
    ):
        assert await silent.close_code() == 4003
        await until_no_line(chat)


@pytest.mark.parametrize("mode", MODES)
async def test_lines_count_as_connections_and_one_too_many_is_sent_away(tmp_path: Path, mode: Mode) -> None:
    async with serving(tmp_path, limits=Limits(connections=2)) as chat, chat.customer("eva") as socket:
        async with customer_line(chat.port, mode):
            for _ in range(20):
                async with line(chat.port, "/line/customer", mode, HELLO) as late:
                    assert await late.close_code() == 4004
            await until(lambda: len(chat.fallbacks[0].lines) == 1)
        await socket.still_speaks()
        if mode == "stream":
            await until(lambda: len(chat.hub) == 1)


@pytest.mark.parametrize("mode", MODES)
async def test_a_line_that_comes_in_a_crowd_is_told_when_to_come_again(tmp_path: Path, mode: Mode) -> None:
    async with serving(tmp_path, limits=Limits(connections_per_second=1)) as chat:
        chat.stop_the_clock()
        async with chat.customer("eva") as first:
            async with line(chat.port, "/line/customer", mode, HELLO) as late:
                assert await late.close_code() == 4004
                (told,) = (frame for frame in late.got if frame["type"] == "error")
                assert (told["code"], told["verb"]) == ("rate_limited", "hello")
                assert told["retry_after"] > 0
            await first.still_speaks()
            await until(lambda: not chat.fallbacks[0].lines)


# — polls ——————————————————————————————————————————————————————————————————————


async def test_a_poll_without_news_is_answered_empty(tmp_path: Path) -> None:
    async with (
        serving(tmp_path, limits=Limits(poll_seconds=0.01)) as chat,
        customer_line(chat.port, "poll") as customer,
    ):
        for _ in range(3):
            answer = await customer.poll()
            assert (answer.status_code, answer.content) == (200, b"")
        await customer.still_speaks()


async def test_a_second_poll_ends_the_first_and_gets_what_comes(chat: Chat) -> None:
    async with customer_line(chat.port, "poll") as customer:
        first = asyncio.create_task(customer.poll())
        [served] = chat.fallbacks[0].lines.values()
        await until(lambda: served._asked is not None)
        second = asyncio.create_task(customer.poll())
        answer = await first
        assert (answer.status_code, answer.content) == (200, b"")
        assert not second.done()
        await customer.post({"type": "ping"})
        assert json.loads((await second).content)["type"] == "pong"


async def test_who_waits_for_an_answer_is_not_away(chat: Chat) -> None:
    async with customer_line(chat.port, "poll") as customer:
        [served] = chat.fallbacks[0].lines.values()

        def away() -> bool:
            return served._away is not None

        assert away()
        polling = asyncio.create_task(customer.poll())
        await until(lambda: served._asked is not None)
        assert not away()
        await customer.post({"type": "ping"})
        await polling
        await until(away)


async def test_who_does_not_poll_again_is_gone(tmp_path: Path) -> None:
    async with (
        serving(tmp_path, limits=Limits(poll_absence_seconds=0.05)) as chat,
        line(chat.port, "/line/customer", "poll", HELLO) as customer,
    ):
        await until_no_line(chat)
        assert (await customer.poll()).content == UNKNOWN


async def test_an_agent_who_says_much_and_takes_nothing_is_gone_since_the_last_answer(
    tmp_path: Path, engine: str
) -> None:
    limits = Limits(poll_absence_seconds=0.5, linger=0.4, customer_heartbeat=60, agent_heartbeat=60)
    async with serving(tmp_path, limits=limits) as chat:

        async def gone_at() -> int | None:
            return (await chat.house.reads.agents())[0].gone_at

        async with agent_line(chat.port, "poll") as agent:
            await agent.still_speaks()
            answered = chat.house.now()
            assert await gone_at() is None
            said = 0
            while (gone := await gone_at()) is None:
                said += (await agent.post({"type": "ping"})).status_code == 204
            assert said, "it was not heard any more"
            assert gone <= answered + CLOCKS_APART_MS


def test_an_agent_without_a_sign_of_life_is_gone_within_fifteen_seconds_over_every_carrier() -> None:
    limits = Limits()
    silence = limits.agent_heartbeat * SILENCE + SWEEP_SECONDS
    for seconds in (silence, limits.poll_absence_seconds):
        assert limits.linger < seconds < 14, "what was silent for longer than that is not waited for"


async def test_who_leaves_while_polling_is_gone(chat: Chat) -> None:
    async with customer_line(chat.port, "poll") as customer:
        polling = asyncio.create_task(customer.poll())
        [served] = chat.fallbacks[0].lines.values()
        await until(lambda: served._asked is not None)
        polling.cancel()
        await until_no_line(chat)


# — who does not read, and who has to wait ————————————————————————————————————


async def test_a_request_waits_for_its_answer_while_its_frames_have_to_wait(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with (
        serving(tmp_path, limits=Limits(pending=2)) as chat,
        chat.customer("eva") as other,
        customer_line(chat.port) as customer,
    ):
        ticket = await customer.start()
        submit, held = chat.house.store.submit, []
        monkeypatch.setattr(chat.house.store, "submit", lambda *use: held.append(use))
        says = [{"type": "say", "ticket": ticket, "cid": new_cid(), "text": "x"} for _ in range(5)]
        posting = asyncio.create_task(customer.post(*says))
        await until(lambda: len(held) == 2)
        for _ in range(3):
            await other.still_speaks()
        assert len(held) == 2
        assert not posting.done()
        monkeypatch.undo()
        for use in held:
            submit(*use)
        assert (await posting).status_code == 204
        assert [(await customer.expect("ack"))["cid"] for _ in says] == [say["cid"] for say in says]


async def until_slow(chat: Chat, talker: Client) -> Connection:
    """`talker` talks to itself in long messages until the newest connection, which hears of them too, is given up."""
    connection = chat.hub.peers[-1].connection
    ticket = await talker.start()
    while connection.code is None:
        for _ in range(10):
            await talker.send(type="say", ticket=ticket, cid=new_cid(), text="x" * 8_000)
        for _ in range(10):
            await talker.expect("ack")
        for served in chat.fallbacks[0].lines.values():
            assert served._bytes < 2 * WAITING_BYTES
        for one in chat.server.server_state.connections:
            assert one.transport.get_write_buffer_size() < 4 * WAITING_BYTES
    return connection


async def test_a_stream_that_is_not_read_is_ended_as_slow_and_costs_little(chat: Chat) -> None:
    async with chat.customer() as talker, customer_line(chat.port, narrow=True):
        assert (await until_slow(chat, talker)).code == 4002
        for one in chat.server.server_state.connections:
            kept = one.transport.get_extra_info("socket").getsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF)
            assert kept <= 2 * SEND_BUFFER  # the kernel doubles what it was asked for
        # It takes not even the end: it is cut, with what the server kept for it.
        await until(lambda: not chat.fallbacks[0].lines)
        await until(lambda: len(chat.server.server_state.connections) == 1)
        await talker.still_speaks()


async def test_a_slow_reader_of_a_stream_that_wakes_up_is_told_that_it_was_slow(chat: Chat) -> None:
    async with chat.customer() as talker, customer_line(chat.port, narrow=True) as slow:
        await until_slow(chat, talker)
        assert await slow.close_code() == 4002
        versions = [frame["version"] for frame in slow.got if frame["type"] == "changed"]
        assert versions == list(range(1, len(versions) + 1)), "a hole before the end"


async def test_a_line_that_is_not_polled_keeps_little_and_is_ended_as_slow(chat: Chat) -> None:
    async with chat.customer() as talker, customer_line(chat.port, "poll") as slow:
        assert (await until_slow(chat, talker)).code == 4002
        assert await slow.close_code() == 4002


# — the ends ———————————————————————————————————————————————————————————————————


@pytest.mark.parametrize("mode", MODES)
async def test_who_says_goodbye_is_gone_at_once(chat: Chat, mode: Mode) -> None:
    async with customer_line(chat.port, mode) as customer:
        await customer.leave()
        assert not chat.fallbacks[0].lines
        await until_no_line(chat)
        with pytest.raises(LineLost):
            await customer.receive()


async def test_a_stream_that_is_closed_is_a_line_that_is_lost(chat: Chat) -> None:
    async with customer_line(chat.port):
        assert len(chat.hub) == 1
    await until_no_line(chat)


async def test_a_request_that_breaks_off_ends_the_line_and_nothing_of_it_is_taken(chat: Chat) -> None:
    async with customer_line(chat.port) as customer:
        ticket = await customer.start()
        say = ndjson({"type": "say", "ticket": ticket, "cid": new_cid(), "text": "a medias"})
        async with raw(chat.port) as peer:
            whole = request("/line/customer", say + say, f"Chat-Line: {customer.id}")
            peer.writer.write(whole[: -len(say)])
            await peer.writer.drain()
            peer.writer.write_eof()
            await peer.reader.read()
        with pytest.raises(LineLost):
            await customer.expect("ack")
    await until_no_line(chat)


async def test_a_peer_of_which_nothing_is_heard_is_ended(tmp_path: Path) -> None:
    async with (
        serving(tmp_path, limits=Limits(customer_heartbeat=0.1)) as chat,
        customer_line(chat.port) as customer,
    ):
        assert await customer.close_code() == 4003
        await until_no_line(chat)


async def test_a_stream_is_older_than_any_request_may_be(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(peers, "HEAD_SECONDS", 1.0)
    monkeypatch.setattr(peers, "REQUEST_SECONDS", 1.0)
    async with serving(tmp_path) as chat, customer_line(chat.port) as customer:
        async with raw(chat.port) as silent:
            assert await silent.cut_off(b"", 0) == 0  # a deadline has passed
        await customer.still_speaks()


@pytest.mark.parametrize("mode", MODES)
async def test_a_drain_tells_everybody_and_keeps_what_was_said(chat: Chat, mode: Mode) -> None:
    async with customer_line(chat.port, mode) as customer:
        ticket = await customer.start()
        cids = [new_cid() for _ in range(20)]
        await customer.post(*({"type": "say", "ticket": ticket, "cid": cid, "text": "x"} for cid in cids))
        leaving = asyncio.create_task(customer.close_code())
        await chat.hub.drain()
        assert await leaving == 4001
        acked = [frame["cid"] for frame in customer.got if frame["type"] == "ack"][1:]
        assert acked == cids
        assert [frame["type"] for frame in customer.got].count("goaway") == 1
        await until_no_line(chat)
        async with line(chat.port, "/line/customer", mode, HELLO) as late:
            assert await late.close_code() == 4004


async def test_a_stream_that_is_not_read_cannot_hold_up_a_drain(chat: Chat) -> None:
    async with chat.customer() as talker, customer_line(chat.port, narrow=True):
        connection = chat.hub.peers[-1].connection
        ticket = await talker.start()
        while not connection.waits_for_its_peer:
            await talker.say(ticket, "x" * 8_000)
        async with asyncio.timeout(PATIENCE):
            await chat.hub.drain(0.2)
        assert await talker.close_code() == 4001
        await until(lambda: not chat.server.server_state.connections)


@pytest.mark.parametrize("mode", MODES)
async def test_the_whole_server_answers_as_safely_as_ever_and_stops_in_order(
    tmp_path: Path, mode: Mode
) -> None:
    with running(tmp_path) as server:
        hello = {"type": "hello", "v": 1, "app": "demo"}
        async with line(server.port, "/line/customer", mode, hello, origin=server.origin) as customer:
            assert (await customer.expect("welcome"))["v"] == 1
            await customer.still_speaks()
            for name in ("content-security-policy", "x-content-type-options", "referrer-policy"):
                assert customer.headers[name]
            assert customer.headers.get_list("cache-control") == ["no-store"]
            # A stream may be cut after its end: no other request may be on its connection then.
            assert ("close" in customer.headers.get("connection", "")) == (mode == "stream")
            leaving = asyncio.create_task(customer.close_code())
            server.terminate()
            assert await leaving == 4001
            assert await asyncio.to_thread(server.wait) == -signal.SIGTERM
