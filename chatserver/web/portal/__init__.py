"""The customers' portal: pages that the server writes, complete without JavaScript. `docs/portal.md` says what they promise."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import wraps
from typing import Final

from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from chatserver.core.errors import Refused
from chatserver.store.base import StoreFailed
from chatserver.web.errors import AGAIN_SECONDS, logged
from chatserver.web.origins import header
from chatserver.web.portal import away, door, looks, new, profile, suggesting, ticket, tickets, uploads
from chatserver.web.portal.away import Outage
from chatserver.web.portal.visit import SignInFirst, Taker, Visit

View = Callable[[Visit], Awaitable[Response]]

# path below /portal/{app} → what answers a GET, what a POST
PAGES: Final[dict[str, tuple[View | None, View | None]]] = {
    "": (tickets.listed, None),
    "/sign-in": (door.sign_in_page, door.sign_in),
    "/sign-up": (door.sign_up_page, door.sign_up_asked),
    "/forgotten": (door.forgotten_page, door.forgotten_asked),
    "/link": (door.followed_link, door.link_asked),
    "/welcome": (door.welcome_page, door.welcome),
    "/new-password": (door.new_password_page, door.new_password),
    "/confirm": (profile.confirm_page, profile.confirm),
    "/enter": (None, door.enter),
    "/sign-out": (None, door.sign_out),
    "/profile": (profile.shown, profile.saved),
    "/profile/password": (None, profile.password_changed),
    "/profile/addresses": (None, profile.address_changed),
    "/new": (new.shown, new.sent),
    "/new/discard": (None, new.discard),
    "/files": (None, uploads.send),
    "/similar": (suggesting.similar, None),
    "/tickets/{number:int}": (ticket.shown, None),
    "/tickets/{number:int}/news": (ticket.news, None),
    "/tickets/{number:int}/files/{seq:int}/{file}": (ticket.file, None),
    "/tickets/{number:int}/files/{seq:int}/{file}/thumbnail": (ticket.thumbnail, None),
    "/tickets/{number:int}/reply": (None, ticket.reply),
    "/tickets/{number:int}/complete": (None, ticket.complete),
    "/tickets/{number:int}/answer": (None, ticket.answer),
    "/tickets/{number:int}/rating": (None, ticket.rating),
}
TAKES_FILES: Final[dict[View, Taker]] = {
    new.sent: uploads.keep,
    ticket.reply: uploads.keep,
    uploads.send: uploads.keep_one,
}
"""Who takes the files of a form that has some."""
BY_SCRIPT: Final[frozenset[View]] = frozenset({ticket.news, uploads.send, suggesting.similar})
"""Asked for by a script, which shows nothing of a page that it did not expect."""
FROM_WIDGET: Final = frozenset({door.enter})
"""Posted by the widget's frame, which has no page of the portal's to take a field from: what it shows is the proof."""


def routes() -> list[BaseRoute]:
    outage = Outage()
    found: list[BaseRoute] = [Route("/portal/{app}/color.css", looks.color)]
    for path, (get, post) in PAGES.items():
        if get is not None:
            found.append(Route(f"/portal/{{app}}{path}", _getting(get, outage), methods=["GET"]))
        if post is not None:
            found.append(Route(f"/portal/{{app}}{path}", _posting(post), methods=["POST"]))
        if get is None and post not in BY_SCRIPT:
            found.append(Route(f"/portal/{{app}}{path}", _getting(door.back, outage), methods=["GET"]))
    return found


def _getting(view: View, outage: Outage) -> Callable[[Request], Awaitable[Response]]:
    async def asked(request: Request) -> Response:
        try:
            visit = await Visit.of(request)
            response = await view(visit)
        except Exception as problem:
            if not outage.is_met(request, problem):
                raise
            if view in BY_SCRIPT:
                raise HTTPException(503, headers={"retry-after": str(AGAIN_SECONDS)}) from None
            return away.page(request)
        if visit.session is not None:
            outage.is_over()
        return response

    return _told(view, asked)


def _posting(view: View) -> Callable[[Request], Awaitable[Response]]:
    take = TAKES_FILES.get(view)

    async def posted(request: Request) -> Response:
        if take is not None:
            uploads.let_come(request)
        visit = await Visit.posted(request, take)
        if visit.unheard is not None:
            return _unstored(view, visit, visit.unheard)
        if view not in FROM_WIDGET and not visit.genuine:
            if view in BY_SCRIPT:
                raise HTTPException(403)
            return door.stale(visit)
        try:
            return await view(visit)
        except (HTTPException, SignInFirst, ClientDisconnect):
            raise
        except StoreFailed:  # which says so itself
            return _unstored(view, visit)
        except Refused as refused:
            return _refused(view, visit, refused)
        except Exception as surprise:
            return _unstored(view, visit, logged(request.scope, surprise))

    return _told(view, posted)


def _unstored(view: View, visit: Visit, number: str = "") -> Response:
    """Whatever went wrong with a form, what was typed is there again. `number`: under which it is in the log."""
    if view in BY_SCRIPT:
        raise HTTPException(503)
    return door.unstored(visit, number)


def _refused(view: View, visit: Visit, refused: Refused) -> Response:
    """What no field of the form says for itself: with its own sentence, and what was typed there again."""
    if view in BY_SCRIPT:
        raise refused  # `web/errors.py` makes JSON of it
    return door.refused(visit, refused)


def _told(
    view: View, answer: Callable[[Request], Awaitable[Response]]
) -> Callable[[Request], Awaitable[Response]]:
    """What is wrong is said on a page of the portal, with a way on from there; a script hears the bare status."""

    @wraps(view)
    async def answered(request: Request) -> Response:
        try:
            return await answer(request)
        except SignInFirst as first:
            if view in BY_SCRIPT:
                raise HTTPException(403) from None
            return door.sign_in_first(first.visit)
        except HTTPException as problem:
            if view in BY_SCRIPT or "text/html" not in (header(request.scope, b"accept") or ""):
                raise
            # Raises 404 in turn where it is the app that is not there.
            return (await Visit.heard_or_not(request)).wrong(problem)

    return answered
