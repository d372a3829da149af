"""Mails of each client, line for line: `shapes.txt` says what each line is."""

from __future__ import annotations

from pathlib import Path

import pytest

from chatserver.mail.quotes import Kind, Mail, pieces

KINDS: dict[str, Kind] = {"| ": "said", "Q ": "quote", "S ": "signature"}
SHAPES = (Path(__file__).parent / "shapes.txt").read_text(encoding="utf-8").split("\n== ")[1:]


@pytest.mark.parametrize("shape", SHAPES, ids=lambda shape: shape.splitlines()[0].partition(" · ")[0])
def test_each_line_is_what_it_is(shape: str) -> None:
    head, *lines = shape.splitlines()
    _, author, subject = head.split(" · ")
    text = "".join(line.removeprefix("~")[2:] + "\n" for line in lines)
    expected = [(KINDS[line[:2]], line[2:]) for line in lines if line != "~"]
    found = [
        (piece.kind, line)
        for piece in pieces(text, Mail(author, subject))
        for line in piece.text.splitlines()
    ]
    assert [(kind, line) for kind, line in found if line.strip()] == expected
