"""Which mails a ticket causes, and how many leave at once."""

from __future__ import annotations

from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from chatserver.core import outbox, tickets
from chatserver.core.details import Details
from chatserver.core.outbox import CAUSES, HOUR_MS, UNCONFIRMED_PER_HOUR, Due, Facts, Used, allot
from chatserver.core.people import Customer
from chatserver.core.policy import Policy
from chatserver.core.tickets import Kind, Step, Ticket
from tests.core.samples import CID, START, agent, attended

LEO = agent(1)
MAIL = Policy(mail=True)
NOW = START + 60_000


def chat(email: str = "ana@example.com") -> Ticket:
    """Answered once; its customer is connected and has read it."""
    ticket = replace(attended(), email=email)
    said = tickets.agent_said(ticket, LEO, "Hola", CID, START).ticket
    return tickets.customer_saw(said, said.last_seq).ticket


def request() -> Ticket:
    """To be answered later, attended."""
    return replace(chat(), mode="later")


def caused(step: Step) -> list[outbox.Letter]:
    return list(outbox.caused(step.ticket, step.items))


# — what is told ———————————————————————————————————————————————————————————————


def test_a_request_for_later_is_confirmed_to_its_address() -> None:
    (letter,) = caused(tickets.left_for_later(chat(), "closing_time", NOW))
    assert (letter.kind, letter.address, letter.due_at) == ("created", "ana@example.com", NOW)


def test_without_an_address_nothing_is_caused() -> None:
    assert caused(tickets.left_for_later(chat(""), "customer", NOW)) == []
    assert caused(tickets.agent_closed(replace(chat(""), gone_at=START), LEO, NOW)) == []


@pytest.mark.parametrize(
    ("ticket", "told"),
    [
        (chat(), False),  # connected, and has read all
        (replace(chat(), gone_at=START), True),
        (replace(chat(), customer_unread=1), True),
        (request(), True),
    ],
)
def test_the_end_is_told_to_whoever_was_not_there(ticket: Ticket, told: bool) -> None:
    assert [letter.kind for letter in caused(tickets.agent_closed(ticket, LEO, NOW))] == ["closed"] * told


def test_whoever_ends_a_ticket_gets_no_mail_about_it() -> None:
    assert caused(tickets.customer_ended(request(), NOW)) == []


def test_the_end_tells_its_reason_and_what_was_not_seen() -> None:
    unseen = tickets.agent_said(request(), LEO, "Listo", CID, NOW).ticket
    step = tickets.agent_closed(unseen, LEO, NOW)
    (letter,) = caused(step)
    seen = request().customer_seen
    assert letter.facts == Facts(after=seen, upto=step.items[0].seq, reason="agent")


def test_a_form_that_nobody_answered_writes_to_no_strangers() -> None:
    """Whoever fills it in may name any addresses in copy."""
    copied = replace(request(), details=Details(cc=("Eva@x.co", "eva@x.co", "ana@example.com")))
    unanswered = replace(copied, answered_at=None)
    for step in (tickets.rejected(unanswered, LEO, "No", NOW), tickets.customer_ended(unanswered, NOW)):
        assert {letter.address for letter in caused(step)} <= {"ana@example.com"}
    for step in (tickets.rejected(copied, LEO, "No", NOW), tickets.customer_ended(copied, NOW)):
        others = [letter for letter in caused(step) if letter.address != "ana@example.com"]
        assert [letter.address for letter in others] == ["eva@x.co"], "once, and not the customer"
        assert not others[0].confirmed


def test_each_effect_has_a_key_of_its_own() -> None:
    first, second = request(), replace(request(), id=2)
    keys = [letter.key for t in (first, second) for letter in caused(tickets.agent_closed(t, LEO, NOW))]
    assert len(set(keys)) == 2
    again = caused(tickets.agent_closed(first, LEO, NOW + 5))
    assert again[0].key == keys[0]


def test_causes_are_items_that_there_are() -> None:
    assert set(CAUSES) <= set(get_args(Kind))


