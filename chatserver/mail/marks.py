"""The marks by which mail programs are known: above a quote, around a forward, at a line's beginning.

A line that reads like a mail program's needs more than one sign: a date or an address, a verb, a name. All patterns
have bounds, and lines are looked at in their plain form (`words.plain`), of which `words.LONGEST` is the length.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final, Literal

import msgspec

from chatserver.mail import words
from chatserver.mail.words import plain

Sure = Literal["", "quote", "signature", "rest", "matter"]
"""What the HTML around a line shows. `rest`: a program put the other mail below here; `matter`: it was forwarded."""


class Line(msgspec.Struct, frozen=True, gc=False):
    text: str
    """With the end of the line."""
    sure: Sure = ""


# What a line alone can show

_ARROWED: Final = re.compile(r"\s{0,3}>")
_DATE: Final = re.compile(
    r"(?<!\d)(?:\d{1,2}[/.-]\d{1,2}[/.-](?:\d{4}|\d{2})|\d{4}[/.-]\d{1,2}[/.-]\d{1,2})(?!\d)"
)
_YEAR: Final = re.compile(r"(?<!\d)(?:19|20)\d\d(?!\d)")
_CLOCK: Final = re.compile(r"(?<!\d)\d{1,2}[:h]\d{2}(?!\d)")
_DOTTED_CLOCK: Final = re.compile(r"(?<![\d.])\d{1,2}\.\d{2}(?![\d.])")
"""So a clock is written in Italy; elsewhere it is a price."""
MARKED: Final = re.compile(r" {4}|\t|[|:»│] ")
_TOKEN: Final = re.compile(r"[a-z]+|\d+")
_ADDRESS: Final = re.compile(r"[\w.+-]{1,64}@[\w-]{1,63}\.[\w.-]{2,63}")
_BRACKETED: Final = re.compile(r"[<\[(] ?(?:mailto: ?)?[\w.+-]{1,64}@[\w-]{1,63}\.[\w.-]{2,63}")
_OPENER: Final = re.compile(rf"(?:(?:{'|'.join(words.OPENERS + words.WEEKDAYS)})\b|\d)")
_VERB: Final = re.compile(rf"\b(?:{'|'.join(words.WROTE)})\b")
_GLUED: Final = re.compile(rf"(.{{1,300}}>,? (?:{'|'.join(words.WROTE)}):) {{2,9}}\S")
"""Yahoo on telephones goes on in the same line: "Ana <a@b.pe> escribió:   Hola"."""
_MONTHS: Final = frozenset(words.MONTHS)


def _has_date(text: str) -> bool:
    """ "3/6/24", "2024-06-03", "3 de junio", "Jun 3rd"."""
    if _DATE.search(text):
        return True
    tokens = _TOKEN.findall(text)
    for at, token in enumerate(tokens):
        if token in _MONTHS and any(
            near.isdigit() and len(near) <= 2 for near in tokens[max(0, at - 2) : at + 2]
        ):
            return True
    return False


def is_arrowed(line: Line) -> bool:
    return _ARROWED.match(line.text) is not None


STROKES: Final = "-–—#=*_~"


def is_our_delimiter(bare: str) -> bool:
    """Ours, or another desk's: "##- Please type your reply above this line -##"."""
    inside = bare.strip(" .[]" + STROKES)
    if inside in words.OUR_DELIMITERS:
        return True
    framed = bare.startswith(tuple(STROKES)) or (
        inside.startswith(words.REPLY_ABOVE_BEGINS) and inside.endswith(words.REPLY_ABOVE_ENDS)
    )
    if not inside or not framed or len(inside) > 100 or "?" in inside:
        return False
    return all(any(word in inside for word in kind) for kind in words.REPLY_ABOVE_LINE)


def _between_dashes(bare: str) -> str:
    """What stands in "----- here -----"; "" if nothing does."""
    return bare.strip("-_= ") if bare.startswith(("--", "==", "__")) else ""


def begins_forward(bare: str) -> bool:
    return _between_dashes(bare).rstrip(" :") in words.FORWARDED or (
        bare.endswith(":") and bare.rstrip(" :") in words.FORWARD_BEGINS
    )


