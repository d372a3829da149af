"""What people answer to a form: all that is wrong at once, what is kept, and nothing that is typed breaks it."""

from __future__ import annotations

import datetime
from typing import Any

import hypothesis.strategies as st
import msgspec
import pytest
from hypothesis import given

from chatserver.core import answers
from chatserver.core.answers import COMPLETED, Checked, Given, Words, awaited, check, completable, complete
from chatserver.core.details import NOTHING, Details
from chatserver.core.errors import Wrong
from chatserver.core.forms import DEFAULT, USUAL, Choice, Field, Form, Usual
from chatserver.core.forms import Words as Label

TODAY = datetime.date(2026, 1, 7)
WORDS = Words("No sale la factura", "Desde ayer no sale.", "ana@example.com")
L = Label("a", "b", "c")
OWN = Form(
    country="CO",
    categories=(Choice("billing", L),),
    fields=(
        Field("version", "text", L, required=True, most=5),
        Field("users", "number", L),
        Field("since", "date", L),
        Field("plan", "choice", L, choices=(Choice("basic", L), Choice("pro", L))),
        Field("agreed", "checkbox", L, required=True),
    ),
)
EVERYTHING = Given(
    type="incident",
    priority=4,
    why="Caja detenida",
    impact=3,
    urgency=2,
    category="billing",
    case_kind="patient",
    case=" Juana  Paz ",
    tax_country="cl",
    tax_id="76.086.428-5",
    company=" ACME ",
    phone="+57 (1) 555-0100 ext. 3",
    url="https://app.example.com/facturas?id=1#x",
    wanted="2026-01-07",
    wanted_why="Cierre de mes",
    cc=("Luz@Example.com", "luz@example.com", " ", "ANA@example.com", "eva@example.com"),
    fields={"version": "4.2", "users": "1,5", "since": "2025-12-31", "plan": "pro", "agreed": "on"},
)


def checked(form: Form = DEFAULT, words: Words = WORDS, **given: Any) -> Checked:
    return check(form, words, Given(**({"type": "incident"} | given)), earliest=TODAY)


def wrong(form: Form = DEFAULT, **given: Any) -> dict[str, Wrong]:
    return checked(form, **given).wrong


def test_a_whole_form_is_kept_in_one_spelling() -> None:
    found = check(OWN, WORDS, EVERYTHING, own=["Ana@Example.com"], earliest=TODAY)
    assert (found.wrong, found.warned) == ({}, {})
    assert found.words.email == "Ana@Example.com", "as they confirmed it"
    assert found.details == Details(
        type="incident",
        category="billing",
        asked=4,
        why="Caja detenida",
        impact=3,
        urgency=2,
        case_kind="patient",
        case="Juana Paz",
        sensitive=True,
        tax_country="CL",
        tax_id="760864285",
        tax_kind="RUT",
        company="ACME",
        phone="+57 (1) 555-0100 ext. 3",
        url="https://app.example.com/facturas?id=1#x",
        wanted="2026-01-07",
        wanted_why="Cierre de mes",
        cc=("Luz@example.com", "eva@example.com"),
        fields={"version": "4.2", "users": "1.5", "since": "2025-12-31", "plan": "pro", "agreed": "yes"},
    )


def test_everything_that_is_wrong_is_told_at_once_and_in_one_answer() -> None:
    given = Given(
        type="joke",
        priority=9,
        impact=7,
        category="x",
        case_kind="x",
        tax_id="76.086.428-4",
        tax_country="CL",
        company="x" * 101,
        phone="1" * 41,
        url="javascript:alert(1)",
        wanted="2026-02-30",
        cc=("nobody",),
        fields={"users": "many", "since": "ayer", "plan": "gold", "agreed": "quizás", "strange": "x"},
    )
    found = check(OWN, Words(" a ", "\n", "ana@"), given, own=(), earliest=TODAY)
    assert {name: one.code for name, one in found.wrong.items()} == {
        "subject": "too_short",
        "text": "required",
        "email": "bad_email",
        "type": "bad_choice",
        "priority": "bad_choice",
        "impact": "bad_choice",
        "category": "bad_choice",
        "case_kind": "bad_choice",
        "tax_id": "bad_tax_id",
        "company": "too_long",
        "phone": "too_long",
        "url": "bad_url",
        "wanted": "bad_date",
        "cc": "bad_email",
        "strange": "unknown",
        "version": "required",
        "users": "bad_number",
        "since": "bad_date",
        "plan": "bad_choice",
        "agreed": "bad_choice",
    }
    assert found.wrong["company"] == Wrong("too_long", 100)


