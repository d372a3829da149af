"""More people wait than a list can show: the first of them, how many there are, and the others when they are wanted."""

from __future__ import annotations

import base64
import json
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from playwright.sync_api import Locator, expect
from websockets.sync.client import ClientConnection, connect
from websockets.typing import Origin

from tests.harness.people import Agent
from tests.harness.server import Server
from tests.harness.settings import with_settings
from tests.journeys.conftest import Stage

pytestmark = pytest.mark.browser

WAIT = 130


def says(ws: ClientConnection, answered_by: str, **frame: Any) -> dict[str, Any]:
    ws.send(json.dumps(frame))
    while True:
        answer: dict[str, Any] = json.loads(ws.recv(timeout=20))
        assert answer["type"] != "error", answer
        if answer["type"] == answered_by:
            return answer


class Waiting:
    """Somebody who waits, without a browser; gone from the network at once."""

    def __init__(self, server: Server, number: int) -> None:
        self.server = server
        self.subject = f"Consulta {number:03}"
        self.token = ""
        with self.connected() as ws:
            cid = base64.urlsafe_b64encode(secrets.token_bytes(16)).decode().rstrip("=")
            self.ticket = says(ws, "ack", type="start", cid=cid, subject=self.subject)["ticket"]

    @contextmanager
    def connected(self) -> Iterator[ClientConnection]:
        address = f"ws://127.0.0.1:{self.server.port}/ws/customer"
        with connect(address, origin=Origin(self.server.origin), proxy=None) as ws:
            self.token = says(ws, "welcome", type="hello", v=1, app="demo", token=self.token)["token"]
            yield ws

    def leaves(self) -> None:
        with self.connected() as ws:
            says(ws, "done", type="end", ticket=self.ticket)


def rows(agent: Agent) -> Locator:
    return agent.list("En espera").locator(".row")


def counts(agent: Agent, number: int) -> None:
    expect(agent.list("En espera").locator(".count")).to_have_text(str(number))
    expect(agent.page).to_have_title(f"({number}) Consola")


@with_settings(connections_per_second=10_000)
def test_a_long_queue_shows_its_beginning_its_length_and_the_rest_by_keyboard(stage: Stage) -> None:
    crowd = [Waiting(stage.server, number) for number in range(WAIT)]
    ana = stage.agent(status=None)
    counts(ana, WAIT)
    expect(rows(ana)).to_have_count(25)
    expect(ana.list("Mis chats")).to_be_visible()
    crowd[3].leaves()
    counts(ana, WAIT - 1)
    expect(rows(ana)).to_have_count(25)
    expect(rows(ana).nth(3)).to_contain_text("Consulta 004")
    Waiting(stage.server, WAIT)
    counts(ana, WAIT)
    shown = 25
    rows(ana).first.focus()
    while shown < WAIT:
        for _ in range(shown):
            ana.page.keyboard.press("ArrowDown")
        ana.page.keyboard.press("Enter")
        expect(rows(ana)).to_have_count(min(shown + 50, WAIT))
        # The first row that came has the focus, and the arrows go on from there.
        expect(rows(ana).nth(shown)).to_be_focused()
        rows(ana).first.focus()
        shown += 50
    subjects = rows(ana).locator(".row-subject").all_text_contents()
    assert subjects == [f"Consulta {number:03}" for number in range(WAIT + 1) if number != 3]
    expect(ana.page.get_by_text("Mostrar más")).to_have_count(0)
    ana.row("Consulta 120").focus()
    ana.page.keyboard.press("t")
    expect(ana.list("Mis chats").locator(".row")).to_have_count(1)
    counts(ana, WAIT - 1)
