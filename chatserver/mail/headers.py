"""A mail's header fields, as hostile as they come: bounded, decoded, never raising.

What is decoded is text for people; addresses and ids are taken from the field as it was sent, so that an encoded word
cannot smuggle a second address into it.
"""

from __future__ import annotations

import base64
import binascii
import itertools
import re
from collections.abc import Iterator, Sequence
from datetime import UTC
from email.utils import parsedate_to_datetime
from typing import Final
from urllib.parse import unquote_to_bytes

import msgspec

from chatserver.core import accounts, messages
from chatserver.core.errors import Refused
from chatserver.mail.charsets import decoded

BLOCK_AT_MOST: Final = 256 * 1024
"""Bytes of a part's header that are looked at; what follows is left to the original."""
FIELDS_AT_MOST: Final = 1_000
FIELD_AT_MOST: Final = 64 * 1024
"""Characters. The longest honest field is a References of some hundred ids."""
ADDRESSES_AT_MOST: Final = 200
IDS_AT_MOST: Final = 200
ID_AT_MOST: Final = 500
NAME_AT_MOST: Final = 200
"""Characters of a file's name."""


class Headers(msgspec.Struct, frozen=True, gc=False):
    """Fields in order; names in lower case, values unfolded and decoded to text, encoded words still in them."""

    fields: tuple[tuple[str, str], ...] = ()

    def get(self, name: str) -> str:
        """The first one, "" if there is none."""
        return next((value for field, value in self.fields if field == name), "")

    def all(self, name: str) -> list[str]:
        return [value for field, value in self.fields if field == name]

    def __contains__(self, name: str) -> bool:
        return any(field == name for field, _ in self.fields)


_FIELD: Final = re.compile(rb"([!-9;-~]{1,100})[ \t]{0,20}:(.*)", re.DOTALL)
_FOLD: Final = re.compile(r"[\r\n]+[ \t]+")
_LINE_END: Final = re.compile(rb"\r?\n|\r")


def parse(block: bytes, most: int = FIELDS_AT_MOST) -> Headers:
    """Of a header's bytes, without the empty line behind it; the first `most` fields. A line that is no field belongs to none."""
    fields: list[tuple[str, str]] = []
    lines: list[bytes] = []
    for line in _LINE_END.split(block[:BLOCK_AT_MOST]):
        if line[:1] in (b" ", b"\t"):
            if lines:
                lines.append(line)
            continue
        if not _keep(fields, lines, most):
            return Headers(tuple(fields))
        lines = [line]
    _keep(fields, lines, most)
    return Headers(tuple(fields))


def _keep(fields: list[tuple[str, str]], lines: list[bytes], most: int) -> bool:
    """False: there are enough of them."""
    found = _FIELD.fullmatch(b"\n".join(lines)) if lines else None
    if found is not None:
        value = decoded(found[2][:FIELD_AT_MOST].strip(), "")
        fields.append((found[1].decode("ascii").lower(), _FOLD.sub(" ", value).replace("\0", "")))
    return len(fields) < most


# Encoded words

_WORD: Final = re.compile(r"=\?([\w.:+-]{1,40})(?:\*[\w-]{0,20})?\?([bBqQ])\?([^?]*)\?=")


def words(value: str) -> str:
    """With its encoded words decoded (RFC 2047). Neighbours of one charset are put together before they are decoded: some
    programs cut a letter in two."""
    out: list[str] = []
    charset, held, at = "", b"", 0
    for word in _WORD.finditer(value):
        between = value[at : word.start()]
        joined = bool(held) and not between.strip()
        if not (joined and word[1].lower() == charset):
            out.append(decoded(held, charset))
            held = b""
        if not joined:
            out.append(between)
        charset = word[1].lower()
        held += _word_bytes(word[2].lower(), word[3])
        at = word.end()
    out += [decoded(held, charset), value[at:]]
    return "".join(out)


def _word_bytes(encoding: str, payload: str) -> bytes:
    raw = payload.encode("utf-8", "replace")
    if encoding == "q":
        return binascii.a2b_qp(raw.replace(b"_", b" "))
    return base64_bytes(raw)


