"""A database that answers nothing for a while is said to be away, and to be back, once."""

from __future__ import annotations

import logging
from contextlib import suppress

import pytest

from chatserver.store.outage import CALM_SECONDS, Outage
from tests.memory_store import Clock

BEGINS = "cannot read, the database does not answer: TimeoutError"
ENDS = "reading again"


class Asked:
    """Questions by a clock of the test's own, in seconds."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.outage = Outage(lambda problem: isinstance(problem, TimeoutError), lambda: self.clock() / 1000)

    def ask(self, problem: Exception | None = None, *, after: float = 0) -> None:
        self.clock.pass_seconds(after)
        with suppress(Exception), self.outage:
            if problem is not None:
                raise problem


def going_on(asked: Asked) -> bool:
    return asked.outage.goes_on


@pytest.fixture
def asked(caplog: pytest.LogCaptureFixture) -> Asked:
    caplog.set_level(logging.INFO, logger="chatserver.store.outage")
    return Asked()


def test_an_outage_is_said_once_when_it_begins_and_once_when_it_is_over(
    asked: Asked, caplog: pytest.LogCaptureFixture
) -> None:
    asked.ask()
    for _ in range(100):
        asked.ask(TimeoutError(), after=1)
    assert going_on(asked)
    asked.ask(after=CALM_SECONDS + 0.1)
    asked.ask(after=1)
    assert not going_on(asked)
    assert caplog.messages == [BEGINS, ENDS]
    asked.ask(TimeoutError(), after=1)
    assert caplog.messages == [BEGINS, ENDS, BEGINS]


def test_what_is_answered_in_between_by_a_server_that_is_overrun_ends_no_outage(
    asked: Asked, caplog: pytest.LogCaptureFixture
) -> None:
    for _ in range(100):
        asked.ask(TimeoutError(), after=1)
        asked.ask(after=CALM_SECONDS - 2)
    assert going_on(asked)
    assert caplog.messages == [BEGINS]


def test_a_wrong_question_neither_begins_nor_ends_one(asked: Asked, caplog: pytest.LogCaptureFixture) -> None:
    asked.ask(KeyError("name"))
    assert not going_on(asked)
    asked.ask(TimeoutError())
    asked.ask(KeyError("name"), after=CALM_SECONDS + 1)
    assert going_on(asked)
    assert caplog.messages == [BEGINS]


def test_what_was_asked_is_raised_as_it_came() -> None:
    outage = Outage(lambda problem: True)
    with pytest.raises(TimeoutError), outage:
        raise TimeoutError
