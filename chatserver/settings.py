"""Settings: one frozen value read once from the environment.

Every setting is `CHATSERVER_<NAME>`; DATABASE_URL, REDIS_URL, HOST and PORT are also read unprefixed, the prefixed one wins.
`python -m chatserver.settings` prints docs/settings.md, which a test compares with the file.
"""

from __future__ import annotations

import importlib.util
import ipaddress
import os
import re
import typing
from collections.abc import Callable, Mapping
from dataclasses import MISSING, Field, dataclass, field, fields
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import SplitResult, parse_qs, unquote, urlsplit

import msgspec

from chatserver.core import messages
from chatserver.core.errors import Refused
from chatserver.core.policy import Policy

PREFIX = "CHATSERVER_"
UNPREFIXED = ("DATABASE_URL", "REDIS_URL", "HOST", "PORT")
_EVERYWHERE = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - compared, not bound
"""What means all addresses, and the one of them that this machine itself calls."""
MAILBOX_DONE = "Procesados"
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


class BadSettings(Exception):
    """Some settings cannot be used; `problems` has one sentence for each."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


# — casts: text → value, or ValueError with what is wrong, to follow "NAME " ————————————————————————————


def _whole(least: int, most: int) -> Callable[[str], int]:
    def cast(text: str) -> int:
        try:
            number = int(text)
        except ValueError:
            number = least - 1
        if not least <= number <= most:
            raise ValueError(f"must be a whole number from {least} to {most}, not {text!r}")
        return number

    return cast


def _number(least: float, most: float) -> Callable[[str], float]:
    def cast(text: str) -> float:
        try:
            number = float(text)
        except ValueError:
            number = least - 1
        if not least <= number <= most:  # also refuses nan
            raise ValueError(f"must be a number from {least:g} to {most:g}, not {text!r}")
        return number

    return cast


def _yes(text: str) -> bool:
    match text.lower():
        case "1" | "true" | "yes" | "on":
            return True
        case "0" | "false" | "no" | "off":
            return False
    raise ValueError(f"must be yes or no, not {text!r}")


def _one_of(*choices: str) -> Callable[[str], str]:
    def cast(text: str) -> str:
        if text.lower() not in choices:
            raise ValueError(f"must be one of {', '.join(choices)}, not {text!r}")
        return text.lower()

    return cast


def _host(text: str) -> str:
    if any(character in "/@?# " for character in text):
        raise ValueError(f"must be a host name or an address, not {text!r}")
    return text.strip("[]").lower()


def _public_url(text: str) -> str:
    problem = f"must be an address like https://chat.example.com without a path, not {text!r}"
    try:
        parts = urlsplit(text)
        named = re.fullmatch(r"[a-z0-9][a-z0-9.-]*|[0-9a-f:.]*:[0-9a-f:.]*", parts.hostname or "")
        good = parts.scheme in ("http", "https") and named and (parts.port is None or parts.port > 0)
    except ValueError:
        raise ValueError(problem) from None
    if not good or parts.username or parts.path not in ("", "/") or parts.query or parts.fragment:
        raise ValueError(problem)
    default = {"http": 80, "https": 443}[parts.scheme]
    netloc = parts.netloc.lower()
    return f"{parts.scheme}://{netloc.removesuffix(f':{default}')}"


def _networks(text: str) -> str:
    """Names would be taken and never match, so that all the world had the proxy's address."""
    for one in text.split(","):
        try:
            ipaddress.ip_network(one.strip())
        except ValueError:
            raise ValueError(
                f"must be addresses or networks like 10.0.0.5,10.1.0.0/24, with commas between, not {one.strip()!r}"
            ) from None
    return text


def _node_url(text: str) -> str:
    url = _public_url(text)
    if not url.startswith("http://"):
        raise ValueError(
            f"must be an address like http://10.0.0.5:8000, since nodes speak without TLS, not {text!r}"
        )
    return url


def _database_url(text: str) -> str:
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


