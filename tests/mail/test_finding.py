"""Which ticket a mail says that it belongs to."""

from __future__ import annotations

import pytest

from chatserver.mail.addresses import Signer
from chatserver.mail.finding import Candidate, candidates
from chatserver.mail.message import read
from tests.mail.writing import SUPPORT, mail

SIGNER = Signer(b"secreto")
TICKET = 6_912_345_678_901_234
ANA = "ana@cliente.example"


def found(raw: bytes, to: tuple[str, ...] = (SUPPORT,), app: int = 1) -> list[Candidate]:
    return candidates(read(raw, ANA, to), SIGNER, app)


def test_the_reply_address_names_its_ticket_to_its_person_only() -> None:
    address = SIGNER.reply_address(SUPPORT, 1, TICKET, "Ana@Cliente.example")
    assert len(address.partition("@")[0]) <= 64
    assert address == address.lower()
    assert found(mail(), (address,)) == [Candidate(ticket_id=TICKET, how="reply_address")]
    assert found(mail(to=f"Soporte <{address.upper()}>")) == [
        Candidate(ticket_id=TICKET, how="reply_address")
    ]
    assert found(mail(sender="otra@cliente.example"), (address,)) == []
    assert found(mail(), (address,), app=2) == []
    assert candidates(read(mail(), ANA, (address,)), Signer(b"otro"), 1) == []


def test_our_own_message_id_names_its_ticket() -> None:
    one = SIGNER.message_id(1, TICKET, "7", ANA, "acme.example")
    raw = mail(subject="Re: No imprime", more={"References": f"<x@y.example> {one}"})
    assert found(raw) == [Candidate(ticket_id=TICKET, how="message_id")]
    assert found(raw, app=2) == []
    theirs = SIGNER.message_id(1, TICKET, "7", "otra@cliente.example", "acme.example")
    assert found(mail(more={"References": theirs})) == [], "that of another's copy"
    forged = SIGNER.message_id(1, TICKET + 1, "8", ANA, "acme.example").partition(".")[0] + one[29:]
    assert found(mail(subject="Re: x", more={"In-Reply-To": forged})) == []


def test_what_is_proven_goes_first() -> None:
    address = SIGNER.reply_address(SUPPORT, 1, TICKET, ANA)
    one = SIGNER.message_id(1, TICKET + 1, "7", ANA, "acme.example")
    raw = mail(subject="Re: x [#1042]", more={"In-Reply-To": one})
    assert [(c.ticket_id - TICKET if c.ticket_id else c.number, c.how) for c in found(raw, (address,))] == [
        (0, "reply_address"),
        (1, "message_id"),
        (1042, "subject"),
    ]


@pytest.mark.parametrize(
    ("subject", "numbers"),
    [
        ("Re: No imprime [#1042]", [1042]),
        ("[#1042] No imprime", [1042]),
        ("RV: [# 1042 ] No imprime", [1042]),
        ("#1042", [1042]),
        ("Sobre el ticket #1042, otra vez", [1042]),
        ("Ticket 1042", [1042]),
        ("TICKET N° 1042: sigue", [1042]),
        ("ticket nro. 1042", [1042]),
        ("Chamado 1042", [1042]),
        ("ticket number 1042", [1042]),
        ("tickets #1042 y #1043", [1042, 1043]),
        ("Factura #1042", []),
        ("Factura N° #1042", []),
        ("pedido #1042 no llegó", []),
        ("Invoice #1042", []),
        ("PO #4711", []),
        ("JIRA-1042", []),
        ("[ACME-1042] falla", []),
        ("INC0001042", []),
        ("C#1042", []),
        ("año 2026", []),
        ("Reunión 1042", []),
        ("#104", []),
        ("#1042-7", []),
        ("#1042.50", []),
        ("#10423456789012", []),
        ("color #1042ab", []),
        ("caso #1042", []),
    ],
)
def test_numbers_of_tickets_are_told_from_others(subject: str, numbers: list[int]) -> None:
    assert [one.number for one in found(mail(subject=subject))] == numbers


def test_a_number_in_the_first_lines_counts_and_one_further_down_or_quoted_does_not() -> None:
    assert found(mail("Hola,\r\n\r\nes por el ticket #1042 de ayer.\r\n")) == [
        Candidate(number=1042, how="text")
    ]
    assert found(mail("uno\r\ndos\r\ntres\r\nticket #1042\r\n")) == []
    quoted = "Gracias\r\n\r\nEl lun, 5 ene 2026 a las 9:00, Soporte <soporte@acme.example> escribió:\r\n> ticket #1042\r\n"
    assert found(mail(quoted)) == []


def test_candidates_have_a_bound() -> None:
    many = " ".join(f"#{n}" for n in range(1001, 1100))
    assert len(found(mail(subject=many))) == 5
