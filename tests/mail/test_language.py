"""In which language the sender of a mail is answered."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest

from chatserver import i18n
from chatserver.mail.language import language, of_text
from chatserver.mail.message import read
from tests.mail.writing import mail

CORPUS = Path(__file__).resolve().parent / "corpus"


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("Hola, no puedo imprimir la factura de ayer.\nGracias", "es"),
        ("Buenos días: la caja dos no abre desde ayer. ¿Me pueden ayudar, por favor?", "es"),
        ("HOLA!!! NECESITO AYUDA CON LA FACTURA, GRACIAS", "es"),
        ("Olá, não consigo emitir a nota fiscal. Obrigado", "pt"),
        ("Bom dia, o boleto venceu ontem e ainda não foi pago. Podem ajudar?", "pt"),
        ("Hi, I cannot print my invoice since yesterday. Thanks", "en"),
        ("The report is empty when we open it.", "en"),
        ("", ""),
        ("Factura 1042", ""),
        ("No imprime", ""),
        ("Ana Pérez\nana@cliente.example", ""),
        ("Error: the file could not be opened\nHola, me aparece esto desde ayer, gracias", ""),
        ("Bonjour, je ne peux pas imprimer la facture. Elle est en double, un client les a eues. Merci", ""),
        ("Buongiorno, non riesco a stampare la fattura di ieri, mi da un errore con il file. Grazie", ""),
        ("Guten Tag, ich kann die Rechnung nicht drucken. Vielen Dank und viele Grüße", ""),
        ("Здравствуйте, не печатается счёт. Спасибо", ""),
        ("x" * 3_000 + " the and with you", ""),
    ],
)
def test_a_text_is_in_one_of_our_languages_only_where_it_plainly_is(text: str, found: str) -> None:
    for default in i18n.LANGUAGES:
        assert of_text(text, default) == found


@pytest.mark.parametrize(
    ("text", "default", "found"),
    [
        ("No abre el sistema desde ayer.\nError: the server is not available at this time", "es", "es"),
        ("Gracias.\nTraceback: the connection was closed by the server and could not be opened", "es", ""),
        ("O sistema não abre.\nError: the server is not available at this time", "pt", ""),
        (
            "Thanks!\nError: no se puede abrir el archivo, no hay conexión con el servidor desde ayer",
            "en",
            "",
        ),
    ],
)
def test_who_pastes_a_line_of_another_language_does_not_plainly_write_in_it(
    text: str, default: str, found: str
) -> None:
    assert language(read(mail(), None, ()).headers, text, default) == found


@pytest.mark.parametrize(
    ("header", "found"),
    [
        ({}, "en"),
        ({"Content-Language": "pt-BR"}, "pt-BR"),
        ({"Accept-Language": "es-MX, en-US"}, "es-MX"),
        ({"Content-Language": "fr, pt"}, "pt"),
        ({"Content-Language": "fr"}, "en"),
        ({"Content-Language": "fr", "Accept-Language": "es;q=0.8"}, "es"),
        ({"Content-Language": "PT_br; <script>"}, "en"),
        ({"Content-Language": "espanol"}, "en"),
        ({"Content-Language": "fr," * 5_000 + "pt"}, "en"),
    ],
)
def test_a_header_says_it_before_the_text_does_where_it_names_one_of_ours(
    header: dict[str, str], found: str
) -> None:
    arrival = read(mail("Thanks, this is what we need\r\n", more=header), None, ())
    assert language(arrival.headers, arrival.said, "es") == found


def test_what_says_neither_is_in_none() -> None:
    arrival = read(mail("Factura 1042\r\n", subject="x"), None, ())
    assert {language(arrival.headers, arrival.said, own) for own in ("es", "en", "pt")} == {""}


@pytest.mark.parametrize("default", i18n.LANGUAGES)
def test_of_mails_that_somebody_else_wrote_hardly_one_is_taken_for_another_language(default: str) -> None:
    """Whoever writes in the language of the pages is answered in it all the same: what is not plain needs no word more."""
    right, wrong, open_ = 0, [], 0
    for path in sorted(CORPUS.rglob("*.eml")):
        label = json.loads(path.with_suffix(".json").read_text(encoding="utf-8"))["language"]
        found = of_text(read(path.read_bytes(), None, ()).said, default)
        if not found:
            open_ += 1
        elif found == label:
            right += 1
        else:
            wrong.append(path.stem)
    print(f"{right} right, {open_} open, wrong: {wrong}")
    assert right >= 116 > open_
    assert len(wrong) * 50 <= right


def test_a_text_of_nothing_but_words_or_signs_is_read_at_once() -> None:
    began = time.process_time()
    for text in ("a " * 250_000, "\n" * 500_000, "\u0301" * 500_000, "x" * 500_000):
        assert of_text(text, "es") == ""
    assert time.process_time() - began < 30
