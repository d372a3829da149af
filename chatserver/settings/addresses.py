"""Where others are reached, read from URLs: databases, Redis, mail servers, a virus scanner, a bucket.

Raises ValueError with what is wrong, to follow the setting's name. A URL that may hold a password is never quoted.
"""

from __future__ import annotations

import importlib.util
import ipaddress
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple
from urllib.parse import SplitResult, parse_qs, unquote, urlsplit

from chatserver.settings import casts

SQLITE = "sqlite:///"
REDIS = (
    "redis://",
    "rediss://",
    "unix://",
    "redis+sentinel://",
    "rediss+sentinel://",
    "redis+cluster://",
    "rediss+cluster://",
)
POSTGRES = ("postgres://", "postgresql://", "postgresql+asyncpg://")


def database_url(text: str) -> str:
    if text.startswith(POSTGRES):
        return _postgres_url(text)
    if not text.startswith(SQLITE) or not text.removeprefix(SQLITE) or ":memory:" in text:
        # Never quoted: it may hold a password.
        raise ValueError(
            "must be a file like sqlite:///var/chatserver.db or a server like postgresql://user@host/name"
        )
    return text


def _postgres_url(text: str) -> str:
    try:
        parts = urlsplit(text)
        # A "/" in a password ends the host: it has to be written as %2F.
        good = parts.path.strip("/") and "@" not in parts.path and (parts.port is None or parts.port > 0)
    except ValueError:
        good = False
    if not good:
        raise ValueError("must name a host and a database, like postgresql://user:password@host:5432/name")
    return text


def redis_url(text: str) -> str:
    if not text.startswith(REDIS):
        raise ValueError(
            "must be an address like redis://host:6379, redis+sentinel://host,host/name or redis+cluster://host,host"
        )
    return text


class Smtp(NamedTuple):
    """A server that takes mails to wherever they go. `tls`: from the first byte on ("smtps"), asked for before anything is said
    ("starttls"), or not at all ("off"). `ca`: a file with whom to trust instead of the system's authorities."""

    host: str
    port: int
    user: str
    password: str
    tls: str
    ca: str


def smtp(url: str) -> Smtp:
    """What a URL of CHATSERVER_SMTP_URL says. Raises ValueError, which never quotes it: it may hold a password."""
    wrong = "must be an address like smtp://user:password@host:587 or smtps://user:password@host"
    parts, asked = _mail_server(url, "smtp", wrong)
    if parts.path not in ("", "/"):
        raise ValueError(wrong)
    tls = _tls(parts, asked)
    default = {"smtps": 465, "starttls": 587, "off": 25}[tls]
    user, password = _credentials(parts)
    return Smtp(parts.hostname or "", parts.port or default, user, password, tls, asked.get("ca", [""])[0])


class Imap(NamedTuple):
    """A mailbox that is read. `tls`: from the first byte on ("imaps"), asked for before anything is said ("starttls"), or not at
    all ("off"). `ca`: as of `Smtp`."""

    host: str
    port: int
    user: str
    password: str
    tls: str
    ca: str
    folder: str


def imap(url: str) -> Imap:
    """What a URL of CHATSERVER_MAILBOX_URL says. Raises ValueError, which never quotes it."""
    wrong = "must be an address like imaps://user:password@host/INBOX"
    parts, asked = _mail_server(url, "imap", wrong)
    user, password = _credentials(parts)
    if not user or not password:
        raise ValueError(wrong)
    tls = _tls(parts, asked)
    port = parts.port or (993 if tls == "imaps" else 143)
    where = folder(unquote(parts.path.removeprefix("/")) or "INBOX")
    return Imap(parts.hostname or "", port, user, password, tls, asked.get("ca", [""])[0], where)


def _credentials(parts: SplitResult) -> tuple[str, str]:
    return unquote(parts.username or ""), unquote(parts.password or "")


def _mail_server(url: str, scheme: str, wrong: str) -> tuple[SplitResult, dict[str, list[str]]]:
    """`scheme`, or the same with an "s" behind it."""
    try:
        parts = urlsplit(url)
        asked = parse_qs(parts.query, keep_blank_values=True)
        good = parts.scheme in (scheme, f"{scheme}s") and parts.hostname and parts.port != 0
    except ValueError:
        raise ValueError(wrong) from None
    if not good or parts.fragment or (parts.password and not parts.username):
        raise ValueError(wrong)
    if unknown_words := asked.keys() - {"starttls", "tls", "ca"}:
        raise ValueError(
            f"knows ?starttls, ?tls=off and ?ca=FILE behind the host, not {min(unknown_words)!r}"
        )
    return parts, asked


def _tls(parts: SplitResult, asked: Mapping[str, list[str]]) -> str:
    if asked.get("tls", ["off"]) != ["off"]:
        raise ValueError(f"knows tls=off only; with {parts.scheme}:// or ?starttls everything is enciphered")
    if parts.scheme.endswith("s"):
        return parts.scheme
    off = asked.get("tls") == ["off"] or _loopback(parts.hostname or "")
    return "off" if off and "starttls" not in asked else "starttls"


def folder(text: str) -> str:
    if len(text) > 200 or not text.isprintable():
        raise ValueError("names a folder that no mailbox has")
    return text


