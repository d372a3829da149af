"""What a customer answered to a ticket form, checked: all that is wrong at once, field by field, and what is kept of it.

Nothing is changed in what was given, so whoever shows the form again shows it as it was typed.
"""

from __future__ import annotations

import datetime
import re
from collections.abc import Callable, Collection, Iterable
from typing import Annotated, Final, Literal

import msgspec
from msgspec import Meta
from msgspec.structs import replace

from chatserver.core import classification, messages, taxes
from chatserver.core.addresses import alike
from chatserver.core.details import NOTHING, Details
from chatserver.core.errors import FieldCode, Refused, Wrong
from chatserver.core.forms import Asked, Field, Form
from chatserver.core.mails import is_ours

CC_MAX: Final = 10
WHY_MAX: Final = 1_000
CASE_MAX: Final = 100
COMPANY_MAX: Final = 100
PHONE_MAX: Final = 40
URL_MAX: Final = 2_000
ANSWERS_MAX: Final = 12_000
"""Characters of all answers to an app's own fields together."""
YEARS_AHEAD: Final = 5
"""A day further away is a slip."""

Line = Annotated[str, Meta(max_length=400)]
_URL: Final = re.compile(r"https?://[^\s<>\"'`{}|\\^/?#@]+(?:[/?#][^\s<>\"`{}|\\^]*)?", re.IGNORECASE)
_NUMBER: Final = re.compile(r"[+-]?\d{1,15}(?:[.,]\d{1,6})?", re.ASCII)
_DAY: Final = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
_TICKED: Final = {
    "": "",
    "no": "",
    "false": "",
    "0": "",
    "yes": "yes",
    "true": "yes",
    "on": "yes",
    "1": "yes",
}

Warned = Literal["unchecked_tax_id"]
"""What is taken all the same; `form.warning.<code>`."""


