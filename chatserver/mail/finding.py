"""Which ticket a mail belongs to: what it says of that, and what of it is proven. Candidates only; whether the sender takes part
is for whoever looks the ticket up.

Two things that leave this house are signed, so that nobody can make them up: the address to which an answer goes, one per ticket
and person, and the Message-ID. A number can be made up by everybody, and so can a From.
"""

from __future__ import annotations

import base64
import hmac
import re
from collections.abc import Iterator, Sequence
from typing import Final

import msgspec

from chatserver.mail.headers import address
from chatserver.mail.message import Arrival
from chatserver.mail.words import plain

CANDIDATES_AT_MOST: Final = 5
_ID_BYTES: Final = 7
"""A ticket's id has 53 bits."""
_MAC_BYTES: Final = 10
"""80 bits, of which each guess is a mail."""
_TOKEN: Final = 28
"""Characters of base32 for both: small letters and figures, since some hosts write addresses in small letters."""
_FIRST_LINES: Final = 3


class Candidate(msgspec.Struct, frozen=True, gc=False):
    """`ticket_id` where it was signed, else `number`; the other is 0."""

    ticket_id: int = 0
    number: int = 0
    how: str = ""
    """reply_address | message_id | subject | text"""


class Signer:
    """Makes and reads what is signed. `key`: the installation's secret."""

    def __init__(self, key: bytes) -> None:
        self._key = hmac.digest(key, b"mail", "sha256")

    def reply_address(self, support: str, app_id: int, ticket_id: int, person: str) -> str:
        """Where this person's answers about this ticket go: `soporte+<token>@example.com` for `soporte@example.com`."""
        local, _, domain = support.rpartition("@")
        return f"{local}+{self._token('reply', app_id, ticket_id, address(person))}@{domain}"

    def replied(self, addresses: Sequence[str], support: str, app_id: int, person: str) -> int:
        """The ticket of the first of these addresses that was made for this person, 0 for none."""
        local, _, domain = support.lower().rpartition("@")
        for one in addresses:
            name, _, host = one.lower().rpartition("@")
            if host == domain and name.startswith(local + "+"):
                ticket_id = self._read(name[len(local) + 1 :], "reply", app_id, address(person))
                if ticket_id:
                    return ticket_id
        return 0

    def message_id(self, app_id: int, ticket_id: int, one: str, domain: str) -> str:
        """Of an outgoing mail, without brackets. `one` names the mail among those of its ticket (letters, figures, "-"), so
        that a mail which is sent again has the same id."""
        return f"{self._token('id', app_id, ticket_id, one)}.{one}@{domain}"

    def identified(self, ids: Sequence[str], app_id: int) -> list[int]:
        """Tickets of which these Message-IDs are, the latest mail's first."""
        found = (self._identified(one, app_id) for one in reversed(ids))
        return list(dict.fromkeys(ticket_id for ticket_id in found if ticket_id))

    def _identified(self, message_id: str, app_id: int) -> int:
        local = message_id.rpartition("@")[0]
        token, _, one = local.partition(".")
        return self._read(token.lower(), "id", app_id, one)

    def _token(self, what: str, app_id: int, ticket_id: int, about: str) -> str:
        raw = ticket_id.to_bytes(_ID_BYTES, "big")
        return base64.b32encode(raw + self._mac(what, app_id, raw, about)).decode("ascii").lower().rstrip("=")

    def _read(self, token: str, what: str, app_id: int, about: str) -> int:
        if len(token) != _TOKEN or not token.isascii():
            return 0
        try:
            raw = base64.b32decode(token.upper() + "====")
        except ValueError:
            return 0
        mac = self._mac(what, app_id, raw[:_ID_BYTES], about)
        same = hmac.compare_digest(mac, raw[_ID_BYTES:])
        return int.from_bytes(raw[:_ID_BYTES], "big") if same else 0

    def _mac(self, what: str, app_id: int, ticket: bytes, about: str) -> bytes:
        text = f"{what}\0{app_id}\0{about}\0".encode("utf-8", "surrogatepass")
        return hmac.digest(self._key, text + ticket, "sha256")[:_MAC_BYTES]


def candidates(mail: Arrival, signer: Signer, support: str, app_id: int) -> list[Candidate]:
    """What is proven first, then what the mail only says."""
    to = (*mail.envelope_to, *mail.to, *mail.cc)
    found: list[Candidate] = []
    replied = signer.replied(to, support, app_id, mail.sender.address)
    if replied:
        found.append(Candidate(ticket_id=replied, how="reply_address"))
    thread = (*mail.references, *mail.in_reply_to)
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
