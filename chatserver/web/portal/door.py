"""Coming in and going out: signing up by a mailed link, signing in, a forgotten password."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from math import ceil
from typing import Final
from urllib.parse import quote

from starlette.exceptions import HTTPException
from starlette.responses import RedirectResponse, Response

from chatserver.core import accounts, messages
from chatserver.core.errors import Refused
from chatserver.i18n import say
from chatserver.services.portal import Wish, hashed
from chatserver.web.errors import status_of
from chatserver.web.portal import new, ticket, uploads
from chatserver.web.portal.forms import Field, Form, sentence
from chatserver.web.portal.visit import LINK_COOKIE_SECONDS, Visit, carried

LINK_COOKIE: Final = "portal-link"
EMAIL: Final = Field("email", accounts.folded, "email", most=messages.EMAIL_MAX, autocomplete="username")
PASSWORD: Final = Field(
    "password", str, "password", most=accounts.PASSWORD_MOST, autocomplete="current-password"
)
NEW_PASSWORD: Final = Field(
    "password",
    accounts.password,
    "new-password",
    most=accounts.PASSWORD_MOST,
    autocomplete="new-password",
)
NAME: Final = Field("name", accounts.full_name, most=messages.NAME_MAX, autocomplete="name")
_AFTER_LINK: Final = {"sign_up": "welcome", "reset": "new-password", "confirm": "confirm"}


# — signing in —————————————————————————————————————————————————————————————————


async def sign_in_page(visit: Visit) -> Response:
    if visit.session is not None:
        return visit.go(visit.place)
    return _sign_in(visit, Form([EMAIL, PASSWORD]))


async def sign_in(visit: Visit) -> Response:
    """What a form carried on is shown again, to be looked at before it is sent: somebody else may have signed in."""
    form = Form([EMAIL, PASSWORD], visit.form)
    if not visit.may_carry_passwords:
        return _https_only(visit)
    try:
        token = await visit.portal.sign_in(
            visit.app, visit.form.get("email", ""), visit.form.get("password", ""), visit.network
        )
    except Refused as refused:
        wrong = refused.code == "unauthorized"
        form.errors[""] = (
            say(visit.lang, "portal.sign_in.wrong") if wrong else sentence(visit.lang, "", refused)
        )
        return _sign_in(visit, form, 401 if wrong else 429)
    if visit.session is not None:
        await visit.portal.sign_out(visit.session)
    visit.begin(token)
    kept = visit.kept()
    if not kept:
        return visit.go(visit.place)
    visit.session = await visit.portal.session(visit.app, token)
    return await _resumed(visit, kept)


async def _resumed(visit: Visit, kept: dict[str, str]) -> Response:
    note = say(visit.lang, "portal.resumed")
    kind, _, number = visit.place.partition("/")
    if kind == "tickets":
        try:
            return await ticket.page(visit, int(number), kept=kept, note=note)
        except HTTPException:  # it is not theirs who signed in: what was typed is not lost all the same
            return visit.page(
                "rescued", 404, text="\n\n".join(filter(None, (kept.get("top"), kept.get("text"))))
            )
    if kind.startswith("new"):
        return await new.page(visit, kept, note=note)
    return visit.go(visit.place)


def sign_in_first(visit: Visit) -> Response:
    """Nobody is signed in. A page is asked for again afterwards; what was posted is carried on."""
    posted = visit.request.method == "POST"
    visit.form.setdefault("place", _place_of(visit))
    if not posted:
        place = quote(visit.form["place"], safe="/")
        return visit.answered(
            RedirectResponse(visit.path("sign-in") + (f"?place={place}" if place else ""), 303)
        )
    form = Form([EMAIL, PASSWORD])
    form.errors[""] = say(visit.lang, "portal.sign_in.again")
    return _sign_in(visit, form, 401, carried(visit.form))


def _place_of(visit: Visit) -> str:
    """The page on which the form stood, or the one that was asked for."""
    number = visit.request.path_params.get("number")
    if number is not None:
        return f"tickets/{number}"
    rest = str(visit.request.scope["path"]).removeprefix(visit.path()).strip("/").partition("/")[0]
    follows = visit.request.query_params.get("follows", "")
    return f"new?follows={follows}" if rest == "new" and follows else rest


async def back(visit: Visit) -> Response:
    """A form was answered where it is posted to, and its address is asked for again: the page on which it stands."""
    return visit.go(visit.allowed(_place_of(visit)))


def stale(visit: Visit) -> Response:
    """The form's cookie is gone, or the page is of yesterday: the same form again, with all that was typed."""
    return _once_more(visit, "stale", 403)