def _redis_url(text: str) -> str:
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
    user, password = unquote(parts.username or ""), unquote(parts.password or "")
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
    user, password = unquote(parts.username or ""), unquote(parts.password or "")
    if not user or not password:
        raise ValueError(wrong)
    tls = _tls(parts, asked)
    port = parts.port or (993 if tls == "imaps" else 143)
    folder = _folder(unquote(parts.path.removeprefix("/")) or "INBOX")
    return Imap(parts.hostname or "", port, user, password, tls, asked.get("ca", [""])[0], folder)


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


def _folder(text: str) -> str:
    if len(text) > 200 or not text.isprintable():
        raise ValueError("names a folder that no mailbox has")
    return text


def _loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _smtp_url(text: str) -> str:
    _require_readable(smtp(text).ca)
    return text


def _mailbox_url(text: str) -> str:
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
    if not colon or not _host(host) or "/" in text or not port.isdecimal() or not 0 < int(port) < 65_536:
        raise ValueError(f"must be like unix:/run/clamav/clamd.ctl or 127.0.0.1:3310, not {text!r}")
    return Clamd(_host(host), int(port), None)


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


def _files_url(text: str) -> str:
    s3(text)
    if importlib.util.find_spec("obstore") is None:
        raise ValueError("needs what keeps files in a bucket: pip install 'chatserver[s3]'")
    return text


def _clamd(text: str) -> str:
    clamd(text)
    return text


def _address(text: str) -> str:
    try:
        return messages.email(text)
    except Refused:
        raise ValueError(f"must be an e-mail address like soporte@example.com, not {text!r}") from None


def _secret(text: str) -> str:
    if len(text) < 32:
        raise ValueError("must have at least 32 characters")
    return text


def _path(text: str) -> Path:
    return Path(text).expanduser()


class MailAddress(NamedTuple):
    """Where mail hosts bring mail: `path` of a Unix socket, or `host` and `port`."""

    lmtp: bool
    host: str
    port: int
    path: Path | None

    @property
    def shown(self) -> str:
        return f"{'lmtp' if self.lmtp else 'smtp'}://{self.path or f'{self.host}:{self.port}'}"


def _mail_listen(text: str) -> str:
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


def mail_address(text: str) -> str:
    """Of a desk, with room for a token behind a "+". In small letters: addresses are compared so. Raises ValueError."""
    if not re.fullmatch(
        r"[^\s@<>\"(),:;+\\\[\]]{1,35}@[^\s@<>\"(),:;\\\[\]]{1,200}\.[^\s@<>\"(),:;.\\\[\]]{2,50}", text
    ):
        raise ValueError(
            f"must be a mail address like help@example.com, without a + and of at most 35 characters before the @, not {text!r}"
        )
    return text.lower()


def _text(text: str) -> str:
    return text


def _setting(default: Any, cast: Callable[[str], Any], doc: str, shown: str | None = None) -> Any:
    secret = cast in (
        _database_url,
        _redis_url,
        _secret,
        _smtp_url,
        _mailbox_url,
    )  # they may stand in a traceback
    return field(default=default, repr=not secret, metadata={"cast": cast, "doc": doc, "shown": shown})


_day = 86_400


