"""What carries one conversation's frames: a WebSocket (`server/sockets.py`), or its stand-in over HTTP (`fallback.py`)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, Protocol

from chatserver.realtime.frames import Packet

LINE: Final = "chatserver.line"
"""The extension of an ASGI scope under which a WebSocket offers itself as a line, for after it was accepted."""

Heard = Callable[[str | None], None]
"""One whole frame arrived; None for a binary one."""
Told = Callable[[], None]


class Line(Protocol):
    """Everything is called on the event loop, and nothing of it waits."""

    @property
    def address(self) -> str:
        """The peer's network address; empty when it is not known."""

    def open(self, heard: Heard, writable: Told, lost: Told, alive: Told) -> None:
        """Begin. `heard` is never called while paused; `writable` when the line takes more again, after `write` has said no;
        `alive` when the peer answered a `probe`; `lost` exactly once, whoever ended it, and nothing is called after it."""

    def write(self, packet: Packet) -> bool:
        """Hand over a frame. False: it was taken, but the next one should wait for `writable`."""

    def probe(self) -> None:
        """Ask for a sign of life below the frames, where the line has one: `alive` will tell."""

    def pause(self) -> None:
        """Take nothing more from the peer: what it sends waits in its own buffers."""

    def resume(self) -> None:
        """Take frames again. What has arrived already may be heard before this returns."""

    def close(self, code: int) -> None:
        """End in order, after everything that was written; a peer that does not take it in time is cut."""

    def abort(self) -> None:
        """Cut at once, with everything that was not sent."""
