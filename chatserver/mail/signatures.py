"""Where a signature stands below what was said: a card, a notice of confidentiality, "Enviado desde mi iPhone".

Whatever is in doubt was said, and so are the sign-off, the bare name below it and a "P.D." wherever it stands.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Final, Protocol

from chatserver.mail import words

LINES_AT_MOST: Final = 25
_CARD_LINES: Final = 14


class HasText(Protocol):
    @property
    def text(self) -> str: ...


def lines(these: Sequence[HasText], bare: Sequence[str], start: int, end: int) -> Iterator[int]:
    """Which of the lines start … end, all of them said, are signature."""
    bottom = _below_notices(these, bare, start, end)
    yield from range(bottom, end)
    for card in (_after_dashes, _after_sign_off):
        top = card(these, bare, start, bottom)
        if top is not None:
            yield from without_afterword(bare, top, bottom)
            return


def without_afterword(bare: Sequence[str], start: int, end: int) -> Iterator[int]:
    """All lines but a "P.D." and what stands below it."""
    for at in range(start, end):
        if bare[at].startswith(words.AFTERWORDS):
            return
        yield at


# From the bottom: what programs and companies put there


def _below_notices(these: Sequence[HasText], bare: Sequence[str], start: int, end: int) -> int:
    """Where notices and "sent from" lines begin that stand below everything else."""
    bottom = end
    while True:
        last = bottom
        while last > start and _is_ornament(bare[last - 1]):
            last -= 1
        found_one = bottom < end
        if last == start:
            return last if found_one else end
        first = last - 1
        if not is_sent_from(these[first].text):
            while first > start and bare[first - 1] and last - first < LINES_AT_MOST:
                first -= 1
            if not _is_notice(" ".join(bare[first:last])):
                return last if found_one else end
        bottom = first


def _is_ornament(bare: str) -> bool:
    """An empty line, or one of strokes as stands above a notice."""
    return not bare.strip("_-*=")


_LINK: Final = re.compile(r"[<(\[]?https?://\S{1,400}")


def is_sent_from(text: str) -> bool:
    """ "Enviado desde mi iPhone", "Get Outlook for Android<https://…>", and no word that is not a device's."""
    line = _LINK.sub("", words.clean(text)).strip(" .<>[]()-")
    bare = words.plain(line)
    prefix = next((prefix for prefix in words.SENT_FROM if bare.startswith(prefix + " ")), None)
    if prefix is None or len(line) > 100:
        return False
    rest = [word.strip(".,()") for word in line[len(prefix) :].split()]
    known = [words.plain(word) for word in rest]
    return any(word in words.DEVICES for word in known) and all(
        plain in words.DEVICES
        or plain in words.DEVICE_FILLING
        or word[:1].isupper()
        or any(map(str.isdigit, word))
        for word, plain in zip(rest, known, strict=True)
    )


def _is_notice(paragraph: str) -> bool:
    text = paragraph.lstrip("-_*= \"'")
    if len(text) < 200 and text.startswith((*words.PRINTING, *words.VIRUS_FREE)):
        return True
    if len(text) < 120 or not text.startswith(words.NOTICE_BEGINS):
        return False
    return sum(any(word in text for word in kind) for kind in words.NOTICE_WORDS) >= 4


# Cards


def _after_dashes(these: Sequence[HasText], bare: Sequence[str], start: int, end: int) -> int | None:
    """Below "-- ", the mark of old; without its blank only above what looks like a card."""
    for at in range(max(start, end - LINES_AT_MOST), end):
        if bare[at] != "--":
            continue
        below = [line for line in range(at + 1, end) if bare[line]]
        if not below:
            return None
        exact = these[at].text.rstrip("\r\n") == "-- "
        before_afterword = [line for line in without_afterword(bare, at + 1, end) if bare[line]]
        texts = [words.clean(these[line].text) for line in before_afterword]
        if any(text.endswith("?") or _sentence(text) for text in texts):
            return None
        if exact or (texts and _is_name(texts[0]) and len(texts) <= _CARD_LINES and _card(texts)):
            return at
        return None
    return None


