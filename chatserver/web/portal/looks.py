"""The app's colour, as a style sheet: the policy of our pages allows no style in the page itself."""

from __future__ import annotations

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from chatserver.core.errors import Refused
from chatserver.web.color import style_sheet
from chatserver.web.rooms import rooms


async def color(request: Request) -> Response:
    """`GET /portal/{app}/color.css?v=…`: may be kept, since another colour has another address."""
    try:
        app = rooms(request).find_app(request.path_params["app"])
    except Refused:
        raise HTTPException(404) from None
    return Response(
        style_sheet(app.color), media_type="text/css", headers={"cache-control": "public, max-age=86400"}
    )
