"""The WebSocket protocol (RFC 6455) byte by byte, against an echo on the server's own protocol class.

The cases are those of the Autobahn suite's sections 1 to 7; `tests/faults/test_autobahn.py` runs the suite itself.
"""

from __future__ import annotations

import contextlib
import random
from collections.abc import AsyncIterator, Iterable

import pytest

from chatserver.realtime.wire import MAX_FRAME_BYTES
from tests.realtime.echo import echoing
from tests.security.raw import (
    BINARY,
    CLOSE,
    CONTINUATION,
    PING,
    PONG,
    TEXT,
    Heard,
    Raw,
    close_frame,
    frame,
    raw,
)

MASK = b"\xa5\x3c\x00\xff"
BYE = close_frame(1000)


@pytest.fixture(scope="module")
async def port() -> AsyncIterator[int]:
    async with echoing() as port:
        yield port


async def talk(port: int, wire: bytes, expected: list[Heard], *, pieces: Iterable[bytes] = ()) -> None:
    """Send this (at once, or in these pieces); exactly the expected comes back, and then the goodbye to ours."""
    async with raw(port) as peer:
        assert b" 101 " in await peer.upgrade("/")
        await send(peer, wire, pieces)
        heard = [await peer.read_frame() for _ in expected]
        # Pongs are the protocol's, echoes an application's: each kind in its order.
        for pong in (True, False):
            assert [one for one in heard if (one and one.opcode == PONG) == pong] == [
                one for one in expected if (one.opcode == PONG) == pong
            ]
        peer.writer.write(BYE)
        assert await peer.read_frames() == [Heard(CLOSE, b"\x03\xe8")]


async def fail(port: int, bad: bytes, *codes: int, pieces: Iterable[bytes] = ()) -> None:
    """Send a good message and this; the connection ends with one of the codes, and the message may have come back before.
    (The echo is an application's: it may find the connection closed already.)"""
    async with raw(port) as peer:
        assert b" 101 " in await peer.upgrade("/")
        await send(peer, frame(TEXT, b"bien") + bad + frame(TEXT, b"tarde"), pieces)
        heard = await peer.read_frames()
    assert heard, "the connection ended without a close frame"
    assert heard[-1].code in codes
    assert heard[:-1] in ([], echo(b"bien"))


async def send(peer: Raw, wire: bytes, pieces: Iterable[bytes]) -> None:
    for piece in pieces or [wire]:
        peer.writer.write(piece)
        with contextlib.suppress(ConnectionError):  # closed in mid-sentence
            await peer.writer.drain()


def echo(*texts: bytes) -> list[Heard]:
    return [Heard(TEXT, text) for text in texts]


def singly(data: bytes) -> list[bytes]:
    return [data[i : i + 1] for i in range(len(data))]


# — 1: whole frames of every size ———————————————————————————————————————————————


