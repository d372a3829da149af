"""The console's section of help articles, as JSON: for signed-in agents, about their own apps' articles."""

from __future__ import annotations

from typing import Annotated, Final
from urllib.parse import parse_qs

import msgspec
from msgspec import Meta
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from chatserver.core import articles as core
from chatserver.core.articles import Draft
from chatserver.core.errors import Refused
from chatserver.services.articles import Authors, EditedMeanwhile
from chatserver.web.console import body, from_own_page, signed_in
from chatserver.web.errors import json_error
from chatserver.web.headers import PREVIEW
from chatserver.web.help_pages import theme_of
from chatserver.web.origins import header
from chatserver.web.rooms import rooms

ARTICLE_BYTES: Final = 8 * core.BODY_MAX
"""Of a request: a character takes six bytes where JSON escapes it, and there is a title too."""
_encode = msgspec.json.Encoder().encode

Text = Annotated[str, Meta(max_length=2 * core.BODY_MAX)]
Key = Annotated[str, Meta(max_length=100)]
Id = Annotated[int, Meta(ge=0, le=2**53 - 1)]
VersionNumber = Annotated[int, Meta(ge=0, le=2**31 - 1)]


class _Said(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A text that was written."""

    title: Text
    summary: Text
    body: Text
    category: Id

    def draft(self) -> Draft:
        return core.draft(self.title, self.summary, self.body)


class New(_Said, frozen=True, forbid_unknown_fields=True, kw_only=True):
    app: Key
    language: Key
    translates: Id = 0


class Saved(_Said, frozen=True, forbid_unknown_fields=True, kw_only=True):
    base: VersionNumber
    """The version on which it was written."""


class Published(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    number: VersionNumber


class Nothing(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    pass


class CategorySaid(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    app: Key
    names: dict[Key, Text]
    about: dict[Key, Text] = {}


class Order(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    app: Key
    ids: Annotated[list[Id], Meta(max_length=core.CATEGORIES_MAX)]


# — articles ———————————————————————————————————————————————————————————————————


async def shelf(request: Request) -> Response:
    """`GET /console/articles?app=` → {categories, articles}, with figures."""
    agent = await _reader(request)
    return _json(await _authors(request).shelf(agent, request.query_params.get("app", "")))


async def read(request: Request) -> Response:
    """`GET /console/articles/{id}` and `?version=`"""
    agent, asked = await _reader(request), request.query_params.get("version", "")
    number = int(asked) if asked.isascii() and asked.isdigit() and len(asked) < 10 else None
    return _json(await _authors(request).written(agent, request.path_params["id"], number))


async def versions(request: Request) -> Response:
    agent = await _reader(request)
    return _json(await _authors(request).versions(agent, request.path_params["id"]))


async def votes(request: Request) -> Response:
    agent = await _reader(request)
    return _json(await _authors(request).votes(agent, request.path_params["id"]))


async def create(request: Request) -> Response:
    agent = await _writer(request)
    asked = await body(request, New, ARTICLE_BYTES)
    made = await _authors(request).create(
        agent, asked.app, asked.category, asked.language, asked.draft(), asked.translates
    )
    return _json(made, 201)


async def save(request: Request) -> Response:
    """`PUT /console/articles/{id}` → the article; 409 `edited_meanwhile` with {theirs} when `base` is not the newest version."""
    agent = await _writer(request)
    asked = await body(request, Saved, ARTICLE_BYTES)
    try:
        saved = await _authors(request).save(
            agent, request.path_params["id"], asked.base, asked.category, asked.draft()
        )
    except EditedMeanwhile as met:
        return _met(met)
    return _json(saved)


async def publish(request: Request) -> Response:
    """`POST /console/articles/{id}/publish {number}`: that version, which must be the newest."""
    agent = await _writer(request)
    asked = await body(request, Published)
    try:
        return _json(await _authors(request).publish(agent, request.path_params["id"], asked.number))
    except EditedMeanwhile as met:
        return _met(met)


async def withdraw(request: Request) -> Response:
    agent = await _writer(request)
    await body(request, Nothing)
    return _json(await _authors(request).withdraw(agent, request.path_params["id"]))


async def preview(request: Request) -> Response:
    """`POST /console/articles/preview`, a form's app, language, title and body → the page of a frame in the console."""
    house = rooms(request)
    agent = await _writer(request)
    fields = await _form(request)
    app, made = await house.library.authors.preview(
        agent, fields.get("app", ""), fields.get("language", ""), fields.get("body", "")
    )
    return house.pages.page(
        "help_preview.html",
        fields["language"],
        headers={"content-security-policy": PREVIEW},
        title=fields.get("title", "")[: core.TITLE_MAX],
        html=made.html,
        minutes=made.minutes,
        theme=theme_of(app),
    )


# — categories —————————————————————————————————————————————————————————————————


async def add_category(request: Request) -> Response:
    agent = await _writer(request)
    asked = await body(request, CategorySaid)
    return _json(await _authors(request).add_category(agent, asked.app, asked.names, asked.about), 201)


async def change_category(request: Request) -> Response:
    agent = await _writer(request)
    asked = await body(request, CategorySaid)
    return _json(
        await _authors(request).change_category(
            agent, asked.app, request.path_params["id"], asked.names, asked.about
        )
    )


async def order_categories(request: Request) -> Response:
    """`PUT /console/categories {app, ids}`: as they stand there."""
    agent = await _writer(request)
    asked = await body(request, Order)
    return _json(await _authors(request).order_categories(agent, asked.app, asked.ids))


async def remove_category(request: Request) -> Response:
    """`DELETE /console/categories/{id}?app=`: an empty one."""
    agent = await _writer(request)
    key = request.query_params.get("app", "")
    return _json(await _authors(request).remove_category(agent, key, request.path_params["id"]))


# — inner ——————————————————————————————————————————————————————————————————————


def _authors(request: Request) -> Authors:
    return rooms(request).library.authors


async def _reader(request: Request) -> int:
    """Raises Refused(unauthorized)."""
    return (await signed_in(rooms(request), request)).agent_id


async def _writer(request: Request) -> int:
    """Who asks for a change: signed in, and from a page of ours."""
    from_own_page(rooms(request), request)
    return await _reader(request)


def _json(value: object, status: int = 200) -> Response:
    return Response(_encode(value), status, media_type="application/json")


def _met(met: EditedMeanwhile) -> Response:
    return json_error(409, met.code, theirs=msgspec.to_builtins(met.theirs))


async def _form(request: Request) -> dict[str, str]:
    """Each field's first value. Raises HTTPException: 400, 413, 415."""
    kind = (header(request.scope, b"content-type") or "").partition(";")[0].strip().lower()
    if kind != "application/x-www-form-urlencoded":
        raise HTTPException(415)
    received = b""
    async for chunk in request.stream():
        received += chunk
        if len(received) > 2 * ARTICLE_BYTES:
            raise HTTPException(413)
    try:
        fields = parse_qs(received.decode("ascii"), keep_blank_values=True, max_num_fields=10)
    except ValueError:
        raise HTTPException(400) from None
    if "language" not in fields:
        raise Refused("bad_frame")
    return {name: values[0] for name, values in fields.items()}