def _loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def smtp_url(text: str) -> str:
    _require_readable(smtp(text).ca)
    return text


def mailbox_url(text: str) -> str:
    _require_readable(imap(text).ca)
    return text


def _require_readable(file: str) -> None:
    if file and not os.access(file, os.R_OK):
        raise ValueError(f"names a file that cannot be read: {file}")


class Clamd(NamedTuple):
    """A virus scanner: `path` of a Unix socket, or `host` and `port`. `passes`: what it cannot scan is taken all the same."""

    host: str
    port: int
    path: Path | None
    passes: bool = False

    @property
    def shown(self) -> str:
        return f"unix:{self.path}" if self.path else f"{self.host}:{self.port}"


def clamd(text: str) -> Clamd:
    """ValueError with what is wrong, to follow the name."""
    if text.startswith("unix:/"):
        return Clamd("", 0, Path(text.removeprefix("unix:")))
    host, colon, port = text.rpartition(":")
    if not colon or not casts.host(host) or "/" in text or not port.isdecimal() or not 0 < int(port) < 65_536:
        raise ValueError(f"must be like unix:/run/clamav/clamd.ctl or 127.0.0.1:3310, not {text!r}")
    return Clamd(casts.host(host), int(port), None)


def clamd_at(text: str) -> str:
    clamd(text)
    return text


class S3(NamedTuple):
    """A bucket of an S3-compatible store; `endpoint`: of another one than Amazon's. `prefix`: before the names of all objects."""

    bucket: str
    prefix: str
    endpoint: str
    region: str

    @property
    def shown(self) -> str:
        return f"s3://{self.bucket}{'/' if self.prefix else ''}{self.prefix}"


def s3(url: str) -> S3:
    """ValueError with what is wrong, to follow the name. Who may is said elsewhere: a URL with a name in it is refused."""
    wrong = (
        "must be like s3://bucket/prefix or s3://bucket?endpoint=https://minio.example.com&region=us-east-1"
    )
    try:
        parts = urlsplit(url)
        asked = parse_qs(parts.query, strict_parsing=bool(parts.query))
    except ValueError:
        raise ValueError(wrong) from None
    prefix = parts.path.strip("/")
    endpoint = asked.get("endpoint", [""])[0]
    good = (
        parts.scheme == "s3"
        and re.fullmatch(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]", parts.netloc)
        and re.fullmatch(r"[\w./-]*", prefix)
        and not asked.keys() - {"endpoint", "region"}
        and (not endpoint or re.fullmatch(r"https?://[\w.:\[\]-]+/?", endpoint))
    )
    if not good:
        raise ValueError(wrong)
    return S3(parts.netloc, prefix, endpoint.rstrip("/"), asked.get("region", [""])[0])


def files_url(text: str) -> str:
    s3(text)
    if importlib.util.find_spec("obstore") is None:
        raise ValueError("needs what keeps files in a bucket: pip install 'chatserver[s3]'")
    return text


class Host(NamedTuple):
    """An address of a machine, or a name of this one, and a port."""

    host: str
    port: int

    @property
    def shown(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


def host_and_port(text: str) -> Host:
    """ValueError with what is wrong, to follow the name."""
    host, _, port = text.rpartition(":")
    bare = host.removeprefix("[").removesuffix("]")
    bracketed = host != bare
    good = port.isdecimal() and 0 < int(port) < 65_536 and (":" in bare) == bracketed
    try:
        if good and bare != "localhost":
            ipaddress.ip_address(bare)
    except ValueError:
        good = False
    if not good:
        raise ValueError(f"must be an address and a port, like 127.0.0.1:8026 or [::1]:8026, not {text!r}")
    return Host(bare, int(port))


def health_listen(text: str) -> str:
    host_and_port(text)
    return text


class MailAddress(NamedTuple):
    """Where mail hosts bring mail: `path` of a Unix socket, or `host` and `port`."""

    lmtp: bool
    host: str
    port: int
    path: Path | None

    @property
    def shown(self) -> str:
        return f"{'lmtp' if self.lmtp else 'smtp'}://{self.path or f'{self.host}:{self.port}'}"


def mail_listen(text: str) -> str:
    read_mail_listen(text)
    return text


def read_mail_listen(text: str) -> MailAddress:
    """ValueError with what is wrong, to follow the name."""
    problem = f"must be like lmtp://127.0.0.1:8024, lmtp:///run/chatserver/lmtp.sock or smtp://127.0.0.1:8025, not {text!r}"
    try:
        parts = urlsplit(text)
        lmtp, port = parts.scheme == "lmtp", parts.port or 0
    except ValueError:
        raise ValueError(problem) from None
    if parts.scheme not in ("lmtp", "smtp") or parts.query or parts.fragment or parts.username:
        raise ValueError(problem)
    if not parts.netloc and len(parts.path) > 1:
        return MailAddress(lmtp, "", 0, Path(parts.path))
    if not port or parts.path not in ("", "/"):
        raise ValueError(problem)
    try:
        private = ipaddress.ip_address(parts.hostname or "").is_private
    except ValueError:
        raise ValueError(problem) from None
    if not private:
        raise ValueError(
            f"must be an address of this machine or of a private network: a mail host stands before it, not {text!r}"
        )
    return MailAddress(lmtp, parts.hostname or "", port, None)
