"""Several nodes in one process, each with a bus of its own, and a diary of what was said, heard and missed in which order."""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator, Iterable
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Final, Literal, NamedTuple

from chatserver.bus.base import Subscription
from chatserver.bus.redis import RedisBus
from chatserver.bus.seal import Seal
from chatserver.core.events import DeskChanged, Event
from chatserver.metrics import Metrics
from tests.harness.waiting import soon

KEY: Final = b"of all nodes here"
SEAL: Final = Seal(KEY)


class Entry(NamedTuple):
    """`missed` has no number, and a node `who`; what was said has none."""

    what: Literal["said", "heard", "missed"]
    number: int
    who: str


Diary = list[Entry]


class Node:
    """A node that hears everything of its topics."""

    def __init__(self, name: str, diary: Diary) -> None:
        self.name = name
        self.diary = diary
        self.metrics = Metrics()
        self.heard: list[int] = []
        self.events: list[Event] = []
        self.missed = 0
        self.bus: RedisBus
        self.ears: Subscription

    def listen(self, *topics: str) -> None:
        for topic in topics:
            self.ears.add(topic)

    def leave(self, *topics: str) -> None:
        for topic in topics:
            self.ears.drop(topic)

    def say(self, number: int, *topics: str) -> None:
        self.diary.append(Entry("said", number, self.name))
        self.bus.publish(event(number), topics)

    def say_all(self, numbers: Iterable[int], *topics: str) -> None:
        for number in numbers:
            self.say(number, *topics)

    async def hears(self, *numbers: int) -> None:
        """Exactly these, so far, in this order."""
        await soon(lambda: len(self.heard) >= len(numbers), f"{self.name} hears {numbers}, not {self.heard}")
        assert self.heard == list(numbers)

    def _deliver(self, heard: Event) -> bool:
        self.events.append(heard)
        if isinstance(heard, DeskChanged):
            self.heard.append(heard.app_id)
            self.diary.append(Entry("heard", heard.app_id, self.name))
        return True

    def _missed(self) -> None:
        self.missed += 1
        self.diary.append(Entry("missed", 0, self.name))

    async def open(self, url: str, installation: str, local: frozenset[str] = frozenset()) -> None:
        self.bus = await RedisBus.open(
            url,
            node=self.name,
            installation=installation,
            key=KEY,
            local=local,
            missed=self._missed,
            metrics=self.metrics,
        )
        self.ears = self.bus.subscribe([], self._deliver, lambda: None)


def event(number: int) -> DeskChanged:
    return DeskChanged(number)


def new_installation() -> str:
    return f"test-{secrets.token_hex(4)}"


@asynccontextmanager
async def nodes(
    *urls: str,
    installation: str | None = None,
    local: frozenset[str] = frozenset(),
    names: str = "abcdefghij",
    beside: tuple[Node, ...] = (),
) -> AsyncIterator[list[Node]]:
    """A node for each URL; they know each other and those `beside` them, and share a diary."""
    installation = installation or new_installation()
    diary: Diary = beside[0].diary if beside else []
    async with AsyncExitStack() as stack:
        found = []
        for url, name in zip(urls, names, strict=False):
            node = Node(name, diary)
            await node.open(url, installation, local)
            stack.push_async_callback(node.bus.close)
            found.append(node)
        await acquainted(*beside, *found)
        yield found


async def acquainted(*found: Node) -> None:
    """Each knows all the others and what they listen to."""
    names = {node.name for node in found}
    for node in found:
        await soon(
            lambda node=node: node.bus.connected and node.bus.others() == names - {node.name},  # type: ignore[misc]
            f"{node.name} knows the others",
        )
    await soon(
        lambda: all(knows(node, other) for node in found for other in found if node is not other),
        "each knows what the others listen to",
    )


def knows(node: Node, other: Node) -> bool:
    """Whether it knows what the other one listens to just now."""
    held = node.bus._neighbours.others.get(other.bus._name)
    interest = other.bus._interest
    return (
        held is not None
        and held.unsure_since is None
        and held.version == interest.version
        and not interest.changed
    )


def lost_in_silence(diary: Diary, hearer: str) -> list[int]:
    """Numbers that were said, that this node never heard, and after which it was not told that it missed something."""
    heard = {entry.number for entry in diary if entry.what == "heard" and entry.who == hearer}
    last = max(
        (place for place, entry in enumerate(diary) if entry.what == "missed" and entry.who == hearer),
        default=-1,
    )
    return [
        entry.number
        for place, entry in enumerate(diary)
        if entry.what == "said" and entry.who != hearer and entry.number not in heard and place > last
    ]
