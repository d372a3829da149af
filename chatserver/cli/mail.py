"""`chatserver mail test`: whether outgoing mail works."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from chatserver.cli.base import fail, load_settings, looking

if TYPE_CHECKING:
    from chatserver.core.people import App
    from chatserver.mail.smtp import NotSent
    from chatserver.settings import Settings
    from chatserver.settings.addresses import Smtp

_FAULTS = {
    "away": "Nobody answers at {host} port {port}, or not as a server for mail does{code}.",
    "tls": "{host} cannot encipher, or cannot show that it is {host}: its certificate is checked. For an authority of your own "
    "add ?ca=FILE to CHATSERVER_SMTP_URL.",
    "login": "{host} does not take this name and password{code}.",
    "sender": "{host} takes nothing from {sender}{code}: allow it there, or set CHATSERVER_MAIL_FROM to another address.",
    "cut": "{host} hung up in the middle.",
    "later": "{host} does not take it just now{code}: the server would try again by itself.",
    "refused": "{host} does not take mail for {receiver}{code}.",
    "letters": "{host} cannot write this address: it has letters other than English ones before the @.",
}


@click.command()
@click.argument("address")
@click.option("--app", "key", default="", help="as mail of this app; without it as the server's")
def test(address: str, key: str) -> None:
    """Send a mail to ADDRESS now, and say what the server for outgoing mail did with it. Exit code 1 when it did not take it."""
    import asyncio

    from chatserver.core import messages
    from chatserver.core.errors import Refused
    from chatserver.mail.smtp import NotSent
    from chatserver.services import apps

    settings = load_settings()
    if settings.smtp is None:
        fail("CHATSERVER_SMTP_URL is not set: no mail is sent (docs/email.md).")
    try:
        receiver = messages.email(address)
    except Refused:
        fail(f"{address!r} is no e-mail address.")
    app = looking(settings, lambda db: apps.find(db, key, settings.policy)) if key else None
    sender = (app.support_address if app else "") or settings.mail_from
    try:
        name = asyncio.run(_send(settings, settings.smtp, app, sender, receiver))
    except NotSent as problem:
        fail(_said(problem, settings.smtp, sender, receiver))
    click.echo(f"{settings.smtp.host} took it for {receiver}, from {sender}. Message-ID: {name}")


async def _send(settings: Settings, server: Smtp, app: App | None, sender: str, receiver: str) -> str:
    """Gives its Message-ID. Raises NotSent."""
    import secrets

    from chatserver.core.outbox import Facts
    from chatserver.core.people import App
    from chatserver.core.policy import Policy
    from chatserver.mail.addresses import Signer
    from chatserver.mail.links import links
    from chatserver.mail.outgoing import Matter, composed, domain_of, envelope
    from chatserver.mail.smtp import Line
    from chatserver.store.database import wall_clock

    of = app or App(0, "", sender, (), secrets.token_hex(16), "", Policy(), "{}")
    signer = Signer(secrets.token_bytes(32))  # nobody answers it
    name = signer.message_id(of.id, 0, "test", receiver, domain_of(sender))
    lang = "es" if settings.language == "auto" else settings.language
    matter = Matter("test", of, receiver, False, Facts(locale=lang), name)
    data = composed(matter, sender, links(settings.public_url, signer), wall_clock()).as_bytes()
    line = await Line.open(server)
    try:
        await line.send(envelope(sender), envelope(receiver), data)
    finally:
        await line.close()
    return name


def _said(problem: NotSent, server: Smtp, sender: str, receiver: str) -> str:
    code = f" (it said {problem.code})" if problem.code else ""
    return _FAULTS[problem.fault].format(
        host=server.host, port=server.port, sender=sender, receiver=receiver, code=code
    )