_NO_BASE64: Final = bytes(
    set(range(256)) - set(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/=")
)
_STEP: Final = 1 << 20  # a multiple of four; between two steps others may run


def base64_bytes(raw: bytes | memoryview) -> bytes:
    """Whatever of it is base64, up to the first padding."""
    clean = bytes(raw).translate(None, _NO_BASE64).partition(b"=")[0]
    if len(clean) % 4 == 1:
        clean = clean[:-1]
    clean += b"=" * (-len(clean) % 4)
    steps = (clean[at : at + _STEP] for at in range(0, len(clean), _STEP))
    return b"".join(binascii.a2b_base64(step) for step in steps)


def unpadded(digest: bytes) -> str:
    """As base64url without padding."""
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode("ascii")


# Parameters

_PARAMETER: Final = re.compile(
    r""";\s{0,50}([\w!#$&+.^`|~-]{1,60}?)(?:\*(\d{1,3}))?(\*)?\s{0,9}=\s{0,9}("(?:[^"\\]|\\.?)*+(?:"|$)|[^;\s]*)""",
    re.DOTALL,
)
_PARAMETERS_AT_MOST: Final = 40
_PARAMETER_FIELD_AT_MOST: Final = 8_000


def value_and_parameters(field: str) -> tuple[str, dict[str, str]]:
    """Of a Content-Type or Content-Disposition: the value in lower case, and its parameters (RFC 2231 put together)."""
    field = field[:_PARAMETER_FIELD_AT_MOST]
    parts: dict[str, dict[int, tuple[str, bool]]] = {}
    for found in itertools.islice(_PARAMETER.finditer(field), _PARAMETERS_AT_MOST):
        name, number, extended, raw = found.groups()
        text = re.sub(r"\\(.)", r"\1", raw[1:].removesuffix('"')) if raw.startswith('"') else raw
        # "name*0*" goes before a plain "name", which is there for old programs.
        place = int(number) if number else (0 if extended else -1)
        parts.setdefault(name.lower(), {}).setdefault(place, (text, bool(extended)))
    value = re.split(r"[;\s]", field.strip(), maxsplit=1)[0].lower()
    return value, {name: _joined(given) for name, given in parts.items()}


def _joined(given: dict[int, tuple[str, bool]]) -> str:
    if 0 not in given:
        return words(given[min(given)][0])
    first, extended = given[0]
    charset = ""
    if extended and first.count("'") >= 2:
        charset, _, rest = first.split("'", 2)
        given = given | {0: (rest, True)}
    raw = b""
    for place in range(len(given)):
        if place not in given:
            break
        text, encoded = given[place]
        raw += unquote_to_bytes(text) if encoded else text.encode("utf-8", "replace")
    return decoded(raw, charset)


_TURNS: Final = dict.fromkeys(
    [*range(0x200B, 0x2010), *range(0x202A, 0x202F), *range(0x2060, 0x206A), 0xFEFF]
)


def file_name(text: str) -> str:
    """A file's name as it may be shown: on one line, without directions, zero-width letters and separators of paths. It names
    nothing on any disk."""
    shown = re.sub(r"[/\\\x00-\x1f\x7f-\x9f\ud800-\udfff]+", "_", " ".join(text.translate(_TURNS).split()))
    shown = shown.strip(". ")
    if len(shown) <= NAME_AT_MOST:
        return shown
    stem, dot, ending = shown.rpartition(".")
    tail = dot + ending if dot and len(ending) <= 10 else ""
    return (stem if tail else shown)[: NAME_AT_MOST - len(tail)] + tail


# People, ids, instants

_ADDRESS: Final = re.compile(r"""[^\s<>,;:"()\[\]\\@]{1,64}@[^\s<>,;:"()\[\]\\@]{1,255}""")
_ANGLE: Final = re.compile(r"<\s{0,9}([^<>\s]{1,330})\s{0,9}>")
# One that is not closed goes to the end: looked for from each quotation mark anew, the work would grow with the square.
_QUOTED: Final = re.compile(r'"(?:[^"\\]|\\.?)*+(?:"|$)', re.DOTALL)
_ID: Final = re.compile(r"<([^<>\s]{1,500})>")


class Mailbox(msgspec.Struct, frozen=True, gc=False):
    address: str = ""
    """As `core.accounts.folded` has it; "" when it is none."""
    name: str = ""


def mailbox(field: str) -> Mailbox:
    """The first one of a From, Sender or Reply-To."""
    outside = _QUOTED.sub(lambda quoted: " " * len(quoted[0]), field)
    # What is quoted is a name: it is looked into only where nothing stands outside.
    for text in (outside, field):
        if angle := _ANGLE.search(text):
            return Mailbox(address(angle[1]), _display(field[: angle.start()].rpartition(">")[2]))
        if bare := _ADDRESS.search(text):
            return Mailbox(address(bare[0]))
    return Mailbox()


def names_alone(field: str, known: str) -> bool:
    """Whether this address is all that a From names: it stands outside quotes, and no other "@" anywhere. Then it is the one that
    any mail host takes for the sender, however it reads what is not written as it should be."""
    found = _ADDRESS.findall(field)
    outside = _ADDRESS.search(_QUOTED.sub(" ", field))
    return outside is not None and len(found) == field.count("@") and {*map(address, found)} == {known}


def addresses(fields: Sequence[str]) -> tuple[str, ...]:
    """Each address once, in order."""
    return tuple(dict.fromkeys(_addresses(fields)))[:ADDRESSES_AT_MOST]


def _addresses(fields: Sequence[str]) -> Iterator[str]:
    for field in fields:
        for found in _ADDRESS.findall(_QUOTED.sub(" ", field)):
            if known := address(found):
                yield known


def address(text: str) -> str:
    """In the form by which it is compared. "" when no mail could be sent there."""
    try:
        return accounts.folded(text.strip().strip("'<>"))
    except Refused:
        return ""


def _display(text: str) -> str:
    bare = text.strip().strip(",;").strip()
    if len(bare) > 1 and bare[0] == bare[-1] == '"':
        bare = re.sub(r"\\(.)", r"\1", bare[1:-1])
    return line(words(bare))[: messages.NAME_MAX].strip(" '\"")


def line(text: str) -> str:
    """On one line, without what no store and no screen takes."""
    return " ".join(
        re.sub(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff\u202a-\u202e\u2066-\u2069]+", " ", text).split()
    )


def ids(fields: Sequence[str]) -> tuple[str, ...]:
    """Message-IDs without their brackets, each once. Of too many the first one and the last ones: those tell the thread."""
    found = list(dict.fromkeys(one for field in fields for one in _ID.findall(field)))
    return tuple(found if len(found) <= IDS_AT_MOST else found[:1] + found[1 - IDS_AT_MOST :])


def message_id(field: str) -> str:
    """Without brackets; also one that was sent without them."""
    found = _ID.search(field)
    return found[1] if found else "".join(field.split())[:ID_AT_MOST]


def instant(field: str) -> int | None:
    """ms since 1970 UTC; None when it is no date."""
    try:
        then = parsedate_to_datetime(field[:100])
        return int((then if then.tzinfo else then.replace(tzinfo=UTC)).astimezone(UTC).timestamp() * 1000)
    except (ValueError, TypeError, OverflowError, IndexError):
        return None
