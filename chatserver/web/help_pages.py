"""The help centre's pages, for anybody: home, category, article, search; and the suggestions that forms ask for.

They say nothing of who reads and are the same for everybody, so browsers and shared caches may keep them for a minute: that
long a withdrawn article may still be seen.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from email.utils import format_datetime, parsedate_to_datetime
from functools import lru_cache
from typing import Any, Final
from urllib.parse import urlencode

import msgspec
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response

from chatserver.core import colors
from chatserver.core.articles import REASONS
from chatserver.core.errors import Refused
from chatserver.core.hours import zone_of
from chatserver.core.people import App
from chatserver.i18n import LANGUAGES, TAGS, choose, say
from chatserver.services.reading import Entry, Read
from chatserver.web.addresses import network
from chatserver.web.origins import header
from chatserver.web.rooms import rooms

KEPT: Final = "public, max-age=60"
FOREVER: Final = "public, max-age=31536000, immutable"
SHOWN_PER_CATEGORY: Final = 5
"""On the home page; the category's own shows all."""
QUESTION_MAX: Final = 200
NEWEST: Final = 20

_NAME: Final = re.compile(r"([0-9]{1,18})(?:-.*)?")


async def door(request: Request) -> Response:
    """`GET /help/{app}` → the help centre in the reader's language, or in one that there is."""
    house, app = rooms(request), help_app(request)
    there = await house.library.reading.languages(app.id)
    if not there:
        return _empty(request, app, house.pages.language(request))
    wanted = choose(request.query_params.get("lang", ""), header(request.scope, b"accept-language") or "")
    lang = wanted if wanted in there else next(code for code in LANGUAGES if code in there)
    return RedirectResponse(f"/help/{app.key}/{lang}", 302, {"vary": "accept-language"})


async def home(request: Request) -> Response:
    """`GET /help/{app}/{lang}`: categories with what is read most in each."""
    house, app, lang = rooms(request), help_app(request), help_lang(request)
    sections = await house.library.reading.sections(app.id, lang)
    if not sections:
        there = await house.library.reading.languages(app.id)
        return (missing if there else _empty)(request, app, lang)
    return await _page(
        request,
        "help_home.html",
        app,
        lang,
        path="",
        modified=_newest(entry for section in sections for entry in section.entries),
        sections=sections,
        few=SHOWN_PER_CATEGORY,
    )


async def category(request: Request) -> Response:
    """`GET /help/{app}/{lang}/category/{slug}`"""
    house, app, lang = rooms(request), help_app(request), help_lang(request)
    sections = await house.library.reading.sections(app.id, lang)
    section = next((s for s in sections if s.slug == request.path_params["slug"]), None)
    if section is None:
        return missing(request, app, lang)
    return await _page(
        request,
        "help_category.html",
        app,
        lang,
        path=f"/category/{section.slug}",
        modified=_newest(section.entries),
        section=section,
    )


async def article(request: Request) -> Response:
    """`GET /help/{app}/{lang}/article/{id}-{slug}`. By its number: another slug leads to the right one."""
    house, app, lang = rooms(request), help_app(request), help_lang(request)
    match = _NAME.fullmatch(request.path_params["name"])
    try:
        if match is None:
            raise Refused("not_found")
        read = await house.library.reading.article(app.id, lang, int(match[1]))
    except Refused:
        return missing(request, app, lang)
    path = f"/article/{read.shown.id}-{read.slug}"
    if request.path_params["name"] != f"{read.shown.id}-{read.slug}":
        return RedirectResponse(f"/help/{app.key}/{lang}{path}", 301, {"cache-control": KEPT})
    others = {
        code: f"/help/{app.key}/{code}/article/{id_}-{slug}"
        for code, (id_, slug) in read.translations.items()
    }
    return await _page(
        request,
        "help_article.html",
        app,
        lang,
        path=path,
        modified=read.shown.updated_at,
        others=others,
        read=read,
        updated=said_date(lang, read.shown.updated_at, app),
        described=_described(request, app, lang, path, read),
    )


async def search(request: Request) -> Response:
    """`GET /help/{app}/{lang}/search?q=`"""
    house, app, lang = rooms(request), help_app(request), help_lang(request)
    question = request.query_params.get("q", "")[:QUESTION_MAX].strip()
    hits = []
    if question:
        house.library.searches.take(network(request), house.clock())
        hits = await house.library.reading.search(app.id, lang, question)
    there = await house.library.reading.languages(app.id)
    asked = f"/search?{urlencode({'q': question})}" if question else "/search"
    return await _page(
        request,
        "help_search.html",
        app,
        lang,
        path="/search",
        modified=0,
        others={code: f"/help/{app.key}/{code}{asked}" for code in there if code != lang},
        question=question,
        hits=hits,
    )


async def suggest(request: Request) -> Response:
    """`GET /help/{app}/suggest?lang=&q=` → {articles: [{id, title, url, excerpt}]}, at most five, for what somebody is typing."""
    house, app = rooms(request), help_app(request)
    lang = choose(request.query_params.get("lang", ""), house.pages.language(request))
    house.library.searches.take(network(request), house.clock())
    found = await house.library.reading.suggest(
        app.id, lang, request.query_params.get("q", "")[:QUESTION_MAX]
    )
    articles = [
        {
            "id": entry.id,
            "title": entry.title,
            "url": f"/help/{app.key}/{lang}/article/{entry.id}-{entry.slug}",
            "excerpt": entry.excerpt,
        }
        for entry in found
    ]
    return JSONResponse({"articles": articles}, headers={"cache-control": KEPT})


