"""The checker itself: it passes what is right and catches eight faults that chat servers have had."""

from __future__ import annotations

import ast
from dataclasses import replace
from pathlib import Path

import pytest

from tests.checker.checker import Evidence, Op, Owned, Rule, Shown, Stored, check, read_lines, write_lines
from tests.checker.toy_server import Fault, ToyServer

SEEDS = range(20)
STEPS = 200

CAUGHT_BY: dict[Fault, Rule] = {
    "ack before commit": "a",
    "no unique index": "b",
    "number outside the transaction": "c",
    "replay off by one": "c",
    "part of a gap": "c",
    "stale owner": "e",
    "doubled listener": "c",
    "foreign ticket": "f",
}

CLEAN = Evidence(
    history=[Op("say", "carla", 1, "x", 0, 1, "ok", 2), Op("say", "carla", 1, "y", 2, 3, "unknown")],
    shown=[Shown("carla", 1, 1), Shown("carla", 1, 2, "x"), Shown("ana", 1, 1), Shown("ana", 1, 2, "x")],
    stored=[Stored(1, 1, "system"), Stored(1, 2, "carla", "x")],
    members={1: frozenset({"carla", "ana"})},
)


def rules(evidence: Evidence) -> set[Rule]:
    return {violation.rule for violation in check(evidence)}


@pytest.mark.parametrize("seed", SEEDS)
def test_nothing_is_found_where_nothing_is_wrong(seed: int) -> None:
    assert check(ToyServer(None, seed).run(STEPS)) == []


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("fault", CAUGHT_BY)
def test_each_seeded_fault_is_caught_by_its_rule(fault: Fault, seed: int) -> None:
    assert CAUGHT_BY[fault] in rules(ToyServer(fault, seed).run(STEPS))


def test_an_unknown_message_may_be_there_or_not() -> None:
    stored = [*CLEAN.stored, Stored(1, 3, "carla", "y")]
    shown = [*CLEAN.shown, Shown("carla", 1, 3, "y"), Shown("ana", 1, 3, "y")]
    assert check(CLEAN) == []
    assert check(replace(CLEAN, stored=stored, shown=shown)) == []


def test_an_unknown_message_may_not_be_there_twice() -> None:
    stored = [*CLEAN.stored, Stored(1, 3, "carla", "y"), Stored(1, 4, "carla", "y")]
    assert {"b", "d"} <= rules(replace(CLEAN, stored=stored))


def test_a_refused_message_may_not_be_stored() -> None:
    refused = [Op("say", "carla", 1, "x", 0, 1, "fail")]
    assert "a" in rules(replace(CLEAN, history=refused))


def test_an_acknowledged_number_must_be_the_stored_one() -> None:
    other = [Op("say", "carla", 1, "x", 0, 1, "ok", 1)]
    assert rules(replace(CLEAN, history=other)) == {"a"}


def test_a_member_who_saw_nothing_is_noticed() -> None:
    only_carla = [item for item in CLEAN.shown if item.reader == "carla"]
    assert rules(replace(CLEAN, shown=only_carla)) == {"a", "c"}


def test_two_items_in_the_wrong_order_are_noticed() -> None:
    assert rules(replace(CLEAN, shown=[*reversed(CLEAN.shown[:2]), *CLEAN.shown[2:]])) == {"c"}


def test_a_screen_that_started_over_answers_only_for_what_it_shows() -> None:
    shown = [*CLEAN.shown[:2], Shown("ana", 1, 1), Shown("ana", 1, 2, forget=True), Shown("ana", 1, 2, "x")]
    assert check(replace(CLEAN, shown=shown)) == []


def test_a_guest_may_have_seen_a_part_and_a_stranger_nothing() -> None:
    shown = [*CLEAN.shown, Shown("luis", 1, 1)]
    assert rules(replace(CLEAN, shown=shown)) == {"f"}
    assert check(replace(CLEAN, shown=shown, guests={1: frozenset({"luis"})})) == []


def test_one_agent_may_hold_a_ticket_twice_in_a_row_but_two_never_at_once() -> None:
    ana_twice = [Owned(1, "ana", 0, 5), Owned(1, "ana", 4, 9)]
    luis_meanwhile = [*ana_twice, Owned(1, "luis", 8, 10)]
    assert check(replace(CLEAN, owned=ana_twice)) == []
    assert rules(replace(CLEAN, owned=luis_meanwhile)) == {"e"}


def test_evidence_survives_being_written_down(tmp_path: Path) -> None:
    evidence = ToyServer(None, seed=1).run(50)
    write_lines(tmp_path / "history.jsonl", evidence.history)
    write_lines(tmp_path / "shown.jsonl", evidence.shown)
    assert read_lines(tmp_path / "history.jsonl", Op) == list(evidence.history)
    assert read_lines(tmp_path / "shown.jsonl", Shown) == list(evidence.shown)


def test_the_checker_knows_nothing_of_the_server() -> None:
    for file in Path(__file__).parent.glob("*.py"):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            assert not [name for name in names if name.split(".")[0] == "chatserver"], file
