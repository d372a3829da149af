"""Seeded bugs: each breaks a promise, and the model has to find it. A model that cannot fail proves nothing."""

from __future__ import annotations

import json
from typing import Any

from msgspec.structs import replace

from chatserver.core.events import Event, TicketChanged
from chatserver.core.tickets import Item
from chatserver.realtime.frames import Packet, packed
from chatserver.store import items
from chatserver.store.work import Needs, World
from tests.model.disk import DiskStore, Outcome
from tests.model.server import End, Parts


class AcknowledgesBeforeTheCommit(DiskStore):
    """The disk has it a moment later, unless the process is killed."""

    COMMIT = 0.3

    def begin(self) -> None:
        self._commit_now()
        super().begin()

    def make_durable(self, items: list[tuple[int, Item]]) -> None:
        self._owed = items
        self.loop.call_later(self.COMMIT, self._commit_now)

    def _commit_now(self) -> None:
        if self.disk.db.in_transaction and not self.dead:
            super().make_durable(self._owed)

    def kill(self) -> None:
        super().kill()
        if self.disk.db.in_transaction:
            self.disk.db.execute("ROLLBACK")


class ForgetsWhatItStored(DiskStore):
    """No look at the client's id: a repeat is stored again."""

    def load(self, world: World, needs: list[Needs]) -> None:
        super().load(world, needs)
        for said in (said for one in needs for said in one.said):
            world.loaded_said(said, None)


class ReplaysFromOneTooLate(DiskStore):
    async def rows(self, statement: Any, **values: Any) -> list[tuple[Any, ...]]:
        if statement is items._AFTER:
            values["after"] += 1
        return await super().rows(statement, **values)


class TellsNobodyNowAndThen(DiskStore):
    """A change is stored and acknowledged, and who else looks at the ticket does not hear of it."""

    groups = 0

    def tell(self, events: list[Event], outcomes: list[Outcome]) -> None:
        self.groups += 1
        super().tell([] if self.groups % 3 == 0 else events, outcomes)


class TellsTheWrongCustomer(DiskStore):
    def tell(self, events: list[Event], outcomes: list[Outcome]) -> None:
        everybody = [f"anon:visitor{n + 1}" for n in range(self.disk.visitors)]
        super().tell(
            [*events, *(self._misled(event, key) for key in everybody for event in events)], outcomes
        )

    def _misled(self, event: Event, key: str) -> Event:
        if not isinstance(event, TicketChanged):
            return event
        customer = replace(event.after.customer, key=key)
        return TicketChanged(None, replace(event.after, customer=customer), event.items)


class SendsPartOfAGap(End):
    """The last item of a replay is missing."""

    def write(self, packet: Packet) -> bool:
        frame = json.loads(packet.body)
        if frame["type"] == "items" and not frame.get("back") and len(frame["items"]) > 1:
            frame["items"].pop()
            packet = packed(json.dumps(frame).encode())
        return super().write(packet)


class LosesTheAnswerWhenThereIsNoRoom(End):
    """A frame that does not fit is dropped in silence."""

    def write(self, packet: Packet) -> bool:
        if len(self.link.down) > 2:
            return True
        return super().write(packet)


BUGS: dict[str, tuple[Parts, str]] = {
    "acknowledges before the commit": (Parts(store=AcknowledgesBeforeTheCommit), "stored is None"),
    "stores a repeat again": (Parts(store=ForgetsWhatItStored), "shows something twice|rule='b'"),
    # A gap that no answer fills is asked for again and again, until the limit of what one person reads.
    "replays from one too late": (
        Parts(store=ReplaysFromOneTooLate),
        "shows the numbers|rule='c'|does not heal",
    ),
    "tells nobody now and then": (Parts(store=TellsNobodyNowAndThen), r"on the screen, \d+ stored"),
    "tells the wrong customer": (Parts(store=TellsTheWrongCustomer), r"shows 'subject \d+ of"),
    "sends part of a gap": (Parts(end=SendsPartOfAGap), r"on the screen, \d+ stored"),
    # The answer that is lost is waited for in vain, or was the screen of a ticket that nobody asks for again.
    "drops what does not fit": (
        Parts(end=LosesTheAnswerWhenThereIsNoRoom),
        r"does not heal|on the screen, \d+ stored",
    ),
    # Words or the subject of a ticket, whichever the page that is reloaded had just written.
    "forgets what was written when the page is reloaded": (
        Parts(forgetful=True),
        r"lost: .*'(words|subject) \d+ of",
    ),
}
"""By name: what is exchanged, and the words of what is found (as a pattern)."""
