"""Somebody who may write to Redis, and is no node: another program there, another installation, or who got at its password."""

from __future__ import annotations

import pytest

from chatserver.bus import envelope
from chatserver.bus.envelope import VERSION, Announcement, Beat, Bye, Delta, State
from chatserver.bus.interest import Bits
from chatserver.bus.seal import SEAL_BYTES, Seal
from chatserver.core.events import SessionEnded
from tests.bus.nodes import Node, acquainted, new_installation, nodes
from tests.harness.redis import RedisServer, say
from tests.harness.waiting import soon

THEIRS = Seal(b"of somebody else")


def forged(place: str, said: bytes) -> list[tuple[str, str, bytes]]:
    """The same without a seal, with one of no meaning, and with one of another key."""
    return [("PUBLISH", place, each) for each in (said, bytes(SEAL_BYTES) + said, THEIRS.put(place, said))]


def announced(node: Node, said: Announcement) -> list[tuple[str, str, bytes]]:
    return forged(node.bus._everybody, envelope.announcement(said))


async def test_what_no_node_said_is_not_heard(shared_redis: RedisServer) -> None:
    async with nodes(shared_redis.url, shared_redis.url) as (a, b):
        b.listen("t")
        await acquainted(a, b)
        ended = envelope.hint(SessionEnded(1), ["t"])
        batch = envelope.batch(a.bus._name, 1, [ended])
        said = forged(b.bus._own_channel.decode(), batch)
        await say(shared_redis.port, *said)
        a.say(1, "t")
        await b.hears(1)
        assert len(b.events) == 1
        assert b.missed == 0, "a number that nobody said counts"
        assert b.metrics.hints_strange == len(said)


async def test_nobody_else_is_taken_for_a_node_nor_speaks_for_one(shared_redis: RedisServer) -> None:
    """A node that was never there would take 32 KiB of each; one whose interest has a number that never comes hears nothing."""
    async with nodes(shared_redis.url, shared_redis.url) as (a, b):
        b.listen("t")
        await acquainted(a, b)
        name = b.bus._name
        words: list[Announcement] = [
            Bye(VERSION, name),
            Delta(VERSION, name, 2, [], list(range(2**18))),
            Beat(VERSION, name, 2**60, {a.bus._name: 99}),
            *(Beat(VERSION, f"x{number}~1", 1, {}) for number in range(100)),
        ]
        said = [each for word in words for each in announced(a, word)]
        await say(shared_redis.port, *said)
        await soon(lambda: a.metrics.hints_strange == len(said), "all of it came")
        assert a.bus.others() == {"b"}
        a.say(1, "t")
        await b.hears(1)
        assert (a.missed, b.missed) == (0, 0)


async def test_what_a_node_said_counts_only_where_it_was_said(shared_redis: RedisServer) -> None:
    """Else who reads one channel could say the same in another, or keep a node alive in Redis under another name."""
    async with nodes(*[shared_redis.url] * 3) as (a, b, c):
        b.listen("t")
        await acquainted(a, b, c)
        to_b, to_c = b.bus._own_channel.decode(), c.bus._own_channel.decode()
        seal = a.bus._seal
        batch = envelope.batch(a.bus._name, 1, [envelope.hint(SessionEnded(1), ["t"])])
        await say(shared_redis.port, ("PUBLISH", to_c, seal.put(to_b, batch)))
        await soon(lambda: c.metrics.hints_strange == 1, "it came")
        assert c.missed == 0


async def test_a_key_of_no_node_makes_no_neighbour(shared_redis: RedisServer) -> None:
    installation = new_installation()
    key = f"{{chatserver}}:{installation}:node:x~1"
    state = envelope.announcement(State(VERSION, "x~1", 1, Bits().packed()))
    await say(
        shared_redis.port,
        ("SADD", f"{{chatserver}}:{installation}:nodes", "x~1"),
        ("RPUSH", key, state, THEIRS.put(key, state)),
    )
    async with nodes(shared_redis.url, installation=installation) as (a,):
        assert a.bus.others() == set()
        assert a.metrics.hints_strange == 2


@pytest.mark.parametrize("sealed", [b"", b"x" * (SEAL_BYTES - 1), b"x" * SEAL_BYTES])
def test_what_is_too_short_for_a_seal_has_none(sealed: bytes) -> None:
    with pytest.raises(envelope.NotUnderstood):
        THEIRS.taken("t", sealed)
