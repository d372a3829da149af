"""Where mails lead: the pages that a link in one opens. Who has other pages hands over other functions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, NamedTuple
from urllib.parse import quote, urlsplit

import msgspec

from chatserver.core.outbox import is_copied
from chatserver.core.people import App
from chatserver.core.tickets import Ticket
from chatserver.mail.addresses import Signer


class Links(NamedTuple):
    """Each gives an address, or "" where there is no such page: the mail says then what it can without it."""

    ticket: Callable[[App, Ticket, str], str]
    """Where the one to whom the mail goes (an e-mail address) reads the ticket, answers, and rates."""
    new: Callable[[App, Ticket, str], str]
    """Where they open another one, that follows this."""
    access: Callable[[App, str, Ticket | None], str]
    """Where the one to whom this token is mailed makes an account, and comes to the ticket."""
    door: Callable[[App], str]
    """Where somebody signs in."""
    stop: Callable[[App, str], str]
    """Where mail to this address ends, without a question asked when it is POSTed to (RFC 8058)."""


def links(public_url: str, signer: Signer) -> Links:
    """`public_url`: this server's, without a path. Tickets are read where their reader is known: those of an account, or of who
    only ever wrote mails, and by who is in copy, in the portal; others in the widget, on the host's page."""

    def portal(app: App, page: str) -> str:
        return f"{public_url}/portal/{app.key}/{page}"

    def read_at(app: App, ticket: Ticket, address: str, page: str) -> str:
        # Who is in copy is no customer of the widget's: the portal knows them by the address that they confirm.
        if ticket.customer.key.startswith(_IN_PORTAL) or is_copied(ticket, address):
            return portal(app, page)
        return host_page(app, ticket) or portal(app, page)

    return Links(
        ticket=lambda app, ticket, address: read_at(app, ticket, address, f"tickets/{ticket.number}"),
        new=lambda app, ticket, address: read_at(app, ticket, address, f"new?follows={ticket.number}"),
        access=lambda app, token, ticket: portal(
            app, f"link?t={token}" + (f"&place=tickets/{ticket.number}" if ticket else "")
        ),
        door=lambda app: portal(app, "sign-in"),
        stop=lambda app, address: f"{public_url}/mail/stop/{app.key}/{signer.stop_token(app.id, address)}",
    )


_IN_PORTAL: Final = ("portal:", "mail:")


def host_page(app: App, ticket: Ticket) -> str:
    """The page on which the ticket was opened, if it is of one of the app's own origins: the context is what a browser said,
    and a mail must not lead wherever a stranger likes. Else the first origin."""
    try:
        context = msgspec.json.decode(ticket.context) if ticket.context else {}
        url = context.get("url", "") if isinstance(context, dict) else ""
        parts = urlsplit(url) if isinstance(url, str) and len(url) <= 1000 and url.isascii() else urlsplit("")
        origin = f"{parts.scheme}://{parts.netloc}"
    except (msgspec.MsgspecError, RecursionError, ValueError):
        return _first(app)
    if origin not in app.origins or not url.isprintable() or " " in url:
        return _first(app)
    # What stands behind "?" or "#" was that visit's: it may be a secret of whoever sat there.
    return f"{origin}{quote(parts.path or '/', safe='/%:@!$&()*+,;=~-._')}"


def _first(app: App) -> str:
    return f"{app.origins[0]}/" if app.origins else ""
