"""What administrators change while servers run: a server on SQLite does it when it is asked, those on PostgreSQL notice."""

from __future__ import annotations

import asyncio
import json
import os
import random
import re
import socket
import stat
from collections.abc import Iterator
from contextlib import ExitStack
from functools import partial
from pathlib import Path

import httpx2
import pytest
from click.testing import CliRunner, Result

from chatserver.cli.main import main
from chatserver.processes import control
from chatserver.services.administration import ChangePassword
from tests.faults.crowd import AT_EASE
from tests.harness.peers import AgentPeer, CustomerPeer, Diary
from tests.harness.server import PASSWORD, Server, running
from tests.harness.sign_in import Desk
from tests.harness.waiting import soon, wait_until


@pytest.fixture(scope="module", params=["sqlite", "two nodes on postgres"])
def servers(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[list[Server]]:
    """For all tests, each of which leaves apps and agents of its own, or a changed name and password, behind."""
    settings, where = dict(AT_EASE), tmp_path_factory.mktemp("servers")
    if request.param != "sqlite":
        settings["database_url"] = request.getfixturevalue("postgres_server").demo()
    with ExitStack() as stack:
        started = []
        for number in range(1 if request.param == "sqlite" else 2):
            directory = where / str(number)
            directory.mkdir()
            started.append(stack.enter_context(running(directory, **settings)))
        yield started


def command(server: Server, *arguments: str) -> Result:
    return CliRunner().invoke(main, arguments, env=server.environment(), catch_exceptions=False)


def sign_in(server: Server, email: str, password: str) -> int:
    headers = {"origin": server.origin, "sec-fetch-site": "same-origin"}
    with httpx2.Client(base_url=server.origin, headers=headers, trust_env=False, verify=False) as client:
        return client.post("/console/session", json={"email": email, "password": password}).status_code


def test_an_app_and_its_agent_are_there_at_once(servers: list[Server]) -> None:
    made = command(
        servers[0], "app", "add", "Tienda", "--key", "tienda", "--origin", "https://t.test", "--always"
    )
    assert made.exit_code == 0, made.output
    assert 'data-app="tienda"' in made.output
    for server in servers:
        wait_until(partial(serves, server, "/embed/tienda"), "the app is known")
    added = command(servers[-1], "agent", "add", "eva@t.test", "--app", "tienda", "--generate")
    password = re.findall(r"password +(\S+)", added.output)[0]
    assert [sign_in(server, "eva@t.test", password) for server in servers] == [200] * len(servers)
    assert [sign_in(server, "eva@t.test", "otra-clave") for server in servers] == [401] * len(servers)


def test_a_command_names_the_address_of_the_server_that_runs_whatever_its_own_port_is(
    servers: list[Server],
) -> None:
    server = servers[0]
    environment = server.environment() | {"PORT": "1"}
    if "database_url" in server.settings:  # of many servers none speaks for all
        environment["CHATSERVER_PUBLIC_URL"] = server.origin
    added = ["agent", "add", f"zoe{server.port}@t.test", "--name", "Zoe", "--app", "demo", "--generate"]
    for arguments in (["app", "show", "demo"], ["csp", "demo"], added):
        said = CliRunner().invoke(main, arguments, env=environment, catch_exceptions=False)
        assert said.exit_code == 0, said.output
        assert server.origin in said.output
        assert ":1/" not in said.output


def test_who_is_connected_comes_in_again_and_sees_it(servers: list[Server]) -> None:
    async def story() -> None:
        agents = [agent_at(server) for server in servers]
        running = [asyncio.create_task(agent.run()) for agent in agents]
        try:
            for agent in agents:
                await soon(partial(is_in, agent), "the agent is in")
            assert (
                await asyncio.to_thread(command, servers[0], "app", "set", "demo", "--name", "Otra")
            ).exit_code == 0
            for agent in agents:
                await soon(partial(was_closed, agent, 4001), "the agent is sent for")
                await soon(partial(is_in, agent), "and comes back")
            await asyncio.to_thread(command, servers[0], "agent", "password", "ana@demo.test", "--generate")
            for agent in agents:
                await soon(partial(was_closed, agent, 4502), "the sessions end")
        finally:
            for task in running:
                task.cancel()
            await asyncio.gather(*running, return_exceptions=True)

    asyncio.run(story())


def test_an_agent_who_is_disabled_is_out_and_their_chat_goes_to_another_one(servers: list[Server]) -> None:
    async def story() -> None:
        customer = CustomerPeer("cliente", servers[0].port, Diary(), random.Random(2))
        luis = agent_at(servers[-1], "luis@demo.test")
        running = [asyncio.create_task(peer.run()) for peer in (luis, customer)]
        try:
            await soon(partial(is_in, luis), "the agent is in")
            await luis.is_available()
            await soon(lambda: customer.online, "the customer is in")
            ticket = await customer.starts_chat("¿Hay alguien?")
            await soon(lambda: luis.tickets() == [ticket], "the agent has the chat")
            ordered = await asyncio.to_thread(command, servers[0], "agent", "disable", "luis@demo.test")
            assert ordered.exit_code == 0, ordered.output
            await soon(partial(was_closed, luis, 4502), "the agent's session ends")
            await soon(lambda: customer.threads[ticket].view["waiting"], "the customer waits again")
            assert await asyncio.to_thread(both, servers, "luis@demo.test") == {401}
            ordered = await asyncio.to_thread(command, servers[0], "agent", "enable", "luis@demo.test")
            assert ordered.exit_code == 0, ordered.output
            assert await asyncio.to_thread(both, servers, "luis@demo.test") == {200}
            back = agent_at(servers[-1], "luis@demo.test")
            running.append(asyncio.create_task(back.run()))
            await soon(
                lambda: back.online and back.tickets() == [ticket], "the agent is in and has the chat again"
            )
        finally:
            for task in running:
                task.cancel()
            await asyncio.gather(*running, return_exceptions=True)

    asyncio.run(story())


def both(servers: list[Server], email: str) -> set[int]:
    """What all of them answer who signs in."""
    return {sign_in(server, email, PASSWORD) for server in servers}


def serves(server: Server, path: str) -> bool:
    return server.status(path) == 200


def is_in(agent: AgentPeer) -> bool:
    return agent.online


def was_closed(agent: AgentPeer, code: int) -> bool:
    return (False, code) in agent.goodbyes


def agent_at(server: Server, email: str = "ana@demo.test") -> AgentPeer:
    desk = Desk(server, email)
    return AgentPeer(email, server.port, Diary(), random.Random(1), desk.token)


def test_what_is_wrong_is_the_same_sentence(servers: list[Server]) -> None:
    for arguments, sentence in (
        (("app", "add", "X", "--key", "demo", "--origin", "https://t.test"), "That key is taken already."),
        (
            ("agent", "add", "ana@demo.test", "--app", "demo", "--generate"),
            "That e-mail address is taken already.",
        ),
        (("app", "set", "nadie", "--name", "X"), "There is no app with the key 'nadie'"),
        (
            ("app", "set", "demo", "--policy", "inactivity_seconds=x"),
            "inactivity_seconds must be a whole number",
        ),
        (("agent", "add", "no-address", "--app", "demo", "--generate"), "That is no e-mail address."),
        (
            ("agent", "password", "nadie@demo.test", "--generate"),
            "There is no agent with that e-mail address; `chatserver agent list` shows all.",
        ),
    ):
        result = command(servers[0], *arguments)
        assert (result.exit_code, sentence in result.stderr) == (1, True), (arguments, result.output)


# — the socket —————————————————————————————————————————————————————————————————


def test_the_socket_is_its_owners_goes_with_the_server_and_a_killed_ones_is_no_hindrance(
    tmp_path: Path,
) -> None:
    with running(tmp_path, **AT_EASE) as server:
        path = control.path_beside(server.database)
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        server.kill()
        assert path.exists()
        with pytest.raises(control.NobodyThere):
            control.hand_over(path, ChangePassword("ana@demo.test", "una-nueva-clave"))
        assert command(server, "agent", "password", "ana@demo.test", "--generate").exit_code == 0
        server.start()
        assert command(server, "agent", "password", "ana@demo.test", "--generate").exit_code == 0
        server.stop()
        assert not path.exists()


def test_a_path_longer_than_sockets_may_have_is_no_hindrance(tmp_path: Path) -> None:
    deep = tmp_path / ("muy" * 20) / ("hondo" * 15)
    deep.mkdir(parents=True)
    with running(deep, **AT_EASE) as server:
        assert command(server, "agent", "password", "ana@demo.test", "--generate").exit_code == 0


@pytest.fixture(scope="module")
def unharmed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """One for all who say what it does not understand."""
    with running(tmp_path_factory.mktemp("unharmed"), **AT_EASE) as server:
        yield server


@pytest.mark.parametrize(
    "line",
    [b"\n", b"{}\n", b"[1]\n", b'{"type":"Shutdown"}\n', b"\xff\n", b'{"type":"ChangePassword","email":1}\n'],
)
def test_an_order_that_is_none_is_answered_and_nothing_done(unharmed: Server, line: bytes) -> None:
    answer = json.loads(said(unharmed, line))
    assert "another release" in answer["problem"]
    assert unharmed.ready()


def test_who_says_too_much_or_leaves_costs_nothing(unharmed: Server) -> None:
    assert said(unharmed, b"x" * (control.LINE_BYTES + 10)) == b""
    assert b"another release" in said(unharmed, b"")  # an empty line is no order
    assert command(unharmed, "agent", "password", "ana@demo.test", "--generate").exit_code == 0
    assert "Traceback" not in unharmed.log()


def said(server: Server, data: bytes) -> bytes:
    with socket.socket(socket.AF_UNIX) as line:
        line.settimeout(10)
        line.connect(os.fspath(control.path_beside(server.database)))
        try:
            line.sendall(data)
            line.shutdown(socket.SHUT_WR)
            return line.makefile("rb").read()
        except (ConnectionResetError, BrokenPipeError):
            return b""
