"""The state machine, verb by verb."""

from __future__ import annotations

from collections.abc import Callable
from typing import get_args

import pytest
from msgspec.structs import replace

from chatserver.core import tickets
from chatserver.core.errors import Refused
from chatserver.core.inactivity import verdict
from chatserver.core.policy import Policy
from chatserver.core.tickets import Kind, Step, Ticket
from tests.core.samples import CID, POLICY, START, agent, attended, draft, waiting

NOW = START + 10_000
LEO, EVA = agent(1), agent(2)


def answered() -> Ticket:
    return tickets.agent_said(attended(), LEO, "Hola", CID, START).ticket


def proposed() -> Ticket:
    return tickets.agent_said(attended(), LEO, "¿Listo?", CID, START, proposal=True).ticket


def closed() -> Ticket:
    return tickets.agent_closed(answered(), LEO, START).ticket


def later() -> Ticket:
    return tickets.left_for_later(waiting(), "customer", START, email="ana@example.com").ticket


VERBS: dict[str, Callable[[Ticket], Step]] = {
    "customer_said": lambda t: tickets.customer_said(t, "Hola", CID, NOW),
    "agent_said": lambda t: tickets.agent_said(t, LEO, "Hola", CID, NOW),
    "proposed": lambda t: tickets.agent_said(t, LEO, "¿Listo?", CID, NOW, proposal=True),
    "customer_active": lambda t: tickets.customer_active(t, NOW),
    "agent_typing": lambda t: tickets.agent_typing(t, LEO, POLICY, NOW),
    "confirmed": lambda t: tickets.answered_proposal(t, True, NOW),
    "declined": lambda t: tickets.answered_proposal(t, False, NOW),
    "customer_ended": lambda t: tickets.customer_ended(t, NOW),
    "agent_closed": lambda t: tickets.agent_closed(t, LEO, NOW),
    "left_for_later": lambda t: tickets.left_for_later(t, "customer", NOW),
    "assigned": lambda t: tickets.assigned(t, LEO, POLICY, NOW),
}
QUIET: dict[str, Callable[[Ticket], Step]] = {
    "went_silent": lambda t: tickets.went_silent(t, POLICY, NOW + 10**9),
    "closing_time": lambda t: tickets.closing_time(t, NOW + 10**9),
    "requeued": lambda t: tickets.requeued(t, "agent_gone", NOW, closes_at=None),
    "customer_gone": lambda t: tickets.customer_gone(t, NOW),
    "customer_back": lambda t: tickets.customer_back(replace(t, gone_at=START)),
    "interrupted": lambda t: tickets.interrupted(t, POLICY, NOW),
}


@pytest.mark.parametrize("verb", VERBS)
def test_no_verb_gets_round_a_closed_ticket(verb: str) -> None:
    with pytest.raises(Refused, match="ticket_closed"):
        VERBS[verb](closed())


@pytest.mark.parametrize("verb", QUIET)
@pytest.mark.parametrize("make", [closed, later])
def test_what_happens_by_itself_leaves_closed_and_later_tickets_alone(
    verb: str, make: Callable[[], Ticket]
) -> None:
    ticket = make()
    after = QUIET[verb](ticket)
    assert replace(after.ticket, gone_at=None) == ticket
    assert after.items == ()


@pytest.mark.parametrize(
    ("make", "verb", "state", "reason"),
    [
        (proposed, "confirmed", "closed", "solved"),
        (proposed, "declined", "open", None),
        (answered, "customer_ended", "closed", "customer"),
        (waiting, "customer_ended", "closed", "abandoned"),
        (answered, "agent_closed", "closed", "agent"),
        (answered, "went_silent", "closed", "inactivity"),
        (later, "customer_ended", "closed", "customer"),
    ],
)
def test_the_transitions_of_the_state(
    make: Callable[[], Ticket], verb: str, state: str, reason: str | None
) -> None:
    before = make()
    step = (VERBS | QUIET)[verb](before)
    assert (step.ticket.state, step.ticket.close_reason) == (state, reason)
    assert len(step.items) == 1, "every transition is recorded"
    assert step.items[0].seq == before.last_seq + 1 == step.ticket.last_seq


