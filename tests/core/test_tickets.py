"""The state machine, verb by verb."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, get_args

import pytest
from msgspec.structs import replace

from chatserver.core import tickets
from chatserver.core.details import Details
from chatserver.core.errors import Refused
from chatserver.core.inactivity import verdict
from chatserver.core.policy import Policy
from chatserver.core.tickets import Classification, Kind, Step, Ticket
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


def mine() -> Ticket:
    """To be answered later, and taken."""
    return tickets.assigned(later(), LEO, POLICY, START).ticket


def pending() -> Ticket:
    return tickets.pended(mine(), LEO, START).ticket


def sent_back() -> Ticket:
    return tickets.sent_back(mine(), LEO, ("case", "phone"), START).ticket


def classify(ticket: Ticket, **said: Any) -> Step:
    return tickets.classified(ticket, LEO, Classification(**said), POLICY, NOW)


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
    "pended": lambda t: tickets.pended(t, LEO, NOW),
    "resumed": lambda t: tickets.resumed(t, LEO, NOW),
    "sent_back": lambda t: tickets.sent_back(t, LEO, ["phone"], NOW),
    "completed": lambda t: tickets.completed(t, Details(phone="1"), CID, NOW),
    "rejected": lambda t: tickets.rejected(t, LEO, "Aquí no", NOW),
    "classified": lambda t: classify(t, type="incident", priority=3),
    "copied": lambda t: tickets.copied(t, Details(cc=("luz@x.test",)), NOW),
    "copied_by": lambda t: tickets.copied_by(t, LEO, Details(cc=("luz@x.test",)), NOW),
}
QUIET: dict[str, Callable[[Ticket], Step]] = {
    "went_silent": lambda t: tickets.went_silent(t, POLICY, NOW + 10**9),
    "closing_time": lambda t: tickets.closing_time(t, NOW + 10**9),
    "requeued": lambda t: tickets.requeued(t, "agent_gone", POLICY, NOW, closes_at=None),
    "customer_gone": lambda t: tickets.customer_gone(t, NOW),
    "customer_back": lambda t: tickets.customer_back(replace(t, gone_at=START)),
    "interrupted": lambda t: tickets.interrupted(t, POLICY, NOW),
    "waited": lambda t: tickets.waited(t, POLICY, NOW + 10**10),
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
        (mine, "pended", "pending", None),
        (mine, "sent_back", "pending", None),
        (pending, "sent_back", "pending", None),
        (pending, "resumed", "open", None),
        (sent_back, "completed", "open", None),
        (mine, "rejected", "closed", "rejected"),
        (answered, "rejected", "closed", "rejected"),
        (pending, "rejected", "closed", "rejected"),
        (pending, "agent_closed", "closed", "agent"),
        (pending, "customer_ended", "closed", "customer"),
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
        for make in (mine, pending, sent_back):
            try:
                after = verb(make()).ticket
            except Refused:
                continue
            assert after.mode == "later"
            assert (after.state == "pending") == (after.pending is not None)
            assert (tickets.due(after, POLICY) is None) == (after.pending is None)


def test_an_answer_stops_the_first_answer_clock_and_typing_restarts_it() -> None:
    ticket = attended()
    assert ticket.answer_due_at == START + 60_000
    typed = tickets.agent_typing(ticket, LEO, POLICY, NOW).ticket
    assert typed.answer_due_at == NOW + 60_000
    assert tickets.agent_typing(typed, LEO, POLICY, START).ticket == typed, "an older keystroke takes nothing"
    assert tickets.agent_said(typed, LEO, "Hola", CID, NOW).ticket.answer_due_at is None


def test_a_passed_ticket_remembers_who_let_it_pass_and_a_lost_agent_does_not() -> None:
    assert tickets.requeued(attended(), "passed", POLICY, NOW, closes_at=None).ticket.passed == (1,)
    back = tickets.requeued(attended(), "agent_gone", POLICY, NOW, closes_at=None).ticket
    assert back.passed == ()
    assert back.queue_rank is not None
    assert back.queue_rank < (waiting(START - 10**9, priority=4).queue_rank or 0), "the head of the queue"


def test_at_the_head_of_the_queue_priority_goes_before_arrival_too() -> None:
    def back(opened_at: int, priority: int) -> int:
        ticket = replace(attended(), opened_at=opened_at, priority=priority)
        return tickets.requeued(ticket, "signed_out", POLICY, NOW, closes_at=None).ticket.queue_rank or 0

    assert back(START + 60_000, 4) < back(START, 1) < back(START, 0) < back(START + 1, 0)


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
    for make in (waiting, attended, answered, proposed, later, mine, pending, sent_back):
        for verb in (VERBS | QUIET).values():
            try:
                made |= {item.kind for item in verb(make()).items}
            except Refused:
                continue
    assert made == set(get_args(Kind))


DAY = 86_400_000


@pytest.mark.parametrize("verb", ["pended", "sent_back", "resumed"])
def test_a_live_chat_is_never_pending(verb: str) -> None:
    with pytest.raises(Refused, match="ticket_live"):
        VERBS[verb](answered())


def test_a_customers_words_return_it_to_open_and_the_message_comes_last() -> None:
    step = tickets.customer_said(pending(), "Aquí está", CID, NOW)
    assert (step.ticket.state, step.ticket.pending, step.ticket.turn) == ("open", None, "agent")
    assert [(item.kind, item.by) for item in step.items] == [("resumed", "customer"), ("message", "customer")]
    assert [item.seq for item in step.items] == [pending().last_seq + 1, step.ticket.last_seq]


def test_the_answer_to_a_proposal_ends_the_waiting_too() -> None:
    asked = tickets.agent_said(pending(), LEO, "¿Listo?", CID, START, proposal=True).ticket
    step = tickets.answered_proposal(asked, False, NOW)
    assert [item.kind for item in step.items] == ["resumed", "declined"]
    assert (step.ticket.state, step.ticket.turn) == ("open", "agent")
    solved = tickets.answered_proposal(asked, True, NOW).ticket
    assert (solved.close_reason, solved.pending) == ("solved", None)


def test_a_pending_ticket_is_reminded_after_three_days_and_closed_after_seven() -> None:
    ticket = pending()
    assert tickets.due(ticket, POLICY) == START + 3 * DAY
    assert tickets.waited(ticket, POLICY, START + 3 * DAY - 1) == Step(ticket, ())
    step = tickets.waited(ticket, POLICY, START + 3 * DAY)
    assert [(item.kind, item.by) for item in step.items] == [("reminder", "system")]
    assert tickets.due(step.ticket, POLICY) == START + 7 * DAY
    assert tickets.waited(step.ticket, POLICY, START + 7 * DAY - 1).items == ()
    closed = tickets.waited(step.ticket, POLICY, START + 7 * DAY).ticket
    assert (closed.state, closed.close_reason, closed.pending) == ("closed", "inactivity", None)


def test_who_is_reminded_late_has_as_much_time_after_it_as_ever() -> None:
    late = tickets.waited(pending(), POLICY, START + 20 * DAY)
    assert [item.kind for item in late.items] == ["reminder"], "not closed unheard"
    assert tickets.due(late.ticket, POLICY) == START + 24 * DAY


def test_an_agents_further_words_give_the_whole_time_again() -> None:
    reminded = tickets.waited(pending(), POLICY, START + 3 * DAY).ticket
    for again in (
        tickets.agent_said(reminded, LEO, "¿Pudiste?", CID, START + 4 * DAY).ticket,
        tickets.pended(reminded, LEO, START + 4 * DAY).ticket,
    ):
        assert again.state == "pending"
        assert tickets.due(again, POLICY) == START + 7 * DAY


@pytest.mark.parametrize("reminder", [0, 7 * 86_400, 8 * 86_400])
def test_a_policy_may_do_without_a_reminder(reminder: int) -> None:
    policy = Policy(pending_reminder_seconds=reminder)
    assert tickets.due(pending(), policy) == START + 7 * DAY
    assert [i.reason for i in tickets.waited(pending(), policy, START + 7 * DAY).items] == ["inactivity"]


def test_nobody_is_closed_at_once_by_a_new_rule_for_pending() -> None:
    ticket = tickets.waited(pending(), POLICY, START + 3 * DAY).ticket
    ticket = replace(ticket, due_at=tickets.due(ticket, POLICY))
    shorter = Policy(pending_reminder_seconds=0, pending_close_seconds=3_600)
    now = START + 3 * DAY + 1
    after = tickets.rules_changed(ticket, shorter, None, now).ticket
    assert tickets.due(after, shorter) == now + DAY
    soon = START + 7 * DAY - 5
    after = tickets.rules_changed(ticket, shorter, None, soon).ticket
    assert tickets.due(after, shorter) == START + 7 * DAY, "and never later than by the old one"
    longer = Policy(pending_close_seconds=30 * 86_400)
    assert tickets.rules_changed(ticket, longer, None, now).ticket == ticket


def test_what_is_missing_is_named_and_completed() -> None:
    ticket = sent_back()
    assert ticket.details.missing == ("case", "phone")
    assert ticket.customer_unread == mine().customer_unread + 1
    step = tickets.completed(ticket, Details(case="F-1", case_kind="invoice", phone="300"), CID, NOW)
    assert [(item.kind, item.reason, item.cid) for item in step.items] == [("completed", "case,phone", CID)]
    assert (step.ticket.details.missing, step.ticket.turn, step.ticket.agent_unread) == ((), "agent", 1)
    with pytest.raises(Refused, match="nothing_missing"):
        tickets.completed(step.ticket, Details(), CID, NOW)


def test_a_rejection_says_why_and_is_no_answer_to_rate() -> None:
    step = tickets.rejected(mine(), LEO, "Es de otro equipo", NOW)
    assert [(item.kind, item.text) for item in step.items] == [("closed", "Es de otro equipo")]
    assert tickets.rate_until(step.ticket, POLICY) is None
    assert tickets.rate_until(tickets.rejected(answered(), LEO, "Es spam", NOW).ticket, POLICY) is not None


def test_a_classification_is_recorded_with_what_was_there_before() -> None:
    asked = replace(mine(), details=Details(type="question", asked=4, why="Ya"))
    step = classify(asked, type="incident", priority=2, development=True, impact=0)
    after = step.ticket
    assert (after.priority, after.details.type, after.details.development) == (2, "incident", True)
    assert (after.details.asked, after.details.why) == (4, "Ya"), "what the customer said stays"
    (item,) = step.items
    assert (item.kind, item.name) == ("classified", LEO.name)
    assert set(item.reason.split(",")) == {"type", "priority", "development"}
    assert '"type":["question","incident"]' in item.text
    assert classify(after, type="incident", priority=2).items == ()
    with pytest.raises(Refused, match="not_yours"):
        tickets.classified(asked, EVA, Classification(priority=1), POLICY, NOW)
    assert tickets.classified(later(), EVA, Classification(priority=1), POLICY, NOW).ticket.priority == 1


def test_only_the_agents_classification_moves_the_place_in_the_queue() -> None:
    early = waiting(START)
    loud = replace(waiting(START + 1), details=Details(asked=4, why="¡Ya!"))
    assert (early.queue_rank or 0) < (loud.queue_rank or 0)
    risen = classify(loud, priority=4).ticket
    assert (risen.queue_rank or 0) < (early.queue_rank or 0)
    assert risen.queue_rank == tickets.rank(START + 1, 4, POLICY)
    assert classify(risen, priority=0).ticket.queue_rank == loud.queue_rank
    back = tickets.requeued(attended(), "agent_gone", POLICY, NOW, closes_at=None).ticket
    assert (classify(back, priority=1).ticket.queue_rank or 0) < (early.queue_rank or 0) - 10**9, (
        "still the head"
    )


@pytest.mark.parametrize(
    ("priority", "answer", "end"), [(0, 8, 120), (1, 24, 240), (2, 8, 120), (3, 4, 48), (4, 1, 8)]
)
def test_targets_follow_from_the_agents_priority(priority: int, answer: int, end: int) -> None:
    hour = 3_600_000
    ticket = replace(mine(), priority=priority, details=Details(asked=4))
    assert tickets.targets(ticket, POLICY) == (START + answer * hour, START + end * hour)
    spoken = tickets.agent_said(ticket, LEO, "Hola", CID, NOW).ticket
    assert tickets.targets(spoken, POLICY) == (None, START + end * hour)
    assert tickets.targets(tickets.agent_closed(ticket, LEO, NOW).ticket, POLICY) == (None, None)
    assert tickets.targets(answered(), POLICY) == (None, None), "a chat has clocks of its own"
    assert tickets.targets(ticket, Policy(**NO_TARGETS)) == (None, None)


NO_TARGETS: dict[str, Any] = {
    f"{what}_{level}_seconds": 0
    for what in ("answer", "solve")
    for level in ("low", "medium", "high", "urgent")
}
