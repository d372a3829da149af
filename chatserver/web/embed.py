"""The widget's frame: the page inside the iframe that the loader makes."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
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
from chatserver.web.pages import Pages
from chatserver.web.rooms import rooms

CHUNKS: Final = ("after", "files", "form", "hints", "stop")
"""What the frame fetches only when it is needed: a script, a style sheet and words each (`widget/src/frame/chunks.ts`)."""
KEY_SHOWN: Final = 100
"""Characters of a key that no app has."""
# For the browser's console, in the language of all that stands there.
UNKNOWN_APP: Final = 'there is no app "{key}" (data-app): "chatserver app list" shows the keys.'
OTHER_ORIGIN: Final = (
    '{host} is none of the origins of the app "{key}": "chatserver app set {key} --origin {host}" makes it the only one; '
    'give --origin again for each that "chatserver app list" shows and that is to stay.'
)
MISSING_MAX: Final = 1_000
"""Characters of the names in a query: as many as a form may have fields."""


async def frame(request: Request) -> Response:
    """`GET /embed/{app}?locale=…&host=…`. Only pages of the app's origins may frame it; `host` says which one does."""
    house = rooms(request)
    lang = choose(request.query_params.get("locale", "") or house.pages.language(request))
    key = request.path_params["app"]
    host = exact_origin(request.query_params.get("host", "")) or ""
    policy = partial(page_policy, house.origins.socket(request.scope))
    try:
        app = house.find_app(key)
    except Refused:
        if not host:
            return _unknown_app(house.pages, lang)
        hint = UNKNOWN_APP.format(key=key[:KEY_SHOWN])
        return _not_here(house.pages, lang, 404, policy(sources([host])), host, "app_unknown", hint)
    if host and host not in map(exact_origin, app.origins):
        hint = OTHER_ORIGIN.format(host=host, key=key)
        return _not_here(house.pages, lang, 403, policy(sources([host])), host, "origin_refused", hint)
    return house.pages.page(
        "embed.html",
        lang,
        headers=_framed(policy(sources(app.origins))),
        app=app,
        host=host,
        chunks=_chunks(house.pages.assets.url),
    )


def _unknown_app(pages: Pages, lang: str) -> Response:
    """For a developer who looks at the frame's address."""
    title, text = say(lang, "page.app.title"), say(lang, "page.app.text")
    return pages.page("error.html", lang, 404, title=title, text=text, number="", way="")


def _not_here(pages: Pages, lang: str, status: int, policy: str, host: str, code: str, hint: str) -> Response:
    """Instead of the chat, for a page of `host`, which alone may frame it. A frame that no browser shows would leave whoever
    pressed the button with nothing, and the browser's console with nothing that names the cause, which is `hint`."""
    return pages.page("not_here.html", lang, status, _framed(policy), host=host, code=code, hint=hint)


def _framed(policy: str) -> dict[str, str]:
    return {
        "content-security-policy": policy,
        # The host's page may be cross-origin isolated or not: either way it may show the frame.
        "cross-origin-resource-policy": "cross-origin",
        "cross-origin-opener-policy": "",
    }


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
    app = house.find_app(request.path_params["app"])
    asked_of, mails = app.form, app.policy.mail
    names = [name for name in request.query_params.get("missing", "")[:MISSING_MAX].split(",") if name]
    if names:
        fields = asked.missing(asked_of, lang, names, mails=mails)
    else:
        parts = asked.parts(asked_of, lang, free_address=True, mails=mails)
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
