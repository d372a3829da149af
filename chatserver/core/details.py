"""What a form, or an agent, says of a ticket beside its words. No message changes any of it: it travels as one value.

Customers see all of it but the agents' mark; the case that a ticket is about may be sensitive (a patient's name), and is then
masked wherever a ticket is one of many: lists, mails, logs (`case_shown`).
"""

from __future__ import annotations

from typing import Final, Literal

import msgspec

from chatserver.core.classification import Type
from chatserver.core.forms import Form


class Details(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """All as checked by `core/answers.py`. Empty texts, zeros: not said."""

    type: Type | Literal[""] = ""
    category: str = ""
    """A key of the app's form."""
    asked: int = 0
    """The priority that the customer chose (`core/classification.py`). It ranks nothing: the ticket's `priority` does."""
    why: str = ""
    """Why it is urgent, in the words of whoever said so."""
    impact: int = 0
    urgency: int = 0
    case_kind: str = ""
    """What `case` names: a key of the form's `cases`, such as "invoice"."""
    case: str = ""
    sensitive: bool = False
    """`case` was of a sensitive kind when it was given."""
    tax_country: str = ""
    tax_id: str = ""
    tax_kind: str = ""
    """"RUT", "NIT" …; empty for an id that nobody here can check."""
    company: str = ""
    phone: str = ""
    url: str = ""
    wanted: str = ""
    """The day until which it is wanted, like 2026-12-24."""
    wanted_why: str = ""
    cc: tuple[str, ...] = ()
    fields: dict[str, str] = {}
    """Answers to the app's own fields, by their keys."""
    development: bool = False
    """An agent marked it: it becomes a new requirement."""
    missing: tuple[str, ...] = ()
    """What it was sent back for: names of fields that the customer has not completed yet."""


NOTHING: Final = Details()
KEPT: Final = 2
"""Characters of a sensitive case that stay readable, so that whoever knows it recognises it."""
MASK: Final = "•"


def masked(text: str) -> str:
    """With all but its last characters hidden, in a length that says nothing; a short one as a whole."""
    return MASK * 6 + (text[-KEPT:] if len(text) >= 3 * KEPT else "")


def case_shown(details: Details, form: Form) -> str:
    """The case as lists, mails and logs show it. `form`: the app's as it is now; what is marked sensitive later is masked too."""
    if not details.case:
        return ""
    sensitive = details.sensitive or any(k.sensitive for k in form.cases if k.key == details.case_kind)
    return masked(details.case) if sensitive else details.case
