"""When a typing sign is passed on."""

from __future__ import annotations

import pytest

from chatserver.core.events import TYPING_SECONDS
from chatserver.core.signs import REFRESH_MS, STEP_MS, Sign, wait

ON, OFF = Sign(True, 1_000, 3), Sign(False, 1_000, 3)


@pytest.mark.parametrize(
    ("shown", "on", "seq", "after", "expected"),
    [
        (None, True, 3, 0, 0),
        (None, False, 3, 0, 0),
        (ON, True, 3, 100, None),
        (ON, True, 3, REFRESH_MS - 1, None),
        (ON, True, 3, REFRESH_MS, 0),
        (ON, False, 3, STEP_MS, 0),
        (ON, False, 3, 100, STEP_MS - 100),
        (OFF, True, 3, STEP_MS, 0),
        (OFF, True, 3, 1, STEP_MS - 1),
        (OFF, False, 3, 60_000, None),
        (OFF, False, 9, 60_000, None),
        # The ticket has another item: where it was a message of theirs, the sign is gone.
        (ON, True, 4, STEP_MS, 0),
        (ON, True, 4, 50, STEP_MS - 50),
        # The clock was set back.
        (ON, True, 3, -3_600_000, 0),
        (ON, False, 3, -3_600_000, 0),
    ],
)
def test_a_sign_is_passed_on_when_it_says_something_new(
    shown: Sign | None, on: bool, seq: int, after: int, expected: int | None
) -> None:
    assert wait(shown, on, seq, 1_000 + after) == expected


def test_who_types_on_is_shown_again_before_the_sign_expires() -> None:
    clients_say_so_every = 3_000
    assert REFRESH_MS < clients_say_so_every < TYPING_SECONDS * 1_000