@pytest.mark.parametrize(
    ("key", "own", "address", "known"),
    [
        ("user:ana", "Ana@Example.com", "ana@example.com", True),
        ("user:ana", "ana@example.com", "eva@example.com", False),
        ("user:ana", "", "", False),
        ("portal:x", "ana@example.com", "ana@example.com", True),
        ("portal:x", "ana@example.com", "eva@example.com", False),
        ("mail:ana@example.com", "ana@example.com", "ana@example.com", False),
        ("anon:x", "ana@example.com", "ana@example.com", False),
    ],
)
def test_an_address_is_confirmed_where_the_host_vouches_for_it_or_its_owner_followed_a_link(
    key: str, own: str, address: str, known: bool
) -> None:
    assert outbox.confirmed(Customer(1, 1, key, "", own, "", "", 0), address) is known


# — what was not seen ——————————————————————————————————————————————————————————


def gone(ticket: Ticket, at: int = START) -> Ticket:
    return tickets.customer_gone(ticket, at).ticket


def says(ticket: Ticket, at: int) -> Ticket:
    return tickets.agent_said(ticket, LEO, "¿Sigues?", CID, at).ticket


def test_an_answer_to_a_connected_customer_waits_for_no_mail() -> None:
    ticket = says(chat(), NOW)
    assert ticket.unseen_at is None
    assert tickets.mail_due(ticket, MAIL) is None


def test_an_answer_to_somebody_who_left_is_mailed_ten_minutes_after_the_first_one() -> None:
    ticket = says(says(gone(chat()), NOW), NOW + 300_000)
    assert tickets.mail_due(ticket, MAIL) == NOW + 600_000
    assert tickets.mail_due(says(request(), NOW), MAIL) == NOW + 600_000


def test_a_request_whose_agent_is_no_more_is_not_confirmed_again() -> None:
    released = tickets.released(request(), NOW)
    assert [(item.kind, item.reason) for item in released.items] == [("later", "agent_left")]
    assert caused(released) == []


def test_whoever_leaves_before_reading_gets_it_ten_minutes_later() -> None:
    ticket = gone(says(chat(), START + 1), NOW)
    assert tickets.mail_due(ticket, MAIL) == NOW + 600_000
    back = tickets.customer_back(ticket).ticket
    assert tickets.mail_due(back, MAIL) is None, "they are looking at it"


@pytest.mark.parametrize("verb", ["read", "wrote", "closed", "without mail", "without an address"])
def test_what_was_seen_is_not_mailed(verb: str) -> None:
    ticket, policy = says(request(), NOW), MAIL
    match verb:
        case "read":
            ticket = tickets.customer_saw(ticket, ticket.last_seq).ticket
        case "wrote":
            ticket = tickets.customer_said(ticket, "Ya", CID, NOW).ticket
        case "closed":
            ticket = tickets.agent_closed(ticket, LEO, NOW).ticket
        case "without mail":
            policy = Policy()
        case _:
            ticket = replace(ticket, email="")
    assert tickets.mail_due(ticket, policy) is None
    assert tickets.mailed(ticket, policy, NOW + 10**9).ticket == ticket


def test_reading_a_part_leaves_the_rest_to_be_mailed() -> None:
    ticket = says(says(request(), NOW), NOW)
    partly = tickets.customer_saw(ticket, ticket.last_seq - 1).ticket
    assert tickets.mail_due(partly, MAIL) == NOW + 600_000


def test_what_is_said_after_a_mail_gets_another_one_that_begins_there() -> None:
    first = says(request(), NOW)
    told = tickets.mailed(first, MAIL, NOW + 600_000).ticket
    assert (told.unseen_at, told.mailed_seq) == (None, first.last_seq)
    second = says(told, NOW + 700_000)
    assert tickets.mail_due(second, MAIL) == NOW + 1_300_000
    (letter,) = outbox.answers(second, NOW + 1_300_000)
    assert letter.facts == Facts(after=first.last_seq, upto=second.last_seq)


