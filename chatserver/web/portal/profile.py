"""What its owner may change of an account: name, language, addresses, password."""

from __future__ import annotations

from typing import Final

from starlette.exceptions import HTTPException
from starlette.responses import Response

from chatserver.core import accounts
from chatserver.core.addresses import alike
from chatserver.core.errors import Refused
from chatserver.i18n import LANGUAGES, say
from chatserver.services import persons
from chatserver.services.letters import Letter
from chatserver.services.portal import LINK_SECONDS
from chatserver.store import portal as rows
from chatserver.web.portal.door import (
    EMAIL,
    LINK_COOKIE,
    NAME,
    NEW_PASSWORD,
    link_over,
    link_shown,
    of_its_link,
)
from chatserver.web.portal.forms import Field, Form, sentence
from chatserver.web.portal.visit import Visit

OLD: Final = Field("old", str, "password", most=accounts.PASSWORD_MOST, autocomplete="current-password")


async def shown(visit: Visit) -> Response:
    return await _page(visit)


async def _page(
    visit: Visit,
    status: int = 200,
    *,
    profile: Form | None = None,
    password: Form | None = None,
    address: Form | None = None,
    note: str = "",
) -> Response:
    session = visit.signed_in
    done = visit.request.query_params.get("done", "")
    if done in ("profile", "password", "address", "confirmed", "removed", "primary"):
        note = note or say(visit.lang, f"portal.done.{done}")
    return visit.page(
        "profile",
        status,
        session=session,
        profile=profile or Form([NAME], {"name": session.customer.name}),
        password=password or Form([OLD, NEW_PASSWORD]),
        address=address or Form(_address_fields(visit)),
        addresses=await rows.addresses_of(visit.portal.db, session.customer.id),
        sends=visit.portal.letters.sends(visit.app.id),
        note=note,
    )


def _address_fields(visit: Visit) -> list[Field]:
    """Whoever finds a screen unlocked must not make the account theirs for good."""
    return [EMAIL, OLD] if visit.signed_in.has_password else [EMAIL]


async def saved(visit: Visit) -> Response:
    session, form = visit.signed_in, Form([NAME], visit.form)
    given = form.checked(visit.lang)
    lang = visit.form.get("language", "")
    if form.errors or lang not in LANGUAGES:
        return await _page(visit, 400, profile=form)
    await persons.save_profile(visit.portal.house, session.customer, given["name"], lang)
    visit.speaks(lang)
    return visit.go("profile?done=profile")


async def password_changed(visit: Visit) -> Response:
    session, form = visit.signed_in, Form([OLD, NEW_PASSWORD], visit.form)
    given = form.checked(visit.lang)
    if not visit.may_carry_passwords:
        raise HTTPException(403)
    if form.errors:
        return await _page(visit, 400, password=form)
    try:
        await visit.portal.change_password(
            visit.app, session, given["old"], given["password"], visit.lang, visit.network
        )
    except Refused as refused:
        form.errors["old"] = sentence(visit.lang, "old", refused)
        return await _page(visit, 429 if refused.code == "rate_limited" else 400, password=form)
    return visit.go("profile?done=password")


async def address_changed(visit: Visit) -> Response:
    """`POST do=add | confirm | remove | primary`, with the address that is meant."""
    match visit.form.get("do"):
        case "add":
            return await _added(visit)
        case "confirm":
            return await _mailed_again(visit)
        case "remove":
            await rows.forget_address(
                visit.portal.db, visit.signed_in.customer.id, _folded(visit.form.get("email", ""))
            )
            return visit.go("profile?done=removed")
        case "primary":
            await persons.make_primary(
                visit.portal.house, visit.portal.db, visit.signed_in, _folded(visit.form.get("email", ""))
            )
            return visit.go("profile?done=primary")
    raise HTTPException(400)


async def _added(visit: Visit) -> Response:
    session, form = visit.signed_in, Form(_address_fields(visit), visit.form)
    given = form.checked(visit.lang)
    if not visit.portal.letters.sends(visit.app.id):
        form.errors["email"] = say(visit.lang, "portal.no_mail")
    if form.errors:
        return await _page(visit, 400, address=form)
    where = "old" if session.has_password else "email"
    try:
        if session.has_password:
            await visit.portal.proves(session, given["old"], visit.network)
        where = "email"
        visit.portal.may_mail(visit.app, given["email"], visit.network)
        await persons.add_address(visit.portal.db, session, given["email"], visit.portal.house.now())
    except Refused as refused:
        form.errors[where] = sentence(visit.lang, where, refused)
        return await _page(visit, 429 if refused.code == "rate_limited" else 400, address=form)
    await _ask_whether_theirs(visit, given["email"])
    return visit.go("profile?done=address")


async def _mailed_again(visit: Visit) -> Response:
    """Only to an address that they claimed before, when the password was asked for."""
    session, address = visit.signed_in, _folded(visit.form.get("email", ""))
    claimed = [one.address for one in await rows.addresses_of(visit.portal.db, session.customer.id)]
    if address not in claimed or not visit.portal.letters.sends(visit.app.id):
        return visit.go("profile")
    try:
        visit.portal.may_mail(visit.app, address, visit.network)
    except Refused as refused:
        return await _page(visit, 429, note=sentence(visit.lang, "", refused))
    await _ask_whether_theirs(visit, address)
    return visit.go("profile?done=address")


async def _ask_whether_theirs(visit: Visit, address: str) -> None:
    session, app = visit.signed_in, visit.app
    token = await visit.portal.new_link(app, address, "confirm", session.customer.id)
    letter = Letter(
        "confirm",
        app.id,
        app.name,
        address,
        visit.lang,
        visit.link_to(token),
        session.customer.name,
        LINK_SECONDS["confirm"],
        session.email,
    )
    await visit.portal.letters.ask(letter)


def _folded(text: str) -> str:
    """An address of a form's button: it was folded when it was shown."""
    return alike(text)


# — the link that was mailed to an address —————————————————————————————————————


async def confirm_page(visit: Visit, wrong: str = "", status: int = 200) -> Response:
    """Only whoever asked for the link can use it, where they are signed in: who merely has the mail gives nobody anything."""
    link = await visit.portal.link(visit.app, visit.cookie(LINK_COOKIE))
    if link is None or link.purpose != "confirm":
        return link_over(visit)
    session = visit.signed_in
    if session.customer.id != link.customer_id:
        return visit.notice("confirm_elsewhere", 403, address=link.address)
    return visit.page("confirm", status, address=link.address, link=link_shown(visit), wrong=wrong)


async def confirm(visit: Visit) -> Response:
    session = visit.signed_in
    link = await visit.portal.link(visit.app, visit.cookie(LINK_COOKIE))
    if link is None or link.customer_id != session.customer.id:
        return link_over(visit)
    if not of_its_link(visit):
        return await confirm_page(visit, say(visit.lang, "portal.another_link"), 409)
    try:
        kept, outcome = await persons.confirm_address(
            visit.portal.house, visit.portal.db, visit.app, session, link
        )
    except Refused:
        return link_over(visit)
    visit.set_cookie(LINK_COOKIE, "", 0)
    if outcome == "taken":
        return visit.notice("address_taken", 409, address=link.address)
    if kept.id != session.customer.id:
        visit.begin(await visit.portal.begin(kept))
    if session.email and session.email != link.address:
        await visit.portal.letters.ask(
            Letter(
                "address_added",
                visit.app.id,
                visit.app.name,
                session.email,
                visit.lang,
                name=kept.name,
                about=link.address,
            )
        )
    return visit.go("profile?done=confirmed")
