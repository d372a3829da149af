"""One ticket: its history, the reply, the resolution question, the rating; and what its script asks while the page is open."""

from __future__ import annotations

from typing import Final

import msgspec
from starlette.exceptions import HTTPException
from starlette.responses import Response

from chatserver.core import messages
from chatserver.core.errors import Refused
from chatserver.core.tickets import Item, Ticket, rate_until
from chatserver.i18n import say
from chatserver.services import talk, tickets
from chatserver.store import items
from chatserver.store import tickets as stored
from chatserver.web.origins import header
from chatserver.web.portal.forms import cid_of, sentence
from chatserver.web.portal.history import Entry, entries
from chatserver.web.portal.visit import Visit

PAGE: Final = 100
NEWS_MOST: Final = 50


async def of(visit: Visit, number: int | None = None) -> Ticket:
    """The one place that says whose tickets the portal shows: who is signed in finds their own, and of anybody else's nothing.
    Raises HTTPException(404)."""
    if number is None:
        number = int(visit.request.path_params["number"])
    customer = visit.signed_in.customer
    ticket = await stored.ticket_numbered(visit.portal.db, customer.app_id, customer.key, number)
    if ticket is None:
        raise HTTPException(404)
    return ticket


async def shown(visit: Visit) -> Response:
    note = say(visit.lang, "portal.sent_note") if visit.request.query_params.get("sent") == "yes" else ""
    return await page(visit, int(visit.request.path_params["number"]), note=note)


async def page(
    visit: Visit,
    number: int,
    status: int = 200,
    *,
    kept: dict[str, str] | None = None,
    errors: dict[str, str] | None = None,
    note: str = "",
) -> Response:
    """`kept`: what was typed and not taken; `errors`: why, by form."""
    ticket = await of(visit, number)
    before = _whole(visit.request.query_params.get("before", "")) or items.LAST
    # One more than is shown: whether there is something before, and after what the first one stands.
    found = await items.items_before(visit.portal.db, ticket.id, before, PAGE + 1)
    shown, earlier = (found[1:], found[0]) if len(found) > PAGE else (found, None)
    await _seen(visit, ticket)
    policy = visit.app.policy
    until = rate_until(ticket, policy)
    return visit.page(
        "ticket",
        status,
        ticket=ticket,
        history=entries(shown, ticket, visit.lang, visit.times, earlier),
        earlier=earlier is not None,
        first_seq=shown[0].seq if shown else 0,
        whole=before == items.LAST,
        may_rate=until is not None and visit.portal.house.now() < until,
        kept=kept or {},
        cid=cid_of((kept or {}).get("cid", "")),
        errors=errors or {},
        note=note,
        limit=messages.TEXT_MAX,
        comment_limit=messages.COMMENT_MAX,
    )


async def _seen(visit: Visit, ticket: Ticket) -> None:
    if ticket.customer_seen < ticket.last_seq:
        await talk.seen(visit.portal.house, visit.who, ticket.id, ticket.last_seq)


# — what is posted —————————————————————————————————————————————————————————————


async def reply(visit: Visit) -> Response:
    """The two boxes, above and below the history, are one message: nothing that stands in either is lost."""
    ticket = await of(visit)
    text = _both(visit.form.get("top", ""), visit.form.get("text", ""))
    kept = {"text": text, "cid": visit.form.get("cid", "")}
    if not text.strip():
        wrong = sentence(visit.lang, "text", Refused("too_short", limit=1))
        return await page(visit, ticket.number, 400, kept=kept, errors={"reply": wrong})
    try:
        visit.portal.may_say(visit.signed_in)
        seq = await talk.say(visit.portal.house, visit.who, ticket.id, cid_of(kept["cid"]), text)
    except Refused as refused:
        status = {"rate_limited": 429, "ticket_closed": 409}.get(refused.code, 400)
        wrong = sentence(visit.lang, "text", refused)
        return await page(visit, ticket.number, status, kept=kept, errors={"reply": wrong})
    return visit.go(f"tickets/{ticket.number}#m{seq}")


async def answer(visit: Visit) -> Response:
    """Sí or No to the question whether it is solved. Who answers what was answered by now sees how things stand."""
    ticket = await of(visit)
    solved = visit.form.get("solved")
    if solved not in ("yes", "no"):
        raise HTTPException(400)
    try:
        await tickets.answer(visit.portal.house, visit.who, ticket.id, solved == "yes")
    except Refused as refused:
        wrong = sentence(visit.lang, "answer", refused)
        return await page(visit, ticket.number, 409, errors={"answer": wrong})
    return visit.go(f"tickets/{ticket.number}#foot")


async def rating(visit: Visit) -> Response:
    ticket = await of(visit)
    kept = {"stars": visit.form.get("stars", ""), "comment": visit.form.get("comment", "")}
    if kept["stars"] not in ("1", "2", "3", "4", "5"):
        wrong = say(visit.lang, "portal.error.stars")
        return await page(visit, ticket.number, 400, kept=kept, errors={"rating": wrong})
    try:
        await tickets.rate(visit.portal.house, visit.who, ticket.id, int(kept["stars"]), kept["comment"])
    except Refused as refused:
        status = 400 if refused.code == "too_long" else 409
        wrong = sentence(visit.lang, "comment", refused)
        return await page(visit, ticket.number, status, kept=kept, errors={"rating": wrong})
    return visit.go(f"tickets/{ticket.number}?rated=yes#foot")


def _both(top: str, bottom: str) -> str:
    top, bottom = top.strip("\n"), bottom.strip("\n")
    if not top.strip() or top.strip() == bottom.strip():
        return bottom
    return f"{top}\n\n{bottom}" if bottom.strip() else top


# — what the script asks ———————————————————————————————————————————————————————


class News(msgspec.Struct, frozen=True):
    """What is new after a number, and how the ticket stands."""

    version: int
    last: int
    state: str
    label: str
    closed: bool
    asks: bool
    may_rate: bool
    more: bool
    """There is more than fits: the page is loaded anew."""
    entries: list[Entry]


async def news(visit: Visit) -> Response:
    """`GET …/news?after=N`: 304 while the version is the one that the script has."""
    ticket = await of(visit)
    tag = f'"{ticket.version}-{visit.lang}"'
    headers: dict[str, str] = {"etag": tag, "cache-control": "no-store"}
    if header(visit.request.scope, b"if-none-match") == tag:
        return Response(status_code=304, headers=headers)
    after = _whole(visit.request.query_params.get("after", ""))
    found = await items.items_after(visit.portal.db, ticket.id, max(after - 1, 0), NEWS_MOST + 2)
    last, fresh = _split(found, after)
    await _seen(visit, ticket)
    until = rate_until(ticket, visit.app.policy)
    told = News(
        ticket.version,
        fresh[-1].seq if fresh else after,
        ticket.state,
        say(visit.lang, f"portal.state.{ticket.state}"),
        ticket.state == "closed",
        ticket.proposal is not None,
        until is not None and visit.portal.house.now() < until,
        len(fresh) > NEWS_MOST,
        entries(fresh[:NEWS_MOST], ticket, visit.lang, visit.times, last),
    )
    return Response(msgspec.json.encode(told), media_type="application/json", headers=headers)


def _split(found: list[Item], after: int) -> tuple[Item | None, list[Item]]:
    shown = next((item for item in found if item.seq <= after), None)
    return shown, [item for item in found if item.seq > after]


def _whole(text: str) -> int:
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 10 else 0
