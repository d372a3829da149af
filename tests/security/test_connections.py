"""Peers that send without end, or never: each loses its own connection, and nobody else waits."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from chatserver.server import peers
from chatserver.web.portal.forms import BODY_BYTES
from tests.realtime.chat import Chat, serving, until
from tests.security.raw import CONTINUATION, PING, TEXT, frame, raw

HELLO = json.dumps({"type": "hello", "v": 1, "app": "demo", "token": "customer:eva"}).encode()

REQUESTS: dict[str, tuple[bytes, bytes]] = {
    "an address without end": (b"GET /", b"a" * 60_000),
    "a header without end": (b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nX: ", b"a" * 60_000),
    "headers without end": (b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n", b"X-Header: value\r\n" * 4_000),
    "a body without end": (
        b"POST / HTTP/1.1\r\nHost: 127.0.0.1\r\nTransfer-Encoding: chunked\r\n\r\n",
        b"ea60\r\n" + b"a" * 60_000 + b"\r\n",
    ),
    "trailers without end": (
        b"POST / HTTP/1.1\r\nHost: 127.0.0.1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n",
        b"X-Trailer: value\r\n" * 4_000,
    ),
    "requests that wait for no answer": (b"", b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n" * 2_000),
}


@pytest.mark.parametrize("case", REQUESTS)
async def test_a_request_without_end_is_cut_off_early(chat: Chat, case: str) -> None:
    begin, more = REQUESTS[case]
    async with chat.customer() as customer, raw(chat.port) as peer:
        peer.writer.write(begin)
        # What is lost on the way lies in the buffers of two kernels; unbounded it would take all of this.
        assert await peer.cut_off(more, 1_000) < 20_000_000
        await customer.still_speaks()


FLOODS = {
    "fragments without end": (frame(TEXT, fin=False), frame(CONTINUATION, fin=False) * 5_000),
    "pings whose answers nobody reads": (b"", frame(PING, b"x" * 125) * 500),
}


@pytest.mark.parametrize("greeted", [True, False])
@pytest.mark.parametrize("case", FLOODS)
async def test_frames_that_carry_nothing_end_their_connection(chat: Chat, case: str, greeted: bool) -> None:
    begin, more = FLOODS[case]
    async with chat.customer() as customer, raw(chat.port) as peer:
        assert b" 101 " in await peer.upgrade()
        peer.writer.write((frame(TEXT, HELLO) if greeted else b"") + begin)
        assert await peer.cut_off(more, 1_000) < 20_000_000
        await customer.still_speaks()


@pytest.mark.parametrize("headers", [["X-A: b"] * 200, ["X-A: " + "b" * 9_000]])
async def test_a_handshake_that_is_too_large_is_not_left_open(chat: Chat, headers: list[str]) -> None:
    async with raw(chat.port) as peer:
        with pytest.raises((asyncio.IncompleteReadError, ConnectionError)):
            await peer.upgrade("/ws/customer", *headers)


async def test_a_message_may_come_in_pieces_among_pings(chat: Chat) -> None:
    async with raw(chat.port) as peer:
        assert b" 101 " in await peer.upgrade()
        pieces = [HELLO[i : i + 1] for i in range(len(HELLO))]
        wire = [frame(TEXT, pieces[0], fin=False), frame(PING, b"still here")]
        wire += [frame(CONTINUATION, piece, fin=False) for piece in pieces[1:-1]]
        peer.writer.write(b"".join([*wire, frame(CONTINUATION, pieces[-1])]))
        assert b"welcome" in await peer.read_until(b'"welcome"')


async def test_all_frames_of_one_read_are_answered_in_order(chat: Chat) -> None:
    async with raw(chat.port) as peer:
        assert b" 101 " in await peer.upgrade()
        asked = frame(TEXT, HELLO) + b"".join(
            frame(TEXT, json.dumps({"type": "here", "ticket": n}).encode()) for n in range(1, 101)
        )
        peer.writer.write(asked)  # some 5 KB: more than is taken apart at once
        answers = await peer.read_until(b'"ticket":100}')
        assert answers.count(b'"not_found"') == 100


@pytest.mark.parametrize(
    "bad",
    [
        b"\x81\xff" + (1_000_000).to_bytes(8, "big") + bytes(4),  # of a megabyte
        b"\x81\xff" + b"\xff" * 8 + bytes(4),  # of a size that is none
        b"\x8b\x80" + bytes(4),  # of no known kind
    ],
)
async def test_a_bad_frame_after_good_ones_is_no_fault_of_ours(
    chat: Chat, caplog: pytest.LogCaptureFixture, bad: bytes
) -> None:
    async with raw(chat.port) as peer:
        await peer.upgrade()
        asked = frame(TEXT, json.dumps({"type": "here", "ticket": 1}).encode()) * 100
        await peer.cut_off(frame(TEXT, HELLO) + asked + bad, 1)
    await chat.until_empty()
    assert "Traceback" not in caplog.text


@pytest.mark.parametrize(
    "request_line", [b"G\0T / HTTP/1.1\r\n", b"GET / HTTP/1.1\r\nUpgrade: h2c\r\nConnection: Upgrade\r\n"]
)
async def test_who_sends_bad_requests_writes_nothing_into_our_log(
    chat: Chat, caplog: pytest.LogCaptureFixture, request_line: bytes
) -> None:
    async with raw(chat.port) as peer:
        peer.writer.write(request_line + b"Host: 127.0.0.1\r\n\r\n")
        assert b" 40" in await peer.read_until(b"\r\n\r\n")
    assert not caplog.records


async def test_a_request_that_never_ends_its_head_is_not_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with serving(tmp_path) as chat:
        async with raw(chat.port) as again:
            again.writer.write(b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
            assert b" 404 " in await again.read_until(b"\r\n\r\n")
            monkeypatch.setattr(
                peers, "HEAD_SECONDS", 0.05
            )  # now: who sent a whole head had the usual time for it
            again.writer.write(b"GET / HTTP/1.1\r\nHost:")  # and once more on the same connection
            assert await again.cut_off(b"", 0) == 0
        async with raw(chat.port) as silent, raw(chat.port) as half:
            half.writer.write(b"GET / HTTP/1.1\r\nHost:")
            assert await half.cut_off(b"", 0) == 0
            assert await silent.cut_off(b"", 0) == 0


async def test_an_open_socket_is_older_than_any_request_may_be(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(peers, "HEAD_SECONDS", 1.0)
    monkeypatch.setattr(peers, "REQUEST_SECONDS", 1.0)
    async with serving(tmp_path) as chat, chat.customer() as customer:
        async with raw(chat.port) as silent:
            assert await silent.cut_off(b"", 0) == 0  # a deadline has passed
        await customer.still_speaks()


@pytest.mark.parametrize("first", [0, 100_000, 229_000, 1_000_000])
async def test_who_sends_a_body_that_is_too_large_is_told_so_and_loses_nothing_else(
    chat: Chat, first: int
) -> None:
    asked = asyncio.Event()

    async def form(request: Request) -> Response:
        size = 0
        async for chunk in request.stream():
            asked.set()
            size += len(chunk)
            if size > BODY_BYTES:
                return Response(b"too large", 413)
        return Response(str(size))

    app: Any = chat.server.config.app
    app.router.routes.append(Route("/form", form, methods=["POST"]))
    size = peers.REQUEST_BYTES + peers.REST_BYTES - 1_000
    head = b"POST /form HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: %d\r\n\r\n"
    async with raw(chat.port) as peer:
        peer.writer.write(head % size + b"a" * first)
        await peer.writer.drain()
        if first:
            await asked.wait()
        peer.writer.write(b"a" * (size - first))
        await peer.writer.drain()
        assert b" 413 " in await peer.read_until(b"too large")
        # The next one on the same connection begins where that one ends.
        peer.writer.write(head % 3 + b"abc")
        assert b" 200 " in await peer.read_until(b"\r\n\r\n3")


async def test_a_body_without_end_is_not_read_on_for_ever_when_it_is_answered(chat: Chat) -> None:
    begin, more = REQUESTS["a body without end"]
    async with raw(chat.port) as peer:
        peer.writer.write(begin)
        assert b" 404 " in await peer.read_until(b"\r\n\r\n")
        assert await peer.cut_off(more, 1_000) < 20_000_000


async def test_an_answer_that_nobody_reads_is_not_kept_for_ever(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def large(request: Request) -> Response:
        # From here on it is a matter of reading: making the answer may take its time.
        monkeypatch.setattr(peers, "REQUEST_SECONDS", 0.2)
        return Response(b"x" * 32_000_000)

    async with serving(tmp_path) as chat, raw(chat.port) as peer:
        app: Any = chat.server.config.app
        app.router.routes.append(Route("/large", large))
        peer.writer.write(b"GET /large HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
        assert b" 200 " in await peer.read_until(b"\r\n\r\n")
        await until(lambda: not chat.server.server_state.connections)
