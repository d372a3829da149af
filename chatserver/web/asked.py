"""An app's ticket form as portal and widget ask it: which fields, in which parts, with which words; and what was typed into them.

What may be asked is `core/forms.py`, what is wrong with answers `core/answers.py`. A usual field bears its own name, one of the
app's own `own.<key>`, so that neither is ever taken for what else a form of ours carries.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Final, Literal, NamedTuple

from chatserver.core import answers, classification, messages, taxes
from chatserver.core.details import Details
from chatserver.core.errors import Wrong
from chatserver.core.forms import USUAL, Field, Form, Words
from chatserver.i18n import say, words
from chatserver.web.times import date_of

OWN: Final = "own."
ELSEWHERE: Final = "ZZ"
"""Of a tax id: a country that is not in the list. ISO 3166 leaves these letters to whoever needs them."""
COUNTRIES: Final = (
    *("AR", "BO", "BR", "CL", "CO", "CR", "CU", "DO", "EC", "ES", "GT", "HN", "MX", "NI", "PA", "PE", "PT"),
    *("PY", "SV", "US", "UY", "VE"),
)
CC_SHOWN: Final = 800
"""Characters of the line in which further people are named."""
CC_READ: Final = 50

Kind = Literal["line", "area", "email", "tel", "url", "date", "number", "select", "cards", "checkbox"]
PartKey = Literal["request", "priority", "details", "you"]
_ADDRESS: Final = re.compile(r"<([^<>]*)>")


class Option(NamedTuple):
    value: str
    label: str
    why: str = ""
    """What it means, in a line."""
    note: str = ""
    """What the script says elsewhere while it is chosen."""


class Asked(NamedTuple):
    name: str
    kind: Kind
    label: str
    hint: str = ""
    required: bool = False
    most: int = 0
    options: Sequence[Option] = ()
    only: str = ""
    """`name=value` of the field that must say so for this one to matter."""
    autocomplete: str = "off"
    half: bool = False
    """Stands beside its neighbour where there is room."""
    rows: int = 3


class Part(NamedTuple):
    key: PartKey
    title: str
    fields: tuple[Asked, ...]
    optional: bool
    """Nothing in it has to be answered: it may be folded away."""


def parts(
    form: Form, lang: str, addresses: Sequence[str] = (), *, free_address: bool = False, mails: bool
) -> list[Part]:
    """All that this form asks. `addresses`: the requester's own, of which one is chosen; `free_address`: any may be typed;
    `mails`: whether the app sends any, without which nothing that is said here promises one."""
    asking = _Asking(form, lang, mails)
    found = [
        asking.part("request", [*asking.subject(), *asking.type(), *asking.description()]),
        asking.part("priority", [*asking.priority(), *asking.wanted()]),
        asking.part("details", [*asking.category(), *asking.case(), *asking.url(), *asking.own()]),
        asking.part("you", [*asking.address(addresses, free_address), *asking.contact()]),
    ]
    return [part for part in found if part.fields]


def missing(form: Form, lang: str, names: Iterable[str], *, mails: bool) -> list[Asked]:
    """What a ticket was sent back for, each of it required now, with what says nothing without it."""
    asking = _Asking(form, lang, mails)
    every = [
        *(*asking.type(always=True), *asking.priority(always=True), *asking.wanted(always=True)),
        *(*asking.category(always=True), *asking.case(always=True), *asking.url(always=True)),
        *(*asking.contact(always=True), *asking.own()),
    ]
    wanted = {OWN + name if name not in USUAL else name for name in names}
    for together in _TOGETHER:
        if not wanted.isdisjoint(together):
            wanted.update(together)
    return [one._replace(required=one.required or not one.only) for one in every if one.name in wanted]


_TOGETHER: Final = (
    ("priority", "why"),
    ("impact", "urgency"),
    ("case_kind", "case"),
    ("tax_country", "tax_id"),
    ("wanted", "wanted_why"),
)


class _Asking:
    """The words of one form in one language."""

    def __init__(self, form: Form, lang: str, mails: bool = False) -> None:
        self._form = form
        self._lang = lang
        self._mails = mails
        self._t = words(lang)

    def part(self, key: PartKey, fields: Sequence[Asked]) -> Part:
        needed = any(field.required for field in fields)
        return Part(key, self._t[f"portal.part.{self._title(key, fields)}"], tuple(fields), not needed)

    @staticmethod
    def _title(key: PartKey, fields: Sequence[Asked]) -> str:
        """Nothing that is not asked stands in a heading."""
        dates = sum(field.name in ("wanted", "wanted_why") for field in fields)
        if key != "priority" or 0 < dates < len(fields):
            return key
        return "date" if dates else "priority.only"

    # — each thing that may be asked ————————————————————————————————————————————

    def subject(self) -> Iterable[Asked]:
        yield self._usual("subject", "line", required=True, most=messages.SUBJECT_MAX)

    def type(self, *, always: bool = False) -> Iterable[Asked]:
        options = [
            self._named("type", kind)._replace(note=self._t[f"portal.hint.text.{kind}"])
            for kind in classification.TYPES
        ]
        asked = "optional" if always else self._form.ask.type
        yield from self._maybe("type", "cards", asked, options=options)

    def description(self) -> Iterable[Asked]:
        yield self._usual("text", "area", required=True, most=messages.TEXT_MAX)._replace(rows=9)

    def priority(self, *, always: bool = False) -> Iterable[Asked]:
        ask = self._form.ask
        required = ask.priority == "required"
        levels = classification.PRIORITIES if required or always else (0, *classification.PRIORITIES)
        options = [self._named("priority", str(level)) for level in levels]
        if ask.priority != "no" or always:
            yield self._usual("priority", "cards", required=required, options=options)
            yield self._usual("why", "area", most=answers.WHY_MAX)._replace(
                only=f"priority={classification.URGENT}"
            )
        for name in ("impact", "urgency"):
            levels_of = [self._named(name, str(level)) for level in classification.LEVELS]
            asked = "optional" if always else ask.impact
            yield from self._maybe(name, "select", asked, options=levels_of, half=True)

    def wanted(self, *, always: bool = False) -> Iterable[Asked]:
        asked = "optional" if always else self._form.ask.wanted
        yield from self._maybe("wanted", "date", asked, half=True)
        for why in self._maybe("wanted_why", "line", asked, most=answers.WHY_MAX, half=True):
            # Needed only with a day; the form says so itself, and the server when it is left out.
            yield why._replace(required=asked == "required", only="" if asked == "required" else "wanted")

    def category(self, *, always: bool = False) -> Iterable[Asked]:
        offered = [Option(one.key, self._of(one.label)) for one in self._form.categories]
        if offered:
            asked = "optional" if always else self._form.ask.category
            yield from self._maybe("category", "select", asked, options=offered)

    def case(self, *, always: bool = False) -> Iterable[Asked]:
        offered = [
            Option(one.key, self._of(one.label) if one.label else self._t[f"form.case.{one.key}"])
            for one in self._form.cases
        ]
        if offered:
            asked = "optional" if always else self._form.ask.case
            yield from self._maybe("case_kind", "select", asked, options=offered, half=True)
            yield from self._maybe("case", "line", asked, most=answers.CASE_MAX, half=True)

    def url(self, *, always: bool = False) -> Iterable[Asked]:
        asked = "optional" if always else self._form.ask.url
        yield from self._maybe("url", "url", asked, most=answers.URL_MAX)

    def address(self, addresses: Sequence[str], free: bool) -> Iterable[Asked]:
        if free:
            yield self._usual("email", "email", required=True, most=messages.EMAIL_MAX)._replace(
                autocomplete="email", hint=self._hint("email.free")
            )
        elif addresses:
            offered = [Option(address, address) for address in addresses]
            yield self._usual("email", "select", required=True, options=offered)

    def contact(self, *, always: bool = False) -> Iterable[Asked]:
        ask = self._form.ask

        def how(name: str) -> str:
            return "optional" if always else str(getattr(ask, name))

        yield from self._maybe("cc", "line", how("cc"), most=CC_SHOWN)
        company = self._maybe("company", "line", how("company"), most=answers.COMPANY_MAX, half=True)
        yield from (one._replace(autocomplete="organization") for one in company)
        phone = self._maybe("phone", "tel", how("phone"), most=answers.PHONE_MAX, half=True)
        yield from (one._replace(autocomplete="tel") for one in phone)
        country = self._maybe("tax_country", "select", how("tax_id"), options=self._countries(), half=True)
        yield from (one._replace(required=False) for one in country)
        yield from self._maybe("tax_id", "line", how("tax_id"), most=taxes.TAX_ID_MAX, half=True)

    def own(self) -> Iterable[Asked]:
        kinds: dict[str, Kind] = {"text": "line", "number": "number", "date": "date", "choice": "select"}
        for field in self._form.fields:
            yield Asked(
                OWN + field.key,
                kinds.get(field.kind, "checkbox"),
                self._of(field.label),
                self._of(field.hint) if field.hint else "",
                field.required,
                field.most if field.kind == "text" else 30,
                self._choices(field),
            )

    # — inner ——————————————————————————————————————————————————————————————————

    def _maybe(
        self,
        name: str,
        kind: Kind,
        asked: str,
        *,
        options: Sequence[Option] = (),
        most: int = 0,
        half: bool = False,
    ) -> Iterable[Asked]:
        if asked != "no":
            required = asked == "required"
            yield self._usual(name, kind, required=required, options=options, most=most)._replace(half=half)

    def _usual(
        self, name: str, kind: Kind, *, required: bool = False, options: Sequence[Option] = (), most: int = 0
    ) -> Asked:
        return Asked(name, kind, self._t[f"form.label.{name}"], self._hint(name), required, most, options)

    def _hint(self, name: str) -> str:
        key = f"portal.hint.{name}"
        unmailed = f"{key}.unmailed"
        return self._t.get(unmailed if unmailed in self._t and not self._mails else key, "")

    def _named(self, name: str, value: str) -> Option:
        return Option(value, self._t[f"form.{name}.{value}"], self._t.get(f"form.{name}.{value}.why", ""))

    def _countries(self) -> list[Option]:
        known = COUNTRIES if self._form.country in ("", *COUNTRIES) else (self._form.country, *COUNTRIES)
        unchecked = self._t["form.warning.unchecked_tax_id"]
        named = [
            Option(
                code,
                self._t.get(f"portal.country.{code}", code),
                ", ".join(taxes.names(code)),
                "" if taxes.names(code) else unchecked,
            )
            for code in known
        ]
        elsewhere = Option(ELSEWHERE, self._t[f"portal.country.{ELSEWHERE}"], "", unchecked)
        return [*sorted(named, key=lambda one: one.label), elsewhere]

    def _choices(self, field: Field) -> list[Option]:
        return [Option(choice.key, self._of(choice.label)) for choice in field.choices]

    def _of(self, label: Words) -> str:
        text: str = getattr(label, self._lang)
        return text


def told(form: Form, lang: str, details: Details, email: str) -> list[tuple[str, str]]:
    """What a ticket says, with what it is called: for whoever gave it."""
    asking = _Asking(form, lang)
    t = words(lang)
    every = [
        *(*asking.type(), *asking.priority(always=True), *asking.category(always=True)),
        *(*asking.case(always=True), *asking.own()),
    ]
    chosen = {one.name: {option.value: option.label for option in one.options} for one in every}
    case = chosen.get("case_kind", {}).get(details.case_kind) or details.case_kind
    found = {
        "email": email,
        "cc": ", ".join(details.cc),
        "type": t.get(f"form.type.{details.type}", ""),
        "priority": t[f"form.priority.{details.asked}"] if details.asked else "",
        "why": details.why,
        "impact": t.get(f"form.impact.{details.impact}", ""),
        "urgency": t.get(f"form.urgency.{details.urgency}", ""),
        "category": chosen.get("category", {}).get(details.category, details.category),
        "case_kind": f"{case} {details.case}".strip(),
        "tax_id": f"{details.tax_kind or details.tax_country} {details.tax_id}" if details.tax_id else "",
        "company": details.company,
        "phone": details.phone,
        "url": details.url,
        "wanted": date_of(lang, details.wanted),
        "wanted_why": details.wanted_why,
    }
    usual = [(t[f"form.label.{name}"], value) for name, value in found.items() if value]
    for field in form.fields:
        answer = details.fields.get(field.key, "")
        if answer:
            shown = t["portal.yes"] if field.kind == "checkbox" else answer
            if field.kind == "date":
                shown = date_of(lang, answer)
            usual.append(
                (str(getattr(field.label, lang)), chosen.get(OWN + field.key, {}).get(answer, shown))
            )
    return usual


# — what was typed ——————————————————————————————————————————————————————————————


def given(form: Form, values: Mapping[str, str]) -> answers.Given:
    """As the form was posted; whatever it is, `core/answers.py` says what is wrong with it."""

    def typed(name: str) -> str:
        return values.get(name, "")

    return answers.Given(
        type=typed("type"),
        priority=_level(typed("priority")),
        why=typed("why"),
        impact=_level(typed("impact")),
        urgency=_level(typed("urgency")),
        category=typed("category"),
        case_kind=typed("case_kind"),
        case=typed("case"),
        # A country alone is no answer: it stands there because it was proposed.
        tax_country=typed("tax_country") if typed("tax_id").strip() else "",
        tax_id=typed("tax_id"),
        company=typed("company"),
        phone=typed("phone"),
        url=typed("url"),
        wanted=typed("wanted"),
        wanted_why=typed("wanted_why"),
        cc=copies(typed("cc")),
        fields={field.key: typed(OWN + field.key) for field in form.fields if typed(OWN + field.key)},
    )


def copies(text: str) -> tuple[str, ...]:
    """The addresses in a line, as people write and paste them: parted by commas, blanks or lines, with a name or without."""
    found: list[str] = []
    for piece in re.split(r"[,;\n]", text[: CC_SHOWN * 4]):
        found += _ADDRESS.findall(piece) or piece.split()
    return tuple(found[:CC_READ])


def sentences(lang: str, wrong: Mapping[str, Wrong]) -> dict[str, str]:
    """What is wrong with each field, under the name that it has in the page."""
    return {
        name if name in USUAL or not name else OWN + name: _sentence(lang, name, one)
        for name, one in wrong.items()
    }


def _sentence(lang: str, name: str, wrong: Wrong) -> str:
    special = f"portal.error.{name}.empty"
    if wrong.code == "required" and special in words(lang):
        return words(lang)[special]
    which = ".which" if wrong.which else ""
    return say(lang, f"form.wrong.{wrong.code}{which}", limit=wrong.limit, which=wrong.which)


def _level(text: str) -> int:
    """-1 for what is no level: no choice of ours, and told so."""
    text = text.strip()
    if not text:
        return 0
    return int(text) if text.isascii() and text.isdigit() and len(text) == 1 else -1