@pytest.mark.parametrize(
    ("given", "found"),
    [
        ({"priority": 4}, {"why": Wrong("required")}),
        ({"impact": 3, "urgency": 3}, {"why": Wrong("required")}),
        ({"priority": 3}, {}),
        ({"type": ""}, {"type": Wrong("required")}),
        ({"case": "F-1"}, {"case_kind": Wrong("required")}),
        ({"case_kind": "invoice"}, {"case": Wrong("required")}),
        ({"tax_id": "123"}, {"tax_country": Wrong("required")}),
        ({"tax_id": "123", "tax_country": "Chile"}, {"tax_country": Wrong("bad_choice")}),
        ({"tax_id": "1" * 33, "tax_country": "BO"}, {"tax_id": Wrong("too_long", 32)}),
        ({"wanted": "2026-01-06", "wanted_why": "x"}, {"wanted": Wrong("past_date")}),
        ({"wanted": "2206-01-06", "wanted_why": "x"}, {"wanted": Wrong("far_date")}),
        ({"wanted": "2026-01-08"}, {"wanted_why": Wrong("required")}),
        ({"cc": tuple(f"p{n}@x.co" for n in range(11))}, {"cc": Wrong("too_many", 10)}),
        ({"cc": ("eva@x.co", " luz@ ", "leo")}, {"cc": Wrong("bad_email", which="luz@")}),
        ({"cc": ("x" * 300,)}, {"cc": Wrong("bad_email", which="x" * 254)}),
        *(
            ({"url": url}, {"url": Wrong("bad_url")})
            for url in (
                *(
                    "ftp://x.co",
                    "x.co",
                    "https://",
                    "http://a b",
                    "https://user:pw@x.co",
                    "http:///x",
                    "data:text/html,x",
                ),
                *(
                    "https://x.co/\nx",
                    "java\nscript:x",
                    "https://x.co/<script>",
                    "//x.co",
                    "https://x.co\u202e",
                ),
            )
        ),
        ({"url": "HTTP://Ñandú.example:8080/a?b=c#d"}, {}),
    ],
)
def test_a_field_is_judged_by_its_own_rule(given: dict[str, Any], found: dict[str, Wrong]) -> None:
    assert wrong(**given) == found


def test_an_id_of_a_country_that_nobody_here_knows_is_kept_with_a_warning() -> None:
    found = checked(tax_country="BO", tax_id="1023275028")
    assert (found.wrong, found.warned) == ({}, {"tax_id": "unchecked_tax_id"})
    assert (found.details.tax_country, found.details.tax_id, found.details.tax_kind) == (
        "BO",
        "1023275028",
        "",
    )


def test_impact_and_urgency_suggest_the_priority_that_nobody_chose() -> None:
    assert checked(impact=2, urgency=2).details.asked == 2
    assert checked(impact=2, urgency=2, priority=1).details.asked == 1


def test_what_an_app_asks_for_has_to_be_answered() -> None:
    names = ("priority", "impact", "case", "tax_id", "company", "phone", "url", "wanted", "cc")
    form = Form(ask=Usual(**dict.fromkeys(names, "required")))  # type: ignore[arg-type]
    assert set(wrong(form)) == {*names, "urgency", "case_kind"}
    assert wrong(Form(ask=Usual(type="no")), type="") == {}


def test_the_requester_is_one_of_their_own_addresses() -> None:
    found = check(DEFAULT, WORDS, Given(type="question"), own=["eva@example.com"], earliest=TODAY)
    assert found.wrong == {"email": Wrong("not_own")}
    none = check(DEFAULT, Words("Hola", "x", " "), Given(type="question"), earliest=TODAY)
    assert none.wrong == {"email": Wrong("required")}


