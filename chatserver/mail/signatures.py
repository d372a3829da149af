"""Where a signature stands below what was said: a card, a notice of confidentiality, "Enviado desde mi iPhone".

Whatever is in doubt was said, and so are the sign-off, the first name below it and a "P.D." wherever it stands.
A card below a sign-off or below the full name of the mail's author is one, unless the data on it was asked for.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator, Sequence
from typing import Final, Literal, Protocol

import msgspec

from chatserver.mail import words

LINES_AT_MOST: Final = 25
_CARD_LINES: Final = 15
_ANSWER_WORDS: Final = 8


class HasText(Protocol):
    @property
    def text(self) -> str: ...


Asked = Literal["", "one", "all"]
"""Whether the quoted mail speaks of a name, a telephone or the like, or asks for several: then they are the answer."""


class Known(msgspec.Struct, frozen=True, gc=False):
    """What is known of a mail beside its text."""

    names: frozenset[str] = frozenset()
    """Of its author, plain."""
    domain: str = ""
    """Of the author's address: it is often the company's name."""
    asked: Asked = ""


def lines(these: Sequence[HasText], bare: Sequence[str], start: int, end: int, known: Known) -> Iterator[int]:
    """Which of the lines start … end, all of them said, are signature."""
    bottom = _below_notices(these, bare, start, end)
    yield from range(bottom, end)
    below_dashes = _after_dashes(these, bare, start, bottom, known)
    if below_dashes is not None:
        yield from range(*below_dashes)
        return
    top = _top_of_card(these, bare, start, bottom, known)
    if top is not None:
        yield from without_afterword(bare, top, bottom)


def tells(these: Sequence[HasText]) -> bool:
    """Somebody typed where the HTML has the signature."""
    texts = [words.clean(line.text) for line in these]
    return any(text.endswith("?") or (_sentence(text) and not is_sent_from(text)) for text in texts)


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
            paragraph = " ".join(bare[first:last])
            if not _is_notice(
                paragraph, kinds=2 if paragraph.lstrip("-_*= ").startswith(words.NOTICE_TITLES) else 3
            ):
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
    named = [
        word for word, plain in zip(rest, known, strict=True)
        if plain not in words.DEVICES | words.DEVICE_FILLING
    ]  # fmt: skip
    branded = all(word[:1].isupper() or any(map(str.isdigit, word)) for word in named)
    on_a_device = any(word in words.DEVICES for word in known) or (named and known[0] in words.MY)
    by_a_program = bool(named) and bare.startswith(words.WITH_A_PROGRAM)
    return branded and bool(on_a_device or by_a_program)


def _is_notice(paragraph: str, kinds: int = 3) -> bool:
    """`kinds` of what such a notice says: fewer are enough below a card."""
    text = paragraph.lstrip("-_*= \"'«“")
    if len(text) < 250 and (text.startswith((*words.PRINTING, *words.VIRUS_FREE)) or _spares_paper(text)):
        return True
    if len(text) < (80 if kinds > 2 else 60) or not text.startswith(words.NOTICE_BEGINS):
        return False
    if "?" in text or not any(word in text for word in words.NOTICE_TELLS):
        return False
    return sum(any(word in text for word in kind) for kind in words.NOTICE_WORDS) >= kinds


def _spares_paper(text: str) -> bool:
    return ("imprim" in text or "print" in text) and any(word in text for word in words.NATURE)


# Cards


def _after_dashes(
    these: Sequence[HasText], bare: Sequence[str], start: int, end: int, known: Known
) -> tuple[int, int] | None:
    """Below "-- ", the mark of old, to where sentences begin; without its blank only above what looks like a card."""
    for at in range(max(start, end - 2 * LINES_AT_MOST), end):
        if bare[at] != "--":
            continue
        last = at + 1
        for part in _paragraphs(bare, at + 1, end):
            texts = [words.clean(these[line].text) for line in part]
            tells = any(text.endswith("?") or _sentence(text) for text in texts)
            notice = _is_notice(" ".join(bare[part[0] : part[-1] + 1]), kinds=2)
            if bare[part[0]].startswith(words.AFTERWORDS) or (tells and not notice):
                break
            last = next((line for line in range(part[-1] + 1, end) if bare[line]), end)
        below = [line for line in range(at + 1, last) if bare[line]]
        texts = [words.clean(these[line].text) for line in below]
        if not texts or len(texts) > LINES_AT_MOST:
            return None
        goes_on = any(bare[last:end]) and not bare[last].startswith(words.AFTERWORDS)
        if these[at].text.rstrip("\r\n") == "-- " and not goes_on:
            return at, last
        own = _is_own_name(_full_name(texts[0]), known)
        named = own or (_is_name(texts[0]) and len(texts) <= _CARD_LINES)
        return (at, last) if named and _is_card(bare, these, below, known, proved=own) else None
    return None


def _paragraphs(bare: Sequence[str], start: int, end: int) -> Iterator[range]:
    first = start
    for at in range(start, end + 1):
        if at == end or not bare[at]:
            if first < at:
                yield range(first, at)
            first = at + 1


def _top_of_card(
    these: Sequence[HasText], bare: Sequence[str], start: int, end: int, known: Known
) -> int | None:
    """The highest line below which there is nothing but a card."""
    full = [at for at in range(max(start, end - 4 * LINES_AT_MOST), end) if bare[at]][-LINES_AT_MOST:]
    for above, at in itertools.pairwise(full):
        rows = _rows(these, bare, above, at, end, known)
        if rows and len(rows) <= _CARD_LINES and _is_card(bare, these, rows, known):
            return None if _is_answer(bare, start, above, known) else rows[0]
    return None


def _rows(
    these: Sequence[HasText], bare: Sequence[str], above: int, at: int, end: int, known: Known
) -> list[int]:
    """The lines of what may be a card and begins at this line, by what stands `above`; none if it cannot."""
    rows = [row for row in without_afterword(bare, at, end) if bare[row]]
    title = words.clean(these[at].text)
    name = _full_name(title)
    typed = bare[above].strip(" .,")
    signed = _is_sign_off(bare[above]) or typed in known.names
    apart = above < at - 1 or _ENDS.search(bare[above])  # not in the middle of a list or of a sentence
    if name and (signed or name[0] == typed or (apart and _is_own_name(name, known))):
        return rows if len(rows) > 1 else []
    if not signed:
        return []
    if _is_name(title) and len(title.split()) < 3 and len(rows) > 1:
        return rows[1:]  # below the first name
    nobodys = typed not in known.names and (len(rows) < 2 or not _reaches(these, rows, known))
    return [] if nobodys else rows


def _is_answer(bare: Sequence[str], start: int, above: int, known: Known) -> bool:
    """What looks like a card is what the mail is about."""
    last = bare[above]
    said = sum(len(line.split()) for line in bare[start : above + 1] if not _is_sign_off(line))
    if known.asked == "all" or (known.asked and said < _ANSWER_WORDS):
        return True
    if _is_sign_off(last):
        return False
    short = len(last.split()) < _ANSWER_WORDS
    return last.endswith(":") or any(word in last for word in (words.DATA if short else words.ALL_DATA))


_SIGN_OFF_ENDS: Final = re.compile("[,.]")
_ENDS: Final = re.compile(r"[^\w\s,;:-]$")
_UNSAID_END: Final = re.compile(r"[^\w?]{1,10}$")


def _is_sign_off(bare: str) -> bool:
    """Alone on its line, or with a name: "Saludos, Ana"."""
    phrase, *name = _SIGN_OFF_ENDS.split(_UNSAID_END.sub("", bare), maxsplit=1)
    if phrase.strip() in words.SIGN_OFFS:
        return len(" ".join(name).split()) <= 3
    return not name and phrase.startswith(words.SIGN_OFF_BEGINS) and len(phrase.split()) <= 6


_NAME: Final = re.compile(r"[^\W\d_][^\W\d_.'’-]*[.]?$")
_PARTICLES: Final = frozenset(
    {"de", "del", "la", "las", "los", "y", "e", "da", "do", "dos", "das", "of", "the", "and", "en"}
    | {"a", "al", "na", "no", "em", "for", "para"}
)
_NAME_ENDS: Final = re.compile(r"[,|(/–<]| - ")


def _is_name(text: str) -> bool:
    parts = text.rstrip(",.").split()
    return 0 < len(parts) <= 5 and all(
        _NAME.match(part) and (part[0].isupper() or part in _PARTICLES) for part in parts
    )


def _full_name(text: str) -> list[str]:
    """ "Dr. Ana Paz, Gerente": ana, paz; nothing if the line does not begin with a name of two words."""
    name = _NAME_ENDS.split(text, maxsplit=1)[0].strip()
    parts = [words.plain(part).strip(".") for part in name.split()]
    while parts and parts[0] in words.TITLES:
        parts = parts[1:]
    return parts if len(parts) > 1 and _is_name(name) else []


def _is_own_name(parts: Sequence[str], known: Known) -> bool:
    """Of the mail's author: "Ana Paz" of ana.p@b.pe or of apaz@b.pe."""
    if not parts or not parts[0]:
        return False
    first, *others = parts
    return first in known.names or any(first[0] + other in known.names for other in others)


