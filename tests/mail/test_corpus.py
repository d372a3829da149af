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

from chatserver.mail import quotes

CORPUS = Path(__file__).resolve().parent / "corpus"
MAILS = sorted(CORPUS.rglob("*.eml"))
WRONGLY_CUT = 1
"""Mails of which something that was said is folded. The aim is none."""
RIGHT = 0.97
"""Of those that have a part in plain text. The aim is 98 %: what is wrong besides is a signature or a quote that is shown."""


class Verdict(NamedTuple):
    name: str
    cut: Counter[str]
    left: Counter[str]


def test_what_was_newly_said_is_shown_and_little_else() -> None:
    verdicts = [judged(path, *mail) for path in MAILS if (mail := plain(path)) is not None]
    cut = [verdict.name for verdict in verdicts if verdict.cut]
    right = sum(not verdict.cut and not verdict.left for verdict in verdicts) / len(verdicts)
    print(f"{len(verdicts)} mails: {right:.1%} right, wrongly cut: {cut}")
    assert len(verdicts) > 120
    assert len(cut) <= WRONGLY_CUT, cut
    assert right >= RIGHT


def judged(path: Path, text: str, known: quotes.Mail) -> Verdict:
    said = json.loads(path.with_suffix(".json").read_text(encoding="utf-8"))["said"].split()
    shown = quotes.said(quotes.pieces(text, known)).split()
    return Verdict(path.name, Counter(said) - Counter(shown), Counter(shown) - Counter(said))


def plain(path: Path) -> tuple[str, quotes.Mail] | None:
    """What its author's client sent as plain text, with lines that it only wrapped put together again (RFC 3676)."""
    mail = email.message_from_bytes(path.read_bytes(), policy=default)
    assert isinstance(mail, EmailMessage)
    part = mail.get_body(("plain",))
    if part is None:
        return None
    text = str(part.get_content())
    if part.get_param("format") == "flowed":
        text = re.sub(r"(?<!\n--) \n(?!>|-- )", " ", text)
    return text, known(mail)


def known(mail: EmailMessage) -> quotes.Mail:
    author = mail["from"].addresses[0]
    return quotes.Mail(
        f"{author.display_name} <{author.addr_spec}>",
        mail["subject"] or "",
        "In-Reply-To" in mail or "References" in mail,
    )
