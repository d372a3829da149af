"""Starting, being ready and ending, as whoever supervises the processes sees it."""

from __future__ import annotations

import asyncio
import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from chatserver.bus.redis import RedisBus
from chatserver.metrics import Metrics
from chatserver.processes.health import CONNECTIONS_AT_MOST, Pages, health
from chatserver.processes.opening import opened
from chatserver.services.nodes import DEAD_MS
from chatserver.settings import load
from chatserver.systemd import BEGIN_ANEW
from tests.harness.postgres import Postgres, fetched, programs
from tests.harness.redis import redis_server
from tests.harness.server import START_WITHIN, Server, free_port, running
from tests.harness.waiting import PATIENCE, soon, wait_until


@contextmanager
def supervisor(path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[socket.socket]:
    """The socket to which systemd listens."""
    with closing(socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)) as listening:
        listening.bind(str(path))
        listening.settimeout(START_WITHIN)
        monkeypatch.setenv("NOTIFY_SOCKET", str(path))
        yield listening


@contextmanager
def worker(where: Path, **settings: Any) -> Iterator[Server]:
    process = Server(where, command="work", **settings)
    process.launch()
    try:
        wait_until(
            lambda: '"working"' in process.log() or "working" in process.log(), "it works", START_WITHIN
        )
        yield process
    finally:
        if process.process is not None:
            process.kill()


def test_systemd_is_told_when_a_node_listens_and_when_it_stops(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with supervisor(tmp_path / "notify", monkeypatch) as listening:
        server = Server(tmp_path, command="serve")
        server.launch()
        assert listening.recv(100) == b"READY=1"
        assert server.status("/readyz") == 200
        server.terminate()
        assert listening.recv(100) == b"STOPPING=1"
        assert server.wait() in (0, -signal.SIGTERM)


def test_systemd_is_told_when_mail_is_taken_and_when_no_more_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, postgres_server: Postgres
) -> None:
    with supervisor(tmp_path / "notify", monkeypatch) as listening:
        port = free_port()
        mail = Server(
            tmp_path,
            command="mail",
            database_url=postgres_server.database(),
            mail_listen=f"lmtp://127.0.0.1:{port}",
        )
        mail.launch()
        assert listening.recv(100) == b"READY=1"
        with closing(socket.create_connection(("127.0.0.1", port), timeout=START_WITHIN)) as line:
            assert line.recv(3) == b"220"
        mail.terminate()
        assert listening.recv(100) == b"STOPPING=1"
        assert mail.wait() == 0


TOKEN = "0123456789abcdef" * 4


@pytest.mark.parametrize("command", ["mail", "work"])
def test_a_process_without_other_pages_tells_its_health_and_its_figures_where_it_is_told_to(
    tmp_path: Path, postgres_server: Postgres, command: str
) -> None:
    port = free_port()
    process = Server(
        tmp_path,
        command=command,
        database_url=postgres_server.empty(),
        health_listen=f"127.0.0.1:{port}",
        metrics_token=TOKEN,
        mail_listen=f"lmtp://127.0.0.1:{free_port()}",
    )
    process.port = port
    (tmp_path / "node").mkdir()
    process.launch()
    try:
        wait_until(lambda: process.status("/healthz") == 200, "it lives", START_WITHIN)
        if command == "work":
            assert said(process, "/readyz") == (503, "joining")
            with running(tmp_path / "node", database_url=process.settings["database_url"]):
                wait_until(process.ready, "there is work to do", START_WITHIN)
        wait_until(process.ready, "it is ready", START_WITHIN)
        with postgres_server.frozen():
            wait_until(lambda: said(process, "/readyz") == (503, "database"), "it is not ready")
            assert process.status("/healthz") == 200
        wait_until(process.ready, "it is ready again")
        assert [process.status(path) for path in ("/metrics", "/console", "/")] == [404, 404, 404]
        figures = scraped(process, TOKEN)
        assert "chatserver_database_writable 1" in figures
        assert ('chatserver_incoming_total{became="ticket"} 0' in figures) == (command == "mail")
        assert process.stop() == 0
        assert "Traceback" not in process.whole_log()
    finally:
        if process.process is not None:
            process.kill()


