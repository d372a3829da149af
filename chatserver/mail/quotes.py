"""What the author of a mail newly said, and what is folded: copies of other mails, signatures.

Nothing is lost: the pieces together are the text. **Whatever is in doubt was said**: a quote that is shown costs a
glance, a sentence that is folded costs an answer. So each kind of evidence is a function of its own, and a line
that reads like a mail program's needs more than one sign: a date or an address, a verb, and a quote that follows.

Lines are looked at from the top, once; what is looked at ahead is a few lines or is then skipped, and of a line
its first `words.LONGEST` characters, by patterns whose repetitions have bounds. So the work grows as the mail does,
and it ends: what stands below the first `LOOKED_AT` characters was said.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator, Sequence
from typing import Final, Literal

import msgspec

from chatserver.mail import signatures, words
from chatserver.mail.signatures import Asked
from chatserver.mail.words import plain

Kind = Literal["said", "quote", "signature"]
Intent = Literal["", "answer", "forward", "fresh"]
Sure = Literal["", "quote", "signature", "rest", "matter"]
"""What the HTML around a line shows. `rest`: a program put the other mail below here; `matter`: it was forwarded."""


LOOKED_AT: Final = 200_000
"""Characters: a mail of so much text is a log or a thread of years, and neither needs to be folded to its end."""


class Piece(msgspec.Struct, frozen=True, gc=False):
    kind: Kind
    text: str


class Line(msgspec.Struct, frozen=True, gc=False):
    text: str
    """With the end of the line."""
    sure: Sure = ""


class Mail(msgspec.Struct, frozen=True, gc=False):
    """What is known of a mail beside its text, "" if it is not."""

    author: str = ""
    """Its From: a name, an address or both."""
    subject: str = ""
    answers: bool = False
    """It has an In-Reply-To or References."""


def pieces(text: str, mail: Mail | None = None) -> list[Piece]:
    return cut([Line(line) for line in text.splitlines(keepends=True)], mail)


def said(found: Sequence[Piece]) -> str:
    """What was newly said, without what is folded. It may be empty: then show the whole mail."""
    return "\n\n".join(filter(None, (piece.text.strip() for piece in found if piece.kind == "said")))


def cut(lines: Sequence[Line], mail: Mail | None = None) -> list[Piece]:
    mail = mail or Mail()
    looked_at = lines[: _how_many(lines)]
    bare = [plain(line.text) for line in looked_at]
    kinds, matter = _Scan(looked_at, bare, _intent(mail)).run()
    known = signatures.Known(_names(mail.author), plain(mail.author.rpartition("@")[2]), _asks(bare, kinds))
    for start, end in _runs(kinds, "said", matter):
        for at in signatures.lines(looked_at, bare, start, end, known):
            kinds[at] = "signature"
    kinds += ["said"] * (len(lines) - len(looked_at))
    return list(_gather(lines, kinds))


def _how_many(lines: Sequence[Line]) -> int:
    size = 0
    for at, line in enumerate(lines):
        size += len(line.text)
        if size > LOOKED_AT:
            return at
    return len(lines)


_PREFIX: Final = re.compile(r"(?:^|[\s\[\]:-])([a-z]{1,12}) ?(?:\[\d{1,3}\]|\(\d{1,3}\))? ?(?=:)")


def _intent(mail: Mail) -> Intent:
    """ "RV: x", "[#12] Fwd: x" were forwarded, though they may have References; "RES: x" answers."""
    bare = plain(mail.subject)
    for prefix in _PREFIX.finditer(bare):
        if len(prefix[1]) > 1 or prefix.start() == 0:
            if prefix[1] in words.FORWARD_PREFIXES:
                return "forward"
            if prefix[1] in words.ANSWER_PREFIXES:
                return "answer"
    if mail.answers:
        return "answer"
    return "fresh" if bare else ""


def _names(author: str) -> frozenset[str]:
    name = plain(author.partition("@")[0])
    return frozenset(part for part in _NAME_PARTS.split(name) if len(part) > 1)


def _asks(bare: Sequence[str], kinds: Sequence[Kind]) -> Asked:
    """Whether the quoted mail asks for what stands on a card."""
    quoted = [line.lstrip("> ") for line, kind in zip(bare, kinds, strict=True) if kind == "quote"]
    asked: Asked = ""
    for line, below in itertools.pairwise([*quoted, ""]):
        things = sum(word in line or word in below for word in words.DATA)
        asked = "one" if things else asked
        if things > 1 and any(word in line or word in below for word in words.REQUESTS):
            return "all"
    return asked


def _runs(kinds: Sequence[Kind], kind: Kind, until: int) -> Iterator[tuple[int, int]]:
    start = 0
    for at in range(until + 1):
        if at == until or kinds[at] != kind:
            if start < at:
                yield start, at
            start = at + 1


def _gather(lines: Sequence[Line], kinds: Sequence[Kind]) -> Iterator[Piece]:
    start = 0
    for at in range(1, len(lines) + 1):
        if at == len(lines) or kinds[at] != kinds[start]:
            yield Piece(kinds[start], "".join(line.text for line in lines[start:at]))
            start = at


# What a line alone can show

_ARROWED: Final = re.compile(r"\s{0,3}>")
_DATE: Final = re.compile(
    r"(?<!\d)(?:\d{1,2}[/.-]\d{1,2}[/.-](?:\d{4}|\d{2})|\d{4}[/.-]\d{1,2}[/.-]\d{1,2})(?!\d)"
)
_YEAR: Final = re.compile(r"(?<!\d)(?:19|20)\d\d(?!\d)")
_CLOCK: Final = re.compile(r"(?<!\d)\d{1,2}[:h]\d{2}(?!\d)")
_DOTTED_CLOCK: Final = re.compile(r"(?<![\d.])\d{1,2}\.\d{2}(?![\d.])")
"""So a clock is written in Italy; elsewhere it is a price."""
_MARKED: Final = re.compile(r" {4}|\t|[|:»│] ")
_NAME_PARTS: Final = re.compile(r"[^\w']+|_")
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


def _is_arrowed(line: Line) -> bool:
    return _ARROWED.match(line.text) is not None


_STROKES: Final = "-–—#=*_~"


def _is_our_delimiter(bare: str) -> bool:
    """Ours, or another desk's: "##- Please type your reply above this line -##"."""
    inside = bare.strip(" .[]" + _STROKES)
    if inside in words.OUR_DELIMITERS:
        return True
    framed = bare.startswith(tuple(_STROKES)) or (
        inside.startswith(words.REPLY_ABOVE_BEGINS) and inside.endswith(words.REPLY_ABOVE_ENDS)
    )
    if not inside or not framed or len(inside) > 100 or "?" in inside:
        return False
    return all(any(word in inside for word in kind) for kind in words.REPLY_ABOVE_LINE)