@dataclass(frozen=True)
class Settings:
    """All settings, checked. Seconds are seconds, rates are per what their name says."""

    host: str = _setting("127.0.0.1", _host, "The address to listen on.")
    port: int = _setting(8000, _whole(1, 65_535), "The port to listen on.")
    public_url: str = _setting(
        "",
        _public_url,
        "The address under which browsers reach this server when a proxy stands before it, like `https://chat.example.com`. "
        "Requests for other hosts than this one and the machine's own names are refused.",
    )
    trusted_proxies: str = _setting(
        "",
        _networks,
        "Addresses (or networks: `10.1.0.0/24`) of proxies, with commas between, whose `X-Forwarded-For` is believed. Others' is "
        "ignored.",
    )
    node_url: str = _setting(
        "",
        _node_url,
        "The address under which other servers on the same PostgreSQL reach this one, like `http://10.0.0.5:8000`, in a network "
        "that nobody else reads.",
        shown="http://<HOST>:<PORT>; where it listens on every address, the one on its way to the database",
    )
    data_dir: Path = _setting(Path("var"), _path, "Where the server keeps its data.")  # noqa: RUF009 - a Path cannot change
    database_url: str = _setting(
        "",
        _database_url,
        "The database: a SQLite file, or a PostgreSQL server (`postgresql://user:password@host:5432/name`).",
        shown="sqlite:///<DATA_DIR>/chatserver.db",
    )
    wait_seconds: float = _setting(
        10.0,
        _number(0, 3600),
        "At a start PostgreSQL is waited for so long if it does not answer yet; then the command ends with 1, to be run again.",
    )
    redis_url: str = _setting(
        "",
        _redis_url,
        "Redis between several servers on one PostgreSQL: what one of them stores the others show at once, instead of within two "
        "seconds. A server (`redis://`, `rediss://`, `unix://`), sentinels (`redis+sentinel://host,host/name`) or a cluster "
        "(`redis+cluster://host,host`).",
    )
    secret: str = _setting(
        "",
        _secret,
        "Signs customers' sessions; at least 32 characters. Another secret ends all of them.",
        shown="made with the database, kept in it",
    )
    secret_file: Path | None = _setting(None, _path, "A file to read the secret from, not SECRET.")  # noqa: RUF009 - a Path cannot change
    smtp_url: str = _setting(
        "",
        _smtp_url,
        "The server that takes outgoing mail, `smtp://user:password@host:587` (STARTTLS is required, but of this machine itself) "
        "or `smtps://user:password@host`. Needs MAIL_FROM and PUBLIC_URL. More in [email.md](email.md#sending).",
        shown="no mail is sent",
    )
    mail_from: str = _setting(
        "",
        _address,
        "The address from which mails come, like `soporte@example.com`, for apps without one of their own.",
    )
    mails_per_hour: int = _setting(
        1_000,
        _whole(1, 1_000_000),
        "Mails of one app in any hour, all servers together; further ones wait.",
    )
    language: str = _setting(
        "es",
        _one_of("auto", "es", "en", "pt"),
        "The language of pages for whoever asks for no other by `?lang=`; `auto` follows the browser.",
    )
    log_level: str = _setting(
        "info", _one_of("debug", "info", "warning", "error"), "What to log. Texts of messages never are."
    )
    log_format: str = _setting(
        "auto",
        _one_of("auto", "json", "text"),
        "One JSON object or one plain line per event; `auto` writes JSON unless at a terminal.",
    )
    metrics_token: str = _setting(
        "",
        _secret,
        "Opens `/metrics` to a Prometheus server that sends it as `Authorization: Bearer …`; at least 32 characters.",
        shown="no such page",
    )
    canary_seconds: float = _setting(
        30.0,
        _number(0, 3600),
        "How often a server says something in a ticket of its own and measures when it and the others hear of it, where "
        "METRICS_TOKEN is set; 0: never.",
    )
    mail_listen: str = _setting(
        "",
        _mail_listen,
        "Where your mail host brings mail (docs/email.md): `lmtp://127.0.0.1:8024`, `lmtp:///run/chatserver/lmtp.sock` or "
        "`smtp://127.0.0.1:8025`. With SQLite `serve` listens there, on PostgreSQL `chatserver mail` does.",
        shown="nowhere",
    )
    mailbox_url: str = _setting(
        "",
        _mailbox_url,
        "A mailbox that is read by IMAP: `imaps://user:password@host/INBOX`, or `imap://…` with STARTTLS. Whatever is in that "
        "folder becomes tickets. More in [email.md](email.md#a-mailbox).",
        shown="none",
    )
    mailbox_done: str = _setting(
        MAILBOX_DONE,
        _folder,
        "The folder into which mails go that were taken from the mailbox; it is made if it is not there. `delete`: they are "
        "deleted.",
    )
    mailbox_poll_seconds: int = _setting(
        60,
        # A server may hang up on who has been idle for half an hour.
        _whole(1, 1_500),
        "How often the mailbox is looked at, besides whenever its server says that something came (IDLE).",
    )
    mail_authserv_id: str = _setting(
        "",
        _text,
        "The name under which your mail host writes `Authentication-Results`: what it says of DMARC is believed. Without it "
        "every mail is shown as unverified.",
    )
    mail_comes_in: bool | None = _setting(
        None,
        _yes,
        "Answers to mails come in here: mails about tickets name an address for them. To be said to servers that send where "
        "others listen.",
        shown="yes where MAIL_LISTEN or MAILBOX_URL is set",
    )
    demo_password: str = _setting(
        "",
        _text,
        "The password of the agents that `chatserver demo` makes.",
        shown="made once, kept in <DATA_DIR>/demo-password",
    )

    customer_heartbeat_seconds: float = _setting(
        25.0,
        _number(1, 300),
        "How often a customer's browser gives a sign of life; after two missed it is gone.",
    )
    agent_heartbeat_seconds: float = _setting(
        5.0,
        _number(0.5, 60),
        "How often an agent's browser gives a sign of life; after two missed it is gone.",
    )
    linger_seconds: float = _setting(
        5.0,
        _number(0, 10),
        "Who left counts as gone after so long, and as of then: who reloads a page, or has another tab at another server, was "
        "never gone. Not longer than `CHATSERVER_AGENT_GRACE_SECONDS`.",
    )
    hello_seconds: float = _setting(
        10.0, _number(0.5, 60), "A new connection must say who it is within so long."
    )
    drain_seconds: float = _setting(
        10.0, _number(0, 120), "On SIGTERM what was read is answered and everybody sent away, within so long."
    )
    connections_per_second: int = _setting(
        100,
        _whole(1, 100_000),
        "New WebSockets of customers in any one second, and as many of agents; further ones are told when to come back. One "
        "network address gets half of it.",
    )
    max_connections: int = _setting(
        20_000, _whole(1, 1_000_000), "Open WebSockets at once; further ones are told to try later."
    )
    connections_per_person: int = _setting(
        50,
        _whole(1, 1_000_000),
        "Open connections of one customer or agent to one server, all tabs and devices; further ones are told to try later.",
    )
    connections_per_address: int = _setting(
        2_000,
        _whole(1, 1_000_000),
        "Open WebSockets of one network address. Addresses that are not of the internet are not counted.",
    )
    tickets_per_address: int = _setting(
        300,
        _whole(1, 1_000_000),
        "Tickets that one network address may open in a minute, whoever is behind it. Counted as the connections are.",
    )
    messages_per_minute: int = _setting(
        100, _whole(1, 100_000), "Messages of one person in the long run; more are `rate_limited`."
    )
    messages_burst: int = _setting(20, _whole(1, 10_000), "Messages that one person may send at once.")
    reads_per_minute: int = _setting(
        600,
        _whole(1, 1_000_000),
        "Conversations, and pages of them, that one person may open in the long run, over all tabs.",
    )
    reads_burst: int = _setting(
        300, _whole(1, 100_000), "Conversations, and pages of them, that one person may open at once."
    )
    frames_per_minute: int = _setting(600, _whole(1, 1_000_000), "Frames of one connection in the long run.")
    frames_burst: int = _setting(120, _whole(1, 100_000), "Frames that one connection may send at once.")
    help_reads_per_address: int = _setting(
        1_200,
        _whole(1, 1_000_000),
        "Searches and suggestions of help articles that one network address may ask for in a minute; as many page views of it "
        "are counted.",
    )
    help_votes_per_address: int = _setting(
        60,
        _whole(1, 100_000),
        "Answers to «¿Te fue útil este artículo?» that one network address may give in an hour.",
    )

    files_dir: Path | None = _setting(  # noqa: RUF009 - a Path cannot change
        None,
        _path,
        "Where files that people send are kept. Several servers on one PostgreSQL share it.",
        shown="<DATA_DIR>/files",
    )
    files_url: str = _setting(
        "",
        _files_url,
        "A bucket that keeps them instead, `s3://bucket/prefix` or `s3://bucket?endpoint=https://minio.example.com&region="
        "us-east-1`: [files.md](files.md#in-a-bucket). FILES_DIR is then only for what is under way.",
        shown="the directory keeps them",
    )
    clamd: str = _setting(
        "",
        _clamd,
        "ClamAV's clamd, which looks for viruses in whatever is sent before it is kept: `unix:/run/clamav/clamd.ctl` or "
        "`127.0.0.1:3310`. More in [files.md](files.md#viruses).",
        shown="nobody looks",
    )
    clamd_away: str = _setting(
        "refuse",
        _one_of("refuse", "pass"),
        "While clamd does not answer, or says that it cannot scan, files are refused for now (`refuse`), or taken as they are "
        "(`pass`).",
    )
    file_uploads_per_minute: int = _setting(
        60, _whole(1, 100_000), "Files that one person may send up in a minute, and as many at once."
    )
    file_link_seconds: int = _setting(300, _whole(10, _day), "The link of a file holds for so long.")
    file_unused_seconds: int = _setting(
        _day,
        _whole(60, 90 * _day),
        "A file that was sent up and is in no message is forgotten after so long.",
    )

    sign_in_tries: int = _setting(
        10,
        _whole(1, 1000),
        "Wrong passwords for one e-mail address within 15 minutes before it has to wait, at all servers of a database together.",
    )
    sign_in_tries_per_address: int = _setting(
        200,
        _whole(1, 100_000),
        "Wrong passwords from one network address within 15 minutes before it has to wait, counted alike.",
    )
    agent_session_seconds: int = _setting(
        _day // 2, _whole(60, 90 * _day), "An agent signs in again after so long."
    )
    anonymous_session_seconds: int = _setting(
        365 * _day, _whole(60, 3650 * _day), "An anonymous customer who stays away for so long is a new one."
    )
    verified_session_seconds: int = _setting(
        _day, _whole(60, 90 * _day), "A verified customer needs a new user token from the host after so long."
    )
    portal_session_seconds: int = _setting(
        14 * _day, _whole(60, 90 * _day), "A customer signs in to the portal again after so long."
    )

    policy: Policy = field(default_factory=Policy)
    """Defaults of every app; an app's own policy wins."""

    @property
    def smtp(self) -> Smtp | None:
        """Where outgoing mail goes; None: nowhere."""
        return smtp(self.smtp_url) if self.smtp_url else None

    @property
    def mail_address(self) -> MailAddress | None:
        return read_mail_listen(self.mail_listen) if self.mail_listen else None

    @property
    def mailbox(self) -> Imap | None:
        return imap(self.mailbox_url) if self.mailbox_url else None

    @property
    def scanner(self) -> Clamd | None:
        return clamd(self.clamd)._replace(passes=self.clamd_away == "pass") if self.clamd else None

    @property
    def bucket(self) -> S3 | None:
        return s3(self.files_url) if self.files_url else None

    @property
    def takes_mail(self) -> bool:
        return bool(self.mail_listen or self.mailbox_url)

    @property
    def mails_come_in(self) -> bool:
        """Whether what is mailed to an app's own address comes in at this installation."""
        return self.takes_mail if self.mail_comes_in is None else self.mail_comes_in

    @property
    def database(self) -> Path | str:
        """The file of SQLite, or the URL of PostgreSQL."""
        return self.database_url if self.on_postgres else self.database_path

    @property
    def database_shown(self) -> str:
        """As people may see it: without a password."""
        if not self.on_postgres:
            return str(self.database_path)
        parts = urlsplit(self.database_url)
        return f"{parts.hostname or 'localhost'}:{parts.port or 5432}{parts.path}"

    @property
    def on_postgres(self) -> bool:
        return self.database_url.startswith(POSTGRES)

    @property
    def database_path(self) -> Path:
        """Where SQLite is what keeps the data."""
        if not self.database_url:
            return self.data_dir / "chatserver.db"
        return Path(self.database_url.removeprefix(SQLITE))

    @property
    def files_path(self) -> Path:
        return self.files_dir or self.data_dir / "files"

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


