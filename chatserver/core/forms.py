"""What an app's ticket form asks: which of the usual fields, which cases and categories, and fields of the app's own.

A definition is JSON that an administrator writes (docs/tickets.md shows one); `problems` says all that is wrong with one. What
people answer is checked by `core/answers.py`. Keys are for ever: answers are kept under them.
"""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import Final, Literal

import msgspec

from chatserver.core.taxes import is_country

Asked = Literal["no", "optional", "required"]
FieldKind = Literal["text", "number", "date", "choice", "checkbox"]

FIELDS_MAX: Final = 30
CASES_MAX: Final = 20
CATEGORIES_MAX: Final = 50
CHOICES_MAX: Final = 50
LABEL_MAX: Final = 100
HINT_MAX: Final = 300
ANSWER_MAX: Final = 1_000
"""Characters of one answer to a field of the app's own; a field may ask for fewer."""

USUAL: Final = (
    *("subject", "text", "email", "cc", "type", "priority", "why", "impact", "urgency", "category"),
    *("case_kind", "case", "tax_country", "tax_id", "company", "phone", "url", "wanted", "wanted_why"),
)
"""The fields that every form may have, by the names under which errors and what is missing are told."""
BUILT_IN_CASES: Final = ("invoice", "quote", "payment", "appointment", "patient")
"""Cases that have words of ours (`form.case.<key>`) in three languages; a definition may give its own."""

_KEY: Final = re.compile(r"[a-z][a-z0-9_]{0,31}", re.ASCII)


class Words(msgspec.Struct, frozen=True, gc=False, forbid_unknown_fields=True):
    """The same in the three languages of the screens."""

    es: str
    en: str
    pt: str


class Case(msgspec.Struct, frozen=True, gc=False, forbid_unknown_fields=True):
    """A kind of thing that a ticket may be about, named by a number or a name. `label`: none for a built-in key."""

    key: str
    label: Words | None = None
    sensitive: bool = False


class Choice(msgspec.Struct, frozen=True, gc=False, forbid_unknown_fields=True):
    key: str
    label: Words


class Field(msgspec.Struct, frozen=True, gc=False, forbid_unknown_fields=True):
    """A field of the app's own. They are asked in the order in which they stand."""

    key: str
    kind: FieldKind
    label: Words
    hint: Words | None = None
    required: bool = False
    """Of a checkbox: it has to be ticked."""
    choices: tuple[Choice, ...] = ()
    most: int = ANSWER_MAX
    """Characters of a text."""


class Usual(msgspec.Struct, frozen=True, gc=False, forbid_unknown_fields=True):
    """Which of the usual fields are asked. Subject, description and the requester's address always are."""

    type: Asked = "required"
    priority: Asked = "optional"
    category: Asked = "optional"
    impact: Asked = "no"
    """And urgency with it: the two suggest the priority."""
    case: Asked = "optional"
    tax_id: Asked = "optional"
    company: Asked = "optional"
    phone: Asked = "optional"
    url: Asked = "optional"
    wanted: Asked = "optional"
    cc: Asked = "optional"


class Form(msgspec.Struct, frozen=True, gc=False, forbid_unknown_fields=True, omit_defaults=True):
    ask: Usual = Usual()
    country: str = ""
    """Whose tax ids are meant when nobody says another one (ISO 3166-1, two letters); "": it has to be said."""
    cases: tuple[Case, ...] = (
        Case("invoice"),
        Case("quote"),
        Case("payment"),
        Case("appointment"),
        Case("patient", sensitive=True),
    )
    categories: tuple[Choice, ...] = ()
    fields: tuple[Field, ...] = ()

    def names(self) -> tuple[str, ...]:
        """All that may be asked, the app's own fields too."""
        return (*USUAL, *(field.key for field in self.fields))

    def called(self, key: str, lang: str) -> str:
        """What a field of the app's own is called, in a language of ours; "" for a key that none of them has."""
        return next((str(getattr(field.label, lang)) for field in self.fields if field.key == key), "")


