"""Bytes to text when what a mail says of its charset may be missing, unknown or a lie. Never raises."""

from __future__ import annotations

import codecs
from typing import Final

_ONE_BYTE: Final = frozenset(
    {f"iso8859-{n}" for n in range(1, 17)}
    | {f"cp125{n}" for n in range(9)}
    | {"cp437", "cp850", "cp866", "koi8-r", "koi8-u", "mac-roman", "ascii", "tis-620"}
)
_WIDER: Final = frozenset(
    {"utf-16", "utf-16-le", "utf-16-be", "utf-32", "gb18030", "gbk", "gb2312", "big5", "shift_jis", "cp932"}
    | {"euc_jp", "euc_kr", "cp949", "iso2022_jp", "big5hkscs", "hz"}
)
"""Not every codec of Python: some decode no charset, and some need time that grows with the square."""
_WESTERN: Final = frozenset({"ascii", "iso8859-1"})
"""What says so is mostly Windows' superset of it."""


def decoded(raw: bytes, charset: str) -> str:
    """UTF-8 wherever it is that: no text of another charset looks so by chance. Else what was said, else Windows' western one."""
    if raw.isascii() and _name(charset) not in _WIDER:
        return raw.decode("ascii")
    if raw.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return raw.decode("utf-16", "replace").removeprefix("\ufeff")
    said = _name(charset)
    for codec in (said, "utf-8") if said in _WIDER else ("utf-8", said):
        text = _strictly(raw, codec)
        if text is not None:
            return text.removeprefix("\ufeff")
    if said in _WIDER or (said == "utf-8" and _mostly_utf8(raw)):
        return raw.decode(said, "replace").removeprefix("\ufeff")
    return raw.decode("cp1252" if _strictly(raw, "cp1252") is not None else "latin-1")


def _name(charset: str) -> str:
    """Python's name of it, "" when it is none that we decode."""
    charset = charset.strip().strip("\"'").lower()
    if not charset or len(charset) > 40 or not charset.isascii():
        return ""
    try:
        name = codecs.lookup(charset).name
    except (LookupError, ValueError):
        return ""
    if name in _WESTERN:
        return "cp1252"
    return name if name in _ONE_BYTE or name in _WIDER or name == "utf-8" else ""


def _strictly(raw: bytes, codec: str) -> str | None:
    if not codec:
        return None
    try:
        return raw.decode(codec)
    except (UnicodeError, ValueError):
        return None


def _mostly_utf8(raw: bytes) -> bool:
    """Cut in the middle of a letter, or one bad byte in a long text."""
    text = raw[:100_000].decode("utf-8", "replace")
    good = sum(1 for c in text if "\x80" <= c != "\ufffd")
    return good > 0 and good >= text.count("\ufffd")
