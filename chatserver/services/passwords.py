"""Passwords: argon2id, away from the event loop, few at a time."""

from __future__ import annotations

import asyncio
from functools import cached_property
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from argon2 import PasswordHasher

AT_ONCE: Final = 2
"""A hash takes 19 MiB and some 40 ms of a core: more at once would stand in the way of the messages."""

# Of a random password that nobody has: checking an unknown agent takes as long as checking a known one.
_NOBODYS: Final = (
    "$argon2id$v=19$m=19456,t=2,p=1$3uqvF/6fhKXrDVsX90G0kQ$JmY7Ei9506TG70tgIc/VnofQ3oXXZ7vP5KePGmZ+aWo"
)


class Passwords:
    def __init__(self) -> None:
        self._turn = asyncio.Semaphore(AT_ONCE)

    @cached_property
    def _hasher(self) -> PasswordHasher:
        # Imported when somebody signs in: the server answers sooner after its start.
        from argon2 import PasswordHasher

        return PasswordHasher(time_cost=2, memory_cost=19_456, parallelism=1)

    async def hash(self, password: str) -> str:
        async with self._turn:
            return await asyncio.to_thread(self._hasher.hash, password)

    async def verify(self, hashed: str | None, password: str) -> bool:
        """None for `hashed`: nobody has this address. That takes the same time, and is never right."""
        async with self._turn:
            right = await asyncio.to_thread(self._matches, hashed or _NOBODYS, password)
        return right and hashed is not None

    def _matches(self, hashed: str, password: str) -> bool:
        from argon2.exceptions import InvalidHashError, VerificationError

        try:
            return self._hasher.verify(hashed, password)
        except (VerificationError, InvalidHashError):
            return False

    def is_dated(self, hashed: str) -> bool:
        """Made with other parameters than today's."""
        return self._hasher.check_needs_rehash(hashed)
