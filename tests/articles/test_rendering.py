"""Markdown as readers see it: nothing of an author's text becomes anything but text and the few things that are allowed."""

from __future__ import annotations

import re
from html.parser import HTMLParser

import pytest

from chatserver.articles.rendering import Heading, rendered
from chatserver.core.articles import BODY_MAX
from tests.articles.vectors import VECTORS

ALLOWED = "a blockquote br code div em h2 h3 h4 h5 h6 hr li ol p pre s strong table tbody td th thead tr ul"
TAGS = set(ALLOWED.split())
ATTRIBUTES = {"href", "rel", "id", "class", "start", "tabindex"}


class Seen(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))


def tags_of(html: str) -> list[tuple[str, dict[str, str | None]]]:
    seen = Seen()
    seen.feed(html)
    seen.close()
    return seen.tags


def test_there_are_enough_vectors() -> None:
    assert len(VECTORS) >= 500


@pytest.mark.parametrize("vector", VECTORS)
def test_nothing_but_the_allowed_comes_of_a_hostile_text(vector: str) -> None:
    for tag, attributes in tags_of(rendered(vector, "es").html):
        assert tag in TAGS
        assert set(attributes) <= ATTRIBUTES
        if tag == "a" and "href" in attributes:
            assert re.match(r"https://example\.com|mailto:|#|/(?![/\\\t])", attributes["href"] or ""), (
                attributes
            )
            assert attributes["rel"] == "noopener noreferrer nofollow"
        assert attributes.get("id", "s-") is None or (attributes.get("id") or "s-").startswith("s-")


def test_what_authors_need_is_there() -> None:
    made = rendered(
        "# Uno\n\n## Dos\n\n### Tres\n\n## Dos\n\n**fuerte** *leve* ~~no~~ `código` <https://example.com>\n\n"
        "1. a\n2. b\n\n- c\n\n"
        "> cita\n\n```py\nx < 1\n```\n\n| a | b |\n|--|--:|\n| 1 | 2 |\n\n[otra](/help/demo/es) [mail](mailto:a@example.com)",
        "es",
    )
    names = [tag for tag, _ in tags_of(made.html)]
    assert set(names) >= TAGS - {"br", "h4", "h5", "h6", "hr", "div"}
    assert made.contents == (
        Heading("s-uno", 2, "Uno"),
        Heading("s-dos", 2, "Dos"),
        Heading("s-tres", 3, "Tres"),
        Heading("s-dos-2", 2, "Dos"),
    )
    assert '<td class="right">2</td>' in made.html
    assert 'href="/help/demo/es"' in made.html
    assert "x &lt; 1" in made.html
    assert "style=" not in made.html
    assert made.plain.startswith("Uno. Dos. Tres. Dos. fuerte leve no código")


@pytest.mark.parametrize(
    ("mark", "lang", "kind", "word"),
    [("NOTE", "es", "note", "Nota"), ("tip", "en", "tip", "Tip"), ("Warning", "pt", "warning", "Atenção")],
)
def test_a_callout_says_what_it_is_in_the_texts_language(mark: str, lang: str, kind: str, word: str) -> None:
    made = rendered(f"> [!{mark}]\n> Con **cuidado**.\n>\n> Y más.", lang)
    assert f'<blockquote class="callout {kind}">' in made.html
    assert f"<strong>{word}</strong><br>\nCon <strong>cuidado</strong>." in made.html
    assert made.plain == "Con cuidado. Y más."
    assert "[!" not in made.html


def test_a_callout_without_text_and_one_that_is_none_break_nothing() -> None:
    assert "<strong>Nota</strong>" in rendered("> [!NOTE]", "es").html
    assert "[!OTRA]" in rendered("> [!OTRA]\n> x", "es").html
    assert "[!NOTE]" in rendered("> a [!NOTE]", "es").html


def test_an_image_is_a_link_and_never_loaded() -> None:
    html = rendered("![La pantalla](https://example.com/x.png)", "es").html
    assert "<img" not in html
    assert '<a href="https://example.com/x.png"' in html
    assert "La pantalla</a>" in html


def test_reading_takes_a_minute_per_two_hundred_words() -> None:
    assert rendered("palabra " * 20, "es").minutes == 1
    assert rendered("palabra " * 1_000, "es").minutes == 5


@pytest.mark.parametrize(
    "unit",
    [
        "[",
        "*a **a ",
        "`` ` ",
        "![",
        "> > ",
        "|",
        "- - ",
        "[[[[[a](b)",
        "* a\n  ",
        "&amp;",
        "_*",
        "\\",
        "[a]: b\n",
    ],
)
def test_a_text_of_signs_alone_is_rendered_like_any(unit: str) -> None:
    """Each takes less than a second of one thread (docs/bounds.md); one that took quadratic time would take minutes."""
    assert rendered((unit * BODY_MAX)[:BODY_MAX], "es").html is not None
