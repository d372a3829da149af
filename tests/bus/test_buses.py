"""What every bus keeps (bus/base.py): the same tests against each."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from chatserver.bus.base import Bus
from chatserver.bus.local import LocalBus
from chatserver.bus.redis import RedisBus
from chatserver.core.events import DeskChanged, Event
from tests.bus.nodes import new_installation
from tests.harness.redis import RedisServer


class Listener:
    """Hears up to `room` events."""

    def __init__(self, room: int = 1000) -> None:
        self.room = room
        self.heard: list[Event] = []
        self.overflows = 0

    def deliver(self, event: Event) -> bool:
        if len(self.heard) >= self.room:
            return False
        self.heard.append(event)
        return True

    def overflowed(self) -> None:
        self.overflows += 1


@pytest.fixture(params=["local", "redis"])
async def bus(request: pytest.FixtureRequest) -> AsyncIterator[Bus]:
    if request.param == "local":
        yield LocalBus()
        return
    redis: RedisServer = request.getfixturevalue("shared_redis")
    bus = await RedisBus.open(
        redis.url, node="alone", installation=new_installation(), key=b"k", missed=lambda: None
    )
    yield bus
    await bus.close()


def event(number: int = 0) -> Event:
    return DeskChanged(number)


async def test_who_listens_to_a_topic_hears_it_and_who_does_not_hears_nothing(bus: Bus) -> None:
    near, far = Listener(), Listener()
    bus.subscribe(["a"], near.deliver, near.overflowed)
    bus.subscribe(["b"], far.deliver, far.overflowed)
    bus.publish(event(), ["a"])
    assert (near.heard, far.heard) == ([event()], [])


async def test_an_event_on_several_topics_is_heard_once(bus: Bus) -> None:
    listener = Listener()
    bus.subscribe(["a", "b"], listener.deliver, listener.overflowed)
    bus.publish(event(), ["a", "b", "a"])
    assert listener.heard == [event()]


async def test_events_are_heard_in_the_order_in_which_they_were_published(bus: Bus) -> None:
    listener = Listener()
    bus.subscribe(["a", "b"], listener.deliver, listener.overflowed)
    for number in range(100):
        bus.publish(event(number), ["a" if number % 3 else "b"])
    assert listener.heard == [event(number) for number in range(100)]


async def test_a_full_listener_is_told_once_and_hears_nothing_more(bus: Bus) -> None:
    full, other = Listener(room=2), Listener()
    bus.subscribe(["a"], full.deliver, full.overflowed)
    bus.subscribe(["a"], other.deliver, other.overflowed)
    for number in range(5):
        bus.publish(event(number), ["a"])
    full.room = 10
    bus.publish(event(5), ["a"])
    assert full.heard == [event(0), event(1)]
    assert full.overflows == 1
    assert len(other.heard) == 6


async def test_a_listener_that_fails_fails_neither_the_publisher_nor_the_others(
    bus: Bus, caplog: pytest.LogCaptureFixture
) -> None:
    broken, other = Listener(), Listener()

    def fail(event: Event) -> bool:
        raise RuntimeError("broken listener")

    bus.subscribe(["a"], fail, broken.overflowed)
    bus.subscribe(["a"], other.deliver, other.overflowed)
    bus.publish(event(), ["a"])
    bus.publish(event(), ["a"])
    assert broken.overflows == 1
    assert len(other.heard) == 2
    assert len(caplog.records) == 1


async def test_add_and_drop_take_effect_at_once_and_may_be_repeated(bus: Bus) -> None:
    listener = Listener()
    subscription = bus.subscribe([], listener.deliver, listener.overflowed)
    bus.publish(event(0), ["a"])
    subscription.add("a")
    subscription.add("a")
    bus.publish(event(1), ["a"])
    subscription.drop("a")
    subscription.drop("a")
    bus.publish(event(2), ["a"])
    assert listener.heard == [event(1)]


async def test_an_ended_subscription_hears_nothing_and_cannot_come_back(bus: Bus) -> None:
    listener = Listener()
    subscription = bus.subscribe(["a"], listener.deliver, listener.overflowed)
    subscription.end()
    subscription.end()
    subscription.add("a")
    bus.publish(event(), ["a"])
    assert (listener.heard, listener.overflows) == ([], 0)


async def test_a_listener_may_end_another_while_an_event_is_on_its_way(bus: Bus) -> None:
    second = Listener()

    def end_the_other(event: Event) -> bool:
        subscription.end()
        return True

    bus.subscribe(["a"], end_the_other, Listener().overflowed)
    subscription = bus.subscribe(["a"], second.deliver, second.overflowed)
    bus.publish(event(), ["a"])
    assert second.heard == []


async def test_a_listener_may_publish_while_it_hears(bus: Bus) -> None:
    listener = Listener()

    def pass_on(heard: Event) -> bool:
        if heard == event(0):
            bus.publish(event(1), ["b"])
        return True

    bus.subscribe(["a"], pass_on, Listener().overflowed)
    bus.subscribe(["b"], listener.deliver, listener.overflowed)
    bus.publish(event(0), ["a"])
    assert listener.heard == [event(1)]
