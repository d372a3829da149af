"""A client of the fallback over HTTP, written from `docs/protocol.md` alone: what a socket's client can do, this one can."""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
from collections.abc import AsyncIterator, Mapping
from typing import Any, Literal

import httpx2

from tests.realtime.chat import ORIGIN, PATIENCE, Client

Mode = Literal["stream", "poll"]


class LineLost(Exception):
    """The line ended without a word."""


class LineClient(Client):
    """Speaks on a line that `opened` made. `code`: the close code, once the line has said it."""

    def __init__(self, http: httpx2.AsyncClient, path: str, mode: Mode) -> None:
        super().__init__(None)  # type: ignore[arg-type]  # no socket: everything that would use it is below
        self.http = http
        self.path = path
        self.mode = mode
        self.id = ""
        self.code: int | None = None
        self.headers = httpx2.Headers()
        """Of the answer that opened it."""
        self._stream: AsyncIterator[bytes] | None = None
        self._rest = b""
        self._lines: list[str] = []

    async def send(self, **frame: Any) -> None:
        assert (await self.post(frame)).status_code == 204

    async def post(self, *frames: dict[str, Any], **headers: str) -> httpx2.Response:
        """One request with these frames."""
        return await self.post_bytes(ndjson(*frames), **headers)

    async def post_bytes(self, body: bytes, **headers: str) -> httpx2.Response:
        named = {f"chat-{name}": value for name, value in {"line": self.id, **headers}.items()}
        return await self.http.post(self.path, content=body, headers=named)

    async def poll(self) -> httpx2.Response:
        return await self.post(mode="poll")

    async def leave(self) -> None:
        assert (await self.post(mode="end")).status_code == 204

    async def receive(self) -> dict[str, Any]:
        """The next frame. Raises LineLost at the end."""
        async with asyncio.timeout(PATIENCE):
            while not self._lines:
                await self._more()
        frame: dict[str, Any] = json.loads(self._lines.pop(0))
        if frame["type"] == "end":
            self.code = frame["code"]
            raise LineLost
        self.got.append(frame)
        return frame

    async def close_code(self) -> int:
        with contextlib.suppress(LineLost):
            while True:
                await self.receive()
        return self.code or 1006

    def take(self, body: bytes) -> None:
        """The next piece of an answer."""
        *lines, self._rest = (self._rest + body).split(b"\n")
        self._lines += [line.decode() for line in lines]

    async def _more(self) -> None:
        if self._stream is not None:
            piece = await anext(self._stream, None)
            if piece is None:
                raise LineLost
            self.take(piece)
            return
        answer = await self.poll()
        if answer.status_code == 404:
            raise LineLost
        assert answer.status_code == 200
        self.take(answer.content)
        assert not self._rest

    @contextlib.asynccontextmanager
    async def opened(self, *frames: dict[str, Any]) -> AsyncIterator[None]:
        """Open the line with these frames, and read up to the line's own id."""
        async with self.http.stream(
            "POST", self.path, content=ndjson(*frames), headers={"chat-mode": self.mode}
        ) as answer:
            assert answer.status_code == 200
            self.headers = answer.headers
            self._stream = answer.aiter_bytes()
            await self._read_id()
            if self.mode == "poll":
                async for piece in self._stream:
                    self.take(piece)
                self._stream = None
            yield

    async def _read_id(self) -> None:
        async with asyncio.timeout(PATIENCE):
            while not self._lines:
                await self._more()
        first = json.loads(self._lines.pop(0))
        assert first["type"] == "line"
        self.id = first["id"]


def ndjson(*frames: dict[str, Any]) -> bytes:
    return b"".join(json.dumps(frame, ensure_ascii=False).encode() + b"\n" for frame in frames)


def request(path: str, body: bytes, *headers: str) -> bytes:
    """The same as bytes, for a peer that speaks them."""
    lines = [
        f"POST {path} HTTP/1.1",
        "Host: 127.0.0.1",
        f"Origin: {ORIGIN}",
        f"Content-Length: {len(body)}",
        *headers,
    ]
    return "\r\n".join([*lines, "", ""]).encode() + body


@contextlib.asynccontextmanager
async def line(
    port: int,
    path: str,
    mode: Mode,
    *frames: dict[str, Any],
    origin: str = ORIGIN,
    narrow: bool = False,
    headers: Mapping[str, str] = {},
) -> AsyncIterator[LineClient]:
    """A line that has said no more than these frames. At the end a stream breaks off; nothing would do so for polls.

    `narrow`: it keeps next to nothing that was not received.
    """
    options = [(socket.SOL_SOCKET, socket.SO_RCVBUF, 8_192)] if narrow else []
    async with httpx2.AsyncClient(
        base_url=f"http://127.0.0.1:{port}",
        headers={"origin": origin, **headers},
        timeout=PATIENCE,
        transport=httpx2.AsyncHTTPTransport(socket_options=options),
    ) as http:
        client = LineClient(http, path, mode)
        async with client.opened(*frames):
            yield client
        if mode == "poll":
            with contextlib.suppress(httpx2.TransportError):
                await client.post(mode="end")


@contextlib.asynccontextmanager
async def customer_line(
    port: int, mode: Mode = "stream", name: str = "ana", *, narrow: bool = False
) -> AsyncIterator[LineClient]:
    hello = {"type": "hello", "v": 1, "app": "demo", "token": f"customer:{name}"}
    async with line(port, "/line/customer", mode, hello, narrow=narrow) as client:
        client.welcome = await client.expect("welcome")
        yield client


@contextlib.asynccontextmanager
async def agent_line(port: int, mode: Mode = "stream", agent_id: int = 1) -> AsyncIterator[LineClient]:
    """Of an agent who is available."""
    hello = {"type": "hello", "v": 1, "token": f"agent:{agent_id}"}
    async with line(port, "/line/agent", mode, hello) as client:
        client.welcome = await client.expect("welcome")
        if client.welcome["status"] != "available":
            await client.send(type="status", status="available")
            await client.expect("done", verb="status")
        yield client
