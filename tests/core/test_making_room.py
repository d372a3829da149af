"""Which originals go where there is no room for all."""

from __future__ import annotations

from chatserver.core.mails import Original, making_room


def originals(*given: tuple[str, int, bool]) -> list[Original]:
    """(sender, bytes, whether it became a message), the oldest first; they are called `0`, `1` …"""
    return [Original(str(n), n, size, sender, said) for n, (sender, size, said) in enumerate(given)]


def gone(needed: int, *given: tuple[str, int, bool]) -> str:
    return " ".join(one.name for one in making_room(originals(*given), needed))


def test_what_became_no_message_goes_first_the_oldest_first() -> None:
    given = [("ana", 10, True), ("robot", 10, False), ("eva", 90, True), ("robot", 10, False)]
    assert gone(1, *given) == "1"
    assert gone(20, *given) == "1 3"
    assert gone(21, *given) == "1 3 2"


def test_of_messages_the_oldest_of_whoever_has_most_goes_until_another_has_more() -> None:
    given = [("ana", 30, True), ("eva", 20, True), ("eva", 25, True), ("ana", 5, True), ("eva", 1, True)]
    assert gone(20, *given) == "1"
    assert gone(21, *given) == "1 0", "ana has 35 of them then, and eva 26"
    assert gone(51, *given) == "1 0 2"


def test_of_those_who_have_as_much_the_oldest_goes() -> None:
    given = [("eva", 10, True), ("ana", 10, True), ("zoe", 10, True)]
    assert gone(1, *given) == "0"
    assert gone(11, *given) == "0 1"


def test_who_sends_a_lot_makes_room_for_it_however_new_it_is() -> None:
    people = [(f"persona-{n}", 5, True) for n in range(50)]
    flood = [("mucho", 25, True)] * 40
    assert {one.sender for one in making_room(originals(*people, *flood), 950)} == {"mucho"}


def test_where_there_is_never_enough_all_go_and_where_nothing_is_needed_none() -> None:
    given = [("ana", 0, True), ("eva", 10, False), ("ana", 10, True)]
    assert len(making_room(originals(*given), 10_000)) == 3
    assert making_room(originals(*given), 0) == []
    assert making_room([], 10) == []
