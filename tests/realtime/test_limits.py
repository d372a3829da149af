"""Token buckets, by a clock that the test turns."""

from __future__ import annotations

from chatserver.realtime.limits import Bucket, Buckets


def test_a_bucket_gives_its_burst_at_once_and_then_says_how_long_to_wait() -> None:
    bucket = Bucket(60, 3, now=0)
    assert [bucket.take(0) for _ in range(3)] == [0, 0, 0]
    assert bucket.take(0) == 1
    assert bucket.take(0.75) == 0.25
    assert bucket.take(1) == 0
    assert bucket.take(1) > 0


def test_a_refusal_takes_nothing_and_rest_gives_no_more_than_the_burst() -> None:
    bucket = Bucket(60, 2, now=0)
    assert (bucket.take(0), bucket.take(0)) == (0, 0)
    for _ in range(100):
        bucket.take(0.5)
    assert bucket.take(1) == 0
    assert [bucket.take(1_000) > 0 for _ in range(3)] == [False, False, True]


def test_cheap_frames_cost_less() -> None:
    bucket = Bucket(60, 1, now=0)
    assert [bucket.take(0, 0.25) for _ in range(4)] == [0, 0, 0, 0]
    assert bucket.take(0, 0.25) == 0.25


def test_people_do_not_share_a_bucket_and_are_forgotten_once_theirs_is_full_again() -> None:
    buckets = Buckets(60, 1)
    assert (buckets.take("ana", 0), buckets.take("eva", 0)) == (0, 0)
    buckets.forget(0.5)
    assert buckets.take("ana", 0.5) == 0.5
    buckets.forget(2)
    assert not buckets._buckets
