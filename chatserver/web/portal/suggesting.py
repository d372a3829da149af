"""What may spare somebody a ticket, by the subject that they type: help articles, and tickets of theirs that are open already.

With a script it is shown while they type; without one when they ask for it, and whenever the form is shown again.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

import msgspec
from starlette.responses import Response

from chatserver.core.errors import Refused
from chatserver.services import finding
from chatserver.web.portal.visit import Visit

OPENED_MOST: Final = 20
"""Articles that one visit of a form may have opened."""
LOOK: Final = "look"
"""A button that shows what is suggested and sends nothing."""
OPENED: Final = "opened"
"""The ids of articles that were opened from this form, parted by blanks."""


class Similar(msgspec.Struct, frozen=True):
    number: int
    subject: str
    url: str


class Found(NamedTuple):
    articles: Sequence[tuple[str, str]]
    """(title, address)."""
    tickets: Sequence[Similar]


NOTHING: Final = Found((), ())


async def found(visit: Visit, subject: str) -> Found:
    if len(subject.strip()) < finding.LEAST:
        return NOTHING
    library = visit.house.library
    try:
        library.searches.take(visit.network, visit.house.clock())
    except Refused:
        return NOTHING
    articles = await library.reading.suggest(visit.app.id, visit.lang, subject)
    base = f"/help/{visit.app.key}/{visit.lang}/article"
    return Found(
        [(one.title, f"{base}/{one.id}-{one.slug}") for one in articles], await _similar(visit, subject)
    )


async def similar(visit: Visit) -> Response:
    """`GET …/similar?q=` → {tickets: [{number, subject, url}]}: the person's own open ones."""
    _ = visit.signed_in
    subject = visit.request.query_params.get("q", "").replace("\0", "")
    visit.house.library.searches.take(visit.network, visit.house.clock())
    return Response(
        msgspec.json.encode({"tickets": await _similar(visit, subject)}),
        media_type="application/json",
        headers={"cache-control": "no-store"},
    )


async def _similar(visit: Visit, subject: str) -> list[Similar]:
    customer = visit.signed_in.customer
    tickets = await finding.similar(visit.portal.db, customer.app_id, customer.key, subject)
    return [Similar(one.number, one.subject, visit.path(f"tickets/{one.number}")) for one in tickets]


async def followed(visit: Visit) -> None:
    """A ticket was sent all the same after these articles: they spared nobody one (docs/articles.md)."""
    library = visit.house.library
    for text in dict.fromkeys(visit.form.get(OPENED, "").split()[:OPENED_MOST]):
        if not (text.isascii() and text.isdigit() and len(text) <= 15):
            continue
        try:
            shown = await library.reading.published(visit.app.id, int(text))
        except Refused:
            continue
        library.figures.count(shown.id, "followed", visit.network)
