"""The line to the server that keeps a mailbox: one connection, for as long as it holds. Everything here blocks: for a thread.

Mails that wait are those in the folder without a star (\\Flagged) that nobody deleted. Whether they were read is nobody's
business here: people may look into the mailbox with another program meanwhile.
"""

from __future__ import annotations

import logging
import socket
import ssl
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Any, Final, Literal, TypeVar

from chatserver.settings.addresses import Imap

if TYPE_CHECKING:
    from imapclient import IMAPClient

CONNECT_SECONDS: Final = 10.0
COMMAND_SECONDS: Final = 60.0
"""For what a server says next; who is silent for longer is gone."""
WINDOW: Final = 10_000
"""Mails of a folder in one search: its answer is one line, which may not grow for ever."""
DELETE: Final = "delete"
"""The name of no folder: mails that were taken are deleted."""

_WAITING: Final = ["UNDELETED", "UNFLAGGED"]

T = TypeVar("T")

Fault = Literal[
    "away",  # nobody answers, or in no way that we understand
    "tls",  # the other side is not who it should be, or cannot encipher
    "login",  # name or password is not taken
    "folder",  # the folder is not there, or nothing may be changed in it
    "done",  # mails that were taken can neither be moved nor deleted
    "cut",  # the line broke
]


class NotRead(Exception):
    """After it the box is of no more use. Says nothing of the other side's words: they may quote addresses."""

    def __init__(self, fault: Fault) -> None:
        super().__init__(fault)
        self.fault = fault