_POLICY_DOCS = {
    "inactivity_seconds": "A chat closes after so long without any activity of the customer.",
    "inactivity_warning_seconds": "So long before that both sides see a countdown; half of the whole time where that is shorter.",
    "inactivity_strict": "Only the customer's own activity gives time again; the clock never stands still.",
    "first_answer_seconds": "An assigned agent who has not answered for so long lets the ticket pass to the next one.",
    "queue_offer_seconds": "After so long in the queue the customer is offered to leave the ticket for later.",
    "priority_step_seconds": "A waiting ticket rises one level of priority per so long.",
    "agent_fresh_seconds": "An agent who disconnected still counts as attending for so long.",
    "agent_grace_seconds": "A disconnected agent has so long to come back before their chats return to the queue.",
    "open_chats_per_customer": "Chats that one customer may have open at once.",
    "assignment": "`auto`: tickets go to the least loaded agent. `manual`: agents take them.",
    "same_agent": "A customer's next chat goes to the agent who answered their last one, if that agent is free.",
    "request_when_unattended": "While no agent is available, take a request for later instead of starting a chat.",
    "file_mib": "The largest file that is taken, in MiB; 0: none at all.",
    "files_per_message": "So many files may be in one message.",
    "file_mib_per_person": "What one customer may send up on a day (of UTC), in MiB.",
    "file_mib_per_network": "The same for one network address, whoever is behind it. Counted as the connections are.",
    "file_mib_per_app": "And for all customers and agents of an app together.",
    "ask_name": "Ask the customer's name at the start: `no`, `optional` or `required`.",
    "ask_email": "Ask the customer's e-mail at the start, alike.",
    "identity_required": "Only users that the host vouches for may chat.",
    "rating_first_seconds": "A closed ticket can be rated for so long.",
    "rating_change_seconds": "A rating can be changed for so long.",
    "pending_reminder_seconds": "A ticket that waits for its customer (*Pendiente*) is reminded of after so long; 0: never.",
    "pending_close_seconds": "And closed after so long.",
    "answer_low_seconds": "First answer to a request of low priority (*Bajo*): the target that agents see; 0: none.",
    "answer_medium_seconds": "The same of medium priority (*Medio*), and as long as nobody classified it.",
    "answer_high_seconds": "The same of high priority (*Alto*).",
    "answer_urgent_seconds": "The same of urgent ones (*Urgente*).",
    "solve_low_seconds": "End of a request of low priority: the target that agents see; 0: none.",
    "solve_medium_seconds": "The same of medium priority, and as long as nobody classified it.",
    "solve_high_seconds": "The same of high priority.",
    "solve_urgent_seconds": "The same of urgent ones.",
    "mail": "Customers get mails about their tickets; an app may have none. With `no`, or without SMTP_URL, nobody does.",
    "mail_original_days": "A mail that came in is kept for so many days as it came; what it became stays. 0: for ever.",
    "answers_mailed_seconds": "Answers that a customer has not seen for so long are gathered in a mail.",
}
_POLICY_LEAST = {
    "open_chats_per_customer": 1,
    "inactivity_seconds": 1,
    "priority_step_seconds": 1,
    "pending_close_seconds": 60,
}
_POLICY_MOST = {"file_mib": 1_024, "files_per_message": 100, "mail_original_days": 36_500}


