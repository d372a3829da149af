"""The lines that the server logs."""

from __future__ import annotations

import io
import json
import logging
import subprocess
import sys
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from starlette.requests import Request
from starlette.types import Message, Receive, Scope, Send

from chatserver import telemetry
from chatserver.app import build_app
from chatserver.server.serving import config
from chatserver.services import followups
from chatserver.settings import Settings
from chatserver.store.base import StoreFailed
from chatserver.web.errors import Surprises

WORD = "can" + "ario"
"""Source lines are shown, and are ours: it is in none of them."""


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
    assert "RuntimeError" in line["trace"]
    assert "test_logging.py" in line["trace"]


@pytest.mark.parametrize("form", ["json", "text"])
def test_nothing_that_an_exception_says_is_logged_whatever_it_came_of(form: str) -> None:
    stream = io.StringIO()
    telemetry.set_up("debug", form, stream)
    refused = asyncpg.UniqueViolationError(WORD)
    refused.detail = f"Key (email)=({WORD}@example.com) already exists."
    try:
        try:
            try:
                raise ValueError(WORD) from refused
            except ValueError as problem:
                raise ExceptionGroup(WORD, [problem, KeyError(WORD)]) from problem
        except ExceptionGroup as group:
            raise OSError(28, "No space left on device", WORD) from group
    except OSError:
        logging.getLogger("chatserver").exception("a beat failed")
    try:
        raise StoreFailed(WORD) from refused
    except StoreFailed:
        logging.getLogger("chatserver").warning("again", exc_info=True)
    said = stream.getvalue()
    assert WORD not in said
    assert "OSError: No space left on device" in said
    assert "StoreFailed" in said
    assert "UniqueViolationError 23505" in said


def test_a_task_that_nobody_waited_for_is_named_without_its_words() -> None:
    stream = io.StringIO()
    telemetry.set_up("debug", "json", stream)
    try:
        raise ValueError(WORD)
    except ValueError as problem:
        # As asyncio puts it.
        logging.getLogger("asyncio").error(
            "Task exception was never retrieved\nfuture: <Task finished exception=%r>",
            problem,
            exc_info=problem,
        )
    line = json.loads(stream.getvalue())
    assert line["what"] == "Task exception was never retrieved"
    assert "ValueError" in line["trace"]
    assert WORD not in stream.getvalue()


def test_who_is_raised_again_out_of_a_group_is_told_once() -> None:
    """It came of the group, and the group holds it."""
    stream = io.StringIO()
    telemetry.set_up("debug", "json", stream)
    group = ExceptionGroup("two", [ValueError(WORD), KeyError(WORD)])
    try:
        try:
            raise group
        except ExceptionGroup:
            raise group.exceptions[0]  # noqa: B904 - the context is the point
    except ValueError:
        logging.getLogger("chatserver").exception("a task failed")
    trace = json.loads(stream.getvalue())["trace"]
    assert [trace.count(kind) for kind in ("ValueError", "after ExceptionGroup", "KeyError")] == [1, 1, 1]
    assert WORD not in stream.getvalue()


class Unspeakable:
    def __str__(self) -> str:
        raise ValueError(WORD)


@pytest.mark.parametrize("form", ["json", "text"])
def test_a_line_that_cannot_be_made_is_told_by_its_place_alone(
    form: str, capsys: pytest.CaptureFixture[str]
) -> None:
    stream = io.StringIO()
    telemetry.set_up("debug", form, stream)
    logger = logging.getLogger("chatserver")
    try:
        raise ValueError(WORD)
    except ValueError:
        logger.exception("the row %d", WORD)
    logger.error("somebody", extra={"given": Unspeakable()})
    lines = [json.loads(line) for line in stream.getvalue().splitlines()]
    assert [line["what"].startswith("a line of ") for line in lines] == [True, True]
    assert all("test_logging.py:" in line["what"] for line in lines)
    assert WORD not in stream.getvalue() + "".join(capsys.readouterr())


async def test_a_start_that_fails_is_logged_without_the_words_of_its_failure(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    async def fails(*given: object) -> None:
        raise RuntimeError(WORD)

    monkeypatch.setattr(followups, "recover", fails)
    stream = io.StringIO()
    telemetry.set_up("debug", "json", stream)
    settings = Settings(data_dir=tmp_path)
    server = config(build_app(settings), settings)
    server.load()
    lifespan = server.lifespan_class(server)
    await lifespan.startup()
    assert lifespan.should_exit
    assert WORD not in stream.getvalue()
    lines = [json.loads(line) for line in stream.getvalue().splitlines()]
    (failure,) = [line for line in lines if line["what"] == "the server failed at its start or its end"]
    assert "RuntimeError" in failure["trace"]


def test_where_many_nodes_are_each_line_says_whose_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(telemetry, "_here", {})
    stream = io.StringIO()
    telemetry.set_up("info", "json", stream)
    logging.getLogger("chatserver").info("one")
    telemetry.is_node(7)
    logging.getLogger("chatserver").info("two")
    alone, among = (json.loads(line) for line in stream.getvalue().splitlines())
    assert "node" not in alone
    assert among["node"] == 7


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


def test_what_nobody_catches_is_logged_without_its_words() -> None:
    """In a thread, while an object is thrown away, and on the way out of a process."""
    script = """
import sys, threading
from chatserver import telemetry
telemetry.set_up("info", "json")
telemetry.take_last_words()

class Clumsy:
    def __del__(self):
        fail()

def fail():
    raise ValueError(sys.argv[1])

thread = threading.Thread(target=fail)
thread.start()
thread.join()
Clumsy()
fail()
"""
    ended = subprocess.run([sys.executable, "-c", script, WORD], capture_output=True, text=True, check=False)
    lines = [json.loads(line) for line in ended.stderr.splitlines()]
    assert [(line["level"], line["what"]) for line in lines] == [("critical", "nobody caught this")] * 3
    assert all("ValueError" in line["trace"] for line in lines)
    assert WORD not in ended.stderr + ended.stdout
    assert ended.returncode == 1
