"""The line to the server that takes our mails: one connection for as long as there is something to send."""

from __future__ import annotations

import ssl
from typing import TYPE_CHECKING, Final, Literal

from chatserver.settings.addresses import Smtp

if TYPE_CHECKING:
    import aiosmtplib

CONNECT_SECONDS: Final = 15.0
COMMAND_SECONDS: Final = 60.0
"""For one answer; a server that looks for viruses takes its time after the text."""

Fault = Literal[
    "away",  # nobody answers, or in no way that we understand
    "tls",  # the other side is not who it should be, or cannot encipher
    "login",  # name or password is not taken
    "sender",  # it takes nothing from our address
    "cut",  # the line broke while a mail was under way: nobody knows whether it was taken
    "later",  # not now: it says so itself (greylisting, a full mailbox)
    "refused",  # not this mail, or not to this address, for good
    "letters",  # the address has letters that the other side cannot write
]
OWN: Final = frozenset({"away", "tls", "login", "sender", "cut"})
"""What lies between us and the server, so that the next mail would meet it too."""
FINAL: Final = frozenset({"refused", "letters"})


class NotSent(Exception):
    """`code`: the other side's, with its enhanced one: "550 5.1.1"; empty when it said none. Never its words: they may quote
    addresses."""

    def __init__(self, fault: Fault, code: str = "") -> None:
        super().__init__(f"{fault} {code}".strip())
        self.fault = fault
        self.code = code


class Line:
    """Open with `Line.open`. After `NotSent` with a fault of `OWN` it is of no more use."""

    def __init__(self, client: aiosmtplib.SMTP) -> None:
        self._client = client

    @classmethod
    async def open(cls, server: Smtp) -> Line:
        """Raises NotSent."""
        import aiosmtplib  # here, so that a start does not pay for it

        try:
            trusting = _trusting(server.ca) if server.tls != "off" else None
        except (OSError, ssl.SSLError) as problem:
            raise NotSent("tls") from problem
        client = aiosmtplib.SMTP(
            hostname=server.host,
            port=server.port,
            timeout=CONNECT_SECONDS,
            use_tls=server.tls == "smtps",
            start_tls=server.tls == "starttls",
            tls_context=trusting,
        )
        try:
            await client.connect()
            await client.ehlo()  # what it can do is asked for before anything is sent
            if server.user:
                await client.login(server.user, server.password)
        except Exception as problem:
            client.close()
            raise _at_opening(problem) from problem
        client.timeout = COMMAND_SECONDS
        return cls(client)

    async def send(self, sender: str, receiver: str, mail: bytes) -> None:
        """Returns when the other side has taken the mail upon itself. Raises NotSent."""
        import aiosmtplib

        if not _names(receiver):
            raise NotSent("refused")
        options = []
        if not (sender.isascii() and receiver.isascii()):
            if not self._client.supports_extension("SMTPUTF8"):
                raise NotSent("letters")
            options = ["SMTPUTF8"]
        try:
            await self._client.sendmail(sender, [receiver], mail, mail_options=options)
        except aiosmtplib.SMTPSenderRefused as refused:
            raise NotSent("sender", _code(refused.code, refused.message)) from refused
        except aiosmtplib.SMTPRecipientsRefused as refused:
            one = refused.recipients[0]
            raise _of_answer(one.code, one.message) from refused
        except aiosmtplib.SMTPResponseException as refused:
            raise _of_answer(refused.code, refused.message) from refused
        except (aiosmtplib.SMTPException, OSError, TimeoutError) as problem:
            raise NotSent("cut") from problem

    def drop(self) -> None:
        """Without a word."""
        self._client.close()

    async def close(self) -> None:
        """Says goodbye, if the other side still listens."""
        import aiosmtplib

        try:
            self._client.timeout = CONNECT_SECONDS
            await self._client.quit()
        except (aiosmtplib.SMTPException, OSError, TimeoutError):
            self._client.close()


def _names(receiver: str) -> bool:
    """Whether RCPT will name this mailbox, whole. The library reads what it is given as a header: of `ana@b.com,7.com` it would
    mail to `ana@b.com`, for which nobody counted it."""
    from aiosmtplib.email import quote_address

    try:
        return quote_address(receiver) == f"<{receiver}>"
    except ValueError:
        return False


def _trusting(ca: str) -> ssl.SSLContext:
    """Names are checked; whom to trust is the system's choice, or the file's."""
    return ssl.create_default_context(cafile=ca or None)


def _at_opening(problem: Exception) -> NotSent:
    import aiosmtplib

    cause: BaseException | None = problem
    while cause is not None:
        if isinstance(cause, ssl.SSLError | ssl.CertificateError):
            return NotSent("tls")
        cause = cause.__cause__ or cause.__context__
    if isinstance(problem, aiosmtplib.SMTPAuthenticationError):
        return NotSent("login", _code(problem.code, problem.message))
    if "STARTTLS" in str(problem):
        return NotSent("tls")
    if isinstance(problem, aiosmtplib.SMTPNotSupported):
        return NotSent("login")
    if isinstance(problem, aiosmtplib.SMTPResponseException):
        return NotSent("away", _code(problem.code, problem.message))
    if isinstance(problem, aiosmtplib.SMTPException | OSError | TimeoutError):
        return NotSent("away")
    raise problem


def _of_answer(code: int, message: str) -> NotSent:
    said = _code(code, message)
    if code == 421:  # it is about to hang up
        return NotSent("away", said)
    if code == 530:  # it wants to know who we are first
        return NotSent("login", said)
    return NotSent("refused" if code >= 500 else "later", said)


def _code(code: int, message: str) -> str:
    """With the enhanced code that may begin the words."""
    first = message.split(maxsplit=1)[0] if message.strip() else ""
    parts = first.split(".")
    enhanced = len(parts) == 3 and all(part.isdigit() and len(part) <= 3 for part in parts)
    return f"{code} {first}" if enhanced else str(code)
