"""/healthz, /readyz and /metrics of a process that has no other pages: what `serve` says of itself, at an address of their own.

They are told to whoever may reach that address: who could be anybody is kept out by the network, as with the pages of `serve`.
"""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Final

from chatserver import __version__
from chatserver.metrics import CONTENT_TYPE
from chatserver.settings import Settings
from chatserver.settings.addresses import Host

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

CONNECTIONS_AT_MOST: Final = 20
"""A balancer, a Prometheus, a person. A further one takes the place of one that asks for nothing; while all of them wait for an
answer, it hears 503."""


class NobodyListens(OSError):
    """The address cannot be listened at; `where`: as it was written."""

    def __init__(self, where: Host, problem: OSError) -> None:
        super().__init__(problem.errno, problem.strerror or str(problem))
        self.where = where.shown


class Pages:
    """`unready`: why nothing is to be expected of the process now. `without`: what it does without. `figures`: for Prometheus."""

    def __init__(
        self,
        token: str,
        *,
        unready: Callable[[], Awaitable[list[str]]],
        figures: Callable[[], Awaitable[str]],
        without: Callable[[], list[str]] = list,
    ) -> None:
        self._token = token
        self._unready = unready
        self._figures = figures
        self._without = without

    async def healthz(self, request: Request) -> Response:
        return _json({"status": "ok", "version": __version__})

    async def readyz(self, request: Request) -> Response:
        reasons = await self._unready()
        if reasons:
            return _json({"error": "unavailable", "reasons": reasons}, 503)
        without = self._without()
        return _json({"status": "ready"} | ({"without": without} if without else {}))

    async def metrics(self, request: Request) -> Response:
        """For a Prometheus server that shows `CHATSERVER_METRICS_TOKEN`; for anybody else there is no such page."""
        from starlette.responses import Response

        shown = request.headers.get("authorization", "")
        if not self._token or not secrets.compare_digest(shown.encode(), f"Bearer {self._token}".encode()):
            return _json({"error": "not_found"}, 404)
        text = await self._figures()
        return Response(text, media_type=CONTENT_TYPE, headers={"cache-control": "no-store"})


@asynccontextmanager
async def health(settings: Settings, pages: Pages) -> AsyncIterator[None]:
    """Tells them while the block lasts, wherever settings say. Raises NobodyListens."""
    where = settings.health_address
    if where is None:
        yield
        return
    async with _listening(where, pages):
        yield


@asynccontextmanager
async def _listening(where: Host, pages: Pages) -> AsyncIterator[None]:
    """uvicorn's connections with the bounds of ours, without its server: that one would take the signals. Imported where it is
    used: a process that tells nothing need not hold it."""
    import asyncio

    import uvicorn
    from starlette.applications import Starlette
    from starlette.routing import Route
    from uvicorn.server import ServerState

    from chatserver.server.few import FewProtocol

    names = ("healthz", "readyz", "metrics")
    app = Starlette(routes=[Route(f"/{name}", getattr(pages, name), methods=["GET"]) for name in names])
    app.router.redirect_slashes = False  # what is no page of ours is none, with a slash too
    config = uvicorn.Config(
        app,
        http=FewProtocol,
        ws="none",
        lifespan="off",
        access_log=False,
        log_config=None,
        server_header=False,
        proxy_headers=False,
        limit_concurrency=CONNECTIONS_AT_MOST + 1,  # it counts the one that asks
    )
    config.load()
    state = ServerState()
    loop = asyncio.get_running_loop()
    try:
        server = await loop.create_server(
            lambda: FewProtocol(CONNECTIONS_AT_MOST, config=config, server_state=state, app_state={}),
            where.host,
            where.port,
        )
    except OSError as problem:
        raise NobodyListens(where, problem) from problem
    try:
        yield
    finally:
        server.close()
        for connection in list(state.connections):
            connection.shutdown()
        for task in list(state.tasks):
            task.cancel()
        await asyncio.gather(*state.tasks, return_exceptions=True)


def _json(content: dict[str, object], status: int = 200) -> Response:
    from starlette.responses import JSONResponse

    return JSONResponse(content, status, headers={"cache-control": "no-store"})