def _between_dashes(bare: str) -> str:
    """What stands in "----- here -----"; "" if nothing does."""
    return bare.strip("-_= ") if bare.startswith(("--", "==", "__")) else ""


def _begins_forward(bare: str) -> bool:
    return _between_dashes(bare).rstrip(" :") in words.FORWARDED or (
        bare.endswith(":") and bare.rstrip(" :") in words.FORWARD_BEGINS
    )


def _is_separator(bare: str) -> bool:
    """ "-----Mensaje original-----", "____________", "-----Juan wrote: -----"."""
    inside = _between_dashes(bare)
    if bare.startswith("_____"):
        return not inside
    if inside in words.ORIGINAL or (inside.startswith(words.ORIGINAL_OF) and "@" in inside):
        return True
    return bare.endswith("--") and inside.endswith(":") and _VERB.search(inside) is not None


def _is_framed_attribution(bare: str) -> bool:
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


def _header_key(bare: str) -> str | None:
    """`from`, `date` …; "" for a key that no mail program shows above a quote; None: no key at all."""
    key = _KEY.match(bare)
    return None if key is None else words.HEADERS.get(key[1].strip(), "")


def _headers(bare: Sequence[str], start: int) -> Headers | None:
    """The block of headers that begins here."""
    if not _header_key(bare[start]):
        return None
    keys: set[str] = set()
    has_address = has_moment = foreign = False
    end = start
    for at in range(start, min(start + _HEADERS_AT_MOST, len(bare))):
        line = bare[at]
        key = _header_key(line)
        if key == "":
            foreign = end == at  # right below the others
            break
        if key is None:
            if not line and at + 1 < len(bare) and _header_key(bare[at + 1]):
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


