"""Messages, reading, typing, "Sigo aquí"."""

from __future__ import annotations

import asyncio
from itertools import pairwise

import pytest

from chatserver.core.events import TicketChanged, Typing, agent_topic, customer_topic
from chatserver.services import pairing, talk, tickets
from chatserver.services.talk import TYPING_STEP
from tests.services.scene import Scene, Soon, new_cid, refused, who, written

ANA, BEA = who("ana"), who("bea")


async def test_messages_of_both_sides_have_one_gap_free_order(scene: Scene) -> None:
    await scene.agent()
    ticket = await scene.start(ANA)
    numbers = [await scene.says(ANA, ticket, " Hola  \n"), await scene.agent_says(ticket)]
    assert numbers == [3, 4]
    items = await scene.rows.items(ticket.id)
    assert [i.seq for i in items] == [1, 2, 3, 4]
    assert [(i.by, i.text, i.name) for i in items[2:]] == [
        ("customer", " Hola", ""),
        ("agent", "¿En qué te ayudo?", "Agente 1"),
    ]


async def test_a_repeated_message_appears_once_and_has_its_first_number(scene: Scene) -> None:
    await scene.agent()
    ticket, cid = await scene.start(ANA), new_cid()
    house = scene.house
    first = await talk.say(house, ANA, ticket.id, cid, "Hola")
    both = await asyncio.gather(*(talk.say(house, ANA, ticket.id, cid, "Hola") for _ in range(3)))
    answer = await talk.say_as_agent(house, 1, ticket.id, cid, "Buenas")
    assert both == [first] * 3
    assert await talk.say_as_agent(house, 1, ticket.id, cid, "Buenas") == answer == first + 1
    await tickets.close(house, 1, ticket.id)
    assert await talk.say(house, ANA, ticket.id, cid, "Hola") == first


async def test_many_at_once_get_gap_free_numbers(scene: Scene) -> None:
    await scene.agent()
    ticket = await scene.start(ANA)
    numbers = await asyncio.gather(*(scene.says(ANA, ticket, f"{n}") for n in range(20)))
    assert sorted(numbers) == list(range(3, 23))
    assert [i.seq for i in await scene.rows.items(ticket.id)] == list(range(1, 23))


@pytest.mark.parametrize(("text", "code"), [("  \n", "too_short"), ("x" * 8001, "too_long")])
async def test_a_message_that_is_none_is_refused(scene: Scene, text: str, code: str) -> None:
    ticket = await scene.start(ANA)
    with refused(code):  # type: ignore[arg-type]
        await scene.says(ANA, ticket, text)
    assert await scene.kinds(ticket) == ["opened"]


async def test_only_the_tickets_agent_speaks(scene: Scene) -> None:
    await scene.agent(1)
    ticket = await scene.chat(ANA)
    await scene.agent(2)
    for verb in (talk.say_as_agent, tickets.propose):
        with refused("not_yours"):
            await verb(scene.house, 2, ticket.id, new_cid(), "Hola")
    with refused("unauthorized"):
        await talk.say_as_agent(scene.house, 99, ticket.id, new_cid(), "Hola")


async def test_an_agent_claims_a_ticket_for_later_and_talks_without_a_clock(scene: Scene) -> None:
    await scene.agent(status="busy", capacity=0)
    waiting = await scene.start(ANA)
    await tickets.leave(scene.house, ANA, waiting.id, cid=new_cid(), email="ana@example.com")
    claimed = await pairing.claim(scene.house, 1, waiting.id)
    assert (claimed.agent_id, claimed.answer_due_at, claimed.due_at) == (1, None, None)
    await scene.agent_says(claimed)
    await scene.says(ANA, claimed)
    await scene.later(86_400)
    assert (await scene.ticket(waiting.id)).state == "open"


