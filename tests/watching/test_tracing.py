"""What a collector of traces gets, and that nobody else notices whether there is one."""

from __future__ import annotations

import asyncio
import contextlib
import http.client
import io
import json
import logging
import random
import socket
import sys
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest
from click.testing import CliRunner
from opentelemetry.trace import get_current_span
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send
from websockets.asyncio.client import connect
from websockets.typing import Origin

from chatserver import telemetry
from chatserver.cli.main import main
from chatserver.core.events import DeskChanged, Event
from chatserver.store.database import Database
from chatserver.store.sqlite.writer import SqliteWriter
from chatserver.store.work import Needs, World
from chatserver.watching.tracing import FLUSH_SECONDS, Tracing
from tests.harness.collector import Collector, collector
from tests.harness.lines import line
from tests.harness.peers import AgentPeer, CustomerPeer, Diary
from tests.harness.postgres import Postgres
from tests.harness.server import Server, running
from tests.harness.sign_in import Desk
from tests.harness.waiting import soon
from tests.realtime.chat import Client

WORD = "canario"
TRACE, CALLER = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
SAID = {
    "chatserver.audience",
    "chatserver.frame",
    "chatserver.group_size",
    "chatserver.node",
    "chatserver.outcome",
    "db.system.name",
    "error.type",
    "http.request.method",
    "http.response.status_code",
    "http.route",
}
"""All that a span may say."""
DELAYED = 10.0
"""Seconds: less than it takes to wait for a collector that says nothing, for each batch or until the exporter gives up."""


@pytest.fixture
def traces() -> Iterator[Collector]:
    with collector() as found:
        yield found


@pytest.fixture(autouse=True)
def logging_as_it_was() -> Iterator[None]:
    before = logging.root.handlers[:], logging.root.level
    yield
    logging.root.handlers[:], logging.root.level = before[0], before[1]


@contextlib.asynccontextmanager
async def customer(server: Server) -> AsyncIterator[Client]:
    address = f"{server.origin.replace('http', 'ws')}/ws/customer"
    async with connect(address, origin=Origin(server.origin), proxy=None) as socket:
        client = Client(socket)
        await client.send(type="hello", v=1, app="demo")
        await client.expect("welcome")
        yield client


def get(server: Server, path: str, **headers: str) -> int:
    with contextlib.closing(http.client.HTTPConnection("127.0.0.1", server.port, timeout=5)) as connection:
        connection.request("GET", path, headers=headers)
        return connection.getresponse().status


def asked_by(traced: bool) -> str:
    return f"00-{TRACE}-{CALLER}-{'01' if traced else '00'}"


# — what is told ———————————————————————————————————————————————————————————————


@pytest.mark.parametrize("engine", ["sqlite", "postgresql"])
async def test_a_chat_is_told_from_its_frames_to_its_commits_and_no_word_of_it(
    tmp_path: Path, traces: Collector, engine: str, request: pytest.FixtureRequest
) -> None:
    settings: dict[str, Any] = {"messages_burst": 200}
    if engine == "postgresql":
        settings["database_url"] = request.getfixturevalue("postgres_server").demo()
    with running(tmp_path, variables=traces.variables(), **settings) as server:
        dice, diary = random.Random(1), Diary()
        agent = AgentPeer("agente", server.port, diary, dice, Desk(server, "ana@demo.test").token)
        writer = CustomerPeer(WORD, server.port, diary, dice)  # it says its name in every message
        running_peers = [asyncio.create_task(peer.run()) for peer in (agent, writer)]
        await soon(lambda: agent.online and writer.online, "both are connected")
        await agent.is_available()
        ticket = await writer.starts_chat(f"{WORD} no puede entrar")
        for _ in range(20):
            writer.say(ticket)
        await writer.flush()
        await soon(lambda: diary.acks == 20, "everything is acknowledged")
        await writer._send({"type": "say", "ticket": ticket + 1, "cid": "x" * 22, "text": WORD})
        await soon(lambda: writer.refusals, "a message to nobody's ticket is refused")
        for task in running_peers:
            task.cancel()
        await asyncio.gather(*running_peers, return_exceptions=True)

        says = await asyncio.to_thread(traces.waits_for, "customer say", 21)
        for name in ("customer hello", "customer start", "agent hello", "agent status"):
            await asyncio.to_thread(traces.waits_for, name)
        await asyncio.to_thread(traces.waits_for, "pairing.customer_gone")
        await asyncio.to_thread(server.stop)

    outcomes = [span.attributes["chatserver.outcome"] for span in says]
    assert sorted(outcomes) == ["not_found"] + ["ok"] * 20
    assert not any(span.failed for span in traces.spans)
    commits = {span.id: span for span in traces.named("commit")}
    for span in says:
        if span.attributes["chatserver.outcome"] == "ok":
            (commit,) = [one for one in commits.values() if one.parent == span.id or one.id in span.links]
            assert commit.parent == span.id or span.id in commit.links
            assert commit.attributes["db.system.name"] == engine
            assert commit.attributes["chatserver.group_size"] >= 1
    assert all(span.resource["service.name"] == "chatserver" for span in traces.spans)
    nodes = {span.attributes.get("chatserver.node") for span in [*says, *commits.values()]}
    assert nodes == {None} if engine == "sqlite" else None not in nodes
    nothing_private(traces, server, WORD, *(op.cid for op in diary.history), writer.token)


