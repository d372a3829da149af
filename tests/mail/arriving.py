"""A mail that was taken as a message of a ticket, without whoever takes mails."""

from __future__ import annotations

import secrets

from chatserver.core.mails import TakenMail
from chatserver.mail.message import read
from chatserver.services import tickets
from chatserver.services.house import House
from chatserver.store import mails
from chatserver.store.database import Database
from chatserver.store.work import Needs, Who

SENDER = "ana@cliente.example"


async def arrived(house: House, db: Database, raw: bytes, app_id: int = 1) -> TakenMail:
    """`seq` is the ticket's last message."""
    mail, name, cid = read(raw, SENDER), secrets.token_hex(8), secrets.token_urlsafe(16)
    who = Who(app_id, f"mail:{SENDER}", "Ana Pérez", SENDER)
    ticket = await tickets.request(
        house, who, cid=cid, subject=mail.subject, text="Hola", email=SENDER, context="{}", source="mail"
    )
    await mails.keep_original(db, name, raw, house.now())
    taken = TakenMail(
        app_id=app_id,
        key=mail.key,
        at=house.now(),
        message_id=mail.message_id,
        sender=SENDER,
        recipient="soporte@acme.example",
        subject=mail.subject,
        original=name,
        kind="person",
        reason="",
        ticket_id=ticket.id,
        seq=ticket.last_seq,
    )
    await house.store.write(Needs(mails=((app_id, mail.key),)), lambda world, now: world.take(taken))
    return taken
