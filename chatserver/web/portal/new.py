"""A new ticket, to be answered later."""

from __future__ import annotations

from typing import Any, Final

from starlette.responses import Response

from chatserver.core import messages
from chatserver.core.errors import Refused
from chatserver.core.tickets import Ticket
from chatserver.i18n import say
from chatserver.services import tickets
from chatserver.web.portal.forms import Field, Form, cid_of, sentence
from chatserver.web.portal.visit import Visit

FIELDS: Final = (
    Field("subject", messages.subject, most=messages.SUBJECT_MAX),
    Field("text", messages.body, "area", most=messages.TEXT_MAX, rows=9),
)
"""What is asked for, in order: a further field is a further line here, and its words in the catalogue."""
FOLLOWS_MOST: Final = 2**31 - 1


async def shown(visit: Visit) -> Response:
    follows = visit.request.query_params.get("follows", "")
    return page(visit, Form(FIELDS, {"follows": follows}))


def page(visit: Visit, form: Form, status: int = 200, note: str = "") -> Response:
    """`form.values` may hold `cid` and `follows` too. One `cid` stands in the form until it is taken, so that what is sent twice
    is one ticket."""
    session = visit.signed_in
    return visit.page(
        "new",
        status,
        form=form,
        cid=cid_of(form.values.get("cid", "")),
        follows=_number(form.values.get("follows", "")),
        email=session.email,
        note=note,
    )


async def sent(visit: Visit) -> Response:
    """`POST`; with `draft=yes` the form is shown with what was typed elsewhere and did not fit there any more."""
    session, form = visit.signed_in, Form(FIELDS, visit.form)
    if visit.form.get("draft") == "yes":
        return page(visit, form)
    given = form.checked(visit.lang)
    if not session.email:
        form.errors[""] = say(visit.lang, "portal.no_address")
    if form.errors:
        return page(visit, form, 400)
    try:
        ticket = await _requested(visit, given)
    except Refused as refused:
        form.errors[""] = sentence(visit.lang, "", refused)
        return page(visit, form, 429 if refused.code == "rate_limited" else 409)
    return visit.go(f"tickets/{ticket.number}?sent=yes")


async def _requested(visit: Visit, given: dict[str, Any]) -> Ticket:
    visit.portal.may_open(visit.signed_in)
    return await tickets.request(
        visit.portal.house,
        visit.who,
        cid=cid_of(visit.form.get("cid", "")),
        subject=given["subject"],
        text=given["text"],
        email=visit.signed_in.email,
        context='{"from":"portal"}',
        follows=_number(visit.form.get("follows", "")),
    )


async def discard(visit: Visit) -> Response:
    """Cancelar: asked once more where anything was typed; the answer "no" shows it all again."""
    _ = visit.signed_in
    typed = any(visit.form.get(field.name, "").strip() for field in FIELDS)
    if visit.form.get("sure") == "yes" or not typed:
        return visit.go()
    if visit.form.get("sure") == "no":
        return page(visit, Form(FIELDS, visit.form))
    kept = {name: visit.form.get(name, "") for name in (*(field.name for field in FIELDS), "cid", "follows")}
    return visit.page("discard", kept=kept)


def _number(text: str) -> int:
    text = text.strip().removeprefix("#")
    return min(int(text), FOLLOWS_MOST) if text.isascii() and text.isdigit() and len(text) < 11 else 0
