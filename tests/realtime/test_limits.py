"""Token buckets, by a clock that the test turns."""

from __future__ import annotations

import heapq

from chatserver.realtime.limits import SLOT_LATEST, Admission, Bucket, Buckets, Door


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


def come_and_go(
    door: Admission, crowd: int, *, strangers: int = 0, late: float = 0.3
) -> tuple[list[float], int]:
    """A crowd that comes at the moment 0, is told to come back and does so, `late` seconds too late; and so many strangers per
    second meanwhile. Gives when those of the crowd came in, and how many were turned away more than once."""
    arrivals = [(0.0, "crowd", 0)] * crowd + [
        (n / max(1, strangers), "stranger", 0) for n in range(strangers * 60)
    ]
    entered, twice = [], 0
    heapq.heapify(arrivals)
    while arrivals:
        now, who, times = heapq.heappop(arrivals)
        wait = door.enter(now)
        if not wait and who == "crowd":
            entered.append(now)
            twice += times > 1
        elif wait and who == "crowd":
            heapq.heappush(arrivals, (now + wait + late, who, times + 1))
    return entered, twice


def test_a_crowd_comes_in_at_the_rate_and_is_turned_away_once() -> None:
    entered, twice = come_and_go(Admission(100), 2_000)
    assert len(entered) == 2_000
    assert twice == 0
    assert max(entered) < 25
    assert all(later - earlier >= 1 for earlier, later in zip(entered, entered[100:], strict=False))


def test_no_second_lets_in_more_than_the_rate_however_often_somebody_knocks() -> None:
    door = Admission(100)
    entered = [knock / 1000 for knock in range(5_000) if not door.enter(knock / 1000)]
    assert len(entered) == 500
    assert all(later - earlier >= 1 for earlier, later in zip(entered, entered[100:], strict=False))


def test_strangers_delay_a_crowd_and_do_not_stop_it() -> None:
    entered, twice = come_and_go(Admission(20), 400, strangers=2)
    assert len(entered) == 400
    assert twice < 40
    assert max(entered) < 30
    entered, _ = come_and_go(Admission(20), 100, strangers=40)
    assert len(entered) == 100


def test_everybody_is_told_another_moment_and_nobody_waits_for_ever() -> None:
    door = Admission(10, lambda: 0.5)
    waits = [door.enter(0) for _ in range(10_000)]
    assert waits[:10] == [0] * 10
    slots = [wait for wait in waits[10:] if wait != SLOT_LATEST * 0.75]
    assert len(set(slots)) == len(slots) > 500
    assert 1 <= min(waits[10:]) <= max(waits) <= SLOT_LATEST
    assert [door.enter(1) > 0 for _ in range(11)] == [False] * 10 + [True], (
        "who comes may come in all the same"
    )
    assert all(door.enter(1_000) == 0 for _ in range(10))


def test_one_address_has_its_share_of_the_door_and_is_forgotten_when_it_is_quiet() -> None:
    door = Door(10)
    assert [door.enter("192.0.2.1", 0) > 0 for _ in range(10)] == [False] * 5 + [True] * 5
    assert [door.enter("", 0) > 0 for _ in range(6)] == [False] * 5 + [True]
    door.forget(1)
    assert door._addresses, "what was promised is kept"
    door.forget(10)
    assert not door._addresses


def test_an_address_does_not_pay_for_a_place_that_a_crowd_of_others_took() -> None:
    door = Door(10)
    for _ in range(10):
        assert door.enter("", 0) == 0
    waits = [door.enter("192.0.2.1", 0.2) for _ in range(5)]
    assert all(waits)
    assert [door.enter("192.0.2.1", 1.1) for _ in range(5)] == [0] * 5
    assert door.enter("192.0.2.1", 1.1) > 0


def test_a_narrow_door_still_lets_one_in() -> None:
    door = Door(1)
    assert door.enter("192.0.2.1", 0) == 0
    assert door.enter("192.0.2.2", 0) > 0
