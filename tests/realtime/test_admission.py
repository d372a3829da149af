"""Who comes in a crowd is let in at a rate; the others are told when to come, before anything is asked of anybody."""

from __future__ import annotations

import contextlib
from pathlib import Path

import pytest

from chatserver.realtime.limits import Limits
from tests.realtime.chat import Chat, serving


async def turned_away(chat: Chat, path: str) -> float:
    """The wait that a socket is given which never says a word."""
    async with chat.socket(path) as socket:
        assert await socket.close_code() == 4004
    (frame,) = socket.got
    assert frame.items() >= {"type": "error", "code": "rate_limited", "verb": "hello"}.items()
    wait: float = frame["retry_after"]
    return wait


async def test_more_than_the_rate_are_told_another_moment_each(tmp_path: Path) -> None:
    async with (
        serving(tmp_path, limits=Limits(connections_per_second=3)) as chat,
        contextlib.AsyncExitStack() as stack,
    ):
        chat.stop_the_clock()
        inside = [await stack.enter_async_context(chat.customer(f"c{n}")) for n in range(3)]
        waits = [await turned_away(chat, "/ws/customer") for _ in range(5)]
        assert len(set(waits)) == 5
        assert all(1 <= wait <= 5 for wait in waits)
        assert len(chat.hub) == 3
        for customer in inside:
            await customer.still_speaks()


@pytest.mark.parametrize("path", ["/ws/customer", "/ws/agent"])
async def test_a_crowd_at_one_door_does_not_hold_up_the_other(tmp_path: Path, path: str) -> None:
    async with serving(tmp_path, limits=Limits(connections_per_second=1)) as chat:
        chat.stop_the_clock()
        async with chat.socket(path):
            assert await turned_away(chat, path) > 0
            async with chat.agent() if path == "/ws/customer" else chat.customer() as other:
                await other.still_speaks()
