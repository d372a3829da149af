"""What is left of a file's name."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatserver.files import names


@pytest.mark.parametrize(
    ("said", "kept"),
    [
        ("factura.pdf", "factura.pdf"),
        ("Factura  de \t enero.pdf ", "Factura de enero.pdf"),
        ("../../etc/passwd", "passwd"),
        ("C:\\Users\\ana\\foto.png", "foto.png"),
        ("a\0.png", "a.png"),
        ("line\r\nbreak.txt", "line break.txt"),
        ("foto\u202egnp.exe", "fotognp.exe"),
        ("shell.php\u200b", "shell.php"),
        ("\ufeffx\u200d.txt", "x.txt"),
        ("n\u0303andu.txt", "ñandu.txt"),
        (".htaccess", "htaccess"),
        ("programa.exe.", "programa.exe"),
        ("programa.exe. . ", "programa.exe"),
        ("a\u00a0b\u2028c.txt", "a b c.txt"),
        ("mitad\ud800.txt", "mitad.txt"),
        ("عربي.pdf", "عربي.pdf"),
        ("..", ""),
        ("/", ""),
        ("", ""),
        ("\u200b\u200b", ""),
    ],
)
def test_a_name_is_one_readable_line_without_a_path(said: str, kept: str) -> None:
    assert names.clean(said) == kept


def test_a_long_name_is_cut_before_its_ending() -> None:
    assert names.clean("x" * 300 + ".pdf") == "x" * 251 + ".pdf"
    cut = names.clean("ñ" * 300 + ".pdf")
    assert (cut, len(cut.encode())) == ("ñ" * 125 + ".pdf", 254)
    assert names.clean("x" * 300) == "x" * 255
    assert len(names.clean("a." + "y" * 300).encode()) == 255


@pytest.mark.parametrize(
    ("name", "last"),
    [("a.PDF", "pdf"), ("a.tar.gz", "gz"), ("a", ""), ("pdf", ""), ("a.txt::$DATA", "txt::$data")],
)
def test_the_ending_is_what_stands_behind_the_last_dot(name: str, last: str) -> None:
    assert names.ending(names.clean(name)) == last


def test_what_has_no_ending_gets_one() -> None:
    assert names.with_ending("captura", "png") == "captura.png"
    assert names.with_ending("", "jpg") == "file.jpg"
    assert names.with_ending("a.txt", "png") == "a.txt"
    assert len(names.with_ending("x" * 255, "png").encode()) == 255


@given(st.text(max_size=400))
def test_whatever_is_said_is_kept_harmless_and_stays_as_it_is(said: str) -> None:
    kept = names.clean(said)
    assert names.clean(kept) == kept
    assert len(kept.encode()) <= names.BYTES_MAX
    assert not set("/\\\0\n\r\t") & set(kept)
    assert not {unicodedata.category(c) for c in kept} & {"Cc", "Cf", "Cs"}
    assert not kept.startswith((".", " "))
    assert not kept.endswith((".", " "))


def test_of_a_name_without_end_its_beginning_and_its_ending_are_looked_at() -> None:
    kept = names.clean("informes" + "\u0315\u0300" * 80_000 + ".PDF")
    assert kept.startswith("informe")
    assert kept.endswith(".PDF")
    assert len(kept.encode()) <= names.BYTES_MAX
