"""The help centre for programs: RSS of what is new, and a sitemap."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from email.utils import format_datetime
from typing import Any, Final

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from chatserver.i18n import TAGS
from chatserver.web.help_pages import NEWEST, help_app, help_lang, iso, kept
from chatserver.web.rooms import rooms

_NOT_XML: Final = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]")
"""Whatever stands in a text, XML 1.0 has no place for it."""


async def feed(request: Request) -> Response:
    """`GET /help/{app}/{lang}/feed.xml`: the newest articles."""
    app, lang = help_app(request), help_lang(request)
    sections = await rooms(request).library.reading.sections(app.id, lang)
    entries = sorted(
        (entry for section in sections for entry in section.entries),
        key=lambda entry: (entry.published_at, entry.id),
        reverse=True,
    )[:NEWEST]
    if not entries:
        raise HTTPException(404)
    return _xml(
        request,
        "help_feed.xml",
        "application/rss+xml",
        max(entry.updated_at for entry in entries),
        lang,
        app=app,
        entries=entries,
        mail_date=_mail_date,
        tags=TAGS,
    )


async def sitemap(request: Request) -> Response:
    """`GET /help/{app}/sitemap.xml`: every article, with its translations."""
    app = help_app(request)
    linked = await rooms(request).library.reading.linked(app.id)
    if not linked:
        raise HTTPException(404)
    newest = max(article.updated_at for article in linked)
    languages = sorted({article.language for article in linked})
    return _xml(
        request,
        "help_sitemap.xml",
        "application/xml",
        newest,
        languages[0],
        app=app,
        linked=linked,
        languages=languages,
        iso=iso,
        tags=TAGS,
    )


def _xml(request: Request, template: str, kind: str, modified: int, lang: str, **values: Any) -> Response:
    house = rooms(request)
    made = house.pages.page(
        template, lang, headers={"vary": ""}, origin=house.origins.canonical(request.scope), **values
    )
    body = _NOT_XML.sub("", bytes(made.body).decode())
    return kept(request, Response(body, media_type=kind), modified)


def _mail_date(ms: int) -> str:
    return format_datetime(datetime.fromtimestamp(ms // 1000, UTC))