def test_of_two_nodes_that_start_at_one_moment_with_two_secrets_one_ends_and_says_why(
    tmp_path: Path, postgres_server: Postgres
) -> None:
    url = postgres_server.database()
    both = []
    for secret in ("one" * 12, "two" * 12):
        (tmp_path / secret).mkdir()
        both.append(Server(tmp_path / secret, command="serve", database_url=url, secret=secret))
    with ExitStack() as stack:
        for server in both:
            server.launch()
            stack.callback(server.kill)

        def ended() -> list[Server]:
            return [one for one in both if one.process is not None and one.process.poll() is not None]

        wait_until(lambda: bool(ended()), "one of them ends", START_WITHIN)
        (refused,) = ended()
        (serves,) = [one for one in both if one is not refused]
        wait_until(serves.ready, "the other one serves", START_WITHIN)
        assert refused.process is not None
        assert refused.process.poll() in (1, 3), "before anything was opened, or when it would have joined"
        assert "sign with another CHATSERVER_SECRET" in refused.log()


@pytest.mark.parametrize("command", ["mail", "work"])
def test_a_process_beside_nodes_ends_when_they_come_and_sign_with_another_secret(
    tmp_path: Path, postgres_server: Postgres, command: str
) -> None:
    url = postgres_server.database()
    (tmp_path / "node").mkdir()
    beside = Server(
        tmp_path,
        command=command,
        database_url=url,
        secret="one" * 12,
        mail_listen=f"lmtp://127.0.0.1:{free_port()}",
        health_listen=f"127.0.0.1:{(port := free_port())}",
    )
    beside.port = port
    beside.launch()
    try:
        wait_until(lambda: beside.status("/healthz") == 200, "it lives", START_WITHIN)
        with running(tmp_path / "node", database_url=url, secret="two" * 12):
            assert beside.wait() == 1
        assert "sign with another CHATSERVER_SECRET" in beside.log()
        assert "Traceback" not in beside.log()
    finally:
        if beside.process is not None:
            beside.kill()


@contextmanager
def watched(pages: Pages) -> Iterator[int]:
    """Told at this port, by an event loop of its own."""
    port, ends, begun = free_port(), asyncio.Event(), threading.Event()
    loop = asyncio.new_event_loop()

    async def tell() -> None:
        async with health(load({"CHATSERVER_HEALTH_LISTEN": f"127.0.0.1:{port}"}), pages):
            begun.set()
            await ends.wait()

    with ThreadPoolExecutor(1) as thread:
        told = thread.submit(loop.run_until_complete, tell())
        try:
            assert begun.wait(PATIENCE)
            yield port
        finally:
            loop.call_soon_threadsafe(ends.set)
            told.result(PATIENCE)
            loop.close()


def asked(port: int, path: str = "/healthz") -> int:
    with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)) as connection:
        connection.request("GET", path)
        return connection.getresponse().status


def reading(connection: socket.socket, most: int = 100) -> bytes:
    """ "" once it was cut."""
    connection.settimeout(PATIENCE)
    try:
        return connection.recv(most)
    except ConnectionResetError:
        return b""


async def nothing_is_wrong() -> list[str]:
    return []


async def no_figures() -> str:
    return ""


def test_connections_that_say_nothing_keep_nobody_out_who_asks() -> None:
    with (
        watched(Pages("", unready=nothing_is_wrong, figures=no_figures)) as port,
        ExitStack() as stack,
    ):

        def opened(*, sender: str) -> socket.socket:
            line = socket.create_connection(("127.0.0.1", port), PATIENCE, source_address=(sender, 0))
            return stack.enter_context(closing(line))

        balancer = opened(sender="127.0.0.1")
        crowd = [opened(sender="127.0.0.2") for _ in range(CONNECTIONS_AT_MOST * 3)]
        half = opened(sender="127.0.0.2")
        half.sendall(b"GET /healthz HTTP/1.1\r\nHost:")
        assert [asked(port) for _ in range(5)] == [200] * 5
        assert reading(crowd[0]) == b"", "the oldest of many is the one that goes"
        balancer.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
        assert reading(balancer).startswith(b"HTTP/1.1 200"), "nobody is pushed out by somebody else's many"


