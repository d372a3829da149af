"""Where a mail's last line leads: no more of them. The address shows who had one from us; whoever has it may only do this."""

from __future__ import annotations

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from chatserver.core.errors import Refused
from chatserver.core.people import App
from chatserver.i18n import say
from chatserver.web.rooms import Rooms, rooms


async def ask(request: Request) -> Response:
    """`GET /mail/stop/{app}/{token}`: asks. Programs that look behind links stop nothing by that."""
    return _page(request, "mail.stop_page", "stop")


async def stop(request: Request) -> Response:
    """`POST` there, by the page's button, or by a mail program's own (RFC 8058): done at once, harmless twice."""
    house, (app, address) = rooms(request), _named(request)
    await house.mail_stops.stop(app.id, address)
    return _page(request, "mail.stop_page.done", "resume")


async def resume(request: Request) -> Response:
    """`POST /mail/resume/{app}/{token}`: from here on they come again."""
    house, (app, address) = rooms(request), _named(request)
    await house.mail_stops.resume(app.id, address)
    return _page(request, "mail.stop_page.resumed", "stop")


def _named(request: Request) -> tuple[App, str]:
    """Whose mail it is. 404 for what we did not sign."""
    house: Rooms = rooms(request)
    try:
        app = house.find_app(request.path_params["app"])
    except Refused:
        raise HTTPException(404) from None
    address = house.mail_signer.read_stop_token(app.id, request.path_params["token"])
    if address is None:
        raise HTTPException(404)
    return app, address


def _page(request: Request, key: str, then: str) -> Response:
    """`then`: what its button does."""
    house, (app, address) = rooms(request), _named(request)
    lang = house.pages.language(request)
    title = f"{key}.title" if key == "mail.stop_page" else key
    text = f"{key}.text" if key == "mail.stop_page" else f"{key}_text"
    return house.pages.page(
        "stop.html",
        lang,
        title=say(lang, title),
        text=say(lang, text, app=app.name, address=address),
        action=f"/mail/{then}/{app.key}/{request.path_params['token']}",
        button=say(lang, "mail.stop_page.button" if then == "stop" else "mail.stop_page.resume"),
    )
