"""What a setting's text may be: text → value, or ValueError with what is wrong, to follow "NAME "."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable
from dataclasses import field
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from chatserver.core import messages
from chatserver.core.errors import Refused

DAY: Final = 86_400


def setting(
    default: Any, cast: Callable[[str], Any], doc: str, shown: str | None = None, *, hidden: bool = False
) -> Any:
    """A field of a dataclass that is read from the environment. `doc`: its sentence in docs/settings.md. `shown`: what stands
    there for its default. `hidden`: it may hold a password and must not stand in a traceback."""
    return field(default=default, repr=not hidden, metadata={"cast": cast, "doc": doc, "shown": shown})


def whole(least: int, most: int) -> Callable[[str], int]:
    def cast(text: str) -> int:
        try:
            number = int(text)
        except ValueError:
            number = least - 1
        if not least <= number <= most:
            raise ValueError(f"must be a whole number from {least} to {most}, not {text!r}")
        return number

    return cast


def number(least: float, most: float) -> Callable[[str], float]:
    def cast(text: str) -> float:
        try:
            number = float(text)
        except ValueError:
            number = least - 1
        if not least <= number <= most:  # also refuses nan
            raise ValueError(f"must be a number from {least:g} to {most:g}, not {text!r}")
        return number

    return cast


def yes(text: str) -> bool:
    match text.lower():
        case "1" | "true" | "yes" | "on":
            return True
        case "0" | "false" | "no" | "off":
            return False
    raise ValueError(f"must be yes or no, not {text!r}")


def one_of(*choices: str) -> Callable[[str], str]:
    def cast(text: str) -> str:
        if text.lower() not in choices:
            raise ValueError(f"must be one of {', '.join(choices)}, not {text!r}")
        return text.lower()

    return cast


def host(text: str) -> str:
    if any(character in "/@?# " for character in text):
        raise ValueError(f"must be a host name or an address, not {text!r}")
    return text.strip("[]").lower()


def public_url(text: str) -> str:
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


def networks(text: str) -> str:
    """Names would be taken and never match, so that all the world had the proxy's address."""
    for one in text.split(","):
        try:
            ipaddress.ip_network(one.strip())
        except ValueError:
            raise ValueError(
                f"must be addresses or networks like 10.0.0.5,10.1.0.0/24, with commas between, not {one.strip()!r}"
            ) from None
    return text


def node_url(text: str) -> str:
    url = public_url(text)
    if not url.startswith("http://"):
        raise ValueError(
            f"must be an address like http://10.0.0.5:8000, since nodes speak without TLS, not {text!r}"
        )
    return url


def address(text: str) -> str:
    try:
        return messages.email(text)
    except Refused:
        raise ValueError(f"must be an e-mail address like soporte@example.com, not {text!r}") from None


def secret(text: str) -> str:
    if len(text) < 32:
        raise ValueError("must have at least 32 characters")
    return text


def path(text: str) -> Path:
    return Path(text).expanduser()


def text(text: str) -> str:
    return text


def mail_address(text: str) -> str:
    """Of a desk, with room for a token behind a "+". In small letters: addresses are compared so. Raises ValueError."""
    if not re.fullmatch(
        r"[^\s@<>\"(),:;+\\\[\]]{1,35}@[^\s@<>\"(),:;\\\[\]]{1,200}\.[^\s@<>\"(),:;.\\\[\]]{2,50}", text
    ):
        raise ValueError(
            f"must be a mail address like help@example.com, without a + and of at most 35 characters before the @, not {text!r}"
        )
    return text.lower()
