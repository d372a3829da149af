"""Lines over plain HTTP on two real servers: each request may reach either of them, and the line works as on one."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import signal
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import AbstractAsyncContextManager, ExitStack, contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import httpx2
import pytest

from chatserver.realtime.forwarding import ANSWER_SECONDS, CONNECT_SECONDS, FRESH_MS
from chatserver.services.nodes import BEAT_SECONDS, DEAD_MS
from tests.harness.lines import LineClient, Mode, line, ndjson, request
from tests.harness.nginx import IN_TURN, nginx
from tests.harness.postgres import Postgres
from tests.harness.redis import redis_server
from tests.harness.server import Server, running
from tests.harness.sign_in import Desk
from tests.harness.waiting import soon, wait_until
from tests.realtime.chat import new_cid
from tests.realtime.test_nginx import the_two_talk

pytestmark = [pytest.mark.fault, pytest.mark.alone]

SECRET = "the secret of one installation, both nodes"
TOKEN = "a token for whoever reads the metrics"
PATH = "/line/customer"
HELLO = {"type": "hello", "v": 1, "app": "demo"}
HELLO_AS_AGENT = {"type": "hello", "v": 1}
SLOW = 4.0
"""Seconds that a busy machine may take on top of what is promised: less than it takes to wait for a node that does not answer."""


class Two(NamedTuple):
    a: Server
    b: Server


@pytest.fixture(scope="module")
def nodes(tmp_path_factory: pytest.TempPathFactory, postgres_server: Postgres) -> Iterator[Two]:
    """For all who do them no harm."""
    with two(tmp_path_factory.mktemp("nodes"), postgres_server.demo()) as nodes:
        yield nodes


@pytest.fixture
def mortals(tmp_path: Path, postgres_server: Postgres) -> Iterator[Two]:
    """For one story, in which one of them may die."""
    with two(tmp_path, postgres_server.demo()) as nodes:
        yield nodes


@contextmanager
def two(where: Path, url: str) -> Iterator[Two]:
    """The second one hears of the first when it starts."""
    for name in "ab":
        (where / name).mkdir()
    with (
        running(where / "a", database_url=url, secret=SECRET) as a,
        running(where / "b", database_url=url, secret=SECRET) as b,
    ):
        yield Two(a, b)


def opened(server: Server, mode: Mode) -> AbstractAsyncContextManager[LineClient]:
    return line(server.port, PATH, mode, HELLO, origin=server.origin)


def turns_to(client: LineClient, server: Server) -> None:
    """As a balancer would send the next requests there. The page's origin follows, for there is no balancer."""
    client.http.base_url = httpx2.URL(server.origin)
    client.http.headers["origin"] = server.origin


async def stored(server: Server, ticket: int) -> list[str]:
    rows = await server.rows(f"SELECT text FROM items WHERE ticket_id = {ticket} AND cid <> '' ORDER BY seq")
    return [row[0] for row in rows]


