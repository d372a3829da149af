"""A page while the database does not answer: told within the portal, with a way to try again."""

from __future__ import annotations

import logging

from starlette.requests import Request
from starlette.responses import Response

from chatserver.store.base import StoreFailed
from chatserver.web.errors import AGAIN_SECONDS
from chatserver.web.portal.visit import Visit
from chatserver.web.rooms import rooms

log = logging.getLogger(__name__)


class Outage:
    """Of one process: logged when it begins and when it is over, however many people look meanwhile."""

    def __init__(self) -> None:
        self._goes_on = False

    def is_met(self, request: Request, problem: Exception) -> bool:
        """Whether this came of the database's being away, and of nothing else."""
        if not (isinstance(problem, StoreFailed) or rooms(request).portal.db.is_away(problem)):
            return False
        if not self._goes_on:
            log.error("pages of the portal cannot be shown: the database fails (%s)", type(problem).__name__)
        self._goes_on = True
        return True

    def is_over(self) -> None:
        """Somebody was found in the database again."""
        if self._goes_on:
            log.info("pages of the portal are shown again")
        self._goes_on = False


def page(request: Request) -> Response:
    """In place of the one that was asked for, whoever it was. Raises HTTPException(404) for an app that is not there."""
    visit, asked = Visit.unknown(request), request.url
    again = f"{asked.path}?{asked.query}" if asked.query else asked.path
    response = visit.notice("away", 503, to=again, label="portal.away.again")
    response.headers["retry-after"] = str(AGAIN_SECONDS)
    return response