def nothing_private(traces: Collector, server: Server, *private: str) -> None:
    sent = b"".join(traces.bodies)
    assert [word for word in private if word.encode() in sent] == []
    assert {name for span in traces.spans for name in span.attributes} <= SAID
    assert "traces do not arrive" not in server.whole_log()


async def test_what_happens_by_itself_has_a_trace_of_its_own(tmp_path: Path, traces: Collector) -> None:
    with running(tmp_path, variables=traces.variables(), inactivity_seconds=1) as server:
        async with customer(server) as client:
            await client.start()
        (due, *_) = await asyncio.to_thread(traces.waits_for, "followups.follow_up")
        (commit,) = [span for span in traces.named("commit") if span.parent == due.id]
        assert (due.parent, commit.trace) == ("", due.trace)
        await asyncio.to_thread(traces.waits_for, "worker.queue_and_attention")


def test_a_request_is_told_by_its_route_and_goes_on_with_the_trace_of_who_asks(
    tmp_path: Path, traces: Collector
) -> None:
    named = {"OTEL_SERVICE_NAME": "soporte", "OTEL_RESOURCE_ATTRIBUTES": "deployment.environment=prueba"}
    with running(tmp_path, variables=traces.variables(**named)) as server:
        assert get(server, f"/embed/demo?{WORD}", traceparent=asked_by(traced=True)) == 200
        assert get(server, f"/embed/{WORD}") == 404
        assert get(server, f"/{WORD}") == 404
        (frame, stranger) = traces.waits_for("GET /embed/{app}", 2)
        (nowhere,) = traces.waits_for("GET")
        Desk(server, "ana@demo.test").token()
        (sign_in,) = traces.waits_for("POST /console/session")
        server.stop()
    assert (frame.trace, frame.parent) == (TRACE, CALLER)
    assert frame.attributes["http.route"] == "/embed/{app}"
    statuses = [span.attributes["http.response.status_code"] for span in (frame, stranger, nowhere, sign_in)]
    assert statuses == [200, 404, 404, 200]
    assert stranger.parent == ""
    assert any(span.parent == sign_in.id for span in traces.named("commit")), "a session is written"
    assert {span.resource["service.name"] for span in traces.spans} == {"soporte"}
    assert frame.resource["deployment.environment"] == "prueba"
    assert not [span for span in traces.spans if "readyz" in span.attributes.get("http.route", "")]
    nothing_private(traces, server, WORD)