def test_all_own_answers_together_have_an_end() -> None:
    fields = tuple(Field(f"f{n}", "text", L) for n in range(13))
    given = {field.key: "x" * 1_000 for field in fields}
    assert wrong(Form(fields=fields), fields=given) == {"f12": Wrong("too_long", answers.ANSWERS_MAX)}


def test_a_form_that_was_sent_back_is_completed_and_nothing_else_of_it_changes() -> None:
    before = check(OWN, WORDS, EVERYTHING, earliest=TODAY).details
    back = msgspec.structs.replace(before, missing=("phone", "case", "users", "gone"))
    none = complete(OWN, back, Given(), requester="ana@example.com", earliest=TODAY)
    assert {name: one.code for name, one in none.wrong.items()} == dict.fromkeys(
        ("phone", "case", "case_kind"), "required"
    ) | {"users": "required"}
    given = Given(
        phone="300",
        case_kind="invoice",
        case="F-7",
        company="Otra",
        type="question",
        fields={"users": "3", "version": "9"},
    )
    done = complete(OWN, back, given, requester="ana@example.com", earliest=TODAY)
    assert done.wrong == {}
    assert done.details == msgspec.structs.replace(
        before,
        phone="300",
        case_kind="invoice",
        case="F-7",
        sensitive=False,
        fields=before.fields | {"users": "3"},
    )


@pytest.mark.parametrize("name", sorted(COMPLETED))
def test_each_usual_field_can_be_asked_for_again(name: str) -> None:
    back = Details(missing=(name,))
    assert complete(OWN, back, Given(), requester="a@b.co", earliest=TODAY).wrong
    done = complete(OWN, back, EVERYTHING, requester="a@b.co", earliest=TODAY)
    assert done.wrong == {}
    assert done.details.missing == ()
    assert done.details != NOTHING


@pytest.mark.parametrize("name", ["category", "case", "case_kind"])
def test_what_a_form_has_no_choices_for_is_neither_asked_for_again_nor_waited_for(name: str) -> None:
    none = msgspec.structs.replace(OWN, categories=(), cases=())
    assert name not in completable(none)
    assert completable(OWN) >= {name, "version"}
    done = complete(none, Details(missing=(name, "phone")), Given(phone="300"), requester="", earliest=TODAY)
    assert (done.wrong, done.details.missing, done.details.phone) == ({}, (), "300")


def test_with_nothing_left_of_what_was_missing_a_ticket_waits_for_no_form() -> None:
    back = Details(missing=("version", "phone"))
    assert awaited(OWN, back) == ("version", "phone")
    assert awaited(DEFAULT, back) == ("phone",)
    assert awaited(DEFAULT, Details(missing=("version",))) == ()


def test_only_words_and_address_are_not_completed() -> None:
    assert set(USUAL) - COMPLETED == {"subject", "text", "email"}


anything = st.text(st.characters(codec=None), max_size=60)
_FORM = dict.fromkeys(
    (
        *("type", "why", "category", "case_kind", "case", "tax_country", "tax_id", "company", "phone", "url"),
        *("wanted", "wanted_why"),
    ),
    anything,
)


@given(
    typed=st.fixed_dictionaries({}, optional=_FORM),
    numbers=st.fixed_dictionaries(
        {}, optional=dict.fromkeys(("priority", "impact", "urgency"), st.integers())
    ),
    cc=st.lists(anything, max_size=12).map(tuple),
    fields=st.dictionaries(st.sampled_from(["version", "users", "since", "plan", "agreed", "x"]), anything),
    said=st.tuples(anything, anything, anything),
)
def test_nothing_that_is_typed_breaks_a_form(
    typed: dict[str, str],
    numbers: dict[str, int],
    cc: tuple[str, ...],
    fields: dict[str, str],
    said: tuple[str, str, str],
) -> None:
    given_ = Given(**typed, **numbers, cc=cc, fields=fields)  # type: ignore[arg-type]
    found = check(OWN, Words(*said), given_, earliest=TODAY)
    kept = msgspec.json.decode(msgspec.json.encode(found.details), type=Details)
    assert kept == found.details, "what is kept can be stored"
    back = Details(missing=tuple(sorted(COMPLETED)))
    complete(OWN, back, given_, requester=said[2], earliest=TODAY)