def unstored(visit: Visit, number: str) -> Response:
    """Nothing can be stored just now: the same form again, to be sent in a moment. `number`: of what is in the log."""
    return _once_more(visit, "unstored", 503, number)


def refused(visit: Visit, problem: Refused) -> Response:
    """It was refused for a reason that its page has no field for."""
    text = uploads.sentence(visit.lang, problem)
    response = _once_more(visit, "refused", status_of(problem), text=text)
    if problem.retry_after:
        response.headers["retry-after"] = str(ceil(problem.retry_after))
    return response


def _once_more(visit: Visit, why: str, status: int, number: str = "", text: str = "") -> Response:
    path = str(visit.request.scope["path"])
    text = text or say(visit.lang, f"portal.{why}.text")
    if path == visit.path("sign-in"):
        form = Form([EMAIL, PASSWORD], visit.form)
        form.errors[""] = text
        return _sign_in(visit, form, status)
    return visit.page(
        "once_more",
        status,
        title=say(visit.lang, f"portal.{why}.title"),
        text=text,
        number=number,
        files=uploads.said(visit, visit.form),
        action=path,
        back=visit.path(_place_of(visit)),
        kept={k: v for k, v in visit.form.items() if k != "csrf" and "password" not in k},
        secret="password" in visit.form or "old" in visit.form,
    )


def _sign_in(visit: Visit, form: Form, status: int = 200, kept: dict[str, str] | None = None) -> Response:
    carried_on = visit.kept() if kept is None else kept
    return visit.page("sign_in", status, form=form, place=visit.place, kept=carried_on)


async def enter(visit: Visit) -> Response:
    """`POST token=…` from the widget's frame: the host's verified user comes over without another password."""
    try:
        token = await visit.portal.enter(visit.app, visit.form.get("token", ""))
    except Refused:
        return visit.go("sign-in")
    if visit.session is not None:
        await visit.portal.sign_out(visit.session)
    visit.begin(token)
    return visit.go(visit.place)


async def sign_out(visit: Visit) -> Response:
    if visit.session is not None:
        await visit.portal.sign_out(visit.session, everywhere=visit.form.get("everywhere") == "yes")
    visit.end()
    return visit.go("sign-in")


# — a link by mail —————————————————————————————————————————————————————————————


async def sign_up_page(visit: Visit) -> Response:
    return _ask(visit, "sign_up", Form([EMAIL]))


async def sign_up_asked(visit: Visit) -> Response:
    return await _asked(visit, "sign_up")


async def forgotten_page(visit: Visit) -> Response:
    return _ask(visit, "reset", Form([EMAIL]))


async def forgotten_asked(visit: Visit) -> Response:
    return await _asked(visit, "reset")


def _ask(visit: Visit, wish: Wish, form: Form, status: int = 200) -> Response:
    return visit.page("ask", status, form=form, wish=wish, sends=visit.portal.letters.sends(visit.app.id))


async def _asked(visit: Visit, wish: Wish) -> Response:
    form = Form([EMAIL], visit.form)
    return await _mailed(visit, wish, form, wish, lambda status: _ask(visit, wish, form, status))


async def _mailed(
    visit: Visit, wish: Wish, form: Form, told: str, shown_again: Callable[[int], Response]
) -> Response:
    """`told`: which sentence says how long the link is good. `shown_again`: the form with what is wrong, and a status."""
    given = form.checked(visit.lang)
    if not visit.portal.letters.sends(visit.app.id):
        return shown_again(503)
    if form.errors:
        return shown_again(400)
    try:
        await visit.portal.ask_link(visit.app, given["email"], wish, visit.lang, visit.network, visit.link_to)
    except Refused as refused:
        form.errors["email"] = sentence(visit.lang, "email", refused)
        return shown_again(429)
    return visit.page("sent", address=given["email"], told=told)


