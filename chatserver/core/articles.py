"""Help articles: what a valid one is, and what may be done with one that stands as it does."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping, Sequence
from typing import Final, Literal, get_args

import msgspec

from chatserver.core import messages, searching
from chatserver.core.errors import Refused

State = Literal["draft", "published", "withdrawn"]
"""Never shown to readers; shown to them; shown once, not any more."""
Reason = Literal["unclear", "incomplete", "outdated", "wrong", "other"]
"""Why an article was of no use."""
REASONS: Final[tuple[Reason, ...]] = get_args(Reason)

TITLE_MIN: Final = 3
TITLE_MAX: Final = 150
SUMMARY_MAX: Final = 300
BODY_MAX: Final = 40_000
"""Characters; a book page has two thousand. What it costs to render grows with it (docs/bounds.md)."""
NAME_MAX: Final = 60
ABOUT_MAX: Final = 200
ARTICLES_MAX: Final = 2_000
"""Of one app, in all languages: the pages that list them list them whole."""
CATEGORIES_MAX: Final = 60
SLUG_MAX: Final = 60
WORDS_PER_MINUTE: Final = 200
"""What people read of such texts; the figure that publishers commonly reckon with."""


class Draft(msgspec.Struct, frozen=True):
    """What an author wrote."""

    title: str
    summary: str
    """Shown in lists and by search engines; empty: the beginning of the text is."""
    body: str
    """Markdown."""


def draft(title: str, summary: str, body: str) -> Draft:
    """What is stored of it. Raises Refused(too_short | too_long)."""
    return Draft(
        _sized(_line(title), TITLE_MIN, TITLE_MAX),
        _sized(_line(summary), 0, SUMMARY_MAX),
        _sized(_nfc(messages.cleaned(body)).rstrip(), 1, BODY_MAX),
    )


def names(given: Mapping[str, str], languages: Sequence[str], most: int, least: int) -> dict[str, str]:
    """A category's name or description by language; languages that were left empty are left out. At least one, where `least`
    says so. Raises Refused."""
    if set(given) - set(languages):
        raise Refused("bad_frame")
    kept = {code: _sized(_line(text), 0, most) for code, text in given.items()}
    kept = {code: text for code, text in kept.items() if text}
    if least and not kept:
        raise Refused("too_short", limit=1)
    return kept


def slug(text: str) -> str:
    """A title as it stands in an address: for people's eyes, nothing is looked up by it. Never empty."""
    made = ""
    for word in searching.words(text):
        longer = f"{made}-{word}" if made else word
        if len(longer) > SLUG_MAX:
            break
        made = longer
    return made or "-"


def minutes(text: str) -> int:
    """How long it takes to read, at least one."""
    return max(1, round(len(text.split()) / WORDS_PER_MINUTE))


def may_publish(state: State, version: int, shown: int | None) -> None:
    """Raises Refused(nothing_new) when readers see just that already."""
    if state == "published" and shown == version:
        raise Refused("nothing_new")


def may_withdraw(state: State) -> None:
    """Raises Refused(nothing_new) when nobody sees it anyway."""
    if state != "published":
        raise Refused("nothing_new")


def feedback(useful: bool, reasons: Sequence[Reason], comment: str) -> tuple[tuple[Reason, ...], str]:
    """Reasons and comment as stored. Who says no says why; "other" is said in words. Raises Refused(reason_required |
    too_long)."""
    said = messages.comment(comment)
    kept: tuple[Reason, ...] = () if useful else tuple(dict.fromkeys(reasons))
    if not useful and (not kept or (kept == ("other",) and not said)):
        raise Refused("reason_required")
    return kept, said


def _line(text: str) -> str:
    return _nfc(messages.one_line(text))


def _nfc(text: str) -> str:
    return unicodedata.normalize("NFC", text)


def _sized(text: str, least: int, most: int) -> str:
    if len(text) < least:
        raise Refused("too_short", limit=least)
    if len(text) > most:
        raise Refused("too_long", limit=most)
    return text