def policy_casts() -> dict[str, Callable[[str], Any]]:
    """By the names of `Policy`: text → value, or ValueError with what is wrong, to follow the name."""
    casts: dict[str, Callable[[str], Any]] = {}
    for name, kind in typing.get_type_hints(Policy).items():
        if kind is bool:
            casts[name] = _yes
        elif kind is int:
            casts[name] = _whole(_POLICY_LEAST.get(name, 0), _POLICY_MOST.get(name, 366 * _day))
        else:
            casts[name] = _one_of(*typing.get_args(kind))
    return casts


def load(environ: Mapping[str, str] | None = None) -> Settings:
    """The settings of this environment (`os.environ`). Raises BadSettings, which lists everything that is wrong."""
    environ = os.environ if environ is None else environ
    problems: list[str] = []

    def read(name: str, cast: Callable[[str], Any]) -> Any:
        variable = name.upper()
        names = [PREFIX + variable] + ([variable] if variable in UNPREFIXED else [])
        found = next((n for n in names if environ.get(n, "").strip()), None)
        if found is None:
            return None
        try:
            return cast(environ[found].strip())
        except ValueError as problem:
            problems.append(f"{found} {problem}.")
            return None

    values = {f.name: read(f.name, f.metadata["cast"]) for f in _own_fields()}
    policy = {name: read(name, cast) for name, cast in policy_casts().items()}
    given = {name: value for name, value in values.items() if value is not None}
    if "secret_file" in given and "secret" not in given:
        try:
            given["secret"] = _secret(given["secret_file"].read_text().strip())
        except (OSError, UnicodeDecodeError) as problem:
            problems.append(f"{PREFIX}SECRET_FILE cannot be read: {problem}.")
        except ValueError as problem:
            problems.append(f"{PREFIX}SECRET_FILE names a file whose content {problem}.")
    if given.get("redis_url") and not given.get("database_url", "").startswith(POSTGRES):
        problems.append(
            f"{PREFIX}REDIS_URL is for several servers on one PostgreSQL, and this one keeps its data in SQLite: "
            f"set {PREFIX}DATABASE_URL to a PostgreSQL, or leave Redis out."
        )
    problems += _traces_problems(environ)
    problems += _mail_problems(given, policy)
    problems += _mailbox_problems(given)
    problems += _gone_problems(environ)
    if policy["mail"] is None:
        policy["mail"] = "smtp_url" in given
    given["policy"], contradictions = _policy({name: v for name, v in policy.items() if v is not None})
    problems += contradictions
    if problems:
        raise BadSettings(problems)
    return Settings(**given)


