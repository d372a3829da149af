"""What an administrator's change of agents means for those whom they attend."""

from __future__ import annotations

import pytest

from chatserver.core.events import DeskChanged
from chatserver.core.tickets import Ticket
from chatserver.services import followups, pairing, tickets
from tests.services.scene import Scene, bogota, new_cid, refused, who

ANA, BEA, EVA = who("ana"), who("bea"), who("eva")
GIVEN_BACK = ["opened", "assigned", "message", "queued:signed_out"]


async def request(scene: Scene) -> Ticket:
    """To be answered later; agent 1 took it on."""
    left = await tickets.request(
        scene.house,
        ANA,
        cid=new_cid(),
        subject="Factura",
        text="¿Me la envían?",
        email="ana@x.test",
        context="{}",
    )
    return await pairing.claim(scene.house, 1, left.id)


async def test_the_chats_of_an_agent_who_is_disabled_return_to_the_head_of_the_queue(scene: Scene) -> None:
    await scene.agent(1, capacity=2)
    first, second = await scene.chat(ANA), await scene.chat(BEA)
    scene.clock.pass_seconds(5)
    waiting = await scene.start(EVA)
    await scene.disable(1)
    assert await scene.house.reads.waiting_ids(1) == [first.id, second.id, waiting.id]
    for chat in (first, second):
        assert await scene.kinds(chat) == GIVEN_BACK
    assert DeskChanged(1) in scene.heard(DeskChanged)


async def test_or_go_to_whoever_is_free(scene: Scene) -> None:
    await scene.agent(1)
    chat = await scene.chat(ANA)
    await scene.agent(2)
    await scene.disable(1)
    assert (await scene.ticket(chat.id)).agent_id == 2
    assert await scene.kinds(chat) == [*GIVEN_BACK, "assigned"]


async def test_who_is_disabled_gets_no_chat_takes_none_and_says_nothing(scene: Scene) -> None:
    await scene.agent()
    chat = await scene.chat(ANA)
    await scene.disable(1)
    assert (await scene.start(BEA)).waiting
    for verb in (
        pairing.claim(scene.house, 1, chat.id),
        pairing.set_status(scene.house, 1, "available"),
        pairing.agent_connected(scene.house, 1),
        tickets.propose(scene.house, 1, chat.id, new_cid(), "¿Quedó?"),
    ):
        with refused("unauthorized"):
            await verb
    assert (await scene.ticket(chat.id)).waiting


async def test_also_at_a_server_that_has_not_noticed_yet(scene: Scene) -> None:
    await scene.agent(status="busy")
    waiting = await scene.start(ANA)
    await scene.rows.disable_agent(1)
    for verb in (
        pairing.claim(scene.house, 1, waiting.id),
        pairing.set_status(scene.house, 1, "available"),
        pairing.agent_connected(scene.house, 1),
    ):
        with refused("unauthorized"):
            await verb
    assert (await scene.ticket(waiting.id)).waiting


async def test_after_hours_their_chats_are_answered_later(scene: Scene) -> None:
    await scene.hours()
    await scene.agent()
    chat = await scene.chat(ANA)
    scene.clock.now = bogota(12, 30)
    await scene.says(ANA, chat)
    await scene.disable(1)
    assert (await scene.ticket(chat.id)).mode == "later"
    assert (await scene.kinds(chat))[-2:] == ["queued:signed_out", "later:closing_time"]


async def test_their_requests_are_for_anybody_to_take_again(scene: Scene) -> None:
    await scene.agent(1)
    taken = await request(scene)
    await scene.disable(1)
    left = await scene.ticket(taken.id)
    assert (left.agent_id, left.state, left.mode) == (None, "open", "later")
    assert (await scene.kinds(taken))[-1] == "later:agent_left"
    await scene.agent(2)
    assert (await pairing.claim(scene.house, 2, taken.id)).agent_id == 2


async def test_what_is_closed_stays_as_it_is(scene: Scene) -> None:
    await scene.agent()
    chat = await scene.chat(ANA)
    await tickets.close(scene.house, 1, chat.id)
    closed = await scene.ticket(chat.id)
    await scene.disable(1)
    assert await scene.ticket(chat.id) == closed


