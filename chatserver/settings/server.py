"""Settings of the process: where it listens, what it calls itself, what it tells operators."""

from __future__ import annotations

from dataclasses import dataclass

from chatserver.settings import addresses, casts
from chatserver.settings.casts import setting

_EVERYWHERE = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - compared, not bound
"""What means all addresses, and the one of them that this machine itself calls."""


@dataclass(frozen=True)
class Server:
    """Where it listens, which language it speaks, what it tells operators."""

    host: str = setting("127.0.0.1", casts.host, "The address to listen on.")
    port: int = setting(8000, casts.whole(1, 65_535), "The port to listen on.")
    public_url: str = setting(
        "",
        casts.public_url,
        "The address under which browsers reach this server when a proxy stands before it, like `https://chat.example.com`. "
        "Requests for other hosts than this one and the machine's own names are refused.",
    )
    trusted_proxies: str = setting(
        "",
        casts.networks,
        "Addresses (or networks: `10.1.0.0/24`) of proxies, with commas between, whose `X-Forwarded-For` is believed. Others' is "
        "ignored.",
    )
    node_url: str = setting(
        "",
        casts.node_url,
        "The address under which other servers on the same PostgreSQL reach this one, like `http://10.0.0.5:8000`, in a network "
        "that nobody else reads.",
        shown="http://<HOST>:<PORT>; where it listens on every address, the one on its way to the database",
    )
    drain_seconds: float = setting(
        10.0,
        casts.number(0, 120),
        "On SIGTERM what was read is answered and everybody sent away, within so long.",
    )
    language: str = setting(
        "es",
        casts.one_of("auto", "es", "en", "pt"),
        "The language of pages for whoever asks for no other by `?lang=`; `auto` follows the browser.",
    )
    log_level: str = setting(
        "info", casts.one_of("debug", "info", "warning", "error"), "What to log. Texts of messages never are."
    )
    log_format: str = setting(
        "auto",
        casts.one_of("auto", "json", "text"),
        "One JSON object or one plain line per event; `auto` writes JSON unless at a terminal.",
    )
    metrics_token: str = setting(
        "",
        casts.secret,
        "Opens `/metrics` to a Prometheus server that sends it as `Authorization: Bearer …`; at least 32 characters.",
        shown="no such page",
        hidden=True,
    )
    health_listen: str = setting(
        "",
        addresses.health_listen,
        "Where `chatserver mail` and `chatserver work` tell `/healthz`, `/readyz` and `/metrics`, like `127.0.0.1:8026`: each at "
        "a port of its own. `serve` tells them where it listens.",
        shown="nowhere",
    )
    canary_seconds: float = setting(
        30.0,
        casts.number(0, 3600),
        "How often a server says something in a ticket of its own and measures when it and the others hear of it, where "
        "METRICS_TOKEN is set; 0: never.",
    )
    demo_password: str = setting(
        "",
        casts.text,
        "The password of the agents that `chatserver demo` makes.",
        shown="made once, kept in <DATA_DIR>/demo-password",
    )

    @property
    def health_address(self) -> addresses.Host | None:
        return addresses.host_and_port(self.health_listen) if self.health_listen else None

    @property
    def address(self) -> str:
        """The origin to print for people: where a browser on this machine finds the server."""
        return self.public_url or self.url_at(_EVERYWHERE.get(self.host, self.host))

    @property
    def everywhere(self) -> bool:
        """It listens on all addresses of the machine."""
        return self.host in _EVERYWHERE

    def url_at(self, host: str) -> str:
        """Where it is reached under this name or address of the machine."""
        return f"http://{f'[{host}]' if ':' in host else host}:{self.port}"
