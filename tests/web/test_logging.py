"""The lines that the server logs."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest
from starlette.requests import Request
from starlette.types import Message, Receive, Scope, Send

from chatserver import telemetry
from chatserver.web.errors import Surprises


@pytest.fixture(autouse=True)
def logging_as_it_was() -> Iterator[None]:
    root = logging.root
    before = root.handlers[:], root.level
    yield
    root.handlers[:], root.level = before[0], before[1]


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_without_a_terminal_each_event_is_one_json_object() -> None:
    stream = io.StringIO()
    telemetry.set_up("info", "auto", stream)
    logging.getLogger("chatserver.web").info("session ended", extra={"session": 7, "why": "line\nbreak"})
    line = json.loads(stream.getvalue())
    assert stream.getvalue().count("\n") == 1
    assert line["what"] == "session ended"
    assert (line["level"], line["from"], line["session"]) == ("info", "chatserver.web", 7)
    assert line["at"].endswith("+00:00")


def test_a_failure_is_logged_with_its_trace_in_the_same_object() -> None:
    stream = io.StringIO()
    telemetry.set_up("info", "json", stream)
    try:
        raise RuntimeError("broken")
    except RuntimeError:
        logging.getLogger("chatserver").exception("request failed")
    line = json.loads(stream.getvalue())
    assert "RuntimeError: broken" in line["trace"]


async def test_who_leaves_in_the_middle_of_a_request_is_no_failure(caplog: pytest.LogCaptureFixture) -> None:
    async def reads_it_all(scope: Scope, receive: Receive, send: Send) -> None:
        await Request(scope, receive).body()

    async def receive() -> Message:
        return {"type": "http.disconnect"}

    async def send(message: Message) -> None:
        raise AssertionError(message)

    errors: Any = None  # nobody is left to be answered
    scope = {"type": "http", "method": "POST", "path": "/console/session", "headers": []}
    await Surprises(reads_it_all, errors)(scope, receive, send)
    assert not caplog.records


def test_at_a_terminal_a_line_break_in_a_value_starts_no_new_event() -> None:
    stream = Terminal()
    telemetry.set_up("info", "auto", stream)
    logging.getLogger("chatserver").warning("hello", extra={"name_given": "a\nerror   forged"})
    assert stream.getvalue().count("\n") == 1
    assert "hello" in stream.getvalue()


def test_levels_hold_and_requests_are_not_logged() -> None:
    stream = io.StringIO()
    telemetry.set_up("debug", "text", stream)
    logging.getLogger("uvicorn.access").info("GET /console")
    logging.getLogger("sqlalchemy.engine").info("SELECT secret")
    logging.getLogger("chatserver").debug("looked")
    assert stream.getvalue().splitlines()[-1].endswith("looked")
    assert len(stream.getvalue().splitlines()) == 1
