"""The loops inside `serve`."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

import pytest

from chatserver.core.events import AttentionChanged, QueueMoved, app_topic, customer_topic
from chatserver.loops.worker import Alarm, Board, Worker
from chatserver.services import followups, pairing, tickets
from chatserver.services.attention import attention, places
from tests.harness.waiting import PATIENCE
from tests.memory_store import Clock
from tests.services.scene import Scene, bogota, who

ANA, BEA, EVA = who("ana"), who("bea"), who("eva")


async def eventually(holds: Callable[[], bool]) -> None:
    """Let the loops run until it is so."""
    async with asyncio.timeout(PATIENCE):
        while not holds():  # noqa: ASYNC110 - a condition of anything, not of one thing that could set an event
            await asyncio.sleep(0.001)


async def looked(scene: Scene, board: Board, after_ms: int = 200) -> list[QueueMoved]:
    """What the board tells of queues when it looks again."""
    scene.clock.now += after_ms
    begun = len(scene.heard(QueueMoved))
    board.dirty(1)
    await board.turn()
    return scene.heard(QueueMoved)[begun:]


async def test_places_tell_position_estimate_and_attendance(scene: Scene) -> None:
    await scene.agent(capacity=1)
    for _ in range(3):
        done = await scene.chat(ANA)
        scene.clock.pass_seconds(120)
        await tickets.close(scene.house, 1, done.id)
    await scene.chat(ANA)
    first, second = await scene.start(BEA), await scene.start(EVA)
    assert await places(scene.house, 1) == [
        QueueMoved(first.id, 1, 120, True),
        QueueMoved(second.id, 2, 240, True),
    ]
    await pairing.set_status(scene.house, 1, "away")
    assert await places(scene.house, 1) == [
        QueueMoved(first.id, 1, None, False),
        QueueMoved(second.id, 2, None, False),
    ]


async def test_only_places_that_changed_are_told_and_only_to_their_customer(scene: Scene) -> None:
    first, second = await scene.start(ANA), await scene.start(BEA)
    board = Board(scene.house)
    assert len(await looked(scene, board)) == 2
    assert await looked(scene, board) == []
    third = await scene.start(EVA)
    assert [m.ticket_id for m in await looked(scene, board)] == [third.id]
    await tickets.end(scene.house, ANA, first.id)
    moves = await looked(scene, board)
    assert [(m.ticket_id, m.position) for m in moves] == [(second.id, 1), (third.id, 2)]
    told = [topics for event, topics in scene.bus.published if event in moves]
    assert told == [(customer_topic(1, BEA.key),), (customer_topic(1, EVA.key),)]


async def test_a_queue_is_recomputed_at_most_every_200_ms(scene: Scene) -> None:
    board = Board(scene.house)
    await looked(scene, board)
    await scene.start(ANA)
    assert board.dirty(1) == scene.clock.now + 200
    assert await board.turn() == scene.clock.now + 200
    assert scene.heard(QueueMoved) == []
    scene.clock.now += 200
    await board.turn()
    assert len(scene.heard(QueueMoved)) == 1


async def test_attention_is_told_when_it_really_changes(scene: Scene) -> None:
    await scene.agent(status="away")
    board = Board(scene.house)
    await looked(scene, board)
    await looked(scene, board)
    assert scene.heard(AttentionChanged) == []
    await pairing.set_status(scene.house, 1, "available")
    await looked(scene, board)
    assert scene.heard(AttentionChanged) == [AttentionChanged(1)]
    await pairing.set_status(scene.house, 1, "busy")
    await pairing.set_status(scene.house, 1, "available")
    await looked(scene, board)
    assert scene.heard(AttentionChanged) == [AttentionChanged(1)]
    assert app_topic(1) in next(t for e, t in scene.bus.published if isinstance(e, AttentionChanged))


async def test_an_agent_who_drops_attends_for_fifteen_seconds_more(scene: Scene) -> None:
    await scene.agent()
    board = Board(scene.house)
    await looked(scene, board)
    await pairing.agent_gone(scene.house, 1)
    assert (await attention(scene.house, 1)).attended
    board.dirty(1)
    scene.clock.now += 200
    assert await board.turn() == scene.clock.now - 200 + 15_000
    assert scene.heard(AttentionChanged) == []
    scene.clock.now += 14_800
    await board.turn()
    assert scene.heard(AttentionChanged) == [AttentionChanged(1)]
    assert not (await attention(scene.house, 1)).attended


async def test_who_signs_out_attends_no_more(scene: Scene) -> None:
    await scene.agent()
    await pairing.agent_signed_out(scene.house, 1)
    assert not (await attention(scene.house, 1)).attended


async def test_opening_and_closing_are_told_at_their_moment(scene: Scene) -> None:
    await scene.hours()
    board = Board(scene.house)
    board.look_at_all()
    assert await board.turn() == bogota(12)
    scene.clock.now = bogota(12)
    assert await board.turn() == bogota(14)
    assert scene.heard(AttentionChanged) == [AttentionChanged(1)]
    closed = await attention(scene.house, 1)
    assert (closed.open, closed.next, closed.chat) == (False, bogota(14), False)
    scene.clock.now = bogota(14)
    assert await board.turn() == bogota(17, 30)
    assert len(scene.heard(AttentionChanged)) == 2


async def test_the_running_worker_closes_what_is_due(scene: Scene) -> None:
    await scene.agent()
    async with Worker(scene.house):
        chat = await scene.chat(ANA)
        scene.clock.pass_seconds(300)
        other = await scene.start(BEA, connected=False)  # an earlier due time wakes the loop
        await eventually(lambda: any(e.after.state == "closed" for e in scene.changes_of(chat)))
        assert (await scene.ticket(other.id)).state == "open"


async def test_an_earlier_due_time_wakes_a_sleeping_worker(scene: Scene) -> None:
    await scene.agent()
    await scene.policy(inactivity_seconds=0, inactivity_warning_seconds=0)
    async with Worker(scene.house):
        chat = await scene.start(ANA)
        await scene.agent_says(chat)  # due at once
        await eventually(lambda: any(e.after.state == "closed" for e in scene.changes_of(chat)))


async def test_the_running_worker_tells_places(scene: Scene) -> None:
    async with Worker(scene.house):
        ticket = await scene.start(ANA)
        scene.clock.pass_seconds(1)
        await scene.start(BEA)
        await eventually(lambda: ticket.id in {m.ticket_id for m in scene.heard(QueueMoved)})


async def test_a_failing_turn_is_logged_once_and_the_loop_goes_on(
    scene: Scene, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    turns = 0
    real = followups.due

    async def failing(house: object) -> int | None:
        nonlocal turns
        turns += 1
        if turns <= 3:
            raise OSError("disk")
        return await real(scene.house)

    monkeypatch.setattr(followups, "due", failing)
    monkeypatch.setattr("chatserver.loops.worker.AFTER_FAILURE_MS", 1)
    with caplog.at_level(logging.ERROR, logger="chatserver.loops.worker"):
        async with Worker(scene.house):
            await eventually(lambda: turns > 3)
    assert [r.getMessage() for r in caplog.records] == ["due tickets: failed, going on"]


async def test_nothing_that_is_due_is_done_while_this_node_may_not_act(scene: Scene) -> None:
    await scene.agent()
    asked = 0

    def may_act() -> bool:
        nonlocal asked
        asked += 1
        return asked > 3

    async with Worker(scene.house, longest_sleep_ms=1, may_act=may_act):
        chat = await scene.chat(ANA)
        scene.clock.pass_seconds(300)
        await scene.start(BEA, connected=False)
        await eventually(lambda: any(e.after.state == "closed" for e in scene.changes_of(chat)))
    assert asked > 3


async def test_leaving_the_block_ends_the_loops(scene: Scene) -> None:
    async with Worker(scene.house) as worker:
        running = list(worker._tasks)
    assert all(task.done() for task in running)
    await scene.start(ANA)  # nobody hears it, nothing fails


async def test_an_alarm_is_only_ever_made_earlier() -> None:
    clock = Clock()
    alarm = Alarm(clock)
    alarm.begin()
    sleeping = asyncio.create_task(alarm.sleep(clock.now + 50_000))
    await asyncio.sleep(0)
    alarm.no_later_than(clock.now + 59_000)
    await asyncio.sleep(0)
    assert not sleeping.done()
    alarm.no_later_than(clock.now)
    async with asyncio.timeout(PATIENCE):
        await sleeping


async def test_what_is_asked_for_during_a_turn_counts_for_the_sleep_after_it() -> None:
    clock = Clock()
    alarm = Alarm(clock)
    alarm.begin()
    alarm.no_later_than(clock.now)
    async with asyncio.timeout(PATIENCE):
        await alarm.sleep(None)