def test_only_the_tickets_agent_acts_on_it() -> None:
    verbs: list[Callable[[], Step]] = [
        lambda: tickets.agent_said(attended(), EVA, "Hola", CID, NOW),
        lambda: tickets.agent_closed(attended(), EVA, NOW),
        lambda: tickets.agent_typing(attended(), EVA, POLICY, NOW),
    ]
    for verb in verbs:
        with pytest.raises(Refused, match="not_yours"):
            verb()


def test_a_ticket_is_given_to_one_agent_only() -> None:
    with pytest.raises(Refused, match="ticket_not_waiting"):
        tickets.assigned(attended(), EVA, POLICY, NOW)


def test_nothing_leads_back_from_later_to_live() -> None:
    for verb in VERBS.values():
        try:
            after = verb(replace(later(), agent_id=LEO.id)).ticket
        except Refused:
            continue
        assert after.mode == "later"
        assert tickets.due(after, POLICY) is None


def test_an_answer_stops_the_first_answer_clock_and_typing_restarts_it() -> None:
    ticket = attended()
    assert ticket.answer_due_at == START + 60_000
    typed = tickets.agent_typing(ticket, LEO, POLICY, NOW).ticket
    assert typed.answer_due_at == NOW + 60_000
    assert tickets.agent_typing(typed, LEO, POLICY, START).ticket == typed, "an older keystroke takes nothing"
    assert tickets.agent_said(typed, LEO, "Hola", CID, NOW).ticket.answer_due_at is None


def test_a_passed_ticket_remembers_who_let_it_pass_and_a_lost_agent_does_not() -> None:
    assert tickets.requeued(attended(), "passed", NOW, closes_at=None).ticket.passed == (1,)
    back = tickets.requeued(attended(), "agent_gone", NOW, closes_at=None).ticket
    assert back.passed == ()
    assert back.queue_rank is not None
    assert back.queue_rank < (waiting(START - 10**9, priority=4).queue_rank or 0), "the head of the queue"


def test_waiting_is_worth_one_level_of_priority_per_ten_minutes() -> None:
    early, urgent = waiting(START), waiting(START + 39 * 60_000, priority=4)
    assert (urgent.queue_rank or 0) < (early.queue_rank or 0)
    too_late = waiting(START + 41 * 60_000, priority=4)
    assert (early.queue_rank or 0) < (too_late.queue_rank or 0)


def test_the_due_time_is_the_earliest_of_all_that_will_happen() -> None:
    policy = Policy()
    queued = tickets.opened(draft(), policy, closes_at=START + 5_000, connected=False).ticket
    assert tickets.due(queued, policy) == START + 5_000
    given = tickets.assigned(queued, LEO, policy, NOW).ticket
    assert tickets.due(given, policy) == NOW + 60_000
    spoken = tickets.agent_said(given, LEO, "Hola", CID, NOW).ticket
    facts = tickets.clock(spoken, policy)
    assert facts is not None
    end = verdict(facts)
    assert end is not None
    assert tickets.due(spoken, policy) == end.close_at == NOW + 300_000


def test_unread_counts_messages_and_reading_to_the_end_clears_them() -> None:
    ticket = answered()
    assert (ticket.customer_unread, ticket.agent_unread) == (1, 0)
    assert tickets.customer_saw(ticket, 1).ticket == ticket
    read = tickets.customer_saw(ticket, 99).ticket
    assert (read.customer_seen, read.customer_unread) == (ticket.last_seq, 0)


def test_a_request_needs_an_address_and_has_two_sides_of_its_story() -> None:
    with pytest.raises(Refused, match="email_required"):
        tickets.requested(draft(), "No sale", CID, "unattended")
    step = tickets.requested(replace(draft(), email="a@b.co"), "No sale", CID, "unattended")
    assert [i.seq for i in step.items] == [1, 2, 3]
    assert [i.kind for i in step.items] == ["opened", "later", "message"]


@pytest.mark.parametrize("stars", [0, 6, -1])
def test_a_rating_is_one_to_five_stars(stars: int) -> None:
    with pytest.raises(Refused, match="not_rateable"):
        tickets.rated(closed(), stars, "", POLICY, NOW)


def test_every_kind_of_item_is_made_by_some_verb() -> None:
    made = {"opened", "rated"}
    for make in (waiting, attended, answered, proposed, later):
        for verb in (VERBS | QUIET).values():
            try:
                made |= {item.kind for item in verb(make()).items}
            except Refused:
                continue
    assert made == set(get_args(Kind))
