"""A mail as it leaves: what it says, in its receiver's language, as text and as HTML, with the headers by which answers and
conversations find together.

Nothing here waits, asks a database or looks at a clock. What people wrote is text: in HTML it is escaped, in headers it cannot
end a line. What a customer wrote is not mailed to an address of which nobody knows that it is theirs: somebody may have typed a
stranger's.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from email.headerregistry import Address
from email.message import EmailMessage
from functools import cache, lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec

from chatserver.core.addresses import in_ascii
from chatserver.core.answers import awaited
from chatserver.core.colors import theme
from chatserver.core.hours import zone_of
from chatserver.core.outbox import ASKED_FOR, Facts, LetterKind, is_copied, merely_typed
from chatserver.core.people import App
from chatserver.core.tickets import TALK, Item, Ticket, pending_ends, rate_until
from chatserver.i18n import DEFAULT, TAGS, choose, clock, say, words
from chatserver.mail.addresses import LOOP_FIELD
from chatserver.mail.as_it_is import POLICY
from chatserver.mail.links import Links

if TYPE_CHECKING:
    from jinja2 import Environment

SAID_MAX: Final = 20
"""Messages in one mail: the others are in the ticket."""
TEXT_MAX: Final = 60_000
"""Characters of what people wrote in one mail; mail programs fold what is much longer (Gmail at 102 kB)."""
HIDDEN: Final = "•••"
_TEMPLATES: Final = Path(__file__).parent / "templates"
_WORD: Final = "=?"
"""Begins an encoded word (RFC 2047)."""
_LINE: Final = re.compile(r"[\s\x00-\x1f\x7f-\x9f\u2028\u2029]+")
_MARKS: Final = dict.fromkeys(
    [0x202A, 0x202B, 0x202C, 0x202D, 0x202E, 0x2066, 0x2067, 0x2068, 0x2069, 0xFEFF]
)


class Matter(msgspec.Struct, frozen=True):
    """All that a mail may tell."""

    kind: LetterKind
    app: App
    address: str
    confirmed: bool
    facts: Facts
    message_id: str
    thread_id: str = ""
    """To what all mails to this address about the ticket refer."""
    answers: str = ""
    """The Message-ID of what its receiver mailed last about it; empty: nothing."""
    reply_to: str = ""
    """Where answers come in, and find the ticket; empty: nobody reads them."""
    ticket: Ticket | None = None
    items: Sequence[Item] = ()
    """Of the ticket, what the mail is about; the latest ones where they are many."""
    hidden: Sequence[str] = ()
    """What must not be read in a mail: sensitive identifiers of the case."""
    language: str = DEFAULT
    """In which it is where nobody knows of one of ours that its receiver reads."""
    invited: bool = False
    """Nobody asked for its link, which is good for longer then: who wrote to us has no account."""


class Said(msgspec.Struct, frozen=True):
    """A message in a mail."""

    who: str
    when: str
    text: str
    own: bool
    """Its receiver's."""
    files: Sequence[str] = ()
    """Their names: the files are where the ticket is read."""


class Part(msgspec.Struct, frozen=True):
    """A piece of a mail: a paragraph, messages below a heading, a button, or something said by the way."""

    text: str = ""
    said: Sequence[Said] = ()
    button: str = ""
    url: str = ""
    quiet: bool = False


class Page(msgspec.Struct, frozen=True):
    title: str
    parts: Sequence[Part]
    why: str
    stop: str = ""


class Nothing(Exception):
    """There is nothing to tell: it was seen meanwhile."""


def composed(matter: Matter, sender: str, links: Links, now: int) -> EmailMessage:
    """The mail as it leaves `sender`, an address, at `now` (ms). Raises Nothing, and ValueError for an address that no header can
    hold."""
    told = _Told(matter, links)
    page = told.page()
    mail = EmailMessage(policy=POLICY.clone(utf8=not matter.address.isascii()))
    _head(mail, told, sender, links, now)
    values = told.values(page)
    text = _render("mail.txt", values)
    mail.set_content(text, charset="utf-8", cte="quoted-printable")
    mail.add_alternative(
        _render("mail.html", values), subtype="html", charset="utf-8", cte="quoted-printable"
    )
    mail["Content-Language"] = TAGS[told.lang]  # before the content it would become the first part's
    return mail


