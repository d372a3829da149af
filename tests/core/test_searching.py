"""Words of a question, and where they stand in a text."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatserver.core import searching
from chatserver.core.searching import Piece, asked, excerpt, folded, snippet, words


def shown(pieces: tuple[Piece, ...]) -> str:
    return "".join(f"[{piece.text}]" if piece.found else piece.text for piece in pieces)


@given(st.text())
def test_folding_keeps_every_character_in_its_place(text: str) -> None:
    assert len(folded(text)) == len(text)


@given(st.text(), st.text())
def test_a_snippet_is_a_part_of_its_text_whatever_is_asked(text: str, question: str) -> None:
    pieces = snippet(text, asked(question))
    said = "".join(piece.text for piece in pieces).strip("…")
    assert said in text
    assert len(said) <= searching.SNIPPET + 80


@given(st.text())
def test_a_question_is_letters_and_figures_alone_and_few_of_them(text: str) -> None:
    terms = asked(text)
    assert len(terms) <= searching.WORDS_MAX
    for term in terms:
        assert term.word.isalnum() or all(c.isalnum() for c in term.word)
        assert term.word.startswith(term.beginning)
        assert len(term.word) <= searching.WORD_MAX


def test_words_are_folded() -> None:
    assert words("¿CÓMO emito mi Factura_Electrónica n.º 20-4417?") == [
        *("como", "emito", "mi", "factura", "electronica", "n", "o", "20", "4417"),
    ]
    assert words("e\u0301xito") == ["exito"]


@pytest.mark.parametrize(
    ("question", "expected"),
    [
        ("¿Cómo cambio el logo?", ["cambio:cambi", "logo:logo"]),
        ("facturas", ["facturas:factur"]),
        ("IVA", ["iva:iva"]),
        ("el IVA del mes", ["iva:", "mes:mes"]),
        ("de la", ["de:", "la:la"]),
        ("", []),
        ("¿?", []),
    ],
)
def test_a_question_asks_for_its_telling_words_and_for_their_other_forms(
    question: str, expected: list[str]
) -> None:
    assert [f"{term.word}:{term.beginning}" for term in asked(question)] == expected


def test_what_was_looked_for_is_marked_with_its_accents() -> None:
    text = "La facturación electrónica es obligatoria. Emite una factura cuando vendas."
    assert shown(snippet(text, asked("factura electronica"))) == (
        "La [facturación] [electrónica] es obligatoria. Emite una [factura] cuando vendas."
    )


def test_a_snippet_is_cut_from_where_most_of_it_stands_and_between_words() -> None:
    text = "relleno " * 100 + "la impresora fiscal no responde y la impresora no imprime " + "relleno " * 100
    found = shown(snippet(text, asked("impresora fiscal")))
    assert "[impresora] [fiscal]" in found
    assert found.startswith("…")
    assert found.endswith("relleno…")


def test_an_excerpt_ends_between_words() -> None:
    assert excerpt("una frase corta") == "una frase corta"
    assert excerpt("palabra " * 50, 20) == "palabra palabra…"


def test_who_asks_for_every_letter_there_is_makes_us_keep_few() -> None:
    for first in range(0, 0x30000, searching.ASKED_MAX):
        searching.asked("".join(map(chr, range(first, first + searching.ASKED_MAX))))
    assert len(searching._FOLDING) <= searching.REMEMBERED
    assert searching.folded("Ｆácil Ñandú 𝐀") == "facil nandu a"
