"""Mis Tickets: all tickets of who is signed in, by state, searched, page by page."""

from __future__ import annotations

from typing import Final, NamedTuple
from urllib.parse import urlencode

from starlette.responses import Response

from chatserver.core.tickets import State, Ticket
from chatserver.services.finding import find
from chatserver.store import tickets
from chatserver.web.portal.visit import Visit

PAGE: Final = 25
STATES: Final[tuple[State, ...]] = ("open", "pending", "closed")
SEARCH_MOST: Final = 200


class Filter(NamedTuple):
    """One of the choices above the list. `state` is empty for all."""

    state: str
    tickets: int
    url: str


async def listed(visit: Visit) -> Response:
    customer, db = visit.signed_in.customer, visit.portal.db
    asked = visit.request.query_params
    state = next((s for s in STATES if s == asked.get("state")), None)
    search = asked.get("q", "").replace("\0", "")[:SEARCH_MOST].strip()
    before = _whole(asked.get("before", ""))
    counts = await tickets.count_by_state(db, customer.app_id, customer.key)
    # One more than is shown: whether there is a next page.
    found = await _found(visit, search, state, before, PAGE + 1)
    shown = found[:PAGE]
    more = visit.path() + _query(state, search, shown[-1].id) if len(found) > PAGE else ""
    return visit.page(
        "tickets",
        tickets=shown,
        filters=_filters(visit, counts, search),
        state=state or "",
        search=search,
        paged=bool(before),
        first=visit.path() + _query(state, search, 0),
        more=more,
        total=sum(counts.values()),
    )


async def _found(visit: Visit, search: str, state: State | None, before: int, limit: int) -> list[Ticket]:
    customer, db = visit.signed_in.customer, visit.portal.db
    if search:
        return await find(db, customer.app_id, customer.key, search, state, before, limit)
    if state is None:
        return await tickets.customer_tickets(db, customer.app_id, customer.key, before, limit)
    return await tickets.tickets_in_state(db, customer.app_id, customer.key, state, before, limit)


def _filters(visit: Visit, counts: dict[State, int], search: str) -> list[Filter]:
    """Pendiente is shown to whoever has such a ticket, and to nobody else."""
    shown = [state for state in STATES if state != "pending" or counts.get(state)]
    return [
        Filter("", sum(counts.values()), visit.path() + _query(None, search, 0)),
        *(Filter(s, counts.get(s, 0), visit.path() + _query(s, search, 0)) for s in shown),
    ]


def _query(state: State | None, search: str, before: int) -> str:
    given = {"state": state, "q": search, "before": before}
    asked = urlencode({name: value for name, value in given.items() if value})
    return f"?{asked}" if asked else ""


def _whole(text: str) -> int:
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 16 else 0
