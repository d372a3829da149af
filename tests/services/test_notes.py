"""What agents say among themselves: a sequence of its own, of which the ticket shows nothing."""

from __future__ import annotations

import asyncio

import pytest

from chatserver.core.errors import Code
from chatserver.core.events import NoteWritten, desk_topic
from chatserver.core.tickets import Ticket
from chatserver.services import notes, pairing, tickets
from tests.services.scene import Scene, new_cid, refused, who

ANA = who("ana")


async def write(
    scene: Scene, ticket: Ticket, text: str = "Ojo: cliente difícil", agent_id: int = 1, cid: str = ""
) -> int:
    return await notes.write(scene.house, agent_id, ticket.id, cid or new_cid(), text)


async def test_notes_have_a_gap_free_sequence_beside_that_of_the_messages(scene: Scene) -> None:
    await scene.agent()
    ticket = await scene.chat(ANA)
    numbers = []
    for n in range(3):
        numbers.append(await write(scene, ticket, f" Nota {n} \n"))
        await scene.says(ANA, ticket, "Hola")
    assert numbers == [1, 2, 3]
    written = await scene.rows.notes(ticket.id)
    assert [(n.seq, n.author_id, n.name, n.text, n.mail) for n in written] == [
        (n + 1, 1, "Agente 1", f" Nota {n}", "") for n in range(3)
    ]
    items = await scene.rows.items(ticket.id)
    assert [item.seq for item in items] == list(range(1, len(items) + 1))
    assert not any("Nota" in item.text for item in items)


async def test_a_repeated_note_appears_once_and_the_same_cid_of_two_agents_is_two_notes(scene: Scene) -> None:
    await scene.agent(1)
    await scene.agent(2)
    ticket, cid = await scene.chat(ANA), new_cid()
    first = await write(scene, ticket, cid=cid)
    both = await asyncio.gather(*(write(scene, ticket, cid=cid) for _ in range(3)))
    other = await write(scene, ticket, cid=cid, agent_id=2)
    assert (first, both, other) == (1, [1] * 3, 2)
    assert await write(scene, ticket, cid=cid, agent_id=2) == 2
    # A message under the same cid is another thing altogether.
    assert await scene.agent_says(ticket) == (await scene.ticket(ticket.id)).last_seq
    assert len(await scene.rows.notes(ticket.id)) == 2


async def test_many_notes_at_once_get_gap_free_numbers(scene: Scene) -> None:
    await scene.agent()
    first, second = await scene.chat(ANA), await scene.start(who("bea"))
    numbers = await asyncio.gather(
        *(write(scene, ticket, f"{n}") for n in range(20) for ticket in (first, second))
    )
    assert sorted(numbers[::2]) == sorted(numbers[1::2]) == list(range(1, 21))
    for ticket in (first, second):
        assert [note.seq for note in await scene.rows.notes(ticket.id)] == list(range(1, 21))


async def test_a_note_leaves_the_ticket_as_it_was_in_every_respect(scene: Scene) -> None:
    """Its version too: customers are told of that."""
    await scene.agent()
    ticket = await scene.chat(ANA)
    await scene.says(ANA, ticket, "Sigue fallando")
    before = await scene.ticket(ticket.id), await scene.rows.items(ticket.id), await scene.rows.letters()
    due = await scene.house.reads.next_due()
    scene.bus.published.clear()
    scene.clock.pass_seconds(20)
    await write(scene, ticket)
    after = await scene.ticket(ticket.id), await scene.rows.items(ticket.id), await scene.rows.letters()
    assert before == after
    assert await scene.house.reads.next_due() == due
    assert [(type(event), topics) for event, topics in scene.bus.published] == [
        (NoteWritten, (desk_topic(1),))
    ]


async def test_a_note_is_no_first_answer_and_gives_nobody_more_time(scene: Scene) -> None:
    await scene.agent(1)
    await scene.agent(2)
    ticket = await scene.start(ANA)
    assigned = await scene.ticket(ticket.id)
    scene.clock.pass_seconds(50)
    await write(scene, ticket, agent_id=assigned.agent_id or 0)
    await scene.later(15)
    passed = await scene.ticket(ticket.id)
    assert passed.answered_at is None
    assert passed.agent_id not in (None, assigned.agent_id), "who has only noted something has not answered"
    await scene.agent_says(passed)
    await scene.later(290)
    await write(scene, ticket, agent_id=passed.agent_id or 0)
    await scene.later(15)
    closed = await scene.ticket(ticket.id)
    assert (closed.state, closed.close_reason) == ("closed", "inactivity")


async def test_any_agent_of_the_app_notes_something_on_any_ticket_of_it(scene: Scene) -> None:
    await scene.agent(1)
    await scene.app(2)
    ticket = await scene.chat(ANA)
    await scene.agent(2, status="away")
    await scene.agent(3, app_ids=(2,))
    assert await write(scene, ticket, agent_id=2) == 1
    await tickets.close(scene.house, 1, ticket.id)
    assert await write(scene, ticket, "Llamará mañana", agent_id=2) == 2
    assert (await scene.ticket(ticket.id)).state == "closed"
    with refused("not_found"):
        await write(scene, ticket, agent_id=3)
    with refused("unauthorized"):
        await write(scene, ticket, agent_id=99)
    assert len(await scene.rows.notes(ticket.id)) == 2


@pytest.mark.parametrize(("text", "code"), [("  \n", "too_short"), ("x" * 8001, "too_long")])
async def test_a_note_that_is_none_is_refused(scene: Scene, text: str, code: Code) -> None:
    await scene.agent()
    ticket = await scene.chat(ANA)
    with refused(code):
        await write(scene, ticket, text)
    with refused("bad_frame"):
        await write(scene, ticket, cid="short")
    with refused("not_found"):
        await notes.write(scene.house, 1, 987_654, new_cid(), "Hola")
    assert await scene.rows.notes(ticket.id) == []


async def test_notes_stay_with_a_ticket_that_goes_to_somebody_else(scene: Scene) -> None:
    await scene.agent(1)
    ticket = await scene.chat(ANA)
    await write(scene, ticket)
    await pairing.set_status(scene.house, 1, "away")
    await scene.agent(2)
    await write(scene, ticket, "Ya lo vi", agent_id=2)
    assert [(n.seq, n.name) for n in await scene.rows.notes(ticket.id)] == [(1, "Agente 1"), (2, "Agente 2")]
