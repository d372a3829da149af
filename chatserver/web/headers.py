"""Security headers on every answer. A route that needs another policy sets the header itself, and its own stands."""

from __future__ import annotations

from typing import Final

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from chatserver.web.origins import Origins, sources

_NOTHING_INLINE: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; "
    "base-uri 'none'; form-action 'self'; object-src 'none'"
)
# Our pages build their DOM without ever parsing HTML; a browser that knows the rule holds them to it.
_NO_HTML_PARSING: Final = "require-trusted-types-for 'script'"

STRICT: Final = f"{_NOTHING_INLINE}; connect-src 'self'; frame-ancestors 'none'; {_NO_HTML_PARSING}"

HSTS: Final = (b"strict-transport-security", b"max-age=31536000")


def page_policy(socket: str, ancestors: str = "'none'") -> str:
    """For a page that opens our WebSocket; `ancestors` is a CSP source list of who may frame it."""
    return f"{_NOTHING_INLINE}; connect-src 'self' {socket}; frame-ancestors {ancestors}; {_NO_HTML_PARSING}"


def console_policy(socket: str) -> str:
    """For the console, which shows how an article will look in a frame of its own."""
    return f"{page_policy(socket)}; frame-src 'self'"


PREVIEW: Final = (
    "default-src 'none'; style-src 'self'; object-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'self'; "
    "sandbox allow-same-origin"
)
"""For that frame: what somebody wrote, and nothing that could run. It keeps its origin, or it could not load our style sheet."""


def demo_policy(widget: str) -> str:
    """For the demo page, which stands for a host's page: it names the widget's origin as a host does (`chatserver csp`)."""
    return (
        f"default-src 'none'; {host_policy(widget)}; style-src 'self'; img-src 'self' data:; font-src 'self'; "
        "base-uri 'none'; form-action 'self'; object-src 'none'; frame-ancestors 'none'"
    )


def host_policy(widget: str, own: str = "'self' ") -> str:
    """What a host's own policy has to allow for the widget."""
    source = sources([widget])
    return f"script-src {own}{source}; connect-src {own}{source}; frame-src {source}"


_ALWAYS: Final = (
    (b"content-security-policy", STRICT.encode()),
    (b"x-content-type-options", b"nosniff"),
    # Not no-referrer: it makes browsers send "Origin: null" with our own forms.
    (b"referrer-policy", b"same-origin"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (
        b"permissions-policy",
        b"camera=(), microphone=(), geolocation=(), payment=(), usb=(), serial=()",
    ),
    # Pages and JSON differ by person and language; what may be kept says so itself.
    (b"cache-control", b"no-store"),
)


class SecurityHeaders:
    """Pure ASGI: adds what an answer has not set itself. A header set to the empty text is left out."""

    def __init__(self, app: ASGIApp, origins: Origins) -> None:
        self.app = app
        self.origins = origins

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        https = self.origins.scheme(scope) == "https"

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers: list[tuple[bytes, bytes]] = list(message.get("headers", ()))
                present = {name.lower() for name, _ in headers}
                headers += [entry for entry in _ALWAYS if entry[0] not in present]
                if https:
                    headers.append(HSTS)
                message = {**message, "headers": [entry for entry in headers if entry[1]]}
            await send(message)

        await self.app(scope, receive, send_with_headers)
