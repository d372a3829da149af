"""Mail by LMTP or SMTP from the operator's mail host, on this machine or a private network.

250 is said after the commit and never before; whatever stands in the way (database away, disk full, this process about to end,
a fault of ours) is a temporary refusal, and the mail waits at the host that has it. By LMTP each recipient has an answer of its
own.

aiosmtpd reads the protocol. It is quiet since 2024: it faces no strangers here, and is imported where it is used.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, Final

from chatserver.core.errors import Refused
from chatserver.core.people import App
from chatserver.mail.headers import line
from chatserver.mail.message import read
from chatserver.mail.mime import SIZE_AT_MOST
from chatserver.services.mailroom import Mailroom, Outcome
from chatserver.settings.addresses import MailAddress
from chatserver.store.base import StoreFailed
from chatserver.telemetry import without_text

if TYPE_CHECKING:
    from aiosmtpd.smtp import SMTP, Envelope, Session

log = logging.getLogger(__name__)

SESSIONS_AT_MOST: Final = 4
"""Mail hosts at once, each with a mail of `SIZE_AT_MOST` in memory, some copies of it. Further ones are told to come later."""
RECIPIENTS_AT_MOST: Final = 20
IDLE_SECONDS: Final = 120.0
"""A session that says nothing, or whose mail is not taken in that time, is closed."""
LINE_AT_MOST: Final = 256 * 1024
"""Bytes of a line: 998 are allowed, and much that is sent does not know that."""
FINISH_SECONDS: Final = 8.0
"""At the end, for mails that have arrived whole."""

TAKEN: Final = "250 2.0.0 taken"
LATER: Final = "451 4.3.0 not now, try again later"
CLOSING: Final = "421 4.3.2 going down, try again later"
BUSY: Final = "421 4.7.0 too many sessions, try again later"
TOO_MANY: Final = "452 4.5.3 too many recipients"
UNKNOWN: Final = "550 5.1.1 no such address here"
TOO_LARGE: Final = "552 5.3.4 the mail is larger than what is taken here"


class Listener:
    """One address to listen at. Open with `listening`."""

    def __init__(self, room: Mailroom, where: MailAddress) -> None:
        self._room = room
        self._where = where
        self._sessions: set[SMTP] = set()
        self._taking: set[asyncio.Future[None]] = set()
        self._one_at_a_time = asyncio.Lock()
        self.closing = False

    async def take(self, app: App, raw: bytes, sender: str, recipient: str) -> str:
        """The answer to the mail host."""
        try:
            outcome = await self._taken(app, raw, sender, recipient)
        except (StoreFailed, Refused) as problem:
            log.warning("a mail waits at its host: %s", type(problem).__name__)
            return LATER
        except ValueError:
            return TOO_LARGE
        except Exception as surprise:
            log.error("a mail could not be taken, it waits at its host: %s", without_text(surprise))
            return LATER
        log.info("a mail was taken", extra={"became": outcome.became, "reason": outcome.mail.reason})
        return TAKEN

    async def _taken(self, app: App, raw: bytes, sender: str, recipient: str) -> Outcome:
        async with self._one_at_a_time:  # what reading a large one needs is needed once
            mail = await asyncio.to_thread(read, raw, sender, (recipient,))
        return await self._room.take(app, mail, raw, secrets.token_urlsafe(16))

    # — what aiosmtpd calls ————————————————————————————————————————————————————

    async def handle_MAIL(
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if self.closing:
            return CLOSING
        envelope.mail_from = address
        envelope.mail_options.extend(options)
        return "250 2.1.0 OK"

    async def handle_RCPT(
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if self._room.app_at(address) is None:
            return UNKNOWN
        if len(envelope.rcpt_tos) >= RECIPIENTS_AT_MOST:
            return TOO_MANY
        envelope.rcpt_tos.append(address)
        return "250 2.1.5 OK"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        if self.closing:
            return "\r\n".join([CLOSING] * (len(envelope.rcpt_tos) if self._where.lmtp else 1))
        answered: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._taking.add(answered)
        try:
            return await self._answers(envelope)
        finally:
            self._taking.discard(answered)
            answered.set_result(None)

    async def _answers(self, envelope: Envelope) -> str:
        raw = envelope.original_content or b""
        envelope.content = None
        answers: list[str] = []
        for recipient in envelope.rcpt_tos:
            app = self._room.app_at(recipient)
            if app is None:  # its address was changed since
                answers.append(UNKNOWN)
                continue
            answers.append(await self.take(app, raw, line(envelope.mail_from or ""), line(recipient)))
        if self._where.lmtp:
            return "\r\n".join(answers)
        # SMTP has one answer for all: a mail that is taken again is taken once.
        return next((answer for answer in answers if answer != TAKEN), TAKEN)

    async def handle_exception(self, error: Exception) -> str:
        log.error("a session of a mail host failed: %s", without_text(error))
        return LATER

    # — sessions ———————————————————————————————————————————————————————————————

    def came(self, session: SMTP) -> bool:
        """Whether it may stay."""
        if self.closing or len(self._sessions) >= SESSIONS_AT_MOST:
            return False
        self._sessions.add(session)
        return True

    def left(self, session: SMTP) -> None:
        self._sessions.discard(session)

    def answered(self, status: str) -> None:
        """What a mail host is told, a line for each recipient or one for all: refusals are counted."""
        for said in status.split("\r\n"):
            if said[:1] in ("4", "5"):
                self._room.house.metrics.turn_away(said[:3])

    async def finish(self) -> None:
        """What has arrived is taken and answered; who comes meanwhile is told to come later."""
        self.closing = True
        if self._taking:
            await asyncio.wait(
                self._taking, timeout=FINISH_SECONDS
            )  # their answers are written in the same turn
        for session in list(self._sessions):
            if session.transport is not None:
                session.transport.close()


@asynccontextmanager
async def listening(room: Mailroom, where: MailAddress) -> AsyncIterator[Listener]:
    """Raises OSError when nobody can listen there. `room`: its people may be read anew meanwhile."""
    listener = Listener(room, where)
    server = await _server(_protocol(listener, lmtp=where.lmtp), where)
    log.info("listening for mail", extra={"address": where.shown})
    try:
        yield listener
    finally:
        server.close()
        await listener.finish()
        if where.path is not None:
            await asyncio.to_thread(where.path.unlink, missing_ok=True)


async def _server(session: Callable[[], SMTP], where: MailAddress) -> asyncio.Server:
    loop = asyncio.get_running_loop()
    if where.path is None:
        return await loop.create_server(session, where.host, where.port)
    # One that is there already is one that a killed process left: the database's lock, or the service, keeps others away.
    await asyncio.to_thread(where.path.unlink, missing_ok=True)
    server = await loop.create_unix_server(session, where.path)
    # The mail host runs as a user of its own: the directory says who may come.
    await asyncio.to_thread(where.path.chmod, 0o666)
    return server


def _protocol(listener: Listener, *, lmtp: bool) -> Callable[[], SMTP]:
    """aiosmtpd's session with what it lacks. Made where it is used: importing it takes a good part of a start."""
    from aiosmtpd import lmtp as of_lmtp
    from aiosmtpd import smtp as of_smtp

    # They tell lines of mails at debug, addresses and whole commands at info.
    for name in ("mail.log", "mail.debug"):
        logging.getLogger(name).setLevel(logging.ERROR)
    base: type[SMTP] = of_lmtp.LMTP if lmtp else of_smtp.SMTP

    class Conversation(base):  # type: ignore[misc, valid-type]  # one of two, known when it is made
        line_length_limit = LINE_AT_MOST
        in_data = False

        def connection_made(self, transport: asyncio.Transport) -> None:
            if not listener.came(self):
                answer = CLOSING if listener.closing else BUSY
                listener.answered(answer)
                transport.write(f"{answer}\r\n".encode())
                transport.close()
                return
            super().connection_made(transport)

        def connection_lost(self, error: Exception | None) -> None:
            listener.left(self)
            if self.session is not None:
                super().connection_lost(error)

        async def push(self, status: Any) -> None:
            """By LMTP also a refusal of the mail as such is one for each recipient."""
            if self.in_data and lmtp and "\r\n" not in status:
                status = "\r\n".join([status] * max(1, len(self.envelope.rcpt_tos)))
            self.in_data = status.startswith("354")
            listener.answered(status)
            await super().push(status)

    def session() -> SMTP:
        return Conversation(
            listener,
            data_size_limit=SIZE_AT_MOST,
            enable_SMTPUTF8=True,
            hostname="chatserver",
            ident="chatserver",
            timeout=IDLE_SECONDS,
            loop=asyncio.get_running_loop(),
        )

    return session
