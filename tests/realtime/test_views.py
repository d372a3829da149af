"""Who may see what, and that an event is encoded once per audience."""

from __future__ import annotations

import json
from typing import Any

import hypothesis.strategies as st
import pytest
from hypothesis import given
from msgspec import to_builtins
from msgspec.structs import asdict, replace

from chatserver.core.details import NOTHING, Details
from chatserver.core.events import AgentChanged, DeskChanged, QueueMoved, TicketChanged, Typing
from chatserver.core.people import Agent, App, Customer
from chatserver.core.policy import Policy
from chatserver.core.tickets import (
    Last,
    Pending,
    Rating,
    Ticket,
    agent_said,
    assigned,
    customer_said,
    opened,
    reminded,
)
from chatserver.realtime.views import (
    Audience,
    Views,
    agent_ticket,
    customer_ticket,
    differences,
    host_context,
    patch,
    person,
)

POLICY = Policy()
APP = App(1, "demo", "Tienda", (), "app-secret", "#000", POLICY, "{}")
ANA = Customer(7, 1, "anon:key-of-ana", "", "", "es", "America/Bogota", 0)
LUCIA = Agent(5, "lucia@private.example", "Lucía", (1,), "available", 4, None, 0)
CONTEXT = '{"url":"https://host.example","host":{"plan":"internal-plan"}}'
NEW = opened(
    Ticket(3, 1, 1042, ANA, "Asunto", CONTEXT, 1_000, priority=4), POLICY, closes_at=None, connected=True
)
TAKEN = assigned(NEW.ticket, LUCIA, POLICY, 2_000)
ASKED = customer_said(TAKEN.ticket, "hola", "C" * 22, 3_000)
ANSWERED = agent_said(ASKED.ticket, LUCIA, "buenas", "A" * 22, 4_000)
CLOSED = replace(ANSWERED.ticket, state="closed", close_reason="solved", closed_at=5_000)


def changed(before: Ticket | None, step: Any) -> TicketChanged:
    version = before.version if before else 0
    return TicketChanged(before, replace(step.ticket, version=version + 1), step.items)


def text_of(event: TicketChanged | Typing | QueueMoved | AgentChanged, audience: Audience) -> str:
    packet = Views(lambda app_id: APP).packet(event, audience)
    assert packet is not None
    assert packet.wire.endswith(packet.body)
    return packet.body.decode()


def test_customers_never_see_agents_addresses_ids_context_priorities_or_message_ids() -> None:
    for before, step in ((None, NEW), (NEW.ticket, TAKEN), (TAKEN.ticket, ASKED), (ASKED.ticket, ANSWERED)):
        text = text_of(changed(before, step), "customer")
        for secret in ("private.example", "internal-plan", "author", "priority", "queue_rank", "A" * 22):
            assert secret not in text
        assert "app-secret" not in text + text_of(changed(before, step), "agent")


def test_agents_see_who_wrote_and_the_context_but_no_message_id_of_a_customer() -> None:
    assert host_context(NEW.ticket.context)["host"] == {"plan": "internal-plan"}
    assert "C" * 22 not in text_of(changed(TAKEN.ticket, ASKED), "agent")
    item = json.loads(text_of(changed(ASKED.ticket, ANSWERED), "agent"))["items"][0]
    assert (item["author"], item["cid"]) == (5, "A" * 22)
    given = json.loads(text_of(changed(NEW.ticket, TAKEN), "agent"))["items"][0]
    assert (given["kind"], given["by"], given["author"]) == ("assigned", "system", 5)


def test_a_change_of_routing_comes_whole_and_any_other_as_a_patch_that_leads_to_the_same() -> None:
    audience: Audience
    for audience in ("customer", "agent"):
        whole = json.loads(text_of(changed(NEW.ticket, TAKEN), audience))
        assert "view" in whole
        assert "patch" not in whole
    event = changed(TAKEN.ticket, ASKED)
    for audience, was, then in (
        ("customer", customer_ticket(TAKEN.ticket, APP), customer_ticket(event.after, APP)),
        ("agent", agent_ticket(TAKEN.ticket, APP), agent_ticket(event.after, APP)),
    ):
        told = json.loads(text_of(event, audience))
        assert "view" not in told
        assert to_builtins(was) | told["patch"] == to_builtins(then)
        assert (told["base"], told["version"]) == (0, 1)


_FIXED = {"id", "app_id", "number", "context", "opened_at", "source"}
"""What no verb changes."""
CHANGING: dict[str, tuple[Any, ...]] = {
    "customer": (ANA, replace(ANA, name="Ana"), replace(ANA, email="ana@example.com")),
    "state": ("open", "pending", "closed"),
    "mode": ("live", "later"),
    "turn": ("customer", "agent"),
    "close_reason": (None, "solved", "inactivity"),
    "last": (None, Last("hola", "customer", 1), Last("hola", "agent", 1)),
    "rating": (None, Rating(4, "", 2_000), Rating(5, "bien", 3_000)),
    "passed": ((), (5,)),
    "priority": (0, 3, 4),
    "details": (
        NOTHING,
        Details(type="incident", category="pos", asked=4, why="Ya", wanted="2026-01-07", cc=("a@b.co",)),
        Details(case_kind="patient", case="Juana Paz", sensitive=True, missing=("phone",), development=True),
    ),
    "pending": (None, Pending(1_000), Pending(1_000, 2_000)),
    "reminded": (False, True),
    "mail_problem": ("", "refused", "expired"),
    **dict.fromkeys(("subject", "email", "agent_name"), ("", "uno", "dos")),
    **dict.fromkeys(
        (
            *("closed_at", "agent_id", "assigned_at", "answer_due_at", "answered_at", "queued_at"),
            *("queue_rank", "queue_until", "gone_at", "proposal", "due_at", "unseen_at"),
        ),
        (None, 0, 1_000, 9_000),
    ),
    **dict.fromkeys(
        (
            *("follows", "active_at", "agent_spoke_at", "floor_at", "last_seq"),
            *("customer_seen", "agent_seen", "customer_unread", "agent_unread", "version", "mailed_seq"),
        ),
        (0, 1, 2_000),
    ),
}
_ANY = {name: st.sampled_from(values) for name, values in CHANGING.items()}