class Given(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """A form as it was typed, but for subject, description and address. Empty: not answered."""

    type: Line = ""
    priority: int = 0
    why: Annotated[str, Meta(max_length=4_000)] = ""
    impact: int = 0
    urgency: int = 0
    category: Line = ""
    case_kind: Line = ""
    case: Line = ""
    tax_country: Line = ""
    tax_id: Line = ""
    company: Line = ""
    phone: Line = ""
    url: Annotated[str, Meta(max_length=4_000)] = ""
    wanted: Line = ""
    wanted_why: Annotated[str, Meta(max_length=4_000)] = ""
    cc: Annotated[tuple[Line, ...], Meta(max_length=50)] = ()
    fields: Annotated[dict[str, Annotated[str, Meta(max_length=4_000)]], Meta(max_length=50)] = {}
    """A checkbox: yes. A number: digits, with a point or a comma. A day: 2026-12-24."""


def country(form: Form, given: Given) -> str:
    """Whose tax id is given, as far as anybody said."""
    return given.tax_country.strip().upper() or form.country


class Words(msgspec.Struct, frozen=True):
    """What every ticket begins with."""

    subject: str
    text: str
    email: str


class Checked(msgspec.Struct, frozen=True):
    """`words` and `details` are whole only where `wrong` is empty."""

    words: Words
    details: Details
    wrong: dict[str, Wrong]
    """Name of the field (`Form.names`) → what is wrong with it."""
    warned: dict[str, Warned]


def check(
    form: Form,
    words: Words,
    given: Given,
    *,
    own: Iterable[str] = (),
    ours: Collection[str] = (),
    earliest: datetime.date,
) -> Checked:
    """A new ticket's form. `own`: the requester's addresses, of which `words.email` must be one; none: any that was typed.
    `ours`: those of this house (`core.mails.is_ours`), which nobody puts in copy. `earliest`: the first day that is not past."""
    checking = _Checking(form, given, earliest, ours)
    subject = checking.text("subject", words.subject, messages.subject)
    text = checking.text("text", words.text, messages.body)
    email = checking.requester(words.email, own)
    details = checking.usual(form.names(), email)
    return Checked(Words(subject, text, email), details, checking.wrong, checking.warned)


def complete(
    form: Form,
    details: Details,
    given: Given,
    *,
    requester: str,
    ours: Collection[str] = (),
    earliest: datetime.date,
) -> Checked:
    """What a ticket was sent back for (`details.missing`): each of it is required now, and the rest of `given` is not looked at.
    Subject, description and address are not completed but said: a message does. `ours`: as of `check`."""
    missing = awaited(form, details)
    checking = _Checking(form, given, earliest, ours, required=_with_partners(missing))
    after = checking.usual(missing, requester)
    names = [name for name in missing if name in _ATTRIBUTES]
    found = {attribute: getattr(after, attribute) for name in names for attribute in _ATTRIBUTES[name]}
    merged = replace(details, **found, fields=details.fields | after.fields, missing=())
    return Checked(Words("", "", requester), merged, checking.wrong, checking.warned)


def completable(form: Form) -> frozenset[str]:
    """What a ticket of this app may be sent back for: names of usual fields, but for those in which the app has nothing to choose
    from, and keys of its own ones."""
    empty = {"category"} if not form.categories else set()
    empty |= {"case", "case_kind"} if not form.cases else set()
    return frozenset((*COMPLETED - empty, *(field.key for field in form.fields)))


def awaited(form: Form, details: Details) -> tuple[str, ...]:
    """What a ticket was sent back for and can be given still: what the form has no more is asked of nobody, and not waited for.
    With nothing left it waits for a word of its customer, as any that is Pendiente does."""
    if not details.missing:
        return ()
    asked = completable(form)
    return tuple(name for name in details.missing if name in asked)


def with_copies(
    details: Details, typed: Iterable[str], requester: str, ours: Collection[str] = ()
) -> Details:
    """Further people who get the answers, beside those who do. `ours`: as of `check`. Refused: bad_form (`fields`: cc)."""
    found = {alike(address): address for address in details.cc}
    for one in typed:
        address = _copied(one, ours)
        if isinstance(address, Wrong):
            raise Refused("bad_form", fields={"cc": address})
        if alike(address) != alike(requester):
            found.setdefault(alike(address), address)
    if len(found) > CC_MAX:
        raise Refused("bad_form", fields={"cc": Wrong("too_many", CC_MAX)})
    return replace(details, cc=tuple(found.values()))


def _copied(typed: str, ours: Collection[str]) -> str | Wrong:
    """The address of somebody in copy. A desk among them would take every answer for a customer's mail, and agents of another
    app would read there what their colleagues wrote. Of what is wrong: which one, since ten people may be named."""
    which = typed.strip()[: messages.EMAIL_MAX]
    try:
        address = messages.email(typed)
    except Refused:
        return Wrong("bad_email", which=which)
    return Wrong("support_address", which=which) if is_ours(address, ours) else address


_ATTRIBUTES: Final[dict[str, tuple[str, ...]]] = {
    "cc": ("cc",),
    "type": ("type",),
    "priority": ("asked", "why"),
    "why": ("asked", "why"),
    "impact": ("impact", "urgency", "asked", "why"),
    "urgency": ("impact", "urgency", "asked", "why"),
    "category": ("category",),
    "case_kind": ("case_kind", "case", "sensitive"),
    "case": ("case_kind", "case", "sensitive"),
    "tax_country": ("tax_country", "tax_id", "tax_kind"),
    "tax_id": ("tax_country", "tax_id", "tax_kind"),
    "company": ("company",),
    "phone": ("phone",),
    "url": ("url",),
    "wanted": ("wanted", "wanted_why"),
    "wanted_why": ("wanted", "wanted_why"),
}
"""What of the details a field says. Some say it together: a number of a case is nothing without what it is a number of."""
COMPLETED: Final = frozenset(_ATTRIBUTES)
"""The usual fields that can be completed in a form."""
_PARTNERS: Final = {
    "case": "case_kind",
    "case_kind": "case",
    "tax_country": "tax_id",
    "wanted_why": "wanted",
    "impact": "urgency",
    "urgency": "impact",
}
"""What is asked for with a field, which says nothing without it."""


def _with_partners(names: Iterable[str]) -> frozenset[str]:
    names = tuple(names)
    return frozenset((*names, *(_PARTNERS[name] for name in names if name in _PARTNERS)))


class _Checking:
    """One form being looked at: what was wrong so far. Each check gives the value that is kept, empty where it is wrong."""

    def __init__(
        self,
        form: Form,
        given: Given,
        earliest: datetime.date,
        ours: Collection[str],
        required: frozenset[str] | None = None,
    ) -> None:
        self.form = form
        self.given = given
        self.earliest = earliest
        self.wrong: dict[str, Wrong] = {}
        self.warned: dict[str, Warned] = {}
        self._ours = ours
        self._required = required

    def usual(self, names: Iterable[str], requester: str) -> Details:
        """The fields of these names; the form's own ones among them."""
        wanted = frozenset(names)
        details = NOTHING
        for parts, look in self._looks(requester).items():
            if not wanted.isdisjoint(parts):
                details = look(details)
        own = [field for field in self.form.fields if field.key in wanted]
        if self._required is None:
            for name in self.given.fields.keys() - {field.key for field in own}:
                self._say(name[:40], "unknown")
        answers = {field.key: self._own(field) for field in own}
        if sum(map(len, answers.values())) > ANSWERS_MAX:
            self._say(own[-1].key, "too_long", ANSWERS_MAX)
        return replace(details, fields={key: answer for key, answer in answers.items() if answer})

    def _looks(self, requester: str) -> dict[tuple[str, ...], Callable[[Details], Details]]:
        return {
            ("type",): self._type,
            ("priority", "why", "impact", "urgency"): self._priority,
            ("category",): self._category,
            ("case_kind", "case"): self._case,
            ("tax_country", "tax_id"): self._tax,
            ("company", "phone", "url"): self._contact,
            ("wanted", "wanted_why"): self._wanted,
            ("cc",): lambda details: replace(details, cc=self._cc(requester)),
        }

    # — the parts ——————————————————————————————————————————————————————————————

    def _type(self, details: Details) -> Details:
        found = self._one_of("type", self.given.type, classification.TYPES)
        self._must("type", self.form.ask.type, found)
        return replace(details, type=next((kind for kind in classification.TYPES if kind == found), ""))

    def _priority(self, details: Details) -> Details:
        given, ask = self.given, self.form.ask
        impact = self._level("impact", given.impact)
        urgency = self._level("urgency", given.urgency)
        asked = given.priority
        if asked and asked not in classification.PRIORITIES:
            self._say("priority", "bad_choice")
            asked = classification.UNSET
        asked = asked or classification.suggested(impact, urgency)
        self._must("priority", ask.priority, asked)
        why = self.text("why", given.why, lambda text: messages.line(text, WHY_MAX))
        self._must("why", "no", why)
        if asked == classification.URGENT:
            self._need("why", why)
        return replace(details, asked=asked, why=why, impact=impact, urgency=urgency)

    def _level(self, name: str, level: int) -> int:
        if level and level not in classification.LEVELS:
            self._say(name, "bad_choice")
            level = 0
        self._must(name, self.form.ask.impact, level)
        return level

    def _category(self, details: Details) -> Details:
        found = self._one_of("category", self.given.category, [c.key for c in self.form.categories])
        self._must("category", self.form.ask.category if self.form.categories else "no", found)
        return replace(details, category=found)

    def _case(self, details: Details) -> Details:
        kind = self._one_of("case_kind", self.given.case_kind, [case.key for case in self.form.cases])
        number = self.text("case", self.given.case, lambda text: messages.line(text, CASE_MAX))
        known = next((case for case in self.form.cases if case.key == kind), None)
        self._must("case_kind", self.form.ask.case, kind)
        self._must("case", self.form.ask.case, number)
        if number or kind:
            self._need("case_kind", kind)
            self._need("case", number)
        return replace(
            details,
            case_kind=kind,
            case=number,
            sensitive=known is not None and known.sensitive and bool(number),
        )

    def _tax(self, details: Details) -> Details:
        typed = self.given.tax_id.strip()
        of = country(self.form, self.given)
        self._must("tax_id", self.form.ask.tax_id, typed)
        if not typed:
            return details
        if not of:
            self._say("tax_country", "required")
        elif not taxes.is_country(of):
            self._say("tax_country", "bad_choice")
        elif len(typed) > taxes.TAX_ID_MAX:
            self._say("tax_id", "too_long", taxes.TAX_ID_MAX)
        else:
            try:
                found = taxes.tax_id(of, messages.line(typed, taxes.TAX_ID_MAX))
            except taxes.BadTaxId:
                self._say("tax_id", "bad_tax_id")
                return details
            if not found.checked:
                self.warned["tax_id"] = "unchecked_tax_id"
            return replace(details, tax_country=of, tax_id=found.number, tax_kind=found.kind)
        return details

    def _contact(self, details: Details) -> Details:
        given, ask = self.given, self.form.ask
        company = self.text("company", given.company, lambda text: messages.line(text, COMPANY_MAX))
        self._must("company", ask.company, company)
        phone = self.text("phone", given.phone, lambda text: messages.line(text, PHONE_MAX))
        self._must("phone", ask.phone, phone)
        url = given.url.strip()
        self._must("url", ask.url, url)
        if len(url) > URL_MAX:
            self._say("url", "too_long", URL_MAX)
            url = ""
        else:
            url = self._matching("url", url, _URL, "bad_url")
        return replace(details, company=company, phone=phone, url=url)

    def _wanted(self, details: Details) -> Details:
        day = self._day("wanted", self.given.wanted)
        self._must("wanted", self.form.ask.wanted, day)
        if day and datetime.date.fromisoformat(day) < self.earliest:
            self._say("wanted", "past_date")
        elif day and datetime.date.fromisoformat(day).year > self.earliest.year + YEARS_AHEAD:
            self._say("wanted", "far_date")
        why = self.text("wanted_why", self.given.wanted_why, lambda text: messages.line(text, WHY_MAX))
        self._must("wanted_why", "no", why)
        if day:
            self._need("wanted_why", why)
        return replace(details, wanted=day, wanted_why=why if day else "")

    def requester(self, typed: str, own: Iterable[str]) -> str:
        """Their address, in the spelling that is known already."""
        self._need("email", typed.strip())
        email = self.text("email", typed, messages.email)
        known = {alike(address): address for address in own}
        if email and known and alike(email) not in known:
            self._say("email", "not_own")
        return known.get(alike(email), email)

    def _cc(self, requester: str) -> tuple[str, ...]:
        """Everybody once, whatever the case of their letters; the requester is told anyway."""
        found: dict[str, str] = {}
        for typed in self.given.cc:
            if typed.strip():
                address = _copied(typed, self._ours)
                if isinstance(address, Wrong):
                    self.wrong.setdefault("cc", address)
                else:
                    found.setdefault(alike(address), address)
        found.pop(alike(requester), None)
        if len(found) > CC_MAX:
            self._say("cc", "too_many", CC_MAX)
        addresses = tuple(found.values())
        self._must("cc", self.form.ask.cc, addresses)
        return addresses

    # — the app's own fields ———————————————————————————————————————————————————

    def _own(self, field: Field) -> str:
        typed = self.given.fields.get(field.key, "").strip()
        match field.kind:
            case "text":
                answer = self.text(field.key, typed, lambda text: messages.line(text, field.most))
            case "number":
                answer = self._matching(field.key, typed, _NUMBER, "bad_number").replace(",", ".").lstrip("+")
            case "date":
                answer = self._day(field.key, typed)
            case "choice":
                answer = self._one_of(field.key, typed, [choice.key for choice in field.choices])
            case _:  # a checkbox
                answer = _TICKED.get(typed.lower(), "")
                if typed.lower() not in _TICKED:
                    self._say(field.key, "bad_choice")
        self._must(field.key, "required" if field.required else "optional", answer)
        return answer

    # — what they share ————————————————————————————————————————————————————————

    def text(self, name: str, typed: str, rule: Callable[[str], str]) -> str:
        """As a rule of `core/messages` takes it; empty, and noted, where it refuses."""
        try:
            return rule(typed)
        except Refused as refused:
            empty = refused.code == "too_short" and not typed.strip()
            code: FieldCode = "required" if empty else _REFUSALS[refused.code]
            self._say(name, code, 0 if empty else refused.limit or 0)
            return ""

    def _one_of(self, name: str, typed: str, offered: Iterable[str]) -> str:
        typed = typed.strip()
        if typed and typed not in offered:
            self._say(name, "bad_choice")
            return ""
        return typed

    def _matching(self, name: str, typed: str, pattern: re.Pattern[str], code: FieldCode) -> str:
        if typed and not (typed.isprintable() and pattern.fullmatch(typed)):
            self._say(name, code)
            return ""
        return typed

    def _day(self, name: str, typed: str) -> str:
        day = self._matching(name, typed.strip(), _DAY, "bad_date")
        try:
            return datetime.date.fromisoformat(day).isoformat() if day else ""
        except ValueError:  # such as the 30th of February
            self._say(name, "bad_date")
            return ""

    def _must(self, name: str, asked: Asked, answer: object) -> None:
        """Of a form that is completed, what it was sent back for is required, and nothing else."""
        if asked == "required" if self._required is None else name in self._required:
            self._need(name, answer)

    def _need(self, name: str, answer: object) -> None:
        if not answer:
            self._say(name, "required")

    def _say(self, name: str, code: FieldCode, limit: int = 0) -> None:
        """The first thing that is wrong with a field is the one to tell."""
        self.wrong.setdefault(name, Wrong(code, limit))


_REFUSALS: Final[dict[str, FieldCode]] = {
    "too_short": "too_short",
    "too_long": "too_long",
    "bad_email": "bad_email",
}
