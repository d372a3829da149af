"""What is counted, in the form that Prometheus reads."""

from __future__ import annotations

from pathlib import Path

from chatserver.metrics import SECONDS, Metrics
from chatserver.realtime.limits import Limits
from tests.realtime.chat import new_cid, serving, until


def test_the_buckets_of_a_histogram_add_up() -> None:
    metrics = Metrics()
    for seconds in (0.0, SECONDS[0], 0.003, 99.0):
        metrics.messages.add(seconds)
    lines = metrics.text({"customer": 3}).splitlines()
    assert f'chatserver_message_seconds_bucket{{le="{SECONDS[0]}"}} 2' in lines
    assert 'chatserver_message_seconds_bucket{le="0.004"} 3' in lines
    assert 'chatserver_message_seconds_bucket{le="+Inf"} 4' in lines
    assert "chatserver_message_seconds_count 4" in lines
    assert 'chatserver_connections{audience="customer"} 3' in lines


async def test_a_chat_leaves_its_marks_and_none_of_its_words(tmp_path: Path) -> None:
    async with serving(tmp_path) as chat, chat.customer() as customer:
        ticket = await customer.start()
        await customer.say(ticket, "secreto")
        await customer.send(type="say", ticket=77, cid=new_cid(), text="secreto")
        await customer.expect("error", code="not_found")
        async with chat.customer("bruno"):
            assert chat.hub.count() == {"customer": 2, "agent": 0}
        await until(lambda: len(chat.hub) == 1)
        metrics = chat.hub.metrics
        assert sum(metrics.messages.counts) == 1
        assert metrics.refused == {"not_found": 1}
        assert metrics.closed == {1000: 1}
        assert metrics.frames == 3
        assert "secreto" not in metrics.text(chat.hub.count())


async def test_who_is_sent_away_at_the_door_or_at_hello_is_counted_too(tmp_path: Path) -> None:
    limits = Limits(connections=2, connections_per_second=2)
    async with serving(tmp_path, limits=limits) as chat:
        chat.stop_the_clock()
        for hello in ({"type": "ping"}, {"type": "hello", "v": 1, "app": "demo", "token": "bad_identity:"}):
            async with chat.socket("/ws/customer") as client:
                await client.send(**hello)
                await client.close_code()
        async with chat.socket("/ws/customer") as client:
            await client.close_code()
        metrics = chat.hub.metrics
        assert metrics.refused == {"unauthorized": 1, "bad_identity": 1, "rate_limited": 1}
        await until(lambda: metrics.closed == {4501: 2, 4004: 1})
        async with chat.agent(), chat.agent(2), chat.socket("/ws/customer") as client:
            await client.close_code()
        assert metrics.refused["rate_limited"] == 1  # the house was full: nothing is said but the code
        assert metrics.closed[4004] == 2
