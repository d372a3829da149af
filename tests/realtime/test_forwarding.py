"""A request to another node ends, whatever answers there."""

from __future__ import annotations

import asyncio
import contextlib
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from chatserver.realtime.fallback import Fallback
from chatserver.realtime.forwarding import ANSWER_BYTES, Answer, Forwarding
from chatserver.realtime.limits import Limits
from tests.harness.listening import stop_listening
from tests.realtime.chat import PATIENCE, until

LINE = f"2.{'x' * 22}"
PATH = "/line/customer"
POLLED = b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n{}\n"


@contextlib.asynccontextmanager
async def answering(answer: bytes | None) -> AsyncIterator[Forwarding]:
    """Node 1, which is told of a node 2 that answers like this to whatever is asked, and closes; None: it says nothing."""

    async def answers(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await reader.readuntil(b"\r\n\r\n")
            if answer is None:
                await reader.read()
            else:
                writer.write(answer)
            with contextlib.suppress(OSError):
                writer.close()
                await writer.wait_closed()
        except asyncio.CancelledError:
            writer.transport.abort()  # the test is over
            raise

    server = await asyncio.start_server(answers, "127.0.0.1", 0)
    forwarding = Forwarding("s" * 32, lambda: 0)
    forwarding.living(1, {1: "", 2: f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"})
    try:
        yield forwarding
    finally:
        await stop_listening(server)


async def asked(forwarding: Forwarding) -> Answer | None:
    async with asyncio.timeout(PATIENCE):
        return await forwarding.ask(PATH, LINE, "poll", b"", 20)


async def test_an_answer_is_handed_on() -> None:
    async with answering(POLLED) as forwarding:
        assert await asked(forwarding) == Answer(200, b"{}\n")


async def test_an_answer_without_a_body_is_one() -> None:
    async with answering(b"HTTP/1.1 204 No Content\r\n\r\n") as forwarding:
        assert await asked(forwarding) == Answer(204, b"")


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"SSH-2.0-x\r\n",
        POLLED[:-1],
        POLLED.replace(b"200", b"403"),
        POLLED.replace(b"200", b"404"),
        POLLED.replace(b"200", b"500"),
        POLLED.replace(b"3", b"%d" % (ANSWER_BYTES + 2)) + b"x" * ANSWER_BYTES,
    ],
    ids=["nothing", "no HTTP", "half", "refused", "unknown there", "failed", "too large"],
)
async def test_what_is_no_answer_of_a_line_is_a_line_that_is_not_there(answer: bytes) -> None:
    async with answering(answer) as forwarding:
        assert await asked(forwarding) is None
        assert forwarding.under_way == 0


async def test_who_waits_for_a_node_is_told_at_once_that_it_is_dead() -> None:
    async with answering(None) as forwarding:
        asking = asyncio.create_task(asked(forwarding))
        await until(lambda: forwarding.under_way == 1)
        forwarding.living(1, {1: ""})
        assert await asking is None
        assert not forwarding.elsewhere(LINE)
        assert await asked(forwarding) is None  # it died between the two looks


async def test_no_more_are_passed_on_at_once_than_there_may_be_connections() -> None:
    hub = SimpleNamespace(limits=Limits(connections=1))
    endpoint: Any = SimpleNamespace(hub=hub)
    sent: list[Any] = []

    async def receive() -> Any:
        raise AssertionError("its body was read")

    async def send(message: Any) -> None:
        sent.append(message)

    async with answering(None) as forwarding:
        fallback = Fallback(endpoint, lambda scope: True, forwarding)
        asking = asyncio.create_task(asked(forwarding))
        await until(lambda: forwarding.under_way == 1)
        await fallback({"path": PATH, "headers": [(b"chat-line", LINE.encode())]}, receive, send)
        assert sent[0]["status"] == 404
        asking.cancel()
        await asyncio.wait({asking})
        assert forwarding.under_way == 0


async def test_lines_of_this_node_and_of_nodes_without_an_address_are_not_elsewhere() -> None:
    forwarding = Forwarding("s" * 32, lambda: 0)
    forwarding.living(1, {1: "http://127.0.0.1:1", 2: "http://127.0.0.1:2", 3: ""})
    own = forwarding.new_id()
    assert own.startswith("1.")
    assert not forwarding.elsewhere(own)
    assert forwarding.elsewhere(own.replace("1.", "2.", 1))
    assert not forwarding.elsewhere(own.replace("1.", "3.", 1))


def test_with_sqlite_there_is_nothing_of_it() -> None:
    code = (
        "import sys\n"
        "from chatserver.app import build_app\n"
        "from chatserver.settings import load\n"
        "app = build_app(load({}))\n"
        "assert not [route for route in app.routes if '/node' in route.path]\n"
        "sys.exit('chatserver.realtime.forwarding' in sys.modules)\n"
    )
    root = Path(__file__).resolve().parents[2]
    subprocess.run([sys.executable, "-c", code], cwd=root, check=True, timeout=30)