async def test_reading_is_stored_and_never_goes_back(scene: Scene) -> None:
    await scene.agent()
    ticket = await scene.chat(ANA)
    assert ticket.customer_unread == 1
    house = scene.house
    for seq in (2, 99, 1):
        await talk.seen(house, ANA, ticket.id, seq)
    after = await scene.ticket(ticket.id)
    assert (after.customer_seen, after.customer_unread) == (ticket.last_seq, 0)
    await scene.says(ANA, ticket)
    await scene.agent(2)
    await talk.seen_by_agent(house, 2, ticket.id, 99)
    assert (await scene.ticket(ticket.id)).agent_unread == 1
    await talk.seen_by_agent(house, 1, ticket.id, 99)
    assert (await scene.ticket(ticket.id)).agent_unread == 0


async def test_reading_what_was_read_already_writes_nothing(scene: Scene) -> None:
    await scene.agent()
    ticket = await scene.chat(ANA)
    await talk.seen(scene.house, ANA, ticket.id, 99)
    before = len(scene.heard(TicketChanged))
    await talk.seen(scene.house, ANA, ticket.id, 99)
    await talk.seen_by_agent(scene.house, 1, ticket.id, 1)
    assert len(scene.heard(TicketChanged)) == before


async def test_typing_reaches_the_other_side_only(scene: Scene) -> None:
    await scene.agent()
    ticket = await scene.chat(ANA)
    scene.bus.published.clear()
    await talk.typing(scene.house, ANA, ticket.id)
    await talk.typing_as_agent(scene.house, 1, ticket.id, on=False)
    assert scene.bus.published == [
        (Typing(ticket.id, "customer"), (agent_topic(1),)),
        (Typing(ticket.id, "agent", "Agente 1", on=False), (customer_topic(1, ANA.key),)),
    ]


def shown(scene: Scene) -> list[bool]:
    return [event.on for event in scene.heard(Typing)]


async def test_however_many_tabs_type_the_other_side_hears_of_it_once(scene: Scene) -> None:
    await scene.agent()
    ticket = await scene.chat(ANA)
    soon = Soon(scene)
    for _ in range(50):
        await talk.typing(scene.house, ANA, ticket.id)
        soon.pass_ms(20)
    assert shown(scene) == [True]
    for _ in range(50):
        await talk.typing(scene.house, ANA, ticket.id)
        soon.pass_ms(40)
    assert shown(scene) == [True, True], "and again before it expires"


async def test_whoever_changes_their_mind_all_the_time_is_shown_at_a_rate_and_as_they_were_last(
    scene: Scene,
) -> None:
    await scene.agent()
    ticket = await scene.chat(ANA)
    soon = Soon(scene)
    for number in range(1_001):
        await talk.typing(scene.house, ANA, ticket.id, on=number % 2 == 0)
        soon.pass_ms(5)
        assert len(soon.signs) <= 1
    soon.pass_ms(250)
    assert 10 < len(shown(scene)) <= 5 * 4 + 2
    assert shown(scene)[-1] is True
    soon.pass_ms(250)
    assert soon.signs == []


@pytest.mark.parametrize("side", ["customer", "agent"])
async def test_a_sign_from_before_a_message_does_not_come_back_after_it(scene: Scene, side: str) -> None:
    await scene.agent()
    ticket = await scene.chat(ANA)
    soon = Soon(scene)

    async def types() -> None:
        if side == "customer":
            await talk.typing(scene.house, ANA, ticket.id)
        else:
            await talk.typing_as_agent(scene.house, 1, ticket.id)

    await types()
    soon.pass_ms(100)
    await types()  # shown already: it will be looked at again
    soon.pass_ms(50)
    await (scene.says(ANA, ticket) if side == "customer" else scene.agent_says(ticket))
    soon.pass_ms(250)
    assert shown(scene)[-1] is False, "the message has ended it"
    await types()
    soon.pass_ms(250)
    assert shown(scene)[-1] is True, "and whoever types on is shown anew"


