"""What a node listens to, as bits."""

from __future__ import annotations

import hashlib
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatserver.bus.interest import BUCKETS, Bits, Interest, bucket

TOPICS = st.sampled_from([f"topic {number}" for number in range(6)])


def test_a_bucket_is_the_same_on_every_node() -> None:
    assert [bucket(topic) for topic in ("worker", "desk:1", "customer:1:user:ñ")] == [180066, 188706, 184252]


def test_bits_survive_packing() -> None:
    bits = Bits()
    bits.set([0, 7, 8, BUCKETS - 1], True)
    bits.set([8], False)
    again = Bits(bits.packed())
    assert [again.any([number]) for number in (0, 7, 8, BUCKETS - 1, 9)] == [True, True, False, True, False]


@pytest.mark.parametrize(
    "packed",
    [
        b"",
        b"nonsense",
        hashlib.shake_128(b"noise").digest(100),
        zlib.compress(b"short"),
        zlib.compress(bytes(BUCKETS)),
        zlib.compress(bytes(2**26)),
    ],
)
def test_what_is_no_packed_set_is_refused_and_not_unfolded(packed: bytes) -> None:
    with pytest.raises(ValueError, match="bits"):
        Bits(packed)


@given(st.lists(st.tuples(st.booleans(), TOPICS) | st.none()))
def test_the_changes_that_are_told_add_up_to_what_is_listened_to(
    steps: list[tuple[bool, str] | None],
) -> None:
    """None: the turn ends and the changes are told."""
    interest, told, listened = (
        Interest(frozenset()),
        Bits(),
        dict.fromkeys((f"topic {n}" for n in range(6)), 0),
    )
    for step in [*steps, None]:
        match step:
            case (True, topic):
                listened[topic] += 1
                interest.began(topic)
            case (_, topic) if listened[topic]:
                listened[topic] -= 1
                interest.ended(topic)
            case None:
                version = interest.version
                changes = interest.changes()
                assert interest.version == version + (changes is not None)
                on, off = changes or ([], [])
                told.set(on, True)
                told.set(off, False)
                for topic, count in listened.items():
                    assert told.any([bucket(topic)]) == interest.bits.any([bucket(topic)]) == (count > 0)


def test_what_begins_and_ends_within_a_turn_is_not_told() -> None:
    interest = Interest(frozenset())
    assert interest.began("t")
    interest.ended("t")
    assert interest.changes() is None


def test_local_topics_are_nobody_elses_business() -> None:
    interest = Interest(frozenset({"worker"}))
    assert not interest.began("worker")
    assert not interest.ended("worker")
    assert interest.changes() is None
