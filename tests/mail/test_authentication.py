"""What the operator's mail host says of a mail, told from what the sender made it repeat."""

from __future__ import annotations

import pytest

from chatserver.mail.message import read
from chatserver.services.mailroom import is_verified
from tests.mail.writing import mail


@pytest.mark.parametrize(
    "said",
    [
        "spf=pass smtp.mailfrom=dmarc=pass@evil.example; dmarc=fail header.from=cliente.example",
        'spf=pass smtp.mailfrom="x; dmarc=pass header.from=cliente.example"@evil.example; dmarc=fail',
        "spf=pass (said dmarc=pass) smtp.mailfrom=a@evil.example; dmarc=fail header.from=cliente.example",
        "spf=pass (a \\) ; dmarc=pass header.from=cliente.example ;) smtp.mailfrom=a@evil.example",
        "dkim=pass header.d=evil.example header.s=dmarc=pass; dmarc=fail header.from=cliente.example",
        "dmarc=fail (p=none) header.from=cliente.example; dmarc=pass header.from=cliente.example",
        "dmarc=pass header.from=evil.example (header.from=cliente.example)",
        "dmarc=passable header.from=cliente.example",
        'spf=pass smtp.mailfrom="; dmarc=pass header.from=cliente.example',
        "x-dmarc=pass header.from=cliente.example",
    ],
)
def test_what_a_sender_chose_is_no_result_of_our_mail_host(said: str) -> None:
    """Their own domain passes SPF and DKIM, under names that they may choose; a field of theirs stands below."""
    forged = "mx.acme.example; dmarc=pass header.from=cliente.example"
    fields = [f"mx.acme.example; {said}", *([forged] if "dmarc=fail" in said or '="; ' in said else [])]
    raw = b"".join(f"Authentication-Results: {field}\r\n".encode() for field in fields) + mail()
    assert not is_verified(read(raw), "mx.acme.example")


@pytest.mark.parametrize(
    "said",
    [
        "dmarc=pass header.from=cliente.example",
        'spf=pass smtp.mailfrom="a;b (c"@cliente.example; dmarc = pass (p=none (dis=none)) header.from=cliente.example',
        "dkim=pass header.d=cliente.example;dmarc=pass action=none header.from=Cliente.example;compauth=pass reason=100",
        "arc=none; dmarc/1=pass policy.dmarc=reject header.from=ana@cliente.example",
    ],
)
def test_what_mail_hosts_write_of_a_mail_that_passed_is_understood(said: str) -> None:
    raw = f"Authentication-Results: mx.acme.example; {said}\r\n".encode() + mail()
    assert is_verified(read(raw), "mx.acme.example")


@pytest.mark.parametrize(
    "sender",
    [
        '"<ana@cliente.example>" eva@cliente.example',
        'eva@cliente.example "<ana@cliente.example>"',
        '(") eva@cliente.example (") (<ana@cliente.example>)',
        '\\" " eva@cliente.example " ana@cliente.example',
        '"eva"@cliente.example <ana@cliente.example>',
        "eva @ cliente.example <ana@cliente.example>",
        "<@eva.example:ana@cliente.example>",
        '"<ana@cliente.example>',
        '"ana@cliente.example',
    ],
)
def test_nobody_stands_by_a_from_that_may_be_read_as_anothers(sender: str) -> None:
    """Its host lets Eva write as herself alone: what it takes for her address must be what we take for it."""
    said = "mx.acme.example; dmarc=pass header.from=cliente.example"
    raw = mail(sender=sender, more={"Authentication-Results": said})
    assert not is_verified(read(raw), "mx.acme.example")


@pytest.mark.parametrize(
    "sender",
    [
        "ana@cliente.example",
        "Ana@Cliente.example (Ana, de compras)",
        '"ana@cliente.example" <ana@cliente.example>',
        '"Pérez, Ana (compras)" <ana@cliente.example>',
    ],
)
def test_an_honest_from_is_stood_by(sender: str) -> None:
    said = "mx.acme.example; dmarc=pass header.from=cliente.example"
    assert is_verified(read(mail(sender=sender, more={"Authentication-Results": said})), "mx.acme.example")


@pytest.mark.parametrize(
    "below",
    [
        b"Authentication-Results: mx.acme.example; dmarc=pass header.from=cliente.example\r\n",
        b"Authentication-Results \t : mx.acme.example; dmarc=pass header.from=cliente.example\r\n",
        b"X-A: b\rAuthentication-Results: mx.acme.example; dmarc=pass header.from=cliente.example\r\n",
        b"X-A: b\nAuthentication-Results: mx.acme.example; dmarc=pass header.from=cliente.example\r\n",
        b"Authentication-Results: mx\0.acme.example; dmarc=pass header.from=cliente.example\r\n",
    ],
)
def test_the_topmost_field_of_the_hosts_name_alone_decides_also_where_it_says_nothing_of_dmarc(
    below: bytes,
) -> None:
    """A host that removes what others wrote in its name does not see all of these as such."""
    top = b"Authentication-Results: mx.acme.example; dkim=none\r\n"
    raw = mail(sender="ana@cliente.example")
    assert not is_verified(read(top + below + raw), "mx.acme.example")
    honest = b"Authentication-Results: mx.acme.example; dmarc=pass header.from=cliente.example\r\n"
    assert is_verified(read(honest + top + raw), "mx.acme.example")