async def test_nobody_ends_the_sign_of_somebody_else(scene: Scene) -> None:
    await scene.agent()
    await scene.agent(2)
    ticket = await scene.chat(ANA)
    soon = Soon(scene)
    await talk.typing(scene.house, ANA, ticket.id)
    await talk.typing_as_agent(scene.house, ticket.agent_id or 0, ticket.id)
    talk.saying(scene.house, who("ben"), ticket.id, new_cid(), "Hola")
    other = 1 if ticket.agent_id == 2 else 2
    talk.saying_as(scene.house, other, ticket.id, new_cid(), "Hola", proposal=False)
    soon.pass_ms(2_600)
    for side in ("customer", "agent"):
        typist = scene.house.books.typists.get((ticket.id, side))
        assert typist is not None
        assert typist.on


async def test_the_first_sign_after_a_stop_is_put_off_and_not_swallowed(scene: Scene) -> None:
    await scene.agent()
    ticket = await scene.chat(ANA)
    soon = Soon(scene)
    await talk.typing(scene.house, ANA, ticket.id)
    soon.pass_ms(1_000)
    await talk.typing(scene.house, ANA, ticket.id, on=False)
    soon.pass_ms(10)
    await talk.typing(scene.house, ANA, ticket.id)
    assert shown(scene) == [True, False]
    soon.pass_ms(240)
    assert shown(scene) == [True, False, True]


@pytest.mark.parametrize("sent_first", [True, False])
async def test_whoever_types_on_after_a_message_is_shown_although_the_message_ended_the_sign(
    scene: Scene, sent_first: bool
) -> None:
    await scene.agent()
    ticket = await scene.chat(ANA)
    soon = Soon(scene)
    await talk.typing(scene.house, ANA, ticket.id)
    soon.pass_ms(1_000)
    if sent_first:
        await scene.says(ANA, ticket)
        await talk.typing(scene.house, ANA, ticket.id)
    else:  # the message is not on disk yet
        use = talk.saying(scene.house, ANA, ticket.id, new_cid(), "Hola")
        await talk.typing(scene.house, ANA, ticket.id)
        assert shown(scene) == [True]
        await scene.house.store.write(use.needs, use.decide)
    soon.pass_ms(250)
    assert shown(scene) == [True, True]


async def test_a_sign_that_was_put_off_is_not_shown_where_the_chat_has_gone_on_without_it(
    scene: Scene,
) -> None:
    await scene.agent()
    ticket = await scene.chat(ANA)
    soon = Soon(scene)
    await talk.typing_as_agent(scene.house, 1, ticket.id)
    await talk.typing_as_agent(scene.house, 1, ticket.id, on=False)
    await tickets.close(scene.house, 1, ticket.id)
    soon.pass_ms(1_000)
    assert shown(scene) == [True]
    assert soon.calls == []


async def test_typing_works_the_same_after_a_restart(scene: Scene) -> None:
    await scene.agent()
    ticket = await scene.chat(ANA)
    await scene.restart()
    scene.bus.published.clear()
    await talk.typing(scene.house, ANA, ticket.id)
    with refused("not_found"):
        await talk.typing(scene.house, BEA, ticket.id)
    with refused("not_found"):
        await talk.typing(scene.house, ANA, 424_242)
    assert len(scene.heard(Typing)) == 1


async def test_typing_moves_the_stored_deadline_at_most_every_fifteen_seconds(scene: Scene) -> None:
    await scene.agent()
    ticket = await scene.chat(ANA)
    begun = len(scene.changes_of(ticket))
    for _ in range(10):  # half a minute of typing
        scene.clock.pass_seconds(3)
        await talk.typing(scene.house, ANA, ticket.id)
    assert len(scene.changes_of(ticket)) - begun == 2


async def test_the_last_keystroke_is_stored_within_fifteen_seconds_for_whoever_closes_elsewhere(
    scene: Scene,
) -> None:
    await scene.agent()
    ticket = await scene.chat(ANA)
    soon = Soon(scene)
    soon.pass_ms(20_000)
    await talk.typing(scene.house, ANA, ticket.id)  # stored
    for _ in range(10):
        soon.pass_ms(1_400)
        await talk.typing(scene.house, ANA, ticket.id)  # the last one 14 s later: remembered only
    last = scene.clock.now
    soon.pass_ms(999)
    assert (await scene.ticket(ticket.id)).active_at < last
    soon.pass_ms(1)
    await written(scene)
    assert (await scene.ticket(ticket.id)).active_at == last
    scene.house.books.forget()  # the node dies; another one knows what is stored
    await scene.later(298)
    assert (await scene.ticket(ticket.id)).state == "open"
    await scene.later(1)
    assert (await scene.ticket(ticket.id)).state == "closed"


