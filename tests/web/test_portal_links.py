"""Links in what people wrote, as the portal shows them: what is read is where they lead."""

from __future__ import annotations

import pytest

from chatserver.web.portal.history import Part, linked

BIDI = "\u061c\u200b\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"


def test_an_address_is_a_link_without_the_sentences_full_stop() -> None:
    assert linked("Mira https://a.test/x. Y más") == [
        Part("Mira "),
        Part("https://a.test/x", "https://a.test/x"),
        Part(". Y más"),
    ]


@pytest.mark.parametrize("sign", BIDI, ids=lambda sign: f"{ord(sign):04x}")
def test_a_sign_that_turns_letters_around_ends_a_link(sign: str) -> None:
    parts = linked(f"https://a.example/{sign}gnp.exe")
    assert parts == [Part("https://a.example/", "https://a.example/"), Part(f"{sign}gnp.exe")]


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("https://аррӏе.com/ñ", "https://xn--80ak6aa92e.com/ñ"),
        ("https://аррӏе.com:8443?q", "https://xn--80ak6aa92e.com:8443?q"),
        ("https://аррӏе.com@malo.example/x", "https://malo.example/x"),
        ("https://a．test/x", "https://a.test/x"),
        ("https://a.test/ñandú–emú", "https://a.test/ñandú–emú"),
        ("HTTPS://A.test", "HTTPS://A.test"),
    ],
)
def test_a_link_is_called_by_the_host_that_a_browser_would_ask_for(text: str, shown: str) -> None:
    assert linked(text) == [Part(shown, text)]


@pytest.mark.parametrize("text", ["https://а／b.test", "https://аррӏе.com@[::1]/", "https://ñ..test"])
def test_what_no_host_can_be_called_leads_nowhere(text: str) -> None:
    assert linked(text) == [Part(text)]