def envelope(address: str) -> str:
    """An address as servers write it: its domain in ASCII. Raises ValueError."""
    return f"{address.rpartition('@')[0]}@{domain_of(address)}"


def domain_of(address: str) -> str:
    """In ASCII. Raises ValueError for a name that no server can have."""
    domain = address.rpartition("@")[2]
    return in_ascii(domain)


# — what it says ———————————————————————————————————————————————————————————————


class _Told:
    """What a matter says, in words."""

    def __init__(self, matter: Matter, links: Links) -> None:
        self.matter = matter
        self.ticket = matter.ticket
        self.links = links
        locale = matter.facts.locale or (matter.ticket.customer.locale if matter.ticket else "")
        self.lang = choose(locale, matter.language)
        self.number = matter.ticket.number if matter.ticket else 0
        self.copied = matter.ticket is not None and is_copied(matter.ticket, matter.address)
        """Its receiver is in copy: the ticket is somebody else's, to look at and to decide about."""

    def say(self, key: str, **values: object) -> str:
        return say(self.lang, key, app=one_line(self.matter.app.name), number=self.number, **values)

    def count(self, key: str, count: int) -> str:
        return self.say(f"{key}.{'one' if count == 1 else 'other'}", count=count)

    def subject(self) -> str:
        """The same for all mails about a ticket: some programs take another subject for another conversation."""
        if self.ticket is None:
            return self.page().title
        if self.copied:
            return self.say("mail.subject_copied")
        # A mail that somebody forged may have opened it, and be the account's since: only its first answer knows better.
        mailed = self.ticket.source == "mail" and self.matter.kind != "created"
        if self.matter.confirmed and not mailed:
            return self.say("mail.subject", subject=self.masked(one_line(self.ticket.subject)))
        return self.say("mail.subject_plain")

    def page(self) -> Page:
        title, parts = _KINDS[self.matter.kind](self)
        asked = self.matter.kind in ASKED_FOR
        stop = "" if asked else self.links.stop(self.matter.app, self.matter.address)
        shown = [part for part in parts if part.text or part.said or part.url]
        return Page(title, shown, self.say(f"mail.why.{self._reason()}"), stop)

    def _reason(self) -> str:
        """Why its receiver gets it."""
        if self.matter.kind == "test":
            return "test"
        return "copied" if self.copied else "ticket" if self.ticket else "asked"

    def hello(self) -> Part:
        name = self.matter.facts.name or (self.ticket.customer.name if self.ticket else "")
        if not name or not self.matter.confirmed:
            return Part(self.say("mail.hello_nobody"))
        return Part(self.say("mail.hello", name=one_line(name)))

    def button(self, key: str, url: str) -> Part:
        return Part(button=self.say(f"mail.button.{key}"), url=url) if url else Part()

    def answer_here(self) -> Part:
        """With a warning for who may have no part in it: whoever typed their address reads what they answer."""
        if not self.matter.reply_to:
            return Part()
        theirs = self.ticket is None or self.copied or not merely_typed(self.ticket, self.matter.address)
        warning = "" if theirs else f" {self.say('mail.answer_read')}"
        return Part(f"{self.say('mail.answer_here')}{warning}", quiet=True)

    def ticket_url(self) -> str:
        """Where its receiver reads the ticket; "" for who does not."""
        if self.ticket is None or self.copied:
            return ""
        return self.links.ticket(self.matter.app, self.ticket, self.matter.address)

    def to_ticket(self) -> Part:
        return self.button("ticket", self.ticket_url())

    def to_account(self) -> list[Part]:
        """Of its own that the mail's reader makes with its link."""
        return [
            Part(self.say("mail.access.text")),
            self.button("access", self.matter.facts.link),
            Part(self.say(f"mail.access.once{'_invited' if self.matter.invited else ''}"), quiet=True),
        ]

    def to_new(self) -> Part:
        if self.ticket is None or self.copied:
            return Part()
        return self.button("new", self.links.new(self.matter.app, self.ticket, self.matter.address))

    def said(self, by: Iterable[str]) -> list[Said]:
        """What these said, the latest of it where it is much."""
        found: list[Said] = []
        room = TEXT_MAX
        for item in reversed([i for i in self.matter.items if i.kind in TALK and i.by in by]):
            if len(found) == SAID_MAX or len(item.text) > room:
                break
            room -= len(item.text)
            own, files = item.by == "customer", [self.masked(one_line(file.name)) for file in item.files]
            found.append(Said(self.who(item), self.when(item.at), self.masked(_shown(item.text)), own, files))
        return found[::-1]

    def who(self, item: Item) -> str:
        name = one_line(item.name)
        if item.by == "system":
            return self.say("common.in_copy", name=name)
        return self.say("mail.you") if item.by == "customer" else name or self.say("mail.team")

    def waits(self) -> str:
        """What its receiver has to do, where agents said so in what the mail is about, and it still is so."""
        ticket = self.ticket
        kinds = {item.kind for item in self.matter.items}
        if ticket is None or self.copied or ticket.pending is None or not kinds & {"pending", "sent_back"}:
            return ""
        missing = awaited(self.matter.app.form, ticket.details)
        if missing and "sent_back" in kinds:
            fields = ", ".join(map(self.field, missing))
            return self.say("mail.waits.missing", fields=fields)
        return self.say("mail.waits.text")

    def ends(self) -> str:
        """When what waits for its customer closes without an answer; "" for what does not wait."""
        ticket = self.ticket
        if ticket is None or ticket.pending is None:
            return ""
        end = pending_ends(ticket, ticket.pending, self.matter.app.policy)
        return self.say("mail.waits.end", when=self.when(end))

    def field(self, name: str) -> str:
        """Of the app's form, as it is called there."""
        own = one_line(self.matter.app.form.called(name, self.lang))
        return own or words(self.lang).get(f"form.label.{name}", name)

    def rejection(self) -> Said | None:
        """In an agent's words, for the customer."""
        for item in self.matter.items:
            if item.kind == "closed" and item.text:
                return Said(self.who(item), self.when(item.at), self.masked(_shown(item.text)), own=False)
        return None

    def when(self, at: int) -> str:
        """On the receiver's clock, or the app's where nobody knows theirs, as on the portal's pages."""
        theirs = self.ticket.customer.zone if self.ticket else ""
        moment = datetime.fromtimestamp(at / 1000, _zone(theirs) or zone_of(self.matter.app.schedule))
        return say(
            self.lang,
            "mail.when",
            day=moment.day,
            month=words(self.lang)["mail.months"].split()[moment.month - 1],
            # Plain text is broken into lines here: it has one kind of blank.
            clock=clock(self.lang, moment).replace("\u00a0", " "),
        )

    def masked(self, text: str) -> str:
        for one in self.matter.hidden:
            if len(one) > 1:
                text = re.sub(_spelt(one), HIDDEN, text, flags=re.IGNORECASE)
        return text

    def values(self, page: Page) -> dict[str, Any]:
        look = theme(self.matter.app.color)
        return {
            "page": page,
            "app": one_line(self.matter.app.name),
            "tag": TAGS[self.lang],
            "number": self.number,
            "preview": next((said.text for part in page.parts for said in part.said if not said.own), "")[
                :120
            ],
            "pasted": self.matter.facts.link,
            "attached": self.say("mail.attached"),
            "files_at": self.ticket_url(),
            "fill": look.fill,
            "ink": look.ink,
            "paste": self.say("mail.paste"),
            "stop": self.say("mail.stop"),
        }


