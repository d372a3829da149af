"""Mails as their programs write them, put together by code."""

from __future__ import annotations

import base64
from collections.abc import Mapping

SUPPORT = "soporte@acme.example"
ANA = "Ana Pérez <ana@cliente.example>"


def mail(
    body: str | bytes = "Hola, no puedo imprimir la factura.\r\n",
    *,
    sender: str = ANA,
    to: str = SUPPORT,
    subject: str = "No imprime",
    message_id: str = "<uno@cliente.example>",
    content: str = 'text/plain; charset="utf-8"',
    more: Mapping[str, str] | None = None,
    without: tuple[str, ...] = (),
) -> bytes:
    """`more`: fields that come on top. `without`: names of fields that are left out."""
    fields = {
        "From": sender,
        "To": to,
        "Subject": subject,
        "Date": "Mon, 05 Jan 2026 09:12:44 -0500",
        "Message-ID": message_id,
        "MIME-Version": "1.0",
        "Content-Type": content,
    } | dict(more or {})
    head = "".join(f"{name}: {value}\r\n" for name, value in fields.items() if name not in without)
    return head.encode() + b"\r\n" + (body if isinstance(body, bytes) else body.encode())


def part(content: str, body: str | bytes, **fields: str) -> bytes:
    """One part of a multipart; fields by their names with "_" for "-"."""
    named = {"Content-Type": content} | {name.replace("_", "-"): value for name, value in fields.items()}
    head = "".join(f"{name}: {value}\r\n" for name, value in named.items())
    return head.encode() + b"\r\n" + (body if isinstance(body, bytes) else body.encode())


def together(*parts: bytes, boundary: str = "=_b1") -> bytes:
    """The body of a multipart."""
    line = b"--" + boundary.encode()
    return b"".join(line + b"\r\n" + one + b"\r\n" for one in parts) + line + b"--\r\n"


def file(name: str, content: bytes, kind: str = "application/pdf", disposition: str = "attachment") -> bytes:
    return part(
        f'{kind}; name="{name}"',
        base64.encodebytes(content),
        Content_Transfer_Encoding="base64",
        Content_Disposition=f'{disposition}; filename="{name}"',
    )


def bounce(original_id: str, recipient: str = "ana@cliente.example", status: str = "5.1.1") -> bytes:
    """As Postfix writes it."""
    return mail(
        together(
            part("text/plain; charset=us-ascii", "This is the mail system at host mx.cliente.example.\r\n"),
            part(
                "message/delivery-status",
                "Reporting-MTA: dns; mx.cliente.example\r\nArrival-Date: Mon, 5 Jan 2026 09:00:00 -0500\r\n\r\n"
                f"Final-Recipient: rfc822; {recipient}\r\nAction: failed\r\nStatus: {status}\r\n"
                "Diagnostic-Code: smtp; 550 5.1.1 User unknown\r\n",
            ),
            part("text/rfc822-headers", f"From: {SUPPORT}\r\nMessage-ID: <{original_id}>\r\nSubject: x\r\n"),
        ),
        sender="MAILER-DAEMON@mx.cliente.example (Mail Delivery System)",
        subject="Undelivered Mail Returned to Sender",
        message_id="<bounce.1@mx.cliente.example>",
        content='multipart/report; report-type=delivery-status; boundary="=_b1"',
        more={"Auto-Submitted": "auto-replied"},
    )