def _are_headers_without_colons(bare: Sequence[str]) -> bool:
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


def _attribution(lines: Sequence[Line], bare: Sequence[str], start: int) -> Attribution | None:
    """ "El lun, 3 jun 2024 a las 10:15, Ana <a@b.pe> escribió:" over as many lines as programs wrap it to."""
    if not bare[start]:
        return None
    first = bare[start]
    opens = _OPENER.match(first) is not None and _has_date(first)
    for end in range(start + 1, min(start + _ATTRIBUTION_LINES, len(bare)) + 1):
        if not bare[end - 1] or (end - start > 1 and _is_arrowed(lines[end - 1])):
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


def _looks_quoted(block: Sequence[Line], bare: Sequence[str]) -> bool:
    """Lines with arrows but no word of whose they are: a mail program's are wrapped, or part paragraphs, or quote a quote."""
    if len(block) < 2 or _NUMBER_OR_PROMPT.match(block[0].text):
        return False
    inside = [line.lstrip("> ") for line in bare]
    nested = any(line.replace(" ", "").startswith(">>") for line in bare)
    return nested or not all(inside) or (len(block) > 2 and max(map(len, inside)) >= 50)


def _is_attributed_within(block: Sequence[Line]) -> bool:
    """ "> El 3 jun 2024, a las 10:15, Ana <a@b.pe> escribió:", as telephones put it into the quote."""
    inside = [Line(line.text.lstrip("> ")) for line in block[:_ATTRIBUTION_LINES]]
    found = _attribution(inside, [plain(line.text) for line in inside], 0)
    return found is not None and found.strong


