"""Connections in the model's hands: two ordered pipes of frames each, delivered when the model says or after a moment.

A cut is not an event that both ends see: each end learns of it later, or never, and then only its own heartbeat tells.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Final, Literal, NamedTuple, Protocol

from tests.model.loop import VirtualLoop

LATENCY: Final = 0.02
"""Seconds one way, for what flows by itself."""
WINDOW: Final = 6
"""Frames that the kernel takes for a peer that does not read: few, so that the waiting behind them is tested too."""
CLOSE_SECONDS: Final = 3.0
GONE: Final = 1006
"""What an end is told that lost its connection without a word."""


class Item(NamedTuple):
    kind: Literal["dial", "open", "text", "bye"]
    text: str = ""
    code: int = 0


class Pipe:
    """One direction. `take` is handed what arrives, in order, several frames at once when they arrive together."""

    def __init__(self, loop: VirtualLoop, take: Callable[[list[Item]], None]) -> None:
        self._loop = loop
        self._take = take
        self._items: deque[Item] = deque()
        self._armed = False
        self.held = False
        """Nothing arrives by itself."""
        self.broken = False
        """Nothing arrives any more, whatever is put in."""

    def __len__(self) -> int:
        return len(self._items)

    def put(self, item: Item) -> None:
        self._items.append(item)
        self._arm()

    def deliver(self, count: int | None = None) -> None:
        """The first `count` arrive now; all without it."""
        if self.broken:
            return
        count = len(self._items) if count is None else min(count, len(self._items))
        if count:
            self._take([self._items.popleft() for _ in range(count)])

    def hold(self) -> None:
        self.held = True

    def flow(self) -> None:
        self.held = False
        self._arm()

    def lose(self) -> None:
        """What is on its way never arrives, and nothing that follows."""
        self.broken = True

    def clear(self) -> None:
        self._items.clear()

    def _arm(self) -> None:
        if self._items and not (self.held or self.broken or self._armed):
            self._armed = True
            self._loop.call_later(LATENCY, self._flush)

    def _flush(self) -> None:
        self._armed = False
        if not self.held:
            self.deliver()


class ClientEnd(Protocol):
    """Who dialled."""

    def opened(self, link: Link) -> None: ...

    def heard(self, link: Link, texts: list[str]) -> None: ...

    def over(self, link: Link, code: int) -> None: ...


class ServerEnd(Protocol):
    """One accepted connection at the server."""

    def heard(self, text: str) -> None: ...

    def left(self) -> None:
        """After what was heard: the client hung up."""

    def writable(self) -> None: ...

    def lost(self) -> None:
        """There is no connection any more."""


Accept = Callable[["Link"], ServerEnd | None]
"""The server takes a connection; None: nobody listens."""


class Link:
    """One connection, from the client's dialling to the moment when both ends know that it is over."""

    def __init__(self, loop: VirtualLoop, name: str, path: str, client: ClientEnd, accept: Accept) -> None:
        self.name = name
        self.path = path
        self._loop = loop
        self._client: ClientEnd | None = client
        self._accept = accept
        self._server: ServerEnd | None = None
        self._full = False
        """The server was told to wait."""
        self.pressed = False
        """It did not wait."""
        self.up = Pipe(loop, self._arrives_at_server)
        self.down = Pipe(loop, self._arrives_at_client)
        self.up.put(Item("dial"))

    @property
    def over(self) -> bool:
        """Neither end has it any more."""
        return self._client is None and self._server is None

    @property
    def half_open(self) -> bool:
        """One end still believes in it."""
        return (self._client is None) != (self._server is None) or (
            self._client is not None and (self.up.broken or self.down.broken)
        )

    @property
    def busy(self) -> bool:
        """Something is on its way to somebody who is there."""
        return bool((self._server and len(self.up)) or (self._client and len(self.down)))

    # — the client's end ———————————————————————————————————————————————————————

    def client_says(self, text: str) -> None:
        self.up.put(Item("text", text))

    def client_leaves(self, code: int) -> None:
        """Hung up: this end hears nothing more. The other end learns of it if the line still carries that."""
        if self._client is not None:
            self._client = None
            self.up.put(Item("bye", code=code))

    def client_learns(self) -> None:
        """This end is told that the line is gone."""
        client, self._client = self._client, None
        if client is not None:
            client.over(self, GONE)

    def _arrives_at_client(self, items: list[Item]) -> None:
        texts: list[str] = []
        for item in items:
            if self._client is None:
                break
            if item.kind == "text":
                texts.append(item.text)
                continue
            if texts:
                self._client.heard(self, texts)
                texts = []
            if item.kind == "open":
                self._client.opened(self)
            else:
                self._client_over(item.code)
        if texts and self._client is not None:
            self._client.heard(self, texts)
        if self._server is not None and self._full and len(self.down) < WINDOW:
            self._full = False
            self._server.writable()

    def _client_over(self, code: int) -> None:
        client, self._client = self._client, None
        self.up.put(Item("bye", code=code))
        if client is not None:
            client.over(self, code)

    # — the server's end ———————————————————————————————————————————————————————

    def server_says(self, text: str) -> bool:
        """False: taken, but there is no room for more until `writable`."""
        self.pressed = self.pressed or self._full
        self.down.put(Item("text", text))
        self._full = len(self.down) >= WINDOW
        return not self._full

    def server_leaves(self, code: int) -> None:
        """After everything said before, goodbye. A client that does not answer is cut."""
        self.down.put(Item("bye", code=code))
        self._loop.call_later(CLOSE_SECONDS, self.server_learns)

    def server_dies(self, delivered: int, *, told: bool) -> None:
        """The process is killed. Of what it had sent `delivered` frames still arrive; `told`: then the client learns of it."""
        self._server = None
        self.up.clear()
        self.up.lose()
        self.down.deliver(delivered)
        self.down.clear()
        if told:
            self._tell_client_of_the_end()
        else:
            self.down.lose()

    def server_cuts(self) -> None:
        """Without a goodbye."""
        self.server_learns()
        self.down.clear()
        self._tell_client_of_the_end()

    def server_learns(self) -> None:
        """This end is told that the line is gone."""
        server, self._server = self._server, None
        if server is not None:
            server.lost()

    def _tell_client_of_the_end(self) -> None:
        self.down.flow()
        self.down.put(Item("bye", code=GONE))

    def _arrives_at_server(self, items: list[Item]) -> None:
        for item in items:
            if item.kind == "dial":
                self._dialled()
            elif self._server is None:
                return
            elif item.kind == "text":
                self._server.heard(item.text)
            else:
                self._server.left()

    def _dialled(self) -> None:
        self._server = self._accept(self)
        if self._server is None:
            self._tell_client_of_the_end()

    def accepted(self) -> None:
        self.down.put(Item("open"))

    # — the model's hands ——————————————————————————————————————————————————————

    def cut(self, up: int, down: int, client: float | None, server: float | None) -> None:
        """So many frames still arrive, nothing after them. Each end learns of it after so many seconds; None: never."""
        self.up.deliver(up)
        self.down.deliver(down)
        self.up.lose()
        self.down.lose()
        if client is not None:
            self._loop.call_later(client, self.client_learns)
        if server is not None:
            self._loop.call_later(server, self.server_learns)


class Network:
    """All connections of a run."""

    def __init__(self, loop: VirtualLoop, accept: Accept) -> None:
        self._loop = loop
        self._accept = accept
        self.links: list[Link] = []

    def dial(self, name: str, path: str, client: ClientEnd) -> Link:
        self.links = [link for link in self.links if not link.over]
        link = Link(self._loop, name, path, client, self._accept)
        self.links.append(link)
        return link

    def alive(self) -> list[Link]:
        """At least one end has it; when there is none, an old one."""
        return [link for link in self.links if not link.over] or self.links

    def heal(self) -> None:
        for link in self.links:
            link.up.flow()
            link.down.flow()
