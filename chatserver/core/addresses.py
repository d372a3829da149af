"""E-mail addresses: which of them are the same mailbox's, and how servers write their domains. All comparisons ask here."""

from __future__ import annotations

import re
import string
import unicodedata
from typing import Final

_LABEL: Final = re.compile(r"[a-z0-9_-]{1,63}")
_PREFIX: Final = "xn--"
_SMALL: Final = str.maketrans(string.ascii_uppercase, string.ascii_lowercase)


def alike(address: str) -> str:
    """The same text for addresses that reach the same mailbox, as far as anybody outside can know.

    What stands before the "@" is its host's own business (RFC 5321, 2.4). No host tells `Ana` from `ana` any more, so neither do
    we; beyond ASCII nobody knows: `STRAßE`, `strasse` and a Kelvin sign for a `k` are other people's. A domain is the same in any
    case, and in letters or as servers write it (`xn--…`).
    """
    local, at, domain = address.strip().rpartition("@")
    return f"{local.translate(_SMALL)}{at}{same_domain(domain)}"


def same_domain(domain: str) -> str:
    """The same text for what is written as the same domain: small, in its own letters."""
    mapped = _mapped(domain)
    return ".".join(map(_read, mapped.split("."))) if _PREFIX in mapped else mapped


def in_ascii(domain: str) -> str:
    """A domain as servers write it. Raises ValueError for a name that no server can have.

    By IDNA 2008, as registries do: Python's own codec knows that of 2003, by which mail for `straße.example` went to
    `strasse.example`, another one's.
    """
    if not domain.isprintable():
        raise ValueError("a domain with what nobody sees in it")
    labels = [_written(label) for label in _mapped(domain).split(".")]
    if not all(map(_LABEL.fullmatch, labels)):
        raise ValueError("a domain that no server can have")
    return ".".join(labels)


def _mapped(domain: str) -> str:
    """UTS 46, as far as addresses go: wide letters and full stops of other scripts are what they mean."""
    if domain.isascii():
        return domain.lower()
    return unicodedata.normalize("NFKC", small(unicodedata.normalize("NFKC", domain))).replace("。", ".")


def small(domain: str) -> str:
    """Letter by letter: at a word's end Python makes another small sigma than the standard does."""
    return "".join(map(str.lower, domain))


def _written(label: str) -> str:
    return label if label.isascii() else _PREFIX + label.encode("punycode").decode("ascii")


def _read(label: str) -> str:
    """Only what would be written like that again: any other is nobody's name."""
    if not label.startswith(_PREFIX) or not _LABEL.fullmatch(label):
        return label
    try:
        read = label.removeprefix(_PREFIX).encode("ascii").decode("punycode")
    except UnicodeError:
        return label
    return read if read.isprintable() and _mapped(read) == read and _written(read) == label else label
