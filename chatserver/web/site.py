"""The front door, the loader's script, static files, health."""

from __future__ import annotations

import secrets

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from chatserver import __version__
from chatserver.core.errors import Refused
from chatserver.metrics import CONTENT_TYPE
from chatserver.services.apps import DEMO
from chatserver.web.errors import json_error
from chatserver.web.origins import header
from chatserver.web.rooms import rooms


async def index(request: Request) -> Response:
    house = rooms(request)
    try:
        house.find_app(DEMO)
        has_demo = True
    except Refused:
        has_demo = False
    lang = house.pages.language(request)
    query = f"?lang={lang}" if "lang" in request.query_params else ""
    return house.pages.page("index.html", lang, has_demo=has_demo, query=query)


async def widget(request: Request) -> Response:
    """`/widget.js`: the one line that hosts embed, so its name never changes and it is not kept for long."""
    assets = rooms(request).pages.assets
    if not assets.built:
        raise HTTPException(503)
    return assets.serve(request, "build/widget.js", cross_origin=True)


async def static(request: Request) -> Response:
    return rooms(request).pages.assets.serve(request, request.path_params["path"])


async def icon(request: Request) -> Response:
    """Browsers ask for it by themselves on pages that name none, such as the demo's."""
    return rooms(request).pages.assets.serve(request, "icon.svg")


async def healthz(request: Request) -> Response:
    """The process is alive and answers."""
    return JSONResponse({"status": "ok", "version": __version__})


async def metrics(request: Request) -> Response:
    """For a Prometheus server that shows `CHATSERVER_METRICS_TOKEN`; for anybody else there is no such page."""
    token = rooms(request).metrics_token
    shown = header(request.scope, b"authorization") or ""
    if not token or not secrets.compare_digest(shown.encode(), f"Bearer {token}".encode()):
        raise HTTPException(404)
    return Response(
        await rooms(request).metrics(), media_type=CONTENT_TYPE, headers={"cache-control": "no-store"}
    )


async def readyz(request: Request) -> Response:
    """Traffic may come: the database takes writes, and the server is not on its way out."""
    reasons = await rooms(request).unready()
    if reasons:
        return json_error(503, "unavailable", reasons=reasons)
    # Chats go on without files: no reason to send people elsewhere, and no reason to keep quiet about it.
    without = rooms(request).lacking()
    return JSONResponse({"status": "ready"} | ({"without": without} if without else {}))