async def test_what_another_node_is_asked_is_in_the_same_trace(
    tmp_path: Path, traces: Collector, postgres_server: Postgres
) -> None:
    url = postgres_server.demo()
    for name in "ab":
        (tmp_path / name).mkdir()
    shared: dict[str, Any] = {"database_url": url, "variables": traces.variables()}
    with running(tmp_path / "a", **shared) as a, running(tmp_path / "b", **shared) as b:
        hello = {"type": "hello", "v": 1, "app": "demo"}
        async with line(a.port, "/line/customer", "poll", hello, origin=a.origin) as client:
            await client.expect("welcome")
            client.http.base_url = httpx2.URL(b.origin)
            client.http.headers["origin"] = b.origin
            await client.start()
        # A server that stops sends what is left for a second, and no longer.
        await soon(lambda: has_its_callers(traces, "customer start"), "the start and those who passed it on")
        a.stop()
        b.stop()
    by_id = {span.id: span for span in traces.spans}
    (start,) = traces.named("customer start")
    there = by_id[start.parent]
    here = by_id[there.parent]
    assert (there.name, here.name) == ("POST /node/line/customer", "POST /line/customer")
    assert (start.trace, there.trace) == (here.trace, here.trace)
    assert there.resource["service.instance.id"] != here.resource["service.instance.id"]


def has_its_callers(traces: Collector, name: str) -> bool:
    """Whether the span of this name was sent, the one that encloses it, and the one that encloses that."""
    by_id = {span.id: span for span in traces.spans}
    return any(span.parent in by_id and by_id[span.parent].parent in by_id for span in traces.named(name))


def test_what_is_sampled_the_sdk_decides_and_whoever_asks(tmp_path: Path, traces: Collector) -> None:
    variables = traces.variables(OTEL_TRACES_SAMPLER="parentbased_always_off")
    with running(tmp_path, variables=variables) as server:
        get(server, "/embed/demo")
        get(server, "/embed/demo", traceparent=asked_by(traced=False))
        get(server, "/embed/demo", traceparent=asked_by(traced=True))
        asyncio.run(_talks(server))
        server.stop()
    (only,) = traces.spans
    assert (only.name, only.trace) == ("GET /embed/{app}", TRACE)


async def _talks(server: Server, messages: int = 3) -> None:
    async with customer(server) as client:
        ticket = await client.start()
        for _ in range(messages):
            await client.say(ticket)


@pytest.fixture
def tracing(monkeypatch: pytest.MonkeyPatch, traces: Collector) -> Tracing:
    """To be closed by the test: then everything has been sent."""
    for name, value in traces.variables().items():
        monkeypatch.setenv(name, value)
    return Tracing()


async def test_what_fails_leaves_its_type_and_none_of_its_words(
    tmp_path: Path, traces: Collector, tracing: Tracing
) -> None:
    def fails(world: World, now: int) -> None:
        raise ValueError(WORD)

    async def request_fails(scope: Scope, receive: Receive, send: Send) -> None:
        raise KeyError(WORD)

    db = await Database.open(tmp_path / "chat.db", committed=lambda events: None, traced=tracing)
    with pytest.raises(ValueError, match=WORD):
        await db.write(Needs(), fails)
    await db.close()
    with pytest.raises(KeyError, match=WORD):
        await asked(tracing, request_fails)
    await asyncio.to_thread(tracing.close)
    assert {(span.name, span.attributes["error.type"]) for span in traces.spans if span.failed} == {
        ("test_tracing.test_what_fails_leaves_its_type_and_none_of_its_words", "ValueError"),
        ("GET /inside", "KeyError"),
    }
    assert WORD.encode() not in b"".join(traces.bodies)


async def test_what_comes_of_an_event_belongs_to_no_commit(tmp_path: Path, tracing: Tracing) -> None:
    told: list[bool] = []

    def committed(events: list[Event]) -> None:
        told.append(get_current_span().get_span_context().is_valid)

    db = await Database.open(tmp_path / "chat.db", committed=committed, traced=tracing)
    await db.write(Needs(), lambda world, now: world.events.append(DeskChanged(1)))
    await db.close()
    await asyncio.to_thread(tracing.close)
    assert told == [False]


# — a collector that is not there ——————————————————————————————————————————————


