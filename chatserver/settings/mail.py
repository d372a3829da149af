"""Settings of mail, both ways."""

from __future__ import annotations

from dataclasses import dataclass

from chatserver.settings import addresses, casts
from chatserver.settings.addresses import Imap, MailAddress, Smtp
from chatserver.settings.casts import setting

MAILBOX_DONE = "Procesados"


@dataclass(frozen=True)
class Mail:
    """Who takes mails of ours, and how others' come in."""

    smtp_url: str = setting(
        "",
        addresses.smtp_url,
        "The server that takes outgoing mail, `smtp://user:password@host:587` (STARTTLS is required, but of this machine itself) "
        "or `smtps://user:password@host`. Needs MAIL_FROM and PUBLIC_URL. More in [email.md](email.md#sending).",
        shown="no mail is sent",
        hidden=True,
    )
    mail_from: str = setting(
        "",
        casts.address,
        "The address from which mails come, like `soporte@example.com`, for apps without one of their own.",
    )
    mails_per_hour: int = setting(
        1_000,
        casts.whole(1, 1_000_000),
        "Mails of one app in any hour, all servers together; further ones wait.",
    )
    mail_listen: str = setting(
        "",
        addresses.mail_listen,
        "Where your mail host brings mail (docs/email.md): `lmtp://127.0.0.1:8024`, `lmtp:///run/chatserver/lmtp.sock` or "
        "`smtp://127.0.0.1:8025`. With SQLite `serve` listens there, on PostgreSQL `chatserver mail` does.",
        shown="nowhere",
    )
    mailbox_url: str = setting(
        "",
        addresses.mailbox_url,
        "A mailbox that is read by IMAP: `imaps://user:password@host/INBOX`, or `imap://…` with STARTTLS. Whatever is in that "
        "folder becomes tickets. More in [email.md](email.md#a-mailbox).",
        shown="none",
        hidden=True,
    )
    mailbox_done: str = setting(
        MAILBOX_DONE,
        addresses.folder,
        "The folder into which mails go that were taken from the mailbox; it is made if it is not there. `delete`: they are "
        "deleted.",
    )
    mailbox_poll_seconds: int = setting(
        60,
        # A server may hang up on who has been idle for half an hour.
        casts.whole(1, 1_500),
        "How often the mailbox is looked at, besides whenever its server says that something came (IDLE).",
    )
    mail_authserv_id: str = setting(
        "",
        casts.text,
        "The name under which your mail host writes `Authentication-Results`: what it says of DMARC is believed. Without it "
        "every mail is shown as unverified.",
    )
    mail_comes_in: bool | None = setting(
        None,
        casts.yes,
        "Answers to mails come in here: mails about tickets name an address for them. To be said to servers that send where "
        "others listen.",
        shown="yes where MAIL_LISTEN or MAILBOX_URL is set",
    )

    @property
    def smtp(self) -> Smtp | None:
        """Where outgoing mail goes; None: nowhere."""
        return addresses.smtp(self.smtp_url) if self.smtp_url else None

    @property
    def mail_address(self) -> MailAddress | None:
        return addresses.read_mail_listen(self.mail_listen) if self.mail_listen else None

    @property
    def mailbox(self) -> Imap | None:
        return addresses.imap(self.mailbox_url) if self.mailbox_url else None

    @property
    def takes_mail(self) -> bool:
        return bool(self.mail_listen or self.mailbox_url)

    @property
    def mails_come_in(self) -> bool:
        """Whether what is mailed to an app's own address comes in at this installation."""
        return self.takes_mail if self.mail_comes_in is None else self.mail_comes_in
