"""Who is silent, by the judge's own clock."""

from __future__ import annotations

from chatserver.core.heartbeats import Heartbeats, Noticed

UNKNOWN = 6_000


def test_who_changes_their_sign_is_not_silent_whatever_it_says() -> None:
    heartbeats = Heartbeats(UNKNOWN)
    for now, sign in ((0, 50), (1_500, 51), (3_000, 3_600_000), (4_500, 52), (6_000, 3), (7_500, 4)):
        heartbeats.look({1: sign}, now)
        assert heartbeats.silent(1_500, now) == {}


def test_who_does_not_is_silent_since_the_look_that_found_it_new() -> None:
    heartbeats = Heartbeats(UNKNOWN)
    heartbeats.look({1: 50, 2: 50}, 0)
    heartbeats.look({1: 51, 2: 51}, 1_500)
    heartbeats.look({1: 52, 2: 51}, 3_000)
    heartbeats.look({1: 53, 2: 51}, 7_499)
    assert heartbeats.silent(6_000, 7_499) == {}
    heartbeats.look({1: 54, 2: 51}, 7_500)
    assert heartbeats.silent(6_000, 7_500) == {2: Noticed(51, 1_500, after=0)}


def test_what_the_first_look_finds_may_be_of_any_time_and_is_watched_from_there() -> None:
    heartbeats = Heartbeats(UNKNOWN)
    heartbeats.look({1: 50}, 10_000)
    assert heartbeats.silent(0, 10_000) == {1: Noticed(50, 10_000, after=4_000)}
    assert heartbeats.stirred is None, "nobody saw it change"
    heartbeats.look({1: 51}, 11_500)
    assert heartbeats.stirred == 11_500


def test_who_comes_between_two_looks_gave_a_sign_of_life_between_them() -> None:
    heartbeats = Heartbeats(UNKNOWN)
    heartbeats.look({}, 0)
    heartbeats.look({1: 50}, 1_500)
    assert heartbeats.stirred == 1_500
    assert heartbeats.silent(0, 1_500) == {1: Noticed(50, 1_500, after=0)}


def test_who_is_no_more_is_forgotten_and_stirs_nobody() -> None:
    heartbeats = Heartbeats(UNKNOWN)
    heartbeats.look({1: 50}, 0)
    heartbeats.look({}, 1_500)
    assert heartbeats.silent(0, 9_000) == {}
    assert heartbeats.stirred is None


def test_a_look_that_was_overtaken_by_a_later_one_makes_nobody_live() -> None:
    heartbeats = Heartbeats(UNKNOWN)
    heartbeats.look({1: 51}, 1_000)
    heartbeats.look({1: 50}, 999)
    heartbeats.look({1: 51}, 7_000)
    assert list(heartbeats.silent(6_000, 7_000)) == [1]
