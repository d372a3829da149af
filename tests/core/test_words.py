"""Words are found whatever their accents, capitals and order."""

from __future__ import annotations

import unicodedata
from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatserver.core import words
from chatserver.core.words import LETTERS_MOST, WORDS_MOST, has_all, plain, wanted


@pytest.mark.parametrize(
    ("text", "asked", "found"),
    [
        ("Facturación electrónica", "facturacion", True),
        ("Facturación electrónica", "ELECTRÓNICA facturación", True),
        ("Não consigo emitir", "nao", True),
        ("ﬁn de mes", "fin", True),
        ("Straße", "strasse", True),
        ("Facturación", "facturas", False),
        ("Facturación", "factura mayo", False),
        ("La impresora", "impre", True),
        ("", "x", False),
        ("a%b_c", "%", True),
        ("abc", "_", False),
    ],
)
def test_words_are_found(text: str, asked: str, found: bool) -> None:
    assert has_all(text, wanted(asked)) is found


def test_a_search_has_few_words() -> None:
    assert len(wanted(" ".join(f"w{number}" for number in range(1000)))) == WORDS_MOST


@given(st.text(max_size=200))
def test_every_text_is_found_by_its_own_words(text: str) -> None:
    assert has_all(text, wanted(text))


@given(st.text(max_size=400), st.integers(1, 5))
def test_a_text_is_the_same_taken_apart_at_once_or_in_pieces(text: str, piece: int) -> None:
    whole = unicodedata.normalize("NFKD", text.casefold())
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(words, "_PIECE", piece)
        assert plain(text) == "".join(c for c in whole if not unicodedata.combining(c))


def test_accents_upon_accents_cost_no_more_than_as_many_letters(monkeypatch: pytest.MonkeyPatch) -> None:
    """To put them in order costs the square of how many are handed over at once."""
    handed: list[int] = []
    normalize = unicodedata.normalize

    def counted(form: Literal["NFKD"], text: str) -> str:
        handed.append(len(text))
        return normalize(form, text)

    monkeypatch.setattr("chatserver.core.words.unicodedata.normalize", counted)
    assert plain("x" + "\u0315\u0300" * 80_000) == "x"
    assert max(handed) <= 256
    assert wanted("x" * LETTERS_MOST + " uno") == ("x" * LETTERS_MOST,)
