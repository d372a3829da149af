"""For how long a mail that cannot be taken now is let lie."""

from __future__ import annotations

from math import inf

import pytest

from chatserver.incoming import resting
from chatserver.incoming.resting import Resting


def test_a_mail_lies_until_its_moment_and_others_do_not() -> None:
    rests = Resting()
    assert rests.begin(7, 2, 30, now=100)
    assert rests.due(7, [1, 2, 3], 129.9) == [1, 3]
    assert rests.seconds(110) == 20
    assert rests.due(7, [1, 2, 3], 130) == [1, 2, 3]


def test_each_rest_is_twice_the_last_one_up_to_ten_minutes() -> None:
    rests, now, lay = Resting(), 0.0, []
    for _ in range(7):
        rests.begin(7, 2, 30, now)
        lay.append(rests.seconds(now))
        now += lay[-1]
    assert lay == [30, 60, 120, 240, 480, 600, 600]
    assert not rests.begin(7, 2, 30, now), "not for the first time"


def test_who_is_told_to_wait_for_longer_does() -> None:
    rests = Resting()
    rests.begin(7, 2, 2, now=0)
    rests.begin(7, 2, 90, now=2)
    assert rests.seconds(2) == 90


def test_none_rests_and_nobody_is_waited_for() -> None:
    rests = Resting()
    assert rests.seconds(5) == inf
    assert rests.due(7, [1, 2], 5) == [1, 2]


def test_what_is_gone_from_the_folder_is_forgotten_and_with_another_validity_all() -> None:
    rests = Resting()
    rests.begin(7, 1, 30, now=0)
    rests.begin(7, 2, 60, now=0)
    assert rests.due(7, [2], 1) == []
    assert rests.seconds(0) == 60, "nobody waits for what is gone"
    assert rests.due(7, [1, 2], 1) == [1], "a mail that comes back is another try"
    assert rests.due(8, [1, 2], 1) == [1, 2]
    assert rests.seconds(0) == inf


def test_so_many_are_known_and_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resting, "AT_MOST", 3)
    rests = Resting()
    for number in (1, 2, 3, 1, 4):
        rests.begin(7, number, 30, now=0)
    assert rests.due(7, [1, 2, 3, 4], 1) == [2], "the one that was tried longest ago"
