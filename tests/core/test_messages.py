"""What a valid text is."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable

import hypothesis.strategies as st
import pytest
from hypothesis import given, settings

from chatserver.core import messages
from chatserver.core.errors import Refused

anything = st.text(st.characters(codec=None), max_size=300)


@pytest.mark.parametrize(
    ("rule", "given_text", "kept"),
    [
        (messages.subject, "  No\tpuedo \n facturar ", "No puedo facturar"),
        (messages.body, "\n\n  Hola\r\nmundo \n\n", "  Hola\nmundo"),
        (messages.body, "<b>&amp;</b>", "<b>&amp;</b>"),
        (messages.body, "a\x00b\ud800c\x1b[0m", "abc[0m"),
        (messages.body, "👩‍👩‍👧 ñandú", "👩‍👩‍👧 ñandú"),
        (messages.comment, "  ", ""),
        (messages.name, " Ana\n Paz ", "Ana Paz"),
        (messages.name, "Ana \u202eohcanroB\u2066", "Ana ohcanroB"),
        (messages.name, "\u200b\u2060", ""),
        (messages.subject, "Ñandú\u202e", "Ñandú"),
        (messages.body, "می\u200cروم", "می\u200cروم"),
        (messages.body, "\U0001fae9", "\U0001fae9"),
        (messages.email, " Ana.Paz+x@Example.COM ", "Ana.Paz+x@example.com"),
    ],
)
def test_a_text_is_kept_as(rule: Callable[[str], str], given_text: str, kept: str) -> None:
    assert rule(given_text) == kept


@pytest.mark.parametrize(
    ("rule", "text", "code", "limit"),
    [
        (messages.subject, "ab", "too_short", 3),
        (messages.subject, "x" * 201, "too_long", 200),
        (messages.body, " \n\t", "too_short", 1),
        (messages.body, "x" * 8001, "too_long", 8000),
        (messages.subject, "a\u200b\u200b", "too_short", 3),
        (messages.subject, "\u0301\u0301\u0301", "too_short", 3),
        (messages.subject, "\u202e" * 9, "too_short", 3),
        (messages.body, "\u200b \u2060\u3164", "too_short", 1),
        (messages.email, "a\x00b@x.test", "bad_email", None),
        (messages.email, "a\u202eb@x.test", "bad_email", None),
        (messages.comment, "x" * 1001, "too_long", 1000),
        (messages.name, "x" * 101, "too_long", 100),
        (messages.email, "ana", "bad_email", None),
        (messages.email, "a@b", "bad_email", None),
        (messages.email, "a@b.c\r\nBcc: x@y.zz", "bad_email", None),
        (messages.email, f"a@{'b' * 250}.co", "bad_email", None),
        (messages.cid, "x" * 21, "bad_frame", None),
        (messages.cid, "x" * 21 + "=", "bad_frame", None),
        (messages.cid, "x" * 22 + "\n", "bad_frame", None),
    ],
)
def test_a_text_is_refused(rule: Callable[[str], str], text: str, code: str, limit: int | None) -> None:
    with pytest.raises(Refused) as refusal:
        rule(text)
    assert (refusal.value.code, refusal.value.limit) == (code, limit)


@settings(max_examples=200, deadline=None)
@given(anything)
def test_what_is_accepted_can_be_stored_and_is_accepted_again_unchanged(text: str) -> None:
    for rule in (messages.subject, messages.body, messages.comment, messages.name):
        try:
            kept = rule(text)
        except Refused:
            continue
        assert rule(kept) == kept
        kept.encode()
        assert not {c for c in kept if unicodedata.category(c) == "Cc"} - {"\n", "\t"}
        assert rule is messages.body or rule is messages.comment or "\n" not in kept


def test_of_all_characters_only_controls_and_lone_surrogates_go() -> None:
    everything = [chr(code) for code in range(0x110000) if chr(code) != "\r"]
    kept = [c for c in everything if c in "\n\t" or unicodedata.category(c) not in ("Cc", "Cs")]
    assert messages.cleaned("".join(everything)) == "".join(kept)


@given(anything, st.integers(1, 5))
def test_as_many_characters_show_as_counting_them_all_would_find(text: str, least: int) -> None:
    shown = [
        c
        for c in text
        if c not in messages._BLANK and unicodedata.category(c) not in ("Cc", "Cf", "Cs", "Mn", "Me")
    ]
    counted = len(text) if text.isascii() else len(shown) if any(not c.isspace() for c in shown) else 0
    assert messages._visible(text, least) == (counted >= least)