_Content = tuple[str, list[Part]]


def _created(told: _Told) -> _Content:
    parts = [told.hello(), Part(told.say("mail.created.text"))]
    known, ticket = told.matter.confirmed, told.ticket
    if known and ticket is not None:
        heading = f"{told.say('mail.created.said')}: {told.masked(one_line(ticket.subject))}"
        parts.append(Part(heading, told.said(("customer",))))
    if told.matter.facts.link:
        parts += told.to_account()
    else:
        parts.append(told.to_ticket())
    if not known:
        parts.append(Part(told.say("mail.created.stranger"), quiet=True))
    parts += [Part(told.say("mail.created.again"), quiet=True), told.answer_here()]
    return told.say("mail.created.title"), parts


def _answers(told: _Told) -> _Content:
    said, waits = told.said(("agent",)), told.waits()
    if not said and not waits:
        raise Nothing
    count = _count(told, ("agent",))
    more = count - len(said)
    parts = [
        told.hello(),
        Part(f"{waits} {told.ends()}" if waits else ""),
        Part(told.say("mail.answers.copied" if told.copied else "mail.answers.text") if said else "", said),
        Part(told.count("mail.answers.more", more), quiet=True) if more else Part(),
        told.to_ticket(),
        told.answer_here(),
    ]
    title = told.say("mail.waits.title") if waits else told.count("mail.answers.title", count)
    if told.copied:
        title = told.say("mail.answers.copied_title")
    return title, parts


