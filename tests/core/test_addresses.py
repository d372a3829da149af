"""Which addresses are one mailbox's, and which only look like it."""

from __future__ import annotations

import hypothesis.strategies as st
import pytest
from aiosmtplib.email import quote_address
from hypothesis import given

from chatserver.core import answers, messages
from chatserver.core.accounts import folded
from chatserver.core.addresses import alike, in_ascii, same_domain
from chatserver.core.details import Details
from chatserver.core.errors import Refused
from chatserver.core.outbox import confirmed, copied, is_copied
from chatserver.core.people import Customer
from chatserver.core.tickets import Ticket
from chatserver.mail import headers
from chatserver.mail.addresses import Signer
from chatserver.mail.outgoing import envelope

KELVIN = "\u212a"
SAME = [
    ("Ana@Cliente.Example", "ana@cliente.example"),
    (" ana@cliente.example ", "ana@cliente.example"),
    ("ana@ÑANDÚ.example", "ana@xn--and-6ma2c.example"),
    ("ana@ñandú.example", "ana@XN--AND-6MA2C.example"),
    ("ana@straße.example", "ana@xn--strae-oqa.example"),
    ("ana@STRAẞE.example", "ana@straße.example"),
    ("ana@ΟΔΟΣ-1.gr", "ana@οδοσ-1.gr"),
    ("ana@cafe\u0301.example", "ana@café.example"),
    ("ana@ｃｌｉｅｎｔｅ.example", "ana@cliente.example"),
    ("ana@mail。例え.example", "ana@mail.xn--r8jz45g.example"),
]
OTHERS = [
    ("straße@cliente.example", "strasse@cliente.example"),
    ("ana@straße.example", "ana@strasse.example"),
    ("İ@cliente.example", "i@cliente.example"),
    (f"{KELVIN}arl@cliente.example", "karl@cliente.example"),
    ("JOSÉ@cliente.example", "josé@cliente.example"),
    ("ﬁn@cliente.example", "fin@cliente.example"),
    ("\u0430na@cliente.example", "ana@cliente.example"),
    ("ana@cliente.example", "ana@cliente.example.co"),
    ("a.na@cliente.example", "ana@cliente.example"),
    ("ana+x@cliente.example", "ana@cliente.example"),
]


MANY = [
    "victima@banco.com，7.com",
    "v@v.com,b.com",
    "a@b＠gmail.com",
    "b＠gmail.com",
    "a@ex＜b＞.com",
    "a@x>.com",
    "a@b．com；c.com",
    "a@b.com：25.com",
    "a@＂b＂.com",
    "a@b（c）.com",
    "a@［10.0.0.1］.com",
    "a@b℀c.com",
    "a@b¨.com",
    "a@b..com",
    "a@b.e\u0301",
    f"a@{'ﷺ.' * 100}com",
]
"""What some mail program reads as other addresses than we count, or no server can have."""
_HOSTILE = st.text(
    st.sampled_from("ab7.-_@ñß，；：＠＜＞（）＂．。℀¨\u200b ,<>\"'%=?xn"), min_size=1, max_size=12
)


@pytest.mark.parametrize(("one", "other"), SAME)
def test_these_are_one_mailbox(one: str, other: str) -> None:
    assert alike(one) == alike(other)
    assert headers.address(one) == headers.address(other)


@pytest.mark.parametrize(("one", "other"), OTHERS)
def test_these_are_two_mailboxes_wherever_they_are_compared(one: str, other: str) -> None:
    assert alike(one) != alike(other)
    assert folded(one) != folded(other)
    assert headers.address(one) != headers.address(other)
    signer = Signer(b"s" * 32)
    assert signer.reply_address("soporte@acme.example", 1, 5, one) != signer.reply_address(
        "soporte@acme.example", 1, 5, other
    )


