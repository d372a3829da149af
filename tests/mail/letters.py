"""Matters to write mails about, and the mails read back as a mail program would."""

from __future__ import annotations

import email
import email.policy
from email.message import EmailMessage
from typing import Any

from msgspec.structs import replace

from chatserver.core.outbox import Facts, LetterKind
from chatserver.core.people import App, Customer
from chatserver.core.policy import Policy
from chatserver.core.tickets import Item, Kind, Pending, Ticket
from chatserver.mail.addresses import Signer
from chatserver.mail.links import Links, links
from chatserver.mail.outgoing import Matter, composed

NOW = 1_767_794_700_000
"""A Wednesday, 09:05 in Bogotá."""
ACME = App(
    1,
    "acme",
    "Acme Facturas",
    ("https://app.acme.example",),
    "s" * 43,
    "#0f6b5c",
    Policy(mail=True),
    '{"zone": "America/Lima"}',
)
ANA = Customer(7, 1, "user:ana", "Ana María", "ana@example.com", "es-CO", "America/Bogota", 0)
SENDER = "soporte@acme.example"
SIGNER = Signer(b"secreto")
LINKS = links("https://chat.acme.example", SIGNER)._replace(
    ticket=lambda app, ticket, address: f"https://chat.acme.example/portal/tickets/{ticket.number}",
    new=lambda app, ticket, address: f"https://chat.acme.example/portal/new?follows={ticket.number}",
)


def ticket(**more: Any) -> Ticket:
    context = '{"url": "https://app.acme.example/facturas/nueva?token=abc#x"}'
    made = Ticket(5, 1, 1042, ANA, "No puedo facturar", context, NOW - 3_600_000, mode="later")
    return replace(made, **more)


def said(
    seq: int, text: str, by: Any = "agent", *, kind: Kind = "message", name: str = "Laura Gómez"
) -> Item:
    return Item(seq, NOW, kind, by, 1, "" if by == "customer" else name, "", text)


CONVERSATION = (
    said(1, "No puedo facturar", "customer", kind="opened"),
    said(2, "Al guardar la factura 4711 sale «Error 12».\n\n¿Qué hago?", "customer"),
    said(4, "Hola, Ana. Ya lo reviso."),
    said(5, "Listo: era un permiso que faltaba.\nPrueba de nuevo, por favor."),
)


def matter(kind: LetterKind, about: Ticket | None = None, **more: Any) -> Matter:
    given: dict[str, Any] = {
        "app": ACME,
        "address": "ana@example.com",
        "confirmed": True,
        "facts": Facts(),
        "items": CONVERSATION if about else (),
    } | more
    about_id, to = about.id if about else 0, given["address"]
    named = {"message_id": SIGNER.message_id(1, about_id, kind, to, "acme.example")}
    if about is not None:
        named["thread_id"] = SIGNER.thread_id(1, about.id, to, "acme.example")
        named["reply_to"] = SIGNER.reply_address(SENDER, 1, about.id, to)
    named["answers"] = given["facts"].in_reply_to
    return Matter(kind=kind, ticket=about, **(named | given))


def written(of: Matter, sender: str = SENDER, to: Links = LINKS) -> EmailMessage:
    """Sent and read again."""
    data = composed(of, sender, to, NOW).as_bytes()
    assert all(len(line) <= 998 for line in data.split(b"\r\n"))
    text = data.decode().replace("\r\n", "\n")
    return email.message_from_string(text, policy=email.policy.default)


def text_of(mail: EmailMessage) -> str:
    part = mail.get_body(("plain",))
    assert part is not None
    return str(part.get_content())


def html_of(mail: EmailMessage) -> str:
    part = mail.get_body(("html",))
    assert part is not None
    return str(part.get_content())


EVERY: dict[LetterKind, Matter] = {
    "created": matter("created", ticket()),
    "answers": matter("answers", ticket(), items=CONVERSATION[2:]),
    "reminder": matter(
        "reminder",
        ticket(state="pending", pending=Pending(NOW - 3 * 86_400_000)),
        items=(*CONVERSATION[2:], said(6, "", kind="pending")),
    ),
    "closed": matter(
        "closed",
        ticket(state="closed", closed_at=NOW, answered_at=NOW, close_reason="agent"),
        items=CONVERSATION[3:],
        facts=Facts(reason="agent"),
    ),
    "closed_already": matter(
        "closed_already", ticket(state="closed"), facts=Facts(in_reply_to="<9@mail.example>")
    ),
    "transcript": matter("transcript", ticket()),
    "access": matter("access", facts=Facts(link="https://chat.acme.example/portal/register/abc")),
    "confirm_address": matter(
        "confirm_address", confirmed=False, facts=Facts(link="https://chat.acme.example/portal/confirm/abc")
    ),
    "have_account": matter(
        "have_account", facts=Facts(link=f"https://chat.acme.example/portal/password/{'def456' * 8}")
    ),
    "password_changed": matter("password_changed"),
    "address_added": matter("address_added", facts=Facts(about="ana@casa.example")),
    "reset_password": matter(
        "reset_password", facts=Facts(link=f"https://chat.acme.example/portal/password/{'abc123' * 8}")
    ),
    "test": matter("test"),
}
"""One of each kind."""
