"""What the pages ask of the rest of the house: made by `app.build_app` when the server starts, found in each request's state."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Protocol

from starlette.requests import HTTPConnection

from chatserver.core.forms import Form
from chatserver.core.people import App
from chatserver.mail.addresses import Signer
from chatserver.services.accounts import Accounts
from chatserver.services.downloads import Downloads
from chatserver.services.files import Files
from chatserver.services.identity import Signed
from chatserver.services.library import Library
from chatserver.services.originals import Originals
from chatserver.services.portal import Portal
from chatserver.web.origins import Origins
from chatserver.web.pages import Pages


class MailStops(Protocol):
    """Who wants no mail that they did not ask for."""

    async def stop(self, app_id: int, address: str) -> None: ...

    async def resume(self, app_id: int, address: str) -> None: ...


@dataclass(frozen=True)
class Rooms:
    pages: Pages
    origins: Origins
    accounts: Accounts
    library: Library
    """Help articles."""
    find_app: Callable[[str], App]
    """By its public key. Raises Refused(not_found)."""
    form_for: Callable[[int, str], Form]
    """An app's ticket form, for an agent who attends it. Raises Refused."""
    originals: Originals
    """Mails as they came."""
    agent_signed_out: Callable[[int], Awaitable[None]]
    """An agent is signed in nowhere any more: their chats go back to the queue."""
    clock: Callable[[], int]
    """ms since 1970 UTC."""
    metrics: Callable[[], Awaitable[str]]
    """As a Prometheus server reads them."""
    metrics_token: str
    """Whoever shows it may read them; empty: nobody."""
    portal: Portal
    form_tokens: Signed[str]
    """Signs what forms of the portal bear."""
    files: Files
    downloads: Downloads
    refused: Callable[[str], None]
    """Counts a refusal, by its code."""
    mail_stops: MailStops
    mail_signer: Signer
    """Knows the links by which mail ends."""
    unready: Callable[[], Awaitable[list[str]]]
    """Why no traffic should come here now; empty when it may."""
    lacking: Callable[[], list[str]]
    """What chats go on without."""


def rooms(request: HTTPConnection) -> Rooms:
    found = request.state.rooms
    if not isinstance(found, Rooms):
        raise TypeError("the application was not started")
    return found
