"""An app's attention on its way to its customers, when looking it up fails."""

from __future__ import annotations

import asyncio
import json

import pytest

from chatserver.bus.local import LocalBus
from chatserver.core.attention import Attention
from chatserver.core.events import AttentionChanged, app_topic
from chatserver.realtime.attention import AttentionFeed
from chatserver.realtime.frames import Packet
from tests.harness.waiting import PATIENCE


async def test_a_change_is_told_also_when_its_first_lookup_fails(caplog: pytest.LogCaptureFixture) -> None:
    answers: list[Attention | Exception] = [OSError("busy"), Attention(True, None, None, "", True, True)]
    heard: asyncio.Queue[Packet] = asyncio.Queue()
    waits: list[float] = []
    bus = LocalBus()

    async def lookup(app_id: int) -> Attention:
        answer = answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    async def wait(seconds: float) -> None:
        waits.append(seconds)

    feed = AttentionFeed(bus, lookup, wait)
    feed.join(1, heard.put_nowait)
    bus.publish(AttentionChanged(1), [app_topic(1)])
    async with asyncio.timeout(PATIENCE):
        packet = await heard.get()
    assert json.loads(packet.body)["attention"]["attended"]
    assert len(waits) == len(caplog.records) == 1
