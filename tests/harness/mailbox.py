"""A server that takes mails, in this process, on loopback: what arrived is read back; it refuses, stalls and hangs up as told."""

from __future__ import annotations

import asyncio
import email
import email.policy
import ssl
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from email.message import EmailMessage
from typing import Any

from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

from tests.harness.server import free_port
from tests.harness.waiting import PATIENCE

Answer = Callable[[str], "str | None"]


def _takes(address: str) -> str | None:
    return None


class Mailbox:
    """`mail`, `rcpt`, `data` are asked with an address what to say to it, None for yes. `hang_up`: for the next mails, when the
    line is cut: "before" the mail is taken, "after", or (empty) not at all. `stall`: mails wait for it."""

    def __init__(self) -> None:
        self.port = 0
        self.arrived: list[Arrived] = []
        self.rcpt: Answer = _takes
        self.data: Answer = _takes
        self.mail: Answer = _takes
        self.hang_up: list[str] = []
        self.stall = asyncio.Event()
        self.stall.set()
        self.connections = 0
        self.logins: list[str] = []
        self.open = 0

    @property
    def url(self) -> str:
        return f"smtp://127.0.0.1:{self.port}"

    def to(self, address: str) -> list[EmailMessage]:
        return [one.mail for one in self.arrived if one.receiver == address]

    # — aiosmtpd's hooks ———————————————————————————————————————————————————————

    async def handle_MAIL(
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if (no := self.mail(address)) is not None:
            return no
        envelope.mail_from = address
        envelope.mail_options.extend(options)
        return "250 OK"

    async def handle_RCPT(
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if (no := self.rcpt(address)) is not None:
            return no
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        await self.stall.wait()
        (receiver,) = envelope.rcpt_tos
        if (no := self.data(receiver)) is not None:
            return no
        cut = self.hang_up.pop(0) if self.hang_up else ""
        if cut != "before":
            assert isinstance(envelope.content, bytes)
            self.arrived.append(Arrived(str(envelope.mail_from), receiver, envelope.content))
        if cut:
            assert isinstance(server.transport, asyncio.Transport)
            server.transport.abort()
        return "250 taken"

    def authenticate(self, server: Any, session: Any, envelope: Any, mechanism: str, data: Any) -> AuthResult:
        assert isinstance(data, LoginPassword)
        self.logins.append(data.login.decode())
        return AuthResult(success=data.password == b"right", handled=False)


class Arrived:
    def __init__(self, sender: str, receiver: str, content: bytes) -> None:
        self.sender = sender
        self.receiver = receiver
        self.content = content
        text = content.decode("utf-8").replace("\r\n", "\n")
        made = email.message_from_string(text, policy=email.policy.default)
        assert isinstance(made, EmailMessage)
        self.mail = made

    @property
    def message_id(self) -> str:
        return str(self.mail["Message-ID"]).strip()


@asynccontextmanager
async def mailbox(
    *, tls: ssl.SSLContext | None = None, login: bool = False, implicit: bool = False, port: int = 0
) -> AsyncIterator[Mailbox]:
    """`tls`: it can encipher; from the first byte on where `implicit`. `login`: it wants a name, and "right" as the password."""
    box = Mailbox()
    box.port = port or free_port()
    made: list[SMTP] = []

    def serve() -> SMTP:
        box.connections += 1
        options: dict[str, Any] = {"enable_SMTPUTF8": True, "hostname": "mail.test", "loop": loop}
        if tls is not None and not implicit:
            options |= {"tls_context": tls, "require_starttls": True}
        if login:
            options |= {"auth_required": True, "authenticator": box.authenticate}
            options["auth_require_tls"] = tls is not None and not implicit
        made.append(SMTP(box, **options))
        return made[-1]

    loop = asyncio.get_running_loop()
    server = await loop.create_server(serve, "127.0.0.1", box.port, ssl=tls if implicit else None)
    try:
        yield box
    finally:
        server.close()
        for one in made:
            if isinstance(one.transport, asyncio.Transport):
                one.transport.abort()
        await asyncio.sleep(0)


@contextmanager
def mailbox_aside() -> Iterator[Mailbox]:
    """The same in a thread of its own, for who has no loop to spare: what `arrived` is read from here, nothing is changed."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, name="mailbox")
    thread.start()
    made = mailbox()
    try:
        yield asyncio.run_coroutine_threadsafe(made.__aenter__(), loop).result(PATIENCE)
        asyncio.run_coroutine_threadsafe(made.__aexit__(None, None, None), loop).result(PATIENCE)
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


def links_in(mail: EmailMessage) -> Iterator[str]:
    """Addresses in its text."""
    body = mail.get_body(("plain",))
    assert body is not None
    for word in str(body.get_content()).split():
        if word.startswith("http"):
            yield word


def text_of(mail: EmailMessage) -> str:
    body = mail.get_body(("plain",))
    assert body is not None
    return str(body.get_content())