def test_who_waits_for_an_answer_gives_place_to_nobody_and_a_further_one_hears_503() -> None:
    waiting, go_on = threading.Semaphore(0), threading.Event()

    async def slowly() -> list[str]:
        waiting.release()
        await asyncio.to_thread(go_on.wait, PATIENCE)
        return []

    request = b"GET /readyz HTTP/1.1\r\nHost: x\r\n\r\n"
    with watched(Pages("", unready=slowly, figures=no_figures)) as port, ExitStack() as stack:
        stack.callback(go_on.set)
        lines = []
        for _ in range(CONNECTIONS_AT_MOST):
            lines.append(
                stack.enter_context(closing(socket.create_connection(("127.0.0.1", port), PATIENCE)))
            )
            lines[-1].sendall(request)
            assert waiting.acquire(timeout=PATIENCE)
        assert asked(port) == 503
        go_on.set()
        assert {reading(line)[:12] for line in lines} == {b"HTTP/1.1 200"}
        assert asked(port) == 200


def test_there_is_no_page_with_a_slash_behind_it() -> None:
    with watched(Pages("", unready=nothing_is_wrong, figures=no_figures)) as port:
        assert [asked(port, path) for path in ("/metrics/", "/healthz/", "//metrics", "/readyz/")] == [
            404
        ] * 4


def scraped(server: Server, token: str) -> str:
    with closing(http.client.HTTPConnection("127.0.0.1", server.port, timeout=5)) as connection:
        connection.request("GET", "/metrics", headers={"Authorization": f"Bearer {token}"})
        answer = connection.getresponse()
        assert answer.status == 200
        return answer.read().decode()


def test_an_address_that_is_taken_is_a_sentence_and_an_end(postgres_server: Postgres) -> None:
    with socket.create_server(("127.0.0.1", free_port())) as taken:
        where = f"127.0.0.1:{taken.getsockname()[1]}"
        for command in ("mail", "work"):
            done = chatserver(
                command,
                DATABASE_URL=postgres_server.database(),
                CHATSERVER_HEALTH_LISTEN=where,
                CHATSERVER_MAIL_LISTEN=f"lmtp://127.0.0.1:{free_port()}",
            )
            assert done.returncode == 1
            assert f"Cannot listen for /healthz, /readyz and /metrics at {where}" in done.stderr
            assert "Traceback" not in done.stderr
        done = chatserver(
            "mail", DATABASE_URL=postgres_server.database(), CHATSERVER_MAIL_LISTEN=f"lmtp://{where}"
        )
        assert done.returncode == 1
        assert f"Cannot listen for mail at lmtp://{where}" in done.stderr
        assert "Traceback" not in done.stderr


def test_three_nodes_that_start_at_once_before_their_postgresql_and_without_redis_come_up(
    tmp_path: Path,
) -> None:
    with postgres_to_be(tmp_path) as postgres:
        url = f"postgresql://chat@127.0.0.1:{postgres.port}/postgres"
        nodes = []
        for number in range(3):
            (tmp_path / str(number)).mkdir()
            settings: dict[str, Any] = {
                "database_url": url,
                "redis_url": f"redis://127.0.0.1:{free_port()}",
                "wait_seconds": 60,
            }
            nodes.append(Server(tmp_path / str(number), command="serve", **settings))
        try:
            for node in nodes:
                node.launch()
            for node in nodes:
                wait_until(partial(waits, node), "it waits", START_WITHIN)
            postgres.start()
            for node in nodes:
                wait_until(node.ready, "a node is ready", START_WITHIN)
                assert "Redis is away" in node.log()
        finally:
            for node in nodes:
                if node.process is not None:
                    node.kill()


def waits(node: Server) -> bool:
    return "Trying again" in node.log()