def is_separator(bare: str) -> bool:
    """ "-----Mensaje original-----", "____________", "-----Juan wrote: -----"."""
    inside = _between_dashes(bare)
    if bare.startswith("_____"):
        return not inside
    if inside in words.ORIGINAL or (inside.startswith(words.ORIGINAL_OF) and "@" in inside):
        return True
    return bare.endswith("--") and inside.endswith(":") and _VERB.search(inside) is not None


def is_framed_attribution(bare: str) -> bool:
    """ "---- El lun, 03 jun 2024 10:15:32 -0500 Ana <a@b.pe> escribió ----", ">>> Ana 3/6/2024 10:15 >>>"."""
    if not (bare.startswith(("---", ">>>")) and bare.endswith(bare[:3])):
        return False
    inside = bare.strip("-> ")
    return _has_moment(inside) and (bare[0] == ">" or _VERB.search(inside) is not None)


# What a few lines together show


class Headers(msgspec.Struct, frozen=True, gc=False):
    end: int
    keys: frozenset[str]
    has_address: bool
    has_moment: bool
    foreign: bool
    """Among its keys is one that no mail program shows: it is a pasted log."""

    @property
    def surely(self) -> bool:
        """Without a line above that parts the mails: somebody may have written such lines."""
        asked = {words.FROM, words.DATE} | (set() if self.has_address else {words.TO, words.SUBJECT})
        return (
            not self.foreign
            and asked <= self.keys
            and bool(self.keys & {words.TO, words.SUBJECT})
            and self.has_moment
        )

    @property
    def likely(self) -> bool:
        return (
            not self.foreign
            and len(self.keys) > 1
            and words.FROM in self.keys
            and (self.has_address or self.has_moment)
        )


_KEY: Final = re.compile(r"([a-z][a-z.' -]{0,24}?)\*? ?:\*?(?!//)")
_HEADERS_AT_MOST: Final = 24


def header_key(bare: str) -> str | None:
    """`from`, `date` …; "" for a key that no mail program shows above a quote; None: no key at all."""
    key = _KEY.match(bare)
    return None if key is None else words.HEADERS.get(key[1].strip(), "")


def headers(bare: Sequence[str], start: int) -> Headers | None:
    """The block of headers that begins here."""
    if not header_key(bare[start]):
        return None
    keys: set[str] = set()
    has_address = has_moment = foreign = False
    end = start
    for at in range(start, min(start + _HEADERS_AT_MOST, len(bare))):
        line = bare[at]
        key = header_key(line)
        if key == "":
            foreign = end == at  # right below the others
            break
        if key is None:
            if not line and at + 1 < len(bare) and header_key(bare[at + 1]):
                continue  # paragraphs of HTML
            if not line or not (
                _ADDRESS.search(line) or line.endswith(";") or bare[at - 1].endswith((";", ","))
            ):
                break
        if key:
            keys.add(key)
        has_address = has_address or _ADDRESS.search(line) is not None
        has_moment = has_moment or (key == words.DATE and _has_moment(line))
        end = at + 1
    return Headers(end, frozenset(keys), has_address, has_moment, foreign)


def are_headers_without_colons(bare: Sequence[str]) -> bool:
    """ "De "Ana" <a@b.pe>", "Fecha 3/6/2024 10:15:32": so eM Client and Notes write them."""
    return (
        bare[0].startswith(("de ", "from "))
        and "@" in bare[0]
        and any(
            line.startswith(("fecha ", "data ", "date ", "enviado ")) and _has_moment(line) for line in bare
        )
    )


def _has_moment(line: str) -> bool:
    clock = _CLOCK.search(line) or _DOTTED_CLOCK.search(line)
    return clock is not None and _has_date(line)


class Attribution(msgspec.Struct, frozen=True, gc=False):
    start: int
    end: int
    strong: bool
    """Only a mail program writes so: it needs no arrows below."""


_ATTRIBUTION_LINES: Final = 4


