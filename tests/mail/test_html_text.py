"""HTML mails as text, and what their HTML shows to be a quote or a signature."""

# ruff: noqa: E501  mails are written as they come

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatserver.mail.html_text import ARROWS_AT_MOST, TEXT_AT_MOST, pieces, read, text
from chatserver.mail.quotes import said
from tests.mail.steps import steps

SHOWN = {
    "paragraphs": ("<p>Uno</p><p>Dos</p>", "Uno\n\nDos\n"),
    "divs": ("<div>Uno</div><div>Dos</div>", "Uno\nDos\n"),
    "breaks": ("Uno<br>Dos<br/><br />Tres", "Uno\nDos\n\nTres\n"),
    "spaces": ("<p>\n  Uno \n  y <b> dos</b></p>", "Uno y dos\n"),
    "list": ("<ul><li>Uno<li>Dos</ul>", "- Uno\n- Dos\n"),
    "table": ("<table><tr><td>a</td><td>b</td></tr><tr><td>c<td>d</table>", "a | b\nc | d\n"),
    "link": ('Vea <a href="https://a.test/x">aquí</a>.', "Vea aquí <https://a.test/x>.\n"),
    "link that says itself": ('<a href="https://a.test/">a.test</a>', "a.test\n"),
    "address": ('<a href="mailto:a@b.test">a@b.test</a>', "a@b.test\n"),
    "no script in a link": ('<a href="javascript:x()">aquí</a>', "aquí\n"),
    "entities": ("saldo &gt; 0 &amp; &ntilde;&#241;", "saldo > 0 & ññ\n"),
    "a number too long": ("a &#" + "9" * 5000 + "; b", "a &#" + "9" * 5000 + "; b\n"),
    "quote": ("<blockquote>Uno<blockquote>Dos</blockquote></blockquote>", "> Uno\n> \n> > Dos\n"),
    "less than": ("a < b <3", "a < b <3\n"),
    "pre": ("<pre>a\n  b\n</pre>", "a\n  b\n"),
    "script": ("a<script>if (a<b) '</p>'</script>b", "ab\n"),
    "style and head": ("<head><title>T</title><style>p > a {}</style><body>a", "a\n"),
    "comment": ("a<!-- <p>b</p> -->c<![if mso]>d<![endif]>", "acd\n"),
    "preheader": ('<div style="display: none; max-height:0">Vista previa</div>a', "a\n"),
    "end of tag in an attribute": ('<p title="a > b">c</p>', "c\n"),
    "unclosed": ("a<!-- b", "a\n"),
    "unclosed tag": ("a <b", "a <b\n"),
}  # fmt: skip


@pytest.mark.parametrize(("source", "expected"), SHOWN.values(), ids=SHOWN)
def test_what_is_shown_of_a_mail_is_its_text(source: str, expected: str) -> None:
    assert text(source) == expected


def test_what_is_hidden_is_counted() -> None:
    assert read('<div style="display:none">12345</div>a<script>678</script>').hidden == 8
    assert read("a").hidden == 0


HEADERS = "<b>Wat:</b> Support<br><b>Wann:</b> gisteren<br><br>"  # of a language that we do not know
FOLDED = {
    "gmail": '<div class="gmail_quote gmail_quote_container"><div class="gmail_attr">Op ma 3 jun schreef S:<br></div><blockquote class="gmail_quote"><p>Ja</p></blockquote></div>',
    "gmail es": '<div class="gmail_quote">El lun, 3 jun 2024 a las 10:15, S (&lt;<a href="mailto:s@a.test">s@a.test</a>&gt;) escribió:<br><blockquote>Ja</blockquote></div>',
    "outlook web": '<div id="appendonsend"></div><hr><div id="divRplyFwdMsg">' + HEADERS + "</div><p>Ja</p>",
    "outlook, read by outlook": '<div id="x_divRplyFwdMsg">' + HEADERS + "</div><p>Ja</p>",
    "outlook new": '<div id="mail-editor-reference-message-container">' + HEADERS + "<p>Ja</p></div>",
    "word": '<div style="border:none;border-top:solid #E1E1E1 1.0pt;padding:3.0pt"><p>' + HEADERS + "</p></div><p>Ja</p>",
    "thunderbird": '<div class="moz-cite-prefix">Op 3-6 schreef S:</div><blockquote type="cite">Ja</blockquote>',
    "apple": '<blockquote type="cite"><div>Op 3 jun schreef S:</div><div>Ja</div></blockquote>',
    "yahoo": '<div id="ydp1" class="ydp1 yahoo_quoted"><div>S schreef:</div><p>Ja</p></div>',
}  # fmt: skip


