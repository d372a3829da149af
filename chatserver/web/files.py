"""Files over HTTP: sent up as the body of a request, given by links that soon end, always to be saved and never to be shown.

A file that somebody sent never becomes a page: whatever its name and content say, it is an attachment of a fixed type, which may
not be guessed anew (nosniff) and could do nothing where a browser showed it all the same (sandbox). What is shown are
thumbnails, which are pictures of our own making.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from typing import Final
from urllib.parse import quote, unquote

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.types import Receive, Scope, Send

from chatserver.core.errors import Refused
from chatserver.core.files import MEDIA, File
from chatserver.extensions import STREAM, UPLOAD
from chatserver.services.downloads import Link, Reading
from chatserver.services.files import Uploader
from chatserver.store.files import Stored
from chatserver.web.addresses import internet
from chatserver.web.console import signed_in
from chatserver.web.origins import bearer, header
from chatserver.web.rooms import Rooms, rooms

BYTES_MAX: Final = 1024 * 2**20
"""What a request may bring at most, whatever apps allow: more than any of them may set."""
SEND_SECONDS: Final = 30.0
"""For each piece of a download to be taken: whoever is slower than 2 KB/s is cut off, and may go on from there (Range)."""
HARMLESS: Final = "sandbox; default-src 'none'; frame-ancestors 'none'"

_RANGE: Final = re.compile(r"bytes=(\d{0,15})-(\d{0,15})")
_TICKET: Final = re.compile(r"[1-9][0-9]{0,15}")


# — up —————————————————————————————————————————————————————————————————————————


async def send(request: Request) -> Response:
    """`POST /files`, by a customer: `Authorization: Bearer <token of welcome>`; `Chat-Cid`, `Chat-Name` (percent-encoded) and,
    where there is one already, `Chat-Ticket`. The body is the file. → {id, name, kind, bytes}."""
    house = rooms(request)
    if not house.origins.origin_allowed(request.scope):
        raise HTTPException(403)
    _let_come(request)
    who = house.accounts.customer(bearer(request.scope))
    try:
        uploader = await house.files.as_customer(who, _ticket(request), internet(request))
        return await _taken(house, request, uploader)
    except Refused as refused:
        house.refused(refused.code)
        raise


async def send_as_agent(request: Request) -> Response:
    """`POST /console/files`, by an agent's session, for the ticket that they attend; as `send`."""
    house = rooms(request)
    if not house.origins.from_own_page(request.scope):
        raise HTTPException(403)
    _let_come(request)
    session = await signed_in(house, request)
    ticket = _ticket(request)
    if ticket is None:
        raise HTTPException(400)
    try:
        return await _taken(house, request, await house.files.as_agent(session.agent_id, ticket))
    except Refused as refused:
        house.refused(refused.code)
        raise


def _let_come(request: Request) -> None:
    """Before anything is waited for. What is announced to be too large for anybody is refused on the way (server/peers.py)."""
    upload = request.scope.get("extensions", {}).get(UPLOAD)
    if upload is not None and (_size(request) or 0) <= BYTES_MAX:
        upload(min(_size(request) or BYTES_MAX, BYTES_MAX))


async def _taken(house: Rooms, request: Request, who: Uploader) -> Response:
    cid = header(request.scope, b"chat-cid") or ""
    name = unquote(header(request.scope, b"chat-name") or "", errors="replace")
    file = await house.files.take(who, cid, name, _body(request), _size(request))
    return JSONResponse(_told(file))


def _told(file: File) -> dict[str, object]:
    return {"id": file.id, "name": file.name, "kind": file.kind, "bytes": file.bytes}


async def _body(request: Request) -> AsyncIterator[bytes]:
    """Raises ClientDisconnect when it is cut off."""
    async for chunk in request.stream():
        yield chunk