def _mailbox_problems(given: Mapping[str, Any]) -> list[str]:
    """What is moved to where it was would be taken again for ever."""
    url, done = given.get("mailbox_url"), given.get("mailbox_done", MAILBOX_DONE)
    if url is None or imap(url).folder.lower() != done.lower():
        return []
    return [f"{PREFIX}MAILBOX_DONE must be another folder than the one that {PREFIX}MAILBOX_URL reads."]


def _gone_problems(environ: Mapping[str, str]) -> list[str]:
    """Started without what it said, the server would send mail back that was taken before."""
    if not environ.get(f"{PREFIX}SUPPORT_ADDRESS", "").strip():
        return []
    return [
        f"{PREFIX}SUPPORT_ADDRESS is no setting any more, since each app has an address of its own: take it out, and write "
        "`chatserver app set KEY --support-address ADDRESS`."
    ]


def _mail_problems(given: Mapping[str, Any], policy: Mapping[str, Any]) -> list[str]:
    if "smtp_url" not in given:
        return (
            [f"{PREFIX}MAIL needs {PREFIX}SMTP_URL: by whom mails are to be sent."] if policy["mail"] else []
        )
    needed = {
        "mail_from": "the address from which mails come",
        "public_url": "mails lead back to this server",
    }
    return [
        f"{PREFIX}SMTP_URL needs {PREFIX}{name.upper()}: {why}."
        for name, why in needed.items()
        if name not in given
    ]