def _reminder(told: _Told) -> _Content:
    ticket = told.ticket
    if ticket is None or ticket.pending is None:
        raise Nothing
    said = told.said(("agent",))[-1:]
    parts = [
        told.hello(),
        Part(told.waits() or told.say("mail.waits.text")),
        Part(told.say("mail.reminder.said") if said else "", said),
        Part(told.ends()),
        told.to_ticket(),
        told.answer_here(),
    ]
    return told.say("mail.reminder.title"), parts


def _closed(told: _Told) -> _Content:
    key = f"mail.closed.text.{told.matter.facts.reason}"
    text = told.say(key if key in words(told.lang) and not told.copied else "mail.closed.text")
    said = told.said(("agent",))
    parts = [told.hello(), Part(text)]
    if why := told.rejection():
        parts.append(Part(told.say("mail.closed.why"), [why]))
    if said:
        parts.append(Part(told.say("mail.closed.unseen"), said))
    if told.copied:
        return told.say("mail.closed.copied_title"), parts
    ticket = told.ticket
    if ticket is not None and ticket.rating is None and rate_until(ticket, told.matter.app.policy):
        rate = told.links.ticket(told.matter.app, ticket, told.matter.address)
        if rate:
            parts += [Part(told.say("mail.closed.rate")), told.button("rate", rate)]
    return told.say("mail.closed.title"), [*parts, Part(told.say("mail.closed.again")), told.to_new()]


def _closed_already(told: _Told) -> _Content:
    text, again = told.say("mail.closed_already.text"), told.say("mail.closed_already.again")
    return told.say("mail.closed_already.title"), [told.hello(), Part(text), Part(again), told.to_new()]


def _transcript(told: _Told) -> _Content:
    """To an address that anybody may have typed the team's words alone."""
    known = told.matter.confirmed
    by = ("customer", "agent", "system") if known else ("agent",)
    said = told.said(by)
    cut = _count(told, by) > len(said)
    parts = [
        told.hello(),
        Part(told.say("mail.transcript.text")),
        Part() if known else Part(told.say("mail.transcript.stranger"), quiet=True),
        Part(told.say("mail.transcript.cut"), quiet=True) if cut else Part(),
        Part(said=said),
        told.to_ticket(),
    ]
    return told.say("mail.transcript.title"), parts


def _access(told: _Told) -> _Content:
    """Without a link of its own there is an account already."""
    if told.matter.facts.link:
        return told.say("mail.access.title"), [told.hello(), *told.to_account()]
    door = told.links.door(told.matter.app)
    if not door:
        raise Nothing
    known = Part(told.say("mail.access.known"))
    return told.say("mail.access.title"), [told.hello(), known, told.button("door", door)]


def _with_link(told: _Told) -> _Content:
    kind = told.matter.kind
    return told.say(f"mail.{kind}.title"), [
        told.hello(),
        Part(told.say(f"mail.{kind}.text")),
        told.button(kind, told.matter.facts.link),
        Part(told.say(f"mail.{kind}.stranger"), quiet=True),
    ]


def _of_account(told: _Told) -> _Content:
    """What happened to it, for its owner, should it not have been them."""
    kind, about = told.matter.kind, one_line(told.matter.facts.about)
    return told.say(f"mail.{kind}.title"), [
        told.hello(),
        Part(told.say(f"mail.{kind}.text", address=about)),
        Part(told.say(f"mail.{kind}.stranger"), quiet=True),
        told.button("door", told.links.door(told.matter.app)),
    ]


