"""One ticket: its history, the reply, the resolution question, the rating; and what its script asks while the page is open."""

from __future__ import annotations

from contextlib import suppress
from typing import Final

import msgspec
from starlette.exceptions import HTTPException
from starlette.responses import RedirectResponse, Response

from chatserver.core import messages
from chatserver.core.answers import awaited
from chatserver.core.errors import Refused
from chatserver.core.files import File
from chatserver.core.forms import Form
from chatserver.core.tickets import Item, Ticket, pending_ends, rate_until
from chatserver.i18n import say
from chatserver.services import partaking, persons, requests, talk, tickets
from chatserver.services.partaking import Part, Partaken
from chatserver.store import files, items
from chatserver.store import tickets as stored
from chatserver.store.base import StoreFailed
from chatserver.web import asked
from chatserver.web.origins import header
from chatserver.web.portal import repeats, uploads
from chatserver.web.portal.forms import cid_of, sentence
from chatserver.web.portal.history import Entry, Shown, called, entries
from chatserver.web.portal.visit import Visit

PAGE: Final = 100
NEWS_MOST: Final = 50


async def of(visit: Visit) -> Ticket:
    """The person's own ticket. Raises HTTPException(404) for anybody else's, also for one in which they have a part: they do
    nothing with it but read, and say what `reply` lets them."""
    ticket, part = await partaken(visit)
    if part != "own":
        raise HTTPException(404)
    return ticket


async def partaken(visit: Visit, number: int | None = None) -> Partaken:
    """The one place that says whose tickets the portal shows (`services/partaking.py`). Raises HTTPException(404)."""
    if number is None:
        number = int(visit.request.path_params["number"])
    number = min(number, stored.NUMBER_MOST)
    customer, portal = visit.signed_in.customer, visit.portal
    found = await partaking.find(portal.db, customer, number)
    if found is None:  # it may have come by mail while they were signed in
        await persons.gather_if_possible(portal.house, portal.db, customer)
        found = await partaking.find(portal.db, customer, number)
    if found is None:
        raise HTTPException(404)
    return found


async def shown(visit: Visit) -> Response:
    done = visit.request.query_params.get("sent", "")
    sent = "portal.sent_note.mailed" if visit.app.policy.mail else "portal.sent_note"
    note = {"yes": sent, "completed": "portal.completed_note"}.get(done)
    return await page(
        visit, int(visit.request.path_params["number"]), note=say(visit.lang, note) if note else ""
    )


async def page(
    visit: Visit,
    number: int,
    status: int = 200,
    *,
    kept: dict[str, str] | None = None,
    errors: dict[str, str] | None = None,
    note: str = "",
    already: int = 0,
) -> Response:
    """`kept`: what was typed and not taken; `errors`: why, by form, or by field where something is to be completed; `already`:
    the number of the message that was sent with other words."""
    (ticket, part), kept, told = await partaken(visit, number), dict(kept or {}), dict(errors or {})
    own = part == "own"
    if said := uploads.said(visit, kept):
        told["files"] = said
    before = _whole(visit.request.query_params.get("before", "")) or items.LAST
    # One more than is shown: whether there is something before, and after what the first one stands.
    found = await items.items_before(visit.portal.db, ticket.id, before, PAGE + 1)
    shown, earlier = (found[1:], found[0]) if len(found) > PAGE else (found, None)
    if own:
        await _seen(visit, ticket)
    policy, form = visit.app.policy, visit.app.form
    until = rate_until(ticket, policy)
    missing = asked.missing(form, visit.lang, _asks(form, ticket, part), mails=policy.mail)
    pending, completes = ticket.pending, "completes" in kept
    return visit.page(
        "ticket",
        status,
        ticket=ticket,
        part=part,
        customer=called(ticket),
        may_say=own or (part == "copied" and ticket.mode == "later"),
        history=await _entries(visit, ticket, shown, earlier),
        told=asked.told(form, visit.lang, ticket.details, ticket.email),
        missing=missing,
        values={"tax_country": form.country} | kept,
        first=next((one.name for one in missing if one.name in told), ""),
        pending_until=pending_ends(ticket, pending, policy) if pending else 0,
        warning=_warning(visit, ticket),
        files=await uploads.here(visit, kept.get(uploads.NAMED, "").split()),
        taking=uploads.shown(visit),
        earlier=earlier is not None,
        first_seq=shown[0].seq if shown else 0,
        whole=before == items.LAST,
        may_rate=own and until is not None and visit.portal.house.now() < until,
        kept=kept,
        # Each form's own: what one of them sends is no repeat of what the other sent.
        cid=cid_of("" if completes else kept.get("cid", "")),
        completing_cid=cid_of(kept.get("cid", "") if completes else ""),
        errors=told,
        note=note,
        already=already,
        limit=messages.TEXT_MAX,
        comment_limit=messages.COMMENT_MAX,
    )


