"""Links of ours that come back in a mail: quoted, forwarded, or with the whole of what we sent.

Such a link is whoever's who reads it: one makes an account, the other ends somebody's mail. So no message shows one, and the
tokens of those that give something away are told, to be made worthless. Programs wrap lines, quote them, and write links into
other links; all of that is seen through.

Masked is what is written, and of originals what is shown; a message that was stored before links were masked is shown as it
stands. None of one use that is in such a message opens anything: its token is over when it was used, and three days after its
mail left last (`invitations.INVITED_SECONDS`; of other mails a day or an hour, `portal.LINK_SECONDS`), which is eight days after
the mail was made at the latest (`outbox.TRIED_MS`). A link that ends mail has no end, so that it works in old mails: whoever
meets it in an old message can end mails to the one address that it names and let them come again, and reads nothing by it. So
neither is looked for in each message that is shown, on its way to everybody.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import islice
from typing import Final

from chatserver.mail import mime
from chatserver.mail.mime import Part

TOKEN: Final = 43
"""Characters of a token that gives something away: 256 bits."""
TOKENS_AT_MOST: Final = 500
"""Of one mail. A mail of ours has one, a thread of them a few; newsletters are full of what merely looks like it."""
MAILS_WITHIN: Final = 3
"""Mails within mails that are opened: forwards of forwards."""
_SLICE: Final = 65_536
"""Bytes searched in one go: nobody else's turn comes while they are."""
_OVERLAP: Final = 4_096
"""A token that is broken and written as badly as can be takes less."""

# Where a line was broken: what stands before the next one of a quote belongs to it.
_BREAK: Final = r"(?:[ \t]{0,3}\r?\n[ \t>|]{0,40})?"
# As it is, as it stands in another link (perhaps in one within that), as it stands in HTML.
_IS: Final = r"(?:=|%(?:25){0,3}3d|&#61;|&#x3d;)"
_SLASH: Final = r"(?:/|%(?:25){0,3}2f|&#47;|&#x2f;)"
_LETTER: Final = r"(?:[a-z0-9_-]|%(?:25){0,3}(?:2d|5f))"
_WHOLE: Final = f"(?:{_BREAK}{_LETTER}){{{TOKEN}}}"
_FLAGS: Final = re.IGNORECASE | re.ASCII

# What is shown is masked in more forms yet: as filters write an address into one of their own, in percent signs, dashes or
# underscores, and cut off after `_PART` characters of the token.
_PART: Final = 8
_PERCENT: Final = "(?:%(?:25){0,4}|[-=])"
_BENT: Final = r"(?:[ \t]{0,3}=?\r?\n[ \t>|]{0,40})?"
_BENT_SLASH: Final = rf"(?:/|{_PERCENT}2f|_|&\#(?:47|x2f);){_BENT}"
_BENT_ASKS: Final = rf"(?:\?|{_PERCENT}3f|&\#(?:63|x3f);|&quest;){_BENT}"
_BENT_IS: Final = rf"(?:{_PERCENT}3d|=|&\#(?:61|x3d);|&equals;){_BENT}"
_SIGN: Final = r"(?:[\w-]|%(?:25){0,4}(?:2d|5f|3[0-9]|[46][1-9a-f]|[57][0-9a]))"
_WAY_IN: Final = re.compile(
    rf"({_BENT.join('portal')}{_BENT}{_BENT_SLASH}(?:[\w.~%-]{_BENT}){{1,100}}?{_BENT_SLASH}"
    rf"{_BENT.join('link')}{_BENT}{_BENT_ASKS}t{_BENT}{_BENT_IS})"
    rf"(?:(?:{_SIGN}{_BENT}){{{TOKEN - 1}}}{_SIGN}+|{_SIGN}{{{_PART},}})",
    _FLAGS,
)
_STOP: Final = re.compile(
    "("
    + _BREAK.join([*"mail", _SLASH, "(?:stop|resume)", _SLASH, r"[\w.~-]{1,100}", _SLASH])
    + rf")(?:(?:{_BREAK}{_LETTER}){{1,400}}\.(?:{_BREAK}[a-z2-7]){{28}}|[\w.%-]{{1,500}})",
    _FLAGS,
)
_GIVEN: Final = re.compile(f"t{_BREAK}{_IS}({_WHOLE})".encode(), _FLAGS)
_BROKEN: Final = re.compile(rb"[ \t]{0,3}\r?\n[ \t>|]{0,40}")


def masked(text: str) -> str:
    """Without what makes a link of ours worth something."""
    return _STOP.sub(r"\1…", _WAY_IN.sub(r"\1…", text))


def tokens(raw: bytes) -> frozenset[str]:
    """All of a mail, as it came, that may be a token which gives something away: whatever part or file it is in."""
    part, _ = mime.parse(raw)
    return frozenset(islice(_within(part, MAILS_WITHIN), TOKENS_AT_MOST))


def _within(mail: Part, deeper: int) -> Iterator[str]:
    for part in mail.walk():
        if part.parts:
            continue
        content = part.content().replace(b"\0", b"")  # two bytes a letter, too
        for start in range(0, len(content), _SLICE):
            for found in _GIVEN.finditer(content, start, start + _SLICE + _OVERLAP):
                yield _plain(found[1])
        if deeper and (part.type == "message/rfc822" or part.name.lower().endswith(".eml")):
            yield from _within(mime.parse(content)[0], deeper - 1)


def _plain(found: bytes) -> str:
    text = _BROKEN.sub(b"", found).decode("ascii")
    return re.sub(
        "%(?:25)*5f", "_", re.sub("%(?:25)*2d", "-", text, flags=re.IGNORECASE), flags=re.IGNORECASE
    )
