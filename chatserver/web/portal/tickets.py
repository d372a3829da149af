"""Mis Tickets: all tickets of who is signed in, by state, searched, page by page; their company's, for who may see them."""

from __future__ import annotations

from typing import Final, NamedTuple
from urllib.parse import urlencode

from starlette.responses import Response

from chatserver.core.tickets import State, Ticket
from chatserver.services import partaking, persons
from chatserver.services.finding import find
from chatserver.store import tickets
from chatserver.web.portal.visit import Visit

PAGE: Final = 25
STATES: Final[tuple[State, ...]] = ("open", "pending", "closed")
SEARCH_MOST: Final = 200
COMPANY: Final = "company"


class Filter(NamedTuple):
    """One of the choices above the list. `state` is empty for all."""

    state: str
    tickets: int
    url: str


class Asked(NamedTuple):
    """`whose`: the customers whose tickets are shown; None: the person's own."""

    state: State | None
    search: str
    whose: list[int] | None

    def query(self, state: State | None, before: int = 0) -> str:
        given = {
            "view": COMPANY if self.whose is not None else "",
            "state": state,
            "q": self.search,
            "before": before,
        }
        asked = urlencode({name: value for name, value in given.items() if value})
        return f"?{asked}" if asked else ""


async def listed(visit: Visit) -> Response:
    customer = visit.signed_in.customer
    await persons.gather_if_possible(visit.portal.house, visit.portal.db, customer)
    params = visit.request.query_params
    companies = await partaking.seen_companies(visit.portal.db, customer)
    whole = bool(companies) and params.get("view") == COMPANY
    asked = Asked(
        next((s for s in STATES if s == params.get("state")), None),
        "" if whole else params.get("q", "").replace("\0", "")[:SEARCH_MOST].strip(),
        await partaking.seen_customers(visit.portal.db, customer) if whole else None,
    )
    before = _whole(params.get("before", ""))
    counts = await _counts(visit, asked)
    # One more than is shown: whether there is a next page.
    found = await _found(visit, asked, before, PAGE + 1)
    shown = found[:PAGE]
    more = visit.path() + asked.query(asked.state, shown[-1].id) if len(found) > PAGE else ""
    return visit.page(
        "tickets",
        tickets=shown,
        filters=_filters(visit, counts, asked),
        state=asked.state or "",
        search=asked.search,
        paged=bool(before),
        first=visit.path() + asked.query(asked.state),
        more=more,
        total=sum(counts.values()),
        companies=[name for _, name in companies],
        whole=whole,
    )


async def _counts(visit: Visit, asked: Asked) -> dict[State, int]:
    customer, db = visit.signed_in.customer, visit.portal.db
    if asked.whose is not None:
        return await tickets.count_of(db, customer.app_id, asked.whose)
    return await tickets.count_by_state(db, customer.app_id, customer.key)


async def _found(visit: Visit, asked: Asked, before: int, limit: int) -> list[Ticket]:
    customer, db = visit.signed_in.customer, visit.portal.db
    if asked.whose is not None:
        return await tickets.tickets_of(db, customer.app_id, asked.whose, asked.state, before, limit)
    if asked.search:
        return await find(db, customer.app_id, customer.key, asked.search, asked.state, before, limit)
    if asked.state is None:
        return await tickets.customer_tickets(db, customer.app_id, customer.key, before, limit)
    return await tickets.tickets_in_state(db, customer.app_id, customer.key, asked.state, before, limit)


def _filters(visit: Visit, counts: dict[State, int], asked: Asked) -> list[Filter]:
    """Pendiente is shown to whoever has such a ticket, and to nobody else."""
    shown = [state for state in STATES if state != "pending" or counts.get(state)]
    return [
        Filter("", sum(counts.values()), visit.path() + asked.query(None)),
        *(Filter(s, counts.get(s, 0), visit.path() + asked.query(s)) for s in shown),
    ]


def _whole(text: str) -> int:
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 16 else 0
