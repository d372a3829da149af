"""When a server says that traffic may come."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest

from chatserver.watching.readiness import Readiness
from tests.memory_store import Clock


class Asked(Readiness):
    """Of a server on a database that takes each write, at once."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.hub, self.clock = SimpleNamespace(draining=False), Clock()
        self.living, self.hangs, self.probes = True, False, 0
        db: Any = SimpleNamespace(clock=self.clock)
        super().__init__(db, lambda: self.hub.draining, lambda: self.living)
        monkeypatch.setattr("chatserver.watching.readiness.probe", self._probe)

    async def _probe(self, db: object, now: int) -> None:
        self.probes += 1
        if self.hangs:
            await asyncio.Event().wait()


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> Asked:
    monkeypatch.setattr("chatserver.watching.readiness.PATIENCE_SECONDS", 0.05)
    return Asked(monkeypatch)


async def test_a_server_is_ready_while_it_writes_and_lives(asked: Asked) -> None:
    assert await asked.problems() == []


async def test_a_node_that_writes_and_has_not_joined_the_others_yet_says_so(asked: Asked) -> None:
    asked.living = False
    assert await asked.problems() == ["joining"]
    asked.living = True
    assert await asked.problems() == []


async def test_a_node_without_a_database_says_that_alone(asked: Asked) -> None:
    asked.living, asked.hangs, asked.hub.draining = False, True, True
    assert await asked.problems() == ["draining", "database"]


async def test_many_who_ask_of_a_database_that_hangs_wait_for_one_answer(asked: Asked) -> None:
    asked.hangs = True
    answers = await asyncio.gather(*(asked.problems() for _ in range(20)))
    assert answers == [["database"]] * 20
    assert asked.probes == 1
    asked.hangs = False
    assert await asked.problems() == ["database"], "the answer of the last second"
    asked.clock.pass_seconds(1.1)
    assert await asked.problems() == []


async def test_that_the_database_takes_no_writes_is_said_once_however_often_a_balancer_asks(
    asked: Asked, caplog: pytest.LogCaptureFixture
) -> None:
    await asked.problems()
    asked.hangs = True
    for _ in range(3):
        asked.clock.pass_seconds(1.1)
        assert await asked.problems() == ["database"]
    asked.hangs = False
    for _ in range(2):
        asked.clock.pass_seconds(1.1)
        assert await asked.problems() == []
    assert caplog.messages == ["the database takes no writes: not ready", "the database takes writes again"]
    assert not any(record.exc_info for record in caplog.records)