class Box:
    """One folder. Open with `Box.open`; whatever it does raises NotRead."""

    def __init__(self, client: IMAPClient, folder: str, done: str) -> None:
        self._client = client
        self._folder = folder
        self._done = done
        self._ready = done == DELETE
        self.validity = 0
        """Of the numbers of mails: with another one they are other mails'."""
        self._next: object = None
        """The number of the next mail that comes, as the last look was told."""

    @classmethod
    def open(cls, server: Imap, done: str) -> Box:
        """`done`: the folder for what was taken, or `DELETE`. Raises NotRead."""
        from imapclient import IMAPClient, SocketTimeout  # here, so that a start does not pay for it

        logging.getLogger("imapclient").setLevel(logging.ERROR)  # it tells addresses and whole commands
        client = None
        try:
            trusting = ssl.create_default_context(cafile=server.ca or None) if server.tls != "off" else None
            client = IMAPClient(
                server.host,
                server.port,
                ssl=server.tls == "imaps",
                ssl_context=trusting,
                timeout=SocketTimeout(CONNECT_SECONDS, COMMAND_SECONDS),
            )
            if server.tls == "starttls":
                client.starttls(trusting)
            _sign_in(client, server)
            return cls(client, server.folder, done)
        except Exception as problem:
            if client is not None:
                _hang_up(client)
            raise _at_opening(problem) from problem

    def waiting(self) -> list[int]:
        """The numbers of all mails that wait, the oldest first."""
        found: set[int] = set()
        client = self._client
        chosen = self._asked("folder", lambda: client.select_folder(self._folder))
        self.validity = int(chosen.get(b"UIDVALIDITY", 0))
        self._next = chosen.get(b"UIDNEXT")
        count = int(chosen.get(b"EXISTS", 0))
        for first in range(1, count + 1, WINDOW):
            last = first + WINDOW - 1
            span = f"{first}:{last if last < count else '*'}"
            found.update(self._asked("cut", partial(client.search, [span, *_WAITING])))
        return sorted(found)

    def sizes(self, numbers: list[int]) -> dict[int, int]:
        """In bytes, as the server says; of those that are still there."""
        told = self._asked("cut", lambda: self._client.fetch(numbers, ["RFC822.SIZE"]))
        return {
            number: int(of[b"RFC822.SIZE"])
            for number, of in told.items()
            if number in numbers and b"RFC822.SIZE" in of
        }

    def mail(self, number: int, most: int) -> bytes | None:
        """As it came, of a longer one `most` bytes; None: it is not there any more."""
        told = self._asked("cut", lambda: self._client.fetch([number], [f"BODY.PEEK[]<0.{most}>"]))
        raw = told.get(number, {}).get(b"BODY[]<0>")
        return None if raw is None else bytes(raw)

    def done(self, number: int) -> None:
        """It was taken, and waits no longer. Harmless where somebody else was first."""
        self._asked("done", lambda: self._put_away(number))

    def leave(self, number: int) -> None:
        """It gets a star and stays, for people."""
        self._asked("folder", lambda: self._client.add_flags([number], [rb"\Flagged"], silent=True))

    def wait(self, seconds: float) -> bool:
        """Until the server says that something happened, also since the last look, or so long; whether it did. Where it cannot
        say so at once, whoever calls waits."""
        # What it said with the answer to another command, it does not say again.
        chosen = self._asked("folder", lambda: self._client.select_folder(self._folder))
        return chosen.get(b"UIDNEXT") != self._next or bool(self._asked("cut", partial(self._idle, seconds)))

    def _idle(self, seconds: float) -> list[Any]:
        """What the server said while it was waited for."""
        client = self._client
        client.idle()
        # What came in one packet with the word that it may be waited for was read already: no socket tells of it.
        told = [] if _has_read_more(client) else client.idle_check(timeout=seconds)
        return [*told, *client.idle_done()[1]]

    @property
    def tells(self) -> bool:
        """Whether it says by itself when something comes."""
        return bool(self._asked("cut", lambda: self._client.has_capability("IDLE")))

    def close(self) -> None:
        """Says goodbye, if the other side still listens."""
        with suppress(Exception):
            self._client.logout()
        _hang_up(self._client)

    def cut(self) -> None:
        """At once, also from another thread: whoever waits for an answer there has NotRead."""
        with suppress(OSError, AttributeError):
            self._client.socket().shutdown(socket.SHUT_RDWR)

    def _put_away(self, number: int) -> None:
        if self._done == DELETE:
            self._remove(number)
            return
        if not self._ready:
            if not self._client.folder_exists(self._done):
                self._client.create_folder(self._done)
            self._ready = True
        if self._client.has_capability("MOVE"):
            self._client.move([number], self._done)
        else:
            self._client.copy([number], self._done)
            self._remove(number)

    def _remove(self, number: int) -> None:
        """Where a server can only expunge all that anybody deleted, that is left to people: it waits no longer as it is."""
        self._client.delete_messages([number], silent=True)
        if self._client.has_capability("UIDPLUS"):
            self._client.uid_expunge([number])

    def _asked(self, fault: Fault, do: Callable[[], Any]) -> Any:
        """`fault`: what it means when the server says no."""
        from imaplib import IMAP4

        try:
            return do()
        except IMAP4.readonly as problem:  # which imaplib takes for an end of the line
            raise NotRead("folder") from problem
        except (IMAP4.abort, OSError) as problem:
            raise NotRead("cut") from problem
        except (IMAP4.error, ValueError, TypeError, LookupError) as problem:
            # It says no, or nothing that can be understood.
            raise NotRead(fault) from problem


def _has_read_more(client: IMAPClient) -> bool:
    """Whether there is something of the server's words that nobody asked for yet."""
    line = client.socket()
    before = line.gettimeout()
    line.setblocking(False)
    try:
        return bool(client._imap.file.peek(1))
    except OSError:  # an enciphered line says so that there is nothing
        return False
    finally:
        line.settimeout(before)


def _hang_up(client: IMAPClient) -> None:
    with suppress(Exception):
        client.shutdown()


def _sign_in(client: IMAPClient, server: Imap) -> None:
    if server.user.isascii() and server.password.isascii():
        client.login(server.user, server.password)
    else:  # which LOGIN cannot say
        client.plain_login(server.user, server.password)


def _at_opening(problem: Exception) -> NotRead:
    from imapclient.exceptions import IMAPClientAbortError, LoginError

    if isinstance(problem, ssl.SSLError):
        return NotRead("tls")
    if isinstance(problem, LoginError):
        cut = isinstance(problem.__context__, IMAPClientAbortError)
        return NotRead("away" if cut or "[UNAVAILABLE]" in str(problem) else "login")
    if isinstance(problem, IMAPClientAbortError) and "TLS" in str(problem):
        return NotRead("tls")  # it knows no STARTTLS
    return NotRead("away")