@pytest.mark.parametrize("quote", FOLDED.values(), ids=FOLDED)
def test_a_quote_that_the_html_shows_is_folded_in_any_language(quote: str) -> None:
    found = pieces("<div>Sigue igual.</div><br>" + quote)
    assert [piece.kind for piece in found] == ["said", "quote"]
    assert said(found) == "Sigue igual."


@pytest.mark.parametrize("marker", ['class="gmail_signature"', 'id="ms-outlook-mobile-signature"'])
def test_a_signature_that_the_html_shows_is_one(marker: str) -> None:
    found = pieces(f"<div>Hola</div><div {marker}><div>Ana</div>Acme</div>" + FOLDED["gmail"])
    assert [piece.kind for piece in found] == ["said", "signature", "quote"]
    assert said(found) == "Hola"


def test_answers_between_the_quotes_of_gmail_were_said() -> None:
    quote = '<blockquote class="gmail_quote">¿{}?</blockquote>'
    inside = '<div class="gmail_attr">El 3 jun S escribió:</div>' + quote.format("a") + "<div>Sí</div>" + quote.format("b") + "No"  # fmt: skip
    assert said(pieces(f'<div class="gmail_quote">{inside}</div>')) == "Sí\n\nNo"


FORWARDS = {
    "gmail": '<p>Vean</p><div class="gmail_quote"><div class="gmail_attr">---------- Forwarded message ---------<br>De: L</div><p>No entra</p></div>',
    "apple": '<p>Vean</p><blockquote type="cite"><div>Begin forwarded message:</div><div>No entra</div></blockquote>',
    "thunderbird": '<p>Vean</p><div class="moz-forward-container">-------- x --------<p>No entra</p></div>',
    "outlook, announced": '<p>Les reenvío esto</p><div id="divRplyFwdMsg">' + HEADERS + "</div><p>No entra</p>",
    "outlook, alone": '<div id="divRplyFwdMsg">' + HEADERS + "</div><p>No entra</p>",
}  # fmt: skip


@pytest.mark.parametrize("mail", FORWARDS.values(), ids=FORWARDS)
def test_what_was_forwarded_is_the_matter_itself(mail: str) -> None:
    assert [piece.kind for piece in pieces(mail)] == ["said"]


PARTS = (
    *("<", ">", "</", "<!--", "-->", "<![", "<?", '"', "'", "=", "&#", "&", "</div>", "</blockquote>", "<br>"),
    *("<blockquote>", "<div>", "<a href='https://x.test'>", "</a>", "<pre>", "</pre>", "<td>", "<li>"),
    *("\r", "\0", "\u2028", *FOLDED.values(), *FORWARDS.values()),
)  # fmt: skip


@given(st.lists(st.sampled_from(PARTS) | st.text(max_size=9)).map("".join), st.binary(max_size=200))
def test_nothing_raises_and_nothing_shown_is_lost(tags: str, junk: bytes) -> None:
    source = tags + junk.decode("latin-1")
    page = read(source)
    assert "".join(piece.text for piece in pieces(source)) == page.text
    assert len(page.text) <= (len(source) + 1) * (2 * ARROWS_AT_MOST + 4)


def test_a_mail_of_nothing_but_depth_is_bounded() -> None:
    page = read("<blockquote>a<br>" * 100_000)
    assert len(page.text) <= TEXT_AT_MOST
    assert not page.whole
    assert max(line.text.count(">") for line in page.lines) == ARROWS_AT_MOST


HOSTILE = (
    *("<!--", "<!", "<![x", "<a ", '<a b="', "<a b='>", "<a b=\"'>", "<", "</", "<div>", "</div>", "<script>", "&#", "&a"),
    *("<a href=x>", "a<br>", "<td>a", "<a b=c ", "<p>", "<pre>\n", "<span class=gmail_quote>", "<div style='display:none'>"),
    *("<td> ", "<li><td> ", "<pre> <td>", "<style></style>", '<a x="">', "<title><", "<blockquote>", " ", "\n"),
)  # fmt: skip


def work(source: str) -> int:
    return steps(lambda: read(source))


@pytest.mark.parametrize("shape", HOSTILE)
@pytest.mark.parametrize("end", ["", ">", "\"'>"], ids=["open", "closed", "quotes"])
def test_work_grows_as_the_mail_does(shape: str, end: str) -> None:
    assert (
        work(shape * (8_000 // len(shape)) + end) < 6 * work(shape * (2_000 // len(shape)) + end) + 1_000
    )  # four times the mail; its square would be 16 times


def test_an_end_without_a_beginning_costs_the_same_however_deep_it_stands() -> None:
    deep, ends = "<div>" * 150, "</span>" * 100
    assert work(deep + ends) - work(deep) < 2 * work(ends)