@pytest.mark.parametrize(("one", "other"), OTHERS)
def test_a_mailbox_that_looks_like_one_in_copy_takes_no_part(one: str, other: str) -> None:
    customer = Customer(7, 1, "user:7", "Ana", "ana@host.example", "", "", 0)
    details = Details(cc=(one, other))
    ticket = Ticket(
        5, 1, 1042, customer, "No puedo facturar", "{}", 0, mode="later", email="bea@x.example", answered_at=1, details=details
    )  # fmt: skip
    assert copied(ticket) == (one, other)
    only = Ticket(
        5, 1, 1042, customer, "No puedo facturar", "{}", 0, mode="later", details=Details(cc=(one,))
    )
    assert is_copied(only, one)
    assert not is_copied(only, other)
    vouched = Customer(7, 1, "user:7", "Ana", one, "", "", 0)
    assert confirmed(vouched, one)
    assert not confirmed(vouched, other)


@pytest.mark.parametrize(("one", "other"), OTHERS[:4])
def test_a_form_takes_both_in_copy(one: str, other: str) -> None:
    found = answers.with_copies(Details(), [one, other], "ana@host.example")
    assert len(found.cc) == 2


@pytest.mark.parametrize(("one", "other"), SAME)
def test_a_form_takes_one_mailbox_once(one: str, other: str) -> None:
    assert len(answers.with_copies(Details(), [one.strip(), other.strip()], "x@host.example").cc) == 1
    assert answers.with_copies(Details(), [one], other).cc == ()


def test_a_mail_to_a_domain_in_letters_goes_to_that_domain_and_to_no_other() -> None:
    assert envelope("Ana@straße.example") == "Ana@xn--strae-oqa.example"
    assert envelope("Ana@ñandú.example") == "Ana@xn--and-6ma2c.example"
    assert in_ascii("βόλος.example") == "xn--nxasmm1c.example"


@pytest.mark.parametrize(
    "domain",
    [
        *(f"{'ñ' * 64}.example", "ñ..example", "ñ℀.example", "ñ\u200b.example", "ñ\ud800.e"),
        *(
            "v.com,b.com",
            "a b.com",
            "x>.com",
            "",
            "a..example",
            f"{'a' * 64}.example",
            "a@b.example",
            "b.com\n",
        ),
    ],
)
def test_a_domain_that_no_server_can_have_is_none(domain: str) -> None:
    with pytest.raises(ValueError, match="domain"):
        in_ascii(domain)


@pytest.mark.parametrize(
    "domain", ["xn--ana.example", "xn--.example", "xn--\u00f1.example", f"xn--{'9' * 300}", "xn--a-ecp.ru"]
)
def test_what_only_looks_like_a_domain_as_servers_write_it_stays_what_it_is(domain: str) -> None:
    assert same_domain(domain) == domain


@given(st.text(max_size=80))
def test_what_is_compared_once_stays_so(text: str) -> None:
    found = alike(f"a@{text}b")
    assert alike(found) == found


@pytest.mark.parametrize("text", MANY)
def test_what_others_would_read_as_another_address_is_none_wherever_one_is_taken(text: str) -> None:
    for take in (messages.email, folded):
        with pytest.raises(Refused, match="bad_email"):
            take(text)
    assert headers.address(text) == ""
    assert headers.mailbox(f"Ana <{text}>").address == ""
    with pytest.raises(Refused, match="bad_form"):
        answers.with_copies(Details(), [text], "ana@host.example")


@given(st.tuples(_HOSTILE, _HOSTILE).map("@".join) | st.builds("{}@{}.com".format, _HOSTILE, _HOSTILE))
def test_a_mail_to_what_is_taken_for_an_address_goes_there_and_is_counted_there(text: str) -> None:
    try:
        taken = {messages.email(text), folded(text), headers.address(text)}
    except Refused:
        return
    for address in taken - {""}:
        receiver = envelope(address)
        assert quote_address(receiver) == f"<{receiver}>"
        assert alike(receiver) == alike(text)
        assert messages.email(address) == address
