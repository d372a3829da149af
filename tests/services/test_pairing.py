"""Who attends whom, and agents and customers who come and go."""

from __future__ import annotations

import asyncio

import pytest

from chatserver.core.errors import Refused
from chatserver.core.events import AgentChanged, DeskChanged
from chatserver.core.tickets import Ticket
from chatserver.services import followups, pairing, talk, tickets
from chatserver.store.work import WAITING_HEAD, Who
from tests.services.scene import Scene, bogota, new_cid, refused, who

ANA, BEA, EVA = who("ana"), who("bea"), who("eva")


async def test_tickets_go_to_the_least_loaded_agent_idle_longest_first(scene: Scene) -> None:
    for agent_id in (1, 2):
        await scene.agent(agent_id, capacity=2)
    taken = []
    for customer in (ANA, BEA, EVA, who("luz")):
        scene.clock.pass_seconds(1)
        taken.append((await scene.start(customer)).agent_id)
    assert taken == [1, 2, 1, 2]
    assert (await scene.start(who("sol"))).waiting


async def test_the_one_whose_chat_ended_longest_ago_is_next(scene: Scene) -> None:
    await scene.agent(1)
    first = await scene.chat(ANA)
    await scene.agent(2)
    second = await scene.chat(BEA)
    assert second.agent_id == 2
    scene.clock.pass_seconds(10)
    await tickets.end(scene.house, BEA, second.id)
    scene.clock.pass_seconds(10)
    await tickets.end(scene.house, ANA, first.id)
    assert (await scene.start(EVA)).agent_id == 2


async def test_an_agent_who_becomes_available_takes_the_queue_in_order(scene: Scene) -> None:
    await scene.agent(capacity=2, status="away")
    waiting = []
    for customer in (ANA, BEA, EVA):
        scene.clock.pass_seconds(1)
        waiting.append(await scene.start(customer))
    await pairing.set_status(scene.house, 1, "available")
    assert [(await scene.ticket(t.id)).agent_id for t in waiting] == [1, 1, None]
    assert scene.heard(AgentChanged) == [AgentChanged(1, "available")]
    assert DeskChanged(1) in scene.heard(DeskChanged)


async def test_busy_and_away_keep_their_chats_and_take_no_new_ones(scene: Scene) -> None:
    await scene.agent()
    ticket = await scene.chat(ANA)
    for status in ("busy", "away"):
        await pairing.set_status(scene.house, 1, status)
        assert (await scene.ticket(ticket.id)).agent_id == 1
        waiting = await scene.start(BEA)
        assert waiting.waiting
        await tickets.end(scene.house, BEA, waiting.id)


async def test_two_agents_claim_at_once_and_exactly_one_gets_it(scene: Scene) -> None:
    for agent_id in range(1, 6):
        await scene.agent(agent_id, status="busy")
    ticket = await scene.start(ANA)
    outcomes = await asyncio.gather(
        *(pairing.claim(scene.house, agent_id, ticket.id) for agent_id in range(1, 6)),
        return_exceptions=True,
    )
    winners = [o for o in outcomes if isinstance(o, Ticket)]
    losers = [o.code for o in outcomes if isinstance(o, Refused)]
    assert len(winners) == 1
    assert losers == ["ticket_not_waiting"] * 4
    assert (await scene.ticket(ticket.id)).agent_id == winners[0].agent_id
    assert await scene.kinds(ticket) == ["opened", "assigned"]


async def test_many_starts_at_once_never_exceed_capacity_and_leave_nobody_idle(scene: Scene) -> None:
    for agent_id in (1, 2, 3):
        await scene.agent(agent_id, capacity=2)
    started = await asyncio.gather(*(scene.start(who(f"c{n}")) for n in range(10)))
    owners = [t.agent_id for t in started]
    assert sorted(owners[:6]) == [1, 1, 2, 2, 3, 3]  # type: ignore[type-var]
    assert owners[6:] == [None] * 4
    assert len({t.number for t in started}) == 10


async def test_claiming_again_changes_nothing(scene: Scene) -> None:
    await scene.agent(status="busy")
    ticket = await scene.start(ANA)
    first = await pairing.claim(scene.house, 1, ticket.id)
    assert await pairing.claim(scene.house, 1, ticket.id) == first
    assert [i.by for i in await scene.rows.items(ticket.id)] == ["customer", "agent"]