def _ticket(request: Request) -> int | None:
    said = header(request.scope, b"chat-ticket")
    if said is None:
        return None
    if not _TICKET.fullmatch(said):
        raise HTTPException(400)
    return int(said)


def _size(request: Request) -> int | None:
    said = header(request.scope, b"content-length") or ""
    return int(said) if said.isascii() and said.isdigit() else None


# — down ———————————————————————————————————————————————————————————————————————


async def give(request: Request) -> Response:
    """`GET /files/<link>`: what `links` told. The link is all that is asked for: it was made for who may see the file."""
    house = rooms(request)
    try:
        link, stored = await house.downloads.linked(request.path_params["link"])
        stack = AsyncExitStack()
        reading = await stack.enter_async_context(house.downloads.reading(link, stored, internet(request)))
    except Refused as refused:
        house.refused(refused.code)
        if refused.code in ("token_expired", "not_found"):
            raise HTTPException(410 if refused.code == "token_expired" else 404) from None
        raise
    return Download(reading, stack, _headers(link, stored), _range(request, reading.size))


def _headers(link: Link, stored: Stored) -> dict[str, str]:
    always = {
        "x-content-type-options": "nosniff",
        "content-security-policy": HARMLESS,
        "cross-origin-resource-policy": "same-origin",
        "accept-ranges": "bytes",
    }
    if link.thumbnail:
        # A picture of ours: shown, and kept by this browser alone as long as its link may be.
        return always | {"content-type": "image/webp", "cache-control": "private, max-age=300, immutable"}
    return always | {
        "content-type": MEDIA[stored.file.kind],
        "content-disposition": disposition(stored.file.name),
        "cache-control": "private, no-store",
        "etag": f'"{stored.sha256}"',
    }


def disposition(name: str) -> str:
    """To be saved under this name (RFC 6266): once for whoever reads ASCII only, once as it is."""
    plain = re.sub(r"[^A-Za-z0-9 ._()-]", "_", name)
    return f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(name, safe='')}"


def _range(request: Request, size: int) -> tuple[int, int] | None:
    """The one part that is asked for, from here to before there; None for all of it, also where it is asked for in a way that
    nobody has to understand. Raises HTTPException(416)."""
    said = header(request.scope, b"range")
    match = (
        _RANGE.fullmatch(said) if said is not None and header(request.scope, b"if-range") is None else None
    )
    if match is None or match.groups() == ("", ""):
        return None
    first, last = match.groups()
    if not first:
        begin, end = max(0, size - int(last)), size
    else:
        begin, end = int(first), min(size, int(last) + 1 if last else size)
    if first and last and int(last) < int(first):
        return None
    if begin >= end:
        raise HTTPException(416, headers={"content-range": f"bytes */{size}"})
    return begin, end


class Download(Response):
    """An open file, sent a piece at a time: the next one is read when the peer has taken what was before it."""

    def __init__(
        self,
        reading: Reading,
        stack: AsyncExitStack,
        headers: dict[str, str],
        part: tuple[int, int] | None,
    ) -> None:
        """`stack` lets go of the file, whatever becomes of this."""
        self._reading, self._stack = reading, stack
        self._begin, self._end = part or (0, reading.size)
        if part is not None:
            headers["content-range"] = f"bytes {self._begin}-{self._end - 1}/{reading.size}"
        headers["content-length"] = str(self._end - self._begin)
        super().__init__(status_code=200 if part is None else 206, headers=headers)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async with self._stack:
            start = {"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers}
            await send(start)
            if scope["method"] != "HEAD":
                stream = scope.get("extensions", {}).get(STREAM)
                cut = stream() if stream is not None else None
                try:
                    async for piece in self._reading.pieces(self._begin, self._end):
                        async with asyncio.timeout(SEND_SECONDS):
                            await send({"type": "http.response.body", "body": piece, "more_body": True})
                except TimeoutError:
                    if cut is not None:
                        cut()
                    return
            await send({"type": "http.response.body", "body": b""})
