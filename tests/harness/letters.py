"""Mails that were asked for, kept instead of sent."""

from __future__ import annotations

from urllib.parse import parse_qs, urlsplit

from chatserver.services.letters import Letter


class Mailbox:
    """Everybody's. `sends`: whether there is a mail server."""

    def __init__(self, *, sends: bool = True) -> None:
        self.letters: list[Letter] = []
        self._sends = sends

    def sends(self, app_id: int) -> bool:
        return self._sends

    async def ask(self, letter: Letter) -> None:
        self.letters.append(letter)

    def to(self, address: str) -> list[Letter]:
        return [letter for letter in self.letters if letter.address == address]

    def link(self, address: str) -> str:
        """The one in the latest mail to this address."""
        return self.to(address)[-1].link

    def token(self, address: str) -> str:
        """Of that link."""
        return parse_qs(urlsplit(self.link(address)).query)["t"][0]
