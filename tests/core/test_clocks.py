"""Whether a clock was set."""

from __future__ import annotations

from chatserver.core.clocks import STEP_MS, Steps


def test_time_that_passes_is_no_step() -> None:
    steps = Steps(1_000, 5.0)
    assert [steps.forward(1_000 + passed, 5.0 + passed) for passed in (0, 10, 3_600_000)] == [0, 0, 0]


def test_a_clock_that_is_slewed_is_not_set() -> None:
    steps = Steps(0, 0)
    assert not any(steps.forward(n * 1_000 + n * STEP_MS // 2, n * 1_000) for n in range(100))


def test_a_step_forward_is_told_until_it_was_taken_in() -> None:
    steps = Steps(0, 0)
    assert [steps.forward(3_600_000 + passed, passed) for passed in (10, 20)] == [3_600_000, 3_600_000]
    steps.take_in(3_600_020, 20)
    assert steps.forward(3_600_030, 30) == 0


def test_a_step_back_is_taken_in_at_once_and_the_way_forward_again_is_a_step() -> None:
    steps = Steps(3_600_000, 0)
    assert steps.forward(10, 10) == 0
    assert steps.forward(3_600_020, 20) == 3_600_000


def test_of_many_nodes_each_waits_until_all_go_by_the_new_time() -> None:
    steps = Steps(0, 0, settling=3_000)
    assert (steps.forward(3_600_000, 0), steps.settling) == (3_600_000, False)
    assert (steps.settles_in(0), steps.settling) == (3_000, True)
    assert steps.forward(3_602_000, 2_000) == 3_600_000
    assert [steps.settles_in(2_000), steps.settles_in(3_000), steps.settles_in(9_000)] == [1_000, 0, 0]
    steps.take_in(3_603_000, 3_000)
    assert (steps.forward(3_603_010, 3_010), steps.settling) == (0, False)
    assert steps.forward(7_203_010, 3_010) == 3_600_000
    assert steps.settles_in(3_010) == 3_000, "the next time is another one"


def test_a_step_forward_that_is_taken_back_meanwhile_was_none() -> None:
    steps = Steps(0, 0, settling=3_000)
    assert steps.forward(3_600_000, 0)
    steps.settles_in(0)
    assert (steps.forward(1_000, 1_000), steps.settling) == (0, False)