@contextlib.contextmanager
def deaf(takes: bool) -> Iterator[int]:
    """A port where connections are refused, or taken and never answered."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        if takes:
            listener.listen(64)
        yield listener.getsockname()[1]


@pytest.mark.parametrize("takes", [False, True])
def test_a_dead_collector_delays_nothing_and_fails_nothing(tmp_path: Path, takes: bool) -> None:
    with deaf(takes) as port:
        variables = Collector(port).variables(
            OTEL_BSP_MAX_QUEUE_SIZE="16",
            OTEL_BSP_MAX_EXPORT_BATCH_SIZE="8",
            OTEL_EXPORTER_OTLP_TIMEOUT="1" if takes else "30",
        )
        with running(tmp_path, variables=variables, messages_burst=200) as server:
            began = time.monotonic()
            asyncio.run(_talks(server, messages=100))
            assert time.monotonic() - began < DELAYED
            if takes:
                # Said once, however many batches fail.
                said = "traces do not arrive"
                asyncio.run(soon(lambda: said in server.whole_log(), "the log says so"))
            began = time.monotonic()
            server.terminate()
            code = server.wait()
            assert time.monotonic() - began < FLUSH_SECONDS + DELAYED
    assert code in (0, -15)
    assert server.whole_log().count("traces do not arrive") <= 1
    assert "Traceback" not in server.whole_log()


# — off ————————————————————————————————————————————————————————————————————————


def test_nothing_of_it_is_imported_until_it_is_asked_for(tmp_path: Path, traces: Collector) -> None:
    shows_imports = {"PYTHONPROFILEIMPORTTIME": "1"}
    with running(tmp_path, variables=shows_imports, afresh=True) as server:
        asyncio.run(_talks(server))
    assert "opentelemetry" not in server.whole_log()
    with running(tmp_path, variables=traces.variables() | shows_imports) as server:
        pass
    assert "opentelemetry.sdk.trace" in server.whole_log()


def test_where_it_is_off_the_classes_are_the_same() -> None:
    assert telemetry.untraced(SqliteWriter) is SqliteWriter


def test_asked_for_and_not_installed_is_a_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, traces: Collector
) -> None:
    for name in [
        name for name in sys.modules if name.startswith(("opentelemetry", "chatserver.watching.tracing"))
    ]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "opentelemetry", None)
    environment = Server(tmp_path).environment() | traces.variables()
    for command in ("serve", "demo"):
        result = CliRunner().invoke(main, [command], env=environment, catch_exceptions=False)
        assert result.exit_code == 1
        assert "pip install 'chatserver[otel]'" in result.output


def test_what_the_sdk_cannot_use_is_a_sentence(tmp_path: Path, traces: Collector) -> None:
    variables = traces.variables(OTEL_BSP_MAX_QUEUE_SIZE="1")
    result = CliRunner().invoke(main, ["serve"], env=Server(tmp_path).environment() | variables)
    assert (result.exit_code, "max_queue_size" in result.output) == (1, True)


# — logs ———————————————————————————————————————————————————————————————————————


async def asked(tracing: Tracing, app: ASGIApp) -> None:
    """A request for /inside, by somebody who traces."""

    async def nobody(*given: object) -> Any:
        raise AssertionError

    middleware = tracing.requests([Route("/inside", app)])
    headers = [(b"traceparent", asked_by(traced=True).encode())]
    scope = {"type": "http", "method": "GET", "path": "/inside", "headers": headers, "endpoint": app}
    traced = middleware.cls(app, *middleware.args, **middleware.kwargs)
    await traced(scope, nobody, nobody)


@pytest.mark.parametrize("form", ["json", "text"])
async def test_a_line_says_to_which_span_it_belongs(
    traces: Collector, form: str, request: pytest.FixtureRequest
) -> None:
    stream = io.StringIO()
    telemetry.set_up("info", form, stream)
    tracing: Tracing = request.getfixturevalue("tracing")  # it finds the handlers that there are

    async def logs(scope: Scope, receive: Receive, send: Send) -> None:
        logging.getLogger("chatserver").info("inside")

    logging.getLogger("chatserver").info("outside")
    await asked(tracing, logs)
    await asyncio.to_thread(tracing.close)
    logging.getLogger("chatserver").info("afterwards")

    outside, inside, afterwards = stream.getvalue().splitlines()
    (span,) = traces.spans
    if form == "json":
        found = json.loads(inside)
        assert (found["trace_id"], found["span_id"]) == (TRACE, span.id)
    else:
        assert inside.endswith(f"inside trace_id={TRACE} span_id={span.id}")
    assert "trace_id" not in outside + afterwards
