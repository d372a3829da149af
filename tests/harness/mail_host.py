"""A mail host as the operator has one: brings mails by LMTP or SMTP, hears an answer for each recipient."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self


class HungUp(Exception):
    """The other side closed, or says that it will."""


class MailHost:
    """One session: `async with MailHost(port) as host`. By default LMTP; `where` is a port of this machine or a Unix socket."""

    def __init__(self, where: int | Path, *, lmtp: bool = True) -> None:
        self._where = where
        self._lmtp = lmtp

    async def __aenter__(self) -> Self:
        if isinstance(self._where, int):
            self._reader, self._writer = await asyncio.open_connection("127.0.0.1", self._where)
        else:
            self._reader, self._writer = await asyncio.open_unix_connection(self._where)
        try:
            self.greeting = await self.answer()
            if self.greeting.startswith("4"):
                raise HungUp(self.greeting)
            self.hello = await self.say("LHLO mx.example" if self._lmtp else "EHLO mx.example")
        except BaseException:
            self._writer.close()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._writer.close()
        with suppress(OSError):
            await self._writer.wait_closed()

    async def say(self, command: str) -> str:
        self._writer.write(command.encode() + b"\r\n")
        await self._writer.drain()
        return await self.answer()

    async def answer(self) -> str:
        """All lines of one."""
        lines = []
        while True:
            line = (await self._reader.readline()).decode()
            if not line.endswith("\n"):
                raise HungUp("without a word")
            lines.append(line.rstrip())
            if line[3:4] != "-":
                return "\n".join(lines)

    async def send(self, raw: bytes) -> None:
        """A mail's bytes and the end of them."""
        text = raw.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")
        if text.startswith(b"."):
            text = b"." + text
        self._writer.write(text.replace(b"\r\n.", b"\r\n..").removesuffix(b"\r\n") + b"\r\n.\r\n")
        await self._writer.drain()

    async def bring(self, raw: bytes, sender: str, *recipients: str) -> list[str]:
        """One answer for each recipient. Raises HungUp when there was none."""
        first = await self.say(f"MAIL FROM:<{sender}> SIZE={len(raw)}")
        if not first.startswith("250"):
            return [first] * len(recipients)
        answers = {one: await self.say(f"RCPT TO:<{one}>") for one in recipients}
        good = [one for one in recipients if answers[one].startswith("250")]
        if not good:
            return list(answers.values())
        begin = await self.say("DATA")
        if not begin.startswith("354"):
            raise HungUp(begin)
        await self.send(raw)
        for one in good if self._lmtp else good[:1]:
            answers[one] = await self.answer()
        if not self._lmtp:
            answers |= dict.fromkeys(good, answers[good[0]])
        return [answers[one] for one in recipients]
