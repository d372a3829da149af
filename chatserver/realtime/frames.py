"""Text to frame and back. Nothing of what a decoder says about hostile input leaves the server: only fixed codes."""

from __future__ import annotations

from struct import Struct
from typing import Any, Final, Generic, TypeVar, cast, get_args

import msgspec

from chatserver.core.errors import Refused, WireCode
from chatserver.realtime.wire import Error, Frame

F = TypeVar("F")

INT_MAX: Final = 2**53 - 1
_encode = msgspec.json.Encoder().encode


class Packet(msgspec.Struct, frozen=True, gc=False):
    """A frame ready to be sent. Encoded once, shared by all lines that carry it."""

    wire: bytes
    """The one WebSocket text frame (RFC 6455, 5.2: whole, unmasked) that it is for every socket."""
    head: int
    """So many bytes of it come before the payload."""

    @property
    def body(self) -> bytes:
        """The payload alone: JSON on one line."""
        return self.wire[self.head :]

    @property
    def size(self) -> int:
        return len(self.wire)


_SHORT: Final = tuple(bytes((0x81, size)) for size in range(126))
"""The head of a frame by the size of its payload. Built, not formatted: three of them are a message's share."""
_medium = Struct(">BBH").pack


def pack(frame: Frame) -> Packet:
    return packed(_encode(frame))


def packed(body: bytes) -> Packet:
    size = len(body)
    if size < 126:
        return Packet(_SHORT[size] + body, 2)
    if size < 65_536:
        return Packet(_medium(0x81, 126, size) + body, 4)
    return Packet(b"\x81\x7f" + size.to_bytes(8, "big") + body, 10)


class Head(msgspec.Struct):
    """As much of a frame as can be read when the rest cannot: to say which frame an error answers."""

    type: Any = None
    v: Any = None
    cid: Any = None
    ticket: Any = None


_head = msgspec.json.Decoder(Head)


def head(text: str) -> Head | None:
    """None for what is no JSON object."""
    try:
        return _head.decode(text)
    except (msgspec.MsgspecError, RecursionError, UnicodeError):
        return None


def error(refused: Refused, verb: str = "", cid: str = "", ticket: int = 0) -> Error:
    """A refusal as a frame."""
    return Error(
        code=cast(WireCode, refused.code),  # nothing behind a frame refuses with a page's code
        verb=verb,
        cid=cid,
        ticket=ticket,
        limit=refused.limit or 0,
        retry_after=round(refused.retry_after or 0, 3),
        next_at=refused.next_at or 0,
        fields=dict(refused.fields),
    )


def error_for(frame: Frame, refused: Refused) -> Error:
    return error(refused, type_of(frame), getattr(frame, "cid", ""), getattr(frame, "ticket", 0))


def type_of(frame: Frame) -> str:
    return str(frame.__struct_config__.tag)


class Frames(Generic[F]):
    """Reads one audience's frames. `union`: the wire's union of them."""

    def __init__(self, union: Any) -> None:
        self._decoder: msgspec.json.Decoder[F] = msgspec.json.Decoder(union)
        self._types = {str(struct.__struct_config__.tag) for struct in get_args(union)}

    def decode(self, text: str) -> F | Error:
        """The frame, or the error (bad_frame, unknown_type) that answers it."""
        try:
            return self._decoder.decode(text)
        except (msgspec.MsgspecError, RecursionError, UnicodeError):
            # UnicodeError: half of a surrogate pair has no UTF-8.
            return self._error(head(text))

    def _error(self, found: Head | None) -> Error:
        if found is None or not isinstance(found.type, str):
            return Error("bad_frame")
        if found.type not in self._types:
            return Error("unknown_type")
        ours = type(found.ticket) is int and 0 < found.ticket <= INT_MAX
        cid = found.cid if isinstance(found.cid, str) and len(found.cid) == 22 else ""
        return Error("bad_frame", verb=found.type, cid=cid, ticket=found.ticket if ours else 0)