async def followed_link(visit: Visit) -> Response:
    """`GET …/link?t=…`: the token goes into a cookie and out of the address at once. Nothing is used up by that: programs that
    guard mailboxes follow links too, and press no button."""
    token = visit.request.query_params.get("t", "")
    link = await visit.portal.link(visit.app, token)
    if link is None:
        return link_over(visit)
    visit.set_cookie(LINK_COOKIE, token, LINK_COOKIE_SECONDS)
    response = visit.go(visit.bound(_AFTER_LINK[link.purpose]))
    response.headers["referrer-policy"] = "no-referrer"
    return response


async def link_asked(visit: Visit) -> Response:
    """Another one for somebody whose link was used or is over: to an account, or to making one, whichever their address has."""
    form = Form([EMAIL], visit.form)
    return await _mailed(visit, "reset", form, "again", lambda status: link_over(visit, form, status))


def link_over(visit: Visit, form: Form | None = None, status: int = 410) -> Response:
    """Says what became of a link, and offers what whoever followed it needs. The same for every link and address."""
    sends = visit.portal.letters.sends(visit.app.id)
    return visit.page("link_over", status, form=form or Form([EMAIL]), sends=sends)


async def welcome_page(visit: Visit) -> Response:
    return await _finishing(visit, "welcome", "sign_up", Form([NAME, NEW_PASSWORD]))


async def new_password_page(visit: Visit) -> Response:
    return await _finishing(visit, "new_password", "reset", Form([NEW_PASSWORD]))


async def welcome(visit: Visit) -> Response:
    form = Form([NAME, NEW_PASSWORD], visit.form)
    if not of_its_link(visit):
        return await _finishing(visit, "welcome", "sign_up", _of_another_link(visit, form), 409)
    given = form.checked(visit.lang)
    if form.errors:
        return await _finishing(visit, "welcome", "sign_up", form, 400)
    if not visit.may_carry_passwords:
        return _https_only(visit)
    try:
        token = await visit.portal.sign_up(
            visit.app, visit.cookie(LINK_COOKIE), given["name"], given["password"], visit.lang
        )
    except Refused:
        return link_over(visit)
    return await _in(visit, token)


async def new_password(visit: Visit) -> Response:
    form = Form([NEW_PASSWORD], visit.form)
    if not of_its_link(visit):
        return await _finishing(visit, "new_password", "reset", _of_another_link(visit, form), 409)
    given = form.checked(visit.lang)
    if form.errors:
        return await _finishing(visit, "new_password", "reset", form, 400)
    if not visit.may_carry_passwords:
        return _https_only(visit)
    try:
        token = await visit.portal.reset(visit.app, visit.cookie(LINK_COOKIE), given["password"])
    except Refused:
        return link_over(visit)
    return await _in(visit, token)


async def _in(visit: Visit, token: str) -> Response:
    """With the session that comes of a link, in place of any other one that this browser had."""
    if visit.session is not None:
        await visit.portal.sign_out(visit.session)
    visit.set_cookie(LINK_COOKIE, "", 0)
    visit.begin(token)
    return visit.go(visit.place)


async def _finishing(visit: Visit, template: str, purpose: str, form: Form, status: int = 200) -> Response:
    link = await visit.portal.link(visit.app, visit.cookie(LINK_COOKIE))
    if link is None or link.purpose != purpose:
        return link_over(visit)
    return visit.page(template, status, form=form, address=link.address, link=link_shown(visit))


def link_shown(visit: Visit) -> str:
    """For the hidden field of a form that spends the browser's link: of which one the page was shown. It says nothing to who has
    not the link itself."""
    return hashed(visit.cookie(LINK_COOKIE))


def of_its_link(visit: Visit) -> bool:
    """False where another link was opened since the form was shown: any page may open a window on a link of its own, and whoever
    fills in the form would make an account, or give a password, for an address that they never saw."""
    return secrets.compare_digest(visit.form.get("link", "").encode(), link_shown(visit).encode())


def _of_another_link(visit: Visit, form: Form) -> Form:
    form.errors[""] = say(visit.lang, "portal.another_link")
    return form


def _https_only(visit: Visit) -> Response:
    return visit.page(
        "notice",
        403,
        title=say(visit.lang, "portal.https.title"),
        text=say(visit.lang, "page.error.https_required"),
        to=visit.path(),
        label=say(visit.lang, "portal.home"),
    )
