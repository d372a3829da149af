"""Browsers, agents, server, disk and network in every order that Hypothesis finds: what is promised about messages holds.

`RUNS=10000 pytest tests/model` is the long form (`FULL=1` too): some ten minutes of one core, and other orders each time.
"""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.harness.sizes import size
from tests.model.browser import Node
from tests.model.bugs import BUGS
from tests.model.chat import Chat
from tests.model.machine import Model
from tests.model.real_disk import OnRealFile, RealDisk
from tests.model.server import SMALL, Parts, small_bounds

SHORT = 200
RUNS = int(os.environ.get("RUNS") or size(SHORT, 10_000))
STEPS = 50
FIND_WITHIN = 1_000
"""Runs until a seeded bug must have been found; most need fewer than ten."""


@pytest.fixture(scope="module")
def node() -> Iterator[Node]:
    node = Node()
    yield node
    node.close()


def explore(node: Node, runs: int, parts: Parts, *phases: Phase) -> None:
    class Here(Model):
        pass

    Here.node, Here.parts = node, parts
    # The short form is the same for everybody, the long one looks elsewhere each time.
    how = settings(
        max_examples=runs,
        stateful_step_count=STEPS,
        phases=phases or tuple(Phase),
        deadline=None,
        derandomize=RUNS == SHORT,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    with small_bounds():
        run_state_machine_as_test(Here, settings=how)


@pytest.mark.fault
def test_whatever_happens_all_that_was_typed_arrives_once_and_in_order_or_visibly_fails(node: Node) -> None:
    explore(node, RUNS, Parts())


def test_a_hello_that_is_long_under_way_does_not_make_somebody_else_of_a_customer(node: Node) -> None:
    chat = Chat(node)
    with chat.loop.running():
        for agent in chat.agents:
            agent.connect()
        chat.opens_tab("ana/1")
        chat.after(1)
        chat.starts_ticket("ana/1")
        chat.after(1)
        tickets = chat.tickets_of("ana/1")
        chat.opens_tab("ana/1")
        line = chat.network.links[-1]
        line.up.deliver(1)
        line.up.hold()
        chat.after(SMALL.hello_seconds + 3)
        chat.heal()
        assert chat.tickets_of("ana/1") == tickets != []
    chat.close()


def test_two_tabs_of_a_first_time_visitor_are_one_customer(node: Node) -> None:
    chat = Chat(node)
    with chat.loop.running():
        for agent in chat.agents:
            agent.connect()
        chat.opens_tab("ana/1")
        chat.opens_tab("ana/2")
        chat.after(2)
        chat.starts_ticket("ana/1")
        chat.after(1)
        tickets = chat.tickets_of("ana/1")
        assert chat.tickets_of("ana/2") == tickets != []
        chat.opens_tab("ana/1")
        chat.after(2)
        assert chat.tickets_of("ana/1") == tickets
    chat.close()


def test_the_tab_that_stays_sends_what_a_closed_one_had_not_sent(node: Node) -> None:
    chat = Chat(node)
    with chat.loop.running():
        ticket = a_ticket_in_one_tab(chat)
        chat.opens_tab("ana/2")
        chat.after(1)
        nothing_leaves(chat, "ana/1")
        chat.says("ana/1", ticket)
        chat.says("ana/1", ticket)
        chat.after(1)
        assert messages(chat) == []
        assert chat.browser.tabs["ana/2"].screen["pending"] == []
        chat.closes_tab("ana/1")
        chat.after(1)
        assert messages(chat) == list(chat.typed)
        chat.heal()
        chat.judge()
    chat.close()


def test_what_a_tab_takes_over_bit_by_bit_goes_out_in_the_order_in_which_it_was_typed(node: Node) -> None:
    chat = Chat(node)
    with chat.loop.running():
        ticket = a_ticket_in_one_tab(chat)
        nothing_leaves(chat, "ana/1")
        chat.says("ana/1", ticket)
        chat.says("ana/1", ticket)
        chat.opens_tab("ana/2")
        while not chat.browser.tabs["ana/2"].screen["pending"]:
            chat.after(0.005)
        nothing_leaves(chat, "ana/2")
        chat.after(1)
        chat.says("ana/1", ticket)
        chat.closes_tab("ana/1")
        chat.says("ana/2", ticket)
        chat.after(1)
        assert messages(chat) == []
        chat.heal()
        assert messages(chat) == list(chat.typed)
        chat.judge()
    chat.close()


def a_ticket_in_one_tab(chat: Chat) -> int:
    for agent in chat.agents:
        agent.connect()
    chat.opens_tab("ana/1")
    chat.after(1)
    chat.starts_ticket("ana/1")
    chat.after(1)
    (ticket,) = chat.tickets_of("ana/1")
    return ticket


def nothing_leaves(chat: Chat, tab: str) -> None:
    for link in chat.network.alive():
        if link.name == tab:
            link.up.hold()


def messages(chat: Chat) -> list[str]:
    return [item.text for _, item in sorted(chat.disk.items.items()) if item.kind == "message"]


@pytest.mark.parametrize("bug", BUGS)
def test_a_seeded_bug_is_found(node: Node, bug: str) -> None:
    parts, found = BUGS[bug]
    with pytest.raises(AssertionError, match=found):
        explore(node, FIND_WITHIN, parts, Phase.generate)


@pytest.mark.fault
def test_the_same_holds_on_the_real_database(node: Node) -> None:
    explore(node, max(15, RUNS // 20), Parts(disk=RealDisk, store=OnRealFile), Phase.generate)