DEFAULT: Final = Form()


def form_mark(form: Form) -> str:
    """Names what a form asks, and how: the same for the same form, on every node."""
    return hashlib.sha256(msgspec.json.encode(form)).hexdigest()[:16]


Wrong = Literal[
    "bad_key",
    "reserved_key",
    "repeated_key",
    "kind_changed",
    "too_many",
    "no_label",
    "long_label",
    "no_words",
    "no_choices",
    "strange_choices",
    "bad_most",
    "bad_country",
    "nothing_to_choose",
]


class Problem(msgspec.Struct, frozen=True):
    """`where`: the place in the definition, like `fields.version`. `what`: a key, a limit or a language, for the sentence."""

    code: Wrong
    where: str
    what: str = ""


def problems(form: Form, before: Form = DEFAULT) -> list[Problem]:
    """All that is wrong with a definition, in its order; none: it can be used. `before`: the one that it replaces."""
    return [
        *_listed("cases", [case.key for case in form.cases], CASES_MAX),
        *_listed("categories", [choice.key for choice in form.categories], CATEGORIES_MAX),
        *_listed("fields", [field.key for field in form.fields], FIELDS_MAX),
        *(problem for case in form.cases for problem in _case(case)),
        *(
            problem
            for choice in form.categories
            for problem in _words(f"categories.{choice.key}", choice.label)
        ),
        *(problem for field in form.fields for problem in _field(field)),
        *_changed(before.fields, form.fields),
        *_whole(form),
    ]


def _listed(name: str, keys: Sequence[str], most: int) -> Iterator[Problem]:
    if len(keys) > most:
        yield Problem("too_many", name, str(most))
    for key, times in Counter(keys).items():
        if not _KEY.fullmatch(key):
            yield Problem("bad_key", name, key)
        elif times > 1:
            yield Problem("repeated_key", name, key)


def _case(case: Case) -> Iterator[Problem]:
    where = f"cases.{case.key}"
    if case.label is not None:
        yield from _words(where, case.label)
    elif case.key not in BUILT_IN_CASES:
        yield Problem("no_words", where, ", ".join(BUILT_IN_CASES))


def _field(field: Field) -> Iterator[Problem]:
    where = f"fields.{field.key}"
    if field.key in USUAL:
        yield Problem("reserved_key", where, field.key)
    yield from _words(where, field.label)
    if field.hint is not None:
        yield from _words(f"{where}.hint", field.hint, HINT_MAX)
    if (field.kind == "choice") != bool(field.choices):
        yield Problem("no_choices" if field.kind == "choice" else "strange_choices", where)
    yield from _listed(f"{where}.choices", [choice.key for choice in field.choices], CHOICES_MAX)
    for choice in field.choices:
        yield from _words(f"{where}.choices.{choice.key}", choice.label)
    if not 1 <= field.most <= ANSWER_MAX:
        yield Problem("bad_most", where, str(ANSWER_MAX))


def _words(where: str, words: Words, most: int = LABEL_MAX) -> Iterator[Problem]:
    for language in ("es", "en", "pt"):
        text: str = getattr(words, language)
        if not text.strip() or not text.isprintable():
            yield Problem("no_label", where, language)
        elif len(text) > most:
            yield Problem("long_label", where, str(most))


def _changed(before: Iterable[Field], after: Iterable[Field]) -> Iterator[Problem]:
    """Answers that were given to a text would not be answers to a date."""
    kinds = {field.key: field.kind for field in before}
    for field in after:
        if kinds.get(field.key, field.kind) != field.kind:
            yield Problem("kind_changed", f"fields.{field.key}", kinds[field.key])


def _whole(form: Form) -> Iterator[Problem]:
    if form.country and not is_country(form.country):
        yield Problem("bad_country", "country", form.country)
    for name, offered in (("case", form.cases), ("category", form.categories)):
        if getattr(form.ask, name) == "required" and not offered:
            yield Problem("nothing_to_choose", f"ask.{name}", "cases" if name == "case" else "categories")
