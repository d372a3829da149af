"""What people and programs get when something is wrong: a page or JSON with a code and an id, never an exception's text."""

from __future__ import annotations

import logging
import re
import secrets
from typing import Any, Final

from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, HTTPConnection, Request
from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from chatserver.core.errors import Refused
from chatserver.i18n import say, words
from chatserver.web.origins import Origins, header
from chatserver.web.pages import Pages
from chatserver.web.rooms import Rooms

log = logging.getLogger(__name__)

AGAIN_SECONDS: Final = 5
"""While the database is away: when a program may ask again."""

_STATUS = {
    "unauthorized": 401,
    "token_expired": 401,
    "not_found": 404,
    "rate_limited": 429,
    "too_long": 400,
    "too_short": 400,
    "bad_email": 400,
    "bad_frame": 400,
    "bad_proof": 400,
    "reason_required": 400,
    "internal": 500,
    "file_too_large": 413,
    "file_type": 415,
    "file_disguised": 415,
    "file_macros": 415,
    "file_unsafe": 415,
    "file_unreadable": 415,
    "file_infected": 415,
    "file_unscanned": 413,
    "file_empty": 400,
    "file_quota": 429,
    "files_unavailable": 503,
    "unavailable": 503,
}
_CODES = {
    400: "bad_request",
    403: "forbidden",
    404: "not_found",
    405: "method_not_allowed",
    410: "gone",
    413: "too_large",
    415: "unsupported_type",
    421: "wrong_host",
    503: "unavailable",
}


def error_id() -> str:
    """Stands in the answer and in the log, so that one finds the other."""
    return secrets.token_hex(6)


def json_error(status: int, code: str, **more: Any) -> JSONResponse:
    headers = {"retry-after": str(int(more["retry_after"]) or 1)} if more.get("retry_after") else None
    return JSONResponse({"code": code, "id": error_id(), **more}, status, headers)


def status_of(refused: Refused) -> int:
    return _STATUS.get(refused.code, 409)


def refusal(refused: Refused) -> JSONResponse:
    """The one place where a refusal becomes HTTP."""
    more: dict[str, Any] = {
        "limit": refused.limit,
        "retry_after": refused.retry_after,
        "next_at": refused.next_at,
    }
    return json_error(status_of(refused), refused.code, **{k: v for k, v in more.items() if v is not None})


def error_words(lang: str, status: int) -> str:
    """Under which key a page says what went wrong: `<key>.title` and `<key>.text`."""
    if f"page.error.{status}.title" in words(lang):
        return f"page.error.{status}"
    return "page.error.500" if status >= 500 else "page.error.400"


class Errors:
    """The application's exception handlers."""

    def __init__(self, pages: Pages) -> None:
        self.pages = pages

    async def refused(self, request: Request, problem: Exception) -> Response:
        if not isinstance(problem, Refused):
            raise problem
        return refusal(problem)

    async def http(self, request: Request, problem: Exception) -> Response:
        if not isinstance(problem, HTTPException):
            raise problem
        response = self.answer(request, problem.status_code)
        response.headers.update(problem.headers or {})
        return response

    def answer(self, request: HTTPConnection, status: int, number: str = "") -> Response:
        code = _CODES.get(status, "internal" if status >= 500 else "bad_request")
        if "text/html" not in (header(request.scope, b"accept") or ""):
            return JSONResponse({"code": code, "id": number or error_id()}, status)
        lang = self.pages.language(request)
        known = error_words(lang, status)
        way, called = way_on(request, status)
        return self.pages.page(
            "error.html",
            lang,
            status,
            title=say(lang, f"{known}.title"),
            text=say(lang, f"{known}.text"),
            number=number,
            way=way,
            way_text=say(lang, f"page.error.way.{called}") if way else "",
        )


_HOME: Final = re.compile(r"/(?:(portal|help)/([A-Za-z0-9_-]{1,64})|(console))(?=/|$)")


def way_on(request: HTTPConnection, status: int) -> tuple[str, str]:
    """Where who met an error goes from here, and which words of the catalogue call it so; ("", "") where nobody knows. What
    failed on our side is asked for again; what was sent is the browser's to send again, which asks first."""
    path = request.url.path
    if status >= 500:
        return (path, "again") if request.scope.get("method") == "GET" else ("", "")
    home = _HOME.match(path)
    if home is None or home[0] == path.rstrip("/") or (home[1] and not _is_app(request, home[2])):
        return "", ""
    return home[0], home[1] or home[3]


def _is_app(request: HTTPConnection, key: str) -> bool:
    rooms = request.scope.get("state", {}).get("rooms")
    try:
        return isinstance(rooms, Rooms) and rooms.find_app(key) is not None
    except Refused:
        return False


_BY_ADDRESS = frozenset({"/healthz", "/readyz", "/metrics"})


class OwnHostsOnly:
    """400 for a Host header that is not ours: nothing further is built from a name that a stranger chose (DNS rebinding).

    Health and metrics are told under any name: balancers and Prometheus call a node by its address, nothing is built from that,
    and metrics want a token that no browser has."""

    def __init__(self, app: ASGIApp, origins: Origins) -> None:
        self.app = app
        self.origins = origins

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        by_address = scope.get("path") in _BY_ADDRESS and scope["type"] == "http"
        if scope["type"] == "lifespan" or by_address or self.origins.host(scope) is not None:
            await self.app(scope, receive, send)
        elif scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1008})
        else:
            text = "This server does not answer for that host name. Its operator names it in CHATSERVER_PUBLIC_URL."
            response = json_error(400, "wrong_host", message=text)
            await response(scope, receive, send)


class Surprises:
    """Whatever nobody caught: logged once, with the id that the answer shows, and the server goes on."""

    def __init__(self, app: ASGIApp, errors: Errors) -> None:
        self.app = app
        self.errors = errors

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        started = False

        async def watched(message: Message) -> None:
            nonlocal started
            started = True
            await send(message)

        try:
            await self.app(scope, receive, watched)
        except ClientDisconnect:
            pass  # In the middle of its request: there is nobody to answer, and no fault of ours to log.
        except Exception as surprise:
            number = logged(scope, surprise)
            if started:
                raise  # half an answer is out: the server must cut the connection
            response = self.errors.answer(Request(scope), 500 if number else 503, number)
            if not number:
                response.headers["retry-after"] = str(AGAIN_SECONDS)
            await response(scope, receive, send)


def logged(scope: Scope, surprise: Exception) -> str:
    """Log what nobody expected of this request; gives the id under which it is found there, "" where the database has said of
    itself that it is away."""
    found = scope.get("state", {}).get("rooms")
    if isinstance(found, Rooms) and found.portal.db.explains(surprise):
        return ""
    number = error_id()
    about = {"id": number, "method": scope["method"], "path": _told(scope)}
    log.error("request failed", exc_info=surprise, extra=about)
    return number


_OPENS: Final = ("link", "token")
"""Of an address's parts: whoever has one needs nothing else."""


def _told(scope: Scope) -> str:
    """The path, for the log."""
    path = str(scope["path"])
    for name in _OPENS:
        if secret := scope.get("path_params", {}).get(name):
            path = path.replace(secret, "…")
    return path
