"""What happens by itself."""

from __future__ import annotations

import asyncio
import logging

import pytest
from msgspec.structs import replace

from chatserver.core import tickets as core
from chatserver.core.hours import ALWAYS, DEFAULT, parse_week
from chatserver.core.policy import Policy
from chatserver.services import followups, pairing, talk, tickets
from chatserver.store.base import StoreFailed
from tests.services.scene import Scene, bogota, refused, who

ANA, BEA, EVA = who("ana"), who("bea"), who("eva")


async def test_a_silent_customer_is_closed_at_the_deadline_and_the_place_is_free(scene: Scene) -> None:
    await scene.agent(capacity=1)
    chat = await scene.chat(ANA)
    await scene.later(200)
    waiting = await scene.start(BEA)
    await scene.later(99)
    assert (await scene.ticket(chat.id)).state == "open"
    await scene.later(1)
    closed = await scene.ticket(chat.id)
    assert (closed.close_reason, closed.closed_at) == ("inactivity", scene.clock.now)
    assert (await scene.ticket(waiting.id)).agent_id == 1


async def test_the_clock_stands_still_for_a_connected_customer_on_the_agents_turn(scene: Scene) -> None:
    await scene.agent()
    chat = await scene.chat(ANA)
    await scene.says(ANA, chat)
    await scene.later(10_000)
    assert (await scene.ticket(chat.id)).state == "open"


@pytest.mark.parametrize(
    ("email", "state", "mode", "reason"),
    [("", "closed", "live", "inactivity"), ("ana@example.com", "open", "later", None)],
)
async def test_a_customer_gone_on_the_agents_turn_closes_or_waits_for_mail(
    scene: Scene, email: str, state: str, mode: str, reason: str | None
) -> None:
    await scene.agent()
    chat = await scene.start(ANA, email=email)
    await scene.agent_says(chat)
    await scene.says(ANA, chat)
    await scene.later(60)
    await pairing.customer_gone(scene.house, ANA)
    await scene.later(299)
    assert (await scene.ticket(chat.id)).chatting
    await scene.later(1)
    after = await scene.ticket(chat.id)
    assert (after.state, after.mode, after.close_reason) == (state, mode, reason)
    (agent,) = await scene.house.reads.agents()
    assert agent.load == 0


async def test_who_leaves_the_queue_for_good_is_abandoned(scene: Scene) -> None:
    ticket = await scene.start(ANA, connected=False)
    await scene.later(300)
    assert (await scene.ticket(ticket.id)).close_reason == "abandoned"


async def test_at_closing_time_who_waits_is_kept_for_later_and_chats_go_on(scene: Scene) -> None:
    await scene.hours()
    await scene.agent(capacity=1)
    scene.clock.now = bogota(11, 59)
    chat, waiting = await scene.chat(ANA), await scene.start(BEA)
    assert waiting.queue_until == bogota(12)
    await scene.later(60)
    assert (await scene.ticket(chat.id)).chatting
    assert (await scene.ticket(waiting.id)).mode == "later"
    assert (await scene.kinds(waiting))[-1] == "later:closing_time"


async def test_hours_that_were_extended_keep_the_queue(scene: Scene) -> None:
    await scene.hours()
    scene.clock.now = bogota(11, 59)
    waiting = await scene.start(BEA)
    longer = scene.house.people.schedule(1)
    await scene.hours(type(longer)(week=parse_week({"wed": "08:00-13:00"})))
    await scene.later(60)
    still = await scene.ticket(waiting.id)
    assert (still.waiting, still.queue_until) == (True, bogota(13))
    await scene.later(3600)
    assert (await scene.ticket(waiting.id)).mode == "later"


async def test_an_unanswered_ticket_goes_to_the_next_agent_and_never_back(scene: Scene) -> None:
    await scene.agent(1)
    ticket = await scene.start(ANA)
    await scene.agent(2)
    await scene.later(59)
    assert (await scene.ticket(ticket.id)).agent_id == 1
    await scene.later(1)
    passed = await scene.ticket(ticket.id)
    assert (passed.agent_id, passed.passed) == (2, (1,))
    await scene.later(60)
    stays = await scene.ticket(ticket.id)
    assert (stays.agent_id, stays.reminded) == (2, True)
    assert await scene.kinds(ticket) == ["opened", "assigned", "queued:passed", "assigned"]


