"""What people write is in no line that a real server logs at its most talkative, whatever goes wrong meanwhile."""

from __future__ import annotations

import asyncio
import json
import random
from contextlib import suppress
from pathlib import Path
from typing import Any

import httpx2
import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed
from websockets.typing import Origin

from tests.faults.crowd import AT_EASE
from tests.harness.peers import AgentPeer, CustomerPeer, Diary, Frame, new_cid
from tests.harness.postgres import Postgres
from tests.harness.server import PASSWORD, Server, running
from tests.harness.sign_in import Desk
from tests.harness.waiting import soon

WORD = "canarioamarillo"
"""In everything that a person writes here."""
FAULTS = 3
"""So often is the database taken away."""
HELLO = '{"type": "hello", "v": 1, "app": "demo"}'
BAD_FRAMES = [
    WORD,
    f'{{"type": "{WORD}"}}',
    f'{{"type": "say", "ticket": "{WORD}", "cid": 7, "text": ["{WORD}"]}}',
    f'{{"type": "say", "ticket": 1, "cid": "{new_cid()}", "text": "{WORD}"}}',
    f'{{"type": "say", "ticket": 1, "cid": "{new_cid()}", "text": "{WORD} \\ud800"}}',
    f'{{"type": "say", "ticket": 1, "cid": "{new_cid()}", "text": "{WORD}',
    f'{{"type": "start", "cid": "{new_cid()}", "subject": "{WORD * 500}"}}',
]


class Writer(CustomerPeer):
    """A visitor whose name, address, subject, page and messages all have the word in them."""

    async def hello(self) -> Frame:
        return await super().hello() | {"name": f"Nombre {WORD}", "email": f"{WORD}@correo.test"}

    async def _send(self, frame: Frame) -> None:
        if frame["type"] == "start":
            page = {"url": f"https://tienda.test/{WORD}", "title": WORD, "host": {"plan": WORD}}
            frame = frame | {"context": page}
        if frame["type"] == "say":
            frame = frame | {"text": f"{frame['text']} {WORD}"}
        await super()._send(frame)


@pytest.fixture(params=["SQLite", "PostgreSQL"])
def postgres(request: pytest.FixtureRequest) -> Postgres | None:
    return request.getfixturevalue("postgres_server") if request.param == "PostgreSQL" else None


@pytest.mark.parametrize("form", ["json", "text"])
def test_no_line_holds_what_somebody_wrote(tmp_path: Path, postgres: Postgres | None, form: str) -> None:
    settings: dict[str, Any] = AT_EASE | {"log_level": "debug", "log_format": form}
    if postgres is not None:
        settings["database_url"] = postgres.empty()
    with running(tmp_path, afresh=True, **settings) as server:
        secrets = asyncio.run(everything_happens(server, postgres))
        server.stop()
        said = server.whole_log()
    assert "serving" in said
    assert ("could not be stored" in said) == (postgres is not None), "PostgreSQL refused no row"
    # The demo tells whoever starts it how to sign in.
    served = said[said.index("serving") :]
    assert PASSWORD not in served
    assert not [line for line in said.splitlines() if any(word in line for word in (WORD, *secrets))]
    if form == "json":
        is_told_by_nodes(said, postgres is not None)


def is_told_by_nodes(said: str, several: bool) -> None:
    """Each line is an event, and from when it serves says of which node."""
    # The demo greets whoever started it, before.
    events = [json.loads(line) for line in said.splitlines() if line.startswith("{")]
    serving = next(number for number, event in enumerate(events) if event["what"] == "serving")
    assert all(("node" in event) == several for event in events[serving:])
    after = said[said.index('"what": "serving"') :].splitlines()[1:]
    assert [line for line in after if not line.startswith("{")] in ([], ["Stopped."])


async def everything_happens(server: Server, postgres: Postgres | None) -> list[str]:
    """A chat, what cannot be understood, a wrong password, and a database that goes away. Gives the tokens that were used."""
    diary, dice = Diary(), random.Random(7)
    customer, desk = Writer("cliente", server.port, diary, dice), Desk(server, "ana@demo.test")
    tokens: list[str] = []

    def token() -> str:
        tokens.append(desk.token())
        return tokens[-1]

    agent = AgentPeer("ana@demo.test", server.port, diary, dice, token)
    tasks = [asyncio.create_task(peer.run()) for peer in (customer, agent)]
    try:
        await soon(lambda: customer.online and agent.online, "both are in")
        await agent.is_available()
        ticket = await customer.starts_chat(f"Asunto {WORD}")
        await soon(lambda: ticket in agent.tickets(), "the agent attends")
        await says(customer, ticket)
        await bad_frames(server)
        await wrong_passwords(server)
        if postgres is not None:
            await refused(customer, ticket, server, postgres)
            for _ in range(FAULTS):
                await torn(customer, ticket, server, postgres)
        await says(customer, ticket)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    assert tokens
    assert customer.token
    assert any(WORD in row[0] for row in await server.rows("SELECT text FROM items"))
    return [customer.token, *tokens]


async def says(customer: CustomerPeer, ticket: int) -> None:
    for _ in range(5):
        customer.say(ticket)
    await customer.flush()
    await soon(customer.settled, "all was acknowledged")


async def refused(customer: CustomerPeer, ticket: int, server: Server, postgres: Postgres) -> None:
    """PostgreSQL takes no message for a while, and says of each: "Failing row contains …"."""
    rule = f"CONSTRAINT wordless CHECK (text NOT LIKE '%{WORD}%') NOT VALID"
    await administered(server, postgres, f"ALTER TABLE items ADD {rule}")
    customer.say(ticket)
    await customer.flush()
    await soon(lambda: any(one["code"] == "internal" for one in customer.refusals), "it is not taken")
    await administered(server, postgres, "ALTER TABLE items DROP CONSTRAINT wordless")
    await soon(customer.settled, "it is acknowledged after all")


async def torn(customer: CustomerPeer, ticket: int, server: Server, postgres: Postgres) -> None:
    """Every connection to the database is ended while messages are under way."""
    for _ in range(20):
        customer.say(ticket)
    await customer.flush()
    others = "datname = current_database() AND pid <> pg_backend_pid()"
    end = f"SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE {others}"
    assert int(await administered(server, postgres, end)) > 0
    await soon(customer.settled, "all was acknowledged after all")


async def administered(server: Server, postgres: Postgres, statement: str) -> str:
    name = str(server.settings["database_url"]).rpartition("/")[2]
    return await asyncio.to_thread(postgres.run, statement, database=name)


async def bad_frames(server: Server) -> None:
    """As the first thing that somebody says, and from a visitor."""
    address = f"ws://127.0.0.1:{server.port}/ws/customer"
    for bad in BAD_FRAMES:
        for frames in ([bad], [HELLO, bad]):
            async with connect(address, origin=Origin(server.origin), proxy=None) as socket:
                with suppress(ConnectionClosed):
                    for frame in frames:
                        await socket.send(frame)
                    async with asyncio.timeout(10):
                        while json.loads(await socket.recv())["type"] != "error":
                            pass


async def wrong_passwords(server: Server) -> None:
    headers = {"origin": server.origin, "sec-fetch-site": "same-origin"}
    console = httpx2.AsyncClient(base_url=server.origin, headers=headers, trust_env=False, verify=False)
    async with console as http:
        wrong = await http.post("/console/session", json={"email": "ana@demo.test", "password": WORD})
        assert wrong.status_code == 401
        for body in (WORD, f'{{"email": "{WORD}", "password": 7}}', f'{{"email": "{WORD}'):
            assert (await http.post("/console/session", content=body)).is_client_error
