"""What every use case is handed: the store, the bus, who there is, and the clock."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from dataclasses import InitVar, dataclass, field
from datetime import UTC, datetime

from chatserver.bus.base import Bus
from chatserver.core.attention import in_ms
from chatserver.core.clocks import Steps
from chatserver.core.errors import Refused
from chatserver.core.hours import Opening, opening
from chatserver.core.tickets import Ticket
from chatserver.metrics import Metrics
from chatserver.services.books import Books
from chatserver.services.people import People, people
from chatserver.services.reads import Reads
from chatserver.store.base import Store


def call_later(seconds: float, what: Callable[[], None]) -> object:
    return asyncio.get_running_loop().call_later(seconds, what)


@dataclass
class House:
    """One running server's rooms. `now` gives ms since 1970 UTC, by a clock that may be set; `timer` ms by one that nobody sets
    (None: nobody sets `now`). `settling`: so long (ms) after it was set others may still go by the time before."""

    store: Store
    reads: Reads
    bus: Bus
    now: Callable[[], int]
    books: Books = field(default_factory=Books)
    people: People = field(default_factory=People)
    later: Callable[[float, Callable[[], None]], object] = call_later
    """Does something in so many seconds. For what may as well be forgotten: whatever must happen is a row that is due."""
    metrics: Metrics = field(default_factory=Metrics)
    timer: InitVar[Callable[[], float] | None] = None
    settling: InitVar[float] = 0
    _openings: dict[int, tuple[int, Opening]] = field(default_factory=dict)

    def __post_init__(self, timer: Callable[[], float] | None, settling: float) -> None:
        self.steady: Callable[[], float] = timer or self.now
        """How much time has passed goes by this one."""
        self.steps = Steps(self.now(), self.steady(), settling)

    def instant(self, steady: float) -> int:
        """As `now` gives it, of a moment of the steady clock: so long ago is so long ago, also when `now` was set since then."""
        return self.now() - round(self.steady() - steady)

    def moment(self, instant: int) -> float:
        """The other way round."""
        return self.steady() - (self.now() - instant)

    async def refresh(self) -> None:
        """Read apps and agents anew: at the start, and whenever an administrator changed them."""
        self.people = people(await self.reads.apps(), await self.reads.agents())
        self._openings.clear()

    def opening(self, app_id: int) -> Opening:
        """The hours of an app as of now; walked through once per opening or closing, not once per question."""
        now = self.now()
        known = self._openings.get(app_id)
        if known is None or not known[0] <= now < _holds_until(known[1], known[0]):
            known = (now, opening(self.people.schedule(app_id), datetime.fromtimestamp(now / 1000, UTC)))
            self._openings[app_id] = known
        return known[1]

    def closing(self, app_ids: Iterable[int]) -> dict[int, int | None]:
        """Per app, until when (ms) somebody who begins to wait now may wait: None without end, now when it is closed."""
        return {app_id: closes_at(self.opening(app_id), self.now()) for app_id in app_ids}

    async def ticket(self, ticket_id: int) -> Ticket:
        """A ticket as last committed, from memory if it was used lately. Refused(not_found). Says nothing of who may see it."""
        ticket = self.books.tickets.get(ticket_id)
        if ticket is None:
            read = await self.reads.ticket(tuple(self.people.apps), ticket_id)
            if read is None:
                raise Refused("not_found")
            self.books.learn(read)
            ticket = self.books.tickets.get(ticket_id) or read
        return ticket


def closes_at(hours: Opening, now: int) -> int | None:
    return in_ms(hours.until) if hours.open else now


_DAY = 86_400_000


def _holds_until(hours: Opening, since: int) -> int:
    """An answer without a boundary (always open, never again) is asked again after a day: its horizon moves."""
    boundary = in_ms(hours.until if hours.open else hours.next)
    return since + _DAY if boundary is None else boundary
