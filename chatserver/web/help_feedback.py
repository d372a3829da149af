"""«¿Te fue útil este artículo?»: a form that works without a script, the same for one; and what readers' browsers count.

The article's own page is the same for everybody and may be kept by caches; the token that a vote needs comes with this form,
which is not.
"""

from __future__ import annotations

from typing import Any, Final, get_args
from urllib.parse import parse_qsl

from starlette.datastructures import FormData, UploadFile
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response

from chatserver.core import articles as core
from chatserver.core.articles import REASONS, Reason
from chatserver.core.errors import Refused
from chatserver.core.proof import WORK_BITS, Given
from chatserver.i18n import say
from chatserver.services.feedback import READER_SECONDS
from chatserver.services.figures import What
from chatserver.store.articles import Shown
from chatserver.web.addresses import network
from chatserver.web.errors import refusal
from chatserver.web.help_pages import around, help_app, help_lang, missing
from chatserver.web.origins import header
from chatserver.web.rooms import Rooms, rooms

BODY_BYTES: Final = 16_384
COOKIE: Final = "help-reader"


async def form(request: Request) -> Response:
    """`GET …/article/{id}/feedback?useful=yes|no` → the form; as JSON {token, bits} for a script."""
    shown = await _shown(request)
    if shown is None:
        return missing(request, help_app(request), help_lang(request))
    if _wants_json(request):
        asked = rooms(request).library.feedback.question(shown.id)
        return JSONResponse({"token": asked.token, "bits": WORK_BITS})
    if "done" in request.query_params:
        return _page(request, shown, done=True)
    return _page(request, shown, useful=request.query_params.get("useful") != "no")


async def send(request: Request) -> Response:
    """`POST …/article/{id}/feedback`, a form's fields: token, useful (yes, no), reason (several), comment, and work or answer."""
    house = rooms(request)
    if not house.origins.from_own_page(request.scope):
        raise HTTPException(403)
    shown = await _shown(request)
    if shown is None:
        raise HTTPException(404)
    fields = await _fields(request)
    useful = fields.get("useful") == "yes"
    comment = str(fields.get("comment", ""))
    reasons: list[Reason] = [reason for reason in REASONS if reason in fields.getlist("reason")]
    given = Given(*(str(fields.get(name, "")) for name in ("token", "work", "answer", "website")))
    try:
        reader = await house.library.feedback.say(
            shown,
            given,
            request.cookies.get(COOKIE, ""),
            network(request),
            useful=useful,
            reasons=reasons,
            comment=comment,
        )
    except Refused as refused:
        if _wants_json(request):
            return refusal(refused)
        return _page(
            request, shown, status=400, useful=useful, chosen=reasons, comment=comment, refused=refused
        )
    done: Response = JSONResponse({"useful": useful})
    if not _wants_json(request):
        done = RedirectResponse(f"{_own_path(request)}?done", 303)
    _remember(house, request, done, reader)
    return done


async def count(request: Request) -> Response:
    """`POST /help/{app}/count/{views|opened|followed}/{id}`: 204. Said by scripts of our own pages alone."""
    house = rooms(request)
    if not house.origins.from_own_page(request.scope):
        raise HTTPException(403)
    what = request.path_params["what"]
    if what not in get_args(What):
        raise HTTPException(404)
    shown = await house.library.reading.published(help_app(request).id, request.path_params["id"])
    house.library.figures.count(shown.id, what, network(request))
    return Response(status_code=204)


def _page(
    request: Request,
    shown: Shown,
    *,
    status: int = 200,
    done: bool = False,
    useful: bool = True,
    chosen: list[Reason] | None = None,
    comment: str = "",
    refused: Refused | None = None,
) -> Response:
    house, app, lang = rooms(request), help_app(request), help_lang(request)
    values: dict[str, Any] = around(request, app, lang, path="", others={})
    article = f"{values['base']}/article/{shown.id}-{core.slug(shown.title)}"
    return house.pages.page(
        "help_feedback.html",
        lang,
        status,
        **values
        | {
            "shown": shown,
            "article": article,
            "action": _own_path(request),
            "asked": None if done else house.library.feedback.question(shown.id),
            "done": done,
            "useful": useful,
            "chosen": chosen or [],
            "comment": comment,
            "problem": _sentence(lang, refused) if refused else "",
        },
    )


def _sentence(lang: str, refused: Refused) -> str:
    if refused.code == "rate_limited":
        return say(lang, "help.problem.rate_limited", minutes=max(1, round((refused.retry_after or 60) / 60)))
    return say(lang, f"help.problem.{refused.code}", limit=refused.limit or 0)


async def _shown(request: Request) -> Shown | None:
    try:
        found = await rooms(request).library.reading.published(
            help_app(request).id, request.path_params["id"]
        )
    except Refused:
        return None
    return found if found.language == help_lang(request) else None


async def _fields(request: Request) -> FormData:
    """Raises HTTPException: 413, 415."""
    kind = (header(request.scope, b"content-type") or "").partition(";")[0].strip().lower()
    if kind != "application/x-www-form-urlencoded":
        raise HTTPException(415)
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > BODY_BYTES:
            raise HTTPException(413)
    return FormData(_pairs(body))


def _pairs(body: bytes) -> list[tuple[str, str | UploadFile]]:
    try:
        return [*parse_qsl(body.decode("ascii"), keep_blank_values=True, max_num_fields=40)]
    except ValueError:
        raise HTTPException(400) from None


def _own_path(request: Request) -> str:
    """Of the form. The number is one: nothing of this is text that a stranger chose but the app's key, which we know."""
    app, lang = help_app(request), help_lang(request)
    return f"/help/{app.key}/{lang}/article/{request.path_params['id']}/feedback"


def _remember(house: Rooms, request: Request, response: Response, reader: str) -> None:
    """For this article's form alone: no other page is ever sent it."""
    response.set_cookie(
        COOKIE,
        reader,
        max_age=READER_SECONDS,
        path=_own_path(request),
        secure=house.origins.scheme(request.scope) == "https",
        httponly=True,
        samesite="lax",
    )


def _wants_json(request: Request) -> bool:
    return "application/json" in (header(request.scope, b"accept") or "")