_PHONE: Final = re.compile(r"(?<![\w-])\+?\(?\d[\d ().-]{5,22}\d")
_ADDRESS_OR_LINK: Final = re.compile(
    r"[\w.+-]{1,64}@[\w-]{1,63}\.[\w.-]{2,63}|(?:www\.|https?://)\S", re.IGNORECASE
)
_LABEL: Final = re.compile(r"([^\W\d_][^\W\d_. -]{0,24}(?: [^\W\d_]{1,12})?\.?) ?: ?")


def _is_card(
    bare: Sequence[str], these: Sequence[HasText], rows: Sequence[int], known: Known, *, proved: bool = False
) -> bool:
    """`proved`: what makes it a card is known."""
    after = -1
    for row in rows:
        text = words.clean(these[row].text)
        if row < after:
            continue
        if bare[row].lstrip("\"'«“").startswith((*words.NOTICE_BEGINS, *words.PRINTING)):
            after = next((at for at in range(row, rows[-1] + 1) if not bare[at]), rows[-1] + 1)
            if _is_notice(" ".join(bare[row:after]), kinds=2):
                continue
            after = -1
        if not (_may_stand_on_card(text) or (row == rows[-1] and _is_slogan(text))):
            return False
        proved = proved or _proves_card(text) or _is_of_domain(text, known.domain)
    return proved


