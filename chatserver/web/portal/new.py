"""A new ticket, to be answered later: all that the app's form asks, and files."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from starlette.responses import Response

from chatserver.core.answers import Checked
from chatserver.core.errors import Refused
from chatserver.core.tickets import Ticket
from chatserver.i18n import say
from chatserver.services import tickets
from chatserver.store import portal as rows
from chatserver.web import asked
from chatserver.web.portal import repeats, suggesting, uploads
from chatserver.web.portal.forms import cid_of, sentence
from chatserver.web.portal.visit import Visit, carried

FOLLOWS_MOST: Final = 2**31 - 1
_PROPOSED: Final = frozenset({"cid", "follows", "email", "type", "priority", "tax_country"})
"""What may stand in a form without anybody having typed it: nothing is lost with it."""


async def shown(visit: Visit) -> Response:
    return await page(visit, {"follows": visit.request.query_params.get("follows", "")})


async def page(
    visit: Visit,
    values: Mapping[str, str],
    status: int = 200,
    *,
    errors: Mapping[str, str] | None = None,
    note: str = "",
    already: int = 0,
) -> Response:
    """With what was typed, and what is wrong with it, by field; under "" what concerns no single one. One `cid` stands in the
    form until it is taken, so that what is sent twice is one ticket. `already`: the number of one that was sent with other
    words."""
    session, form = visit.signed_in, visit.app.form
    own = await addresses(visit)
    parts = asked.parts(form, visit.lang, own, mails=visit.app.policy.mail)
    names = [one.name for part in parts for one in part.fields]
    told = dict(errors or {})
    if said := uploads.said(visit, values):
        told["files"] = said
    # What is wrong with a field that this page does not have is said all the same.
    rest = [text for name, text in told.items() if name not in (*names, "files")]
    return visit.page(
        "new",
        status,
        parts=parts,
        unfolded={part.key for part in parts if _said_in(part, values, told)},
        values=_proposed(visit, values, own),
        errors=told | {"": " ".join(rest)},
        first=next((name for name in (*names, "files") if name in told), ""),
        labels={one.name: one.label for part in parts for one in part.fields},
        cid=cid_of(values.get("cid", "")),
        follows=_number(values.get("follows", "")),
        email=session.email,
        files=await uploads.here(visit, values.get(uploads.NAMED, "").split()),
        taking=uploads.shown(visit),
        warning="" if "tax_id" in told else await _warning(visit, values, own),
        suggested=await suggesting.found(visit, values.get("subject", "")),
        note=note,
        already=already,
    )


async def addresses(visit: Visit) -> list[str]:
    """The requester's own, the one that mail goes to first."""
    session = visit.signed_in
    found = await rows.addresses_of(visit.portal.db, session.customer.id)
    theirs = [one.address for one in found if one.confirmed]
    return sorted(theirs, key=lambda address: address != session.email)


def _said_in(part: asked.Part, values: Mapping[str, str], errors: Mapping[str, str]) -> bool:
    """Something was typed in it, or is wrong with it."""
    names = {one.name for one in part.fields}
    return any(values.get(name, "").strip() for name in names - _PROPOSED) or not names.isdisjoint(errors)


def _proposed(visit: Visit, values: Mapping[str, str], own: list[str]) -> dict[str, str]:
    usual = {"priority": "0", "tax_country": visit.app.form.country, "email": own[0] if own else ""}
    return usual | {name: value for name, value in values.items() if value or name not in usual}


async def _warning(visit: Visit, values: Mapping[str, str], own: list[str]) -> str:
    """Of a tax id that nobody here can check: it is taken all the same."""
    if not values.get("tax_id", "").strip():
        return ""
    warned = (await _looked_at(visit, values, own)).warned.get("tax_id")
    return say(visit.lang, f"form.warning.{warned}") if warned else ""


async def sent(visit: Visit) -> Response:
    """`POST`; with `draft=yes` the form is shown with what was typed elsewhere and did not fit there any more, with `drop`
    without one of its files, with `look` and what may answer the question already."""
    _ = visit.signed_in
    values = _values(visit)
    if visit.form.get("draft") == "yes" or not {uploads.DROP, suggesting.LOOK}.isdisjoint(visit.form):
        return await page(visit, values)
    own = await addresses(visit)
    checked = await _looked_at(visit, values, own)
    errors = asked.sentences(visit.lang, checked.wrong)
    if not own:
        errors = errors | {"": say(visit.lang, "portal.no_address")}
    if errors or uploads.said(visit, values):
        return await page(visit, values, 400, errors=errors)
    cid = values["cid"] = cid_of(values.get("cid", ""))
    try:
        ticket = await _requested(visit, values, own)
    except Refused as refused:
        if refused.code in ("file_unknown", "too_many_files"):
            here = await uploads.here(visit, uploads.ids(visit))
            values[uploads.NAMED] = " ".join(file.id for file in here)
            errors["files"] = uploads.sentence(visit.lang, refused)
        else:
            errors[""] = sentence(visit.lang, "", refused)
        return await page(visit, values, 429 if refused.code == "rate_limited" else 409, errors=errors)
    stored = await repeats.first_message(visit, ticket, cid)
    alike = repeats.answered_alike(ticket, checked)
    if not (alike and await repeats.holds(visit, stored, checked.words.text, uploads.ids(visit))):
        kept = repeats.anew(values, stored.files if stored else ())
        return await page(visit, kept, 409, already=ticket.number)
    await suggesting.followed(visit)
    return visit.go(f"tickets/{ticket.number}?sent=yes")


def _values(visit: Visit) -> dict[str, str]:
    return visit.form | {uploads.NAMED: " ".join(uploads.ids(visit))}


async def _looked_at(visit: Visit, values: Mapping[str, str], own: list[str]) -> Checked:
    return await tickets.looked_at(
        visit.portal.house,
        visit.who,
        subject=values.get("subject", ""),
        text=values.get("text", ""),
        email=values.get("email", ""),
        form=asked.given(visit.app.form, values),
        own=own,
    )


async def _requested(visit: Visit, values: Mapping[str, str], own: list[str]) -> Ticket:
    visit.portal.may_open(visit.signed_in)
    return await tickets.request(
        visit.portal.house,
        visit.who,
        cid=values["cid"],
        subject=values.get("subject", ""),
        text=values.get("text", ""),
        email=values.get("email", ""),
        context='{"from":"portal"}',
        follows=_number(values.get("follows", "")),
        form=asked.given(visit.app.form, values),
        own=own,
        files=uploads.ids(visit),
    )


async def discard(visit: Visit) -> Response:
    """Cancelar: asked once more where anything was typed; the answer "no" shows it all again."""
    _ = visit.signed_in
    kept = carried(_values(visit))
    typed = any(value.strip() for name, value in kept.items() if name not in _PROPOSED)
    if visit.form.get("sure") == "yes" or not typed:
        return visit.go()
    if visit.form.get("sure") == "no":
        return await page(visit, kept)
    return visit.page("discard", kept=kept)


def _number(text: str) -> int:
    text = text.strip().removeprefix("#")
    return min(int(text), FOLLOWS_MOST) if text.isascii() and text.isdigit() and len(text) < 11 else 0