def _asks(form: Form, ticket: Ticket, part: Part) -> tuple[str, ...]:
    """What its customer may complete."""
    return awaited(form, ticket.details) if part == "own" and ticket.state != "closed" else ()


def _warning(visit: Visit, ticket: Ticket) -> str:
    """Right after it was sent: of a tax id that nobody here can check."""
    just_sent = visit.request.query_params.get("sent") == "yes"
    unchecked = ticket.details.tax_id and not ticket.details.tax_kind
    return say(visit.lang, "form.warning.unchecked_tax_id") if just_sent and unchecked else ""


async def _entries(visit: Visit, ticket: Ticket, items: list[Item], after: Item | None) -> list[Entry]:
    ids = [file.id for item in items for file in item.files]
    stored = await files.by_ids(visit.portal.db, ids) if ids else {}
    base = visit.path(f"tickets/{ticket.number}/files")

    def show(item: Item, file: File) -> Shown:
        known = stored.get(file.id)
        size = uploads.size(visit.lang, file.bytes)
        if known is None:
            return Shown(file.name, size)
        href = f"{base}/{item.seq}/{file.id}"
        if known.width is None or known.height is None:
            return Shown(file.name, size, href)
        return Shown(file.name, size, href, f"{href}/thumbnail", known.width, known.height)

    spoken = [*items, after] if after is not None else items
    own = await partaking.spoken_as(visit.portal.db, visit.signed_in.customer, spoken)
    return entries(items, ticket, visit.lang, visit.times, after, visit.app.form, show, own)


async def file(visit: Visit) -> Response:
    """`GET …/files/<seq>/<id>`: on to a link that soon ends, for who finds the ticket."""
    return await _given(visit, thumbnail=False)


async def thumbnail(visit: Visit) -> Response:
    return await _given(visit, thumbnail=True)


async def _given(visit: Visit, *, thumbnail: bool) -> Response:
    (ticket, _), asked_for = await partaken(visit), visit.request.path_params
    person = f"{visit.who.app_id} {visit.who.key}"
    links, _ = await visit.house.downloads.links(ticket, min(int(asked_for["seq"]), items.LAST), person)
    link = next((one for one in links if one.id == asked_for["file"]), None)
    url = link and (link.thumbnail if thumbnail else link.url)
    if not url:
        raise HTTPException(404)
    return visit.answered(RedirectResponse(url, 303))


async def _seen(visit: Visit, ticket: Ticket) -> None:
    if ticket.customer_seen < ticket.last_seq:
        with suppress(StoreFailed):  # it is read all the same, and seen the next time
            await talk.seen(visit.portal.house, visit.who, ticket.id, ticket.last_seq)


# — what is posted —————————————————————————————————————————————————————————————


async def reply(visit: Visit) -> Response:
    """The two boxes, above and below the history, are one message: nothing that stands in either is lost."""
    ticket, part = await partaken(visit)
    if part == "company":
        raise HTTPException(404)
    text = _both(visit.form.get("top", ""), visit.form.get("text", ""))
    sent = uploads.ids(visit)
    kept = {"text": text, uploads.NAMED: " ".join(sent)} | {
        name: visit.form.get(name, "") for name in ("cid", "copies", uploads.LOST)
    }
    if uploads.DROP in visit.form:
        return await page(visit, ticket.number, kept=kept)
    copies = asked.copies(kept["copies"])
    if uploads.said(visit, kept):
        return await page(visit, ticket.number, 400, kept=kept)
    if not text.strip() and not sent:
        wrong = sentence(visit.lang, "text", Refused("too_short", limit=1))
        return await page(visit, ticket.number, 400, kept=kept, errors={"reply": wrong})
    try:
        visit.portal.may_say(visit.signed_in)
        if copies and part == "own":  # before the message, which is theirs to get too
            await requests.copy_to(visit.portal.house, visit.who, ticket.id, copies)
        seq = await _say(visit, ticket, part, cid_of(kept["cid"]), text, sent)
    except Refused as refused:
        status = {"rate_limited": 429, "ticket_closed": 409}.get(refused.code, 400)
        return await page(visit, ticket.number, status, kept=kept, errors=_why_not(visit, refused))
    stored = await repeats.message(visit, ticket, seq)
    if not await repeats.holds(visit, stored, text, sent):
        kept = repeats.anew(kept, stored.files if stored else ())
        return await page(visit, ticket.number, 409, kept=kept, already=seq)
    return visit.go(f"tickets/{ticket.number}#m{seq}")


