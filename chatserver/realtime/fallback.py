"""The same conversations for browsers whose proxy blocks WebSockets: frames down in a streamed answer, or in one poll after the
other where even that is held back; frames up as POSTs. docs/protocol.md, "Without WebSockets".
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, MutableMapping
from typing import TYPE_CHECKING, Any, Final, TypeVar

import msgspec

from chatserver.extensions import STREAM
from chatserver.realtime.endpoint import Endpoint, Receive, Send
from chatserver.realtime.http_line import HttpLine
from chatserver.realtime.ports import OriginAllowed, Scope
from chatserver.realtime.wire import MAX_FRAME_BYTES

if TYPE_CHECKING:
    from chatserver.realtime.forwarding import Forwarding

FIRST_SECONDS: Final = 5.0
"""Until the first answer of a polled line goes out without `welcome`."""

T = TypeVar("T")
Application = Callable[[Scope, Receive, Send], Awaitable[None]]

_ALWAYS: Final = [(b"cache-control", b"no-store"), (b"x-accel-buffering", b"no")]
_LINES: Final = (b"content-type", b"application/x-ndjson")
_JSON: Final = (b"content-type", b"application/json")


class Problem(Exception):
    """A request that is not carried out: nothing of it was taken."""

    def __init__(self, status: int, code: str) -> None:
        super().__init__(code)
        self.status = status
        self.code = code


class PeerLeft(Exception):
    """In the middle of what it was saying."""


class Fallback:
    """The lines of one audience; to be mounted as a Route for POST. `forwarding`: to other nodes, where there are any."""

    def __init__(
        self, endpoint: Endpoint, origin_allowed: OriginAllowed, forwarding: Forwarding | None = None
    ) -> None:
        self._endpoint = endpoint
        self._origin_allowed = origin_allowed
        self._limits = endpoint.hub.limits
        self._forwarding = forwarding
        self.lines: dict[str, HttpLine] = {}
        """By id. As many as the hub takes connections, and those that are just being refused."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if not self._origin_allowed(scope):
            await _answer(send, 403)
            return
        await self._answered(self._carry_out, scope, receive, send)

    async def from_node(self, scope: Scope, receive: Receive, send: Send) -> None:
        """What another node was asked about a line of this one; to be mounted as a Route of its own. It goes no further."""
        await self._answered(self._carry_out_for_node, scope, receive, send)

    async def _answered(self, carry_out: Application, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await carry_out(scope, receive, send)
        except PeerLeft:
            pass  # There is nobody to answer.
        except Problem as problem:
            await _answer(send, problem.status, msgspec.json.encode({"code": problem.code}), _JSON)

    async def _carry_out(self, scope: Scope, receive: Receive, send: Send) -> None:
        match _header(scope, b"chat-line"), _header(scope, b"chat-mode"):
            case None, "stream":
                await self._stream(scope, receive, send)
            case None, "poll":
                await self._open_poll(scope, receive, send)
            case str(line_id), (None | "poll" | "end") as mode:
                if line := self.lines.get(line_id):
                    await self._on(line, mode, receive, send)
                else:
                    await self._elsewhere(scope["path"], line_id, mode or "", receive, send)
            case _:
                raise Problem(400, "bad_request")

    async def _on(self, line: HttpLine, mode: str | None, receive: Receive, send: Send) -> None:
        match mode:
            case "poll":
                await self._poll(line, receive, send)
            case "end":
                line.end()
                await _answer(send, 204)
            case _:
                await self._say(line, receive, send)

    # — other nodes ————————————————————————————————————————————————————————————

    async def _elsewhere(self, path: str, line_id: str, mode: str, receive: Receive, send: Send) -> None:
        """Nothing is asked twice: should an answer be lost, who spoke opens another line and says again what was not answered."""
        forwarding = self._forwarding
        if (
            forwarding is None
            or not forwarding.elsewhere(line_id)
            or forwarding.under_way >= self._limits.connections
        ):
            raise Problem(404, "unknown_line")
        try:
            body = _text(await _body(receive))
            if mode == "poll":
                poll = forwarding.ask(path, line_id, mode, body, self._limits.poll_seconds)
                answer = await _while_there(receive, poll)
            else:
                answer = await forwarding.ask(path, line_id, mode, body)
        except PeerLeft:
            await forwarding.ask(path, line_id, "end", b"")
            raise
        if answer is None:
            raise Problem(404, "unknown_line")
        kind = {200: _LINES, 204: None}.get(answer.status, _JSON)
        await _answer(send, answer.status, answer.body, kind)

    async def _carry_out_for_node(self, scope: Scope, receive: Receive, send: Send) -> None:
        line_id, mode = _header(scope, b"chat-line") or "", _header(scope, b"chat-mode")
        body = await _body(receive)
        if self._forwarding is None or not self._forwarding.signed(scope, line_id, mode or "", body):
            raise Problem(403, "forbidden")
        line = self.lines.get(line_id)
        if line is None:
            raise Problem(404, "unknown_line")
        await self._on(line, mode, _again(body, receive), send)

    # — opening ————————————————————————————————————————————————————————————————

    async def _stream(self, scope: Scope, receive: Receive, send: Send) -> None:
        body = _text(await _body(receive))
        unbounded = scope.get("extensions", {}).get(STREAM)
        line = self._open(scope, body, cut=unbounded() if unbounded else None)
        # Its connection may be cut after the line's end: no other request may come on it.
        headers = [*_ALWAYS, _LINES, (b"connection", b"close")]
        try:
            async with _watching(receive, line.end):
                await send({"type": "http.response.start", "status": 200, "headers": headers})
                lines = _first(line)
                while lines:
                    await send({"type": "http.response.body", "body": lines, "more_body": True})
                    lines = await line.take()
                await send({"type": "http.response.body", "body": b""})
        finally:
            line.end()

    async def _open_poll(self, scope: Scope, receive: Receive, send: Send) -> None:
        body = _text(await _body(receive))
        line = self._open(scope, body, absence=self._limits.poll_absence_seconds)
        await self._give(line, receive, send, FIRST_SECONDS, _first(line))

    def _open(self, scope: Scope, body: bytes, **how: Any) -> HttpLine:
        address = (scope.get("client") or ("",))[0]
        if self._forwarding is not None:
            how["line_id"] = self._forwarding.new_id()
        line = HttpLine(address, lambda line_id: self.lines.pop(line_id, None), **how)
        self.lines[line.id] = line
        try:
            line.stayed_away = self._endpoint.serve(line).takes_nothing
        except BaseException:
            line.end()
            raise
        line.tell(body)
        return line

    # — speaking and hearing ———————————————————————————————————————————————————

    async def _say(self, line: HttpLine, receive: Receive, send: Send) -> None:
        try:
            body = _text(await _body(receive))
        except PeerLeft:
            line.end()  # What follows must not come before what was lost here.
            raise
        if not await line.say(body):
            raise Problem(404, "unknown_line")
        await _answer(send, 204)

    async def _poll(self, line: HttpLine, receive: Receive, send: Send) -> None:
        if not line.polled:
            raise Problem(404, "unknown_line")
        if await _body(receive):
            raise Problem(400, "bad_request")
        await self._give(line, receive, send, self._limits.poll_seconds)

    async def _give(
        self, line: HttpLine, receive: Receive, send: Send, seconds: float, first: bytes = b""
    ) -> None:
        """Answer with what there is for the line's peer within so many seconds."""
        line.present()
        try:
            async with _watching(receive, line.end):
                lines = await line.take(seconds)
            await _answer(send, 200, first + lines, _LINES)
            line.absent()
        except BaseException:
            line.end()
            raise


# — HTTP ———————————————————————————————————————————————————————————————————————


def _first(line: HttpLine) -> bytes:
    return msgspec.json.encode({"type": "line", "id": line.id}) + b"\n"


@contextlib.asynccontextmanager
async def _watching(receive: Receive, left: Callable[[], object]) -> AsyncIterator[None]:
    """A peer that leaves while it is being answered has left the line."""

    async def until_gone() -> None:
        while (await receive())["type"] != "http.disconnect":
            pass
        left()

    watch = asyncio.create_task(until_gone())
    try:
        yield
    finally:
        watch.cancel()


async def _while_there(receive: Receive, work: Coroutine[Any, Any, T]) -> T:
    """Raises PeerLeft as soon as the peer leaves."""
    working = asyncio.create_task(work)
    try:
        async with _watching(receive, working.cancel):
            await asyncio.wait({working})
    finally:
        working.cancel()
    if working.cancelled():
        raise PeerLeft
    return working.result()


async def _body(receive: Receive) -> bytes:
    """A request's whole body. Raises Problem (too large), PeerLeft."""
    body, more = b"", True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise PeerLeft
        body += message.get("body", b"")
        more = message.get("more_body", False)
        if len(body) > MAX_FRAME_BYTES:
            raise Problem(413, "too_large")
    return body


def _again(body: bytes, receive: Receive) -> Receive:
    """The same request for who has not read its body yet."""
    unread = [{"type": "http.request", "body": body}]

    async def again() -> MutableMapping[str, Any]:
        return unread.pop() if unread else await receive()

    return again


def _text(body: bytes) -> bytes:
    """The same, once it is known to be UTF-8: nothing of what is not is taken."""
    try:
        body.decode()
    except UnicodeDecodeError:
        raise Problem(400, "bad_request") from None
    return body


def _header(scope: Scope, name: bytes) -> str | None:
    values = [value.decode("latin-1") for key, value in scope["headers"] if key == name]
    return values[0] if len(values) == 1 else None


async def _answer(
    send: Send, status: int, body: bytes = b"", kind: tuple[bytes, bytes] | None = None
) -> None:
    headers = [*_ALWAYS]
    if kind is not None:
        headers.append(kind)
    if status != 204:
        headers.append((b"content-length", str(len(body)).encode()))
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