def attribution(lines: Sequence[Line], bare: Sequence[str], start: int) -> Attribution | None:
    """ "El lun, 3 jun 2024 a las 10:15, Ana <a@b.pe> escribió:" over as many lines as programs wrap it to."""
    if not bare[start]:
        return None
    first = bare[start]
    opens = _OPENER.match(first) is not None and _has_date(first)
    for end in range(start + 1, min(start + _ATTRIBUTION_LINES, len(bare)) + 1):
        if not bare[end - 1] or (end - start > 1 and is_arrowed(lines[end - 1])):
            return None
        joined = " ".join(bare[start:end])
        if opens and (glued := _GLUED.match(joined)):
            joined = glued[1]
        if _reads_like_attribution(joined, opens):
            if _said_above(bare, start, end):
                return None  # what stands above it was said
            original = " ".join(words.clean(line.text) for line in lines[start:end])
            alone = not any(bare[max(0, start - 1) : start]) and not any(bare[end : end + 1])
            return Attribution(start, end, _only_a_program_writes(joined, original, named=opens and alone))
        if not opens:
            return None
    return None


_SENTENCE_END: Final = re.compile(r"(?:[?!;:]|\w{4}\.)$")


def _said_above(bare: Sequence[str], start: int, end: int) -> bool:
    """A sentence ends before the last line, or the attribution begins at a later one."""
    later = any(_OPENER.match(bare[at]) and _has_date(bare[at]) for at in range(start + 1, end))
    return later or any(_SENTENCE_END.search(line) for line in bare[start : end - 1])


def _reads_like_attribution(joined: str, opens: bool) -> bool:
    if not joined.endswith(":"):
        return False
    text = joined.rstrip(" :*")
    dated, addressed = _has_date(text), "@" in text and _ADDRESS.search(text) is not None
    if not (dated or addressed):
        return False
    if text.startswith(words.QUOTING):  # "Citando Ana <a@b.pe>:"
        return text.endswith(">") and _BRACKETED.search(text) is not None
    verb = _VERB.search(text)
    if verb is None:  # "2024-06-03 10:15 GMT-05:00 Ana <a@b.pe>:"
        return bool(
            opens and dated and text.endswith(">") and _BRACKETED.search(text) and _CLOCK.search(text)
        )
    before = text[: verb.start()].split()
    if before and before[-1] in words.TO_ME:
        return False
    after = text[verb.end() :].strip(" ,")
    if not after:  # "Ana <a@b.pe> wrote:", and not "[3/6/24 10:15] Ana wrote:", a line of a chat
        return bool(before) and (opens or addressed)
    if opens:  # "Am Mo., 3. Juni 2024 um 10:15 Uhr schrieb Ana <a@b.de>:"
        return after.endswith(">") and _BRACKETED.search(after) is not None
    after = after.lstrip(
        "( "
    )  # "Ana Paz wrote on 03/06/2024 10:15:32:", "Ana escreveu (segunda, 3/06/2024 à(s) 10:15):"
    return _OPENER.match(after) is not None and _has_date(after)


def _only_a_program_writes(joined: str, original: str, *, named: bool) -> bool:
    """`named`: a name without an address is enough."""
    if not (_has_date(joined) and _CLOCK.search(joined)):
        return False
    if _BRACKETED.search(joined):
        return True
    if not named or not (_YEAR.search(joined) or _DATE.search(joined)):
        return False
    name = original.rpartition(",")[2].rstrip(" :").split()
    while name and plain(name[-1]) in {"escribio", "escreveu", "wrote", "written", "has"}:
        name.pop()
    return 0 < len(name) <= 6 and "," in original and all(part[0].isupper() for part in name)


_NUMBER_OR_PROMPT: Final = re.compile(r"\s{0,3}>\s{0,3}(?:[\d$=<]|>>\s?\w)")


def looks_quoted(block: Sequence[Line], bare: Sequence[str]) -> bool:
    """Lines with arrows but no word of whose they are: a mail program's are wrapped, or part paragraphs, or quote a quote."""
    if len(block) < 2 or _NUMBER_OR_PROMPT.match(block[0].text):
        return False
    inside = [line.lstrip("> ") for line in bare]
    nested = any(line.replace(" ", "").startswith(">>") for line in bare)
    return nested or not all(inside) or (len(block) > 2 and max(map(len, inside)) >= 50)


def is_attributed_within(block: Sequence[Line]) -> bool:
    """ "> El 3 jun 2024, a las 10:15, Ana <a@b.pe> escribió:", as telephones put it into the quote."""
    inside = [Line(line.text.lstrip("> ")) for line in block[:_ATTRIBUTION_LINES]]
    found = attribution(inside, [plain(line.text) for line in inside], 0)
    return found is not None and found.strong
