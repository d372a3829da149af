"""Who takes what, and the honest estimate."""

from __future__ import annotations

import hypothesis.strategies as st
import pytest
from hypothesis import given, settings
from msgspec.structs import replace

from chatserver.core.people import Agent
from chatserver.core.routing import attended, eligible, estimate_seconds, pairs, takes_new
from chatserver.core.tickets import Ticket
from tests.core.samples import START, agent, waiting

agents = st.lists(
    st.builds(
        agent,
        id=st.integers(1, 6),
        status=st.sampled_from(["available", "busy", "away"]),
        capacity=st.integers(0, 3),
        load=st.integers(0, 3),
        gone_at=st.sampled_from([None, None, 0, START]),
        last_chat_at=st.integers(0, 5),
        app_ids=st.sampled_from([(1,), (2,), (1, 2)]),
    ),
    unique_by=lambda a: a.id,
    max_size=6,
)
queues = st.lists(
    st.builds(
        lambda number, at, app, passed: replace(waiting(START + at, id=number), app_id=app, passed=passed),
        st.integers(1, 40),
        st.integers(0, 10),
        st.sampled_from([1, 2]),
        st.lists(st.integers(1, 6), unique=True, max_size=3).map(tuple),
    ),
    unique_by=lambda t: t.id,
    max_size=12,
)


@settings(max_examples=150, deadline=None)
@given(queues, agents)
def test_pairing_is_fair_complete_and_within_capacity(queue: list[Ticket], people: list[Agent]) -> None:
    made = pairs(queue, people)
    taken = {ticket.id for ticket, _ in made}
    assert len(taken) == len(made), "nobody is given twice"
    loads = {a.id: a.load + sum(b.id == a.id for _, b in made) for a in people}
    for person in people:
        assert loads[person.id] <= max(person.capacity, person.load)
    for ticket, person in made:
        assert takes_new(person)
        assert eligible(person, ticket)
    for left in queue:
        if left.id not in taken:
            assert not [a for a in people if takes_new(a) and eligible(a, left) and loads[a.id] < a.capacity]
    order = [(t.queue_rank, t.id) for t, _ in made]
    assert order == sorted(order, key=lambda place: (place[0] or 0, place[1]))


@settings(max_examples=100, deadline=None)
@given(queues, agents)
def test_nobody_is_overtaken_by_who_could_have_been_taken_no_earlier(
    queue: list[Ticket], people: list[Agent]
) -> None:
    """Of two tickets that the same agents may take, the later one is never served alone."""
    taken = {ticket.id for ticket, _ in pairs(queue, people)}
    for first in queue:
        for second in queue:
            alike = (first.app_id, set(first.passed)) == (second.app_id, set(second.passed))
            ahead = (first.queue_rank or 0, first.id) < (second.queue_rank or 0, second.id)
            if alike and ahead and second.id in taken:
                assert first.id in taken


def test_the_least_loaded_takes_it_then_the_one_idle_longest() -> None:
    people = [agent(1, load=1), agent(2, last_chat_at=9), agent(3, last_chat_at=5)]
    assert [a.id for _, a in pairs([waiting(START, id=n) for n in (1, 2, 3)], people)] == [3, 2, 1]


def test_who_was_given_a_chat_just_now_is_idle_least() -> None:
    people = [agent(1, load=1, last_chat_at=9), agent(2, last_chat_at=5)]
    assert [a.id for _, a in pairs([waiting(START, id=n) for n in (1, 2)], people)] == [2, 1]


def test_a_ticket_nobody_may_take_does_not_hold_up_the_next() -> None:
    stuck, free = replace(waiting(START, id=1), passed=(1,)), waiting(START, id=2)
    assert [(t.id, a.id) for t, a in pairs([stuck, free], [agent(1)])] == [(2, 1)]


@pytest.mark.parametrize(
    ("person", "counts"),
    [
        (agent(), True),
        (agent(load=4), True),
        (agent(status="busy"), False),
        (agent(gone_at=START), True),
        (agent(gone_at=START - 14_999), True),
        (agent(gone_at=START - 15_000), False),
        (agent(gone_at=0), False),
    ],
)
def test_who_counts_as_attending(person: Agent, counts: bool) -> None:
    assert attended([person], START, 15_000) is counts


@pytest.mark.parametrize(
    ("position", "handled", "places", "seconds"),
    [
        (1, [300, 300], 4, None),
        (1, [300, 300, 300], 0, None),
        (1, [300, 300, 300], 1, 300),
        (2, [100, 300, 900], 1, 600),
        (1, [100, 300, 900], 4, 120),
        (3, [60, 60, 60], 4, 60),
    ],
)
def test_the_estimate_is_honest(position: int, handled: list[int], places: int, seconds: int | None) -> None:
    assert estimate_seconds(position, handled, places) == seconds
