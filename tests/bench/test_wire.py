"""What the generator puts on the wire, and what it makes of the answers."""

from __future__ import annotations

import asyncio

import msgspec
import pytest
from websockets.frames import Frame, Opcode
from websockets.streams import StreamReader

from bench.ours import OurLanguage
from bench.pairs import ID_DIGITS, TEXT_LENGTH, WORDS, Pair, Refusal
from bench.relays import RelayLanguage, SocketIoLanguage
from bench.sockets import Socket, frame


class Wire(asyncio.Transport):
    def __init__(self) -> None:
        super().__init__()
        self.written = b""

    def write(self, data: bytes | bytearray | memoryview[int]) -> None:
        self.written += data

    def is_closing(self) -> bool:
        return False


def read(data: bytes) -> Frame:
    """One frame, by somebody who knows the protocol."""
    reader = StreamReader()
    reader.feed_data(data)
    steps = Frame.parse(reader.read_exact, mask=True)
    with pytest.raises(StopIteration) as done:
        next(steps)
    result = done.value.value
    assert isinstance(result, Frame)
    return result


@pytest.mark.parametrize("size", [0, 125, 126, 65_535])
def test_frames_are_masked_text_of_any_length(size: int) -> None:
    found = read(frame(b"x" * size))
    assert (found.opcode, found.fin, len(found.data)) == (Opcode.TEXT, True, size)


def heard_by(chunks: list[bytes]) -> tuple[list[bytes], bytes]:
    """What a socket makes of bytes that arrive in these pieces, and what it writes after its handshake."""
    wire = Wire()

    async def hear() -> list[bytes]:
        found: list[bytes] = []
        socket = Socket(b"", found.append)
        socket.connection_made(wire)
        for chunk in chunks:
            socket.data_received(chunk)
        await socket.opened
        return found

    return asyncio.run(hear()), wire.written


def test_frames_are_heard_whole_however_the_bytes_are_cut() -> None:
    large = b"y" * 70_000
    stream = b"HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\n\r\n"
    stream += (
        b"\x81\x02hi" + b"\x81\x7e\x00\x80" + b"x" * 128 + b"\x81\x7f" + (70_000).to_bytes(8, "big") + large
    )
    expected = [b"hi", b"x" * 128, large]
    for size in (1, 7, 4_096, len(stream)):
        found, _ = heard_by([stream[i : i + size] for i in range(0, len(stream), size)])
        assert found == expected


def test_a_ping_is_answered_and_not_heard() -> None:
    found, written = heard_by([b"HTTP/1.1 101 x\r\n\r\n\x89\x02ab\x81\x01c"])
    assert found == [b"c"]
    assert (read(written).opcode, read(written).data) == (Opcode.PONG, b"ab")


def test_a_pairs_message_carries_its_id_wherever_it_belongs() -> None:
    parts = f'{{"type":"say","ticket":7,"cid":"\0","text":"\0{WORDS}"}}'.encode().split(b"\0")
    wire = Wire()

    async def say() -> None:
        socket = Socket(b"", lambda payload: None)
        socket.connection_made(wire)
        Pair(0, socket, socket, tuple(parts)).say(41)

    asyncio.run(say())
    said = msgspec.json.decode(read(wire.written).data)
    assert len(said["cid"]) == ID_DIGITS
    assert int(said["cid"]) == 41
    assert said["text"] == said["cid"] + WORDS
    assert 118 <= len(said["text"]) == TEXT_LENGTH <= 130


def test_our_acks_and_deliveries_are_understood_and_other_frames_are_not_counted() -> None:
    language = OurLanguage()
    cid = f"{41:0{ID_DIGITS}}"
    assert language.acked(b'{"type":"ack","cid":"%s","ticket":7,"seq":9}' % cid.encode()) == (41, 9)
    assert language.acked(b'{"type":"pong","now":1}') is None
    changed = {
        "type": "changed",
        "ticket": 7,
        "items": [
            {"seq": 9, "at": 1, "kind": "message", "by": "customer", "text": cid + WORDS},
            {"seq": 10, "at": 1, "kind": "message", "by": "agent", "text": "Buenas"},
            {"seq": 11, "at": 1, "kind": "assigned", "by": "system"},
        ],
        "patch": {"last": {"text": cid + WORDS}},
    }
    assert list(language.delivered(msgspec.json.encode(changed))) == [(41, 9)]
    # The customer's own copy of a message is no acknowledgement.
    assert language.acked(msgspec.json.encode(changed)) is None


def test_a_refusal_of_ours_is_no_silence() -> None:
    with pytest.raises(Refusal, match="rate_limited"):
        OurLanguage().acked(b'{"type":"error","code":"rate_limited","verb":"say"}')


def test_the_relays_languages_say_the_same() -> None:
    cid = f"{41:0{ID_DIGITS}}".encode()
    relay, events = RelayLanguage(), SocketIoLanguage()
    assert relay.acked(b'{"t":"a","id":"%s","seq":9}' % cid) == (41, 9)
    assert events.acked(b'42["a",{"id":"%s","seq":9}]' % cid) == (41, 9)
    assert list(relay.delivered(b'{"t":"d","id":"%s","seq":9,"text":"x"}' % cid)) == [(41, 9)]
    assert list(events.delivered(b'42["d",{"id":"%s","seq":9,"text":"x"}]' % cid)) == [(41, 9)]
    assert events.acked(b"2") is None
    assert list(relay.delivered(b'{"t":"a","id":"%s","seq":9}' % cid)) == []
