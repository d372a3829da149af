"""Links of ours in a mail that comes back: what is masked, and which tokens are found, however programs write them."""

from __future__ import annotations

import base64
import quopri
import secrets
import textwrap
from urllib.parse import quote

import pytest

from chatserver.mail.addresses import Signer
from chatserver.mail.own_links import MAILS_WITHIN, TOKEN, TOKENS_AT_MOST, masked, tokens
from tests.mail.writing import mail, part, together

GIVEN = "Ab-d_f" + "x7" * 18 + "Z"
AT = "https://chat.example.com/portal/app1/link?t="
LINK = f"{AT}{GIVEN}&place=tickets/7"
STOP = "https://chat.example.com/mail/stop/app1/" + Signer(b"k" * 32).stop_token(1, "ana@cliente.example")


def test_a_token_is_as_long_as_we_make_them() -> None:
    assert (
        len(GIVEN)
        == TOKEN
        == len(secrets.token_urlsafe(32))
        == len(Signer(b"k" * 32).secret(1, "e", "a@b.co"))
    )


SAFE = f"https://safe.example/?url={quote(LINK, safe='')}&data=x"
TWICE = f"https://safe.example/?url={quote(quote(LINK, safe=''), safe='')}"
HARD = quote(LINK, safe="").replace("-", "%2D").replace("_", "%5F")
HTML = LINK.replace("=", "&#61;", 1).replace("&place", "&amp;place")
QUOTED = "> Entra:\n> " + "\n> ".join(textwrap.wrap(LINK, 60, break_on_hyphens=False)) + "\n> Saludos"
DEEP = ">> " + "\r\n>> ".join([LINK[:30], LINK[30:39], LINK[39:70], LINK[70:]])
EVERY_WHERE = [
    LINK,
    f"<{LINK}>",
    SAFE,
    TWICE,
    HARD,
    HTML,
    QUOTED,
    DEEP,
    LINK.replace("?t", "?\n> t"),
    LINK.upper(),
]


@pytest.mark.parametrize("text", EVERY_WHERE)
def test_the_way_in_is_masked_and_its_token_is_found(text: str) -> None:
    shown = masked(f"antes {text} después")
    assert "…" in shown
    assert "Z" not in shown.replace("ZA", ""), "not even its end"
    assert "x7x7" not in shown.lower()
    assert (shown.startswith("antes "), shown.endswith(" después")) == (True, True)
    if text != LINK.upper():  # that one is broken: no token of ours
        assert GIVEN in tokens(mail(text))


def test_what_stands_around_stays() -> None:
    assert masked(LINK) == f"{AT}…&place=tickets/7"
    assert masked(QUOTED).endswith("\n> Saludos")
    untouched = "https://otra.example/link?x=1 y https://chat.example.com/portal/app1/tickets/7 mail/stop"
    assert masked(untouched) == untouched


@pytest.mark.parametrize(
    "text", [STOP, quote(STOP, safe=""), STOP.replace("/stop/", "/resume/"), f"> {STOP[:50]}\n> {STOP[50:]}"]
)
def test_where_mail_ends_is_masked(text: str) -> None:
    proof = STOP[-28:]
    shown = masked(f"{text} y más")
    assert "…" in shown
    assert proof[-10:] not in shown
    assert STOP.rpartition("/")[2][:10] not in shown
    assert shown.endswith(" y más")


def encoded(kind: str, text: str) -> bytes:
    if kind == "base64":
        return part(
            "text/html; charset=utf-16",
            base64.encodebytes(text.encode("utf-16")),
            Content_Transfer_Encoding="base64",
        )
    return part(
        "text/plain", quopri.encodestring(text.encode()), Content_Transfer_Encoding="quoted-printable"
    )


@pytest.mark.parametrize("kind", ["base64", "quoted-printable"])
def test_a_token_is_found_in_whatever_part_it_is(kind: str) -> None:
    both = together(part("text/plain", "Nada"), encoded(kind, f'<a href="{LINK}">Entrar</a>'))
    assert tokens(mail(both, content='multipart/alternative; boundary="=_b1"')) == {GIVEN}


def within(raw: bytes, times: int) -> bytes:
    for _ in range(times):
        file = part(
            'application/octet-stream; name="correo.EML"',
            base64.encodebytes(raw),
            Content_Transfer_Encoding="base64",
        )
        raw = mail(together(part("text/plain", "Mira"), file), content='multipart/mixed; boundary="=_b1"')
    return raw


def test_a_token_is_found_in_a_forward_of_a_forward() -> None:
    inner = mail(
        encoded("base64", LINK).partition(b"\r\n\r\n")[2], more={"Content-Transfer-Encoding": "base64"}
    )
    assert tokens(within(inner, MAILS_WITHIN)) == {GIVEN}
    assert tokens(within(inner, MAILS_WITHIN + 1)) == set()
    forward = together(part("text/plain", "Mira"), part("message/rfc822", inner))
    assert tokens(mail(forward, content='multipart/mixed; boundary="=_b1"')) == {GIVEN}


@pytest.mark.parametrize("before", [0, 65_530, 65_536 - len(AT) - 20, 200_000])
def test_a_token_is_found_wherever_it_stands(before: int) -> None:
    assert tokens(mail(b"\n" * before + LINK.encode())) == {GIVEN}


def test_what_looks_like_tokens_has_a_bound() -> None:
    many = "\n".join(f"{AT}{number:043d}" for number in range(TOKENS_AT_MOST + 100))
    assert len(tokens(mail(many))) == TOKENS_AT_MOST