async def test_typing_without_end_is_written_once_in_fifteen_seconds_and_never_twice(scene: Scene) -> None:
    await scene.agent()
    ticket = await scene.chat(ANA)
    soon = Soon(scene)
    writes: list[tuple[int, int]] = []
    for step in range(1_200):  # five minutes, with pauses of all lengths
        soon.pass_ms(250)
        await written(scene)
        if step % 97 < 80 - step // 20:
            await talk.typing(scene.house, ANA, ticket.id)
        count = len(scene.changes_of(ticket))
        if not writes or writes[-1][1] != count:
            writes.append((scene.clock.now, count))
    assert len(writes) > 10
    assert all(after[0] - before[0] >= TYPING_STEP for before, after in pairwise(writes[1:]))
    assert all(after[1] - before[1] == 1 for before, after in pairwise(writes))


@pytest.mark.parametrize("what", ["says", "ends", "the agent's turn"])
async def test_a_keystroke_that_something_else_made_old_is_not_stored(scene: Scene, what: str) -> None:
    await scene.agent()
    ticket = await scene.chat(ANA)
    soon = Soon(scene)
    soon.pass_ms(20_000)
    await talk.typing(scene.house, ANA, ticket.id)
    soon.pass_ms(5_000)
    await talk.typing(scene.house, ANA, ticket.id)
    if what == "ends":
        await tickets.end(scene.house, ANA, ticket.id)
    else:
        await scene.says(ANA, ticket)
    if what == "the agent's turn":
        await talk.typing(scene.house, ANA, ticket.id)
    count = len(scene.changes_of(ticket))
    soon.pass_ms(TYPING_STEP)
    soon.pass_ms(TYPING_STEP)
    await written(scene)
    assert len(scene.changes_of(ticket)) == count
    assert soon.calls == []


async def test_typing_on_the_agents_turn_touches_no_disk(scene: Scene) -> None:
    await scene.agent()
    ticket = await scene.chat(ANA)
    await scene.says(ANA, ticket)
    begun = len(scene.changes_of(ticket))
    scene.clock.pass_seconds(100)
    await talk.typing(scene.house, ANA, ticket.id)
    assert len(scene.changes_of(ticket)) == begun


async def test_the_latest_typing_counts_when_a_close_is_decided(scene: Scene) -> None:
    await scene.agent()
    ticket = await scene.chat(ANA)
    scene.clock.pass_seconds(20)
    await talk.typing(scene.house, ANA, ticket.id)  # stored
    scene.clock.pass_seconds(14)
    await talk.typing(scene.house, ANA, ticket.id)  # remembered only
    await scene.later(299)
    assert (await scene.ticket(ticket.id)).state == "open"
    await scene.later(1)
    closed = await scene.ticket(ticket.id)
    assert closed.close_reason == "inactivity"
    assert closed.closed_at == scene.clock.now


async def test_a_stop_of_typing_is_no_activity(scene: Scene) -> None:
    await scene.agent()
    ticket = await scene.chat(ANA)
    scene.clock.pass_seconds(200)
    await talk.typing(scene.house, ANA, ticket.id, on=False)
    await scene.later(100)
    assert (await scene.ticket(ticket.id)).state == "closed"


async def test_still_here_gives_the_whole_time_again(scene: Scene) -> None:
    await scene.agent()
    ticket = await scene.chat(ANA)
    await scene.later(290)
    await talk.here(scene.house, ANA, ticket.id)
    await scene.later(299)
    assert (await scene.ticket(ticket.id)).state == "open"
    await scene.later(1)
    assert (await scene.ticket(ticket.id)).state == "closed"


