"""The widget's frame: the page inside the iframe that the loader makes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from chatserver.core.errors import Refused
from chatserver.core.messages import SUBJECT_MAX
from chatserver.i18n import LANGUAGES, choose, say, words
from chatserver.services import finding
from chatserver.web import asked
from chatserver.web.addresses import network
from chatserver.web.headers import page_policy
from chatserver.web.origins import bearer, exact_origin, sources
from chatserver.web.rooms import rooms

CHUNKS: Final = ("after", "files", "form", "hints", "stop")
"""What the frame fetches only when it is needed: a script, a style sheet and words each (`widget/src/frame/chunks.ts`)."""
MISSING_MAX: Final = 1_000
"""Characters of the names in a query: as many as a form may have fields."""


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
            way="",
        )
    host = exact_origin(request.query_params.get("host", ""))
    return house.pages.page(
        "embed.html",
        lang,
        headers={
            "content-security-policy": page_policy(house.origins.socket(request.scope), sources(app.origins)),
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


async def form(request: Request) -> Response:
    """`GET /embed/{app}/form?lang=`: what the app's ticket form asks, in words, in order → {fields, choose, checklist}.

    `missing`: names, parted by commas, of what a ticket was sent back for: these alone, with what says nothing without them.
    """
    house = rooms(request)
    lang = house.pages.language(request)
    asked_of = house.find_app(request.path_params["app"]).form
    names = [name for name in request.query_params.get("missing", "")[:MISSING_MAX].split(",") if name]
    if names:
        fields = asked.missing(asked_of, lang, names)
    else:
        parts = asked.parts(asked_of, lang, free_address=True)
        fields = [field for part in parts for field in part.fields]
    told = {
        "fields": [_field(field) for field in fields],
        "choose": say(lang, "portal.choose"),
        "checklist": None if names else _checklist(lang),
    }
    return JSONResponse(told)


async def similar(request: Request) -> Response:
    """`GET /embed/{app}/similar?q=`, by a customer (`Authorization: Bearer <token of welcome>`): their open tickets that sound
    like the subject that they are typing → {tickets: [{id, number, subject}]}."""
    house = rooms(request)
    app = house.find_app(request.path_params["app"])
    who = house.accounts.customer(bearer(request.scope))
    if who.app_id != app.id:
        raise Refused("unauthorized")
    house.library.searches.take(network(request), house.clock())
    subject = request.query_params.get("q", "").replace("\0", "")[:SUBJECT_MAX]
    found = await finding.similar(house.portal.db, who.app_id, who.key, subject)
    tickets = [one._asdict() for one in found]
    return JSONResponse({"tickets": tickets}, headers={"cache-control": "no-store"})


def _field(field: asked.Asked) -> dict[str, object]:
    return field._asdict() | {"options": [option._asdict() for option in field.options]}


def _checklist(lang: str) -> dict[str, object]:
    """What to try and what to bring, as the portal has it."""
    known = words(lang)
    lists = (
        {
            "title": known[head],
            "lines": [line for key, line in sorted(known.items()) if key.startswith(f"{head}.")],
        }
        for head in ("portal.checklist.try", "portal.checklist.bring")
    )
    return {"title": known["portal.checklist.title"], "lists": list(lists)}
