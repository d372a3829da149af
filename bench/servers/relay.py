"""What every relay does between two sockets: parse, number, encode the ack and the delivery."""

from __future__ import annotations

from typing import Generic, TypeVar

import msgspec

Socket = TypeVar("Socket")


class Hello(msgspec.Struct):
    """The first frame: whose socket this is."""

    role: str
    pair: int


class Said(msgspec.Struct, tag_field="t", tag="m"):
    id: str
    text: str


class Ack(msgspec.Struct, tag_field="t", tag="a"):
    id: str
    seq: int


class Delivery(msgspec.Struct, tag_field="t", tag="d"):
    id: str
    seq: int
    text: str


_hello = msgspec.json.Decoder(Hello)
_said = msgspec.json.Decoder(Said)
_encode = msgspec.json.Encoder().encode


class Relay(Generic[Socket]):
    """Agents' sockets by pair, and each pair's last number."""

    def __init__(self) -> None:
        self.agents: dict[int, Socket] = {}
        self._last: dict[int, int] = {}

    def enter(self, socket: Socket, frame: bytes | str) -> int:
        hello = _hello.decode(frame)
        if hello.role == "agent":
            self.agents[hello.pair] = socket
        return hello.pair

    def heard(self, pair: int, frame: bytes | str) -> tuple[bytes, bytes]:
        """Ack and delivery."""
        said, seq = self.take(pair, frame)
        return self.answers(said, seq)

    def take(self, pair: int, frame: bytes | str) -> tuple[Said, int]:
        """A message with its number."""
        said = _said.decode(frame)
        seq = self._last[pair] = self._last.get(pair, 0) + 1
        return said, seq

    @staticmethod
    def answers(said: Said, seq: int) -> tuple[bytes, bytes]:
        return _encode(Ack(said.id, seq)), _encode(Delivery(said.id, seq, said.text))
