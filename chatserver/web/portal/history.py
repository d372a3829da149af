"""A ticket's public sequence as the portal shows it: days, who says what, and what happened in words."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final, Literal

import msgspec

from chatserver.core.addresses import in_ascii
from chatserver.core.files import File
from chatserver.core.forms import Form
from chatserver.core.tickets import TALK, Item, Ticket
from chatserver.i18n import say, words
from chatserver.web.times import Times

TOGETHER_MS: Final = 5 * 60_000
"""What one person says within so long stands under one name."""
# Signs that nobody sees end a link: one that turns letters around would make it read as another link.
_LINK: Final = re.compile(
    r"https?://[^\s<>\"'\u00ad\u061c\u180e\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufeff]+", re.IGNORECASE
)
_FOREIGN_HOST: Final = re.compile(r"(https?://)([^/?#\\]*[^\x00-~][^/?#\\]*)", re.IGNORECASE)
_TRAILING: Final = re.compile(r"[.,;:!?*_…»”’)]+$")


class Part(msgspec.Struct, frozen=True):
    """A piece of a text, and where it leads to."""

    text: str
    href: str = ""


class Shown(msgspec.Struct, frozen=True):
    """A file of a message. `href`: where it is to be had, "" of one that is gone; `thumbnail`: "" where there is none."""

    name: str
    size: str
    href: str = ""
    thumbnail: str = ""
    width: int = 0
    height: int = 0


class Entry(msgspec.Struct, frozen=True):
    """One line or bubble, as page and script draw it."""

    seq: int
    side: Literal["customer", "agent", "copied", "event"]
    """`customer`: the ticket's own customer, and whoever looks. `copied`: somebody else who is in copy."""
    name: str
    """Of a message: whose it is."""
    time: str
    full: str
    machine: str
    parts: Sequence[Part]
    day: str
    """The heading before it, where another day begins."""
    goes_on: bool = False
    """The name stands above an earlier one already."""
    proposal: bool = False
    files: Sequence[Shown] = ()


def entries(
    items: Iterable[Item],
    ticket: Ticket,
    lang: str,
    times: Times,
    after: Item | None,
    form: Form,
    show: Callable[[Item, File], Shown],
    own: frozenset[int],
) -> list[Entry]:
    """`after`: the item before the first one, if it is shown already. `form`: what the fields that it names are called in.
    `own`: the customers as whom its reader speaks, whose own ticket it may be or not."""
    found: list[Entry] = []
    before = after
    for item in items:
        text = _said(item, ticket, lang, form, own=ticket.customer.id in own)
        if not text and not item.files:
            continue
        if item.kind not in TALK and item.by == "customer" and ticket.customer.id not in own:
            continue  # it says "you"
        talk = item.kind in TALK
        new_day = before is None or times.day_key(before.at) != times.day_key(item.at)
        goes_on = (
            talk
            and not new_day
            and before is not None
            and before.kind in TALK
            and _speaker(before, own) == _speaker(item, own)
            and item.at - before.at < TOGETHER_MS
        )
        found.append(
            Entry(
                item.seq,
                _side(item, own) if talk else "event",
                _name(item, ticket, lang, own) if talk else "",
                times.clock(item.at),
                times.full(item.at),
                times.machine(item.at),
                linked(text) if talk else (Part(text),),
                times.day(item.at) if new_day else "",
                goes_on,
                proposal=item.kind == "proposal" and item.seq == ticket.proposal,
                files=[show(item, file) for file in item.files],
            )
        )
        before = item
    return found


def linked(text: str) -> list[Part]:
    """Addresses in a text become links, which show where they lead; put together again the pieces are the text, but for a host
    in letters of other alphabets, which look like ours: it is shown as servers write it."""
    parts: list[Part] = []
    at = 0
    for match in _LINK.finditer(text):
        address = _TRAILING.sub("", match[0])
        if match.start() > at:
            parts.append(Part(text[at : match.start()]))
        parts.append(_link(address))
        at = match.start() + len(address)
    if at < len(text):
        parts.append(Part(text[at:]))
    return parts


def _link(address: str) -> Part:
    """Text alone where nobody can have such a host."""
    found = _FOREIGN_HOST.match(address)
    if found is None:
        return Part(address, address)
    host, colon, port = found[2].rpartition("@")[2].partition(":")
    try:
        return Part(f"{found[1]}{in_ascii(host)}{colon}{port}{address[found.end() :]}", address)
    except ValueError:
        return Part(address)


def _speaker(item: Item, own: frozenset[int]) -> tuple[object, ...]:
    """The same for what stands under one name."""
    mine = item.by == "system" and item.author_id in own
    return ("system",) if mine else (item.by, item.author_id, item.name)


def _side(item: Item, own: frozenset[int]) -> Literal["customer", "agent", "copied"]:
    if item.by == "system":
        return "customer" if item.author_id in own else "copied"
    return item.by


def _name(item: Item, ticket: Ticket, lang: str, own: frozenset[int]) -> str:
    if item.by == "agent":
        return item.name
    if (item.author_id if item.by == "system" else ticket.customer.id) in own:
        return say(lang, "widget.you")
    if item.by == "system":
        return say(lang, "common.in_copy", name=item.name)
    return called(ticket)


def called(ticket: Ticket) -> str:
    """Its customer, for others."""
    return ticket.customer.name or ticket.email


def named(form: Form, lang: str, names: Iterable[str]) -> str:
    """What these fields are called, for a sentence."""
    known = words(lang)
    return ", ".join(form.called(name, lang) or known.get(f"form.label.{name}", name) for name in names)


def _said(item: Item, ticket: Ticket, lang: str, form: Form, *, own: bool) -> str:
    """Empty for what is not worth a line here. What says "you" is said of its customer to anybody else."""
    if item.kind in TALK:
        return item.text
    catalogue = words(lang)
    if item.kind == "rated":
        return say(lang, f"widget.event.rated.{'one' if item.stars == 1 else 'other'}", count=item.stars)
    if item.kind == "later" and item.by == "system" and ticket.mode == "later" and item.seq == 2:
        return ""  # it was a request from the first word on
    values: dict[str, Any] = {"name": item.name, "customer": called(ticket), "addresses": item.text}
    if item.kind in ("sent_back", "completed"):
        values["fields"] = named(form, lang, item.reason.split(","))
    keys = [f"{item.kind}.{by}" for by in (item.reason, item.by)] + [item.kind]
    faces = (
        ("portal.event", "widget.event") if own else ("portal.event.theirs", "portal.event", "widget.event")
    )
    for key in (f"{face}.{one}" for one in keys for face in faces):
        if key in catalogue:
            # Why somebody turned it down is theirs to say.
            why = f" «{item.text}»" if item.kind == "closed" and item.text else ""
            return catalogue[key].format(**values) + why
    return ""
