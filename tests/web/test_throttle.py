"""Tries, and how long to wait when there are none left."""

from __future__ import annotations

import pytest

from chatserver.core.errors import Refused
from chatserver.services import throttle
from chatserver.services.throttle import Throttle
from tests.web.conftest import START


def wait_of(limit: Throttle, key: str, now: int) -> float:
    """0 when the try was granted."""
    try:
        limit.take(key, now)
    except Refused as refused:
        return refused.retry_after or float("nan")
    return 0


def test_so_many_tries_at_once_then_one_for_each_part_of_the_time() -> None:
    limit = Throttle(3, 60)
    assert [wait_of(limit, "a", START) for _ in range(3)] == [0, 0, 0]
    assert wait_of(limit, "a", START) == pytest.approx(20, abs=0.1)
    assert wait_of(limit, "a", START + 20_000) == 0
    assert wait_of(limit, "a", START + 20_000) == pytest.approx(20, abs=0.1)


def test_to_be_refused_costs_nothing_more() -> None:
    limit = Throttle(1, 60)
    limit.take("a", START)
    waits = {wait_of(limit, "a", START) for _ in range(50)}
    assert len(waits) == 1


def test_keys_are_counted_apart() -> None:
    limit = Throttle(1, 60)
    limit.take("a", START)
    assert wait_of(limit, "b", START) == 0


def test_a_try_may_be_given_back_and_a_key_forgiven() -> None:
    limit = Throttle(1, 60)
    limit.take("a", START)
    limit.give_back("a", START)
    assert wait_of(limit, "a", START) == 0
    limit.forgive("a")
    assert wait_of(limit, "a", START) == 0
    limit.give_back("never heard of", START)
    limit.forgive("never heard of")


def test_memory_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(throttle, "KEYS_MAX", 10)
    limit = Throttle(1, 60)
    for number in range(1000):
        limit.take(str(number), START)
    assert len(limit._full_at) == 10