@pytest.mark.parametrize(
    ("same", "answered", "chosen"), [(True, True, 1), (False, True, 2), (True, False, 2)]
)
async def test_the_agent_whom_the_customer_knows_comes_first_if_free(
    scene: Scene, same: bool, answered: bool, chosen: int
) -> None:
    await scene.policy(same_agent=same)
    await scene.agent(1)
    first = await (scene.chat(ANA) if answered else scene.start(ANA))
    await scene.start(BEA)
    await tickets.end(scene.house, ANA, first.id)
    await scene.agent(2)
    assert (await scene.start(ANA)).agent_id == chosen


@pytest.mark.parametrize("hindrance", ["full", "busy", "gone"])
async def test_the_agent_whom_the_customer_knows_is_not_waited_for(scene: Scene, hindrance: str) -> None:
    await scene.agent(1, capacity=1)
    await tickets.end(scene.house, ANA, (await scene.chat(ANA)).id)
    if hindrance == "full":
        await scene.start(BEA)
    elif hindrance == "busy":
        await pairing.set_status(scene.house, 1, "busy")
    else:
        await pairing.agent_gone(scene.house, 1)
    await scene.agent(2)
    assert (await scene.start(ANA)).agent_id == 2


async def test_no_claim_beyond_capacity(scene: Scene) -> None:
    await scene.agent(capacity=1)
    await scene.chat(ANA)
    waiting = await scene.start(BEA)
    with refused("at_capacity") as full:
        await pairing.claim(scene.house, 1, waiting.id)
    assert full.refusal is not None
    assert full.refusal.limit == 1


async def test_with_manual_assignment_nobody_is_paired_but_who_claims(scene: Scene) -> None:
    await scene.policy(assignment="manual")
    await scene.agent()
    ticket = await scene.start(ANA)
    await pairing.set_status(scene.house, 1, "busy")
    await pairing.set_status(scene.house, 1, "available")
    assert (await scene.ticket(ticket.id)).waiting
    assert (await pairing.claim(scene.house, 1, ticket.id)).agent_id == 1
    await scene.agent(2)
    await scene.later(61)
    kept = await scene.ticket(ticket.id)
    assert (kept.agent_id, kept.reminded) == (1, True)


async def test_a_place_freed_in_one_app_serves_the_queue_of_the_other(scene: Scene) -> None:
    await scene.app(2)
    await scene.agent(1, capacity=1, app_ids=(1, 2))
    here = await scene.chat(ANA)
    there = await scene.start(who("luz", app_id=2))
    assert there.waiting
    await tickets.end(scene.house, ANA, here.id)
    assert (await scene.ticket(there.id)).agent_id == 1


async def test_agents_of_another_app_take_nothing(scene: Scene) -> None:
    await scene.app(2)
    await scene.agent(1, app_ids=(2,))
    assert (await scene.start(ANA)).waiting


async def test_chats_of_an_agent_who_signs_out_return_to_the_head_of_the_queue(scene: Scene) -> None:
    await scene.agent(1, capacity=1)
    chat = await scene.chat(ANA)
    scene.clock.pass_seconds(5)
    earlier = await scene.start(BEA)
    await pairing.agent_signed_out(scene.house, 1)
    assert await scene.house.reads.waiting_ids(1) == [chat.id, earlier.id]
    assert (await scene.kinds(chat))[-1] == "queued:signed_out"
    await pairing.agent_connected(scene.house, 1)
    back = await scene.ticket(chat.id)
    assert back.agent_id == 1
    (agent,) = await scene.house.reads.agents()
    assert (agent.status, agent.gone_at) == ("available", None)


async def test_signing_out_hands_the_chats_to_who_is_free(scene: Scene) -> None:
    await scene.agent(1)
    chat = await scene.chat(ANA)
    await scene.agent(2)
    await pairing.agent_signed_out(scene.house, 1)
    assert (await scene.ticket(chat.id)).agent_id == 2
    assert await scene.kinds(chat) == ["opened", "assigned", "message", "queued:signed_out", "assigned"]


async def test_a_chat_given_back_after_closing_time_is_answered_later(scene: Scene) -> None:
    await scene.hours()
    await scene.agent()
    chat = await scene.chat(ANA)
    scene.clock.now = bogota(12, 30)
    await scene.says(ANA, chat)
    await pairing.agent_signed_out(scene.house, 1)
    assert (await scene.ticket(chat.id)).mode == "later"
    assert (await scene.kinds(chat))[-2:] == ["queued:signed_out", "later:closing_time"]


async def test_an_agent_back_in_time_keeps_the_chats(scene: Scene) -> None:
    await scene.agent()
    chat = await scene.chat(ANA)
    await pairing.agent_gone(scene.house, 1)
    assert (await scene.start(BEA)).waiting
    await scene.later(29)
    await pairing.agent_connected(scene.house, 1)
    await scene.later(60)
    kept = await scene.ticket(chat.id)
    assert (kept.agent_id, kept.assigned_at) == (1, chat.assigned_at)


