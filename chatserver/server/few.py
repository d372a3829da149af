"""Connections where few are wanted, and each of those matters: a further one takes the place of one that says nothing. Else
whoever holds all of them open in silence keeps out who watches over the process, and it is ended for being dead."""

from __future__ import annotations

import itertools
from asyncio import Transport
from collections import Counter
from typing import Any, Final

from chatserver.server.peers import RequestProtocol

_turn: Final = itertools.count()


class FewProtocol(RequestProtocol):
    """`most`: of all that share a server's state. While each of them waits for its answer, further ones are uvicorn's to refuse
    (`limit_concurrency`)."""

    def __init__(self, most: int, **uvicorns: Any) -> None:
        super().__init__(**uvicorns)
        self._most_open = most
        self._came = next(_turn)

    def connection_made(self, transport: Transport) -> None:  # type: ignore[override]  # uvicorn narrows it too
        super().connection_made(transport)
        if len(self.connections) > self._most_open:
            self._make_room()

    def _make_room(self) -> None:
        """The oldest of the peer that holds most of them goes: a single one is not pushed out by many of somebody else's."""
        silent = [one for one in self.connections if isinstance(one, FewProtocol) and one.is_silent]
        held = Counter(one.peer for one in silent)
        others = (one for one in silent if one is not self)
        gone = max(others, key=lambda one: (held[one.peer], -one._came), default=None)
        if gone is not None:
            self.connections.discard(gone)
            gone.transport.abort()

    @property
    def is_silent(self) -> bool:
        """It has asked for nothing that is not answered."""
        return not self._answering

    @property
    def peer(self) -> str:
        return self.client[0] if self.client else ""