async def theme(request: Request) -> Response:
    """`GET /help/{app}/theme.css?v=`: the app's colour, which no page may say inline."""
    return Response(
        _theme(help_app(request).color), media_type="text/css", headers={"cache-control": FOREVER}
    )


def missing(request: Request, app: App, lang: str) -> Response:
    """404, with a way to look for it."""
    house = rooms(request)
    return house.pages.page("help_missing.html", lang, 404, **around(request, app, lang, path="", others={}))


def _empty(request: Request, app: App, lang: str) -> Response:
    """404 too: nothing was published yet, so there is nothing to look for, and no way leads on but the tickets."""
    house = rooms(request)
    return house.pages.page("help_empty.html", lang, 404, **around(request, app, lang, path="", others={}))


# — what pages have in common ——————————————————————————————————————————————————


async def _page(
    request: Request,
    template: str,
    app: App,
    lang: str,
    *,
    path: str,
    modified: int,
    others: Mapping[str, str] | None = None,
    **values: Any,
) -> Response:
    """`modified`: ms; 0 for what is made for one question. `others`: the page in other languages; if not given, the
    home pages of those."""
    house = rooms(request)
    if others is None:
        there = await house.library.reading.languages(app.id)
        others = {code: f"/help/{app.key}/{code}" for code in there if code != lang}
    common = around(request, app, lang, path=path, others=others)
    made = house.pages.page(template, lang, headers={"vary": ""}, **(common | values))
    return kept(request, made, modified)


def around(request: Request, app: App, lang: str, *, path: str, others: Mapping[str, str]) -> dict[str, Any]:
    house = rooms(request)
    return {
        "app": app,
        "base": f"/help/{app.key}/{lang}",
        "origin": house.origins.canonical(request.scope),
        "path": path,
        "others": {code: others[code] for code in LANGUAGES if code in others},
        "tags": TAGS,
        "theme": theme_of(app),
        "question": "",
        "reasons": REASONS,
        "chosen": (),
        "comment": "",
        "iso": iso,
        "number": number,
    }


def kept(request: Request, made: Response, modified: int) -> Response:
    """The answer, or 304 where the asker has it. It may be kept."""
    headers = {"cache-control": KEPT, "etag": f'"{_stamp(bytes(made.body))}"'}
    if modified:
        headers["last-modified"] = format_datetime(datetime.fromtimestamp(modified // 1000, UTC), usegmt=True)
    made.headers.update(headers)
    if not _has(request, headers["etag"], modified):
        return made
    del made.headers["content-length"], made.headers["content-type"]
    return Response(status_code=304, headers=dict(made.headers))


def _has(request: Request, etag: str, modified: int) -> bool:
    tags = header(request.scope, b"if-none-match")
    if tags is not None:
        return etag in tags
    since = header(request.scope, b"if-modified-since")
    if since is None or not modified:
        return False
    try:
        return parsedate_to_datetime(since).timestamp() >= modified // 1000
    except (ValueError, TypeError, OverflowError):
        return False


def _stamp(body: bytes) -> str:
    return hashlib.sha256(body).hexdigest()[:20]


def theme_of(app: App) -> str:
    """The address of its style sheet, another one whenever its colour is another."""
    return f"/help/{app.key}/theme.css?v={_stamp(_theme(app.color).encode())}"


@lru_cache(maxsize=256)
def _theme(color: str) -> str:
    made = colors.theme(color)
    light = f"--fill: {made.fill}; --on-fill: {made.ink}; --accent: {made.light}"
    return (
        f":root {{ {light} }}\n@media (prefers-color-scheme: dark) {{ :root {{ --accent: {made.dark} }} }}\n"
        f"@media print {{ :root {{ --accent: {made.light} }} }}\n"
    )


def _described(request: Request, app: App, lang: str, path: str, read: Read) -> str:
    """For search engines: JSON-LD, which no browser runs. Without what could end the element that it stands in."""
    home_url = f"{rooms(request).origins.canonical(request.scope)}/help/{app.key}/{lang}"
    said = {
        "@context": "https://schema.org",
        "@type": "Article",
        "headline": read.shown.title,
        "description": read.excerpt,
        "inLanguage": TAGS[lang],
        "author": {"@type": "Person", "name": read.shown.author},
        "publisher": {"@type": "Organization", "name": app.name},
        "datePublished": iso(read.shown.published_at),
        "dateModified": iso(read.shown.updated_at),
        "articleSection": read.section.name,
        "mainEntityOfPage": f"{home_url}{path}",
    }
    text = msgspec.json.encode(said).decode()
    for sign in "<>&\u2028\u2029":
        text = text.replace(sign, f"\\u{ord(sign):04x}")
    return text


def help_app(request: Request) -> App:
    """Raises HTTPException(404)."""
    try:
        return rooms(request).find_app(request.path_params["app"])
    except Refused:
        raise HTTPException(404) from None


def help_lang(request: Request) -> str:
    """Raises HTTPException(404)."""
    lang: str = request.path_params["lang"]
    if lang not in LANGUAGES:
        raise HTTPException(404)
    return lang


def _newest(entries: Iterable[Entry]) -> int:
    return max(entry.updated_at for entry in entries)


def iso(ms: int) -> str:
    return datetime.fromtimestamp(ms // 1000, UTC).isoformat()


def number(lang: str, value: int) -> str:
    """With the sign that the language puts between thousands."""
    return f"{value:,}" if lang == "en" else f"{value:,}".replace(",", ".")


def said_date(lang: str, ms: int, app: App) -> str:
    """The day as people say it, where the app is."""
    day = datetime.fromtimestamp(ms / 1000, zone_of(app.schedule))
    return say(lang, "help.date", day=day.day, month=say(lang, f"help.month.{day.month}"), year=day.year)
