"""What a node learns from locks that did not come in time."""

from __future__ import annotations

from chatserver.store.postgres.looking import wanted
from chatserver.store.postgres.patience import (
    CALM_SECONDS,
    FORGET_SECONDS,
    HASTY_MS,
    HELD_SECONDS,
    IMPATIENT_MS,
    LOCK_MS,
    Patience,
)
from chatserver.store.work import Needs
from tests.store.house import cid

ONE, OTHER = Needs(tickets=(1,)), Needs(tickets=(2,))
COMING = Needs(agents=(7,), desks=(1,))
SIGNING_IN = ("DELETE FROM used_tokens", "INSERT INTO used_tokens")
SAYING = Needs(tickets=(1,), said=((1, "customer", 0, cid(1)),))


class Steady:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def test_who_waited_in_vain_is_impatient_until_it_is_long_ago() -> None:
    steady = Steady()
    patience = Patience(steady)
    assert patience.ms() == LOCK_MS
    assert patience.lost()  # news
    assert patience.ms() == IMPATIENT_MS
    steady.now += CALM_SECONDS - 1
    assert not patience.lost()
    steady.now += CALM_SECONDS - 1
    assert patience.ms() == IMPATIENT_MS
    steady.now += 2
    assert patience.ms() == LOCK_MS
    assert patience.lost()


def test_statements_such_as_waited_in_vain_are_hasty_until_it_is_long_ago() -> None:
    steady = Steady()
    patience = Patience(steady)
    assert patience.ms(SIGNING_IN) == LOCK_MS
    patience.lost(SIGNING_IN)
    assert patience.ms(SIGNING_IN) == HASTY_MS
    assert patience.ms(("UPDATE nodes",)) == patience.ms() == IMPATIENT_MS
    steady.now += CALM_SECONDS
    assert patience.ms(SIGNING_IN) == LOCK_MS


def test_what_is_held_is_refused_for_a_while_and_nothing_else() -> None:
    steady = Steady()
    patience = Patience(steady)
    patience.looked([ONE, OTHER], wanted(ONE))
    assert patience.ended(ONE)
    assert patience.ended(SAYING)  # the same row, whatever is said
    assert not patience.ended(OTHER)
    assert not patience.ended(Needs())
    patience.looked([COMING], [("app", 1, "")])
    assert patience.ended(COMING)
    assert patience.ended(Needs(agents=(8,), desks=(1,)))  # it is the app's row
    assert patience.ended(Needs(customers=((1, "anon:a"),), numbers=(1,)))
    assert not patience.ended(Needs(customers=((1, "anon:a"),)))
    assert not patience.ended(Needs(agents=(7,)))
    steady.now += HELD_SECONDS
    assert not patience.ended(ONE)
    patience.looked([OTHER], wanted(OTHER))
    assert not patience.ended(ONE)  # forgotten by now


def test_what_was_held_is_looked_at_before_a_group_waits_for_it_until_it_was_found_free() -> None:
    steady = Steady()
    patience = Patience(steady)
    patience.looked([ONE], wanted(ONE))
    assert not patience.suspected(ONE)  # it is refused
    steady.now += HELD_SECONDS
    assert patience.suspected(SAYING)
    assert not patience.suspected(OTHER)
    patience.looked([ONE], wanted(ONE))
    assert patience.ended(ONE)
    steady.now += HELD_SECONDS
    patience.looked([ONE], [])
    assert not patience.suspected(ONE)
    patience.looked([ONE], wanted(ONE))
    steady.now += HELD_SECONDS + FORGET_SECONDS
    patience.looked([OTHER], wanted(OTHER))
    assert not patience.suspected(ONE)
