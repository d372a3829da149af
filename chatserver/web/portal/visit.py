"""One request to an app's portal: which app, who is signed in, in which language; and what every answer has in common."""

from __future__ import annotations

import re
import secrets
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Final
from urllib.parse import quote

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from chatserver.core.errors import Refused
from chatserver.core.files import File
from chatserver.core.forms import USUAL
from chatserver.core.people import App
from chatserver.i18n import LANGUAGES, choose, say
from chatserver.services.portal import CustomerSession, Portal
from chatserver.store.work import Who
from chatserver.web.addresses import may_carry_passwords, network
from chatserver.web.asked import OWN
from chatserver.web.errors import error_words, logged
from chatserver.web.portal import forms
from chatserver.web.portal.multipart import Part
from chatserver.web.rooms import Rooms, rooms
from chatserver.web.times import Times, zone

LINK_COOKIE_SECONDS: Final = 1800
"""So long somebody who followed a mailed link may take to fill in the form behind it."""
LANG_SECONDS: Final = 365 * 86_400
KEPT: Final = frozenset(
    {
        *USUAL,
        "top",
        "cid",
        "follows",
        "name",
        "stars",
        "comment",
        "files",
        "lost",
        "copies",
        "completes",
        "opened",
    }
)
"""What a form that met the end of a session carries on through signing in, and whatever an app's own form asks: nothing secret is
among it."""
_PLACE: Final = re.compile(r"|new(\?follows=[0-9]{1,10})?|profile|confirm|tickets/[0-9]{1,10}", re.ASCII)
"""Where signing in may lead: within the app's portal, to nothing that acts by itself."""


class SignInFirst(Exception):
    """Nobody is signed in (any more). What was posted is carried on."""

    def __init__(self, visit: Visit) -> None:
        super().__init__("sign in first")
        self.visit = visit