def assert_patched(old: Ticket, new: Ticket) -> None:
    found = differences(old, new, APP)
    views: dict[Audience, tuple[dict[str, Any], dict[str, Any]]] = {
        "customer": (asdict(customer_ticket(old, APP)), asdict(customer_ticket(new, APP))),
        "agent": (asdict(agent_ticket(old, APP)), asdict(agent_ticket(new, APP))),
    }
    for audience, (was, then) in views.items():
        assert patch(found, audience) == {name: then[name] for name in then if then[name] != was[name]}


@given(before=st.fixed_dictionaries(_ANY), after=st.fixed_dictionaries({}, optional=_ANY))
def test_a_patch_holds_exactly_the_fields_in_which_the_two_views_differ(
    before: dict[str, Any], after: dict[str, Any]
) -> None:
    old = replace(NEW.ticket, **before)
    assert_patched(old, replace(old, **after))


@pytest.mark.parametrize("name", CHANGING)
@pytest.mark.parametrize("was", [NEW.ticket, ASKED.ticket, CLOSED], ids=["waiting", "asked", "closed"])
def test_one_field_alone_is_told_with_all_that_follows_from_it(was: Ticket, name: str) -> None:
    for value in CHANGING[name]:
        assert_patched(was, replace(was, **{name: value}))


def test_every_field_of_a_ticket_is_changed_by_these_tests_or_never() -> None:
    assert CHANGING.keys() | _FIXED == set(Ticket.__struct_fields__)


def test_an_event_is_encoded_once_for_each_audience() -> None:
    asked: list[int] = []

    def app(app_id: int) -> App:
        asked.append(app_id)
        return APP

    views, event = Views(app), changed(None, NEW)
    packets = [views.packet(event, audience) for audience in ("customer", "agent", "customer", "agent")]
    assert packets[0] is packets[2]
    assert packets[1] is packets[3]
    assert packets[0] != packets[1]
    assert asked == [1, 1]


@pytest.mark.parametrize(
    ("event", "hearers"),
    [
        (Typing(3, "customer"), {"agent"}),
        (Typing(3, "agent", "Lucía"), {"customer"}),
        (QueueMoved(3, 1, None, True), {"customer"}),
        (AgentChanged(5, "busy"), {"agent"}),
        (DeskChanged(1), set()),
    ],
)
def test_an_event_is_told_only_to_whom_it_concerns(event: Any, hearers: set[str]) -> None:
    audiences: tuple[Audience, ...] = ("customer", "agent")
    views = Views(lambda app_id: APP)
    assert {audience for audience in audiences if views.packet(event, audience)} == hearers


def test_a_visitor_without_a_name_has_one_that_stays() -> None:
    shown = person(ANA)
    assert shown.name == f"Visitante {shown.alias}"
    assert person(replace(ANA, name="Ana")).name == "Ana"


@pytest.mark.parametrize("context", ["", "[]", "no json", '{"a":' * 5_000])
def test_a_context_that_is_none_is_shown_as_none(context: str) -> None:
    assert host_context(context) == {}


def test_whoever_was_reminded_of_a_ticket_sees_no_time_run_out_again() -> None:
    reminder = reminded(TAKEN.ticket, POLICY, 62_000)
    assert reminder.ticket.answer_due_at is not None
    view = agent_ticket(reminder.ticket, APP)
    assert (view.reminded, view.answer_due_at) == (True, None)


@pytest.mark.parametrize(
    ("key", "verified", "account"),
    [
        ("user:81", True, False),
        ("portal:abc", False, True),
        ("mail:ana@example.com", False, False),
        ("anon:x", False, False),
    ],
)
def test_agents_are_told_who_says_that_a_customer_is_who_they_say(
    key: str, verified: bool, account: bool
) -> None:
    told = person(replace(ANA, key=key))
    assert (told.verified, told.account) == (verified, account)


def test_what_the_form_has_no_more_is_not_told_as_missing() -> None:
    back = replace(TAKEN.ticket, details=replace(NOTHING, missing=("version", "phone")))
    assert customer_ticket(back, APP).missing == agent_ticket(back, APP).missing == ("phone",)
    for audience in ("customer", "agent"):
        assert patch(differences(TAKEN.ticket, back, APP), audience)["missing"] == ("phone",)
    gone = replace(TAKEN.ticket, details=replace(NOTHING, missing=("version",)))
    assert "missing" not in patch(differences(TAKEN.ticket, gone, APP), "agent")
