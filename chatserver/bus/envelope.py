"""What nodes say to each other, as msgpack. Fields may be added: who does not know them does not see them.

`VERSION` grows when a node of before could misunderstand; a message of another version than one's own is ignored.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Annotated, Final, NamedTuple

import msgspec
from msgspec import Raw, Struct

from chatserver.bus.interest import BUCKETS
from chatserver.core.events import Event

VERSION: Final = 1
Bucket = Annotated[int, msgspec.Meta(ge=0, lt=BUCKETS)]


class NotUnderstood(Exception):
    """Foreign, broken, or of another version."""


class Batch(Struct, frozen=True, array_like=True, gc=False):
    """What one node says to another at the end of a turn. `number` counts the batches from the one to the other."""

    v: int
    node: str
    number: int
    hints: list[Raw]


class Hint(Struct, frozen=True, array_like=True, gc=False):
    topics: list[str]
    event: Event


class _WholeBatch(Struct, frozen=True, array_like=True, gc=False):
    v: int
    node: str
    number: int
    hints: list[Hint]


class State(Struct, frozen=True, tag=True):
    """All that a node listens to (`interest.Bits`): in Redis, under the node's key."""

    v: int
    node: str
    version: int
    bits: bytes


class Delta(Struct, frozen=True, tag=True):
    """What changed with this version of a node's interest: to everybody, and behind its `State`."""

    v: int
    node: str
    version: int
    on: list[Bucket]
    off: list[Bucket]


class Beat(Struct, frozen=True, tag=True):
    """A sign of life to everybody, each second. `said`: the number of the last batch to each other node: who has another one
    missed something. `version`: that of the node's interest. `again`: it has just come and wants to hear the same of others.
    `serves`: it is a node, and not only what does what is due beside them."""

    v: int
    node: str
    version: int
    said: dict[str, int]
    again: bool = False
    serves: bool = True


class Bye(Struct, frozen=True, tag=True):
    """The node ends and wants no more hints."""

    v: int
    node: str


Announcement = State | Delta | Beat | Bye


class Said(NamedTuple):
    """A batch as it was heard. `strange`: how many of its events could not be read."""

    node: str
    number: int
    hints: list[Hint]
    strange: int


_encoder: Final = msgspec.msgpack.Encoder()
_batch: Final = msgspec.msgpack.Decoder(Batch)
_whole_batch: Final = msgspec.msgpack.Decoder(_WholeBatch)
_hint: Final = msgspec.msgpack.Decoder(Hint)
_announcement: Final = msgspec.msgpack.Decoder(Announcement)


def hint(event: Event, topics: Sequence[str]) -> bytes:
    """Encoded once, however many nodes are told."""
    return _encoder.encode((topics, event))


def batch(node: str, number: int, hints: list[bytes]) -> bytes:
    """Of what `hint` encoded."""
    return _encoder.encode(Batch(VERSION, node, number, list(map(Raw, hints))))


def read_batch(data: bytes) -> Said:
    """One event that cannot be read (another version has events of its own) does not spoil the others."""
    try:
        whole = _whole_batch.decode(data)
    except (msgspec.DecodeError, RecursionError):
        return _piecemeal(data)
    _check(whole.v)
    return Said(whole.node, whole.number, whole.hints, 0)


def announcement(said: Announcement) -> bytes:
    return _encoder.encode(said)


def read_announcement(data: bytes) -> Announcement:
    try:
        said: Announcement = _announcement.decode(data)
    except (msgspec.DecodeError, RecursionError):
        raise NotUnderstood from None
    _check(said.v)
    return said


def _piecemeal(data: bytes) -> Said:
    try:
        parts = _batch.decode(data)
    except (msgspec.DecodeError, RecursionError):
        raise NotUnderstood from None
    _check(parts.v)
    hints = list(_readable(parts.hints))
    return Said(parts.node, parts.number, hints, len(parts.hints) - len(hints))


def _readable(hints: list[Raw]) -> Iterator[Hint]:
    for raw in hints:
        try:
            yield _hint.decode(raw)
        except (msgspec.DecodeError, RecursionError):
            continue


def _check(version: int) -> None:
    if version != VERSION:
        raise NotUnderstood
