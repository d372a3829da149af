"""A link that opens something by itself is good for nothing in what agents are shown, however a mail program wrote it."""

from __future__ import annotations

import secrets
from urllib.parse import quote

import pytest

from chatserver.mail.links import links
from chatserver.mail.own_links import masked
from tests.mail.letters import ACME, SIGNER

TOKEN = "Ab3_-" * 8 + "x9Z"
LINK = f"https://chat.example.com/portal/demo/link?t={TOKEN}&place=tickets/1001"
HIDDEN = "https://chat.example.com/portal/demo/link?t=…&place=tickets/1001"


def in_dashes(text: str) -> str:
    """As one well-known filter writes addresses into its own."""
    return quote(text, safe="").replace("-", "-2D").replace("_", "-5F").replace("%2F", "_").replace("%", "-")


FORMS = {
    "text": LINK,
    "quoted": f"> > Sigue aquí: <{LINK}>",
    "html": f'<a href="{LINK}">{LINK}</a>'.replace("&", "&amp;"),
    "entities": f'<a href="{LINK.replace("?", "&#63;").replace("=", "&#x3D;")}">',
    "percent": f"https://safe.example/?url={quote(LINK, safe='')}&data=05",
    "percent, lower case": f"https://safe.example/?url={quote(LINK, safe='').replace('%3D', '%3d')}",
    "percent twice": f"https://safe.example/?u={quote(quote(LINK, safe=''), safe='')}",
    "percent of all": "portal%2Fdemo%2Flink%3Ft%3D" + "".join(f"%{ord(one):02X}" for one in TOKEN),
    "dashes": f"https://filter.example/v2/url?u={in_dashes(LINK)}&d=DwM",
    "wrapped for a filter": f"https://filter.example/v3/__{LINK}__;!!abc",
    "quoted-printable": LINK.replace("=", "=3D"),
    "broken in the token": f"> {LINK[:70]}\r\n> {LINK[70:]}",
    "broken twice": f"> {LINK[:50]}\n>> {LINK[50:60]}\n>> {LINK[60:]}",
    "broken before it": f"> {LINK.replace('link?', 'link?' + chr(10) + '> ')}",
    "broken at a slash": f"> {LINK.replace('/link', '/' + chr(10) + '> link')}",
    "broken as quoted-printable is": f"{LINK[:70]}=\r\n{LINK[70:]}",
    "cut off": LINK[:60],
    "capitals": LINK.replace("portal/demo/link", "portal/DEMO-2.x/link"),
}


@pytest.mark.parametrize("form", FORMS)
def test_no_part_of_the_token_is_left(form: str) -> None:
    text = f"Hola.\n{FORMS[form]}\nAdiós."
    shown = masked(text)
    assert "…" in shown
    bare = "".join(one for one in shown if one.isalnum() or one in "_-%")
    for at in range(len(TOKEN) - 7):
        piece = TOKEN[at : at + 8]
        assert piece not in bare
        assert quote(piece).replace("-", "-2D") not in bare
    assert shown.startswith("Hola.\n")
    assert shown.endswith("\nAdiós.")


def test_what_the_address_was_can_still_be_read() -> None:
    assert masked(LINK) == HIDDEN
    assert masked(f"Mira {LINK}, y {LINK}.") == f"Mira {HIDDEN}, y {HIDDEN}."
    assert masked(masked(LINK)) == masked(LINK)
    assert (
        masked(LINK[: LINK.index("&")] + "\n\nSaludos cordiales")
        == f"{HIDDEN.partition('&')[0]}\n\nSaludos cordiales"
    )


@pytest.mark.parametrize(
    "text",
    [
        "El portal no abre: https://chat.example.com/portal/demo/tickets/1001",
        "https://elsewhere.example/link?t=" + "a" * 43,
        "https://chat.example.com/portal/demo/link?t=",
        "https://chat.example.com/portal/demo/link?t=corto",
        "portal " * 3,
    ],
)
def test_all_else_stays_as_it_is(text: str) -> None:
    assert masked(text) == text


def test_what_our_own_mails_bring_is_known() -> None:
    """However the token is made, and wherever the page is."""
    for token in (secrets.token_urlsafe(32), SIGNER.secret(1, "x@y.test", "k")):
        address = links("https://chat.example.com", SIGNER).access(ACME, token, None)
        assert token not in masked(address)


@pytest.mark.parametrize(
    "unit", ["portal/", "portal/a/link?t=", "portal/" + "a_" * 99, "%25" * 40 + "portal/a/link?t=\n>"]
)
def test_a_hostile_text_costs_little(unit: str) -> None:
    text = unit * (200_000 // len(unit))
    assert len(masked(text)) <= len(text)
