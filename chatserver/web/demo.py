"""The demo host page: what a company's own product would be, with the widget's one line in it."""

from __future__ import annotations

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from chatserver.core.errors import Refused
from chatserver.i18n import say
from chatserver.services.apps import DEMO, DEMO_OFFICE
from chatserver.web.headers import demo_policy
from chatserver.web.origins import port_of
from chatserver.web.rooms import Rooms, rooms


async def demo(request: Request) -> Response:
    """`GET /demo`, always open, and `GET /demo?app=horario` with office hours. 404 where `chatserver demo` made no apps."""
    house = rooms(request)
    key = request.query_params.get("app") or DEMO
    if key not in (DEMO, DEMO_OFFICE) or not _exists(house, key):
        raise HTTPException(404)
    lang = house.pages.language(request)
    asked = f"lang={lang}" if "lang" in request.query_params else ""
    widget = widget_origin(house, request)
    other = f"/demo?app={DEMO_OFFICE}" if key == DEMO else "/demo"
    return house.pages.page(
        "demo.html",
        lang,
        headers={"content-security-policy": demo_policy(widget)},
        script_url=f"{widget}/widget.js",
        app_key=key,
        icon=house.pages.assets.url("icon.svg"),
        demo_css=house.pages.assets.url("demo.css"),
        demo_js=house.pages.assets.url("demo.js"),
        other_url=_with(other, asked),
        other_label=say(lang, "page.demo.office" if key == DEMO else "page.demo.always"),
        console_url=_with("/console", asked),
        console_label=say(lang, "page.index.console"),
        about=say(lang, "page.demo.about"),
    )


def widget_origin(house: Rooms, request: Request) -> str:
    """Seen as `localhost` the page takes the widget from 127.0.0.1: two sites, as in real life."""
    host = house.origins.host(request.scope) or ""
    if host.removesuffix(port_of(host)) == "localhost":
        return f"{house.origins.scheme(request.scope)}://127.0.0.1{port_of(host)}"
    return house.origins.own(request.scope)


def _exists(house: Rooms, key: str) -> bool:
    try:
        house.find_app(key)
    except Refused:
        return False
    return True


def _with(path: str, query: str) -> str:
    return f"{path}{'&' if '?' in path else '?'}{query}" if query else path
