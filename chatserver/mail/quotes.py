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

from chatserver.mail import marks, signatures, words
from chatserver.mail.marks import Line
from chatserver.mail.signatures import Asked
from chatserver.mail.words import plain

Kind = Literal["said", "quote", "signature"]
Intent = Literal["", "answer", "forward", "fresh"]

LOOKED_AT: Final = 200_000
"""Characters: a mail of so much text is a log or a thread of years, and neither needs to be folded to its end."""


class Piece(msgspec.Struct, frozen=True, gc=False):
    kind: Kind
    text: str


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
    known = signatures.Known(_names(mail.author), plain(mail.author.partition("@")[2]), _asks(bare, kinds))
    for start, end in _runs(kinds, "said", matter):
        for at in signatures.lines(looked_at, bare, start, end, known):
            kinds[at] = "signature"
    kinds += ["said"] * (len(lines) - len(looked_at))
    return list(_gather(lines, kinds))


def _how_many(lines: Sequence[Line]) -> int:
    size = 0
    for at, line in enumerate(lines):
        size += min(len(line.text), words.LONGEST)
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


_NAME_PARTS: Final = re.compile(r"[^\w']+|_")


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
        if line.sure == "matter" or marks.begins_forward(bare.lstrip("> ") if first_of_quote else bare):
            return None
        if line.sure == "quote":
            return self.fold(at, at + 1)
        if line.sure == "signature":
            return self.sure_signature(at)
        if line.sure == "rest":
            return self.rest(at)
        if marks.is_framed_attribution(bare):
            return self.rest(at)
        if marks.is_arrowed(line):
            return self.arrows(at)
        if marks.is_our_delimiter(bare) or (bare and self.is_rule_of_delimiter(at)):
            return self.say(at) if self.announced() else self.fold(at, len(self.lines))
        if marks.is_separator(bare) or (at >= self.no_headers_until and marks.header_key(bare)):
            end = self.other_mail(at)
            return self.say(at) if end == at else end
        found = marks.attribution(self.lines, self.bare, at) if bare else None
        return self.say(at) if found is None else self.attributed(found)

    def is_rule_of_delimiter(self, at: int) -> bool:
        if self.bare[at].strip(marks.STROKES):
            return False
        below = self.follows(at + 1)
        return below < len(self.bare) and marks.is_our_delimiter(self.bare[below])

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
        while end < len(self.lines) and marks.is_arrowed(self.lines[end]):
            end += 1
        block = self.lines[start:end]
        if self.is_quoted(start, end, block):
            return self.fold(start, end)
        for at in range(start, end):
            self.say(at)
        return end

    def is_quoted(self, start: int, end: int, block: Sequence[Line]) -> bool:
        """By a program: what somebody quotes by hand stands below "dice:", or between what is said."""
        if marks.is_attributed_within(block):
            return True
        if self.spoken and self.spoken[-1].endswith(":") and self.bare[self.before(start)] == self.spoken[-1]:
            return False
        if self.quoting:
            return True
        by_hand = self.intent == "fresh" or (self.spoken and self.follows(end) < len(self.lines))
        return not by_hand and marks.looks_quoted(block, self.bare[start:end])

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
        return marks.is_arrowed(line) or line.sure == "quote" or marks.is_our_delimiter(self.bare[at])

    def attributed(self, found: marks.Attribution) -> int:
        below = self.follows(found.end)
        if self.looks_quoted(below):
            return self.fold(found.start, below)
        if found.strong and self.intent != "fresh" and not self.announced():
            return self.fold(found.start, self.end_of_marked(below) or len(self.lines))
        return self.say(found.start)

    def end_of_marked(self, at: int) -> int:
        """Of a quote all lines of which are marked, or are indented with nothing typed above it; 0 if they are not."""
        mark = marks.MARKED.match(self.lines[at].text) if at < len(self.lines) else None
        if mark is None or (self.spoken and mark[0].isspace()):
            return 0
        while at < len(self.lines) and (not self.bare[at] or self.lines[at].text.startswith(mark[0])):
            at += 1
        return at

    def other_mail(self, start: int) -> int | None:
        """The end of what is folded from a separator or a block of headers on; `start`: they are neither."""
        parted = marks.is_separator(self.bare[start])
        if not parted and start and self.bare[start - 1]:
            return start  # in the middle of a paragraph
        at = self.follows(start + 1) if parted else start
        if at == len(self.lines) or marks.is_arrowed(self.lines[at]):
            return start
        if parted and (found := marks.attribution(self.lines, self.bare, at)) is not None:
            below = self.follows(found.end)
            if self.looks_quoted(below):
                return self.fold(start, below)
            return self.rest(start) if found.strong else start
        if parted and marks.are_headers_without_colons(self.bare[at : at + 6]):
            return self.rest(start)
        block = marks.headers(self.bare, at)
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
        if self.intent == "answer" or any(map(marks.is_our_delimiter, self.bare[start:])):
            return False
        return self.intent == "fresh" or not self.spoken

    def announced(self) -> bool:
        """ "Les reenvío lo que recibí:"."""
        if not self.spoken:
            return False
        said_before = " ".join(self.spoken)
        return self.spoken[-1].endswith(":") or any(word in said_before for word in words.MATTER_BELOW)
