"""A mail as this house reads it: bytes to an `Arrival`. Whatever the bytes are, it is read; what is beyond a bound stays in the
original, which is kept whole elsewhere."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from typing import Final, Literal

import msgspec

from chatserver.mail import headers, html_text, mime, quotes
from chatserver.mail.headers import Headers, Mailbox
from chatserver.mail.mime import Part
from chatserver.mail.quotes import Piece

TEXT_AT_MOST: Final = 500_000
"""Characters of a mail's text; it is a log by then, and the rest of it is in the original."""
FILES_AT_MOST: Final = 200
SUBJECT_AT_MOST: Final = 998
"""Characters: what one line of a mail may have."""
_REPORTED_AT_MOST: Final = 20_000


class Passage(msgspec.Struct, frozen=True, gc=False):
    """Readable matter: text as it is, or the source of HTML."""

    form: Literal["plain", "html"]
    source: str


class File(msgspec.Struct, frozen=True):
    """What came with the mail. Its bytes are decoded when asked for: `content()`."""

    name: str
    """As it may be shown, "" when the mail gives none. It names nothing on any disk."""
    type: str
    """As the mail claims; what it is its bytes tell."""
    content_id: str
    """By which the HTML shows it, without brackets; "" for what is no picture within the text."""
    part: Part

    def content(self) -> bytes:
        return self.part.content()


class Report(msgspec.Struct, frozen=True):
    """What a mail host says of a mail that it could not deliver, or of one that was opened (RFC 3464, 8098)."""

    recipient: str
    action: str
    """failed, delayed, delivered …, "" when it is not said."""
    status: str
    """"5.1.1"; "" when it is not said."""
    original_id: str
    """The Message-ID of the mail that it is about, "" when it is not said."""


class Arrival(msgspec.Struct, frozen=True):
    """One mail, read. Texts are decoded; nothing of it may be believed."""

    headers: Headers
    type: str
    parameters: dict[str, str]
    key: str
    """By which a mail is taken once: a hash of its Message-ID and body, 43 characters."""
    message_id: str
    sender: Mailbox
    """The From: a claim."""
    alone: bool
    """There is one From, and it names the sender and nobody else."""
    envelope_from: str | None
    """MAIL FROM; "" is nobody (bounces and automatic answers), None is unknown (it was fetched from a mailbox)."""
    envelope_to: tuple[str, ...]
    reply_to: str
    to: tuple[str, ...]
    cc: tuple[str, ...]
    subject: str
    date: int | None
    in_reply_to: tuple[str, ...]
    references: tuple[str, ...]
    passages: tuple[Passage, ...]
    pieces: tuple[Piece, ...]
    """What was newly said, and what is folded; together they are the text."""
    files: tuple[File, ...]
    report: Report | None
    whole: bool
    """False: there is more in the original than was read."""

    @property
    def answers(self) -> bool:
        return bool(self.in_reply_to or self.references)

    @property
    def html(self) -> str:
        return "\n".join(passage.source for passage in self.passages if passage.form == "html")

    @property
    def text(self) -> str:
        return "".join(piece.text for piece in self.pieces)

    @property
    def said(self) -> str:
        """What was newly said; "" when all of it is quotes and signatures."""
        return quotes.said(self.pieces)


def read(raw: bytes, envelope_from: str | None = None, envelope_to: tuple[str, ...] = ()) -> Arrival:
    """Of a mail as it came. Never raises for what the bytes are; ValueError when there are more than `mime.SIZE_AT_MOST`."""
    if len(raw) > mime.SIZE_AT_MOST:
        raise ValueError(f"a mail of {len(raw)} bytes")
    part, divided = mime.parse(raw)
    gathered = _Gathered(part)
    fields = part.headers
    mailbox = headers.mailbox(fields.get("from") or fields.get("sender"))
    message_id = headers.message_id(fields.get("message-id"))[: headers.ID_AT_MOST]
    subject = headers.line(headers.words(fields.get("subject")))[:SUBJECT_AT_MOST]
    answered, thread = headers.ids(fields.all("in-reply-to")), headers.ids(fields.all("references"))
    return Arrival(
        headers=fields,
        type=part.type,
        parameters=part.parameters,
        key=_key(raw, part, message_id),
        message_id=headers.line(message_id),
        sender=mailbox,
        alone=[headers.names_alone(field, mailbox.address) for field in fields.all("from")] == [True],
        envelope_from=None if envelope_from is None else headers.address(envelope_from),
        envelope_to=envelope_to,
        reply_to=headers.mailbox(fields.get("reply-to")).address,
        to=headers.addresses(fields.all("to")),
        cc=headers.addresses(fields.all("cc")),
        subject=subject,
        date=headers.instant(fields.get("date")),
        in_reply_to=answered,
        references=thread,
        passages=tuple(gathered.passages),
        pieces=tuple(_cut(gathered.passages, mailbox, subject, bool(answered or thread))),
        files=tuple(gathered.files),
        report=_report(part),
        whole=divided and gathered.whole,
    )


def _cut(passages: list[Passage], author: Mailbox, subject: str, answers: bool) -> Iterator[Piece]:
    known = quotes.Mail(f"{author.name} <{author.address}>", subject, answers)
    for passage in passages:
        cut = quotes.pieces if passage.form == "plain" else html_text.pieces
        yield from cut(passage.source, known)


def _key(raw: bytes, part: Part, message_id: str) -> str:
    """The same for one mail that comes by two ways: whatever hosts add above or below it, and whichever line breaks they use."""
    named = message_id or "\n".join(part.headers.get(name) for name in ("from", "date", "subject"))
    counted = hashlib.sha256(named.encode("utf-8", "surrogatepass") + b"\0")
    counted.update(bytes(part.body).replace(b"\r", b"").rstrip())
    return headers.unpadded(counted.digest())


