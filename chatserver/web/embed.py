"""The widget's frame: the page inside the iframe that the loader makes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from starlette.requests import Request
from starlette.responses import Response

from chatserver.core.errors import Refused
from chatserver.i18n import LANGUAGES, choose, say
from chatserver.web.headers import widget_policy
from chatserver.web.origins import exact_origin, sources
from chatserver.web.rooms import rooms

CHUNKS: Final = ("after",)
"""What the frame fetches only when it is needed: a script, a style sheet and words each (`widget/src/frame/chunks.ts`)."""


async def frame(request: Request) -> Response:
    """`GET /embed/{app}?locale=…&host=…`. Only pages of the app's origins may frame it; `host` says which one does."""
    house = rooms(request)
    lang = choose(request.query_params.get("locale", "") or house.pages.language(request))
    try:
        app = house.find_app(request.path_params["app"])
    except Refused:
        return house.pages.page(
            "error.html",
            lang,
            404,
            title=say(lang, "page.app.title"),
            text=say(lang, "page.app.text"),
            number="",
        )
    host = exact_origin(request.query_params.get("host", ""))
    return house.pages.page(
        "embed.html",
        lang,
        headers={
            "content-security-policy": widget_policy(
                house.origins.socket(request.scope), sources(app.origins)
            ),
            # The host's page may be cross-origin isolated or not: either way it may show the frame.
            "cross-origin-resource-policy": "cross-origin",
            "cross-origin-opener-policy": "",
        },
        app=app,
        host=host if host in map(exact_origin, app.origins) else "",
        chunks=_chunks(house.pages.assets.url),
    )


def _chunks(url: Callable[[str], str]) -> dict[str, str]:
    """Names of attributes, without "data-" → the addresses that stand there."""
    words = {"words": "widget"} | {name: name for name in CHUNKS}
    return {
        **{name: f"{url(f'{name}.js')} {url(f'{name}.css')}" for name in CHUNKS},
        **{
            f"{attribute}-{code}": url(f"{name}.{code}.json")
            for attribute, name in words.items()
            for code in LANGUAGES
        },
    }