@pytest.mark.parametrize("size", [0, 1, 125, 126, 127, 128, 4_090, 4_096, 65_535, MAX_FRAME_BYTES])
@pytest.mark.parametrize("mask", [b"\0\0\0\0", MASK], ids=["no mask to speak of", "masked"])
async def test_a_message_of_any_size_comes_back(port: int, size: int, mask: bytes) -> None:
    text = ("ñandú " * (size // 7 + 1)).encode()[:size].decode(errors="ignore").encode().ljust(size, b".")
    await talk(port, frame(TEXT, text, mask=mask), echo(text))


@pytest.mark.parametrize("size", [0, 126, 65_535])
async def test_a_binary_message_is_taken_as_such(port: int, size: int) -> None:
    wire = frame(BINARY, b"\xfe" * size) + frame(TEXT, b"texto")
    await talk(port, wire, echo(b"binary", b"texto"))


@pytest.mark.parametrize("cut", range(1, 12))
async def test_a_frame_may_be_cut_anywhere(port: int, cut: int) -> None:
    wire = frame(TEXT, "añ".encode() + b"!", mask=MASK)
    assert len(wire) == 10
    both = wire + frame(TEXT, b"2", mask=MASK)
    await talk(port, b"", echo("añ!".encode(), b"2"), pieces=[both[:cut], both[cut:]])


@pytest.mark.parametrize("size", [126, 65_536])
async def test_the_long_lengths_may_be_cut_too(port: int, size: int) -> None:
    wire = frame(TEXT, b"x" * size, mask=MASK)
    pieces = [*singly(wire[:16]), wire[16:-1], wire[-1:]]
    await talk(port, b"", echo(b"x" * size), pieces=pieces)


async def test_many_frames_in_one_segment_are_answered_in_order(port: int) -> None:
    texts = [f"{n} á".encode() * (n % 40) for n in range(500)]
    wire = b"".join(frame(TEXT, text, mask=MASK) for text in texts)
    await talk(port, wire, echo(*texts))


async def test_one_byte_at_a_time_is_slow_but_good(port: int) -> None:
    wire = b"".join(
        [
            frame(TEXT, b"uno", mask=MASK),
            frame(TEXT, b"d", fin=False),
            frame(PING, b"?"),
            frame(CONTINUATION, b"os"),
            frame(TEXT, b"tres"),
        ]
    )
    await talk(port, b"", [Heard(PONG, b"?"), *echo(b"uno", b"dos", b"tres")], pieces=singly(wire))


@pytest.mark.parametrize(
    "wire",
    [
        frame(TEXT, b"x" * (MAX_FRAME_BYTES + 1)),
        frame(TEXT, b"x" * 40_000, fin=False) + frame(CONTINUATION, b"x" * (MAX_FRAME_BYTES - 39_999)),
        b"\x81\xff" + (2**62).to_bytes(8, "big") + MASK,
    ],
    ids=["whole", "in fragments", "only announced"],
)
async def test_a_message_over_the_limit_is_refused(port: int, wire: bytes) -> None:
    await fail(port, wire, 1009)


async def test_a_length_that_is_none_ends_the_connection(port: int) -> None:
    await fail(port, b"\x81\xff" + b"\xff" * 8 + MASK, 1002, 1009)


@pytest.mark.parametrize("opcode", [TEXT, BINARY, PING, CLOSE])
async def test_a_frame_without_a_mask_is_an_error(port: int, opcode: int) -> None:
    await fail(port, frame(opcode, mask=None), 1002)


# — 2: pings and pongs —————————————————————————————————————————————————————————


@pytest.mark.parametrize("data", [b"", b"hola", b"\x00\xff\xfe\xfd", b"\xfe" * 125])
async def test_a_ping_is_answered_with_its_own_data(port: int, data: bytes) -> None:
    await talk(port, frame(PING, data, mask=MASK), [Heard(PONG, data)])


async def test_ten_pings_are_ten_pongs_in_order(port: int) -> None:
    pings = [b"ping %d" % n for n in range(10)]
    wire = b"".join(frame(PING, data) for data in pings)
    pongs = [Heard(PONG, data) for data in pings]
    await talk(port, wire, pongs)
    await talk(port, b"", pongs, pieces=singly(wire))


async def test_a_pong_that_nobody_asked_for_is_ignored(port: int) -> None:
    wire = frame(PONG) + frame(PONG, b"nadie") + frame(PING, b"yo") + frame(PONG, b"nadie")
    await talk(port, wire, [Heard(PONG, b"yo")])


@pytest.mark.parametrize("opcode", [PING, PONG])
async def test_a_control_frame_over_125_bytes_is_an_error(port: int, opcode: int) -> None:
    await fail(port, frame(opcode, b"x" * 126), 1002)


# — 3 and 4: what is reserved ———————————————————————————————————————————————————


@pytest.mark.parametrize("rsv", range(1, 8))
@pytest.mark.parametrize("opcode", [TEXT, BINARY, PING, CLOSE])
async def test_reserved_bits_are_an_error(port: int, rsv: int, opcode: int) -> None:
    await fail(port, frame(opcode, b"", rsv=rsv), 1002)


@pytest.mark.parametrize("opcode", [3, 4, 5, 6, 7, 11, 12, 13, 14, 15])
async def test_reserved_opcodes_are_an_error(port: int, opcode: int) -> None:
    await fail(port, frame(opcode, b"x"), 1002)


# — 5: fragments ———————————————————————————————————————————————————————————————

GOOD_FRAGMENTS: dict[str, tuple[list[bytes], list[Heard]]] = {
    "two": ([frame(TEXT, b"ho", fin=False), frame(CONTINUATION, b"la")], echo(b"hola")),
    "empty ones": (
        [frame(TEXT, fin=False), frame(CONTINUATION, fin=False), frame(CONTINUATION)],
        echo(b""),
    ),
    "empty around a full one": (
        [frame(TEXT, fin=False), frame(CONTINUATION, b"hola", fin=False), frame(CONTINUATION)],
        echo(b"hola"),
    ),
    "a ping in between": (
        [frame(TEXT, b"ho", fin=False), frame(PING, b"?"), frame(CONTINUATION, b"la")],
        [Heard(PONG, b"?"), *echo(b"hola")],
    ),
    "a whole one, fragments, a whole one": (
        [frame(TEXT, b"1"), frame(TEXT, b"2", fin=False), frame(CONTINUATION, b"2"), frame(TEXT, b"3")],
        echo(b"1", b"22", b"3"),
    ),
    "five with two pings, twice": (
        [
            frame(TEXT, b"f1", fin=False),
            frame(CONTINUATION, b"f2", fin=False),
            frame(PING, b"p1"),
            frame(CONTINUATION, b"f3", fin=False),
            frame(CONTINUATION, b"f4", fin=False),
            frame(PING, b"p2"),
            frame(CONTINUATION, b"f5"),
        ]
        * 2,
        [Heard(PONG, b"p1"), Heard(PONG, b"p2"), *echo(b"f1f2f3f4f5")] * 2,
    ),
    "a character cut in the middle": (
        [frame(TEXT, "ñ€".encode()[:1], fin=False), frame(CONTINUATION, "ñ€".encode()[1:])],
        echo("ñ€".encode()),
    ),
}


@pytest.mark.parametrize("bytewise", [False, True], ids=["at once", "byte by byte"])
@pytest.mark.parametrize("case", GOOD_FRAGMENTS)
async def test_fragments_are_one_message(port: int, case: str, bytewise: bool) -> None:
    frames, expected = GOOD_FRAGMENTS[case]
    wire = b"".join(frames)
    await talk(port, wire, expected, pieces=singly(wire) if bytewise else ())


BAD_FRAGMENTS: dict[str, list[bytes]] = {
    "a ping in fragments": [frame(PING, b"?", fin=False), frame(CONTINUATION, b"?")],
    "a pong in fragments": [frame(PONG, b"?", fin=False), frame(CONTINUATION, b"?")],
    "a close in fragments": [frame(CLOSE, fin=False), frame(CONTINUATION)],
    "a continuation of nothing": [frame(CONTINUATION, b"x")],
    "an unfinished continuation of nothing": [frame(CONTINUATION, b"x", fin=False), frame(TEXT, b"y")],
    "a second beginning": [frame(TEXT, b"x", fin=False), frame(TEXT, b"y")],
    "a whole message within another": [frame(TEXT, b"x", fin=False), frame(BINARY, b"y")],
    "a second beginning after empty pieces": [
        frame(TEXT, fin=False),
        frame(CONTINUATION, fin=False),
        frame(TEXT, b"x", fin=False),
    ],
}


@pytest.mark.parametrize("case", BAD_FRAGMENTS)
async def test_fragments_that_are_none_end_the_connection(port: int, case: str) -> None:
    await fail(port, b"".join(BAD_FRAGMENTS[case]), 1002)


async def test_any_mixture_of_frames_in_any_pieces_comes_back_in_order(port: int) -> None:
    for seed in range(40):
        dice = random.Random(seed)
        wire, expected = mixture(dice)
        cuts = sorted(dice.randrange(len(wire) + 1) for _ in range(dice.choice([0, 1, 5, 40])))
        pieces = [wire[a:b] for a, b in zip([0, *cuts], [*cuts, len(wire)], strict=True)]
        await talk(port, b"", expected, pieces=pieces)


def mixture(dice: random.Random) -> tuple[bytes, list[Heard]]:
    """Messages whole and in fragments, with pings before, within and after them; and what has to come back."""
    wire: list[bytes] = []
    expected: list[Heard] = []

    def ping() -> None:
        if dice.random() < 0.3:
            data = dice.randbytes(dice.choice([0, 4, 125]))
            wire.append(frame(PING, data, mask=dice.randbytes(4)))
            expected.append(Heard(PONG, data))

    for _ in range(dice.randrange(1, 30)):
        text = ("á€😀x" * dice.choice([0, 1, 12, 13, 40, 700])).encode()
        cuts = sorted(dice.randrange(len(text) + 1) for _ in range(dice.choice([0, 0, 0, 1, 3])))
        parts = [text[a:b] for a, b in zip([0, *cuts], [*cuts, len(text)], strict=True)]
        for number, part in enumerate(parts):
            ping()
            opcode = CONTINUATION if number else TEXT
            wire.append(frame(opcode, part, fin=number == len(parts) - 1, mask=dice.randbytes(4)))
        expected += echo(text)
    ping()
    return b"".join(wire), expected


# — 6: UTF-8 ———————————————————————————————————————————————————————————————————

VALID = [
    "Hello-µ@ßöäüàá-UTF-8!!",
    "κόσμε",
    "\x00",
    "\x7f\x80߿ࠀ￿\U00010000\U0010ffff",
    "\ud7ff\ue000\ufffd\ufdd0\ufffe\U0001fffe\U0010fffe",
]
INVALID = {
    "a stray byte": b"\xff",
    "a continuation byte alone": b"\x80",
    "continuation bytes alone": b"\x80\xbf\x80\xbf",
    "a lead byte at the end": b"hola\xc3",
    "a lead byte and a space": b"\xc3 \xc4 ",
    "three bytes without the last": b"\xe2\x82",
    "four bytes without the last": b"\xf0\x9f\x98",
    "an overlong slash": b"\xc0\xaf",
    "an overlong slash in three": b"\xe0\x80\xaf",
    "an overlong slash in four": b"\xf0\x80\x80\xaf",
    "an overlong zero": b"\xc0\x80",
    "half a surrogate pair": b"\xed\xa0\x80",
    "a surrogate pair": b"\xed\xa0\x80\xed\xb0\x80",
    "beyond the last": b"\xf4\x90\x80\x80",
    "five bytes": b"\xf8\x88\x80\x80\x80",
    "six bytes": b"\xfc\x84\x80\x80\x80\x80",
    "good, bad, good": "κόσμε".encode() + b"\xed\xa0\x80" + b"edited",
}


@pytest.mark.parametrize("text", VALID)
async def test_what_is_utf_8_comes_back_in_every_form(port: int, text: str) -> None:
    data = text.encode("utf-8", "surrogatepass")
    whole = frame(TEXT, data, mask=MASK)
    pieces = singly(data)
    fragments = b"".join(
        frame(CONTINUATION if n else TEXT, piece, fin=n == len(pieces) - 1) for n, piece in enumerate(pieces)
    )
    await talk(port, whole + fragments, echo(data, data))


@pytest.mark.parametrize("form", ["whole", "fragments", "bytes"])
@pytest.mark.parametrize("case", INVALID)
async def test_what_is_not_utf_8_ends_the_connection(port: int, case: str, form: str) -> None:
    data = INVALID[case]
    wire = frame(TEXT, data, mask=MASK)
    if form == "fragments":
        wire = frame(TEXT, data[:1], fin=False) + frame(CONTINUATION, data[1:], mask=MASK)
    if form == "bytes":
        await fail(port, b"", 1007, pieces=singly(frame(TEXT, b"bien") + wire))
    else:
        await fail(port, wire, 1007)


async def test_binary_need_not_be_utf_8(port: int) -> None:
    await talk(port, frame(BINARY, b"\xff\xc0"), echo(b"binary"))


async def closing(port: int, wire: bytes) -> int:
    """The code that is answered to this, and nothing else is."""
    async with raw(port) as peer:
        await peer.upgrade("/")
        peer.writer.write(wire)
        (heard,) = await peer.read_frames()
        return heard.code


# — 7: closing —————————————————————————————————————————————————————————————————


@pytest.mark.parametrize(
    "code", [1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 3000, 3999, 4000, 4999]
)
@pytest.mark.parametrize("reason", [b"", "adiós".encode(), b"x" * 123])
async def test_a_close_is_answered_with_its_code(port: int, code: int, reason: bytes) -> None:
    assert await closing(port, close_frame(code, reason)) == code


async def test_a_close_without_a_code_is_answered(port: int) -> None:
    assert await closing(port, frame(CLOSE)) in (1000, 1005)


async def test_what_came_with_the_close_is_answered_before_it(port: int) -> None:
    async with raw(port) as peer:
        await peer.upgrade("/")
        peer.writer.write(frame(TEXT, b"bien") + frame(TEXT, "también".encode()) + BYE)
        answers = await peer.read_frames()
    assert answers == [*echo(b"bien", "también".encode()), Heard(CLOSE, b"\x03\xe8")]


@pytest.mark.parametrize("code", [0, 999, 1004, 1005, 1006, 1016, 1100, 2000, 2999, 5000, 65_535])
async def test_a_code_that_nobody_may_send_is_an_error(port: int, code: int) -> None:
    assert await closing(port, close_frame(code)) == 1002


@pytest.mark.parametrize(
    ("wire", "codes"),
    [
        (frame(CLOSE, b"\x03"), {1002}),
        (close_frame(1000, b"x" * 124), {1002}),
        (close_frame(1000, b"\xce\xba\xed\xa0\x80"), {1007, 1002}),
    ],
    ids=["half a code", "too long", "a reason that is not UTF-8"],
)
async def test_a_close_frame_that_is_none_is_an_error(port: int, wire: bytes, codes: set[int]) -> None:
    assert await closing(port, wire) in codes


@pytest.mark.parametrize(
    "late",
    [frame(TEXT, b"tarde"), frame(PING, b"tarde"), BYE, frame(CONTINUATION, b"x"), b"\xff" * 40],
    ids=["a message", "a ping", "a close", "a fragment", "noise"],
)
@pytest.mark.parametrize("apart", [False, True], ids=["one segment", "two segments"])
async def test_nothing_after_a_close_is_answered(port: int, late: bytes, apart: bool) -> None:
    async with raw(port) as peer:
        await peer.upgrade("/")
        peer.writer.write(BYE if apart else BYE + late)
        assert await peer.read_frame() == Heard(CLOSE, b"\x03\xe8")
        with contextlib.suppress(ConnectionError):
            peer.writer.write(late)
            await peer.writer.drain()
        assert await peer.read_frames() == []


async def test_a_close_within_a_message_ends_it(port: int) -> None:
    # 1002 is allowed too: the message before it never ends.
    assert await closing(port, frame(TEXT, b"ho", fin=False) + BYE + frame(CONTINUATION, b"la")) in (
        1000,
        1002,
    )


async def test_the_end_of_the_stream_ends_the_connection_also_in_mid_frame(port: int) -> None:
    for wire in (b"", frame(TEXT, b"hola")[:5], frame(TEXT, b"ho", fin=False)):
        async with raw(port) as peer:
            await peer.upgrade("/")
            peer.writer.write(wire)
            peer.writer.write_eof()
            assert all(one.opcode == CLOSE for one in await peer.read_frames())


async def test_nobody_else_notices_any_of_it(port: int) -> None:
    async with raw(port) as bystander:
        await bystander.upgrade("/")
        for bad in (frame(3), frame(TEXT, b"\xff"), frame(TEXT, b"x", mask=None), frame(TEXT, b"x" * 70_000)):
            await fail(port, bad, 1002, 1007, 1009)
            await speaks(bystander)


async def speaks(peer: Raw) -> None:
    peer.writer.write(frame(TEXT, b"sigo"))
    assert await peer.read_frame() == Heard(TEXT, b"sigo")