def _own_fields() -> list[Field[Any]]:
    return [f for f in fields(Settings) if f.name != "policy"]


def names() -> list[str]:
    """The variables of all settings, in the order of the documentation."""
    own = [f.name for f in _own_fields()]
    return [PREFIX + name.upper() for name in (*own, *_POLICY_DOCS)]


def _policy(given: dict[str, Any]) -> tuple[Policy, list[str]]:
    policy = Policy(**given)
    if policy.inactivity_warning_seconds <= policy.inactivity_seconds:
        return policy, []
    if "inactivity_warning_seconds" not in given:
        # Who shortens the time and says nothing of the warning gets a warning that still makes sense.
        return Policy(**given, inactivity_warning_seconds=policy.inactivity_seconds // 2), []
    return policy, [
        f"{PREFIX}INACTIVITY_WARNING_SECONDS ({policy.inactivity_warning_seconds}) is more than "
        f"{PREFIX}INACTIVITY_SECONDS ({policy.inactivity_seconds})."
    ]


def traces_wanted(environ: Mapping[str, str] | None = None) -> bool:
    """OpenTelemetry's own variables say where traces go, and not that there are none."""
    environ = os.environ if environ is None else environ
    off = _said(environ, "OTEL_SDK_DISABLED") == "true" or _said(environ, "OTEL_TRACES_EXPORTER") == "none"
    return not off and any(_said(environ, name) for name in _COLLECTOR)


_COLLECTOR = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")
_PROTOCOL = ("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL")


def _traces_problems(environ: Mapping[str, str]) -> list[str]:
    """What would make them leave for nowhere. The rest of its variables the SDK reads itself."""
    if not traces_wanted(environ):
        return []
    problems = [
        f"{name} must be an address like http://collector:4318."  # not quoted: it may hold a password
        for name in _COLLECTOR
        if _said(environ, name) and not re.match(r"https?://[^/]", _said(environ, name))
    ]
    protocol = next((name for name in _PROTOCOL if _said(environ, name)), None)
    if protocol and _said(environ, protocol) != "http/protobuf":
        problems.append(f"{protocol} must be http/protobuf, which collectors take at port 4318.")
    if _said(environ, "OTEL_TRACES_EXPORTER") not in ("", "otlp"):
        problems.append("OTEL_TRACES_EXPORTER must be otlp or none.")
    return problems


def _said(environ: Mapping[str, str], name: str) -> str:
    return environ.get(name, "").strip().lower()


def unknown(environ: Mapping[str, str] | None = None) -> list[str]:
    """Variables with our prefix that are no settings: misspelt ones deserve a warning (orchestrators add some of their own)."""
    known = set(names())
    environ = os.environ if environ is None else environ
    return [name for name in sorted(environ) if name.startswith(PREFIX) and name not in known]


def kept(path: Path, make: Callable[[], str]) -> tuple[str, bool]:
    """The text of a 0600 file, made when it is not there; True when this call made it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return path.read_text().strip(), False
    text = make()
    with os.fdopen(descriptor, "w") as file:
        file.write(text + "\n")
    return text, True


# — the documentation ——————————————————————————————————————————————————————————

_HEAD = """\
# Settings

Read once, at the start, from the environment. `DATABASE_URL`, `REDIS_URL`, `HOST` and `PORT` also work without the prefix; the
prefixed one wins. Whatever cannot be used is listed, all at once, and the server does not start. This page is printed by
`python -m chatserver.settings`.

## Server

| variable | default | what it does |
|---|---|---|
"""
_POLICY_HEAD = """
## Defaults of every app

An app's own policy wins over these.

| variable | default | what it does |
|---|---|---|
"""


_TRACES = """
## Traces

With `pip install 'chatserver[otel]'`; read by OpenTelemetry's SDK, each as its specification says. What a span tells:
[monitoring.md](monitoring.md#traces).

| variable | default | what it does |
|---|---|---|
| `OTEL_EXPORTER_OTLP_ENDPOINT` | – | The collector, like `http://localhost:4318`: traces are made where it is named. |
| `OTEL_EXPORTER_OTLP_TRACES_ENDPOINT` | – | The same, with its path. |
| `OTEL_EXPORTER_OTLP_PROTOCOL` | `http/protobuf` | No other one is spoken. |
| `OTEL_EXPORTER_OTLP_HEADERS` | – | For a collector that wants a key. |
| `OTEL_TRACES_SAMPLER`, `OTEL_TRACES_SAMPLER_ARG` | `parentbased_always_on` | `parentbased_traceidratio`, `0.01`: one of 100. |
| `OTEL_SERVICE_NAME`, `OTEL_RESOURCE_ATTRIBUTES` | `chatserver` | Who tells it. |
| `OTEL_BSP_MAX_QUEUE_SIZE` | `2048` | Spans that wait for the collector; further ones are dropped. |
| `OTEL_SDK_DISABLED` | `false` | `true`: no traces, whatever else is set. So does `OTEL_TRACES_EXPORTER=none`. |
"""


def reference() -> str:
    """docs/settings.md."""
    own = [_row(f.name, f.metadata["shown"] or _shown(f.default), f.metadata["doc"]) for f in _own_fields()]
    defaults = {f.name: f.default for f in msgspec.structs.fields(Policy)}
    shown = {name: _shown(value) for name, value in defaults.items()} | {"mail": "yes where SMTP_URL is set"}
    policy = [_row(name, shown[name], doc) for name, doc in _POLICY_DOCS.items()]
    return _HEAD + "".join(own) + _TRACES + _POLICY_HEAD + "".join(policy)


def _row(name: str, default: str, doc: str) -> str:
    return f"| `{PREFIX}{name.upper()}` | {f'`{default}`' if default else '–'} | {doc} |\n"


def _shown(default: Any) -> str:
    if default is None or default is MISSING:
        return ""
    if isinstance(default, bool):
        return "yes" if default else "no"
    return f"{default:g}" if isinstance(default, float) else str(default)


if __name__ == "__main__":
    print(reference(), end="")  # noqa: T201 - writes docs/settings.md
