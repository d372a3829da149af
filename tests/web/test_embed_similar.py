"""A customer's own open tickets that sound like a subject, as the widget's frame asks for them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx2
import pytest

from chatserver.settings import Settings
from tests.web.conftest import Served, started
from tests.web.test_files import Visitor

SUBJECT = "No puedo facturar"
"""Of a visitor's ticket."""


def asks(served: Served, token: str, app: str = "demo", **query: str) -> httpx2.Response:
    headers = {"authorization": f"Bearer {token}"} if token else {}
    return served.client.get(f"/embed/{app}/similar", params=query, headers=headers)


def tickets(answer: httpx2.Response) -> list[dict[str, Any]]:
    assert answer.status_code == 200
    found: list[dict[str, Any]] = answer.json()["tickets"]
    return found


def test_ones_own_open_tickets_are_told_and_nobody_elses(served: Served) -> None:
    with served.socket("/ws/customer") as ws:
        other = Visitor(served, ws)
    with served.socket("/ws/customer") as ws:
        mine = Visitor(served, ws)
        answer = asks(served, mine.welcome["token"], q="facturar algo")
        assert tickets(answer) == [{"id": mine.ticket, "number": 1002, "subject": SUBJECT}]
        assert answer.headers["cache-control"] == "no-store"
        assert [one["id"] for one in tickets(asks(served, other.welcome["token"], q=SUBJECT))] == [
            other.ticket
        ]
        ws.send_json({"type": "end", "ticket": mine.ticket})
        mine.expect("done")
        assert tickets(asks(served, mine.welcome["token"], q=SUBJECT)) == []


@pytest.mark.parametrize("question", ["", "no", "%\0_", "x" * 5_000, "la de no"])
def test_what_says_nothing_finds_nothing(served: Served, question: str) -> None:
    with served.socket("/ws/customer") as ws:
        assert tickets(asks(served, Visitor(served, ws).welcome["token"], q=question)) == []


def test_whoever_does_not_say_who_they_are_is_refused(served: Served) -> None:
    for token in ("", "x", "a.b.c"):
        answer = asks(served, token, q=SUBJECT)
        assert (answer.status_code, answer.json()["code"]) == (401, "unauthorized")


def test_a_token_is_good_for_its_own_app_alone(served: Served) -> None:
    with served.socket("/ws/customer") as ws:
        ana = Visitor(served, ws)
        assert asks(served, ana.welcome["token"], app="horario", q=SUBJECT).json()["code"] == "unauthorized"
        assert asks(served, ana.welcome["token"], app="nirgends", q=SUBJECT).status_code == 404


def test_it_is_asked_at_the_help_centres_rate(settings: Settings, static: Path) -> None:
    few = replace(settings, help_reads_per_address=2)
    with started(few, static) as served, served.socket("/ws/customer") as ws:
        token = Visitor(served, ws).welcome["token"]
        assert [asks(served, token, q=SUBJECT).status_code for _ in range(3)] == [200, 200, 429]