class _Scan:
    """From the top to where the rest is sure to be a quote, or the matter itself."""

    def __init__(self, lines: Sequence[Line], bare: Sequence[str], intent: Intent) -> None:
        self.lines = lines
        self.bare = bare
        self.intent = intent
        self.kinds: list[Kind] = ["said"] * len(lines)
        self.quoting = False
        self.no_headers_until = 0
        self.spoken: list[str] = []  # the last lines that were said

    def run(self) -> tuple[list[Kind], int]:
        """The kind of each line, and from which on all is the matter itself, its signatures included."""
        at = 0
        while at < len(self.lines):
            end = self.step(at)
            if end is None:
                return self.kinds, at
            at = end
        return self.kinds, at

    def step(self, at: int) -> int | None:
        """Where to look next; None: here begins what was forwarded."""
        line, bare = self.lines[at], self.bare[at]
        first_of_quote = line.sure == "quote" and not self.quoting
        if line.sure == "matter" or _begins_forward(bare.lstrip("> ") if first_of_quote else bare):
            return None
        if line.sure == "quote":
            return self.fold(at, at + 1)
        if line.sure == "signature":
            return self.sure_signature(at)
        if line.sure == "rest":
            return self.rest(at)
        if _is_framed_attribution(bare):
            return self.rest(at)
        if _is_arrowed(line):
            return self.arrows(at)
        if _is_our_delimiter(bare) or (bare and self.is_rule_of_delimiter(at)):
            return self.say(at) if self.announced() else self.fold(at, len(self.lines))
        if _is_separator(bare) or (at >= self.no_headers_until and _header_key(bare)):
            end = self.other_mail(at)
            return self.say(at) if end == at else end
        found = _attribution(self.lines, self.bare, at) if bare else None
        return self.say(at) if found is None else self.attributed(found)

    def is_rule_of_delimiter(self, at: int) -> bool:
        if self.bare[at].strip(_STROKES):
            return False
        below = self.follows(at + 1)
        return below < len(self.bare) and _is_our_delimiter(self.bare[below])

    def say(self, at: int) -> int:
        if self.bare[at]:
            self.spoken = [*self.spoken[-2:], self.bare[at]]
        elif at and self.kinds[at - 1] == "quote":
            self.kinds[at] = "quote"  # the empty lines below a quote are its own
        return at + 1

    def fold(self, start: int, end: int) -> int:
        self.kinds[start:end] = ["quote"] * (end - start)
        self.quoting = True
        return end

    def sure_signature(self, start: int) -> int:
        end = start
        while end < len(self.lines) and self.lines[end].sure == "signature":
            end += 1
        if end - start <= signatures.LINES_AT_MOST and not signatures.tells(self.lines[start:end]):
            for at in signatures.without_afterword(self.bare, start, end):
                self.kinds[at] = "signature"
        return end

    def arrows(self, start: int) -> int:
        end = start
        while end < len(self.lines) and _is_arrowed(self.lines[end]):
            end += 1
        block = self.lines[start:end]
        if self.is_quoted(start, end, block):
            return self.fold(start, end)
        for at in range(start, end):
            self.say(at)
        return end

    def is_quoted(self, start: int, end: int, block: Sequence[Line]) -> bool:
        """By a program: what somebody quotes by hand stands below "dice:", or between what is said."""
        if _is_attributed_within(block):
            return True
        if self.spoken and self.spoken[-1].endswith(":") and self.bare[self.before(start)] == self.spoken[-1]:
            return False
        if self.quoting:
            return True
        by_hand = self.intent == "fresh" or (self.spoken and self.follows(end) < len(self.lines))
        return not by_hand and _looks_quoted(block, self.bare[start:end])

    def before(self, at: int) -> int:
        """The line above with something on it; 0 if there is none."""
        at = max(0, at - 1)
        while at and not self.bare[at]:
            at -= 1
        return at

    def follows(self, at: int) -> int:
        """The next line with something on it; the number of lines if there is none."""
        while at < len(self.bare) and not self.bare[at]:
            at += 1
        return at

    def looks_quoted(self, at: int) -> bool:
        if at == len(self.lines):
            return False
        line = self.lines[at]
        return _is_arrowed(line) or line.sure == "quote" or _is_our_delimiter(self.bare[at])

    def attributed(self, found: Attribution) -> int:
        below = self.follows(found.end)
        if self.looks_quoted(below):
            return self.fold(found.start, below)
        if found.strong and self.intent != "fresh" and not self.announced():
            return self.fold(found.start, self.end_of_marked(below) or len(self.lines))
        return self.say(found.start)

    def end_of_marked(self, at: int) -> int:
        """Of a quote all lines of which are marked, or are indented with nothing typed above it; 0 if they are not."""
        mark = _MARKED.match(self.lines[at].text) if at < len(self.lines) else None
        if mark is None or (self.spoken and mark[0].isspace()):
            return 0
        while at < len(self.lines) and (not self.bare[at] or self.lines[at].text.startswith(mark[0])):
            at += 1
        return at

    def other_mail(self, start: int) -> int | None:
        """The end of what is folded from a separator or a block of headers on; `start`: they are neither."""
        parted = _is_separator(self.bare[start])
        if not parted and start and self.bare[start - 1]:
            return start  # in the middle of a paragraph
        at = self.follows(start + 1) if parted else start
        if at == len(self.lines) or _is_arrowed(self.lines[at]):
            return start
        if parted and (found := _attribution(self.lines, self.bare, at)) is not None:
            below = self.follows(found.end)
            if self.looks_quoted(below):
                return self.fold(start, below)
            return self.rest(start) if found.strong else start
        if parted and _are_headers_without_colons(self.bare[at : at + 6]):
            return self.rest(start)
        block = _headers(self.bare, at)
        if block is None or not (block.surely or (parted and block.likely)):
            self.no_headers_until = block.end if block else 0  # the less so what begins within
            return start
        below = self.follows(block.end)
        if self.looks_quoted(below):
            return self.fold(start, below)
        if below == len(self.lines):
            return start  # headers of nothing
        return self.rest(start)

    def rest(self, start: int) -> int | None:
        if self.is_matter(start):
            return None
        return self.fold(start, len(self.lines))

    def is_matter(self, start: int) -> bool:
        """Programs put the same headers above what is answered and what is forwarded."""
        if self.intent == "forward" or self.announced():
            return True
        if self.intent == "answer" or any(map(_is_our_delimiter, self.bare[start:])):
            return False
        return self.intent == "fresh" or not self.spoken

    def announced(self) -> bool:
        """ "Les reenvío lo que recibí:"."""
        if not self.spoken:
            return False
        said_before = " ".join(self.spoken)
        return self.spoken[-1].endswith(":") or any(word in said_before for word in words.MATTER_BELOW)
