"""Which ticket a mail belongs to: what it says of that, and what of it is proven. Candidates only; whether the sender takes part
is for whoever looks the ticket up.

Addresses and Message-IDs are signed, for one person each (`addresses.py`). A number can be made up by everybody, and so can a
From.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

import msgspec

from chatserver.mail.addresses import Signer
from chatserver.mail.message import Arrival
from chatserver.mail.words import plain

CANDIDATES_AT_MOST: Final = 5
_FIRST_LINES: Final = 3


class Candidate(msgspec.Struct, frozen=True, gc=False):
    """`ticket_id` where it was signed, else `number`; the other is 0."""

    ticket_id: int = 0
    number: int = 0
    how: str = ""
    """reply_address | message_id | subject | text"""


def candidates(mail: Arrival, signer: Signer, app_id: int) -> list[Candidate]:
    """What is proven first, then what the mail only says."""
    to = (*mail.envelope_to, *mail.to, *mail.cc)
    found: list[Candidate] = []
    replied = signer.replied(to, app_id, mail.sender.address)
    if replied:
        found.append(Candidate(ticket_id=replied, how="reply_address"))
    # Who has another's copy of a mail may write in the name of anybody in the ticket: each one's own ids lead there.
    thread = [
        one for one in (*mail.references, *mail.in_reply_to) if signer.sent_to(one, mail.sender.address)
    ]
    found += [Candidate(ticket_id=one, how="message_id") for one in signer.identified(thread, app_id)]
    numbers: dict[int, str] = {}
    for number in _numbers(mail.subject):
        numbers.setdefault(number, "subject")
    # Once the thread is known a number in the text is what it is about, not where it belongs.
    if not found and not numbers:
        for number in _first_numbers(mail):
            numbers.setdefault(number, "text")
    found += [Candidate(number=number, how=how) for number, how in numbers.items()]
    return list(dict.fromkeys(found))[:CANDIDATES_AT_MOST]


_NUMBER: Final = re.compile(
    r"(?<![\w#&/.-])(?P<word>[^\W\d_]{2,20})?(?P<gap>(?: ?(?:no|nro|num|numero|number|n)\.? ?[°º]?| ?[°º:])? ?)"
    r"(?P<sign>#) ?(?P<number>\d{4,9})(?![\w#]|[.,/-]\d)"
)
_WORDED: Final = re.compile(
    r"(?<!\w)(?:ticket|tiquete|chamado)(?: de soporte| de suporte)? ?(?:no|nro|num|numero|number|n)?\.? ?[°º:]? ?"
    r"(?P<number>\d{4,9})(?![\w#]|[.,/-]\d)"
)
_OTHERS: Final = frozenset(
    re.findall(
        r"\w+",
        """
    factura fatura facturas invoice pedido pedidos order orden ordem compra cotizacion cotacao quote presupuesto orcamento pago
    pagamento payment recibo receipt boleta boleto poliza apolice contrato contract guia remision cliente customer cita turno
    paciente patient expediente expedient caja cheque check transaccion transaction transacao serie serial lote batch po oc op
    os ot nota issue bug jira pr mr case caso sala room piso local sucursal cuenta conta account item producto produto codigo
    usuario user tarjeta placa remito envio rastreo tracking ruc nit cedula dni
        """,
    )
)
"""Before a "#" they name a thing of the sender's own, or of another system."""
_BRACKETED: Final = re.compile(r"\[ ?#(\d{4,9}) ?\]")


def _numbers(text: str) -> Iterator[int]:
    """Ticket numbers in one line: "[#1042]", "#1042", "Ticket 1042"."""
    bare = plain(text)[:1_000]
    for found in _BRACKETED.finditer(bare):
        yield int(found[1])
    for found in _NUMBER.finditer(bare):
        if (found["word"] or _word_before(bare, found.start())) not in _OTHERS:
            yield int(found["number"])
    for found in _WORDED.finditer(bare):
        yield int(found["number"])


_LAST_WORD: Final = re.compile(r"([^\W\d_]{2,20})[\s:.]{0,3}$")


def _word_before(bare: str, at: int) -> str:
    found = _LAST_WORD.search(bare, max(0, at - 24), at)
    return found[1] if found else ""


def _first_numbers(mail: Arrival) -> Iterator[int]:
    lines = [line for line in mail.said.splitlines() if line.strip()]
    for line in lines[:_FIRST_LINES]:
        yield from _numbers(line)
