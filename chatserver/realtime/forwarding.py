"""Lines between nodes: a request for a line goes on to the node where that line was opened, and its answer comes back.

What nodes say to each other is signed with the installation's secret. It is not enciphered: it stays in a network that nobody
else reads. docs/architecture.md, "Many nodes".
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import re
import secrets
from collections.abc import Callable, Mapping
from typing import Any, Final
from urllib.parse import urlsplit

import msgspec
from httptools import HttpParserError, HttpResponseParser

from chatserver.realtime.ports import Scope

BEFORE: Final = "/node"
"""In the path of what nodes ask of each other."""
CONNECT_SECONDS: Final = 1.0
ANSWER_SECONDS: Final = 5.0
"""Beyond the time that a poll may take."""
FRESH_MS: Final = 30_000
"""A signature is good for so long, either way."""
ANSWER_BYTES: Final = 4_194_304
"""A line's 64 KiB and the frame that crosses them, escaped six times over."""

_LINE: Final = re.compile(r"([1-9][0-9]{0,18})\.[\w-]{22}", re.ASCII)
_PASSED_ON: Final = frozenset({200, 204, 400, 413})
"""All else is a line that cannot be reached."""


class Answer(msgspec.Struct, frozen=True):
    status: int
    body: bytes


class Forwarding:
    """`secret`: the installation's. `now`: ms UTC, the same on all nodes."""

    def __init__(self, secret: str, now: Callable[[], int]) -> None:
        self._key = hmac.digest(secret.encode(), b"between nodes", "sha256")
        self._now = now
        self._node = 0
        self._urls: Mapping[int, str] = {}
        self._asked: dict[_Exchange, int] = {}
        """Under way, and which node was asked."""

    def living(self, node: int, urls: Mapping[int, str]) -> None:
        """This is `node`, and these are alive. Nobody waits any longer for one that is not."""
        self._node, self._urls = node, urls
        for exchange, owner in list(self._asked.items()):
            if owner not in urls:
                exchange.give_up()

    @property
    def under_way(self) -> int:
        return len(self._asked)

    def new_id(self) -> str:
        """For a line of this node."""
        return f"{self._node}.{secrets.token_urlsafe(16)}"

    def elsewhere(self, line_id: str) -> bool:
        """Another node that is alive may have this line."""
        owner = _owner(line_id)
        return owner != self._node and bool(self._urls.get(owner))

    async def ask(self, path: str, line_id: str, mode: str, body: bytes, waits: float = 0) -> Answer | None:
        """Of the node whose line it is, what `path` was asked here. None: it was not taken, or nobody knows.

        `waits`: seconds that the other node itself may take for it. Cancelled it breaks off, and the other node sees its peer
        leave.
        """
        owner = _owner(line_id)
        exchange = _Exchange(self._request(f"{BEFORE}{path}", line_id, mode, body))
        self._asked[exchange] = owner
        try:
            answer = await self._exchanged(exchange, self._urls.get(owner, ""), ANSWER_SECONDS + waits)
        finally:
            del self._asked[exchange]
        return answer if answer and answer.status in _PASSED_ON else None

    async def anybody_ready(self) -> bool:
        """Another node that was alive lately says that it takes people."""
        urls = [url for node, url in self._urls.items() if node != self._node]
        return any(await asyncio.gather(*map(self._ready, urls)))

    async def _ready(self, url: str) -> bool:
        exchange = _Exchange(b"GET /readyz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        answer = await self._exchanged(exchange, url, ANSWER_SECONDS)
        return answer is not None and answer.status == 200

    async def _exchanged(self, exchange: _Exchange, url: str, seconds: float) -> Answer | None:
        there = urlsplit(url)
        try:
            async with asyncio.timeout(CONNECT_SECONDS):
                loop = asyncio.get_running_loop()
                await loop.create_connection(lambda: exchange, there.hostname or "", there.port or 80)
            async with asyncio.timeout(seconds):
                return await exchange.answer
        except (OSError, TimeoutError):
            return None
        finally:
            exchange.end()

    def signed(self, scope: Scope, line_id: str, mode: str, body: bytes) -> bool:
        """A node asks this, and asks it now."""
        at, signature = _header(scope, b"node-at"), _header(scope, b"node-signature")
        if not re.fullmatch(rb"[0-9]{1,15}", at) or abs(self._now() - int(at)) > FRESH_MS:
            return False
        return hmac.compare_digest(self._signature(scope["path"], line_id, mode, int(at), body), signature)

    def _request(self, path: str, line_id: str, mode: str, body: bytes) -> bytes:
        head = self._head(path, line_id, mode, body)
        return "\r\n".join([*head, "", ""]).encode() + body

    def _head(self, path: str, line_id: str, mode: str, body: bytes) -> list[str]:
        at = self._now()
        return [
            f"POST {path} HTTP/1.1",
            "Host: localhost",  # every node answers to that name, whatever its public one is
            "Connection: close",
            f"Content-Length: {len(body)}",
            f"Chat-Line: {line_id}",
            *([f"Chat-Mode: {mode}"] if mode else []),
            f"Node-At: {at}",
            f"Node-Signature: {self._signature(path, line_id, mode, at, body).decode()}",
        ]

    def _signature(self, path: str, line_id: str, mode: str, at: int, body: bytes) -> bytes:
        said = "\n".join([path, line_id, mode, str(at), hashlib.sha256(body).hexdigest()])
        return hmac.digest(self._key, said.encode(), "sha256").hex().encode()


class _Exchange(asyncio.Protocol):
    """A request and its answer, if one comes, on a connection of their own."""

    def __init__(self, request: bytes) -> None:
        self.answer: asyncio.Future[Answer | None] = asyncio.get_running_loop().create_future()
        self._request = request
        self._transport: Any = None
        self._parser: Any = HttpResponseParser(self)
        self._body = b""

    def give_up(self) -> None:
        if not self.answer.done():
            self.answer.set_result(None)

    def end(self) -> None:
        if self._transport is not None:
            self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport
        self._transport.write(self._request)

    def data_received(self, data: bytes) -> None:
        try:
            self._parser.feed_data(data)
        except HttpParserError:
            self.give_up()

    def connection_lost(self, exc: Exception | None) -> None:
        self.give_up()

    # — for the parser —————————————————————————————————————————————————————————

    def on_body(self, piece: bytes) -> None:
        self._body += piece
        if len(self._body) > ANSWER_BYTES:
            self.give_up()

    def on_message_complete(self) -> None:
        if not self.answer.done():
            self.answer.set_result(Answer(self._parser.get_status_code(), self._body))


def _owner(line_id: str) -> int:
    """The node that an id names; 0: none."""
    match = _LINE.fullmatch(line_id)
    return int(match[1]) if match else 0


def _header(scope: Scope, name: bytes) -> bytes:
    """Its one value, or nothing."""
    values = [value for key, value in scope["headers"] if key == name]
    return values[0] if len(values) == 1 else b""