def _after_sign_off(these: Sequence[HasText], bare: Sequence[str], start: int, end: int) -> int | None:
    """Below "Saludos," and a name: where a card begins, every line of which looks like one."""
    for sign_off in range(end - 1, max(start, end - LINES_AT_MOST) - 1, -1):
        if not _is_sign_off(bare[sign_off]):
            continue
        before_afterword = list(without_afterword(bare, sign_off + 1, end))
        below = [line for line in before_afterword if bare[line]]
        if below and _is_name(words.clean(these[below[0]].text)):
            below.pop(0)
        texts = [words.clean(these[line].text) for line in below]
        return below[0] if texts and len(texts) <= _CARD_LINES and _card(texts) else None
    return None


def _is_sign_off(bare: str) -> bool:
    """Alone on its line, or with a name: "Saludos, Ana"."""
    phrase, _, name = bare.rstrip(" .,;!:").partition(",")
    return phrase.strip(" .") in words.SIGN_OFFS and len(name.split()) <= 3


_NAME: Final = re.compile(r"[^\W\d_][^\W\d_.'-]*[.]?$")
_PARTICLES: Final = frozenset(
    {"de", "del", "la", "las", "los", "y", "e", "da", "do", "dos", "das", "of", "the", "and", "en"}
)


def _is_name(text: str) -> bool:
    parts = text.rstrip(",.").split()
    return 0 < len(parts) <= 5 and all(
        _NAME.match(part) and (part[0].isupper() or part in _PARTICLES) for part in parts
    )


_PHONE: Final = re.compile(r"(?<![\w-])\+?\(?\d[\d ().-]{5,22}\d")
_ADDRESS_OR_LINK: Final = re.compile(
    r"[\w.+-]{1,64}@[\w-]{1,63}\.[\w.-]{2,63}|(?:www\.|https?://)\S", re.IGNORECASE
)
_LABEL: Final = re.compile(r"([^\W\d_][^\W\d_. -]{0,24}(?: [^\W\d_]{1,12})?\.?) ?: ?")


def _card(texts: Sequence[str]) -> bool:
    return all(map(_may_stand_on_card, texts)) and any(map(_proves_card, texts))


def _proves_card(text: str) -> bool:
    """A phone, an address, a link, a role, a company."""
    if _ADDRESS_OR_LINK.search(text) or _PHONE.search(text):
        return True
    tokens = [token.strip(".,|()") for token in words.plain(text).replace("/", " ").split()]
    return any(token in words.ROLES or token in words.COMPANIES for token in tokens)


def _may_stand_on_card(text: str) -> bool:
    if len(text) > 110 or text.endswith(("?", "!")) or _sentence(text):
        return False
    label = _LABEL.match(text)
    if (
        label is not None
        and words.plain(label[1]) not in words.CARD_LABELS
        and "//" not in text[: label.end() + 2]
    ):
        return False  # "Usuario: ana" is what the mail is about
    return bool(label or _proves_card(text) or _is_name(text) or _is_place(text))


def _is_place(text: str) -> bool:
    parts = text.replace(",", " ").replace("-", " ").replace("|", " ").split()
    tokens = [part.strip(".").casefold() for part in parts]
    if any(token in words.STREETS for token in tokens):
        return True
    return len(parts) <= 8 and all(part[0].isupper() or part in _PARTICLES for part in parts)


def _sentence(text: str) -> bool:
    """More small words than a role or a street has."""
    if _is_notice(words.plain(text)):
        return False
    small = [part for part in text.split() if part[0].islower() and part.isalpha() and part not in _PARTICLES]
    titled = words.plain(text).split(" ", 1)[0].strip(".") in words.ROLES
    return len(small) > (4 if titled else 2)