@contextmanager
def postgres_to_be(where: Path) -> Iterator[Postgres]:
    """Made, and not started."""
    found = programs()
    if found is None:
        pytest.skip("no PostgreSQL here: apt install postgresql")
    with tempfile.TemporaryDirectory(prefix="chat-pg-") as directory:
        server = Postgres(found, Path(directory), relaxed=True)
        server.make()
        try:
            yield server
        finally:
            server.stop(signal.SIGQUIT)


def test_a_database_that_does_not_come_is_a_sentence_and_an_end(tmp_path: Path) -> None:
    for command in ("serve", "work", "migrate"):
        done = chatserver(
            command,
            DATABASE_URL=f"postgresql://chat@127.0.0.1:{free_port()}/chat",
            PORT=str(free_port()),
            CHATSERVER_WAIT_SECONDS="0.5",
        )
        assert done.returncode == 1
        assert (
            "nobody answers there. Start PostgreSQL there, or correct the URL of the database. Trying again for 0.5 s."
            in done.stderr
        )
        assert "Traceback" not in done.stderr


def test_a_password_that_redis_does_not_take_is_a_sentence_and_an_end(
    tmp_path: Path, postgres_server: Postgres
) -> None:
    with redis_server(tmp_path, "--requirepass", "right") as redis:
        for wrong in (f"redis://:wrong@127.0.0.1:{redis.port}", f"redis://127.0.0.1:{redis.port}/x"):
            for command in ("serve", "work"):
                given = {
                    "DATABASE_URL": postgres_server.database(),
                    "REDIS_URL": wrong,
                    "PORT": str(free_port()),
                }
                done = chatserver(command, **given)
                assert done.returncode == 1
                assert len(done.stderr.splitlines()) == 1
                assert "edis" in done.stderr.lower()
                assert "wrong" not in done.stderr


def test_whoever_signs_with_another_secret_than_the_nodes_that_serve_is_refused(
    tmp_path: Path, postgres_server: Postgres
) -> None:
    url, first, other = postgres_server.empty(), "a" * 32, "b" * 32
    with running(tmp_path, database_url=url, secret=first) as node:
        for command in ("serve", "work", "mail"):
            for given in ({"CHATSERVER_SECRET": other}, {}):  # or the database's own
                done = chatserver(command, DATABASE_URL=url, PORT=str(free_port()), **given)
                assert done.returncode == 1
                assert "sign with another CHATSERVER_SECRET. Set theirs here" in done.stderr
                assert "Traceback" not in done.stderr
                assert first not in done.stderr + done.stdout
        (tmp_path / "work").mkdir()
        with worker(tmp_path / "work", database_url=url, secret=first) as working:
            assert working.stop() == 0
        # All of them are stopped for a new one, and what they say with it is good.
        node.stop()
        node.settings["secret"] = other
        node.start()
        assert asyncio.run(fetched(url, "SELECT count(*) FROM meta WHERE key = 'signer'")) == [(1,)]


def test_a_server_on_postgres_says_that_mail_is_taken_beside_it(
    tmp_path: Path, postgres_server: Postgres
) -> None:
    where = f"lmtp://127.0.0.1:{free_port()}"
    with running(tmp_path, database_url=postgres_server.empty(), mail_listen=where, log_level="info") as node:
        assert "on PostgreSQL `chatserver mail` does, beside it" in node.whole_log()


def test_with_sqlite_there_is_no_worker_beside_the_server(tmp_path: Path) -> None:
    done = chatserver("work", CHATSERVER_DATA_DIR=str(tmp_path))
    assert done.returncode == 1
    assert "With SQLite one process does everything" in done.stderr