async def test_the_chats_of_an_agent_who_stays_away_return_after_the_grace(scene: Scene) -> None:
    await scene.agent(1)
    chat = await scene.chat(ANA)
    await scene.agent(2)
    await pairing.agent_gone(scene.house, 1)
    await scene.later(29)
    assert (await scene.ticket(chat.id)).agent_id == 1
    await scene.later(1)
    assert (await scene.ticket(chat.id)).agent_id == 2
    assert await scene.kinds(chat) == ["opened", "assigned", "message", "queued:agent_gone", "assigned"]


async def test_the_grace_is_counted_from_the_last_sign_of_life(scene: Scene) -> None:
    await scene.agent()
    chat = await scene.chat(ANA)
    heard = scene.clock.now
    await scene.later(12)
    await pairing.agent_gone(scene.house, 1, heard)
    await scene.later(17)
    assert (await scene.ticket(chat.id)).agent_id == 1
    await scene.later(1)
    assert (await scene.ticket(chat.id)).waiting


async def test_the_only_agent_gets_the_returned_chat_again(scene: Scene) -> None:
    await scene.agent()
    chat = await scene.chat(ANA)
    await pairing.agent_gone(scene.house, 1)
    await scene.later(45)
    assert (await scene.ticket(chat.id)).waiting
    await pairing.agent_connected(scene.house, 1)
    assert (await scene.ticket(chat.id)).agent_id == 1


async def test_a_second_drop_notice_does_not_lengthen_the_grace(scene: Scene) -> None:
    await scene.agent()
    chat = await scene.chat(ANA)
    await pairing.agent_gone(scene.house, 1)
    await scene.later(20)
    await pairing.agent_gone(scene.house, 1)
    await scene.later(10)
    assert (await scene.ticket(chat.id)).waiting


async def test_the_customers_coming_and_going_is_noted_on_open_chats_only(scene: Scene) -> None:
    await scene.agent()
    closed, chat = await scene.chat(ANA), await scene.chat(ANA)
    other = await scene.chat(BEA)
    await tickets.close(scene.house, 1, closed.id)
    await pairing.customer_gone(scene.house, ANA)
    await pairing.customer_gone(scene.house, ANA)
    assert (await scene.ticket(chat.id)).gone_at == scene.clock.now
    await pairing.customer_connected(scene.house, ANA)
    assert (await scene.ticket(chat.id)).gone_at is None
    assert (await scene.ticket(closed.id)).gone_at is None
    assert len(scene.changes_of(other)) == 3


@pytest.mark.parametrize("verb", [pairing.customer_connected, pairing.customer_gone])
async def test_presence_of_somebody_who_never_wrote_leaves_no_row(scene: Scene, verb: object) -> None:
    await verb(scene.house, ANA)  # type: ignore[operator]
    assert await scene.rows.customer(1, ANA.key) is None
    assert scene.bus.published == []


async def test_an_end_and_a_claim_at_once_leave_one_truth(scene: Scene) -> None:
    await scene.agent(status="busy")
    ticket = await scene.start(ANA)
    outcomes = await asyncio.gather(
        tickets.end(scene.house, ANA, ticket.id),
        pairing.claim(scene.house, 1, ticket.id),
        talk.say(scene.house, ANA, ticket.id, new_cid(), "¿Hola?"),
        return_exceptions=True,
    )
    assert [o.code for o in outcomes if isinstance(o, Refused)] == ["ticket_closed", "ticket_closed"]
    assert (await scene.ticket(ticket.id)).close_reason == "abandoned"


async def test_when_many_places_become_free_at_once_nobody_waits_beside_one(scene: Scene) -> None:
    """More than are looked at in one transaction, on all desks together."""
    await scene.policy(assignment="manual", open_chats_per_customer=1)
    for number in (1, 2, 3):
        await scene.agent(number, capacity=100)
    waiting = WAITING_HEAD + 50
    for number in range(waiting):
        await scene.start(Who(1, f"anon:{number}"))
    await scene.policy(assignment="auto")
    await followups.people_changed(scene.house, {1})
    left = [ticket for ticket in await scene.rows.all_tickets() if ticket.waiting]
    assert not left, f"{len(left)} wait beside {300 - waiting} free places"
    loads = sorted(agent.load for agent in await scene.house.reads.agents())
    assert loads[-1] - loads[0] <= 1, "the least-loaded first, all along"
