"""Where Redis is, as the operator writes it: one server, sentinels that know it, or a cluster."""

from __future__ import annotations

import re
import ssl
from dataclasses import dataclass, field
from typing import Final, Literal
from urllib.parse import parse_qsl, unquote

Kind = Literal["server", "sentinel", "cluster"]

_URL: Final = re.compile(
    r"(?P<scheme>[a-z+]+)://(?:(?P<who>[^@/?#]*)@)?(?P<hosts>[^@/?#]*)(?P<path>/[^?#]*)?(?:\?(?P<query>[^#]*))?"
)
_HOST: Final = re.compile(r"(?P<host>\[[0-9A-Fa-f:.%]+\]|[\w.-]+)(?::(?P<port>\d{1,5}))?", re.ASCII)
_KINDS: Final[dict[str, tuple[Kind, bool]]] = {
    "redis": ("server", False),
    "rediss": ("server", True),
    "unix": ("server", False),
    "redis+sentinel": ("sentinel", False),
    "rediss+sentinel": ("sentinel", True),
    "redis+cluster": ("cluster", False),
    "rediss+cluster": ("cluster", True),
}
_TLS_OPTIONS: Final = {"ssl_ca_certs", "ssl_certfile", "ssl_keyfile", "ssl_cert_reqs", "ssl_check_hostname"}
_SENTINEL_OPTIONS: Final = {"sentinel_username", "sentinel_password"}


@dataclass(frozen=True)
class Place:
    """One server: a host and a port, or the path of a Unix socket."""

    host: str = ""
    port: int = 0
    path: str = ""

    def __str__(self) -> str:
        if self.path:
            return self.path
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


@dataclass(frozen=True)
class Credentials:
    """Never printed: an address may stand in a log."""

    username: str = field(default="", repr=False)
    password: str = field(default="", repr=False)


NOBODY: Final = Credentials()


@dataclass(frozen=True)
class Address:
    """`places`: the server itself, or those of its sentinels or of a cluster's members that are asked for it."""

    kind: Kind
    places: tuple[Place, ...]
    credentials: Credentials = NOBODY
    db: int = 0
    master: str = ""
    """The name by which the sentinels know the server."""
    sentinel_credentials: Credentials = NOBODY
    tls: ssl.SSLContext | None = field(default=None, repr=False)

    def __str__(self) -> str:
        places = ", ".join(map(str, self.places))
        return f"{self.master} of {places}" if self.master else places


def parse(url: str) -> Address:
    """ValueError with a sentence for the operator, which repeats nothing of the URL but names of options: it has a password."""
    found = _URL.fullmatch(url.strip())
    if found is None:
        raise ValueError("is no address of Redis: it should look like redis://:password@host:6379/0.")
    scheme, path, query = found["scheme"], found["path"] or "", found["query"] or ""
    if scheme not in _KINDS:
        raise ValueError(
            f"begins with {scheme}://, which is none of {', '.join(f'{name}://' for name in _KINDS)}."
        )
    kind, encrypted = _KINDS[scheme]
    options = _options(
        query,
        {"db"}
        | (_TLS_OPTIONS if encrypted else set())
        | (_SENTINEL_OPTIONS if kind == "sentinel" else set()),
    )
    master, db = "", options.get("db", "0")
    if scheme == "unix":
        if found["hosts"] or path in ("", "/"):
            raise ValueError("should name a socket by its whole path: unix:///run/redis/redis.sock.")
        places: tuple[Place, ...] = (Place(path=unquote(path)),)
    else:
        places = tuple(
            _place(host, 26379 if kind == "sentinel" else 6379) for host in found["hosts"].split(",")
        )
        parts = [unquote(part) for part in path.split("/")[1:] if part]
        if kind == "server" and len(places) > 1:
            raise ValueError("names several hosts: that is for redis+sentinel:// and redis+cluster://.")
        if kind == "sentinel":
            if not parts:
                raise ValueError(
                    "does not say which server the sentinels watch: redis+sentinel://host:26379/name."
                )
            master, *parts = parts
        if len(parts) > 1:
            raise ValueError(
                "has too many parts after the host: only the number of a database may stand there."
            )
        db = parts[0] if parts else db
    if not db.isascii() or not db.isdigit():
        raise ValueError("should end in the number of a database, such as /0.")
    if kind == "cluster" and int(db):
        raise ValueError("asks for a database: a cluster has number 0 only.")
    return Address(
        kind=kind,
        places=places,
        credentials=_credentials(found["who"] or ""),
        db=int(db),
        master=master,
        sentinel_credentials=Credentials(
            options.get("sentinel_username", ""), options.get("sentinel_password", "")
        ),
        tls=_tls(options) if encrypted else None,
    )


def _options(query: str, known: set[str]) -> dict[str, str]:
    options = dict(parse_qsl(query, keep_blank_values=True))
    if unknown := sorted(options.keys() - known):
        raise ValueError(f"has options that are not known here: {', '.join(unknown)}.")
    return options


def _place(text: str, port: int) -> Place:
    found = _HOST.fullmatch(text)
    if found is None or not 0 < int(found["port"] or port) < 65536:
        raise ValueError(
            "has something else than host:port where the host should be (a @, : or / in a password is written %40, %3A, %2F)."
        )
    return Place(found["host"].strip("[]"), int(found["port"] or port))


def _credentials(text: str) -> Credentials:
    username, _, password = text.partition(":")
    return Credentials(unquote(username), unquote(password))


def _tls(options: dict[str, str]) -> ssl.SSLContext:
    """What the system trusts, unless the options say otherwise; their names are those of redis-py."""
    wanted, names = (
        options.get("ssl_cert_reqs", "required"),
        options.get("ssl_check_hostname", "true").lower(),
    )
    if wanted not in ("required", "none"):
        raise ValueError("has an ssl_cert_reqs that is neither required nor none.")
    if names not in ("true", "false"):
        raise ValueError("has an ssl_check_hostname that is neither true nor false.")
    try:
        context = ssl.create_default_context(cafile=options.get("ssl_ca_certs"))
        if "ssl_certfile" in options:
            context.load_cert_chain(options["ssl_certfile"], options.get("ssl_keyfile"))
    except OSError as why:
        raise ValueError(
            f"names a certificate or key that cannot be read: {why.strerror or why.args[-1]}."
        ) from None
    context.check_hostname = wanted == "required" and names == "true"
    if wanted == "none":
        context.verify_mode = ssl.CERT_NONE
    return context