def _test(told: _Told) -> _Content:
    return told.say("mail.test.title"), [told.hello(), Part(told.say("mail.test.text"))]


_KINDS: Final[Mapping[LetterKind, Callable[[_Told], _Content]]] = {
    "created": _created,
    "answers": _answers,
    "reminder": _reminder,
    "closed": _closed,
    "closed_already": _closed_already,
    "transcript": _transcript,
    "access": _access,
    "confirm_address": _with_link,
    "reset_password": _with_link,
    "have_account": _with_link,
    "password_changed": _of_account,
    "address_added": _of_account,
    "test": _test,
}


def _count(told: _Told, by: Collection[str]) -> int:
    return sum(item.kind in TALK and item.by in by for item in told.matter.items)


# — headers ————————————————————————————————————————————————————————————————————


def _head(mail: EmailMessage, told: _Told, sender: str, links: Links, now: int) -> None:
    matter = told.matter
    mail["From"] = _mailbox(matter.app.name, sender)
    mail["To"] = _mailbox("", matter.address)
    mail["Subject"] = _in_header(told.subject())
    mail["Date"] = datetime.fromtimestamp(now / 1000, UTC)
    mail["Message-ID"] = matter.message_id
    answered = _safe_id(matter.answers)
    if thread := f"{matter.thread_id} {answered}".strip():
        mail["In-Reply-To"] = answered or matter.thread_id
        mail["References"] = thread
    if matter.reply_to:
        mail["Reply-To"] = _mailbox(matter.app.name, matter.reply_to)
    # Out-of-office programs must not answer, nor other desks (RFC 3834); the second one is what Exchange reads.
    mail["Auto-Submitted"] = "auto-replied" if matter.facts.in_reply_to else "auto-generated"
    mail["X-Auto-Response-Suppress"] = "All"
    mail[LOOP_FIELD.title()] = "1"
    if matter.kind not in ASKED_FOR:
        mail["List-Unsubscribe"] = f"<{links.stop(matter.app, matter.address)}>"
        mail["List-Unsubscribe-Post"] = "List-Unsubscribe=One-Click"


def _mailbox(name: str, address: str) -> Address:
    if _WORD in address:  # from before such were refused (`core.messages.email`)
        raise ValueError("an address that mail programs would read as another one")
    local, _, domain = envelope(address).rpartition("@")
    return Address(display_name=_in_header(name)[:100], username=local, domain=domain)


def _safe_id(text: str) -> str:
    """Another's Message-ID, if it can stand in a header of ours."""
    text = text.strip()
    good = text.startswith("<") and text.endswith(">") and text.isascii() and text.isprintable()
    return text if good and " " not in text and _WORD not in text and len(text) <= 250 else ""


def _in_header(text: str) -> str:
    """What looks like an encoded word would be decoded on its way, and may hold the end of a line: something that is not seen
    stands within it."""
    return one_line(text).replace(_WORD, "=\u200b?")


def one_line(text: str) -> str:
    """For a header, or a place for one line: nothing that ends a line or turns its direction."""
    return _LINE.sub(" ", text.translate(_MARKS)).strip()


def _spelt(secret: str) -> str:
    """As a pattern: a number is the same with and without the dots, dashes and spaces between its parts."""
    signs = [re.escape(sign) for sign in secret if sign.isalnum()]
    return r"[\s.\-/_]?".join(signs) if len(signs) >= _SPELT_LEAST else re.escape(secret)


_SPELT_LEAST: Final = 4


def _shown(text: str) -> str:
    return text.translate(_MARKS).strip()


@lru_cache(maxsize=256)
def _zone(name: str) -> ZoneInfo | None:
    """None where a browser said nothing, or nothing that is a zone."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return None


# — templates ——————————————————————————————————————————————————————————————————


def _render(template: str, values: dict[str, Any]) -> str:
    return _environment().get_template(template).render(values)


@cache
def _environment() -> Environment:
    # Here, so that no start waits for it.
    from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape

    return Environment(
        loader=FileSystemLoader(_TEMPLATES),
        autoescape=select_autoescape(("html",)),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
