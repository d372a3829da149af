"""Rendered articles in memory: each version is rendered once, in a thread, and only one at a time."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from chatserver.articles.rendering import Rendered

CACHE_BYTES: Final = 8 * 2**20
"""Some hundreds of articles of a usual length, with what a string costs besides."""


class Renderings:
    """A version never changes: what was made of it is good for ever."""

    def __init__(self) -> None:
        self._made: OrderedDict[tuple[int, int], Rendered] = OrderedDict()
        self._bytes = 0
        self._turn = asyncio.Lock()

    async def of_version(self, article_id: int, number: int, body: str, lang: str) -> Rendered:
        key = (article_id, number)
        if key not in self._made:
            made = await self.of_body(body, lang)
            if key not in self._made:
                self._keep(key, made)
            return made
        self._made.move_to_end(key)
        return self._made[key]

    async def of_body(self, body: str, lang: str) -> Rendered:
        """Of a text that is not published (yet)."""
        # Imported when the first article is asked for: a start does not wait for a Markdown parser.
        from chatserver.articles.rendering import rendered

        async with self._turn:
            return await asyncio.to_thread(rendered, body, lang)

    def _keep(self, key: tuple[int, int], made: Rendered) -> None:
        self._made[key] = made
        self._bytes += _size(made)
        while self._bytes > CACHE_BYTES:
            _, forgotten = self._made.popitem(last=False)
            self._bytes -= _size(forgotten)


def _size(made: Rendered) -> int:
    """In bytes, roughly: most characters of our languages take one, some texts take four."""
    return 2 * (len(made.html) + len(made.plain)) + 1_000