@dataclass
class Visit:
    request: Request
    house: Rooms
    app: App
    session: CustomerSession | None
    lang: str
    form: dict[str, str] = field(default_factory=dict)
    """What was posted."""
    file_errors: list[str] = field(default_factory=list)
    """Why files that came with it were not taken: sentences."""
    sent_up: File | Refused | None = None
    """What became of the one file that a script sent by itself."""
    unheard: str | None = None
    """What was sent cannot be acted upon for a fault of ours: it could not be asked who this is, of whose session nothing may be
    said then, or a file could not be kept. Under which id that is in the log, "" where the store told of it."""
    _cookies: list[tuple[str, str, int]] = field(default_factory=list)

    @classmethod
    async def of(cls, request: Request) -> Visit:
        """Raises HTTPException(404) for an app that is not there."""
        visit = cls._made(request)
        visit.session = await visit.portal.session(visit.app, visit.cookie(f"portal-{visit.app.id}"))
        visit.lang = visit._language()
        return visit

    @classmethod
    async def heard_or_not(cls, request: Request) -> Visit:
        """`of`; where that cannot be asked it is `unheard`. Raises HTTPException(404)."""
        try:
            return await cls.of(request)
        except HTTPException:
            raise
        except Exception as surprise:  # the database is away
            visit = cls.unknown(request)
            visit.unheard = logged(request.scope, surprise)
            return visit

    @classmethod
    def unknown(cls, request: Request) -> Visit:
        """Of whoever it may be: nothing is asked of the database. Raises HTTPException(404)."""
        visit = cls._made(request)
        visit.lang = visit._language()
        return visit

    @classmethod
    def _made(cls, request: Request) -> Visit:
        """In no language yet. Raises HTTPException(404)."""
        house = rooms(request)
        try:
            app = house.find_app(request.path_params["app"])
        except Refused:
            raise HTTPException(404) from None
        return cls(request, house, app, None, "")

    @classmethod
    async def posted(cls, request: Request, take: Taker | None = None) -> Visit:
        """Of a form of ours; `take` gets each of its files, which else are passed over. It is `unheard` where it could not be
        asked who sent it, or a file could not be kept. Raises HTTPException: 403 when the browser says that it is none of ours,
        and what `forms.reading` raises."""
        visit = await cls.heard_or_not(request)  # what was typed is not lost while the database is away
        if not visit.house.origins.from_own_page(request.scope):
            raise HTTPException(403)
        async for part in forms.reading(request, visit.form):
            if take is not None:
                await take(visit, part)
        return visit

    @property
    def portal(self) -> Portal:
        return self.house.portal

    @property
    def signed_in(self) -> CustomerSession:
        """Raises SignInFirst."""
        if self.session is None:
            raise SignInFirst(self)
        return self.session

    @property
    def who(self) -> Who:
        """Who is signed in, for the use cases. Raises SignInFirst. What stands in the customer's row is not put into question."""
        customer = self.signed_in.customer
        return Who(
            customer.app_id, customer.key, customer.name, customer.email, customer.locale, customer.zone
        )

    @property
    def network(self) -> str:
        return network(self.request)

    @property
    def may_carry_passwords(self) -> bool:
        return may_carry_passwords(self.house, self.request)

    @cached_property
    def times(self) -> Times:
        own = self.session.customer.zone if self.session else ""
        house = self.portal.house
        return Times(self.lang, zone(own, house.people.schedule(self.app.id).zone), house.now())

    # — where things are ———————————————————————————————————————————————————————

    def path(self, place: str = "") -> str:
        """A page of this app's portal: "", "new", "tickets/1042"."""
        base = f"/portal/{quote(self.app.key, safe='')}"
        return f"{base}/{place}" if place else base

    def link_to(self, token: str) -> str:
        """What a mail carries. The token stands in the query, which no log of ours holds."""
        public = self.house.origins.public
        # Never the host that somebody else's request named, where we know our own.
        origin = (
            f"{public.scheme}://{public.netloc}" if public else self.house.origins.own(self.request.scope)
        )
        place = f"&place={quote(self.place, safe='/')}" if self.place else ""
        return f"{origin}{self.path('link')}?t={token}{place}"

    @property
    def place(self) -> str:
        """Where to go after signing in."""
        return self.allowed(self.form.get("place", self.request.query_params.get("place", "")))

    def allowed(self, place: str) -> str:
        """The place, if it is one to which somebody may be led; else the list of tickets."""
        return place if _PLACE.fullmatch(place) else ""

    def bound(self, page: str) -> str:
        """One of the pages on the way in, which then knows where to go on from there."""
        return f"{page}?place={quote(self.place, safe='/')}" if self.place else page

    def kept(self) -> dict[str, str]:
        """What a form carried on, under the names that it had."""
        return {
            name.removeprefix("kept."): value for name, value in self.form.items() if name.startswith("kept.")
        }

    # — forms ——————————————————————————————————————————————————————————————————

    @property
    def genuine(self) -> bool:
        """The form bears what only a page that we gave to this browser bears. False also when its cookies were deleted."""
        seed = self.request.cookies.get(self._cookie("portal-form"), "")
        told = self.house.form_tokens.read(self.form.get("csrf", "")) or ""
        return bool(seed) and secrets.compare_digest(told.encode(), seed.encode())

    @cached_property
    def csrf(self) -> str:
        """For a form's hidden field; the cookie that goes with it is set by the same answer."""
        seed = self.request.cookies.get(self._cookie("portal-form"), "")
        if not re.fullmatch(r"[\w-]{22}", seed, re.ASCII):
            seed = secrets.token_urlsafe(16)
            self.set_cookie("portal-form", seed, LANG_SECONDS)
        return self.house.form_tokens.sign(seed)

    # — answers ————————————————————————————————————————————————————————————————

    def page(self, template: str, status: int = 200, **values: Any) -> Response:
        response = self.house.pages.page(
            f"portal/{template}.html",
            self.lang,
            status,
            visit=self,
            times=self.times,
            languages=LANGUAGES,
            app=self.app,
            **values,
        )
        return self.answered(response)

    def notice(
        self, key: str, status: int = 200, *, to: str = "", label: str = "", **values: object
    ) -> Response:
        """A page that says one thing: `portal.<key>.title` and `.text`, and where to go on from there."""
        return self.page(
            "notice",
            status,
            title=say(self.lang, f"portal.{key}.title"),
            text=say(self.lang, f"portal.{key}.text", **values),
            to=to or self.path(),
            label=say(self.lang, label or "portal.home"),
        )

    def wrong(self, problem: HTTPException) -> Response:
        """An error's page within the portal."""
        known = error_words(self.lang, problem.status_code)
        response = self.page(
            "notice",
            problem.status_code,
            title=say(self.lang, f"{known}.title"),
            text=say(self.lang, f"{known}.text"),
            to=self.path(),
            label=say(self.lang, "portal.home" if self.session else "portal.sign_in"),
        )
        response.headers.update(problem.headers or {})
        return response

    def go(self, place: str = "") -> Response:
        """After a form was taken: the browser asks for a page anew, so that reloading posts nothing."""
        return self.answered(RedirectResponse(self.path(place), 303))

    def answered(self, response: Response) -> Response:
        """With the cookies that were set on the way."""
        for name, value, seconds in self._cookies:
            cookie = self._cookie(name)
            response.set_cookie(
                cookie,
                value,
                max_age=seconds,
                path="/",
                secure=cookie.startswith("__Host-"),
                httponly=True,
                samesite="lax",
            )
        return response

    def begin(self, token: str) -> None:
        """This browser holds a new session from the next request on."""
        self.set_cookie(f"portal-{self.app.id}", token, self.portal.session_seconds)

    def end(self) -> None:
        self.set_cookie(f"portal-{self.app.id}", "", 0)

    def set_cookie(self, name: str, value: str, seconds: int) -> None:
        self._cookies.append((name, value, seconds))

    def cookie(self, name: str) -> str:
        return self.request.cookies.get(self._cookie(name), "")

    def speaks(self, lang: str) -> None:
        """This browser is shown another language from now on."""
        self.lang = lang
        self.set_cookie("portal-lang", lang, LANG_SECONDS)

    def _cookie(self, name: str) -> str:
        return _name(self.house, self.request, name)

    def _language(self) -> str:
        asked = self.request.query_params.get("lang", "")
        if asked in LANGUAGES:
            self.set_cookie("portal-lang", asked, LANG_SECONDS)
        chosen = asked or self.cookie("portal-lang") or (self.session.customer.locale if self.session else "")
        return choose(chosen, self.house.pages.language(self.request))


def _name(house: Rooms, request: Request, name: str) -> str:
    """Browsers let nobody but this host, over https, set a `__Host-` cookie; plain http (loopback) cannot have one."""
    return f"__Host-{name}" if house.origins.scheme(request.scope) == "https" else name


def carried(form: Mapping[str, str]) -> dict[str, str]:
    """What is carried on of a form."""
    return {name: value for name, value in form.items() if name in KEPT or name.startswith(OWN)}


Taker = Callable[[Visit, Part], Awaitable[None]]