async def test_an_agent_who_types_keeps_the_ticket(scene: Scene) -> None:
    await scene.agent(1)
    ticket = await scene.start(ANA)
    await scene.agent(2)
    begun = len(scene.changes_of(ticket))
    for _ in range(20):  # 80 s of typing, and no answer yet
        await scene.later(4)
        await talk.typing_as_agent(scene.house, 1, ticket.id)
    assert len(scene.changes_of(ticket)) - begun <= 5
    await scene.later(59)
    assert (await scene.ticket(ticket.id)).agent_id == 1
    await scene.later(1)
    assert (await scene.ticket(ticket.id)).agent_id == 2


async def test_the_typing_of_an_earlier_agent_keeps_nothing(scene: Scene) -> None:
    await scene.agent(1)
    ticket = await scene.start(ANA)
    await scene.agent(2, capacity=1)
    await scene.agent(3, status="busy")
    await scene.later(50)
    await talk.typing_as_agent(scene.house, 1, ticket.id)
    await pairing.agent_signed_out(scene.house, 1)
    assert (await scene.ticket(ticket.id)).agent_id == 2
    await pairing.set_status(scene.house, 3, "available")
    await scene.later(60)
    assert (await scene.ticket(ticket.id)).agent_id == 3


async def test_the_last_keystroke_of_an_agent_is_stored_within_fifteen_seconds(scene: Scene) -> None:
    await scene.agent(1)
    ticket = await scene.start(ANA)
    soon, begun = Soon(scene), len(scene.changes_of(ticket))
    for _ in range(7):
        soon.pass_ms(2_000)
        await talk.typing_as_agent(scene.house, 1, ticket.id)
    typed, due_at = scene.clock.now, ticket.answer_due_at
    assert len(soon.calls) == 2, "a write to come and a sign, however many keystrokes"
    assert (await scene.ticket(ticket.id)).answer_due_at == due_at
    soon.pass_ms(1_000)
    await written(scene)
    assert (await scene.ticket(ticket.id)).answer_due_at == typed + 60_000
    assert len(scene.changes_of(ticket)) - begun == 1


async def test_an_agent_who_types_without_end_is_written_once_in_fifteen_seconds(scene: Scene) -> None:
    await scene.agent()
    ticket = await scene.start(ANA)
    soon = Soon(scene)
    writes: list[tuple[int, int]] = []
    for step in range(1_200):  # five minutes, with pauses of all lengths
        soon.pass_ms(250)
        await written(scene)
        if step % 97 < 80 - step // 20:
            await talk.typing_as_agent(scene.house, 1, ticket.id)
        count = len(scene.changes_of(ticket))
        if not writes or writes[-1][1] != count:
            writes.append((scene.clock.now, count))
    assert len(writes) > 10
    assert all(after[0] - before[0] >= TYPING_STEP for before, after in pairwise(writes[1:]))
    assert all(after[1] - before[1] == 1 for before, after in pairwise(writes))


@pytest.mark.parametrize("what", ["answers", "the chat ends", "it goes to another", "it comes back to them"])
async def test_a_keystroke_of_an_agent_that_something_else_made_old_is_not_stored(
    scene: Scene, what: str
) -> None:
    await scene.agent(1)
    ticket = await scene.start(ANA)
    soon = Soon(scene)
    soon.pass_ms(5_000)
    await talk.typing_as_agent(scene.house, 1, ticket.id)
    if what == "answers":
        await scene.agent_says(ticket)
    elif what == "the chat ends":
        await tickets.end(scene.house, ANA, ticket.id)
    else:
        await scene.agent(2)
        soon.pass_ms(1_000)
        await pairing.agent_signed_out(scene.house, 1)
        assert (await scene.ticket(ticket.id)).agent_id == 2
        if what == "it comes back to them":
            await pairing.agent_signed_out(scene.house, 2)
            await pairing.claim(scene.house, 1, ticket.id)
            assert (await scene.ticket(ticket.id)).agent_id == 1
    before = await scene.ticket(ticket.id)
    soon.pass_ms(TYPING_STEP)
    soon.pass_ms(TYPING_STEP)
    await written(scene)
    assert await scene.ticket(ticket.id) == before
