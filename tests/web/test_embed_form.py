"""What an app's form asks, as the widget's frame is told."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import msgspec
import pytest
from msgspec.structs import replace

from chatserver.core.answers import completable
from chatserver.core.forms import Asked, Form, Usual
from chatserver.i18n import LANGUAGES
from chatserver.settings import Settings
from chatserver.web.asked import missing as missing_of
from chatserver.web.asked import parts
from tests.web.conftest import Served, started


def asked(served: Served, query: str = "") -> dict[str, Any]:
    answer = served.client.get(f"/embed/demo/form{query}")
    assert answer.status_code == 200
    told: dict[str, Any] = answer.json()
    return told


def names(told: dict[str, Any]) -> list[str]:
    return [field["name"] for field in told["fields"]]


def test_every_field_of_the_form_is_told_with_its_words(served: Served) -> None:
    told = asked(served, "?lang=es")
    fields = {field["name"]: field for field in told["fields"]}
    assert {"subject", "text", "email", "type", "priority", "why", "case", "tax_id", "wanted", "cc"} <= set(
        fields
    )
    assert fields["type"]["required"] is True
    assert fields["type"]["label"] == "Tipo"
    assert fields["type"]["options"][0] | {"note": ""} == {
        "value": "request",
        "label": "Solicitud",
        "why": "Pides un cambio o una configuración.",
        "note": "",
    }
    assert fields["why"]["only"] == "priority=4"
    assert fields["email"]["kind"] == "email"
    assert told["checklist"]["title"] == "Antes de enviar"
    assert all(one["lines"] for one in told["checklist"]["lists"])


@pytest.mark.parametrize(("lang", "label"), [("en", "Subject"), ("pt", "Assunto"), ("fr", "Asunto")])
def test_it_is_told_in_the_language_that_was_asked_for(served: Served, lang: str, label: str) -> None:
    subject = next(one for one in asked(served, f"?lang={lang}")["fields"] if one["name"] == "subject")
    assert subject["label"] == label


PROMISES = re.compile(r"respuestas|answers|respostas")


@pytest.mark.parametrize("mail", [False, True])
@pytest.mark.parametrize("lang", LANGUAGES)
def test_of_answers_by_mail_fields_speak_where_there_are_any(
    settings: Settings, static: Path, lang: str, mail: bool
) -> None:
    with started(settings, static, policy=replace(settings.policy, mail=mail)) as served:
        fields = {field["name"]: field for field in asked(served, f"?lang={lang}")["fields"]}
        again = {field["name"]: field for field in asked(served, f"?lang={lang}&missing=cc")["fields"]}
    own = [one.hint for part in parts(Form(), lang, ["eva@x.test"], mails=mail) for one in part.fields]
    for hint in (fields["email"]["hint"], fields["cc"]["hint"], again["cc"]["hint"]):
        assert hint
        assert bool(PROMISES.search(hint)) == mail
    assert any(PROMISES.search(hint) for hint in own) == mail


def test_of_a_ticket_that_was_sent_back_what_is_missing_is_told_alone(served: Served) -> None:
    told = asked(served, "?lang=es&missing=case,company")
    assert names(told) == ["case_kind", "case", "company"]
    assert all(field["required"] for field in told["fields"])
    assert told["checklist"] is None


def test_whatever_can_be_completed_can_be_answered_however_little_the_form_asks() -> None:
    form = Form(ask=msgspec.convert(dict.fromkeys(Usual.__struct_fields__, "no"), Usual))
    for name in completable(form):
        assert name in [field.name for field in missing_of(form, "es", [name], mails=True)]


@pytest.mark.parametrize("missing", ["nothing", ",,,", "a" * 5_000, "%00", "__class__"])
def test_whatever_is_said_to_be_missing_is_no_failure(served: Served, missing: str) -> None:
    assert isinstance(asked(served, f"?missing={missing}")["fields"], list)


def test_an_unknown_app_has_no_form(served: Served) -> None:
    answer = served.client.get("/embed/nobody/form")
    assert answer.status_code == 404
    assert answer.json()["code"] == "not_found"


@pytest.mark.parametrize(
    ("priority", "wanted", "title"),
    [
        ("optional", "optional", ["Prioridad y fecha"]),
        ("required", "no", ["Prioridad"]),
        ("no", "optional", ["Fecha"]),
        ("no", "no", []),
    ],
)
def test_no_heading_names_what_is_not_asked(priority: Asked, wanted: Asked, title: list[str]) -> None:
    found = parts(Form(ask=Usual(priority=priority, wanted=wanted)), "es", free_address=True, mails=False)
    assert [part.title for part in found if part.key == "priority"] == title
