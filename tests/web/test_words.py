"""One catalogue in three languages: nothing missing, nothing empty, the same placeholders."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from chatserver.i18n import DEFAULT, LANGUAGES, LOCALE, choose, say, words

TEMPLATES = LOCALE.parent / "web" / "templates"


def catalogue(lang: str) -> Iterator[tuple[Path, dict[str, str]]]:
    for file in sorted((LOCALE / lang).glob("*.json")):
        yield file, json.loads(file.read_text(encoding="utf-8"))


def placeholders(text: str) -> set[str]:
    return set(re.findall(r"\{(\w+)\}", text))


def test_every_language_has_the_same_files_with_the_same_keys() -> None:
    first = {file.name: sorted(entries) for file, entries in catalogue(DEFAULT)}
    assert "page.json" in first
    for lang in LANGUAGES:
        assert {file.name: sorted(entries) for file, entries in catalogue(lang)} == first, lang


def test_no_key_stands_twice() -> None:
    """In a file neither: the last one would count, whatever the first one says."""
    keys: list[str] = []
    for file, _ in catalogue(DEFAULT):
        pairs: list[tuple[str, str]] = json.loads(file.read_text(encoding="utf-8"), object_pairs_hook=list)
        keys += [key for key, _ in pairs]
    assert len(keys) == len(set(keys))


@pytest.mark.parametrize("lang", LANGUAGES)
def test_every_sentence_says_something_with_the_placeholders_of_the_first_language(lang: str) -> None:
    for key, text in words(lang).items():
        assert text.strip(), key
        assert text == text.strip(), key
        if not key.endswith(".one"):  # "one message" needs no number
            assert placeholders(text) == placeholders(words(DEFAULT)[key]), key


@pytest.mark.parametrize("lang", LANGUAGES)
def test_plurals_have_both_forms(lang: str) -> None:
    keys = set(words(lang))
    for key in keys:
        if key.endswith(".one"):
            assert key.removesuffix(".one") + ".other" in keys


def test_every_word_of_the_templates_is_there() -> None:
    wanted = {
        key for file in TEMPLATES.rglob("*.html") for key in re.findall(r't\["([\w.]+)"\]', file.read_text())
    }
    assert wanted
    assert wanted <= set(words(DEFAULT))


def test_a_sentence_is_filled_in() -> None:
    with pytest.raises(KeyError):
        say("es", "page.nothing")
    assert say("pt", "page.index.console") == "Console de atendimento"


@pytest.mark.parametrize(
    ("asked", "accepted", "lang"),
    [
        ("", "", "es"),
        ("en", "pt", "en"),
        ("pt-BR", "", "pt"),
        ("PT_br", "", "pt"),
        ("fr", "en-GB", "en"),
        ("", "fr-FR,fr;q=0.9,pt;q=0.8,en;q=0.7", "pt"),
        ("", "en;q=0.2, es-CO;q=0.9", "es"),
        ("", "en;q=0", "es"),
        ("", "en;q=high, pt", "pt"),
        ("", "*", "es"),
        ("../../etc", ";;;,,,=", "es"),
        ("x" * 10_000, "y," * 10_000, "es"),
    ],
)
def test_the_language_is_what_was_asked_for_or_the_best_of_those_accepted(
    asked: str, accepted: str, lang: str
) -> None:
    assert choose(asked, accepted) == lang


BY_ITSELF = (
    "queued.agent_gone",
    "queued.passed",
    "queued.signed_out",
    "later.closing_time",
    "later.customer_gone",
)


@pytest.mark.parametrize("what", [*BY_ITSELF, "later.customer", "later.agent_left"])
def test_what_moves_a_ticket_has_words_of_its_own_for_both_sides(what: str) -> None:
    for lang in LANGUAGES:
        kind = what.partition(".")[0]
        told = {words(lang)[f"widget.event.{what}"], words(lang)[f"console.event.{what}"]}
        assert not told & {words(lang)[f"widget.event.{kind}"], words(lang)[f"console.event.{kind}.other"]}


def test_no_spanish_sentence_ends_with_a_time_which_brings_a_full_stop_of_its_own() -> None:
    assert [key for key, text in words("es").items() if re.search(r"\{(when|clock)\}\.$", text)] == []


def test_in_portuguese_tickets_are_closed_with_one_word() -> None:
    """`fechado`; a chat is `finalizado`, and only a session `encerrada`."""
    said = {key for key, text in words("pt").items() if re.search("encerr", text, re.IGNORECASE)}
    assert said == {"console.stuck"}