@pytest.mark.parametrize("other", ["busy", "full", "gone"])
async def test_with_nobody_else_able_the_ticket_stays_and_its_agent_is_reminded(
    scene: Scene, other: str
) -> None:
    await scene.agent(1)
    ticket = await scene.start(ANA)
    await scene.agent(
        2,
        status="busy" if other == "busy" else "available",
        capacity=0 if other == "full" else 4,
        connected=other != "gone",
    )
    await scene.later(60)
    stays = await scene.ticket(ticket.id)
    assert (stays.agent_id, stays.reminded) == (1, True)
    await scene.agent_says(ticket)
    assert not (await scene.ticket(ticket.id)).reminded


async def test_a_ticket_whose_agent_was_reminded_goes_on_once_somebody_is_free(scene: Scene) -> None:
    await scene.agent(1)
    ticket = await scene.start(ANA)
    await scene.agent(2, status="busy")
    await scene.later(60)
    assert (await scene.ticket(ticket.id)).reminded
    await pairing.set_status(scene.house, 2, "available")
    await scene.later(60)
    moved = await scene.ticket(ticket.id)
    assert (moved.agent_id, moved.passed, moved.reminded) == (2, (1,), False)


async def test_without_any_time_for_the_first_answer_the_worker_still_comes_to_rest(scene: Scene) -> None:
    await scene.policy(first_answer_seconds=0)
    await scene.agent(1)
    ticket = await scene.start(ANA)
    await scene.later(60)
    assert (await scene.ticket(ticket.id)).agent_id == 1
    assert len(scene.changes_of(ticket)) < 10


async def test_an_answer_ends_the_wait_for_it(scene: Scene) -> None:
    await scene.agent(1)
    ticket = await scene.chat(ANA)
    await scene.agent(2)
    await scene.later(120)
    assert (await scene.ticket(ticket.id)).agent_id == 1


async def test_the_place_of_a_passed_ticket_serves_who_waits(scene: Scene) -> None:
    await scene.agent(1, capacity=1)
    first = await scene.start(ANA)
    second = await scene.start(BEA)
    await scene.agent(2, capacity=1, status="busy")
    await pairing.claim(scene.house, 2, second.id)
    third = await scene.start(EVA)
    await tickets.close(scene.house, 2, second.id)
    await pairing.set_status(scene.house, 2, "available")
    assert (await scene.ticket(third.id)).agent_id == 2
    await scene.agent(3, capacity=1)
    await scene.later(60)
    assert (await scene.ticket(first.id)).agent_id == 3
    assert (await scene.start(who("luz"))).agent_id in {1, 2}


async def test_several_things_due_at_once_end_the_ticket_once(scene: Scene) -> None:
    """Closing time comes before silence, so a known address is not needed to be kept."""
    await scene.hours()
    scene.clock.now = bogota(11, 58)
    ticket = await scene.start(ANA, connected=False)
    scene.clock.now = bogota(12, 30)
    await followups.due(scene.house)
    assert await scene.kinds(ticket) == ["opened", "later:closing_time"]


async def test_two_workers_at_the_same_time_close_once(scene: Scene) -> None:
    await scene.agent(1)
    silent, unanswered = await scene.chat(ANA), await scene.start(BEA)
    await scene.agent(2)
    await pairing.agent_gone(scene.house, 1)
    scene.clock.pass_seconds(400)
    await asyncio.gather(*(followups.due(scene.house) for _ in range(4)))
    assert (await scene.kinds(silent)).count("closed:inactivity") == 1
    kinds = await scene.kinds(unanswered)
    assert sum(kind.startswith("queued") for kind in kinds) == 1
    assert kinds.count("assigned") == 2


async def test_looking_again_changes_nothing(scene: Scene) -> None:
    await scene.agent(1)
    await scene.chat(ANA)
    scene.clock.pass_seconds(400)
    await followups.due(scene.house)
    told = len(scene.bus.published)
    assert await followups.due(scene.house) is None
    assert len(scene.bus.published) == told


async def test_the_next_moment_is_the_earliest_of_tickets_and_agents(scene: Scene) -> None:
    await scene.agent(1)
    assert await followups.due(scene.house) is None
    await scene.chat(ANA)
    assert await followups.due(scene.house) == scene.clock.now + 300_000
    await pairing.agent_gone(scene.house, 1)
    assert await followups.due(scene.house) == scene.clock.now + 30_000


