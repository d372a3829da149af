"""The benchmark's book-keeping: a figure is worth nothing when a message was lost, doubled or refused."""

from __future__ import annotations

import math

from bench.ledger import Faults, Ledger, quantile


def test_a_message_is_done_when_both_sides_have_seen_it() -> None:
    ledger = Ledger()
    number = ledger.sent(pair=3, due=10.0)
    assert not ledger.acked(number, 3, 7, 10.2)
    assert ledger.done == 0
    assert ledger.delivered(number, 3, 7, 10.5)
    assert ledger.done == 1
    assert not ledger.close()


def test_the_delivery_may_come_before_the_acknowledgement() -> None:
    ledger = Ledger()
    number = ledger.sent(pair=0, due=1.0)
    assert not ledger.delivered(number, 0, 1, 1.1)
    assert ledger.acked(number, 0, 1, 1.3)
    assert ledger.deliveries == [1.1 - 1.0]
    assert ledger.acks == [1.3 - 1.0]


def test_a_wait_counts_from_when_the_message_was_due_not_from_when_it_was_sent() -> None:
    """A server that stood still for 2 s is charged for all that could not be sent meanwhile."""
    ledger = Ledger()
    for i in range(4):
        number = ledger.sent(pair=i, due=i * 0.5)  # all sent at 2.0, when it moved again
        ledger.acked(number, i, 1, 2.1)
        ledger.delivered(number, i, 1, 2.1)
    assert [round(wait, 6) for wait in ledger.deliveries] == [2.1, 1.6, 1.1, 0.6]


def test_what_never_arrived_on_either_side_is_lost() -> None:
    ledger = Ledger()
    ledger.acked(ledger.sent(0, 0.0), 0, 1, 0.1)
    ledger.delivered(ledger.sent(0, 0.0), 0, 2, 0.1)
    assert ledger.close() == Faults(lost=2)


def test_a_second_delivery_is_counted_before_and_after_the_message_is_done() -> None:
    ledger = Ledger()
    number = ledger.sent(0, 0.0)
    ledger.delivered(number, 0, 1, 0.1)
    ledger.delivered(number, 0, 1, 0.2)
    ledger.acked(number, 0, 1, 0.3)
    ledger.delivered(number, 0, 1, 0.4)
    ledger.acked(number, 0, 1, 0.5)
    assert ledger.close() == Faults(doubled=3)
    assert ledger.done == 1


def test_somebody_elses_message_is_strange_and_the_right_one_still_counts() -> None:
    ledger = Ledger()
    number = ledger.sent(pair=1, due=0.0)
    assert not ledger.delivered(number, 2, 1, 0.1)
    assert not ledger.delivered(number, 1, 1, 0.2)
    assert ledger.acked(number, 1, 1, 0.3)
    assert ledger.close() == Faults(strange=1)


def test_an_id_that_was_never_sent_is_strange() -> None:
    ledger = Ledger(last=5)
    ledger.delivered(6, 0, 1, 0.1)
    ledger.delivered(0, 0, 1, 0.1)
    assert ledger.close() == Faults(strange=2)


def test_both_sides_have_to_agree_on_the_number() -> None:
    ledger = Ledger()
    number = ledger.sent(0, 0.0)
    ledger.acked(number, 0, 4, 0.1)
    ledger.delivered(number, 0, 5, 0.1)
    assert ledger.close() == Faults(strange=1)


def test_a_connection_that_ends_is_a_fault_until_the_run_is_over() -> None:
    ledger = Ledger()
    ledger.cut()
    faults = ledger.close()
    ledger.cut()
    assert faults == Faults(cut=1)


def test_any_single_fault_fails_a_run() -> None:
    assert not Faults()
    assert all(Faults(**{name: 1}) for name in ("lost", "doubled", "refused", "strange", "cut"))
    assert Faults(lost=1) + Faults(lost=2, refused=3) == Faults(lost=3, refused=3)


def test_quantiles_are_values_that_were_measured() -> None:
    values = [float(n) for n in range(100, 0, -1)]
    assert quantile(values, 0.5) == 51
    assert quantile(values, 0.99) == 100
    assert quantile([3.0], 0.99) == 3.0
    assert math.isnan(quantile([], 0.5))
