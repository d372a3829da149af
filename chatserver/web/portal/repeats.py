"""What came under a client id that has something stored: a repeat of it, or other words, which nobody has.

Whoever stops a page that is being sent, corrects their words and sends again does so under the id of the first time. So what is
stored is compared with what came before anybody is told that it is there: an item never changes once it is stored.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from chatserver.core import messages
from chatserver.core.answers import Checked
from chatserver.core.files import File
from chatserver.core.tickets import Item, Ticket
from chatserver.store import files, items
from chatserver.web.portal import uploads

if TYPE_CHECKING:
    from chatserver.web.portal.visit import Visit

FIRST: Final = 4
"""Of a ticket: its first message is among them (`core/tickets.requested`)."""
_TYPED: Final = (
    *("why", "asked", "case_kind", "case", "tax_country", "tax_id"),
    *("company", "phone", "url", "wanted", "wanted_why", "fields"),
)
"""Of a form's answers, those that no agent changes afterwards."""


async def first_message(visit: Visit, ticket: Ticket, cid: str) -> Item | None:
    """With which the ticket was opened under this id; None where it was opened without one."""
    found = await items.items_after(visit.portal.db, ticket.id, 0, FIRST)
    return next((item for item in found if item.cid == cid), None)


async def message(visit: Visit, ticket: Ticket, seq: int) -> Item | None:
    found = await items.items_after(visit.portal.db, ticket.id, seq - 1, 1)
    return next(iter(found), None)


async def holds(visit: Visit, item: Item | None, text: str, sent: Sequence[str]) -> bool:
    """The stored message is this one. `sent`: the ids of its files; a form without scripts brings the same ones anew each time
    that it is sent, so they are known by what is in them."""
    if item is None or item.kind != "message" or item.text != messages.body(text, 0):
        return False
    had = [file.id for file in item.files]
    if set(had) == set(sent):
        return True
    known = await files.by_ids(visit.portal.db, {*had, *sent})
    prints = {one: (stored.file.name, stored.sha256) for one, stored in known.items()}
    # One that is nowhere any more is like none.
    return sorted(prints.get(one, (one, "")) for one in had) == sorted(
        prints.get(one, (one, "")) for one in sent
    )


def answered_alike(ticket: Ticket, checked: Checked) -> bool:
    """The stored ticket says what this form says beside its text. Those in copy may have become more."""
    had, said = ticket.details, checked.details
    return (
        ticket.subject == checked.words.subject
        and all(getattr(had, name) == getattr(said, name) for name in _TYPED)
        and set(said.cc) <= set(had.cc)
    )


def anew(kept: dict[str, str], taken: Sequence[File]) -> dict[str, str]:
    """What was typed, for a form that sends it by itself: under an id of its own, without the files that the first one has
    `taken`, which are asked for again."""
    named = kept.get(uploads.NAMED, "").split()
    gone = {file.id: file.name for file in taken if file.id in named}
    lost = ", ".join(filter(None, [kept.get(uploads.LOST, ""), *gone.values()]))[: uploads.NAMES_MOST]
    return kept | {
        "cid": "",
        uploads.NAMED: " ".join(one for one in named if one not in gone),
        uploads.LOST: lost,
    }
