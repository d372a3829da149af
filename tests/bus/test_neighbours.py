"""What a node makes of what others announce; no network."""

from __future__ import annotations

from chatserver.bus import envelope
from chatserver.bus.envelope import Announcement, Beat, Bye, Delta, Said, State
from chatserver.bus.interest import Bits, bucket
from chatserver.bus.neighbours import (
    RECENT_MAX,
    RECENT_SECONDS,
    SILENT_SECONDS,
    UNHEARD_SECONDS,
    Late,
    Neighbours,
    Recent,
)
from chatserver.core.events import DeskChanged

X, Y = bucket("x"), bucket("y")


class Seen:
    """`me`, who knows nobody yet, and what it asked for."""

    def __init__(self) -> None:
        self.missed = 0
        self.looks = 0
        self.late: list[tuple[str, list[int]]] = []
        self.me = Neighbours("me", self._miss, self._look, self._send)

    def _miss(self) -> None:
        self.missed += 1

    def _look(self) -> None:
        self.looks += 1

    def _send(self, late: Late) -> None:
        for one in late.hints:
            one.to = (*one.to, late.other)
        self.late.append((late.other.node, [number(one) for one in late.hints]))

    def say(self, what: int, topic: str, at: float = 0.0) -> None:
        one = Recent.of(DeskChanged(what), (topic,), at)
        self.me.remember(one)
        for other in self.me.others.values():
            if other.wants(one.buckets):
                one.to = (*one.to, other)

    def knows(self, node: str, *buckets: int, version: int = 0, now: float = 0.0) -> None:
        """It has read what this node listens to."""
        self.me.read({node: [state(node, version, *buckets)]}, now, now)


def number(one: Recent) -> int:
    event = envelope.read_batch(envelope.batch("n", 1, [one.encoded()])).hints[0].event
    assert isinstance(event, DeskChanged)
    return event.app_id


def state(node: str, version: int, *buckets: int) -> State:
    bits = Bits()
    bits.set(buckets, True)
    return State(1, node, version, bits.packed())


def beat(node: str = "b", version: int = 0, **said: int) -> Beat:
    return Beat(1, node, version, said)


def delta(version: int, on: list[int], off: list[int] | None = None) -> Delta:
    return Delta(1, "b", version, on, off or [])


def batch(count: int) -> Said:
    return Said("b", count, [], 0)


def test_numbers_that_follow_each_other_are_fine_and_any_other_is_missed() -> None:
    for numbers, missed in [
        ([1, 2, 3], 0),
        ([2], 1),
        ([1, 3], 1),
        ([1, 2, 2], 1),
        ([1, 2, 1], 1),
        ([1, 5, 6, 7], 1),
    ]:
        seen = Seen()
        for count in numbers:
            seen.me.hear(batch(count), 0)
        assert seen.missed == missed, numbers


def test_a_sign_of_life_tells_of_a_last_batch_that_did_not_arrive() -> None:
    seen = Seen()
    seen.me.hear(batch(1), 0)
    seen.me.learn(beat(me=1), 0)
    assert seen.missed == 0
    seen.me.learn(beat(me=2), 0)
    seen.me.learn(beat(me=2), 0)
    seen.me.hear(batch(3), 0)
    assert seen.missed == 1


def test_a_sign_of_life_of_one_who_does_not_know_us_yet_tells_nothing() -> None:
    seen = Seen()
    seen.me.learn(beat(other=7), 0)
    assert (seen.missed, seen.looks, set(seen.me.others)) == (0, 2, {"b"})  # it is new, and has an interest


def test_hints_wait_for_a_node_whose_interest_is_not_known_and_keep_their_order() -> None:
    seen = Seen()
    seen.say(1, "x")
    seen.me.learn(beat(), 0)
    seen.say(2, "x")
    seen.say(3, "y")
    assert seen.late == []
    seen.knows("b", X)
    assert seen.late == [("b", [1, 2])]


