"""The agents' console: its page, and the few JSON calls around signing in. Everything else goes over its socket."""

from __future__ import annotations

from typing import Annotated, Any, Final, TypeVar

import msgspec
from msgspec import Meta
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from chatserver.core.errors import Refused
from chatserver.i18n import LANGUAGES, say
from chatserver.services.accounts import AgentSession
from chatserver.web.addresses import may_carry_passwords, network
from chatserver.web.errors import json_error
from chatserver.web.headers import console_policy
from chatserver.web.origins import header
from chatserver.web.rooms import Rooms, rooms

BODY_BYTES: Final = 4096
B = TypeVar("B")


class SignIn(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    email: Annotated[str, Meta(max_length=254)]
    password: Annotated[str, Meta(max_length=1000)]


async def shell(request: Request) -> Response:
    """`GET /console`: the same page for everybody; who is signed in is asked by its script."""
    house = rooms(request)
    return house.pages.page(
        "console.html",
        house.pages.language(request),
        headers={"content-security-policy": console_policy(house.origins.socket(request.scope))},
        words={code: house.pages.assets.url(f"console.{code}.json") for code in LANGUAGES},
    )


async def sign_in(request: Request) -> Response:
    """`POST /console/session {email, password}` → who that is, and the session's cookie."""
    house = rooms(request)
    from_own_page(house, request)
    if not may_carry_passwords(house, request):
        sentence = say(house.pages.language(request), "page.error.https_required")
        return json_error(403, "https_required", message=sentence)
    asked = await body(request, SignIn)
    before = await _session(house, request)
    token, session = await house.accounts.sign_in(asked.email, asked.password, network(request))
    if before is not None:
        # This browser's cookie is replaced: nobody could sign that session out any more.
        nowhere = await house.accounts.sign_out(before)
        if nowhere:
            await house.agent_signed_out(before.agent_id)
    response = _described(session)
    _set_cookie(house, request, response, token, house.accounts.session_seconds)
    return response


async def who(request: Request) -> Response:
    """`GET /console/session` → who is signed in; 204 when nobody is, which is an answer and no error."""
    session = await _session(rooms(request), request)
    return Response(status_code=204) if session is None else _described(session)


async def sign_out(request: Request) -> Response:
    """`DELETE /console/session`: ends the session and its sockets. 204 also when there was none."""
    house = rooms(request)
    from_own_page(house, request)
    session = await _session(house, request)
    if session is not None and await house.accounts.sign_out(session):
        await house.agent_signed_out(session.agent_id)
    response = Response(status_code=204)
    _set_cookie(house, request, response, "", 0)
    return response


async def socket_token(request: Request) -> Response:
    """`POST /console/socket-token` → {token} for the socket's first frame: one use, 30 s."""
    house = rooms(request)
    from_own_page(house, request)
    return JSONResponse({"token": house.accounts.socket_token(await signed_in(house, request))})


def _described(session: AgentSession) -> Response:
    return JSONResponse({"agent": session.agent_id, "name": session.name, "email": session.email})


def from_own_page(house: Rooms, request: Request) -> None:
    if not house.origins.from_own_page(request.scope):
        raise HTTPException(403)


async def body(request: Request, kind: type[B], most: int = BODY_BYTES) -> B:
    """A request's JSON. Raises HTTPException: 400, 413, 415."""
    said = (header(request.scope, b"content-type") or "").partition(";")[0].strip().lower()
    if said != "application/json":
        # A form of another site can send its fields anywhere, but not as this type.
        raise HTTPException(415)
    received = b""
    async for chunk in request.stream():
        received += chunk
        if len(received) > most:
            raise HTTPException(413)
    try:
        return msgspec.json.decode(received, type=kind)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        raise HTTPException(400) from None


async def _session(house: Rooms, request: Request) -> AgentSession | None:
    return await house.accounts.session(request.cookies.get(_cookie(house, request), ""))


async def signed_in(house: Rooms, request: Request) -> AgentSession:
    """Whose console this is. Raises Refused(unauthorized)."""
    session = await _session(house, request)
    if session is None:
        raise Refused("unauthorized")
    return session


def _cookie(house: Rooms, request: Request) -> str:
    """Browsers let nobody but this host, over https, set a `__Host-` cookie; plain http (loopback) cannot have one."""
    return "__Host-session" if house.origins.scheme(request.scope) == "https" else "session"


def _set_cookie(house: Rooms, request: Request, response: Response, value: str, seconds: int) -> None:
    name = _cookie(house, request)
    flags: dict[str, Any] = {"secure": name != "session", "httponly": True, "samesite": "lax"}
    response.set_cookie(name, value, max_age=seconds, path="/", **flags)