def _is_of_domain(text: str, domain: str) -> bool:
    """ "Viñedos del Sol" of ana@vinedosdelsol.pe."""
    return any(len(token) > 3 and token in domain for token in _tokens(text))


def _reaches(these: Sequence[HasText], rows: Sequence[int], known: Known) -> bool:
    """By telephone, mail or web."""
    texts = [words.clean(these[row].text) for row in rows]
    return any(
        _ADDRESS_OR_LINK.search(text) or _PHONE.search(text) or _is_of_domain(text, known.domain)
        for text in texts
    )


def _is_slogan(text: str) -> bool:
    return len(text) < 100 and text[0] in '"“«' and text[-1] in '"”»'


def _tokens(text: str) -> list[str]:
    return [token.strip(".,|()") for token in words.plain(text).replace("/", "/ ").split()]


def _proves_card(text: str) -> bool:
    """A phone, an address, a link, a role, a company."""
    if _ADDRESS_OR_LINK.search(text) or _PHONE.search(text):
        return True
    tokens = _tokens(text)
    if tokens[0] in words.CARD_LABELS and text[-1].isdigit():  # "Anexo 204"
        return True
    if any(token in words.ROLES or token in words.COMPANIES for token in tokens):
        return True
    return any(map(str.isdigit, text)) and any(token in words.STREETS for token in tokens)


def _may_stand_on_card(text: str) -> bool:
    if len(text) > 110 or text.endswith(("?", "!", ":", ";")):
        return False
    if any(map(str.isdigit, text)) and any(token.rstrip(":") in words.IDENTIFIERS for token in _tokens(text)):
        return False
    label = _LABEL.match(text)
    if label is not None and "//" not in text[: label.end() + 2]:
        name = words.plain(label[1])  # "Usuario: ana" is what the mail is about
        return name in words.CARD_LABELS or name.split()[0] in words.CARD_LABELS
    return not _sentence(text) and (_proves_card(text) or _is_name(text) or _is_place(text))


def _is_place(text: str) -> bool:
    if any(token in words.STREETS for token in _tokens(text)):
        return True
    parts = [part for part in re.split(r"[\s,|/&()-]+", text) if part]
    return 0 < len(parts) <= 8 and all(part[0].isupper() or part in _PARTICLES for part in parts)


def _sentence(text: str) -> bool:
    """More small words than a role or a street has."""
    if _is_notice(words.plain(text)):
        return False
    small = [part for part in text.split() if part[0].islower() and part.isalpha() and part not in _PARTICLES]
    titled = words.plain(text).split(" ", 1)[0].strip(".") in words.ROLES
    return len(small) > (4 if titled else 2)