async def _say(visit: Visit, ticket: Ticket, part: Part, cid: str, text: str, sent: list[str]) -> int:
    house = visit.portal.house
    if part == "own":
        return await talk.say(house, visit.who, ticket.id, cid, text, sent)
    me = visit.signed_in.customer
    return await partaking.say(house, visit.portal.db, me, ticket.id, cid, text, sent)


def _why_not(visit: Visit, refused: Refused) -> dict[str, str]:
    """At the field that a reply was refused for."""
    if refused.code == "bad_form":
        return {"copies": asked.sentences(visit.lang, refused.fields)["cc"]}
    if refused.code in ("file_unknown", "too_many_files"):
        return {"files": uploads.sentence(visit.lang, refused)}
    return {"reply": sentence(visit.lang, "text", refused)}


async def complete(visit: Visit) -> Response:
    """What the ticket was sent back for. Should it be complete by now, nothing is asked any more."""
    ticket, form = await of(visit), visit.app.form
    kept = dict(visit.form)
    try:
        visit.portal.may_say(visit.signed_in)
        await requests.complete_form(
            visit.portal.house,
            visit.who,
            ticket.id,
            cid=cid_of(visit.form.get("cid", "")),
            form=asked.given(form, visit.form),
        )
    except Refused as refused:
        if refused.code == "bad_form":
            wrong = asked.sentences(visit.lang, refused.fields)
            return await page(visit, ticket.number, 400, kept=kept, errors=wrong)
        if refused.code == "nothing_missing":
            return visit.go(f"tickets/{ticket.number}")
        wrong = {"complete": sentence(visit.lang, "text", refused)}
        status = 429 if refused.code == "rate_limited" else 409
        return await page(visit, ticket.number, status, kept=kept, errors=wrong)
    return visit.go(f"tickets/{ticket.number}?sent=completed")


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
    waits: bool
    """For whoever looks."""
    incomplete: bool
    """It was sent back: there is a form to complete."""
    may_rate: bool
    more: bool
    """There is more than fits: the page is loaded anew."""
    entries: list[Entry]


async def news(visit: Visit) -> Response:
    """`GET …/news?after=N`: 304 while the version is the one that the script has."""
    ticket, part = await partaken(visit)
    tag = f'"{ticket.version}-{visit.lang}"'
    headers: dict[str, str] = {"etag": tag, "cache-control": "no-store"}
    if header(visit.request.scope, b"if-none-match") == tag:
        return Response(status_code=304, headers=headers)
    after = _whole(visit.request.query_params.get("after", ""))
    found = await items.items_after(visit.portal.db, ticket.id, max(after - 1, 0), NEWS_MOST + 2)
    last, fresh = _split(found, after)
    if part == "own":
        await _seen(visit, ticket)
    until = rate_until(ticket, visit.app.policy)
    told = News(
        ticket.version,
        fresh[-1].seq if fresh else after,
        ticket.state,
        say(visit.lang, f"portal.state.{ticket.state}"),
        ticket.state == "closed",
        part == "own" and ticket.proposal is not None,
        part == "own" and ticket.state == "pending",
        bool(_asks(visit.app.form, ticket, part)),
        part == "own" and until is not None and visit.portal.house.now() < until,
        len(fresh) > NEWS_MOST,
        await _entries(visit, ticket, fresh[:NEWS_MOST], last),
    )
    return Response(msgspec.json.encode(told), media_type="application/json", headers=headers)


def _split(found: list[Item], after: int) -> tuple[Item | None, list[Item]]:
    shown = next((item for item in found if item.seq <= after), None)
    return shown, [item for item in found if item.seq > after]


def _whole(text: str) -> int:
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 10 else 0
