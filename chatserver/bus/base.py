"""The contract every bus keeps; the same tests run against each.

- `publish(event, topics)` never blocks and never fails the caller: the row in the database is the truth, the bus carries hints.
  It is called on the event loop, after the commit.
- A subscriber who listens to several topics of one event gets it once.
- Events that one publisher publishes one after another reach each subscriber in that order.
- A subscriber has a bounded queue. When it is full the subscription is ended (`overflowed` is called, once), nothing is dropped
  in silence: its owner closes and catches up from the store.
- A subscription hears what is published after `subscribe` returned; leaving is immediate.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from typing import Protocol

from chatserver.core.events import Event


class Subscription(Protocol):
    """One listener's topics. `add` and `drop` are idempotent."""

    def add(self, topic: str) -> None: ...

    def drop(self, topic: str) -> None: ...

    def end(self) -> None:
        """Hear nothing more. Harmless twice."""


class Bus(Protocol):
    def publish(self, event: Event, topics: Iterable[str]) -> None: ...

    def here(self, event: Event, topics: Iterable[str]) -> None:
        """As `publish`, to this node's listeners alone: what each node finds out by itself."""

    def hears(self, nodes: int) -> bool:
        """Whether the events of so many nodes, this one among them, arrive by themselves just now."""

    def unsure(self) -> None:
        """Something may have happened of which nobody was told: the other nodes, too, should look at the database."""

    def listened(self) -> Collection[str]:
        """The topics that somebody on this node listens to, as they are now."""

    def subscribe(
        self, topics: Iterable[str], deliver: Callable[[Event], bool], overflowed: Callable[[], None]
    ) -> Subscription:
        """`deliver` puts the event into the listener's own bounded queue without blocking and says whether there was room."""
