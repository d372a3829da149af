"""What a valid message, subject, comment or address is. Text is text: nothing here is ever interpreted as markup."""

from __future__ import annotations

import re
import unicodedata
from typing import Final

from chatserver.core.addresses import alike, in_ascii, small
from chatserver.core.errors import Refused

SUBJECT_MIN: Final = 3
SUBJECT_MAX: Final = 200
TEXT_MAX: Final = 8_000
COMMENT_MAX: Final = 1_000
REASON_MAX: Final = 1_000
NAME_MAX: Final = 100
EMAIL_MAX: Final = 254

# What no store and no screen takes: control characters (but line break and tab) and lone surrogates.
_UNWANTED: Final = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff]+")
# Letters that show nothing: a subject or a message made of them alone is none.
_BLANK: Final = frozenset("\u115f\u1160\u2800\u3164\uffa0")
_UNSEEN: Final = frozenset({"Cc", "Cf", "Cs", "Mn", "Me"})
# They turn the reading order of what stands after them, in somebody else's line too.
_TURNS: Final = dict.fromkeys([*range(0x202A, 0x202F), *range(0x2066, 0x206A)])

_CID: Final = re.compile(r"[A-Za-z0-9_-]{22}")
# Deliberately loose: the only proof of an address is a mail that arrives. One @, a dot in the domain, nothing that could
# end a header, and nothing that a mail program would decode into another address (RFC 2047).
_EMAIL: Final = re.compile(
    r"(?!.*=\?)[^\s@<>\"(),:;\\\[\]]{1,64}@[^\s@<>\"(),:;\\\[\]]+\.[^\s@<>\"(),:;\\\[\].]{2,}"
)


def subject(text: str) -> str:
    """The trimmed, one-line subject. Raises Refused(too_short | too_long)."""
    return _within(one_line(text), SUBJECT_MIN, SUBJECT_MAX)


def body(text: str, least: int = 1) -> str:
    """A message's text with its line breaks, trailing blanks gone. `least`: 0 where files speak for it. Raises
    Refused(too_short | too_long)."""
    return _within(cleaned(text).strip("\n").rstrip(), least, TEXT_MAX)


def comment(text: str) -> str:
    """A rating's comment; may be empty. Raises Refused(too_long)."""
    return _within(cleaned(text).strip(), 0, COMMENT_MAX)


def reason(text: str) -> str:
    """Why a ticket is rejected. Raises Refused(too_short | too_long)."""
    return _within(cleaned(text).strip(), 1, REASON_MAX)


def name(text: str) -> str:
    """A person's display name on one line; may be empty. Raises Refused(too_long)."""
    return line(text, NAME_MAX)


def line(text: str, most: int) -> str:
    """Any short text on one line, trimmed; may be empty. Raises Refused(too_long)."""
    return _within(one_line(text), 0, most)


def email(text: str) -> str:
    """An address that could receive mail, domain in lower case. What it is compared by is one too. Raises Refused(bad_email)."""
    address = text.strip()
    # A wide comma is a comma in what is compared and mailed to: of `ana@b.com，7.com` Ana would get mail that counts for another.
    if not (_is_email(address) and _is_email(alike(address))):
        raise Refused("bad_email")
    local, _, domain = address.rpartition("@")
    try:
        in_ascii(domain)
    except ValueError:
        raise Refused("bad_email") from None
    return f"{local}@{small(domain)}"


def _is_email(text: str) -> bool:
    return len(text) <= EMAIL_MAX and _EMAIL.fullmatch(text) is not None and text.isprintable()


def cid(text: str) -> str:
    """A client message id: 128 random bits, base64url without padding (22 characters). Raises Refused(bad_frame)."""
    if not _CID.fullmatch(text):
        raise Refused("bad_frame")
    return text


def cleaned(text: str) -> str:
    """With one kind of line break, and without what is `_UNWANTED`."""
    if text.isprintable():
        return text
    return _UNWANTED.sub("", text.replace("\r\n", "\n").replace("\r", "\n"))


def one_line(text: str) -> str:
    """Trimmed, on one line, read in one direction at a time; empty when nothing of it would be seen."""
    shown = " ".join(cleaned(text).translate(_TURNS).split())
    return shown if _visible(shown) else ""


def _visible(text: str, least: int = 1) -> bool:
    """Whether `least` characters or more show by themselves, not all of them blanks: format characters do not show, nor marks
    without a letter. Looks no further than it must."""
    if text.isascii():
        return len(text) >= least
    shown, blank = 0, True
    for c in text:
        if c not in _BLANK and unicodedata.category(c) not in _UNSEEN:
            shown += 1
            blank = blank and c.isspace()
            if shown >= least and not blank:
                return True
    return False


def _within(text: str, low: int, high: int) -> str:
    if low and not _visible(text, low):
        raise Refused("too_short", limit=low)
    if len(text) > high:
        raise Refused("too_long", limit=high)
    return text