async def test_one_rows_failure_does_not_hold_up_the_others(
    scene: Scene, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    await scene.agent()
    bad, good = await scene.chat(ANA), await scene.chat(BEA)
    real = core.went_silent

    def failing(ticket: core.Ticket, policy: Policy, now: int) -> core.Step:
        if ticket.id == bad.id:
            raise ZeroDivisionError
        return real(ticket, policy, now)

    monkeypatch.setattr(core, "went_silent", failing)
    scene.clock.pass_seconds(300)
    with caplog.at_level(logging.ERROR, logger="chatserver.services"):
        for _ in range(3):
            await followups.due(scene.house)
    assert (await scene.ticket(good.id)).state == "closed"
    assert len([r for r in caplog.records if r.name.startswith("chatserver.services")]) == 1
    monkeypatch.undo()
    scene.clock.pass_seconds(60)
    await followups.due(scene.house)
    assert (await scene.ticket(bad.id)).state == "closed"


async def test_a_store_that_refuses_for_a_moment_is_asked_again_soon(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    await scene.agent()
    chat = await scene.chat(ANA)
    scene.clock.pass_seconds(300)

    async def full(*_: object) -> None:
        raise StoreFailed("disk full")

    with monkeypatch.context() as failing:
        failing.setattr(scene.house.store, "write", full)
        again = await followups.due(scene.house)
    assert again is not None
    assert again - scene.clock.now <= 1000
    scene.clock.now = again
    await followups.due(scene.house)
    assert (await scene.ticket(chat.id)).state == "closed"


async def test_after_an_outage_nobody_is_closed_for_the_servers_silence(scene: Scene) -> None:
    await scene.agent()
    chat = await scene.chat(ANA)
    scene.clock.pass_seconds(5000)
    await scene.restart()
    await scene.later(59)
    assert (await scene.ticket(chat.id)).state == "open"
    await talk.here(scene.house, ANA, chat.id)
    await scene.later(299)
    assert (await scene.ticket(chat.id)).state == "open"


async def test_after_an_outage_the_end_is_restart_plus_warning(scene: Scene) -> None:
    await scene.agent()
    chat = await scene.chat(ANA)
    scene.clock.pass_seconds(5000)
    await scene.restart()
    restarted = scene.clock.now
    await pairing.agent_connected(scene.house, 1)
    await scene.later(60)
    assert (await scene.ticket(chat.id)).closed_at == restarted + 60_000


async def test_after_an_outage_agents_have_the_grace_time_to_come_back(scene: Scene) -> None:
    await scene.agent(1)
    kept = await scene.start(ANA)
    await scene.agent(2, status="busy")
    scene.clock.pass_seconds(500)
    await scene.restart()
    assert {a.gone_at for a in await scene.house.reads.agents()} == {scene.clock.now}
    await scene.later(25)
    await pairing.agent_connected(scene.house, 1)
    await scene.later(10)
    assert (await scene.ticket(kept.id)).agent_id == 1


async def test_hours_that_were_changed_while_the_server_was_stopped_hold_for_who_waits(scene: Scene) -> None:
    await scene.app(2)
    await scene.app(3)
    for app_id in (1, 2):
        await scene.hours(app_id=app_id)
    longer, shorter, freed, new = [
        await scene.start(who(name, app_id))
        for name, app_id in (("ana", 1), ("bea", 2), ("eva", 2), ("leo", 3))
    ]
    assert [t.queue_until for t in (longer, shorter, freed, new)] == [bogota(12)] * 3 + [None]
    later, sooner = (
        replace(DEFAULT, week=parse_week({"wed": hours})) for hours in ("08:00-18:00", "08:00-09:02")
    )
    for app_id, schedule in ((1, later), (2, sooner), (3, sooner)):
        await scene.hours(schedule, app_id)
    await scene.restart()
    after = [await scene.ticket(t.id) for t in (longer, shorter, freed, new)]
    assert [t.queue_until for t in after] == [bogota(18)] + [bogota(9, 2)] * 3
    assert all(t.due_at is not None and t.due_at <= bogota(9, 2) for t in after[1:])
    await scene.hours(ALWAYS, 2)
    await scene.restart()
    assert [(await scene.ticket(t.id)).queue_until for t in (shorter, freed)] == [None, None]
    await scene.later(120)
    assert [(await scene.ticket(t.id)).waiting for t in (longer, shorter, freed)] == [True] * 3
    assert (await scene.kinds(new))[-1] == "later:closing_time"


async def test_an_app_that_is_closed_by_new_hours_keeps_who_waits_for_later(scene: Scene) -> None:
    await scene.agent(capacity=1)
    chat, waiting = await scene.chat(ANA), await scene.start(BEA)
    await scene.hours(replace(DEFAULT, week=parse_week({})))
    await scene.restart()
    await scene.later(0)
    assert (await scene.ticket(chat.id)).chatting
    assert (await scene.kinds(waiting))[-1] == "later:closing_time"


async def test_a_restart_lets_the_clock_run_for_whoever_was_connected_and_is_not_back(scene: Scene) -> None:
    await scene.agent()
    chat = await scene.chat(ANA)
    await scene.says(ANA, chat)
    assert (await scene.ticket(chat.id)).due_at is None
    scene.clock.pass_seconds(1000)
    await scene.restart()
    restarted = scene.clock.now
    after = await scene.ticket(chat.id)
    assert (after.gone_at, after.due_at) == (restarted, restarted + 300_000)
    scene.clock.pass_seconds(20)
    await scene.restart()
    assert (await scene.ticket(chat.id)).due_at == restarted + 300_000


async def test_a_restart_leaves_chats_alone_whose_end_is_far_and_whose_customer_had_gone(
    scene: Scene,
) -> None:
    await scene.agent()
    chat, waiting = await scene.chat(ANA), await scene.start(BEA, connected=False)
    await pairing.customer_gone(scene.house, ANA)
    await scene.agent_says(waiting)
    before = [await scene.ticket(t.id) for t in (chat, waiting)]
    scene.clock.pass_seconds(60)
    await scene.restart()
    assert [await scene.ticket(t.id) for t in (chat, waiting)] == before


async def test_what_a_restart_changes_has_a_new_version_since_nobody_can_hear_of_it(scene: Scene) -> None:
    await scene.agent(capacity=2)
    chats = [await scene.chat(ANA), await scene.chat(BEA), await scene.start(who("eva"))]
    await scene.says(ANA, chats[0])
    before = {t.id: t for t in await scene.rows.all_tickets()}
    await scene.restart()
    for chat in chats:
        after = await scene.ticket(chat.id)
        assert after.gone_at == scene.clock.now
        assert after.version > before[chat.id].version
        assert (await scene.house.ticket(chat.id)) == after


@pytest.mark.parametrize("seconds", [120, 600])
@pytest.mark.parametrize("strict", [False, True])
async def test_a_policy_that_was_changed_while_the_server_was_stopped_holds_for_all_chats(
    scene: Scene, seconds: int, strict: bool
) -> None:
    await scene.agent(capacity=2)
    spoken, owed = await scene.chat(ANA), await scene.chat(BEA)
    await pairing.customer_gone(scene.house, ANA)
    scene.clock.pass_seconds(1)
    await scene.says(BEA, owed)
    begun = scene.clock.now
    scene.clock.pass_seconds(10)
    await scene.policy(inactivity_seconds=seconds, inactivity_strict=strict)
    await scene.restart()
    assert (await scene.ticket(spoken.id)).due_at == begun - 1_000 + seconds * 1000
    assert (await scene.ticket(owed.id)).due_at == begun + (0 if strict else 10_000) + seconds * 1000


async def test_a_restart_keeps_agents_who_had_signed_out_signed_out(scene: Scene) -> None:
    await scene.agent(1)
    await pairing.agent_signed_out(scene.house, 1)
    await scene.restart()
    assert [a.gone_at for a in await scene.house.reads.agents()] == [0]


async def test_a_ticket_of_an_unknown_app_is_put_off_and_not_asked_for_all_the_time(scene: Scene) -> None:
    await scene.agent()
    chat = await scene.chat(ANA)
    scene.clock.pass_seconds(300)
    people = scene.house.people
    scene.house.people = type(people)()
    await followups.due(scene.house)
    assert scene.house.books.put_off.has("ticket", chat.id)
    scene.house.people = people
    with refused("not_found"):
        await talk.say(scene.house, BEA, chat.id, "c" * 22, "Hola")


# — a clock that is set ————————————————————————————————————————————————————————


HOUR = 3_600


class Timer:
    """A clock of the house that nobody sets: `forward` sets the other one."""

    def __init__(self, scene: Scene) -> None:
        self.scene = scene
        self.set_by = 0
        scene.house.steady = self
        scene.house.steps.take_in(scene.clock.now, self())

    def __call__(self) -> float:
        return self.scene.clock.now - self.set_by

    def forward(self, seconds: float) -> None:
        self.scene.clock.pass_seconds(seconds)
        self.set_by += round(seconds * 1000)


@pytest.mark.parametrize("strict", [False, True])
async def test_a_clock_that_is_set_forward_closes_nobody_who_has_the_whole_time_again(
    scene: Scene, strict: bool
) -> None:
    await scene.policy(inactivity_strict=strict)
    await scene.agent()
    timer = Timer(scene)
    silent, owed = await scene.chat(ANA), await scene.chat(BEA)
    await scene.later(200)
    await scene.says(BEA, owed)
    timer.forward(HOUR)
    await scene.later(299)
    assert [(await scene.ticket(t.id)).state for t in (silent, owed)] == ["open", "open"]
    await scene.later(1)
    assert (await scene.ticket(silent.id)).close_reason == "inactivity"
    assert (await scene.ticket(owed.id)).state == ("closed" if strict else "open")


async def test_a_restart_takes_nothing_of_the_time_that_a_set_clock_gave_again(scene: Scene) -> None:
    await scene.agent()
    timer = Timer(scene)
    chat = await scene.chat(ANA)
    await scene.later(200)
    timer.forward(HOUR)
    await scene.later(10)
    await scene.restart()
    await pairing.agent_connected(scene.house, 1)
    await scene.later(289)
    assert (await scene.ticket(chat.id)).state == "open"
    await scene.later(1)
    assert (await scene.ticket(chat.id)).state == "closed"


async def test_a_clock_that_is_set_forward_takes_no_chat_from_an_agent_who_may_still_come_back(
    scene: Scene,
) -> None:
    await scene.agent(1)
    timer = Timer(scene)
    chat = await scene.chat(ANA)
    await pairing.agent_gone(scene.house, 1)
    await scene.later(10)
    timer.forward(HOUR)
    await scene.later(29)
    assert (await scene.ticket(chat.id)).agent_id == 1
    await scene.later(1)
    assert (await scene.ticket(chat.id)).agent_id is None


async def test_a_clock_that_is_set_forward_passes_no_ticket_on(scene: Scene) -> None:
    await scene.agent(1)
    timer = Timer(scene)
    ticket = await scene.start(ANA)
    await scene.agent(2)
    await scene.later(30)
    timer.forward(HOUR)
    await scene.later(59)
    assert (await scene.ticket(ticket.id)).agent_id == 1
    await scene.later(1)
    assert (await scene.ticket(ticket.id)).agent_id == 2


async def test_a_clock_that_is_set_past_closing_time_keeps_who_waits_for_later(scene: Scene) -> None:
    await scene.hours()
    timer = Timer(scene)
    waiting = await scene.start(ANA)
    timer.forward(3 * HOUR)
    await scene.later(0)
    assert (await scene.kinds(waiting))[-1] == "later:closing_time"


async def test_a_clock_that_is_set_back_or_drifts_changes_nothing(scene: Scene) -> None:
    await scene.agent()
    timer = Timer(scene)
    chat = await scene.chat(ANA)
    before = await scene.ticket(chat.id)
    for seconds in (-20, 0.5, 0.9):
        timer.forward(seconds)
        await followups.due(scene.house)
    assert await scene.ticket(chat.id) == before


async def test_two_who_notice_that_the_clock_was_set_close_nobody(scene: Scene) -> None:
    await scene.agent()
    timer = Timer(scene)
    chat = await scene.chat(ANA)
    timer.forward(HOUR)
    await asyncio.gather(*(followups.due(scene.house) for _ in range(4)))
    assert (await scene.ticket(chat.id)).state == "open"


async def test_a_set_clock_that_could_not_be_allowed_for_is_tried_again_before_anything_is_closed(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    await scene.agent()
    timer = Timer(scene)
    chat = await scene.chat(ANA)
    timer.forward(HOUR)

    async def full(*_: object) -> None:
        raise StoreFailed("disk full")

    with monkeypatch.context() as failing:
        failing.setattr(scene.house.store, "write", full)
        with pytest.raises(StoreFailed):
            await followups.due(scene.house)
    await followups.due(scene.house)
    assert (await scene.ticket(chat.id)).state == "open"


# — agents who are missed ——————————————————————————————————————————————————————


async def test_who_is_missed_is_who_is_gone_and_has_chats_first_gone_first(scene: Scene) -> None:
    for agent_id in range(1, 5):
        await scene.agent(agent_id, capacity=1)
    for name in ("ana", "bea", "eva"):
        await scene.chat(who(name))
    began = scene.clock.now
    for agent_id in (2, 4, 1):
        scene.clock.pass_seconds(1)
        await pairing.agent_gone(scene.house, agent_id)
    reads = scene.house.reads
    loads = {agent.id: agent.load for agent in await reads.agents()}
    missed = [agent_id for agent_id in (2, 4, 1) if loads[agent_id]]
    assert [agent.id for agent in await reads.missed_agents(began + 9_000)] == missed
    assert [agent.id for agent in await reads.missed_agents(began + 1_000)] == [2] * loads[2]
    first = {2: 1_000, 4: 2_000, 1: 3_000}[missed[0]]
    assert [await reads.next_missed(at) for at in (began, began + 9_000)] == [began + first, None]


async def test_each_apps_grace_is_its_own_and_the_next_end_is_known(scene: Scene) -> None:
    await scene.app(2)
    await scene.policy(2, agent_grace_seconds=90)
    await scene.agent(1)
    await scene.agent(2, app_ids=(2,))
    soon, late = await scene.chat(ANA), await scene.chat(who("bea", 2))
    gone_at = scene.clock.now
    for agent_id in (1, 2):
        await pairing.agent_gone(scene.house, agent_id)
    assert await followups.due(scene.house) == gone_at + 30_000
    scene.clock.pass_seconds(30)
    assert await followups.due(scene.house) == gone_at + 90_000
    assert [(await scene.ticket(t.id)).agent_id for t in (soon, late)] == [None, 2]
    scene.clock.pass_seconds(60)
    await followups.due(scene.house)
    assert (await scene.ticket(late.id)).agent_id is None


# — an administrator changes the rules —————————————————————————————————————————


async def test_shorter_rules_hold_for_open_chats_at_once_but_nobody_is_closed_unwarned(scene: Scene) -> None:
    await scene.agent()
    chat = await scene.chat(ANA)
    await scene.later(200)
    await scene.policy(inactivity_seconds=120, inactivity_warning_seconds=60)
    await followups.rules_changed(scene.house, [1])
    await scene.later(59)
    assert (await scene.ticket(chat.id)).state == "open", "by the new rules its end was over long ago"
    await scene.later(1)
    assert (await scene.ticket(chat.id)).close_reason == "inactivity"


async def test_longer_rules_give_open_chats_their_time(scene: Scene) -> None:
    await scene.agent()
    chat = await scene.chat(ANA)
    await scene.later(290)
    await scene.policy(inactivity_seconds=600)
    await followups.rules_changed(scene.house, [1])
    await scene.later(309)
    assert (await scene.ticket(chat.id)).state == "open"
    await scene.later(1)
    assert (await scene.ticket(chat.id)).state == "closed"


async def test_other_hours_hold_for_who_waits(scene: Scene) -> None:
    await scene.hours(ALWAYS)
    waiting = await scene.start(ANA)
    await scene.hours(DEFAULT)
    await followups.rules_changed(scene.house, [1])
    closes = scene.house.closing([1])[1]
    assert closes is not None
    assert (await scene.ticket(waiting.id)).queue_until == closes


async def test_rules_that_did_not_change_touch_no_chat(scene: Scene) -> None:
    await scene.agent()
    chat = await scene.chat(ANA)
    before = await scene.ticket(chat.id)
    await followups.rules_changed(scene.house, [1])
    assert await scene.ticket(chat.id) == before
