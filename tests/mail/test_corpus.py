"""The splitter judged by mails of somebody who had not seen it: `corpus/README.md` says how they are labelled."""

from __future__ import annotations

import email
import json
import re
from collections import Counter
from email.message import EmailMessage
from email.policy import default
from pathlib import Path
from typing import NamedTuple

import pytest

from chatserver.mail import html_text, quotes

CORPUS = Path(__file__).resolve().parent / "corpus"
MAILS = sorted(CORPUS.rglob("*.eml"))
RIGHT = 0.98
"""What is wrong besides is a signature or a quote that is shown (PROMISES R20)."""


class Verdict(NamedTuple):
    name: str
    cut: Counter[str]
    left: Counter[str]


@pytest.mark.parametrize(("form", "at_least"), [("plain", 140), ("html", 100)])
def test_what_was_newly_said_is_shown_and_little_else(form: str, at_least: int) -> None:
    verdicts = [verdict for path in MAILS if (verdict := judged(path, form)) is not None]
    right = sum(not verdict.cut and not verdict.left for verdict in verdicts) / len(verdicts)
    print(f"{len(verdicts)} mails: {right:.1%} right")
    assert len(verdicts) >= at_least
    assert not [verdict.name for verdict in verdicts if verdict.cut]
    assert right >= RIGHT


def judged(path: Path, form: str) -> Verdict | None:
    mail = email.message_from_bytes(path.read_bytes(), policy=default)
    assert isinstance(mail, EmailMessage)
    part = mail.get_body((form,))
    if not isinstance(part, EmailMessage):
        return None
    text, about = str(part.get_content()), known(mail)
    found = html_text.pieces(text, about) if form == "html" else quotes.pieces(unwrapped(part, text), about)
    said = json.loads(path.with_suffix(".json").read_text(encoding="utf-8"))["said"].split()
    shown = quotes.said(found).split()
    return Verdict(path.name, Counter(said) - Counter(shown), Counter(shown) - Counter(said))


def unwrapped(part: EmailMessage, text: str) -> str:
    """With lines that the author's client only wrapped put together again (RFC 3676)."""
    return re.sub(r"(?<!\n--) \n(?!>|-- )", " ", text) if part.get_param("format") == "flowed" else text


def known(mail: EmailMessage) -> quotes.Mail:
    answers = "In-Reply-To" in mail or "References" in mail
    return quotes.Mail(str(mail["from"]), mail["subject"] or "", answers)
