"""What the rest of the house may ask of a store; SQLite now, PostgreSQL behind the same contract."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Any, Generic, Protocol, TypeVar

import msgspec

from chatserver.core.events import Event
from chatserver.core.policy import Policy
from chatserver.store.work import Needs, World

R = TypeVar("R")


class Use(msgspec.Struct, Generic[R], frozen=True):
    """A use case, ready to be handed to `write` or `submit`."""

    needs: Needs
    decide: Callable[[World, int], R]


class StoreFailed(Exception):
    """The group could not be committed (disk full, I/O error): nothing of it was stored, nobody was told otherwise."""


class Violated(StoreFailed):
    """A constraint forbids it: there is such a row already, or none where one must be."""


class StoreEnded(StoreFailed):
    """Nor will anything else be, until the next start: to try again is of no use."""


Done = Callable[[Any, BaseException | None], None]
"""`done(result, problem)`: what a use case returned, or, when `problem` is not None, why nothing of it was stored."""


class Store(Protocol):
    """Writing. Reading is in one module per noun, each a function that takes the database."""

    @property
    def epoch(self) -> str:
        """Names this database's life: changes when it is created anew or restored, so that clients start over."""

    async def write(self, needs: Needs, decide: Callable[[World, int], R]) -> R:
        """Run a use case in the next group; returns after its commit is durable. `decide(world, now)`: now in ms UTC, never
        going back. Raises what `decide` raised (Refused: nothing was stored), Refused(rate_limited) when too many wait,
        StoreFailed when the commit failed."""

    def submit(self, needs: Needs, decide: Callable[[World, int], Any], done: Done) -> None:
        """`write` for who does not wait: called on the event loop, returns at once. `done` is called there once, after the commit
        is durable and its events are published, in the order of submission; never before `submit` has returned. What `write`
        raises is `done`'s problem, except what is known at once and raised here: Refused(rate_limited) when too many wait,
        StoreFailed after closing. `done` must not raise."""

    def explains(self, problem: BaseException) -> bool:
        """Whether this was raised, by a write or a read, since the database takes or answers nothing just now. It says so itself
        in the log, once: whoever meets it has nothing to add, and the same may go through in a moment."""

    async def all_gone(self, app_ids: Collection[int], policy: Policy, now: int) -> None:
        """After an interruption, while nobody is connected anywhere and no other node serves: in the open chats of these apps,
        which all have this policy, every customer who was here has been gone since `now` (ms), and the clocks run as
        `core.tickets.interrupted` would have it; agents' loads are counted anew. One write, however many they are; no events,
        since nobody can listen."""


Committed = Callable[[list[Event]], None]
"""Called on the event loop once per committed group, before its use cases return: publishes what happened."""