class _Gathered:
    """The parts of a mail that are read, in their order, and those that are files."""

    def __init__(self, part: Part) -> None:
        self.passages: list[Passage] = []
        self.files: list[File] = []
        self.whole = True
        self._left = TEXT_AT_MOST
        self._left_html = html_text.HTML_AT_MOST
        self._gather(part)

    def _gather(self, part: Part) -> None:
        if part.type == "multipart/alternative" and part.parts:
            self._alternative(part)
        elif part.parts:
            for each in part.parts:
                self._gather(each)
        elif _is_readable(part):
            self._read(part)
        elif not part.type.startswith("multipart/"):
            self._keep(part)

    def _alternative(self, part: Part) -> None:
        """One of them is read: the plain text where there is any, else the HTML. What is neither is a file."""
        plain = [one for one in part.parts if one.type == "text/plain" and _is_readable(one)]
        chosen = next((one for one in plain if one.text(TEXT_AT_MOST).strip()), None)
        if chosen is None:
            chosen = next((one for one in reversed(part.parts) if _holds_html(one)), None)
        for one in part.parts:
            if one is chosen:
                self._gather(one)
            elif one.parts:
                self._files_of(one)
            elif not _is_readable(one):
                self._keep(one)

    def _files_of(self, part: Part) -> None:
        """Of the form that is not read: its pictures came all the same."""
        for one in part.walk():
            if not one.parts and not one.type.startswith("multipart/") and not _is_readable(one):
                self._keep(one)

    def _read(self, part: Part) -> None:
        if part.type == "text/html":
            source = part.text(self._left_html)
            self._left_html -= len(source)
            self.whole = self.whole and self._left_html > 0
            self._add("html", source)
            return
        text = part.text(self._left)
        self._left -= len(text)
        self.whole = self.whole and self._left > 0
        self._add("plain", _unwrapped(text, part.parameters))

    def _add(self, form: Literal["plain", "html"], source: str) -> None:
        """Neighbouring plain passages are one: a quote goes on behind a picture."""
        if not source.strip():
            return
        before = self.passages[-1] if self.passages else None
        if before is not None and before.form == form == "plain":
            self.passages[-1] = Passage(form, before.source.rstrip("\n") + "\n\n" + source)
        else:
            self.passages.append(Passage(form, source))

    def _keep(self, part: Part) -> None:
        if len(self.files) >= FILES_AT_MOST:
            self.whole = False
            return
        name = part.name
        if not name and part.type == "message/rfc822":
            name = headers.file_name(_subject_within(part)) + ".eml"
        shown_inside = part.content_id if part.type.startswith("image/") else ""
        self.files.append(File(name, part.type, shown_inside, part))


def _is_readable(part: Part) -> bool:
    return part.type in ("text/plain", "text/html") and part.disposition != "attachment" and not part.name


def _holds_html(part: Part) -> bool:
    return any(one.type == "text/html" and _is_readable(one) for one in part.walk())


def _subject_within(part: Part) -> str:
    """Of a mail that is a file of this one. It is not taken apart: whoever opens it does that."""
    inner = headers.parse(bytes(part.body[: headers.BLOCK_AT_MOST]).lstrip())
    return headers.line(headers.words(inner.get("subject"))) or "mail"


# Lines that the author's program only wrapped (RFC 3676)

_QUOTE_MARKS: Final = re.compile(r">*")


def _unwrapped(text: str, parameters: dict[str, str]) -> str:
    if parameters.get("format", "").lower() != "flowed":
        return text
    joined = "" if parameters.get("delsp", "").lower() == "yes" else " "
    return "".join(line + "\n" for line in _flowed(text.split("\n"), joined)).removesuffix("\n")


def _flowed(lines: list[str], joined: str) -> Iterator[str]:
    held: list[str] = []
    depth_before = 0
    for line in lines:
        marks = _QUOTE_MARKS.match(line)
        depth = marks.end() if marks else 0
        bare = line[depth:].removeprefix(" ")
        if held and depth != depth_before:
            yield _quoted("".join(held).rstrip(" "), depth_before)
            held = []
        depth_before = depth
        if bare.endswith(" ") and bare != "-- ":
            held.append(bare.rstrip(" ") + joined)
            continue
        if bare == "-- " and held:
            yield _quoted("".join(held).rstrip(" "), depth)
            held = []
        yield _quoted("".join(held) + bare, depth)
        held = []
    if held:
        yield _quoted("".join(held).rstrip(" "), depth_before)


def _quoted(line: str, depth: int) -> str:
    return ">" * depth + " " + line if depth else line


# Reports of mail hosts


def _report(part: Part) -> Report | None:
    if part.type != "multipart/report":
        return None
    told: dict[str, str] = {}
    original = ""
    for one in part.parts:
        if one.type in ("message/delivery-status", "message/disposition-notification"):
            for block in re.split(r"\n\s*\n", one.text(_REPORTED_AT_MOST)):
                told |= dict(headers.parse(block.strip().encode("utf-8", "replace")).fields)
        elif one.type in ("message/rfc822", "text/rfc822-headers"):
            inner = headers.parse(one.text(_REPORTED_AT_MOST).lstrip().partition("\n\n")[0].encode())
            original = headers.message_id(inner.get("message-id"))
    recipient = told.get("final-recipient") or told.get("original-recipient", "")
    return Report(
        recipient=headers.address(recipient.rpartition(";")[2]),
        action=told.get("action", "").lower()[:40],
        status=told.get("status", "")[:20],
        original_id=original or headers.message_id(told.get("original-message-id", "")),
    )