async def test_a_polled_line_speaks_and_hears_wherever_its_requests_come(nodes: Two) -> None:
    async with opened(nodes.a, "poll") as client:
        await client.expect("welcome")
        turns_to(client, nodes.b)
        ticket = await client.start()
        texts = [f"palabra {number}" for number in range(12)]
        for number, text in enumerate(texts):
            turns_to(client, nodes[number % 2])
            assert (await client.post(say(ticket, text))).status_code == 204
            turns_to(client, nodes[number // 2 % 2])
            await client.expect("ack")
        turns_to(client, nodes.b)
        assert (await client.post(say(ticket, "uno"), say(ticket, "dos"))).status_code == 204
        await client.expect("ack")
        await client.expect("ack")
        assert (await stored(nodes.a, ticket))[-14:] == [*texts, "uno", "dos"]
        seqs = [frame["seq"] for frame in client.got if frame["type"] == "ack" and "seq" in frame]
        assert len(seqs) == 14
        assert seqs == sorted(set(seqs))
        await client.leave()
        assert (await client.poll()).status_code == 404
        turns_to(client, nodes.a)
        assert (await client.poll()).status_code == 404


async def test_what_a_streamed_line_says_elsewhere_is_answered_in_its_stream_until_it_ends_there(
    nodes: Two,
) -> None:
    async with opened(nodes.a, "stream") as client:
        await client.expect("welcome")
        turns_to(client, nodes.b)
        ticket = await client.start()
        for number in range(5):
            await client.say(ticket, f"palabra {number}")
        assert (await stored(nodes.a, ticket))[-5:] == [f"palabra {number}" for number in range(5)]
        assert (await client.poll()).status_code == 404  # it is no polled one
        await client.leave()
        assert await client.close_code() == 1006  # nothing was said of an end


async def test_what_is_refused_is_refused_alike(nodes: Two) -> None:
    async with opened(nodes.a, "poll") as client:
        await client.expect("welcome")
        answers = []
        for server in nodes:
            turns_to(client, server)
            too_large = await client.post_bytes(b'"' + b"x" * 65_536)
            no_text = await client.post_bytes(b"\xff")
            with_body = await client.post({"type": "ping"}, mode="poll")
            answers.append([(one.status_code, one.content) for one in (too_large, no_text, with_body)])
        assert answers[0] == answers[1]
        assert [status for status, _ in answers[0]] == [413, 400, 400]
        client.http.headers["origin"] = "https://evil.test"
        assert (await client.post({"type": "ping"})).status_code == 403
        turns_to(client, nodes.b)
        await client.still_speaks()


@pytest.mark.parametrize("mode", ["poll", ""])
async def test_a_peer_that_leaves_in_the_middle_has_left_the_line_wherever_it_is(
    nodes: Two, mode: str
) -> None:
    async with opened(nodes.a, "poll") as client:
        await client.expect("welcome")
        headers = [f"Chat-Line: {client.id}", *([f"Chat-Mode: {mode}"] if mode else [])]
        whole = request(PATH, b"" if mode else b'{"type":"ping"}', *headers)
        whole = whole.replace(b"https://chat.example.test", nodes.b.origin.encode())
        whole = whole.replace(b"Host: 127.0.0.1", f"Host: 127.0.0.1:{nodes.b.port}".encode())
        _, writer = await asyncio.open_connection("127.0.0.1", nodes.b.port)
        writer.write(whole if mode else whole[:-1])
        await writer.drain()
        writer.close()
        await writer.wait_closed()
        gone = asyncio.create_task(until_unknown(client))
        await soon(gone.done, "the line is lost", within=ANSWER_SECONDS)


async def until_unknown(client: LineClient) -> None:
    while (await client.post({"type": "ping"})).status_code != 404:
        pass


async def test_a_line_of_a_node_that_died_is_unknown_at_once(mortals: Two) -> None:
    async with opened(mortals.a, "poll") as client:
        await client.expect("welcome")
        turns_to(client, mortals.b)
        poll = asyncio.create_task(client.poll())
        await soon(lambda: asks(mortals.b, mortals.a), "the poll is passed on")
        await asyncio.to_thread(mortals.a.kill)
        began = time.monotonic()
        assert (await client.post({"type": "ping"})).status_code == 404
        with suppress(httpx2.TransportError):
            assert (await poll).status_code in (200, 404)
        assert time.monotonic() - began < CONNECT_SECONDS + SLOW
        assert (await client.poll()).json() == {"code": "unknown_line"}


async def test_a_line_of_a_node_that_hangs_is_unknown_before_its_peer_gives_up(mortals: Two) -> None:
    async with opened(mortals.a, "poll") as client:
        await client.expect("welcome")
        turns_to(client, mortals.b)
        await client.still_speaks()
        assert mortals.a.process is not None
        mortals.a.process.send_signal(signal.SIGSTOP)
        try:
            began = time.monotonic()
            poll = asyncio.create_task(client.poll())
            assert (await client.post({"type": "ping"})).status_code == 404
            assert time.monotonic() - began < CONNECT_SECONDS + ANSWER_SECONDS + SLOW
            assert (await poll).status_code == 404
            assert time.monotonic() - began < DEAD_MS / 1000 + 2 * BEAT_SECONDS + SLOW
            began = time.monotonic()
            assert (await client.poll()).status_code == 404
            assert time.monotonic() - began < SLOW  # it is known to be dead
        finally:
            mortals.a.process.send_signal(signal.SIGCONT)


async def test_a_node_that_stops_does_not_wait_for_polls_elsewhere(mortals: Two) -> None:
    async with opened(mortals.a, "poll") as client:
        await client.expect("welcome")
        turns_to(client, mortals.b)
        await client.still_speaks()
        poll = asyncio.create_task(client.poll())
        await soon(lambda: asks(mortals.b, mortals.a), "the poll is passed on")
        began = time.monotonic()
        mortals.b.terminate()
        await asyncio.to_thread(mortals.b.wait)
        assert time.monotonic() - began < 2 * BEAT_SECONDS + SLOW
        assert "graceful shutdown exceeded" not in mortals.b.whole_log()
        with suppress(httpx2.TransportError):
            assert (await poll).status_code in (200, 404)


# — behind a balancer ——————————————————————————————————————————————————————————


@pytest.fixture(scope="module")
async def door(tmp_path_factory: pytest.TempPathFactory, postgres_server: Postgres) -> AsyncIterator[Server]:
    """Seen from outside: Debian's nginx as it is, which knows nothing of lines, before three nodes that take turns."""
    where = tmp_path_factory.mktemp("door")
    outside = Server(where)
    with ExitStack() as stack:
        (where / "redis").mkdir()
        settings: dict[str, Any] = {
            "database_url": postgres_server.demo(),
            "redis_url": stack.enter_context(redis_server(where / "redis")).url,
            "secret": SECRET,
            "public_url": outside.origin,
            "metrics_token": TOKEN,
        }
        ports = []
        for name in "abc":
            (where / name).mkdir()
            ports.append(stack.enter_context(running(where / name, **settings)).port)
        for port in ports:
            wait_until(partial(knows_three, port), "it has heard of the others, at its next beat")
        async with nginx(where, *ports, location=IN_TURN, port=outside.port):
            yield outside


def knows_three(port: int) -> bool:
    asked = httpx2.get(f"http://127.0.0.1:{port}/metrics", headers={"authorization": f"Bearer {TOKEN}"})
    return "\nchatserver_nodes_alive 3\n" in asked.text


@pytest.mark.parametrize("mode", ["stream", "poll"])
async def test_two_talk_while_an_nginx_sends_each_request_to_another_node(door: Server, mode: Mode) -> None:
    token = await asyncio.to_thread(Desk(door, "ana@demo.test").token)
    async with (
        line(door.port, "/line/agent", mode, HELLO_AS_AGENT | {"token": token}, origin=door.origin) as agent,
        opened(door, mode) as customer,
    ):
        took = {who: nodes_that_take_what_is_said_by(who) for who in (agent, customer)}
        await agent.expect("welcome")
        await agent.send(type="status", status="available")
        await agent.expect("done", verb="status")
        await customer.expect("welcome")
        await the_two_talk(customer, agent)
        for client in took:  # polls are as many as it takes: by now one of them may have met two nodes only
            for _ in range(3):
                await client.still_speaks()
        assert [len(nodes) for nodes in took.values()] == [3, 3]


def nodes_that_take_what_is_said_by(client: LineClient) -> set[str]:
    """By their addresses, from now on."""
    found: set[str] = set()

    async def note(answer: httpx2.Response) -> None:
        found.add(answer.headers["taken-by"])

    client.http.event_hooks = {"response": [note]}
    return found


# — strangers ——————————————————————————————————————————————————————————————————


async def test_nobody_speaks_as_a_node_without_its_signature(nodes: Two) -> None:
    async with opened(nodes.a, "poll") as client:
        await client.expect("welcome")
        now, said = time.time_ns() // 1_000_000, ndjson({"type": "ping"})

        async def asked(
            secret: str = SECRET,
            at: int = now,
            *,
            body: bytes = said,
            to: Server = nodes.a,
            path: str = f"/node{PATH}",
            **changed: str,
        ) -> int:
            """With a signature over this body, though what is sent is `said`."""
            headers = signed(secret, client.id, "", at, body)
            headers |= {name.replace("_", "-"): value for name, value in changed.items()}
            return (await client.http.post(f"{to.origin}{path}", content=said, headers=headers)).status_code

        assert await asked() == 204
        assert await asked("another secret of 32 characters or more") == 403
        assert await asked(at=now - FRESH_MS - 1_000) == 403
        assert await asked(at=now + FRESH_MS + 10_000) == 403
        assert await asked(body=b"") == 403
        assert await asked(path="/node/line/agent") == 403
        assert await asked(node_at=str(now + 1)) == 403
        assert await asked(node_at="now") == 403
        assert await asked(node_signature="") == 403
        assert await asked(chat_mode="end") == 403
        assert await asked(chat_line=f"{client.id}x") == 403
        assert await asked(host="evil.test") == 400
        assert await asked(to=nodes.b) == 404, "it was passed on once more"
        await client.still_speaks()


async def test_a_line_of_nobody_is_unknown(nodes: Two) -> None:
    async with opened(nodes.a, "poll") as client:
        node, rest = client.id.split(".")
        turns_to(client, nodes.b)
        for made_up in (
            f"999999.{rest}",
            f"0.{rest}",
            f"-1.{rest}",
            f"{node}.short",
            f"{node}.{rest}x",
            rest,
        ):
            answer = await client.post({"type": "ping"}, line=made_up)
            assert (answer.status_code, answer.json()) == (404, {"code": "unknown_line"}), made_up


def signed(secret: str, line_id: str, mode: str, at: int, body: bytes) -> dict[str, str]:
    key = hmac.digest(secret.encode(), b"between nodes", "sha256")
    said = "\n".join([f"/node{PATH}", line_id, mode, str(at), hashlib.sha256(body).hexdigest()])
    signature = hmac.digest(key, said.encode(), "sha256").hex()
    mode_said = {"chat-mode": mode} if mode else {}
    return {"chat-line": line_id, "node-at": str(at), "node-signature": signature, **mode_said}


def asks(one: Server, other: Server) -> bool:
    """Whether it has a connection to the other one."""
    assert one.process is not None
    inodes = set()
    for descriptor in Path(f"/proc/{one.process.pid}/fd").iterdir():
        with suppress(FileNotFoundError):
            inodes.add(str(descriptor.readlink()))
    rows = [row.split() for row in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    there = f"0100007F:{other.port:04X}"
    return any(row[2] == there and row[3] == "01" and f"socket:[{row[9]}]" in inodes for row in rows)


def say(ticket: int, text: str) -> dict[str, object]:
    return {"type": "say", "ticket": ticket, "cid": new_cid(), "text": text}