def test_a_topic_that_is_new_brings_what_was_said_just_before() -> None:
    seen = Seen()
    seen.knows("b", X)
    seen.say(1, "x")
    seen.say(2, "y")
    seen.me.learn(delta(1, [Y]), 0)
    assert seen.late == [("b", [2])]
    seen.me.learn(delta(2, [], [Y]), 0)
    seen.me.learn(delta(3, [Y]), 0)
    assert seen.late == [("b", [2])], "nothing twice"


def test_a_change_that_was_not_heard_is_read() -> None:
    seen = Seen()
    seen.knows("b", X)
    looks = seen.looks
    seen.me.learn(delta(2, [Y]), 0)
    assert seen.looks == looks + 1
    seen.knows("b", X, version=1)
    assert not seen.me.others["b"].wants((Y,)), "that was older than what we heard of"
    seen.knows("b", X, Y, version=2)
    assert seen.me.others["b"].wants((Y,))
    seen.me.learn(delta(2, [], [X]), 0)
    assert seen.me.others["b"].wants((X,)), "a change that was in what we read already"


def test_what_is_read_counts_with_the_changes_behind_it() -> None:
    seen = Seen()
    records: list[Announcement] = [state("b", 4, X), delta(5, [Y]), delta(6, [], [X]), delta(9, [X])]
    seen.me.read({"b": records}, 0, 0)
    other = seen.me.others["b"]
    assert (other.version, other.wants((X,)), other.wants((Y,))) == (6, False, True)


def test_something_older_is_not_taken_for_news() -> None:
    seen = Seen()
    seen.knows("b", X, version=3)
    seen.me.learn(delta(4, [Y]), 0)
    seen.knows("b", X, version=3)
    assert seen.me.others["b"].wants((Y,))


def test_who_says_goodbye_is_forgotten_at_once() -> None:
    seen = Seen()
    seen.knows("b", X)
    seen.me.learn(Bye(1, "b"), 0)
    assert seen.me.others == {}


def test_who_is_neither_in_redis_nor_heard_is_forgotten_and_told_when_it_comes_back() -> None:
    seen = Seen()
    seen.knows("b", X)
    seen.me.others["b"].said = 7
    seen.me.read({}, SILENT_SECONDS, SILENT_SECONDS)
    assert set(seen.me.others) == {"b"}, "it was heard a moment ago"
    seen.me.read({}, SILENT_SECONDS + 1, SILENT_SECONDS + 1)
    assert seen.me.others == {}
    seen.me.learn(beat(), 60)
    assert seen.me.said() == {"b": 8}, "a number that it did not hear"


def test_a_node_that_was_not_heard_for_two_signs_of_life_is_missed_until_it_is_heard_again() -> None:
    seen = Seen()
    seen.knows("b", X)
    seen.knows("c", X)
    seen.me.learn(beat("c"), UNHEARD_SECONDS)
    assert seen.me.unheard(UNHEARD_SECONDS) == set()
    assert seen.me.unheard(UNHEARD_SECONDS + 0.1) == {"b"}
    seen.me.learn(beat("b"), UNHEARD_SECONDS + 0.1)
    assert seen.me.unheard(UNHEARD_SECONDS + 0.1) == set()


def test_a_node_that_waited_longer_than_hints_are_kept_is_told() -> None:
    seen = Seen()
    seen.me.learn(beat(), 0)
    seen.say(1, "x", at=1)
    seen.me.forget_older(1 + RECENT_SECONDS + 1)
    seen.knows("b", X, now=4)
    assert (seen.late, seen.me.said()) == ([], {"b": 1})


def test_no_more_hints_are_kept_than_the_bound_says() -> None:
    seen = Seen()
    seen.me.learn(beat(), 0)
    for what in range(RECENT_MAX + 1):
        seen.say(what, "x")
    assert len(seen.me.recent) == RECENT_MAX
    seen.knows("b", X)
    assert seen.me.said() == {"b": 1}


def test_what_we_say_ourselves_is_no_news() -> None:
    seen = Seen()
    seen.me.learn(beat("me"), 0)
    seen.knows("me", X)
    assert seen.me.others == {}


def test_a_key_that_cannot_be_read_makes_no_neighbour() -> None:
    seen = Seen()
    seen.me.read({"b": [delta(1, [X])], "c": []}, 0, 0)
    assert seen.me.others == {}
