"""Words are found whatever their accents, capitals and order."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatserver.core.words import WORDS_MOST, has_all, wanted


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