def test_the_due_time_of_a_ticket_knows_of_mail() -> None:
    ticket = says(request(), NOW)
    assert tickets.due(ticket, MAIL) == NOW + 600_000
    assert tickets.due(ticket, Policy()) is None


# — how many at once ———————————————————————————————————————————————————————————


def one(mail: int, address: str = "a@x.co", *, app: int = 1, confirmed: bool = True) -> Due:
    return Due(mail, app, address, confirmed)


def test_a_stranger_gets_three_an_hour_and_the_rest_waits() -> None:
    due = [one(n, "A@x.co" if n % 2 else "a@x.co", confirmed=False) for n in range(5)]
    found = allot(due, {}, {}, 100, NOW, 100)
    assert found.go == [0, 1, 2]
    assert found.wait == {3: NOW + HOUR_MS, 4: NOW + HOUR_MS}
    used = {"a@x.co": Used(2, NOW - 1000)}
    assert allot(due, {}, used, 100, NOW, 100).go == [0]
    assert allot(due, {}, used, 100, NOW, 100).wait[1] == NOW - 1000 + HOUR_MS


def test_a_stranger_is_not_told_of_the_fourth_request_and_gets_what_they_ask_for_in_turn() -> None:
    due = [Due(n, 1, "a@x.co", confirmed=False, kind="created") for n in range(5)]
    due += [Due(5, 1, "a@x.co", confirmed=False, kind="access")]
    found = allot(due, {}, {}, 100, NOW, 100)
    assert (found.go, found.over, found.wait) == ([0, 1, 2], [3, 4], {5: NOW + HOUR_MS})
    known = [due[4]._replace(confirmed=True)]
    assert allot(known, {}, {"a@x.co": Used(9, NOW)}, 100, NOW, 100).go == [4]


def test_a_confirmed_address_gets_what_there_is() -> None:
    assert allot([one(n) for n in range(5)], {}, {}, 100, NOW, 100).go == [0, 1, 2, 3, 4]


def test_an_app_at_its_cap_does_not_hold_up_another() -> None:
    due = [one(n, f"{n}@x.co", app=1 + n % 2) for n in range(6)]
    found = allot(due, {1: Used(9, NOW)}, {}, 10, NOW, 100)
    assert found.go == [0, 1, 3, 5]
    assert found.wait == {}


@given(
    st.lists(st.tuples(st.integers(1, 3), st.sampled_from("abc"), st.booleans()), max_size=40),
    st.dictionaries(st.integers(1, 3), st.integers(0, 12).map(lambda n: Used(n, NOW))),
    st.dictionaries(st.sampled_from("abc"), st.integers(0, 4).map(lambda n: Used(n, NOW))),
)
def test_no_cap_is_ever_passed(
    due: list[tuple[int, str, bool]], apps: dict[int, Used], addresses: dict[str, Used]
) -> None:
    rows = [Due(n, *row) for n, row in enumerate(due)]
    found = allot(rows, apps, addresses, 10, NOW, 15)
    left = [rows[n] for n in found.go]
    assert len(left) <= 15
    assert set(found.go).isdisjoint(found.wait)
    for app_id in (1, 2, 3):
        before = apps[app_id].mails if app_id in apps else 0
        assert before + sum(row.app_id == app_id for row in left) <= max(10, before)
    for address in "abc":
        before = addresses[address].mails if address in addresses else 0
        to_it = [row for row in left if row.address == address]
        unconfirmed = sum(not row.confirmed for row in to_it)
        assert unconfirmed == 0 or before + unconfirmed <= UNCONFIRMED_PER_HOUR


@pytest.mark.parametrize(("tries", "minutes"), [(1, 1), (2, 2), (3, 4), (7, 60), (10_000, 60)])
def test_the_time_between_tries_doubles_up_to_an_hour(tries: int, minutes: int) -> None:
    low, high = (outbox.again_at(tries, NOW, jitter) - NOW for jitter in (0.0, 1.0))
    assert (low, high) == (minutes * 45_000, minutes * 75_000)