def chatserver(*arguments: str, **environ: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "chatserver", *arguments],
        env={**os.environ, **environ},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def test_readiness_tells_the_truth_of_the_database_and_does_not_ask_for_redis(
    tmp_path: Path, postgres_server: Postgres
) -> None:
    with redis_server(tmp_path / "redis") as redis:
        settings: dict[str, Any] = {"database_url": postgres_server.empty(), "redis_url": redis.url}
        with running(tmp_path, **settings) as server:
            redis.kill()
            wait_until(lambda: "Redis is away" in server.log(), "it knows that Redis is away")
            assert server.status("/readyz") == 200
            with postgres_server.frozen():
                # A second ago it took a write: that answer is good for a second.
                wait_until(lambda: said(server, "/readyz") == (503, "database"), "it is not ready")
                assert server.status("/healthz") == 200
            wait_until(server.ready, "it is ready again")


def said(server: Server, path: str) -> tuple[int, str]:
    """Under the name that a balancer has for it, which is none of the server's."""
    with closing(http.client.HTTPConnection("127.0.0.1", server.port, timeout=5)) as connection:
        connection.request("GET", path, headers={"Host": f"10.0.0.7:{server.port}"})
        answer = connection.getresponse()
        return answer.status, ",".join(json.loads(answer.read()).get("reasons", []))


def test_a_worker_speaks_for_a_node_that_died_and_ends_calmly(
    tmp_path: Path, postgres_server: Postgres
) -> None:
    url = postgres_server.empty()
    for name in ("a", "b", "w"):
        (tmp_path / name).mkdir()
    with running(tmp_path / "a", database_url=url), worker(tmp_path / "w", database_url=url) as working:
        asyncio.run(fetched(url, "INSERT INTO nodes (started_at, seen_at) VALUES (1, 1) RETURNING id"))

        def alone() -> bool:
            return len(asyncio.run(fetched(url, "SELECT id FROM nodes"))) == 1

        wait_until(alone, "the dead one is forgotten", 3 * DEAD_MS / 1000)
        assert working.stop() == 0
        assert "Traceback" not in working.whole_log()


def test_a_worker_whose_database_is_another_one_ends_so_as_to_be_started_anew(
    tmp_path: Path, postgres_server: Postgres
) -> None:
    url = postgres_server.empty()
    with worker(tmp_path, database_url=url) as working:
        for statement in (
            "UPDATE meta SET value = 'another' WHERE key = 'epoch'",
            "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE application_name = 'chatserver' "
            "AND datname = current_database()",
            "INSERT INTO nodes (started_at, seen_at) VALUES (1, 1), (2, 1)",
        ):
            asyncio.run(fetched(url, statement))

        def ended_while_a_node_lives() -> bool:
            """And another one has died: there is something to write."""
            asyncio.run(fetched(url, "UPDATE nodes SET seen_at = seen_at + 1 WHERE started_at = 2"))
            return working.process is not None and working.process.poll() is not None

        wait_until(ended_while_a_node_lives, "it notices")
        assert working.wait() == BEGIN_ANEW
        assert "is of another epoch" in working.log()
        assert len(asyncio.run(fetched(url, "SELECT id FROM nodes"))) == 2


def test_the_worker_is_no_node_that_stands_in_for_one_that_redis_does_not_reach(
    tmp_path: Path, postgres_server: Postgres
) -> None:
    """Else the others looked at the database each 25 s only, and what that one commits came so late."""

    async def story(url: str, hints: str) -> None:
        files = str(tmp_path / "files")
        settings = load({"DATABASE_URL": url, "REDIS_URL": hints, "CHATSERVER_FILES_DIR": files})
        async with opened(settings, Metrics()) as (house, _), opened(settings, Metrics()) as (another, _):
            bus = house.bus
            assert isinstance(bus, RedisBus)
            others = bus._neighbours.others
            await soon(lambda: len(others) == 2, "worker and node are known")
            known_at = asyncio.get_running_loop().time()
            await soon(lambda: min(other.heard_at for other in others.values()) > known_at, "and live")
            await soon(lambda: bus.hears(2) and another.bus.hears(2), "the nodes hear each other")
            assert not bus.hears(3)

    url = postgres_server.database()
    with (
        redis_server(tmp_path / "redis") as hints,
        worker(tmp_path, database_url=url, redis_url=hints.url),
    ):
        asyncio.run(story(url, hints.url))
