"""A form's definition: what is wrong with one, all at once; and what is kept of a ticket's details."""

from __future__ import annotations

import re
from typing import get_args

import msgspec
import pytest
from msgspec.structs import replace

from chatserver.core import classification, forms
from chatserver.core.details import NOTHING, Details, case_shown, masked
from chatserver.core.errors import FieldCode
from chatserver.core.forms import (
    BUILT_IN_CASES,
    DEFAULT,
    USUAL,
    Case,
    Choice,
    Field,
    Form,
    Usual,
    Words,
    problems,
)
from chatserver.i18n import LANGUAGES, words
from chatserver.services.form_text import BadForm, form_from, sentence

LABEL = Words("Versión", "Version", "Versão")
VERSION = Field("version", "text", LABEL, required=True, most=20)


def codes(form: Form, before: Form = DEFAULT) -> list[tuple[str, str]]:
    return [(problem.code, problem.where) for problem in problems(form, before)]


def test_the_form_that_an_app_has_without_a_definition_is_good() -> None:
    assert problems(DEFAULT) == []
    assert form_from("{}") == DEFAULT


def test_a_definition_comes_back_as_it_was_written() -> None:
    form = Form(
        ask=Usual(company="required"), country="CO", categories=(Choice("pos", LABEL),), fields=(VERSION,)
    )
    assert form_from(msgspec.json.encode(form).decode()) == form


@pytest.mark.parametrize(
    ("form", "found"),
    [
        (Form(fields=(replace(VERSION, key="Versión"),)), ("bad_key", "fields")),
        (Form(fields=(replace(VERSION, key="subject"),)), ("reserved_key", "fields.subject")),
        (Form(fields=(VERSION, VERSION)), ("repeated_key", "fields")),
        (Form(fields=(replace(VERSION, label=replace(LABEL, pt=" ")),)), ("no_label", "fields.version")),
        (Form(fields=(replace(VERSION, label=replace(LABEL, en="a\nb")),)), ("no_label", "fields.version")),
        (
            Form(fields=(replace(VERSION, label=replace(LABEL, en="x" * 101)),)),
            ("long_label", "fields.version"),
        ),
        (Form(fields=(replace(VERSION, hint=replace(LABEL, es="")),)), ("no_label", "fields.version.hint")),
        (Form(fields=(replace(VERSION, kind="choice"),)), ("no_choices", "fields.version")),
        (
            Form(fields=(replace(VERSION, choices=(Choice("a", LABEL),)),)),
            ("strange_choices", "fields.version"),
        ),
        (Form(fields=(replace(VERSION, most=0),)), ("bad_most", "fields.version")),
        (Form(fields=(replace(VERSION, most=1_001),)), ("bad_most", "fields.version")),
        (Form(cases=(Case("order"),)), ("no_words", "cases.order")),
        (Form(cases=(Case("invoice"), Case("invoice"))), ("repeated_key", "cases")),
        (Form(cases=tuple(Case(f"c{n}", LABEL) for n in range(21))), ("too_many", "cases")),
        (Form(fields=tuple(replace(VERSION, key=f"f{n}") for n in range(31))), ("too_many", "fields")),
        (Form(categories=tuple(Choice(f"c{n}", LABEL) for n in range(51))), ("too_many", "categories")),
        (Form(country="Colombia"), ("bad_country", "country")),
        (Form(ask=Usual(category="required")), ("nothing_to_choose", "ask.category")),
        (Form(ask=Usual(case="required"), cases=()), ("nothing_to_choose", "ask.case")),
    ],
)
def test_what_cannot_be_used_is_named(form: Form, found: tuple[str, str]) -> None:
    assert codes(form) == [found]
    with pytest.raises(BadForm) as bad:
        form_from(msgspec.json.encode(form).decode())
    assert bad.value.sentences == [sentence(problem) for problem in problems(form)]


def test_everything_that_is_wrong_is_said_at_once() -> None:
    form = Form(country="x", cases=(Case("order"),), fields=(replace(VERSION, most=0, key="text"),))
    assert [code for code, _ in codes(form)] == ["no_words", "reserved_key", "bad_most", "bad_country"]


def test_a_field_keeps_its_kind_for_as_long_as_it_has_its_key() -> None:
    before = Form(fields=(VERSION,))
    assert codes(Form(fields=(replace(VERSION, kind="date"),)), before) == [
        ("kind_changed", "fields.version")
    ]
    assert codes(Form(fields=(replace(VERSION, most=10),)), before) == []
    assert codes(Form(), before) == []


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "null",
        '{"fields": 1}',
        '{"strange": 1}',
        '{"ask": {"type": "maybe"}}',
        "[" * 100_000,
        "\ud800",
        " " * 200_000,
    ],
)
def test_what_is_no_definition_is_refused_with_a_sentence(text: str) -> None:
    with pytest.raises(BadForm, match=r"\.$"):
        form_from(text)


def test_every_problem_has_a_sentence() -> None:
    for code in get_args(forms.Wrong):
        assert re.search(r"[.]$", sentence(forms.Problem(code, "fields.x", "y")))


@pytest.mark.parametrize("lang", LANGUAGES)
def test_the_catalogue_has_words_for_all_that_a_form_shows(lang: str) -> None:
    keys = {
        *(f"form.label.{name}" for name in USUAL),
        *(f"form.type.{kind}{more}" for kind in classification.TYPES for more in ("", ".why")),
        *(
            f"form.priority.{level}{more}"
            for level in (0, *classification.PRIORITIES)
            for more in ("", ".why")
        ),
        *(f"form.{name}.{level}" for name in ("impact", "urgency") for level in classification.LEVELS),
        *(f"form.case.{key}" for key in BUILT_IN_CASES),
        *(f"form.wrong.{code}" for code in get_args(FieldCode)),
        *(f"form.wrong.{code}.which" for code in ("bad_email", "support_address")),
    }
    assert not keys - set(words(lang))


def test_impact_and_urgency_suggest_a_priority_that_rises_with_both() -> None:
    found = {
        (i, u): classification.suggested(i, u) for i in classification.LEVELS for u in classification.LEVELS
    }
    assert (found[1, 1], found[3, 3]) == (classification.LOW, classification.URGENT)
    for (impact, urgency), priority in found.items():
        assert priority == found[urgency, impact]
        assert priority >= found.get((impact - 1, urgency), 0)
    assert classification.suggested(0, 3) == classification.suggested(2, 0) == classification.UNSET


@pytest.mark.parametrize(
    ("text", "shown"),
    [("Juana Paz", "••••••az"), ("12345", "••••••"), ("", "••••••"), ("123456", "••••••56")],
)
def test_a_sensitive_case_shows_its_end_only_and_not_how_long_it_is(text: str, shown: str) -> None:
    assert masked(text) == shown


def test_a_case_is_masked_that_was_sensitive_when_it_was_given_or_is_now() -> None:
    plain = Details(case_kind="invoice", case="F-10422")
    assert case_shown(NOTHING, DEFAULT) == ""
    assert case_shown(plain, DEFAULT) == "F-10422"
    assert case_shown(plain, Form(cases=(Case("invoice", sensitive=True),))) == "••••••22"
    assert case_shown(replace(plain, sensitive=True), Form(cases=())) == "••••••22"