async def test_of_an_app_that_an_agent_lost_chats_and_requests_return_and_others_stay(scene: Scene) -> None:
    await scene.app(2)
    await scene.agent(1, app_ids=(1, 2))
    here, taken = await scene.chat(ANA), await request(scene)
    there = await scene.start(who("luz", app_id=2))
    assert there.agent_id == 1
    await scene.change(1, app_ids=(2,))
    assert (await scene.ticket(here.id)).waiting
    assert (await scene.ticket(taken.id)).agent_id is None
    assert (await scene.ticket(there.id)).agent_id == 1
    assert await scene.kinds(there) == ["opened", "assigned"]
    with refused("not_found"):
        await pairing.claim(scene.house, 1, here.id)
    assert (await scene.start(BEA)).waiting
    (agent,) = await scene.house.reads.agents()
    assert (agent.app_ids, agent.load) == ((2,), 1)


async def test_a_claim_at_a_server_that_has_not_noticed_goes_by_what_is_stored(scene: Scene) -> None:
    await scene.app(2)
    await scene.agent(1, app_ids=(1, 2), status="busy")
    waiting = await scene.start(ANA)
    await scene.rows.change_agent(1, app_ids=(2,))
    with refused("not_found"):
        await pairing.claim(scene.house, 1, waiting.id)


async def test_more_places_or_another_app_serve_who_waits_at_once(scene: Scene) -> None:
    await scene.app(2)
    await scene.agent(capacity=1)
    await scene.chat(ANA)
    waiting, elsewhere = await scene.start(BEA), await scene.start(who("luz", app_id=2))
    await scene.change(1, capacity=2)
    assert (await scene.ticket(waiting.id)).agent_id == 1
    await scene.change(1, capacity=3, app_ids=(1, 2))
    assert (await scene.ticket(elsewhere.id)).agent_id == 1


async def test_fewer_places_take_no_chat_away(scene: Scene) -> None:
    await scene.agent(capacity=2)
    chats = [await scene.chat(ANA), await scene.chat(BEA)]
    await scene.change(1, capacity=1)
    assert [(await scene.ticket(chat.id)).agent_id for chat in chats] == [1, 1]
    await tickets.end(scene.house, ANA, chats[0].id)
    assert (await scene.start(EVA)).waiting


async def test_twice_changes_nothing_more(scene: Scene) -> None:
    await scene.agent(1)
    chat = await scene.chat(ANA)
    await scene.agent(2, status="away")
    await scene.disable(1)
    after = await scene.ticket(chat.id)
    await scene.changed()
    await followups.return_strays(scene.house)
    assert await scene.ticket(chat.id) == after


async def test_the_next_start_puts_right_what_was_ordered_while_no_server_ran(scene: Scene) -> None:
    await scene.agent(1)
    chat = await scene.chat(ANA)
    await scene.rows.disable_agent(1)
    await scene.restart()
    assert await scene.house.reads.waiting_ids(1) == [chat.id]
    assert await scene.kinds(chat) == GIVEN_BACK


async def test_who_attends_it_by_now_keeps_it(scene: Scene) -> None:
    """Somebody else was faster, or the agent was let in again."""
    await scene.agent(1)
    chat = await scene.chat(ANA)
    kept = await scene.ticket(chat.id)
    await followups._return(scene.house, 1, [chat.id])
    assert await scene.ticket(chat.id) == kept


async def test_many_are_given_back_a_few_at_a_time(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(followups, "AT_ONCE", 3)
    await scene.agent(1, capacity=10)
    chats = [await scene.start(who(f"c{n}")) for n in range(7)]
    assert {chat.agent_id for chat in chats} == {1}
    await scene.disable(1)
    assert await scene.house.reads.waiting_ids(1) == [chat.id for chat in chats]


async def test_another_name_is_told_to_whoever_sees_it(scene: Scene) -> None:
    await scene.agent()
    chat, closed = await scene.chat(ANA), await scene.chat(BEA)
    await tickets.close(scene.house, 1, closed.id)
    seen = await scene.ticket(chat.id)
    await scene.change(1, name="Ana María")
    change = scene.changes_of(chat)[-1]
    assert change.before == seen
    assert (change.after.agent_name, change.items) == ("Ana María", ())
    assert change.after.version == seen.version + 1
    told = len(scene.changes_of(closed))
    await scene.changed()
    assert scene.changes_of(chat)[-1] == change
    assert len(scene.changes_of(closed)) == told
    assert await scene.agent_says(chat) == seen.last_seq + 1
