"""Mails that only ask for access, and those that nearly do."""

from __future__ import annotations

from pathlib import Path

import pytest

from chatserver.mail.access import only_asks_for_access
from chatserver.mail.message import read
from tests.mail.writing import file, mail, part, together

LINES = [
    (line[2:], line[0] == "+")
    for line in (Path(__file__).parent / "access.txt").read_text(encoding="utf-8").splitlines()
]


@pytest.mark.parametrize(("text", "expected"), LINES)
def test_who_only_asks_for_access_is_told_from_who_has_a_problem(text: str, expected: bool) -> None:
    assert only_asks_for_access(read(mail(text + "\r\n", subject="Consulta"))) is expected


def test_the_subject_alone_may_ask() -> None:
    assert only_asks_for_access(read(mail("Gracias, Ana\r\n", subject="Solicitud de acceso")))
    assert not only_asks_for_access(read(mail("No puedo entrar\r\n", subject="Solicitud de acceso")))
    assert not only_asks_for_access(read(mail("¿Me dan acceso?\r\n", subject="Error 403")))


def test_what_has_more_to_it_is_read_by_a_person() -> None:
    asks = "¿Me dan acceso?\r\n"
    assert not only_asks_for_access(read(mail(asks, more={"In-Reply-To": "<a@b>"})))
    assert not only_asks_for_access(read(mail(asks + "palabra " * 60)))
    assert not only_asks_for_access(read(mail(asks + "a" * 700 + " no funciona")))
    with_file = together(part("text/plain; charset=utf-8", asks), file("captura.png", b"x", "image/png"))
    assert not only_asks_for_access(read(mail(with_file, content='multipart/mixed; boundary="=_b1"')))
