"""Which hosts and origins are ours, and which requests come from our own pages.

Nothing here believes a header that an untrusted peer may set at will: forwarded hosts and schemes are not read. Behind a
proxy the public address is a setting.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final
from urllib.parse import urlsplit

from starlette.types import Scope

LOOPBACK: Final = frozenset({"localhost", "127.0.0.1", "[::1]"})

_HOST = re.compile(r"(?P<name>[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?|\[[0-9a-f:.]+\])(?::(?P<port>[0-9]{1,5}))?")
_PLAIN_SCHEME = {"ws": "http", "wss": "https"}


def header(scope: Scope, name: bytes) -> str | None:
    """The one value of a header; None when it is absent or, being there twice, cannot be trusted."""
    values = [value for key, value in scope["headers"] if key == name]
    return values[0].decode("latin-1") if len(values) == 1 else None


def bearer(scope: Scope) -> str:
    """The token of an `Authorization: Bearer …`; "" without one."""
    scheme, _, token = (header(scope, b"authorization") or "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else ""


class Origins:
    """The hosts that this server answers for."""

    def __init__(self, host: str, public_url: str = "") -> None:
        self.public = urlsplit(public_url) if public_url else None
        own = f"[{host}]" if ":" in host else host
        self.names = LOOPBACK | {own} | ({_bare(self.public.netloc)} if self.public else set())

    def host(self, scope: Scope) -> str | None:
        """The Host header (name, and port where there is one) when it is one of ours; None for any other."""
        host = (header(scope, b"host") or "").lower()
        match = _HOST.fullmatch(host)
        return host if match and match["name"] in self.names else None

    def scheme(self, scope: Scope) -> str:
        """What the browser speaks: the public address's scheme under the public host, else the connection's own."""
        if self.public is not None and self.host(scope) == self.public.netloc:
            return self.public.scheme
        scheme = str(scope["scheme"])
        return _PLAIN_SCHEME.get(scheme, scheme)

    def own(self, scope: Scope) -> str:
        """The origin under which this request reached us. Only for requests whose host is ours."""
        return f"{self.scheme(scope)}://{self.host(scope)}"

    def canonical(self, scope: Scope) -> str:
        """The one origin under which pages are to be known, whichever of our hosts was asked."""
        return f"{self.public.scheme}://{self.public.netloc}" if self.public is not None else self.own(scope)

    def origin_allowed(self, scope: Scope) -> bool:
        """May this WebSocket be accepted: it comes from a page of this very origin. Both sockets are opened by our own pages."""
        return self.host(scope) is not None and header(scope, b"origin") == self.own(scope)

    def from_own_page(self, scope: Scope) -> bool:
        """May this request change anything: the browser says that one of our own pages sent it. Neither header: refused."""
        if self.host(scope) is None:
            return False
        site = header(scope, b"sec-fetch-site")
        if site is not None and site != "same-origin":
            return False
        origin = header(scope, b"origin")
        if origin is not None:
            return origin == self.own(scope)
        return site is not None

    def is_loopback(self, scope: Scope) -> bool:
        return _bare(self.host(scope) or "") in LOOPBACK

    def socket(self, scope: Scope) -> str:
        """Our WebSocket origin as a CSP source; older Safari does not count it as 'self'."""
        return f"{'wss' if self.scheme(scope) == 'https' else 'ws'}://{self.host(scope)}"


def port_of(host: str) -> str:
    """ ":8000" of "localhost:8000", empty where there is none."""
    match = _HOST.fullmatch(host)
    return f":{match['port']}" if match and match["port"] else ""


def _bare(host: str) -> str:
    match = _HOST.fullmatch(host)
    return match["name"] if match else ""


def exact_origin(text: str) -> str | None:
    """An origin as browsers write it (`https://example.com`, `http://localhost:3000`), else None."""
    parts = text.lower().split("://")
    if len(parts) != 2 or parts[0] not in ("http", "https") or not _HOST.fullmatch(parts[1]):
        return None
    default = ":80" if parts[0] == "http" else ":443"
    return f"{parts[0]}://{parts[1].removesuffix(default)}"


def why_no_origin(text: str) -> str:
    """What is wrong with an origin that an administrator wrote, to follow a colon; "" where it is one."""
    if (meant := exact_origin(text)) == text:
        return ""
    if meant and meant != text.lower():
        return f"browsers leave the scheme's usual port out, write {meant}"
    if meant:
        return f"browsers write it in small letters, write {meant}"
    scheme, _, host = text.partition("://")
    if scheme.lower() not in ("http", "https") or not host:
        return "it has to begin with https:// or http://"
    if "*" in host:
        return "no wildcard is understood; give each origin by itself, --origin may be repeated"
    before, found, _ = host.partition("/")
    if found and exact_origin(f"{scheme}://{before}"):
        return f"it ends before the path, and has no slash at its end, write {exact_origin(f'{scheme}://{before}')}"
    return "after the scheme there is a host name (other letters as xn--…), and a port where it is not the usual one"


def sources(origins: Iterable[str]) -> str:
    """Origins as a CSP source list; whatever is no exact origin is left out, for it could carry a directive of its own."""
    return " ".join(filter(None, map(exact_origin, origins))) or "'none'"
